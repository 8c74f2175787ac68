"""What is owed, in words and a table, in both languages."""

import pandas as pd
import pytest

from postloan import texts
from postloan.analysis import servicing
from postloan.report import facilities
from sheets import in_millions as sheet

LOAN = dict(
    borrower_id="A", loan_id="L1", product="working_capital", currency="CNY", drawn=120e6, repaid=60e6, balance=60e6,
    principal_overdue=30e6, interest_overdue=1e6, principal_days_overdue=15.0, interest_days_overdue=12.0, rate=0.045,
    times_late=2.0, next_due_on="2026-06-30", next_due=32e6, matures_on="2026-12-31",
)  # fmt: skip


def owed(**changed) -> pd.DataFrame:
    rows = pd.DataFrame([dict.fromkeys(servicing.STATE) | LOAN | changed])
    days = ["next_due_on", "matures_on", "replanned_on"]
    rows[days] = rows[days].astype("datetime64[us]")
    return rows


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("zh", ["余额6,000.00万元", "逾期3,100.00万元", "已逾期15天", "2期"]),
        ("en", ["CNY 60.00m", "CNY 31.00m", "15 days", "year: 2"]),
    ],
)
def test_sentence_tells_what_is_late(language, said):
    told = facilities.story(owed(), sheet(language))._repr_html_()
    assert [each for each in said if each not in told] == []


def test_nothing_late_is_said():
    calm = owed(principal_days_overdue=0.0, interest_days_overdue=0.0, times_late=0.0)
    assert "没有逾期本息" in facilities.story(calm, sheet("zh"))._repr_html_()


def test_no_loans_is_said():
    assert "没有我行" in facilities.story(owed().iloc[:0], sheet("zh"))._repr_html_()


@pytest.mark.parametrize("language", ["zh", "en"])
def test_table_shows_every_loan_with_its_class(language):
    classed = pd.DataFrame({"asset_id": ["A/L1"], "suggested": ["special_mention"]})
    html = facilities.loan_table(owed(), classed, sheet(language))._repr_html_()
    assert texts(language)("verdict.class.special_mention") in html
    assert "L1 · " in html
