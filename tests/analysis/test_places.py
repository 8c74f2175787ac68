"""Places among peers: percentiles by hand, good on the right side, the worst first."""

import numpy as np
import pandas as pd
import pytest

from conftest import facts
from postloan.analysis import peers, places
from postloan.analysis.periods import Panel
from postloan.measures import measures


@pytest.fixture(scope="module")
def among():
    """Twelve borrowers of one industry whose current ratio rises and whose leverage falls with their number."""
    parts = []
    for number in range(12):
        held = {"current_assets": 100 + 10 * number, "current_liabilities": 100}
        held |= {"total_assets": 400, "total_liabilities": 300 - 10 * number}
        rows = [("2024-12-31", None, item, amount) for item, amount in held.items()]
        parts.append(facts(rows, f"B{number:02d}"))
    borrowers = pd.DataFrame({"borrower_id": [f"B{n:02d}" for n in range(12)], "industry": "C34", "currency": "CNY"})
    return peers.Among(Panel(pd.concat(parts, ignore_index=True)), borrowers)


def told(among, ids):
    return places.places(among, ids, measures(), ["current_ratio", "liabilities_to_assets"])


def test_percentile_by_hand(among):
    rows = told(among, ["B03"]).set_index("metric")
    assert rows.at["current_ratio", "percentile"] == pytest.approx(3 / 11)
    assert rows.at["current_ratio", "good"] == pytest.approx(3 / 11)
    assert rows.at["liabilities_to_assets", "good"] == pytest.approx(3 / 11)  # 8 of 11 owe less


def test_worst_come_first(among):
    ranked = places.worst(told(among, [f"B{n:02d}" for n in range(12)]))
    assert ranked["borrower_id"].tolist() == [f"B{n:02d}" for n in range(12)]
    assert ranked["weak"].tolist()[:4] == [2, 2, 2, 0]


def test_unknown_borrower_has_a_reason(among):
    rows = told(among, ["nobody"])
    assert set(rows["reason"]) == {"no_statements"}
    assert rows["good"].isna().all()


def test_nobody_is_no_error(among):
    rows = told(among, [])
    assert rows.empty
    assert places.worst(rows).empty


def test_few_metrics_left_out(among):
    rows = told(among, ["B00", "B01"])
    rows.loc[rows["borrower_id"] == "B00", "good"] = np.nan
    assert places.worst(rows)["borrower_id"].tolist() == ["B01"]


def test_metrics_nobody_has_count_for_nobody(among):
    more = places.places(among, ["B00"], measures(), ["current_ratio", "inventory_days", "cash_cycle", "gross_margin"])
    assert places.worst(more)["metrics"].tolist() == [1]
