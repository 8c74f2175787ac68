"""Account statements of any bank: a CSV becomes `transactions` through a mapping in params/accounts/flows.

A mapping names the file's headers for our columns and says how it tells money in from money out. A file is recognised
by the mapping whose headers it has. Rows without a number of their own get one from their content and their place among
equals, so that the same file read twice adds nothing.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import warnings
import zlib
from functools import cache, partial, reduce
from pathlib import Path

import pandas as pd
from pydantic import Field, model_validator

from postloan import settings
from postloan.book.figures import parse_amount, parse_date, read_text
from postloan.errors import SourceError
from postloan.loan_tables import LOAN_TABLES, columns_of
from postloan.strict import Strict
from postloan.tables import REFUSAL_COLUMNS, Intake

_LARGEST = 1_000_000_000
_CHOICES = {column.id: column.kind for column in LOAN_TABLES["transactions"].columns if isinstance(column.kind, tuple)}


class Direction(Strict):
    """In and out by words in one column, by two columns of amounts, or by the sign of the one amount."""

    column: str | None = None
    in_: str | list[str] = Field(default="", alias="in")
    out: str | list[str] = ""

    @model_validator(mode="after")
    def _one_way(self) -> Direction:
        words = isinstance(self.in_, list) and isinstance(self.out, list)
        if bool(self.column) != words or bool(self.in_) != bool(self.out):
            raise ValueError("expected column with lists of words in and out, two headers, or nothing (signed amounts)")
        return self


class Words(Strict):
    """A column whose words stand for choices of ours; other words become `other` (nothing where unstated)."""

    column: str
    words: dict[str, str]
    other: str | None = None


class Owner(Strict):
    """Whose account it is, by a column of the file; `new` makes borrowers the book does not know."""

    column: str
    prefix: str = ""
    new: bool = False


class Mapping(Strict):
    """One file of params/accounts/flows."""

    columns: dict[str, str]
    direction: Direction = Direction()
    channel: Words | None = None
    counterparty_kind: Words | None = None
    currency: str | None = None
    borrower: Owner | None = None

    @model_validator(mode="after")
    def _known(self) -> Mapping:
        if unknown := set(self.columns) - set(columns_of("transactions")):
            raise ValueError(f"columns: unknown {sorted(unknown)}; known: {', '.join(columns_of('transactions'))}")
        if "booked_on" not in self.columns or ("amount" not in self.columns and not self.direction.in_):
            raise ValueError("columns: expected booked_on and amount (or two amount headers under direction)")
        for name in ("channel", "counterparty_kind"):
            words = getattr(self, name)
            if words and (bad := {*words.words.values(), words.other} - {*_CHOICES[name], None}):
                raise ValueError(f"{name}: {sorted(bad)} not among {', '.join(_CHOICES[name])}")
        return self

    def headers(self) -> set[str]:
        """The headers a file of this kind has."""
        parts = [each.column for each in (self.direction, self.channel, self.counterparty_kind, self.borrower) if each]
        sides = [each for each in (self.direction.in_, self.direction.out) if isinstance(each, str)]
        return {name for name in (*self.columns.values(), *parts, *sides) if name}


@cache
def mappings() -> dict[str, Mapping]:
    """All mappings by file name; RuleError names file, field and what is allowed."""
    paths = sorted(settings.params("accounts", "flows").glob("*.yml"))
    return settings.each({path.stem: partial(_mapping, path) for path in paths})


def _mapping(path: Path) -> Mapping:
    return settings.checked(Mapping, settings.load_yaml(path), path)


def recognise(path: Path | str) -> str | None:
    """The mapping whose headers the file has, the one with the most; None when there is none."""
    try:
        head = set(_table(Path(path), rows=0))
    except SourceError:
        return None
    fits = {name: len(each.headers()) for name, each in mappings().items() if each.headers() <= head}
    return max(fits, key=fits.get) if fits else None


def _table(path: Path, rows: int | None = None) -> pd.DataFrame:
    """The file's cells as text, gzipped or not."""
    text = _unpacked(path) if path.suffix == ".gz" else read_text(path)[0]
    if len(text) > _LARGEST:
        raise SourceError(f"{path.name}: expected at most {_LARGEST // 10**6} million characters; split the file")
    head = text.partition("\n")[0]
    said = dict(dtype=str, keep_default_na=False, nrows=rows, sep=max(",;\t", key=head.count), index_col=False)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)  # rows longer than the header would lose their end
            return pd.read_csv(io.StringIO(text), **said).rename(columns=str.strip)
    except (ValueError, pd.errors.ParserWarning) as error:
        raise SourceError(f"{path.name}: expected rows of as many cells as the header, found others: {error}") from None


def _unpacked(path: Path) -> str:
    try:
        with gzip.open(path, "rt", encoding="utf-8-sig", newline="") as file:
            return file.read(_LARGEST + 1)
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise SourceError(f"{path.name}: expected gzipped text in UTF-8, found something else: {error}") from None


