"""The `postloan` command: what it prints, how it exits, and that a refused file leaves the book as it was."""

import csv
import gzip
import shutil
import subprocess
import sys

import nbformat
import openpyxl
import pytest
import yaml
from click.testing import CliRunner, Result

from batch.conftest import tiny_notebook
from conftest import ROOT, SHARED, needs_shared
from postloan.book.store import open_book
from postloan.cli import main
from postloan.errors import SourceError

FACT = {
    "borrower_id": "A",
    "period_end": "2024-09-30",
    "months": "0",
    "item": "total_assets",
    "amount": "100",
    "currency": "CNY",
    "known_on": "2024-10-28",
}
EXPORT = """报告日,货币资金,资产总计,负债合计,所有者权益合计
20240930,10,100,60,40
"""
NAMED = ("--borrower", "A", "--name", "甲公司")


def invoke(*words: object) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


def test_module_is_the_command():
    told = subprocess.run([sys.executable, "-m", "postloan.cli", "--help"], capture_output=True, text=True, check=True)
    assert told.stdout.startswith("Usage: postloan ")


@pytest.fixture
def address(tmp_path) -> str:
    return f"sqlite:///{tmp_path / 'book.db'}"


def taken(address: str) -> dict:
    """The amounts in the book, by borrower, item and period end."""
    book = open_book(address)
    if book.borrowers().empty:
        return {}
    facts = book.statements(as_of="2026-01-01")
    facts = facts[~facts["derived"]]
    return {(row.borrower_id, row.item, f"{row.period_end:%Y-%m-%d}"): row.amount for row in facts.itertuples()}


