"""Account behaviour: what customers really paid, averages by hand, payers, pass-through; a real bank's accounts."""

import pandas as pd
import pytest
from use_world import MILLION, day, loan, moves, party, together, world

from conftest import SHARED, needs_shared
from postloan import settings
from postloan.analysis import accounts
from postloan.book import flows
from postloan.errors import RuleError
from postloan.loan_rows import checked, empty

OLD = ((-700, 1.0, "甲客户", "company", "货款"),)
FLOWS = (
    (-60, 6.0, "甲客户", "company", "货款"), (-50, 2.0, "乙客户", "company", "货款"),
    (-40, 3.0, "示例集团有限公司", "company", "往来"), (-30, -2.5, "丙", "company", "货款"),
    (-20, 2.5, "丙", "company", "往来"), (-15, 0.4, "甲客户", "company", "退款"),
    (-10, 0.1, "本行", "bank", "结息", None, "interest"),
)  # fmt: skip


def told(rows, as_of=20, **more):
    return accounts.check(rows, day(as_of), **more)


def line(rows, **more):
    return told(rows, **more).summary.set_index("borrower_id").loc["B1"]


@pytest.fixture(scope="module")
def mixed():
    return world(
        past=(*OLD, *FLOWS), loans=[loan(collection_account="A1")],
        parties=[party("示例集团有限公司", relation="parent")],
    )  # fmt: skip


def test_only_what_customers_paid_counts(mixed):
    got = line(mixed)[[*accounts.SOURCES, "inflow"]] / MILLION
    assert got.to_dict() == pytest.approx(
        {
            "effective": 8,
            "own": 0,
            "loan": 10,
            "related": 3,
            "round_trip": 2.5,
            "refund": 0.4,
            "interest": 0.1,
            "inflow": 24,
        }
    )


def test_collections_are_held_against_revenue_with_tax(mixed):
    revenue = pd.DataFrame({"borrower_id": ["B1"], "period_end": [pd.Timestamp(day(0))], "revenue": [10.0 * MILLION]})
    got = line(mixed, revenue=revenue)
    assert got["collection_share"] == pytest.approx(8 / 11.3)
    assert got["to_collection"] == 1
    early = line(mixed, revenue=revenue.assign(period_end=pd.Timestamp(day(-55))))
    assert early["collection_share"] == pytest.approx(6 / 11.3)


@pytest.mark.parametrize(
    ("revenue", "period", "past", "reason"),
    [(0.0, 0, OLD, "no_revenue"), (9.0, 0, (), "short_history"), (None, 0, OLD, "no_revenue")],
)
def test_no_collection_share_without_grounds(revenue, period, past, reason):
    given = pd.DataFrame({"borrower_id": ["B1"], "period_end": [pd.Timestamp(day(period))], "revenue": [revenue]})
    got = line(world(past=(*past, *FLOWS)), revenue=None if revenue is None else given)
    assert pd.isna(got["collection_share"])
    assert got["collection_reason"] == reason


def test_payers_are_ranked(mixed):
    got = told(mixed)
    assert got.payers[["name", "amount", "share"]].values.tolist() == [["甲客户", 6e6, 0.75], ["乙客户", 2e6, 0.25]]
    assert line(mixed)[["payers", "top_share", "top_five_share"]].tolist() == [2, 0.75, 1]


def test_ten_thousand_payments_are_one_payer(mixed):
    many = moves(*((-1 - n % 300, 0.001, "甲客户", "company", "货款") for n in range(10_000)), account="A2")
    got = told(
        {**mixed, "transactions": pd.concat([mixed["transactions"], checked(pd.DataFrame(many), "transactions")])}
    )
    assert got.payers["name"].tolist().count("甲客户") == 1
    assert got.payers["amount"].max() == pytest.approx(16 * MILLION)  # six of old, ten thousand of a thousand
    assert got.summary["payers"].tolist() == [2]


def test_averages_by_hand():
    # from a year and 119 days before the day on: 1 m; then 3 m for the last 45 of the 90 days
    rows = world(past=((-500, 1.0, "甲", "company", "货款"), (-24, 2.0, "甲", "company", "货款")))
    rows["transactions"] = rows["transactions"].query("counterparty == '甲'")
    got = line(rows)
    assert got["average"] == pytest.approx((45 * 1 + 45 * 3) / 90 * MILLION)
    assert got["average_before"] == MILLION
    assert got["average_change"] == pytest.approx(1.0)
    assert got["closing"] == 3 * MILLION


