"""Warning rules: all of them on their own examples, the three-valued logic, and what a bad rule is told."""

import copy
import re

import numpy as np
import pandas as pd
import pytest
import yaml

from postloan import settings
from postloan.analysis.periods import Panel
from postloan.errors import RuleError
from postloan.judgement import rules, sight, trial

GOOD = settings.load_yaml(settings.params("rules", "current_ratio_low.yml"))


@pytest.fixture(scope="module")
def book():
    return rules.load()


@pytest.fixture(scope="module")
def sample(sample_book):
    return sight.of(Panel(sample_book.statements(as_of="2026-05-15")))


def load(tmp_path, *contents):
    for number, content in enumerate(contents):
        (tmp_path / f"{content.get('id', number)}.yml").write_text(yaml.safe_dump(content, allow_unicode=True))
    return rules.load(tmp_path)


def changed(**fields):
    return {**copy.deepcopy(GOOD), **fields}


def told(book, given):
    return rules.verdicts(book, trial.example_sight(rules.Example(given=given, expect="quiet"))).set_index("rule")


def one(condition, levels=("yellow",), given=None):
    rule = rules.Rule.model_validate(changed(condition=condition, levels=list(levels)))
    return told(rules.RuleBook({rule.id: rule}), given or {}).at[rule.id, "level"]


def test_every_rule_does_what_its_examples_say(book):
    tried = trial.tried(book)
    wrong = tried[tried["expected"] != tried["found"]]
    assert wrong.empty, wrong.to_string()
    assert tried.groupby("rule").size().min() >= 2


def test_sixty_rules_in_eight_groups_with_the_vetoes(book):
    in_force = book.in_force()
    assert len(in_force) >= 60
    assert {rule.group for rule in in_force} == set(rules.GROUPS)
    vetoes = {rule.id for rule in in_force if rule.veto}
    assert len(vetoes) == 6
    assert all(book.rules[veto].levels == ["red"] for veto in vetoes)


def test_all_examples_together_only_fire_what_they_should(book):
    healthy = {"current_ratio": 2.0, "interest_cover": 9.0, "revenue_growth": 0.1, "days_overdue": 0.0}
    assert set(told(book, healthy)["level"]) <= {"quiet", "cannot"}


@pytest.mark.parametrize(
    ("given", "level"),
    [
        ({"interest_cover": 2.0}, "quiet"),
        ({"interest_cover": 1.99}, "yellow"),
        ({"interest_cover": 1.5}, "yellow"),
        ({"interest_cover": 1.49}, "orange"),
        ({"interest_cover": 0.99, "cfo_to_liabilities": 0.2}, "orange"),
        ({"interest_cover": 0.99, "cfo_to_liabilities": 0.04}, "red"),
        ({}, "cannot"),
    ],
)
def test_levels_begin_where_they_say(book, given, level):
    assert told(book, given).at["interest_cover_low", "level"] == level


A, B = {"metric": "current_ratio", "below": 1.0}, {"metric": "quick_ratio", "below": 1.0}


