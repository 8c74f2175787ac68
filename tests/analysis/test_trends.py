"""Forecasts of long tables: odd series get an answer or a reason, wrong tables an error that says where."""

import numpy as np
import pandas as pd
import pytest

from postloan.analysis import trends
from postloan.errors import ContractError

pytestmark = pytest.mark.usefixtures("no_noise")


def table(values, name="a", first=0):
    return pd.DataFrame({"series": name, "t": range(first, first + len(values)), "value": values})


WAVE = np.tile([80.0, 100.0, 120.0, 140.0], 5) + np.arange(20)


def test_seasonal_series_goes_on():
    found = trends.forecast(table(WAVE))
    assert found["mean"].to_numpy() == pytest.approx([100, 121, 142, 163], abs=4)
    assert (found["lower95"] <= found["lower80"]).all()
    assert (found["upper80"] <= found["upper95"]).all()
    assert found["mase"].iloc[0] < 1


@pytest.mark.parametrize(
    ("values", "reason"),
    [(WAVE[:5], "too_short"), ([np.nan] * 6, "no_values"), ([3.0], "too_short")],
)
def test_few_points_have_a_reason_and_no_model(values, reason):
    found = trends.forecast(table(values))
    assert set(found["reason"]) == {reason}
    assert not found["method"].str.startswith("theta").any()


def test_short_series_repeat_their_last_value():
    found = trends.forecast(table([5.0, 7.0, 6.0]))
    assert set(found["mean"]) == {6.0}
    assert (found["lower80"].iloc[0], found["upper80"].iloc[0]) == (5.0, 7.0)


@pytest.mark.parametrize(
    "values",
    [
        np.full(16, 4.0),
        np.zeros(16),
        -WAVE,
        np.where(np.arange(20) == 9, 9e6, WAVE),
        np.where(WAVE == 121, np.nan, WAVE),
    ],
    ids=["constant", "zeros", "negative", "wild", "gaps"],
)
def test_odd_series_get_a_finite_answer(values):
    found = trends.forecast(table(values))
    assert np.isfinite(found[["mean", *trends.BOUNDS]].to_numpy()).all()
    assert found["mean"].abs().max() < 1_000


def test_series_of_different_length_stay_apart():
    both = pd.concat([table(WAVE, "long"), table(WAVE[-12:], "000001", first=8)])
    found = trends.forecast(both).set_index("series")
    alone = trends.forecast(table(WAVE, "long"))
    assert found.loc["long", "mean"].tolist() == pytest.approx(alone["mean"].tolist())
    assert list(dict.fromkeys(found.index)) == ["long", "000001"]


@pytest.mark.parametrize("form", ["dates", "quarters", "periods"])
def test_time_may_be_written_in_many_ways(form):
    ends = pd.date_range("2020-03-31", periods=20, freq="QE")
    said = {"dates": ends.strftime("%Y-%m-%d"), "quarters": [f"{d.year}Q{d.quarter}" for d in ends]}
    said["periods"] = ends.to_period("Q")
    told = trends.forecast(table(WAVE).assign(t=said[form]))
    assert told["mean"].tolist() == pytest.approx(trends.forecast(table(WAVE))["mean"].tolist())


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (table(WAVE).drop(columns="value"), r"missing columns \['value'\]; found"),
        (table(WAVE).astype(object).assign(value=["x", *WAVE[1:]]), r"row 1: 'x'"),
        (pd.concat([table(WAVE), table(WAVE[:1])]), r"1 rows repeat a series and t; first in row 21"),
        (table(WAVE).assign(t="soon"), r"row 1: t 'soon'"),
        (table(WAVE).assign(t=1e308), r"row 1: t 1e\+308 is beyond all counting"),
    ],
    ids=["column", "text", "twice", "time", "far"],
)
def test_wrong_table_is_told_where(wrong, said):
    with pytest.raises(ContractError, match=said):
        trends.forecast(wrong)
