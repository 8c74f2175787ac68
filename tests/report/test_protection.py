"""Covenants, collateral and guarantors as told; what comes from data is escaped."""

import numpy as np
import pandas as pd
import pytest

from postloan import texts
from postloan.report import protection
from sheets import sheet, told

OWED = pd.DataFrame({"balance": [100e6]})
HEADS = ["borrower_id", "loan_id", "currency", "balance", "value", "net", "coverage", "loan_to_value", "cap",
         "uncovered", "state", "reason"]  # fmt: skip
RINGS = pd.DataFrame(columns=["borrower_id", "members", "ring"])


def covenant(**fields):
    row = {"metric": "current_ratio", "loan_id": "L1", "side": "at_least", "limit": 1.3, "value": 1.2, "headroom": -0.1,
           "headroom_share": -0.08, "state": "breached", "reason": None, "waived_until": pd.NaT, "expected": 1.1,
           "chance": 0.6}  # fmt: skip
    return pd.DataFrame([row | fields])


def test_breach_and_its_meaning():
    text = told(protection.covenant_story(covenant(), OWED, 4, sheet()))
    assert "Covenants: 1, of which breached 1." in text
    assert "Current ratio is 1.20, agreed at least 1.30: breached." in text


def test_likely_breach_is_told_while_met():
    text = told(protection.covenant_story(covenant(state="met", chance=0.6), OWED, 4, sheet()))
    assert "Chance that Current ratio crosses its agreed limit within 4 quarters: about 60%" in text
    assert "crosses" not in told(protection.covenant_story(covenant(state="met", chance=0.1), OWED, 4, sheet()))


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"metric": "<b>x</b>", "reason": "unknown_metric"}, "unknown metric “<b>x</b>”; known are e.g. "),
        ({"reason": "stale"}, "cannot test, figures too old"),
        ({"reason": "missing:ttm.ebitda"}, "cannot test, missing:"),
        ({"state": "waived", "waived_until": pd.Timestamp("2026-06-30")}, "waived 30 Jun 2026"),
    ],
)
def test_state_says_why(fields, said):
    table = protection.covenant_table(covenant(**{"state": "cannot_test", "value": np.nan, **fields}), 4, sheet())
    assert said in told(table)
    assert "<b>x</b>" not in table.html


def test_no_loans_is_one_sentence():
    none = covenant().iloc[:0]
    for language, said in (("zh", "无从检查"), ("en", "no collateral, guarantees or covenants to check")):
        assert said in told(protection.covenant_story(none, OWED.iloc[:0], 4, sheet(language)))
        blank = pd.DataFrame(columns=HEADS)
        assert said in told(protection.story(blank, blank, blank, RINGS, sheet(language)))
        owes_nothing = protection.story(blank, piece(), blank, RINGS, sheet(language))
        assert texts(language)("protection.none_owed") in told(owes_nothing)
    assert protection.covenant_table(none, 4, sheet()).html == ""
    assert "No covenant in force" in told(protection.covenant_story(none, OWED, 4, sheet()))


def covered(state="weak", **fields):
    row = {"borrower_id": "A", "loan_id": "L1", "currency": "CNY", "balance": 100e6, "value": 150e6, "net": 82.5e6,
           "coverage": 0.825, "loan_to_value": 0.667, "cap": 0.7, "uncovered": 17.5e6, "state": state, "reason": None,
           }  # fmt: skip
    return pd.DataFrame([row | {"loan_id": ""} | fields, row | fields])


def piece(**fields):
    row = {"collateral_id": "C1", "kind": "real_estate", "currency": "CNY", "value": 150e6, "prior_claims": 0.0,
           "haircut": 0.45, "net": 82.5e6, "claim": 100e6, "loan_to_value": 0.667, "cap": 0.7, "change": -0.12,
           "valuation_age_days": 90, "insurance_lapsed_days": 10.0, "concerns": "uninsured,value_fell"}  # fmt: skip
    return pd.DataFrame([row | fields])


def guarantor(**fields):
    row = {"name": "<i>G</i>", "amount": 20e6, "net_assets": 80e6, "leverage": 0.72, "guarantees_to_equity": 0.4,
           "cash_flow_to_amount": 0.5, "verdict": "weak", "reasons": "leverage:weak,missing:cash_flow_to_amount",
           }  # fmt: skip
    return pd.DataFrame([row | fields])


def test_story_of_protection():
    ring = pd.DataFrame({"borrower_id": ["A"], "members": [3], "ring": ["A,B,C"]})
    part = protection.story(covered(), piece(), guarantor(), ring, sheet())
    text = told(part)
    assert "a cover of 0.82" in text or "a cover of 0.83" in text
    assert "CNY 17.50m is left uncovered" in text
    assert "C1: insurance lapsed 10 days ago, value fell since the valuation before." in text
    assert "<i>G</i>: weak (leverage too high, cash flow not known)." in text
    assert "<i>" not in part._repr_html_()
    assert "ring of mutual guarantees of 3 (A, B, C)" in text


@pytest.mark.parametrize("state", ["ample", "adequate", "weak", "unsecured", "missing"])
@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_state_has_its_meaning(state, language):
    assert told(protection.story(covered(state), piece(), guarantor(), RINGS, sheet(language)))
    assert told(protection.coverage_table(covered(state), sheet(language)))


def test_tables_and_what_is_blank():
    assert "−12.0%" in told(protection.collateral_table(piece(), sheet()))
    assert "—" in told(protection.collateral_table(piece(change=np.nan), sheet()))
    assert "All loans" in told(protection.coverage_table(covered(), sheet()))
    assert "72.0%" in told(protection.guarantor_table(guarantor(), sheet()))
    mixed = covered(None, reason="currency_differs", coverage=np.nan, uncovered=np.nan)
    assert "several currencies" in told(protection.story(mixed, piece(), guarantor(), RINGS, sheet()))
    for table in (protection.collateral_table, protection.coverage_table, protection.guarantor_table):
        assert table(pd.DataFrame(), sheet()).html == ""
