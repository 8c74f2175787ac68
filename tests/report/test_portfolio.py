"""The whole book in words and tables, in both languages: full, empty, without loans."""

import re

import numpy as np
import pandas as pd
import pytest

from portfolio import hand_book
from postloan import texts
from postloan.judgement import rules
from postloan.portfolio import (
    concentration,
    contagion,
    data_quality,
    history,
    migration,
    mining,
    policy,
    standing,
    vintage,
    worklist,
)
from postloan.report import (
    portfolio_backlog,
    portfolio_charts,
    portfolio_moves,
    portfolio_patterns,
    portfolio_tables,
    whole_book,
)
from postloan.tables import CLASSES, LEVELS
from sheets import told

AS_OF = "2026-05-15"
NO_LATE = {"promises": 0, "actions": 0, "reviews": 0}
NO_GROUPS = pd.DataFrame(columns=["group", "borrower_id", "by"])
ROWS = [
    {"borrower_id": "A", "level": "red", "class": "substandard", "exposure": 6e7, "uncovered": 6e7, "top": "overdue"},
    {"borrower_id": "B", "level": "yellow", "class": "normal", "exposure": 4e7, "industry": "C34"},
]
UNKNOWN = [{"borrower_id": "A", "level": "red", "class": "unknown", "reason": "no_loans", "exposure": np.nan}]


@pytest.fixture(params=["zh", "en"])
def sheet(request):
    return whole_book.BookSheet(
        texts(request.param), "CNY", AS_OF, 360, 2, 1, False, (1.0, "", 2), {"A": "甲", "B": "<b>"}, rules.load().rules
    )


def lead(rows, sheet):
    stand = hand_book.standing(rows)
    limits = concentration.limits(concentration.units(stand, NO_GROUPS))
    return told(portfolio_tables.lead(stand, worklist.rank(stand, AS_OF), limits, NO_LATE, sheet))


def test_lead_says_size_and_first_step(sheet):
    said = lead(ROWS, sheet)
    assert sheet.money(1e8) in said
    assert sheet.money(6e7 * 0.45 + 4e7 * 0.02 * 0.10) in said  # expected loss by hand
    assert "A 甲" in said
    assert "60.0%" in said  # over the single-name limit


def test_unknown_exposure_is_said_not_nil(sheet):
    said = lead(UNKNOWN, sheet)
    assert {"zh": "敞口未知（不是零）", "en": "exposure is unknown, not nil"}[sheet.words.language] in said
    assert not re.search(r"0\.00|CNY 0|0元", said)


def test_borrowers_without_level_are_counted(sheet):
    """The levels of the first sentence add up to the book."""
    said = lead([*ROWS, {"borrower_id": "C", "level": "unknown", "class": "unknown"}], sheet)
    assert sheet.words("portfolio.lead.unlevelled", count=1) in said
    assert sheet.words("portfolio.lead.unlevelled", count=1) not in lead(ROWS, sheet)


def test_nothing_from_data_is_markup(sheet):
    stand = hand_book.standing(ROWS)
    page = portfolio_tables.work_table(worklist.rank(stand, AS_OF), stand, sheet).html
    assert "&lt;b&gt;" in page
    assert "<b>" not in page


def test_work_list_says_who_answers_now(sheet):
    stand = hand_book.standing(ROWS)
    name = stand["borrower_id"].iloc[0]
    late = pd.DataFrame({"borrower_id": [name], "steps": 2, "days_late": 20, "answerable": "branch_head"})
    page = told(portfolio_tables.work_table(worklist.rank(stand, AS_OF, late=late), stand, sheet))
    assert page.count(sheet.words("portfolio.work.escalated", owner=sheet.owner("branch_head"))) == 1


def test_counts_are_drawn_and_tabled(sheet):
    stand = hand_book.standing(ROWS)
    counts = {name: standing.counts(stand, name, states) for name, states in (("level", LEVELS), ("class", CLASSES))}
    page = portfolio_charts.counts(counts["level"], counts["class"], sheet).html
    assert 'role="img"' in page
    assert sheet.money(6e7) in page
    assert "60.0%" in told(portfolio_tables.count_table(counts["level"], "level", 0, sheet))


def test_guarantees_are_drawn_apart(sheet):
    pairs = [(f"A{n:02}", f"B{n:02}") for n in range(14)] + [("C1", "C2"), ("C2", "C3"), ("C3", "C1")]
    pairs = pd.DataFrame(pairs, columns=["guarantor", "borrower_id"])
    stand = pd.DataFrame({"borrower_id": ["C1"], "level": ["red"]})
    drawn = portfolio_charts.guarantees(pairs, stand, pd.DataFrame(), pd.DataFrame(), sheet).html
    assert drawn == portfolio_charts.guarantees(pairs, stand, pd.DataFrame(), pd.DataFrame(), sheet).html
    assert sheet.words("portfolio.contagion.chart_some", shown=12, count=15).strip() in drawn


def test_nobody_classed_is_not_nobody_bad(sheet):
    stand = hand_book.standing(UNKNOWN)
    counts = [standing.counts(stand, name, states) for name, states in (("level", LEVELS), ("class", CLASSES))]
    assert sheet.words("portfolio.counts.chart_unclassed") in portfolio_charts.counts(*counts, sheet).html
    assert portfolio_charts.counts(*(each.assign(borrowers=0) for each in counts), sheet).html == ""


