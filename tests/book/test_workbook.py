"""The Excel template and its way back, CSV tables, refusals with the row as Excel shows it."""

from __future__ import annotations

import csv
import datetime as dt
import functools
import io
import tempfile
import zipfile
from pathlib import Path

import openpyxl
import pandas as pd
import pytest

from postloan import chart
from postloan.book import cells, figures, workbook
from postloan.book.store import Book
from postloan.book.template import EXAMPLE, TABLES
from postloan.errors import SourceError

HEADER = "borrower_id,period_end,months,item,amount,currency,known_on,source"
FACT = {
    "borrower_id": "000001",
    "period_end": "2024-09-30",
    "months": "9",
    "item": "revenue",
    "amount": "1,234.5",
    "currency": "CNY",
    "known_on": "2024-10-28",
    "source": "Q3 report",
}


@functools.cache
def template() -> bytes:
    """A blank template, written once: most tests only need one to lie somewhere."""
    with tempfile.TemporaryDirectory() as folder:
        workbook.write_template(Path(folder) / "t.xlsx")
        return (Path(folder) / "t.xlsx").read_bytes()


@functools.cache
def short_template() -> bytes:
    """The same without the two thousand blank rows a sheet, which take a second to read and another to write."""
    book, short = openpyxl.load_workbook(io.BytesIO(template())), io.BytesIO()
    for name in TABLES:
        book[name].delete_rows(21, book[name].max_row)
    book.save(short)
    return short.getvalue()


def filled(path: Path, borrowers: tuple = (), statements: tuple = ()) -> Path:
    """A template at `path` with rows put under the example."""
    book = openpyxl.load_workbook(io.BytesIO(short_template()))
    for table, rows in (("borrowers", borrowers), ("statements", statements)):
        for number, row in enumerate(rows, start=5):
            for column, value in enumerate(row, start=1):
                book[table].cell(number, column).value = value
    book.save(path)
    return path


def table(path: Path, *facts: dict, encoding: str = "utf-8") -> Path:
    """A CSV of statement facts, each FACT with some cells changed."""
    with path.open("w", encoding=encoding, newline="") as file:
        writer = csv.writer(file)
        writer.writerows([HEADER.split(","), *({**FACT, **fact}.values() for fact in facts)])
    return path


def refusals(path: Path, **cells: str) -> pd.DataFrame:
    return workbook.read(table(path / "t.csv", cells)).refusals


BORROWER = ("000001", "澜川泵业有限公司", None, "C34", None, "CNY", "999912345678901234", dt.date(2023, 3, 15))
ROWS = (
    ("000001", dt.date(2024, 9, 30), 0, "cash", 12.5, None, dt.date(2024, 10, 28), "p. 3"),
    ("000001", dt.date(2024, 9, 30), 9, "营业收入", 1e9, None, dt.date(2024, 10, 28), None),
    ("000001", dt.date(2024, 9, 30), None, "Total assets", "1.2亿", "CNY", None, None),
)


# ---- the template


def test_template_holds_known_sheets(tmp_path):
    workbook.write_template(tmp_path / "t.xlsx", dt.date(2026, 5, 15))
    book = openpyxl.load_workbook(tmp_path / "t.xlsx")
    assert book.sheetnames == ["说明 README", *TABLES, "chart", "observed"]
    assert book["statements"].freeze_panes == "B4"
    assert "2026-05-15" in [row[0].value for row in book["说明 README"].rows]


def test_headers_come_thrice():
    sheet = openpyxl.load_workbook(io.BytesIO(template()))["statements"]
    amount = [cell.value for cell in sheet["E"][:3]]
    assert amount == ["amount", "金额（元）", "amount (basic currency unit)"]
    assert sheet["A4"].value.startswith(EXAMPLE)
    assert sheet["A4"].font.italic


def test_codes_are_text_cells():
    sheet = openpyxl.load_workbook(io.BytesIO(template()))["borrowers"]
    assert {sheet.cell(row, column).number_format for row in (4, 2003) for column in (1, 7)} == {"@"}


def test_lists_offer_every_item():
    book = openpyxl.load_workbook(io.BytesIO(template()))
    rules = {str(rule.sqref): rule.formula1 for rule in book["statements"].data_validations.dataValidation}
    assert rules["C4:C2003"] == '"0,3,6,9,12"'
    last = len(chart.items()) + 3
    assert rules["D4:D2003"] == f"chart!$A$4:$A${last}"
    assert book["chart"].max_row == last
    assert all(len(formula) <= 255 for formula in rules.values())


