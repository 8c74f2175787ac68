"""`make bench`: speed as ratios within one run on one machine, printed and kept in outputs/bench.json.

`postloan run` against plain papermill + nbconvert two at a time, and against the notebook's own cells in one warm
Python process. Never a test: machines differ and are noisy.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
import yaml

from postloan import settings
from postloan.book import sample
from postloan.book.store import open_book

ROOT = settings.home()
NOTEBOOK = ROOT / "notebooks" / "borrower_review.ipynb"
AS_OF = dt.date(2026, 5, 15)  # the notebook's own default, so that all three do the same
TOOLS = Path(sys.executable).parent


def timed(work, *arguments) -> float:
    """Seconds a call takes."""
    started = time.perf_counter()
    work(*arguments)
    return time.perf_counter() - started


def suite(folder: Path, borrowers: list[str], *options: str) -> None:
    """The reports through `postloan run`."""
    asked = {"name": "bench", "book": "sample", "borrowers": borrowers, "languages": ["zh"], "output": str(folder)}
    (folder / "run.yml").write_text(yaml.safe_dump({**asked, "as_of": AS_OF}), encoding="utf-8")
    subprocess.run([TOOLS / "postloan", "run", folder / "run.yml", *options], check=True, capture_output=True)


def plain(folder: Path, borrowers: list[str]) -> None:
    """The same reports through the papermill and nbconvert commands, two at a time."""

    def one(borrower: str) -> None:
        made, quiet = folder / f"{borrower}.ipynb", {"check": True, "capture_output": True}
        given = ["-p", "borrower_id", borrower, "-p", "book", "sample"]
        subprocess.run([TOOLS / "papermill", NOTEBOOK, made, *given], **quiet)
        subprocess.run([TOOLS / "jupyter", "nbconvert", "--to", "html", made], **quiet)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(one, borrowers))


def floor(borrowers: list[str]) -> None:
    """The notebook's code cells in this process: what the analysis itself costs."""
    cells = [cell for cell in nbformat.read(NOTEBOOK, 4).cells if cell.cell_type == "code"]
    for borrower in borrowers:
        names: dict = {}
        for cell in cells:
            exec(cell.source, names)
            if "parameters" in cell.metadata.get("tags", []):
                names |= {"borrower_id": borrower, "book": "sample"}


def middle(values: list[float]) -> dict:
    """Median and spread of repeated measurements."""
    return {"median": round(statistics.median(values), 3), "low": round(min(values), 3), "high": round(max(values), 3)}


def measured(borrowers: int, repeat: int) -> dict[str, list[float]]:
    """Seconds of each way (facts: rows a second), in turn, so that a slow minute of the machine falls on all alike."""
    made = sample.make(1, max(borrowers, 8))
    open_book("sample").add(made)
    ids = made.tables["borrowers"]["borrower_id"].tolist()[:borrowers]
    floor(ids[:1])
    seconds: dict[str, list[float]] = {"suite": [], "plain": [], "floor": [], "first": [], "rerun": [], "facts": []}
    for _ in range(repeat):
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place)
            seconds["first"].append(timed(suite, folder, ids[:1]))
            seconds["suite"].append(timed(suite, folder, ids, "--force"))
            seconds["rerun"].append(timed(suite, folder, ids))
            seconds["plain"].append(timed(plain, folder, ids))
            seconds["floor"].append(timed(floor, ids))
            seconds["facts"].append(made.read / timed(open_book(f"sqlite:///{folder / 'book.db'}").add, made))
    return seconds


def main() -> None:
    """Measure, print and keep."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--borrowers", type=int, default=6)
    parser.add_argument("--repeat", type=int, default=3)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        for folder in ("notebooks", "params"):
            shutil.copytree(ROOT / folder, Path(home) / folder)
        os.environ["POSTLOAN_HOME"] = home
        seconds = measured(asked.borrowers, asked.repeat)
    pairs = list(zip(seconds["suite"], seconds["plain"], seconds["floor"], strict=True))
    figures = {
        "reports": asked.borrowers,
        "reports_vs_plain": middle([plain / suite for suite, plain, _ in pairs]),
        "reports_vs_floor": middle([suite / floor for suite, _, floor in pairs]),
        "seconds_a_report": middle([suite / asked.borrowers for suite, _, _ in pairs]),
        "rerun_share": middle([again / made for again, made in zip(seconds["rerun"], seconds["suite"], strict=True)]),
        "first_report_s": middle(seconds["first"]),
        "import_facts_per_s": middle(seconds["facts"]),
        "cores": os.cpu_count(),
    }
    for name, found in figures.items():
        print(f"{name:20} {found}")
    (ROOT / "outputs" / "bench.json").write_text(json.dumps(figures, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
