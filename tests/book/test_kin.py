"""Who may be of one group with a borrower, asked of the book."""

import pandas as pd
import pytest

from postloan.tables import Intake

NAMES = [{"borrower_id": each, "name": each, "credit_code": f"9{each}"} for each in "ABCDE"]
TIES = [
    {"borrower_id": "A", "relation": "controller", "name": "周二"},
    {"borrower_id": "B", "relation": "own", "name": "B", "controller": "周二"},
    {"borrower_id": "B", "relation": "subsidiary", "name": "C", "credit_code": "9C"},
    {"borrower_id": "D", "relation": "supplier", "name": "吴三", "credit_code": "9A", "controller": "周二"},
    {"borrower_id": "E", "relation": "parent", "name": "A", "credit_code": "9A", "known_on": "2025-06-01"},
]


@pytest.fixture
def family(book):
    usual = {"known_on": "2025-01-01"}
    rows = [{"party_id": f"P{number}", **usual, **tie} for number, tie in enumerate(TIES)]
    book.add(Intake("f.csv", "table", {"borrowers": pd.DataFrame(NAMES), "parties": pd.DataFrame(rows)}, 0))
    return book


@pytest.mark.parametrize(
    ("borrower", "day", "kin"),
    [("A", "2025-05-31", "ABC"), ("C", "2025-05-31", "ABC"), ("D", "2025-05-31", "D"), ("E", "2025-06-01", "ABCE")],
)
def test_kin_is_reached_step_by_step(family, borrower, day, kin):
    assert family.kin(borrower, as_of=day) == list(kin)
    assert family.kins(as_of=day).get(borrower, [borrower]) == list(kin)
