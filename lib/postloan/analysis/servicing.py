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
    "gap_months", "drawn_on", "matures_on", "rate", "replanned_on", "eased", "late_then", "missed_on", "cleared_on",
]  # fmt: skip
_CENT = 0.01
_YEAR = pd.Timedelta(days=365)


def days_overdue(loans: pd.DataFrame) -> pd.Series:
    """How many days each loan (`state`) is overdue, by principal or interest, whichever is longer."""
    return loans[["principal_days_overdue", "interest_days_overdue"]].max(axis=1)


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

    `replanned_on`: the day the newest plan replaced another (`side["plans"]` holds all versions), `eased`: whether it
    asks for less in the year that follows or runs longer, `late_then`: days overdue by the old plan on that day;
    `missed_on`: the newest due date that was missed; `cleared_on`: the day the last arrears were paid, where none are
    left.
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
    told = _changed(told, plan, side, day)
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


def _changed(told: pd.DataFrame, plan: pd.DataFrame, side: dict[str, pd.DataFrame], day: pd.Timestamp) -> pd.DataFrame:
    """Adds when and how the plan was replaced, and what was missed and settled under the present one."""
    told = told.join(_replaced(side, day), on=KEY)
    late = plan[(plan["days_late"] > 0) & (plan["due_on"] < day)]
    told = told.join(late.groupby(KEY)["due_on"].max().rename("missed_on"), on=KEY)
    open_ = late[late["settled_on"].isna()][KEY].drop_duplicates()
    settled = late.groupby(KEY)["settled_on"].max().drop(index=pd.MultiIndex.from_frame(open_))
    return told.join(settled.rename("cleared_on"), on=KEY)


def _replaced(side: dict[str, pd.DataFrame], day: pd.Timestamp) -> pd.DataFrame:
    """By loan: the day the newest plan replaced another, whether it eases, and how late the loan was by the old one."""
    plans, new = side.get("plans", side["schedule"]), side["schedule"]
    made = new.groupby(KEY)["known_on"].max().rename("replanned_on")
    old = plans.join(made, on=KEY)
    old = old[old["known_on"] < old["replanned_on"]]
    old = old[old["known_on"] == old.groupby(KEY)["known_on"].transform("max")]
    made = made.reindex(pd.MultiIndex.from_frame(old[KEY].drop_duplicates()))
    asked, asks = (_year_after(part, made) for part in (old, new))
    ends, ended = (part.groupby(KEY)["due_on"].max().reindex(made.index) for part in (new, old))
    less = asks.reindex(made.index, fill_value=0.0) < asked.reindex(made.index, fill_value=0.0) - _CENT
    level = asks["principal"].reindex(made.index) <= asked["principal"].reindex(made.index) + _CENT
    eased = less["principal"] | (level & less["interest"] & (ends >= ended)) | (ends > ended)
    paid = side["repayments"].join(made, on=KEY)
    paid = paid[paid["paid_on"] <= paid["replanned_on"]]
    due = old.rename(columns={"principal": "due"}).query("due > 0")[[*KEY, "due_on", "due", "replanned_on"]]
    then = _settled(due, paid[[*KEY, "paid_on", "principal"]], "principal")
    late = (then["replanned_on"] - then["due_on"]).dt.days.where(then["settled_on"].isna(), 0).clip(lower=0)
    late = late.groupby([then[name] for name in KEY]).max().rename("late_then")
    return pd.DataFrame({"replanned_on": made, "eased": eased.astype(float)}).join(late).dropna(subset="replanned_on")


def _year_after(plan: pd.DataFrame, made: pd.Series) -> pd.DataFrame:
    """What a plan asks for in the year after the day it was replaced, principal and interest."""
    rows = plan[[*KEY, "due_on", "principal", "interest"]].join(made, on=KEY)
    within = rows[(rows["due_on"] > rows["replanned_on"]) & (rows["due_on"] <= rows["replanned_on"] + _YEAR)]
    return within.groupby(KEY)[["principal", "interest"]].sum()
