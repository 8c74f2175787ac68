"""The book as it stands: exposure known or said not to be, counts that add up, moves since the last review."""

import numpy as np
import pandas as pd
import pytest

from portfolio.hand_book import standing as hand
from postloan.analysis.periods import Panel
from postloan.judgement import exposures
from postloan.portfolio import screen, standing
from postloan.tables import CLASSES, LEVELS

AS_OF = "2026-05-15"


@pytest.fixture(scope="module")
def book_of(sample_book):
    ids = [f"S{number:04}" for number in range(1, 11)]
    side = sample_book.loan_side(ids, as_of=AS_OF)
    last = {"S0005": {"as_of": "2026-03-06", "level": "orange", "class": "normal", "signals": []}}
    known = screen.Known(sample_book.observations(ids, as_of=AS_OF), last, side=side)
    borrowers = sample_book.borrowers()
    borrowers = pd.concat([borrowers, borrowers.head(1).assign(borrower_id="NEW", name="无报表")], ignore_index=True)
    judged = screen.judge(Panel(sample_book.statements(ids, as_of=AS_OF)), borrowers, known, AS_OF)
    return judged, standing.of(judged, borrowers, known, AS_OF)


def test_exposure_is_the_sum_of_loans(book_of):
    judged, told = book_of
    owed = exposures.at_risk(judged.loans)
    told = told.set_index("borrower_id")
    assert told.at["S0005", "exposure"] == owed["S0005"]
    assert told.at["S0005", "reason"] is None


def test_other_currency_is_not_added(book_of):
    told = book_of[1].set_index("borrower_id").loc["S0002"]
    assert (told["currency"], told["reason"]) == ("USD", "other_currency")
    assert np.isnan(told["exposure"])


def test_borrower_without_loans_or_statements(book_of):
    told = book_of[1].set_index("borrower_id").loc["NEW"]
    assert (told["level"], told["class"], told["reason"]) == ("unknown", "unknown", "no_loans")
    assert np.isnan(told["exposure"])


def test_last_review_is_set_beside(book_of):
    told = book_of[1].set_index("borrower_id")
    assert told.at["S0005", "last_level"] == "orange"
    moved = standing.moves(book_of[1], "level", LEVELS)
    assert moved.at["orange", "red"] == 1
    assert moved.to_numpy().sum() == 1


def test_counts_add_up(book_of):
    told = book_of[1]
    for column, states in (("level", LEVELS), ("class", CLASSES)):
        counts = standing.counts(told, column, states)
        assert counts["borrowers"].sum() == len(told)
        assert counts["exposure"].sum() == pytest.approx(told["exposure"].sum())
        assert counts["share"].sum() == pytest.approx(1)


def test_no_reviews_leave_before_blank():
    rows = hand([{"borrower_id": "A", "exposure": 1.0}])
    assert standing.counts(rows, "level", LEVELS)["before"].isna().all()
    assert not standing.moves(rows, "level", LEVELS).to_numpy().any()
