"""Ratios of DOMAIN §4.2–4.4: liquidity, leverage and cover, profitability, efficiency, cash quality, growth.

Flows are trailing twelve months (`ttm`), stocks at period end (`end`) or averaged with a year earlier (`avg`).
`basis` is the day basis (360 or 365), printed with every report. Percentages are fractions (0.25 = 25 %).
Units, groups and reading bands of each ratio stand in params/ratios.yml.
"""

from __future__ import annotations

import pandas as pd

from postloan import tables
from postloan.analysis import formulas
from postloan.analysis.periods import Moments, Panel
from postloan.errors import ContractError

FORMULAS = {
    # size
    "revenue_quarter": "quarter.revenue",
    "revenue_ttm": "ttm.revenue",
    "net_profit_quarter": "quarter.net_profit",
    "net_profit_ttm": "ttm.net_profit",
    "ebitda_ttm": "ttm.ebitda",
    "cfo_ttm": "ttm.cfo",
    "total_assets": "end.total_assets",
    "debt": "end.debt",
    # liquidity, §4.2
    "current_ratio": "end.current_assets / end.current_liabilities",
    "quick_ratio": "end.quick_assets / end.current_liabilities",
    "quick_ratio_prc": "end.quick_assets_prc / end.current_liabilities",
    "cash_ratio": "end.liquid_funds / end.current_liabilities",
    "cfo_to_current_liabilities": "ttm.cfo / avg.current_liabilities",
    "cfo_to_current_liabilities_prc": "ttm.cfo / end.current_liabilities",
    "short_debt_cover": "end.free_cash / end.short_debt",
    "cash_to_assets": "end.cash / end.total_assets",
    "working_capital": "end.current_assets - end.current_liabilities",
    # leverage and cover, §4.3
    "liabilities_to_assets": "end.total_liabilities / end.total_assets",
    "liabilities_to_equity": "end.total_liabilities / end.equity",
    "equity_to_assets": "end.equity / end.total_assets",
    "debt_share_of_liabilities": "end.debt / end.total_liabilities",
    "debt_to_assets": "end.debt / end.total_assets",
    "debt_to_ebitda": "end.debt / ttm.ebitda",
    "net_debt_to_ebitda": "end.net_debt / ttm.ebitda",
    "interest_cover": "ttm.ebit / ttm.interest_expense",
    "ebitda_cover": "ttm.ebitda / ttm.interest_expense",
    "dscr": "(ttm.ebitda - ttm.income_tax) / (end_1.noncurrent_debt_due_1y + ttm.interest_expense)",
    "dscr_floor": "(ttm.ebit - ttm.income_tax) / (end_1.noncurrent_debt_due_1y + ttm.interest_expense)",
    "fccr": "(ttm.ebitda - ttm.capex - ttm.income_tax - ttm.dividends)"
    " / (end_1.noncurrent_debt_due_1y + ttm.interest_expense)",
    "cfo_to_debt": "ttm.cfo / avg.debt",
    "cfo_to_liabilities": "ttm.cfo / avg.total_liabilities",
    "guarantees_to_equity": "end.external_guarantees / end.equity",
    # profitability, §4.4
    "gross_margin": "(ttm.revenue - ttm.operating_cost) / ttm.revenue",
    "operating_margin": "ttm.operating_profit / ttm.revenue",
    "net_margin": "ttm.net_profit / ttm.revenue",
    "return_on_assets": "ttm.ebit / avg.total_assets",
    "net_return_on_assets": "ttm.net_profit / avg.total_assets",
    "return_on_equity": "ttm.profit_of_owners / avg.equity_of_owners",
    "profit_to_costs": "ttm.profit_before_tax / ttm.costs_and_expenses",
    # efficiency, §4.4
    "receivable_turns": "ttm.revenue / avg.accounts_receivable",
    "receivable_days": "basis * avg.accounts_receivable / ttm.revenue",
    "receivable_days_with_notes": "basis * avg.receivables_with_notes / ttm.revenue",
    "inventory_turns": "ttm.operating_cost / avg.inventory",
    "inventory_days": "basis * avg.inventory / ttm.operating_cost",
    "payable_turns": "ttm.operating_cost / avg.accounts_payable",
    "payable_days": "basis * avg.accounts_payable / ttm.operating_cost",
    "cash_cycle": "basis * avg.accounts_receivable / ttm.revenue + basis * avg.inventory / ttm.operating_cost"
    " - basis * avg.accounts_payable / ttm.operating_cost",
    "asset_turns": "ttm.revenue / avg.total_assets",
    "current_asset_turns": "ttm.revenue / avg.current_assets",
    "receivables_and_inventory_share": "end.receivables_and_inventory / end.current_assets",
    # cash quality, §4.4
    "cfo_to_profit": "ttm.cfo / ttm.net_profit",
    "sales_cash_ratio": "ttm.cash_from_sales / ttm.revenue",
    "free_cash_flow": "ttm.cfo - ttm.capex",
    # growth, §4.4
    "revenue_growth_quarter": "(quarter.revenue - quarter_1.revenue) / quarter_1.revenue",
    "revenue_growth": "(ttm.revenue - ttm_1.revenue) / ttm_1.revenue",
    "profit_growth": "(ttm.net_profit - ttm_1.net_profit) / ttm_1.net_profit",
    "revenue_growth_3y": "cagr(ttm.revenue, ttm_3.revenue, 3)",
    "asset_growth": "(end.total_assets - end_1.total_assets) / end_1.total_assets",
    "equity_growth": "end.equity / end_1.equity",
}

