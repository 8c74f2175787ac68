"""How long a run still takes: from what its reports took so far, and what their like took in the run before."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path
from statistics import fmean

from postloan.batch import journal
from postloan.batch.plan import Job


def known(folder: Path) -> dict[str, float]:
    """Seconds a report by notebook, in the newest earlier run of the same name; empty where there is none."""
    earlier = sorted(each.parent for each in folder.parent.glob(f"*/{journal.NAME}") if each.parent <= folder)
    took: dict[str, list[float]] = defaultdict(list)
    for entry in journal.read(earlier[-1]).values() if earlier else ():
        if entry["status"] == "ok":
            took[entry["notebook"]].append(entry["seconds"])
    return {notebook: fmean(each) for notebook, each in took.items()}


class Pace:
    """The time left of these jobs.

    `known` has seconds a report by notebook, for kinds of which none has ended; `workers` is how many are made at a
    time, where that is known: else it is seen from how much was done in how long.
    """

    def __init__(
        self,
        jobs: Iterable[Job],
        known: dict[str, float],
        workers: int | None = None,
        clock: Callable[[], float] = time.monotonic,
    ):
        self._left = Counter(job.notebook.stem for job in jobs)
        self._took: dict[str, list[float]] = defaultdict(list)
        self._known, self._workers, self._clock, self._began = known, workers, clock, clock()

    def ended(self, job: Job, seconds: float) -> None:
        """Count a report that has ended."""
        self._left[job.notebook.stem] -= 1
        self._took[job.notebook.stem].append(seconds)

    def left(self) -> float | None:
        """Seconds until the last one; None before any has ended."""
        busy = sum(map(sum, self._took.values()))
        if not busy:
            return None
        work = sum(count * self._expected(notebook) for notebook, count in self._left.items() if count)
        if self._workers is None:
            return work * (self._clock() - self._began) / busy
        rest = self._left.total()
        begun = min(self._workers - 1, rest) * work / (2 * rest) if rest else 0.0  # half done, on average
        return (work - begun) / self._workers

    def _expected(self, notebook: str) -> float:
        """Seconds of a report to come, an earlier run's at today's speed."""
        if took := self._took.get(notebook):
            return fmean(took)
        if notebook in self._known:
            return self._known[notebook] * self._speed()
        return fmean(each for took in self._took.values() for each in took)

    def _speed(self) -> float:
        """How much longer the reports of today took than those of the earlier run."""
        both = {notebook: took for notebook, took in self._took.items() if notebook in self._known}
        before = sum(self._known[notebook] * len(took) for notebook, took in both.items())
        return sum(map(sum, both.values())) / before if before else 1.0