# ---- there and back


def test_rows_return_unchanged(tmp_path, book: Book):
    intake = workbook.read(filled(tmp_path / "t.xlsx", (BORROWER,), ROWS))
    result = book.add(intake, today=dt.date(2026, 5, 15))
    assert (result.read, result.added, result.refused) == (4, 3, 0)
    facts = book.statements("000001", as_of="2026-05-15").set_index("item")
    assert facts.loc[["cash", "revenue", "total_assets"], "amount"].tolist() == [12.5, 1e9, 1.2e8]
    assert book.borrower("000001")["credit_code"] == "999912345678901234"
    assert book.borrower("000001")["first_drawdown"] == pd.Timestamp("2023-03-15")


def test_second_import_adds_nothing(tmp_path, book: Book):
    path = filled(tmp_path / "t.xlsx", (BORROWER,), ROWS)
    book.add(workbook.read(path))
    again = book.add(workbook.read(path))
    assert (again.added, again.unchanged) == (0, 3)


def test_example_rows_are_counted(tmp_path):
    intake = workbook.read(filled(tmp_path / "t.xlsx", (BORROWER,), ROWS))
    assert f"{len(TABLES)} example rows skipped" in intake.notes
    assert set(intake.tables["statements"]["borrower_id"]) == {"000001"}


def test_source_says_file_sheet_row(tmp_path):
    intake = workbook.read(filled(tmp_path / "t.xlsx", (BORROWER,), ROWS))
    assert intake.tables["statements"]["source"].tolist()[:2] == [
        "t.xlsx · statements · row 5 · p. 3",
        "t.xlsx · statements · row 6",
    ]


def test_missing_known_on_takes_deadline(tmp_path):
    intake = workbook.read(filled(tmp_path / "t.xlsx", (BORROWER,), ROWS))
    deadline = figures.statutory_deadline(dt.date(2024, 9, 30))
    assert intake.tables["statements"]["known_on"].iloc[2] == pd.Timestamp(deadline)
    assert any(note.startswith("1 rows without known_on") for note in intake.notes)


def test_deadline_never_lies_ahead(tmp_path):
    end = f"{figures.month_end(dt.date.today(), -1):%Y-%m-%d}"
    intake = workbook.read(table(tmp_path / "t.csv", {"period_end": end, "known_on": ""}))
    assert intake.tables["statements"]["known_on"].max() <= pd.Timestamp(dt.date.today())


def test_number_code_becomes_text(tmp_path):
    row = (600600.0, *BORROWER[1:])
    intake = workbook.read(filled(tmp_path / "t.xlsx", (row,)))
    assert intake.tables["borrowers"]["borrower_id"].tolist() == ["600600"]


def test_formula_text_stays_text(tmp_path):
    intake = workbook.read(table(tmp_path / "t.csv", {"source": "=cmd|' /C calc'!A0"}))
    assert intake.tables["statements"]["source"].item().endswith("· =cmd|' /C calc'!A0")


# ---- CSV


@pytest.mark.parametrize("encoding", ["utf-8-sig", "gb18030"])
def test_encodings_are_detected(tmp_path, encoding):
    intake = workbook.read(table(tmp_path / "t.csv", {"item": "营业收入", "source": "三季报"}, encoding=encoding))
    assert intake.tables["statements"]["item"].tolist() == ["revenue"]


