"""Files that hold what clients told us: there whole or not at all, for their owner only, harmless in a spreadsheet."""

from __future__ import annotations

import contextlib
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # pandas takes a second to import, which `postloan --help` should not
    import pandas as pd

_FORMULA = re.compile(r"[=@\t\r]|[+-](?!\d*\.?\d+$)")  # what a spreadsheet would work out, save plain numbers


@contextlib.contextmanager
def beside(file: Path) -> Iterator[Path]:
    """A path to write to, which takes the place of `file` when the block ends well.

    Only the owner may read a new file; one that is replaced keeps the rights it had.
    """
    part = file.with_name(f".{file.name}.part")
    try:
        part.unlink(missing_ok=True)
        part.touch(0o600)
        if file.exists():
            shutil.copymode(file, part)
        yield part
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)


def harmless(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with an apostrophe before each text that a spreadsheet would take for a formula."""
    return frame.map(lambda cell: f"'{cell}" if isinstance(cell, str) and _FORMULA.match(cell) else cell)
