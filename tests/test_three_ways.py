"""One notebook, three ways to run it, one result; and the screen of the whole book says the same."""

import shutil
import subprocess
import sys

import nbformat
import pandas as pd
import papermill
import pytest
import yaml
from nbclient import NotebookClient
from nbconvert.exporters import get_exporter

from conftest import ROOT, made_reports
from postloan.analysis.periods import Panel
from postloan.book.store import open_book
from postloan.judgement import exposures
from postloan.portfolio import screen
from postloan.report import page, record
from postloan.tables import Intake

NAME, BORROWER, AS_OF = "borrower_review.ipynb", "S0003", "2026-05-15"


@pytest.fixture(scope="module")
def made_run(warm_parent, sample_address, tmp_path_factory):
    return made_reports(sample_address, tmp_path_factory.mktemp("home"), ["zh"])


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


def test_export_menu_gives_the_same_page(home, made_run, tmp_path):
    """JupyterLab's menu and the command ask nbconvert for the exporter `postloan`; both get the run's page."""
    made = made_run / "borrower_review" / "zh" / BORROWER
    command = [sys.executable, "-m", "nbconvert", "--to", "postloan", "--output-dir", tmp_path, f"{made}.ipynb"]
    subprocess.run(command, check=True, capture_output=True)
    assert (tmp_path / f"{BORROWER}.html").read_bytes() == made.with_suffix(".html").read_bytes()
    assert get_exporter("postloan").export_from_notebook == "Post-loan report"


@pytest.fixture(scope="module")
def judged(sample_book):
    panel, side = Panel(sample_book.statements(as_of=AS_OF)), sample_book.loan_side(as_of=AS_OF)
    known = screen.Known(sample_book.observations(as_of=AS_OF), side=side)
    return screen.judge(panel, sample_book.borrowers(), known, AS_OF, chance=screen.chance(panel))


def screened(judged, borrower):
    """What the screen found of one borrower, in the words of a record."""
    level, opinion, plan = (
        part[part["borrower_id"] == borrower].iloc[0]
        for part in (judged.levels, exposures.worst(judged.classed), judged.plan)
    )
    mine = judged.warnings.signals[judged.warnings.signals["borrower_id"] == borrower]
    unjudged = judged.warnings.unjudged[judged.warnings.unjudged["borrower_id"] == borrower]
    return {
        "level": level["level"],
        "class": None if pd.isna(opinion["suggested"]) else opinion["suggested"],
        "next_review": f"{plan['next_review']:%Y-%m-%d}",
        "signals": [(row.rule, row.level, row.status, f"{row.due:%Y-%m-%d}") for row in mine.itertuples()],
        "unjudged": sorted(unjudged["rule"]),
    }


def computed(sample_address, borrower):
    """The cells of the notebook up to its conclusion, run as they stand."""
    names = {}
    for cell in nbformat.read(ROOT / "notebooks" / NAME, 4).cells:
        if cell.cell_type == "markdown" and cell.source.startswith("## 结论"):
            return names
        if cell.cell_type == "code":
            exec(cell.source, names)
        if "parameters" in cell.metadata.get("tags", []):
            names |= {"borrower_id": borrower, "as_of": AS_OF, "book": sample_address}
    raise AssertionError("the notebook has no conclusion")


@pytest.mark.parametrize("borrower", ["S0003", "S0005", "S0007", "S0009"])
def test_screen_says_what_each_report_finds(judged, sample_address, borrower):
    names, found = computed(sample_address, borrower), screened(judged, borrower)
    assert found["level"] == names["level"].at[0, "level"]
    assert found["class"] == names["opinion"]["suggested"]
    assert found["next_review"] == f"{names['plan']['next_review']:%Y-%m-%d}"
    told = names["warnings"].signals
    assert found["signals"] == [(row.rule, row.level, row.status, f"{row.due:%Y-%m-%d}") for row in told.itertuples()]
    assert found["unjudged"] == sorted(names["warnings"].unjudged["rule"])
    if borrower == "S0005":
        assert not [rule for rule in found["unjudged"] if rule.endswith("breach_likely")]


@pytest.fixture(scope="module")
def tied_address(sample_address, tmp_path_factory):
    """The sample, with S0003 and S0007 under one controller and S0007 impaired."""
    file = tmp_path_factory.mktemp("tied") / "book.db"
    shutil.copy(sample_address.removeprefix("sqlite:///"), file)
    about = {"party_id": "K1", "relation": "controller", "name": "周二", "known_on": "2026-04-01"}
    rows = pd.DataFrame([{"borrower_id": each, **about} for each in ("S0003", "S0007")])
    seen = {"borrower_id": "S0007", "metric": "credit_impaired", "value": 1.0, "source": "risk"}
    told = pd.DataFrame([seen | {"observed_on": "2026-04-30", "known_on": "2026-04-30"}])
    assert (
        not open_book(f"sqlite:///{file}").add(Intake("k.csv", "t", {"parties": rows, "observations": told}, 2)).refused
    )
    return f"sqlite:///{file}"


def test_a_bad_member_of_the_group_is_told_alike(tied_address):
    names, ledger = computed(tied_address, "S0003"), open_book(tied_address)
    row = names["grounds"].set_index("trigger").loc["group_npl"]
    assert (row["outcome"], row["inputs"]) == ("fires", '{"group_npl": {"S0007": "substandard"}}')
    known = screen.Known(ledger.observations(as_of=AS_OF), side=ledger.loan_side(as_of=AS_OF), traced=False)
    panel = Panel(ledger.statements(as_of=AS_OF))
    found = screen.screen(panel, ledger.borrowers(), known, AS_OF).set_index("borrower_id")
    assert found.at["S0003", "tasks"] == names["opinion"]["tasks"] == "group_npl"
    assert found.at["S0007", "tasks"] == ""


@pytest.mark.parametrize("borrower", ["S0003", "S0005"])
def test_screen_says_the_same_as_the_record(judged, made_run, borrower):
    told = record.find(nbformat.read(made_run / "borrower_review" / "zh" / f"{borrower}.ipynb", 4))
    found = screened(judged, borrower)
    assert {name: told[name] for name in ("level", "class", "next_review")} == {
        name: found[name] for name in ("level", "class", "next_review")
    }
    assert found["signals"] == [
        tuple(row[name] for name in ("rule", "level", "status", "due")) for row in told["signals"]
    ]
