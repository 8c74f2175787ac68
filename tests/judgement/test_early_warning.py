"""Signals beside the last review: new, worse, persisting, cleared; who acts by when; levels and their order."""

import json

import pandas as pd
import pytest

from postloan.errors import ContractError
from postloan.judgement import early_warning, rules, trial
from postloan.portfolio import screen

DAY = "2025-02-05"  # a Wednesday


@pytest.fixture(scope="module")
def book():
    return rules.load()


def scan(book, given, last=None):
    sight = trial.example_sight(rules.Example(given=given, expect="quiet"))
    return early_warning.scan(book, sight, as_of=DAY, last={"example": last} if last else None)


def review(*signals, as_of="2024-11-01"):
    old = [{"rule": rule, "level": level, "status": status, "since": "2024-06-30", "due": "2024-11-10"}
           for rule, level, status in signals]  # fmt: skip
    return {"as_of": as_of, "signals": old}


def status(warnings):
    return warnings.signals.set_index("rule")["status"].to_dict()


@pytest.mark.parametrize(
    ("before", "expected"),
    [(None, "new"), ("yellow", "worse"), ("orange", "persisting"), ("red", "better")],
)
def test_status_follows_the_last_review(book, before, expected):
    last = review(("interest_cover_low", before, "new")) if before else None
    assert status(scan(book, {"interest_cover": 1.2}, last)) == {"interest_cover_low": expected}


def test_quiet_again_is_cleared(book):
    warnings = scan(book, {"interest_cover": 9.0}, review(("interest_cover_low", "orange", "new")))
    assert status(warnings) == {"interest_cover_low": "cleared"}
    assert warnings.live.empty


def quiet_review(since="2024-10-01", reviews=1, rule="interest_cover_low"):
    told = review((rule, "orange", "cleared"))
    told["signals"][0] |= {"quiet_since": since, "quiet_reviews": reviews, "closed": False}
    return told


@pytest.mark.parametrize(
    ("since", "reviews", "closed"),
    [("2024-11-06", 5, False), ("2024-11-05", 1, True), ("2024-11-05", 0, False)],
)
def test_quiet_long_enough_is_closed(book, since, reviews, closed):
    """Three months, found quiet at two reviews: this is the last of them."""
    (signal,) = scan(book, {"interest_cover": 9.0}, quiet_review(since, reviews)).signals.to_dict("records")
    assert (signal["status"], signal["closed"]) == ("cleared", closed)
    assert signal["closes_on"] == pd.Timestamp(since) + pd.DateOffset(months=3)


def test_unseen_is_not_quiet(book):
    (signal,) = scan(book, {}, quiet_review(rule="current_ratio_low")).signals.to_dict("records")
    assert (signal["status"], signal["closed"]) == ("cleared", False)
    assert (signal["quiet_since"], signal["quiet_reviews"]) == (pd.Timestamp(DAY), 0)


def test_fires_again_while_followed_up(book):
    warnings = scan(book, {"interest_cover": 1.2}, quiet_review())
    assert status(warnings) == {"interest_cover_low": "new"}
    assert "closed" not in early_warning.as_record(warnings, "example")[0]


def test_closed_is_told_once_more_and_gone(book):
    (told,) = early_warning.as_record(scan(book, {"interest_cover": 9.0}, quiet_review()), "example")
    assert (told["closed"], told["closes_on"]) == (True, "2025-01-01")
    assert scan(book, {"interest_cover": 9.0}, {"as_of": "2024-11-01", "signals": [told]}).signals.empty


def test_cleared_once_is_not_told_twice(book):
    assert scan(book, {"interest_cover": 9.0}, review(("interest_cover_low", "orange", "cleared"))).signals.empty


def test_blind_rule_keeps_its_signal(book):
    warnings = scan(book, {}, review(("current_ratio_low", "orange", "new")))
    assert status(warnings) == {"current_ratio_low": "persisting"}
    assert warnings.signals["standing"].tolist() == ["to_verify"]


@pytest.mark.parametrize(
    ("given", "standing"),
    [
        ({"current_ratio": 0.9}, "confirmed"),
        ({"capacity_use": 0.4}, "to_verify"),
        ({"interest_cover": {"now": 4.0, "chance": 0.7}}, "watch"),
    ],
)
def test_standing_follows_the_source(book, given, standing):
    assert set(scan(book, given).live["standing"]) == {standing}


def test_due_in_working_days(book):
    given = {"interest_cover": 0.6, "cfo_to_liabilities": 0.04, "net_profit_ttm": 1.0}
    (signal, *_) = scan(book, given).signals.to_dict("records")
    assert (signal["level"], signal["due"]) == ("red", pd.Timestamp("2025-02-07"))
    assert early_warning.due_date(pd.Timestamp("2025-02-08"), 1) == pd.Timestamp("2025-02-10")


def test_newer_review_is_refused(book):
    with pytest.raises(ContractError, match=r"example: last review of 2025-02-05: expected one before 2025-02-05"):
        scan(book, {}, review(as_of=DAY))


def test_highest_level_and_veto_win(book):
    given = {"current_ratio": 0.9, "capacity_use": 0.6, "misused_share": 0.1}
    told = early_warning.levels(scan(book, given), pd.Series(["example", "calm"])).set_index("borrower_id")
    assert told.loc["example", ["level", "vetoes", "groups"]].tolist() == ["red", 1, 3]
    assert told.at["calm", "level"] == "none"
    assert told.index[0] == "example"


@pytest.mark.parametrize(
    ("signed", "late"), [(None, 63.0), ("2026-03-10", 63.0), ("2026-04-20", 0.0)], ids=["never", "before", "held"]
)
def test_review_is_late_until_one_is_held(signed, late):
    """The review of 6 March set 13 March; a class signed on 20 April was a review, one of 10 March was not yet."""
    last = {"A": {"as_of": "2026-03-06", "next_review": "2026-03-13"}, "B": {"as_of": "2026-05-01"}}
    approved = pd.DataFrame({"asset_id": ["A"], "on": [pd.Timestamp(signed)]})
    told = early_warning.follow_up(last, pd.DataFrame(columns=screen.ACTIONS), "2026-05-15", approved).set_index(
        ["borrower_id", "metric"]
    )["value"]
    assert (told["A", "review_overdue_days"], told["B", "review_overdue_days"]) == (late, 0.0)


def test_our_lateness_is_no_level_of_the_client(book):
    warnings = scan(book, {"review_overdue_days": 90.0, "actions_overdue": 4.0, "current_ratio": 0.9})
    assert status(warnings).keys() == {"current_ratio_low", "review_late", "actions_late"}
    assert warnings.live["rule"].iloc[0] == "current_ratio_low"
    (told,) = early_warning.levels(warnings, pd.Series(["example"])).to_dict("records")
    assert (told["level"], told["signals"], told["groups"]) == ("yellow", 1, 1)


def test_record_is_plain_json(book):
    told = early_warning.as_record(scan(book, {"current_ratio": 0.9, "misused_share": 0.1}), "example")
    assert [row["rule"] for row in told] == ["veto_misuse", "current_ratio_low"]
    assert json.loads(json.dumps(told, allow_nan=False)) == told
