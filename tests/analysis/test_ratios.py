import pandas as pd
import pytest

from conftest import facts
from postloan.analysis import ratios
from postloan.analysis.periods import Panel, moments
from postloan.errors import ContractError
from postloan.measures import measures

NOW, BEFORE = "2022-12-31", "2021-12-31"
STOCKS = {"total_assets": (1000, 900), "current_assets": (520, 470), "current_liabilities": (430, 370)}
STOCKS |= {
    "inventory": (180, 150),
    "cash": (60, 75),
    "restricted_cash": (20, 0),
    "accounts_receivable": (210, 160),
}
STOCKS |= {
    "short_term_borrowings": (100, 90),
    "noncurrent_debt_due_1y": (20, 30),
    "long_term_borrowings": (190, 170),
}
STOCKS |= {
    "total_liabilities": (620, 540),
    "equity": (380, 360),
    "accounts_payable": (150, 140),
    "prepayments": (10, 10),
}
FLOWS = {
    "revenue": (900, 850),
    "operating_cost": (720, 663),
    "profit_before_tax": (38, 54),
    "interest_expense": (32, 26),
}
FLOWS |= {
    "net_profit": (28.5, 40.5),
    "cfo": (15, 48),
    "income_tax": (9.5, 13.5),
    "depreciation_amortisation": (42, 40),
}
FLOWS |= {"capex": (30, 20), "dividends_paid": (8, 5), "cash_from_sales": (950, 900)}


def values(changes: dict | None = None, **settings: int) -> pd.DataFrame:
    lines = {**STOCKS, **FLOWS, **(changes or {})}
    rows = [
        (day, 12, item, pair[position])
        for item, pair in lines.items()
        if pair
        for position, day in enumerate((NOW, BEFORE))
    ]
    table = ratios.compute(Panel(facts(rows)), **settings)
    return table[table["period_end"] == NOW].set_index("ratio")


@pytest.mark.parametrize(
    ("ratio", "by_hand"),
    [
        ("current_ratio", 520 / 430),
        ("quick_ratio", (520 - 180 - 10) / 430),
        ("quick_ratio_prc", (520 - 180) / 430),
        ("cash_ratio", (60 - 20) / 430),
        ("cfo_to_current_liabilities", 15 / ((430 + 370) / 2)),
        ("short_debt_cover", (60 - 20) / (100 + 20)),
        ("working_capital", 90),
        ("liabilities_to_assets", 0.62),
        ("liabilities_to_equity", 620 / 380),
        ("debt_share_of_liabilities", (100 + 20 + 190) / 620),
        ("debt_to_ebitda", 310 / (38 + 32 + 42)),
        ("net_debt_to_ebitda", (310 - 40) / 112),
        ("interest_cover", 70 / 32),
        ("ebitda_cover", 112 / 32),
        ("dscr", (112 - 9.5) / (30 + 32)),
        ("dscr_floor", (70 - 9.5) / (30 + 32)),
        ("fccr", (112 - 30 - 9.5 - 8) / (30 + 32)),
        ("cfo_to_debt", 15 / ((310 + 290) / 2)),
        ("gross_margin", 0.2),
        ("return_on_assets", 70 / 950),
        ("return_on_equity", 28.5 / 370),
        ("receivable_turns", 900 / 185),
        ("receivable_days", 360 * 185 / 900),
        ("inventory_days", 360 * 165 / 720),
        ("payable_days", 360 * 145 / 720),
        ("cash_cycle", 74 + 82.5 - 72.5),
        ("receivables_and_inventory_share", 390 / 520),
        ("cfo_to_profit", 15 / 28.5),
        ("sales_cash_ratio", 950 / 900),
        ("free_cash_flow", -15),
        ("revenue_growth", 50 / 850),
        ("profit_growth", -12 / 40.5),
        ("equity_growth", 380 / 360),
    ],
)
def test_ratio_agrees_by_hand(ratio, by_hand):
    assert values().at[ratio, "value"] == pytest.approx(by_hand, abs=1e-9)


def test_day_basis_is_one_setting():
    assert values(day_basis=365).at["receivable_days", "value"] == pytest.approx(75.0277777777)


def test_unknown_day_basis_refused():
    with pytest.raises(ContractError, match="360 or 365, found 350"):
        values(day_basis=350)


def test_no_interest_has_its_reason():
    row = values({"interest_expense": (0, 0)}).loc["interest_cover"]
    assert pd.isna(row["value"])
    assert row["reason"] == "no_interest"


def test_negative_equity_has_its_reason():
    row = values({"equity": (-5, 10)}).loc["liabilities_to_equity"]
    assert pd.isna(row["value"])
    assert row["reason"] == "not_positive:end.equity"


def test_missing_item_is_named():
    row = values({"inventory": None}).loc["inventory_days"]
    assert row["reason"] == "missing:avg.inventory"


def test_unreported_debt_is_not_zero():
    none = {"short_term_borrowings": None, "noncurrent_debt_due_1y": None, "long_term_borrowings": None}
    assert values(none).at["debt_to_ebitda", "reason"] == "missing:end.debt"


def test_every_row_value_or_reason(sample_book):
    table = ratios.compute(Panel(sample_book.statements(as_of="2026-05-15")))
    assert (table["value"].isna() == table["reason"].notna()).all()


def test_every_ratio_has_its_reading():
    assert set(ratios.FORMULAS) <= set(measures())


def test_panel_equals_one_by_one(sample_book):
    together = ratios.compute(Panel(sample_book.statements(as_of="2026-05-15")))
    alone = ratios.compute(Panel(sample_book.statements("S0004", as_of="2026-05-15")))
    mine = together[together["borrower_id"] == "S0004"].reset_index(drop=True)
    pd.testing.assert_frame_equal(mine, alone, check_categorical=False)


def test_explanation_shows_numbers_and_sources(sample_book):
    panel = Panel(sample_book.statements("S0001", as_of="2026-05-15"))
    told = ratios.explain(panel, "receivable_days", "S0001", "2025-09-30")
    numbers = dict(zip(told.inputs["leaf"], told.inputs["value"], strict=True))
    assert told.value == pytest.approx(360 * numbers["avg.accounts_receivable"] / numbers["ttm.revenue"])
    rebuilt = (told.facts["weight"] * told.facts["amount"]).groupby(told.facts["leaf"]).sum()
    assert rebuilt["ttm.revenue"] == pytest.approx(numbers["ttm.revenue"])
    assert told.facts["source"].str.startswith("synthetic sample").all()


def test_explaining_unknown_ratio_lists_known(sample_book):
    with pytest.raises(ContractError, match=r"unknown ratio 'roce'; known: .*current_ratio"):
        ratios.explain(Panel(sample_book.statements("S0001", as_of="2026-05-15")), "roce", "S0001", "2025-09-30")


def test_compare_sets_moments_side_by_side():
    rows = [
        (day, 12, item, pair[i]) for item, pair in {**STOCKS, **FLOWS}.items() for i, day in enumerate((NOW, BEFORE))
    ]
    panel = Panel(facts(rows))
    compared = ratios.compare(ratios.compute(panel), moments(panel, "A"))
    assert compared.at["current_ratio", "change"] == pytest.approx(520 / 430 - 470 / 370)
    assert pd.isna(compared.at["current_ratio", "usual"])
