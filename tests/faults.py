"""What may befall a run or a book, done on purpose: `python tests/faults.py [name …]`; exit 1 when one is not survived.

Prints a table and keeps it in outputs/drills.json. Every drill makes a project of its own with a tiny notebook. Linux;
what needs root says so and is skipped.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import json
import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import yaml

from drills import RUN, home_of
from postloan import settings
from postloan.batch import journal
from postloan.book.store import open_book
from postloan.errors import PostloanError, SourceError
from postloan.tables import Intake

FLOOD = 100_000_000
Told = tuple[bool | None, str]  # survived (None: skipped), what was seen


def project(place: Path, faults: list[str], **fields: object) -> Path:
    """A project with a borrower a fault; its run file."""
    run = home_of(place / "home", len(faults))
    for number, fault in enumerate(faults):
        (run.parents[1] / "borrowers" / f"B{number:03}.yml").write_text(f"fault: {fault}\n", encoding="utf-8")
    tiny = run.parents[2] / "notebooks" / "tiny.ipynb"
    tiny.write_text(tiny.read_text(encoding="utf-8").replace("6_000_000", str(FLOOD)), encoding="utf-8")
    said = {**settings.load_yaml(run), "output": str(place / "out"), **fields}
    run.write_text(yaml.safe_dump(said), encoding="utf-8")
    return run


def begun(run: Path, *before: str) -> subprocess.Popen:
    """Start the run."""
    environment = {**os.environ, "POSTLOAN_HOME": str(run.parents[2])}
    environment.pop("POSTLOAN_KERNELS", None)
    return subprocess.Popen(
        [*before, *RUN, str(run)], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def ended(process: subprocess.Popen) -> tuple[int, str]:
    """Its exit code and last words."""
    said = process.communicate(timeout=300)[0].strip().splitlines()
    return process.returncode, said[-1] if said else ""


def manifest(place: Path) -> dict[str, dict]:
    """What became of each borrower's report."""
    (file,) = (place / "out").rglob("manifest.json")
    return {job["borrower_id"]: job for job in json.loads(file.read_text(encoding="utf-8"))["jobs"]}


def halves(place: Path) -> list[Path]:
    """Files left half written, and pages without an end."""
    pages = [page for page in (place / "out").rglob("*.html") if "</html>" not in page.read_text(encoding="utf-8")]
    return [*(place / "out").rglob("*.tmp"), *pages]


def waited(until: Callable[[], object], seconds: float = 120) -> object:
    """What `until` gives as soon as it gives something."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := until():
            return found
        time.sleep(0.05)
    raise TimeoutError


def cells(place: Path) -> Told:
    """A kernel killed, a cell without end, one that eats memory, one that writes 100 MB: each costs its own report."""
    wanted = {"none": "ok", "kill": "died", "hang": "timed_out", "eat": "failed", "flood": "export_failed"}
    run = project(place, [*wanted, "none"], cell_timeout=20, memory_mb=1500)
    code, _ = ended(begun(run))
    found = [job["status"] for _, job in sorted(manifest(place).items())]
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss >> 10
    said = ", ".join(f"{fault} {status}" for fault, status in zip([*wanted, "none"], found, strict=True))
    return (code, found, halves(place)) == (1, [*wanted.values(), "ok"], []), f"{said}; largest process {peak} MB"


def lost(place: Path) -> Told:
    """Memory that does not suffice to send what a cell wrote: no report, rather than one without it."""
    run = project(place, ["flood", "none"], memory_mb=400)
    code, _ = ended(begun(run))
    found = [job["status"] for _, job in sorted(manifest(place).items())]
    return (code, found) == (1, ["died", "ok"]), f"exit {code}: flood {found[0]}, none {found[1]}"


def parent(place: Path) -> Told:
    """The process that forks the kernels killed while it serves: the rest is made by ordinary kernels."""
    run = project(place, ["none"] * 6)
    process = begun(run)
    waited(lambda: list((place / "out").rglob("*.html")))
    warm = [pid for pid in _children(process.pid) if b"batch.warm" in _command(pid)]
    for pid in warm:
        os.kill(pid, signal.SIGKILL)
    code, last = ended(process)
    good = [job for job in manifest(place).values() if job["status"] == "ok"]
    tries = sum(job["attempts"] > 1 for job in good)
    return (code, len(good), len(warm)) == (
        0,
        6,
        1,
    ), f"{len(warm)} killed; exit {code}: {last.partition(';')[0]}; {tries} tried twice"


def _children(pid: int) -> list[int]:
    """The process's own children, not their kernels."""
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _command(pid: int) -> bytes:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""