NO_INTEREST = dict.fromkeys(("interest_cover", "ebitda_cover"), "no_interest")


def compute(panel: Panel, *, day_basis: int = 360) -> pd.DataFrame:
    """Every ratio on every period of the panel: the `ratios` table, value or reason.

    Units stand in params/ratios.yml: `pct` are fractions (0.25 = 25 %), `days` of a year of `day_basis`, `money` in the
    statements' currency. Example: `ratios.compute(panel).query("ratio == 'current_ratio'")`.
    """
    judge = evaluator(panel, day_basis)
    return tables.check(judge.table(FORMULAS, NO_INTEREST), "ratios")


def explain(
    panel: Panel, ratio: str, borrower_id: str, period_end: str | pd.Timestamp, *, day_basis: int = 360
) -> formulas.Explanation:
    """One ratio of one borrower and period: formula, numbers put in, and the reported facts behind them.

    Leaves are `view.item`: `end` a balance, `avg` an average of two, `quarter` a single quarter, `ttm` twelve
    months, in the statements' currency. ContractError lists the ratios there are.
    Example: `ratios.explain(panel, "interest_cover", "S0003", moments.now)`.
    """
    if ratio not in FORMULAS:
        raise ContractError(f"unknown ratio {ratio!r}; known: {sorted(FORMULAS)}")
    at = (borrower_id, period_end)
    return formulas.explain(evaluator(panel, day_basis), ratio, FORMULAS[ratio], at, NO_INTEREST.get(ratio))


def compare(table: pd.DataFrame, at: Moments) -> pd.DataFrame:
    """One borrower's `ratios` table at its moments, a row per ratio.

    Columns start, year_ago, now, reason (why `now` is missing), change (now − year_ago) and usual (the median
    absolute year-on-year change over the borrower's own history; NaN below eight changes).
    """
    wide = table.pivot(index="ratio", columns="period_end", values="value").reindex(table["ratio"].unique())
    reasons = table[table["period_end"] == at.now].set_index("ratio")["reason"].astype(object)
    blank = pd.Series(float("nan"), index=wide.index)
    sides = {
        name: wide[day] if day is not None else blank for name, day in (("start", at.start), ("year_ago", at.year_ago))
    }
    months = pd.PeriodIndex(wide.columns - pd.Timedelta(days=15), freq="M")
    ends = wide.set_axis(months, axis=1)
    steps = (ends - ends.reindex(columns=months - 12).set_axis(months, axis=1)).abs()
    usual = steps.median(axis=1).where(steps.notna().sum(axis=1) >= 8)
    compared = pd.DataFrame({**sides, "now": wide[at.now], "reason": reasons, "usual": usual})
    return compared.assign(change=compared["now"] - compared["year_ago"])


def evaluator(panel: Panel, day_basis: int = 360) -> formulas.Evaluator:
    """What evaluates formulas on a panel; ContractError for a day basis that is neither 360 nor 365."""
    if day_basis not in (360, 365):
        raise ContractError(f"day_basis: expected 360 or 365, found {day_basis!r}")
    return formulas.Evaluator(panel, {"basis": float(day_basis)})
