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
    return _instalments(side, _counted(side, pd.Timestamp(as_of)), pd.Timestamp(as_of))


def _instalments(side: dict[str, pd.DataFrame], paid: pd.DataFrame, day: pd.Timestamp) -> pd.DataFrame:
    """`instalments`, of the payments that count (`_counted`)."""
    told = _settled(_by_kind(_plan(side), "due_on", "due").query("due > 0"), _by_kind(paid, "paid_on", "paid"))
    late = (told["settled_on"].fillna(day) - told["due_on"]).dt.days.clip(lower=0)
    told["days_late"] = late.astype("int64")
    return told.sort_values([*KEY, "due_on", "kind"], ignore_index=True)[PLAN]


def _by_kind(rows: pd.DataFrame, on: str, amount: str) -> pd.DataFrame:
    """Principal and interest a row each: KEY, kind, the day (`on`) and the `amount`."""
    parts = [
        rows[[*KEY, on, kind]].rename(columns={kind: amount}).assign(kind=kind) for kind in ("principal", "interest")
    ]
    return pd.concat(parts, ignore_index=True)


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
    repaid = side["repayments"][side["repayments"]["paid_on"] <= day].groupby(KEY)["principal"].sum()
    told = loans[[*KEY, "product", "currency", "matures_on", "rate", "closed_on"]].set_index(KEY)
    told = told.assign(drawn=drawn["amount"].sum(), drawn_on=drawn["drawn_on"].min(), repaid=repaid)
    told = told.fillna({"drawn": 0.0, "repaid": 0.0})
    closed = told["closed_on"] <= day
    told["balance"] = (told["drawn"] - told["repaid"]).clip(lower=0).mask(closed, 0.0)
    paid = _counted(side, day)
    plan = _instalments(side, paid, day)
    told = _overdue(told, plan, paid, side, day)
    coming = plan[plan["due_on"] >= day]
    coming = coming[coming["due_on"] == coming.groupby(KEY)["due_on"].transform("min")].groupby(KEY)
    told = told.assign(next_due_on=coming["due_on"].first(), next_due=coming["due"].sum())
    told = _changed(told.join(_rhythm(plan)), plan, side, day)
    return told.reset_index().sort_values(KEY, ignore_index=True)[STATE]


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
    by = side["schedule"].groupby(KEY)
    drawn = side["drawdowns"].groupby(KEY)["amount"].sum()
    rest = (by["principal"].sum() - drawn).abs() > _CENT
    made = by["known_on"].max()
    paid = paid.join(made.where(rest.reindex(made.index)).rename("restated_on"), on=KEY)
    return paid[paid["restated_on"].isna() | (paid["paid_on"] > paid["restated_on"])]


def _settled(due: pd.DataFrame, paid: pd.DataFrame) -> pd.DataFrame:
    """The day each instalment's running total was covered by the running total of payments of its kind (`_by_kind`)."""
    by = [*KEY, "kind"]
    need = due.sort_values([*by, "due_on"], kind="stable")
    need = need.assign(reach=need.groupby(by)["due"].cumsum() - _CENT)
    have = paid.sort_values([*by, "paid_on"], kind="stable")
    have = have.assign(reach=have.groupby(by)["paid"].cumsum()).drop_duplicates([*by, "reach"])
    have = have[[*by, "reach", "paid_on"]].rename(columns={"paid_on": "settled_on"})
    if need.empty or have.empty:
        return need.assign(settled_on=pd.Series(pd.NaT, index=need.index, dtype="datetime64[us]")).drop(columns="reach")
    met = pd.merge_asof(need.sort_values("reach"), have.sort_values("reach"), on="reach", by=by, direction="forward")
    return met.drop(columns="reach")


