"""Findings as sentences: which moves are worth one, and that none says more than its figures."""

import importlib

import pandas as pd
import pytest

from postloan import measures, texts
from postloan.report import exhibits

narrative = importlib.import_module("postloan.report.narrative")
MEASURES = measures()


def compared(**rows):
    """Ratios as (now, year_ago, usual); the rest blank."""
    made = pd.DataFrame(float("nan"), index=list(MEASURES), columns=["now", "year_ago", "usual"])
    for name, row in rows.items():
        made.loc[name] = row
    return made.assign(reason=None)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"return_on_equity": (-0.5, 0.1, 0.1)}, True),
        ({"profit_growth": (-11.0, -0.7, 0.2)}, False),  # a loss, which its own figure tells
        ({"return_on_equity": (-74.0, -6.7, 0.5)}, False),  # of next to no equity
        ({"asset_turns": (0.01, 0.02, 0.001)}, False),  # the last digit
        ({"ohlson_p": (0.002, 0.001, 0.0001)}, False),  # a score without a band
    ],
)
def test_trifles_are_not_singled_out(row, said):
    assert bool(narrative.worsened(compared(**row), MEASURES)) == said


def test_share_of_profit_in_cash():
    sheet = exhibits.Sheet(texts("zh"), "CNY", "2026-05-15", 360, 2, 1, True, (1e4, "万", 0))
    (said,) = narrative._cash(compared(net_profit_ttm=(44.38e8, 1, 1), cfo_ttm=(39.72e8, 1, 1)), sheet)
    assert said == "近12个月经营现金流量净额39.72亿元，相当于净利润的89.5%。".replace("流量净额", "流净额")


@pytest.mark.parametrize(("step", "said"), [("YE", True), ("QE", False)])
def test_annual_statements_are_no_gap_of_quarters(step, said):
    """One row says that there are only annual ones; single quarters are not asked for item by item."""
    sheet = exhibits.Sheet(texts("en"), "USD", "2026-05-15", 360, 2, 1, True, (1e6, "m", 0))
    made = compared().assign(reason=None)
    made.loc["revenue_quarter", "reason"] = "missing:quarter.revenue"
    ends = pd.DataFrame({"period_end": pd.date_range("2020-12-31", periods=9, freq=step)})
    blank = pd.DataFrame({"month": []})
    found = [text for text, _ in narrative.gaps(made, blank, pd.DataFrame(), ends, sheet)]
    assert (texts("en")("gap.yearly") in found) == said
    assert any("single quarter" in text for text in found) != said


def test_unparted_balance_sheet_is_said():
    sheet = exhibits.Sheet(texts("zh"), "CNY", "2026-05-15", 360, 2, 1, True, (1e4, "万", 0))
    made = compared(liabilities_to_assets=(0.93, 0.92, 0.01))
    made.loc["current_ratio", "reason"] = "missing:end.current_assets"
    ends = pd.DataFrame({"period_end": pd.date_range("2024-03-31", periods=9, freq="QE")})
    found = narrative.gaps(made, pd.DataFrame({"month": []}), pd.DataFrame(), ends, sheet)
    assert any("放贷、保险或租赁" in effect for _, effect in found)


def test_unusual_or_not_is_said_once():
    sheet = exhibits.Sheet(texts("en"), "USD", "2026-05-15", 360, 2, 1, True, (1e6, "m", 0))
    made = compared(return_on_equity=(-0.5, 0.1, 0.1), current_ratio=(0.4, 0.9, float("nan")), revenue_ttm=(1, 1, 1))
    latest = pd.Series({"period_end": pd.Timestamp("2026-03-31"), "known_on": pd.Timestamp("2026-04-30")})
    told = narrative.conclusion(made, latest, pd.DataFrame(), MEASURES, sheet)
    assert told.paragraphs[1].endswith("fewer than eight year-on-year changes on file: Current ratio.")
    assert any("about 6.0 times its own usual change" in point for point in told.points)