@contextlib.contextmanager
def small_disk(place: Path, size: str) -> Iterator[Callable[[str], None]]:
    """A disk of that size at a folder; gives a function that makes it larger."""
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", place], check=True, capture_output=True)
    try:
        yield lambda more: subprocess.run(["mount", "-o", f"remount,size={more}", place], check=True)
    finally:
        subprocess.run(["umount", "-l", place], check=True)


def disk(place: Path) -> Told:
    """The disk of the reports full: said, nothing half; with room again the run goes on."""
    run = project(place, ["none"] * 6)
    try:
        with small_disk(place / "out", "60k") as grow:
            code, last = ended(begun(run))
            torn = halves(place)
            grow("50m")
            again, _ = ended(begun(run))
            good = sum(job["status"] == "ok" for job in manifest(place).values())
            said = f"exit {code} ({last[-110:]}), then exit {again}, {good} of 6 made"
            return "cannot be written" in last and (code, again, good, torn) == (2, 0, 6, []), said
    except (subprocess.CalledProcessError, FileNotFoundError) as error:
        return None, f"no small disk can be mounted here ({error}); needs root"


def book_disk(place: Path) -> Told:
    """The disk of the book full: the import is refused whole, and works with room again."""
    people = pd.DataFrame({"borrower_id": [f"B{each}" for each in range(20_000)], "name": "x" * 100})
    try:
        with small_disk(place / "disk", "1m") as grow:
            book = open_book(f"sqlite:///{place / 'disk' / 'book.db'}")
            said = _refused(lambda: book.add(Intake("f", "table", {"borrowers": people}, 1)))
            left = len(book.borrowers())
            grow("50m")
            book.add(Intake("f", "table", {"borrowers": people}, 1))
            return (left, len(book.borrowers())) == (0, 20_000) and bool(said), f"{said[-60:]}; {left} of it left"
    except (subprocess.CalledProcessError, FileNotFoundError) as error:
        return None, f"no small disk can be mounted here ({error}); needs root"


def _refused(do: Callable[[], object]) -> str:
    """What an error of ours says; blank when there is none."""
    try:
        do()
    except PostloanError as error:
        return str(error)
    return ""


def rights(place: Path) -> Told:
    """A folder that may not be written: said before anything starts."""
    run = project(place, ["none"])
    (place / "out").mkdir(mode=0o555)
    weak = [] if os.getuid() else ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]
    if weak and not shutil.which("setpriv"):
        return None, "root writes everywhere, and setpriv is not here to take that from it"
    code, last = ended(begun(run, *weak))
    return code == 2 and "cannot be written" in last, f"exit {code}: {last[-60:]}"


def locked(place: Path, seconds: float = 30) -> Told:
    """The book locked by another writer for 30 s: an import waits and is whole, reading goes on."""
    project(place, ["none"])
    address = f"sqlite:///{place / 'home' / 'book.db'}"
    book, hold = open_book(address), sqlite3.connect(place / "home" / "book.db", check_same_thread=False)
    hold.execute("BEGIN IMMEDIATE")
    threading.Timer(seconds, hold.rollback).start()
    began, read = time.monotonic(), len(book.borrowers())
    people = pd.DataFrame({"borrower_id": ["X"], "name": ["x"]})
    book.add(Intake("f", "table", {"borrowers": people}, 1))
    took = time.monotonic() - began
    return (read, len(book.borrowers())) == (1, 2) and took > seconds - 1, f"read at once; the import took {took:.0f} s"


