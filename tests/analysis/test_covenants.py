"""Covenants: state, headroom, what cannot be tested and why, and what lies ahead."""

import numpy as np
import pandas as pd
import pytest
from hand import loan, panel, side

from postloan.analysis import covenants

AS_OF = "2025-02-15"
SEEN = ["borrower_id", "metric", "value", "observed_on"]


def covenant(number, metric, limit, at="at_least", **more):
    return {"covenant_id": f"V{number}", "loan_id": "P1", "metric": metric, "side": at, "limit": limit,
            "since_on": "2024-01-01", **more}  # fmt: skip


def check(*rows, observed=(), as_of=AS_OF, made=None):
    tables = side(loans=[loan("P1", "project", 80, "2023-03-31", "2028-03-31")], covenants=list(rows))
    seen = pd.DataFrame(observed, columns=SEEN).assign(observed_on=lambda t: pd.to_datetime(t["observed_on"]))
    return covenants.check(tables, made or panel(), seen, as_of).set_index("covenant_id")


@pytest.mark.parametrize(
    ("limit", "at", "state"),
    [
        (1.0, "at_least", "met"),
        (1.15, "at_least", "close"),  # 520 / 430 = 1.209: 5 % above
        (1.3, "at_least", "breached"),
        (1.4, "at_most", "met"),
        (1.25, "at_most", "close"),
        (1.2, "at_most", "breached"),
    ],
)
def test_state_by_hand(limit, at, state):
    told = check(covenant(1, "current_ratio", limit, at)).loc["V1"]
    assert told["state"] == state
    room = 520 / 430 - limit if at == "at_least" else limit - 520 / 430
    assert told["headroom"] == pytest.approx(room)
    assert told["headroom_share"] == pytest.approx(room / limit)


def test_limit_of_nil_has_room_but_no_share():
    told = check(covenant(1, "working_capital", 0.0)).loc["V1"]
    assert (told["headroom"], told["state"]) == (90, "met")
    assert np.isnan(told["headroom_share"])


def test_breach_may_be_waived_for_a_time():
    broken = covenant(1, "current_ratio", 1.3, waived_until="2025-03-31")
    assert check(broken).loc["V1", "state"] == "waived"
    assert check(broken, as_of="2025-04-01").loc["V1", "state"] == "breached"


def test_what_cannot_be_tested_says_why():
    old = ("A", "limit_use", 0.5, "2023-01-01")
    told = check(
        covenant(1, "current_ration", 1.0),
        covenant(2, "altman_z", 1.8),
        covenant(3, "capacity_use", 0.6),
        covenant(4, "limit_use", 0.9, "at_most"),
        covenant(5, "current_ratio", 1.0, borrower_id="Z"),
        observed=[old],
    )
    assert (told["state"] == "cannot_test").all()
    reasons = told["reason"].to_dict()
    assert reasons.pop("V2").startswith("missing:")
    assert reasons == {"V1": "unknown_metric", "V3": "not_observed", "V4": "stale", "V5": "no_statements"}


def test_observation_is_tested_too():
    told = check(covenant(1, "limit_use", 0.9, "at_most"), observed=[("A", "limit_use", 0.95, "2025-02-01")])
    assert told.loc["V1", "state"] == "breached"


def test_only_covenants_in_force_bind():
    later = covenant(1, "current_ratio", 1.0, since_on="2025-06-01")
    assert check(later).empty
    tables = side(
        loans=[loan("P1", "project", 80, "2023-03-31", "2028-03-31", closed_on="2024-12-31")],
        covenants=[covenant(2, "current_ratio", 1.0)],
    )
    assert covenants.check(tables, panel(), pd.DataFrame(columns=SEEN), AS_OF).empty


def test_no_covenants_make_no_rows():
    assert check().empty
    assert covenants.observations(check().reset_index(), AS_OF).empty


def test_counts_are_observations():
    told = check(
        covenant(1, "current_ratio", 1.3), covenant(2, "current_ratio", 1.15), covenant(3, "nothing", 1.0),
        covenant(4, "current_ratio", 1.4, waived_until="2026-01-01"),
        covenant(5, "nothing", 1.0, borrower_id="B"), made=panel("A", "B"),
    )  # fmt: skip
    seen = covenants.observations(told.reset_index(), AS_OF).set_index(["borrower_id", "metric"])["value"]
    assert seen.to_dict() == {("A", "covenants_breached"): 1, ("A", "covenants_close"): 1}


def test_ahead_fills_chance_and_room():
    told = check(covenant(1, "current_ratio", 1.0), covenant(2, "liabilities_to_assets", 0.7, "at_most"))
    asked = []

    def chance(metric, limit, crossed, within):
        asked.append((metric, limit, crossed, within))
        return pd.Series({"A": 0.25 if metric == "current_ratio" else np.nan})

    days = pd.date_range("2025-03-31", periods=8, freq="QE")
    expected = pd.DataFrame({"borrower_id": "A", "metric": "current_ratio", "period_end": np.repeat(days, 2),
                             "mean": np.repeat(np.arange(8) / 10 + 0.8, 2), "level": [0.8, 0.95] * 8})  # fmt: skip
    ahead = covenants.ahead(told.reset_index(), chance, expected).set_index("covenant_id")
    assert sorted(asked) == [("current_ratio", 1.0, "below", 4), ("liabilities_to_assets", 0.7, "above", 4)]
    assert ahead.loc["V1", "chance"] == 0.25
    assert ahead.loc["V1", "expected_on"] == pd.Timestamp("2025-12-31")  # the fourth quarter
    assert ahead.loc["V1", "expected_headroom"] == pytest.approx(1.1 - 1.0)
    assert np.isnan(ahead.loc["V2", "expected_headroom"])


def test_drawable_are_ratios_only():
    rows = side(covenants=[covenant(1, "current_ratio", 1.0), covenant(2, "limit_use", 1.0), covenant(3, "x", 1.0)])
    assert list(covenants.drawable(rows["covenants"])) == ["current_ratio"]
