"""What acting earlier, later or never would have been worth: the same cash, each plan from the day it would have begun.

The cash that a business made before it served us is taken from what happened to a twin for which nothing was done, and
what the change added from what happened to the borrower itself; each plan is then served from it, quarter by quarter,
above a floor of cash the business needs. What cannot be paid is carried; a quarter's unpaid dues are the shortfall. The
value is that of what we receive at the loan's own rate; collateral is left out.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from postloan.analysis import servicing
from postloan.errors import ContractError

Side = dict[str, pd.DataFrame]

_CENT = 0.01
COLUMNS = ["shift", "acted_on", "shortfall", "first_short_on", "months_short", "unpaid", "npv", "gain"]


def cash_made(cash: pd.Series, served: pd.DataFrame, drawn: pd.DataFrame) -> pd.Series:
    """The cash a business made each quarter before it served us: the change of its cash plus what it paid us, less what
    we paid out.

    `cash` is its cash at quarter ends, the first the opening; `served` (paid_on, principal, interest) and `drawn`
    (drawn_on, amount). One currency.
    """
    ends = cash.index
    paid = _by_quarter(served["paid_on"], served["principal"] + served["interest"], ends)
    lent = _by_quarter(drawn["drawn_on"], drawn["amount"], ends)
    return (cash.diff() + paid - lent).iloc[1:]


def _by_quarter(days: pd.Series, amounts: pd.Series, ends: pd.DatetimeIndex) -> pd.Series:
    """Amounts by the quarter end on or after their day; those before the first or after the last are left out."""
    place = ends.searchsorted(pd.DatetimeIndex(days), side="left")
    inside = (place > 0) & (place < len(ends))
    return pd.Series(np.bincount(place[inside], weights=amounts.to_numpy(float)[inside], minlength=len(ends)), ends)


def replay_plans(
    side: Side, statements: pd.DataFrame, borrower_id: str, twin_id: str, shifts: tuple, floor_days: float
) -> pd.DataFrame:
    """`compare` for a borrower whose terms were eased, on the cash of a twin for which nothing was done.

    The twin's loan of the same product is served by its own plan, and from the day of the change by the shape of the
    borrower's new one; its other loans are served as they stand. What the borrower's cash did better than the twin's
    after the change, at the twin's size, is the uplift. `floor_days` days of the twin's revenue stay in the business.
    Empty where terms were never eased, or the twin has no such loan.
    """
    loans = servicing.state(side, statements["known_on"].max())
    eased = loans[(loans["borrower_id"] == borrower_id) & (loans["eased"] > 0)]
    theirs = loans[loans["borrower_id"] == twin_id]
    same = theirs[theirs["product"].isin(eased["product"].head(1))].sort_values("drawn_on")
    if eased.empty or same.empty:
        return pd.DataFrame(columns=COLUMNS)
    done, loan = eased.iloc[0], same.iloc[-1]
    plans = side["schedule"]
    new = plans[plans["borrower_id"].eq(borrower_id) & plans["loan_id"].eq(done["loan_id"])]
    new.attrs["made_on"] = done["replanned_on"]
    mine = plans[plans["borrower_id"] == twin_id]
    old, others = mine[mine["loan_id"] == loan["loan_id"]], mine[mine["loan_id"] != loan["loan_id"]]
    made, own = (_made(side, statements, each) for each in (twin_id, borrower_id))
    yearly = _revenue(statements, twin_id, done["replanned_on"])
    uplift = own * (yearly / _revenue(statements, borrower_id, done["replanned_on"])) - made
    first = done["replanned_on"] + pd.DateOffset(months=3 * min([0, *shifts]))
    opening = _cash(statements, twin_id)
    opening = opening[opening.index < first].iloc[-1:]
    made = made[made.index > opening.index[0]]
    floor = floor_days / 360 * yearly
    known = Cash(made, opening.iloc[0], floor, uplift[uplift.index > done["replanned_on"]])
    return compare(known, old, new, loan["rate"], (None, *sorted({0, *shifts})), others)


def _made(side: Side, statements: pd.DataFrame, borrower_id: str) -> pd.Series:
    served, drawn = (side[name][side[name]["borrower_id"] == borrower_id] for name in ("repayments", "drawdowns"))
    return cash_made(_cash(statements, borrower_id), served, drawn)


def _cash(statements: pd.DataFrame, borrower_id: str) -> pd.Series:
    mine = statements[(statements["borrower_id"] == borrower_id) & (statements["item"] == "cash")]
    return mine.sort_values("period_end").set_index("period_end")["amount"]


def _revenue(statements: pd.DataFrame, borrower_id: str, day: pd.Timestamp) -> float:
    """Revenue of the last full fiscal year that ended before a day."""
    rows = statements[(statements["borrower_id"] == borrower_id) & (statements["item"] == "revenue")]
    return rows[(rows["months"] == 12) & (rows["period_end"] < day)].sort_values("period_end")["amount"].iloc[-1]


@dataclass(frozen=True)
class Cash:
    """What there is to serve from: cash made by quarter end, the cash at the start, the floor the business keeps, and
    what the change of terms added by quarter end, from the day it was made (empty: nothing)."""

    made: pd.Series
    opening: float
    floor: float
    uplift: pd.Series = field(default_factory=lambda: pd.Series(dtype=float))

    def acted(self, shift: int | None) -> pd.Series:
        """The cash made when the change comes so many quarters earlier or later; never (None): no uplift."""
        if shift is None or self.uplift.empty:
            return self.made
        moved = pd.Series(self.uplift.to_numpy(), self.uplift.index + pd.offsets.QuarterEnd(shift))
        return self.made + moved.reindex(self.made.index, fill_value=0.0)


def compare(
    cash: Cash, old: pd.DataFrame, new: pd.DataFrame, rate: float, shifts: tuple, others: pd.DataFrame | None = None
) -> pd.DataFrame:
    """One row a shift (COLUMNS): quarters earlier (negative) or later than the day of the new plan; None is never.

    `old` and `new` are plans (due_on, principal, interest), `new.attrs["made_on"]` the day the new one began; a shifted
    plan keeps its shape: the same shares of what is then owed, the same months after it begins. `others` are dues
    served whatever is changed. `gain` is against never. ContractError when the new plan has no day.
    """
    if "made_on" not in new.attrs:
        raise ContractError("the new plan carries no day it was made on")
    fixed = [] if others is None else [others[["due_on", "principal", "interest"]]]
    rows = []
    for shift in shifts:
        plan = pd.concat([_shifted(old, new, shift, rate), *fixed], ignore_index=True)
        acted = pd.NaT if shift is None else new.attrs["made_on"] + pd.DateOffset(months=3 * shift)
        rows.append((shift, acted, *_outcome(cash, plan, shift, rate)))
    told = pd.DataFrame(rows, columns=COLUMNS[:-1])
    never = told.loc[told["shift"].isna(), "npv"]
    return told.assign(gain=told["npv"] - (never.iloc[0] if len(never) else np.nan))[COLUMNS]


def _shifted(old: pd.DataFrame, new: pd.DataFrame, shift: int | None, rate: float) -> pd.DataFrame:
    """The old plan until the shifted day, from then on the new one's shape on what the old would have left."""
    if shift is None:
        return old
    move = pd.DateOffset(months=3 * shift)
    day = new.attrs["made_on"] + move
    kept, left = old[old["due_on"] <= day], old.loc[old["due_on"] > day, "principal"].sum()
    later = new[new["due_on"] > new.attrs["made_on"]]
    share = later["principal"] / later["principal"].sum()
    eased = pd.DataFrame({"due_on": later["due_on"] + move, "principal": share * left})
    owed = left - eased["principal"].cumsum().shift(fill_value=0.0)
    months = eased["due_on"].diff().dt.days.fillna((eased["due_on"].iloc[0] - day).days if len(eased) else 0) / 365
    return pd.concat([kept, eased.assign(interest=owed * rate * months)], ignore_index=True)


