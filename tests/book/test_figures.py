import datetime as dt

import pandas as pd
import pytest

from postloan.book.figures import parse_amount, parse_date, read_text, statutory_deadline
from postloan.errors import SourceError


@pytest.mark.parametrize("blank", [None, "", " ", "--", "-", "—", "N/A", "nan", "－－", float("nan"), pd.NA, pd.NaT])
def test_blanks_are_none(blank):
    assert parse_amount(blank) is None


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("1,234.5", 1234.5),
        ("(300)", -300),
        ("（1,300）", -1300),
        ("３００", 300),
        ("−5", -5),
        ("1.2亿", 1.2e8),
        ("0.29亿", 29e6),
        ("35万", 350_000),
        ("1.2万元", 12_000),
        ("3千元", 3000),
        ("¥1,000", 1000),
        ("￥-1,000", -1000),
        ("2.5e3", 2500),
        (7, 7),
        (0, 0),
    ],
)
def test_amounts_are_understood(text, amount):
    assert parse_amount(text) == amount


@pytest.mark.parametrize("junk", ["abc", "12%", "1,2", "1 2", "1,23,456", "(300", "(-300)", "--5", "1e999", "5①"])
def test_junk_is_refused(junk):
    with pytest.raises(ValueError, match=r".+"):
        parse_amount(junk)


@pytest.mark.parametrize("odd", [float("inf"), True, dt.date(2023, 1, 1), "inf"])
def test_nonnumbers_are_refused(odd):
    with pytest.raises(ValueError):
        parse_amount(odd)


@pytest.mark.parametrize(
    "written",
    [
        "20230930",
        "20230930.0",
        20230930,
        20230930.0,
        "2023-09-30",
        "2023/9/30",
        "2023年9月30日",
        "2023-09-30 00:00:00",
        "２０２３-09-30",
        dt.datetime(2023, 9, 30, 8),
        pd.Timestamp("2023-09-30"),
    ],
)
def test_dates_are_understood(written):
    assert parse_date(written) == dt.date(2023, 9, 30)


@pytest.mark.parametrize("junk", ["2023-13-01", "20230931", "2023-09", "45199", "soon"])
def test_wrong_dates_refused(junk):
    with pytest.raises(ValueError):
        parse_date(junk)


def test_blank_date_none():
    assert parse_date("--") is None


@pytest.mark.parametrize(
    ("period_end", "deadline"),
    [
        ("2023-03-31", "2023-04-30"),
        ("2023-06-30", "2023-08-31"),
        ("2023-09-30", "2023-10-31"),
        ("2022-12-31", "2023-04-30"),
        ("2022-10-31", "2023-02-28"),
    ],
)
def test_deadlines_follow_rule(period_end, deadline):
    assert statutory_deadline(dt.date.fromisoformat(period_end)) == dt.date.fromisoformat(deadline)


@pytest.mark.parametrize(("codec", "name"), [("utf-8", "utf-8"), ("utf-8-sig", "utf-8"), ("gb18030", "gb18030")])
def test_encodings_read_alike(tmp_path, codec, name):
    file = tmp_path / "a.csv"
    file.write_bytes("报告日,货币资金\n20221231,100\n".encode(codec))
    assert read_text(file) == ("报告日,货币资金\n20221231,100\n", name)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty"),
        (b" \n", "empty"),
        (b"PK\x03\x04rest", "zip or Excel"),
        (b"\x1f\x8b\x08", "gzip"),
        ("报告".encode("utf-16"), "UTF-16"),
        ("报告日期货币资金存货".encode() + b"\xff", "damaged UTF-8"),
        (("\ufffd" * 20).encode(), "export it again"),
        (b"\xff\x20\xff\x20", "neither"),
    ],
)
def test_unreadable_text_refused(tmp_path, content, message):
    file = tmp_path / "a.csv"
    file.write_bytes(content)
    with pytest.raises(SourceError, match=message):
        read_text(file)
