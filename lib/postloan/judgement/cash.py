"""Cash available for debt service by quarter, as draws of joint futures, and what a stress leaves of it (DOMAIN §8.2).

Available = EBITDA − income tax − maintenance capex − growth of working capital (receivables + stock − payables) −
service of other debt. Each item is forecast on its own single quarters and drawn together as they erred together.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from postloan.analysis import forecasting
from postloan.analysis.outlook import DRAWS, SEED
from postloan.analysis.periods import Panel
from postloan.judgement.options import Claim
from postloan.judgement.workout_rules import STRESSES, Forecast

FLOWS = ("ebitda", "income_tax", "capex", "revenue", "operating_cost")
STOCKS = ("accounts_receivable", "inventory", "accounts_payable")
NEEDED = ("ebitda", "revenue")
_SEASON = 4


@dataclass(frozen=True)
class Cash:
    """Cash available by stress: `draws[name]` is (draws, quarters), the first row the expected path.

    `ends`: the quarter ends to come; `ebitda` (quarters,) expected; `debt` owed to everyone on the day (NaN: unknown);
    `left_out`: items the statements lack; `reason`: why there is no forecast (then `draws` is empty).
    """

    ends: pd.DatetimeIndex
    draws: dict[str, np.ndarray]
    ebitda: np.ndarray
    debt: float
    left_out: tuple[str, ...] = ()
    reason: str = ""

    def of(self, name: str, quarters: int) -> np.ndarray:
        """So many quarters of a stress (draws, quarters); past the forecast its last year repeats."""
        return _lasting(self.draws[name], quarters)

    def earnings(self, quarters: int) -> np.ndarray:
        """Expected EBITDA of so many quarters; past the forecast its last year repeats."""
        return _lasting(self.ebitda[None], quarters)[0]

    @property
    def season(self) -> np.ndarray | None:
        """Expected cash by calendar quarter (4,), negative ones as 0; None without a forecast."""
        if self.reason:
            return None
        path = pd.Series(self.draws["base"][0], index=self.ends.quarter)
        return path.groupby(level=0).mean().reindex(range(1, 5), fill_value=0.0).clip(lower=0).to_numpy()

    def scaled(self, share: float) -> Cash:
        """The same with every cash draw moved by a share of its size."""
        return replace(self, draws={name: part + share * np.abs(part) for name, part in self.draws.items()})


def _lasting(path: np.ndarray, quarters: int) -> np.ndarray:
    have = path.shape[1]
    place = np.arange(quarters)
    return path[:, np.where(place < have, place, have - _SEASON + (place - have) % _SEASON)]


def unknown(reason: str) -> Cash:
    """No forecast, and why."""
    return Cash(pd.DatetimeIndex([]), {}, np.zeros(0), float("nan"), (), reason)


def available(panel: Panel, claim: Claim | None, rules: Forecast, *, others: np.ndarray | None = None) -> Cash:
    """The cash of the claim's borrower from the quarter the day falls in on.

    `panel` holds its statements, `others` what its other loans here need by quarter (quarters,), from that quarter on.
    Interest to others is last year's, less our share by debt. Reasons: no_statements, no_quarters, too_short.
    """
    if claim is None:
        return unknown("no_loan")
    keys = panel.rows.index[panel.rows["borrower_id"] == claim.borrower_id]
    if not len(keys):
        return unknown("no_statements")
    grid = np.arange(keys[-1], keys[0] - 1, -3)[::-1][-forecasting.LONGEST :]
    flow, stock = (panel.view(name).reindex(grid) for name in ("quarter", "end"))
    items = pd.DataFrame({name: flow.get(name) for name in FLOWS} | {name: stock.get(name) for name in STOCKS})
    items = items.reindex(columns=[*FLOWS, *STOCKS], index=grid).astype(float)
    if items[[*NEEDED]].iloc[-4:].isna().any(axis=None):
        return unknown("no_quarters")
    if len(items) < forecasting.FEWEST:
        return unknown("too_short")
    last = pd.Timestamp(panel.rows.loc[keys[-1], "period_end"])
    return _drawn(items, last, panel, keys[-1], claim, rules, others)


def _drawn(items, last, panel, key, claim, rules, others) -> Cash:
    """The forecast itself: all items drawn together, then put together to cash."""
    late = max(0, -(-((claim.as_of.year - last.year) * 12 + claim.as_of.month - last.month) // 3) - 1)
    steps = late + rules.quarters
    futures, left_out = _futures(items, steps)
    growth = _working(futures, items)
    cash = futures["ebitda"] - futures["income_tax"] - rules.maintenance_share * futures["capex"] - growth
    cash = cash - _interest(panel, key, claim) / _SEASON
    base = cash[:, late:] - (0.0 if others is None else _lasting(np.atleast_2d(others), rules.quarters))
    sales, spent = futures["revenue"][:, late:], futures["operating_cost"][:, late:]
    margin = sales - rules.variable_cost_share * spent
    draws = {"base": base, "revenue": base - rules.revenue_fall * margin, "cost": base - rules.cost_rise * sales}
    ends = pd.DatetimeIndex([last + pd.offsets.MonthEnd(3 * (late + n + 1)) for n in range(rules.quarters)])
    debt = panel.view("end").get("debt", pd.Series(dtype=float)).get(key, np.nan)
    made = {name: draws[name] for name in STRESSES}
    return Cash(ends, made, futures["ebitda"][0, late:], float(debt), left_out)


def _futures(items: pd.DataFrame, steps: int) -> tuple[dict[str, np.ndarray], tuple[str, ...]]:
    """Draws of every item (draws, steps); what the statements lack is nothing and named, what is short stays."""
    known = [name for name in items if pd.notna(items[name].iloc[-1])]
    fit = forecasting.fit(items[known].to_numpy(float).T, steps, _SEASON)
    shocks = forecasting.shocks(steps, DRAWS, SEED)
    ahead = fit.at(np.einsum("dho,no->ndh", shocks, fit.shape))
    last = items[known].iloc[-1].to_numpy(float)[:, None, None]
    ahead = np.where(np.isnan(ahead), np.broadcast_to(last, ahead.shape), ahead)
    made = dict(zip(known, ahead, strict=True))
    lacking = tuple(name for name in items if name not in made)
    return made | {name: np.zeros((DRAWS, steps)) for name in lacking}, lacking


def _working(futures: dict[str, np.ndarray], items: pd.DataFrame) -> np.ndarray:
    """By how much working capital grows each quarter (draws, steps)."""
    signs = dict(zip(STOCKS, (1, 1, -1), strict=True))
    held = sum(sign * futures[name] for name, sign in signs.items())
    now = sum(sign * np.nan_to_num(items[name].iloc[-1]) for name, sign in signs.items())
    return np.diff(held, axis=1, prepend=np.full((len(held), 1), now))


def _interest(panel: Panel, key: int, claim: Claim) -> float:
    """Interest of a year to other lenders: last year's expense less our share of the debt; 0 where not known."""
    paid = panel.view("ttm").get("interest_expense", pd.Series(dtype=float)).get(key, np.nan)
    debt = panel.view("end").get("debt", pd.Series(dtype=float)).get(key, np.nan)
    if pd.isna(paid) or pd.isna(debt) or debt <= 0:
        return 0.0
    return float(max(paid, 0.0) * max(1 - claim.balance / debt, 0.0))
