"""The sample book's statements articulate to the last unit, by arithmetic independent of the generator."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from postloan import chart, tables
from postloan.book import sample
from postloan.book.figures import statutory_deadline
from postloan.errors import ContractError
from postloan.measures import observations

INTAKE = sample.make(1, 10)
FACTS, BORROWERS = INTAKE.tables["statements"], INTAKE.tables["borrowers"].set_index("borrower_id")
SOUND = FACTS[FACTS["borrower_id"] != "S0010"]  # S0010 leaves out a quarter


def wide(facts: pd.DataFrame) -> pd.DataFrame:
    """Items by borrower and period end, flows of the single quarter where the quarter before is there."""
    index = ["borrower_id", "period_end"]
    table = facts.pivot(index=index, columns="item", values="amount")
    spans = facts[facts["months"] > 0].drop_duplicates(index).set_index(index)["months"]
    flows = [item for item in table if item in chart.flows()]
    before = table[flows].groupby("borrower_id").shift()
    table[flows] -= before.mul((spans > 3).astype(float), axis=0)
    return table[table.groupby("borrower_id").cumcount() > 0]


Q = wide(SOUND)
LEVEL = SOUND[SOUND["months"] == 0].pivot(index=["borrower_id", "period_end"], columns="item", values="amount")
STEP = LEVEL.groupby("borrower_id").diff().dropna(how="all")
FLOW = Q.loc[STEP.index]


def trailing(borrower: str, item: str) -> pd.Series:
    return Q.loc[borrower, item].rolling(4).sum().dropna()


# ---- what is made


def test_tables_keep_their_contract():
    for name in ("borrowers", "statements", "observations"):
        assert len(tables.check(INTAKE.tables[name], name)) == len(INTAKE.tables[name])
    figures = sum(len(rows) for name, rows in INTAKE.tables.items() if name != "borrowers")
    assert (INTAKE.kind, INTAKE.file, INTAKE.read) == ("sample", "synthetic sample, seed 1", figures)


def test_every_look_is_known_by_the_catalogue():
    seen = INTAKE.tables["observations"]
    assert set(seen["metric"]) <= set(observations())
    assert set(seen["borrower_id"]) == set(INTAKE.tables["borrowers"]["borrower_id"])
    assert seen.groupby(["borrower_id", "metric"]).size().between(1, 2).all()


def test_same_seed_same_book():
    assert sample.make(1, 10, loans=False).tables["statements"].equals(FACTS)
    assert not sample.make(2, 10, loans=False).tables["statements"].equals(FACTS)


def test_larger_book_keeps_smaller():
    larger = sample.make(1, 23, loans=False)
    assert larger.tables["statements"].head(len(FACTS)).equals(FACTS)
    assert larger.tables["borrowers"]["name"].is_unique
    assert sample.make(borrowers=8, loans=False).tables["borrowers"]["borrower_id"].iloc[-1] == "S0008"


def test_empty_book_is_refused():
    with pytest.raises(ContractError, match="found 0"):
        sample.make(borrowers=0)


def test_borrowers_are_plainly_synthetic():
    assert BORROWERS["synthetic"].all()
    assert BORROWERS["credit_code"].str.fullmatch(r"9999\d{14}").all()
    assert BORROWERS["industry"].nunique() >= 4
    assert BORROWERS["first_drawdown"].dt.year.between(2021, 2024).all()
    assert FACTS["source"].str.startswith("synthetic sample, seed 1 · S").all()


def test_two_borrowers_report_in_dollars():
    dollars = BORROWERS[BORROWERS["currency"] == "USD"]
    assert len(dollars) == 2
    assert (dollars["name"] == dollars["name_en"]).all()
    assert set(FACTS.loc[FACTS["borrower_id"].isin(dollars.index), "currency"]) == {"USD"}


def test_quarters_are_complete_but_one():
    ends = FACTS.groupby("borrower_id")["period_end"].unique()
    expected = pd.date_range(end="2025-12-31", periods=24, freq="QE")
    assert all(set(ends[borrower]) == set(expected) for borrower in BORROWERS.index.drop("S0010"))
    assert set(expected) - set(ends["S0010"]) == {expected[10]}
    supplement = FACTS["item"].isin(["depreciation", "amortisation"])
    assert not (supplement & (FACTS["borrower_id"] == "S0010")).any()


def test_june_years_restart_in_july():
    spans = FACTS[FACTS["months"] > 0].groupby([FACTS["borrower_id"], FACTS["period_end"].dt.month])["months"].unique()
    june = {borrower for borrower in BORROWERS.index if spans[borrower, 6].tolist() == [12]}
    assert june == {"S0002", "S0008"}
    assert [spans["S0002", month].item() for month in (9, 12, 3, 6)] == [3, 6, 9, 12]
    assert [spans["S0001", month].item() for month in (3, 6, 9, 12)] == [3, 6, 9, 12]


def test_filings_keep_the_deadlines():
    filed = FACTS.drop_duplicates(["borrower_id", "period_end"])
    deadline = filed["period_end"].map(lambda end: pd.Timestamp(statutory_deadline(end.date())))
    assert (filed["known_on"] <= deadline).all()
    assert ((filed["known_on"] - filed["period_end"]).dt.days >= 20).all()
    assert filed["known_on"].max() <= pd.Timestamp("2026-05-15")
    assert filed.groupby("borrower_id")["known_on"].is_monotonic_increasing.all()


def test_amounts_are_whole_units():
    assert (FACTS["amount"] % 1 == 0).all()
    assert FACTS["amount"].abs().max() < 2**53


def test_year_to_date_never_shrinks():
    assert (Q[["revenue", "operating_cost", "cash_from_sales", "depreciation"]] > 0).all(axis=None)


# ---- articulation, without a unit of tolerance


def test_balance_sheets_balance():
    debts_and_equity = LEVEL["total_liabilities"] + LEVEL["equity"]
    assert LEVEL["total_assets"].equals(debts_and_equity.rename("total_assets"))
    assert LEVEL["liabilities_and_equity"].equals(LEVEL["total_assets"].rename("liabilities_and_equity"))


@pytest.mark.parametrize(
    ("total", "parts"),
    [
        ("current_assets", "cash trading_securities notes_receivable accounts_receivable prepayments "
         "other_receivables inventory other_current_assets"),
        ("noncurrent_assets", "fixed_assets construction_in_progress intangible_assets"),
        ("current_liabilities", "short_term_borrowings notes_payable accounts_payable contract_liabilities "
         "payroll_payable taxes_payable other_payables noncurrent_debt_due_1y"),
        ("total_liabilities", "current_liabilities long_term_borrowings"),
        ("equity", "share_capital capital_reserve surplus_reserve undistributed_profit minority_interest"),
    ],
)  # fmt: skip
def test_balance_lines_add_up(total, parts):
    assert (LEVEL[parts.split()].sum(axis=1) == LEVEL[total]).all()


def test_balances_and_lines_stay_positive():
    assert (LEVEL.drop(columns="undistributed_profit") >= 0).all(axis=None)
    lines = ["cash_paid_for_goods", "cash_paid_to_staff", "other_operating_payments", "borrowings_raised"]
    assert (Q[[*lines, "borrowings_repaid", "taxes_paid", "capex"]] >= 0).all(axis=None)


def test_cash_rolls_forward():
    flows = FLOW[["cfo", "cfi", "cff", "fx_effect"]].sum(axis=1)
    assert (flows == STEP["cash"]).all()
    assert (STEP["restricted_cash"] == 0).all()
    assert (LEVEL["cash"] == LEVEL["closing_cash"] + LEVEL["restricted_cash"]).all()


def test_opening_cash_starts_the_year():
    year = SOUND[SOUND["months"] > 0].pivot(index=["borrower_id", "period_end"], columns="item", values="amount")
    assert (year["opening_cash"] + year["net_cash_change"] == LEVEL["closing_cash"]).all()


def test_profit_follows_from_its_lines():
    costs = ["operating_cost", "taxes_and_surcharges", "selling_expense", "admin_expense", "rd_expense"]
    gains = ["other_income", "investment_income", "credit_impairment", "asset_impairment"]
    operating = Q["revenue"] - Q[costs].sum(axis=1) - Q["finance_expense"] + Q[gains].sum(axis=1)
    assert (operating == Q["operating_profit"]).all()
    assert (operating - Q["nonoperating_expense"] - Q["income_tax"] == Q["net_profit"]).all()
    assert (Q["net_profit_parent"] + Q["minority_profit"] == Q["net_profit"]).all()


def test_profit_not_paid_out_is_kept():
    kept = FLOW["net_profit_parent"] - FLOW["dividends_paid"]
    assert (STEP["undistributed_profit"] + STEP["surplus_reserve"] == kept).all()
    assert (STEP["minority_interest"] == FLOW["minority_profit"]).all()
    assert (STEP[["share_capital", "capital_reserve"]] == 0).all(axis=None)


def test_reserve_is_a_tenth_of_profit():
    year = SOUND[SOUND["months"] == 12].pivot(index=["borrower_id", "period_end"], columns="item", values="amount")
    domestic = [borrower for borrower in BORROWERS.index if BORROWERS.loc[borrower, "currency"] == "CNY"]
    profit = year.loc[year.index.get_level_values(0).isin(domestic), "net_profit_parent"].clip(lower=0)
    both = profit.index.intersection(STEP.index)
    assert (STEP.loc[both, "surplus_reserve"] - profit[both] * 0.1).abs().max() <= 0.5
    assert (STEP["surplus_reserve"].drop(both) == 0).all()


def test_plant_rolls_forward():
    assert (STEP["accumulated_depreciation"] == FLOW["depreciation"]).all()
    assert (LEVEL["fixed_assets"] == LEVEL["fixed_assets_gross"] - LEVEL["accumulated_depreciation"]).all()
    built = STEP[["fixed_assets_gross", "construction_in_progress", "intangible_assets"]].sum(axis=1)
    assert (built + FLOW["amortisation"] == FLOW["capex"]).all()


def test_indirect_cash_flow_agrees():
    noncash = ["depreciation", "amortisation", "interest_expense"]
    charges = FLOW[noncash].sum(axis=1) - FLOW["fx_effect"] - FLOW["investment_income"]
    assets = ["notes_receivable", "accounts_receivable", "prepayments", "other_receivables", "inventory"]
    debts = ["notes_payable", "accounts_payable", "contract_liabilities", "payroll_payable", "taxes_payable"]
    working = STEP[[*debts, "other_payables"]].sum(axis=1) - STEP[[*assets, "other_current_assets"]].sum(axis=1)
    assert (FLOW["net_profit"] + charges + working == FLOW["cfo"]).all()


def test_direct_cash_lines_add_up():
    receipts = Q[["cash_from_sales", "tax_refunds", "other_operating_receipts"]].sum(axis=1)
    paid = ["cash_paid_for_goods", "cash_paid_to_staff", "taxes_paid", "other_operating_payments"]
    assert (receipts - Q[paid].sum(axis=1) == Q["cfo"]).all()
    assert (Q["borrowings_raised"] - Q["borrowings_repaid"] - Q["dividends_and_interest_paid"] == Q["cff"]).all()


def test_debt_moves_with_loans():
    debt = STEP[["short_term_borrowings", "noncurrent_debt_due_1y", "long_term_borrowings"]].sum(axis=1)
    assert (debt == FLOW["borrowings_raised"] - FLOW["borrowings_repaid"]).all()


def test_interest_follows_average_debt():
    lines = ["short_term_borrowings", "noncurrent_debt_due_1y", "long_term_borrowings"]
    average = LEVEL[lines].sum(axis=1).groupby("borrower_id").rolling(2).mean().droplevel(0).dropna()
    rate = (Q["interest_expense"] * 4 / average[average > 0]).dropna().groupby("borrower_id")
    assert rate.mean().between(0.04, 0.065).all()
    assert (rate.max() - rate.min()).max() < 1e-6


def test_book_reads_it_unflagged(sample_book):
    facts = sample_book.statements(as_of="2026-05-15")
    assert tables.statement_flags(facts).empty
    assert len(facts[~facts["derived"]]) == len(FACTS)


def test_past_knows_less(sample_book):
    known = sample_book.statements("S0001", as_of="2025-04-01")
    assert known["period_end"].max() in (pd.Timestamp("2024-09-30"), pd.Timestamp("2024-12-31"))


# ---- the stories


def test_decliner_declines():
    turns = trailing("S0005", "revenue") / LEVEL.loc["S0005", "accounts_receivable"]
    assert (turns.dropna().tail(20).diff().dropna() < 0).all()
    end = LEVEL.loc[("S0005", "2025-12-31")]
    assert end["current_assets"] < end["current_liabilities"]
    last, first = LEVEL.loc["S0005"].iloc[-1], LEVEL.loc["S0005"].iloc[0]
    assert last["cash"] < 0.25 * first["cash"]
    assert last["short_term_borrowings"] > 1.5 * first["short_term_borrowings"]


def test_decliner_cannot_cover_interest():
    interest = trailing("S0005", "interest_expense")
    cover = (trailing("S0005", "profit_before_tax") + interest) / interest
    assert cover.iloc[0] > 3
    assert cover.iloc[-1] < 1.5


def test_only_decliner_fails_to_cover():
    last = Q.groupby("borrower_id").tail(4).groupby("borrower_id")[["profit_before_tax", "interest_expense"]].sum()
    indebted = last[last["interest_expense"] > 0]
    assert indebted.index[indebted["profit_before_tax"] < indebted["interest_expense"] * 0.5].tolist() == ["S0005"]


def test_software_has_neither_stock_nor_debt():
    items = ["inventory", "short_term_borrowings", "long_term_borrowings"]
    assert (LEVEL.loc["S0008", items] == 0).all(axis=None)
    assert (Q.loc["S0008", "interest_expense"] == 0).all()


def test_cycle_dips_and_recovers():
    revenue = trailing("S0006", "revenue")
    assert revenue.min() < 0.8 * revenue.iloc[:6].max()
    assert revenue.iloc[-1] > 1.15 * revenue.min()


def test_overtrader_burns_cash():
    assert trailing("S0009", "revenue").iloc[-1] > 4 * trailing("S0009", "revenue").iloc[0]
    assert (trailing("S0009", "cfo").tail(4) < 0).all()


def test_food_maker_is_seasonal():
    share = Q.loc["S0003", "revenue"].groupby(Q.loc["S0003"].index.quarter).mean()
    assert share.idxmax() == 1
    assert share.max() > 1.4 * share.min()


def test_trader_margins_are_thin():
    margin = 1 - Q.loc["S0004", "operating_cost"].sum() / Q.loc["S0004", "revenue"].sum()
    assert 0.03 < margin < 0.07


def test_utility_is_highly_leveraged():
    leverage = LEVEL.loc["S0007", "total_liabilities"] / LEVEL.loc["S0007", "total_assets"]
    assert leverage.between(0.65, 0.8).all()


@pytest.mark.parametrize("seed", [2, 3, 17, 2026])
def test_other_seeds_articulate(seed):
    facts = sample.make(seed, 10, loans=False).tables["statements"]
    stocks = facts[facts["months"] == 0].pivot(index=["borrower_id", "period_end"], columns="item", values="amount")
    assert (stocks["total_assets"] == stocks["total_liabilities"] + stocks["equity"]).all()
    assert (stocks[["closing_cash", "equity", "fixed_assets"]] > 0).all(axis=None)
    assert np.isfinite(facts["amount"]).all()
