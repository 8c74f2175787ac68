"""Where a borrower stands among its peers: percentile, quartiles and robust z of any ratio (DOMAIN §4.6).

Level is read beside peers of the same period, change beside the borrower's own trailing quarters; the two are never
mixed. Peers are others: the borrower itself is left out of its group. They keep their books in the same currency, and
lenders and insurers stand beside none but their like. Which borrowers make a group follows from the book's list of
borrowers alone, so a report that reads a few peers says what a screen of the whole book says.
"""

from __future__ import annotations

import re
import zlib
from bisect import bisect_left, bisect_right
from collections.abc import Callable
from functools import cache, cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from pydantic import Field, model_validator

from postloan import settings
from postloan.analysis import ratios, scores
from postloan.analysis.periods import Panel
from postloan.errors import ContractError
from postloan.measures import Measure
from postloan.strict import Strict

READINGS = ("percentile", "over_median", "times_mean", "robust_z")
COLUMNS = ["value", "percentile", "low", "median", "high", "mean", "robust_z", "count", "group", "reason"]
REACH = 28  # months of statements that a peer's figures of one period need, those of a year ago included
_CODE = re.compile(r"^([A-T])(\d{2})")
_NORMAL = 1.4826  # median absolute deviation to standard deviation


class Size(Strict):
    """Size bands by a metric, for borrowers of one currency."""

    metric: str
    currency: str
    edges: list[float] = Field(min_length=1)


class Reading(Strict):
    """From which share of weaker peers on a level is weak or strong, and from how many deviations on unusual; a move
    within `flat` of its usual figure is none."""

    weak: float = Field(gt=0, lt=0.5)
    strong: float = Field(gt=0.5, lt=1)
    unusual: float = Field(gt=0)
    flat: float = Field(ge=0, lt=1)


class Plan(Strict):
    """What params/peers.yml says."""

    fewest: int = Field(ge=3)
    sure: int
    most: int
    late_months: int = Field(ge=0, le=12)
    trailing_quarters: int = Field(ge=4, le=20)
    fewest_quarters: int = Field(ge=3)
    apart: list[str]
    size: Size
    reading: Reading
    shown: list[str] = Field(min_length=1)

    @model_validator(mode="after")
    def _agree(self) -> Plan:
        if not self.fewest <= self.sure <= self.most:
            raise ValueError(f"expected fewest <= sure <= most, found {self.fewest}, {self.sure}, {self.most}")
        if self.size.edges != sorted(self.size.edges):
            raise ValueError(f"size.edges: expected rising limits, found {self.size.edges}")
        if unknown := {self.size.metric, *self.shown} - {*_formulas()}:
            raise ValueError(f"unknown metrics {sorted(unknown)}")
        return self


@cache
def load(path: Path | None = None) -> Plan:
    """The settings of the comparison; RuleError names file, field and what was found."""
    path = path or settings.params("peers.yml")
    return settings.checked(Plan, settings.load_yaml(path), path)


def _formulas() -> dict[str, str]:
    return {**ratios.FORMULAS, **scores.FORMULAS}


