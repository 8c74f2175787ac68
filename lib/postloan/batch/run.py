"""Run jobs and keep the truth about each: journal, manifest and index are those of what is really there."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import platform
import sqlite3
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from importlib.metadata import version
from pathlib import Path

import nbformat
from jupyter_core.paths import jupyter_data_dir
from nbformat import sign
from tqdm import tqdm

from postloan import settings
from postloan.batch import handover, index, journal, kernels, paper
from postloan.batch.making import FILES, Outcome, error_of, run_job
from postloan.batch.pace import Pace, known
from postloan.batch.plan import Chosen, Job
from postloan.batch.run_file import KERNEL, RunPlan
from postloan.batch.workers import Processes
from postloan.errors import RunError
from postloan.whole_files import write_whole

_BAR = "{l_bar}{bar}| {n_fmt}/{total_fmt} [{elapsed}, {rate_fmt}{postfix}]"
_SHOWN = {".html", ".ipynb", ".pdf", ".json"}  # what a run's folder has for people
_VERSIONS = ("postloan", "pandas", "papermill", "nbconvert", "statsmodels")


def run_all(
    plan: RunPlan,
    jobs: list[Job],
    *,
    chosen: Chosen | None = None,
    spread: object = None,
    on_done: Callable[[Outcome], None] | None = None,
) -> list[Outcome]:
    """Run what has changed, then write manifest.json and index.html; one bad report never stops the others.

    A report whose inputs are unchanged and whose files are whole is kept; each one that ends is in the journal at once,
    so that a run killed at any moment goes on where it stopped. `spread` is any object whose `map(function, jobs)`
    gives back outcomes in any order; default: plan.jobs processes, or this process where that is 1. RunError when
    another run holds the folder, or the plan's address takes no files. Gives back an outcome for each chosen job.
    """
    if "://" in plan.book:
        settings.use_book(plan.book)
    if plan.address:
        handover.check(plan.address)
    chosen = chosen or Chosen()
    with journal.held(plan.folder):
        todo, kept = split(plan, jobs, chosen)
        started = _now()
        warm = spread is None and any(job.kernel == KERNEL for job in todo)
        with kernels.shared() if warm else contextlib.nullcontext():
            done = kept | _run_all(plan, todo, spread, on_done)
        if plan.pdf:
            paper.add([job.file("html") for job in jobs if job.target in done], plan.jobs)
        with journal.writable(plan.folder):
            write_run(plan, jobs, started)
        if plan.address:
            _complete(plan)
    return [done[job.target] for job in jobs if job.target in done]


def split(plan: RunPlan, jobs: list[Job], chosen: Chosen) -> tuple[list[Job], dict[Path, Outcome]]:
    """The jobs to do, and by target the outcomes of those that stand unchanged from an earlier run."""
    earlier = journal.read(plan.folder)
    wanted = [job for job in jobs if chosen.wants(job, earlier.get(_key(job, plan.folder)))]
    kept = {} if chosen.force else {job.target: each for job in wanted if (each := _kept(job, plan, earlier))}
    return [job for job in wanted if job.target not in kept], kept


def _kept(job: Job, plan: RunPlan, earlier: dict[str, dict]) -> Outcome | None:
    """The outcome of a job whose report stands as it would be made again."""
    entry = earlier.get(_key(job, plan.folder))
    if not journal.stands(entry, job.fingerprint, _sizes(job)):
        return None
    return Outcome(job, "ok", entry["seconds"], kept=entry)


def _key(job: Job, folder: Path) -> str:
    return job.target.relative_to(folder).as_posix()


def _sizes(job: Job) -> dict[str, int]:
    """The sizes of a report's files by ending; absent ones are left out."""
    files = {ending: job.file(ending) for ending in FILES}
    return {ending: file.stat().st_size for ending, file in files.items() if file.exists()}


def _run_all(
    plan: RunPlan, jobs: list[Job], spread: object, on_done: Callable[[Outcome], None] | None
) -> dict[Path, Outcome]:
    done: dict[Path, Outcome] = {}
    elsewhere, workers = plan.address if spread else "", min(plan.jobs, len(jobs))
    pace = Pace(jobs, known(plan.folder), None if spread else workers)
    if spread is None and workers > 1:
        spread = Processes(workers)
    results = spread.map(run_job, jobs) if spread else map(run_job, jobs)
    bar = tqdm(total=len(jobs), desc=plan.name, unit="report", disable=None, file=sys.stderr, bar_format=_BAR)

    def end(outcome: Outcome) -> None:
        outcome = done[outcome.job.target] = _fetched(outcome) if elsewhere else outcome
        with journal.writable(plan.folder):
            journal.append(plan.folder, _entry(outcome, plan.folder))
        if outcome.status == "ok":
            _trust(outcome.job.file("ipynb"))
        pace.ended(outcome.job, outcome.seconds)
        _tell(outcome, bar, pace, on_done)

    try:
        for outcome in results:
            end(outcome)
    except RunError:
        raise
    except Exception as trouble:
        bar.write(f"run {plan.name}: the workers stopped: {trouble!r}", file=sys.stderr)
    for job in jobs:
        if job.target not in done:
            lost = {"name": "WorkerLost", "message": "the worker process was lost (killed, or out of memory)"}
            end(Outcome(job, "died", error=lost))
    bar.close()
    return done


