"""How each ratio and score is read (params/ratios.yml), what is observed besides (params/observations.yml), and
which link of the chain from the business to our money each speaks of (params/chain.yml).

Ground floor, because tables and sentences (report) and verdicts (judgement) read the same bands.
"""

from __future__ import annotations

import math
from functools import cache, partial
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from postloan import settings
from postloan.errors import RuleError


class Measure(BaseModel):
    """One ratio's reading: at least as good as `ok` is ok, worse than `warn` is warn, else watch."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    group: str
    unit: Literal["times", "pct", "days", "money", "score", "points"]
    better: Literal["high", "low", "near_zero", "none"]
    ok: float | None = None
    warn: float | None = None
    key: bool = False
    forecast: bool = False
    basis: str = ""
    basis_zh: str = ""  # where it is not the same in both languages

    def band(self, value: float | None) -> Literal["ok", "watch", "warn"] | None:
        """The band of a value; None where there is no value or no band."""
        if value is None or math.isnan(value) or self.ok is None or self.warn is None:
            return None
        goodness = self._goodness(value)
        if goodness >= self._goodness(self.ok):
            return "ok"
        return "warn" if goodness < self._goodness(self.warn) else "watch"

    def worsening(self, now: float, before: float) -> float:
        """How much worse `now` is than `before`, in the measure's own unit; negative when better."""
        return 0.0 if self.better == "none" else self._goodness(before) - self._goodness(now)

    def _goodness(self, value: float) -> float:
        return {"high": value, "low": -value, "near_zero": -abs(value), "none": 0.0}[self.better]


@settings.shaped("ratios.yml")
def measures(overrides: dict[str, dict] | None = None) -> dict[str, Measure]:
    """All measures by id, in reading order; `overrides` replaces fields, e.g. {'current_ratio': {'ok': 1.2}}."""
    path = settings.params("ratios.yml")
    listed = {
        name: {"group": group, **spec}
        for group, part in settings.load_yaml(path).items()
        for name, spec in part.items()
    }
    unknown = sorted(set(overrides or {}) - set(listed))
    if unknown:
        raise RuleError(f"thresholds: unknown ratio {unknown}; known: {sorted(listed)}")
    changed = overrides or {}
    return settings.each(
        {name: partial(_measure, path, name, spec, changed.get(name, {})) for name, spec in listed.items()}
    )


def _measure(path: Path, name: str, spec: dict, changes: dict) -> Measure:
    if not isinstance(changes, dict):
        raise RuleError(f"thresholds: {name}: expected fields such as {{ok: 1.2}}, found {changes!r}")
    found = settings.checked(Measure, {"id": name, **spec, **changes}, f"{path}: {name}")
    if found.warn is not None and found.worsening(found.warn, found.ok) < 0:
        raise RuleError(f"{path}: {name}: ok must be at least as good as warn")
    return found


class Observation(BaseModel):
    """One thing that is observed rather than computed from statements; it counts for `fresh_days`.

    `feeds` names inputs of params/classes.yml: yes above the number, or the value itself where there is none.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    group: str
    unit: str
    zh: str
    en: str
    fresh_days: int = 365
    feeds: dict[str, float | None] = {}


@cache
@settings.shaped("observations.yml")
def observations() -> dict[str, Observation]:
    """The catalogue of observations by id; RuleError names the entry that is not as it should be."""
    path = settings.params("observations.yml")
    told = {
        name: (f"{path}: {name}", {"group": group, **spec} if isinstance(spec, dict) else spec)
        for group, part in settings.load_yaml(path).items()
        for name, spec in part.items()
    }
    return settings.each({name: partial(settings.checked, Observation, spec, at) for name, (at, spec) in told.items()})


class Link(BaseModel):
    """One link of the chain operations → collections → cash flow → repayment → our protection."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    groups: list[str]
    metrics: list[str] = []
    shows: str | None = None
    on_path: bool = True
    held_by: str | None = None
    kinds: dict[str, list[str]] = {}


@cache
@settings.shaped("chain.yml")
def chain() -> dict[str, Link]:
    """The links in order; RuleError names a link that is not as it should be, or a group with no link or two."""
    path = settings.params("chain.yml")
    links = {name: settings.checked(Link, spec, f"{path}: {name}") for name, spec in settings.load_yaml(path).items()}
    known = {**measures(), **observations()}
    placed = [group for link in links.values() for group in link.groups]
    groups = {each.group for each in known.values()}
    if wrong := sorted({group for group in placed if placed.count(group) > 1} | groups ^ set(placed)):
        raise RuleError(f"{path}: every group needs one link, and no other; see {wrong}")
    named = {name for link in links.values() for name in [*link.metrics, link.shows] if name}
    kinds = {name for link in links.values() for kind in link.kinds.values() for name in kind} - groups
    if unknown := sorted((named | kinds) - {*known}):
        raise RuleError(f"{path}: unknown metrics {unknown}")
    return links


@cache
def _groups() -> dict[str, str]:
    """The group of every measure and observation."""
    return {name: each.group for name, each in {**observations(), **measures()}.items()}


def link_of(metric: str) -> str:
    """The link of the chain that a metric speaks of."""
    named = next((name for name, link in chain().items() if metric in link.metrics), None)
    group = _groups()[metric]
    return named or next(name for name, link in chain().items() if group in link.groups)


def kind_of(metric: str) -> str:
    """The kind of figure a metric is within its link, where the link's meaning is told another way for it."""
    kinds = chain()[link_of(metric)].kinds
    return next((kind for kind, names in kinds.items() if metric in names or _groups()[metric] in names), "")
