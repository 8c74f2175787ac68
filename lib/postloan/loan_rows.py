"""The rows of the loan tables (`loan_tables.LOAN_TABLES`): each column of its kind, and of all versions the newest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

import numpy as np
import pandas as pd
import pandera.pandas as pa

from postloan.errors import ContractError
from postloan.loan_tables import LOAN_TABLES, Column, columns_of
from postloan.tables import validated

_COUNTED = ("amount", "count", "flag")  # kinds that are never below 0


def empty(table: str) -> pd.DataFrame:
    """A loan table without rows, each column of its kind."""
    return _empty(table).copy()


@cache
def _empty(table: str) -> pd.DataFrame:
    return pd.DataFrame({name: pd.Series(dtype=_dtype(column)) for name, column in columns_of(table).items()})


def checked(frame: pd.DataFrame | Mapping[str, Sequence], table: str) -> pd.DataFrame:
    """A table (or its columns by name) with every column of the loan table, each of its kind; ContractError lists every
    failure.

    Absent optional columns are blank; a blank `known_on` is the day the table says (`known_by`), and stays blank where
    there is none.
    """
    about, columns = LOAN_TABLES[table], columns_of(table)
    given = {name: getattr(cells, "array", cells) for name, cells in frame.items()}
    if unknown := [name for name in given if name not in columns]:
        raise ContractError(f"{table}: unknown columns {unknown}; known: {', '.join(columns)}")
    if missing := [name for name, column in columns.items() if column.required and name not in given]:
        raise ContractError(f"{table}: missing columns {missing}; found {list(given)}")
    if not (count := len(given["borrower_id"])):
        return empty(table)
    rows = {name: given.get(name, np.full(count, np.nan)) for name in columns}
    rows |= {name: _days(rows[name], f"{table}: {name}") for name, each in columns.items() if each.kind == "day"}
    if about.known_by:
        rows["known_on"] = np.where(np.isnat(rows["known_on"]), rows[about.known_by], rows["known_on"])
    if (fit := _fitting(rows, columns)) is not None:
        return fit
    kinds = {name: _dtype(column) for name, column in columns.items()}
    return validated(pd.DataFrame(rows), table, _schema(table)).astype(kinds)


def _days(cells: Sequence, where: str) -> np.ndarray:
    if getattr(cells, "dtype", None) == "datetime64[us]":
        return np.asarray(cells)
    try:
        return pd.to_datetime(pd.Series(cells)).astype("datetime64[us]").to_numpy()
    except (ValueError, TypeError) as error:
        raise ContractError(f"{where}: expected days such as 2025-01-06: {error}") from None


def _fitting(rows: dict[str, Sequence], columns: dict[str, Column]) -> pd.DataFrame | None:
    """The rows, each column of its kind, if no needed cell is blank, none but the allowed words stand and no count is
    negative; else None.

    A report reads dozens of tables, and a whole schema takes fifty times as long as this; what that is worth are its
    words for what is wrong.
    """
    try:
        typed = {name: pd.Series(cells, dtype=_dtype(columns[name])).array for name, cells in rows.items()}
    except (ValueError, TypeError):
        return None
    return pd.DataFrame(typed) if all(_fits(cells, columns[name]) for name, cells in typed.items()) else None


def _fits(cells: pd.api.extensions.ExtensionArray, column: Column) -> bool:
    if column.required and cells.isna().any():
        return False
    if words := _choices(column):
        return set(cells.dropna().unique()) <= set(words)
    return column.kind not in _COUNTED or not (cells < 0).any()


def newest(rows: pd.DataFrame, table: str) -> pd.DataFrame:
    """Of all versions, oldest first, the newest of each key; of a table kept whole the newest whole."""
    about = LOAN_TABLES[table]
    key = ["borrower_id", *about.key]
    if rows.empty:
        return rows.reset_index(drop=True)
    if about.whole:
        rows = rows[rows["known_on"] == rows.groupby(key)["known_on"].transform("max")]
        return rows.sort_values([*key, "due_on"], kind="stable", ignore_index=True)
    return rows.drop_duplicates(key, keep="last").sort_values(key, kind="stable", ignore_index=True)


def _dtype(column: Column) -> str:
    return {"day": "datetime64[us]", "text": "str"}.get(column.kind, "str" if _choices(column) else "float64")


def _choices(column: Column) -> tuple[str, ...]:
    return column.kind if isinstance(column.kind, tuple) else ()


@cache
def _schema(table: str) -> pa.DataFrameSchema:
    parts = {}
    for name, column in columns_of(table).items():
        checks = [pa.Check.isin(_choices(column))] if _choices(column) else []
        checks += [pa.Check.ge(0)] if column.kind in _COUNTED else []
        parts[name] = pa.Column(
            None if column.kind == "day" else _dtype(column),
            checks,
            nullable=not column.required,
            coerce=column.kind != "day",
        )
    return pa.DataFrameSchema(parts, strict=True)
