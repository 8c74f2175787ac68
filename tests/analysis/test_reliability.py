"""Every reliability test on its examples, sound and altered statements, what is missing, and the texts beside them."""

import json
import re
from copy import deepcopy

import pandas as pd
import pytest

from conftest import ROOT, SHARED, facts, needs_shared
from postloan import settings, texts, wording
from postloan.analysis import evidence, reliability
from postloan.analysis.periods import Panel
from postloan.book import edgar, exports
from postloan.errors import ContractError, RuleError
from postloan.tables import Intake

BOOK, TESTS = reliability.load()
HARD = {"balance", "cash_roll", "opening_cash", "revenue_cumulates", "retained_earnings_roll", "equity_roll"}
NOT_A_WORD = ("欺诈", "舞弊", "造假", "虚假", "作假", "fraud", "fake", "falsif", "manipulat")


@pytest.fixture(scope="module")
def statements(sample_book):
    return sample_book.statements(as_of="2026-11-01")


@pytest.fixture(scope="module")
def checked(statements):
    return reliability.check(Panel(statements))


@pytest.fixture(scope="module")
def steady(statements):
    """S0001, figures as filed and derived."""
    return statements[statements["borrower_id"] == "S0001"]


@pytest.fixture(scope="module")
def sound(steady):
    """The tests that S0001 fails as it is."""
    return failed(steady)


def failed(statements: pd.DataFrame, **options) -> set[str]:
    found = reliability.check(Panel(statements), **options)
    return set(found.loc[found["result"] == "fail", "test"])


def altered(statements: pd.DataFrame, item: str, factor: float, period: str) -> pd.DataFrame:
    rows = (statements["item"] == item) & (statements["period_end"] == period)
    assert rows.any()
    return statements.assign(amount=statements["amount"].mask(rows, statements["amount"] * factor))


def papers(rows: list[tuple], borrower_id: str = "S0001") -> pd.DataFrame:
    told = pd.DataFrame(rows, columns=["period_end", "kind", "amount"])
    return told.assign(borrower_id=borrower_id, known_on=pd.Timestamp("2026-05-01"), source="VAT return")


def amount(statements: pd.DataFrame, item: str, period: str = "2025-12-31") -> float:
    rows = statements[(statements["item"] == item) & (statements["period_end"] == period)]
    return float(rows["amount"].iloc[-1])


def test_each_test_holds_on_its_examples():
    tried = reliability.tried()
    assert len(tried) == 2 * len(TESTS) > 80
    assert tried[tried["expected"] != tried["found"]].empty


@pytest.mark.parametrize("letter", re.findall(r"\w\d", "A1A2A3A4A5A6A7B1B2B3B4B5B6C1C2C3C4D1D2D3D4D5E1"))
def test_domain_entry_has_a_test(letter):
    assert any(letter in test.basis for test in TESTS)


def test_one_row_a_borrower_and_test(checked):
    assert list(checked) == reliability.COLUMNS
    assert len(checked) == 10 * len(TESTS)
    assert not checked.duplicated(["borrower_id", "test"]).any()
    assert (checked["missing"].notna() == (checked["result"] == "cannot")).all()
    assert (checked["since"].notna() == (checked["result"] == "fail")).all()
    assert not checked["limit"].isin([float("inf"), float("-inf")]).any()


def test_sample_statements_articulate(checked):
    told = checked[checked["result"] == "fail"]
    assert not HARD & set(told["test"])
    assert not (told["severity"] == "red").any()
    assert not (told["group"] == "articulation").any()


def test_over_trader_has_items_to_support(checked):
    mine = checked[(checked["borrower_id"] == "S0009") & (checked["result"] == "fail")].set_index("test")
    assert {"profit_without_cash", "growth_without_cash"} <= set(mine.index)
    assert mine["since"]["growth_without_cash"] < mine["period_end"]["growth_without_cash"]


def test_each_failure_keeps_its_numbers(checked):
    row = checked[(checked["borrower_id"] == "S0009") & (checked["test"] == "profit_without_cash")].iloc[0]
    inputs = json.loads(row["inputs"])
    assert row["value"] == pytest.approx(inputs["ttm.cfo"] / inputs["ttm.net_profit"])
    assert row["limit"] == 0.5


