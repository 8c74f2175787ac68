"""What conversations say: metrics by hand, promises by day, stated figures against statements, tax and observations."""

import pandas as pd
import pytest

from conftest import year_to_date
from postloan.analysis import talks
from postloan.analysis.periods import Panel
from postloan.loan_rows import checked, empty

TALKS = [
    ("K1", "2025-01-10", 2),
    ("K2", "2025-06-01", 1),
]
PROMISES = [
    ("M1", "2025-03-01", "kept", "2025-02-20"),
    ("M2", "2025-03-01", "kept", "2025-03-15"),
    ("M3", "2025-05-01", "open", None),
    ("M4", "2025-09-01", "open", None),
    ("M5", "2023-05-01", "broken", "2023-06-01"),
]


def contacts() -> pd.DataFrame:
    rows = [
        dict(borrower_id="A", contact_id=k, held_on=day, channel="call", documents_refused=n) for k, day, n in TALKS
    ]
    return checked(pd.DataFrame(rows), "contacts")


def commitments() -> pd.DataFrame:
    names = ("commitment_id", "due_on", "status", "settled_on")
    rows = [
        dict(zip(names, each, strict=True), borrower_id="A", promised_on="2023-01-01", promise="pay")
        for each in PROMISES
    ]
    return checked(pd.DataFrame(rows), "commitments")


def test_promise_states_by_day():
    assert talks.promises(commitments(), "2025-06-30")["state"].tolist() == ["kept", "late", "broken", "open", "broken"]
    assert talks.promises(commitments(), "2025-05-01")["state"].tolist()[2] == "open"  # due today is not late


def test_metrics_by_hand():
    told = talks.observations(contacts(), commitments(), "2025-06-30").set_index("metric")["value"]
    assert told.to_dict() == {
        "days_since_contact": 29,
        "papers_refused": 3,
        "promises_broken": 1,
        "promise_kept_share": pytest.approx(2 / 3),
    }


def test_silence_has_no_metrics():
    assert talks.observations(empty("contacts"), empty("commitments"), "2025-06-30").empty


def told(item: str, value: float, end: str, months: float | None) -> pd.DataFrame:
    row = dict(borrower_id="A", contact_id="K1", item=item, value=value, period_end=end, months=months, known_on=end)
    return checked(pd.DataFrame([row]), "stated_figures")


@pytest.mark.parametrize(
    ("item", "value", "end", "months", "verdict", "off"),
    [
        ("revenue", 20.5, "2021-06-30", 3, "agrees", 0.025),  # Q2 is 30 - 10
        ("revenue", 30.0, "2021-06-30", 3, "differs", 0.5),
        ("revenue", 90.0, "2021-12-31", 12, "differs", -0.1),
        ("vat_sales", 99.0, "2021-12-31", 12, "agrees", 0.1 / 9.89),
        ("capacity_use", 0.9, "2021-12-31", None, "differs", 0.5),
        ("cash", 9.0, "2021-12-31", None, "unknown", None),
    ],
)
def test_stated_beside_known(item, value, end, months, verdict, off):
    panel = Panel(year_to_date({2021: [10, 30, 45, 100]}))
    tax = dict(borrower_id="A", kind="vat_sales", period_end="2021-12-31", months=12, value=98.0)
    seen = pd.DataFrame([("A", "capacity_use", 0.6, pd.Timestamp("2021-12-31"), "site")], columns=talks.SEEN)
    checks = checked(pd.DataFrame([tax]), "cross_checks")
    found = talks.stated(told(item, value, end, months), contacts(), panel, checks, seen).iloc[0]
    assert found["verdict"] == verdict
    if item == "vat_sales":
        off = 99 / 98 - 1
    assert (pd.isna(found["off"]) and off is None) or found["off"] == pytest.approx(off)