@cache
def _notary() -> sign.NotebookNotary:
    folder = Path(jupyter_data_dir())
    folder.mkdir(parents=True, exist_ok=True)
    return sign.NotebookNotary(data_dir=str(folder))


def _trust(file: Path) -> None:
    """Sign a notebook for this user's JupyterLab, which then shows its charts: we have run it ourselves, and its page
    was refused had it held what acts. In one process alone: a store of signatures that is busy is thrown away."""
    with contextlib.suppress(OSError, sqlite3.Error):
        _notary().sign(nbformat.from_dict(json.loads(file.read_text(encoding="utf-8"))))


def exit_code(outcomes: list[Outcome]) -> int:
    """0 when all reports are made, 1 when some are not, 2 when none could even start."""
    if outcomes and all(outcome.status == "died" and not (outcome.error or {}).get("cell") for outcome in outcomes):
        return 2
    return int(any(outcome.status != "ok" for outcome in outcomes))


def write_run(plan: RunPlan, jobs: list[Job], started: str) -> None:
    """Write the manifest and the index of all the folder's reports, this run's first, from the journal."""
    told = journal.read(plan.folder)
    ours = [_key(job, plan.folder) for job in jobs]
    rest = [key for key, entry in told.items() if key not in set(ours) and entry["status"] == "ok"]
    entries = [told[key] for key in [*ours, *rest] if key in told]
    versions = {"python": platform.python_version(), **{name: version(name) for name in _VERSIONS}}
    manifest = {
        "run": plan.name,
        "as_of": plan.day.isoformat(),
        "book": plan.book_shown,
        "started": started,
        "finished": _now(),
        "versions": versions,
        "jobs": entries,
    }
    write_whole(plan.folder / "manifest.json", json.dumps(manifest, ensure_ascii=False, indent=1))
    for name, page_text in index.pages(manifest, plan.folder).items():
        write_whole(plan.folder / name, page_text)


def _fetched(outcome: Outcome) -> Outcome:
    """The outcome of another machine, its files fetched from the run's address."""
    job = outcome.job
    try:
        if outcome.status == "ok":
            handover.fetch(map(job.file, FILES), job.folder, job.address)
    except RunError as error:
        return replace(outcome, status="export_failed", error=error_of(error))
    return outcome


def _complete(plan: RunPlan) -> None:
    """Put manifest and index to the run's address, and whatever else is not there as it is here."""
    made = [file for file in sorted(plan.folder.rglob("*")) if file.suffix in _SHOWN]
    told = [file for file in made if file.parent == plan.folder]
    handover.put([*handover.lacking(made, plan.folder, plan.address), *told], plan.folder, plan.address)


def _entry(outcome: Outcome, folder: Path) -> dict:
    """One job's line in the journal and the manifest; `old` marks a page an earlier run left."""
    job, page_file = outcome.job, outcome.job.file("html")
    return {
        "target": _key(job, folder),
        "at": _now(),
        "files": _sizes(job),
        "attempts": outcome.attempts,
        "borrower_id": job.borrower_id,
        "name": job.about.get("name"),
        "name_en": job.about.get("name_en"),
        "industry": job.about.get("industry"),
        "synthetic": bool(job.about.get("synthetic")),
        "notebook": job.notebook.stem,
        "language": job.language,
        "parameters": job.parameters,
        "fingerprint": job.fingerprint,
        "status": outcome.status,
        "seconds": outcome.seconds,
        "path": page_file.relative_to(folder).as_posix() if page_file.exists() else None,
        "old": outcome.status != "ok" and page_file.exists(),
        "error": outcome.error,
        **outcome.summary,
    }


def _tell(outcome: Outcome, bar: tqdm, pace: Pace, on_done: Callable[[Outcome], None] | None) -> None:
    if (left := pace.left()) is not None:
        bar.set_postfix_str(f"about {tqdm.format_interval(left)} left", refresh=False)
    bar.update()
    if outcome.status != "ok":
        bar.write(str(outcome), file=sys.stderr)
    if on_done:
        on_done(outcome)


def _now() -> str:
    return dt.datetime.now().astimezone().isoformat(timespec="seconds")
