"""The tables that pass between rooms: columns, keys, units and checks.

Long form, one fact a row. Amounts are in the currency's basic unit (元, $), never in 万元 or millions.
`check` is called at the door of each room and lists every failure, not the first only.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import pandas as pd
import pandera.pandas as pa
from pandera.errors import SchemaErrors

from postloan.errors import ContractError

FACT_KEY = ["borrower_id", "period_end", "months", "item"]
SEEN_KEY = ["borrower_id", "metric", "observed_on", "known_on"]
INDEX_KEY = ["series", "period_end"]
SEEN = ["borrower_id", "metric", "value", "observed_on", "source"]  # what rules see besides statements
CLASSES = ("normal", "special_mention", "substandard", "doubtful", "loss")  # the five classes, best first
LEVELS = ("none", "yellow", "orange", "red")  # warning levels, lowest first
OURS = "monitoring"  # the group of signals on the bank's own lateness: followed up, but no part of a client's level

_text = pa.Column(str, nullable=False)
_note = pa.Column(nullable=True, required=False)
_day = pa.Column("datetime64[us]", nullable=False, coerce=True)

SCHEMAS = {
    "borrowers": pa.DataFrameSchema(
        {
            "borrower_id": pa.Column(str, pa.Check.str_length(1, 64), unique=True),
            "name": _note,
            "name_en": _note,
            "industry": _note,
            "region": _note,
            "currency": pa.Column(None, pa.Check.str_matches(r"^[A-Z]{3}$"), nullable=True, required=False),
            "credit_code": _note,
            "first_drawdown": pa.Column("datetime64[us]", nullable=True, coerce=True, required=False),
            "synthetic": pa.Column(bool, coerce=True, required=False),
        },
        strict=True,
    ),
    "statements": pa.DataFrameSchema(
        {
            "borrower_id": _text,
            "period_end": _day,
            "months": pa.Column(int, pa.Check.isin([0, 3, 6, 9, 12]), coerce=True),
            "item": _text,
            "amount": pa.Column(float, nullable=False, coerce=True),
            "currency": pa.Column(str, pa.Check.str_matches(r"^[A-Z]{3}$")),
            "known_on": _day,
            "source": _text,
            "derived": pa.Column(bool, coerce=True, required=False),
        },
        strict=True,
    ),
    "observations": pa.DataFrameSchema(
        {
            "borrower_id": _text,
            "metric": _text,
            "value": pa.Column(float, nullable=False),
            "observed_on": _day,
            "known_on": _day,
            "source": _text,
        },
        strict=True,
        coerce=True,
    ),
    "indices": pa.DataFrameSchema(
        {
            "series": _text,
            "period_end": _day,
            "value": pa.Column(float, nullable=False, coerce=True),
            "unit": _text,
            "known_on": _day,
            "source": _text,
        },
        strict=True,
    ),
    "ratios": pa.DataFrameSchema(
        {
            "borrower_id": _text,
            "period_end": _day,
            "ratio": _text,
            "value": pa.Column(float, nullable=True),
            "reason": pa.Column(nullable=True),
        },
        strict=True,
    ),
}


def check(frame: pd.DataFrame, table: str) -> pd.DataFrame:
    """Return `frame` coerced to the contract of `table`; ContractError lists every failure."""
    missing = [name for name, column in SCHEMAS[table].columns.items() if column.required and name not in frame]
    if missing:
        raise ContractError(f"{table}: missing columns {missing}; found {list(frame.columns)}")
    fit = _fit(frame, SCHEMAS[table].columns)
    return validated(frame, table, SCHEMAS[table]) if fit is None else fit


def columns_of(frame: pd.DataFrame, table: str, columns: dict[str, pa.Column]) -> pd.DataFrame:
    """These columns of a frame, absent ones blank, of their kinds; ContractError lists every failure."""
    rows = frame.reset_index(drop=True).reindex(columns=[*columns])
    fit = _fit(rows, columns)
    return validated(rows, table, pa.DataFrameSchema(columns)) if fit is None else fit


def _fit(frame: pd.DataFrame, columns: dict[str, pa.Column]) -> pd.DataFrame | None:
    """The frame, each column of its kind, where that is all there is to do; else None.

    Most frames are our own and as they should be: this says so many times faster than a schema, whose worth are its
    words for what is wrong.
    """
    if not set(frame) <= set(columns):
        return None
    kinds = {name: columns[name].dtype.type for name in frame if columns[name].coerce}
    if any(kinds[name].kind == "M" and frame[name].dtype == bool for name in kinds):  # yes and no are no days
        return None
    try:
        typed = frame.astype(kinds)
    except (ValueError, TypeError):
        return None
    blank = {name for name in frame.columns[frame.isna().all()] if name in kinds and columns[name].nullable}
    return typed if all(_stands(typed[name], columns[name]) for name in typed if name not in blank) else None


def _stands(cells: pd.Series, column: pa.Column) -> bool:
    if column.dtype and cells.dtype != column.dtype.type:
        return False
    if (cells.hasnans and not column.nullable) or (column.unique and not cells.is_unique):
        return False
    told = cells.dropna().drop_duplicates() if column.checks else cells
    return all(check(told).check_passed for check in column.checks)


def validated(frame: pd.DataFrame, table: str, schema: pa.DataFrameSchema) -> pd.DataFrame:
    """The frame as the schema coerces it; ContractError lists every failure."""
    try:
        return schema.validate(frame, lazy=True)
    except SchemaErrors as errors:
        cases = errors.failure_cases[["column", "check", "failure_case", "index"]].head(20)
        raise ContractError(f"{table}: {len(errors.failure_cases)} failures\n{cases.to_string(index=False)}") from None


REFUSAL_COLUMNS = ["file", "sheet", "row", "column", "found", "expected"]


@dataclass
class Intake:
    """What a reader made of one file, before anything is written.

    `tables` maps a table name to its frame; `refusals` has REFUSAL_COLUMNS, one row per refused cell or
    row; `unmapped` counts captions without a place in the chart; `notes` are remarks for the officer.
    `read` counts the figures met in the file.
    """

    file: str
    kind: str
    tables: dict[str, pd.DataFrame]
    read: int
    refusals: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=REFUSAL_COLUMNS))
    unmapped: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def statement_flags(
    statements: pd.DataFrame, *, newest: int | None = None, tolerance: float = 1e-4, jump: float = 1e4
) -> pd.DataFrame:
    """Figures that cannot stand as they are: kept, but flagged wherever they are shown.

    `unbalanced`: total assets differ from liabilities plus equity by more than max(1 unit, tolerance × assets).
    `unit_jump`: an item is `jump` times (within a factor of 3) its neighbour in time, as when 万元 is taken
    for 元. `newest` keeps flags on each borrower's newest so many periods.
    Returns borrower_id, period_end, flag, item, found, expected (amounts in the basic unit).
    """
    columns = ["borrower_id", "period_end", "flag", "item", "found", "expected"]
    index = ["borrower_id", "months", "period_end"]
    wide = statements.pivot_table(index=index, columns="item", values="amount", aggfunc="last")
    found = [_unbalanced(wide, tolerance), _unit_jumps(wide, jump)]
    flags = [frame for frame in found if len(frame)]
    if not flags:
        return pd.DataFrame(columns=columns)
    flagged = pd.concat(flags)[columns].sort_values(columns[:3]).reset_index(drop=True)
    return flagged if newest is None else flagged.merge(_newest(statements, newest))


def _newest(statements: pd.DataFrame, count: int) -> pd.DataFrame:
    periods = statements[["borrower_id", "period_end"]].drop_duplicates()
    return periods[periods.groupby("borrower_id")["period_end"].rank(ascending=False) <= count]


def _unbalanced(wide: pd.DataFrame, tolerance: float) -> pd.DataFrame:
    if not {"total_assets", "total_liabilities", "equity"} <= set(wide):
        return pd.DataFrame()
    expected = wide["total_liabilities"] + wide["equity"]
    bad = (wide["total_assets"] - expected).abs() > (tolerance * wide["total_assets"].abs()).clip(lower=1)
    rows = wide.index[bad].to_frame(index=False)
    found = wide.loc[bad, "total_assets"].to_numpy()
    return rows.assign(flag="unbalanced", item="total_assets", found=found, expected=expected[bad].to_numpy())


def _unit_jumps(wide: pd.DataFrame, jump: float) -> pd.DataFrame:
    sized = ["total_assets", "current_assets", "total_liabilities", "revenue", "operating_cost"]
    checked = wide[[item for item in sized if item in wide]]
    before = checked.groupby(level=["borrower_id", "months"]).shift()
    step = (checked / before.where(before > 0)).where(checked > 0)
    off = step.gt(jump / 3) & step.lt(jump * 3) | step.gt(1 / (jump * 3)) & step.lt(3 / jump)
    if not off.to_numpy().any():
        return pd.DataFrame()
    cells = pd.DataFrame({"found": checked[off].stack(), "expected": before[off].stack()}).reset_index()
    return cells.dropna().rename(columns={"level_3": "item"}).assign(flag="unit_jump")