def test_empty_class_gives_its_reason(sheet):
    rows = [(day, "A", "L", "normal", 1.0, "CNY", 0.0) for day in pd.to_datetime(["2026-03-31", AS_OF])]
    moved = migration.transitions(pd.DataFrame(rows, columns=history.LOANS))
    made = migration.matrix(moved)
    said = told(portfolio_moves.migration(moved, made, migration.matrix(moved, weight="balance"), made, sheet))
    none = sheet.words("case.and").join(sheet.plain_state(state) for state in (*CLASSES[1:], "unknown"))
    assert said.count(sheet.words("portfolio.migration.reason.empty", states=none)) == 3
    assert sheet.words("portfolio.migration.reason.few") in said
    assert "100.0%" in said
    assert "nan" not in said


def test_book_without_loans_says_so(sheet):
    side, stand = hand_book.book(), hand_book.standing(UNKNOWN)
    owed = concentration.units(stand, NO_GROUPS)
    moved = migration.transitions(pd.DataFrame(columns=history.LOANS))
    none = migration.matrix(moved)
    parts = {
        "spread.no_exposure": portfolio_tables.spread_table(concentration.spread(owed), sheet),
        "vintage.none": portfolio_moves.vintage_table(vintage.table(vintage.lives(side, AS_OF, 90)), 90, 5, sheet),
        "migration.no_loans": portfolio_moves.migration(moved, none, none, none, sheet),
        "contagion.no_pairs": portfolio_patterns.pair_table(
            contagion.stands_for(side, stand.assign(credit_code="")), sheet
        ),
        "mining.no_trouble": portfolio_patterns.before_table(pd.DataFrame(columns=mining.BEFORE), 0, 4, sheet),
        "counts.no_class": portfolio_tables.count_table(standing.counts(stand, "class", CLASSES), "class", 0, sheet),
        "work.caption_unknown": portfolio_tables.work_table(worklist.rank(stand, AS_OF), stand, sheet),
        "backlog.no_talks": portfolio_backlog.late_promises(pd.DataFrame(), False, sheet),
    }
    assert all(sheet.words(f"portfolio.{key}") in told(part) for key, part in parts.items())
    limits = concentration.limits(owed)
    untested = told(
        portfolio_tables.limit_table(limits, (np.nan, np.nan), owed["group"], policy.load().limits, sheet)
    ).strip()
    assert untested == sheet.words("portfolio.spread.untested", count=len(limits))


def test_book_without_reviews_says_so(sheet):
    stand = hand_book.standing(ROWS)
    said = told(portfolio_backlog.late_reviews(stand.iloc[:0], 2, 2, sheet))
    assert said.strip() == sheet.words("portfolio.backlog.no_reviews", count=2)
    moved = standing.moves(stand, "level", LEVELS)
    assert sheet.words("portfolio.moves.none") in told(portfolio_tables.move_table(moved, sheet))


def test_late_actions_make_a_row_a_borrower(sheet):
    about = {"owner": "risk_manager", "opened_on": pd.Timestamp(AS_OF), "due": pd.Timestamp(AS_OF), "answerable": ""}
    rules_ = ["overdue", "revenue_falls", "losses_continue"]
    rows = [{"borrower_id": "A", "rule": rule, "level": level, "days_late": days, "steps": 0, **about}
            for rule, level, days in zip(rules_, ("yellow", "red", "orange"), (90, 40, 9), strict=True)]  # fmt: skip
    said = told(portfolio_backlog.late_actions(pd.DataFrame(rows), True, sheet))
    assert said.count("甲") == 1
    assert sheet.words("portfolio.backlog.others", count=1) in said
    assert said.index(sheet.rule("revenue_falls")) < said.index(sheet.rule("losses_continue"))
    assert sheet.rule("overdue") not in said


def test_cleared_stands_apart(sheet):
    about = {"borrower_id": "A", "status": "cleared", "level": "red"}
    rows = [{**about, "rule": rule, "closed": closed, "closes_on": pd.Timestamp(AS_OF)}
            for rule, closed in (("overdue", True), ("revenue_falls", False))]  # fmt: skip
    gone = pd.DataFrame(rows)
    said = told(portfolio_backlog.cleared(gone, sheet))
    assert sheet.rule("overdue") in said
    assert AS_OF in said
    assert AS_OF not in told(portfolio_backlog.cleared(gone.assign(closed=True), sheet)).split("A ")[1].split("—")[0]
    assert portfolio_backlog.cleared(gone.assign(status="new"), sheet).html == ""


def test_gaps_are_named(sheet):
    row = {**dict.fromkeys(data_quality.LEAGUE, 0), "borrower_id": "A", "gaps": 2, "missing": 1, "items": "inventory",
           "late_days": 12, "contact_days": np.nan}  # fmt: skip
    flags = {"quiet": False, "exposure_unknown": False, "class_unknown": False}
    said = told(portfolio_tables.quality_table(pd.DataFrame([{**row, **flags}]), sheet))
    assert sheet.words.item("inventory") in said
    assert sheet.words("portfolio.quality.days", days=12) in said


def test_assumptions_carry_their_basis(sheet):
    said = told(portfolio_tables.rate_table(policy.load(), sheet))
    assert sheet.said(policy.load().loss.pd_basis) in said
    assert sheet.words("portfolio.rates.marks") in said
    assert "45.0%" in said
