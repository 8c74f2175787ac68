"""Files of index series (PMI, prices, output, exports, electricity) → the table `indices`.

Our own table (series, period, value, unit, known_on, source) and the layouts of params/indices/layouts.yml are read,
rows in any order, from a CSV or the first sheet of a workbook. A blank value states nothing; a period that comes twice
with two values is refused by the book.
"""

from __future__ import annotations

import csv
import datetime as dt
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path

import pandas as pd
from pydantic import BaseModel, ConfigDict, model_validator

from postloan import settings
from postloan.book import excel
from postloan.book.cells import key
from postloan.book.figures import parse_amount, parse_date, plain, read_text
from postloan.errors import RuleError, SourceError
from postloan.industries import series
from postloan.tables import REFUSAL_COLUMNS, Intake

_OWN = {
    "series": ("series", "指标", "指标编号"),
    "period": ("period", "period_end", "期间", "期末日"),
    "value": ("value", "数值", "值"),
    "unit": ("unit", "单位"),
    "known_on": ("known_on", "获知日", "发布日"),
    "source": ("source", "来源"),
}
_YEARS = (1900, 2200)
_PERIODS = (
    re.compile(r"(?P<year>\d{4})年第?(?:1-)?(?P<quarter>[1-4])季度"),
    re.compile(r"(?P<year>\d{4})-?[Qq](?P<quarter>[1-4])"),
    re.compile(r"(?P<year>\d{4})年(?P<month>\d{1,2})月份?(?:\d{1,2}日)?"),
    re.compile(r"(?P<year>\d{4})[-./](?P<month>\d{1,2})(?:[-./]\d{1,2})?"),
    re.compile(r"(?P<month>\d{1,2})/\d{1,2}/(?P<year>\d{4})"),
    re.compile(r"(?P<year>\d{4})(?P<month>\d{2})(?:\d{2})?"),
)


