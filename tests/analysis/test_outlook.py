"""Forecasts of ratios from their items, and the chance of a breach."""

import numpy as np
import pandas as pd
import pytest

from postloan import chart
from postloan.analysis import outlook, worlds
from postloan.analysis.periods import Panel
from postloan.book import sample
from postloan.errors import ContractError
from postloan.measures import measures

NAMES = ["revenue_quarter", "current_ratio", "interest_cover", "gross_margin", "net_profit_ttm"]
STATEMENTS = sample.make(1, 10).tables["statements"].assign(derived=False)


pytestmark = pytest.mark.usefixtures("no_noise")


def panel(borrower, until="2025-12-31"):
    mine = STATEMENTS[(STATEMENTS["borrower_id"] == borrower) & (STATEMENTS["period_end"] <= until)]
    return Panel(mine)


@pytest.fixture(scope="module")
def decliner():
    return outlook.draw(panel("S0005"), "S0005", NAMES)


def test_table_has_the_horizon(decliner):
    told = outlook.table(decliner)
    assert set(told["metric"]) == set(NAMES)
    assert sorted(told["period_end"].dt.strftime("%Y-%m-%d").unique()) == [
        "2026-03-31", "2026-06-30", "2026-09-30", "2026-12-31",
    ]  # fmt: skip
    assert (told["lower"] <= told["mean"]).mean() > 0.95
    wide = told.pivot(index=["metric", "period_end"], columns="level", values="upper")
    assert (wide[0.95] >= wide[0.8]).all()


def test_decline_goes_on(decliner):
    told = outlook.table(decliner).query("level == 0.8").groupby("metric").last()
    assert told.at["interest_cover", "mean"] < 0.5
    assert told.at["net_profit_ttm", "upper"] < 0


def test_same_statements_same_forecast(decliner):
    again = outlook.draw(panel("S0005"), "S0005", NAMES)
    assert all(np.array_equal(again.values[name], decliner.values[name]) for name in decliner.values)


def test_chance_grows_with_the_limit_and_the_time(decliner):
    limits = [outlook.breach(decliner, "current_ratio", limit, "below", 4) for limit in (0.85, 0.92, 0.95, 1.2)]
    assert limits == sorted(limits)
    assert limits[-1] == 1
    times = [outlook.breach(decliner, "current_ratio", 0.92, "below", within) for within in (1, 2, 3, 4)]
    assert times == sorted(times)


def test_expected_ratio_is_that_of_the_expected_items():
    """The first draw has no shocks: its margin is one less cost over revenue of the same draw."""
    made = outlook.draw(panel("S0001"), "S0001", ["gross_margin", "revenue_ttm", "current_ratio"])
    assert made.values["revenue_ttm"][0] == pytest.approx(np.median(made.values["revenue_ttm"], axis=0), rel=0.02)
    assert ((made.values["gross_margin"] > 0.2) & (made.values["gross_margin"] < 0.35)).mean() > 0.95


def test_what_came_is_mostly_inside_the_band():
    hits = []
    for borrower in STATEMENTS["borrower_id"].unique()[:9]:
        made = outlook.draw(panel(borrower, "2024-12-31"), borrower, ["revenue_ttm", "current_ratio"])
        came = Panel(STATEMENTS[STATEMENTS["borrower_id"] == borrower])
        truth = came.view("ttm")["revenue"].to_numpy()[-4:]
        low, high = np.quantile(made.values["revenue_ttm"], [0.025, 0.975], axis=0)
        hits += list((truth >= low) & (truth <= high))
    assert np.mean(hits) > 0.7


def test_five_quarters_have_no_model():
    short = STATEMENTS[(STATEMENTS["borrower_id"] == "S0001") & (STATEMENTS["period_end"] > "2024-12-01")]
    made = outlook.draw(Panel(short), "S0001", NAMES)
    told = outlook.table(made)
    assert set(told["reason"]) == {"too_short"}
    assert np.isnan(outlook.breach(made, "current_ratio", 1.0, "below", 4))


def test_years_only_are_forecast_in_years():
    yearly = STATEMENTS[(STATEMENTS["borrower_id"] == "S0001") & STATEMENTS["months"].isin([0, 12])]
    yearly = yearly[yearly["period_end"].dt.month == 12]
    copies = [yearly.assign(period_end=yearly["period_end"] - np.timedelta64(365 * 6 * k, "D")) for k in (0, 1)]
    made = outlook.draw(Panel(pd.concat(copies)), "S0001", ["current_ratio", "revenue_ttm"])
    assert made.step == 12
    assert made.values["current_ratio"].shape == (outlook.DRAWS, 1)


