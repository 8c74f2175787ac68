"""The book judged again at earlier dates sees nothing of later ones."""

import pandas as pd
import pytest

from postloan.analysis.periods import Panel
from postloan.errors import ContractError
from postloan.portfolio import history, screen

DAYS = ["2026-03-31", "2026-05-15"]


@pytest.fixture(scope="module")
def told(sample_book):
    return history.run(sample_book, DAYS, whole=1)


def test_quarter_ends_and_the_day():
    assert history.quarter_ends("2026-05-15", 2) == ["2025-12-31", "2026-03-31", "2026-05-15"]
    assert history.quarter_ends("2026-03-31", 1) == ["2025-12-31", "2026-03-31"]


def test_cheap_classes_equal_whole_judgement(sample_book, told):
    side = sample_book.loan_side(as_of=DAYS[1])
    known = screen.Known(sample_book.observations(as_of=DAYS[1]), side=side, traced=False)
    panel = Panel(sample_book.statements(as_of=DAYS[1]))
    whole = screen.judge(panel, sample_book.borrowers(), known, DAYS[1]).classed.set_index("asset_id")["suggested"]
    rows = told.loans[(told.loans["as_of"] == DAYS[1]) & (told.loans["balance"] > 0)]
    names = rows["borrower_id"] + "/" + rows["loan_id"]
    assert whole.reindex(names).fillna("unknown").to_list() == rows["state"].to_list()


def test_no_loan_before_its_drawdown(sample_book, told):
    drawn = sample_book.rows("drawdowns", as_of="2026-05-15").groupby(["borrower_id", "loan_id"])["drawn_on"].min()
    keys = pd.MultiIndex.from_frame(told.loans[["borrower_id", "loan_id"]])
    assert (drawn.reindex(keys).to_numpy() <= told.loans["as_of"].to_numpy()).all()


def test_overdue_as_known_then(told):
    """S0005 missed the instalment of 17 April 2026: nothing of it was known in March."""
    late = told.loans[told.loans["borrower_id"] == "S0005"].groupby("as_of")["days_overdue"].max()
    assert late.to_list() == [0.0, 28.0]


def test_only_asked_days_are_judged_whole(told):
    assert set(told.levels["as_of"]) == {pd.Timestamp(DAYS[1])}
    assert set(told.loans["as_of"]) == set(pd.to_datetime(DAYS))


def test_empty_book_has_no_history(book):
    assert history.run(book, DAYS).loans.empty
    with pytest.raises(ContractError, match="no day given"):
        history.run(book, [])


def test_repaid_loans_stay(told):
    ended = told.loans[told.loans["state"] == history.REPAID].groupby("as_of")["loan_id"].agg(set)
    assert ended.iloc[0] <= ended.iloc[1]
