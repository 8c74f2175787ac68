"""Make one report: run its notebook through papermill, look at how it truly ended, write page and notebook whole."""

from __future__ import annotations

import contextlib
import datetime as dt
import logging
import re
import sys
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

import nbformat
import papermill
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from papermill.engines import papermill_engines
from traitlets.config import Config

from postloan import scratch, settings
from postloan.batch import handover, index
from postloan.batch.kernels import PromptClient
from postloan.batch.plan import Job
from postloan.book.store import open_book
from postloan.errors import RunError
from postloan.report import page, record
from postloan.whole_files import write_whole

FILES = ("ipynb", "html")  # of a report that is made
_KERNEL_OPTIONS = [
    "--IPKernelApp.log_level=CRITICAL",
    "--HistoryManager.enabled=False",
    "--Kernel._execute_sleep=0",  # after each cell, for clients that do not wait until they hear it is idle: ours does
]
_MOST_CHARACTERS = 5_000_000


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
        status, error = "died", error_of(trouble)
    if status != "ok" and notebook is not None:
        with contextlib.suppress(OSError):
            write_whole(job.file("failed.ipynb"), nbformat.writes(notebook))
    return Outcome(job, status, round(time.monotonic() - started, 2), error, summary)


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
    prompt = {"client_class": f"{PromptClient.__module__}.{PromptClient.__name__}"}
    return Config({"KernelManager": prompt | ({} if sys.platform == "win32" else ipc)})


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
            handover.put(map(job.file, FILES), job.folder, job.address)
        job.file("failed.ipynb").unlink(missing_ok=True)
    except Exception as trouble:
        return "export_failed", error_of(trouble), {}
    return "ok", None, summary


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


def error_of(trouble: Exception) -> dict:
    """An exception as an outcome tells it."""
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
