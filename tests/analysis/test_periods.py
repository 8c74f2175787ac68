import pandas as pd
import pytest

from conftest import facts, year_to_date
from postloan.analysis.periods import Panel, gaps, moments
from postloan.errors import ContractError

TWO_YEARS = {2021: [10, 30, 45, 100], 2022: [12, 35, 54, 120]}


def series(panel: Panel, view: str, item: str = "revenue") -> list[float]:
    return [round(value, 6) for value in panel.view(view)[item]]


def test_quarters_from_cumulative():
    assert series(Panel(year_to_date(TWO_YEARS)), "quarter") == [10, 20, 15, 55, 12, 23, 19, 66]


def test_ttm_from_cumulative():
    ttm = series(Panel(year_to_date(TWO_YEARS)), "ttm")
    assert ttm[3:] == [100, 102, 105, 109, 120]
    assert all(pd.isna(value) for value in ttm[:3])


def test_ttm_equals_four_quarters():
    panel = Panel(year_to_date(TWO_YEARS))
    quarters = pd.Series(series(panel, "quarter"))
    assert series(panel, "ttm")[3:] == quarters.rolling(4).sum()[3:].tolist()


def test_missing_quarter_stays_missing():
    panel = Panel(year_to_date({2021: [10, 30, 45, 100], 2022: [12, None, 54, 120]}))
    quarter = dict(zip(panel.rows["period_end"].dt.strftime("%Y-%m"), panel.view("quarter")["revenue"], strict=True))
    assert "2022-06" not in quarter
    assert pd.isna(quarter["2022-09"])
    assert quarter["2022-12"] == 66


def test_fourth_quarter_derived():
    rows = [("2024-06-29", 9, "revenue", 296_105), ("2024-09-28", 12, "revenue", 391_035)]
    assert Panel(facts(rows)).view("quarter")["revenue"].iloc[-1] == 94_930


def test_fiscal_year_off_calendar():
    rows = [
        ("2021-01-30", 12, "revenue", 100),
        ("2021-05-01", 3, "revenue", 30),
        ("2022-01-29", 12, "revenue", 140),
    ]
    rows += [("2022-04-30", 3, "revenue", 50)]
    assert series(Panel(facts(rows)), "ttm")[-1] == 140 + 50 - 30


def test_half_year_reporter():
    rows = [
        ("2021-06-30", 6, "revenue", 40),
        ("2021-12-31", 12, "revenue", 100),
        ("2022-06-30", 6, "revenue", 50),
    ]
    assert series(Panel(facts(rows)), "ttm")[-1] == 110


def test_single_quarters_add_up():
    rows = [
        (f"2021-{month}", 3, "revenue", amount)
        for month, amount in (("03-31", 1), ("06-30", 2), ("09-30", 3), ("12-31", 4))
    ]
    assert series(Panel(facts(rows)), "ttm")[-1] == 10


def test_average_two_points():
    rows = [("2021-12-31", None, "total_assets", 100), ("2022-12-31", None, "total_assets", 160)]
    assert Panel(facts(rows)).view("avg")["total_assets"].iloc[-1] == 130


def test_average_five_points():
    ends = ["2021-12-31", "2022-03-31", "2022-06-30", "2022-09-30", "2022-12-31"]
    rows = [(end, None, "total_assets", amount) for end, amount in zip(ends, (1, 2, 3, 4, 10), strict=True)]
    assert Panel(facts(rows), average_points=5).view("avg")["total_assets"].iloc[-1] == 4


def test_average_of_composite_counts_nil():
    rows = [("2021-12-31", None, item, 100) for item in ("total_assets", "short_term_borrowings", "bonds_payable")]
    rows += [("2022-12-31", None, item, 100) for item in ("total_assets", "bonds_payable")]
    assert Panel(facts(rows)).view("avg")["debt"].iloc[-1] == 150


def test_opening_cash_not_differenced():
    assert "opening_cash" not in Panel(year_to_date(TWO_YEARS, "opening_cash")).view("quarter")


def test_two_borrowers_apart():
    both = pd.concat([year_to_date(TWO_YEARS), year_to_date({2022: [1, 2, 3, 4]}).assign(borrower_id="B")])
    panel = Panel(both)
    ttm = panel.view("ttm")["revenue"][panel.rows["borrower_id"] == "B"]
    assert ttm.dropna().tolist() == [4]


def test_trace_names_the_facts():
    panel = Panel(year_to_date(TWO_YEARS))
    found = panel.trace("ttm", "revenue", panel.locate("A", "2022-09-30"))
    assert [(weight, panel.statements["amount"][place]) for weight, place in found] == [(1, 54), (1, 100), (-1, 45)]


@pytest.mark.parametrize("view", ["quarter", "ttm", "ttm_1"])
def test_trace_adds_up_everywhere(sample_book, view):
    panel = Panel(sample_book.statements("S0001", as_of="2026-05-15"))
    amounts = panel.statements["amount"]
    for key, value in panel.view(view)["ebitda"].dropna().items():
        traced = panel.trace(view, "ebitda", key)
        assert sum(weight * amounts[place] for weight, place in traced) == pytest.approx(value)


def test_unknown_view_refused():
    with pytest.raises(ContractError, match="unknown view 'annualised'"):
        Panel(year_to_date(TWO_YEARS)).view("annualised")


def test_gap_is_named():
    missing = gaps(Panel(year_to_date({2021: [10, 30, 45, 100], 2022: [12, None, 54, 120]})))
    assert missing["month"].astype(str).tolist() == ["2022-06"]


def test_moments_from_drawdown():
    panel = Panel(year_to_date(TWO_YEARS))
    at = moments(panel, "A", first_drawdown=pd.Timestamp("2021-08-15"))
    assert [f"{day:%Y-%m}" for day in (at.start, at.year_ago, at.now)] == ["2021-06", "2021-12", "2022-12"]


def test_no_statement_is_an_error():
    with pytest.raises(ContractError, match="has no statement"):
        moments(Panel(facts([("2022-12-31", None, "cash", 1)])), "A")
