"""Cover of debt service: by hand, to come, under stress."""

import csv
import functools

import numpy as np
import pandas as pd
import pytest
from hand import panel, side, two_loans
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import SHARED, needs_shared
from postloan.analysis import assumptions, capacity, debt, outlook, servicing
from postloan.analysis.periods import Panel
from postloan.book import edgar, exports
from postloan.book.store import open_book

AS_OF = "2025-02-15"


def made_of(tables, made, as_of=AS_OF, assumed=None):
    """rows, service, cover and coming of a panel."""
    rows = debt.own(tables, servicing.state(tables, as_of), as_of)
    service = debt.service(made, rows, tables, assumed=assumed)
    return (
        rows, service, capacity.cover(made, service, tables, assumed=assumed),
        debt.coming(made, rows, tables, as_of, assumed=assumed),
    )  # fmt: skip


def test_cover_by_hand():
    """EBITDA 120 + 24 + 40 = 184; tax 30; maintenance 40 / 2; working capital 290 − 250. Service 194 (test_debt).
    Fixed: capex 80 − 20 of new long debt; distributions 12."""
    told = made_of(two_loans(), panel())[2].iloc[-1]
    assert (told["ebitda"], told["maintenance"], told["working_capital_change"]) == (184, 20, 40)
    assert told["dscr"] == pytest.approx((184 - 30 - 20 - 40) / 194)
    assert told["capex_own_funds"] == 60
    assert told["fccr"] == pytest.approx((184 - 60 - 30 - 12) / 194)


def test_what_cash_lacks_is_the_reason():
    told = made_of(two_loans(), panel(without=("depreciation_amortisation",)))[2].iloc[-1]
    assert (told["dscr_reason"], told["fccr_reason"]) == ("missing:ttm.ebitda", "missing:ttm.ebitda")
    first = made_of(two_loans(), panel())[2].iloc[0]
    assert (np.isnan(first["dscr"]), first["dscr_reason"]) == (True, "missing:end_1.operating_working_capital")


def test_nothing_due_is_no_cover():
    lines = ("short_term_borrowings", "noncurrent_debt_due_1y", "long_term_borrowings", "interest_expense")
    made = panel(without=lines)
    nil = made.statements.iloc[:6].assign(item=["short_term_borrowings", "interest_expense"] * 3, amount=0.0)
    nil["period_end"] = np.repeat(made.rows["period_end"].to_numpy(), 2)
    nil["months"] = [0, 12] * 3
    told = made_of(side(), Panel(pd.concat([made.statements, nil], ignore_index=True)))[2].iloc[-1]
    assert (told["service"], told["dscr_reason"]) == (0, "no_debt_service")


def test_a_lender_is_not_judged_as_a_trader():
    parts = made_of(two_loans(), panel(without=("current_assets", "current_liabilities")))
    told, soon = parts[2].iloc[-1], parts[3].iloc[-1]
    assert (told["dscr_reason"], told["fccr_reason"], soon["reason"]) == ("unparted",) * 3
    assert told[["dscr", "fccr", "cash", "service"]].isna().all()
    assert set(capacity.stress(capacity.start(panel(), parts[2], parts[3]))["reason"]) == {"unparted"}


def test_negative_cash_covers_nothing():
    assert capacity.times(pd.Series([-5.0, 5.0]), pd.Series([10.0, 0.0])).tolist()[0] == 0
    assert np.isnan(capacity.times(pd.Series([5.0]), pd.Series([0.0]))).all()


@functools.cache
def base_case():
    tables, made = two_loans(), panel()
    return tables, made, made_of(tables, made)[0]


@settings(max_examples=25, deadline=None)
@given(st.floats(0, 500), st.sampled_from(["2024-05-31", "2024-12-31"]), st.sampled_from(["principal", "interest"]))
def test_more_service_never_gives_a_better_cover(more, day, kind):
    tables, made, rows = base_case()
    extra = rows.iloc[:1].assign(due=more, open=0.0, due_on=pd.Timestamp(day), kind=kind, short=False)
    heavier = pd.concat([rows, extra], ignore_index=True)
    before, after = (
        capacity.cover(made, debt.service(made, each, tables), tables)["dscr"].iloc[-1] for each in (rows, heavier)
    )
    assert after <= before + 1e-12


