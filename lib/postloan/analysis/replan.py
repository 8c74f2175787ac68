"""What if our loan were repaid otherwise: the same money later or in other parts, and the cover that comes of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from postloan.analysis import capacity, debt, outlook, servicing
from postloan.analysis.periods import Panel
from postloan.errors import ContractError

COLUMNS = ["period_end", "own", "own_tried", "cover", "cover_tried", "chance", "chance_tried"]
_BASIS = 360  # days of a year of interest
_NEAR = pd.Timedelta(days=4)


@dataclass(frozen=True)
class _Loan:
    """One loan's plan from the day on: the `coming` rows of the schedule, the due day before them (`since`), what is
    `owed` in them, and its yearly `rate`."""

    coming: pd.DataFrame
    since: pd.Timestamp
    owed: float
    rate: float


def tried(
    side: debt.Side, loan_id: str, as_of: str | pd.Timestamp, *, grace_months: int = 0, quarters: int | None = None
) -> debt.Side:
    """The loan tables with another plan for the principal of one loan that is still to come; the book stays as it is.

    Principal falls due `grace_months` later, or in so many equal parts a quarter apart (`quarters`), the first when the
    next was due, or so much later. Interest is paid on the old days and on the new, on what is owed, at the loan's
    rate, actual days over 360. ContractError names the loans that have a plan.
    Example: `tried(side, "L0003-T1", as_of, grace_months=6)`.
    """
    if grace_months < 0 or (quarters is not None and quarters < 1):
        raise ContractError(f"expected grace_months ≥ 0 and quarters ≥ 1, found {grace_months!r} and {quarters!r}")
    loan, plan = _loan(side, loan_id, as_of), side["schedule"]
    paid = loan.coming.loc[loan.coming["principal"] > 0, ["due_on", "principal"]]
    if quarters:
        days = [paid["due_on"].min() + pd.DateOffset(months=3 * part) for part in range(quarters)]
        paid = pd.DataFrame({"due_on": days, "principal": loan.owed / quarters})
    paid = paid.assign(due_on=_on_days(paid["due_on"] + pd.DateOffset(months=grace_months), loan.coming["due_on"]))
    rest = plan.drop(loan.coming.index)
    return {**side, "schedule": pd.concat([rest, _with_interest(loan, paid)], ignore_index=True)}


def _loan(side: debt.Side, loan_id: str, as_of: str | pd.Timestamp) -> _Loan:
    plan = side["schedule"]
    coming = plan[plan["due_on"] > pd.Timestamp(as_of)]
    known = coming.loc[coming["principal"] > 0, "loan_id"].unique()
    if loan_id not in known:
        raise ContractError(f"loan {loan_id!r}: no principal to come; loans with a plan: {', '.join(known) or 'none'}")
    mine = coming[coming["loan_id"] == loan_id].sort_values("due_on")
    rate = side["loans"].set_index("loan_id").at[loan_id, "rate"]
    past = plan.loc[(plan["loan_id"] == loan_id) & (plan["due_on"] <= pd.Timestamp(as_of)), "due_on"]
    since = past.max() if len(past) else pd.Timestamp(as_of)
    return _Loan(mine, since, mine["principal"].sum(), float(rate))


def _on_days(wanted: pd.Series, planned: pd.Series) -> pd.Series:
    """Each day, or the day of the old plan that is only a weekend away from it."""
    near = [min(planned, key=lambda old, day=day: abs(old - day)) for day in wanted]
    close = (pd.Series(near, index=wanted.index) - wanted).abs() <= _NEAR
    return wanted.mask(close, pd.Series(near, index=wanted.index))


def _with_interest(loan: _Loan, paid: pd.DataFrame) -> pd.DataFrame:
    """The rows of the new plan: principal as `paid`, interest on every old or new day until all is paid."""
    last = paid["due_on"].max()
    old = loan.coming.loc[(loan.coming["interest"] > 0) & (loan.coming["due_on"] <= last), "due_on"]
    days = pd.Index(sorted({*old, *paid["due_on"]}))
    principal = paid.groupby("due_on")["principal"].sum().reindex(days, fill_value=0.0).to_numpy()
    owed = loan.owed - np.concatenate([[0.0], principal.cumsum()[:-1]])
    lapse = np.diff(np.array([loan.since, *days], dtype="datetime64[D]")).astype(float) / _BASIS
    rows = pd.DataFrame({"due_on": days, "principal": principal, "interest": owed * loan.rate * lapse})
    kept = loan.coming.iloc[0].drop(["due_on", "principal", "interest"])
    return rows.assign(**kept)[list(loan.coming.columns)].astype(loan.coming.dtypes)


def compared(
    drawn: outlook.Draws, panel: Panel, as_of: str | pd.Timestamp, before: debt.Side, after: debt.Side
) -> pd.DataFrame:
    """Cover by the plan there is and by the one tried (COLUMNS): a row a coming quarter, each over twelve months.

    `drawn` is the cash drawn ahead (`outlook.draw` of `capacity.formulas_of`), `own` what is due to us in the twelve
    months up to the day, `chance` that the cover falls below the floor; amounts in the statements' currency. What is
    due to others is the same in both.
    """
    rows = [debt.own(side, servicing.state(side, as_of), as_of) for side in (before, after)]
    others = debt.service(panel, rows[0], before), debt.coming(panel, rows[0], before, as_of)
    made = [_covers(capacity.future(drawn, panel, own, *others)) for own in rows]
    return made[0].merge(made[1], on="period_end", suffixes=("", "_tried"))[COLUMNS]


def _covers(made: capacity.Future) -> pd.DataFrame:
    expected = made.cover.values.get(capacity.METRIC)
    cover = np.full(len(made.due), np.nan) if expected is None else expected[0]
    chance = capacity.chances(made)["chance"].to_numpy()[: len(made.due)]
    return made.due[["period_end", "own"]].assign(cover=cover, chance=chance)
