import json
import os

import nbformat
import pandas as pd
import pytest
from nbformat import sign

from postloan.batch import run as batch
from postloan.batch.plan import jobs
from postloan.book.store import open_book
from postloan.tables import Intake


@pytest.fixture
def done(run, book):
    """Run one borrower with a fault and give back plan, job and outcome."""

    def go(fault="none", **fields):
        plan = run(borrowers=["A"], parameters={"fault": fault}, **{"name": "try", **fields})
        (job,) = jobs(plan, book)
        (outcome,) = batch.run_all(plan, [job])
        return plan, job, outcome

    return go


def manifest(plan):
    return json.loads((plan.folder / "manifest.json").read_text(encoding="utf-8"))


def test_good_report_made(done):
    plan, job, outcome = done()
    assert outcome.status == "ok"
    assert job.file("html").read_text(encoding="utf-8").count("<h1>Tiny report</h1>") == 1
    made = nbformat.read(job.file("ipynb"), 4)
    assert made.cells[3].metadata.tags == ["injected-parameters"]
    assert sign.NotebookNotary(data_dir=os.environ["JUPYTER_DATA_DIR"]).check_signature(made)  # JupyterLab trusts it
    entry = manifest(plan)["jobs"][0]
    assert entry["path"] == "tiny/en/A.html"
    assert entry["latest_period"] == "2024-03-31"
    assert entry["fingerprint"] == job.fingerprint
    assert not list(plan.folder.rglob("*.tmp"))
    assert batch.exit_code([outcome]) == 0


@pytest.mark.parametrize(
    ("fault", "status", "name"),
    [
        ("raise", "failed", "ValueError"),
        ("exit", "failed", "SystemExit"),
        ("kill", "died", "DeadKernelError"),
        ("hang", "timed_out", "CellTimeoutError"),
        ("script", "export_failed", "RunError"),
    ],
)
def test_true_status_told(done, capfd, fault, status, name):
    plan, job, outcome = done(fault, cell_timeout=2)
    assert (outcome.status, outcome.error["name"]) == (status, name)
    if fault != "script":
        assert (outcome.error["cell"], outcome.error["line"]) == (5, "import os, time")
    assert not job.file("html").exists()
    assert job.file("failed.ipynb").exists()
    assert f"tiny A en: {status}" in capfd.readouterr().err
    assert manifest(plan)["jobs"][0]["status"] == status
    assert batch.exit_code([outcome]) == 1


def test_old_page_kept(done):
    _, job, _ = done()
    page = job.file("html").read_text(encoding="utf-8")
    plan, _, outcome = done("raise")
    assert outcome.status == "failed"
    assert job.file("html").read_text(encoding="utf-8") == page
    assert manifest(plan)["jobs"][0]["old"] is True
    assert "from an earlier run" in (plan.folder / "index.html").read_text(encoding="utf-8")


def test_failure_mark_cleared(done):
    _, job, _ = done("raise")
    done()
    assert job.file("html").exists()
    assert not job.file("failed.ipynb").exists()


def test_others_go_on(home, run, book):
    (home / "params/borrowers/A.yml").write_text("fault: kill\n")
    plan = run(jobs=2)
    outcomes = batch.run_all(plan, jobs(plan, book))
    assert {outcome.job.borrower_id: outcome.status for outcome in outcomes} == {
        "A": "died",
        "000001": "ok",
        "../../etc/x": "ok",
    }
    assert batch.exit_code(outcomes) == 1


def test_any_map_spreads(run, book):
    class Forgetful:
        def map(self, function, items):
            yield function(items[0])

    plan, seen = run(languages=["en"]), []
    outcomes = batch.run_all(plan, jobs(plan, book), spread=Forgetful(), on_done=seen.append)
    assert [outcome.status for outcome in outcomes] == ["ok", "died", "died"]
    assert outcomes[1].error["name"] == "WorkerLost"
    assert len(seen) == 3


def test_nothing_started_is_two(run, book):
    plan = run()
    (job, *_) = jobs(plan, book)
    assert batch.exit_code([batch.Outcome(job, "died", error={"name": "WorkerLost"})]) == 2


def test_a_name_is_never_code(home, run):
    """A borrower whose id and name are code and markup: text in the notebook, escaped on page and index."""
    name = '"; import os; os._exit(3) #'
    people = pd.DataFrame({"borrower_id": [name], "name": ["<script>alert(1)</script>"]})
    book = open_book()
    assert not book.add(Intake("people.csv", "test", {"borrowers": people}, read=1)).refused
    loaded = run(borrowers=[name])
    (outcome,) = batch.run_all(loaded, jobs(loaded, book))
    made = outcome.job.file("ipynb").read_text(encoding="utf-8")
    index = (loaded.folder / "index.html").read_text(encoding="utf-8")
    assert outcome.status == "ok", outcome.error
    assert json.dumps(f"borrower_id = {json.dumps(name)}")[1:-1] in made
    assert "alert(1)</script>" not in index + outcome.job.file("html").read_text(encoding="utf-8")
    assert "&lt;script&gt;" in index
