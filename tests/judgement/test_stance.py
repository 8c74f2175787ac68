"""The stance is the sum of its tests, each shown; what is not known never counts."""

import pandas as pd
import pytest

from postloan.errors import RuleError
from postloan.industries import series
from postloan.judgement import stance

PLAN = stance.Plan(
    fewest=2, fewest_borrowers=2, basis={"zh": "自定", "en": "own"}, cuts={"support": 2, "hold": 0, "reduce": -2},
    tests=[{"id": "falls", "fact": "driver_growth", "below": -0.05, "points": -2},
           {"id": "grows", "fact": "driver_growth", "above": 0.05, "points": 2},
           {"id": "npl", "fact": "npl_share", "above": 0.1, "points": -1}],
)  # fmt: skip


NO_GROWTH = pd.DataFrame(columns=["borrower_id", "month", "growth"])


@pytest.mark.parametrize(
    ("growth", "npl", "suggested", "points"),
    [(0.10, 0.0, "support", 2), (0.0, 0.05, "hold", 0), (0.0, 0.2, "reduce", -1), (-0.1, 0.2, "exit", -3)],
)
def test_sum_decides(growth, npl, suggested, points):
    told = stance.suggest({"driver_growth": growth, "npl_share": npl}, plan=PLAN)
    assert (told.suggested, told.points) == (suggested, points)


def test_unknown_facts_do_not_count():
    told = stance.suggest({"driver_growth": float("nan"), "npl_share": 0.2}, plan=PLAN)
    assert told.suggested is None
    assert told.reasons["state"].tolist() == ["unknown", "unknown", "held"]


def test_one_borrower_is_no_industry():
    facts = {"driver_growth": 0.1, "npl_share": 1.0, "borrowers": 1.0}
    told = stance.suggest(facts, plan=PLAN)
    assert told.reasons["state"].tolist() == ["not_held", "held", "unknown"]
    assert stance.suggest({**facts, "borrowers": 2.0}, plan=PLAN).points == 1


def test_limit_itself_does_not_hold():
    assert stance.suggest({"driver_growth": -0.05, "npl_share": 0.1}, plan=PLAN).points == 0


def test_shares_by_exposure_by_hand():
    standing = pd.DataFrame({
        "borrower_id": ["A", "B", "C"], "exposure": [30.0, 10.0, 60.0], "level": ["red", "none", "none"],
        "class": ["substandard", "normal", "normal"],
    })  # fmt: skip
    grown = pd.DataFrame(
        {"borrower_id": ["B", "A", "A", "B"], "month": [5, 8, 20, 20], "growth": [9.0, 0.5, -0.1, 0.3]}
    )
    told = stance.exposure_facts(standing, ["A", "B"], grown)
    assert told == pytest.approx(
        {"median_growth": 0.1, "warned_share": 0.75, "npl_share": 0.75, "book_share": 0.4, "borrowers": 2}
    )


def test_nobody_leaves_facts_unknown():
    standing = pd.DataFrame({"borrower_id": ["C"], "exposure": [60.0], "level": ["none"], "class": ["normal"]})
    told = stance.exposure_facts(standing, [], NO_GROWTH)
    assert pd.isna([told["median_growth"], told["warned_share"], told["npl_share"]]).all()


def test_worse_is_on_the_bad_side():
    ids = ["cn_pmi_manufacturing", "cn_ppi_yoy", "cn_cpi_yoy"]
    state = pd.DataFrame({"series": ids, "status": "current", "change": [-1.0, 1.0, -1.0], "value": 1.0, "place": 0.3})
    ahead = pd.DataFrame({"series": ids, "mean": [2.0, 0.5, 3.0]})
    events = pd.DataFrame({"effect": ["severe", "favourable", "adverse"]})
    wanted = {name: series()[name] for name in ids}
    told = stance.environment_facts(state, ahead, events, wanted, "cn_ppi_yoy")
    assert told == {
        "driver_growth": 0.01, "driver_place": 0.3, "indices_worse": 0.5, "outlook_worse": 0.5, "events_severe": 1.0,
        "events_balance": -1.0,
    }  # fmt: skip


def test_what_is_not_judged_counts_on_neither_side():
    states = {"level": ["red", "none"], "class": ["unknown", "unknown"], "exposure": [1.0, 3.0]}
    standing = pd.DataFrame({"borrower_id": ["A", "B"], **states})
    told = stance.exposure_facts(standing, ["A", "B"], NO_GROWTH)
    assert told["warned_share"] == 0.25
    assert pd.isna(told["npl_share"])


def test_house_tests_read():
    assert stance.load().tests


def test_wrong_test_named(tmp_path):
    path = tmp_path / "stance.yml"
    path.write_text(
        "fewest: 1\nfewest_borrowers: 1\nbasis: {zh: a, en: b}\ncuts: {support: 1, hold: 2, reduce: 0}\ntests: []\n",
        encoding="utf-8",
    )
    with pytest.raises(RuleError, match="expected support > hold > reduce"):
        stance.load(path)
