"""Collateral: net value, shares of the claim, cover and concerns, by hand."""

import numpy as np
import pandas as pd
import pytest
from hand import drawn, loan, side

from postloan.analysis import collateral, servicing

AS_OF = "2025-02-15"


def piece(number, kind, value, loan_id="L1", **more):
    return {"collateral_id": f"C{number}", "kind": kind, "value": value, "loan_id": loan_id, "valued_on": "2024-08-15",
            "registered": 1, "insured_until": "2025-12-31", **more}  # fmt: skip


def tables(*pieces, loans=(("L1", 100, "mortgage"),), currency="CNY"):
    return side(
        loans=[
            loan(name, "project", amount, "2024-01-02", "2028-01-02", guarantee=kind) for name, amount, kind in loans
        ],
        drawdowns=[drawn(name, "2024-01-02", amount) for name, amount, _ in loans],
        collateral=list(pieces),
    )


def held(*pieces, versions=None, **given):
    made = tables(*pieces, **given)
    return collateral.assets(made, servicing.state(made, AS_OF), AS_OF, versions=versions).set_index("collateral_id")


def covered(*pieces, **given):
    made = tables(*pieces, **given)
    state = servicing.state(made, AS_OF)
    told = collateral.coverage(made, state, collateral.assets(made, state, AS_OF))
    return told.set_index("loan_id")


def test_net_and_loan_to_value_by_hand():
    """A building of 200 with 30 claimed before us: 200 × (1 − 0.45) − 30 = 80; (100 + 30) / 200."""
    told = held(piece(1, "real_estate", 200, prior_claims=30)).loc["C1"]
    assert told["net"] == pytest.approx(80)
    assert told["claim"] == 100
    assert told["loan_to_value"] == pytest.approx(0.65)
    assert (told["valuation_age_days"], told["concerns"]) == (184, "")


def test_cover_of_a_loan_and_of_all():
    """L1 100 by a building of 200 (net 110); L2 50 on credit: 110 / 100, and 110 / 150 of all."""
    told = covered(piece(1, "real_estate", 200), loans=(("L1", 100, "mortgage"), ("L2", 50, "credit")))
    assert told.at["L1", "coverage"] == pytest.approx(1.1)
    assert told.loc[["L1", "L2", ""], "state"].tolist() == ["adequate", "unsecured", "weak"]
    assert told.at["", "coverage"] == pytest.approx(110 / 150)
    assert told.at["", "uncovered"] == pytest.approx(40)


def test_collateral_of_all_loans_is_shared_by_what_is_owed():
    """Cash of 90 (net 85.5) for loans of 100 and 50: 57 and 28.5; each loan's claim falls on it in whole."""
    made = dict(loans=(("L1", 100, "pledge"), ("L2", 50, "pledge")))
    told = covered(piece(1, "cash", 90, loan_id=None), **made)
    assert told.at["L1", "net"] == pytest.approx(57)
    assert told.at["L2", "net"] == pytest.approx(28.5)
    assert held(piece(1, "cash", 90, loan_id=None), **made).at["C1", "claim"] == 150


def test_two_pieces_share_a_claim_by_value():
    told = held(piece(1, "real_estate", 150), piece(2, "equipment", 50))
    assert told["claim"].tolist() == [75, 25]
    assert told["loan_to_value"].tolist() == [0.5, 0.5]


@pytest.mark.parametrize(
    ("kind", "fields", "concern", "counted"),
    [
        ("real_estate", {"seized_on": "2025-01-10"}, "seized", False),
        ("real_estate", {"registered": 0}, "unregistered", False),
        ("real_estate", {"registered": None}, "registration_unknown", True),
        ("real_estate", {"insured_until": "2025-02-05"}, "uninsured", True),
        ("real_estate", {"insured_until": None}, "insurance_unknown", True),
        ("real_estate", {"valued_on": "2023-08-15"}, "valuation_old", True),
        ("inventory", {"valued_on": "2025-01-15", "value": 150}, "over_cap", True),
    ],
)
def test_concerns(kind, fields, concern, counted):
    told = held(piece(1, kind, 300) | fields).loc["C1"]
    assert told["concerns"] == concern
    assert (told["net"] > 0) == counted


def test_cash_needs_neither_registration_nor_insurance():
    told = held(piece(1, "cash", 300, registered=None, insured_until=None)).loc["C1"]
    assert told["concerns"] == ""


def test_change_since_the_valuation_before():
    """100 in 2023, 90 in February 2024, 80 now: 80 / 90 − 1."""
    newest = tables(piece(1, "real_estate", 80))["collateral"]
    before = {"2023-02-01": 100, "2024-02-01": 90}
    earlier = [newest.assign(value=value, valued_on=pd.Timestamp(day)) for day, value in before.items()]
    told = held(piece(1, "real_estate", 80), versions=pd.concat([*earlier, newest])).loc["C1"]
    assert told["change"] == pytest.approx(80 / 90 - 1)
    assert told["concerns"] == "over_cap,value_fell"
    assert np.isnan(held(piece(1, "real_estate", 80)).loc["C1", "change"])


def test_mortgage_without_collateral_is_told():
    told = covered()
    assert told.at["L1", "state"] == "missing"
    assert told.at["L1", "reason"] == "no_collateral_entered"
    assert told.at["L1", "coverage"] == 0


def test_several_currencies_have_no_total():
    made = tables(piece(1, "real_estate", 200), loans=(("L1", 100, "mortgage"), ("L2", 50, "credit")))
    made["loans"].loc[made["loans"]["loan_id"] == "L2", "currency"] = "USD"
    state = servicing.state(made, AS_OF)
    told = collateral.coverage(made, state, collateral.assets(made, state, AS_OF)).set_index("loan_id")
    assert told.at["", "reason"] == "currency_differs"
    assert np.isnan(told.at["", "coverage"])
    assert told.at["L1", "coverage"] == pytest.approx(1.1)


def test_repaid_loans_and_no_loans_leave_nothing():
    made = side(collateral=[piece(1, "cash", 10, loan_id=None)])
    state = servicing.state(made, AS_OF)
    told = collateral.assets(made, state, AS_OF)
    assert told["claim"].tolist() == [0]
    assert collateral.coverage(made, state, told).empty
    assert collateral.observations(told, collateral.coverage(made, state, told), AS_OF).empty


def test_observations_by_hand():
    newest = tables(piece(1, "real_estate", 160, insured_until="2025-02-05", seized_on="2025-02-01"))
    state = servicing.state(newest, AS_OF)
    before = newest["collateral"].assign(value=200.0, valued_on=pd.Timestamp("2023-08-15"))
    told = collateral.assets(newest, state, AS_OF, versions=before)
    seen = collateral.observations(told, collateral.coverage(newest, state, told), AS_OF)
    assert seen.set_index("metric")["value"].to_dict() == {
        "loan_to_value": 0.625, "collateral_cover": 0, "valuation_age_days": 184, "insurance_lapsed_days": 10,
        "collateral_seized": 1, "collateral_value_change": pytest.approx(-0.2),
    }  # fmt: skip
    dated = seen.set_index("metric")["observed_on"]
    assert dated["collateral_value_change"] == pd.Timestamp("2024-08-15")
    assert dated["loan_to_value"] == pd.Timestamp(AS_OF)
