"""The batched smoothers against statsmodels', and what the forecast does with odd series."""

import warnings

import numpy as np
import pandas as pd
import pytest
from statsmodels.tsa.forecasting.theta import ThetaModel
from statsmodels.tsa.holtwinters import Holt

from postloan.analysis import forecasting

RANDOM = np.random.default_rng(7)
SERIES = 100 + np.cumsum(RANDOM.normal(0.5, 2, 20))


@pytest.fixture(autouse=True)
def no_noise():
    with warnings.catch_warnings(), np.errstate(all="raise", under="ignore"):
        warnings.simplefilter("error")
        yield


@pytest.mark.parametrize("alpha", [0.1, 0.5, 0.9])
def test_theta_equals_statsmodels(alpha):
    ours = (forecasting.theta(len(SERIES), 4, (alpha,)).forecasts[0] @ SERIES).ravel()
    index = pd.period_range("2010Q1", periods=len(SERIES), freq="Q")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = ThetaModel(pd.Series(SERIES, index), deseasonalize=False)
        slope = model.fit().params["b0"]
    level = SERIES[0]
    for value in SERIES:
        level += alpha * (value - level)
    drift = np.arange(4) + (1 - (1 - alpha) ** len(SERIES)) / alpha
    assert ours == pytest.approx(level + slope / 2 * drift, rel=1e-9)


@pytest.mark.parametrize(("alpha", "share", "phi"), [(0.3, 0.1, 0.9), (0.6, 0.3, 0.8), (1.0, 0.02, 1.0)])
def test_damped_trend_equals_statsmodels_from_the_same_start(alpha, share, phi):
    maps = forecasting.damped_trend(len(SERIES), 4, ((alpha, share, phi),))
    errors = maps.errors[0] @ SERIES
    fits = SERIES - errors
    level, slope = _start(alpha, share, phi, fits)
    model = Holt(SERIES, damped_trend=True, initialization_method="known", initial_level=level, initial_trend=slope)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fitted = model.fit(alpha, alpha * share / alpha, damping_trend=phi, optimized=False)
    assert (maps.forecasts[0] @ SERIES) == pytest.approx(np.asarray(fitted.forecast(4)), rel=1e-6)


def _start(alpha, share, phi, fits):
    """First level and slope from the first two one-step forecasts."""
    error = SERIES[0] - fits[0]
    slope = (fits[1] - fits[0] - alpha * error - phi * alpha * share * error) / phi**2
    return fits[0] - phi * slope, slope


ODD = {
    "constant": np.full(20, 5.0),
    "zeros": np.zeros(20),
    "gaps": np.where(np.arange(20) % 7 == 3, np.nan, SERIES),
    "negative": -SERIES,
    "one wild point": np.where(np.arange(20) == 11, 5_000.0, SERIES),
    "crosses zero": SERIES - 105,
}


@pytest.mark.parametrize("name", ODD)
def test_odd_series_get_a_sensible_answer(name):
    values = ODD[name]
    found = forecasting.fit(values[None], 4, 4)
    spread = np.nanmax(values[-12:]) - np.nanmin(values[-12:])
    calm = SERIES if name == "one wild point" else values[~np.isnan(values)]
    assert np.isfinite(found.mean).all()
    assert (np.abs(found.mean[0] - calm[-1]) <= 3 * (calm.max() - calm.min()) + 1e-9).all()
    assert (found.scale >= 0).all()
    assert spread >= 0


def test_five_points_have_no_model():
    found = forecasting.fit(SERIES[None, :5], 4, 4)
    assert np.isnan(found.mean).all()


def test_strong_season_at_twelve_points():
    season = np.tile([50.0, 100.0, 150.0, 300.0], 3) + RANDOM.normal(0, 2, 12)
    found = forecasting.fit(season[None], 4, 4)
    assert found.mean[0] == pytest.approx([50, 100, 150, 300], rel=0.1)


def test_positive_series_stay_positive():
    falling = np.geomspace(100, 5, 20)
    found = forecasting.fit(falling[None], 8, 4)
    assert (found.at(-forecasting.quantile(0.95)) > 0).all()


def test_bands_cover_what_they_claim():
    """1,000 random walks with drift: an 80 % band holds about four times in five."""
    walks = 100 + np.cumsum(np.random.default_rng(3).normal(0.3, 2, (1000, 28)), axis=1)
    found = forecasting.fit(walks[:, :24], 4, 4)
    unit = forecasting.quantile(0.8)
    low, high = found.at(-unit)[:, 0], found.at(unit)[:, 0]
    share = ((walks[:, 24:] >= low) & (walks[:, 24:] <= high)).mean()
    assert 0.74 <= share <= 0.88


def test_beats_last_year_on_a_trend():
    trend = 100 + 3 * np.arange(24) + RANDOM.normal(0, 1, 24)
    assert forecasting.fit(trend[None], 4, 4).mase[0] < 0.5


def test_series_that_startled_once_has_a_wider_band():
    """What was taken out as wild is in no past error; the band knows of it all the same."""
    startled = np.where(np.arange(20) == 8, 9e3, SERIES)
    calm, wild = (forecasting.fit(values[None], 4, 4) for values in (SERIES, startled))
    assert (calm.wild[0], wild.wild[0]) == (0, 1)
    assert (wild.scale > 1.3 * calm.scale).all()
