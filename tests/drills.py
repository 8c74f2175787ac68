"""Faults on purpose, as a script: `python tests/drills.py [kernels] [killed] [desk] [dask] [postgresql]`; exit 1 when a
drill fails.

`kernels`: 64 warm kernels started at once, all of which must answer. `killed`: a run killed (SIGKILL) at random
instants and called again each time until it is done; its pages must equal those of an undisturbed run, none half
written, none made twice but what was in flight. `desk`: a kernel's life as JupyterLab leads it: started, interrupted,
restarted and deleted through the server's REST interface, with no process left behind. `dask`: the `killed` run on the
workers of a Dask cluster, which are killed again and again. `postgresql`: a server killed while four writers import;
each import must be there whole or not at all, and those that were told of success must be there.
"""

from __future__ import annotations

import datetime as dt
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
import pandas as pd
import yaml
from distributed import Client
from jupyter_client.manager import KernelManager

import desk
import servers
from batch.conftest import tiny_notebook
from postloan import settings
from postloan.batch import journal, kernels
from postloan.book.store import open_book
from postloan.errors import SourceError
from postloan.tables import Intake

RUN = [sys.executable, "-c", "from postloan.cli import main; main()", "run"]


def many_kernels(count: int = 64) -> bool:
    """Start so many kernels at once; whether each answers, forked."""

    def answers(number: int) -> bool:
        with tempfile.TemporaryDirectory(prefix="k") as folder:
            manager = KernelManager(kernel_name="postloan", transport="ipc", ip=f"{folder}/k{number}")
            manager.start_kernel()
            try:
                channels = manager.client()
                channels.start_channels()
                channels.wait_for_ready(timeout=300)
                reply = channels.execute_interactive("1 + 1", timeout=300, output_hook=lambda _: None)
                warm = isinstance(manager.provisioner.process, kernels.ForkedKernel)
                return warm and reply["content"]["status"] == "ok"
            finally:
                manager.shutdown_kernel(now=True)

    began = time.monotonic()
    with ThreadPoolExecutor(count) as pool:
        good = sum(pool.map(answers, range(count)))
    print(f"kernels: {good} of {count} answered, {time.monotonic() - began:.0f} s")
    return good == count


def home_of(folder: Path, borrowers: int) -> Path:
    """A project of a tiny notebook and so many borrowers; its run file."""
    for name in ("notebooks", "params/runs", "params/borrowers"):
        (folder / name).mkdir(parents=True)
    shutil.copytree(settings.params("texts"), folder / "params" / "texts")
    nbformat.write(tiny_notebook(), folder / "notebooks" / "tiny.ipynb")
    ids = [f"B{number:03}" for number in range(borrowers)]
    people = pd.DataFrame({"borrower_id": ids, "name": ids, "synthetic": True})
    address = f"sqlite:///{folder / 'book.db'}"
    open_book(address).add(Intake("people.csv", "test", {"borrowers": people}, read=borrowers))
    run = folder / "params" / "runs" / "drill.yml"
    fields = {"notebooks": ["tiny"], "languages": ["en"], "jobs": 2, "book": address, "as_of": dt.date(2024, 6, 30)}
    run.write_text(yaml.safe_dump(fields), encoding="utf-8")
    return run


