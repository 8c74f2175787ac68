import gzip
import json
from pathlib import Path

import pandas as pd
import pytest

from postloan.book import edgar
from postloan.errors import SourceError

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "edgar_companyfacts"
real = pytest.mark.skipif(not DATA.is_dir(), reason="shared data absent")

YEAR = ("2023-01-01", "2023-12-31")


def fact(value, filed="2024-02-01", span=YEAR, accn=None):
    start, end = span
    about = {"end": end, "val": value, "filed": filed, "accn": accn or f"a-{filed}", "form": "10-K"}
    return {"start": start, **about} if start else about


def company(tags, taxonomy="us-gaap", unit="USD"):
    day = (None, YEAR[1])
    usual = {tag: [fact(1, span=day)] for tag in ("Assets", "Liabilities", "Equity", "StockholdersEquity")}
    listed = {tag: {"units": {unit: facts}} for tag, facts in {**usual, **tags}.items()}
    return {"cik": 1234, "entityName": "Acme", "facts": {taxonomy: listed}}


def read(folder, content, **given):
    file = folder / "facts.json"
    file.write_text(json.dumps(content))
    return edgar.read(file, **given)


def amounts(intake, item):
    rows = intake.tables["statements"].query("item == @item")
    return list(zip(rows["known_on"].dt.strftime("%Y-%m-%d"), rows["amount"], strict=True))


def test_repeats_add_nothing(tmp_path):
    tags = {"Revenues": [fact(10), fact(10, "2025-02-01"), fact(11, "2026-02-01")]}
    assert amounts(read(tmp_path, company(tags)), "revenue") == [("2024-02-01", 10), ("2026-02-01", 11)]


def test_better_tag_wins(tmp_path):
    tags = {"Revenues": [fact(10)], "RevenueFromContractWithCustomerExcludingAssessedTax": [fact(9)]}
    assert amounts(read(tmp_path, company(tags)), "revenue") == [("2024-02-01", 9)]


def test_lesser_tag_first_known(tmp_path):
    tags = {"NetIncomeLoss": [fact(10), fact(10, "2026-02-01")], "ProfitLoss": [fact(12, "2025-02-01")]}
    assert amounts(read(tmp_path, company(tags)), "net_profit") == [("2024-02-01", 10), ("2025-02-01", 12)]


def test_sums_need_both(tmp_path):
    parts = {"OtherDepreciationAndAmortization": [fact(3)], "AmortizationOfIntangibleAssets": [fact(4)]}
    assert amounts(read(tmp_path, company(parts)), "depreciation_amortisation") == [("2024-02-01", 7)]
    parts["AmortizationOfIntangibleAssets"] = [fact(4, "2025-02-01")]
    assert amounts(read(tmp_path, company(parts)), "depreciation_amortisation") == []


@pytest.mark.parametrize(
    ("span", "months"),
    [
        (("2023-10-01", "2023-12-31"), 3),
        (("2022-12-25", "2023-12-31"), 12),
        (("2023-09-25", "2023-12-31"), 3),
        (("2023-04-01", "2023-12-31"), 9),
    ],
)
def test_spans_become_months(tmp_path, span, months):
    statements = read(tmp_path, company({"Revenues": [fact(10, span=span)]})).tables["statements"]
    assert statements.query("item == 'revenue'")["months"].tolist() == [months]


def test_odd_spans_noted(tmp_path):
    intake = read(tmp_path, company({"Revenues": [fact(10, span=("2023-08-01", "2023-12-31"))]}))
    assert amounts(intake, "revenue") == []
    assert intake.notes == ["1 facts over other spans than 3, 6, 9 or 12 months left out"]


def test_event_days_left_out(tmp_path):
    event = fact(5, span=(None, "2023-05-17"))
    intake = read(tmp_path, company({"Goodwill": [event, fact(6, span=(None, YEAR[1]))]}))
    assert amounts(intake, "goodwill") == [("2024-02-01", 6)]


def test_later_filing_same_day(tmp_path):
    tags = {"Revenues": [fact(10, accn="a-1"), fact(11, accn="a-2")]}
    intake = read(tmp_path, company(tags))
    assert amounts(intake, "revenue") == [("2024-02-01", 11)]
    assert any("same day" in note for note in intake.notes)


def test_debt_counted_once(tmp_path):
    day = (None, YEAR[1])
    tags = {"ShortTermBorrowings": [fact(584, span=day)], "LongTermDebtCurrent": [fact(584, span=day)]}
    intake = read(tmp_path, company(tags))
    assert amounts(intake, "short_term_borrowings") == [("2024-02-01", 584)]
    assert amounts(intake, "noncurrent_debt_due_1y") == []