def clock(place: Path) -> Told:
    """The clock set back: what is dated after its today is refused, nothing twice, and right again it all goes in."""
    book = open_book(f"sqlite:///{place / 'book.db'}")
    told = {"metric": "overdue_days", "value": [1.0, 2.0], "observed_on": pd.to_datetime(["2024-05-01", "2024-06-01"])}
    seen = pd.DataFrame({"borrower_id": "A", **told, "source": "x"}).assign(known_on=lambda rows: rows["observed_on"])
    people = pd.DataFrame({"borrower_id": ["A"], "name": ["a"]})

    def add(rows: int, today: str) -> tuple[int, int]:
        tables = {"borrowers": people, "observations": seen.head(rows)}
        result = book.add(Intake("f", "table", tables, rows), today=dt.date.fromisoformat(today))
        return result.added, result.refused

    found = [add(1, "2024-05-15"), add(2, "2024-01-01"), add(1, "2024-05-15"), add(2, "2024-06-15")]
    record = {"name": "x", "borrower_id": "A", "as_of": "2024-06-15"}
    said = _refused(lambda: book.save_review(record, today=dt.date(2024, 1, 1)))
    kept = book.save_review(record, today=dt.date(2024, 6, 15))
    good = found == [(1, 0), (0, 2), (0, 0), (1, 0)] and "2024-01-01 (today) or earlier" in said and kept
    return good, "the file and the review of a day to come were refused, later taken"


def twice(place: Path) -> Told:
    """Two runs at once on one folder: the second is told who holds it, the first is not disturbed."""
    run = project(place, ["none"] * 4)
    first = begun(run)
    waited(lambda: [lock for lock in (place / "out").rglob(journal.LOCK) if lock.stat().st_size])
    (code, last), (whole, _) = ended(begun(run)), ended(first)
    good = all(job["status"] == "ok" for job in manifest(place).values())
    return (code, whole, good) == (2, 0, True) and f"process {first.pid}" in last, f"second: exit {code}, {last[-70:]}"


def cut(place: Path) -> Told:
    """A book cut off anywhere: refused by runs and imports, not a byte of it touched."""
    run = project(place, ["none"] * 3)
    file, said = place / "home" / "book.db", []
    whole = file.read_bytes()
    for length in (50, 100, 4096, len(whole) // 2, len(whole) - 1):
        file.write_bytes(whole[:length])
        mark = hashlib.sha256(file.read_bytes()).digest()
        people = pd.DataFrame({"borrower_id": ["X"], "name": ["x"]})
        intake = Intake("f", "table", {"borrowers": people}, 1)
        said.append(_refused(lambda added=intake: open_book(f"sqlite:///{file}").add(added)))
        if not said[-1] or hashlib.sha256(file.read_bytes()).digest() != mark:
            return False, f"cut off at {length}: {said[-1] or 'taken'}"
    code, last = ended(begun(run))
    return code == 2 and "cut off" in last, f"5 lengths refused; a run: exit {code}, {last[-75:]}"


DRILLS = {each.__name__: each for each in (cells, lost, parent, disk, book_disk, rights, locked, clock, twice, cut)}


def main(names: list[str]) -> int:
    """Do the drills, print and keep the table; how many were not survived."""
    rows = []
    for name in names or DRILLS:
        began = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="drill") as place:
            try:
                good, said = DRILLS[name](Path(place))
            except (AssertionError, OSError, SourceError, TimeoutError, ValueError) as trouble:
                good, said = False, repr(trouble)
        what = (DRILLS[name].__doc__ or "").partition(":")[0]
        verdict = {True: "survived", False: "NOT SURVIVED", None: "skipped"}[good]
        rows.append({"drill": name, "what": what, "verdict": verdict, "seconds": round(time.monotonic() - began, 1)})
        rows[-1]["seen"] = said
        print(f"{name:10}{verdict:13}{rows[-1]['seconds']:7.1f} s  {said}", flush=True)
    kept = settings.home() / "outputs" / "drills.json"
    kept.write_text(json.dumps(rows, ensure_ascii=False, indent=1), encoding="utf-8")
    return sum(row["verdict"] == "NOT SURVIVED" for row in rows)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
