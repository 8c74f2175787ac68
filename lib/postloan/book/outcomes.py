"""Public data with known outcomes: firms' statements and what became of them (params/outcomes says which column is
what). Nothing of it enters a book."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from pydantic import Field, model_validator

from postloan import chart, settings
from postloan.errors import SourceError
from postloan.strict import Strict
from postloan.whole_files import digest


class Events(Strict):
    """The file of dated events beside the rows, and its column of dates."""

    file: str
    day: str


class Layout(Strict):
    """One layout of a data set: where borrower, period, items and outcome stand."""

    kind: Literal["csv", "folder"]
    currency: str = Field(pattern=r"^[A-Z]{3}$")
    unit: float = Field(gt=0)
    rows: str | None = None
    borrower: str
    year: str | None = None
    day: str | None = None
    months: Literal[3, 12]
    known_days: int = Field(ge=0)
    failed: str | None = None
    events: Events | None = None
    horizon_months: int = Field(gt=0)
    judged: Literal["last", "all"]
    items: dict[str, str] = Field(min_length=1)

    @model_validator(mode="after")
    def _whole(self) -> Layout:
        if bool(self.year) == bool(self.day):
            raise ValueError("expected one of year, day")
        if bool(self.failed) == bool(self.events):
            raise ValueError("expected one of failed, events")
        if (self.kind == "folder") != bool(self.rows and self.events):
            raise ValueError("a folder needs rows and events, a csv neither")
        if unknown := sorted({*self.items} - {*chart.items()}):
            raise ValueError(f"items: not in the chart of accounts: {unknown}")
        return self

    @property
    def keys(self) -> list[str]:
        """The columns that the rows must have; of the items some may lack."""
        return [name for name in (self.borrower, self.year, self.day, self.failed) if name]


@dataclass(frozen=True)
class Outcomes:
    """Statements (the `statements` table), `events` (borrower_id, event_on; a firm without a row had none), how many
    months ahead an event is looked for, whether a firm is judged on its last row or on all, and which columns of items
    the source `lacks`."""

    name: str
    statements: pd.DataFrame
    events: pd.DataFrame
    horizon_months: int
    judged: str
    currency: str
    lacks: list[str]


def read(path: Path) -> Outcomes:
    """A data set of a known layout; SourceError says what is missing, double or not a number, and where.

    Columns of items may lack: what needs them has no value.
    """
    path = Path(path)
    if not path.exists():
        raise SourceError(f"{path}: no such file or folder")
    layout = _layout(path)
    rows = _rows(path, layout)
    rows = rows.assign(borrower_id=rows[layout.borrower].astype(str), period_end=_ends(rows, layout, path))
    _no_doubles(rows, layout, path)
    events = _failed(rows, layout, path) if layout.failed else _dated(path, layout)
    facts = _facts(rows, layout, path)
    name = path.name if path.is_dir() else f"{path.absolute().parent.name}/{path.name}"
    lacks = [column for column in layout.items.values() if column not in rows]
    return Outcomes(name, facts, events, layout.horizon_months, layout.judged, layout.currency, lacks)


def fingerprint(*paths: str) -> str:
    """SHA-256 over the contents of data sets; a path may be empty."""
    return hashlib.sha256("".join(digest(Path(each)) for each in paths if each).encode()).hexdigest()


def layouts() -> dict[str, Layout]:
    """Every layout of params/outcomes by name."""
    files = sorted(settings.params("outcomes").glob("*.yml"))
    return settings.each({file.stem: partial(_layout_of, file) for file in files})


def _layout_of(file: Path) -> Layout:
    return settings.checked(Layout, settings.load_yaml(file), file)


def _layout(path: Path) -> Layout:
    """The layout whose borrower and period columns the data have."""
    known = layouts()
    if path.is_dir():
        found = [each for each in known.values() if each.kind == "folder" and (path / each.rows).is_file()]
        told = ", ".join(each.rows for each in known.values() if each.rows)
        headers = sorted(each.name for each in path.iterdir())
    else:
        headers = [*_csv(path, nrows=0).columns]
        found = [each for each in known.values() if each.kind == "csv" and each.borrower in headers]
        told = ", ".join(f"{name} ({each.borrower})" for name, each in known.items() if each.kind == "csv")
    if not found:
        raise SourceError(f"{path}: no layout of params/outcomes fits: expected {told}; found {headers[:12]}")
    return found[0]


def _csv(path: Path, **said: object) -> pd.DataFrame:
    try:
        return pd.read_csv(path, dtype=str, keep_default_na=False, **said)
    except (ValueError, OSError) as error:
        raise SourceError(f"{path}: cannot be read as CSV: {error}") from None


def _rows(path: Path, layout: Layout) -> pd.DataFrame:
    file = path / layout.rows if layout.kind == "folder" else path
    try:
        rows = pd.read_parquet(file) if file.suffix == ".parquet" else _csv(file)
    except (ImportError, ValueError, OSError) as error:
        raise SourceError(f"{file}: cannot be read as Parquet: {error}") from None
    if missing := [name for name in layout.keys if name not in rows]:
        raise SourceError(f"{file}: missing columns {missing}; found {[*rows.columns]}")
    if not set(layout.items.values()) & {*rows}:
        raise SourceError(f"{file}: none of the columns {[*layout.items.values()]}; found {[*rows.columns]}")
    if rows.empty:
        raise SourceError(f"{file}: no rows")
    return rows.reset_index(drop=True)


def _numbers(values: pd.Series, path: Path, column: str) -> pd.Series:
    """A column as numbers, blanks missing; SourceError names the first cell that is neither."""
    found = pd.to_numeric(values.replace("", np.nan), errors="coerce")
    blank = values.isna() | (values.astype(str).str.strip() == "")
    bad = (found.isna() & ~blank) | np.isinf(found)
    if bad.any():
        at = bad.idxmax()
        raise SourceError(f"{path}: row {at + 2}, {column}: expected a number, found {values[at]!r}")
    return found


def _ends(rows: pd.DataFrame, layout: Layout, path: Path) -> pd.Series:
    if layout.day:
        return pd.to_datetime(rows[layout.day]).astype("datetime64[us]")
    years = _numbers(rows[layout.year], path, layout.year)
    if (bad := ~years.between(1900, 2200)).any():
        at = bad.idxmax()
        raise SourceError(f"{path}: row {at + 2}, {layout.year}: expected a year, found {rows[layout.year][at]!r}")
    return pd.to_datetime(years.astype(int).astype(str) + "-12-31").astype("datetime64[us]")


def _no_doubles(rows: pd.DataFrame, layout: Layout, path: Path) -> None:
    twice = rows.duplicated(["borrower_id", "period_end"], keep=False)
    if twice.any():
        first = rows[twice].iloc[0]
        raise SourceError(
            f"{path}: {int(twice.sum())} rows give the same {layout.borrower} and period more than once, first "
            f"{first['borrower_id']} {first['period_end']:%Y-%m-%d}; a firm has one row a period"
        )


def _failed(rows: pd.DataFrame, layout: Layout, path: Path) -> pd.DataFrame:
    """The event of each firm marked failed: within the year after its last row, so at that year's end at the latest."""
    marks = _numbers(rows[layout.failed], path, layout.failed)
    if not marks.isin([0, 1]).all():
        at = (~marks.isin([0, 1])).idxmax()
        raise SourceError(f"{path}: row {at + 2}, {layout.failed}: expected 0 or 1, found {rows[layout.failed][at]!r}")
    by = marks.groupby(rows["borrower_id"])
    if (torn := by.nunique() > 1).any():
        raise SourceError(f"{path}: {layout.failed} is both 0 and 1 for {torn.idxmax()}; it belongs to the firm")
    last = rows.groupby("borrower_id")["period_end"].max()[by.max() == 1]
    event_on = last + pd.DateOffset(months=layout.horizon_months)
    return pd.DataFrame({"borrower_id": last.index.to_numpy(), "event_on": event_on.to_numpy("datetime64[us]")})


