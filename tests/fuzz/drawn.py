"""Inputs that nearly are what they should be, and the promise all readers make: a result, or an error of our own."""

from __future__ import annotations

import csv
import io
import sqlite3
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from postloan.book.store import open_book
from postloan.errors import PostloanError
from postloan.loan_tables import LOAN_TABLES

NIGHTLY = settings.get_current_profile_name() == "nightly"
_BORROWED = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
_LINES = (
    "", " ", "0", "-0", "1", "-1", "0.5", "1e308", "1e999", "-1e-400", "nan", "inf", "1,234", "1,2", "(3)", "9" * 40,
    "1" * 5000, "2024-12-31", "20241231", "2024-02-30", "0001-01-01", "00010101", "1677-01-01", "2263-01-01",
    "9999-12-31", "99991231", "10000-01-01", "2024-12-31T25:61", "=cmd|' /C calc'!A0", "@SUM(1)", '"', "'", '""', ",",
    "\t", "\n", "\r", "a\x00b", "\ufeff", "\ufffd", "锟斤拷", "\u202e", "\U0001f4a9", "\ud800", "<script>", "{x}", "%s",
    "'; DROP TABLE loans; --", "EXAMPLE-x", "营业收入", "CNY", "元", "万亿", "１２", "true", "None", "A" * 70, "../x",
)  # fmt: skip
cells = st.one_of(st.sampled_from(_LINES), st.text(max_size=8), st.floats().map(str), st.dates().map(str))


def fuzzed(few: int):
    """A test's effort: so many examples in `make test`, always the same; ten thousand new ones at night."""
    more = {} if NIGHTLY else {"max_examples": few, "derandomize": True, "database": None}
    return settings(deadline=None, suppress_health_check=_BORROWED, **more)


@st.composite
def tables(draw, rows: list[list[str]]) -> list[list[str]]:
    """These rows with a few things wrong."""
    rows = [list(map(str, row)) for row in rows]
    for _ in range(draw(st.integers(0, 5))):
        row = rows[draw(st.integers(0, len(rows) - 1))]
        place = draw(st.integers(0, max(len(row) - 1, 0)))
        match draw(st.sampled_from(["cell"] * 8 + ["cut", "more", "twice", "lost", "swap"])):
            case "cell":
                row[place : place + 1] = [draw(cells)]
            case "cut":
                del row[place:]
            case "more":
                row.insert(place, draw(cells))
            case "twice":
                rows.insert(draw(st.integers(0, len(rows))), list(row))
            case "lost" if len(rows) > 1:
                rows.remove(row)
            case "swap" if row:
                row[0], row[place] = row[place], row[0]
    return rows


@st.composite
def files(draw, rows: list[list[str]]) -> bytes:
    """These rows as a file with a few things wrong in its cells, and at times in its bytes."""
    told = io.StringIO()
    csv.writer(told, delimiter=draw(st.sampled_from(",,,;\t"))).writerows(draw(tables(rows)))
    code = draw(st.sampled_from(["utf-8", "utf-8", "utf-8-sig", "gb18030", "utf-16"]))
    return draw(torn(told.getvalue().encode(code, "replace")))


@st.composite
def torn(draw, content: bytes) -> bytes:
    """The bytes as they are, or cut off, or with some of them others."""
    part = draw(st.integers(0, 99_999))  # not the place itself: a workbook's length changes with the time of day
    at = part * (len(content) + 1) // 100_000
    way = draw(st.sampled_from(["whole"] * 5 + ["cut", "other", "noise"]))
    if way == "other":
        return content[:at] + draw(st.binary(max_size=4)) + content[at + 1 :]
    return {"whole": content, "cut": content[:at]}.get(way) if way != "noise" else draw(st.binary(max_size=60))


def answered(function, *given, **said):
    """What a function gives back, None where it refuses with an error of ours; anything else is a fault."""
    try:
        return function(*given, **said)
    except PostloanError as error:
        return print(error)


def rows_of(book: Path) -> dict[str, int]:
    """How many rows each table of a book has."""
    with sqlite3.connect(book) as connection:
        names = [name for (name,) in connection.execute("select name from sqlite_master where type = 'table'")]
        return {name: connection.execute(f"select count(*) from {name}").fetchone()[0] for name in names}


def entered(book: Path, intake) -> None:
    """Add an intake to a book: whole or not at all, and what is in can be read again."""
    ledger, before = open_book(f"sqlite:///{book}"), rows_of(book)
    result = answered(ledger.add, intake)
    if result is None or result.refused:
        assert rows_of(book) == before
        return
    assert rows_of(book).get("imports", 0) >= before["imports"]
    for borrower in ledger.borrowers()["borrower_id"]:
        answered(ledger.statements, borrower, as_of="2026-01-01")
        ledger.fingerprint(borrower, as_of="2026-01-01")
    for name in set(intake.tables) & set(LOAN_TABLES):
        ledger.rows(name, as_of="2026-01-01")
