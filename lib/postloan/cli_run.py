"""The command `postloan run`: reports by run file, for people and for schedulers."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from postloan import settings
from postloan.errors import PostloanError, RunError

if TYPE_CHECKING:  # pandas takes a second to import, which `postloan --help` should not
    from postloan.batch.making import Outcome
    from postloan.batch.plan import Chosen, Job
    from postloan.batch.run_file import RunPlan

_LEVELS = ("red", "orange", "yellow")


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--as-of", help="Day to report as of (YYYY-MM-DD, or today) instead of the file's.")
@click.option("--borrower", "borrowers", multiple=True, help="Only this borrower; may be given again.")
@click.option("--language", "languages", multiple=True, type=click.Choice(settings.LANGUAGES))
@click.option("--output", metavar="FOLDER", help="Output folder, or an address such as s3://…, instead of the file's.")
@click.option("--jobs", type=click.IntRange(1), help="Reports at a time (default: cores).")
@click.option("--dask", metavar="ADDRESS", help="Make the reports on the workers of this Dask scheduler.")
@click.option("--book", metavar="ADDRESS", help="Book to use: default, sample or a SQLAlchemy address.")
@click.option("--only", "notebooks", multiple=True, metavar="NOTEBOOK", help="Only this notebook of the run file's.")
@click.option("--due", is_flag=True, help="Only borrowers whose review is due, or of whom something new is known.")
@click.option("--retry-failed", "failed", is_flag=True, help="Only reports that failed last time.")
@click.option("--force", is_flag=True, help="Make unchanged reports again as well.")
@click.option("--dry-run", is_flag=True, help="Say what would be made, and make nothing.")
@click.option("--log", type=click.Path(dir_okay=False), help="Add JSON lines to this file, one an event; -: to stderr.")
@click.option("--notify", metavar="COMMAND", help="Run this at the end with the run's summary as JSON on its input.")
@click.option("--pdf", is_flag=True, help="Print each page as PDF beside it, where a Chromium is installed.")
@click.option("--umask", default="077", show_default=True, help="Rights kept from others on new files (octal).")
def run(file: Path, **told: object) -> None:
    """Run the reports of a run file: one page a borrower and language, an index and a manifest.

    Reports whose inputs have not changed are kept. Exit code 0: all is made; 1: some reports failed; 2: nothing
    could start.
    """
    os.umask(_octal(str(told.pop("umask"))))
    notify, log = told.pop("notify"), told.pop("log")
    with _log(log) as tell:
        try:
            summary = _run(file, tell, told)
        except PostloanError as error:
            summary = {"run": file.stem, "exit_code": 2, "error": str(error)}
            _end(summary, tell, notify)
            raise
        _end(summary, tell, notify)
    for line in summary.get("failures", []):
        click.echo(line, err=True)
    if summary["exit_code"]:
        click.echo(f"{summary['run']}: {summary['failed']} of {summary['asked']} reports FAILED", err=True)
    sys.exit(summary["exit_code"])


def _run(file: Path, tell: Callable[..., None], told: dict) -> dict:
    """Plan and run; the summary."""
    from postloan.batch import kernels

    if not file.exists():
        known = sorted(path.name for path in settings.params("runs").glob("*.yml"))
        raise RunError(f"{file}: no such run file; in params/runs: {', '.join(known)}")
    ways = {name: told.pop(name) for name in ("notebooks", "due", "failed", "force", "dry_run", "dask")}
    said = {name: list(value) if isinstance(value, tuple) else value for name, value in told.items() if value}
    with contextlib.nullcontext() if ways["dask"] else kernels.shared():  # it imports while we plan
        from postloan.analysis import peers
        from postloan.batch import plan as planning
        from postloan.batch import run_file
        from postloan.book.store import open_book

        plan = run_file.load_run(file, **said)
        book = open_book(plan.book)
        if unknown := set(ways["notebooks"]) - set(plan.wanted):
            raise RunError(f"--only {', '.join(sorted(unknown))}: the run has {', '.join(plan.wanted)}")
        compared = settings.params("peers.yml").exists()
        jobs = planning.jobs(plan, book, peers.pools if compared else None)
        due = planning.due(book, plan.day) if ways["due"] else None
        chosen = planning.Chosen(ways["notebooks"], due, ways["failed"], ways["force"])
        if ways["dry_run"]:
            return _foreseen(plan, jobs, chosen)
        with _spread(ways["dask"], plan) as spread:
            return _made(plan, jobs, chosen, tell, spread)


def _spread(dask: str | None, plan: RunPlan) -> contextlib.AbstractContextManager:
    """The workers of a Dask scheduler, or None: those of this machine."""
    if not dask:
        return contextlib.nullcontext()
    from postloan.batch import cluster

    return cluster.joined(dask, plan)


def _foreseen(plan: RunPlan, jobs: list[Job], chosen: Chosen) -> dict:
    """Say what would be made."""
    from postloan.batch import run as batch

    todo, kept = batch.split(plan, jobs, chosen)
    for job in todo:
        click.echo(f"would make {job.label}")
    click.echo(f"{len(todo)} of {len(jobs)} reports would be made, {len(kept)} are unchanged")
    return {"run": plan.name, "exit_code": 0, "dry_run": True, "would_make": len(todo), "unchanged": len(kept)}


def _made(plan: RunPlan, jobs: list[Job], chosen: Chosen, tell: Callable[..., None], spread: object) -> dict:
    """Run, say how it went, and sum up."""
    from postloan.batch import run as batch

    tell("start", run=plan.name, as_of=plan.day.isoformat(), book=plan.book_shown, jobs=len(jobs))

    def note(outcome: Outcome) -> None:
        tell("report", label=outcome.job.label, status=outcome.status, seconds=outcome.seconds, error=outcome.error)

    outcomes = batch.run_all(plan, jobs, chosen=chosen, spread=spread, on_done=note)
    good = [outcome for outcome in outcomes if outcome.status == "ok"]
    kept = sum(outcome.kept is not None for outcome in outcomes)
    index = f"{plan.address}/index.html" if plan.address else plan.folder / "index.html"
    earlier = f", {kept} of them earlier and unchanged" if kept else ""
    click.echo(f"{len(good)} of {len(outcomes)} reports made{earlier}; open {index}")
    bad = [outcome for outcome in outcomes if outcome.status != "ok"]
    return {
        "run": plan.name,
        "as_of": plan.day.isoformat(),
        "exit_code": batch.exit_code(outcomes),
        "asked": len(outcomes),
        "made": len(good) - kept,
        "unchanged": kept,
        "failed": len(bad),
        "failures": [str(outcome) for outcome in bad],
        "signals": _signals(good),
        "index": str(index),
    }


def _signals(outcomes: list[Outcome]) -> list[dict]:
    """The borrowers with a level, red ones first."""
    told = {}
    for outcome in outcomes:
        level = (outcome.kept or outcome.summary).get("level")
        if level in _LEVELS and outcome.job.borrower_id:
            name = outcome.job.about.get("name")
            told[outcome.job.borrower_id] = {"borrower_id": outcome.job.borrower_id, "name": name, "level": level}
    return sorted(told.values(), key=lambda each: _LEVELS.index(each["level"]))


def _end(summary: dict, tell: Callable[..., None], notify: str | None) -> None:
    """Log the summary and hand it to the command that wants it; one that fails is said and changes nothing."""
    tell("end", **summary)
    if notify:
        try:
            subprocess.run(shlex.split(notify), input=json.dumps(summary, ensure_ascii=False), text=True, check=True)
        except (OSError, subprocess.CalledProcessError, ValueError) as trouble:
            click.echo(f"postloan: --notify {notify}: {trouble}", err=True)


@contextlib.contextmanager
def _log(path: str | None) -> Iterator[Callable[..., None]]:
    """A function that writes one JSON object a line and event, when it happens."""
    began = time.monotonic()
    with contextlib.ExitStack() as stack:
        file = sys.stderr
        if path not in (None, "-"):
            file = stack.enter_context(Path(path).open("a", encoding="utf-8"))

        def tell(event: str, **facts: object) -> None:
            at = dt.datetime.now().astimezone().isoformat(timespec="milliseconds")
            line = {"at": at, "after_s": round(time.monotonic() - began, 2), "event": event, **facts}
            if path:
                print(json.dumps(line, ensure_ascii=False, default=str), file=file, flush=True)

        yield tell


def _octal(text: str) -> int:
    try:
        return int(text, 8) & 0o777
    except ValueError:
        raise RunError(f"--umask {text}: expected octal digits such as 077 or 027") from None