class Groups:
    """The borrowers of each industry, parent industry and the book by currency, and who of them are taken; `borrowers`
    is the book's table of all (borrower_id, industry, currency)."""

    def __init__(self, borrowers: pd.DataFrame, plan: Plan | None = None):
        self.plan = plan = plan or load()
        self.currency = borrowers.set_index("borrower_id")["currency"].to_dict()
        kinds = [*zip(*(_known(borrowers[name]) for name in ("industry", "currency")), strict=True)]
        keys = {kind: _keys(*kind, plan.apart) for kind in dict.fromkeys(kinds)}
        self.keys = {name: keys[kind] for name, kind in zip(borrowers["borrower_id"], kinds, strict=True)}
        self._members: dict[tuple, list[str]] = {}
        for name, steps in self.keys.items():
            for group in steps.items():
                self._members.setdefault(group, []).append(name)
        self._taken: dict[tuple, list[str]] = {}

    def taken(self, group: tuple) -> list[str]:
        """Whom of a group a comparison takes: of a large one the same few, however the book is ordered."""
        if group not in self._taken:
            names = sorted(self._members.get(group, []), key=lambda each: (zlib.crc32(each.encode()), each))
            self._taken[group] = names[: self.plan.most]
        return self._taken[group]

    def pool(self, borrower_id: str) -> list[str]:
        """Whose statements a comparison of one borrower reads: its own and those of its groups."""
        taken = (each for step in self.ladder(borrower_id) for each in self.taken(step))
        return sorted({borrower_id, *taken})

    def ladder(self, borrower_id: str) -> list[tuple]:
        """The groups a borrower is compared with, the closest first; none wider than one that is sure to suffice."""
        steps = []
        for group in self.keys.get(borrower_id, {}).items():
            steps.append(group)
            if len(self._members.get(group, [])) > self.plan.sure:
                break
        return steps


def _known(column: pd.Series) -> list[str]:
    """Texts as they stand, nothing where there is none."""
    return [each.strip() if isinstance(each, str) else "" for each in column]


def _keys(industry: str, currency: str, apart: list[str]) -> dict[str, tuple[str, str]]:
    """Industry (two digits of GB/T 4754, else the text as it stands), parent and book, as far as known, by currency;
    an industry that stands `apart` is no part of the book."""
    code = _CODE.match(industry)
    steps = {"industry": code[0], "parent": code[1]} if code else {"industry": industry} if industry else {}
    steps |= {} if code and code[1] in apart else {"book": ""}
    return {step: (name, currency) for step, name in steps.items()}


def pools(borrowers: pd.DataFrame) -> Callable[[str], list[str]]:
    """Whose statements a comparison of any borrower of the book's table reads (`Groups.pool`)."""
    return Groups(borrowers).pool


class _Pool(NamedTuple):
    """A group's figures at one period: who has one, their figures in that order, and the figures sorted."""

    who: list[str]
    values: np.ndarray
    ordered: np.ndarray


