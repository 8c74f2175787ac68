"""What params/classes.yml says: triggers as floors of the classes and stages, and whether they fire on given inputs.

An input is known, or known to lie between two values; so a trigger fires, stays quiet or cannot be judged.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, StrictBool

from postloan import settings
from postloan.judgement.rules import Words
from postloan.tables import CLASSES

STAGES = ("stage_1", "stage_2", "stage_3")
RANK = {"task": 0, "last_class": 0, **{name: rank for part in (CLASSES, STAGES) for rank, name in enumerate(part)}}
TESTED = ("flag", "days", "share")
_SIDES = {"above": np.greater, "at_least": np.greater_equal, "below": np.less, "at_most": np.less_equal}

Limit = Annotated[dict[Literal[tuple(_SIDES)], float], Field(min_length=1, max_length=1)]
Tests = dict[str, StrictBool | Limit]
Span = dict[Literal["months", "periods"], Annotated[int, Field(ge=1)]]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class _Input(Words):
    kind: Literal["flag", "days", "share", "months", "day"]
    asks: tuple[str, ...] = ()


class Trigger(_Strict):
    """One floor: all that must hold (`when`), unless all of something is shown."""

    id: str = Field(pattern=r"^[a-z][a-z0-9_]+$")
    floor: Literal[(*CLASSES[1:], "last_class", "task", *STAGES[1:])]
    article: str = Field(min_length=1)
    title: Words
    when: Tests = Field(min_length=1)
    unless: Tests = {}
    basis: str = Field(min_length=4)
    status: Literal["in_force", "draft"] = "in_force"
    examples: dict[Literal["fires", "quiet"], dict[str, StrictBool | float]] = Field(min_length=2)


class RuleSet(_Strict):
    """The rules in force between two dates, both included."""

    name: Words
    from_: dt.date = Field(alias="from")
    until: dt.date = dt.date.max
    basis: str
    spans: dict[Literal["observation", "upgrade", "merger", "review"], Span] = Field(min_length=4)
    triggers: list[Trigger] = Field(min_length=1)


class Floors(_Strict):
    """What params/classes.yml says."""

    segments: dict[str, Literal["retail", "non_retail"]]
    inputs: dict[Literal["asset", "debtor", "derived"], dict[str, _Input]] = Field(min_length=3)
    rule_sets: dict[str, RuleSet] = Field(min_length=1)
    stages: list[Trigger]
    us_grades: dict[Literal[CLASSES], str] = Field(min_length=len(CLASSES))

    @property
    def known(self) -> dict[str, _Input]:
        """Every input, derived ones included."""
        return {name: each for part in self.inputs.values() for name, each in part.items()}


@cache
def load(path: Path | None = None) -> Floors:
    """The classification rules, each trigger tried on its examples; RuleError names file, field and what is allowed."""
    return settings.loaded(Floors, path or settings.params("classes.yml"), _problems)


def _problems(rules: Floors) -> Iterator[str]:
    """What is wrong between fields that are each right."""
    sets = sorted(rules.rule_sets.items(), key=lambda item: item[1].from_)
    for (name, each), (later, after) in pairwise(sets):
        if (after.from_ - each.until).days != 1:
            yield f"rule_sets.{name}.until: expected the day before {later} begins ({after.from_}), found {each.until}"
    for name, each in sets:
        yield from _wrong(f"rule_sets.{name}", each.triggers, rules, {*STAGES})
    yield from _wrong("stages", rules.stages, rules, {*CLASSES, "last_class", "task"})


def _wrong(where: str, triggers: list[Trigger], rules: Floors, barred: set[str]) -> Iterator[str]:
    kinds = {name: each.kind for name, each in rules.known.items() if each.kind in TESTED}
    ids = [each.id for each in triggers]
    tried = Facts(pd.DataFrame(index=range(2 * len(ids))), rules)
    for row, each in enumerate(triggers):
        if ids.count(each.id) > 1 or each.floor in barred:
            yield f"{where}.{each.id}: ids only once, floors here none of {sorted(barred)}; found floor {each.floor!r}"
        tests, given = [*each.when.items(), *each.unless.items()], {**each.examples["fires"], **each.examples["quiet"]}
        odd = {name for name, test in tests if name not in kinds or (kinds[name] == "flag") != isinstance(test, bool)}
        if odd := odd | (given.keys() - kinds):
            yield f"{where}.{each.id}: cannot test {sorted(odd)} so; known: {kinds} (flag: true or false; else a limit)"
            return
        for place, example in ((row, "fires"), (row + len(ids), "quiet")):
            for name, value in each.examples[example].items():
                tried.low[name][place] = tried.high[name][place] = value
    fired = np.array([tried.fires(each)[0] for each in triggers])
    standing = np.array([RANK[each.floor] if each.status == "in_force" else 0 for each in triggers])
    for row, each in enumerate(triggers):
        if not fired[row, row] or fired[row, row + len(ids)]:
            yield f"{where}.{each.id}.examples: expected to fire on `fires` and stay quiet on `quiet`, found otherwise"
        rivals = [ids[k] for k in np.flatnonzero(fired[:, row] & (standing >= standing[row])) if k != row]
        if standing[row] and rivals:
            yield f"{where}.{each.id}.floor: {each.floor} overlaps {rivals}: as bad or worse where this one begins"


class Facts:
    """Each input on every row: surely at least `low` and at most `high` (flags 0 or 1), and since when it holds.

    `who` names those by whom an input holds, with their class, on every row.
    """

    def __init__(self, rows: pd.DataFrame, rules: Floors):
        self.rows, self.known = rows, rules.known
        self.low = {name: np.zeros(len(rows)) for name in self.known}
        top = {name: np.inf if each.kind == "days" else 1.0 for name, each in self.known.items()}
        self.high = {name: np.full(len(rows), end) for name, end in top.items()}
        self.who: dict[str, list[dict[str, str]]] = {}
        self.since = {name: np.full(len(rows), np.datetime64("NaT", "us")) for name in self.known}

    def put(self, name: str, low: object, high: object, since: pd.Series | None = None) -> None:
        """Narrow an input to lie between `low` and `high`, true since a day; blanks narrow nothing."""
        for ends, given in ((self.low, low), (self.high, high)):
            given = pd.Series(given).to_numpy(float, na_value=np.nan)
            ends[name] = np.where(np.isnan(given), ends[name], given)
        self.since[name] = self.since[name] if since is None else since.to_numpy("datetime64[us]")

    def holds(self, tests: Tests) -> tuple[np.ndarray, np.ndarray]:
        """Where all tests surely hold, and where they may."""
        sure = may = np.ones(len(self.rows), bool)
        for name, test in tests.items():
            side, limit = ("", float(test)) if isinstance(test, bool) else next(iter(test.items()))
            ends = [_SIDES.get(side, np.equal)(end, limit) for end in (self.low[name], self.high[name])]
            sure, may = sure & ends[0] & ends[1], may & (ends[0] | ends[1])
        return sure, may

    def fires(self, trigger: Trigger) -> tuple[np.ndarray, np.ndarray]:
        """Where a trigger surely fires, and where it may; an exception counts only where it is shown."""
        excused = self.holds(trigger.unless)[0] & bool(trigger.unless)
        return tuple(part & ~excused for part in self.holds(trigger.when))

    def told(self, trigger: Trigger, row: int) -> str:
        """What a trigger saw on a row, as JSON: the value, the least it can be, null where nothing is known, or by
        whom it holds."""
        seen = {}
        for name, test in {**trigger.when, **trigger.unless}.items():
            low, high = self.low[name][row], self.high[name][row]
            seen[name] = None if low == 0 < high else bool(low) if isinstance(test, bool) else float(low)
            if seen[name] is True and name in self.who:
                seen[name] = self.who[name][row]
        return json.dumps(seen)

    def lacking(self, trigger: Trigger, row: int, blank: dict[str, list]) -> str:
        """The inputs to ask for where a trigger cannot be judged on a row, comma-separated."""
        unknown = [name for name in trigger.when if self.low[name][row] < self.high[name][row]]
        asked = [] if unknown else ["history"]
        for name in unknown:
            asks = self.known[name].asks or (name,)
            asked += [each for each in asks if each not in blank or blank[each][row]] or [name]
        return ",".join(dict.fromkeys(asked))
