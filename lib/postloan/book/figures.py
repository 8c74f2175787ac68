"""Amounts, dates and text as they stand in files: what every reader of this room understands by a figure."""

from __future__ import annotations

import calendar
import datetime as dt
import math
import numbers
import re
from decimal import Decimal
from pathlib import Path

import pandas as pd

from postloan.errors import SourceError

_BLANKS = {"", "-", "--", "---", "n/a", "na", "nan", "nat", "none", "null", "<na>", "无", "不适用"}
_MINUS = dict.fromkeys(map(ord, "−–—﹣"), "-")
_NARROW = {code: chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)} | {0x3000: " ", 0xA0: " ", 0xFFE5: "¥"}
_WIDTHS = _NARROW | _MINUS
_SCALES = {"": 0, "千": 3, "万": 4, "百万": 6, "千万": 7, "亿": 8, "万亿": 12}
_AMOUNT = re.compile(
    r"(?P<open>\()?(?P<sign>[+-])?\s*[¥$€£]?\s*(?P<after>[+-])?"
    r"(?P<digits>(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]*)?|\.[0-9]+)(?P<power>[eE][+-]?[0-9]{1,3})?"
    r"\s*(?P<scale>万亿|千万|百万|千|万|亿)?\s*元?(?P<close>\))?"
)
_DAY = re.compile(
    r"(?:(\d{4})(\d{2})(\d{2})(?:\.0+)?|(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})|(\d{4})年(\d{1,2})月(\d{1,2})日?)"
    r"(?:[ T]\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?Z?)?",
    re.ASCII,
)
_FILING_DEADLINES = {3: (0, 4, 30), 6: (0, 8, 31), 9: (0, 10, 31), 12: (1, 4, 30)}


def plain(text: str) -> str:
    """`text` with full-width letters, digits, signs and spaces made half-width, outer spaces stripped."""
    return text.translate(_WIDTHS).strip()


def parse_amount(value: object) -> float | None:
    """The number a cell states, None where it states none; ValueError for anything else.

    Understands `1,234.5`, `(300)` = -300, `３００`, `¥1,000`, `1.2亿`, `35万元`; refuses percentages,
    infinities, misplaced thousands separators (`1,2`) and words.
    """
    if value is None or value is pd.NA or value is pd.NaT:
        return None
    if isinstance(value, bool):
        raise ValueError(str(value))
    if isinstance(value, numbers.Real | Decimal):
        return _finite(float(value), value)
    if not isinstance(value, str):
        raise ValueError(str(value))
    text = plain(value)
    return None if text.lower() in _BLANKS else _number(text, value)


def _finite(number: float, found: object) -> float | None:
    if math.isinf(number):
        raise ValueError(str(found))
    return None if math.isnan(number) else number


def _number(text: str, found: str) -> float:
    match = _AMOUNT.fullmatch(text)
    if match is None or bool(match["open"]) != bool(match["close"]):
        raise ValueError(found)
    marks = [mark for mark in (match["open"], match["sign"], match["after"]) if mark]
    if len(marks) > 1:
        raise ValueError(found)
    size = Decimal(match["digits"].replace(",", "") + (match["power"] or ""))
    number = float(size.scaleb(_SCALES[match["scale"] or ""]))
    if math.isinf(number):
        raise ValueError(found)
    return -number if marks and marks[0] in "(-" else number


def parse_date(value: object) -> dt.date | None:
    """The day a cell states, None where it is blank; ValueError for anything else (also month 13)."""
    if value is None or value is pd.NA or value is pd.NaT:
        return None
    if isinstance(value, dt.datetime):  # pandas' Timestamp is one
        return value.date()
    if isinstance(value, dt.date):
        return value
    if isinstance(value, float) and math.isnan(value):
        return None
    text = plain(str(value))
    if text.lower() in _BLANKS:
        return None
    match = _DAY.fullmatch(text)
    if match is None:
        raise ValueError(str(value))
    year, month, day = (int(part) for part in match.groups() if part is not None)
    try:
        return dt.date(year, month, day)
    except ValueError:
        raise ValueError(str(value)) from None