def called(run: Path, output: Path, kill_after: float | None = None, dask: str | None = None) -> int:
    """Call the run, on this machine or a Dask cluster, and kill it after some seconds; its exit code."""
    home = run.parents[2]
    environment = {**os.environ, "POSTLOAN_HOME": str(home)}
    environment.pop("POSTLOAN_KERNELS", None)
    process = subprocess.Popen(
        [*RUN, str(run), "--output", str(output), *(["--dask", dask] if dask else [])],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        return process.wait(kill_after)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        return process.wait()


def killed(times: int = 20, borrowers: int = 40) -> bool:
    """Kill the run at so many random instants."""
    with tempfile.TemporaryDirectory() as place:
        run, random_ = home_of(Path(place), borrowers), random.Random(7)
        began = time.monotonic()
        assert called(run, Path(place) / "calm") == 0
        whole = time.monotonic() - began
        disturbed, kills = Path(place) / "disturbed", 0
        while kills < times and called(run, disturbed, random_.uniform(0.3, 1.0) * min(whole, 15)) != 0:
            kills += 1
        code = called(run, disturbed)
        pages = {side: _pages(Path(place) / side) for side in ("calm", "disturbed")}
        lines = (next(disturbed.rglob(journal.NAME))).read_text(encoding="utf-8").splitlines()
        print(
            f"killed: {kills} times, then exit {code}; pages equal: {pages['calm'] == pages['disturbed']}; "
            f"half files: {len(list(disturbed.rglob('*.tmp')))}; journal lines {len(lines)} for {borrowers} reports"
        )
        return code == 0 and pages["calm"] == pages["disturbed"] and len(lines) <= borrowers + 2 * kills


def dask(borrowers: int = 40, every: float = 12.0) -> bool:
    """Kill one of three workers of a Dask cluster every few seconds while they make reports."""
    with tempfile.TemporaryDirectory() as place:
        run = home_of(Path(place) / "home", borrowers)
        home = run.parents[2]
        assert called(run, Path(place) / "calm") == 0
        kills, over = [], threading.Event()
        with servers.dask(home, 3, POSTLOAN_BOOK=f"sqlite:///{home / 'book.db'}") as address:
            striker = threading.Thread(target=_strike, args=(address, every, kills, over))
            striker.start()
            code = called(run, Path(place) / "disturbed", dask=address)
            over.set()
            striker.join()
        pages = {side: _pages(Path(place) / side) for side in ("calm", "disturbed")}
        print(f"dask: {len(kills)} workers killed, exit {code}; pages equal: {pages['calm'] == pages['disturbed']}")
        return code == 0 and bool(kills) and pages["calm"] == pages["disturbed"]


def _strike(address: str, every: float, kills: list[int], over: threading.Event) -> None:
    """Kill one worker of the cluster every few seconds, when all are at work."""
    random_ = random.Random(7)
    with Client(address, set_as_default=False) as client:
        while not over.wait(every):
            pids = list(client.run(os.getpid, on_error="ignore").values())
            if len(pids) == 3:  # all have come back
                kills.append(random_.choice(pids))
                os.kill(kills[-1], signal.SIGKILL)


def postgresql(times: int = 10, writers: int = 4) -> bool:
    """Kill a PostgreSQL server so many times while writers import."""
    with servers.running(servers.needed_programs()) as server, server.database() as address:
        open_book(address)
        over, told = threading.Event(), [[] for _ in range(writers)]
        threads = [
            threading.Thread(target=_write, args=(address, f"W{each}", told[each], over)) for each in range(writers)
        ]
        for thread in threads:
            thread.start()
        random_ = random.Random(7)
        for _ in range(times):
            time.sleep(random_.uniform(0.2, 1.5))
            server.kill()
            server.start()
        over.set()
        for thread in threads:
            thread.join()
        book = open_book(address)
        held, talks = set(book.borrowers()["borrower_id"]), book.rows("contacts", as_of="2025-06-01")
        halves = set(talks["borrower_id"].value_counts().loc[lambda count: count != 20].index) | held - set(
            talks["borrower_id"]
        )
        lost = set().union(*told) - held
        print(
            f"postgresql: server killed {times} times; {len(held)} imports held, {len(lost)} lost, {len(halves)} halves"
        )
        return bool(held) and not lost and not halves


def _write(address: str, name: str, told: list[str], over: threading.Event) -> None:
    """Import one borrower with twenty talks after another; note those that the book said it took."""
    number = 0
    while not over.is_set():
        number += 1
        who = f"{name}-{number}"
        talks = [
            {"borrower_id": who, "contact_id": f"K{each}", "held_on": "2025-02-01", "channel": "call"}
            for each in range(20)
        ]
        tables = {"borrowers": pd.DataFrame([{"borrower_id": who, "name": who}]), "contacts": pd.DataFrame(talks)}
        try:
            open_book(address).add(Intake("f", "table", tables, 20))
            told.append(who)
        except SourceError:
            time.sleep(0.1)


def _pages(folder: Path) -> dict[str, str]:
    return {page.name: page.read_text(encoding="utf-8") for page in folder.rglob("tiny/**/*.html")}


def at_the_desk() -> bool:
    """Lead one kernel's life through a Jupyter server; whether each step was as it should be."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        seen = desk.life(Path(folder))
    print(f"desk: {seen}, {time.monotonic() - began:.0f} s")
    return seen == desk.LIFE


if __name__ == "__main__":
    asked = sys.argv[1:] or ["kernels", "killed", "desk", "dask", "postgresql"]
    drills = {"kernels": many_kernels, "killed": killed, "desk": at_the_desk, "dask": dask, "postgresql": postgresql}
    drills["killed_a_few_times"] = lambda: killed(6, 10)
    sys.exit(sum(not drills[name]() for name in asked))
