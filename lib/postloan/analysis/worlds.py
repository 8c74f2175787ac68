"""Simulated futures of borrowers as formulas see them: a panel whose rows are borrower × draw × period to come.

A period's twelve months reach back into figures that are known and the same on every draw, so only what is yet to
come is held by draw. Every figure equals that of a `Panel` filled with the same quarters (or years) and balances.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from postloan import chart
from postloan.analysis.periods import parse_view


class Basis(NamedTuple):
    """What ratios are computed on: months a period, days a year, points of an average."""

    step: int
    day_basis: int
    average_points: int


class Worlds:
    """`past[item]` is (borrowers, periods), the newest last; `future(item)` (borrowers, draws, steps), asked for once.

    `shape` is (borrowers, draws, steps), `rows` one number each; `view(name)` gives items on those rows as an
    evaluator asks for them. An item that is in no `past` is missing everywhere.
    """

    def __init__(
        self,
        past: dict[str, np.ndarray],
        future: Callable[[str], np.ndarray],
        shape: tuple[int, int, int],
        basis: Basis,
    ):
        self.past, self.future, self.shape, self.basis = past, future, shape, basis
        self.rows = range(int(np.prod(shape)))
        self._ahead: dict[str, np.ndarray] = {}
        self._known: dict[tuple[str, str, int], np.ndarray] = {}
        self._composites = {of: chart.composites(of) for of in ("stock", "flow")}
        backs = (0, 12) if basis.average_points == 2 or basis.step == 12 else (0, 3, 6, 9, 12)
        self._backs = [months // basis.step for months in backs]

    def view(self, name: str) -> View:
        """The items of a view (see `Panel.view`)."""
        kind, years = parse_view(name)
        return View(self, kind, years * 12 // self.basis.step)

    def figure(self, kind: str, item: str, back: int) -> np.ndarray:
        """An item of a view so many periods earlier; broadcasts to `shape`."""
        key = (kind, item, back)
        if key not in self._known:
            self._known[key] = self._figure(*key)
        return self._known[key]

    def _figure(self, kind: str, item: str, back: int) -> np.ndarray:
        if kind == "avg":
            return sum(self.figure("end", item, back + each) for each in self._backs) / len(self._backs)
        formulas = self._composites["stock" if kind == "end" else "flow"]
        if item in formulas:
            return self._composite(kind, formulas[item].derive, back)
        if kind == "ttm" and self.basis.step == 3:
            return sum(self.figure("quarter", item, back + each) for each in range(4))
        return self.at(item, back) if kind != "quarter" or self.basis.step == 3 else self._nothing()

    def _composite(self, kind: str, derive: tuple[str, ...], back: int) -> np.ndarray:
        """The first formula whose required items are known, any item of it known."""
        total = self._nothing()
        for formula in derive:
            parts = [(sign, self.figure(kind, name, back), optional) for sign, name, optional in chart.terms(formula)]
            summed = sum(sign * (np.nan_to_num(value) if optional else value) for sign, value, optional in parts)
            known = ~np.logical_and.reduce(np.broadcast_arrays(*(np.isnan(value) for _, value, _ in parts)))
            total = np.where(np.isnan(total), np.where(known, summed, np.nan), total)
        return total

    def at(self, item: str, back: int) -> np.ndarray:
        """A reported item so many periods earlier: (borrowers, draws or 1, steps)."""
        if item not in self.past:
            return self._nothing()
        past, steps = self.past[item], self.shape[2]
        places = past.shape[1] - back + np.arange(min(back, steps))
        old = np.where(places >= 0, past[:, np.maximum(places, 0)], np.nan)[:, None]
        if back >= steps:
            return old
        if item not in self._ahead:
            self._ahead[item] = self.future(item)
        new = self._ahead[item][:, :, : steps - back]
        return np.concatenate([np.broadcast_to(old, (*new.shape[:2], old.shape[2])), new], axis=2)

    def _nothing(self) -> np.ndarray:
        return np.full((1, 1, 1), np.nan)


class View:
    """Items of a view of worlds by name, flat, in the order of `rows`."""

    def __init__(self, worlds: Worlds, kind: str, back: int):
        self.worlds, self.kind, self.back = worlds, kind, back

    def __contains__(self, item: str) -> bool:
        return True

    def __getitem__(self, item: str) -> np.ndarray:
        return np.broadcast_to(self.worlds.figure(self.kind, item, self.back), self.worlds.shape).ravel()
