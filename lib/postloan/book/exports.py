"""Chinese statement exports: a row a period (Sina/AKShare), or items in rows and periods in columns (163).

`known_on` of a figure is the earlier of the stated 公告日期 and the statutory deadline of the report: the
公告日期 of these exports is that of the *last* restatement, and taken as the first publication it would
hide a year-end for ten months. A 公告日期 that is not after the period end is no such date and counts as
unstated. The 163 layout has none: the deadline. Never later than today, since the file is in hand.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import re
from collections import Counter
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import pandas as pd

from postloan import chart, settings
from postloan.book import captions
from postloan.book.figures import (
    decode,
    is_destroyed,
    month_end,
    parse_amount,
    parse_date,
    statutory_deadline,
)
from postloan.errors import SourceError
from postloan.tables import REFUSAL_COLUMNS, Intake

Rows = list[list[str]]
_YEARS = (1900, 2200)


@dataclass(frozen=True)
class _Cell:
    """One cell as it stands: its text, the caption over it, and where it is."""

    text: str
    caption: str
    row: int
    column: str

    @property
    def key(self) -> str:
        """The caption as it is compared."""
        return captions.normal(self.caption)


@dataclass
class _Period:
    """The cells of one period, and what its row says about itself."""

    end: dt.date
    row: int
    cells: list[_Cell]
    announced: dt.date | None = None
    currency: str | None = None


@dataclass
class _Work:
    """What grows while a file is read."""

    file: str
    statement: str
    default_currency: str
    refusals: list[tuple] = field(default_factory=list)
    facts: list[dict] = field(default_factory=list)
    unmapped: Counter = field(default_factory=Counter)
    read: int = 0

    def refuse(self, row: int, column: str, found: str, expected: str) -> None:
        """Note a cell that cannot be taken (rows as in the file, the header is row 1)."""
        self.refusals.append((self.file, None, row, column, found, expected))


def recognise(path: Path | str) -> str | None:
    """'cn_rows' or 'cn_items' by content, None for anything else (also for what is no text at all)."""
    try:
        return _layout(_rows(decode(path)[0]))
    except SourceError:
        return None


def read(
    path: Path | str,
    *,
    borrower: str | None = None,
    name: str | None = None,
    industry: str | None = None,
    currency: str | None = None,
) -> Intake:
    """One statement of one borrower, in the currency's basic unit; see the module for `known_on`.

    The borrower's id is `borrower`, else the one six-digit code in the file's name. SourceError when the file
    is empty, destroyed, without periods or without a known caption; cells that are no figures are refusals.
    """
    path = Path(path)
    text, encoding = decode(path)
    rows = _rows(text)
    layout = _layout(rows)
    if layout is None:
        raise SourceError(
            f"{path.name}: expected a statement export with a column 报告日 (a row a period) or a first row "
            f"报告日期, 2023-09-30, … (items in rows); found {_excerpt(rows)!r}"
        )
    stated = _captions(rows, layout)
    _refuse_destroyed(path, stated)
    work = _Work(path.name, _statement(path, stated), currency or _settings()["currency"])
    for period in _by_row(rows, work) if layout == "cn_rows" else _by_column(rows, work):
        _take(period, work)
    borrower, notes = _borrower(path, borrower)
    if encoding != "utf-8":
        notes.append(f"read as {encoding.upper()}")
    return _intake(work, layout, {"borrower_id": borrower, "name": name, "industry": industry}, notes)


def _intake(work: _Work, layout: str, master: dict, notes: list[str]) -> Intake:
    if not work.facts and not work.refusals:
        raise SourceError(f"{work.file}: a header but no figures under it; export it again")
    facts = pd.DataFrame(work.facts).drop_duplicates()
    currencies = facts["currency"].value_counts() if len(facts) else {}
    borrower = {field: value for field, value in master.items() if value is not None}
    borrower["currency"] = next(iter(currencies.keys()), work.default_currency)
    tables = {"borrowers": pd.DataFrame([borrower])}
    if len(facts):
        tables["statements"] = facts.assign(borrower_id=borrower["borrower_id"])
    refusals = pd.DataFrame(work.refusals, columns=REFUSAL_COLUMNS)
    return Intake(work.file, layout, tables, work.read, refusals, dict(work.unmapped), notes)


@cache
@settings.shaped("accounts", "cn.yml")
def _settings() -> dict:
    """The part of params/accounts/cn.yml that is not about items, captions cleaned up."""
    content = settings.load_yaml(settings.params("accounts", "cn.yml"))
    found = {name: value for name, value in content.items() if name not in captions.STATEMENTS}
    for listed in ("period_captions", "announced_captions", "currency_captions", "ignored", "blank_zeros"):
        found[listed] = {captions.normal(caption) for caption in content[listed]}
    return found


def _rows(text: str) -> Rows:
    first = next((line for line in text.splitlines() if line.strip()), "")
    mark = max(",;\t", key=first.count)
    return [[cell.strip() for cell in row] for row in csv.reader(io.StringIO(text, newline=""), delimiter=mark)]


def _head(rows: Rows) -> int:
    """Index of the first row that is not blank."""
    return next((index for index, row in enumerate(rows) if any(row)), 0)


def _excerpt(rows: Rows) -> str:
    return ",".join(rows[_head(rows)])[:60] if rows else ""


def _layout(rows: Rows) -> str | None:
    if not rows or len(rows[_head(rows)]) < 2:
        return None
    head = rows[_head(rows)]
    periods = _settings()["period_captions"]
    titles = [cell for cell in head[1:] if not _unnamed(cell)]
    if titles and sum(map(_is_day, titles)) > len(titles) / 2:
        named = captions.normal(head[0]) in periods or is_destroyed(head[0]) or not head[0]
        return "cn_items" if named or _known(row[0] for row in rows if row) >= 3 else None
    if any(captions.normal(cell) in periods for cell in head):
        return "cn_rows" if _known(head) or sum(map(is_destroyed, head)) else None
    if any(re.search("borrower|借款人|客户", cell) for cell in head):
        return None  # a table of the workbook
    return "cn_rows" if max(_known(head), sum(map(is_destroyed, head))) >= 3 else None


def _known(stated) -> int:
    """How many captions have a place in some statement of the chart."""
    places = set().union(*(captions.captions("cn", statement) for statement in captions.STATEMENTS))
    return len({captions.normal(caption) for caption in stated} & places)


def _is_day(cell: str) -> bool:
    try:
        return parse_date(cell) is not None
    except ValueError:
        return False


def _unnamed(title: str) -> bool:
    return not title or title.startswith("Unnamed:")


def _captions(rows: Rows, layout: str) -> list[str]:
    head = _head(rows)
    return rows[head] if layout == "cn_rows" else [row[0] for row in rows[head:] if any(row)]


def _refuse_destroyed(path: Path, stated: list[str]) -> None:
    lost = [caption for caption in stated if is_destroyed(caption)]
    if lost:
        raise SourceError(
            f"{path.name}: {len(lost)} of {len(stated)} captions cannot be read, for example "
            f"{lost[min(1, len(lost) - 1)]!r}: it seems to be GBK text once decoded as UTF-8 with "
            "replacement, so the names are lost; nothing was imported; export it again, as UTF-8 or GBK"
        )


def _statement(path: Path, stated: list[str]) -> str:
    keys = {captions.normal(caption) for caption in stated}
    hits = Counter({kind: len(keys & captions.captions("cn", kind)) for kind in captions.STATEMENTS})
    (best, most), (_, second) = hits.most_common(2)
    if most == 0 or most == second:
        raise SourceError(
            f"{path.name}: cannot tell which statement this is: its captions match {dict(hits)}; expected "
            f"one of {list(captions.STATEMENTS)} with captions of params/accounts/cn.yml; found {stated[:8]}"
        )
    return best


def _borrower(path: Path, borrower: str | None) -> tuple[str, list[str]]:
    if borrower:
        return borrower, []
    codes = sorted(set(re.findall(r"(?<![0-9])[0-9]{6}(?![0-9])", path.stem)))
    if len(codes) == 1:
        return codes[0], [f"borrower {codes[0]!r} taken from the file's name"]
    raise SourceError(
        f"{path.name}: the file does not say whose statement it is and its name holds {codes or 'no'} "
        "six-digit code; pass --borrower ID"
    )


def _by_row(rows: Rows, work: _Work) -> list[_Period]:
    """The periods of a Sina/AKShare file."""
    start, rules = _head(rows), _settings()
    head = rows[start]
    keys = [captions.normal(caption) for caption in head]
    when = next((index for index, key in enumerate(keys) if key in rules["period_captions"]), None)
    if when is None:
        raise SourceError(
            f"{work.file}: no column of periods: expected one of {sorted(rules['period_captions'])}; found {head[:8]}"
        )
    about = rules["announced_captions"] | rules["currency_captions"] | {keys[when]}
    found = []
    for number, row in enumerate(rows[start + 1 :], start=start + 2):
        if not any(row) or _misaligned(row, head, number, work):
            continue
        end = _day(row[when], number, head[when], work)
        cells = [_Cell(text, caption, number, caption) for text, caption in zip(row, head, strict=False)]
        period = _Period(end, number, [cell for cell in cells if cell.key not in about])
        for cell in cells:
            _note_about(cell, period, work)
        found.append(period)
    return [period for period in found if period.end]


def _misaligned(row: list[str], head: list[str], number: int, work: _Work) -> bool:
    """Refuse a row that is cut off or shifted, as by an unquoted 1,234: its figures would land elsewhere."""
    if len(row) >= len(head) and not any(row[len(head) :]):
        return False
    work.refuse(number, "", f"{len(row)} cells", f"{len(head)} cells, as in the header")
    return True


def _note_about(cell: _Cell, period: _Period, work: _Work) -> None:
    rules = _settings()
    if cell.key in rules["currency_captions"] and cell.text:
        code = rules["currencies"].get(cell.text, cell.text.upper())
        if re.fullmatch("[A-Z]{3}", code):
            period.currency = code
        else:
            work.refuse(cell.row, cell.caption, cell.text, "a currency such as CNY")
    if cell.key in rules["announced_captions"] and cell.text:
        try:
            period.announced = parse_date(cell.text)
        except ValueError:
            work.refuse(cell.row, cell.caption, cell.text, "a day such as 20231028, or nothing")


def _day(text: str, row: int, column: str, work: _Work) -> dt.date | None:
    try:
        end = parse_date(text)
    except ValueError:
        end = None
    if end is None or not _YEARS[0] <= end.year <= _YEARS[1]:
        work.refuse(row, column, text, "a period end such as 20230930")
        end = None
    elif work.statement != "balance" and (end.month % 3 or end != month_end(end, 0)):
        work.refuse(row, column, text, "the last day of March, June, September or December")
        end = None
    return end


def _by_column(rows: Rows, work: _Work) -> list[_Period]:
    """The periods of a 163 file."""
    start = _head(rows)
    head = rows[start]
    body = [
        (number, row)
        for number, row in enumerate(rows[start + 1 :], start=start + 2)
        if any(row) and not _misaligned(row, head, number, work)
    ]
    found = []
    for index, text in list(enumerate(head))[1:]:
        if _unnamed(text) and not any(row[index] for _, row in body):
            continue
        end = _day(text, start + 1, f"column {index + 1}", work)
        cells = [_Cell(row[index], row[0], number, f"{text} · {row[0]}") for number, row in body]
        found.append(_Period(end, start + 1, cells))
    return [period for period in found if period.end]


def _take(period: _Period, work: _Work) -> None:
    """Turn one period's cells into facts, refusals and counts of captions without a place."""
    mapped = captions.captions("cn", work.statement)
    figures: dict[str, float] = {}
    where: dict[str, _Cell] = {}
    for cell in period.cells:
        if cell.key in _settings()["ignored"]:
            continue
        amount = _amount(cell, cell.key in mapped, work)
        if amount is None:
            continue
        work.read += 1
        if cell.key not in mapped:
            work.unmapped.update([cell.caption] if amount else [])
        elif figures.setdefault(cell.key, amount) != amount:
            work.refuse(
                cell.row,
                cell.column,
                f"{amount:,.2f} beside {figures[cell.key]:,.2f}",
                "one amount a caption",
            )
        else:
            where.setdefault(cell.key, cell)
    _place(figures, where, period, work)