def read(path: Path | str, *, borrower: str | None = None, currency: str | None = None, **_: str | None) -> Intake:
    """Read an account statement into `transactions`; refusals name row, column, what was found and expected."""
    path = Path(path)
    name = recognise(path)
    if not name:
        known = "; ".join(f"{key}: {', '.join(sorted(each.headers()))}" for key, each in mappings().items())
        raise SourceError(f"{path.name}: expected the headers of a mapping in params/accounts/flows ({known})")
    mapping, cells = mappings()[name], _table(path)
    if not mapping.borrower and not borrower:
        raise SourceError(f"{path.name}: whose account is it? give the borrower with --borrower CODE")
    rows, bad = _rows(cells, mapping, path.name)
    rows["borrower_id"] = mapping.borrower.prefix + cells[mapping.borrower.column] if mapping.borrower else borrower
    rows["currency"] = rows.get("currency", pd.Series("", index=rows.index)).replace("", currency or mapping.currency)
    rows["source"] = [f"{path.name} · row {number}" for number in range(2, len(rows) + 2)]
    rows["transaction_id"] = _numbers(rows)
    tables = {"transactions": rows.drop(index=bad["row"] - 2)}
    if mapping.borrower and mapping.borrower.new:
        tables["borrowers"] = pd.DataFrame({"borrower_id": rows["borrower_id"].unique()})
    refusals = bad.assign(file=path.name, sheet=None)[REFUSAL_COLUMNS]
    return Intake(path.name, f"account statement ({name})", tables, len(rows), refusals)


def _rows(cells: pd.DataFrame, mapping: Mapping, file: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Our columns of every row, and what cannot be read: row, column, found, expected."""
    rows, bad = cells[[*mapping.columns.values()]].set_axis([*mapping.columns], axis=1), []

    def parsed(header: str, parse, expected: str, needed: bool = True) -> pd.Series:
        told = {text: _parsed(text, parse) for text in cells[header].unique()}
        wrong = {text for text, value in told.items() if value is _WRONG or (needed and value is None)}
        off = cells.index[cells[header].isin(wrong)]
        bad.extend((place + 2, header, cells.at[place, header], expected) for place in off)
        return cells[header].map({text: None if text in wrong else value for text, value in told.items()})

    rows["booked_on"] = pd.to_datetime(parsed(mapping.columns["booked_on"], parse_date, "a date such as 2025-01-06"))
    if "balance" in rows:
        balance = parsed(mapping.columns["balance"], parse_amount, "a number, or nothing", needed=False)
        rows["balance"] = balance.astype(float)
    _add_amounts(rows, cells, mapping, parsed, bad)
    for name in ("channel", "counterparty_kind"):
        if words := getattr(mapping, name):
            rows[name] = cells[words.column].map(words.words).fillna(words.other)
    if "account" not in rows:
        rows["account"] = Path(file).stem
    return rows, pd.DataFrame(bad, columns=["row", "column", "found", "expected"])


_WRONG = object()


def _parsed(text: str, parse) -> object:
    try:
        return parse(text)
    except ValueError:
        return _WRONG


def _add_amounts(rows: pd.DataFrame, cells: pd.DataFrame, mapping: Mapping, parsed, bad: list[tuple]) -> None:
    """Amount (positive) and direction of every row."""
    way, number = mapping.direction, "a number such as 1234.5"
    if way.in_ and not way.column:
        sides = [
            parsed(side, parse_amount, number, needed=False).astype(float).fillna(0) for side in (way.in_, way.out)
        ]
        signed = sides[0] - sides[1]
    else:
        signed = parsed(mapping.columns["amount"], parse_amount, number).astype(float)
    if way.column:
        words = {**dict.fromkeys(way.in_, "in"), **dict.fromkeys(way.out, "out")}
        rows["direction"] = cells[way.column].map(words)
        off = cells.index[rows["direction"].isna()]
        bad.extend((at + 2, way.column, cells.at[at, way.column], f"one of {', '.join(words)}") for at in off)
        off = cells.index[signed < 0]
        header = mapping.columns["amount"]
        bad.extend((at + 2, header, cells.at[at, header], "a positive number: a column says in or out") for at in off)
    else:
        rows["direction"] = signed.gt(0).map({True: "in", False: "out"})
    rows["amount"] = signed.abs()


def _numbers(rows: pd.DataFrame) -> pd.Series:
    """The file's own numbers, or a mark of the row's content and its place among equal rows."""
    if "transaction_id" in rows and rows["transaction_id"].ne("").all():
        return rows["transaction_id"]
    parts = rows.drop(columns=["source", "transaction_id"], errors="ignore").astype(str).fillna("nan")
    content = reduce(lambda left, name: left + "|" + parts[name], parts, pd.Series("", index=rows.index))
    place = content.groupby(content).cumcount().astype(str)
    return (content + "|" + place).map(lambda text: hashlib.blake2b(text.encode(), digest_size=8).hexdigest())
