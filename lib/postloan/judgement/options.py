"""The contractual cash flows of each way to go on with a loan (DOMAIN §8.1): what is due when, and what stays owed.

Time is in months from the day the change is signed, by calendar (the same day a month later is one month, odd days are
thirtieths), so that a regular plan has whole periods. Amounts in the loan's currency, rates a year, shares decimals.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from postloan.analysis import servicing
from postloan.errors import ContractError
from postloan.judgement.workout_rules import Option

_CENT = 0.005
_LOOK = ["borrower_id", "loan_id"]


@dataclass(frozen=True)
class Flows:
    """What comes in under one set of terms: arrays (n,) by date, `opening` the principal owed once they are signed.

    `other` is neither principal nor interest: fees, the sale of shares taken in a swap.
    """

    months: np.ndarray
    principal: np.ndarray
    interest: np.ndarray
    other: np.ndarray
    opening: float

    @property
    def total(self) -> np.ndarray:
        """All that comes in at each date (n,)."""
        return self.principal + self.interest + self.other

    @property
    def service(self) -> np.ndarray:
        """What the debtor has to pay at each date (n,): principal, interest and fees at signing."""
        return self.principal + self.interest + np.where(self.months == 0, self.other, 0.0)

    @property
    def owed_before(self) -> np.ndarray:
        """The principal owed just before each date's payment (n,)."""
        return self.opening - np.concatenate([[0.0], np.cumsum(self.principal)[:-1]])

    @property
    def last_month(self) -> float:
        """When the debtor's last payment is due; 0 where nothing is."""
        due = self.months[self.service > 0]
        return float(due.max()) if len(due) else 0.0

    def owed_at(self, month: float) -> float:
        """What the debtor owes at a month when everything before it was paid and that day's due was not."""
        principal = self.opening - self.principal[self.months < month].sum()
        return float(principal + self.interest[np.isclose(self.months, month)].sum())


@dataclass(frozen=True)
class Claim:
    """One loan as it stands on a day, with the contract's own flows still to come (`contract`, arrears at month 0).

    `remaining_months` until the contract's maturity (negative: past), `granted_months` its whole term, `every` months
    between repayments, `eir` the original effective rate a year; `restructured`: whether terms were eased before (None:
    the book has no plan to tell), `repaid_share` of the principal since then, else of what was drawn; `extended_months`
    beyond the end of the first plan (NaN: unknown); `assumed` names what the book did not tell.
    """

    borrower_id: str
    loan_id: str
    product: str
    currency: str
    as_of: pd.Timestamp
    balance: float
    principal_overdue: float
    interest_overdue: float
    accrued: float
    days_overdue: float
    rate: float
    eir: float
    every: int
    remaining_months: float
    granted_months: float
    repaid_share: float
    restructured: bool | None
    extended_months: float
    contract: Flows
    assumed: tuple[str, ...] = ()

    @property
    def growth(self) -> float:
        """The contract's own rate as an effective rate a year."""
        return (1 + self.rate * self.every / 12) ** (12 / self.every) - 1

    @property
    def due_interest(self) -> float:
        """Interest overdue and accrued up to the day."""
        return self.interest_overdue + self.accrued

    @property
    def accrued_months(self) -> float:
        """The months the accrued interest stands for."""
        yearly = self.balance * self.rate
        return 12 * self.accrued / yearly if yearly else 0.0

    @property
    def total(self) -> float:
        """Everything owed on the day."""
        return self.balance + self.due_interest

    def day(self, months: float) -> pd.Timestamp:
        """The calendar day so many months on."""
        whole = int(np.floor(months))
        return self.as_of + pd.DateOffset(months=whole, days=round((months - whole) * 30))


def months_between(start: pd.Timestamp, end: pd.Timestamp | pd.Series) -> float | pd.Series:
    """Months from a day to another, odd days as thirtieths; the 31st counts as the 30th (30E/360)."""
    parts = end.dt if isinstance(end, pd.Series) else end
    days = np.minimum(parts.day, 30) - min(start.day, 30)
    return (parts.year - start.year) * 12 + (parts.month - start.month) + days / 30