def test_main_currency_read(tmp_path):
    content = company({"Revenues": [fact(10)]})
    content["facts"]["us-gaap"]["Revenues"]["units"]["COP"] = [fact(9000)]
    intake = read(tmp_path, content)
    assert amounts(intake, "revenue") == [("2024-02-01", 10)]
    assert intake.notes == ["1 facts in COP left out"]


def test_absent_currency_refused(tmp_path):
    with pytest.raises(SourceError, match=r"expected amounts in EUR.*USD"):
        read(tmp_path, company({}), currency="EUR")


def test_borrower_defaults_cik(tmp_path):
    intake = read(tmp_path, company({}))
    assert intake.tables["borrowers"].to_dict("records") == [
        {"borrower_id": "0000001234", "name": "Acme", "currency": "USD"}
    ]
    assert read(tmp_path, company({}), borrower="ACME").tables["borrowers"]["borrower_id"].tolist() == ["ACME"]


def test_unmapped_tags_counted(tmp_path):
    assert read(tmp_path, company({"Strange": [fact(1), fact(2, "2025-02-01")]})).unmapped["Strange"] == 2


def test_ifrs_is_read(tmp_path):
    intake = read(tmp_path, company({"Revenue": [fact(10)], "ProfitLossBeforeTax": [fact(3)]}, "ifrs-full", "EUR"))
    assert amounts(intake, "revenue") == [("2024-02-01", 10)]
    assert set(intake.tables["statements"]["currency"]) == {"EUR"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (gzip.compress(b'{"cik": 1}' * 50, mtime=0)[:20], "damaged gzip"),
        (b'{"cik": 1, ', "expected SEC companyfacts JSON"),
        (b"\xff\xfe\x00", "expected SEC companyfacts JSON"),
        (b"[1, 2]", "found a JSON list"),
        (b'{"cik": 1, "entityName": "A"}', "no \\['facts'\\]"),
        (b'{"cik": 1, "entityName": "A", "facts": {}}', "no facts under"),
        (b'{"cik": 1, "entityName": "A", "facts": {"us-gaap": {"Assets": 5}}}', "not laid out"),
    ],
)
def test_damaged_files_explained(tmp_path, content, message):
    file = tmp_path / "facts.json"
    file.write_bytes(content)
    with pytest.raises(SourceError, match=message):
        edgar.read(file)


def test_content_decides_kind(tmp_path):
    file = tmp_path / "facts.csv"
    file.write_bytes(gzip.compress(json.dumps(company({})).encode()))
    assert edgar.recognise(file)
    file.write_text("a,b\n1,2\n")
    assert not edgar.recognise(file)


@real
def test_apple_year_reads():
    rows = edgar.read(next(DATA.glob("*AAPL*"))).tables["statements"]
    found = rows.set_index(["item", "period_end", "months"])["amount"]
    assert found["revenue", pd.Timestamp("2024-09-28"), 12] == 391_035e6
    assert found["net_profit", pd.Timestamp("2024-09-28"), 12] == 93_736e6
    assert found["revenue", pd.Timestamp("2024-06-29"), 9] == 296_105e6


@real
@pytest.mark.parametrize("ticker", ["AAPL", "MRVL", "SNOW", "LPA"])
def test_real_facts_unique(ticker):
    rows = edgar.read(next(DATA.glob(f"*{ticker}*"))).tables["statements"]
    assert not rows.duplicated(["item", "period_end", "months", "known_on"]).any()
    needed = {
        "cash",
        "current_assets",
        "total_assets",
        "equity",
        "retained_earnings",
        "revenue",
        "net_profit",
    }
    assert needed | {"cfo", "cfi", "cff", "capex", "long_term_borrowings", "interest_expense"} <= set(rows["item"])


def test_unknown_tags_refused(tmp_path):
    content = company({})
    content["facts"]["us-gaap"] = {"Strange": {"units": {"USD": [fact(1)]}}}
    with pytest.raises(SourceError, match="no fact in USD has a tag"):
        read(tmp_path, content)


@pytest.mark.parametrize("pack", [gzip.compress, bytes])
def test_too_large_a_file_is_refused_unread(tmp_path, monkeypatch, pack):
    monkeypatch.setattr(edgar, "_LARGEST", 1000)
    (tmp_path / "x.json.gz").write_bytes(pack(b" " * 100_000))
    with pytest.raises(SourceError, match="expected at most 0 MB of companyfacts, found more"):
        edgar.read(tmp_path / "x.json.gz")


@pytest.mark.parametrize("amount", [10**400, float("inf")])
def test_amount_beyond_bounds_is_refused(tmp_path, amount):
    with pytest.raises(SourceError, match="not laid out as companyfacts are: OverflowError"):
        read(tmp_path, company({"Revenues": [fact(amount)]}))
