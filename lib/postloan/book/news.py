"""What of a file is news to the book: new facts, and changed ones, which become later versions of the old."""

from __future__ import annotations

import numpy as np
import pandas as pd

from postloan import tables
from postloan.loan_tables import LOAN_TABLES, columns_of

FACT_COLUMNS = [*tables.FACT_KEY, "amount", "currency", "known_on", "source"]


def of_statements(facts: pd.DataFrame, history: pd.DataFrame, today: pd.Timestamp) -> pd.DataFrame:
    """The facts that tell the book something: new keys, and amounts that differ from what it knew that day."""
    told = history[FACT_COLUMNS], tables.FACT_KEY, ["amount", "currency"]
    return _news(facts[FACT_COLUMNS], *told, today)


def of_observations(seen: pd.DataFrame, history: pd.DataFrame) -> pd.DataFrame:
    """The observations the book does not hold yet."""
    marked = seen.merge(history.drop_duplicates(), how="left", on=[*tables.SEEN_KEY, "value"], indicator=True)
    return seen[(marked["_merge"] == "left_only").to_numpy()]


def of_indices(found: pd.DataFrame, history: pd.DataFrame, today: pd.Timestamp) -> pd.DataFrame:
    """The figures of index series that are new or differ from what the book knew that day."""
    return _news(found, history, tables.INDEX_KEY, ["value", "unit"], today)


def of_loan_table(found: pd.DataFrame, history: pd.DataFrame, table: str, today: pd.Timestamp) -> pd.DataFrame:
    """The rows of a loan table that are new or differ from what the book knew that day; a blank known_on is today.

    A table kept whole (a schedule) is news whole: all rows of a key and day, when any of them differs.
    """
    about = LOAN_TABLES[table]
    key = ["borrower_id", *about.key]
    content = [name for name in columns_of(table) if name not in ("known_on", "source")]
    known = pd.to_datetime(found["known_on"].fillna(today)).astype("datetime64[us]")  # an empty table has no kinds
    found = found.assign(known_on=known)
    if not about.whole:
        return _news(found.drop_duplicates([*key, "known_on"], keep="last"), history, key, content, today)
    new = _news(_plans(found, key, content), _plans(history, key, content), key, ["mark"], today)
    plan = found.assign(was=found["known_on"]).merge(
        new[[*key, "was", "known_on"]], on=[*key, "was"], suffixes=("_", "")
    )
    return plan[[*columns_of(table)]]


def _plans(rows: pd.DataFrame, key: list[str], content: list[str]) -> pd.DataFrame:
    """One row a key and day with a mark of all its rows, whatever their order; `was` is the day as it stood."""
    marks = rows[[*key, "known_on"]].assign(mark=_marks(rows, content) >> 20)  # sums must not overflow
    plans = marks.groupby([*key, "known_on"], as_index=False)["mark"].sum()
    return plans.assign(was=plans["known_on"])


def _marks(rows: pd.DataFrame, content: list[str]) -> np.ndarray:
    return pd.util.hash_pandas_object(rows[content], index=False).to_numpy()


def _news(
    found: pd.DataFrame, history: pd.DataFrame, key: list[str], content: list[str], today: pd.Timestamp
) -> pd.DataFrame:
    new = _changes(found, history, key, content)
    if history.empty or new.empty:  # an empty table has no kinds to match
        return new
    held = history[[*key, "known_on"]].drop_duplicates()
    clash = new[[*key, "known_on"]].merge(held, how="left", indicator=True)["_merge"] == "both"
    if clash.any():  # a correction under an old date becomes known today
        moved = new.assign(known_on=new["known_on"].mask(clash.to_numpy(), today))
        new = _changes(moved, history, key, content)
    return new


def _changes(found: pd.DataFrame, history: pd.DataFrame, key: list[str], content: list[str]) -> pd.DataFrame:
    if history.empty:
        timeline = found.assign(old=False)
    else:
        timeline = pd.concat([history.assign(old=True), found.assign(old=False)], ignore_index=True)
    timeline = timeline.sort_values([*key, "known_on"], kind="stable")
    mark = pd.Series(_marks(timeline, content), index=timeline.index)
    same = mark == mark.groupby([timeline[name] for name in key], sort=False).shift(fill_value=0)
    return timeline.loc[~same & ~timeline["old"].astype(bool), [*found]].reset_index(drop=True)
