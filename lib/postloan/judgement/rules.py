"""Warning rules as data (params/rules): read, checked, and judged over all borrowers and periods at once.

A condition is a test of one metric or `all` / `any` / `not` of conditions. It is judged in three values: true,
false, and unknown where figures lack; unknown is never taken for quiet. No text of a rule is ever executed.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, partial, reduce
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from postloan import settings
from postloan.analysis.peers import READINGS
from postloan.errors import RuleError
from postloan.judgement import limits, rule_changes
from postloan.judgement.rule_glance import BookGlance, RuleGlance
from postloan.judgement.sight import YEAR, Sight, metrics
from postloan.measures import observations
from postloan.tables import OURS

LEVELS = ("yellow", "orange", "red")
GROUPS = ("client", "account", "management", "operations", "finance", "industry", "collateral", "related", OURS)
QUIET, CANNOT = 0, -1
SIDES = {"below": np.less, "at_most": np.less_equal, "above": np.greater, "at_least": np.greater_equal}

Level = Literal["yellow", "orange", "red"]
Limit = float | dict[Level, float]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Words(_Strict):
    """A sentence in both languages."""

    zh: str = Field(min_length=2)
    en: str = Field(min_length=2)


class Breach(_Strict):
    """The event whose chance a test looks at: the metric on that side of the limit within so many quarters."""

    side: Literal["below", "above"]
    limit: float
    within: int = Field(4, ge=1, le=8)


class Condition(_Strict):
    """A test of a metric (or of another rule), or all / any / not / first of conditions; limits by level or for all.

    Of `first` the first condition that can be judged decides.
    """

    metric: str | None = None
    of: Literal["now", "year_ago", "change", "growth", "since_start", "since_review", "chance", "peers"] = "now"
    below: Limit | None = None
    at_most: Limit | None = None
    above: Limit | None = None
    at_least: Limit | None = None
    periods: int = Field(1, ge=1, le=12)
    breach: Breach | None = None
    peer: Literal[READINGS] | None = None
    rule: str | None = None
    all: list[Condition] | None = Field(None, min_length=1)
    any: list[Condition] | None = Field(None, min_length=1)
    first: list[Condition] | None = Field(None, min_length=2)
    not_: Condition | None = Field(None, alias="not")

    @property
    def limits(self) -> dict[str, Limit]:
        """The comparisons of a test, by side."""
        return {side: getattr(self, side) for side in SIDES if getattr(self, side) is not None}

    @property
    def parts(self) -> list[Condition]:
        """The conditions inside."""
        return [*(self.all or []), *(self.any or []), *(self.first or []), *([self.not_] if self.not_ else [])]

    def ways(self) -> list[list[Condition]]:
        """The ways it can hold: in each, the tests that must hold together."""
        return limits.ways(self)

    def leaves(self) -> list[Condition]:
        """The tests at the ends, in reading order."""
        return [leaf for part in self.parts for leaf in part.leaves()] if self.parts else [self]

    @model_validator(mode="after")
    def _one_kind(self) -> Condition:
        kinds = [name for name in ("metric", "rule", "all", "any", "first", "not_") if getattr(self, name) is not None]
        if len(kinds) != 1:
            raise ValueError(f"expected exactly one of metric, rule, all, any, first, not; found {kinds or 'none'}")
        if said := next(filter(None, (limits.contradiction([self, *(self.all or [])], level) for level in LEVELS)), ""):
            raise ValueError(said)
        if self.metric is None:
            return self
        if self.metric not in metrics():
            raise ValueError(f"unknown metric {self.metric!r}; known: {sorted(metrics())}")
        if not self.limits:
            raise ValueError(f"{self.metric}: expected a limit, one of {', '.join(SIDES)}")
        if (self.of == "chance") != (self.breach is not None):
            raise ValueError(f"{self.metric}: `of: chance` and `breach` go together")
        if (self.of == "peers") != (self.peer is not None) or (self.peer and self.metric in observations()):
            raise ValueError(f"{self.metric}: `of: peers` and `peer` go together, for figures of statements only")
        if self.of not in ("now", "chance", "peers") and self.metric in observations():
            raise ValueError(f"{self.metric}: of {self.of}: seen on one day only; expected a figure of statements")
        share = self.of == "chance" or self.peer == "percentile"
        if share and (odd := [limit for limit in limits.every(self) if not 0 <= limit <= 1]):
            raise ValueError(f"{self.metric}: of {self.of}: expected limits from 0 to 1, found {odd}")
        return self


class Example(_Strict):
    """One borrower a rule is tried on: each metric's value now, or {now, year_ago, start, review, history, chance,
    peers: {percentile, over_median, times_mean, robust_z}}."""

    given: dict[str, float | dict[str, Any]]
    expect: Literal["yellow", "orange", "red", "quiet", "cannot"]


class Rule(RuleGlance, _Strict):
    """One warning rule; its file's name is its id."""

    id: str = Field(pattern=r"^[a-z][a-z0-9_]+$")
    title: Words
    group: Literal[GROUPS]
    source: Literal["computed", "external", "officer"]
    basis: str = Field(min_length=4)
    basis_zh: str | None = Field(None, min_length=4)  # for Chinese readers, where the basis itself is not Chinese
    condition: Condition
    levels: Annotated[list[Level], Field(min_length=1)]
    veto: bool = False
    innocent: Words
    action: Words
    owner: Literal["relationship_manager", "risk_manager", "branch_head"]
    days: dict[Level, int]
    status: Literal["draft", "in_force", "retired"]
    since: str
    examples: list[Example] = Field(min_length=2)

    @property
    def needs(self) -> set[str]:
        """The rules it refers to."""
        return {leaf.rule for leaf in self.condition.leaves() if leaf.rule}

    @model_validator(mode="after")
    def _levels_agree(self) -> Rule:
        if lacking := [level for level in self.levels if level not in self.days]:
            raise ValueError(f"days: no deadline for {lacking}")
        limits.check_order(self.condition.leaves(), self.levels)
        limits.check_reachable(self.condition, self.levels)
        expected = {example.expect for example in self.examples}
        if not expected & set(LEVELS) or "quiet" not in expected:
            raise ValueError("examples: expected at least one that fires and one that stays quiet")
        return self


