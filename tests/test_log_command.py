"""`postloan log`: what an officer types after a call lands in the book, and bad words leave it alone."""

import pandas as pd
import pytest
from click.testing import CliRunner

from postloan.book.store import open_book
from postloan.cli import main
from postloan.tables import Intake


@pytest.fixture
def address(tmp_path) -> str:
    made = f"sqlite:///{tmp_path / 'b.db'}"
    open_book(made).add(Intake("f", "table", {"borrowers": pd.DataFrame([{"borrower_id": "A", "name": "a"}])}, 0))
    return made


def said(address: str, *words: str):
    return CliRunner().invoke(main, ["log", *words, "--book", address])


def test_call_and_promise_are_kept(address):
    told = said(
        address, "contact", "A", "--on", "2025-05-12", "--channel", "call", "--said", "slow collections",
        "--signal", "staff_change=-0.1", "--promise", "pay the arrears@2025-06-01/300000",
    )  # fmt: skip
    assert (told.exit_code, "added 3" in told.output) == (0, True)
    name = open_book(address).rows("commitments", "A", as_of="2025-05-12").at[0, "commitment_id"]
    assert said(address, "promise", "A", "--kept", name, "--on", "2025-06-01").exit_code == 0
    assert open_book(address).rows("commitments", "A", as_of="2025-06-01")["status"].tolist() == ["kept"]


def test_review_is_signed(address):
    words = ("--as-of", "2025-05-15", "--class", "special_mention", "--by", "王审查", "--on", "2025-05-20")
    assert said(address, "review", "A", *words).exit_code == 0
    assert open_book(address).rows("sign_offs", "A", as_of="2025-05-20")["approved_class"].tolist() == [
        "special_mention"
    ]


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("contact", "B", "--channel", "call", "--on", "2025-01-01"), 1, "a borrower in the book"),
        (("contact", "A", "--channel", "pigeon"), 2, "pigeon"),
        (("promise", "A"), 2, "exactly one of --new"),
        (("review", "A", "--as-of", "2025-05-15", "--class", "fine", "--by", "x"), 2, "expected one of normal"),
        (("action", "A", "overdue", "--result", "paid"), 2, "no open action on 'overdue'"),
    ],
)
def test_bad_logs_say_why(address, words, code, message):
    told = said(address, *words)
    assert (told.exit_code, message in told.output) == (code, True)
    assert open_book(address).rows("contacts", as_of="2999-12-31").empty


@pytest.mark.parametrize("words", [("action", "A", "overdue", "--result", "x"), ("promise", "A", "--kept", "M1")])
def test_a_day_that_is_none_is_said(address, words):
    told = said(address, *words, "--on", "soon")
    assert (told.exit_code, "expected a date such as 2026-05-12, or today; found 'soon'" in told.output) == (2, True)


def test_what_is_no_text_is_said(address):
    told = said(address, "contact", "A", "--channel", "call", "--said", "\udcff")
    assert (told.exit_code, "expected Unicode text, found '\\udcff'" in told.output) == (2, True)
    assert open_book(address).rows("contacts", as_of="2999-12-31").empty
