"""Where an hour saves most: the next step of each borrower, ranked by expected loss avoided an hour, cut at capacity.

Expected loss = PD x LGD x exposure (DOMAIN §9); every number it rests on is in params/portfolio.yml.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from postloan.judgement.early_warning import due_date
from postloan.portfolio import policy as policies
from postloan.portfolio.policy import Policy, Work

WORK = [
    "rank", "borrower_id", "level", "class", "exposure", "pd", "lgd", "expected_loss", "action", "owner", "hours",
    "saved", "saved_an_hour", "worth", "due", "late", "above", "answerable",
]  # fmt: skip


def expected_loss(standing: pd.DataFrame, policy: Policy | None = None) -> pd.DataFrame:
    """`standing` with pd (the higher of class and level), lgd and expected_loss of twelve months, in its currency.

    LGD is the unsecured share of what is uncovered, at least the least and that of the class. NaN where exposure is not
    known, or neither class nor level is.
    """
    loss = (policy or policies.load()).loss
    by_class = standing["class"].map(loss.pd_by_class).astype(float)
    rows = standing.assign(pd=np.fmax(by_class, standing["level"].map(loss.pd_by_level).astype(float)))
    open_share = (rows["uncovered"] / rows["exposure"].where(rows["exposure"] > 0)).fillna(1.0)
    least = rows["class"].map(loss.lgd_by_class).astype(float).fillna(0.0).clip(lower=loss.lgd_least)
    rows["lgd"] = np.maximum(loss.lgd_unsecured * open_share, least)
    return rows.assign(expected_loss=rows["pd"] * rows["lgd"] * rows["exposure"])


def rank(
    standing: pd.DataFrame, as_of: str, policy: Policy | None = None, *, late: pd.DataFrame | None = None
) -> pd.DataFrame:
    """The work list (WORK), most saved an hour first; `above` tells whether an owner's hours reach so far.

    Each borrower's step is the first action that fits. `saved` = expected loss x share cured; where exposure is not
    known, borrowers follow by `worth`, the share saved an hour (PD x LGD x cured / hours); equal ones by vetoes, then
    by signals. One that owes nothing is not listed. `due` is the soonest of the step's deadline, the signals' and the
    review's, where one was held; `late`: that day is past. `answerable` is whom the borrower's latest action has gone
    up to (`late` is `backlog.actions`); blank where none has.
    """
    policy = policy or policies.load()
    rows = expected_loss(standing[~(standing["exposure"] == 0)], policy)
    rows = rows.join(_steps(rows, policy.work))
    rows["saved"] = rows["expected_loss"] * rows["cured"]
    rows["saved_an_hour"] = rows["saved"] / rows["hours"]
    rows["worth"] = rows["pd"] * rows["lgd"] * rows["cured"] / rows["hours"]
    day = pd.Timestamp(as_of)
    deadline = rows["business_days"].map(lambda days: due_date(day, days))
    planned = rows["next_review"].where(rows["last_as_of"].notna())
    rows["due"] = pd.concat([deadline, rows["due"], planned], axis=1).min(axis=1)
    rows["late"] = rows["due"] < day
    order = ["saved_an_hour", "worth", "vetoes", "signals", "borrower_id"]
    rows = rows.sort_values(order, ascending=[False] * 4 + [True])
    used = rows.groupby("owner")["hours"].cumsum()
    rows["above"] = used <= rows["owner"].map(policy.work.capacity).astype(float)
    rows["answerable"] = rows["borrower_id"].map(_gone_up(late)).fillna("") if late is not None else ""
    return rows.assign(rank=np.arange(1, len(rows) + 1))[WORK].reset_index(drop=True)


def _gone_up(late: pd.DataFrame) -> pd.Series:
    """Who answers for the action of each borrower that went up most steps, the longest late of those."""
    gone = late[late["steps"] > 0].sort_values(["steps", "days_late"], ascending=False, kind="stable")
    return gone.drop_duplicates("borrower_id").set_index("borrower_id")["answerable"].astype(object)


def _steps(rows: pd.DataFrame, work: Work) -> pd.DataFrame:
    """The first action that fits each borrower."""
    fits = np.array([_fits(rows, each.when) for each in work.actions])
    first = fits.argmax(axis=0)
    table = pd.DataFrame([each.model_dump(exclude={"when"}) for each in work.actions]).rename(columns={"id": "action"})
    return table.iloc[first].set_index(rows.index)


def _fits(rows: pd.DataFrame, when: policies.When) -> np.ndarray:
    fit = np.ones(len(rows), bool)
    for name, wanted in when.model_dump(by_alias=True, exclude_none=True).items():
        fit &= rows[name].isin(wanted).to_numpy()
    return fit


def below(ranked: pd.DataFrame, policy: Policy | None = None) -> pd.DataFrame:
    """What capacity leaves undone, by owner: hours there are and asked for; steps, hours, saving (NaN: not known) and
    red borrowers below the line."""
    work = (policy or policies.load()).work
    left = ranked[~ranked["above"]]
    told = pd.DataFrame({"owner": list(work.capacity), "hours": list(work.capacity.values())}).set_index("owner")
    told["asked"] = ranked.groupby("owner")["hours"].sum()
    told["steps"] = left.groupby("owner").size()
    told["hours_below"] = left.groupby("owner")["hours"].sum()
    told["saved_below"] = left.groupby("owner")["saved"].sum(min_count=1)
    told["red_below"] = (left["level"] == "red").groupby(left["owner"]).sum()
    return told.fillna({"asked": 0, "steps": 0, "hours_below": 0, "red_below": 0}).reset_index()
