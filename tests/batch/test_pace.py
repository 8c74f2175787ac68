"""The time a run has left, told from its first reports."""

import heapq
import json
from pathlib import Path

import pytest

from postloan.batch import journal
from postloan.batch.pace import Pace, known
from postloan.batch.plan import Job


def job(notebook):
    return Job(Path(f"{notebook}.ipynb"), {"language": "zh"}, Path("x"), "")


def played(jobs, took, workers, before=None, told_workers=None):
    """What was told at the end of each report, beside what it then was."""
    now = [0.0]
    pace, free, told, rest = Pace(jobs, before or {}, told_workers, lambda: now[0]), [0.0] * workers, [], []
    for each in jobs:
        start = heapq.heappop(free)
        heapq.heappush(free, start + took[each.notebook.stem])
        rest.append((start + took[each.notebook.stem], each))
    for end, each in sorted(rest, key=lambda pair: pair[0]):
        now[0] = end
        pace.ended(each, took[each.notebook.stem])
        told.append((pace.left(), max(free) - end))
    return told


@pytest.mark.parametrize(("workers", "known_workers"), [(1, None), (2, None), (1, 1), (2, 2), (8, 8)])
def test_like_reports_are_told_within_a_fifth(workers, known_workers):
    told = played([job("review")] * 200, {"review": 5.0}, workers, told_workers=known_workers)
    assert all(left == pytest.approx(true, rel=0.2) for left, true in told[20:100])


def test_slow_last_reports_are_foreseen():
    jobs, took = [job("review")] * 50 + [job("case")] * 10, {"review": 5.0, "case": 60.0}
    with_before = played(jobs, took, 2, before={"review": 10.0, "case": 120.0})  # a slower day, a slower machine
    assert with_before[6][0] == pytest.approx(with_before[6][1], rel=0.2)
    assert played(jobs, took, 2)[6][0] < 0.5 * with_before[6][1]  # nothing is known of cases yet


def test_nothing_is_told_too_early():
    assert Pace([job("review")], {}).left() is None


def test_newest_earlier_run_is_known(tmp_path):
    for day, seconds in [("2024-03-31", 9.0), ("2024-06-30", 5.0), ("2024-09-30", 1.0)]:
        (tmp_path / day).mkdir()
        line = {"target": "a", "status": "ok", "notebook": "review", "seconds": seconds}
        (tmp_path / day / journal.NAME).write_text(json.dumps(line) + "\n")
    assert known(tmp_path / "2024-07-31") == {"review": 5.0}
    assert known(tmp_path / "2023-01-01") == {}
