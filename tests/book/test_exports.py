import datetime as dt
from pathlib import Path

import pandas as pd
import pytest

from postloan.book import captions, exports
from postloan.errors import SourceError

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "cn_exports"
real = pytest.mark.skipif(not DATA.is_dir(), reason="shared data absent")

ROWS = """\
报告日,货币资金,其他应收款,其他应收款(合计),存货,固定资产净额,固定资产,应收补贴款,资产总计,公告日期,币种
20221231,100,5,7,,0,40,3,60,20231028,CNY
20230331,"1,200.5",--,,0,,45,nan,６１,20230420,CNY
"""
ITEMS = """报告日期,2022-12-31,2022-09-30,
货币资金(万元),1.5,2,
减：库存股(万元),0,--,
固定资产原值(万元),0,3,
"""
INCOME = "报告日,营业收入,营业成本,净利润\n{day},10,6,{profit}\n"


def write(folder, text, name="x_600600.csv", codec="utf-8"):
    file = folder / name
    file.write_bytes(text.encode(codec))
    return file


def facts(intake):
    return intake.tables["statements"].set_index(["period_end", "item"])["amount"].sort_index()


def test_rows_become_facts(tmp_path):
    found = facts(exports.read(write(tmp_path, ROWS)))
    assert found["2022-12-31"].to_dict() == {
        "cash": 100,
        "fixed_assets": 40,
        "other_receivables": 5,
        "total_assets": 60,
    }
    assert found["2023-03-31"].to_dict() == {
        "cash": 1200.5,
        "inventory": 0,
        "fixed_assets": 45,
        "total_assets": 61,
    }


def test_items_become_facts(tmp_path):
    found = facts(exports.read(write(tmp_path, ITEMS)))
    assert found["2022-12-31"].to_dict() == {"cash": 15_000, "treasury_shares": 0}
    assert found["2022-09-30"].to_dict() == {"cash": 20_000, "fixed_assets_gross": 30_000}


def test_dates_follow_rule(tmp_path):
    rows = exports.read(write(tmp_path, ROWS)).tables["statements"]
    known = rows.groupby("period_end")["known_on"].first().dt.strftime("%Y-%m-%d").tolist()
    assert known == ["2023-04-30", "2023-04-20"]


def test_future_deadline_capped(tmp_path):
    today = dt.date.today()
    text = ITEMS.replace("2022-12-31", str(today - dt.timedelta(days=1)))
    known = exports.read(write(tmp_path, text)).tables["statements"]["known_on"]
    assert known.max() == pd.Timestamp(today)


def test_early_announcement_ignored(tmp_path):
    text = ROWS.replace("20231028", "20221101")
    known = exports.read(write(tmp_path, text)).tables["statements"]["known_on"]
    assert known.min() == pd.Timestamp("2023-04-20")


def test_source_names_place(tmp_path):
    rows = exports.read(write(tmp_path, ROWS)).tables["statements"]
    assert rows["source"].iloc[0] == "x_600600.csv · row 2 · 货币资金"


def test_unmapped_captions_counted(tmp_path):
    assert exports.read(write(tmp_path, ROWS)).unmapped == {"应收补贴款": 1}


def test_code_from_name(tmp_path):
    intake = exports.read(write(tmp_path, ROWS, "sina_000001_balance.csv"))
    assert intake.tables["borrowers"].to_dict("records") == [{"borrower_id": "000001", "currency": "CNY"}]
    assert "000001" in intake.notes[0]


@pytest.mark.parametrize("name", ["balance.csv", "600600_000001.csv", "20221231.csv"])
def test_borrower_must_show(tmp_path, name):
    with pytest.raises(SourceError, match="--borrower"):
        exports.read(write(tmp_path, ROWS, name))


def test_given_fields_win(tmp_path):
    file = write(tmp_path, ITEMS)
    intake = exports.read(file, borrower="000001", name="平安", industry="bank", currency="HKD")
    expected = {"borrower_id": "000001", "name": "平安", "industry": "bank", "currency": "HKD"}
    assert intake.tables["borrowers"].to_dict("records") == [expected]
    assert set(intake.tables["statements"]["currency"]) == {"HKD"}


def test_currency_names_known(tmp_path):
    text = ROWS.replace("CNY", "人民币")
    assert set(exports.read(write(tmp_path, text)).tables["statements"]["currency"]) == {"CNY"}


def test_flows_span_year(tmp_path):
    file = write(tmp_path, INCOME.format(day="20230630", profit=1))
    assert set(exports.read(file).tables["statements"]["months"]) == {6}


def test_odd_period_refused(tmp_path):
    file = write(tmp_path, INCOME.format(day="20230531", profit=1))
    row = exports.read(file).refusals.iloc[0]
    assert (row["row"], row["column"], row["found"]) == (2, "报告日", "20230531")


def test_text_amount_refused(tmp_path):
    file = write(tmp_path, INCOME.format(day="20230630", profit="abc"))
    refused = exports.read(file).refusals.to_dict("records")
    place = {"file": file.name, "sheet": None, "row": 2, "column": "净利润"}
    assert refused == [{**place, "found": "abc", "expected": "a number"}]