class Among:
    """The borrowers of a panel beside their peers, asked by metric.

    `panel` holds the borrowers and their peers (`Groups.pool`) with `REACH` months of statements or more; `borrowers`
    is the book's table (borrower_id, industry, currency), or its `Groups`. Called with a metric and one of READINGS it
    gives a figure a borrower, as `judgement.sight` asks for it: the percentile (0–1), the value over the peers' median
    less one, in times of their mean, or in robust deviations from their median; NaN where there is no comparison, and
    where only the whole book is left to compare with: that is shown, but no ground for a warning. `of` is the borrower
    that will be asked about (None: all of the panel).
    """

    def __init__(
        self, panel: Panel, borrowers: pd.DataFrame | Groups, *, day_basis: int = 360, plan: Plan | None = None,
        of: str | None = None,
    ):  # fmt: skip
        self._groups, self._of = borrowers if isinstance(borrowers, Groups) else Groups(borrowers, plan), of
        self.plan, self._currency = self._groups.plan, self._groups.currency
        self._evaluator = ratios.evaluator(panel, day_basis)
        self._evaluator.settings["price_index"] = 100.0
        ends = panel.rows["period_end"] - pd.Timedelta(days=15)
        self._ends = panel.view("end")
        self._rows = panel.rows.assign(month=(ends.dt.year * 12 + ends.dt.month).to_numpy())
        self._known: dict[str, pd.DataFrame] = {}

    def __call__(self, metric: str, reading: str) -> pd.Series:
        """One of READINGS of a metric by borrower."""
        told = self.standing(metric)
        told = told[told["group"] != "book"]
        if reading in ("percentile", "robust_z"):
            return told[reading]
        if reading not in READINGS:
            raise ContractError(f"peers: unknown reading {reading!r}; known: {', '.join(READINGS)}")
        base = told["median" if reading == "over_median" else "mean"]
        return (told["value"] / base.where(base > 0)) - (1 if reading == "over_median" else 0)

    def standing(self, metric: str) -> pd.DataFrame:
        """Each borrower's newest figure beside its peers: COLUMNS by borrower_id; `reason` where there is none."""
        if metric not in self._known:
            self._known[metric] = self._compared(metric)
        return self._known[metric]

    def _compared(self, metric: str) -> pd.DataFrame:
        if metric not in _formulas():
            raise ContractError(f"peers: unknown metric {metric!r}")
        values, told = self._values(metric), {}
        for clients, now in self._moments:
            pools: dict[tuple, _Pool] = {}
            for name in clients:
                told[name] = self._one(name, now, values, self._marks, pools)
        return pd.DataFrame.from_dict(told, orient="index", columns=COLUMNS).rename_axis("borrower_id")

    @cached_property
    def _moments(self) -> list[tuple[list[str], dict[str, int]]]:
        """For each month in which somebody's figures end: whose, and the row of everybody's figures of that time."""
        latest = self._rows[~self._rows["borrower_id"].duplicated(keep="last")]
        latest = latest if self._of is None else latest[latest["borrower_id"] == self._of]
        ids, found = self._rows["borrower_id"].to_numpy(object), []
        for month, clients in latest.groupby("month"):
            inside = np.flatnonzero(self._rows["month"].between(month - self.plan.late_months, month))
            found.append((clients["borrower_id"].tolist(), dict(zip(ids[inside], inside.tolist(), strict=True))))
        return found

    @cached_property
    def _marks(self) -> dict[str, np.ndarray]:
        return {"industry": self._sizes(), "book": self._parted()}

    def _values(self, metric: str) -> np.ndarray:
        return self._evaluator.evaluate(_formulas()[metric], zero_reason=ratios.NO_INTEREST.get(metric)).values

    def _sizes(self) -> np.ndarray:
        """The size band on every row; −1 where unknown."""
        size = self.plan.size
        values = self._values(size.metric)
        fair = self._rows["borrower_id"].map(self._currency).eq(size.currency).to_numpy() & ~np.isnan(values)
        return np.where(fair, np.searchsorted(size.edges, values, side="right"), -1)

    def _parted(self) -> np.ndarray:
        """1 on every row whose balance sheet tells current items, as those of lenders and insurers do not, else 0."""
        ends = self._ends.reindex(columns=["current_assets", "current_liabilities"])
        return ends.notna().all(axis=1).to_numpy().astype(int)

    def _one(self, name: str, now: dict[str, int], values: np.ndarray, marks: dict, pools: dict) -> list:
        value, most = values[now[name]], 0
        if np.isnan(value):
            return [np.nan] * 7 + [0, "", "no_value"]
        for step in self._groups.ladder(name):
            for band in _bands(step[0], marks, now[name]):
                key = (step, band)
                if key not in pools:
                    pools[key] = self._pool(step, band, now, values, marks)
                others = _without(pools[key], name)
                if len(others) >= self.plan.fewest:
                    group = "size" if step[0] == "industry" and band is not None else step[0]
                    return [value, *_beside(value, others), len(others), group, ""]
                most = max(most, len(others))
        return [value] + [np.nan] * 6 + [most, "", "few_peers"]

    def _pool(self, step: tuple, band: int | None, now: dict, values: np.ndarray, marks: dict) -> _Pool:
        who = [name for name in self._groups.taken(step) if name in now and not np.isnan(values[now[name]])]
        who = [name for name in who if band is None or marks[step[0]][now[name]] == band]
        found = np.array([values[now[name]] for name in who], dtype=float)
        return _Pool(who, found, np.sort(found))


def _bands(step: str, marks: dict[str, np.ndarray], row: int) -> list[int | None]:
    """The bands of a group that are tried: the industry by size, then whole; of the book those whose balance sheet
    reads alike."""
    if step == "book":
        return [int(marks["book"][row])]
    size = int(marks["industry"][row]) if step == "industry" else -1
    return [size, None] if size >= 0 else [None]


