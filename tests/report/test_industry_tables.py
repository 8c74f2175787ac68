"""An industry told: notes are cleaned and aged, nobody is no error, reasons are summed by fact."""

import pandas as pd
import pytest

from postloan import exhibits, industries, texts, whole_book
from postloan.judgement import stance
from postloan.portfolio import stress
from postloan.report import industry_charts, industry_tables

BOOK = pd.DataFrame({"borrower_id": ["A"], "name": ["甲"], "name_en": ["Alpha"]})
STATEMENTS = pd.DataFrame({"derived": [False], "source": ["x.csv · row 2"]})


@pytest.fixture(params=["zh", "en"])
def sheet(request):
    return whole_book.sheet(texts(request.param), STATEMENTS, "2025-06-30", "CNY", borrowers=BOOK, rules={})


def notes(body, dated="2025-03-01"):
    row = {"dated": pd.Timestamp(dated), "title": "<b>T</b>", "source": "desk", "body": body, "file": "n.md"}
    return pd.DataFrame([row], columns=industries.NOTES)


def test_note_is_clean_and_aged(sheet):
    html = industry_tables.note_story(notes("**bold** <script>alert(1)</script> [x](http://a.b)"), 24, sheet).html
    assert "<strong>bold</strong>" in html
    assert "<script" not in html
    assert "http://a.b" not in html
    assert "&lt;b&gt;T&lt;/b&gt;" in html
    assert ("距今3个月" if sheet.words.language == "zh" else "3 months old") in html


def test_old_note_is_called_old(sheet):
    assert sheet.words("industry.note.old") in industry_tables.note_story(notes("x", "2022-01-01"), 24, sheet).html


def test_nobody_is_told(sheet):
    stand = pd.DataFrame(columns=["borrower_id", "exposure", "level", "class"])
    told = industry_tables.lead(stance.suggest({}), {}, stand, "X", sheet)
    assert sheet.words("industry.lead.nobody") in told.paragraphs
    assert told.paragraphs[0] == sheet.words("industry.lead.cannot", industry="X", known=0)
    assert sheet.words("industry.lead.nobody") in industry_tables.member_table(stand, stand, stand, sheet).html
    none = pd.DataFrame(columns=["borrower_id", "metric", "good"])
    assert industry_charts.places(none, stand, 0.25, {}, sheet).html == ""
    assert exhibits.source_table(STATEMENTS.iloc[:0].assign(period_end=None, known_on=None), sheet).html


def test_points_of_one_fact_are_summed(sheet):
    stand = pd.DataFrame({"borrower_id": ["A"], "exposure": [1.0], "level": ["red"], "class": ["normal"]})
    facts = {"warned_share": 1.0, "npl_share": 0.0, "book_share": 0.1, "median_growth": 0.0, "events_severe": 0.0}
    told = industry_tables.lead(stance.suggest(facts), facts, stand, "X", sheet)
    assert len(told.points) == 1
    assert "−2" in told.points[0]


def test_stance_is_told_fact_by_fact(sheet):
    plan = stance.load()
    made = stance.suggest({"driver_growth": -0.1, "npl_share": 1.0, "borrowers": 1.0})
    said = industry_tables.stance_table(made, plan, sheet).html
    assert said.count("<tr") == 1 + len({test.fact for test in plan.tests})
    assert "−3" in said  # falls and shrinks
    assert sheet.said(plan.basis) in said
    assert sheet.words("industry.stance.few", fewest=plan.fewest_borrowers) in said


def test_how_low_the_index_ever_was(sheet):
    index = pd.Series([0.1, -0.05, 0.02], index=[24001, 24002, 24003])
    driver, shocks = industries.series()["cn_ppi_yoy"], stress.Stressed(None, pd.DataFrame({"shock": [0, -0.1]}), [], 0)
    told = industry_tables.deepest(index, driver, 3, shocks, sheet)
    assert "−5.0%" in told
    assert "2000-02" in told
    assert sheet.words("industry.harsher") in told
    assert sheet.words("industry.harsher") not in industry_tables.deepest(index - 0.1, driver, 3, shocks, sheet)
    assert industry_tables.deepest(index.iloc[:0], None, 3, shocks, sheet) == ""


def test_what_was_not_checked_is_marked(sheet):
    row = {"happened_on": pd.Timestamp("2025-01-01"), "kind": "policy", "effect": "adverse", "title": "T"}
    own = pd.DataFrame(columns=["borrower_id", "kind", "happened_on", "severity", "title", "source"])
    for source, marked in (("NDRC [GK]", True), ("NDRC", False)):
        table = industry_tables.event_table(pd.DataFrame([{**row, "source": source}]), own, 36, sheet)
        assert (sheet.words("industry.event.marks") in table.html) == marked