def _outcome(cash: Cash, plan: pd.DataFrame, shift: int | None, rate: float) -> tuple:
    """What became of one plan: shortfall, when, for how long, what was never paid, and the value of what was."""
    made = cash.acted(shift)
    start = made.index[0] - pd.offsets.QuarterEnd()
    ahead = plan[plan["due_on"] > made.index[-1]]
    due = _by_quarter(plan["due_on"], plan["principal"] + plan["interest"], made.index.insert(0, start)).iloc[1:]
    paid, short = _served(made, cash.opening, cash.floor, due)
    value, unpaid = _worth(paid, start, rate), short.iloc[-1]
    rest = pd.Series((ahead["principal"] + ahead["interest"]).to_numpy(float), pd.DatetimeIndex(ahead["due_on"]))
    if unpaid > _CENT:
        unpaid += rest.sum()
    else:  # who is not behind is taken to pay on
        value += _worth(rest, start, rate)
    behind = short[short > _CENT]
    first = behind.index[0] if len(behind) else pd.NaT
    return (float(short.max()), first, 3 * len(behind), float(unpaid), value)


def _served(made: pd.Series, opening: float, floor: float, due: pd.Series) -> tuple[pd.Series, pd.Series]:
    """Quarter by quarter: what is paid of the dues and arrears, from cash above the floor, and what stays unpaid."""
    cash, arrears, paid, short = opening, 0.0, [], []
    for earned, asked in zip(made, due, strict=True):
        pays = min(asked + arrears, max(0.0, cash + earned - floor))
        cash, arrears = cash + earned - pays, asked + arrears - pays
        paid.append(pays)
        short.append(arrears)
    return pd.Series(paid, made.index), pd.Series(short, made.index)


def _worth(paid: pd.Series, start: pd.Timestamp, rate: float) -> float:
    """Present value at a yearly rate of amounts by day."""
    return float(np.sum(paid.to_numpy(float) / (1 + rate) ** ((paid.index - start).days / 365)))
