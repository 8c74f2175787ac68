"""Open an Excel workbook after the checks that keep a wrong, locked or hostile file from being parsed."""

from __future__ import annotations

import contextlib
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from postloan.errors import SourceError

_LARGEST, _HIGHEST_RATIO, _MOST_CELLS = 200_000_000, 200, 20_000_000
_FILLED = re.compile(rb"""\br=["']([A-Z]{0,3})([0-9]{1,7})["'](?=[^>]*[^/>]>|>)""")  # rows and cells with content


def called_excel(path: Path) -> bool:
    """Whether a file bears the name of an Excel workbook."""
    return path.suffix.lower() in (".xlsx", ".xlsm", ".xls")


def is_workbook(path: Path) -> bool:
    """Whether a file is a workbook by content, whatever its name."""
    try:
        with zipfile.ZipFile(path) as archive:
            return any(name.startswith("xl/workbook") for name in archive.namelist())
    except (zipfile.BadZipFile, OSError):
        return False


def opened(path: Path) -> pd.ExcelFile:
    """The workbook, after the checks that keep a wrong, locked or hostile file from being parsed."""
    with _readable(path):
        with path.open("rb") as file:
            old = file.read(4) == b"\xd0\xcf\x11\xe0"
            locked = old and "EncryptedPackage".encode("utf-16-le") in file.read()
        if old:
            nature = "one protected by a password" if locked else "an old .xls"
            raise SourceError(f"{path.name}: expected an .xlsx workbook, found {nature}; save it as a plain .xlsx")
        with zipfile.ZipFile(path) as archive:
            _refuse_bomb(path, archive.infolist())
            for one in archive.namelist():
                if one.startswith("xl/worksheets/") and one.endswith(".xml"):
                    _refuse_void(path, archive.read(one))
        return pd.ExcelFile(path, engine="calamine")


def cells(path: Path, book: pd.ExcelFile, sheet: str) -> list[list[str]]:
    """The cells of a sheet as text, row by row, blank ones empty."""
    with _readable(path):
        return pd.read_excel(book, sheet_name=sheet, header=None, dtype=str, na_filter=False).to_numpy().tolist()


@contextlib.contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Whatever reading meets becomes a SourceError."""
    try:
        yield
    except SourceError:
        raise
    except OSError as error:
        raise SourceError(f"{path}: cannot be read: {error.strerror}; check the path and the rights") from None
    except Exception as error:  # calamine raises its own kinds for each damage
        raise SourceError(
            f"{path.name}: expected an .xlsx workbook, found a file that cannot be opened as one ({error}); "
            "open it in Excel and save it as .xlsx"
        ) from None


def _refuse_bomb(path: Path, members: list[zipfile.ZipInfo]) -> None:
    size, packed = sum(one.file_size for one in members), sum(one.compress_size for one in members)
    if size > _LARGEST or size > _HIGHEST_RATIO * max(packed, 1):
        raise SourceError(
            f"{path.name}: expected at most {_LARGEST // 10**6} MB and {_HIGHEST_RATIO} times its size when "
            f"unpacked, found {size / 1e6:,.0f} MB, {size / max(packed, 1):,.0f} times; split the file"
        )


def _refuse_void(path: Path, sheet: bytes) -> None:
    """Refuse a sheet with a cell so far out that the rectangle up to it would not fit in memory."""
    filled = set(_FILLED.findall(sheet))
    widest = max((column.rjust(3, b"@") for column, _ in filled), default=b"@@A")
    width = (widest[0] - 64) * 676 + (widest[1] - 64) * 26 + widest[2] - 64
    height = max((int(row) for _, row in filled), default=0)
    if height * width > _MOST_CELLS:
        raise SourceError(
            f"{path.name}: expected at most {_MOST_CELLS:,} cells a sheet, found {height:,} rows by {width:,} columns; "
            "delete the rows and columns outside the table"
        )
