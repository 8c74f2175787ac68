"""Who is tied to a borrower reaches its class and its rules, alone and where the whole book is screened."""

import json

import pandas as pd
import pytest

from postloan.analysis import groups, servicing
from postloan.judgement import kinship, sight
from postloan.loan_rows import checked, empty
from postloan.loan_tables import LOAN_TABLES

DAY = "2026-05-15"
NOBODY = pd.DataFrame(columns=sight.COLUMNS).astype({"observed_on": "datetime64[us]", "value": float})
BORROWERS = pd.DataFrame({"borrower_id": [*"ABCD"], "credit_code": None})
CONTROLLED = [dict(borrower_id=each, party_id="P1", name="周二", relation="controller") for each in "ABC"]


def side(late: dict[str, int], ties: list[dict] = CONTROLLED) -> dict[str, pd.DataFrame]:
    """A loan each, due so many days before the day and not paid; A, B and C under one controller."""
    dues = {each: (pd.Timestamp(DAY) - pd.Timedelta(days=days)).date().isoformat() for each, days in late.items()}
    about = {"loan_id": "L1", "amount": 90.0}
    granted = {"product": "working_capital", "currency": "CNY", "rate": 0.0, "signed_on": "2025-01-01"}
    rows = {
        "loans": [{"borrower_id": each, **about, **granted, "matures_on": due} for each, due in dues.items()],
        "drawdowns": [{"borrower_id": each, **about, "drawdown_id": "D", "drawn_on": "2025-01-01"} for each in dues],
        "parties": ties,
    }
    return {name: checked(pd.DataFrame(rows[name]), name) if rows.get(name) else empty(name) for name in LOAN_TABLES}


def kin(late: dict[str, int], observed: pd.DataFrame = NOBODY, ties: list[dict] = CONTROLLED) -> kinship.Kin:
    tables = side(late, ties)
    return kinship.of(tables, servicing.state(tables, DAY), observed, BORROWERS)


def triggers(found: kinship.Kin, *borrowers: str) -> pd.DataFrame:
    told = kinship.classified([*borrowers], NOBODY, found, DAY).triggers
    return told[told["trigger"] == "group_npl"].set_index("borrower_id")


BAD = {"A": -30, "B": 95, "C": 2, "D": 400}


@pytest.mark.parametrize("together", ["A", "ABCD"])
def test_a_member_gone_bad_is_named(together):
    row = triggers(kin(BAD), *together).loc["A"]
    assert (row["outcome"], row["floor"]) == ("fires", "task")
    assert json.loads(row["inputs"]) == {"group_npl": {"B": "substandard"}}


def test_class_alone_and_together_agree():
    alone, together = (kinship.classified([*ids], NOBODY, kin(BAD), DAY).assets for ids in ("A", "ABCD"))
    mine = together[together["borrower_id"] == "A"].reset_index(drop=True)
    pd.testing.assert_frame_equal(alone, mine)
    assert alone.at[0, "tasks"] == "group_npl"


def test_its_own_arrears_are_no_group_matter():
    assert triggers(kin(BAD), *"ABC")["outcome"].to_dict() == {"A": "fires", "B": "cannot", "C": "fires"}


def test_nobody_entered_is_not_nobody_there():
    assert triggers(kin(BAD), "D").loc["D", "outcome"] == "cannot"
    alone = [*CONTROLLED[:1], dict(borrower_id="D", party_id="P1", name="吴三", relation="controller")]
    assert "D" not in triggers(kin(BAD, ties=alone), "D").index


def test_an_officer_s_word_of_a_member_counts():
    word = pd.DataFrame([("C", "credit_impaired", 1.0, pd.Timestamp("2026-05-01"), "risk")], columns=sight.COLUMNS)
    row = triggers(kin({"A": -30, "B": -30, "C": -30}, word), "A").loc["A"]
    assert json.loads(row["inputs"]) == {"group_npl": {"C": "substandard"}}


def test_rules_hear_of_the_others_days():
    told = groups.observations(kin(BAD).groups, kin(BAD).loans, DAY).set_index("borrower_id")["value"]
    assert told.to_dict() == {"A": 95, "B": 2, "C": 95}


@pytest.mark.parametrize(("days", "kept"), [(60.0, ["A"]), (120.0, [])])
def test_a_longer_time_elsewhere_is_not_hidden(days, kept):
    word = pd.DataFrame([("A", "group_member_days_overdue", days, pd.Timestamp("2026-05-01"), "bureau")])
    word.columns = sight.COLUMNS
    assert kinship.observations(["A"], kin(BAD, word), DAY)["borrower_id"].tolist() == kept
