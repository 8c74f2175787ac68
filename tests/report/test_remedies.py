"""A workout plan in words, tables and figures, in both languages, with nothing left unfilled."""

import html
import re

import pytest

from postloan import texts
from postloan.judgement import workout
from postloan.report import exhibits, record, remedies, remedy_charts, remedy_tables, safety
from troubled import AS_OF, RULES, case, steady, usual

NOTHING = {"loans": [], "drawdowns": [], "schedule": [], "repayments": []}
PAID = [
    dict(borrower_id="A", loan_id="L1", repayment_id=name, paid_on=day, principal=principal, interest=interest)
    for name, day, principal, interest in (
        ("R1", "2025-08-15", 5e6, 3e5), ("R2", "2026-02-15", 5e6, 2.25e5), ("R3", "2026-05-15", 0.0, 1.5e5),
    )
]  # fmt: skip
CASES = {
    "usual": usual,
    "weak": lambda: _compared(case(steady(2e5, 1e5))),
    "no_cash": lambda: _compared(case(None, known={})),
    "paid_so_far": lambda: _compared(case(steady(-2e5), tables={"repayments": PAID}, breaches=1)),
    "no_loan": lambda: _compared(case(tables=NOTHING)),
    "bare": lambda: _compared(case(steady(4e6), tables={"collateral": [], "guarantors": [], "schedule": []})),
}
PARTS = [
    remedies.strip, remedies.advice_story, remedies.changing, remedies.situation, remedies.worth_table,
    remedies.burden_table, remedy_tables.cash_story, remedy_tables.cash_table, remedy_tables.flow_table,
    remedy_tables.waterfall_table, remedy_tables.legal_table, remedy_tables.effect_table,
    remedy_tables.viability_table, remedy_tables.swing_table, remedy_tables.settings_table, remedy_charts.worth,
    remedy_charts.cover, remedy_charts.tornado,
]  # fmt: skip
_MADE: dict = {}


def _compared(told):
    return told, workout.compare(told, RULES)


def plan(name="usual", language="en") -> remedies.Plan:
    if name not in _MADE:
        told, compared = CASES[name]()
        advice = workout.recommend(compared, told, RULES)
        _MADE[name] = told, compared, advice, workout.sensitivity(compared, told, RULES, advice)
    told, compared, advice, swings = _MADE[name]
    words = texts(language)
    sheet = exhibits.Sheet(words, "CNY", AS_OF, 360, 2, 1, True, words.scale(1e8))
    return remedies.plan(told, compared, advice, swings, RULES, sheet)


def told_by(part) -> str:
    return html.unescape(re.sub(r"<style.*?</style>|<[^>]+>", " ", part._repr_html_(), flags=re.S))


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("name", CASES)
def test_plan_is_told_whole(name, language):
    told = plan(name, language)
    for part in PARTS:
        shown = part(told)
        assert not re.search(r"[{}]|\bnan\b|NaT|<NA>|None", told_by(shown)), part.__name__
        safety.inline(shown._repr_html_(), part.__name__)


def test_no_loan_says_so():
    story = told_by(remedies.advice_story(plan("no_loan", "zh")))
    assert "没有尚欠的贷款" in story
    assert told_by(remedies.worth_table(plan("no_loan"))) == ""
    assert remedies.headline(plan("no_loan"))["value"] is None


def test_advice_names_the_best_its_lead_and_the_human():
    told = plan()
    story = told_by(remedies.advice_story(told))
    assert told.name(told.advice.option) in story
    assert told.name(told.advice.second) in story
    assert told.money(told.advice.margin) in story
    assert texts("en")("remedies.human") in story


def test_kept_only_till_it_can_be_enforced():
    told = plan("paid_so_far")
    assert told.advice.option == "keep"
    assert remedies.headline(told)["text"] == "Keep the contract for now, ready to enforce"
    assert "Covenants broken and not waived: 1." in told_by(remedies.advice_story(told))


def test_close_and_barred_are_never_hidden():
    told = plan()
    story = told_by(remedies.advice_story(told))
    assert told.advice.close
    assert "too close to call" in story
    assert (told.advice.barred != "") == (f"“{told.name(told.advice.barred or 'keep')}” computes higher" in story)


def test_law_is_told_in_the_reader_s_language():
    shown = told_by(remedy_tables.legal_table(plan(language="zh")))
    assert "《民法典》第692条" in shown
    assert not {"Civil", "loan", "years"} & set(shown.split())


def test_nothing_covered_is_no_figure():
    shown = [remedy_charts.cover(plan(name))._repr_html_() for name in ("usual", "paid_so_far")]
    assert [bool(each) for each in shown] == [True, False]


def test_options_stand_on_one_table():
    told = plan()
    shown = told_by(remedies.worth_table(told))
    assert all(told.name(option) in shown for option in RULES.options)
    number, unit = remedies.scaled(told.options[["npv", "ev", "peak"]], told)
    assert number(told.options.at["enforce", "ev"]) in shown
    assert unit in shown


def test_waterfall_adds_up():
    told = plan()
    fall = told.compared.waterfall
    number, _ = remedies.scaled(fall[["value", "net", "owed"]], told)
    assert number(fall["pv"].sum()) in told_by(remedy_tables.waterfall_table(told))


def test_open_tests_are_asked_for():
    shown = told_by(remedy_tables.viability_table(plan("no_cash", "zh")))
    assert "困难性质" in shown
    assert "现金预测" in shown


def test_missing_cash_is_said():
    assert "no forecast of cash" in told_by(remedy_tables.cash_story(plan("no_cash")))
    assert "no expected value" in told_by(remedies.advice_story(plan("no_cash")))


def test_figures_state_their_finding():
    shown = remedy_charts.worth(plan())._repr_html_()
    assert re.search(r'role="img" aria-label="The feasible way of highest expected value is', shown)


@pytest.mark.parametrize("name", CASES)
def test_record_is_whole(name):
    told = plan(name)
    values = remedy_tables.as_values(told)
    extra = {"workout": remedy_tables.as_record(told), "headline": [remedies.headline(told)]}
    made = record.build("postloan.workout_plan", borrower_id="A", as_of=AS_OF, language="en", values=values, **extra)
    assert len(made["values"]) == 6 * len(told.compared.options)
    assert all(value["value"] is not None or value["reason"] for value in made["values"])