def table(path, *changes: dict):
    """A CSV of facts, a row for each change of FACT."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(FACT))
        writer.writeheader()
        writer.writerows([{**FACT, **change} for change in changes or ({},)])
    return path


def excel(path, **sheets: list):
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    book.save(path)
    return path


def refused(result: Result, address: str, *said: str) -> None:
    """The import failed, said why on stderr without a traceback, and left the book empty."""
    assert result.exit_code == 1
    assert isinstance(result.exception, SystemExit)
    for words in said:
        assert words in result.stderr
    assert taken(address) == {}


# ---- template and import


def test_filled_template_comes_back(tmp_path, address):
    path = tmp_path / "t.xlsx"
    written = invoke("template", path)
    assert (written.exit_code, f"postloan import {path}" in written.output) == (0, True)
    book = openpyxl.load_workbook(path)
    for sheet, row in (
        ("borrowers", ("000001", "澜川泵业有限公司")),
        ("statements", ("000001", "2024-09-30", 9, "营业收入", "1.2亿", "CNY", "2024-10-28")),
    ):
        for column, value in enumerate(row, start=1):
            book[sheet].cell(5, column).value = value
    book.save(path)

    result = invoke("import", path, "--book", address)
    assert result.exit_code == 0, result.output
    assert "t.xlsx [workbook]: read 2, added 1, unchanged 0, refused 0" in result.stdout
    assert taken(address) == {("000001", "revenue", "2024-09-30"): 1.2e8}
    assert open_book(address).borrower("000001")["name"] == "澜川泵业有限公司"


def test_second_import_adds_nothing(tmp_path, address):
    words = ("import", table(tmp_path / "t.csv"), *NAMED, "--book", address)
    assert "read 1, added 1, unchanged 0, refused 0" in invoke(*words).stdout
    again = invoke(*words)
    assert (again.exit_code, len(taken(address))) == (0, 1)
    assert "read 1, added 0, unchanged 1, refused 0" in again.stdout


def test_template_must_be_excel(tmp_path):
    result = invoke("template", tmp_path / "x.csv")
    assert result.exit_code == 2
    assert "give a name ending in .xlsx" in result.stderr
    assert not (tmp_path / "x.csv").exists()


def test_column_may_come_from_option(tmp_path, address):
    path = tmp_path / "t.csv"
    path.write_text("period_end,months,item,amount,currency\n2024-09-30,0,cash,5,CNY\n", encoding="utf-8")
    assert invoke("import", path, "--borrower", "000001", "--book", address).exit_code == 0
    assert taken(address) == {("000001", "cash", "2024-09-30"): 5}


@pytest.mark.parametrize("codec", ["gbk", "utf-8", "utf-8-sig"])
def test_chinese_exports_are_read(tmp_path, address, codec):
    path = tmp_path / "balance_000001.csv"
    path.write_bytes(EXPORT.encode(codec))
    result = invoke("import", path, "--name", "甲公司", "--book", address)
    assert result.exit_code == 0, result.output
    assert "[cn_rows]: read 4, added 4" in result.stdout
    assert taken(address)["000001", "cash", "2024-09-30"] == 10


def test_unplaced_captions_are_listed(tmp_path, address):
    path = tmp_path / "balance_000001.csv"
    path.write_text(EXPORT.replace("货币资金", "金库里的钱"), encoding="utf-8")
    result = invoke("import", path, "--book", address)
    assert "without a place in the chart of accounts: 金库里的钱 (1)" in result.stdout


def test_source_is_forced(tmp_path, address):
    path = table(tmp_path / "t_000001.csv")
    forced = invoke("import", path, *NAMED, "--source", "cn", "--book", address)
    refused(forced, address, "expected a statement export")
    assert invoke("import", path, *NAMED, "--book", address).exit_code == 0


def test_book_from_environment(tmp_path, address, monkeypatch):
    monkeypatch.setenv("POSTLOAN_BOOK", address)
    assert invoke("import", table(tmp_path / "t.csv"), *NAMED).exit_code == 0
    assert taken(address)


def test_unknown_book_is_named(tmp_path):
    result = invoke("import", table(tmp_path / "t.csv"), "--book", "mine")
    assert result.exit_code == 2
    assert "unknown book 'mine': expected 'default', 'sample' or an address" in result.stderr


# ---- refused cells


def test_refusal_names_file_sheet_row(tmp_path, address):
    path = excel(
        tmp_path / "t.xlsx",
        borrowers=[["borrower_id", "name"], ["A", "甲"]],
        statements=[list(FACT), list(FACT.values()), list({**FACT, "item": "cash", "amount": "abc"}.values())],
    )
    result = invoke("import", path, "--book", address)
    refused(result, address, "nothing of this file was written")
    assert "read 3, added 0, unchanged 0, refused 1" in result.stdout
    (row,) = (line.split() for line in result.stderr.splitlines() if line.split()[:1] == ["t.xlsx"])
    assert row[:6] == ["t.xlsx", "statements", "3", "amount", "abc", "a"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ([{"amount": "abc"}], ["amount", "abc", "a number"]),
        ([{"item": "totl_assets"}], ["totl_assets", "perhaps total_assets"]),
        ([{"period_end": "2199-12-31", "known_on": ""}], ["2199-12-31", "dates up to"]),
        ([{}, {"amount": "200"}], ["100.00 for A 2024-09-30", "200.00 for A", "one amount for one fact"]),
        ([{}, {"borrower_id": "B", "item": "cash"}], ["B", "a borrower in the book or in this file"]),
    ],
    ids=["text", "item", "future", "two_amounts", "stranger"],
)
def test_bad_cells_refuse_the_file(tmp_path, address, changes, said):
    named = excel(tmp_path / "names.xlsx", borrowers=[["borrower_id", "name"], ["A", "甲"]])
    assert invoke("import", named, "--book", address).exit_code == 0
    result = invoke("import", table(tmp_path / "t.csv", *changes), "--book", address)
    assert result.exit_code == 1
    assert "added 0" in result.stdout
    assert all(words in result.stderr for words in ["t.csv", *said])
    with pytest.raises(SourceError, match="none in the book at all"):
        open_book(address).statements(as_of="2026-01-01")


def test_good_files_survive_a_bad_one(tmp_path, address):
    first, last = table(tmp_path / "a.csv"), table(tmp_path / "c.csv", {"item": "cash"})
    bad = table(tmp_path / "b.csv", {"item": "inventory", "amount": "abc"})
    lost = tmp_path / "none.csv"
    result = invoke("import", first, bad, lost, last, *NAMED, "--book", address)
    assert result.exit_code == 1
    assert {item for _, item, _ in taken(address)} == {"total_assets", "cash"}
    assert result.stdout.count("added 1") == 2
    assert f"REFUSED {lost}: no such file" in result.stderr


# ---- files that are not what they should be


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("t.csv", b"", "the file is empty"),
        ("t.csv", b" \n", "found an empty one"),
        ("t.csv", b"\xef\xbb\xbf", "not recognised"),
        ("t.xlsx", b"", "the file is empty"),
        ("t.xlsx", b"borrower_id,name\n1,A\n", "cannot be opened as one"),
        ("t.csv", b"borrower_id,period_end,months,item\n", "expected the columns ['amount'], found ['borrower_id'"),
        ("t.txt", b"hello\nworld", "it starts with 'hello'; force a kind with --source indices|workbook|cn|edgar"),
        ("t.csv", EXPORT.encode("utf-16"), "found UTF-16 text"),
        ("t.csv", b"a\x00b", "found a binary file"),
        ("t.csv", b"PK\x03\x04 torn off", "found a zip or Excel file"),
        ("t.csv.gz", gzip.compress(EXPORT.encode(), mtime=0), "found a gzip file"),
        ("t.csv", ("\ufffd" * 20).encode(), "it seems to be GBK text once decoded as UTF-8"),
        ("t.csv", EXPORT.encode("gbk").decode("utf-8", "replace").encode(), "captions cannot be read"),
        ("t.json", b'{"a": 1}', "not companyfacts: no ['cik', 'entityName', 'facts']; found ['a']"),
        ("t.json.gz", gzip.compress(b"[1, 2]", mtime=0), "expected companyfacts, found a JSON list"),
        ("t.json", b'{"a": ', "expected SEC companyfacts JSON"),
        ("t.json.gz", gzip.compress(b'{"cik": 1}', mtime=0)[:-6], "damaged gzip file"),
        ("facts.txt", b'{"cik": 1, "facts": {}}', "not companyfacts: no ['entityName']"),
    ],
)
def test_wrong_files_are_explained(tmp_path, address, name, content, said):
    path = tmp_path / name
    path.write_bytes(content)
    result = invoke("import", path, "--book", address)
    refused(result, address, said, f"REFUSED {path}: ")
    assert result.stderr.count(str(path)) == 1


@pytest.mark.parametrize("sheets", [{"lending": [["a"]]}, {"borrowers": [["borrower_id", "name"]], "lending": [["a"]]}])
@pytest.mark.parametrize("name", ["t.xlsx", "t.bin"])
def test_unknown_sheet_is_named(tmp_path, address, sheets, name):
    path = excel(tmp_path / "made.xlsx", **sheets).rename(tmp_path / name)
    refused(invoke("import", path, "--book", address), address, "unknown sheet 'lending'; expected sheets among")


def test_folder_is_no_file(tmp_path, address):
    refused(invoke("import", tmp_path, "--book", address), address, "expected a file, found a folder")


@needs_shared
def test_real_destroyed_names_refused(address):
    (path,) = (SHARED / "cn_exports").glob("*mojibake*.csv")
    result = invoke("import", path, *NAMED, "--book", address)
    refused(
        result, address, "109 of 109 captions cannot be read", "GBK text once decoded as UTF-8", "nothing was imported"
    )


# ---- kept, but flagged


def test_unbalanced_statement_is_flagged(tmp_path, address):
    sides = ({}, {"item": "total_liabilities", "amount": "60"}, {"item": "equity", "amount": "30"})
    result = invoke("import", table(tmp_path / "t.csv", *sides), *NAMED, "--book", address)
    assert (result.exit_code, len(taken(address))) == (0, 3)
    assert "unbalanced: A 2024-09-30 total_assets 100.00 (expected about 90.00)" in result.stdout


def test_unit_jump_is_flagged(tmp_path, address):
    quarters = ({"amount": "1,000,000"}, {"period_end": "2024-12-31", "known_on": "2025-04-25"})
    result = invoke("import", table(tmp_path / "t.csv", *quarters), *NAMED, "--book", address)
    assert (result.exit_code, len(taken(address))) == (0, 2)
    assert "unit_jump: A 2024-12-31 total_assets 100.00 (expected about 1,000,000.00)" in result.stdout


# ---- sample


def test_sample_builds_a_book(address):
    result = invoke("sample", "--borrowers", 8, "--book", address)
    assert result.exit_code == 0
    assert "8 borrowers" in result.stdout
    assert open_book(address).borrowers()["synthetic"].tolist() == [True] * 8


def test_sample_tells_what_it_planted(address, tmp_path):
    result = invoke("sample", "--borrowers", 9, "--book", address, "--truth", tmp_path / "truth.csv")
    assert result.exit_code == 0
    truth = (tmp_path / "truth.csv").read_text(encoding="utf-8").splitlines()
    assert truth[0] == "borrower_id,rule,from,to,look_alike"
    assert "S0009,u1,2026-04-13,2026-04-27,0" in truth
    assert len(open_book(address).rows("transactions", as_of="2026-05-15")) > 1500


def test_sample_of_statements_alone(address):
    assert invoke("sample", "--borrowers", 8, "--no-loans", "--book", address).exit_code == 0
    assert open_book(address).rows("loans", as_of="2026-05-15").empty


def test_samples_never_mix(tmp_path, monkeypatch):
    (tmp_path / "notebooks").mkdir()
    shutil.copytree(ROOT / "params", tmp_path / "params")
    monkeypatch.setenv("POSTLOAN_HOME", str(tmp_path))
    for seed in (1, 2):
        assert invoke("sample", "--borrowers", 8, "--seed", seed).exit_code == 0
    found = open_book("sample").statements(as_of="2026-05-15")
    assert set(found.loc[~found["derived"], "source"].str.split(" · ").str[0]) == {"synthetic sample, seed 2"}


# ---- run


def run_file(folder, address: str, **fields: object):
    """A run file that reads the book at `address`, with some fields changed."""
    path = folder / "try.yml"
    said = {"name": "try", "book": address, "as_of": "2026-05-15", "notebooks": ["borrower_review"], **fields}
    path.write_text(yaml.safe_dump(said).replace("'2026-05-15'", "2026-05-15"), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("fields", "words", "said"),
    [
        ({}, ["--borrower", "Z9"], "unknown borrowers ['Z9']; in the book: S0001, S0002"),
        ({"borrowers": [1]}, [], "write them in quotes, e.g. '1' and not 1"),
        ({"notebooks": ["none_such"]}, [], "unknown notebook 'none_such'; known: borrower_review"),
        ({"parameters": {"day_bases": 365}}, [], "unknown parameter 'day_bases'; known: as_of, average_points"),
        ({"parameters": {"day_basis": "365"}}, [], "day_basis: expected int, found '365'"),
        ({"kernel": "none_such"}, [], "no Jupyter kernel 'none_such'; known: "),
        ({"langage": "zh"}, [], "langage: unknown field; known: name, book"),
        ({}, ["--as-of", "soon"], "a date such as 2024-06-30, or today"),
        ({}, ["--book", "mine"], "unknown book 'mine': expected 'default', 'sample' or an address"),
    ],
    ids=["borrower", "number_id", "notebook", "parameter", "type", "kernel", "field", "as_of", "book"],
)
def test_bad_runs_never_start(tmp_path, sample_address, fields, words, said):
    path = run_file(tmp_path, sample_address, **fields)
    result = invoke("run", path, "--output", tmp_path / "out", *words)
    assert result.exit_code == 2
    assert said in result.stderr
    assert isinstance(result.exception, SystemExit)
    assert not (tmp_path / "out").exists()


def test_unknown_run_lists_known(tmp_path):
    result = invoke("run", tmp_path / "weekly.yml")
    assert result.exit_code == 2
    assert "weekly.yml: no such run file; in params/runs: " in result.stderr
    assert "cases.yml, daily.yml, " in result.stderr


def test_run_tells_failures_by_exit_code(tmp_path, address, monkeypatch):
    """A notebook that fails for A only: B's report is made all the same."""
    for folder in ("runs", "borrowers"):
        (tmp_path / "params" / folder).mkdir(parents=True)
    shutil.copytree(ROOT / "params" / "texts", tmp_path / "params" / "texts")
    (tmp_path / "notebooks").mkdir()
    nbformat.write(tiny_notebook(), tmp_path / "notebooks" / "tiny.ipynb")
    (tmp_path / "params" / "borrowers" / "A.yml").write_text("fault: raise\n", encoding="utf-8")
    for borrower in ("A", "B"):
        path = table(tmp_path / "t.csv", {"borrower_id": borrower})
        assert invoke("import", path, "--borrower", borrower, "--name", borrower, "--book", address).exit_code == 0
    path = run_file(tmp_path, address, notebooks=["tiny"], languages=["en"], jobs=1)
    monkeypatch.setenv("POSTLOAN_HOME", str(tmp_path))
    monkeypatch.setenv("POSTLOAN_BOOK", "")  # put back afterwards: a run makes its book the default one

    both, one = invoke("run", path), invoke("run", path, "--borrower", "B")
    index = tmp_path / "outputs" / "try" / "2026-05-15" / "index.html"
    assert (both.exit_code, one.exit_code) == (1, 0)
    assert f"1 of 2 reports made; open {index}" in both.stdout
    assert f"1 of 1 reports made, 1 of them earlier and unchanged; open {index}" in one.stdout
    assert index.exists()
