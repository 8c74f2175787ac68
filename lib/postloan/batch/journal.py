"""What was done to a run's folder: one line a finished report, only ever added; and who is at it now."""

from __future__ import annotations

import contextlib
import getpass
import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path

from postloan.errors import RunError
from postloan.scratch import locked

NAME, LOCK = "journal.jsonl", ".lock"


def read(folder: Path) -> dict[str, dict]:
    """The newest line of each report by its path without ending; a line cut off by a crash counts as never written."""
    newest: dict[str, dict] = {}
    with contextlib.suppress(FileNotFoundError):
        for line in (folder / NAME).read_text(encoding="utf-8", errors="replace").split("\n"):
            with contextlib.suppress(ValueError, KeyError, TypeError):
                entry = json.loads(line)
                newest[entry["target"]] = entry
    return newest


def append(folder: Path, entry: dict) -> None:
    """Add a line and see it safely on the disk."""
    line = json.dumps(entry, ensure_ascii=False, default=str).encode() + b"\n"
    file = os.open(folder / NAME, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
    try:
        size = os.fstat(file).st_size
        whole = not size or os.pread(file, 1, size - 1) == b"\n" if hasattr(os, "pread") else True
        os.write(file, line if whole else b"\n" + line)
        os.fsync(file)
    finally:
        os.close(file)


@contextlib.contextmanager
def writable(folder: Path) -> Iterator[None]:
    """RunError where the block cannot write in the folder, as on a full disk."""
    try:
        yield
    except OSError as error:
        said = "call the run again when it can: it goes on where it stopped"
        raise RunError(f"{folder}: cannot be written: {error.strerror}; {said}") from None


def stands(entry: dict | None, fingerprint: str, files: dict[str, int]) -> bool:
    """Whether a report was made from these inputs and its files (sizes by ending) are still there, whole."""
    return bool(entry) and (entry["status"], entry["fingerprint"], entry.get("files")) == ("ok", fingerprint, files)


@contextlib.contextmanager
def held(folder: Path) -> Iterator[None]:
    """Hold the folder while the block runs; RunError says who holds it already. A killed run holds nothing."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / LOCK).open("a+", encoding="utf-8")
    except OSError as error:
        raise RunError(f"{folder}: cannot be written: {error.strerror}; nothing was started") from None
    with file:
        if not locked(file.fileno()):
            file.seek(0)
            raise RunError(f"{folder}: another run is writing there: {file.read() or 'unknown'}; nothing was started")
        file.truncate(0)
        file.write(f"process {os.getpid()} of {_user()} on {socket.gethostname()}")
        file.flush()
        yield
        file.truncate(0)


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "unknown"