def month_end(day: dt.date, months: int) -> dt.date:
    """The last day of the month `months` after `day`'s month."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return dt.date(year, month + 1, calendar.monthrange(year, month + 1)[1])


def statutory_deadline(period_end: dt.date) -> dt.date:
    """The day by which a Chinese listed company must have published the period's report.

    Q1 30 April, half-year 31 August, Q3 31 October, full year 30 April of the next year (Administrative
    Measures on Information Disclosure of Listed Companies); any other period end plus four months.
    """
    if period_end.year == dt.MAXYEAR:
        return dt.date.max
    if period_end.month not in _FILING_DEADLINES:
        return month_end(period_end, 4)
    years, month, day = _FILING_DEADLINES[period_end.month]
    return dt.date(period_end.year + years, month, day)


def is_destroyed(text: str) -> bool:
    """Whether `text` holds the marks of a failed conversion: U+FFFD, or 锟斤拷 (U+FFFD read as GBK)."""
    return "\ufffd" in text or "锟斤" in text


def decode(path: Path | str) -> tuple[str, str]:
    """Text and encoding name of a UTF-8 (with or without BOM) or GB18030 file, destroyed or not."""
    path = Path(path)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise SourceError(f"{path}: cannot be read: {error.strerror}; check the path") from None
    if not content.strip():
        raise SourceError(f"{path.name}: expected a text file, found an empty one; export it again")
    if b"\x00" in content[:4096] or content[:2] in (b"PK", b"\x1f\x8b", b"\xff\xfe", b"\xfe\xff"):
        raise SourceError(
            f"{path.name}: expected text in UTF-8 or GBK, found {_nature(content)} (it starts with "
            f"{content[:8]!r}); save it as CSV in UTF-8"
        )
    try:
        return content.decode("utf-8-sig"), "utf-8"
    except UnicodeDecodeError as error:
        return _decode_chinese(content, path, error.start)


def _nature(content: bytes) -> str:
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "UTF-16 text"
    known = {
        b"PK": "a zip or Excel file",
        b"\x1f\x8b": "a gzip file",
        b"\xd0\xcf": "an old Excel or Word file",
    }
    return known.get(content[:2], "a binary file")


def _decode_chinese(content: bytes, path: Path, first_bad: int) -> tuple[str, str]:
    """GB18030, unless the bytes are UTF-8 with a few broken places: they would turn into other words."""
    as_utf8 = content.decode("utf-8-sig", errors="replace")
    chinese = len(re.findall(r"[一-鿿]", as_utf8))
    damaged = chinese > 3 * as_utf8.count("\ufffd") or content[:3] == b"\xef\xbb\xbf"
    try:
        if not damaged:
            return content.decode("gb18030"), "gb18030"
    except UnicodeDecodeError as error:
        first_bad = error.start
    raise SourceError(
        f"{path.name}: expected text in UTF-8 or GBK, found {content[first_bad : first_bad + 6]!r} at byte "
        f"{first_bad}, which {'is damaged UTF-8' if damaged else 'is neither'}; export it again as UTF-8"
    )


def read_text(path: Path | str) -> tuple[str, str]:
    """Text and encoding ('utf-8', 'gb18030') of a file; SourceError when empty, binary or destroyed."""
    text, encoding = decode(path)
    broken = [line for line in text.splitlines() if is_destroyed(line)]
    if broken and (text.count("\ufffd") + text.count("锟斤拷")) > max(3, len(text) // 1000):
        raise SourceError(
            f"{Path(path).name}: {len(broken)} lines cannot be read, for example {broken[0][:40]!r}: it "
            "seems to be GBK text once decoded as UTF-8 with replacement, so the characters are lost; "
            "export it again"
        )
    return text, encoding
