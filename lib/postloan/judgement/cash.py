"""Cash available for debt service by quarter, as draws of joint futures, and what a stress leaves of it (DOMAIN §8.2).

Available = EBITDA − income tax − maintenance capex (a share of depreciation) − increase of operating working capital −
service of other debt. Each item is forecast on its own single quarters and drawn together as they erred together.
Shares, stress cases and what others want are those of repayment capacity (params/capacity.yml).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from postloan.analysis import assumptions, forecasting
from postloan.analysis.assumptions import Case as StressCase
from postloan.analysis.assumptions import Stress
from postloan.analysis.outlook import DRAWS, SEED
from postloan.analysis.periods import Panel
from postloan.judgement.options import Claim
from postloan.judgement.workout_rules import Rules

FLOWS = ("ebitda", "income_tax", "depreciation_amortisation", "revenue", "operating_cost")
CAPITAL = "operating_working_capital"
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


def available(
    panel: Panel, claim: Claim | None, rules: Rules, *, coming: pd.DataFrame | None = None,
    own: pd.DataFrame | None = None,
) -> Cash:  # fmt: skip
    """The cash of the claim's borrower for this claim, from the quarter the day falls in on.

    `panel` holds its statements, `coming` is `debt.coming` (what others want within a year, a quarter of it each
    quarter), `own` is `debt.own` (its other loans here, by their plans). Reasons: no_loan, no_statements, no_quarters,
    too_short, currency_differs.
    """
    if claim is None:
        return unknown("no_loan")
    keys = panel.rows.index[panel.rows["borrower_id"] == claim.borrower_id]
    if not len(keys):
        return unknown("no_statements")
    mine = panel.statements[panel.statements["borrower_id"] == claim.borrower_id]
    if mine["currency"].iloc[-1] != claim.currency:
        return unknown("currency_differs")
    items = _items(panel, keys)
    if items[[*NEEDED]].iloc[-_SEASON:].isna().any(axis=None):
        return unknown("no_quarters")
    if len(items) < forecasting.FEWEST:
        return unknown("too_short")
    last = pd.Timestamp(panel.rows.loc[keys[-1], "period_end"])
    debt = panel.view("end").get("debt", pd.Series(dtype=float)).get(keys[-1], np.nan)
    return _drawn(items, last, claim, rules, (_elsewhere(coming, claim), own, float(debt)))


def _items(panel: Panel, keys: pd.Index) -> pd.DataFrame:
    """The items on every quarter of the borrower's history, NaN where missing."""
    grid = np.arange(keys[-1], keys[0] - 1, -3)[::-1][-forecasting.LONGEST :]
    flow, stock = (panel.view(name).reindex(grid) for name in ("quarter", "end"))
    wanted = flow.reindex(columns=[*FLOWS]).join(stock.reindex(columns=[CAPITAL]))
    return wanted.astype(float)


def _elsewhere(coming: pd.DataFrame | None, claim: Claim) -> float:
    """What other lenders want in a quarter; 0 where statements do not tell."""
    if coming is None:
        return 0.0
    mine = coming[coming["borrower_id"] == claim.borrower_id]
    owed = mine[["other_principal", "other_interest"]].sum(axis=1)
    return float(owed.iloc[-1]) / _SEASON if len(owed) else 0.0


def _drawn(items: pd.DataFrame, last: pd.Timestamp, claim: Claim, rules: Rules, debts: tuple) -> Cash:
    """The forecast itself: all items drawn together, then put together to cash."""
    assumed, (elsewhere, own, debt), quarters = assumptions.load(), debts, rules.forecast.quarters
    late = max(0, -(-((claim.as_of.year - last.year) * 12 + claim.as_of.month - last.month) // 3) - 1)
    futures, left_out = _futures(items, late + quarters)
    held, now = futures[CAPITAL], np.nan_to_num(items[CAPITAL].iloc[-1])
    growth = np.diff(held, axis=1, prepend=np.full((len(held), 1), now))
    spent = futures["income_tax"] + assumed.cover.maintenance_share * futures["depreciation_amortisation"] + growth
    ends = pd.DatetimeIndex([last + pd.offsets.MonthEnd(3 * (late + n + 1)) for n in range(quarters)])
    base = (futures["ebitda"] - spent)[:, late:] - elsewhere - _others(own, claim, ends)
    ahead = {name: part[:, late:] for name, part in futures.items()}
    cases = {name: assumed.stress.cases[name] for name in rules.forecast.stresses}
    draws = {name: base - _lost(ahead, case, assumed.stress) for name, case in cases.items()}
    return Cash(ends, {"base": base, **draws}, ahead["ebitda"][0], debt, left_out)


def _lost(ahead: dict[str, np.ndarray], case: StressCase, stress: Stress) -> np.ndarray:
    """Cash a stress takes (draws, quarters): margin on lost revenue and dearer cost, less the tax no longer due."""
    margin = ahead["revenue"] - stress.variable_cost_share * ahead["operating_cost"]
    lost = -case.revenue * margin + case.cost * ahead["revenue"] * (1 + case.revenue)
    return lost - np.minimum(np.clip(ahead["income_tax"], 0, None), stress.tax_relief * lost)


def _others(own: pd.DataFrame | None, claim: Claim, ends: pd.DatetimeIndex) -> np.ndarray:
    """What is open on the borrower's other loans here, by quarter (quarters,); overdue falls into the first."""
    if own is None:
        return np.zeros(len(ends))
    mine = own[(own["borrower_id"] == claim.borrower_id) & (own["loan_id"] != claim.loan_id) & (own["open"] > 0)]
    place = np.searchsorted(ends.to_numpy(), mine["due_on"].to_numpy(ends.dtype))
    owed = np.zeros(len(ends) + 1)
    np.add.at(owed, place, mine["open"].to_numpy(float))
    return owed[:-1]


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