def test_chinese_headers_are_read(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("借款人编号;期末日;期间月数;项目;金额（元）;币种\n000001;2024-09-30;;货币资金;(300);CNY\n", "utf-8")
    fact = workbook.read(path).tables["statements"].iloc[0]
    assert (fact["borrower_id"], fact["item"], fact["months"], fact["amount"]) == ("000001", "cash", 0, -300)


def test_arguments_fill_blanks(tmp_path, book: Book):
    path = table(tmp_path / "t.csv", {"borrower_id": "", "currency": ""})
    assert not book.add(workbook.read(path, borrower="000002", name="乙公司", currency="USD")).refused
    assert book.borrower("000002")["name"] == "乙公司"
    assert book.statements("000002", as_of="2026-01-01")["currency"].tolist() == ["USD"]


def test_dash_states_no_figure(tmp_path):
    intake = workbook.read(table(tmp_path / "t.csv", {"amount": "--"}, {}))
    assert len(intake.tables["statements"]) == 1
    assert intake.refusals.empty
    assert any("a dash" in note for note in intake.notes)


def test_unknown_column_is_listed(tmp_path):
    path = table(tmp_path / "t.csv", {})
    path.write_text(path.read_text().replace("source", "remark"))
    assert workbook.read(path).unmapped == {"remark": 1}


# ---- refusals


@pytest.mark.parametrize(
    ("column", "found", "expected"),
    [
        ("amount", "abc", "a number"),
        ("amount", "", "a number"),
        ("period_end", "2024-13-01", "a date"),
        ("period_end", "", "a date"),
        ("known_on", "soon", "a date"),
        ("known_on", "2024-01-01", "from the period end"),
        ("item", "revenu", "perhaps revenue"),
        ("item", "", "an item of the sheet chart"),
        ("months", "7", "3, 6, 9 or 12"),
        ("months", "0", "revenue is a flow"),
        ("months", "", "revenue is a flow"),
        ("months", "x", "one of 0, 3"),
        ("currency", "RMB", "a currency code"),
        ("currency", "", "with the import"),
        ("borrower_id", "", "an id"),
        ("borrower_id", "9" * 65, "an id"),
    ],
)
def test_bad_cell_is_refused(tmp_path, column, found, expected):
    refused = refusals(tmp_path, **{column: found})
    assert refused[["file", "row", "column", "found"]].iloc[0].tolist() == ["t.csv", 2, column, found]
    assert expected in refused["expected"].iloc[0]
    assert len(refused) == 1


def test_stock_refuses_a_span(tmp_path):
    refused = refusals(tmp_path, item="cash", months="9")
    assert refused["expected"].item() == "0 or blank, cash is a balance"


def test_every_bad_cell_is_listed(tmp_path):
    refused = refusals(tmp_path, amount="abc", period_end="?", item="?", currency="RMB", months="x")
    assert set(refused["column"]) == {"amount", "period_end", "item", "currency", "months"}


def test_refusal_names_excel_row(tmp_path):
    bad = (*ROWS[0][:4], "abc", *ROWS[0][5:])
    refused = workbook.read(filled(tmp_path / "t.xlsx", (BORROWER,), (*ROWS, bad))).refusals
    assert refused[["sheet", "row", "column", "found"]].iloc[0].tolist() == ["statements", 8, "amount", "abc"]


def test_borrower_twice_is_refused(tmp_path):
    refused = workbook.read(filled(tmp_path / "t.xlsx", (BORROWER, BORROWER))).refusals
    assert refused["expected"].tolist() == ["each borrower once"]


def test_bad_currency_blames_one_cell(tmp_path):
    borrower = (*BORROWER[:5], "RMB", *BORROWER[6:])
    refused = workbook.read(filled(tmp_path / "t.xlsx", (borrower,), ROWS)).refusals
    assert refused[["sheet", "row", "column", "found"]].to_numpy().tolist() == [["borrowers", 5, "currency", "RMB"]]


def test_refused_file_writes_nothing(tmp_path, book: Book):
    path = table(tmp_path / "t.csv", {}, {"amount": "abc"})
    assert book.add(workbook.read(path, borrower="000001")).refused == 1
    assert book.borrowers().empty


# ---- files that are not what they should be


def sheets(path: Path, **content: list) -> Path:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in content.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    book.save(path)
    return path


IDS = [field.id for field in TABLES["borrowers"]]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"borrowers": [IDS, ["1", "A"]], "lending": [["a"]]}, r"unknown sheet 'lending'; expected .*borrowers"),
        (
            {"borrowers": [["borrower_id", "nom"], ["1", "A"]]},
            r"sheet 'borrowers', row 1: .*\['name'\], found .*nom",
        ),
        ({"borrowers": [["name", "name", "borrower_id"], ["A", "B", "1"]]}, "each column once"),
        ({"borrowers": []}, "empty sheet"),
        ({"borrowers": [IDS]}, "found none"),
    ],
)
def test_wrong_sheet_is_named(tmp_path, content, message):
    with pytest.raises(SourceError, match=message):
        workbook.read(sheets(tmp_path / "t.xlsx", **content))


def test_template_unfilled_is_refused(tmp_path):
    (tmp_path / "t.xlsx").write_bytes(template())
    with pytest.raises(SourceError, match="found none"):
        workbook.read(tmp_path / "t.xlsx")


