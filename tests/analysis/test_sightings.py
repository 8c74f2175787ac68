"""What the loan side shows as observations: known metrics, one borrower as many."""

import pandas as pd
import pytest
from hand import panel, side, two_loans

from postloan.analysis import servicing, sightings
from postloan.judgement import rules
from postloan.measures import observations

AS_OF = "2025-02-15"
GUARANTOR = {"guarantor_id": "G1", "name": "担保人", "net_assets": 80, "total_assets": 190, "amount": 20,
             "guarantees_given": 35, "cash_flow": 9, "stated_on": "2024-12-31"}  # fmt: skip


def everything():
    return two_loans(
        covenants=[{"covenant_id": "V1", "loan_id": "P1", "metric": "current_ratio", "side": "at_least", "limit": 1.3,
                    "since_on": "2024-01-01"}],
        collateral=[{"collateral_id": "C1", "kind": "real_estate", "value": 200, "valued_on": "2024-08-15",
                     "registered": 1, "insured_until": "2025-12-31"}],
        guarantors=[GUARANTOR],
    )  # fmt: skip


def seen_of(tables, made=None):
    return sightings.of(made or panel(), tables, servicing.state(tables, AS_OF), AS_OF).observed


@pytest.fixture(scope="module")
def seen():
    return seen_of(everything())


def test_observations_are_in_the_catalogue(seen):
    assert list(seen) == sightings.SEEN
    assert set(seen["metric"]) <= set(observations())
    assert set(seen["metric"]) == {
        "scheduled_service_cover", "renewed_service_cover", "over_lending", "covenants_breached", "covenants_close",
        "loan_to_value", "collateral_cover", "valuation_age_days", "insurance_lapsed_days", "collateral_seized",
        "guarantor_leverage", "guarantor_guarantees_to_equity", "mutual_guarantee_members",
    }  # fmt: skip


def test_figures_by_hand(seen):
    """Due in the coming year 180 + 24.614 (test_debt), of which 100 is W2's and renewed; cash 94 (test_capacity)."""
    told = seen.set_index("metric")["value"]
    owed = 180 + 9 + 24 / 415 * 270
    assert told["scheduled_service_cover"] == pytest.approx(94 / owed)
    assert told["renewed_service_cover"] == pytest.approx(94 / (owed - 100))
    assert told["covenants_breached"] == 1
    assert told["collateral_cover"] == pytest.approx(200 * 0.55 / 160)


def test_borrower_without_loans_shows_nothing():
    assert seen_of(side()).empty


def test_many_borrowers_equal_each_alone(seen):
    many = {
        name: pd.concat([rows, rows.assign(borrower_id="B")], ignore_index=True) for name, rows in everything().items()
    }
    both = seen_of(many, panel("A", "B", "C"))
    for borrower in ("A", "B"):
        mine = (
            both[both["borrower_id"] == borrower].drop(columns="borrower_id").sort_values("metric", ignore_index=True)
        )
        alone = seen.drop(columns="borrower_id").sort_values("metric", ignore_index=True)
        pd.testing.assert_frame_equal(mine, alone)
    assert "C" not in set(both["borrower_id"])


def test_every_new_observation_has_a_rule():
    named = {leaf.metric for rule in rules.load().in_force() for leaf in rule.condition.leaves()}
    assert {"scheduled_service_cover", "renewed_service_cover", "covenants_breached", "covenants_close", "over_lending",
            "collateral_cover"} <= named  # fmt: skip
