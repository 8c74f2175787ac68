"""What each way is worth: present values, diminished obligation, modification, cover, chance, expected value (§8).

Plain arithmetic on `Flows`; amounts in the loan's currency, rates a year (effective), months from the signing day.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from postloan.judgement.options import Claim, Flows

YEAR = 4  # quarters


def present(amounts: np.ndarray, months: np.ndarray, rate: float) -> float:
    """The present value of amounts by month at an effective yearly rate."""
    return float((np.asarray(amounts) * (1 + rate) ** (-np.asarray(months) / 12)).sum())


def npv(flows: Flows, rate: float) -> float:
    """The present value of everything that comes in, as scheduled.

    Example: 100 at 6 % in 8 equal quarterly principals, discounted at 1.015⁴ − 1: 100.
    """
    return present(flows.total, flows.months, rate)


def diminished(before: float, after: float) -> float:
    """DO = (NPV0 − NPV1) / NPV0 at the original rate (GL 2016/07 para 51); NaN where nothing was owed."""
    return (before - after) / before if before > 0 else float("nan")


def first_year(flows: Flows) -> float:
    """What the debtor has to pay within twelve months, the signing day included."""
    return float(flows.service[flows.months <= 12].sum())


def peak(flows: Flows) -> float:
    """The most that is ever owed: principal with the interest of its period, just before a payment."""
    return float(max([flows.opening, *(flows.owed_before + flows.interest)]))


def life(amounts: np.ndarray, months: np.ndarray) -> float:
    """Months until the average unit of money comes in; NaN where none does."""
    total = np.sum(amounts)
    return float((np.asarray(amounts) * months).sum() / total) if total > 0 else float("nan")


def quarters(flows: Flows, claim: Claim, first_end: object) -> np.ndarray:
    """The service by quarter, of which `first_end` ends the first; whole years, one at least."""
    days = [claim.day(month) for month in flows.months]
    months = np.array([(day.year - first_end.year) * 12 + day.month - first_end.month for day in days])
    place = np.maximum(np.ceil(months / 3).astype(int), 0)
    count = YEAR * (int(place[flows.service > 0].max(initial=0)) // YEAR + 1)
    owed = np.zeros(max(count, place.max() + 1))
    np.add.at(owed, place, flows.service)
    return owed[:count]


def cover(cash: np.ndarray, service: np.ndarray) -> np.ndarray:
    """DSCR by year (years,): cash available over service of four quarters each; NaN in a year without service.

    Cash below nil covers nothing: 0.
    """
    money, due = (np.asarray(part, float).reshape(-1, YEAR).sum(axis=1) for part in (cash, service))
    return np.divide(money.clip(min=0), due, out=np.full(len(due), np.nan), where=due > 0)


class Chances(NamedTuple):
    """The chance that every year's cash covers its service, and the month of failure half the failures come by."""

    success: float
    redefault: float


def chances(draws: np.ndarray, service: np.ndarray) -> Chances:
    """From cash draws (draws, quarters) beside the service (quarters,), both of whole years.

    A draw succeeds when each year's cash covers that year's service; it fails in the first quarter of the first such
    year by which the year's cash has fallen behind. `redefault` is NaN where no draw fails.
    """
    money = np.asarray(draws, float).reshape(len(draws), -1, YEAR)
    short = np.cumsum(money, axis=2) < np.cumsum(service.reshape(-1, YEAR), axis=1) - 1e-9
    bad = short[:, :, -1]
    failed = bad.any(axis=1)
    if not failed.any():
        return Chances(1.0, float("nan"))
    year = bad[failed].argmax(axis=1)
    quarter = short[failed, year].argmax(axis=1)
    return Chances(float(1 - failed.mean()), float(np.median(3 * (YEAR * year + quarter))))


def expected(p: float, kept: float, failed: float) -> float:
    """EV = p · NPV as scheduled + (1 − p) · NPV when it fails again."""
    return p * kept + (1 - p) * failed


def break_even(kept: float, failed: float, now: float) -> float:
    """The chance of success from which going on is worth as much as enforcing now.

    0: always at least as good; above 1: never; NaN: a higher chance does not help.
    """
    if kept <= failed:
        return 0.0 if min(kept, failed) >= now else float("nan")
    return max((now - failed) / (kept - failed), 0.0)


class Modified(NamedTuple):
    """The accounting of changed terms: gain (loss negative), and the ten per cent test."""

    gain: float
    share: float
    substantial: bool


def modified(before: float, after: float, limit: float, *, equity: bool = False) -> Modified:
    """IFRS 9 5.4.3 and B3.3.6: the gross carrying amount made anew at the original rate, and whether it is substantial.

    `before`, `after`: present values at the original rate, fees included; `equity`: an equity feature, a qualitative
    reason for derecognition whatever the figures say.
    """
    share = abs(after - before) / before if before > 0 else float("nan")
    far = bool(share >= limit)
    return Modified(after - before, share, far or equity)
