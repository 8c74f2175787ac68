"""What memory this process' descendants take together while something runs: proportional set size, once a second."""

from __future__ import annotations

import contextlib
import statistics
import threading

import psutil


class Watch:
    """Within a `with`: watches. Afterwards `peak` (MB) and `drift` (late over early median) tell what was seen."""

    def __enter__(self) -> Watch:
        self._seen: list[float] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _look(self) -> None:
        me = psutil.Process()
        while not self._ended.wait(1.0):
            total = 0.0
            for each in me.children(recursive=True):
                with contextlib.suppress(psutil.Error):  # it may end while it is asked
                    total += each.memory_full_info().pss / 1e6
            self._seen.append(total)

    @property
    def peak(self) -> float:
        """The most that was seen, in MB."""
        return max(self._seen, default=0.0)

    @property
    def drift(self) -> float:
        """The median of the last quarter of what was seen over that of the second: 1 where memory stays flat."""
        part = len(self._seen) // 4
        return statistics.median(self._seen[-part:]) / statistics.median(self._seen[part : 2 * part]) if part else 1.0
