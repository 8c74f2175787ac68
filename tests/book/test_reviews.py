"""What the book keeps besides statements: observations, reviews, and actions followed until they are closed."""

import datetime as dt

import pandas as pd
import pytest

from postloan.errors import ContractError
from postloan.tables import Intake

PEOPLE = pd.DataFrame({"borrower_id": ["A"], "name": ["甲"]})
TODAY = dt.date(2025, 6, 1)


def seen(*rows):
    frame = pd.DataFrame(rows, columns=["metric", "value", "observed_on", "known_on"])
    days = {name: pd.to_datetime(frame[name]) for name in ("observed_on", "known_on")}
    return frame.assign(**days, borrower_id="A", source="visit.csv · row 2")


def intake(frame):
    return Intake("visit.csv", "test", {"borrowers": PEOPLE, "observations": frame}, read=len(frame))


def record(as_of, *signals, fingerprint="f"):
    told = [{"rule": rule, "level": level, "status": status, "owner": "risk_manager", "due": due}
            for rule, level, status, due in signals]  # fmt: skip
    head = {"name": "postloan.borrower_review", "borrower_id": "A", "as_of": as_of, "fingerprint": fingerprint}
    return {**head, "signals": told}


@pytest.fixture
def known(book):
    book.add(intake(seen(("capacity_use", 0.6, "2025-03-01", "2025-03-05"))), today=TODAY)
    return book


def test_observations_wait_until_known(known):
    assert known.observations("A", as_of="2025-03-04").empty
    assert known.observations("A", as_of="2025-03-05")["value"].tolist() == [0.6]


def test_same_observation_adds_nothing(known):
    result = known.add(intake(seen(("capacity_use", 0.6, "2025-03-01", "2025-03-05"))), today=TODAY)
    assert (result.added, result.unchanged) == (0, 1)


def test_later_word_on_a_day_wins(known):
    known.add(intake(seen(("capacity_use", 0.5, "2025-03-01", "2025-04-01"))), today=TODAY)
    assert known.observations(as_of="2025-03-20")["value"].tolist() == [0.6]
    assert known.observations(as_of="2025-04-20")["value"].tolist() == [0.5]


def test_observation_of_tomorrow_is_refused(known):
    result = known.add(intake(seen(("capacity_use", 0.5, "2025-06-02", "2025-06-02"))), today=TODAY)
    assert result.refusals["column"].tolist() == ["observed_on"]
    assert len(known.observations(as_of=TODAY)) == 1


def test_last_review_is_an_earlier_one(known):
    assert known.last_review("A", before="2025-06-01") == {}
    for day in ("2025-02-01", "2025-05-01"):
        assert known.save_review(record(day))
    assert known.last_review("A", before="2025-06-01")["as_of"] == "2025-05-01"
    assert known.last_review("A", before="2025-05-01")["as_of"] == "2025-02-01"


def test_review_is_stored_once(known):
    assert known.save_review(record("2025-02-01"))
    assert not known.save_review(record("2025-02-01"))
    assert known.save_review(record("2025-02-01", fingerprint="other facts"))


def test_review_of_tomorrow_is_refused(known):
    with pytest.raises(ContractError, match=r"of A: as_of 2025-02-02: expected 2025-02-01 \(today\) or earlier"):
        known.save_review(record("2025-02-02"), today=dt.date(2025, 2, 1))
    assert known.last_review("A", before="2026-01-01") == {}


def test_actions_followed_until_closed(known):
    known.save_review(record("2025-02-03", ("overdue", "yellow", "new", "2025-02-17")))
    (first,) = known.actions("A", as_of="2025-02-03").to_dict("records")
    assert (first["rule"], first["due"]) == ("overdue", pd.Timestamp("2025-02-17"))
    known.save_review(record("2025-03-03", ("overdue", "yellow", "persisting", "2025-03-17")))
    assert known.actions("A", as_of="2025-03-03")["due"].tolist() == [pd.Timestamp("2025-02-17")]
    known.save_review(record("2025-04-01", ("overdue", "red", "worse", "2025-04-03")))
    (raised,) = known.actions("A", as_of="2025-04-01").to_dict("records")
    assert (raised["level"], raised["due"]) == ("red", pd.Timestamp("2025-02-17"))  # a deadline never moves back
    assert raised["opened_on"] == pd.Timestamp("2025-02-03")
    known.save_review(record("2025-05-01", ("overdue", "red", "cleared", "2025-04-03")))
    assert known.actions("A", as_of="2025-05-01").empty
    assert len(known.actions("A", as_of="2025-04-30")) == 1


def test_fingerprint_follows_observations_and_reviews(known, book):
    known.add(Intake("s.csv", "test", {}, read=0))
    before = known.fingerprint("A", as_of="2025-05-01")
    known.save_review(record("2025-04-01"))
    after = known.fingerprint("A", as_of="2025-05-01")
    assert before != after
    assert known.fingerprint("A", as_of="2025-03-04") != known.fingerprint("A", as_of="2025-03-05")


def test_worse_brings_the_deadline_forward(known):
    known.save_review(record("2025-02-03", ("overdue", "yellow", "new", "2025-02-17")))
    known.save_review(record("2025-02-05", ("overdue", "red", "worse", "2025-02-07")))
    assert known.actions("A", as_of="2025-02-05")["due"].tolist() == [pd.Timestamp("2025-02-07")]


def test_cleared_is_followed_until_quiet(known):
    """A record that says `closed` closes its action when it is; the action is open meanwhile."""
    known.save_review(record("2025-02-03", ("overdue", "yellow", "new", "2025-02-17")))
    for day, closed in (("2025-03-03", False), ("2025-06-01", True)):
        told = record(day, ("overdue", "yellow", "cleared", "2025-02-17"))
        told["signals"][0]["closed"] = closed
        known.save_review(told, today=dt.date(2025, 7, 1))
        assert known.actions("A", as_of=day).empty == closed


@pytest.mark.parametrize("last", ["worse", "cleared"])
def test_review_made_again_finds_the_same(known, last):
    """Also in the second language: what it stored itself on that day it does not look at."""
    known.save_review(record("2025-02-03", ("overdue", "yellow", "new", "2025-02-17")))
    asked = {"as_of": "2025-04-01", "entered_before": "2025-04-01"}
    before, mark = known.actions("A", **asked), known.fingerprint("A", as_of="2025-04-01")
    again = ("overdue", "red", last, "2025-04-03"), ("lawsuits", "red", "new", "2025-04-03")
    known.save_review(record("2025-04-01", *again))
    pd.testing.assert_frame_equal(known.actions("A", **asked), before)
    assert known.fingerprint("A", as_of="2025-04-01") == mark
    assert known.actions("A", as_of="2025-04-01")["level"].tolist() == ["red"] * (2 if last == "worse" else 1)


def test_closed_by_hand_is_seen_at_once(known):
    known.save_review(record("2025-02-03", ("overdue", "yellow", "new", "2025-02-17")))
    mark = known.fingerprint("A", as_of="2025-03-03")
    known.close_action("A", "overdue", on="2025-03-01", result="paid")
    assert known.actions("A", as_of="2025-03-03", entered_before="2025-03-03").empty
    assert known.fingerprint("A", as_of="2025-03-03") != mark
