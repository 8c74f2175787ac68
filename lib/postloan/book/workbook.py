"""Filled templates read back into an Intake; CSV files of the same tables are read too.

`recognise` tells by content whether a file is one of ours, `read` makes an Intake of it; `write_template`
writes an empty workbook (see template).
"""

from __future__ import annotations

import csv
import datetime as dt
import difflib
import io
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import pandas as pd

from postloan import chart
from postloan.book.cells import code, key, reading_of
from postloan.book.excel import called_excel, cells, is_workbook, opened
from postloan.book.figures import parse_amount, parse_date, plain, read_text, statutory_deadline
from postloan.book.template import CHART, CURRENCIES, EXAMPLE, MONTHS, OBSERVED, README, TABLES, write_template
from postloan.errors import SourceError
from postloan.loan_tables import LOAN_TABLES, columns_of
from postloan.measures import observations
from postloan.tables import REFUSAL_COLUMNS, Intake

__all__ = ["read", "recognise", "write_template"]

_EXPECTED = {
    "borrower_id": "an id of 1 to 64 characters, here or given with the import",
    "name": "a name, here or given with the import",
    "period_end": "a date such as 2024-09-30",
    "known_on": "a date such as 2024-10-28, or nothing",
    "first_drawdown": "a date such as 2023-03-15, or nothing",
    "value": "a number, shares as decimals such as 0.2",
    "observed_on": "a date such as 2025-04-20",
    "months": f"one of {', '.join(map(str, MONTHS))}",
    "amount": "a number in the basic currency unit, such as 1234567.89",
    "currency": f"a currency code (here, in the sheet borrowers or with the import): {' '.join(CURRENCIES)}",
}


def recognise(path: Path | str) -> str | None:
    """'workbook' or 'table' when the content is one of our tables, else None.

    What calls itself Excel but cannot be opened is called 'workbook' too, so that `read` says why.
    """
    path = Path(path)
    try:
        if called_excel(path) or is_workbook(path):
            with opened(path) as book:
                return "workbook" if {key(name) for name in book.sheet_names} & {*map(key, TABLES)} else None
        head = [row for _, row in zip(range(5), _csv_rows(read_text(path)[0][:20_000]), strict=False)]
        known = [_columns(row, table) for row in head for table in TABLES]
        ours = any(len(found) > 2 or (len(found) == 2 and not missing) for found, missing in known)
        return "table" if ours else None  # one without a column is ours too: `read` may be given it, or says so
    except (SourceError, csv.Error):
        return "workbook" if called_excel(path) and path.exists() else None


def read(
    path: Path | str,
    *,
    borrower: str | None = None,
    name: str | None = None,
    industry: str | None = None,
    currency: str | None = None,
) -> Intake:
    """Read a filled template or a CSV of one table; the arguments fill what the file leaves blank.

    Cells that cannot be read are listed in `refusals`, with the row as Excel shows it. SourceError for a
    file, sheet or header that is not what it should be.
    """
    path = Path(path)
    given = {"borrower_id": borrower, "name": name, "industry": industry, "currency": currency}
    reading = _Reading(path.name, {key: value for key, value in given.items() if value})
    excel = called_excel(path) or is_workbook(path)
    rows = dict((_sheets if excel else _table)(path, reading))
    read = sum(map(len, rows.values()))
    if not read:
        raise SourceError(f"{path.name}: expected rows of data under the headers, found none; fill in a row")
    reading.counts["empty"] = sum(not found for found in rows.values())
    if len(rows.get("borrowers", [])) > 1:
        reading.given.pop("name", None)  # one name cannot be the name of several
    for row in rows.get("borrowers", []):
        if master := _borrower(row, reading):
            reading.masters.setdefault(master["borrower_id"], master)
    facts = [fact for row in rows.get("statements", []) if (fact := _fact(row, reading))]
    seen = [each for row in rows.get("observations", []) if (each := _observation(row, reading))]
    loans = {name: [_record(row, name, reading) for row in rows.get(name, [])] for name in LOAN_TABLES}
    return _intake(
        reading, "workbook" if excel else "table", {"statements": facts, "observations": seen, **loans}, read
    )