@pytest.mark.parametrize(
    ("condition", "given", "level"),
    [
        ({"all": [A, B]}, {"current_ratio": 0.5}, "cannot"),
        ({"all": [A, B]}, {"current_ratio": 2.0}, "quiet"),
        ({"all": [A, B]}, {"current_ratio": 0.5, "quick_ratio": 0.5}, "yellow"),
        ({"any": [A, B]}, {"current_ratio": 0.5}, "yellow"),
        ({"any": [A, B]}, {"current_ratio": 2.0}, "cannot"),
        ({"any": [A, B]}, {"current_ratio": 2.0, "quick_ratio": 2.0}, "quiet"),
        ({"first": [A, B]}, {"current_ratio": 2.0, "quick_ratio": 0.5}, "quiet"),
        ({"first": [A, B]}, {"quick_ratio": 0.5}, "yellow"),
        ({"first": [A, B]}, {}, "cannot"),
        ({"not": A}, {"current_ratio": 2.0}, "yellow"),
        ({"not": A}, {}, "cannot"),
        ({**A, "periods": 2}, {"current_ratio": {"history": [0.5, 0.5]}}, "yellow"),
        ({**A, "periods": 2}, {"current_ratio": {"history": [2.0, 0.5]}}, "quiet"),
        ({**A, "periods": 2}, {"current_ratio": 0.5}, "cannot"),
        ({**A, "of": "year_ago"}, {"current_ratio": {"now": 2.0, "year_ago": 0.9}}, "yellow"),
        ({**A, "of": "year_ago"}, {"current_ratio": {"now": 0.5, "year_ago": 2.0}}, "quiet"),
        ({**A, "of": "year_ago"}, {"current_ratio": 0.5}, "cannot"),
        ({**A, "of": "change", "below": -0.2}, {"current_ratio": {"now": 1.0, "year_ago": 1.5}}, "yellow"),
        ({**A, "of": "growth", "below": -0.4}, {"current_ratio": {"now": 1.0, "year_ago": 1.5}}, "quiet"),
        ({**A, "of": "growth", "below": -0.2}, {"current_ratio": {"now": 1.0, "year_ago": 0.0}}, "cannot"),
        ({**A, "of": "since_start", "below": -0.2}, {"current_ratio": {"now": 1.0, "start": 1.5}}, "yellow"),
        ({**A, "of": "since_review", "below": -0.2}, {"current_ratio": {"now": 1.0, "review": 1.5}}, "yellow"),
    ],
)
def test_unknown_is_never_quiet(condition, given, level):
    assert one(condition, given=given) == level


def test_every_basis_speaks_chinese_too(book):
    assert [name for name, rule in book.rules.items() if not re.search("[一-鿿]", rule.basis_zh or "")] == []


def test_since_is_the_start_of_the_unbroken_run(book):
    found = told(book, {"current_ratio": {"history": [0.6, 2.0, 0.9, 0.6, 0.5]}})
    assert found.at["current_ratio_low", "since"] == pd.Timestamp("2024-06-30")


def test_batch_of_borrowers_equals_each_alone(book, sample, sample_book):
    together = rules.verdicts(book, sample).set_index(["borrower_id", "rule"]).sort_index()
    for borrower in ("S0001", "S0005", "S0008"):
        alone = rules.verdicts(book, sight.of(Panel(sample_book.statements(borrower, as_of="2026-05-15"))))
        mine = alone.set_index(["borrower_id", "rule"]).sort_index()
        pd.testing.assert_frame_equal(mine, together.loc[[borrower]])


def test_the_decliner_leads(book, sample):
    found = rules.verdicts(book, sample)
    fired = found[found["level"].isin(rules.LEVELS)].groupby("borrower_id").size()
    assert fired.idxmax() == "S0005"
    lacking = found[(found["level"] == "cannot") & (found["rule"] == "overdue")]
    assert set(lacking["missing"]) == {"days_overdue"}


