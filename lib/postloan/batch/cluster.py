"""Workers on other machines: a running dask.distributed cluster with the one method that a run needs, `map`.

The workers see the same project and output folder under the same path and open the book by an address of their own
environment, so that no password travels. Journal, manifest and index stay with the process that started the run.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import platform
import uuid
from collections.abc import Callable, Iterator
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from postloan import settings
from postloan.batch import plan as planning
from postloan.batch.making import Outcome
from postloan.batch.plan import Job
from postloan.batch.run_file import RunPlan
from postloan.errors import RunError

if TYPE_CHECKING:  # in an extra; every other run does without it
    from distributed import Client, Future

_SECONDS, _WORKER_SECONDS = 10, 30  # to find the scheduler, and then the first of its workers
_RESTART_SECONDS = 60
_CODE = "sources and params"
_HINTS = {
    "book": "start it with the environment variable POSTLOAN_BOOK",
    "project folder": "start it there, or with POSTLOAN_HOME",
    "output folder": "it must be a shared folder, under the same path everywhere",
    "threads": "start it with --nthreads 1, and several of them",
}


class Cluster:
    """The workers of a Dask scheduler, all of which see what this process sees. Open one with `joined`."""

    def __init__(self, client: Client, address: str, run: RunPlan):
        self._client, self._address, self._run = client, address, run
        self._ours = _here(run.book)

    def check(self) -> None:
        """RunError names whatever a worker has otherwise than we, ours and its own.

        A worker that has imported another state of the library or params/ is started anew first.
        """
        found = self._found()
        old = [worker for worker, there in found.items() if _differences(self._ours, there) == [_CODE]]
        if old and self._restarted(old):
            found = self._found()
        wrong = [f"worker {worker}: {line}" for worker, there in found.items() for line in _told(self._ours, there)]
        if wrong:
            raise RunError(f"--dask {self._address}: nothing was started:\n  " + "\n  ".join(wrong))

    def map(self, function: Callable[[Job], Outcome], jobs: list[Job]) -> Iterator[Outcome]:
        """Yield outcomes as they come. Dask gives a lost worker's job to another; one that loses several is `died`."""
        from distributed import as_completed

        there = partial(_there, function, self._run.book_name, self._ours, _umask())
        futures = self._client.map(there, jobs, pure=False, key="postloan")
        asked = dict(zip(futures, jobs, strict=True))
        for future in as_completed(futures, loop=self._client.loop):
            yield future.result() if future.status == "finished" else _lost(future, asked[future])

    def _found(self) -> dict[str, dict[str, str]]:
        """What each worker sees."""
        probe = self._run.folder / f".{uuid.uuid4().hex}.tmp"
        asked = None if self._run.address else probe
        try:
            probe.parent.mkdir(parents=True, exist_ok=True)
            probe.write_text("", encoding="utf-8")
            found = self._client.run(_here, self._run.book_name, asked, on_error="return")
        except OSError as error:
            raise RunError(f"{probe.parent}: cannot be written: {error.strerror}; nothing was started") from None
        finally:
            probe.unlink(missing_ok=True)
        threads = self._client.nthreads()
        told = {
            worker: there if isinstance(there, dict) else {"trouble": repr(there)} for worker, there in found.items()
        }
        return {worker: {**there, "threads": str(threads.get(worker, 1))} for worker, there in told.items()}

    def _restarted(self, workers: list[str]) -> bool:
        """Start workers anew; False where nobody watches over them who could."""
        try:
            self._client.restart_workers(workers, timeout=_RESTART_SECONDS)
        except (ValueError, AssertionError, TimeoutError, RuntimeError):
            return False
        return True


@contextlib.contextmanager
def joined(address: str, run: RunPlan) -> Iterator[Cluster]:
    """The cluster of a scheduler's address while the block runs, its workers checked.

    RunError when dask.distributed is not installed, no scheduler answers, it has no workers, or one of them differs.
    """
    with _client(address) as client:
        try:
            client.wait_for_workers(1, timeout=_WORKER_SECONDS)
        except TimeoutError:
            raise RunError(f"--dask {address}: the scheduler has no workers; start some with: dask worker") from None
        cluster = Cluster(client, address, run)
        cluster.check()
        yield cluster


def _client(address: str) -> Client:
    """A client of the scheduler at an address."""
    try:
        from distributed import Client
    except ImportError:
        raise RunError("--dask needs dask.distributed: pip install 'postloan[cluster]'") from None
    logging.getLogger("distributed.client").setLevel(logging.CRITICAL)  # what it would say, our errors do
    try:
        return Client(address, timeout=_SECONDS, set_as_default=False)
    except (OSError, ValueError, TypeError, RuntimeError) as error:
        said = str(error)
    gc.collect()  # ends the half-made client here; later, in the thread of another, it would wait for itself
    raise RunError(f"--dask {address}: no Dask scheduler answers there: {said}")


def _here(book: str, probe: Path | None = None) -> dict[str, str]:
    """What has to be the same wherever a report is made; its last line whether the output folder is shared."""
    libraries = " ".join(f"{name} {version(name)}" for name in (*planning.SHAPING, "distributed"))
    shared = probe is None or probe.exists()
    return {
        "python": platform.python_version(),
        "libraries": libraries,
        "project folder": str(settings.home()),
        _CODE: planning.house()[:16],
        "book": settings.shown(settings.book_address(book)),
        "output folder": "seen" if shared else f"no {probe.parent}",
        "threads": "1",
    }


def _differences(ours: dict[str, str], there: dict[str, str]) -> list[str]:
    return [name for name, value in ours.items() if there.get(name) != value]


def _told(ours: dict[str, str], there: dict[str, str]) -> list[str]:
    """What a worker has otherwise than we, in words: ours, its own, and what to do."""
    if "trouble" in there:
        return [there["trouble"]]
    hints = {name: f" ({hint})" for name, hint in _HINTS.items()}
    wrong = _differences(ours, there)
    return [f"{name}: expected {ours[name]}, found {there[name]}{hints.get(name, '')}" for name in wrong]


def _there(function: Callable[[Job], Outcome], book: str, ours: dict[str, str], umask: int, job: Job) -> Outcome:
    """Do a job on a worker: only if it is as the others, for it may have joined late."""
    from distributed import get_worker

    if wrong := _told(ours, {**_here(book), "threads": str(get_worker().state.nthreads)}):
        raise RunError("this worker differs: " + "; ".join(wrong))
    before = os.umask(umask)
    try:
        return function(job)
    finally:
        os.umask(before)


def _lost(future: Future, job: Job) -> Outcome:
    """What is said of a job that no worker could bring to its end."""
    trouble = future.exception() if future.status == "error" else None
    message = str(trouble) if trouble else "the scheduler was lost"
    return Outcome(
        job, "died", error={"name": type(trouble).__name__ if trouble else "ClusterLost", "message": message}
    )


def _umask() -> int:
    """The rights kept from others on new files; there is no way to read them but to set them."""
    now = os.umask(0o077)
    os.umask(now)
    return now
