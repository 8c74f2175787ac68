"""Guarantors, rings of them, and groups of borrowers."""

import numpy as np
import pandas as pd
import pytest
from hand import drawn, loan, side

from postloan.analysis import groups, guarantors, servicing

AS_OF = "2025-02-15"
STRONG = {"guarantor_id": "G1", "name": "担保人", "loan_id": "L1", "amount": 20, "net_assets": 80, "total_assets": 190,
          "guarantees_given": 35, "cash_flow": 9, "stated_on": "2024-12-31"}  # fmt: skip
NOBODY = pd.DataFrame({"borrower_id": [], "credit_code": []}).astype(str)


def judge(**fields):
    return guarantors.judge(side(guarantors=[STRONG | fields])["guarantors"], AS_OF).iloc[0]


def test_figures_by_hand():
    told = judge()
    assert told["leverage"] == pytest.approx(1 - 80 / 190)
    assert told["guarantees_to_equity"] == pytest.approx(35 / 80)
    assert told["cash_flow_to_amount"] == pytest.approx(9 / 20)
    assert told["amount_to_equity"] == pytest.approx(0.25)
    assert (told["verdict"], told["reasons"]) == ("strong", "")


@pytest.mark.parametrize(
    ("fields", "verdict", "reasons"),
    [
        ({"total_assets": 240}, "adequate", "leverage:watch"),  # 1 − 80 / 240 = 66.7 %
        ({"total_assets": 280}, "weak", "leverage:weak"),
        ({"guarantees_given": 50}, "adequate", "guarantees_to_equity:watch"),
        ({"guarantees_given": 90}, "weak", "guarantees_to_equity:weak"),
        ({"cash_flow": 1}, "adequate", "cash_flow_to_amount:watch"),
        ({"cash_flow": -1}, "weak", "cash_flow_to_amount:weak"),
        ({"net_assets": 0, "guarantees_given": None, "cash_flow": None}, "weak",
         "no_net_assets,leverage:weak,missing:cash_flow_to_amount"),
        ({"cash_flow": None}, "adequate", "missing:cash_flow_to_amount"),
        ({"net_assets": None, "total_assets": None, "guarantees_given": None, "cash_flow": None}, "cannot_judge",
         "missing:leverage,missing:guarantees_to_equity,missing:cash_flow_to_amount"),
        ({"stated_on": "2023-06-30"}, "cannot_judge", "stale"),
    ],
)  # fmt: skip
def test_verdict_has_its_reasons(fields, verdict, reasons):
    told = judge(**fields)
    assert (told["verdict"], told["reasons"]) == (verdict, reasons)


def stands_for(*pairs, codes=()):
    rows = [STRONG | {"borrower_id": a, "guarantor_id": f"{a}-{b}", "borrower_ref": b} for a, b in pairs]
    rows += [STRONG | {"borrower_id": a, "guarantor_id": f"{a}-{b}", "credit_code": b} for a, b in codes]
    return side(guarantors=rows)["guarantors"]


def test_ring_goes_around():
    told = guarantors.rings(stands_for(("A", "B"), ("B", "C"), ("C", "A"), ("D", "A")), NOBODY)
    assert told["borrower_id"].tolist() == ["A", "B", "C"]
    assert told["members"].tolist() == [3, 3, 3]
    assert set(told["ring"]) == {"A,B,C"}


def test_ring_is_seen_through_the_credit_code():
    known = pd.DataFrame({"borrower_id": ["A", "B"], "credit_code": ["9A", "9B"]})
    told = guarantors.rings(stands_for(("A", "B"), codes=(("B", "9A"),)), known)
    assert told["ring"].tolist() == ["A,B", "A,B"]


def test_chain_and_self_are_no_ring():
    assert guarantors.rings(stands_for(("A", "B"), ("B", "C"), ("C", "C")), NOBODY).empty


def test_observations_take_the_weakest():
    rows = side(guarantors=[STRONG, STRONG | {"guarantor_id": "G2", "total_assets": 280, "stated_on": "2024-06-30"}])
    told = guarantors.judge(rows["guarantors"], AS_OF)
    seen = guarantors.observations(told, guarantors.rings(rows["guarantors"], NOBODY), AS_OF).set_index("metric")
    assert seen.at["guarantor_leverage", "value"] == pytest.approx(1 - 80 / 280)
    assert seen.at["guarantor_leverage", "observed_on"] == pd.Timestamp("2024-06-30")
    assert seen.at["mutual_guarantee_members", "value"] == 0


def test_no_guarantors_no_rows():
    told = guarantors.judge(side()["guarantors"], AS_OF)
    assert told.empty
    assert guarantors.observations(told, guarantors.rings(side()["guarantors"], NOBODY), AS_OF).empty


OURS = pd.DataFrame({"borrower_id": ["A", "B", "C"], "credit_code": ["9A", "9B", np.nan]})


def book_of(parties, owed=(("A", 100, "CNY"), ("B", 50, "CNY"), ("C", 7, "CNY"))):
    tables = side(
        loans=[loan(f"L{n}", "project", amount, "2024-01-02", "2028-01-02", borrower_id=who, currency=currency)
               for n, (who, amount, currency) in enumerate(owed)],
        drawdowns=[drawn(f"L{n}", "2024-01-02", amount, borrower_id=who) for n, (who, amount, _) in enumerate(owed)],
        parties=[{"party_id": f"P{n}", "name": "某公司", **row} for n, row in enumerate(parties)],
    )  # fmt: skip
    return tables, servicing.state(tables, AS_OF), OURS


def group_of(parties, **owed):
    return groups.exposure(*book_of(parties, **owed))


def test_one_group_seen_from_a_member():
    book = book_of([{"borrower_id": "B", "relation": "subsidiary", "credit_code": "9A"}])
    told = groups.around("B", *book)
    assert told[["borrower_id", "owed", "group_owed", "days_overdue"]].to_numpy().tolist() == [
        ["B", 50, 150, 0],
        ["A", 100, 150, 0],
    ]
    assert groups.around("C", *book).empty


def test_group_by_controller_and_code():
    told = group_of([
        {"borrower_id": "A", "relation": "controller", "name": "周二"},
        {"borrower_id": "C", "relation": "own", "controller": "周二"},
        {"borrower_id": "A", "relation": "subsidiary", "credit_code": "9B"},
    ])  # fmt: skip
    assert told[["group", "borrower_id", "owed"]].to_numpy().tolist() == [
        ["A", "A", 100],
        ["A", "B", 50],
        ["A", "C", 7],
    ]
    assert set(told["group_owed"]) == {157}
    assert set(told["by"]) == {"code,controller"}
    assert set(told["members"]) == {3}


def test_suppliers_in_common_make_no_group():
    told = group_of(
        [{"borrower_id": who, "relation": "supplier", "credit_code": "9X", "controller": "吴三"} for who in "AB"]
    )
    assert told.empty


def test_currencies_are_not_added_up():
    told = group_of(
        [{"borrower_id": "A", "relation": "parent", "credit_code": "9B"}],
        owed=(("A", 100, "CNY"), ("B", 50, "USD")),
    )
    assert told.groupby("currency")["group_owed"].first().to_dict() == {"CNY": 100, "USD": 50}
    assert told.set_index(["borrower_id", "currency"]).at[("B", "CNY"), "owed"] == 0
