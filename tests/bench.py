"""`make bench`: speed and memory as ratios within one run on one machine, printed and kept in outputs/bench.json.

`reports`: `postloan run` against plain papermill + nbconvert two at a time, and against the notebook's own cells in one
warm Python process. `screen`: a whole book against bare pandas. `growth`: one report and one screen in books of 100 to
10,000 borrowers. `many`: a thousand reports and the same run again. Never a test: machines differ and are noisy.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import json
import math
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
import yaml

import bench_books
import bench_screen
from bench_memory import Watch
from postloan import settings
from postloan.book import sample
from postloan.book.store import open_book

ROOT = settings.home()
NOTEBOOK = ROOT / "notebooks" / "borrower_review.ipynb"
AS_OF = dt.date(2026, 5, 15)  # the notebook's own default, so that all three do the same
TOOLS = Path(sys.executable).parent
MODEL = "S0015"  # whose report is made in books of every size


@contextlib.contextmanager
def home() -> Iterator[Path]:
    """A project folder of its own, so that no run touches the outputs of another."""
    with tempfile.TemporaryDirectory() as place:
        for folder in ("notebooks", "params"):
            shutil.copytree(ROOT / folder, Path(place) / folder)
        os.environ["POSTLOAN_HOME"] = place
        yield Path(place)


def timed(work, *arguments, clock=time.perf_counter) -> float:
    """Seconds a call takes by a clock."""
    started = clock()
    work(*arguments)
    return clock() - started


def middle(values: list[float]) -> dict:
    """Median and spread of repeated measurements."""
    return {"median": round(statistics.median(values), 3), "low": round(min(values), 3), "high": round(max(values), 3)}


def suite(folder: Path, borrowers: list[str], *options: str, book: str = "sample") -> subprocess.Popen:
    """The reports through `postloan run`; returns when all are made."""
    asked = {"name": "bench", "book": book, "borrowers": borrowers, "languages": ["zh"], "output": str(folder / "out")}
    file = folder / "run.yml"
    file.write_text(yaml.safe_dump({**asked, "as_of": AS_OF, "notebooks": ["borrower_review"]}), encoding="utf-8")
    return _ended(subprocess.Popen([TOOLS / "postloan", "run", file, *options], stdout=-3, stderr=subprocess.PIPE))


def _ended(process: subprocess.Popen) -> subprocess.Popen:
    _, told = process.communicate()
    if process.returncode:
        raise SystemExit(told.decode())
    return process


def plain(folder: Path, borrowers: list[str]) -> None:
    """The same reports through the papermill and nbconvert commands, two at a time."""

    def one(borrower: str) -> None:
        made, quiet = folder / f"{borrower}.ipynb", {"check": True, "capture_output": True}
        given = ["-p", "borrower_id", borrower, "-p", "book", "sample"]
        subprocess.run([TOOLS / "papermill", NOTEBOOK, made, *given], **quiet)
        subprocess.run([TOOLS / "jupyter", "nbconvert", "--to", "html", made], **quiet)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(one, borrowers))


def floor(borrowers: list[str], book: str = "sample") -> None:
    """The notebook's code cells in this process: what the analysis itself costs."""
    cells = [cell for cell in nbformat.read(NOTEBOOK, 4).cells if cell.cell_type == "code"]
    for borrower in borrowers:
        names: dict = {}
        for cell in cells:
            exec(cell.source, names)
            if "parameters" in cell.metadata.get("tags", []):
                names |= {"borrower_id": borrower, "book": book}


def reports(borrowers: int, repeat: int) -> dict:
    """Reports against the plain commands and the floor, in turn, so that a slow minute falls on all alike."""
    seconds: dict[str, list[float]] = {"suite": [], "plain": [], "floor": [], "first": [], "rerun": [], "facts": []}
    with home() as place:
        made = sample.make(1, max(borrowers, 8))
        open_book("sample").add(made)
        ids = made.tables["borrowers"]["borrower_id"].tolist()[:borrowers]
        floor(ids[:1])
        for turn in range(repeat):
            folder = place / f"turn{turn}"
            folder.mkdir()
            seconds["first"].append(timed(suite, folder, ids[:1]))
            seconds["suite"].append(timed(suite, folder, ids, "--force"))
            seconds["rerun"].append(timed(suite, folder, ids))
            seconds["plain"].append(timed(plain, folder, ids))
            seconds["floor"].append(timed(floor, ids))
            seconds["facts"].append(made.read / timed(open_book(f"sqlite:///{folder / 'book.db'}").add, made))
    return {
        "reports": borrowers,
        "reports_vs_plain": middle(_ratios(seconds["plain"], seconds["suite"])),
        "reports_vs_floor": middle(_ratios(seconds["suite"], seconds["floor"])),
        "seconds_a_report": middle([each / borrowers for each in seconds["suite"]]),
        "first_report_s": middle(seconds["first"]),
        "import_facts_per_s": middle(seconds["facts"]),
    }


