"""Every notebook in git: form, parameters, and no outputs."""

import re

import nbformat
import pytest

from conftest import ROOT
from postloan.batch import parameters

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def notebook(request):
    return nbformat.read(request.param, as_version=4)


def tagged(notebook, tag):
    return [cell for cell in notebook.cells if tag in cell.metadata.get("tags", [])]


def code(notebook):
    return [
        cell
        for cell in notebook.cells
        if cell.cell_type == "code" and "parameters" not in cell.metadata.get("tags", [])
    ]


def test_notebooks_exist():
    assert {path.stem for path in NOTEBOOKS} >= {"borrower_review"}


def test_no_outputs_in_git(notebook):
    assert all(not cell.outputs and cell.execution_count is None for cell in notebook.cells if cell.cell_type == "code")


def test_one_parameters_cell(notebook):
    (cell,) = tagged(notebook, "parameters")
    assert all(re.match(r"\w+: \w+ = .+  # .+", line) for line in cell.source.splitlines())


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_parameters_are_understood(path):
    assert {"as_of", "language", "book"} <= set(parameters.declared(path))


def test_languages_are_neighbours(notebook):
    pairs = [[t for t in c.metadata["tags"] if t in ("zh", "en")] for c in notebook.cells if c.cell_type == "markdown"]
    assert pairs == [["zh"], ["en"]] * (len(pairs) // 2)


def test_one_title_a_language(notebook):
    for language in ("zh", "en"):
        titles = [cell for cell in tagged(notebook, language) if re.search(r"^# ", cell.source, re.M)]
        assert len(titles) == 1


def test_code_cells_are_short(notebook):
    lengths = sorted(len([line for line in cell.source.splitlines() if line.strip()]) for cell in code(notebook))
    assert lengths[-1] <= 12
    assert lengths[len(lengths) // 2] <= 5


def test_code_keeps_to_the_door(notebook):
    source = "\n".join(cell.source for cell in code(notebook))
    imported = re.findall(r"^(?:from|import) ([\w.]+)", source, re.M)
    assert set(imported) <= {"postloan", "pandas"}
    assert not re.search(r"^\s*(def|class|while|for) ", source, re.M)
    assert not re.search(r"read_csv|read_sql|open\(|/", source.replace("open_book(", ""))


def test_opens_with_question_and_reader(notebook):
    assert "**问题**" in tagged(notebook, "zh")[0].source
    assert "**Question:**" in tagged(notebook, "en")[0].source


def test_record_tells_whether_data_are_made_up(notebook):
    (told,) = [cell.source for cell in code(notebook) if "record.show(" in cell.source]
    assert '"synthetic"' in told