@pytest.mark.parametrize(
    ("item", "factor", "period", "expected"),
    [
        ("total_assets", 1.001, "2025-12-31", {"balance"}),
        ("closing_cash", 1.2, "2025-12-31", {"cash_roll", "cash_on_balance_sheet"}),
        ("cfo", 1.5, "2025-12-31", {"cash_roll"}),
        ("opening_cash", 0.9, "2025-12-31", {"cash_roll", "opening_cash"}),
        ("retained_earnings", 0.8, "2025-12-31", {"retained_earnings_roll"}),
        ("equity", 0.9, "2025-12-31", {"balance", "equity_roll"}),
        ("revenue", 2.5, "2025-09-30", {"revenue_cumulates"}),
        ("revenue", 1.05, "2025-12-31", {"income_adds_up"}),
        (
            "other_receivables",
            40.0,
            "2025-12-31",
            {"other_receivables", "other_receivables_to_equity", "advances_jump"},
        ),
        ("interest_expense", 4.0, "2025-12-31", {"borrowing_cost"}),
    ],
)
def test_altered_figures_fail_what_they_touch(steady, sound, item, factor, period, expected):
    assert failed(altered(steady, item, factor, period)) ^ sound == expected


def test_raised_sales_lack_tax_and_cash(steady):
    declared = papers([("2025-12-31", "vat_sales", amount(steady, "revenue"))])
    raised = altered(steady, "revenue", 1.15, "2025-12-31")
    assert not failed(steady, cross_checks=declared)
    assert failed(raised, cross_checks=declared) == {"income_adds_up", "collections_contradict", "vat_sales"}


def test_single_quarters_add_up():
    rows = [("2025-03-31", 3, "revenue", 100), ("2025-06-30", 3, "revenue", 105), ("2025-06-30", 6, "revenue", 200)]
    assert "quarters_add_up" in failed(facts([*rows, ("2025-06-30", 0, "total_assets", 900)]))


@pytest.mark.parametrize(
    ("kind", "share", "item", "expected"),
    [
        ("vat_sales", 0.95, "revenue", "pass"),
        ("vat_sales", 0.85, "revenue", "amber"),
        ("vat_sales", 0.70, "revenue", "red"),
        ("bank_inflow", 0.70, "revenue", "amber"),
        ("bank_inflow", 0.40, "revenue", "red"),
        ("bank_balance", 0.20, "cash", "red"),
        ("bureau_debt", 1.10, "debt", "red"),
    ],
)
def test_outside_papers_decide(steady, kind, share, item, expected):
    base = Panel(steady).view("end")["debt"].iloc[-1] if item == "debt" else amount(steady, item)
    told = reliability.check(Panel(steady), cross_checks=papers([("2025-12-31", kind, share * base)]))
    row = told.set_index("test").loc[kind]
    assert (row["severity"] if row["result"] == "fail" else row["result"]) == expected
    assert reliability.score(told)["outside"].tolist() == [1]


def test_much_cash_and_debt_turns_red_with_missing_interest(statements):
    """S0004 holds much cash beside much debt: amber alone, red once the bank shows less."""
    mine = statements[statements["borrower_id"] == "S0004"]
    small = papers([("2025-12-31", "bank_balance", 1.0)], "S0004")
    seen = [reliability.check(Panel(mine), cross_checks=each).set_index("test") for each in (None, small)]
    assert [each["severity"]["cash_and_debt"] for each in seen] == ["amber", "red"]


@pytest.mark.parametrize(("place", "result"), [(0.9, "fail"), (0.6, "pass")])
def test_peers_decide_where_there_are_any(statements, place, result):
    """S0004 holds much cash beside much debt by fixed limits; among peers who hold as much it does not."""
    mine = Panel(statements[statements["borrower_id"] == "S0004"])
    told = reliability.check(mine, among=lambda metric, reading: pd.Series({"S0004": place})).set_index("test")
    assert told["result"]["cash_and_debt_of_peers"] == result
    assert told["missing"]["cash_and_debt"] == "instead:cash_and_debt_of_peers"
    alone = reliability.check(mine).set_index("test")
    assert (alone["result"]["cash_and_debt"], alone["missing"]["cash_and_debt_of_peers"][:5]) == ("fail", "peer:")


def test_newest_paper_counts(steady):
    revenue = amount(steady, "revenue")
    told = papers([("2025-12-31", "vat_sales", revenue / 2), ("2025-12-31", "vat_sales", revenue)])
    told.loc[0, "known_on"] = pd.Timestamp("2026-06-01")
    assert "vat_sales" in failed(steady, cross_checks=told)


