"""Cells of the loan tables: how each kind is read, and what is expected where it cannot be."""

from __future__ import annotations

import re
from collections.abc import Callable

from postloan.book.figures import parse_amount, parse_date, plain
from postloan.loan_tables import Column

_NUMBERS = {
    "amount": "a number of 0 or more in the basic unit, such as 1234567.89 (a direction has a column of its own)",
    "number": "a number such as 1234567.89", "share": "a decimal such as 0.045", "count": "a number of 0 or more",
    "flag": "1 or 0",
}  # fmt: skip
_FLAGS = {"是": "1", "否": "0", "yes": "1", "no": "0"}
_NUMBER_AS_TEXT = re.compile(r"-?\d+\.0+")


def key(text: str) -> str:
    """A header or name without width, case, spaces and bracketed hints."""
    return re.sub(r"\(.*\)$|[\s_]", "", plain(text).lower())


def code(text: str) -> str:
    """A code without the `.0` that a spreadsheet may have given it."""
    return text.partition(".")[0] if _NUMBER_AS_TEXT.fullmatch(text) else text


def reading_of(column: Column) -> tuple[Callable, str]:
    """How a cell of a loan table is read, and what is expected of it."""
    blank = "" if column.required else ", or nothing"
    if isinstance(column.kind, tuple):
        return lambda text: _choice(text, column.kind), f"one of {', '.join(column.kind)}{blank}"
    if column.kind == "day":
        return parse_date, f"a date such as 2025-01-06{blank}"
    if column.kind == "text":
        return lambda text: code(text) or None, f"text{blank}"
    return lambda text: _number(text, column.kind), f"{_NUMBERS[column.kind]}{blank}"


def _choice(text: str, allowed: tuple[str, ...]) -> str | None:
    found = next((each for each in allowed if key(each) == key(text)), None)
    if text and not found:
        raise ValueError(text)
    return found


def _number(text: str, kind: str) -> float | None:
    value = parse_amount(_FLAGS.get(text.lower(), text) if kind == "flag" else text)
    if value is not None and value < 0 and kind in ("amount", "count", "flag"):
        raise ValueError(text)
    return value