def test_observations_grow_stale():
    seen = pd.DataFrame(
        {
            "borrower_id": "A",
            "metric": "capacity_use",
            "value": [0.9, 0.4],
            "observed_on": pd.to_datetime(["2024-01-01", "2024-06-01"]),
            "source": "visit",
        }
    )
    assert sight.fresh(seen, "2024-07-01")["value"].tolist() == [0.4]
    assert sight.fresh(seen, "2024-02-01")["value"].tolist() == [0.9]
    assert sight.fresh(seen, "2026-01-01").empty


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"colour": "blue"}, r"colour: unknown field; known: .*condition"),
        ({"condition": {"metric": "current_ration", "below": 1.0}}, r"unknown metric 'current_ration'; known: .*"),
        ({"condition": {"metric": "current_ratio"}}, r"current_ratio: expected a limit"),
        ({"condition": {"metric": "current_ratio", "below": 1.0, "abve": 2}}, r"condition\.abve: unknown field"),
        ({"condition": {"metric": "current_ratio", "below": 1.0, "above": 1.5}}, r"never true at yellow"),
        ({"condition": {"all": []}}, r"condition\.all"),
        (
            {"condition": {"all": [{"metric": "quick_ratio", "below": 0.5}, {"metric": "quick_ratio", "above": 0.9}]}},
            r"condition: quick_ratio: never true at yellow: above 0.9 and below 0.5",
        ),
        (
            {
                "condition": {
                    "all": [{"any": [{"metric": "quick_ratio", "below": 0.5}]}, {"metric": "quick_ratio", "above": 1}]
                }
            },
            r"quick_ratio: never true at yellow: above 1.0 and below 0.5",
        ),
        ({"condition": {"metric": "current_ratio", "below": {"yellow": 1.0}}}, r"never true at orange: no limit there"),
        (
            {"condition": {"metric": "gross_margin", "of": "peers", "peer": "percentile", "above": 90}},
            r"gross_margin: of peers: expected limits from 0 to 1, found \[90.0\]",
        ),
        (
            {"condition": {"metric": "current_ratio", "below": {"yellow": 1.0, "orange": 1.5}}},
            r"stricter from yellow to red",
        ),
        ({"condition": {"metric": "current_ratio", "of": "chance", "at_least": 0.5}}, r"`breach` go together"),
        (
            {"condition": {"metric": "limit_use", "of": "year_ago", "above": 0.9}},
            r"limit_use: of year_ago: seen on one day",
        ),
        ({"condition": A, "levels": ["yellow"], "days": {"orange": 5}}, r"no deadline for \['yellow'\]"),
        ({"examples": [{"given": {"current_ratio": 0.9}, "expect": "orange"}] * 2}, r"one that stays quiet"),
        ({"examples": []}, r"examples"),
        ({"id": "other"}, r"expected the file's name 'current_ratio_low'"),
        ({"group": "weather"}, r"group: .*'finance'.*found 'weather'"),
    ],
)
def test_bad_rule_is_told_what_is_wrong(tmp_path, fields, said):
    (tmp_path / "current_ratio_low.yml").write_text(yaml.safe_dump(changed(**fields), allow_unicode=True))
    with pytest.raises(RuleError, match=said) as error:
        rules.load(tmp_path)
    assert "current_ratio_low.yml" in str(error.value)


def test_rules_in_a_circle_are_refused(tmp_path):
    first = changed(id="first", condition={"rule": "second"})
    with pytest.raises(RuleError, match=r"(first|second).yml: condition.rule: .*circle: .*first"):
        load(tmp_path, first, changed(id="second", condition={"rule": "first"}))


def test_reference_to_nothing_is_refused(tmp_path):
    with pytest.raises(RuleError, match=r"first.yml: .*condition.rule: refers to unknown rules \['second'\]"):
        load(tmp_path, changed(id="first", condition={"rule": "second"}))


def test_changed_rule_is_checked_again(book):
    softer = book.with_("current_ratio_low", condition={"metric": "current_ratio", "below": 0.5}, levels=["orange"])
    assert told(softer, {"current_ratio": 0.9}).at["current_ratio_low", "level"] == "quiet"
    assert told(book, {"current_ratio": 0.9}).at["current_ratio_low", "level"] == "yellow"
    with pytest.raises(RuleError, match="unknown metric"):
        book.with_("current_ratio_low", condition={"metric": "nothing", "below": 0.5})


def test_judging_is_silent(book, sample, recwarn):
    with np.errstate(all="raise"):
        rules.verdicts(book, sample)
    assert not recwarn.list


def test_lacking_peers_are_told_as_such(book):
    given = {
        name: {"now": now, "year_ago": now} for name, now in (("receivable_days", 100), ("liabilities_to_assets", 0.5))
    }
    assert told(book, given).at["receivables_slow_for_industry", "missing"] == "peers"
    assert told(book, {}).at["receivables_slow_for_industry", "missing"] == "receivable_days,liabilities_to_assets"


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ({"metric": "current_ratio", "of": "peers", "below": 0.5}, "`peer` go together"),
        ({"metric": "current_ratio", "peer": "percentile", "below": 0.5}, "`peer` go together"),
        ({"metric": "capacity_use", "of": "peers", "peer": "percentile", "below": 0.5}, "statements only"),
        ({"metric": "current_ratio", "of": "peers", "peer": "rank", "below": 0.5}, "condition.peer"),
    ],
)
def test_bad_peer_condition_is_refused(tmp_path, condition, said):
    with pytest.raises(RuleError, match=said):
        load(tmp_path, changed(condition=condition))
