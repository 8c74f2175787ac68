"""A run's files at an address that fsspec knows (`s3://bucket/reports`): each appears there whole or not at all.

The run itself works in a folder of its own machine. Who makes a report puts its files to the address, and the process
that keeps journal and index fetches those that another machine made.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from postloan import settings
from postloan.errors import RunError
from postloan.whole_files import beside

if TYPE_CHECKING:  # in an extra; runs into a folder do without it
    from fsspec import AbstractFileSystem

_PROBE = ".writable"


def check(address: str) -> None:
    """RunError where nothing can be written at an address, before anything is made for it."""
    if urlsplit(address).password:
        raise RunError(f"{settings.shown(address)}: no password in an output address: it belongs in the environment")
    with _opened(address) as (system, base):
        bucket = base.partition("/")[0]  # empty where the address is a path
        if bucket and not system.exists(bucket):
            raise RunError(f"{settings.shown(address)}: no bucket {bucket}: make it first, or mend its name")
        system.makedirs(base, exist_ok=True)
        system.pipe_file(f"{base}/{_PROBE}", b"")
        system.rm_file(f"{base}/{_PROBE}")


def put(files: Iterable[Path], folder: Path, address: str) -> None:
    """Copy files of a folder to the same places under an address; those that are not there are left out."""
    with _opened(address) as (system, base):
        for file in filter(Path.exists, files):
            there = f"{base}/{_place(file, folder)}"
            system.makedirs(there.rpartition("/")[0], exist_ok=True)
            with system.transaction, system.open(there, "wb") as copy:
                copy.write(file.read_bytes())


def lacking(files: Iterable[Path], folder: Path, address: str) -> list[Path]:
    """Those of a folder's files that are not at the address, or not in the same size."""
    with _opened(address) as (system, base):
        sizes = {path: told["size"] for path, told in system.find(base, detail=True).items()}
        return [each for each in files if sizes.get(f"{base}/{_place(each, folder)}") != each.stat().st_size]


def fetch(files: Iterable[Path], folder: Path, address: str) -> None:
    """Copy files of an address to the same places in a folder, over those that are there."""
    with _opened(address) as (system, base):
        for file in files:
            there = f"{base}/{_place(file, folder)}"
            if system.exists(there):
                file.parent.mkdir(parents=True, exist_ok=True)
                with beside(file, private=False) as part:
                    system.get_file(there, part)


def _place(file: Path, folder: Path) -> str:
    return file.relative_to(folder).as_posix()


@contextlib.contextmanager
def _opened(address: str) -> Iterator[tuple[AbstractFileSystem, str]]:
    """The file system of an address and the path in it; whatever a library for some store raises, as a RunError that
    names the address."""
    try:
        from fsspec.core import url_to_fs

        system, base = url_to_fs(address)
        yield system, base.rstrip("/")
    except ImportError as error:
        hint = " (pip install 'postloan[cluster]')" if (error.name or "").startswith("fsspec") else ""
        raise RunError(f"{settings.shown(address)}: {error}{hint}; nothing was started") from None
    except RunError:
        raise
    except Exception as error:  # each store has errors of its own
        said = settings.without_passwords(f"{type(error).__name__}: {error}")
        raise RunError(f"{settings.shown(address)}: cannot be reached: {said}") from None
