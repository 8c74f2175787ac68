"""Local worker processes with one method, `map`; anything else with a `map` can stand in."""

from __future__ import annotations

import multiprocessing
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path


class Processes:
    """A pool that outlives a crashing worker: whatever ran beside the crash is tried once more, alone."""

    def __init__(self, count: int):
        self._count = count

    def map(self, function: Callable, items: Iterable) -> Iterator:
        """Yield results as they come, in any order; an item that kills its worker twice yields nothing."""
        waiting, suspects = deque(items), []
        while waiting:
            yield from self._wave(function, waiting, suspects, self._count)
        for suspect in suspects:
            yield from self._wave(function, deque([suspect]), [], 1)

    @staticmethod
    def _wave(function: Callable, waiting: deque, suspects: list, count: int) -> Iterator:
        """Work until all is done or a worker is lost; items in flight at that moment become suspects."""
        running, broken = {}, False
        here = (dict(os.environ), str(Path.cwd()))
        with ProcessPoolExecutor(
            min(count, len(waiting)), _context(function.__module__), initializer=_settle, initargs=here
        ) as pool:
            while running or (waiting and not broken):
                while waiting and not broken and len(running) < count:
                    try:
                        running[pool.submit(function, waiting[0])] = waiting[0]
                        waiting.popleft()
                    except BrokenProcessPool:
                        broken = True
                if not running:
                    break
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    item = running.pop(future)
                    if isinstance(future.exception(), BrokenProcessPool):
                        broken = True
                        suspects.append(item)
                    else:
                        yield future.result()


def _context(module: str) -> multiprocessing.context.BaseContext:
    """How workers start: forked from a clean server that has imported `module` once; afresh on Windows."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([module])
    return context


def _settle(environment: dict[str, str], folder: str) -> None:
    """Give a worker the caller's environment and folder; the server it was forked from may be older."""
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
