"""The need for working capital, against sums made by hand."""

import numpy as np
import pandas as pd
import pytest
from hand import drawn, loan, paid, panel, side

from postloan.analysis import servicing, working_need

AS_OF = "2025-02-15"


def need(amount=100, made=None, **given):
    tables = side(
        loans=[loan("W1", "working_capital", amount, "2024-06-20", "2025-06-20")],
        drawdowns=[drawn("W1", "2024-06-20", amount)],
    )
    return working_need.need(made or panel(), servicing.state(tables, AS_OF), **given).iloc[0]


def test_need_by_hand():
    """Days: inventory 360 × 165 / 840, receivables 360 × 210 / 1200, payables 360 × 105 / 840; sales 1200, margin
    120 / 1200, growth 1200 / 1000 − 1. Others lend 200 short, of which 100 is ours."""
    told = need()
    days = 360 * 165 / 840 + 360 * 210 / 1200 - 360 * 105 / 840
    assert told["days"] == pytest.approx(days)
    assert told["need"] == pytest.approx(1200 * 0.9 * 1.2 / (360 / days))
    assert (told["balance"], told["others"], told["over"]) == (100, 100, False)
    assert told["room"] == pytest.approx(told["need"] - 200)


def test_lending_beyond_the_need_is_told():
    limit = need()["need"] * 1.1
    assert bool(need(limit + 1)["over"])
    assert not need(limit - 1)["over"]


def test_expected_growth_is_kept_inside():
    assert need(growth=pd.Series({"A": 2.0}))["growth"] == 0.3
    assert need(growth=pd.Series({"B": 2.0}))["growth"] == pytest.approx(0.2)


def test_what_the_need_lacks_is_said():
    told = need(made=panel(without=("accounts_receivable",)))
    assert np.isnan(told["need"])
    assert told["reason"] == "missing:avg.accounts_receivable"
    assert told["over"] is None


def test_line_left_out_is_nil():
    """Without inventory the cycle is 63 − 45 days."""
    assert need(made=panel(without=("inventory",)))["days"] == pytest.approx(63 - 45)


def test_use_of_a_revolving_limit():
    """150 was drawn in all on a limit of 100: after 60 came back in August and 50 went out in October the lowest month
    end of the last twelve is 40."""
    tables = side(
        loans=[loan("R1", "working_capital", 100, "2024-01-02", "2026-01-02"),
               loan("W1", "working_capital", 100, "2024-06-20", "2025-06-20")],
        drawdowns=[drawn("R1", "2024-01-02", 100), drawn("R1", "2024-10-10", 50, "D2"), drawn("W1", "2024-06-20", 100)],
        repayments=[paid("R1", "2024-08-10", 60, 0)],
    )  # fmt: skip
    assert working_need.limit_use(tables, AS_OF).to_dict() == {"A": 0.4}
    assert working_need.limit_use(side(), AS_OF).empty
