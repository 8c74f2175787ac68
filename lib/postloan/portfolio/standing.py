"""Every borrower of the book as it stands on a day, one row each, and how many stand where.

Exposure is what a borrower owes on all its loans. Without a loan in the book it is not known, which is not nil.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from postloan.analysis import collateral, servicing
from postloan.judgement import exposures
from postloan.portfolio.policy import UNKNOWN
from postloan.portfolio.screen import Judged, Known, top

STANDING = [
    "borrower_id", "name", "name_en", "industry", "region", "level", "vetoes", "signals", "new", "unjudged", "top",
    "class", "verdict", "currency", "exposure", "reason", "days_overdue", "uncovered", "period_end", "due",
    "next_review", "overdue_days", "last_as_of", "last_level", "last_class",
]  # fmt: skip
COUNTS = ["state", "borrowers", "exposure", "share", "unknown", "elsewhere", "before"]


def of(judged: Judged, borrowers: pd.DataFrame, known: Known, as_of: str, currency: str = "CNY") -> pd.DataFrame:
    """One row a borrower of the book (STANDING); `judged` is `screen.judge`, `borrowers` the book's table.

    `exposure` and `uncovered` (what collateral after haircuts does not cover) are in `currency`; NaN has a `reason`:
    no_loans, other_currency or several_currencies. A borrower without statements has the level unknown. `due` is the
    earliest deadline of a live signal; `last_*` come from the last stored review.
    """
    live = judged.warnings.live
    rows = borrowers[["borrower_id", "name", "name_en", "industry", "region"]].copy()
    told = judged.levels.drop(columns="exposure")
    rows = rows.merge(told, on="borrower_id", how="left").set_index("borrower_id", drop=False)
    rows["level"] = rows["level"].astype(object).fillna(UNKNOWN)
    rows["top"] = top(live).reindex(rows.index, fill_value="")
    rows["due"] = pd.to_datetime(live.groupby("borrower_id")["due"].min()).reindex(rows.index)
    worst = exposures.worst(judged.classed).set_index("borrower_id")
    rows["class"] = worst["suggested"].reindex(rows.index).astype(object).fillna(UNKNOWN)
    rows["verdict"] = worst["verdict"].reindex(rows.index).fillna("cannot")
    newest = judged.seen.rows.loc[judged.seen.latest].set_index("borrower_id")["period_end"]
    rows["period_end"] = newest.reindex(rows.index)
    rows = rows.join(judged.plan.set_index("borrower_id")[["next_review", "overdue_days"]])
    return _before(_owed(rows, judged.loans, known, as_of, currency), known.last)[STANDING].reset_index(drop=True)


def _owed(rows: pd.DataFrame, loans: pd.DataFrame | None, known: Known, as_of: str, currency: str) -> pd.DataFrame:
    """Adds what each owes, in which currency, how late, and what collateral leaves uncovered."""
    blank = pd.Series(np.nan, index=rows.index)
    if loans is None or loans.empty:
        return rows.assign(currency=None, exposure=blank, days_overdue=blank, uncovered=blank, reason="no_loans")
    by = loans.groupby("borrower_id")
    late = servicing.days_overdue(loans)
    rows["days_overdue"] = late.groupby(loans["borrower_id"]).max().reindex(rows.index)
    open_ = loans[loans["balance"] > 0].groupby("borrower_id")["currency"]
    kinds = open_.nunique().reindex(by.size().index, fill_value=0)
    money = open_.first().reindex(by.size().index).fillna(by["currency"].first())
    owed = by["balance"].sum().where((kinds <= 1) & (money == currency))
    rows["currency"] = money.reindex(rows.index)
    rows["exposure"] = owed.reindex(rows.index)
    several = kinds.reindex(rows.index, fill_value=0) > 1
    reason = np.select([rows["currency"].isna(), several, rows["currency"] != currency],
                       ["no_loans", "several_currencies", "other_currency"], "")  # fmt: skip
    rows["reason"] = pd.Series(reason, index=rows.index, dtype=object).replace("", None)
    held = collateral.assets(known.side, loans, as_of)
    covered = collateral.coverage(known.side, loans, held)
    whole = covered[covered["loan_id"] == ""].set_index("borrower_id")["uncovered"]
    rows["uncovered"] = whole.reindex(rows.index).where(rows["exposure"] > 0, rows["exposure"])
    return rows


def _before(rows: pd.DataFrame, last: dict[str, dict]) -> pd.DataFrame:
    """Adds the day, level and class of the last stored review."""
    kept = {name: each for name, each in last.items() if each}
    told = pd.DataFrame(
        {name: {who: each.get(key) for who, each in kept.items()} for name, key in
         (("last_as_of", "as_of"), ("last_level", "level"), ("last_class", "class"))},
        columns=["last_as_of", "last_level", "last_class"],
    )  # fmt: skip
    return rows.join(told.assign(last_as_of=pd.to_datetime(told["last_as_of"])))


def counts(standing: pd.DataFrame, column: str, states: tuple[str, ...]) -> pd.DataFrame:
    """How many borrowers stand in each state of `level` or `class` and what they owe (COUNTS), `unknown` last.

    `share` of all exposure known; `unknown` borrowers without a loan in the book, `elsewhere` those who owe in another
    currency; `before` how many stood there at their last stored review (NaN: no reviews stored).
    """
    states, by = (*states, UNKNOWN), standing.groupby(column)
    told = pd.DataFrame({"state": states}).set_index("state", drop=False)
    told["borrowers"] = by.size().reindex(told.index, fill_value=0)
    told["exposure"] = by["exposure"].sum(min_count=1).reindex(told.index)
    total = standing["exposure"].sum()
    told["share"] = told["exposure"] / total if total > 0 else np.nan
    told["unknown"] = (standing["reason"] == "no_loans").groupby(standing[column]).sum().reindex(told.index)
    other = standing["reason"].isin(["other_currency", "several_currencies"])
    told["elsewhere"] = other.groupby(standing[column]).sum().reindex(told.index)
    told = told.fillna({"unknown": 0, "elsewhere": 0})
    reviewed = standing[standing["last_as_of"].notna()]
    before = reviewed[f"last_{column}"].fillna(UNKNOWN).value_counts().reindex(told.index, fill_value=0)
    told["before"] = before if len(reviewed) else np.nan
    return told[COUNTS].reset_index(drop=True)


def moves(standing: pd.DataFrame, column: str, states: tuple[str, ...]) -> pd.DataFrame:
    """From where to where each reviewed borrower moved since its last stored review: a count a state then and now."""
    states = [*states, UNKNOWN]
    seen = standing[standing["last_as_of"].notna()]
    then, now = seen[f"last_{column}"].fillna(UNKNOWN), seen[column]
    return pd.crosstab(then, now).reindex(index=states, columns=states, fill_value=0)
