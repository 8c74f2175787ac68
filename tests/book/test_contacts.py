"""What people log: a contact with all that hangs on it, promises settled, signed reviews; nothing half written."""

import pandas as pd
import pytest

from postloan.book import contacts
from postloan.book.store import Book
from postloan.errors import SourceError
from postloan.tables import Intake

DAY = "2025-06-30"


@pytest.fixture
def known(book: Book) -> Book:
    book.add(Intake("f", "table", {"borrowers": pd.DataFrame([{"borrower_id": "A", "name": "a"}])}, 0))
    return book


def log(book: Book, **told: object):
    return book.add(contacts.contact("A", held_on="2025-05-12", channel="visit", **told))


def test_contact_brings_all_along(known):
    told = log(
        known, said="orders are back", signals="staff_change=-0.1；orders_change=-20.5%".replace("-20.5%", "-0.205"),
        stated=["revenue=31,000,000@2025-03-31/3"], promises=["collect from A@2025-06-30/3000000"],
    )  # fmt: skip
    assert (told.added, told.refused) == (5, 0)
    promise = known.rows("commitments", "A", as_of=DAY).iloc[0]
    assert (promise["promise"], promise["amount"], promise["status"]) == ("collect from A", 3e6, "open")
    assert known.rows("stated_figures", "A", as_of=DAY)["contact_id"].tolist() == [promise["contact_id"]]
    assert known.observations("A", as_of=DAY).set_index("metric")["value"].to_dict() == {
        "staff_change": -0.1,
        "orders_change": -0.205,
    }


def test_promise_kept_from_its_day(known):
    log(known, promises=["pay the arrears@2025-06-01"])
    name = known.rows("commitments", "A", as_of=DAY).at[0, "commitment_id"]
    known.add(contacts.settle(known.rows("commitments", "A", as_of=DAY), name, "kept", on="2025-05-28"))
    assert known.rows("commitments", "A", as_of="2025-05-27")["status"].tolist() == ["open"]
    assert known.rows("commitments", "A", as_of="2025-05-28")["status"].tolist() == ["kept"]


def test_signed_class_reaches_the_book(known):
    known.add(contacts.sign("A", review_as_of="2025-05-15", approved_class="substandard", by="王审查", on="2025-05-20"))
    assert known.rows("sign_offs", "A", as_of=DAY)["signed_by"].tolist() == ["王审查"]
    assert known.observations("A", as_of=DAY)[["metric", "value"]].values.tolist() == [["approved_class", 2.0]]


def test_talk_of_tomorrow_is_refused(known):
    told = known.add(contacts.contact("A", held_on="2999-01-01", channel="call"))
    assert told.refused
    assert known.rows("contacts", "A", as_of="2999-12-31").empty


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"signals": "mood=1"}, "mood=1.*expected observation=value"),
        ({"signals": "staff_change=few"}, "expected a number, found 'few'"),
        ({"stated": ["revenue=5@then"]}, "expected a date.*then"),
        ({"promises": ["soon"]}, "expected text@due day"),
        ({"temper": "bad"}, "unknown .*temper.*known: borrower_id"),
    ],
)
def test_unreadable_logs_say_why(known, told, said):
    with pytest.raises(SourceError, match=said):
        log(known, **told)
    assert known.rows("contacts", as_of="2999-12-31").empty


def test_unknown_promise_lists_known(known):
    with pytest.raises(SourceError, match="no promise 'M'; in the book: none"):
        contacts.settle(known.rows("commitments", "A", as_of=DAY), "M", "kept", on=DAY)


def test_action_is_closed_once(known):
    signal = {"rule": "overdue", "status": "new", "level": "red", "due": "2025-07-01", "owner": "branch_head"}
    known.save_review(
        {"borrower_id": "A", "as_of": "2025-06-01", "name": "postloan.borrower_review", "signals": [signal]}
    )
    known.close_action("A", "overdue", on="2025-06-20", result="paid")
    assert known.actions("A", as_of="2025-06-19")["rule"].tolist() == ["overdue"]
    assert known.actions("A", as_of="2025-06-20").empty
    with pytest.raises(SourceError, match="no open action on 'overdue'; open: none"):
        known.close_action("A", "overdue", on="2025-06-21", result="again")


def test_a_note_in_a_notebook_is_logged_and_an_empty_one_is_not(known):
    assert contacts.noted(known, "A", {}) is None
    assert known.rows("contacts", "A", as_of=DAY).empty
    contacts.noted(known, "A", {"held_on": "2025-05-12", "channel": "call", "said": "quiet month"})
    assert known.rows("contacts", "A", as_of=DAY)["said"].tolist() == ["quiet month"]


def test_a_note_that_is_refused_says_why_and_writes_nothing(known):
    with pytest.raises(SourceError, match="not logged"):
        contacts.noted(known, "A", {"held_on": "2999-01-01", "channel": "call"})
    assert known.rows("contacts", "A", as_of="2999-12-31").empty