class Layout(BaseModel):
    """How one kind of file is read: its column of periods, and which column (or which name in the column `named_by`,
    with figures in `value`) is which series."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    period: str
    columns: dict[str, str] = {}
    named_by: str = ""
    value: str = ""
    names: dict[str, str] = {}
    published: bool = False
    skip: list[str] = []

    @model_validator(mode="after")
    def _whole(self) -> Layout:
        if bool(self.columns) == bool(self.named_by and self.value and self.names):
            raise ValueError("expected either columns, or named_by, value and names")
        return self

    def fits(self, head: set[str]) -> bool:
        """Whether a file with these columns is one of this kind."""
        needed = {self.period, self.named_by, self.value} - {""}
        return needed <= head and (not self.columns or bool(head & set(self.columns)))


@cache
def layouts() -> dict[str, Layout]:
    """The layouts by id; RuleError names the file and field, or a series that does not exist."""
    path = settings.params("indices", "layouts.yml")
    return settings.each({name: partial(_layout, path, name, said) for name, said in settings.load_yaml(path).items()})


def _layout(path: Path, name: str, said: object) -> Layout:
    found = settings.checked(Layout, said, f"{path}: {name}")
    if unknown := {*found.columns.values(), *found.names.values()} - set(series()):
        raise RuleError(f"{path}: {name}: unknown series {sorted(unknown)}; see params/indices/series.yml")
    return found


def month_end(text: str) -> dt.date:
    """The last day of the month or quarter a period text names; ValueError when it names none.

    Example: `month_end("2024年第1-4季度")` is 2024-12-31, `month_end("2025.5")` 2025-05-31.
    """
    for pattern in _PERIODS:
        if found := pattern.fullmatch(plain(text)):
            parts = found.groupdict()
            year, month = int(parts["year"]), int(parts.get("month") or 3 * int(parts.get("quarter") or 0))
            if _YEARS[0] <= year <= _YEARS[1] and 1 <= month <= 12:
                return pd.Period(year=year, month=month, freq="M").end_time.date()
    raise ValueError(text)


@dataclass
class _Reading:
    file: str
    found: list[tuple] = field(default_factory=list)
    refusals: list[tuple] = field(default_factory=list)
    read: int = 0

    def refuse(self, row: int, column: str, found: str, expected: str) -> None:
        self.refusals.append((self.file, None, row, column, found, expected))


def recognise(path: Path | str) -> str | None:
    """'own' or the id of a layout when the head of a file is that of one of index series, else None."""
    try:
        rows = _rows(Path(path))
        return _kind(next(rows, []))
    except (SourceError, csv.Error):
        return None


def read(path: Path | str, **said: str | None) -> Intake:
    """Read one file; cells that are no period, value, day or known series are refused with their row.

    SourceError when the head is that of no layout, or a borrower, name, industry or currency is given.
    """
    path = Path(path)
    if given := [name for name, value in said.items() if value]:
        raise SourceError(f"{path.name}: index series belong to no borrower; leave out {', '.join(given)}")
    rows = list(_rows(path))
    kind = _kind(rows[0] if rows else [])
    if kind is None:
        heads = "; ".join(
            f"{name}: {each.period}, {' or '.join(each.columns) or each.value}" for name, each in layouts().items()
        )
        raise SourceError(
            f"{path.name}: no file of index series: expected the columns series, period, value or {heads}"
        )
    reading = _Reading(path.name)
    cells = _own(rows, reading) if kind == "own" else _mapped(rows, layouts()[kind], reading)
    reading.found = [row for row in cells if row]
    table = pd.DataFrame(reading.found, columns=["series", "period_end", "value", "unit", "known_on", "source"])
    table = table.drop_duplicates(["series", "period_end", "value", "known_on"])
    refusals = pd.DataFrame(reading.refusals, columns=REFUSAL_COLUMNS)
    return Intake(path.name, f"indices {kind}", {"indices": table} if len(table) else {}, reading.read, refusals)


def _rows(path: Path) -> Iterator[list[str]]:
    """The rows of a CSV, or of the first sheet of a workbook."""
    if excel.is_workbook(path):
        with excel.opened(path) as book:
            first = excel.cells(path, book, book.sheet_names[0])
        return ([cell.removesuffix(" 00:00:00") for cell in row] for row in first)
    text = read_text(path)[0].lstrip("\ufeff")
    head = text.lstrip().partition("\n")[0]
    return csv.reader(text.splitlines(), delimiter=max(",;\t", key=head.count))


def _kind(head: list[str]) -> str | None:
    names, columns = {key(cell) for cell in head}, {cell.strip() for cell in head}
    if all(names & {key(each) for each in _OWN[name]} for name in ("series", "period", "value")):
        return "own"
    return next((name for name, each in layouts().items() if each.fits(columns)), None)


def _own(rows: list[list[str]], reading: _Reading) -> Iterator[tuple | None]:
    names = {key(each): name for name, spelt in _OWN.items() for each in spelt}
    places = {names[key(cell)]: at for at, cell in enumerate(rows[0]) if key(cell) in names}
    for number, row in enumerate(rows[1:], start=2):
        cells = {name: row[at].strip() if at < len(row) else "" for name, at in places.items()}
        if not any(cells.values()):
            continue
        if cells["series"] not in series():
            reading.refuse(number, "series", cells["series"], f"one of {', '.join(series())} (params/indices)")
            continue
        yield _fact(cells, number, "value", reading)


def _mapped(rows: list[list[str]], layout: Layout, reading: _Reading) -> Iterator[tuple | None]:
    head = [cell.strip() for cell in rows[0]]
    for number, row in enumerate(rows[1:], start=2):
        told = dict(zip(head, (cell.strip() for cell in row), strict=False))
        period = told.get(layout.period, "")
        if not any(told.values()) or period in layout.skip:
            continue
        named = told.get(layout.named_by, "")
        if layout.named_by and named not in layout.names:
            reading.refuse(number, layout.named_by, named, f"one of {', '.join(layout.names)} (params/indices)")
            continue
        for column, name in (layout.columns or {layout.value: layout.names[named]}).items():
            if column in told:
                cells = {"series": name, "period": period, "value": told[column], "source": column}
                yield _fact(cells, number, column, reading, published=layout.published)


def _fact(
    cells: dict[str, str], number: int, column: str, reading: _Reading, *, published: bool = False
) -> tuple | None:
    """One figure (series, period_end, value, unit, known_on, source); None where it is blank or refused."""
    about = series()[cells["series"]]
    try:
        value = parse_amount(cells["value"].removesuffix("%"))
    except ValueError:
        return reading.refuse(number, column, cells["value"], "a number, or nothing")
    if value is None:
        return None
    reading.read += 1
    try:
        stated = parse_date(cells["period"] if published else cells.get("known_on", ""))
        if stated and not _YEARS[0] <= stated.year <= _YEARS[1]:
            raise ValueError(stated)
    except ValueError:
        found = cells["period"] if published else cells.get("known_on")
        return reading.refuse(number, "known_on", str(found), "a day such as 2025-05-19, or nothing")
    try:
        end = _month_before(stated) if published and stated else month_end(cells["period"])
    except ValueError:
        return reading.refuse(number, "period", cells["period"], "a month or quarter such as 2023年08月份 or 2025Q1")
    if stated and stated < end:
        return reading.refuse(number, "known_on", str(stated), f"a day from the period's end {end} on")
    known = stated or min(end + dt.timedelta(days=about.published_days), max(dt.date.today(), end))
    source = " · ".join(part for part in (reading.file, f"row {number}", cells.get("source")) if part)
    return cells["series"], pd.Timestamp(end), value, cells.get("unit") or about.unit, pd.Timestamp(known), source


def _month_before(day: dt.date) -> dt.date:
    return day.replace(day=1) - dt.timedelta(days=1)
