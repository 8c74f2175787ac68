"""Sensitivity of revenue to an index: slopes known beforehand, least squares by statsmodels, honest about little."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from conftest import year_to_date
from postloan.analysis import sensitivity
from postloan.analysis.periods import Panel

MONTHS = [year * 12 + quarter for year in range(2020, 2026) for quarter in (3, 6, 9, 12)]
RANDOM = np.random.default_rng(7)
INDEX = pd.Series(0.05 * RANDOM.standard_normal(24), index=MONTHS)


def grown(slopes, noise=0.02, count=24):
    random, parts = np.random.default_rng(11), []
    for number, slope in enumerate(slopes):
        growth = 0.03 + slope * INDEX.to_numpy()[:count] + noise * random.standard_normal(count)
        parts.append(pd.DataFrame({"borrower_id": f"B{number}", "month": MONTHS[:count], "growth": growth}))
    return pd.concat(parts, ignore_index=True)


def ids(count):
    return [f"B{number}" for number in range(count)]


def test_known_slope_found():
    betas, pooled = sensitivity.betas(grown([1.5] * 6), INDEX, 3, ids(6))
    assert pooled.beta == pytest.approx(1.5, abs=0.1)
    assert pooled.low < 1.5 < pooled.high
    assert betas["beta"].between(1.3, 1.7).all()


def test_exact_slope_without_noise():
    _, pooled = sensitivity.betas(grown([2.0] * 4, noise=1e-9), INDEX, 3, ids(4))
    assert pooled.beta == pytest.approx(2.0)


def test_own_slope_is_least_squares():
    rows = grown([0.5, 1.0, 2.0])
    betas, _ = sensitivity.betas(rows, INDEX, 3, ids(3))
    one = rows[rows["borrower_id"] == "B2"]
    fit = sm.OLS(one["growth"].to_numpy(), sm.add_constant(one["month"].map(INDEX).to_numpy())).fit()
    assert betas.set_index("borrower_id").at["B2", "own"] == pytest.approx(fit.params[1])
    assert sensitivity._own(rows.assign(x=rows["month"].map(INDEX), y=rows["growth"])).at[
        "B2", "error"
    ] == pytest.approx(fit.bse[1])


def test_pooled_slope_is_least_squares_with_a_level_each():
    rows = grown([0.5, 1.0, 2.0, 1.2])
    levels = pd.get_dummies(rows["borrower_id"], dtype=float).assign(x=rows["month"].map(INDEX))
    fit = sm.OLS(rows["growth"], levels).fit()
    assert sensitivity.betas(rows, INDEX, 3, ids(4))[1].beta == pytest.approx(fit.params["x"])


def test_noisy_borrower_drawn_to_the_pool():
    rows = pd.concat(
        [grown([1.0, 1.2, 0.8, 1.1], noise=0.01), grown([0, 0, 0, 0, 4.0], noise=0.4).query("borrower_id == 'B4'")]
    )
    told = sensitivity.betas(rows, INDEX, 3, ids(5))[0].set_index("borrower_id")
    assert told.at["B4", "weight"] < 0.3 < told.at["B0", "weight"]
    assert abs(told.at["B4", "beta"] - 1) < abs(told.at["B4", "own"] - 1)


def test_short_borrower_has_the_pooled_slope():
    rows = pd.concat([grown([1.0] * 4), grown([3.0], count=5).assign(borrower_id="new")])
    betas, pooled = sensitivity.betas(rows, INDEX, 3, [*ids(4), "new", "silent"])
    told = betas.set_index("borrower_id")
    assert told.loc["new", ["beta", "reason", "quarters"]].tolist() == [pooled.beta, "few_quarters", 5]
    assert told.loc["silent", ["beta", "quarters"]].tolist() == [pooled.beta, 0]
    assert told.at["new", "high"] - told.at["new", "low"] > pooled.high - pooled.low - 1e-12


@pytest.mark.parametrize("count", [0, 2])
def test_too_few_borrowers_told(count):
    rows = grown([1.0] * count) if count else pd.DataFrame(columns=sensitivity.GROWTH)
    betas, pooled = sensitivity.betas(rows, INDEX, 3, ids(count))
    assert pooled.reason == "few_borrowers"
    assert betas["beta"].isna().all()
    assert len(betas) == count


def test_index_without_overlap():
    later = pd.Series(INDEX.to_numpy(), index=[month + 600 for month in MONTHS])
    betas, pooled = sensitivity.betas(grown([1.0] * 4), later, 3, ids(4))
    assert pooled.reason == "few_borrowers"
    assert (betas["reason"] == "few_borrowers").all()


def test_single_quarters_on_the_year():
    panel = Panel(year_to_date({2023: [100, 210, 330, 460], 2024: [120, 252, 384, 540]}))
    told, step = sensitivity.revenue_growth(panel, ["A"])
    assert step == 3
    assert told["growth"].tolist() == pytest.approx([0.20, 132 / 110 - 1, 132 / 120 - 1, 156 / 130 - 1])


def test_years_where_no_quarters_are_filed():
    panel = Panel(year_to_date({2022: [None, None, None, 400], 2023: [None, None, None, 500]}))
    told, step = sensitivity.revenue_growth(panel, ["A"])
    assert (step, told["growth"].item(), told["month"].item()) == (12, 0.25, 2023 * 12 + 12)


def test_lead_found_where_it_is():
    moved = pd.Series(INDEX.to_numpy(), index=[month - 6 for month in MONTHS])  # the index moves two quarters ahead
    told = sensitivity.lead_lag(grown([1.5] * 5, noise=0.01), moved, 3).set_index("lag")
    assert told["correlation"].idxmax() == 2
    assert told.at[2, "holds"]
    assert told.at[2, "count"] == 24


def test_many_looks_cost():
    random = np.random.default_rng(5)
    noise = pd.Series(random.standard_normal(24), index=MONTHS)
    told = sensitivity.lead_lag(grown([1.0] * 4), noise, 3)
    assert not told["holds"].any()
    assert (told["chance"] >= told["chance"].min()).all()
    assert (told["effective"] <= told["count"]).all()


def test_no_borrowers_no_lags():
    told = sensitivity.lead_lag(pd.DataFrame(columns=sensitivity.GROWTH), INDEX, 3)
    assert told["correlation"].isna().all()
    assert (told["reason"] == "few_quarters").all()
