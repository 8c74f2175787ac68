"""Expected loss and its ranking against sums on paper."""

import numpy as np
import pytest
import yaml

from portfolio.hand_book import standing
from postloan import settings
from postloan.portfolio import policy, worklist

AS_OF = "2026-05-15"
ROWS = [
    {"borrower_id": "A", "level": "red", "class": "normal", "exposure": 100.0, "uncovered": 100.0},
    {"borrower_id": "B", "level": "yellow", "class": "special_mention", "exposure": 1000.0, "uncovered": 500.0},
    {"borrower_id": "C", "level": "none", "class": "substandard", "exposure": 200.0, "uncovered": 0.0},
]


def test_expected_loss_by_hand():
    """PD x LGD x exposure: 0.20 x 0.45 x 100; 0.08 x 0.225 x 1000; 1 x 0.10 x 200."""
    found = worklist.expected_loss(standing(ROWS))["expected_loss"].tolist()
    assert found == pytest.approx([9.0, 18.0, 20.0])


def test_ranking_by_hand():
    """Saved an hour: A 9 x 0.20 / 12, B 18 x 0.15 / 8, C 20 x 0.10 / 40."""
    found = worklist.rank(standing(ROWS), AS_OF)
    assert found["borrower_id"].tolist() == ["B", "A", "C"]
    assert found["saved_an_hour"].tolist() == pytest.approx([0.3375, 0.15, 0.05])
    assert found["action"].tolist() == ["interview", "visit", "recover"]


def test_line_is_cut_at_the_owners_hours():
    visits = [{"borrower_id": f"V{n:02}", "level": "red", "exposure": 100.0 - n, "uncovered": 10.0} for n in range(15)]
    found = worklist.rank(standing(visits), AS_OF)
    hours = policy.load().work.capacity["relationship_manager"]
    assert found["above"].sum() == hours // 12
    left = worklist.below(found).set_index("owner").loc["relationship_manager"]
    assert (left["steps"], left["hours_below"], left["red_below"]) == (2, 24.0, 2)


def test_unknown_exposure_follows_and_is_not_zero():
    found = worklist.rank(standing([*ROWS, {"borrower_id": "X", "level": "red", "exposure": np.nan}]), AS_OF)
    assert found["borrower_id"].iloc[-1] == "X"
    assert np.isnan(found["expected_loss"].iloc[-1])
    assert found["worth"].iloc[-1] == pytest.approx(0.20 * 0.45 * 0.20 / 12)


def test_borrower_who_owes_nothing_is_not_listed():
    assert worklist.rank(standing([{"borrower_id": "Z", "exposure": 0.0}]), AS_OF).empty


def test_review_late_only_where_one_was_held():
    rows = [{"borrower_id": name, "exposure": 1.0, "next_review": "2026-01-05"} for name in "AB"]
    rows[0]["last_as_of"] = "2025-12-01"
    assert worklist.rank(standing(rows), AS_OF).set_index("borrower_id")["late"].to_dict() == {"A": True, "B": False}


def drawn(count=60):
    """Borrowers of every level, class and size, drawn once."""
    chance = np.random.default_rng(5)
    states = {"level": [*policy.LEVELS, "unknown"], "class": [*policy.CLASSES, "unknown"]}
    rows = [{name: chance.choice(kinds) for name, kinds in states.items()} for _ in range(count)]
    owed = chance.lognormal(16, 1.5, count)
    return [{"borrower_id": f"B{n:02}", **row, "exposure": owed[n], "uncovered": owed[n] * (n % 5) / 4}
            for n, row in enumerate(rows)]  # fmt: skip


def by_hand(row, told):
    """Action, hours and loss avoided an hour of one borrower, from the words of the file alone."""
    loss = told["loss"]
    chance = max(loss["pd_by_class"].get(row["class"], -1), loss["pd_by_level"].get(row["level"], -1))
    least = max(loss["lgd_least"], loss["lgd_by_class"].get(row["class"], 0))
    lost = chance * max(loss["lgd_unsecured"] * row["uncovered"] / row["exposure"], least) * row["exposure"]
    fits = (act for act in told["work"]["actions"] if all(row[name] in kinds for name, kinds in act["when"].items()))
    step = next(fits)
    return step["id"], step["owner"], step["hours"], lost * step["cured"] / step["hours"] if chance >= 0 else None


def test_whole_list_against_a_hand_sum():
    rows, told = drawn(), yaml.safe_load(settings.params("portfolio.yml").read_text(encoding="utf-8"))
    sums = {row["borrower_id"]: by_hand(row, told) for row in rows}
    order = sorted(sums, key=lambda name: (sums[name][3] is None, -(sums[name][3] or 0), name))
    found, left = worklist.rank(standing(rows), AS_OF), dict(told["work"]["capacity"])
    assert found["borrower_id"].tolist() == order
    for row in found.itertuples():
        action, owner, hours, saved = sums[row.borrower_id]
        left[owner] -= hours
        assert (row.action, row.owner, row.above) == (action, owner, left[owner] >= 0)
        assert row.saved_an_hour == pytest.approx(np.nan if saved is None else saved, nan_ok=True)


def test_equals_go_by_what_speaks_against_them():
    rows = [
        {"borrower_id": name, "level": "red", "signals": n, "vetoes": v}
        for name, n, v in zip("ABC", (3, 9, 1), (0, 0, 1), strict=True)
    ]
    assert worklist.rank(standing(rows), AS_OF)["borrower_id"].tolist() == ["C", "B", "A"]
