"""From observations to what classification asks for."""

import pandas as pd
import pytest

from postloan.analysis import servicing
from postloan.errors import ContractError
from postloan.judgement import classification, exposures
from postloan.measures import observations

DAY = pd.Timestamp("2026-04-29")


def seen(**values):
    rows = [("A", metric, value, DAY, "visit") for metric, value in values.items()]
    return pd.DataFrame(rows, columns=["borrower_id", "metric", "value", "observed_on", "source"])


def classed(**values):
    assets, debtors = exposures.assets(seen(**values), ["A"])
    history = exposures.history(seen(**values))
    return classification.classify(assets, "2026-05-15", debtors=debtors, history=history)


ALL_NO = {name: 0.0 for name, each in observations().items() if each.feeds}


def test_every_feed_is_an_input():
    inputs = classification.load().inputs
    fed = {name for each in observations().values() for name in each.feeds}
    assert fed <= {*inputs["asset"], *inputs["debtor"]}


def test_what_was_not_seen_stays_blank():
    assets, debtors = exposures.assets(seen(days_overdue=3.0), ["A", "B"])
    assert assets["principal_days_overdue"].tolist()[0] == 3
    assert assets["principal_days_overdue"].isna().tolist() == [False, True]
    assert debtors["bankruptcy_liquidation"].isna().all()


def test_all_answered_no_is_normal():
    told = classed(**ALL_NO).assets.iloc[0]
    assert (told["suggested"], told["verdict"], told["stage"]) == ("normal", "judged", 1)


@pytest.mark.parametrize(
    ("change", "suggested", "article"),
    [
        ({"days_overdue": 12.0}, "special_mention", "10(1)"),
        ({"misused_share": 0.1}, "special_mention", "10(2)"),
        ({"days_overdue": 91.0}, "substandard", "11(1)"),
        ({"credit_impaired": 1.0, "provision_share": 0.5}, "doubtful", "12(3)"),
        ({"bankruptcy": 1.0}, "loss", "13(2)"),
    ],
)
def test_what_was_seen_decides_the_class(change, suggested, article):
    told = classed(**{**ALL_NO, **change})
    assert told.assets.at[0, "suggested"] == suggested
    assert article in set(told.triggers.loc[told.triggers["outcome"] == "fires", "article"])


def test_a_yes_carries_its_day():
    told = classed(**{**ALL_NO, "misused_share": 0.1}).triggers.query("trigger == 'use_changed'")
    assert told["since"].tolist() == [DAY]


def test_nothing_seen_cannot_be_judged():
    told = classed().assets.iloc[0]
    assert told["verdict"] == "cannot"
    assert "principal_days_overdue" in told["missing"]


def test_approved_class_is_the_last_word():
    told = classed(**{**ALL_NO, "approved_class": 1.0}).assets.iloc[0]
    assert (told["last_class"], told["suggested"], told["change"]) == ("special_mention", "normal", "better")
    assert told["needs_approval"]


def test_a_code_that_is_no_class_is_refused():
    with pytest.raises(ContractError, match=r"A, 2026-04-29: approved_class: expected 0 to 4 .*found 7"):
        exposures.history(seen(approved_class=7.0))


def test_overdue_since_counts_back_from_the_day_it_was_seen():
    told = classed(**{**ALL_NO, "days_overdue": 12.0}).triggers.query("trigger == 'overdue'")
    assert told["since"].tolist() == [pd.Timestamp("2026-04-18")]


LOAN_DAY = "2026-05-15"


def owed(**changed) -> pd.DataFrame:
    """Two loans of A as `servicing.state` gives them, the second changed."""
    base = dict.fromkeys(servicing.STATE) | dict(
        borrower_id="A", currency="CNY", balance=60.0, principal_days_overdue=0.0, interest_days_overdue=0.0,
        times_late=0.0, gap_months=3.0,
    )  # fmt: skip
    days = ["next_due_on", "first_due_on", "drawn_on", "matures_on", "replanned_on", "missed_on", "cleared_on"]
    rows = pd.DataFrame([base | {"loan_id": "L1"}, base | {"loan_id": "L2"} | changed])
    rows[days] = rows[days].astype("datetime64[us]")
    return rows.astype({"eased": float, "late_then": float})