def test_stress_by_hand():
    """Start: cash 94, revenue 1200, cost 840, tax 30, debt 430. Revenue −10 %: 120 − 0.8 × 84 lost = 52.8, a quarter of
    it less tax. Costs +2 points: 24 less 6. Rate +1 point: 4.30 more interest."""
    _, _, cover, coming = made_of(two_loans(), panel())
    begins = capacity.start(panel(), cover, coming)
    told = capacity.stress(begins).set_index("case")
    owed = coming["service"].iloc[0]
    assert told.at["base", "cash"] == 94
    assert told.at["revenue_10", "cash"] == pytest.approx(94 - 52.8 * 0.75)
    assert told.at["cost_2", "cash"] == pytest.approx(94 - 24 * 0.75)
    assert told.at["rate_100", "service"] == pytest.approx(owed + 4.3)
    assert told.at["together", "cash"] == pytest.approx(94 - (52.8 + 0.02 * 1080) * 0.75)
    assert told.at["revenue_10", "dscr"] == pytest.approx((94 - 39.6) / owed)
    assert told.at["revenue_10", "shortfall"] == pytest.approx(owed - 54.4)
    assert (told["dscr"] <= told.at["base", "dscr"]).all()


def test_stress_without_cost_says_so():
    made = panel(without=("operating_cost",))
    _, _, cover, coming = made_of(two_loans(), made)
    told = capacity.stress(capacity.start(made, cover, coming)).set_index("case")
    assert told.at["revenue_10", "reason"] == "missing:ttm.operating_cost"
    assert told.at["base", "reason"] is None


@functools.cache
def sample_panel(address):
    return Panel(open_book(address).statements(["S0003", "S0005", "S0008"], as_of="2026-05-15"))


@pytest.fixture(scope="module")
def drawn(sample_address):
    made = sample_panel(sample_address)
    return made, {
        name: outlook.draw(made, name, capacity.formulas_of(), horizon=8) for name in ("S0003", "S0005", "S0008")
    }


def future_of(drawn, name, tables=None, as_of="2026-05-15"):
    made, draws = drawn
    rows, service, _, coming = made_of(tables or side(), made, as_of)
    return capacity.future(draws[name], made, rows, service, coming)


def test_fan_of_the_decliner_is_worse(drawn):
    good, bad = (future_of(drawn, name) for name in ("S0003", "S0005"))
    assert list(good.table()["period_end"].unique()) == list(good.cover.days)
    assert len(good.table()) == 16
    chances = [capacity.chances(each)["chance"].iloc[-1] for each in (good, bad)]
    assert chances[0] < 0.1 < 0.9 < chances[1]
    assert (capacity.stress(bad.start)["shortfall"] > 0).all()


def test_expected_start_is_the_first_draw(drawn):
    made = future_of(drawn, "S0003")
    row = capacity.stress(made.start).iloc[0]
    assert row["dscr"] == pytest.approx(made.cover.values[capacity.METRIC][0, 3])
    assert row["basis"] == "expected"


def test_no_debt_has_no_fan(drawn):
    made = future_of(drawn, "S0008")
    assert made.table()["reason"].tolist() == ["no_debt_service"]
    assert capacity.chances(made)["chance"].isna().all()
    assert made.start.empty
    assert capacity.stress(made.start).empty


def test_coming_windows_take_our_plan(drawn):
    """A plan of 7 m due 20 February 2026 and 9 m due 20 May 2027 is in the windows of twelve months around each."""
    loan = dict(loan_id="L", product="project", currency="CNY", amount=16e6, rate=0.05, signed_on="2025-01-02",
                matures_on="2027-05-20")  # fmt: skip
    plan = [dict(loan_id="L", due_on=on, principal=sum_, interest=0.0, known_on="2025-01-02")
            for on, sum_ in (("2026-02-20", 7e6), ("2027-05-20", 9e6))]  # fmt: skip
    drawdown = dict(loan_id="L", drawdown_id="D", drawn_on="2025-01-02", amount=16e6)
    paid = dict(loan_id="L", repayment_id="R", paid_on="2026-02-20", principal=7e6, interest=0.0)
    rows = [dict(borrower_id="S0003", **row) for row in (loan, drawdown, paid)]
    tables = side(loans=rows[:1], drawdowns=rows[1:2], repayments=rows[2:],
                  schedule=[dict(borrower_id="S0003", **row) for row in plan])  # fmt: skip
    due_by_day = future_of(drawn, "S0003", tables).due["own"].tolist()
    assert due_by_day == [7e6, 7e6, 7e6, 7e6, 0, 9e6, 9e6, 9e6]


