"""When loans first fall overdue, by months on book: Kaplan-Meier curves of each cohort, censored where the book ends.

A loan repaid, or young, has not shown that it will never be late; its months count for as long as they were seen.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from statsmodels.duration.survfunc import SurvfuncRight

from postloan.analysis import servicing
from postloan.portfolio import policy as policies
from postloan.portfolio.policy import Policy

KEY = servicing.KEY
LIVES = [*KEY, "drawn_on", "cohort", "drawn", "currency", "ended_on", "late_on", "months", "event"]
CURVE = ["cohort", "month", "share", "at_risk"]
_MONTH = 365.25 / 12


def lives(side: dict[str, pd.DataFrame], as_of: str | pd.Timestamp, days: int) -> pd.DataFrame:
    """Every loan drawn (LIVES): the day it was first overdue for more than `days`, or how long it was seen without.

    `side` are the loan tables by name, with every version of the schedules as `plans`. A missed payment counts under
    the plan in force then, also where a later plan restated it. `months` run from the first drawdown to the event
    (`event` 1), else to the last payment of a loan that ended, or the day. A lateness is an event on the day it
    exceeds `days`.
    """
    day = pd.Timestamp(as_of)
    state = servicing.state(side, day)
    rows = state.loc[state["drawn"] > 0, [*KEY, "drawn_on", "drawn", "currency", "balance"]]
    paid = side["repayments"][side["repayments"]["paid_on"] <= day].groupby(KEY)["paid_on"].max().rename("ended_on")
    rows = rows.join(paid, on=KEY)
    rows["ended_on"] = rows["ended_on"].where(rows["balance"] <= 0)
    rows = rows.join(_first_late(side, day, days), on=KEY)
    end = rows["late_on"].fillna(rows["ended_on"]).fillna(day)
    rows["months"] = (end - rows["drawn_on"]).dt.days / _MONTH
    rows["event"] = rows["late_on"].notna().astype(int)
    rows["cohort"] = rows["drawn_on"].dt.to_period("Q").astype(str)
    return rows.sort_values(["drawn_on", *KEY], ignore_index=True)[LIVES]


def _first_late(side: dict[str, pd.DataFrame], day: pd.Timestamp, days: int) -> pd.Series:
    """The first day each loan was overdue for more than `days` under the plan in force on that day."""
    plans = side.get("plans", side["schedule"])
    made = plans[[*KEY, "known_on"]].drop_duplicates().sort_values([*KEY, "known_on"])
    made["turn"] = made.groupby(KEY).cumcount()
    made["until"] = made.groupby(KEY)["known_on"].shift(-1)
    found = []
    for turn in range(int(made["turn"].max()) + 1 if len(made) else 1):
        now = made[made["turn"] == turn]
        mine = plans.merge(now[[*KEY, "known_on"]], on=[*KEY, "known_on"])
        planned = pd.MultiIndex.from_frame(side["loans"][KEY]).isin(pd.MultiIndex.from_frame(now[KEY]))
        none = ~pd.MultiIndex.from_frame(side["loans"][KEY]).isin(pd.MultiIndex.from_frame(made[KEY]))
        loans = side["loans"][planned | (none & (turn == 0))]
        told = servicing.instalments({**side, "loans": loans, "schedule": mine}, day)
        told = told.merge(now[[*KEY, "until"]], on=KEY, how="left")
        late = told["due_on"] + pd.Timedelta(days=days + 1)
        missed = (told["settled_on"].isna() | (told["settled_on"] >= late)) & (late <= told["until"].fillna(day))
        found.append(told.assign(late_on=late)[missed])
    return pd.concat(found).groupby(KEY)["late_on"].min()


def curves(lived: pd.DataFrame, by: pd.Series | str = "cohort", policy: Policy | None = None) -> pd.DataFrame:
    """The Kaplan-Meier share of each cohort that has been late by each month of an event or censoring (CURVE).

    `by` names the column, or gives the cohort of each loan. Cohorts of fewer loans than params ask for have no curve.
    `at_risk` loans are still followed at that month; a curve ends where its last loan does.
    """
    fewest = (policy or policies.load()).vintage.fewest
    parts = [_curve(part, name, fewest) for name, part in lived.groupby(by) if len(part) >= fewest]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=CURVE)


def _curve(part: pd.DataFrame, cohort: str, fewest: int) -> pd.DataFrame:
    found = SurvfuncRight(part["months"].to_numpy(), part["event"].to_numpy())
    seen = np.sort(part["months"].to_numpy())[::-1]
    ends = [seen[fewest - 1], seen[0]]  # the last month with as many loans, and the last of all
    steps = pd.Series(1 - found.surv_prob, index=found.surv_times)
    months = np.unique([0.0, *found.surv_times, *ends])
    share = steps.reindex(months, method="ffill").fillna(0.0).to_numpy()
    at_risk = [(part["months"] >= month).sum() for month in months]
    return pd.DataFrame({"cohort": cohort, "month": months, "share": share, "at_risk": at_risk})


def table(lived: pd.DataFrame, policy: Policy | None = None) -> pd.DataFrame:
    """A row a drawdown quarter: cohort, loans, drawn, events, longest (months seen), and the share late by each of the
    months in params (`m6` ...), NaN where no loan was followed so long or the cohort is too small (`few`)."""
    told = policy or policies.load()
    by = lived.groupby("cohort")
    rows = by.agg(loans=("loan_id", "size"), drawn=("drawn", "sum"), events=("event", "sum"), longest=("months", "max"))
    made = curves(lived, policy=told)
    for month in told.vintage.months:
        reached = made[made["month"] <= month].groupby("cohort")["share"].max()
        rows[f"m{month}"] = reached.reindex(rows.index).where(rows["longest"] >= month)
    return rows.assign(few=rows["loans"] < told.vintage.fewest).reset_index()
