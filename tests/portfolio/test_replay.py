"""The equipment maker's case, judged day by day: it is warned of on its receivables, long before cash falls short."""

import pandas as pd
import pytest

from postloan.book import sample
from postloan.book.store import open_book
from postloan.portfolio import replay
from postloan.report import replayed

MAKER, TWIN = "S0011", "S0013"
DAYS = ["2024-04-03", "2024-04-26"]


@pytest.fixture(scope="module")
def ledger(tmp_path_factory):
    made, _ = sample.told(1, 13)
    made.tables.pop("indices")  # of no borrower
    made.tables = {name: rows[rows["borrower_id"].isin([MAKER, TWIN])] for name, rows in made.tables.items()}
    book = open_book(f"sqlite:///{tmp_path_factory.mktemp('book') / 'case.db'}")
    assert not book.add(made).refused
    return book


@pytest.fixture(scope="module")
def told(ledger):
    return replay.run(ledger, [MAKER, TWIN], DAYS, ("receivable_days", "cash_ratio"))


def test_slide_warns_before_the_twin_cannot_pay(ledger, told):
    side = ledger.loan_side([MAKER, TWIN], as_of="2026-05-15")
    missed = [replay.first_missed(side, "2026-05-15", each) for each in (MAKER, TWIN)]
    found = replayed.milestones(told.signals, MAKER, None, *missed)
    assert (found.rule, f"{found.warned_on:%Y-%m-%d}") == ("receivables_slide", "2024-04-26")
    assert pd.isna(found.missed_on)
    assert found.months_gained > 10


def test_one_borrower_is_taken_from_the_replay(told):
    mine = told.of(MAKER)
    assert mine.reviews["level"].tolist() == ["yellow", "orange"]
    assert mine.figures.query("metric == 'receivable_days'")["value"].is_monotonic_increasing
    assert set(mine.signals["borrower_id"]) == {MAKER}


def test_no_day_is_refused(ledger):
    with pytest.raises(replay.ContractError, match="no day to review"):
        replay.run(ledger, [MAKER], [])
