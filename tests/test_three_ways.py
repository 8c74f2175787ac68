"""One notebook, three ways to run it, one result."""

import nbformat
import papermill
import pytest
import yaml
from nbclient import NotebookClient

from postloan.report import page, record

NAME, BORROWER = "borrower_review.ipynb", "S0003"


@pytest.fixture(scope="module")
def batch(made_run):
    return nbformat.read(made_run / "borrower_review" / "zh" / f"{BORROWER}.ipynb", 4)


@pytest.fixture
def home(made_run, monkeypatch):
    home = made_run.parents[2]
    monkeypatch.setenv("POSTLOAN_HOME", str(home))
    monkeypatch.chdir(home)
    return home


def test_plain_papermill_agrees(home, batch, tmp_path):
    asked = {"borrower_id": BORROWER, "as_of": "2026-05-15", "language": "zh", "book": "sample"}
    (home / "params" / "borrowers" / "mine.yml").write_text(yaml.safe_dump(asked))
    given = yaml.safe_load((home / "params" / "borrowers" / "mine.yml").read_text())
    papermill.execute_notebook(home / "notebooks" / NAME, tmp_path / "out.ipynb", given, progress_bar=False)
    assert record.find(nbformat.read(tmp_path / "out.ipynb", 4)) == record.find(batch)
    assert page.export(tmp_path / "out.ipynb") == page.export(batch)


def test_run_all_agrees(home, batch):
    """Run all in JupyterLab is the notebook's own kernel on the notebook as it stands, defaults and all."""
    notebook = nbformat.read(home / "notebooks" / NAME, 4)
    NotebookClient(notebook, kernel_name="python3", resources={"metadata": {"path": str(home / "notebooks")}}).execute()
    assert record.find(notebook) == record.find(batch)
    assert page.export(notebook) == page.export(batch)
