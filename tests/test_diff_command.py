"""`postloan diff`: the days it takes, what it says when there are none, and the page it makes."""

import pandas as pd
import pytest

from postloan import cli_diff
from postloan.errors import RunError, SourceError
from report.test_side_by_side import pair

STORED = {day: {"as_of": day} for day in ("2026-05-15", "2026-03-06", "2025-12-31")}


class Reviews:
    """A book that holds only reviews."""

    def borrower(self, borrower):
        raise SourceError(f"borrower {borrower!r} is not in the book")

    def last_review(self, borrower, before):
        return next((record for day, record in STORED.items() if day < str(before)), {})


def test_all_days_are_found():
    assert list(cli_diff.reviews(Reviews(), "A")) == list(STORED)


@pytest.mark.parametrize(
    ("then", "now", "chosen"),
    [
        (None, None, ("2026-03-06", "2026-05-15")),
        (None, "2026-03-06", ("2025-12-31", "2026-03-06")),
        ("2025-12-31", None, ("2025-12-31", "2026-05-15")),
    ],
)
def test_newest_two_unless_told(then, now, chosen):
    assert cli_diff._chosen("A", then, now, STORED) == chosen


def test_a_day_without_review_names_those_there_are():
    with pytest.raises(RunError, match=r"2026-01-01: no review of A .* there are: 2025-12-31, 2026-03-06, 2026-05-15"):
        cli_diff._chosen("A", "2026-01-01", None, STORED)


@pytest.mark.parametrize(("then", "now", "stored"), [(None, None, {}), ("2026-05-15", "2026-03-06", STORED)])
def test_two_reviews_in_order_are_asked_for(then, now, stored):
    with pytest.raises(RunError, match="expected two reviews, the earlier first"):
        cli_diff._chosen("A", then, now, stored)


@pytest.mark.parametrize("subject", ["machinery", "book", "portfolio_review"])
def test_other_reports_are_refused_clearly(subject):
    with pytest.raises(RunError, match=f"{subject}: expected a borrower, .* pages of earlier days"):
        cli_diff._borrower(Reviews(), subject)


def test_unknown_borrower_stays_unknown():
    with pytest.raises(SourceError, match="is not in the book"):
        cli_diff._borrower(Reviews(), "S9999")


def test_page_has_a_chapter_for_each():
    actions = [pd.DataFrame(columns=["rule", "owner", "due"])] * 2
    borrower = {"borrower_id": "A", "name": "<b>", "name_en": None, "synthetic": True}
    html = cli_diff.page_of(pair("en"), borrower, actions)
    assert html.count("<h2") == 4
    assert "&lt;b&gt; (A)" in html
    assert 'class="synthetic"' in html
