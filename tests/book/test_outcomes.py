"""Data with known outcomes: read by layout, refused with the row that is wrong."""

import pandas as pd
import pytest

from conftest import SHARED, needs_shared
from postloan.book import outcomes
from postloan.errors import SourceError

ITEMS = [*outcomes.layouts()["us_annual"].items.values()]


def file(folder, **changes):
    rows = pd.DataFrame({"company_id": ["A", "A", "B"], "fyear": [2001, 2002, 2001], "failed": [1, 1, 0]})
    rows = rows.assign(**dict.fromkeys(ITEMS, 10.0)).astype(object)
    for name, values in changes.items():
        rows[name] = values
    rows.to_csv(folder / "firms.csv", index=False)
    return folder / "firms.csv"


def test_reads_millions_as_dollars(tmp_path):
    facts = outcomes.read(file(tmp_path)).statements
    assert set(facts.loc[facts["item"] == "total_assets", "amount"]) == {10_000_000.0}
    assert set(facts.loc[facts["item"] == "equity", "derived"]) == {True}


def test_event_follows_the_last_row(tmp_path):
    events = outcomes.read(file(tmp_path)).events
    assert events.to_dict("records") == [{"borrower_id": "A", "event_on": pd.Timestamp("2003-12-31")}]


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"fyear": [2001, 2001, 2001]}, "2 rows give the same company_id and period more than once, first A 2001"),
        ({"failed": [1, 0, 0]}, "failed is both 0 and 1 for A"),
        ({"failed": [2, 2, 0]}, "row 2, failed: expected 0 or 1, found '2'"),
        ({"ebit": ["1", "n.a.", "2"]}, "row 3, ebit: expected a number, found 'n.a.'"),
        ({"fyear": ["x", 2002, 2001]}, "row 2, fyear: expected a number"),
        ({"fyear": [12, 2002, 2001]}, "row 2, fyear: expected a year, found '12'"),
    ],
)
def test_refuses_with_the_row(tmp_path, changes, match):
    with pytest.raises(SourceError, match=match):
        outcomes.read(file(tmp_path, **changes))


def test_missing_columns_are_named(tmp_path):
    made = file(tmp_path)
    pd.read_csv(made).drop(columns=["ebit", "inventory"]).to_csv(made, index=False)
    read = outcomes.read(made)
    assert read.lacks == ["ebit", "inventory"]
    assert not {"operating_profit", "inventory"} & {*read.statements["item"]}


@pytest.mark.parametrize(
    ("dropped", "match"), [(["failed"], r"missing columns \['failed'\]"), (ITEMS, "none of the col")]
)
def test_nothing_to_judge_refused(tmp_path, dropped, match):
    made = file(tmp_path)
    pd.read_csv(made).drop(columns=dropped).to_csv(made, index=False)
    with pytest.raises(SourceError, match=match):
        outcomes.read(made)


def test_unknown_layout_is_told(tmp_path):
    (tmp_path / "x.csv").write_text("a,b\n1,2\n")
    with pytest.raises(SourceError, match="no layout of params/outcomes fits"):
        outcomes.read(tmp_path / "x.csv")


def test_fingerprint_follows_the_rows(tmp_path):
    before = outcomes.fingerprint(str(file(tmp_path)), "")
    assert outcomes.fingerprint(str(file(tmp_path, ebit=[1.0, 2.0, 3.0])), "") != before


def test_blank_stays_missing(tmp_path):
    facts = outcomes.read(file(tmp_path, ebit=[1.0, "", 2.0])).statements
    assert len(facts[facts["item"] == "operating_profit"]) == 2


@needs_shared
def test_reads_the_quarters_with_events():
    read = outcomes.read(SHARED / "us_quarterly")
    assert len(read.events) == 18
    assert (read.statements["known_on"] - read.statements["period_end"] == pd.Timedelta(days=90)).all()
