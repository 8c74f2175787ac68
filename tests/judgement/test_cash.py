"""Cash available for a loan, against sums made by hand on statements that never change."""

import numpy as np
import pandas as pd
import pytest

from conftest import facts
from postloan.analysis import assumptions
from postloan.analysis.periods import Panel
from postloan.judgement import cash
from troubled import RULES, case

# a quarter: EBIT 12 + 2, depreciation 8, tax 3; working capital 50 + 30 − 20 at every end
FLOW = {"revenue": 100, "operating_cost": 70, "profit_before_tax": 12, "interest_expense": 2, "income_tax": 3}
FLOW |= {"depreciation_amortisation": 8, "net_profit": 9}
STOCK = {"accounts_receivable": 50, "inventory": 30, "accounts_payable": 20, "short_term_borrowings": 200}
STOCK |= {"total_assets": 500}
EBITDA = 12 + 2 + 8


def panel(years=(2023, 2024, 2025), without=(), quarters=(1, 2, 3, 4)) -> Panel:
    rows = []
    for year in years:
        for quarter in quarters:
            end = f"{pd.Period(year=year, quarter=quarter, freq='Q').end_time:%Y-%m-%d}"
            rows += [(end, 3 * quarter, item, amount * quarter) for item, amount in FLOW.items()]
            rows += [(end, None, item, amount) for item, amount in STOCK.items()]
    return Panel(facts([row for row in rows if row[2] not in without]))


def test_steady_business_has_steady_cash():
    made = cash.available(panel(), case().claim, RULES)
    assumed = assumptions.load()
    expected = EBITDA - 3 - assumed.cover.maintenance_share * 8
    assert made.draws["base"][0] == pytest.approx([expected] * RULES.forecast.quarters, rel=1e-3)
    assert made.ends[0] == pd.Timestamp("2026-06-30")  # the quarter the day falls in, though statements end in 2025
    assert made.ebitda == pytest.approx([EBITDA] * RULES.forecast.quarters, rel=1e-3)
    assert made.debt == 200


def test_stress_takes_margin_and_cost_less_tax():
    made, assumed = cash.available(panel(), case().claim, RULES), assumptions.load().stress
    lost = 0.10 * (100 - assumed.variable_cost_share * 70)
    assert (made.draws["base"] - made.draws["revenue_10"])[0] == pytest.approx(
        lost - min(3, assumed.tax_relief * lost), rel=1e-3
    )
    assert (made.draws["base"] - made.draws["cost_2"])[0] == pytest.approx(2 - min(3, assumed.tax_relief * 2), rel=1e-3)


def test_other_debt_goes_first():
    coming = pd.DataFrame({"borrower_id": ["A"], "other_principal": [8.0], "other_interest": [4.0]})
    day = pd.to_datetime(["2026-01-31", "2026-06-30", "2026-07-01", "2026-07-01"])
    own = pd.DataFrame(
        {"borrower_id": "A", "loan_id": ["L2", "L2", "L2", "L1"], "due_on": day, "open": [1.0, 2, 4, 99]}
    )
    alone, made = (
        cash.available(panel(), case().claim, RULES, **more) for more in ({}, {"coming": coming, "own": own})
    )
    taken = (alone.draws["base"] - made.draws["base"])[0]
    assert taken[:3] == pytest.approx([3 + 1 + 2, 3 + 4, 3])


def test_past_the_forecast_the_last_year_repeats():
    made = cash.Cash(pd.DatetimeIndex([]), {"base": np.arange(8.0)[None]}, np.arange(8.0), 0.0)
    assert made.of("base", 14)[0].tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 4, 5, 6, 7, 4, 5]


def test_draws_move_by_their_size():
    made = cash.Cash(pd.DatetimeIndex([]), {"base": np.array([[10.0, -10.0]])}, np.zeros(2), 0.0)
    assert made.scaled(-0.1).draws["base"].tolist() == [[9.0, -11.0]]


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (lambda: panel(years=(2025,)), "too_short"),
        (lambda: panel(quarters=(4,)), "no_quarters"),
        (lambda: panel(without=("revenue",)), "no_quarters"),
    ],
)
def test_no_forecast_says_why(made, reason):
    found = cash.available(made(), case().claim, RULES)
    assert (found.reason, found.season, found.draws) == (reason, None, {})
    assert cash.available(panel(), None, RULES).reason == "no_loan"


def test_what_statements_lack_is_named():
    made = cash.available(panel(without=("accounts_receivable", "inventory", "accounts_payable")), case().claim, RULES)
    assert made.left_out == ("operating_working_capital",)