OLD = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"borrower_id,name\n1,A\n", "cannot be opened"),
        (OLD, r"an old \.xls"),
        (OLD + "EncryptedPackage".encode("utf-16-le"), "protected by a password"),
        (b"PK\x03\x04 torn off", "cannot be opened"),
    ],
)
def test_false_excel_is_refused(tmp_path, content, message):
    path = tmp_path / "t.xlsx"
    path.write_bytes(content)
    assert workbook.recognise(path) == "workbook"  # so that read says why
    with pytest.raises(SourceError, match=message):
        workbook.read(path)


def test_zip_bomb_is_refused(tmp_path):
    path = sheets(tmp_path / "t.xlsx", borrowers=[IDS, ["1", "A"]])
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet9.xml", bytes(30_000_000))
    with pytest.raises(SourceError, match="times its size"):
        workbook.read(path)


def test_far_cell_is_refused(tmp_path):
    path = sheets(tmp_path / "t.xlsx", borrowers=[IDS, ["1", "A"]])
    book = openpyxl.load_workbook(path)
    book["borrowers"]["XFD1048576"] = "far"
    book.save(path)
    with pytest.raises(SourceError, match=r"1,048,576 rows by 16,384 columns"):
        workbook.read(path)


def test_csv_without_column_is_refused(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("borrower_id,period_end,months,item\n1,2024-09-30,9,revenue\n")
    with pytest.raises(SourceError, match=r"t\.csv, row 1: expected the columns \['amount'\]"):
        workbook.read(path)


def test_empty_csv_is_refused(tmp_path):
    (tmp_path / "t.csv").write_text("")
    with pytest.raises(SourceError, match="empty"):
        workbook.read(tmp_path / "t.csv")


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (HEADER, "table"),
        ("借款人编号,名称\n1,甲", "table"),
        ("报告日,营业总收入,营业收入\n20240930,1,2", None),
        ('{"cik": 320193, "facts": {}}', None),
        ('"' + "x" * 300_000, None),
    ],
)
def test_tables_are_recognised(tmp_path, text, kind):
    (tmp_path / "t.csv").write_text(text, "utf-8")
    assert workbook.recognise(tmp_path / "t.csv") == kind


def test_workbook_is_known_by_content(tmp_path):
    (tmp_path / "t.bin").write_bytes(template())
    assert workbook.recognise(tmp_path / "t.bin") == "workbook"
    assert workbook.recognise(sheets(tmp_path / "o.xlsx", other=[["a"]])) is None


def test_item_names_are_unambiguous():
    keys = {}
    for item in chart.items().values():
        for name in {cells.key(name) for name in (item.id, item.zh, item.en)}:
            keys.setdefault(name, set()).add(item.id)
    assert {name: ids for name, ids in keys.items() if len(ids) > 1} == {}


def test_last_day_there_is_has_a_deadline(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("borrower_id,period_end,months,item,amount,currency\n1,9999-12-31,12,revenue,1,CNY\n")
    assert workbook.read(path).tables["statements"]["known_on"].dt.year.tolist() == [9999]


@pytest.mark.parametrize("part", ["xl/worksheets/sheet1.xml", "xl/workbook.xml"])
def test_entities_are_not_expanded(tmp_path, part):
    """A billion laughs, and a file of the machine, by way of the XML."""
    path = sheets(tmp_path / "t.xlsx", borrowers=[IDS, ["1", "A"]])
    laughs = "".join(f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip("abcdefgh", "bcdefghi", strict=True))
    head = f'<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY f SYSTEM "file:///etc/passwd">{laughs}]>'
    with zipfile.ZipFile(path) as old:
        members = {name: old.read(name).decode() for name in old.namelist()}
    body = members[part][members[part].find("?>") + 2 :] if "?>" in members[part] else members[part]
    members[part] = head + body.replace(">A<", ">&i;&f;<").replace('name="borrowers"', 'name="&i;&f;"')
    with zipfile.ZipFile(path, "w") as new:
        [new.writestr(name, text) for name, text in members.items()]
    try:
        told = str(workbook.read(path).tables)
    except SourceError as error:
        told = str(error)
    assert "haha" not in told
    assert "root:" not in told


def test_template_holds_no_formula():
    book = openpyxl.load_workbook(io.BytesIO(template()))
    assert not [cell for sheet in book for row in sheet.iter_rows() for cell in row if cell.data_type == "f"]
