"""Forecasts as told: bands, reliability, chances that say no more than the draws can."""

import re

import pandas as pd
import pytest

from postloan import measures, texts
from postloan.report import charts, forecasts
from sheets import sheet, told

MEASURES = measures()


def expected(mase=0.6):
    rows = [
        {"metric": name, "period_end": day, "mean": 1.1, "lower": 0.9, "upper": 1.3, "level": level, "mase": mase}
        for name in ("current_ratio", "revenue_quarter")
        for day in pd.to_datetime(["2026-03-31", "2026-06-30"])
        for level in (0.8, 0.95)
    ]
    blank = {"metric": "dscr", "period_end": pd.NaT, "level": 0.8, "reason": "too_short"}
    return pd.DataFrame([*rows, blank]).assign(borrower_id="A", method="theta_damped_quarters")


def compared(now=1.2):
    return pd.DataFrame({"now": now}, index=list(MEASURES))


def chances(chance, limit=1.0):
    return pd.DataFrame(
        [("current_ratio", "below", limit, 4, chance)], columns=["metric", "side", "limit", "within", "chance"]
    )


@pytest.mark.parametrize("language", ["zh", "en"])
def test_table_shows_band_and_reason(language):
    text = told(forecasts.outlook_table(expected(), compared(), MEASURES, sheet(language)))
    assert all(shown in text for shown in ("1.10", "0.90", "1.30"))
    assert texts(language)("forecast.reason.too_short") in text
    assert not re.search(r"[{}]|\bnan\b|NaT", text)


def test_no_better_than_last_year_says_so():
    text = told(forecasts.outlook_table(expected(mase=1.2), compared(), MEASURES, sheet("zh")))
    assert texts("zh")("outlook.no_better") in text


@pytest.mark.parametrize(
    ("chance", "said"),
    [(0.001, "under 5 %"), (0.42, "about 42%"), (0.999, "over 95 %"), (float("nan"), "no forecast")],
)
def test_chance_is_no_finer_than_the_draws(chance, said):
    assert said in told(forecasts.breach_table(chances(chance), compared(), MEASURES, sheet("en")))


def test_past_its_limit_needs_no_chance():
    text = told(forecasts.breach_table(chances(0.99), compared(0.8), MEASURES, sheet("en")))
    assert "past it already" in text
    assert "over 95" not in text


def test_little_chance_of_any_is_said_of_all():
    text = told(forecasts.sentence(chances(0.001), expected(), compared(), MEASURES, sheet("zh")))
    assert "可能性都不到5%" in text


def test_sentence_names_the_likely_breach():
    text = told(forecasts.sentence(chances(0.6), expected(), compared(), MEASURES, sheet("zh")))
    assert "流动比率低于1.00的可能性约60%" in text
    assert "可检验的2项预测中，2项" in text


def test_fan_states_its_finding():
    days = pd.date_range("2023-03-31", periods=12, freq="QE")
    history = pd.DataFrame(
        {"borrower_id": "A", "ratio": "current_ratio", "period_end": days, "value": 1.2, "reason": None}
    )
    drawn = charts.fan(expected(), history, MEASURES, sheet("zh")).html
    assert 'role="img"' in drawn
    assert "流动比率预计1.10（0.90至1.30）" in drawn


def test_nothing_to_forecast_draws_nothing():
    none = expected().query("metric == 'dscr'")
    assert charts.fan(none, pd.DataFrame(columns=["ratio", "value", "period_end"]), MEASURES, sheet("zh")).html == ""
    assert told(forecasts.sentence(chances(float("nan")), none, compared(), MEASURES, sheet("zh")))
