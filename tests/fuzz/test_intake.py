"""Every file that can be imported, with anything in it: taken whole, refused, or an error of ours; no half a book."""

import gzip
import io
import json
import zipfile

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fuzz.drawn import answered, entered, files, fuzzed, tables, torn
from postloan import cli
from postloan.analysis import trends
from postloan.book import edgar, exports, flows, index_files, outcomes, workbook
from postloan.book.template import TABLES

WHO = [{"borrower": "A", "name": "甲", "industry": "C34", "currency": "CNY"}, {"borrower": "A"}, {}]
OURS = {
    name: [[one.id for one in fields], ["A", *(one.example or "" for one in fields[1:])]]
    for name, fields in TABLES.items()
}
CN = [
    ["报告日", "货币资金", "存货", "固定资产净额", "资产总计", "公告日期", "币种"],
    ["20221231", "100", "7", "40", "60", "20230428", "CNY"],
    ["20230331", "1,200.5", "0", "nan", "６１", "", "CNY"],
]
ITEMS = [
    ["报告日期", "2022-12-31", "2022-09-30", ""],
    ["货币资金(万元)", "1.5", "2", ""],
    ["减：库存股(万元)", "0", "--", ""],
]
ITEMS += [["固定资产原值(万元)", "0", "3", ""]]
BANK = [
    ["交易流水号", "交易日期", "账号", "借方发生额", "贷方发生额", "余额", "对方户名", "对方账号", "摘要"],
    ["A1", "2025-01-06", "6222", "", "20000", "20000", "本行", "", "放款"],
    ["", "2025-01-08", "6222", "125", "", "", "", "", ""],
]
CZECH = [
    ["account_id", "date", "amount", "balance", "account", "k_symbol", "type", "operation"],
    ["7", "1993-01-05", "800", "800", "", "", "credit", "deposit"],
]
OWN = [
    ["series", "period", "value", "unit", "known_on", "source"],
    ["cn_pmi_manufacturing", "2025-05", "49.5", "", "2025-05-31", "x"],
    ["cn_gdp_yoy", "2025Q1", "5.4%", "", "", ""],
]
RATES = [["商品", "日期", "今值"], ["中国M2货币供应年率报告", "2025-05-12", "8.0"]]
PMI = [["月份", "制造业-指数"], ["2025年05月份", "49.5"]]
SEEDS = {
    "workbook": [(workbook, rows) for rows in OURS.values()],
    "exports": [(exports, CN), (exports, ITEMS)],
    "flows": [(flows, BANK), (flows, CZECH)],
    "indices": [(index_files, OWN), (index_files, RATES), (index_files, PMI)],
}
ITEM_COLUMNS = outcomes.layouts()["us_annual"].items.values()
FIRMS = [["company_id", "fyear", "failed", *ITEM_COLUMNS], ["X", "2005", "0", *"1" * len(ITEM_COLUMNS)]]
FIRMS += [["X", "2006", "0", *"2" * len(ITEM_COLUMNS)], ["Y", "2005", "1", *"3" * len(ITEM_COLUMNS)]]
POINTS = [["series", "t", "value"], *(["a", str(t), str(t % 4)] for t in range(9)), ["b", "1", "2"]]
TAGS = ("Assets", "Liabilities", "StockholdersEquity", "Revenues", "EntityCommonStockSharesOutstanding")


def tried(path, reader, fresh, **said):
    """Recognise, read and enter a file."""
    reader.recognise(path)
    if (intake := answered(reader.read, path, **said)) is not None:
        entered(fresh(), intake)


@pytest.mark.parametrize(("kind", "few"), [("workbook", 40), ("exports", 30), ("flows", 30), ("indices", 30)])
def test_any_text_file(kind, few, tmp_path, fresh):
    @fuzzed(few)
    @given(st.data())
    def survives(data):
        reader, rows = data.draw(st.sampled_from(SEEDS[kind]))
        path = tmp_path / "x_600600.csv"
        path.write_bytes(data.draw(files(rows)))
        tried(path, reader, fresh, **data.draw(st.sampled_from(WHO if reader is not index_files else [{}])))

    survives()