def test_benford_needs_many_lines(steady):
    few = papers([("2025-12-31", "invoice_lines", 10.0 + number) for number in range(200)])
    many = papers([("2025-12-31", "invoice_lines", 10.0 + number % 90) for number in range(1200)])
    told = [reliability.check(Panel(steady), cross_checks=each).set_index("test") for each in (few, many)]
    assert [each["result"]["first_digits"] for each in told] == ["cannot", "fail"]


def test_what_is_missing_is_named(steady):
    told = reliability.check(Panel(steady[steady["item"] != "closing_cash"])).set_index("test")
    assert told["missing"]["cash_on_balance_sheet"] == "missing:end.closing_cash"
    assert told["missing"]["vat_sales"] == "paper:vat_sales"
    assert told["missing"]["cit_revenue"] == "paper:vat_sales, cit_revenue"
    assert told["result"]["balance"] == "pass"


def test_derived_total_is_no_test_of_itself(steady):
    derived = steady.assign(derived=steady["derived"] | (steady["item"] == "equity"))
    told = reliability.check(Panel(derived)).set_index("test")
    assert told["missing"]["balance"] == "missing:filed.equity"


def test_unknown_currency_has_no_reference(steady):
    told = reliability.check(Panel(steady.assign(currency="CZK"))).set_index("test")
    assert told["missing"]["borrowing_cost"] == "reference:lending"


def test_verdict_too_old_is_none(steady):
    old = steady[(steady["item"] != "closing_cash") | (steady["period_end"] < "2024-01-01")]
    assert reliability.check(Panel(old)).set_index("test")["result"]["cash_roll"] == "cannot"


def test_later_restatement_seen_from_its_day(book):
    rows = [("2025-03-31", 0, "total_assets", 900.0), ("2025-03-31", 3, "revenue", 100.0)]
    rows += [("2025-03-31", 0, "total_liabilities", 500.0), ("2025-03-31", 0, "equity", 400.0)]
    first, later = facts(rows, known_on="2025-04-20"), facts(rows, known_on="2025-09-01")
    later["amount"] = [950.0, 100.0, 500.0, 400.0]
    for frame in (first, later):
        frame = frame.drop(columns="derived")
        master = pd.DataFrame({"borrower_id": ["A"], "name": ["A"]})
        book.add(Intake("hand.csv", "hand", {"borrowers": master, "statements": frame}, read=4))
    seen = [Panel(book.statements("A", as_of=day)) for day in ("2025-08-31", "2025-09-01")]
    told = [reliability.check(panel).set_index("test")["result"] for panel in seen]
    assert [each["balance"] for each in told] == ["pass", "fail"]
    assert [each["restated"] for each in told] == ["pass", "fail"]


@needs_shared
def test_real_statements_are_not_littered(book):
    for part in ("balance", "income", "cashflow"):
        book.add(exports.read(SHARED / "cn_exports" / f"sina_600600_{part}.csv", borrower="600600"))
    (path,) = (SHARED / "edgar_companyfacts").glob("companyfacts_AAPL_*.json.gz")
    book.add(edgar.read(path, borrower="AAPL"))
    told = reliability.check(Panel(book.statements(as_of="2026-11-01")))
    wrong = told[told["result"] == "fail"].groupby("borrower_id")["test"].agg(list).to_dict()
    assert wrong == {"AAPL": ["other_receivables_to_equity"]}
    assert (reliability.score(told)["tested"] > 20).all()


def test_score_counts_untestable_apart(checked):
    told = reliability.score(checked).set_index("borrower_id")
    assert (told["passed"] + told["failed"] == told["tested"]).all()
    assert (told["tested"] + told["untestable"] == len(TESTS)).all()
    assert told["grade"]["S0001"] == "supported"
    assert told["score"]["S0009"] < told["score"]["S0001"] == 1


def test_red_failure_is_never_supported(steady):
    told = reliability.score(reliability.check(Panel(altered(steady, "total_assets", 1.001, "2025-12-31"))))
    assert told[["red", "grade"]].values.tolist() == [[1, "partly"]]


def test_several_red_failures_are_weak(steady):
    wrong = altered(altered(steady, "total_assets", 1.001, "2025-12-31"), "closing_cash", 1.5, "2025-12-31")
    told = reliability.score(reliability.check(Panel(wrong)))
    assert told[["red", "grade"]].values.tolist() == [[2, "weak"]]


def test_little_to_test_is_untested():
    told = reliability.score(reliability.check(Panel(facts([("2025-12-31", 0, "total_assets", 900)]))))
    assert told["grade"].tolist() == ["untested"]


