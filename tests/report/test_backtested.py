"""The page of the backtest: every exhibit in both languages, from tables made by hand."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from postloan.judgement import rules
from postloan.portfolio import backtest, hazard_params
from postloan.report import backtested
from postloan.wording import texts

DAYS = pd.date_range("2020-03-31", periods=6, freq="QE")


@pytest.fixture(scope="module")
def found():
    every = pd.DataFrame(
        {
            "borrower_id": np.repeat(["A", "B", "C"], 6),
            "period_end": np.tile(DAYS, 3),
            "known_on": np.tile(DAYS, 3),
            "rules_level": ["orange"] * 6 + ["none"] * 12,
            "rules": [2.1] * 6 + [0.0] * 12,
            "overdue_days": [0.0] * 4 + [30.0] * 2 + [0.0] * 12,
            "outcome": [0, 0, 1, 1, 1, 1] + [0] * 12,
            "judged": True,
        }
    )
    events = pd.DataFrame({"borrower_id": ["A"], "event_on": [pd.Timestamp("2021-08-01")]})
    fired = pd.DataFrame({"overdue": (every["overdue_days"] > 0).astype(float), "loss_made": np.nan})
    plan, model = hazard_params.plan(), hazard_params.model()
    return backtest.found("hand", every, fired, plan, events=events, model=model, refused="few_events", borrowed=True)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_exhibit_is_told(found, language):
    sheet = backtested.sheet(texts(language), "2021-09-30", 1)
    shown = [
        backtested.summary(found, sheet),
        *(getattr(backtested, name)(found, sheet) for name in ("hit_table", "rank_table", "rank_chart", "lead_table")),
        backtested.event_table(found, {"A": "Alpha"}, sheet),
        *(getattr(backtested, name)(found, sheet) for name in ("capacity_table", "calibration", "year_table")),
        backtested.rule_table(found, rules.load().rules, sheet),
        backtested.card(found.model, sheet),
        backtested.effect_table(found.model, sheet),
    ]
    assert all(len(each._repr_html_()) > 30 for each in shown)


def test_numbers_by_hand(found):
    sheet = backtested.sheet(texts("en"), "2021-09-30", 1)
    assert (
        "catches 100.0% of the rows before an event and alarms on 14.3%"
        in backtested.summary(found, sheet)._repr_html_()
    )
    assert "100.0% (20.7% – 100.0%)" in backtested.hit_table(found, sheet).html
    assert "1 of 1" in backtested.lead_table(found, sheet).html
    assert "A Alpha" in backtested.event_table(found, {"A": "Alpha"}, sheet).html


def test_rules_rang_or_could_not_be_judged(found):
    sheet = backtested.sheet(texts("en"), "2021-09-30", 1)
    html = backtested.rule_table(found, rules.load().rules, sheet).html
    assert "0 more rules never fired, 1 could not be judged" in html
    once = SimpleNamespace(lead_summary=pd.DataFrame(), leads=pd.DataFrame())
    assert "cannot be told" in backtested.lead_table(once, sheet).html
    assert backtested.event_table(once, {}, sheet).html == ""
    young = SimpleNamespace(scored=found.scored.iloc[:0])
    assert "less than a year back" in backtested.summary(young, sheet)._repr_html_()


def test_data_set_is_the_source(found):
    sheet = backtested.sheet(texts("en"), "2021-09-30", 1, "/far/us_annual/validation.csv")
    assert "Judged is the data set us_annual/validation.csv" in backtested.summary(found, sheet)._repr_html_()
    html = backtested.rank_table(found, sheet).html
    assert "Source: us_annual/validation.csv" in html
    assert "As known on" not in html


def test_few_events_are_said(found):
    sheet = backtested.sheet(texts("en"), "2021-09-30", 1)
    assert "no model is fitted on these data" in backtested.summary(found, sheet)._repr_html_()
    assert "nothing to calibrate" in backtested.calibration(found, sheet)._repr_html_()


def test_unborne_variant_is_said():
    sheet = backtested.sheet(texts("en"), "2021-09-30", 1)
    model = hazard_params.model().model_copy(update={"left_out": {"bare": "12 events"}})
    assert "the sample does not bear it" in backtested.card(model, sheet).html


def test_no_model_is_said():
    sheet = backtested.sheet(texts("en"), "2021-09-30", 1)
    assert "no fitted model" in backtested.card(None, sheet)._repr_html_()
    assert backtested.effect_table(None, sheet).html == ""


def test_calibration_is_drawn_for_an_own_model():
    shown = pd.DataFrame({"rows": [10, 10], "expected": [0.1, 0.5], "observed": [0.0, 0.6]})
    sheet = backtested.sheet(texts("en"), "2021-09-30", 1)
    html = backtested.calibration(SimpleNamespace(calibration=shown, refused=None), sheet).html
    assert "the largest gap to the probability given is 10.0%" in html
