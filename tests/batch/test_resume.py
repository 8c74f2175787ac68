"""Runs that skip what is unchanged, go on where they were stopped, and keep out of each other's way."""

import datetime as dt
import json
import os
import subprocess
import sys

import pytest

from postloan.batch import journal, run_file
from postloan.batch import run as batch
from postloan.batch.plan import Chosen, jobs
from postloan.errors import RunError


@pytest.fixture
def again(run, book):
    """Plan and run the same file; gives back how many reports were made and how many kept."""

    def go(chosen=None, **fields):
        loaded = run(name="try", borrowers=["A", "000001"], **fields)
        outcomes = batch.run_all(loaded, jobs(loaded, book), chosen=chosen)
        kept = sum(outcome.kept is not None for outcome in outcomes)
        return loaded, len(outcomes) - kept, kept

    return go


def test_unchanged_reports_are_kept(again):
    loaded, made, kept = again()
    page = next(loaded.folder.rglob("A.html"))
    before = page.stat().st_mtime_ns
    assert (made, kept) == (2, 0)
    assert again()[1:] == (0, 2)
    assert page.stat().st_mtime_ns == before
    assert again(Chosen(force=True))[1:] == (2, 0)


def test_changed_input_is_made_again(again, book):
    again()
    assert again(parameters={"limit": 2.0})[1:] == (2, 0)


@pytest.mark.parametrize("harm", ["unlink", "truncate"])
def test_damaged_page_is_made_again(again, harm):
    page = next(again()[0].folder.rglob("A.html"))
    page.unlink() if harm == "unlink" else page.write_text("half")
    assert again()[1:] == (1, 1)
    assert "Tiny report" in page.read_text(encoding="utf-8")


def test_index_keeps_what_was_not_asked(again):
    loaded, *_ = again()
    again(Chosen(borrowers={"A"}, force=True))
    manifest = json.loads((loaded.folder / "manifest.json").read_text(encoding="utf-8"))
    assert {entry["borrower_id"] for entry in manifest["jobs"]} == {"A", "000001"}


def test_failed_ones_alone_again(home, again):
    (home / "params/borrowers/A.yml").write_text("fault: raise\n")
    again()
    assert again(Chosen(failed=True))[1:] == (1, 0)


def test_dead_kernel_is_tried_twice(home, again):
    (home / "params/borrowers/A.yml").write_text("fault: kill\n")
    told = journal.read(again()[0].folder)
    assert told["tiny/en/A"]["attempts"] == 2
    assert told["tiny/en/000001"]["attempts"] == 1


def test_report_has_its_time(home, run, book):
    (home / "params/borrowers/A.yml").write_text("fault: hang\n")
    loaded = run(borrowers=["A"], report_timeout=2)
    (outcome,) = batch.run_all(loaded, jobs(loaded, book))
    assert outcome.status == "timed_out"
    assert "the report ran longer than 2 seconds (report_timeout" in outcome.error["message"]


@pytest.mark.skipif(sys.platform != "linux", reason="limits of memory are Linux's")
def test_memory_eater_fails_alone(home, run, book, monkeypatch):
    (home / "params/borrowers/A.yml").write_text("fault: eat\n")
    loaded = run(borrowers=["A", "000001"], memory_mb=200)
    outcomes = batch.run_all(loaded, jobs(loaded, book))
    if outcomes[0].job.kernel != run_file.KERNEL:
        pytest.skip("the warm kernel is not installed here")
    assert [outcome.status for outcome in outcomes] == ["failed", "ok"]
    assert outcomes[0].error["name"] == "MemoryError"


def test_flood_of_output_is_refused(home, run, book):
    (home / "params/borrowers/A.yml").write_text("fault: flood\n")
    loaded = run(borrowers=["A"])
    (outcome,) = batch.run_all(loaded, jobs(loaded, book))
    assert "cell 5 wrote" in outcome.error["message"]
    assert outcome.job.file("failed.ipynb").stat().st_size < 1_000_000


def test_second_run_is_told_who_is_first(tmp_path):
    with journal.held(tmp_path), pytest.raises(RunError, match=rf"another run is writing there: process {os.getpid()}"):  # noqa: SIM117
        with journal.held(tmp_path):
            pass
    with journal.held(tmp_path):
        pass


def test_killed_run_holds_nothing(tmp_path):
    code = "import sys, pathlib, os; from postloan.batch import journal\n"
    code += "with journal.held(pathlib.Path(sys.argv[1])): os.kill(os.getpid(), 9)"
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    with journal.held(tmp_path):
        pass


def test_line_cut_off_is_no_line(tmp_path):
    journal.append(tmp_path, {"target": "a", "status": "ok"})
    with (tmp_path / journal.NAME).open("a") as file:
        file.write('{"target": "b", "sta')
    journal.append(tmp_path, {"target": "c", "status": "ok"})
    assert set(journal.read(tmp_path)) == {"a", "c"}


def test_page_of_a_day_to_come_is_loud(run, book):
    loaded = run(borrowers=["A"])
    (job,) = jobs(loaded, book)
    job.parameters["as_of"] = (dt.date.today() + dt.timedelta(days=2)).isoformat()
    outcome = batch.run_job(job)
    assert outcome.status == "export_failed"
    assert "no review to look back on" in outcome.error["message"]
    assert not job.file("html").exists()


def test_full_disk_is_said(tmp_path):
    with (
        pytest.raises(RunError, match="cannot be written: No space left; call the run again"),
        journal.writable(tmp_path),
    ):
        raise OSError(28, "No space left")