def claim(
    side: dict[str, pd.DataFrame], state: pd.DataFrame, as_of: str | pd.Timestamp, *, every: int, loan_id: str = ""
) -> Claim | None:
    """The loan a plan is made for: the one named, else the longest overdue, else the largest; None where none owes.

    `side` are loan tables and `state` the rows of `servicing.state` of one borrower; `every` stands in where a plan has
    no rhythm. ContractError lists the loans there are when the named one is not among them.
    """
    owed = state[state["balance"] + state["interest_overdue"].fillna(0) > _CENT]
    if loan_id and loan_id not in set(state["loan_id"]):
        raise ContractError(f"loan_id {loan_id!r}: no such loan; known: {sorted(state['loan_id'])}")
    worst = owed.assign(late=servicing.days_overdue(owed).fillna(0)).sort_values(["late", "balance"], ascending=False)
    chosen = owed[owed["loan_id"] == loan_id] if loan_id else owed.loc[worst.index]
    if chosen.empty:
        return None
    now, day = chosen.iloc[0], pd.Timestamp(as_of)
    loan = _of(side["loans"], now).iloc[0]
    plan = _of(side["schedule"], now).sort_values("due_on")
    made = _claim(now, loan, plan, day, every)
    return replace(made, **_before(now, loan, _of(side.get("plans", side["schedule"]), now), side["repayments"]))


def _of(table: pd.DataFrame, now: pd.Series) -> pd.DataFrame:
    return table[(table[_LOOK] == now[_LOOK].to_numpy()).all(axis=1)]


def _before(now: pd.Series, loan: pd.Series, plans: pd.DataFrame, paid: pd.DataFrame) -> dict:
    """Whether terms were eased before, what was repaid since, and by how much the loan was extended."""
    first = plans[plans["known_on"] == plans["known_on"].min()]["due_on"].max()
    extended = np.nan if plans.empty else max(months_between(first, loan["matures_on"]), 0.0)
    eased = bool(now["eased"] > 0) if pd.notna(now["eased"]) else False
    other = pd.notna(loan["restructured_from"]) and bool(loan["restructured_from"])
    told = {"extended_months": extended, "restructured": None if plans.empty and not other else eased or other}
    if eased:
        since = _of(paid, now)
        since = since.loc[since["paid_on"] > now["replanned_on"], "principal"].sum()
        told["repaid_share"] = float(since / (now["balance"] + since)) if since else 0.0
    return told


def _claim(now: pd.Series, loan: pd.Series, plan: pd.DataFrame, day: pd.Timestamp, every: int) -> Claim:
    apart = plan["due_on"].drop_duplicates().diff().dt.days.median() / 30.44
    step = int(np.clip(round(apart), 1, 12)) if pd.notna(apart) else every
    assumed = [name for name, missing in _gaps(now, loan, plan).items() if missing]
    remaining = months_between(day, loan["matures_on"])
    since = max([each for each in (*plan["due_on"][plan["due_on"] < day], now["drawn_on"]) if pd.notna(each)] or [day])
    about = {name: now[name] for name in ("borrower_id", "loan_id", "product", "currency", "balance")}
    made = Claim(
        **about,
        as_of=day,
        principal_overdue=float(now["principal_overdue"]),
        interest_overdue=float(np.nan_to_num(now["interest_overdue"])),
        accrued=now["balance"] * loan["rate"] * max(months_between(since, day), 0.0) / 12 if remaining > 0 else 0.0,
        days_overdue=float(np.nanmax([now["principal_days_overdue"], now["interest_days_overdue"], 0])),
        rate=loan["rate"],
        eir=loan["effective_rate"],
        every=step,
        remaining_months=remaining,
        granted_months=months_between(loan["signed_on"], loan["matures_on"]),
        repaid_share=float(now["repaid"] / now["drawn"]) if now["drawn"] else 0.0,
        restructured=None,
        extended_months=np.nan,
        contract=_EMPTY,
        assumed=tuple(assumed),
    )
    eir = made.growth if pd.isna(made.eir) else made.eir
    return replace(made, eir=eir, contract=_contract(made, plan[plan["due_on"] >= day]))


_EMPTY = Flows(*(np.zeros(0) for _ in range(4)), opening=0.0)


def _gaps(now: pd.Series, loan: pd.Series, plan: pd.DataFrame) -> dict[str, bool]:
    return {
        "no_plan": plan.empty,
        "no_effective_rate": pd.isna(loan["effective_rate"]),
        "interest_unknown": pd.isna(now["interest_overdue"]),
    }