def _without(pool: _Pool, name: str) -> np.ndarray:
    """The sorted figures of a group without a borrower's own."""
    if name not in pool.who:
        return pool.ordered
    return np.delete(pool.ordered, bisect_left(pool.ordered, pool.values[pool.who.index(name)]))


def _beside(value: float, others: np.ndarray) -> list[float]:
    """Percentile (ties count half), quartiles and mean of the others, and the robust z."""
    low, median, high = np.quantile(others, [0.25, 0.5, 0.75])
    percentile = (bisect_left(others, value) + bisect_right(others, value)) / 2 / len(others)
    away = _NORMAL * np.median(np.abs(others - median))
    z = (value - median) / away if away > 0 else np.nan
    return [percentile, low, median, high, float(others.mean()), z]


def trailing(
    panel: Panel, borrower_id: str, metrics: list[str], *, day_basis: int = 360, plan: Plan | None = None
) -> pd.DataFrame:
    """A borrower's newest figures beside its own trailing quarters: `usual` (their median), `quarters` and `own_z`
    (robust deviations from it), by metric; NaN where too few quarters are known."""
    plan, evaluator, rows = plan or load(), ratios.evaluator(panel, day_basis), panel.rows
    keys, told = rows.index[rows["borrower_id"] == borrower_id], {}
    for metric in metrics:
        result = evaluator.evaluate(_formulas()[metric], zero_reason=ratios.NO_INTEREST.get(metric))
        own = pd.Series(result.values, index=rows.index)
        before = own.reindex(keys[-1] - 3 * np.arange(1, plan.trailing_quarters + 1)).dropna().to_numpy()
        usual = np.median(before) if len(before) >= plan.fewest_quarters else np.nan
        away = _NORMAL * np.median(np.abs(before - usual)) if len(before) else np.nan
        z = (own[keys[-1]] - usual) / away if away > 0 else np.nan
        told[metric] = (usual, len(before), z)
    return pd.DataFrame.from_dict(told, orient="index", columns=["usual", "quarters", "own_z"]).rename_axis("metric")


def position(
    among: Among, own: pd.DataFrame, borrower_id: str, measures: dict[str, Measure], *, plan: Plan | None = None
) -> pd.DataFrame:
    """One borrower's standing, a row a metric of `own` (`trailing`): COLUMNS, its own, and how both read.

    `level` is weak, middle or strong beside peers (high or low where neither is better), none without peers;
    `change` is worse, usual, better (or moved) beside its own past, none where that is too short.
    """
    plan = plan or load()
    level = pd.DataFrame({metric: among.standing(metric).loc[borrower_id] for metric in own.index}).T
    told = level.rename_axis("metric").infer_objects().join(own).reset_index()
    told["level"] = [_level(row, measures[row.metric], plan.reading) for row in told.itertuples()]
    told["change"] = [_change(row, measures[row.metric], plan.reading) for row in told.itertuples()]
    return told


def _level(row: tuple, measure: Measure, reading: Reading) -> str:
    if pd.isna(row.percentile):
        return "none"
    if measure.better not in ("high", "low"):
        return "low" if row.percentile <= reading.weak else "high" if row.percentile >= reading.strong else "middle"
    good = row.percentile if measure.better == "high" else 1 - row.percentile
    return "weak" if good <= reading.weak else "strong" if good >= reading.strong else "middle"


def _change(row: tuple, measure: Measure, reading: Reading) -> str:
    if pd.isna(row.own_z):
        return "none"
    if abs(row.own_z) < reading.unusual or abs(row.value - row.usual) < reading.flat * abs(row.usual):
        return "usual"
    if measure.better not in ("high", "low"):
        return "moved"
    return "better" if (row.own_z > 0) == (measure.better == "high") else "worse"