@dataclass(frozen=True, repr=False)
class RuleBook(BookGlance):
    """All rules by id, in an order in which each comes after those it refers to."""

    rules: dict[str, Rule]

    def in_force(self) -> list[Rule]:
        """The rules that count today."""
        return [rule for rule in self.rules.values() if rule.status == "in_force"]

    def with_(self, rule_id: str, **changes: object) -> RuleBook:
        """The same rules with one changed and checked again; params/ stays as it is.

        `changes` are limits by level, `periods`, `within`, or fields of the rule file: `with_("current_ratio_low",
        yellow=1.2)`, `with_("x", status="retired")`. RuleError lists the rules there are, or what may be changed.
        """
        where = f"rule {rule_id}"
        content = rule_changes.content(rule_changes.named(self.rules, rule_id), changes, where)
        return ordered({**self.rules, rule_id: _rule(content, where)})


@cache
def load(folder: Path | None = None) -> RuleBook:
    """Every rule under params/rules, checked together; RuleError lists all that is wrong by file and field."""
    paths = sorted((folder or settings.params("rules")).glob("*.yml"))
    return ordered(settings.each({path.stem: partial(read, path) for path in paths}))


def read(path: Path) -> Rule:
    """One rule's file, checked by itself."""
    rule = _rule(settings.load_yaml(path), str(path))
    if rule.id != path.stem:
        raise RuleError(f"{path}: id {rule.id!r}: expected the file's name {path.stem!r} (no id twice)")
    return rule


def _rule(content: dict, where: str) -> Rule:
    try:
        return Rule.model_validate(content)
    except ValidationError as error:
        raise RuleError.of(where, map(_complaint, error.errors())) from None


def _complaint(error: dict) -> str:
    where = ".".join(str(part) for part in error["loc"]) or "rule"
    if error["type"] == "extra_forbidden":
        known = Condition.model_fields if "condition" in where else Rule.model_fields
        return f"{where}: unknown field; known: {', '.join(name.rstrip('_') for name in known)}"
    found = "" if error["type"] in ("value_error", "missing") else f", found {error['input']!r}"
    return f"{where}: {error['msg'].removeprefix('Value error, ')}{found}"


def ordered(rules: dict[str, Rule]) -> RuleBook:
    """Rules as a book; RuleError where they refer to one that is not there, or to one another in a circle."""
    needs = {name: rule.needs for name, rule in rules.items()}
    for name, others in needs.items():
        if unknown := others - set(rules):
            raise RuleError(f"{name}.yml: rule {name}: condition.rule: refers to unknown rules {sorted(unknown)}")
    try:
        order = list(TopologicalSorter(needs).static_order())
    except CycleError as error:
        told, first = " → ".join(error.args[1]), error.args[1][0]
        raise RuleError(f"{first}.yml: condition.rule: rules refer to one another in a circle: {told}") from None
    return RuleBook({name: rules[name] for name in order})


def breaches(*books: RuleBook) -> list[tuple[str, float, str, int]]:
    """The chances the rules in force ask for, each once: metric, limit, side, within (quarters)."""
    leaves = [leaf for book in books for rule in book.in_force() for leaf in rule.condition.leaves() if leaf.breach]
    return list(
        dict.fromkeys((leaf.metric, leaf.breach.limit, leaf.breach.side, leaf.breach.within) for leaf in leaves)
    )


def judge(book: RuleBook, sight: Sight) -> dict[str, np.ndarray]:
    """Each rule in force on every row of the sight: 0 quiet, 1–3 the level, −1 cannot judge."""
    judged: dict[str, np.ndarray] = {}
    for rule in book.in_force():
        outcome = np.zeros(len(sight.rows), dtype="int8")
        for level in rule.levels:
            true = holds(rule.condition, level, sight, judged)
            outcome = np.where(np.isnan(true) & (outcome == QUIET), CANNOT, outcome)
            outcome = np.where(true == 1, LEVELS.index(level) + 1, outcome)
        judged[rule.id] = outcome
    return judged