@fuzzed(25)
@given(st.data())
def test_any_sheet(tmp_path, fresh, data):
    book, names = (
        openpyxl.Workbook(),
        data.draw(st.lists(st.sampled_from([*OURS]), min_size=1, max_size=2, unique=True)),
    )
    for name in names:
        sheet = book.create_sheet(data.draw(st.sampled_from([name, name, name.upper(), "x"])))
        for row in data.draw(tables(OURS[name])):
            sheet.append([openpyxl.cell.cell.ILLEGAL_CHARACTERS_RE.sub("", cell)[:30_000] for cell in row])
    told = io.BytesIO()
    book.save(told)
    (tmp_path / "x.xlsx").write_bytes(data.draw(torn(told.getvalue())))
    tried(tmp_path / "x.xlsx", workbook, fresh, **data.draw(st.sampled_from(WHO)))


@fuzzed(40)
@given(st.data())
def test_any_part_of_a_workbook(tmp_path, fresh, data):
    book, told = openpyxl.Workbook(), tmp_path / "plain.xlsx"
    book.active.title = "borrowers"
    [book.active.append(row) for row in OURS["borrowers"]]
    book.save(told)
    with zipfile.ZipFile(told) as whole, zipfile.ZipFile(tmp_path / "x.xlsx", "w") as broken:
        spoilt = data.draw(st.sampled_from(whole.namelist()))
        for name in whole.namelist():
            broken.writestr(name, data.draw(torn(whole.read(name))) if name == spoilt else whole.read(name))
    tried(tmp_path / "x.xlsx", workbook, fresh)


days = st.sampled_from(["2022-12-31", "2023-12-31", "2023-01-01", "9999-12-31", "0001-01-01", "2023-02-30", "", None])
figures = st.one_of(st.integers(), st.floats(), st.text(max_size=3), st.none(), st.just(10**400), st.just([1]))
tellings = st.fixed_dictionaries(
    {"end": days, "val": figures, "filed": days, "accn": st.sampled_from(["a", "b", None, {}, 7])},
    optional={"start": days, "form": st.sampled_from(["10-K", "10-Q", None, 1]), "frame": st.none()},
)
sound = st.fixed_dictionaries(
    {"end": st.just("2023-12-31"), "val": st.integers(-9, 9), "filed": st.just("2024-02-01"), "accn": st.just("a")}
)
units = st.dictionaries(st.sampled_from(["USD", "shares", "EUR", "usd", ""]), st.lists(sound | tellings, max_size=4))
junk = st.recursive(st.none() | st.booleans() | st.floats() | st.text(max_size=3), st.lists, max_leaves=4)
abouts = st.fixed_dictionaries({"units": units | junk}) | junk
filers = st.fixed_dictionaries(
    {
        "cik": st.sampled_from([1234, "0000001234", None, 1.5, []]),
        "entityName": st.sampled_from(["Acme", None, 5, {}, "x" * 300]),
        "facts": st.dictionaries(
            st.sampled_from(["us-gaap", "ifrs-full", "dei"]),
            st.fixed_dictionaries({tag: st.fixed_dictionaries({"units": units}) for tag in TAGS[:3]})
            | st.dictionaries(st.sampled_from(TAGS), abouts)
            | junk,
        )
        | junk,
    }
)


@fuzzed(60)
@given(st.data())
def test_any_companyfacts(tmp_path, fresh, data):
    content = json.dumps(data.draw(filers | junk)).encode()
    content = gzip.compress(content) if data.draw(st.booleans()) else content
    (tmp_path / "x.json").write_bytes(data.draw(torn(content)))
    tried(tmp_path / "x.json", edgar, fresh, **data.draw(st.sampled_from(WHO)))


@fuzzed(25)
@given(files(FIRMS))
def test_any_outcomes(tmp_path, content):
    (tmp_path / "firms.csv").write_bytes(content)
    answered(outcomes.read, tmp_path / "firms.csv")


@fuzzed(25)
@given(st.data())
def test_any_series(tmp_path, data):
    (tmp_path / "x.csv").write_bytes(data.draw(files(POINTS)))
    if (table := answered(cli._read_table, tmp_path / "x.csv")) is not None:
        answered(trends.forecast, table, data.draw(st.integers(1, 3)), season=data.draw(st.sampled_from([1, 4])))


@fuzzed(25)
@given(content=st.binary(max_size=200), name=st.sampled_from(["x.csv", "x.xlsx", "x.json", "x.csv.gz", "x.json.gz"]))
def test_any_bytes(tmp_path, content, name):
    (tmp_path / name).write_bytes(content)
    if (reader := answered(cli._reader, tmp_path / name, None)) is not None:
        answered(reader.read, tmp_path / name)
