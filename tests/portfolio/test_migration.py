"""Matrices against counts on paper."""

import numpy as np
import pandas as pd
import pytest

from postloan.portfolio import history, migration

DAYS = pd.to_datetime(["2024-03-31", "2024-06-30"])


def states(*pairs: tuple[str, str, float]) -> pd.DataFrame:
    """Loans by state on two days, with balances."""
    rows = []
    for number, (before, after, balance) in enumerate(pairs):
        for day, state in zip(DAYS, (before, after), strict=True):
            rows.append((day, "B", f"L{number}", state, balance, "CNY", 0.0))
    return pd.DataFrame(rows, columns=history.LOANS)


HAND = states(
    *[("normal", "normal", 10.0)] * 6, *[("normal", "special_mention", 30.0)] * 2, *[("normal", "repaid", 10.0)] * 2,
    *[("special_mention", "substandard", 20.0)], *[("special_mention", "normal", 60.0)] * 3,
    *[("special_mention", "closed_unpaid", 20.0)],
)  # fmt: skip


def test_three_states_by_hand():
    found = migration.matrix(migration.transitions(HAND))
    assert found.loc["normal", ["normal", "special_mention", "repaid"]].tolist() == [0.6, 0.2, 0.2]
    special = found.loc["special_mention"]
    assert special[["substandard", "normal", "closed_unpaid"]].tolist() == [0.2, 0.6, 0.2]
    assert found.loc["normal", "count"] == 10


def test_rows_sum_to_one_or_are_empty():
    found = migration.matrix(migration.transitions(HAND))
    sums = found[list(migration.STATES)].sum(axis=1, min_count=1)
    assert sums[["normal", "special_mention"]].tolist() == pytest.approx([1.0, 1.0])
    assert np.isnan(sums["doubtful"])
    assert found.at["doubtful", "reason"] == "empty"


def test_balance_weighs():
    found = migration.matrix(migration.transitions(HAND), weight="balance")
    assert found.at["normal", "special_mention"] == pytest.approx(60 / 140)
    assert found.at["normal", "count"] == 140


def test_ended_loans_do_not_come_back():
    found = migration.transitions(states(("repaid", "repaid", 0.0), ("normal", "normal", 1.0)))
    assert found["from_state"].tolist() == ["normal"]
    assert "repaid" not in migration.matrix(found).index


def test_formation_by_hand():
    """Opening performing 140 + 220, of which 20 fell to substandard."""
    (row,) = migration.formation(migration.transitions(HAND)).to_dict("records")
    assert (row["performing"], row["inflow"]) == (360.0, 20.0)
    assert row["rate"] == pytest.approx(20 / 360)


def test_rolls_by_hand():
    late = [(0, 0), (0, 5), (0, 0), (0, 0), (20, 45), (20, 0)]
    loans = states(*[("normal", "normal", 1.0)] * len(late))
    loans["days_overdue"] = [float(days) for pair in late for days in pair]
    found = migration.rolls(migration.transitions(migration.by_lateness(loans))).set_index("bucket")
    assert found.loc["0", ["worse", "same", "better", "ended"]].tolist() == [0.25, 0.75, 0.0, 0.0]
    assert found.loc["1-30", ["worse", "same", "better"]].tolist() == [0.5, 0.0, 0.5]
    assert found.at["31-60", "reason"] == "empty"


def test_no_loans_no_moves():
    none = pd.DataFrame(columns=history.LOANS)
    found = migration.matrix(migration.transitions(none))
    assert set(found["reason"]) == {"empty"}


def wandering(count=300, days=6):
    """Loans that wander between classes and buckets of lateness, some ending, drawn once."""
    chance, rows = np.random.default_rng(3), []
    ends = pd.date_range("2023-03-31", periods=days, freq="QE")
    for number in range(count):
        state, states = "normal", [*migration.STATES]
        for day in ends[number % 3 :]:
            state = state if state in migration.ABSORBING else chance.choice(states, p=[0.5, *[0.5 / 7] * 7])
            balance = 0.0 if state in migration.ABSORBING else float(chance.integers(1, 9))
            rows.append((day, f"B{number}", "L", state, balance, "CNY", float(chance.choice([0, 0, 5, 45, 200, 400]))))
    return pd.DataFrame(rows, columns=history.LOANS)


def counted(loans, step=1):
    """Moves of every loan counted one by one: {(from, to): [loans, balance]}."""
    told = {}
    for _, part in loans.groupby("borrower_id"):
        path = list(part.sort_values("as_of")[["state", "balance"]].itertuples(index=False, name=None))
        for (before, balance), (after, _) in zip(path, path[step:], strict=False):
            if before not in ("repaid", "closed_unpaid"):
                cell = told.setdefault((before, after), [0, 0.0])
                cell[0], cell[1] = cell[0] + 1, cell[1] + balance
    return told


@pytest.mark.parametrize("step", [1, 4])
@pytest.mark.parametrize(("weight", "place"), [(None, 0), ("balance", 1)])
def test_matrix_against_a_count_one_by_one(step, weight, place):
    loans = wandering()
    told, found = counted(loans, step), migration.matrix(migration.transitions(loans, step), weight=weight)
    for before in found.index:
        whole = sum(cell[place] for (start, _), cell in told.items() if start == before)
        for after in migration.STATES:
            assert found.at[before, after] == pytest.approx(told.get((before, after), [0, 0])[place] / whole)
    assert not set(found.index) & set(migration.ABSORBING)


def test_rolls_against_a_count_one_by_one():
    loans = migration.by_lateness(wandering())
    names, found = migration.buckets(), migration.rolls(migration.transitions(loans)).set_index("bucket")
    for before in ("0", "1-30", "31-60"):
        moves = {after: cell[0] for (start, after), cell in counted(loans).items() if start == before}
        worse = sum(
            count for after, count in moves.items() if after in names and names.index(after) > names.index(before)
        )
        assert found.at[before, "worse"] == pytest.approx(worse / sum(moves.values()))
        ended = moves.get("repaid", 0) + moves.get("closed_unpaid", 0)
        assert found.at[before, "ended"] == pytest.approx(ended / sum(moves.values()))
        assert found.at[before, "count"] == sum(moves.values())
