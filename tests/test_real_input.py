"""Real statements, checked against sums made from the raw files by hand (csv and json only)."""

import csv
import gzip
import json

import pandas as pd
import pytest

from conftest import SHARED, needs_shared
from postloan.analysis import ratios
from postloan.analysis.periods import Panel
from postloan.book import edgar, exports
from postloan.book.store import open_book

pytestmark = needs_shared


@pytest.fixture(scope="module")
def ledger(tmp_path_factory):
    made = open_book(f"sqlite:///{tmp_path_factory.mktemp('real') / 'book.db'}")
    for part in ("balance", "income", "cashflow"):
        made.add(exports.read(SHARED / "cn_exports" / f"sina_600600_{part}.csv", borrower="600600", name="青岛啤酒"))
    made.add(exports.read(SHARED / "cn_exports" / "600096_balance_163layout_utf8.csv", borrower="600096"))
    for ticker in ("AAPL", "MRVL", "SNOW", "LPA"):
        (path,) = (SHARED / "edgar_companyfacts").glob(f"companyfacts_{ticker}_*.json.gz")
        made.add(edgar.read(path, borrower=ticker))
    return made


def ratio(ledger, borrower_id: str, period_end: str, as_of: str = "2026-11-01") -> pd.Series:
    table = ratios.compute(Panel(ledger.statements(borrower_id, as_of=as_of)), day_basis=360)
    found = table[table["period_end"] == period_end].set_index("ratio")
    assert len(found)
    return found["value"].astype(object).where(found["value"].notna(), found["reason"].astype(object))


@pytest.fixture(scope="module")
def raw():
    """Cells of the brewer's exports: raw[part][period][caption], as floats."""
    cells = {}
    for part in ("balance", "income", "cashflow"):
        with (SHARED / "cn_exports" / f"sina_600600_{part}.csv").open(encoding="utf-8-sig", newline="") as file:
            rows = {row["报告日"]: row for row in csv.DictReader(file)}
        cells[part] = {
            day: {c: float(v) for c, v in row.items() if v and v[-1].isdigit() and ":" not in v}
            for day, row in rows.items()
        }
    return cells


# the day, the same quarter-end a quarter / a year earlier, the fiscal year before
@pytest.mark.parametrize(
    ("day", "quarter_before", "year_before", "fiscal_year"),
    [("20221231", "20220930", "20211231", None), ("20230930", "20230630", "20220930", "20221231")],
)
def test_brewer_agrees_with_hand_sums(ledger, raw, day, quarter_before, year_before, fiscal_year):
    income, balance = raw["income"], raw["balance"]

    def ttm(part: dict, caption: str) -> float:
        if fiscal_year is None:
            return part[day][caption]
        return part[day][caption] + part[fiscal_year][caption] - part[year_before][caption]

    ours = ratio(ledger, "600600", day)
    for caption, name in (("营业收入", "revenue"), ("净利润", "net_profit")):
        quarter = income[day][caption] - income[quarter_before][caption]
        assert ours[f"{name}_quarter"] == pytest.approx(quarter, abs=1)
        assert ours[f"{name}_ttm"] == pytest.approx(ttm(income, caption), abs=1)
    assert ours["current_ratio"] == pytest.approx(balance[day]["流动资产合计"] / balance[day]["流动负债合计"])
    receivables = (balance[day]["应收账款"] + balance[year_before]["应收账款"]) / 2
    assert ours["receivable_days"] == pytest.approx(360 * receivables / ttm(income, "营业收入"))
    earned = ttm(income, "利润总额") + ttm(income, "利息费用")
    assert ours["interest_cover"] == pytest.approx(earned / ttm(income, "利息费用"))
    assert ours["cfo_ttm"] == pytest.approx(ttm(raw["cashflow"], "经营活动产生的现金流量净额"), abs=1)


@pytest.mark.parametrize(
    ("day", "year_before", "fiscal_year"), [("20221231", "20211231", None), ("20230930", "20220930", "20221231")]
)
def test_brewer_service_cover_by_hand(ledger, raw, day, year_before, fiscal_year):
    """Its exports tell no depreciation: the cover has its reason, and its lower bound adds none back."""

    def ttm(caption: str) -> float:
        part = raw["income"]
        return part[day][caption] + (part[fiscal_year][caption] - part[year_before][caption] if fiscal_year else 0)

    ours = ratio(ledger, "600600", day)
    earned = ttm("利润总额") + ttm("利息费用") - ttm("所得税费用")
    due = raw["balance"][year_before]["一年内到期的非流动负债"] + ttm("利息费用")
    assert ours["dscr"] == ours["fccr"] == "missing:ttm.ebitda"
    assert ours["dscr_floor"] == pytest.approx(earned / due)