def holds(condition: Condition, level: str, sight: Sight, judged: dict[str, np.ndarray]) -> np.ndarray:
    """The condition at a level on every row: 1 true, 0 false, NaN unknown."""
    if condition.parts:
        parts = np.array([holds(part, level, sight, judged) for part in condition.parts])
        if condition.not_:
            return 1 - parts[0]
        if condition.first:
            return reduce(lambda told, part: np.where(np.isnan(told), part, told), parts)
        deciding, combine = (0, np.min) if condition.all else (1, np.max)
        return np.where((parts == deciding).any(axis=0), deciding, combine(parts, axis=0))
    if condition.rule:
        other = judged.get(condition.rule, np.full(len(sight.rows), CANNOT))
        return np.where(other == CANNOT, np.nan, other >= LEVELS.index(level) + 1)
    values = reading(condition, sight)
    true = np.ones(len(values))
    for side, limit in condition.limits.items():
        bound = limits.at(limit, level)
        true = np.minimum(true, 0.0 if bound is None else SIDES[side](values, bound))
    true = np.where(np.isnan(values), np.nan, true)
    return _run(true, condition.periods, sight)


def reading(condition: Condition, sight: Sight) -> np.ndarray:
    """What a test looks at, on every row: the metric now, a year ago, its change, growth, chance of a breach or place
    among peers."""
    if condition.breach:
        return sight.probability(
            condition.metric, condition.breach.limit, condition.breach.side, condition.breach.within
        )
    if condition.peer:
        return sight.among_peers(condition.metric, condition.peer)
    now = sight.now(condition.metric)
    if condition.of == "now":
        return now
    if condition.of in ("since_start", "since_review"):
        return now - sight.since(condition.metric, sight.starts if condition.of == "since_start" else sight.reviews)
    before = sight.before(condition.metric, YEAR)
    if condition.of == "year_ago":
        return before
    if condition.of == "change":
        return now - before
    with np.errstate(all="ignore"):
        return np.where(np.abs(before) > 1e-9, (now - before) / np.abs(before), np.nan)


def _run(true: np.ndarray, periods: int, sight: Sight) -> np.ndarray:
    """True where it held on this and the periods before it; a borrower with fewer periods cannot be judged."""
    if periods == 1:
        return true
    grouped = pd.Series(true).groupby(sight.rows["borrower_id"].to_numpy(), sort=False)
    held = true
    for back in range(1, periods):
        before = grouped.shift(back).to_numpy()
        held = np.where((held == 0) | (before == 0), 0, held + before - 1)
    return held


def verdicts(book: RuleBook, sight: Sight) -> pd.DataFrame:
    """Each rule on each borrower's latest period.

    Returns borrower_id, period_end, rule, level (yellow, orange, red, quiet, cannot), since (first period of the
    unbroken run in which it fires) and missing (metrics that lack, where it cannot be judged).
    """
    names = np.array(["cannot", "quiet", *LEVELS])
    ids, ends = sight.rows["borrower_id"].to_numpy(object), sight.rows["period_end"].to_numpy()
    judged = judge(book, sight)
    outcomes = pd.DataFrame(judged, index=pd.Index(ids, name="borrower_id"))
    place = np.arange(len(ids))[:, None]
    stopped = outcomes.lt(1) * (place + 1)  # one past the last row on which a rule did not fire
    order = ids[sight.latest]
    began = stopped.groupby(level=0, sort=False).max().loc[order].to_numpy()
    first = np.flatnonzero(~pd.Series(ids).duplicated())[:, None]
    since = ends[np.minimum(np.maximum(began, first), len(ends) - 1)]
    mine = outcomes.to_numpy()[sight.latest]
    lacking = np.column_stack([_lacking(book.rules[name], sight, mine[:, n]) for n, name in enumerate(judged)])
    count = len(judged)
    return pd.DataFrame(
        {
            "borrower_id": np.repeat(order, count),
            "period_end": np.repeat(ends[sight.latest], count),
            "rule": np.tile(list(judged), len(order)),
            "level": names[mine + 1].ravel(),
            "since": np.where(mine >= 1, since, np.datetime64("NaT")).ravel(),
            "missing": lacking.ravel(),
        }
    )


def _lacking(rule: Rule, sight: Sight, outcome: np.ndarray) -> np.ndarray:
    """Where a rule cannot be judged: its metrics without a value on the borrower's latest row (`peers` where only
    those lack), with commas."""
    found = np.full(len(outcome), "", dtype=object)
    for leaf in rule.condition.leaves() if (outcome == CANNOT).any() else []:
        if leaf.metric:
            empty = np.isnan(reading(leaf, sight)[sight.latest]) & (outcome == CANNOT)
            alone = bool(leaf.peer) & ~np.isnan(sight.now(leaf.metric)[sight.latest])
            name = np.where(alone, "peers", leaf.metric).astype(object)
            new = np.array([each not in text.split(",") for each, text in zip(name, found, strict=True)])
            found = np.where(empty & new, np.where(found == "", "", found + ",") + name, found)
    return found
