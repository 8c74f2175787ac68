"""Reach along guarantees, shares and groups; loops end."""

import pandas as pd

from portfolio.hand_book import side
from postloan.analysis import groups
from postloan.portfolio import contagion

BORROWERS = pd.DataFrame({"borrower_id": list("ABCDE"), "credit_code": [f"9999{name}" for name in "ABCDE"]})
OWED = pd.Series({"A": 1.0, "B": 10.0, "C": 100.0, "D": 1000.0, "E": float("nan")})
NO_GROUPS = pd.DataFrame(columns=groups.GROUPS)


def stands(borrower, guarantor, amount=5.0):
    day = {"stated_on": "2025-01-01", "known_on": "2025-01-01"}
    return {"borrower_id": borrower, "guarantor_id": f"G{guarantor}", "name": guarantor, "borrower_ref": guarantor,
            "amount": amount, **day}  # fmt: skip


def owner(borrower, of):
    return {"borrower_id": borrower, "party_id": f"P{of}", "name": of, "relation": "parent", "credit_code": f"9999{of}",
            "known_on": "2025-01-01"}  # fmt: skip


def test_chain_is_followed_to_its_end():
    """B guarantees A, C guarantees B: A's trouble reaches 1 + 10 + 100."""
    tables = side(guarantors=[stands("A", "B"), stands("B", "C")])
    found = contagion.reach(contagion.edges(tables, BORROWERS, NO_GROUPS), OWED, ["A"]).iloc[0]
    assert (found["called"], found["reached"], found["exposure"]) == (1, 2, 111.0)


def test_ring_ends_and_is_told():
    tables = side(guarantors=[stands("A", "B"), stands("B", "C"), stands("C", "A")])
    (loop,) = contagion.loops(tables, BORROWERS, OWED).to_dict("records")
    assert (loop["kind"], loop["loop"], loop["exposure"]) == ("guarantee", "A,B,C", 111.0)
    assert set(contagion.reach(contagion.edges(tables, BORROWERS, NO_GROUPS), OWED, list("ABC"))["exposure"]) == {111.0}


def test_group_that_owns_itself_ends():
    tables = side(parties=[owner("A", "B"), owner("B", "A"), owner("D", "D")])
    found = contagion.loops(tables, BORROWERS, OWED)
    assert found[["kind", "loop"]].values.tolist() == [["ownership", "A,B"], ["ownership", "D"]]
    reach = contagion.reach(contagion.edges(tables, BORROWERS, NO_GROUPS), OWED, ["A", "D"]).set_index("borrower_id")
    assert reach["reached"].to_dict() == {"A": 1, "D": 0}


def test_shared_name_is_kept_apart_from_papers():
    tied = pd.DataFrame({"group": "A", "borrower_id": ["A", "D"], "by": "controller"})
    found = contagion.reach(contagion.edges(side(), BORROWERS, tied), OWED, ["A"]).iloc[0]
    assert (found["reached"], found["exposure"]) == (0, 1.0)
    assert (found["by_name"], found["exposure_by_name"]) == (1, 1001.0)


def test_unknown_exposure_is_counted_not_added():
    tables = side(guarantors=[stands("A", "E")])
    found = contagion.reach(contagion.edges(tables, BORROWERS, NO_GROUPS), OWED, ["A", "E"]).set_index("borrower_id")
    assert (found.at["A", "unknown"], found.at["A", "exposure"]) == (1, 1.0)


def test_nobody_in_trouble():
    assert contagion.reach(contagion.edges(side(), BORROWERS, NO_GROUPS), OWED, []).empty
    assert contagion.loops(side(), BORROWERS).empty
