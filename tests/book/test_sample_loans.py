"""The sample's loan side articulates with its statements, tells its cases, and says what was planted."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from functools import cache

import pandas as pd
import pytest

from postloan import loan_flags
from postloan.book import sample
from postloan.book.store import open_book
from postloan.loan_tables import LOAN_TABLES, newest

TODAY = pd.Timestamp("2026-05-15")
INTAKE, TRUTH = sample.told(1, 32)
ROWS = {name: INTAKE.tables[name] for name in LOAN_TABLES if name in INTAKE.tables}
NOW = {name: newest(rows.sort_values("known_on", kind="stable"), name) for name, rows in ROWS.items()}
KEY = ["borrower_id", "loan_id"]
CASES, TWINS = ["S0011", "S0012"], ["S0013", "S0014"]


@pytest.fixture(scope="module")
def facts() -> pd.DataFrame:
    """Balances of every borrower, a row a quarter end."""
    rows = INTAKE.tables["statements"]
    return rows[rows["months"] == 0].pivot(index=["borrower_id", "period_end"], columns="item", values="amount")


def owed(day: pd.Timestamp) -> pd.Series:
    """What each borrower owes us at the end of a day."""
    drawn = ROWS["drawdowns"][ROWS["drawdowns"]["drawn_on"] <= day].groupby("borrower_id")["amount"].sum()
    paid = ROWS["repayments"][ROWS["repayments"]["paid_on"] <= day].groupby("borrower_id")["principal"].sum()
    return drawn.sub(paid, fill_value=0)


def flags(tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    return loan_flags.found({name: newest(tables[name], name) for name in loan_flags.TABLES})


@cache
def book(seed: int) -> dict[str, pd.DataFrame]:
    """The tables of the sample of a seed."""
    return INTAKE.tables if seed == 1 else sample.make(seed, 32).tables


# ---- articulation


def test_every_loan_table_is_filled():
    assert {name for name in LOAN_TABLES if name not in ROWS} <= {"transactions", "parties", "papers"}
    assert set(ROWS["loans"]["borrower_id"]) == set(INTAKE.tables["borrowers"]["borrower_id"])
    assert INTAKE.tables["borrowers"]["industry"].str[:3].nunique() >= 12


def test_import_twice_adds_nothing(tmp_path):
    ledger = open_book(f"sqlite:///{tmp_path / 'book.db'}")
    some = ["S0008", "S0011", "S0014", "S0032"]
    made = replace(INTAKE, tables={name: rows[rows["borrower_id"].isin(some)] for name, rows in INTAKE.tables.items()})
    first = ledger.add(made, today=dt.date(2026, 5, 15))
    assert (first.refused, first.notes, len(first.flags)) == (0, [], 0)
    second = ledger.add(made, today=dt.date(2026, 5, 15))
    assert (second.added, second.unchanged) == (0, first.added)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_no_flag_on_any_seed(seed):
    assert flags(book(seed)).empty


def test_nothing_is_known_later():
    for name, rows in ROWS.items():
        assert (rows["known_on"] <= TODAY).all(), name
        fact = LOAN_TABLES[name].known_by
        assert fact is None or (rows[fact] <= rows["known_on"]).all(), name
    assert (INTAKE.tables["observations"]["known_on"] <= TODAY).all()


def test_plans_add_up_to_what_is_owed():
    first = ROWS["schedule"].groupby(KEY)["known_on"].transform("min")
    planned = ROWS["schedule"][ROWS["schedule"]["known_on"] == first].groupby(KEY)["principal"].sum()
    drawn = ROWS["drawdowns"].groupby([*KEY, "known_on"])["amount"].sum().groupby(KEY).first()
    assert (planned == drawn.reindex(planned.index)).all()


def test_loans_stay_below_borrowings(facts):
    debt = facts[["short_term_borrowings", "noncurrent_debt_due_1y", "long_term_borrowings"]].sum(axis=1)
    for end, borrowings in debt.groupby("period_end"):
        ours = owed(end)
        assert (ours <= borrowings.droplevel("period_end").reindex(ours.index).fillna(float("inf"))).all(), end


def test_first_drawdown_is_the_masters():
    first = ROWS["drawdowns"].groupby("borrower_id")["drawn_on"].min().drop("S0008")
    master = INTAKE.tables["borrowers"].set_index("borrower_id")["first_drawdown"].reindex(first.index)
    assert (first == master).all()


def test_larger_book_keeps_smaller_loans():
    smaller = sample.make(1, 11)
    for name, rows in smaller.tables.items():
        mine = INTAKE.tables[name][INTAKE.tables[name]["borrower_id"].isin(smaller.tables["borrowers"]["borrower_id"])]
        assert mine.reset_index(drop=True).equals(rows.reset_index(drop=True)), name


def test_some_are_late_and_one_is_paid_up():
    seen = INTAKE.tables["observations"]
    last = seen[(seen["metric"] == "days_overdue") & (seen["observed_on"] == "2026-04-29")]
    late = last.set_index("borrower_id")["value"]
    assert late[["S0015", "S0024"]].tolist() == [19, 104]  # 35 and 120 on 15 May
    assert (late[TWINS] > 90).all()
    assert (late.drop(["S0005", "S0013", "S0014", "S0015", "S0024"]) == 0).all()
    assert owed(TODAY)["S0008"] == 0


def test_security_has_its_faults():
    collateral, guarantors = NOW["collateral"], NOW["guarantors"]
    assert collateral["seized_on"].notna().sum() == 1
    assert (collateral["insured_until"] < TODAY).sum() == 2
    assert (collateral["prior_claims"] > 0).any()
    assert ((TODAY - collateral["valued_on"]).dt.days > 365).sum() >= 2
    ring = guarantors.dropna(subset="borrower_ref").set_index("borrower_id")["borrower_ref"]
    assert ring.to_dict() == {"S0016": "S0017", "S0017": "S0018", "S0018": "S0016"}
    assert (guarantors["net_assets"] / guarantors["total_assets"]).min() < 0.25


def test_covenants_are_met_closely_missed_and_broken(facts):
    last = facts.groupby("borrower_id").last()
    ratio = last["current_assets"] / last["current_liabilities"]
    found = NOW["covenants"][NOW["covenants"]["metric"] == "current_ratio"].set_index("borrower_id")["limit"]
    headroom = ratio.reindex(found.index) / found
    assert (headroom < 1).sum() >= 1
    assert headroom.between(1, 1.05).any()
    assert (headroom > 1.1).mean() > 0.8


# ---- conversations


def test_everybody_is_spoken_with():
    counts = ROWS["contacts"].groupby("borrower_id").size()
    assert counts.between(5, 20).all()
    assert counts.nunique() > 4
    assert {"kept", "broken", "open"} <= set(NOW["commitments"]["status"])
    late = NOW["commitments"]["settled_on"] > NOW["commitments"]["due_on"]
    assert (late & (NOW["commitments"]["status"] == "kept")).any()
    assert (NOW["contacts"]["documents_refused"] > 0).any()


def test_cross_checks_agree_but_for_one():
    facts = INTAKE.tables["statements"]
    year = facts[(facts["item"] == "revenue") & (facts["months"] == 12)]
    sales = NOW["cross_checks"][(NOW["cross_checks"]["kind"] == "vat_sales") & (NOW["cross_checks"]["months"] == 12)]
    both = sales.merge(year, on=["borrower_id", "period_end", "months"])
    off = (both["value"] / both["amount"] - 1).abs().groupby(both["borrower_id"]).max()
    assert off[off > 0.2].index.tolist() == ["S0031"]
    assert off[off > 0.03].index.tolist() == ["S0009", "S0031"]


# ---- the cases and their twins


@pytest.mark.parametrize(("case", "twin"), [*zip(CASES, TWINS, strict=True)])
def test_case_is_eased_and_twin_is_not(case, twin):
    plans = ROWS["schedule"].groupby(KEY)["known_on"].nunique()
    assert (plans[case].max(), plans[twin].max()) == (2, 1)
    versions = ROWS["loans"][ROWS["loans"]["loan_id"] == f"L{case[1:]}-W1"]
    assert versions["matures_on"].is_monotonic_increasing
    assert versions["matures_on"].nunique() == 2
    assert len(ROWS["contacts"][ROWS["contacts"]["borrower_id"] == case]) > 10
    assert owed(TODAY)[twin] > owed(TODAY)[case] * 0.5


def test_dyer_gets_a_lower_rate():
    rates = ROWS["loans"][ROWS["loans"]["loan_id"] == "L0012-W1"]["rate"]
    assert rates.tolist() == [0.047, 0.039]


def test_maker_slows_until_cash_is_short_and_recovers(facts):
    sales = INTAKE.tables["statements"].query("borrower_id == 'S0011' and item == 'revenue' and months == 12")
    days = facts.loc["S0011", "accounts_receivable"].reindex(sales["period_end"]) / sales["amount"].to_numpy() * 365
    assert days["2022-12-31"] < days["2023-12-31"] < days["2024-12-31"] > days["2025-12-31"]
    cash = facts.loc["S0011", "cash"]
    assert cash["2022-12-31"] > 3 * cash["2024-12-31"] < cash["2025-12-31"]


def test_twins_run_out_of_cash(facts):
    for twin, day in zip(TWINS, ("2024-12-31", "2024-12-31"), strict=True):
        cash = facts.loc[twin, "closing_cash"]
        assert cash["2025-12-31"] < 0.3 * cash[day]


def test_dyer_loses_two_fifths_in_a_quarter():
    flows = INTAKE.tables["statements"].query("borrower_id == 'S0012' and item == 'revenue'")
    year = flows.set_index("period_end")["amount"]
    second = year["2024-06-30"] - year["2024-03-31"]
    assert (year["2024-09-30"] - year["2024-06-30"]) / second == pytest.approx(0.59, abs=0.04)
    event = ROWS["events"].query("borrower_id == 'S0012' and kind == 'policy'")
    assert event["happened_on"].min() == pd.Timestamp("2024-07-01")


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_statements_stay_sound(seed):
    facts = book(seed)["statements"]
    levels = facts[facts["item"].isin(["closing_cash", "equity", "fixed_assets"])]
    assert (levels["amount"] > 0).all()