def _overdue(
    told: pd.DataFrame, plan: pd.DataFrame, paid: pd.DataFrame, side: dict[str, pd.DataFrame], day: pd.Timestamp
) -> pd.DataFrame:
    """Adds what is overdue, by kind; a loan closed or never drawn owes nothing."""
    live, past = told["closed_on"].isna(), plan[plan["due_on"] < day]
    planned = told.index.isin(pd.MultiIndex.from_frame(side["schedule"][KEY]))
    for kind in ("principal", "interest"):
        mine = past[past["kind"] == kind]
        due = mine.groupby(KEY)["due"].sum()
        owed = due - paid.groupby(KEY)[kind].sum().reindex(due.index, fill_value=0.0)
        longest = mine[mine["settled_on"].isna()].groupby(KEY)["days_late"].max()
        owes = live & (told["balance"] > _CENT) if kind == "principal" else live
        for name, values in ((f"{kind}_overdue", owed.clip(lower=0)), (f"{kind}_days_overdue", longest)):
            told[name] = values
            told[name] = told[name].fillna(0.0).where(owes, 0.0)
            if kind == "interest":
                told[name] = told[name].where(planned)
    recent = past[(past["due_on"] > day - _YEAR) & (past["days_late"] > 0)]
    late = recent.drop_duplicates([*KEY, "due_on"]).groupby(KEY).size()
    return told.assign(times_late=late).fillna({"times_late": 0})


def _rhythm(plan: pd.DataFrame) -> pd.DataFrame:
    """The first due date and the usual months between two, by loan."""
    days = plan.drop_duplicates([*KEY, "due_on"])
    gap = days.groupby(KEY)["due_on"].diff().dt.days / 30.44
    by = days.assign(gap=gap).groupby(KEY)
    return pd.DataFrame({"first_due_on": by["due_on"].min(), "gap_months": np.round(by["gap"].median())})


def _changed(told: pd.DataFrame, plan: pd.DataFrame, side: dict[str, pd.DataFrame], day: pd.Timestamp) -> pd.DataFrame:
    """Adds when and how the plan was replaced, and what was missed and settled under the present one."""
    by = plan[(plan["days_late"] > 0) & (plan["due_on"] < day)].groupby(KEY)
    left = by["settled_on"].count() < by.size()
    told = told.assign(missed_on=by["due_on"].max(), cleared_on=by["settled_on"].max().mask(left))
    return told.join(_replaced(side))


def _replaced(side: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """By loan: the day the newest plan replaced another, whether it eases, and how late the loan was by the old one."""
    plans, new = side.get("plans", side["schedule"]), side["schedule"]
    made = new.groupby(KEY)["known_on"].max().rename("replanned_on")
    old = plans.join(made, on=KEY)
    old = old[old["known_on"] < old["replanned_on"]]
    if old.empty:
        return pd.DataFrame({"replanned_on": made, "eased": np.nan, "late_then": np.nan}).iloc[:0]
    old = old[old["known_on"] == old.groupby(KEY)["known_on"].transform("max")]
    made = made.reindex(pd.MultiIndex.from_frame(old[KEY].drop_duplicates()))
    asked, asks = (_year_after(part, made) for part in (old, new))
    ends, ended = (part.groupby(KEY)["due_on"].max().reindex(made.index) for part in (new, old))
    less = asks.reindex(made.index, fill_value=0.0) < asked.reindex(made.index, fill_value=0.0) - _CENT
    level = asks["principal"].reindex(made.index) <= asked["principal"].reindex(made.index) + _CENT
    eased = less["principal"] | (level & less["interest"] & (ends >= ended)) | (ends > ended)
    late = _late_then(old, side["repayments"].join(made, on=KEY))
    return pd.DataFrame({"replanned_on": made, "eased": eased.astype(float)}).join(late).dropna(subset="replanned_on")


def _late_then(old: pd.DataFrame, paid: pd.DataFrame) -> pd.Series:
    """How many days late each loan was by its old plan on the day that was replaced (`replanned_on`)."""
    paid = paid[paid["paid_on"] <= paid["replanned_on"]]
    due = old[old["principal"] > 0].rename(columns={"principal": "due"})[[*KEY, "due_on", "due", "replanned_on"]]
    paid = paid[[*KEY, "paid_on", "principal"]].rename(columns={"principal": "paid"})
    then = _settled(due.assign(kind="principal"), paid.assign(kind="principal"))
    late = (then["replanned_on"] - then["due_on"]).dt.days.where(then["settled_on"].isna(), 0).clip(lower=0)
    return late.groupby([then[name] for name in KEY]).max().rename("late_then")


def _year_after(plan: pd.DataFrame, made: pd.Series) -> pd.DataFrame:
    """What a plan asks for in the year after the day it was replaced, principal and interest."""
    rows = plan[[*KEY, "due_on", "principal", "interest"]].join(made, on=KEY)
    within = rows[(rows["due_on"] > rows["replanned_on"]) & (rows["due_on"] <= rows["replanned_on"] + _YEAR)]
    return within.groupby(KEY)[["principal", "interest"]].sum()