# ---- real statements: sums made by hand from the reports


def panel_of(*intakes, until):
    """A panel of what these files say up to a day, without a book."""
    facts = pd.concat([intake.tables["statements"] for intake in intakes], ignore_index=True)
    kept = facts[facts["known_on"] <= until].sort_values("known_on", kind="stable").assign(derived=False)
    return Panel(kept[kept["period_end"] >= pd.Timestamp(until) - pd.DateOffset(years=3)])


@needs_shared
def test_apple_2023_by_hand():
    """10-K FY2023 (USD m): income before tax 113,736, interest 3,933, D&A 11,519, tax 16,741. Due within a year at the
    end of FY2022: term debt 11,128, commercial paper 9,982. In the ratio's variant, without maintenance, working
    capital and renewals, (129,188 − 16,741) / (11,128 + 3,933) = 7.47."""
    (path,) = (SHARED / "edgar_companyfacts").glob("companyfacts_AAPL_*.json.gz")
    made = panel_of(edgar.read(path, borrower="AAPL"), until="2023-12-31")
    told = made_of(side(), made, "2023-12-31")[2].set_index("period_end").loc["2023-09-30"]
    assert told["ebitda"] == (113_736 + 3_933 + 11_519) * 1e6
    assert told["service"] == pytest.approx((11_128 + 3_933 + 0.2 * 9_982) * 1e6)
    assert (told["ebitda"] - told["income_tax"]) / ((11_128 + 3_933) * 1e6) == pytest.approx(7.466, abs=5e-4)
    # receivables 29,508 and 28,184; inventories 6,331 and 4,946; payables 62,611 and 64,115; deferred revenue 8,061
    # and 7,912
    working = (29_508 + 6_331 - 62_611 - 8_061) - (28_184 + 4_946 - 64_115 - 7_912)
    assert told["working_capital_change"] == pytest.approx(working * 1e6)
    cash = 129_188 - 16_741 - 11_519 / 2 - working
    assert told["dscr"] == pytest.approx(cash / (11_128 + 3_933 + 0.2 * 9_982))


@needs_shared
def test_brewer_service_by_hand_and_cover_missing():
    """Tsingtao to 31 December 2022, from the exports: short loans and debt due within a year at the end of 2021, and
    the interest of 2022. Depreciation is not in the export: no cover, and it says so."""
    cells, intakes = {}, []
    for part in ("balance", "income", "cashflow"):
        path = SHARED / "cn_exports" / f"sina_600600_{part}.csv"
        intakes.append(exports.read(path, borrower="600600", name="青岛啤酒"))
        with path.open(encoding="utf-8-sig", newline="") as file:
            cells[part] = {row["报告日"]: row for row in csv.DictReader(file)}
    made = panel_of(*intakes, until="2023-05-01")
    told = made_of(side(), made, "2023-05-01")[2].set_index("period_end").loc["2022-12-31"]
    before = {name: float(cells["balance"]["20211231"][name] or 0) for name in ("短期借款", "一年内到期的非流动负债")}
    interest = float(cells["income"]["20221231"]["利息费用"])
    owed = 0.2 * before["短期借款"] + before["一年内到期的非流动负债"] + interest
    assert told["service"] == pytest.approx(owed)
    assert (np.isnan(told["dscr"]), told["dscr_reason"]) == (True, "missing:ttm.ebitda")


def test_assumptions_can_be_replaced():
    kept = assumptions.load()
    renewed = kept.model_copy(update={"debt": kept.debt.model_copy(update={"revolving_share": 1.0})})
    told = made_of(two_loans(), panel(), assumed=renewed)[1].iloc[-1]
    assert told["other_principal"] == 30
