"""How each loan is being paid: what was settled when, what is overdue since when, what is owed and due next.

Payments settle the oldest unpaid instalment first, principal and interest each on their own line. Day 1 overdue is the
day after the due date. A plan that restates only what was left of a loan counts the payments made after it.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

KEY = ["borrower_id", "loan_id"]
PLAN = [*KEY, "kind", "due_on", "due", "settled_on", "days_late"]
STATE = [
    *KEY, "product", "currency", "drawn", "repaid", "balance", "principal_overdue", "interest_overdue",
    "principal_days_overdue", "interest_days_overdue", "times_late", "next_due_on", "next_due", "first_due_on",
    "gap_months", "drawn_on", "matures_on", "rate",
]  # fmt: skip
_CENT = 0.01
_YEAR = pd.Timedelta(days=365)


def instalments(side: dict[str, pd.DataFrame], as_of: str | pd.Timestamp) -> pd.DataFrame:
    """Every instalment of the newest plans by kind (principal, interest), PLAN: the day its last cent was paid (NaT:
    unpaid) and how many days late that was, or is on `as_of`; 0 where it was in time or is not yet due.

    `side` are loan tables by name as known on the day; amounts in the loan's currency.
    """
    day, kinds = pd.Timestamp(as_of), []
    paid = _counted(side, day)
    for kind in ("principal", "interest"):
        due = _plan(side)[[*KEY, "due_on", kind]].rename(columns={kind: "due"})
        kinds.append(_settled(due[due["due"] > 0], paid[[*KEY, "paid_on", kind]], kind))
    told = pd.concat(kinds, ignore_index=True)
    late = (told["settled_on"].fillna(day) - told["due_on"]).dt.days.clip(lower=0)
    told["days_late"] = late.astype("int64")
    return told.sort_values([*KEY, "due_on", "kind"], ignore_index=True)[PLAN]


def state(side: dict[str, pd.DataFrame], as_of: str | pd.Timestamp) -> pd.DataFrame:
    """One row a loan (STATE): drawn, repaid and owed, what is overdue and for how many days, the next instalment.

    `times_late`: instalments of the last year paid late or still unpaid. `next_due` is principal and interest of
    `next_due_on`, the first due date on or after the day. `gap_months`: the usual months between instalments. A loan
    without a plan owes its principal on the day it matures; what it owes in interest is not known (NaN).
    """
    day, loans = pd.Timestamp(as_of), side["loans"]
    drawn = side["drawdowns"][side["drawdowns"]["drawn_on"] <= day].groupby(KEY)
    paid = side["repayments"][side["repayments"]["paid_on"] <= day].groupby(KEY)
    told = loans[[*KEY, "product", "currency", "matures_on", "rate", "closed_on"]]
    told = told.join(drawn.agg(drawn=("amount", "sum"), drawn_on=("drawn_on", "min")), on=KEY)
    told = told.join(paid["principal"].sum().rename("repaid"), on=KEY).fillna({"drawn": 0.0, "repaid": 0.0})
    closed = told["closed_on"] <= day
    told["balance"] = (told["drawn"] - told["repaid"]).clip(lower=0).mask(closed, 0.0)
    plan = instalments(side, day)
    told = _overdue(told, plan, side, day)
    coming = plan[plan["due_on"] >= day]
    first = coming.groupby(KEY)["due_on"].min().rename("next_due_on")
    amount = coming.groupby([*KEY, "due_on"])["due"].sum().rename("next_due")
    told = told.join(first, on=KEY).join(amount, on=[*KEY, "next_due_on"])
    told = told.join(_rhythm(plan), on=KEY)
    return told.sort_values(KEY, ignore_index=True)[STATE]


def _plan(side: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """The newest plans; a loan without one is due in one piece when it matures, its interest unknown."""
    plan = side["schedule"][[*KEY, "due_on", "principal", "interest"]]
    known = pd.MultiIndex.from_frame(plan[KEY].drop_duplicates())
    bare = side["loans"][~pd.MultiIndex.from_frame(side["loans"][KEY]).isin(known)]
    drawn = side["drawdowns"].groupby(KEY)["amount"].sum().rename("principal")
    bullet = bare.join(drawn, on=KEY, how="inner").rename(columns={"matures_on": "due_on"}).assign(interest=0.0)
    parts = [part for part in (plan, bullet[[*KEY, "due_on", "principal", "interest"]]) if len(part)]
    return pd.concat(parts, ignore_index=True) if parts else plan


def _counted(side: dict[str, pd.DataFrame], day: pd.Timestamp) -> pd.DataFrame:
    """The payments that count against the newest plan: all, or those after it where it restates what was left."""
    paid = side["repayments"][side["repayments"]["paid_on"] <= day]
    if paid.empty or side["schedule"].empty:
        return paid
    plan = side["schedule"].groupby(KEY).agg(planned=("principal", "sum"), made=("known_on", "max"))
    plan = plan.join(side["drawdowns"].groupby(KEY)["amount"].sum().rename("drawn"))
    rest = (plan["planned"] - plan["drawn"]).abs() > _CENT
    made = plan["made"].where(rest).rename("restated_on")
    paid = paid.join(made, on=KEY)
    return paid[paid["restated_on"].isna() | (paid["paid_on"] > paid["restated_on"])]


def _settled(due: pd.DataFrame, paid: pd.DataFrame, kind: str) -> pd.DataFrame:
    """The day each instalment's running total was covered by the running total of payments."""
    due = due.sort_values([*KEY, "due_on"], kind="stable")
    need = due.assign(reach=due.groupby(KEY)["due"].cumsum() - _CENT, kind=kind)
    paid = paid.sort_values([*KEY, "paid_on"], kind="stable")
    have = paid.assign(reach=paid.groupby(KEY)[kind].cumsum())
    have = have.drop_duplicates([*KEY, "reach"])[[*KEY, "reach", "paid_on"]]
    if need.empty or have.empty:
        return need.assign(settled_on=pd.Series(pd.NaT, index=need.index, dtype="datetime64[us]")).drop(columns="reach")
    met = pd.merge_asof(need.sort_values("reach"), have.sort_values("reach"), on="reach", by=KEY, direction="forward")
    return met.rename(columns={"paid_on": "settled_on"}).drop(columns="reach")


