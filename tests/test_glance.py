"""What results say of themselves in a notebook, and what Tab shows of a module."""

import pandas as pd
import pytest

import postloan
from postloan.analysis import outlook, periods, ratios
from postloan.glance import number, shown
from postloan.judgement import classification, early_warning, rules, sight

BORROWER, AS_OF = "S0005", "2026-05-15"


@pytest.fixture(scope="module")
def panel(sample_book):
    return periods.Panel(sample_book.statements(BORROWER, as_of=AS_OF))


def test_figure_tells_formula_numbers_and_source(panel):
    told = ratios.explain(panel, "interest_cover", BORROWER, "2025-12-31")
    lines = repr(told).splitlines()
    assert lines[0].startswith("interest_cover (已获利息倍数 · EBIT interest cover), S0005, 2025-12-31, CNY")
    assert lines[1] == f"= {ratios.FORMULAS['interest_cover']}"
    assert "S0005 2025-12-31" in told._repr_html_()


def test_figure_without_value_tells_why(panel):
    first = panel.rows["period_end"].iloc[0]
    assert "no value, missing:ttm." in repr(ratios.explain(panel, "interest_cover", BORROWER, first))


def test_signals_show_the_tests_that_held(panel):
    found = early_warning.scan(rules.load(), sight.of(panel), as_of=AS_OF)
    assert repr(found).startswith(f"{len(found.live)} signals (")
    assert "interest_cover 0.5044 below 1" in found._repr_html_()


def test_forecast_shows_bands_and_past_error(panel):
    drawn = outlook.draw(panel, BORROWER, ["current_ratio"])
    assert repr(drawn).startswith("S0005: 1 figures drawn 4 periods ahead to 2026-12-31")
    assert "theta_damped_quarters" in drawn._repr_html_()


def test_class_shows_its_triggers():
    asset = pd.DataFrame({"asset_id": ["L1"], "borrower_id": ["A"], "days_overdue": [100.0]})
    found = classification.classify(asset, AS_OF)
    assert repr(found).startswith("1 exposures, ")
    assert all(name in found._repr_html_() for name in ("L1", *found.triggers["trigger"]))


def test_rule_shows_its_file():
    rule = rules.load().rules["current_ratio_low"]
    assert "condition {metric: current_ratio, below: {yellow: 1.0, orange: 0.5}}" in repr(rule)
    assert repr(rules.load()).startswith(f"{len(rules.load().rules)} rules, ")
    assert all(name in rules.load()._repr_html_() for name in rules.load().rules)


def test_data_is_escaped_and_long_frames_cut():
    html = shown("<b>\nx", [pd.DataFrame({"a": ["<i>", "y"]}), pd.DataFrame()], most=1)
    assert html.startswith("&lt;b&gt;<br>x")
    assert "<i>" not in html
    assert html.endswith("<small>1 more rows</small>")


def test_amounts_are_whole_and_ratios_short():
    assert [number(value) for value in (21_198_166.4, -0.123456, 12.0)] == ["21,198,166", "-0.1235", "12"]


def test_tab_shows_only_what_a_module_offers():
    assert dir(postloan.ratios) == ["compare", "compute", "evaluator", "explain"]
    assert dir(postloan) == postloan.__all__
