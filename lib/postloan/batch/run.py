"""Run jobs through papermill and keep the truth about each: files appear whole or not at all."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import logging
import platform
import re
import sqlite3
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.metadata import version
from pathlib import Path

import nbformat
import papermill
from jupyter_core.paths import jupyter_data_dir
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat import NotebookNode, sign
from papermill.engines import papermill_engines
from tqdm import tqdm
from traitlets.config import Config

from postloan import scratch, settings
from postloan.batch import handover, index, journal, kernels, paper
from postloan.batch.plan import Chosen, Job
from postloan.batch.run_file import KERNEL, RunPlan
from postloan.batch.workers import Processes
from postloan.book.store import open_book
from postloan.errors import RunError
from postloan.report import page, record
from postloan.whole_files import write_whole

_KERNEL_OPTIONS = ["--IPKernelApp.log_level=CRITICAL", "--HistoryManager.enabled=False"]
_MOST_CHARACTERS = 5_000_000
_FILES = ("ipynb", "html")
_SHOWN = {".html", ".ipynb", ".pdf", ".json"}  # what a run's folder has for people
_VERSIONS = ("postloan", "pandas", "papermill", "nbconvert", "statsmodels")


@dataclass
class Outcome:
    """What became of a job; `error` has cell (position in the executed notebook), line, name and message."""

    job: Job
    status: str
    seconds: float = 0.0
    error: dict | None = None
    summary: dict = field(default_factory=dict)
    attempts: int = 1
    kept: dict | None = None  # the journal's line where the report stands from an earlier run, its inputs unchanged

    def __str__(self) -> str:
        error = self.error or {}
        cell = f" in cell {error['cell']} ({error['line']})" if error.get("cell") else ""
        first = (error.get("message") or "").strip().partition("\n")[0]
        return f"{self.job.label}: {self.status}{cell}: {error.get('name')}: {first}"


def run_job(job: Job) -> Outcome:
    """Make one report; never raises. A failure leaves <name>.failed.ipynb and the earlier page untouched.

    Where the kernel died it is tried once more; an error of the notebook would only come again.
    """
    outcome = _attempt(job)
    return replace(_attempt(job), attempts=2) if outcome.status == "died" else outcome


def _attempt(job: Job) -> Outcome:
    started, notebook, summary = time.monotonic(), None, {}
    try:
        notebook = _prepared(job)
        status, error = _execute(notebook, job)
        if status == "ok":
            status, error, summary = _publish(notebook, job)
    except Exception as trouble:
        status, error = "died", _error(trouble)
    if status != "ok" and notebook is not None:
        with contextlib.suppress(OSError):
            write_whole(job.file("failed.ipynb"), nbformat.writes(notebook))
    return Outcome(job, status, round(time.monotonic() - started, 2), error, summary)


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
    files = {ending: job.file(ending) for ending in _FILES}
    return {ending: file.stat().st_size for ending, file in files.items() if file.exists()}


def _run_all(
    plan: RunPlan, jobs: list[Job], spread: object, on_done: Callable[[Outcome], None] | None
) -> dict[Path, Outcome]:
    done: dict[Path, Outcome] = {}
    elsewhere = plan.address if spread else ""
    if spread is None and min(plan.jobs, len(jobs)) > 1:
        spread = Processes(min(plan.jobs, len(jobs)))
    results = spread.map(run_job, jobs) if spread else map(run_job, jobs)
    bar = tqdm(total=len(jobs), desc=plan.name, unit="report", disable=None, file=sys.stderr, smoothing=0)

    def end(outcome: Outcome) -> None:
        outcome = done[outcome.job.target] = _fetched(outcome) if elsewhere else outcome
        with journal.writable(plan.folder):
            journal.append(plan.folder, _entry(outcome, plan.folder))
        if outcome.status == "ok":
            _trust(outcome.job.file("ipynb"))
        _tell(outcome, bar, on_done)

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
        _notary().sign(nbformat.read(file, as_version=4))


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


def _prepared(job: Job) -> NotebookNode:
    source = nbformat.read(job.notebook, as_version=4)
    return papermill.execute_notebook(source, None, job.parameters, prepare_only=True, kernel_name=job.kernel)


def _execute(notebook: NotebookNode, job: Job) -> tuple[str, dict | None]:
    """Run the cells in place (so that what ran is kept whatever happens) and say how it truly ended."""
    logging.getLogger("papermill").setLevel(logging.CRITICAL)
    until = time.monotonic() + job.report_timeout
    options = {"progress_bar": False, "log_output": False}
    options["timeout_func"] = lambda _: max(1, min(job.cell_timeout, int(until - time.monotonic())))
    settings.limit_kernels(job.memory_mb)
    try:
        with contextlib.chdir(settings.home()), scratch.folder() as sockets:
            options |= {"config": _private(sockets), "extra_arguments": _KERNEL_OPTIONS}
            papermill_engines.execute_notebook_with_engine(None, notebook, job.kernel, **options)
    except CellTimeoutError:
        limit = "report" if time.monotonic() >= until - 1 else "cell"
        allowed = job.report_timeout if limit == "report" else job.cell_timeout
        message = f"the {limit} ran longer than {allowed} seconds ({limit}_timeout in the run file)"
        return "timed_out", {**_last_started(notebook), "name": "CellTimeoutError", "message": message}
    except DeadKernelError:
        message = "the kernel died (killed, out of memory, or crashed in native code)"
        return "died", {**_last_started(notebook), "name": "DeadKernelError", "message": message}
    if trouble := _first_trouble(notebook):
        return "failed", trouble
    return "ok", None


def _private(folder: Path) -> Config:
    """Talk to the kernel through sockets of a folder only we can enter, not over TCP, where the system can."""
    ipc = {"transport": "ipc", "ip": str(folder / "kernel")}
    return Config({"KernelManager": {} if sys.platform == "win32" else ipc})


def _publish(notebook: NotebookNode, job: Job) -> tuple[str, dict | None, dict]:
    """Write notebook and page of a finished run."""
    try:
        _check_size(notebook)
        summary = _summary(notebook)
        html = page.export(notebook, language=job.language)
        found = next(iter(record.find_all(notebook)), {})
        if found and found["as_of"] > (today := dt.date.today().isoformat()):
            raise RunError(f"the report is of {found['as_of']}, and today is {today}: no review to look back on")
        write_whole(job.file("ipynb"), nbformat.writes(notebook))
        write_whole(job.file("html"), html)
        if found.get("borrower_id"):  # a report about the whole book is no review of anyone
            open_book(job.parameters["book"]).save_review(found)
        if job.address:
            handover.put(map(job.file, _FILES), job.folder, job.address)
        job.file("failed.ipynb").unlink(missing_ok=True)
    except Exception as trouble:
        return "export_failed", _error(trouble), {}
    return "ok", None, summary


def _fetched(outcome: Outcome) -> Outcome:
    """The outcome of another machine, its files fetched from the run's address."""
    job = outcome.job
    try:
        if outcome.status == "ok":
            handover.fetch(map(job.file, _FILES), job.folder, job.address)
    except RunError as error:
        return replace(outcome, status="export_failed", error=_error(error))
    return outcome