def _ratios(over: list[float], under: list[float]) -> list[float]:
    return [one / other for one, other in zip(over, under, strict=True)]


def screen(sizes: list[int], repeat: int) -> dict:
    """The largest book against bare pandas, and how the time grows from one size to ten times as many."""
    largest = max(sizes)
    turns = [{size: bench_screen.measure("ours", size)[0] for size in sizes} for _ in range(repeat)]
    bare = [bench_screen.measure("bare", largest)[0] for _ in range(repeat)]
    return {
        "screened": largest,
        "screen_s": middle([turn[largest] for turn in turns]),
        "screen_vs_pandas": middle(_ratios([turn[largest] for turn in turns], bare)),
        "screen_exponent": middle([math.log10(turn[largest] / turn[largest // 10]) for turn in turns]),
    }


def growth(sizes: list[int], repeat: int) -> dict:
    """One report in books of several sizes: the largest against the smallest, warm, in processor time of this process,
    which other work on the machine does not stretch."""
    with home() as place:
        books = {size: bench_books.make(place / f"book{size}.db", size) for size in sizes}
        seconds: dict[int, list[float]] = {size: [] for size in sizes}
        for address in books.values():
            floor([MODEL], address)
        for _ in range(repeat):
            for size, address in books.items():
                seconds[size].append(timed(floor, [MODEL], address, clock=time.process_time))
    told = {f"report_s_in_{size}": middle(each) for size, each in seconds.items()}
    return {**told, "report_growth": middle(_ratios(seconds[max(sizes)], seconds[min(sizes)]))}


def many(borrowers: int) -> dict:
    """So many reports and the same run again; what memory a further worker takes, and whether memory grows."""
    with home() as place:
        address = bench_books.make(place / "book.db", borrowers)
        ids = open_book(address).borrowers()["borrower_id"].tolist()[:borrowers]
        two, four = (_peak(place / f"jobs{jobs}", ids[: 4 * jobs], address, jobs) for jobs in (2, 4))
        folder = place / "many"
        folder.mkdir()
        with Watch() as watch:
            first = timed(lambda: suite(folder, ids, book=address))
        again = timed(lambda: suite(folder, ids, book=address))
    return {
        "many": len(ids),
        "many_s": round(first, 1),
        "rerun_share": round(again / first, 4),
        "worker_pss_mb": round((four - two) / 2, 1),
        "peak_pss_mb": round(watch.peak, 1),
        "late_over_early_pss": round(watch.drift, 3),
    }


def _peak(folder: Path, borrowers: list[str], book: str, jobs: int) -> float:
    folder.mkdir()
    with Watch() as watch:
        suite(folder, borrowers, "--jobs", str(jobs), book=book)
    return watch.peak


def main() -> None:
    """Measure, print and keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", help="reports, screen, growth, many (default: all but many)")
    parser.add_argument("--borrowers", type=int, default=40)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--many", type=int, default=1_000)
    asked = parser.parse_args()
    sizes = [100, 1_000, 10_000]
    parts = {
        "reports": lambda: reports(asked.borrowers, asked.repeat),
        "screen": lambda: screen(sizes[1:], asked.repeat),
        "growth": lambda: growth(sizes, asked.repeat),
        "many": lambda: many(asked.many),
    }
    file = ROOT / "outputs" / "bench.json"
    figures = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    for part in asked.parts or [*parts]:
        found = parts[part]()
        for name, value in found.items():
            print(f"{name:22} {value}", flush=True)
        figures |= {**found, "cores": os.cpu_count()}
        file.write_text(json.dumps(figures, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
