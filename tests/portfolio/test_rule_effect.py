"""What rules would do: counted by level, tried as drafts, and set beside another version."""

import pandas as pd
import pytest

from postloan import rules
from postloan.errors import RuleError
from postloan.judgement.rules import Example, RuleBook
from postloan.judgement.trial import example_sight
from postloan.portfolio import rule_effect, screen

DAY = "2024-12-31"


def day(own=None, **given):
    """A made-up borrower with these figures, on one day."""
    seen = example_sight(Example(given=given, expect="quiet"))
    known = screen.Known(pd.DataFrame(columns=["borrower_id"]), own=own or {})
    return rule_effect.Day(DAY, screen.Look(seen, None, pd.Series(dtype="datetime64[us]")), known)


def book(*names, **changes):
    """Some of the rules, the first changed."""
    some = RuleBook({name: rules.load().rules[name] for name in names})
    return some.with_(names[0], **changes) if changes else some


@pytest.mark.parametrize(("value", "level"), [(0.4, "orange"), (1.02, "quiet"), (None, "cannot")])
def test_a_rule_is_counted_once(value, level):
    given = {} if value is None else {"current_ratio": value}
    row = rule_effect.effect([day(**given)], book("current_ratio_low")).iloc[0]
    states = {"orange": row["orange"], "cannot": row["cannot"], "quiet": row["judged"] - row["orange"]}
    assert [name for name, count in states.items() if count] == [level]
    assert row["examples"] == (("example",) if level == "orange" else ())


def test_drafts_are_tried():
    draft = book("current_ratio_low", status="draft")
    row = rule_effect.effect([day(current_ratio=0.5)], draft).iloc[0]
    assert (row["status"], row["judged"]) == ("draft", 1)
    assert row["share"] == 1


def test_retired_rules_do_not_count():
    assert rule_effect.effect([day(current_ratio=0.5)], book("current_ratio_low", status="retired")).empty


def test_own_limits_are_kept():
    own = {"example": {"rule_limits": {"current_ratio_low": {"yellow": 0.4, "orange": 0.3}}}}
    row = rule_effect.effect([day(own, current_ratio=0.5)], book("current_ratio_low")).iloc[0]
    assert row["share"] == 0


def test_unknown_rule_is_refused():
    with pytest.raises(RuleError, match="unknown rule 'nothing'; known: current_ratio_low"):
        rule_effect.effect([day()], book("current_ratio_low"), ("nothing",))


def test_an_edit_moves_signal_and_level():
    now, before = book("current_ratio_low"), book("current_ratio_low", status="retired")
    found = rule_effect.compare(day(current_ratio=0.4), now, before)
    assert found.rules[["change", "fields"]].to_numpy().tolist() == [["changed", ("status",)]]
    assert found.signals.to_numpy().tolist() == [["example", "current_ratio_low", "none", "orange"]]
    assert found.levels.to_numpy().tolist() == [["example", "none", "orange"]]


def test_words_alone_move_nothing():
    now = book("current_ratio_low", title={"zh": "流动性", "en": "Liquidity"})
    found = rule_effect.compare(day(current_ratio=0.5), now, book("current_ratio_low"))
    assert found.rules["fields"].to_list() == [("title",)]
    assert found.signals.empty
    assert found.levels.empty


def test_limits_of_a_rule_once_lacking():
    own = {"example": {"rule_limits": {"quick_ratio_low": {"yellow": 0.4}}}}
    at = day(own, current_ratio=0.5, quick_ratio=0.1)
    found = rule_effect.compare(at, book("current_ratio_low", "quick_ratio_low"), book("current_ratio_low"))
    assert found.rules["change"].to_list() == ["new"]
    assert found.only(("current_ratio_low",)).rules.empty
