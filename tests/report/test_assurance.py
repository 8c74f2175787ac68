"""How far the statements can be believed, in words: every test in both languages, with its figures and papers."""

import dataclasses
import re

import pandas as pd
import pytest

from postloan import texts
from postloan.analysis import reliability
from postloan.report import assurance
from sheets import sheet, told

_, TESTS = reliability.load()


def failing(*tests):
    day = pd.Timestamp("2025-12-31")
    rows = [
        {"test": test.id, "group": test.group, "result": "fail", "severity": test.severity, "value": 0.31, "limit": 0.2}
        | {"unit": test.unit, "period_end": day, "since": day, "ask": test.ask, "weight": test.weight, "missing": None}
        for test in tests
    ]
    return pd.DataFrame(rows)


GRADED = pd.Series({"grade": "partly", "tested": 30, "passed": 25, "untestable": 15, "outside": 0})


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("test", TESTS, ids=lambda test: test.id)
def test_every_failure_is_told(test, language):
    checked, words = failing(test), sheet(language)
    text = told(assurance.story(GRADED, checked, words))
    assert words.words(f"reliability.ask.{test.ask}") in text
    assert words.words(f"reliability.test.{test.id}.innocent") in text
    assert not re.search(r"[{}]|\bnan\b", text + told(assurance.test_table(checked, words)))
    assert not re.search("欺诈|舞弊|造假|fraud", text, re.I)


WHY = ["missing:end.cash, ttm.revenue", "paper:vat_sales, cit_revenue", "reference:lending", "peer:cash_to_assets"]
WHY += ["not_positive:end.equity", "undefined:ln(end.cash)", "history", "year_end", "instead:cash_and_debt_of_peers"]


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("why", WHY)
def test_why_a_test_was_not_made_is_told(why, language):
    checked = failing(TESTS[0]).assign(result="cannot", missing=why)
    text, words = told(assurance.untested_table(checked, sheet(language))), texts(language)
    assert words(f"reliability.test.{TESTS[0].id}.title") in text
    assert not re.search(r"[{}_]|assurance|\bnan\b", text)


def test_counts_are_those_of_the_score():
    text = assurance.sentence(GRADED, failing(*TESTS[:5]), sheet("en"))
    assert "25 of 30" in text
    assert "15 could not" in text
    assert "(5)" in text
    assert "and 2 more" in text


def test_red_comes_before_amber():
    checked = failing(*TESTS[:2]).assign(severity=["amber", "red"])
    points = assurance.story(GRADED, checked, sheet("en")).points
    assert texts("en")(f"reliability.ask.{TESTS[1].ask}") in points[0]


def test_papers_are_asked_for_once():
    same = [test for test in TESTS if test.ask == TESTS[0].ask][:2] or TESTS[:1]
    rows = told(assurance.paper_table(failing(*same), sheet("zh")))
    assert rows.count(texts("zh")(f"reliability.ask.{TESTS[0].ask}")) == 1


def test_inside_agreement_is_no_proof():
    alone = told(assurance.story(GRADED, failing(TESTS[0]), sheet("zh")))
    backed = told(assurance.story(GRADED.replace({0: 2}), failing(TESTS[0]), sheet("zh")))
    assert texts("zh")("assurance.no_outside") in alone
    assert texts("zh")("assurance.no_outside") not in backed


@pytest.mark.parametrize(("currency", "paper"), [("CNY", "VAT returns"), ("USD", "state sales-tax returns")])
def test_papers_are_those_of_the_country(currency, paper):
    where = dataclasses.replace(sheet("en"), currency=currency)
    checked = failing(*[test for test in TESTS if test.id == "vat_sales"])
    assert paper in told(assurance.paper_table(checked, where))
    assert ("VAT" in told(assurance.paper_table(checked, where))) == (currency == "CNY")
