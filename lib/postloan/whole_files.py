"""Files that are there whole or not at all; those with what clients told us private, and harmless in a spreadsheet."""

from __future__ import annotations

import contextlib
import hashlib
import re
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # pandas takes a second to import, which `postloan --help` should not
    import pandas as pd

_FORMULA = re.compile(r"[=@\t\r]|[+-](?!\d*\.?\d+$)")  # what a spreadsheet would work out, save plain numbers


@contextlib.contextmanager
def beside(file: Path, *, private: bool = True) -> Iterator[Path]:
    """A path to write to, which takes the place of `file` when the block ends well.

    Only the owner may read a new `private` file, and one that is replaced keeps the rights it had; others have the
    rights of the process.
    """
    part = file.with_name(f".{uuid.uuid4().hex}.tmp")
    try:
        if private:
            part.touch(0o600)
            if file.exists():
                shutil.copymode(file, part)
        yield part
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)


def write_whole(file: Path, text: str) -> None:
    """Write a text with the rights of the process, its folder made where there is none."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with beside(file, private=False) as part:
        part.write_text(text, encoding="utf-8")


def digest(path: Path) -> str:
    """SHA-256 of a file, or of the files of a folder; empty where there is neither."""
    files = sorted(each for each in path.iterdir() if each.is_file()) if path.is_dir() else [path]
    parts = [hashlib.sha256(each.read_bytes()).hexdigest() for each in files if each.is_file()]
    return hashlib.sha256("".join(parts).encode()).hexdigest() if parts else ""


def harmless(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with an apostrophe before each text that a spreadsheet would take for a formula."""
    return frame.map(lambda cell: f"'{cell}" if isinstance(cell, str) and _FORMULA.match(cell) else cell)
