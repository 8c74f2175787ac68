"""The loan side in the book: versions by the day they became known, refusals, flags, two writers at once."""

import shutil
from concurrent.futures import ThreadPoolExecutor

import pandas as pd
import pytest

from postloan.book.store import open_book
from postloan.errors import ContractError, SourceError
from postloan.loan_rows import checked, empty
from postloan.loan_tables import LOAN_TABLES, columns_of
from postloan.tables import Intake

LOAN = {
    "borrower_id": "B1", "loan_id": "L1", "product": "working_capital", "currency": "CNY", "amount": 100.0,
    "signed_on": "2025-01-01", "matures_on": "2026-01-01", "rate": 0.04,
}  # fmt: skip
DRAWN = {"borrower_id": "B1", "loan_id": "L1", "drawdown_id": "D1", "drawn_on": "2025-01-02", "amount": 100.0}
PAID = {"borrower_id": "B1", "loan_id": "L1", "repayment_id": "R1", "principal": 50.0, "interest": 1.0}


def plan(known_on: str, **dues: float) -> list[dict]:
    """A schedule of the loan: principal by month of 2025, interest 1."""
    loan = {"borrower_id": "B1", "loan_id": "L1", "known_on": known_on, "interest": 1.0}
    return [{**loan, "due_on": f"2025-{month[1:]}-01", "principal": amount} for month, amount in dues.items()]


def put(book, file: str = "f.csv", **tables: list[dict]):
    return book.add(Intake(file, "table", {name: pd.DataFrame(rows) for name, rows in tables.items()}, 0))


@pytest.fixture
def book(address):
    made = open_book(address)
    put(made, borrowers=[{"borrower_id": "B1", "name": "one"}], loans=[LOAN], drawdowns=[DRAWN])
    return made


def test_second_import_adds_nothing(book):
    put(book, schedule=plan("2025-01-02", m06=50, m12=50))
    again = put(book, loans=[LOAN], drawdowns=[DRAWN], schedule=plan("2025-01-02", m12=50, m06=50))
    assert (again.added, again.unchanged) == (0, 4)


def test_newer_terms_wait_their_day(book):
    put(book, loans=[{**LOAN, "amount": 120.0, "known_on": "2025-03-01"}])
    assert book.rows("loans", "B1", as_of="2025-02-28")["amount"].tolist() == [100]
    assert book.rows("loans", "B1", as_of="2025-03-01")["amount"].tolist() == [120]


def test_plan_is_replaced_whole(book):
    put(book, schedule=plan("2025-01-02", m06=50, m12=50))
    put(book, schedule=plan("2025-05-02", m11=20, m12=80))
    assert book.rows("schedule", "B1", as_of="2025-05-01")["principal"].tolist() == [50, 50]
    assert book.rows("schedule", "B1", as_of="2025-05-02")["due_on"].dt.month.tolist() == [11, 12]


def test_one_changed_instalment_is_news(book):
    put(book, schedule=plan("2025-01-02", m06=50, m12=50))
    told = put(book, schedule=plan("2025-01-02", m06=40, m12=60))
    assert told.added == 2
    assert book.rows("schedule", "B1", as_of="2030-01-01")["principal"].tolist() == [40, 60]


@pytest.mark.parametrize(
    ("table", "row", "column"),
    [
        ("repayments", {**PAID, "loan_id": "L9", "paid_on": "2025-06-01"}, "loan_id"),
        ("contacts", {"borrower_id": "B1", "contact_id": "K", "held_on": "2999-01-01", "channel": "call"}, "held_on"),
        ("loans", {**LOAN, "borrower_id": "B9"}, "borrower_id"),
        ("covenants", {"borrower_id": "B1", "covenant_id": "V", "loan_id": "L1", "metric": "curent_ratio",
                       "side": "at_least", "limit": 1.0, "known_on": "2025-01-01"}, "metric"),
    ],
)  # fmt: skip
def test_bad_rows_are_refused(book, table, row, column):
    told = put(book, **{table: [row]})
    assert told.refusals["column"].tolist() == [column]
    assert book.rows(table, as_of="2030-01-01").empty or table == "loans"


