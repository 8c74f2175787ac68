"""What should have happened and did not: reviews past their day, promises broken, actions past due."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from postloan.analysis import talks
from postloan.judgement import chasing

REVIEWS = ["borrower_id", "level", "class", "next_review", "overdue_days", "last_as_of"]
PROMISES = ["borrower_id", "promise", "amount", "promised_on", "due_on", "days_late", "state"]
ACTIONS = ["borrower_id", "rule", "level", "owner", "opened_on", "due", "days_late", "steps", "answerable"]


def reviews(standing: pd.DataFrame) -> pd.DataFrame:
    """Borrowers whose review is past its day (REVIEWS), the longest first; only those with a stored review to count
    from: how many have none is `unreviewed`."""
    late = standing[standing["last_as_of"].notna() & (standing["overdue_days"] > 0)]
    return late.sort_values(["overdue_days", "borrower_id"], ascending=[False, True], ignore_index=True)[REVIEWS]


def unreviewed(standing: pd.DataFrame) -> int:
    """Borrowers with no review stored, whose next one cannot be counted from the last."""
    return int(standing["last_as_of"].isna().sum())


def promises(commitments: pd.DataFrame, as_of: str) -> pd.DataFrame:
    """Promises not kept by their day (PROMISES), broken or kept late within the days params/contacts.yml looks back,
    the largest first; amounts as given."""
    told = talks.promises(commitments, as_of)
    since = pd.Timestamp(as_of) - pd.Timedelta(days=talks.load().promise_lookback_days)
    kept = told[told["state"].isin(["broken", "late"]) & (told["due_on"] >= since)]
    until = kept["settled_on"].where(kept["state"] == "late").fillna(pd.Timestamp(as_of))
    kept = kept.assign(days_late=(until - kept["due_on"]).dt.days.clip(lower=0))
    order = ["state", "amount", "days_late"]
    return kept.sort_values(order, ascending=[True, False, False], ignore_index=True)[PROMISES]


def actions(open_actions: pd.DataFrame, as_of: str, last: Mapping[str, Mapping] | None = None) -> pd.DataFrame:
    """Open actions past their day and who answers for them now (ACTIONS), the longest first; `open_actions` is the
    book's table, `last` the records of the last reviews: what has cleared since is not late."""
    told = chasing.chased(open_actions, last or {}, as_of)
    late = told[told["days_late"] > 0]
    return late.sort_values(["days_late", "borrower_id"], ascending=[False, True], ignore_index=True)[ACTIONS]