def _complete(plan: RunPlan) -> None:
    """Put manifest and index to the run's address, and whatever else is not there as it is here."""
    made = [file for file in sorted(plan.folder.rglob("*")) if file.suffix in _SHOWN]
    told = [file for file in made if file.parent == plan.folder]
    handover.put([*handover.lacking(made, plan.folder, plan.address), *told], plan.folder, plan.address)


def _check_size(notebook: NotebookNode) -> None:
    """Refuse a notebook that has written more than any report shows, and take the flood out of it."""
    for number, cell in enumerate(notebook.cells, start=1):
        size = sum(len(str(output)) for output in cell.get("outputs", []))
        if size > _MOST_CHARACTERS:
            cell.outputs = []
            raise RunError(f"cell {number} wrote {size:,} characters; a report may hold {_MOST_CHARACTERS:,} a cell")


def _first_trouble(notebook: NotebookNode) -> dict | None:
    """The first cell with an error, or that never ran; papermill's own marks are not to be trusted."""
    for number, cell in enumerate(notebook.cells, start=1):
        if cell.cell_type != "code" or "skip-execution" in cell.metadata.get("tags", []):
            continue
        for output in cell.outputs:
            if output.output_type == "error":
                return {**_place(cell, number), "name": output.ename, "message": _tidy(output.evalue)}
        if cell.source.strip() and cell.execution_count is None:
            return {
                **_place(cell, number),
                "name": "NotRun",
                "message": "the notebook stopped before this cell",
            }
    return None


def _last_started(notebook: NotebookNode) -> dict:
    ran = [
        _place(cell, number)
        for number, cell in enumerate(notebook.cells, start=1)
        if cell.cell_type == "code" and cell.metadata.get("papermill", {}).get("start_time")
    ]
    return ran[-1] if ran else {}


def _place(cell: NotebookNode, number: int) -> dict:
    return {
        "cell": number,
        "line": next((line.strip() for line in cell.source.splitlines() if line.strip()), ""),
    }


def _error(trouble: Exception) -> dict:
    return {"name": type(trouble).__name__, "message": _tidy(str(trouble))}


def _tidy(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", text)[:2000]


def _summary(notebook: NotebookNode) -> dict:
    """What the index shows of a report: its latest period and headline, from its record where it has one."""
    if not record.find_all(notebook):
        return {}
    found = record.find(notebook)
    periods = [value["period_end"] for value in found["values"] if value["value"] is not None]
    known = {name: found[name] for name in ("level", "class", "next_review") if found.get(name)}
    known |= index.first_step(found.get("signals") or [])
    return {"latest_period": max(periods, default=None), "headline": found.get("headline") or [], **known}


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


def _tell(outcome: Outcome, bar: tqdm, on_done: Callable[[Outcome], None] | None) -> None:
    bar.update()
    if outcome.status != "ok":
        bar.write(str(outcome), file=sys.stderr)
    if on_done:
        on_done(outcome)


def _now() -> str:
    return dt.datetime.now().astimezone().isoformat(timespec="seconds")