def _overdue(told: pd.DataFrame, plan: pd.DataFrame, side: dict[str, pd.DataFrame], day: pd.Timestamp) -> pd.DataFrame:
    """Adds what is overdue, by kind; a loan closed or never drawn owes nothing."""
    paid, alive = _counted(side, day), told["balance"] > _CENT
    past = plan[plan["due_on"] < day]
    planned = pd.MultiIndex.from_frame(told[KEY]).isin(pd.MultiIndex.from_frame(side["schedule"][KEY]))
    for kind in ("principal", "interest"):
        mine = past[past["kind"] == kind]
        owed = mine.groupby(KEY)["due"].sum() - paid.groupby(KEY)[kind].sum().reindex(
            pd.MultiIndex.from_frame(mine[KEY].drop_duplicates()), fill_value=0.0
        )
        longest = mine[mine["settled_on"].isna()].groupby(KEY)["days_late"].max()
        told = told.join(owed.clip(lower=0).rename(f"{kind}_overdue"), on=KEY)
        told = told.join(longest.rename(f"{kind}_days_overdue"), on=KEY)
        for name in (f"{kind}_overdue", f"{kind}_days_overdue"):
            due = alive if kind == "principal" else pd.Series(True, index=told.index)
            told[name] = told[name].fillna(0.0).where(due & told["closed_on"].isna(), 0.0)
            if kind == "interest":
                told[name] = told[name].where(planned)
    recent = past[(past["due_on"] > day - _YEAR) & (past["days_late"] > 0)]
    late = recent.drop_duplicates([*KEY, "due_on"]).groupby(KEY).size().rename("times_late")
    return told.join(late, on=KEY).fillna({"times_late": 0})


def _rhythm(plan: pd.DataFrame) -> pd.DataFrame:
    """The first due date and the usual months between two, by loan."""
    days = plan.drop_duplicates([*KEY, "due_on"])
    gap = days.groupby(KEY)["due_on"].diff().dt.days / 30.44
    by = days.assign(gap=gap).groupby(KEY)
    told = by.agg(first_due_on=("due_on", "min"), gap_months=("gap", "median"))
    return told.assign(gap_months=np.round(told["gap_months"]))
