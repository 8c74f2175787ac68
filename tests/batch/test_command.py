"""`postloan run` as a scheduler sees it: exit codes, log, notification, and saying beforehand what it would do."""

import datetime as dt
import json
import os
import sys

import pytest
import yaml
from click.testing import CliRunner

from postloan.batch import plan
from postloan.book.store import open_book
from postloan.cli import main


@pytest.fixture
def command(home, book, warm_parent, monkeypatch):
    """Invoke `postloan run` on a run file of two borrowers, with options."""
    monkeypatch.setenv("POSTLOAN_BOOK", os.environ["POSTLOAN_BOOK"])  # put back: a run makes its book the default
    fields = {"name": "try", "notebooks": ["tiny"], "borrowers": ["A", "000001"], "languages": ["en"], "jobs": 1}
    path = home / "params" / "runs" / "try.yml"
    path.write_text(yaml.safe_dump({**fields, "as_of": dt.date(2024, 6, 30)}), encoding="utf-8")

    def invoke(*options):
        before = os.umask(0o022)
        try:
            return CliRunner().invoke(main, ["run", str(path), *options])
        finally:
            os.umask(before)

    return invoke


def test_dry_run_makes_nothing(home, command):
    result = command("--dry-run")
    assert result.exit_code == 0
    assert "would make tiny A en" in result.stdout
    assert "2 of 2 reports would be made, 0 are unchanged" in result.stdout
    assert not (home / "outputs").exists()


def test_log_has_a_line_an_event(home, command):
    log = home / "run.jsonl"
    (home / "params/borrowers/A.yml").write_text("fault: raise\n")
    assert command("--log", str(log)).exit_code == 1
    events = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    assert [event["event"] for event in events] == ["start", "report", "report", "end"]
    assert {event.get("status") for event in events} == {None, "ok", "failed"}
    assert events[-1]["failed"] == 1


def test_summary_is_handed_on(home, command):
    script = home / "tell.py"
    script.write_text("import sys, pathlib; pathlib.Path('told.json').write_text(sys.stdin.read())")
    old = os.getcwd()  # noqa: PTH109
    os.chdir(home)
    try:
        command("--notify", f"{sys.executable} {script}")
    finally:
        os.chdir(old)
    told = json.loads((home / "told.json").read_text(encoding="utf-8"))
    assert (told["made"], told["failed"], told["exit_code"]) == (2, 0, 0)


def test_run_that_cannot_start_is_told_too(home, command):
    log = home / "run.jsonl"
    result = command("--log", str(log), "--borrower", "Z9")
    assert result.exit_code == 2
    assert "unknown borrowers" in json.loads(log.read_text(encoding="utf-8").splitlines()[-1])["error"]


def test_failure_is_said_last(home, command):
    (home / "params/borrowers/A.yml").write_text("fault: raise\n")
    assert command().stderr.strip().splitlines()[-1] == "try: 1 of 2 reports FAILED"


def test_only_notebooks_of_the_run(command):
    result = command("--only", "other")
    assert result.exit_code == 2
    assert "--only other: the run has tiny" in result.stderr


@pytest.mark.skipif(os.name == "nt", reason="rights of POSIX")
def test_others_cannot_read_pages(home, command):
    command()
    assert all(not path.stat().st_mode & 0o077 for path in (home / "outputs").rglob("*"))


def test_due_is_who_was_not_reviewed_or_has_news(home, book):
    day = dt.date(2024, 6, 30)
    assert plan.due(book, day) == {"A", "000001", "../../etc/x"}
    head = {"name": "postloan.borrower_review", "schema_version": 1, "language": "en", "values": [], "signals": []}
    for borrower, next_review in (("A", "2024-09-30"), ("000001", "2024-06-15")):
        book.save_review({**head, "borrower_id": borrower, "as_of": "2024-06-01", "next_review": next_review})
    assert plan.due(open_book(), day) == {"000001", "../../etc/x"}
    assert "A" in plan.due(open_book(), dt.date(2024, 9, 30))
