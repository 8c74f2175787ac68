"""A tiny project of its own: two borrowers, one fast notebook that can be told to go wrong."""

import shutil

import nbformat
import pandas as pd
import pytest
import yaml
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from postloan import settings
from postloan.batch import parameters, plan, run_file
from postloan.book.store import open_book
from postloan.tables import Intake

PARAMETERS = """borrower_id: str = "A"  # who
as_of: str = "2024-06-30"  # when
language: str = "zh"  # zh or en
book: str = "default"  # name of the book
limit: float = 1.0  # a threshold
codes: list[str] = []  # some codes
fault: str = "none"  # what goes wrong"""

FAULT = """import os, time
if fault == "book": __import__("postloan").open_book(book).borrower("nobody")
if fault == "raise": raise ValueError("<script>bad</script>")
if fault == "kill": os.kill(os.getpid(), 9)
if fault == "hang": time.sleep(60)
if fault == "eat": hoard = [bytearray(50_000_000) for _ in range(40)]
if fault == "flood": print("x" * 6_000_000)
if fault == "exit": raise SystemExit(0)"""

RECORD = """from IPython.display import HTML, display
if fault == "script": display(HTML("<script>1</script>"))
values = [dict(id="current_ratio", period_end="2024-03-31", value=limit, reason=None)]
head = dict(name="postloan.tiny", schema_version=1, borrower_id=borrower_id, as_of=as_of, language=language)
headline = [dict(label="limit", text=str(limit), value=limit)]
display({"application/vnd.postloan.review+json": dict(head, values=values, headline=headline)}, raw=True)"""


def tiny_notebook():
    cells = [
        new_markdown_cell("# 小报告", metadata={"tags": ["zh"]}),
        new_markdown_cell("# Tiny report", metadata={"tags": ["en"]}),
        new_code_cell(PARAMETERS, metadata={"tags": ["parameters"]}),
        new_code_cell(FAULT),
        new_code_cell(RECORD),
    ]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return new_notebook(cells=cells, metadata={"kernelspec": kernel, "language_info": {"name": "python"}})


@pytest.fixture
def home(tmp_path, monkeypatch):
    for folder in ("notebooks", "params/runs", "params/borrowers"):
        (tmp_path / folder).mkdir(parents=True)
    shutil.copytree(settings.params("texts"), tmp_path / "params" / "texts")
    nbformat.write(tiny_notebook(), tmp_path / "notebooks" / "tiny.ipynb")
    monkeypatch.setenv("POSTLOAN_HOME", str(tmp_path))
    monkeypatch.setenv("POSTLOAN_BOOK", f"sqlite:///{tmp_path}/book.db")
    parameters.declared.cache_clear()
    plan.house.cache_clear()
    return tmp_path


@pytest.fixture
def of_no_borrower(home):
    return lambda more="": _of_no_borrower(home, more)


def _of_no_borrower(home, more):
    """Put a second notebook, `whole`, into the home: the tiny one without a borrower, and with `more` parameters."""
    notebook = nbformat.read(home / "notebooks" / "tiny.ipynb", as_version=4)
    for cell in notebook.cells:
        cell.source = "\n".join(line for line in cell.source.splitlines() if not line.startswith("borrower_id"))
        cell.source = cell.source.replace("borrower_id=borrower_id, ", "")
        if "parameters" in cell.metadata.get("tags", []):
            cell.source += more
    nbformat.write(notebook, home / "notebooks" / "whole.ipynb")
    parameters.declared.cache_clear()


@pytest.fixture
def book(home):
    people = pd.DataFrame({"borrower_id": ["A", "../../etc/x", "000001"], "name": ["Al", "<script>", "一"]})
    book = open_book()
    book.add(Intake("people.csv", "test", {"borrowers": people.assign(synthetic=[True, False, False])}, read=3))
    return book


@pytest.fixture
def run(home, warm_parent):
    """Write a run file and load it: `run(borrowers=["A"])`."""

    def load(**fields):
        path = home / "params" / "runs" / f"try{len(list(home.glob('params/runs/*')))}.yml"
        defaults = {"notebooks": ["tiny"], "as_of": "2024-06-30", "languages": ["en"], "jobs": 1}
        text = yaml.safe_dump({**defaults, **fields}, allow_unicode=True).replace("'2024-06-30'", "2024-06-30")
        path.write_text(text, encoding="utf-8")
        return run_file.load_run(path)

    return load