def _contract(claim: Claim, coming: pd.DataFrame) -> Flows:
    """The contract as it stands: arrears at once, then the plan, its principal made to add up to what is owed."""
    left = claim.balance - claim.principal_overdue
    if len(coming) and coming["principal"].sum() > 0:
        due = coming.groupby("due_on", as_index=False)[["principal", "interest"]].sum()
        months, interest = months_between(claim.as_of, due["due_on"]).to_numpy(float), due["interest"].to_numpy(float)
        ahead = due["principal"].sum() - left  # paid before it was due: counts for the earliest instalments
        reached = np.clip(np.cumsum(due["principal"].to_numpy(float)) - max(ahead, 0.0), 0.0, None)
        principal = np.diff(reached, prepend=0.0)
        principal[-1] += max(-ahead, 0.0)
    else:
        months, principal, interest = _bullet(claim, left)
    late = claim.interest_overdue + claim.principal_overdue * claim.rate * claim.accrued_months / 12
    arrears = ((0.0, months), (claim.principal_overdue, principal), (late, interest))
    months, principal, interest = (np.concatenate([[first], rest]) for first, rest in arrears)
    return Flows(months, principal, interest, np.zeros(len(months)), claim.balance)


def _bullet(claim: Claim, left: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """No plan known: interest by the rhythm, all principal at maturity; at once where that has passed."""
    if claim.remaining_months <= 0 or left <= _CENT:
        return np.zeros(1), np.array([left]), np.zeros(1)
    months = np.arange(claim.remaining_months, 0, -claim.every)[::-1]
    principal = np.where(np.arange(len(months)) == len(months) - 1, left, 0.0)
    spans = np.diff(months, prepend=0.0) + np.where(np.arange(len(months)) == 0, claim.accrued_months, 0.0)
    return months, principal, left * claim.rate * spans / 12


def build(option: Option, claim: Claim, *, allowed: float, season: np.ndarray | None = None) -> Flows:
    """The flows of an option that leaves the debtor owing (kind keep or reschedule).

    `allowed`: the months of extension the law leaves (inf: no end); `season`: expected cash by calendar quarter (4,),
    by which a seasonal plan spreads its principal (None: evenly). Interest owed is paid on the signing day unless
    capitalised or waived; principal overdue joins the new plan.
    """
    if option.kind == "keep":
        return claim.contract
    every, count = claim.every, _periods(option, claim, allowed)
    held = claim.due_interest if option.capitalise else 0.0
    opening = claim.balance * (1 - option.waive_share - option.swap_share) + held
    months = every * np.arange(1, count + 1, dtype=float)
    weights = _weights(option, claim, months, season)
    principal = opening * weights / weights.sum()
    before = opening - np.concatenate([[0.0], np.cumsum(principal)[:-1]])
    interest = before * _rates(option, claim.rate, months) * every / 12
    now = 0.0 if option.capitalise or option.waive_interest else claim.due_interest
    fee = option.fee_share * claim.balance
    rows = np.array([np.r_[0.0, months], np.r_[0.0, principal], np.r_[now, interest], np.r_[fee, np.zeros(count)]])
    if option.swap_share:
        shares = option.swap_share * option.swap_value * claim.balance
        rows = np.column_stack([rows, [option.swap_months, 0.0, 0.0, shares]])
    return Flows(*rows[:, np.argsort(rows[0], kind="stable")], opening)


def extension(option: Option, claim: Claim, allowed: float) -> float:
    """How many months beyond the contract's maturity the new terms reach."""
    if option.kind != "reschedule":
        return 0.0
    return max(0.0, _periods(option, claim, allowed) * claim.every - claim.remaining_months)


def _periods(option: Option, claim: Claim, allowed: float) -> int:
    """Repayments of the new plan: whole periods inside the term, one at least."""
    longer = min(option.extension_months, allowed) if option.within_law else option.extension_months
    term = claim.remaining_months + longer
    exact = term / claim.every
    return max(1, int(np.floor(exact + 1e-9)) if longer else int(np.ceil(exact - 1e-9)))


def _weights(option: Option, claim: Claim, months: np.ndarray, season: np.ndarray | None) -> np.ndarray:
    """Relative principal of each repayment (n,); never all zero."""
    count, weights = len(months), np.ones(len(months))
    if option.steps:
        part = np.minimum(np.arange(count) * len(option.steps) // count, len(option.steps) - 1)
        weights = np.array(option.steps, float)[part]
    if option.seasonal and season is not None and season.max() > 0:
        quarters = np.array([claim.day(month).quarter for month in months])
        weights = np.clip(season, 0, None)[quarters - 1]
    held = np.where(months <= option.grace_months, 0.0, weights)
    return held if held.sum() > 0 else np.where(months == months[-1], 1.0, 0.0)


def _rates(option: Option, rate: float, months: np.ndarray) -> np.ndarray:
    until = np.inf if option.cut_months is None else option.cut_months
    return np.where(months <= until, max(rate - option.rate_cut, 0.0), rate)