def test_text_in_items_refused(tmp_path):
    row = exports.read(write(tmp_path, ITEMS.replace("1.5", "abc"))).refusals.iloc[0]
    assert (row["row"], row["column"], row["found"]) == (2, "2022-12-31 · 货币资金(万元)", "abc")


def test_shifted_row_refused(tmp_path):
    text = INCOME.format(day="20230630", profit="1,234")
    row = exports.read(write(tmp_path, text)).refusals.iloc[0]
    assert (row["found"], row["expected"]) == ("5 cells", "4 cells, as in the header")


def test_copied_column_reconciled(tmp_path):
    text = "报告日,营业收入,营业成本,净利润,净利润.1\n20230630,10,6,1,{again}\n"
    assert exports.read(write(tmp_path, text.format(again=1))).refusals.empty
    clash = exports.read(write(tmp_path, text.format(again=2))).refusals
    assert clash["expected"].tolist() == ["one amount a caption"]


@pytest.mark.parametrize("codec", ["gb18030", "gbk", "utf-8-sig"])
def test_encodings_read_identically(tmp_path, codec):
    plain = exports.read(write(tmp_path, ITEMS)).tables["statements"]
    other = exports.read(write(tmp_path, ITEMS, codec=codec)).tables["statements"]
    pd.testing.assert_frame_equal(plain, other)


@pytest.mark.parametrize(
    ("text", "layout"),
    [
        (ROWS, "cn_rows"),
        (ITEMS, "cn_items"),
        ("borrower_id,period_end,cash\n1,2022-12-31,5\n", None),
        ("借款人编号,货币资金,存货,应收账款\n1,2,3,4\n", None),
        ("report_date,currency,revenue\n2023-09-30,CNY,5\n", None),
        ("", None),
    ],
)
def test_layouts_are_recognised(tmp_path, text, layout):
    assert exports.recognise(write(tmp_path, text)) == layout


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty"),
        (b"PK\x03\x04 not a csv", "zip or Excel"),
        (ROWS.splitlines()[0].encode(), "no figures"),
        ("货币资金,存货,负债合计\n1,2,3\n".encode(), "no column of periods.*报告日"),
        ("报告日,甲,乙\n20221231,1,2\n".encode(), "expected a statement export"),
        (b"a,b\n1,2\n", "expected a statement export"),
    ],
)
def test_bad_files_explained(tmp_path, content, message):
    file = tmp_path / "x_600600.csv"
    file.write_bytes(content)
    with pytest.raises(SourceError, match=message):
        exports.read(file)


def test_destroyed_names_refused(tmp_path):
    lost = ITEMS.encode("gbk").decode("utf-8", errors="replace")
    file = write(tmp_path, lost)
    assert exports.recognise(file) == "cn_items"
    with pytest.raises(SourceError, match=r"4 of 4 captions cannot be read.*GBK"):
        exports.read(file)


@pytest.mark.parametrize(
    ("caption", "plain"),
    [
        ("一、营业收入(万元)", "营业收入"),
        ("其中：利息费用", "利息费用"),
        ("减：库存股 (元)", "库存股"),
        ("加:投资收益（损失以“-”号填列）", "投资收益"),
        ("实收资本（或股本）", "实收资本(或股本)"),
        ("净利润.1", "净利润"),
    ],
)
def test_captions_are_cleaned(caption, plain):
    assert captions.normal(caption) == plain


@pytest.mark.parametrize("source", ["cn", "us_gaap", "ifrs"])
def test_captions_have_places(source):
    assert all(captions.places(source, statement) for statement in captions.STATEMENTS)


@real
def test_brewer_reads_whole():
    intake = exports.read(DATA / "sina_600600_income.csv")
    found = intake.tables["statements"].set_index(["item", "period_end", "months"])["amount"]
    assert found["revenue", pd.Timestamp("2022-12-31"), 12] == 32_171_565_624
    assert intake.refusals.empty


@real
@pytest.mark.parametrize("name", ["sina_600600_balance.csv", "600096_balance_163layout_utf8.csv"])
def test_real_balances_hold(name):
    rows = exports.read(DATA / name).tables["statements"]
    wide = rows.pivot(index="period_end", columns="item", values="amount")
    gap = wide["total_assets"] - wide["total_liabilities"] - wide["equity"]
    assert len(wide) >= 46
    assert gap.abs().max() <= 20_000  # 163 figures are rounded to 万元


@real
def test_real_mojibake_refused():
    with pytest.raises(SourceError, match="109 of 109 captions"):
        exports.read(DATA / "600096_balance_163layout_mojibake.csv")


@real
def test_english_export_unknown():
    assert {exports.recognise(path) for path in DATA.glob("600519*")} == {None}


@pytest.mark.parametrize("day", ["99991231", "00010331", "2023-02-30"])
def test_impossible_period_is_refused(tmp_path, day):
    refusals = exports.read(write(tmp_path, INCOME.format(day=day, profit=1))).refusals
    assert refusals[["found", "expected"]].values.tolist() == [[day, "a period end such as 20230930"]]