@pytest.mark.parametrize("cells", [{"amount": -1.0}, {"currency": "XXX"}, {"product": "gamble"}, {"amount": None}])
def test_bad_cells_break_contract(book, cells):
    with pytest.raises(ContractError, match="loans: 1 failures"):
        put(book, loans=[{**LOAN, **cells}])


def test_contradicting_rows_are_refused(book):
    told = put(book, loans=[{**LOAN, "loan_id": "L2"}, {**LOAN, "loan_id": "L2", "rate": 0.05}])
    assert told.refusals["found"].tolist() == ["L2"]


@pytest.mark.parametrize(
    ("tables", "flag"),
    [
        ({"repayments": [{**PAID, "paid_on": "2024-12-31"}]}, "repaid_before_drawn: B1 loan L1"),
        ({"schedule": plan("2025-01-02", m06=50, m12=49)}, "plan_differs: B1 loan L1: found 99.00, expected 100.00"),
        ({"drawdowns": [{**DRAWN, "drawdown_id": "D2"}]}, "drawn_over_amount: B1 loan L1: found 200.00"),
        ({"loans": [{**LOAN, "loan_id": "L2"}]}, "looks_entered_twice: B1 loan L2: found L2, expected L1"),
        ({"loans": [{**LOAN, "loan_id": "L3", "matures_on": "2024-01-01"}]}, "matures_before_signed: B1 loan L3"),
        (
            {"loans": [{**LOAN, "loan_id": "L4", "amount": 90.0, "restructured_from": "L1"}],
             "drawdowns": [{**DRAWN, "loan_id": "L4", "amount": 90.0}]},
            "replaced_still_owed: B1 loan L1: found 100.00, expected 0.00",
        ),
    ],
)  # fmt: skip
def test_odd_loans_are_flagged(book, tables, flag):
    told = put(book, **tables)
    assert told.added
    assert any(note.startswith(flag) for note in told.notes)


def test_plan_may_cover_the_rest(book):
    put(book, repayments=[{**PAID, "paid_on": "2025-03-01"}])
    assert not put(book, schedule=plan("2025-04-01", m06=25, m12=25)).notes


def test_every_table_reads_empty(book):
    for name in LOAN_TABLES:
        assert list(book.rows(name, "B2", as_of="2025-01-01")) == list(columns_of(name))
        assert checked(empty(name), name).empty


def test_unknown_table_is_named(book):
    with pytest.raises(SourceError, match="unknown loan table 'loan'; known: loans"):
        book.rows("loan", as_of="2025-01-01")


def test_two_writers_lose_nothing(book, address):
    def note(number: int) -> int:
        mine = open_book(address)
        row = {"borrower_id": "B1", "contact_id": f"K{number}", "held_on": "2025-02-01", "channel": "call"}
        return put(mine, f"log {number}", contacts=[row]).added

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(note, range(40))) == 40
    assert len(book.rows("contacts", "B1", as_of="2025-02-01")) == 40


def test_review_sees_new_rows(book):
    before = book.fingerprint("B1", as_of="2025-06-01")
    put(book, repayments=[{**PAID, "paid_on": "2025-03-01"}])
    assert book.fingerprint("B1", as_of="2025-06-01") != before
    assert book.fingerprint("B1", as_of="2025-02-28") == before


@pytest.mark.parametrize("address", ["sqlite"], indirect=True)
def test_copy_of_the_file_is_the_book(book, tmp_path):
    shutil.copy(tmp_path / "book.db", tmp_path / "copy.db")
    copied = open_book(f"sqlite:///{tmp_path / 'copy.db'}")
    assert copied.rows("loans", "B1", as_of="2030-01-01")["amount"].tolist() == [100]


def test_readers_go_on_beside_a_writer(book, address):
    """What an officer logs while a run reads is neither lost nor in the way."""
    talk = {"borrower_id": "B1", "held_on": "2025-02-01", "channel": "call"}

    def read(_: int) -> int:
        return len(open_book(address).rows("loans", "B1", as_of="2030-01-01"))

    with ThreadPoolExecutor(4) as pool:
        seen = pool.map(read, range(40))
        for number in range(10):
            put(book, contacts=[{**talk, "contact_id": f"W{number}"}])
        assert set(seen) == {1}
    assert len(book.rows("contacts", "B1", as_of="2025-02-01")) == 10
