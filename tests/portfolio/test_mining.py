"""Patterns against counts on paper."""

from math import comb

import numpy as np
import pandas as pd
import pytest

from portfolio.hand_book import standing
from postloan.portfolio import mining


def live(**rules):
    """Signals by rule, each a string of borrowers."""
    rows = [(name, rule, "finance" if rule < "m" else "account", "red") for rule, ids in rules.items() for name in ids]
    return pd.DataFrame(rows, columns=["borrower_id", "rule", "group", "level"])


def test_lift_by_hand():
    """Of 20 borrowers 4 show a, 5 show z, 4 both: 4 x 20 / (4 x 5)."""
    (pair,) = mining.together(live(a="ABCD", z="ABCDE", b="XY"), 20).to_dict("records")
    assert (pair["one"], pair["other"], pair["both"]) == ("a", "z", 4)
    assert pair["lift"] == pytest.approx(4.0)
    assert (pair["same_group"], pair["examples"]) == (False, "A,B,C,D")
    assert pair["chance"] == pytest.approx(
        (comb(5, 4) * comb(15, 0)) / comb(20, 4)
    )  # all four of a among the five of z


def test_too_few_make_no_pair():
    assert mining.together(live(a="AB", z="AB"), 20).empty
    assert mining.together(live(a="ABCD", z="ABCD"), 4).empty  # everybody: no more than chance
    assert mining.together(live(), 20).empty


def test_what_came_before_by_hand():
    """Three in trouble all showed a; of four calm ones one did: 1.0 / 0.25."""
    day, first = pd.Timestamp("2025-06-30"), pd.Timestamp("2025-10-08")
    levels = pd.DataFrame({"as_of": day, "borrower_id": list("ABCWXYZ"), "level": "none"})
    signals = live(a="ABCW", z="A").assign(as_of=day)
    (row,) = mining.before(signals, levels, pd.Series(dict.fromkeys("ABC", first))).to_dict("records")
    assert (row["rule"], row["shown"], row["troubled"], row["calm_shown"], row["calm"]) == ("a", 3, 3, 1, 4)
    assert row["lift"] == pytest.approx(4.0)
    assert row["lead_days"] == 100


def test_nothing_before_without_trouble():
    levels = pd.DataFrame({"as_of": pd.Timestamp("2025-06-30"), "borrower_id": ["A"], "level": "none"})
    none = pd.Series(dtype="datetime64[us]")
    assert mining.before(live(a="A").assign(as_of=pd.Timestamp("2025-06-30")), levels, none).empty


def test_segments_gather_the_alike():
    signals = pd.concat([live(a="ABC", b="ABC"), live(y="DEF", z="DEF"), live(q="G")])
    rows = standing([{"borrower_id": name, "exposure": 10.0, "industry": "C34"} for name in "ABCDEFG"])
    found = mining.segments(signals, rows)
    assert found["members"].tolist() == ["A,B,C", "D,E,F"]
    assert found["core"].tolist() == ["a:3,b:3", "y:3,z:3"]
    assert found["exposure"].tolist() == [30.0, 30.0]


def test_one_borrower_makes_no_segment():
    assert mining.segments(live(a="A", b="A"), standing([{"borrower_id": "A"}])).empty


PAST = [100.0, 101.0, 102.0, 103.0] * 2


class Seen:
    """A sight of one metric: eight quiet periods, then a jump for A only."""

    rows = pd.DataFrame({"borrower_id": ["A"] * 9 + ["B"] * 9})
    latest = np.array(([False] * 8 + [True]) * 2)

    def now(self, metric):
        return np.array([*PAST, 200.0, *PAST, 101.0])


def test_odd_against_own_past_and_peers():
    seen = Seen()
    table = pd.DataFrame({"median": 95.0, "robust_z": [9.0, 0.0], "count": 12, "group": "industry"}, index=["A", "B"])
    seen.peers = type("Peers", (), {"standing": lambda self, metric: table.rename_axis("borrower_id")})()
    found = mining.odd(seen)
    assert set(found["borrower_id"]) == {"A"}
    assert found["own_z"].iloc[0] == pytest.approx((200 - 101.5) / (1.4826 * 1.0))


def test_our_own_delays_are_no_pattern():
    signals = live(review_late="ABCD", actions_late="ABCD", z="ABCD")
    assert mining.together(signals, 20).empty
    assert mining.segments(signals, standing([{"borrower_id": name} for name in "ABCD"])).empty


def test_many_looks_raise_the_chance():
    one = mining.chance_alone([4], [4], [5], 20)
    many = mining.chance_alone([4, 1, 1], [4, 4, 4], [5, 5, 5], 20)
    assert many[0] == pytest.approx(3 * one[0])
    assert (many <= 1).all()
    assert len(mining.chance_alone([], [], [], 20)) == 0


def test_noise_is_called_noise():
    """Signals thrown at borrowers without any tie: none is rarer than one in twenty."""
    random = np.random.default_rng(8)
    ids = [f"B{n}" for n in range(60)]
    signals = pd.concat([live(**{f"r{n}": random.choice(ids, 15, replace=False)}) for n in range(20)])
    assert (mining.together(signals, 60)["chance"] > 0.05).all()
