"""Private folders that a process works in; what a killed one left behind goes when the next one starts."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

PREFIX, OWNER = "postloan-", ".owner"
_SETTLED_SECONDS = 60  # a folder younger than this may not be locked yet


class Scratch:
    """A folder only this user can enter, held until `close` or the end of the process."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix=PREFIX))
        self._held = (self.path / OWNER).open("w", encoding="utf-8")
        locked(self._held.fileno())

    def close(self) -> None:
        """Give the folder up with all that is in it."""
        self._held.close()
        shutil.rmtree(self.path, ignore_errors=True)


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    """A folder for the length of a block."""
    held = Scratch()
    try:
        yield held.path
    finally:
        held.close()


def clear() -> list[Path]:
    """Remove the folders whose processes are gone (nobody holds their lock any more); gives back which."""
    gone = [each for each in Path(tempfile.gettempdir()).glob(f"{PREFIX}*/{OWNER}") if _left(each)]
    for each in gone:
        shutil.rmtree(each.parent, ignore_errors=True)
    return [each.parent for each in gone]


def _left(owner: Path) -> bool:
    with contextlib.suppress(OSError), owner.open("r+", encoding="utf-8") as file:
        return time.time() - owner.stat().st_mtime > _SETTLED_SECONDS and locked(file.fileno())
    return False


def locked(file: int) -> bool:
    """Lock an open file until it is closed; False when somebody else has."""
    try:
        if os.name == "nt":
            import msvcrt

            os.lseek(file, 1 << 20, os.SEEK_SET)  # a byte far behind the words, which others may read
            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