@dataclass
class _Row:
    """One data row: `number` as Excel shows it, cells by column id, '' where blank."""

    sheet: str | None
    number: int
    cells: dict[str, str]


@dataclass
class _Reading:
    """What reading one file has found so far."""

    file: str
    given: dict[str, str]
    masters: dict[str, dict] = field(default_factory=dict)
    refusals: list[tuple] = field(default_factory=list)
    unmapped: Counter = field(default_factory=Counter)
    counts: Counter = field(default_factory=Counter)

    def refuse(self, row: _Row, column: str, expected: str) -> None:
        found = row.cells.get(column, "")
        self.refusals.append((self.file, row.sheet, row.number, column, found, expected))

    def fallback_currency(self, borrower_id: str | None) -> str | None:
        return self.masters.get(borrower_id, {}).get("currency") or self.given.get("currency")


def _sheets(path: Path, reading: _Reading) -> Iterator[tuple[str, list[_Row]]]:
    with opened(path) as book:
        names = {str(name): key(str(name)) for name in book.sheet_names}
        known, tables = [*TABLES, README, CHART, OBSERVED], {key(table): table for table in TABLES}
        for name in names:
            if names[name] not in map(key, known):
                raise SourceError(f"{path.name}: unknown sheet {name!r}; expected sheets among {known}")
        for name in names:
            if table := tables.get(names[name]):
                yield table, _rows(cells(path, book, name), table, name, reading)


def _csv_rows(text: str) -> Iterator[list[str]]:
    head = text.lstrip().partition("\n")[0]
    return csv.reader(io.StringIO(text), delimiter=max(",;\t", key=head.count))


def _table(path: Path, reading: _Reading) -> Iterator[tuple[str, list[_Row]]]:
    try:
        rows = list(_csv_rows(read_text(path)[0]))
    except csv.Error as error:
        raise SourceError(f"{path.name}: expected a CSV table, found text that is none ({error})") from None
    table = max(TABLES, key=lambda name: max((_likeness(row, name) for row in rows[:5]), default=(0, 0)))
    yield table, _rows(rows, table, None, reading)


def _columns(row: list[str], table: str) -> tuple[dict[int, str], list[str]]:
    """Which of the table's columns stand where in a header row, and the required ones that are missing."""
    names = {key(header): one.id for one in TABLES[table] for header in (one.id, one.zh, one.en)}
    found = {place: names[key(cell)] for place, cell in enumerate(row) if key(cell) in names}
    return found, [one.id for one in TABLES[table] if one.required and one.id not in found.values()]


def _likeness(row: list[str], table: str) -> tuple[int, int]:
    """How much a header row looks like a table's: its columns there, then how few required ones lack."""
    found, missing = _columns(row, table)
    return len(found), -len(missing)


def _rows(rows: list[list[str]], table: str, sheet: str | None, reading: _Reading) -> list[_Row]:
    """The data rows under the header; further header rows, blank rows and examples are left out."""
    where = f"{reading.file}, sheet {sheet!r}" if sheet else reading.file
    if not any(any(cell.strip() for cell in row) for row in rows):
        raise SourceError(f"{where}: expected the table {table}, found an empty sheet; start from the template")
    top = max(range(min(5, len(rows))), key=lambda number: len(_columns(rows[number], table)[0]))
    columns, missing = _columns(rows[top], table)
    missing = [column for column in missing if column not in reading.given]
    if missing or len(set(columns.values())) < len(columns):
        found = [cell for cell in rows[top] if cell.strip()]
        fault = f"expected the columns {missing}" if missing else "expected each column once"
        raise SourceError(f"{where}, row {top + 1}: {fault}, found {found}; compare with the template")
    reading.unmapped.update(c for place, c in enumerate(rows[top]) if c.strip() and place not in columns)
    kept = []
    for number, row in enumerate(rows[top + 1 :], start=top + 2):
        cells = {name: row[place].strip() for place, name in columns.items() if place < len(row)}
        example = cells.get("borrower_id", "").upper().startswith(EXAMPLE)
        reading.counts["examples"] += example
        if any(cells.values()) and not example and not _is_header(cells, table):
            kept.append(_Row(sheet, number, cells))
    return kept


