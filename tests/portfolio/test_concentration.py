"""Concentration against sums on paper."""

import numpy as np
import pandas as pd
import pytest

from portfolio.hand_book import standing
from postloan.portfolio import concentration, policy

NO_GROUPS = pd.DataFrame(columns=["borrower_id", "group"])


def owing(**amounts):
    rows = [
        {"borrower_id": name, "exposure": amount, "industry": "C34", "region": "A"} for name, amount in amounts.items()
    ]
    return concentration.units(standing(rows), NO_GROUPS)


def test_three_loans_by_hand():
    told = concentration.spread(owing(A=50, B=30, C=20)).set_index("by").loc["name"]
    assert told["hhi"] == pytest.approx(0.5**2 + 0.3**2 + 0.2**2)  # 0.38
    assert told["effective"] == pytest.approx(1 / 0.38)
    assert (told["largest"], told["largest_share"]) == ("A", 0.5)


def test_one_borrower_holds_all():
    told = concentration.spread(owing(A=70)).set_index("by")
    assert (told["hhi"] == 1).all()
    assert (told["effective"] == 1).all()
    over = concentration.limits(owing(A=70)).set_index(["by", "of"]).loc[("name", "book")]
    assert (over["state"], over["share"]) == ("over", 1.0)


def test_nothing_owed_has_a_reason():
    told = concentration.spread(owing(A=np.nan, B=0))
    assert told["hhi"].isna().all()
    assert set(told["reason"]) == {"no_exposure"}
    assert set(concentration.limits(owing(A=np.nan))["state"]) == {"cannot"}


def test_group_adds_its_members():
    rows = [{"borrower_id": name, "exposure": 10.0} for name in "ABC"]
    groups = pd.DataFrame({"borrower_id": ["A", "B"], "group": "A"})
    owed = concentration.units(standing(rows), groups)
    assert owed["group"].to_dict() == {"A": 20.0, "C": 10.0}


def test_headroom_is_limit_less_exposure():
    found = concentration.limits(owing(A=95, B=5), net_capital=1000, tier_one=500).set_index(["by", "of"])
    capital, tier = found.loc[("name", "net_capital")], found.loc[("name", "tier_one")]
    assert (capital["headroom"], capital["state"]) == (pytest.approx(0.10 * 1000 - 95), "close")
    assert (tier["headroom"], tier["state"]) == (pytest.approx(0.15 * 500 - 95), "over")
    assert (capital["over"], tier["over"], found.at[("industry", "book"), "over"]) == (0, 1, 1)


def test_unknown_capital_tests_nothing():
    found = concentration.limits(owing(A=95, B=5)).set_index(["by", "of"])
    assert found.at[("name", "tier_one"), "state"] == "cannot"
    assert np.isnan(found.at[("name", "tier_one"), "headroom"])


def test_spread_against_sums_one_by_one():
    chance = np.random.default_rng(4)
    rows = [
        {"borrower_id": f"B{n}", "exposure": float(chance.integers(1, 99)), "industry": f"C{n % 7}"} for n in range(80)
    ]
    sums = {}
    for row in rows:
        sums[row["industry"]] = sums.get(row["industry"], 0) + row["exposure"]
    index = sum((part / sum(sums.values())) ** 2 for part in sums.values())
    told = concentration.spread(concentration.units(standing(rows), NO_GROUPS)).set_index("by").loc["industry"]
    assert (told["hhi"], told["effective"]) == (pytest.approx(index), pytest.approx(1 / index))
    assert told["largest_share"] == pytest.approx(max(sums.values()) / sum(sums.values()))


def test_large_exposures_are_counted():
    owed = owing(A=95, B=5, C=2)
    share = policy.load().limits.large.share
    assert concentration.large(owed, 5 / share).to_dict() == {"A": 95, "B": 5}
    assert concentration.large(owed).empty
