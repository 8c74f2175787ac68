"""The suggested class and the plan in words, in both languages, with nothing left unfilled."""

import re

import pandas as pd
import pytest

from postloan import rules, texts
from postloan.judgement import classification, exposures, monitoring
from postloan.measures import observations
from postloan.report import case, verdict
from sheets import sheet, told

AS_OF, FLOORS = "2026-05-15", classification.load()
ALL_NO = {name: 0.0 for name, each in observations().items() if each.feeds}


def classed(**values):
    day = pd.Timestamp("2026-04-29")
    rows = [("A", metric, value, day, "visit") for metric, value in values.items()]
    seen = pd.DataFrame(rows, columns=["borrower_id", "metric", "value", "observed_on", "source"])
    assets, debtors = exposures.assets(seen, ["A"])
    made = classification.classify(assets, AS_OF, debtors=debtors, history=exposures.history(seen))
    return made.assets.iloc[0], made.triggers


CASES = {
    "normal": ALL_NO,
    "late": {**ALL_NO, "days_overdue": 12.0},
    "upgrade": {**ALL_NO, "approved_class": 1.0},
    "unknown": {},
    "loss": {**ALL_NO, "bankruptcy": 1.0, "days_overdue": 400.0},
}


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("case", CASES)
def test_class_is_told_whole(case, language):
    asset, triggers = classed(**CASES[case])
    story = told(verdict.class_story(asset, triggers, FLOORS, sheet(language)))
    listed = told(verdict.trigger_table(triggers, FLOORS, sheet(language)))
    assert not re.search(r"[{}]|\bnan\b|NaT|<NA>|None", story + listed)
    assert texts(language)("verdict.human") in story


def test_reason_names_article_figure_and_day():
    asset, triggers = classed(**CASES["late"])
    story = told(verdict.class_story(asset, triggers, FLOORS, sheet("zh")))
    assert "第10(1)条" in story
    assert "12天" in story
    assert verdict.class_word(asset, sheet("zh")) == "关注"


@pytest.mark.parametrize(("language", "said"), [("zh", "S0007 次级"), ("en", "S0007 Substandard")])
def test_bad_member_of_the_group_is_named(language, said):
    asset, _ = classed(**CASES["normal"])
    hit = {"trigger": "group_npl", "outcome": "fires", "floor": "task", "article": "7", "rule_set": "cbirc_2023"}
    hit |= {"inputs": '{"group_npl": {"S0007": "substandard"}}', "missing": "", "since": pd.NaT}
    fired = pd.DataFrame([hit])
    assert said in told(verdict.class_story(asset, fired, FLOORS, sheet(language)))
    assert said in told(verdict.trigger_table(fired, FLOORS, sheet(language)))


def test_upgrade_needs_approval():
    story = told(verdict.class_story(*classed(**CASES["upgrade"]), FLOORS, sheet("zh")))
    assert texts("zh")("verdict.approval") in story


def test_unknown_is_never_normal():
    asset, triggers = classed()
    story = told(verdict.class_story(asset, triggers, FLOORS, sheet("en")))
    assert "cannot be judged" in story
    assert "Normal" not in story
    assert verdict.class_word(asset, sheet("en")) == "cannot be judged"


def test_day_without_rules_asks_no_answers():
    asset = {"verdict": "cannot", "missing": "rule_set"}
    assert verdict._doubt(asset, FLOORS, sheet("en")) == ""


def planned(**known):
    return monitoring.schedule(pd.DataFrame([{"borrower_id": "A", **known}]), AS_OF).iloc[0]


PLANS = {
    "next": {"class": "normal", "level": "none", "last_review": pd.Timestamp("2026-05-01"), "exposure_cny": 2e7},
    "overdue": {"class": "normal", "level": "none", "last_review": pd.Timestamp("2025-11-03")},
    "red": {"class": "special_mention", "level": "red", "first_drawdown": pd.Timestamp("2024-08-16")},
    "missed": {"last_review": pd.Timestamp("2026-03-06"), "day_set": pd.Timestamp("2026-03-13")},
    "nothing": {},
}


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("case", PLANS)
def test_plan_is_told_whole(case, language):
    story = told(verdict.plan_story(planned(**PLANS[case]), sheet(language)))
    assert not re.search(r"[{}]|\bnan\b|NaT|<NA>|None", story)


def test_overdue_review_counts_its_days():
    plan = planned(**PLANS["overdue"])
    assert f"已逾期{plan['overdue_days']}天" in told(verdict.plan_story(plan, sheet("zh")))
    assert "set for 13 Mar 2026" in told(verdict.plan_story(planned(**PLANS["missed"]), sheet("en")))


def test_every_focus_and_method_has_words():
    for language in ("zh", "en"):
        assert all(texts(language).has(f"plan.focus.{name}") for name in monitoring.load().focuses)


def at_a_glance(language, plan, level="none", last=None, **signal):
    columns = {"group": [], "level": [], "since": pd.to_datetime([]), "due": [], "owner": [], "rule": []}
    signals = pd.DataFrame([{"group": "finance", **signal, "level": level}]) if signal else pd.DataFrame(columns)
    made = case.Case(signals, rules.load().rules, pd.DataFrame(), {}, sheet(language))
    asset, _ = classed(**CASES["late"])
    return told(verdict.strip(made, asset, planned(**PLANS[plan]), level, last or {}))


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("plan", PLANS)
def test_strip_shows_the_verdict_at_a_glance(plan, language):
    text = at_a_glance(language, plan)
    assert texts(language)("verdict.class.special_mention") in text
    assert texts(language)("verdict.routine") in text
    assert not re.search(r"[{}]|NaT|<NA>|\bnan\b", text)


def test_strip_says_since_when_and_what_changed():
    days = {"since": pd.Timestamp("2025-06-30"), "due": pd.Timestamp("2026-05-19")}
    fired = {"rule": "interest_cover_low", "owner": "branch_head", **days}
    text = at_a_glance("en", "red", "red", {"level": "orange", "as_of": "2026-03-06"}, **fired)
    assert "since 30 Jun 2025" in text
    assert "▲ worse than last time (6 Mar 2026): Orange" in text
    assert "19 May 2026" in text
    assert "branch head" in text
