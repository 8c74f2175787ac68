"""Measures of a score against what came, beside sums by hand."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ks_2samp, mannwhitneyu

from postloan.portfolio import accuracy

CHANCE = np.random.default_rng(3)
OUTCOME = CHANCE.random(300) < 0.2
SCORE = np.round(CHANCE.normal(size=300) + OUTCOME, 1)  # with ties


def test_auc_equals_mann_whitney():
    u = mannwhitneyu(SCORE[OUTCOME], SCORE[~OUTCOME]).statistic
    assert accuracy.auc(OUTCOME, SCORE) == pytest.approx(u / (OUTCOME.sum() * (~OUTCOME).sum()))


def test_ks_equals_scipy():
    assert accuracy.ks(OUTCOME, SCORE) == pytest.approx(ks_2samp(SCORE[OUTCOME], SCORE[~OUTCOME]).statistic)


def test_one_class_has_no_auc():
    assert np.isnan(accuracy.auc(np.zeros(5), np.arange(5)))


def test_brier_skill_of_base_rate():
    score, skill = accuracy.brier(OUTCOME, np.full(300, OUTCOME.mean()))
    assert score == pytest.approx(OUTCOME.mean() * (1 - OUTCOME.mean()))
    assert skill == pytest.approx(0)


def test_weights_reach_base_rate():
    weight = accuracy.to_base_rate(OUTCOME, 0.01)
    assert np.average(OUTCOME, weights=weight) == pytest.approx(0.01)


def test_interval_draws_firms():
    firm = pd.Series(np.repeat(np.arange(60), 5))
    alone = accuracy.drawn_again(pd.Series(np.arange(300)), OUTCOME, SCORE, draws=200, level=0.95)
    copied = accuracy.drawn_again(firm, np.repeat(OUTCOME[:60], 5), np.repeat(SCORE[:60], 5), draws=200, level=0.95)
    assert alone[0] < accuracy.auc(OUTCOME, SCORE) < alone[1]
    assert copied[1] - copied[0] > alone[1] - alone[0]


def test_capacity_counts_ties_in_proportion():
    found = accuracy.at_capacity(np.array([1, 0, 0, 0]), np.array([1.0, 1.0, 0.0, 0.0]), [0.25, 0.5])
    assert found["caught"].tolist() == [0.5, 1.0]
    assert found["precision"].tolist() == [0.5, 0.5]


def test_reliability_keeps_every_row():
    found = accuracy.reliability(OUTCOME, np.linspace(0, 1, 300), 10)
    assert found["rows"].sum() == 300
    assert (found["expected"].diff().dropna() > 0).all()


def test_caught_shares_by_hand():
    found = accuracy.caught(np.array([1, 1, 0, 0]), np.array([1, 0, 1, 0]))
    assert found == {"catch": 0.5, "false_alarm": 0.5, "precision": 0.5, "alert_rate": 0.5}


def test_share_between_equals_wilson():
    low, high = accuracy.share_between(np.array([1] * 37 + [0] * 20), pd.Series(range(57)), 0.95)
    share, z = 37 / 57, 1.959964
    spread = z * np.sqrt(share * (1 - share) / 57 + z**2 / (4 * 57**2))
    assert [low, high] == pytest.approx([(share + z**2 / 114 + sign * spread) / (1 + z**2 / 57) for sign in (-1, 1)])


def test_rows_of_a_firm_are_one_trial():
    alone = accuracy.share_between(np.array([1, 0] * 20), pd.Series(range(40)), 0.95)
    copied = accuracy.share_between(np.repeat([1, 0] * 20, 5), pd.Series(np.repeat(range(40), 5)), 0.95)
    assert copied == pytest.approx(alone)
    assert all(np.isnan(accuracy.share_between(np.array([]), pd.Series([]), 0.95)))


def test_both_shares_have_intervals():
    outcome, alert = np.array([1, 1, 0, 0, 0]), np.array([1, 0, 0, 0, 1])
    found = accuracy.caught_between(outcome, alert, pd.Series(range(5)), 0.95)
    assert found["catch_low"] < found["catch"] == 0.5 < found["catch_high"]
    assert found["false_alarm_low"] < found["false_alarm"] == 1 / 3 < found["false_alarm_high"]