def _amount(cell: _Cell, mapped: bool, work: _Work) -> float | None:
    try:
        amount = parse_amount(cell.text)
    except ValueError:
        if mapped:
            work.refuse(cell.row, cell.column, cell.text, "a number")
        else:
            work.unmapped.update([cell.caption])
        return None
    if amount is None or (amount == 0 and cell.key in _settings()["blank_zeros"]):
        return None
    return round(amount * captions.scale(cell.caption), 4)


def _place(figures: dict[str, float], where: dict[str, _Cell], period: _Period, work: _Work) -> None:
    for item, candidates in captions.places("cn", work.statement).items():
        totals = [(captions.total(candidate, figures), candidate) for candidate in candidates]
        stated = [(amount, candidate) for amount, candidate in totals if amount is not None]
        if not stated:
            continue
        amount, candidate = next((pair for pair in stated if pair[0]), stated[0])
        cells = [where[term.caption] for term in candidate if term.caption in where]
        place = " + ".join(cell.caption for cell in cells)
        stock = chart.items()[item].kind == "stock"
        work.facts.append(
            {
                "period_end": pd.Timestamp(period.end),
                "months": 0 if stock else period.end.month,
                "item": item,
                "amount": amount,
                "currency": period.currency or work.default_currency,
                "known_on": pd.Timestamp(_known_on(period)),
                "source": f"{work.file} · row {cells[0].row} · {place}",
            }
        )


def _known_on(period: _Period) -> dt.date:
    stated = [period.announced] if period.announced and period.announced > period.end else []
    known = min([*stated, statutory_deadline(period.end), dt.date.today()])
    return max(known, period.end + dt.timedelta(days=1))
