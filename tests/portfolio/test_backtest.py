"""Rule by rule against counts on paper."""

import numpy as np
import pandas as pd
import pytest

from postloan.portfolio import backtest, hazard, hazard_params


@pytest.mark.parametrize(
    ("bad", "good", "verdict"),
    [(60, 10, "keep"), (60, 40, "retune"), (40, 40, "retire"), (1, 0, "too_few"), (26, 20, "weak")],
)
def test_a_rule_earns_its_keep(bad, good, verdict):
    """Of 100 failing and 100 surviving rows so many rang; on the others the rule could not be judged."""
    rang = [1.0] * bad + [np.nan] * (100 - bad) + [1.0] * good + [np.nan] * (100 - good)
    scored = pd.DataFrame({"outcome": [1] * 100 + [0] * 100})
    (row,) = backtest._by_rule(scored, pd.DataFrame({"x": rang}), backtest.bars()).to_dict("records")
    assert (row["fired"], row["unjudged"]) == (bad + good, 200 - bad - good)
    assert (row["among_failing"], row["among_surviving"]) == (bad / 100, good / 100)
    assert row["lift"] == pytest.approx(bad / good if good else np.inf)
    assert row["precision"] == pytest.approx(bad / (bad + good))
    assert row["verdict"] == verdict


def test_baseline_stands_a_ratio_alike_for_all():
    """One of the ten ratios is the same for every firm, another repeats a third: the rest is ranked all the same."""
    chance, limits = np.random.default_rng(0), backtest.bars()
    values = pd.DataFrame(chance.normal(size=(300, 10)), columns=limits.ten_ratios)
    values["long_debt"], values["quick"] = 0.0, values["working_capital"]
    outcome = (values["liabilities"] + chance.normal(size=300) > 0).astype(int)
    rows = pd.DataFrame({"borrower_id": values.index.astype(str), "outcome": outcome, "judged": True})
    sample = hazard.Sample(rows, values, "made up", "CNY", 12)
    told = backtest._ten_ratio(sample, sample, hazard_params.plan(), limits, own=True)
    assert told.corr(values["liabilities"]) > 0.9
