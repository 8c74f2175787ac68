"""On what a signal rests: the tests that decided, with their figures, and whether they were a fallback."""

import pytest

from postloan import rules
from postloan.judgement import proof, trial

BOTH = "cash_and_debt_both_high"


def deciding(rule, level, given):
    seen = trial.example_sight(rules.Example(given=given, expect="quiet"))
    return proof.evidence(rules.load().rules[rule], level, seen, "example")


def high(share, percentile=None):
    peers = {"peers": {"percentile": percentile}} if percentile else {}
    return {"now": share, "history": [share, share], **peers}


def test_broken_run_is_no_evidence():
    """A profit among the quarters: the year's losses fired, not four quarters running."""
    given = {"net_profit_quarter": {"history": [-1, -1, 2, -1]}, "net_profit_ttm": {"history": [-1] * 5}}
    told = deciding("losses_continue", "orange", {**given, "liabilities_to_assets": 0.7})
    assert [(test["metric"], test["held"]) for test in told] == [
        ("net_profit_ttm", True),
        ("liabilities_to_assets", True),
    ]


def test_part_that_does_not_hold_is_no_evidence():
    given = {"cfo_to_liabilities": 0.03, "net_profit_ttm": -5.0}
    assert [test["metric"] for test in deciding("cash_flow_thin", "yellow", given)] == ["cfo_to_liabilities"]
    loss = deciding("cash_flow_thin", "orange", {**given, "cfo_to_liabilities": -0.1})
    assert [test["metric"] for test in loss if test["held"]] == ["cfo_to_liabilities", "net_profit_ttm"]


def test_figures_stand_beside_their_limits():
    (found,) = deciding("current_ratio_low", "yellow", {"current_ratio": 0.9})
    assert found == {
        "metric": "current_ratio", "of": "now", "value": 0.9, "side": "below", "limit": 1.0, "held": True,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("percentile", "of", "fallback"), [(0.9, ["peers", "peers", "now"], False), (None, ["now", "now", "now"], True)]
)
def test_peers_decide_where_there_are_any(percentile, of, fallback):
    """Both shares high by peers; without peers by fixed limits, which is said."""
    found = deciding(BOTH, "yellow", {"cash_to_assets": high(0.3, percentile), "debt_to_assets": high(0.4, percentile)})
    assert [test["of"] for test in found] == of
    assert ["fallback" in test for test in found] == [fallback, fallback, False]
    assert all(test["held"] for test in found)
