"""One client's own limits of warning rules reach its signals, in a report and in a screen."""

import pytest

from postloan.analysis.periods import Panel
from postloan.errors import RuleError
from postloan.judgement import client_limits, early_warning, rules, sight, trial
from postloan.portfolio import screen

AS_OF = "2026-05-15"


def level(book, rule, given):
    seen = trial.example_sight(rules.Example(given=given, expect="quiet"))
    return rules.verdicts(book, seen).set_index("rule").at[rule, "level"]


def test_own_limit_counts_instead():
    own = client_limits.applied(rules.load(), {"current_ratio_low": {"yellow": 1.1}})
    assert level(own, "current_ratio_low", {"current_ratio": 1.05}) == "yellow"
    assert level(rules.load(), "current_ratio_low", {"current_ratio": 1.05}) == "quiet"


def test_only_the_test_with_levels_changes():
    own = client_limits.applied(rules.load(), {"inventory_slow": {"yellow": 0.25}})
    given = {
        "inventory_days": {"now": 122.0, "year_ago": 100.0},
        "liabilities_to_assets": {"now": 0.6, "year_ago": 0.5},
    }
    assert (level(rules.load(), "inventory_slow", given), level(own, "inventory_slow", given)) == ("yellow", "quiet")


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        (
            {"current_ratio_lo": {"yellow": 1.0}},
            "mine: unknown rule 'current_ratio_lo'; did you mean current_ratio_low .*known: actions",
        ),
        ({"receivables_slow": {"red": 90}}, r"mine: receivables_slow: unknown level \['red'\]; .*yellow, orange"),
        ([1], r"mine: expected limits by rule, such as .*, found \[1\]"),
        ({"receivables_slow": 90}, r"mine: receivables_slow: expected limits by level"),
        ({"receivables_slow": {"yellow": "much"}}, r"expected numbers, found {'yellow': 'much'}"),
        ({"receivables_slow": {"yellow": 90}}, r"mine: .*must get stricter from yellow to red"),
        ({"veto_misuse": {"red": 0.5}}, r"a veto has no limit of a client's own"),
    ],
)
def test_wrong_limits_say_what_is_wrong(limits, said):
    with pytest.raises(RuleError, match=said):
        client_limits.applied(rules.load(), limits, "mine")


def test_screen_takes_each_clients_own(sample_book):
    panel = Panel(sample_book.statements(["S0001", "S0003"], as_of=AS_OF))
    limits = {"current_ratio_low": {"yellow": 5.0}}
    seen, own = sight.of(panel), {"S0003": client_limits.applied(rules.load(), limits)}
    found = early_warning.scan(rules.load(), seen, as_of=AS_OF, figures=False, own=own).live
    fired = found[found["rule"] == "current_ratio_low"]
    assert fired["borrower_id"].tolist() == ["S0003"]
    alone = sight.of(Panel(sample_book.statements("S0003", as_of=AS_OF)))
    report = early_warning.scan(own["S0003"], alone, as_of=AS_OF).live
    mine = found[found["borrower_id"] == "S0003"]
    assert mine[["rule", "level"]].to_numpy().tolist() == report[["rule", "level"]].to_numpy().tolist()
    known = screen.Known(sample_book.observations(as_of=AS_OF), own={"S0003": {"rule_limits": limits}})
    judged = screen.judge(panel, sample_book.borrowers(), known, AS_OF)
    assert "current_ratio_low" in set(judged.warnings.live["rule"])


def test_screen_names_the_file_of_a_wrong_limit(sample_book):
    panel = Panel(sample_book.statements("S0003", as_of=AS_OF))
    known = screen.Known(sample_book.observations(as_of=AS_OF), own={"S0003": {"rule_limits": {"nothing": {}}}})
    with pytest.raises(RuleError, match=r"params/borrowers/S0003.yml: rule_limits: unknown rule 'nothing'"):
        screen.judge(panel, sample_book.borrowers(), known, AS_OF)


def test_limits_in_force_are_told():
    """Also those the client shares with everyone, so that the record is whole."""
    own = {"current_ratio_low": {"yellow": 1.1}}
    told = client_limits.in_force(client_limits.applied(rules.load(), own), own)
    bank = rules.load().rules["current_ratio_low"].condition.below
    assert told == {"current_ratio_low": {**bank, "yellow": 1.1}}
    assert client_limits.in_force(rules.load(), {}) == {}
