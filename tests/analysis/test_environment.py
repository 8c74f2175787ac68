"""Index series: growth with a January gap, status, and bands that hold what they promise."""

import numpy as np
import pandas as pd
import pytest

from conftest import SHARED, needs_shared
from postloan.analysis import environment
from postloan.book import index_files
from postloan.errors import ContractError
from postloan.industries import series

FOOD = {"output_food": series()["output_food"]}
GDP = {"cn_gdp_yoy": series()["cn_gdp_yoy"]}


def table(values, start="2020-01-31", name="output_food", freq="ME"):
    ends = pd.date_range(start, periods=len(values), freq=freq)
    made = pd.DataFrame({"series": name, "period_end": ends, "value": values, "unit": "points", "source": "x"})
    return made.assign(known_on=made["period_end"]).dropna(subset="value")


def month(year, number):
    return year * 12 + number


def test_growth_by_hand():
    values = [100.0, 110, 120] + [100] * 9 + [110, 121, 144]
    grown = environment.growth(table(values), "output_food", FOOD, 3)
    assert grown[month(2021, 3)] == pytest.approx((0.10 + 0.10 + 0.20) / 3)


def test_january_gap_left_out_on_both_sides():
    values = [np.nan, 110, 120] + [100] * 9 + [500, 121, 144]
    grown = environment.growth(table(values), "output_food", FOOD, 3)
    assert grown[month(2021, 3)] == pytest.approx((0.10 + 0.20) / 2)


def test_two_missing_months_are_too_many():
    values = [np.nan, np.nan, 120] + [100] * 9 + [500, 121, 144]
    assert month(2021, 3) not in environment.growth(table(values), "output_food", FOOD, 3)


def test_growth_rates_taken_as_they_are():
    grown = environment.growth(
        table([5.0, 6.0, 7.0], name="cn_gdp_yoy", start="2020-03-31", freq="QE"), "cn_gdp_yoy", GDP, 3
    )
    assert grown.tolist() == pytest.approx([0.05, 0.06, 0.07])
    assert grown.index.tolist() == [month(2020, 3), month(2020, 6), month(2020, 9)]


def test_nothing_without_a_driver():
    assert environment.growth(table([1.0]), None, FOOD, 3).empty


def test_change_on_the_year():
    told = environment.state(table([100.0] * 12 + [105.0]), FOOD, "2021-02-10").iloc[0]
    assert (told["status"], told["change"]) == ("current", pytest.approx(0.05))
    assert pd.isna(told["place"])  # one change on the year is no history


def test_place_of_a_level_is_that_of_its_growth():
    held = table([100.0 * 1.10 ** (n / 12) for n in range(48)] + [146.0])  # the level has never been so high
    told = environment.state(held, FOOD, "2024-02-10").iloc[0]
    assert told["change"] == pytest.approx(146 / (100 * 1.1**3) - 1)
    assert told["place"] == 0.0  # growth never so low


def test_place_by_hand():
    held = table([4.0, 4, 4, 1, 2, 2, 3, 1, 5, 2], name="cn_gdp_yoy", start="2018-03-31", freq="QE")
    assert environment.state(held, GDP, "2020-07-10").iloc[0]["place"] == pytest.approx((2 + 2 / 2) / 9)
    assert pd.isna(environment.state(held.tail(8), GDP, "2020-07-10").iloc[0]["place"])


def test_driver_still_runs():
    both = pd.concat([table(range(100, 124)), table([5.0] * 24, name="cn_gdp_yoy", start="2020-03-31", freq="QE")])
    now = environment.state(both, {**FOOD, **GDP}, "2026-02-10")
    assert environment.driver(now, ["output_food", "cn_gdp_yoy"]) == "cn_gdp_yoy"
    assert environment.pace(now, {**FOOD, **GDP}, "cn_gdp_yoy")[0] == 0.05
    assert environment.driver(now, ["output_food"]) == "output_food"  # its past still tells who follows it
    assert np.isnan(environment.pace(now, FOOD, "output_food")).all()  # but not how the industry does now


@pytest.mark.parametrize(
    ("day", "status"), [("2022-01-15", "current"), ("2022-06-15", "late"), ("2024-01-15", "stopped")]
)
def test_status_by_age(day, status):
    assert environment.state(table(range(1, 25)), FOOD, day)["status"].item() == status


def test_stopped_series_not_forecast():
    held = table(np.arange(1.0, 61))
    now = environment.state(held, FOOD, "2027-01-15")
    told = environment.forecast(held, now, FOOD).iloc[0]
    assert (told["reason"], told["method"]) == ("stopped", "none")
    assert pd.isna(told["mean"])


def test_absent_series_told():
    now = environment.state(table([]), FOOD, "2025-01-15")
    assert now["status"].item() == "absent"
    assert environment.forecast(table([]), now, FOOD)["reason"].item() == "absent"


def test_short_series_has_no_model():
    held = table([1.0, 2, 3, 4])
    told = environment.forecast(held, environment.state(held, FOOD, "2020-05-15"), FOOD, 4)
    assert set(told["reason"]) == {"too_short"}


def test_double_period_named():
    twice = pd.concat([table([1.0, 2.0]), table([3.0])])
    with pytest.raises(ContractError, match="output_food: expected each period once, found twice: 2020-01"):
        environment.state(twice, FOOD, "2020-03-15")


def test_bands_widen_where_they_missed():
    random = np.random.default_rng(3)
    calm, wild = 0.2 * random.standard_normal(100).cumsum(), 4 * random.standard_normal(24).cumsum()
    held = table(100 + np.concatenate([calm, calm[-1] + wild, np.full(16, calm[-1] + wild[-1])]))
    made = environment.forecast(held, environment.state(held, FOOD, "2031-09-15"), FOOD, 12)
    assert made["origins"].iloc[0] == 24
    assert (made["widened"] >= 1).all()
    assert made["widened"].max() > 1.2
    assert made["upper"].iloc[-1] - made["mean"].iloc[-1] > 4  # the wild years moved by more in a year


def test_quarterly_series_in_quarters():
    held = table(np.linspace(5, 7, 40), name="cn_gdp_yoy", start="2015-03-31", freq="QE")
    made = environment.forecast(held, environment.state(held, GDP, "2025-02-15"), GDP, 12)
    assert [f"{day:%Y-%m-%d}" for day in made["period_end"]] == ["2025-03-31", "2025-06-30", "2025-09-30", "2025-12-31"]


@needs_shared
def test_widened_bands_hold_on_real_series(book):
    for name in ("ppi", "society_electricity", "pmi"):
        book.add(index_files.read(SHARED / "macro" / f"{name}.csv"))
    ids = ["cn_ppi_yoy", "cn_electricity_yoy", "cn_pmi_manufacturing"]
    wanted, later, inside = {name: series()[name] for name in ids}, book.indices(ids, as_of="2025-07-01"), []
    for year in range(2013, 2024):
        held = book.indices(ids, as_of=f"{year}-06-30")
        made = environment.forecast(held, environment.state(held, wanted, f"{year}-06-30"), wanted, 12)
        both = made.merge(later, on=["series", "period_end"])
        inside += (both["value"].between(both["lower"], both["upper"])).tolist()
    assert np.mean(inside) > 0.72