def test_nothing_to_check_is_no_error():
    told = reliability.check(Panel(facts([("2025-12-31", 0, "cash", 5)])))
    assert told.empty
    assert reliability.score(told).empty


def test_each_of_many_borrowers_gets_every_test(statements):
    many = pd.concat([statements.assign(borrower_id=statements["borrower_id"] + f"-{turn}") for turn in range(3)])
    assert len(reliability.check(Panel(many))) == 30 * len(TESTS)


def test_overrides_replace_fields(steady):
    assert "goodwill" not in failed(steady)
    assert "late_filing" in failed(steady, overrides={"settings": {"year_days": 10}})
    assert "prepayments" in failed(steady, overrides={"prepayments": {"high": 0.0001}})


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("value", "end.nothing / end.total_assets", r"unknown item in 'end.nothing'; known: \["),
        ("value", "later.cash", "unknown view 'later'; known: .*'ytd'"),
        ("value", "paper.weather", "unknown item in 'paper.weather'; known: .*'vat_sales'"),
        ("value", "score.nobody", "unknown score 'nobody'; known: .*beneish_m8"),
        ("value", "end.cash +", "formula 'end.cash \\+'"),
        ("value", "end.cash * factor", "unknown setting 'factor'; known: .*'vat'"),
        ("group", "weather", "group: Input should be 'articulation'.*found 'weather'"),
        ("periods", 0, "periods: .*greater than or equal to 1, found 0"),
        ("expected", "end.cash", "takes either `expected`"),
        ("limit", 3, "limit: unknown field; known: .*tolerance"),
        ("red_with", ["nobody"], r"red_with: unknown test \['nobody'\]"),
        ("ask", 7, "ask: .*found 7"),
    ],
)
def test_bad_test_tells_where(monkeypatch, tmp_path, field, value, told):
    content = deepcopy(settings.load_yaml(settings.params("reliability.yml")))
    next(each for each in content["tests"] if each["id"] == "prepayments")[field] = value
    monkeypatch.setattr(settings, "params", lambda *parts: tmp_path / "reliability.yml")
    monkeypatch.setattr(settings, "load_yaml", lambda path: content)
    with pytest.raises(RuleError, match=rf"(?s)reliability.yml: test prepayments: .*{told}"):
        reliability.load()


def test_unknown_override_is_refused():
    with pytest.raises(RuleError, match=r"unknown test \['nothing'\]; known: .*'balance'"):
        reliability.load({"nothing": {"high": 1}})


def test_bad_papers_are_refused(steady):
    with pytest.raises(ContractError, match=r"missing columns \['kind'\]"):
        reliability.check(Panel(steady), cross_checks=papers([]).drop(columns="kind"))
    with pytest.raises(ContractError, match=r"unknown kind \['weather'\]; known: .*'vat_sales'"):
        reliability.check(Panel(steady), cross_checks=papers([("2025-12-31", "weather", 1.0)]))


@pytest.mark.parametrize("language", settings.LANGUAGES)
def test_texts_for_every_test(language):
    words, filled = texts(language), {"value": "1", "limit": "2", "period": "3"}
    for test in TESTS:
        for part in ("title", "found", "innocent"):
            assert "{" not in words(f"reliability.test.{test.id}.{part}", **filled)
        assert words(f"reliability.ask.{test.ask}")
    assert all(words(f"reliability.grade.{name}") for name in reliability.GRADES)


def test_texts_speak_of_nothing_else():
    told = {key for key in wording._load("zh") if key.startswith("reliability.")}
    tests = {key.split(".")[2] for key in told if key.startswith("reliability.test.")}
    asks = {key.split(".")[2] for key in told if key.startswith("reliability.ask.")}
    assert tests == {test.id for test in TESTS}
    assert asks == {test.ask for test in TESTS}


def test_nobody_is_accused():
    files = [ROOT / "params" / "reliability.yml", *(ROOT / "params" / "texts").glob("*.yml")]
    told = {path.name: path.read_text(encoding="utf-8").lower() for path in files}
    assert not [(name, word) for name, text in told.items() for word in NOT_A_WORD if word in text]


def test_views_are_those_of_the_book():
    known = evidence.items_by_view(BOOK.kinds, BOOK.lines, list(BOOK.references), BOOK.peers)
    assert {"end", "avg", "ttm", "quarter", "filed", "ytd", "opening", "paper", "reference"} <= set(known)