def _is_header(cells: dict[str, str], table: str) -> bool:
    names = {one.id: {key(one.id), key(one.zh), key(one.en)} for one in TABLES[table]}
    return all(not cell or key(cell) in names[column] for column, cell in cells.items())


def _cell(row: _Row, column: str, parse: Callable, reading: _Reading, expected: str = "") -> object:
    """The parsed cell, None where it is blank or refused."""
    try:
        return parse(row.cells.get(column, ""))
    except ValueError:
        return reading.refuse(row, column, expected or _EXPECTED[column])


def _needed(parse: Callable) -> Callable:
    """The same reading of a cell, which must not be blank."""

    def parsed(text: str) -> object:
        if (value := parse(text)) is None:
            raise ValueError(text)
        return value

    return parsed


def _currency(text: str) -> str | None:
    code = plain(text).upper()
    if code and code not in CURRENCIES:
        raise ValueError(text)
    return code or None


def _borrower_id(row: _Row, reading: _Reading) -> str | None:
    row.cells["borrower_id"] = code(row.cells.get("borrower_id", "")) or reading.given.get("borrower_id", "")
    return _cell(row, "borrower_id", _needed(lambda text: text if 1 <= len(text) <= 64 else None), reading)


def _borrower(row: _Row, reading: _Reading) -> dict | None:
    """One borrower's master data, None when it has no id."""
    before = len(reading.refusals)
    master = {one.id: row.cells.get(one.id) or None for one in TABLES["borrowers"]}
    master["borrower_id"] = _borrower_id(row, reading)
    master["name"] = _cell(row, "name", _needed(lambda text: text or reading.given.get("name")), reading)
    master["credit_code"] = code(row.cells.get("credit_code", "")) or None
    master["industry"] = master["industry"] or reading.given.get("industry")
    master["currency"] = _cell(row, "currency", _currency, reading) or reading.given.get("currency")
    master["first_drawdown"] = _cell(row, "first_drawdown", parse_date, reading)
    if master["borrower_id"] in reading.masters:
        reading.refuse(row, "borrower_id", "each borrower once")
    if len(reading.refusals) > before:  # the file is refused: do not blame every fact of this borrower as well
        master["currency"] = master["currency"] or "XXX"
    return master if master["borrower_id"] else None


def _fact(row: _Row, reading: _Reading) -> dict | None:
    """One statement fact, None when a cell was refused or the amount is a dash."""
    before = len(reading.refusals)
    amount = _cell(row, "amount", parse_amount if row.cells.get("amount") else _needed(parse_amount), reading)
    fact = {"borrower_id": _borrower_id(row, reading)}
    fact["period_end"] = _cell(row, "period_end", _needed(parse_date), reading)
    fact["item"] = _item(row, reading)
    fact["months"] = _months(row, fact["item"], reading)
    fact |= {"amount": amount, "currency": _fact_currency(row, fact["borrower_id"], reading)}
    fact["known_on"] = _known_on(row, fact["period_end"], reading)
    fact["source"] = _source(row, reading)
    if len(reading.refusals) > before:
        return None
    reading.counts["dashes"] += amount is None
    return None if amount is None else fact


def _observation(row: _Row, reading: _Reading) -> dict | None:
    """One observation, None when a cell was refused; it is known on the day it was made unless said otherwise."""
    before = len(reading.refusals)
    seen = {"borrower_id": _borrower_id(row, reading), "metric": row.cells.get("metric", "")}
    if seen["metric"] not in observations():
        near = difflib.get_close_matches(seen["metric"], observations(), n=3, cutoff=0.5)
        reading.refuse(row, "metric", f"one of the sheet observed{', perhaps ' + ' / '.join(near) if near else ''}")
    seen["value"] = _cell(row, "value", _needed(parse_amount), reading)
    seen["observed_on"] = _cell(row, "observed_on", _needed(parse_date), reading)
    seen["known_on"] = _cell(row, "known_on", parse_date, reading) or seen["observed_on"]
    seen["source"] = _source(row, reading)
    return None if len(reading.refusals) > before else seen


def _source(row: _Row, reading: _Reading) -> str:
    where = [reading.file, row.sheet, f"row {row.number}", row.cells.get("source")]
    return " · ".join(part for part in where if part)