def _dated(path: Path, layout: Layout) -> pd.DataFrame:
    file = path / layout.events.file
    if not file.is_file():
        raise SourceError(f"{file}: no such file; the rows need their events beside them")
    listed = _csv(file)
    if missing := [name for name in (layout.borrower, layout.events.day) if name not in listed]:
        raise SourceError(f"{file}: missing columns {missing}; found {[*listed.columns]}")
    event_on = pd.to_datetime(listed[layout.events.day]).astype("datetime64[us]")
    return pd.DataFrame({"borrower_id": listed[layout.borrower], "event_on": event_on})


def _facts(rows: pd.DataFrame, layout: Layout, path: Path) -> pd.DataFrame:
    """The rows as statement facts, one a figure; totals the source lacks follow from the chart's identities."""
    given = {
        item: _numbers(rows[column], path, column) * layout.unit
        for item, column in layout.items.items()
        if column in rows
    }
    wide, derived = chart.derive(pd.DataFrame(given))
    stocks, parts = chart.stocks(), []
    for item, amount in wide.items():
        months = 0 if item in stocks else layout.months
        part = rows[["borrower_id", "period_end"]].assign(months=months, item=item, amount=amount, derived=False)
        for name, _, filled in derived:
            if name == item:
                part.loc[part.index[filled], "derived"] = True
        parts.append(part[amount.notna()])
    facts = pd.concat(parts, ignore_index=True)
    known = facts["period_end"] + pd.Timedelta(days=layout.known_days)
    return facts.assign(currency=layout.currency, known_on=known, source=path.name)
