"""Distress and reliability scores of DOMAIN §5: research screens, not verdicts.

Flows are trailing twelve months or a fiscal year, stocks at period end; single quarters never enter. The
scores were estimated on US listed firms; Ohlson's size term needs a price index, so elsewhere it only ranks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from postloan import tables
from postloan.analysis import formulas
from postloan.analysis.periods import Panel
from postloan.errors import ContractError

_WC = "(end.current_assets - end.current_liabilities) / end.total_assets"
_RE = "end.retained_earnings / end.total_assets"
_EBIT = "ttm.ebit / end.total_assets"
_SALES = "ttm.revenue / end.total_assets"
_BOOK = "end.equity / end.total_liabilities"
_Z2 = f"6.56 * ({_WC}) + 3.26 * {_RE} + 6.72 * {_EBIT} + 1.05 * {_BOOK}"
_OHLSON = (
    "-1.32 - 0.407 * ln(end.total_assets / price_index) + 6.03 * end.total_liabilities / end.total_assets"
    f" - 1.43 * ({_WC}) + 0.0757 * end.current_liabilities / end.current_assets"
    " - 1.72 * positive(end.total_liabilities - end.total_assets) - 2.37 * ttm.net_profit / end.total_assets"
    " - 1.83 * (ttm.net_profit + ttm.depreciation_amortisation) / end.total_liabilities"
    " + 0.285 * negative(ttm.net_profit) * negative(ttm_1.net_profit)"
    " - 0.521 * (ttm.net_profit - ttm_1.net_profit) / (abs(ttm.net_profit) + abs(ttm_1.net_profit))"
)
_ZMIJEWSKI = (
    "-4.336 - 4.513 * ttm.net_profit / end.total_assets + 5.679 * end.total_liabilities / end.total_assets"
    " + 0.004 * end.current_assets / end.current_liabilities"
)
_M = {
    "dsri": "(end.accounts_receivable / ttm.revenue) / (end_1.accounts_receivable / ttm_1.revenue)",
    "gmi": "((ttm_1.revenue - ttm_1.operating_cost) / ttm_1.revenue)"
    " / ((ttm.revenue - ttm.operating_cost) / ttm.revenue)",
    "aqi": "(1 - (end.current_assets + end.fixed_assets) / end.total_assets)"
    " / (1 - (end_1.current_assets + end_1.fixed_assets) / end_1.total_assets)",
    "sgi": "ttm.revenue / ttm_1.revenue",
    "depi": "(ttm_1.depreciation_charge / (ttm_1.depreciation_charge + end_1.fixed_assets))"
    " / (ttm.depreciation_charge / (ttm.depreciation_charge + end.fixed_assets))",
    "sgai": "(ttm.sga / ttm.revenue) / (ttm_1.sga / ttm_1.revenue)",
    "lvgi": "((end.current_liabilities + end.long_term_debt) / end.total_assets)"
    " / ((end_1.current_liabilities + end_1.long_term_debt) / end_1.total_assets)",
    "tata": "(ttm.net_profit - ttm.cfo) / end.total_assets",
}
_F = {
    "roa": "positive(ttm.net_profit / end_1.total_assets)",
    "cfo": "positive(ttm.cfo / end_1.total_assets)",
    "roa_up": "positive(ttm.net_profit / end_1.total_assets - ttm_1.net_profit / end_2.total_assets)",
    "cash_over_profit": "positive(ttm.cfo / end_1.total_assets - ttm.net_profit / end_1.total_assets)",
    "debt_down": "negative(end.long_term_debt / avg.total_assets - end_1.long_term_debt / avg_1.total_assets)",
    "liquidity_up": "positive(end.current_assets / end.current_liabilities"
    " - end_1.current_assets / end_1.current_liabilities)",
    "no_new_shares": "1 - positive(end.shares - end_1.shares)",
    "margin_up": "positive((ttm.revenue - ttm.operating_cost) / ttm.revenue"
    " - (ttm_1.revenue - ttm_1.operating_cost) / ttm_1.revenue)",
    "turns_up": "positive(ttm.revenue / end_1.total_assets - ttm_1.revenue / end_2.total_assets)",
}
_C = {
    "gap_widening": "positive((ttm.net_profit - ttm.cfo) - (ttm_1.net_profit - ttm_1.cfo))",
    "receivable_days_up": "positive(end.accounts_receivable / ttm.revenue - end_1.accounts_receivable / ttm_1.revenue)",
    "inventory_days_up": "positive(end.inventory / ttm.operating_cost - end_1.inventory / ttm_1.operating_cost)",
    "other_current_up": "positive(end.other_current_assets / ttm.revenue - end_1.other_current_assets / ttm_1.revenue)",
    "depreciation_down": "negative(ttm.depreciation_charge / end.gross_fixed_assets"
    " - ttm_1.depreciation_charge / end_1.gross_fixed_assets)",
    "asset_growth": "positive(end.total_assets / end_1.total_assets - 1.10)",
}
_BS = (
    "((end.current_assets - end_1.current_assets) - (end.cash - end_1.cash)"
    " - ((end.current_liabilities - end_1.current_liabilities) - (end.short_debt - end_1.short_debt)"
    " - (end.taxes_payable - end_1.taxes_payable)) - ttm.depreciation_charge) / avg.total_assets"
)
_CF = "(ttm.net_profit - ttm.cfo) / avg.total_assets"

FORMULAS = {
    "altman_z": f"1.2 * ({_WC}) + 1.4 * {_RE} + 3.3 * {_EBIT}"
    f" + 0.6 * end.market_value_equity / end.total_liabilities + 1.0 * {_SALES}",
    "altman_z_private": f"0.717 * ({_WC}) + 0.847 * {_RE} + 3.107 * {_EBIT} + 0.420 * {_BOOK} + 0.998 * {_SALES}",
    "altman_z_nonmanufacturing": _Z2,
    "altman_em": f"3.25 + {_Z2}",
    "springate": f"1.03 * ({_WC}) + 3.07 * {_EBIT}"
    f" + 0.66 * ttm.profit_before_tax / end.current_liabilities + 0.40 * {_SALES}",
    "zmijewski_x": _ZMIJEWSKI,
    "zmijewski_p": f"normal({_ZMIJEWSKI})",
    "ohlson_o": _OHLSON,
    "ohlson_p": f"logistic({_OHLSON})",
    "beneish_m8": f"-4.84 + 0.920 * ({_M['dsri']}) + 0.528 * ({_M['gmi']}) + 0.404 * coalesce({_M['aqi']}, 1)"
    f" + 0.892 * {_M['sgi']} + 0.115 * coalesce({_M['depi']}, 1) - 0.172 * coalesce({_M['sgai']}, 1)"
    f" + 4.679 * {_M['tata']} - 0.327 * ({_M['lvgi']})",
    "beneish_m5": f"-6.065 + 0.823 * ({_M['dsri']}) + 0.906 * ({_M['gmi']}) + 0.593 * coalesce({_M['aqi']}, 1)"
    f" + 0.717 * {_M['sgi']} + 0.107 * coalesce({_M['depi']}, 1)",
    **{f"beneish_{name}": formula for name, formula in _M.items()},
    "piotroski_f": " + ".join(_F.values()),
    **{f"piotroski_{name}": formula for name, formula in _F.items()},
    "montier_c": " + ".join(_C.values()),
    **{f"montier_{name}": formula for name, formula in _C.items()},
    "accruals_balance_sheet": _BS,
    "accruals_cash_flow": _CF,
    "accruals_gap": f"{_BS} - {_CF}",
}

BENFORD = np.log10(1 + 1 / np.arange(1, 10))
BENFORD_CUT = 0.015  # first-digit non-conformity, Nigrini 2012


def compute(panel: Panel, *, price_index: float = 100.0) -> pd.DataFrame:
    """Every score on every period of the panel: a `ratios` table, value or reason.

    `price_index` deflates Ohlson's size term (1968 = 100).
    """
    evaluator = formulas.Evaluator(panel, {"price_index": price_index})
    return tables.check(evaluator.table(FORMULAS), "ratios")


def explain(
    panel: Panel, score: str, borrower_id: str, period_end: str | pd.Timestamp, *, price_index: float = 100.0
) -> formulas.Explanation:
    """One score of one borrower and period: formula, numbers put in, and the reported facts behind them."""
    if score not in FORMULAS:
        raise ContractError(f"unknown score {score!r}; known: {sorted(FORMULAS)}")
    evaluator = formulas.Evaluator(panel, {"price_index": price_index})
    return formulas.explain(evaluator, score, FORMULAS[score], (borrower_id, period_end), None)


@dataclass(frozen=True)
class Benford:
    """First digits against Benford's law: `mad` (mean absolute deviation) and a verdict.

    `conforms` is None where the sample is too small to tell: the noise floor exceeds half the cut.
    """

    records: int
    mad: float
    conforms: bool | None


def benford(amounts: pd.Series) -> Benford:
    """First-digit test on amounts of invoices or bank lines (never on one set of statements)."""
    sizes = np.abs(amounts.to_numpy(float))
    sizes = sizes[sizes > 0]
    count = len(sizes)
    if not count:
        return Benford(0, float("nan"), None)
    first = np.clip(np.floor(sizes / 10 ** np.floor(np.log10(sizes))), 1, 9).astype(int)
    shares = np.bincount(first, minlength=10)[1:] / count
    mad = float(np.abs(shares - BENFORD).mean())
    floor = float(np.sqrt(2 * BENFORD * (1 - BENFORD) / (np.pi * count)).mean())
    return Benford(count, mad, None if floor > BENFORD_CUT / 2 else mad <= BENFORD_CUT)