def _record(row: _Row, table: str, reading: _Reading) -> dict | None:
    """One row of a loan table, None when a cell was refused."""
    before = len(reading.refusals)
    told: dict[str, object] = {"borrower_id": _borrower_id(row, reading)}
    for name, column in columns_of(table).items():
        if name not in told and name != "source":
            parse, expected = reading_of(column)
            if name == "currency" and not row.cells.get(name):
                row.cells[name] = reading.fallback_currency(told["borrower_id"]) or ""
            told[name] = _cell(row, name, _needed(parse) if column.required else parse, reading, expected)
    return None if len(reading.refusals) > before else told | {"source": _source(row, reading)}


@cache
def _items() -> dict[str, str]:
    """Item ids by every name they go by; an id wins over a name, the first item over a later one."""
    names = [(name, item.id) for item in chart.items().values() for name in (item.zh, item.en)]
    return {key(name): item for name, item in reversed(names)} | {key(item): item for item in chart.items()}


def _item(row: _Row, reading: _Reading) -> str | None:
    text = row.cells.get("item", "")
    item = _items().get(key(text))
    if item is None:
        known = [name for one in chart.items().values() for name in (one.id, one.zh, one.en)]
        near = difflib.get_close_matches(text, known, n=3, cutoff=0.5)
        reading.refuse(row, "item", f"an item of the sheet chart{', perhaps ' + ' / '.join(near) if near else ''}")
    return item


def _months(row: _Row, item: str | None, reading: _Reading) -> int | None:
    """The months of a fact; a balance may leave them blank."""
    refused = len(reading.refusals)
    months = _cell(row, "months", parse_amount, reading)
    if item is None or len(reading.refusals) > refused:
        return None
    stock = chart.items()[item].kind == "stock"
    if months is None and stock:
        return 0
    if months not in (MONTHS[:1] if stock else MONTHS[1:]):
        expected = f"0 or blank, {item} is a balance" if stock else f"3, 6, 9 or 12, {item} is a flow over months"
        return reading.refuse(row, "months", expected)
    return int(months)


def _fact_currency(row: _Row, borrower_id: str | None, reading: _Reading) -> str | None:
    fallback = reading.fallback_currency(borrower_id)
    return _cell(row, "currency", _needed(lambda text: _currency(text) or fallback), reading)


def _known_on(row: _Row, period_end: dt.date | None, reading: _Reading) -> dt.date | None:
    known_on = _cell(row, "known_on", parse_date, reading)
    if known_on and period_end and known_on < period_end:
        reading.refuse(row, "known_on", f"a day from the period end {period_end:%Y-%m-%d} on")
    if known_on is None and period_end:
        known_on = min(statutory_deadline(period_end), max(dt.date.today(), period_end))
        reading.counts["deadlines"] += not row.cells.get("known_on")
    return known_on


def _intake(reading: _Reading, kind: str, found: dict[str, list[dict | None]], read: int) -> Intake:
    tables = {}
    masters = list(reading.masters.values())
    if not masters and "borrower_id" in reading.given:
        masters = [reading.given]
    if masters:
        tables["borrowers"] = pd.DataFrame(masters).dropna(axis="columns", how="all")
    for name, rows in found.items():
        if kept := [row for row in rows if row]:
            tables[name] = pd.DataFrame(kept)
    if "statements" in tables:
        tables["statements"] = tables["statements"].astype(dict.fromkeys(("period_end", "known_on"), "datetime64[us]"))
    refusals = pd.DataFrame(reading.refusals, columns=REFUSAL_COLUMNS)
    return Intake(reading.file, kind, tables, read, refusals, dict(reading.unmapped), _notes(reading.counts))


def _notes(counts: Counter) -> list[str]:
    texts = {
        "examples": "{} example rows skipped",
        "dashes": "{} rows skipped: the amount is a dash, which states no figure",
        "deadlines": "{} rows without known_on: statutory deadline taken, or today if earlier",
        "empty": "{} sheets of known tables hold no rows",
    }
    return [text.format(counts[name]) for name, text in texts.items() if counts[name]]
