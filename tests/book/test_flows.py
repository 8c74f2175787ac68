"""Account statements of any bank through a mapping: amounts, direction, numbers, refusals; a real Czech bank."""

import pytest

from conftest import SHARED, needs_shared
from postloan import settings
from postloan.book import flows
from postloan.book.store import open_book
from postloan.errors import RuleError, SourceError
from postloan.loan_rows import checked

HEAD = "交易流水号,交易日期,账号,借方发生额,贷方发生额,余额,对方户名,对方账号,摘要"
ROWS = (
    'A1,2025-01-06,6222,,"20,000.00",20000.00,本行,,放款',
    'A2,2025-01-08,6222,"12,500.50",,7499.50,示例钢铁有限公司,6228,货款',
)


def statement(tmp_path, *rows: str, head: str = HEAD):
    path = tmp_path / "s.csv"
    path.write_text("\n".join([head, *rows]), encoding="utf-8")
    return path


def test_debit_is_money_out(tmp_path):
    found = flows.read(statement(tmp_path, *ROWS), borrower="000001").tables["transactions"]
    told = checked(found, "transactions")
    assert told[["direction", "amount", "balance"]].values.tolist() == [["in", 20000, 20000], ["out", 12500.5, 7499.5]]
    assert told["currency"].unique().tolist() == ["CNY"]
    assert told.at[1, "counterparty"] == "示例钢铁有限公司"


@pytest.mark.parametrize(
    ("row", "column", "found"),
    [
        ("A3,2025-13-06,6222,1,,2,x,,y", "交易日期", "2025-13-06"),
        ("A3,2025-01-06,6222,many,,2,x,,y", "借方发生额", "many"),
        ("A3,2025-01-06,6222,1,,much,x,,y", "余额", "much"),
    ],
)
def test_bad_cells_are_named(tmp_path, row, column, found):
    told = flows.read(statement(tmp_path, *ROWS, row), borrower="B").refusals
    assert told[["row", "column", "found"]].values.tolist() == [[4, column, found]]


@pytest.mark.parametrize(
    ("row", "column"), [("2378,1993-01-01,credit,x,-700", "amount"), ("2378,1993-01-01,in,x,700", "type")]
)
def test_amount_must_agree_with_its_direction(tmp_path, row, column):
    head = "account_id,date,type,operation,amount,balance,k_symbol,bank,account"
    told = flows.read(statement(tmp_path, f"{row},700,,,", head=head)).refusals
    assert told[["row", "column"]].values.tolist() == [[2, column]]


def test_owner_must_be_told(tmp_path):
    with pytest.raises(SourceError, match="whose account is it"):
        flows.read(statement(tmp_path, *ROWS))


def test_unknown_headers_are_explained(tmp_path):
    path = statement(tmp_path, "1,2", head="a,b")
    assert flows.recognise(path) is None
    with pytest.raises(SourceError, match="mapping in params/accounts/flows"):
        flows.read(path, borrower="B")


def test_equal_rows_both_stay(tmp_path, monkeypatch):
    plain = flows.Mapping(columns={"booked_on": "day", "amount": "sum"}, currency="CNY")
    monkeypatch.setattr(flows, "mappings", lambda: {"plain": plain})
    path = statement(tmp_path, "2025-01-06,-5", "2025-01-06,-5", "2025-01-06,7", head="day,sum")
    told = flows.read(path, borrower="B").tables["transactions"]
    assert told["transaction_id"].nunique() == 3
    assert told["direction"].tolist() == ["out", "out", "in"]
    assert flows.read(path, borrower="B").tables["transactions"]["transaction_id"].equals(told["transaction_id"])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("columns: {booked_on: d, amount: a, nonsense: x}", "unknown .*nonsense.*known"),
        ("columns: {amount: a}", "expected booked_on"),
        ("columns: {booked_on: d, amount: a}\ndirection: {column: t}", "lists of words"),
        (
            "columns: {booked_on: d, amount: a}\nchannel: {column: c, words: {x: teleport}}",
            "teleport.*not among transfer",
        ),
    ],
)
def test_bad_mapping_is_refused(tmp_path, monkeypatch, content, said):
    (tmp_path / "bad.yml").write_text(content, encoding="utf-8")
    monkeypatch.setattr(settings, "params", lambda *_: tmp_path)
    flows.mappings.cache_clear()
    try:
        with pytest.raises(RuleError, match=said):
            flows.mappings()
    finally:
        flows.mappings.cache_clear()


@needs_shared
def test_czech_bank_comes_in_whole(tmp_path):
    intake = flows.read(SHARED / "bank" / "transactions.csv.gz")
    assert (intake.read, len(intake.refusals)) == (52_816, 0)
    told = intake.tables["transactions"]
    one = told[told["account"] == "2378"]
    signed = one["amount"].where(one["direction"] == "in", -one["amount"])
    assert signed.sum() == pytest.approx(one["balance"].iloc[-1], abs=5)  # amounts are rounded to crowns
    few = told[told["account"].isin(["2378", "576"])]
    intake.tables = {"borrowers": intake.tables["borrowers"], "transactions": few}
    book = open_book(f"sqlite:///{tmp_path / 'b.db'}")
    assert book.add(intake).added == len(few)
    assert book.add(intake).added == 0


@pytest.mark.parametrize("row", [",A3,2025-01-06,6222,1,,2,x,,y", "A3,2025-01-06,6222,1,,2,x,,y,,,9"])
def test_rows_longer_than_the_header_are_refused(tmp_path, row):
    """Their cells would stand under other headers."""
    with pytest.raises(SourceError, match=r"s\.csv: expected rows of as many cells as the header"):
        flows.read(statement(tmp_path, row), borrower="B")


def test_short_rows_without_a_number_get_one(tmp_path):
    found = flows.read(statement(tmp_path, ",2025-01-06,6222,1", ",2025-01-06,6222,1"), borrower="B")
    assert found.tables["transactions"]["transaction_id"].nunique() == 2


def test_damaged_gzip_is_no_statement(tmp_path):
    (tmp_path / "s.csv.gz").write_bytes(b"\x1f\x8b not really")
    assert flows.recognise(tmp_path / "s.csv.gz") is None
