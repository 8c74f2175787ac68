"""Guarantors are followed to those behind them, and no further."""

import pandas as pd
import pytest

from postloan.analysis import guarantors
from postloan.book import backing

ROWS = pd.DataFrame(
    [("A", None, "911B"), ("B", "C", None), ("C", "", "911A"), ("D", None, "none"), ("E", "D", None)],
    columns=["borrower_id", "borrower_ref", "credit_code"],
)
CODES = pd.Series({"911A": "A", "911B": "B", "911D": "D"})


def read(asked: list) -> tuple:
    def rows(ids):
        asked.append(ids)
        return ROWS if ids is None else ROWS[ROWS["borrower_id"].isin(ids)]

    return rows, lambda codes: CODES if codes is None else CODES[CODES.index.isin(codes)]


def test_a_loop_is_followed_once():
    asked = []
    found = backing.chain(*read(asked), "A")
    assert dict(zip(found["borrower_id"], found["borrower_ref"], strict=True)) == {"A": "B", "B": "C", "C": "A"}
    assert asked == [["A"], ["B"], ["C"]]


@pytest.mark.parametrize("borrower", ["A", "B", "C", "D", "E"])
def test_one_borrower_s_ring_is_that_of_the_whole_book(borrower):
    codes = pd.DataFrame(columns=["borrower_id", "credit_code"])
    whole = guarantors.rings(backing.chain(*read([]), None), codes)
    mine = guarantors.rings(backing.chain(*read([]), borrower), codes)
    own = [part[part["borrower_id"] == borrower].to_dict("records") for part in (whole, mine)]
    assert own[0] == own[1]
