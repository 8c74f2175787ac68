"""The same cash under each plan, against sums by hand."""

import pandas as pd
import pytest

from postloan.errors import ContractError
from postloan.judgement import hindsight

ENDS = pd.date_range("2024-12-31", periods=9, freq="QE")


def plan(*principals: float, first: str = "2025-03-31", made_on: str | None = None) -> pd.DataFrame:
    due = pd.date_range(first, periods=len(principals), freq="QE")
    told = pd.DataFrame({"due_on": due, "principal": principals, "interest": 0.0})
    told.attrs |= {"made_on": pd.Timestamp(made_on)} if made_on else {}
    return told


OLD = plan(25, 25, 25, 25)
NEW = plan(10, 10, 10, 10, 10, 25, first="2025-09-30", made_on="2025-07-15")  # 75 was left then

ENOUGH = hindsight.Cash(pd.Series(25.0, ENDS[1:]), 10, 10)


def compared(made: list[float], shifts: tuple = (None, 0), opening: float = 10, floor: float = 10) -> pd.DataFrame:
    cash = hindsight.Cash(pd.Series(made, ENDS[1:], dtype=float), opening, floor)
    return hindsight.compare(cash, OLD, NEW, 0.0, shifts).set_index("shift")


def test_cash_made_leaves_our_service_out():
    cash = pd.Series([100.0, 90.0, 120.0], ENDS[:3])
    served = pd.DataFrame({"paid_on": [pd.Timestamp("2025-02-01")], "principal": [25.0], "interest": [1.0]})
    drawn = pd.DataFrame({"drawn_on": [pd.Timestamp("2025-05-01")], "amount": [40.0]})
    assert hindsight.cash_made(cash, served, drawn).tolist() == [16.0, -10.0]


def test_enough_cash_pays_either_plan():
    told = compared([25] * 8)
    assert told["shortfall"].tolist() == [0, 0]
    assert told["npv"].tolist() == [100, 100]  # 25 × 4; 25 + 25 before the change, then 50 by the new shape


def test_too_little_cash_falls_short_under_the_old_plan():
    told = compared([25, 25, 5, 5, 5, 5, 5, 5])  # 30 made from July on, 50 due by December
    never = told.loc[told.index.isna()].iloc[0]
    assert (never["shortfall"], never["unpaid"]) == (40, 20)  # Dec 2025: 50 due, 10 paid; end: 50 − 30
    assert never["first_short_on"] == pd.Timestamp("2025-09-30")
    assert never["npv"] == 80


def test_the_new_plan_asks_what_the_cash_gives():
    told = compared([25, 25, 7, 7, 7, 7, 7, 17])  # 50 left; by the new shape 6.67 a quarter five times, then 16.67
    acted = told.loc[0]
    assert (acted["shortfall"], acted["months_short"]) == (0, 0)
    assert acted["npv"] == pytest.approx(100)
    assert acted["gain"] == pytest.approx(100 - told.loc[told.index.isna(), "npv"].iloc[0])


def test_later_action_falls_shorter():
    told = compared([25, 7, 7, 7, 7, 7, 7, 17], shifts=(0, 1, None))
    assert told["shortfall"].tolist() == pytest.approx([18, 36, 54])  # June short 18; June and September; all three
    assert told.loc[1, "acted_on"] == pd.Timestamp("2025-10-15")


def test_value_is_discounted_at_the_loans_rate():
    told = hindsight.compare(ENOUGH, OLD, NEW, 0.06, (None,)).iloc[0]
    by_hand = sum(25 / 1.06 ** ((day - ENDS[0]).days / 365) for day in ENDS[1:5])
    assert told["npv"] == pytest.approx(by_hand)


def test_a_plan_without_its_day_is_refused():
    with pytest.raises(ContractError, match="no day it was made on"):
        hindsight.compare(ENOUGH, OLD, plan(50), 0.0, (0,))


def test_uplift_comes_with_the_change():
    made = pd.Series([25, 0, 0, 0, 0, 0, 0, 0], ENDS[1:], dtype=float)
    cash = hindsight.Cash(made, 10, 10, pd.Series([50.0, 25.0], ENDS[3:5]))
    assert cash.acted(None).sum() == 25
    assert cash.acted(1).tolist() == [25, 0, 0, 50, 25, 0, 0, 0]
    told = hindsight.compare(cash, OLD, NEW, 0.0, (None, 0)).set_index("shift")
    assert told.loc[0, ["unpaid", "npv", "gain"]].tolist() == pytest.approx([0, 100, 75])


def test_other_dues_are_served_in_any_case():
    told = hindsight.compare(ENOUGH, OLD, NEW, 0.0, (None,), plan(5, 5)).iloc[0]
    assert (told["npv"], told["shortfall"]) == (110, 10)  # 30 asked of 25 twice