def by_loan(loans: pd.DataFrame, signed: pd.DataFrame | None = None, **values):
    everything = seen(**{**ALL_NO, **values})
    assets, debtors = exposures.assets(everything, ["A"], loans)
    past = exposures.history(everything, signed, assets)
    return classification.classify(assets, LOAN_DAY, debtors=debtors, history=past)


def test_each_loan_is_an_exposure():
    told = by_loan(owed()).assets
    assert told["asset_id"].tolist() == ["A/L1", "A/L2"]
    assert told["suggested"].tolist() == ["normal", "normal"]


def test_own_records_go_before_what_was_observed():
    told = by_loan(owed(principal_days_overdue=12.0), days_overdue=0.0).assets.set_index("asset_id")
    assert told.at["A/L2", "suggested"] == "special_mention"
    assert exposures.worst(told.reset_index()).at[0, "asset_id"] == "A/L2"


def test_a_repaid_loan_is_no_exposure():
    assert by_loan(owed(balance=0.0)).assets["asset_id"].tolist() == ["A/L1"]


def test_terms_eased_when_late_put_a_loan_under_observation():
    change = dict(replanned_on=pd.Timestamp("2026-01-10"), eased=1.0, late_then=20.0, next_due_on="2026-06-30")
    told = by_loan(owed(**change))
    row = told.assets.set_index("asset_id").loc["A/L2"]
    assert row["suggested"] == "special_mention"
    assert row["observation_until"] == pd.Timestamp("2027-06-30")
    assert row["reasons"] == "observation"


def test_an_npl_loan_spoils_the_others():
    told = by_loan(owed(principal_days_overdue=95.0)).assets
    assert told["suggested"].tolist() == ["substandard", "substandard"]  # half of the claims are non-performing: Art. 7
    assert exposures.worst(told).at[0, "asset_id"] == "A/L2"  # the ground of both


def test_a_signed_class_goes_to_every_loan():
    signed = pd.DataFrame({"borrower_id": ["A"], "signed_on": [pd.Timestamp("2026-03-02")]})
    signed = signed.assign(approved_class="special_mention", signed_by="W")
    told = by_loan(owed(), signed).assets
    assert told["last_class"].tolist() == ["special_mention"] * 2
    assert told["change"].tolist() == ["better"] * 2


def test_money_at_risk_adds_the_loans_of_one_currency():
    assert exposures.at_risk(owed()).to_dict() == {"A": 120}
    assert exposures.at_risk(owed(currency="USD")).empty


@pytest.mark.parametrize(
    ("stored", "signed", "last"),
    [(None, None, None), ("2026-01-05", None, "2026-01-05"), (None, "2026-03-04", "2026-03-04"),
     ("2026-01-05", "2026-03-04", "2026-03-04"), ("2026-04-30", "2026-03-04", "2026-04-30")],
)  # fmt: skip
def test_a_signed_class_is_a_review_too(stored, signed, last):
    classed = pd.DataFrame({"borrower_id": ["A"], "suggested": ["normal"], "last_on": [pd.Timestamp(signed)]})
    told = pd.DataFrame({"borrower_id": ["A"], "level": ["none"]})
    signals = pd.DataFrame(columns=["borrower_id", "status", "group"])
    reviews = {"A": {"as_of": stored}} if stored else {}
    rows = exposures.standing(classed, told, signals, reviews, pd.Series({"A": pd.NaT}), "2026-05-15")
    assert rows.at[0, "last_review"] == pd.Timestamp(last) or (last is None and pd.isna(rows.at[0, "last_review"]))