def test_average_needs_its_days():
    rows = world(past=((-40, 1.0, "甲", "company", "货款"),))
    got = line(rows)
    assert pd.isna(got["average"])
    assert pd.isna(got["average_change"])
    assert got["change_reason"] == "short_history"


def test_stated_balances_set_the_level_and_are_checked():
    rows = world(past=(*OLD, *FLOWS))
    moved = rows["transactions"].sort_values("booked_on")
    balance = 5 * MILLION + moved["amount"].where(moved["direction"] == "in", -moved["amount"]).cumsum()
    rows["transactions"] = moved.assign(balance=balance)
    got = told(rows)
    assert got.accounts.at[0, "closing"] == balance.iloc[-1]
    assert got.accounts.at[0, "continuous"] == 1
    rows["transactions"] = moved.assign(balance=balance.where(moved["amount"] != 2 * MILLION, 1.0))
    assert told(rows).accounts.at[0, "continuous"] == pytest.approx(6 / 8)  # two of eight steps


def test_pass_through_is_money_that_leaves_at_once():
    rows = world(
        past=(
            (-9, 4.0, "甲", "company", "货款"),
            (-8, -3.9, "乙", "company", "货款"),
            (-7, 6.0, "丙", "company", "货款"),
        ),
    )
    rows["transactions"] = rows["transactions"].query("counterparty != '本行'")
    assert line(rows)["pass_through_share"] == pytest.approx(3.9 / 10)


def test_related_payments_need_papers():
    out = (-9, -4.0, "示例集团有限公司", "company", "往来")
    parent = party("示例集团有限公司", relation="parent")
    paper = {
        "borrower_id": "B1",
        "paper_id": "C",
        "kind": "contract",
        "party": "示例集团有限公司",
        "amount": 1e6,
        "dated_on": day(-20),
    }
    both = {
        "bare": world(past=(*OLD, *FLOWS, out), parties=[parent]),
        "part": world(past=(*OLD, *FLOWS, out), parties=[parent], papers=[paper]),
    }
    got = told(together(both)).summary.set_index("borrower_id")["untraded_related_share"]
    assert got.to_dict() == {"bare": 1.0, "part": 0.75}


def test_silent_account_is_dormant():
    rows = world(
        more=moves(
            (-400, 1, "甲", "company", "货款"), (10, 0.01, "本行", "bank", "结息", None, "interest"), account="A2"
        )
    )
    got = told(rows).accounts.set_index("account")
    assert got["dormant"].to_dict() == {"A1": False, "A2": True}
    assert got.at["A2", "quiet_days"] == 420


def test_own_transfers_are_no_inflow():
    rows = world(
        (1, -2, "本公司", "company", "调拨", "A2"), more=moves((1, 2, "本公司", "company", "", "A1"), account="A2")
    )
    assert line(rows)["own"] == 2 * MILLION


def test_observations_say_what_could_be_formed(mixed):
    seen = accounts.observations(told(mixed), day(20))
    assert set(seen["metric"]) == {"average_balance_change", "pass_through_share", "untraded_related_share"}
    nothing = accounts.check({name: frame.iloc[:0] for name, frame in mixed.items()}, day(20))
    assert accounts.observations(nothing, day(20)).empty


def test_bad_params_are_named(tmp_path, monkeypatch):
    path = settings.params("account_behaviour.yml")
    (tmp_path / "account_behaviour.yml").write_text(path.read_text(encoding="utf-8").replace("vat: 0.13", "vat: 2"))
    monkeypatch.setattr(settings, "params", lambda *parts: tmp_path.joinpath(*parts))
    accounts.load.cache_clear()
    with pytest.raises(RuleError, match="vat"):
        accounts.load()
    accounts.load.cache_clear()


@needs_shared
def test_real_accounts_are_continuous():
    intake = flows.read(SHARED / "bank" / "transactions.csv.gz").tables["transactions"]
    some = sorted(intake["borrower_id"].unique())[:50]
    moved = checked(intake[intake["borrower_id"].isin(some)], "transactions")
    rows = {name: empty(name) for name in accounts.TABLES} | {"transactions": moved}
    got = accounts.check(rows, moved["booked_on"].max())
    assert len(got.summary) == 50
    assert got.accounts["continuous"].mean() > 0.995
    mine = moved.assign(signed=moved["amount"].where(moved["direction"] == "in", -moved["amount"])).groupby("account")
    for row in got.accounts.itertuples():
        entries = mine.get_group(row.account)
        assert row.closing == pytest.approx(entries["signed"].sum(), abs=0.5 * len(entries))
        assert row.closing in set(entries.loc[entries["booked_on"] == row.last_on, "balance"])
    assert (got.accounts["average"] > 0).sum() > 25