def test_missing_item_is_a_reason():
    without = STATEMENTS[(STATEMENTS["borrower_id"] == "S0001") & (STATEMENTS["item"] != "interest_expense")]
    made = outlook.draw(Panel(without), "S0001", ["interest_cover", "current_ratio"])
    assert made.reason == {"interest_cover": "undefined"}


def test_breaches_take_the_warning_lines(decliner):
    told = outlook.breaches(decliner, measures()).set_index("metric")
    assert told.at["interest_cover", "side"] == "below"
    assert told.at["interest_cover", "limit"] == measures()["interest_cover"].warn
    assert told.at["interest_cover", "chance"] > 0.95


def test_chance_serves_the_rules(decliner):
    ask = outlook.chance(decliner)
    assert ask("current_ratio", 1.2, "below", 4)["S0005"] == 1
    assert ask("dscr", 1.0, "below", 4).isna().all()


def test_odd_year_ends_keep_their_month():
    mine = STATEMENTS[STATEMENTS["borrower_id"] == "S0001"]
    early = mine.assign(period_end=mine["period_end"] + pd.Timedelta(days=2))  # a 52-week year ends on 2 January
    made = outlook.draw(Panel(early), "S0001", ["current_ratio"])
    assert made.days.strftime("%Y-%m-%d").tolist() == ["2026-03-31", "2026-06-30", "2026-09-30", "2026-12-31"]


def test_averages_are_those_of_the_report():
    statements = STATEMENTS[STATEMENTS["borrower_id"] == "S0005"]
    now = {}
    for points in (2, 5):
        made = outlook.draw(Panel(statements, average_points=points), "S0005", ["receivable_days"])
        now[points] = made.values["receivable_days"][0, 0]
    assert now[2] != now[5]


def test_many_are_drawn_as_each_alone():
    short = STATEMENTS["borrower_id"].eq("S0002") & (STATEMENTS["period_end"] < "2024-12-01")
    yearly = STATEMENTS["borrower_id"].eq("S0003") & ~STATEMENTS["months"].isin([0, 12])
    some = STATEMENTS[~short & ~yearly]
    together = {each.borrower_id: each for each in outlook.draw_each(Panel(some), NAMES)}
    assert set(together) == set(some["borrower_id"])
    for borrower, found in together.items():
        alone = outlook.draw(Panel(some[some["borrower_id"] == borrower]), borrower, NAMES)
        assert (found.reason, found.step, list(found.days)) == (alone.reason, alone.step, list(alone.days))
        for name, values in alone.values.items():
            np.testing.assert_allclose(found.values[name], values, rtol=1e-9)
            assert found.mase[name] == pytest.approx(alone.mase[name], nan_ok=True)


def test_chances_are_those_of_the_draws(decliner):
    asked = [("current_ratio", 0.92, "below", 4), ("interest_cover", 1.5, "below", 2)]
    ask = outlook.chances(outlook.draw_each(Panel(STATEMENTS), NAMES), asked)
    for each in asked:
        assert ask(*each)["S0005"] == outlook.breach(decliner, *each)
    with pytest.raises(ContractError, match="was not drawn"):
        ask("dscr", 1.0, "below", 4)


def test_unknown_borrower_is_named():
    with pytest.raises(ContractError, match=r"no statements of \['S9999'\]"):
        outlook.draw(panel("S0001"), "S9999", NAMES)


def test_worlds_equal_a_panel():
    """Every figure of a simulated future equals that of a panel filled with the same quarters and balances."""
    past = Panel(STATEMENTS[STATEMENTS["borrower_id"] == "S0001"])
    keys = past.rows.index[-40:]
    chosen = {**chart.composites("stock"), **chart.composites("flow"), **chart.items()}
    known = {
        item: past.view("end" if item in chart.stocks() else "quarter")[item].loc[keys].to_numpy()[None]
        for item in chart.items()
        if item in past.view("end" if item in chart.stocks() else "quarter") and item in chart.stocks() | chart.flows()
    }
    before, size = {item: values[:, :-4] for item, values in known.items()}, (1, 1, 4)
    for points in (2, 5):
        there = Panel(past.statements, average_points=points)
        made = worlds.Worlds(before, lambda item: known[item][:, None, -4:], size, worlds.Basis(3, 360, points))
        for view in ("end", "avg", "quarter", "ttm", "end_1", "ttm_3"):
            expected = there.view(view).iloc[-4:]
            for item in [each for each in expected if each in chosen]:
                np.testing.assert_allclose(made.view(view)[item], expected[item], rtol=1e-9, err_msg=f"{view}.{item}")
