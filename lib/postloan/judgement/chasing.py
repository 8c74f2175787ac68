"""How warnings and actions are chased: how long a cleared warning is followed up, and who answers for what is late."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

import numpy as np
import pandas as pd

from postloan.judgement import monitoring
from postloan.judgement.monitoring import Plan

CHASED = ["quiet_since", "closes_on", "days_late", "steps", "answerable"]
_DAY = "datetime64[us]"


def quiet(old: Mapping, day: pd.Timestamp, *, blind: bool, plan: Plan | None = None) -> dict:
    """How a cleared warning stands on a day: quiet_since, closes_on, quiet_reviews and closed (params/monitoring.yml).

    `old` is the signal of the last review. A review at which the rule cannot be judged (`blind`) counts for nothing and
    the quiet begins anew.
    """
    rule, goes_on = (plan or monitoring.load()).close_warning, old["status"] == "cleared" and not blind
    since = pd.Timestamp(old["quiet_since"]) if goes_on else day
    reviews = 0 if blind else old["quiet_reviews"] + 1 if goes_on else 1
    closes = since + pd.DateOffset(months=rule.months)
    closed = bool(closes <= day and reviews >= rule.reviews)
    return {"quiet_since": since, "closes_on": closes, "quiet_reviews": reviews, "closed": closed}


def followed(old: Mapping) -> bool:
    """Whether a signal of the last review is still looked at: it stands, or is cleared and not closed yet.

    Records written before warnings were followed up do not say `closed`; there a cleared warning was done with.
    """
    return old["status"] != "cleared" or not old.get("closed", True)


def chased(
    actions: pd.DataFrame, last: Mapping[str, Mapping], as_of: str | dt.date, plan: Plan | None = None
) -> pd.DataFrame:
    """Open actions (borrower_id, rule, level, owner, due) with CHASED: days_late (0: in time), who answers for each now
    and how many steps up the chain that is. Actions whose warning has cleared are never late, and say until when it
    must stay quiet. `last` are the records of the last reviews by borrower."""
    rule, day = (plan or monitoring.load()).escalation, pd.Timestamp(as_of)
    calm = {
        (borrower, each["rule"]): each
        for borrower, record in last.items()
        for each in record.get("signals", [])
        if each["status"] == "cleared" and not each.get("closed", True)
    }
    keys = [*zip(actions["borrower_id"], actions["rule"], strict=True)]
    told = actions.assign(**{name: pd.to_datetime(pd.Series([calm.get(key, {}).get(name) for key in keys],
        index=actions.index, dtype=object)).astype(_DAY) for name in ("quiet_since", "closes_on")})  # fmt: skip
    late = (day - pd.to_datetime(told["due"])).dt.days.where(told["quiet_since"].isna(), 0)
    told["days_late"] = late.fillna(0).clip(lower=0).astype(int)
    pairs = zip(told["level"], told["days_late"], strict=True)
    told["steps"] = [int(np.sum(np.array(rule.days_late[level]) <= days)) for level, days in pairs]
    told["answerable"] = [_up(owner, n, rule.chain) for owner, n in zip(told["owner"], told["steps"], strict=True)]
    return told


def _up(owner: str, steps: int, chain: list[str]) -> str:
    """The owner so many steps further up; one outside the chain begins below it."""
    if not steps:
        return owner
    place = chain.index(owner) if owner in chain else -1
    return chain[min(place + steps, len(chain) - 1)]