def test_brewer_published_figures(ledger):
    """Figures of the annual report 2022 and the quarterly report to September 2023."""
    year, quarter = ratio(ledger, "600600", "2022-12-31"), ratio(ledger, "600600", "2023-09-30")
    assert year["revenue_ttm"] == 32_171_565_624
    assert quarter["revenue_quarter"] == 30_978_047_855 - 21_591_789_633
    assert year["current_ratio"] == pytest.approx(32_002_483_239 / 19_671_788_734)


def test_apple_fiscal_year_and_unfiled_quarter(ledger):
    """10-K FY2024 and FY2023: sales 391,035, nine months 296,105; net income 93,736, nine months 79,000 (USD m)."""
    ours = ratio(ledger, "AAPL", "2024-09-28")
    assert ours["revenue_ttm"] == 391_035e6
    assert ours["revenue_quarter"] == (391_035 - 296_105) * 1e6
    assert ours["net_profit_ttm"] == 93_736e6
    assert ours["net_profit_quarter"] == (93_736 - 79_000) * 1e6
    assert ours["current_ratio"] == pytest.approx(152_987 / 176_392)
    assert ours["receivable_days"] == pytest.approx(360 * (33_410 + 29_508) / 2 / 391_035)
    assert ours["interest_cover"] == "missing:ttm.interest_expense"


def test_apple_interest_cover_while_reported(ledger):
    """FY2023: income before tax 113,736, interest expense 3,933 (USD m)."""
    assert ratio(ledger, "AAPL", "2023-09-30")["interest_cover"] == pytest.approx((113_736 + 3_933) / 3_933)


def test_apple_service_cover_by_hand(ledger):
    """FY2023, USD m: income before tax 113,736, interest 3,933, depreciation 11,519, taxes 16,741, capital expenditure
    10,959, dividends 15,025; term debt due within a year at the end of FY2022 11,128. FY2024 tells no interest."""
    ours, due = ratio(ledger, "AAPL", "2023-09-30"), 11_128 + 3_933
    assert ours["dscr"] == pytest.approx((113_736 + 3_933 + 11_519 - 16_741) / due)
    assert ours["dscr_floor"] == pytest.approx((113_736 + 3_933 - 16_741) / due)
    assert ours["fccr"] == pytest.approx((113_736 + 3_933 + 11_519 - 10_959 - 16_741 - 15_025) / due)
    assert ratio(ledger, "AAPL", "2024-09-28")["dscr"] == "missing:ttm.interest_expense"


def test_apple_as_of_sees_only_filings(ledger):
    with gzip.open(next((SHARED / "edgar_companyfacts").glob("*AAPL*")), "rt") as file:
        facts = json.load(file)["facts"]["us-gaap"]["Assets"]["units"]["USD"]
    filed = min(fact["filed"] for fact in facts if fact["end"] == "2024-09-28")
    day_before = str((pd.Timestamp(filed) - pd.Timedelta(days=1)).date())
    seen = [Panel(ledger.statements("AAPL", as_of=day)).rows["period_end"].max() for day in (day_before, filed)]
    assert [f"{day:%Y-%m-%d}" for day in seen] == ["2024-06-29", "2024-09-28"]


def test_brewer_year_end_known_by_april(ledger):
    """The export says 2023-10-28 for the balance of 2022: the date of a restatement, not of publication."""
    panel = Panel(ledger.statements("600600", as_of="2023-05-01"))
    assert f"{panel.rows['period_end'].max():%Y-%m-%d}" == "2023-03-31"


def test_ten_thousand_scale(ledger):
    """资产总计 6,588,968 万元 on 2018-03-31."""
    found = ledger.statements("600096", as_of="2026-01-01").set_index(["period_end", "item"])["amount"]
    assert found["2018-03-31", "total_assets"] == 65_889_680_000


@pytest.mark.parametrize("borrower_id", ["600600", "600096", "AAPL", "MRVL", "SNOW", "LPA"])
def test_every_panel_value_or_reason(ledger, borrower_id):
    table = ratios.compute(Panel(ledger.statements(borrower_id, as_of="2026-11-01")))
    assert (table["value"].isna() == table["reason"].notna()).all()
    assert table["value"].notna().any()
