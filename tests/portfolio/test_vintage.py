"""Kaplan-Meier against five loans on paper."""

import numpy as np
import pandas as pd
import pytest

from portfolio.hand_book import book, loan
from postloan.portfolio import policy, vintage

AS_OF = "2024-01-01"


def test_five_loans_by_hand():
    """Months 2 (late), 3 (ended), 4 (late), 6 (ended), 6 (young): S(2) = 4/5, S(4) = 4/5 x 2/3."""
    lived = pd.DataFrame({"cohort": "2023Q1", "months": [2.0, 3, 4, 6, 6], "event": [1, 0, 1, 0, 0]})
    found = vintage.curves(lived).set_index("month")["share"]
    assert found[2.0] == pytest.approx(1 - 4 / 5)
    assert found[4.0] == pytest.approx(1 - 4 / 5 * 2 / 3)
    assert found.iloc[-1] == found[4.0]


def test_late_loan_is_an_event_on_its_day():
    """Due 1 March, never paid: day 91 overdue is 31 May."""
    found = vintage.lives(book(loan("A", "2023-01-01", due="2023-03-01")), AS_OF, 90).iloc[0]
    assert (found["event"], found["late_on"]) == (1, pd.Timestamp("2023-05-31"))
    assert found["months"] == pytest.approx(150 / (365.25 / 12))


def test_loan_paid_in_time_is_censored_when_paid():
    found = vintage.lives(book(loan("A", "2023-01-01", due="2023-07-01", paid="2023-07-01")), AS_OF, 90).iloc[0]
    assert found["event"] == 0
    assert found["months"] == pytest.approx(181 / (365.25 / 12))


def test_young_loan_is_censored_today():
    found = vintage.lives(book(loan("A", "2023-12-02")), AS_OF, 90).iloc[0]
    assert (found["event"], found["months"]) == (0, pytest.approx(30 / (365.25 / 12)))


def test_restated_plan_does_not_hide_lateness():
    made = book(loan("A", "2023-01-01", due="2023-03-01"))
    later = made["schedule"].assign(due_on=pd.Timestamp("2025-03-01"), known_on=pd.Timestamp("2023-10-01"))
    made |= {"schedule": later, "plans": pd.concat([made["schedule"], later], ignore_index=True)}
    assert vintage.lives(made, AS_OF, 90)["late_on"].tolist() == [pd.Timestamp("2023-05-31")]
    made["plans"] = made["plans"].assign(known_on=pd.to_datetime(["2023-01-01", "2023-04-01"]))
    made["schedule"] = made["plans"].tail(1)
    assert vintage.lives(made, AS_OF, 90)["event"].tolist() == [0]  # 30 days late when replanned


def test_small_cohort_has_no_curve():
    lived = vintage.lives(book(loan("A", "2023-01-01"), loan("B", "2023-02-01")), AS_OF, 90)
    assert vintage.curves(lived).empty
    told = vintage.table(lived)
    assert told["few"].tolist() == [True]
    assert told[[f"m{month}" for month in policy.load().vintage.months]].isna().all(axis=None)


def test_book_without_loans_has_no_lives():
    assert vintage.lives(book(), AS_OF, 90).empty


def test_curve_against_the_product_limit():
    """S(t) is the product of 1 - late / followed over the months of events, counted loan by loan."""
    chance = np.random.default_rng(2)
    months, events = np.round(chance.exponential(20, 200), 0) + 1, (chance.random(200) < 0.4).astype(int)
    found = vintage.curves(pd.DataFrame({"cohort": "a", "months": months, "event": events})).set_index("month")
    alive = 1.0
    for month in sorted({*months[events == 1]}):
        late = sum(1 for when, event in zip(months, events, strict=True) if event and when == month)
        alive *= 1 - late / sum(1 for when in months if when >= month)
        assert found.at[month, "share"] == pytest.approx(1 - alive)
        assert found.at[month, "at_risk"] == sum(1 for when in months if when >= month)
