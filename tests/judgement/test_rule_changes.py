"""Rules tried with something changed, and what a wrong change is told."""

import pytest

from postloan.errors import RuleError
from postloan.judgement import rules


def limit(book, rule, side):
    return getattr(book.rules[rule].condition, side)


def test_level_changes_and_params_stay():
    tried = rules.load().with_("current_ratio_low", yellow=1.6)
    assert limit(tried, "current_ratio_low", "below") == {"yellow": 1.6, "orange": 0.5}
    assert limit(rules.load(), "current_ratio_low", "below")["yellow"] == 1.0


def test_each_level_has_a_test_of_its_own():
    """Yellow is a fall of sales alone, orange one beside a loss: each limit changes where its level stands."""
    first, *_ = rules.load().with_("revenue_falls", yellow=-0.1).rules["revenue_falls"].condition.any
    assert first.below == {"yellow": -0.1}
    with pytest.raises(RuleError, match=r"revenue_falls: .*stricter"):
        rules.load().with_("revenue_falls", yellow=-0.3)
    with pytest.raises(RuleError, match="2 tests that could be meant by orange"):
        rules.load().with_("loss_made", orange=-0.2)


def test_breach_is_looked_for_further_ahead():
    tried = rules.load().with_("current_ratio_breach_likely", within=8, periods=2)
    ahead, now = tried.rules["current_ratio_breach_likely"].condition.all
    assert (ahead.breach.within, ahead.periods, now.periods) == (8, 2, 2)


def test_field_of_the_rule_changes():
    tried = rules.load().with_("current_ratio_low", status="retired", yellow=1.2)
    assert "current_ratio_low" not in {rule.id for rule in tried.in_force()}


@pytest.mark.parametrize(
    ("rule", "changes", "said"),
    [
        (
            "current_rato_low",
            {"yellow": 1},
            r"unknown rule 'current_rato_low'; did you mean current_ratio_low .*known:",
        ),
        ("current_ratio_low", {"red": 1}, r"cannot change 'red'; may be changed: .*\(yellow, orange\), periods, id"),
        ("current_ratio_low", {"within": 8}, r"cannot change 'within'"),
        ("current_ratio_low", {"yellow": "a"}, r"expected numbers, found {'yellow': 'a'}"),
        ("current_ratio_low", {"yellow": 0.1}, r"must get stricter from yellow to red"),
        ("current_ratio_low", {"status": "off"}, r"status: .*'draft', 'in_force' or 'retired', found 'off'"),
    ],
    ids=range(6),
)
def test_wrong_change_says_what_is_allowed(rule, changes, said):
    with pytest.raises(RuleError, match=said):
        rules.load().with_(rule, **changes)
