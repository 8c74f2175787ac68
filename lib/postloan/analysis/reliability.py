"""Can the statements be believed? The tests of DOMAIN §6 that statements and outside papers allow.

The tests are data (params/reliability.yml): a formula, and what it must equal or lie between. A failed test is an
item not yet supported, to be settled with the paper it asks for; it is no verdict. What formulas may use stands in
`evidence`; `score.<id>` is a formula of `scores`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from postloan import settings
from postloan.analysis import evidence, formulas, scores
from postloan.analysis.evidence import Evidence
from postloan.analysis.periods import Panel
from postloan.errors import ContractError, RuleError

COLUMNS = ["borrower_id", "test", "group", "result", "severity", "value", "limit", "unit"]
COLUMNS += ["period_end", "since", "inputs", "missing", "ask", "weight"]
GRADES = ("supported", "partly", "weak", "untested")
_Amount = float | list[float]


class Test(BaseModel):
    """One test: `value` must lie from `low` to `high`, or within `tolerance` × `of` of what is `expected`.

    Of several expectations anything between them is right; `side` says where alone it may be wrong. It fails only
    where every formula of `also` is positive too, in `periods` periods running. `red` holds the bounds from which it
    is red; `red_with` names tests that make it red when they fail too, `instead` tests that, where they can be made,
    take its place. `yearly` tests are judged at fiscal year ends. `ask` is the paper to ask for; `fails` and `passes`
    are examples: a figure, or one a period, by leaf.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(pattern=r"^[a-z][a-z0-9_]+$")
    group: Literal["articulation", "operations", "cash", "assets", "filing", "scores"]
    severity: Literal["amber", "red"] = "amber"
    unit: Literal["money", "pct", "times", "days", "score", "points"]
    basis: str = Field(min_length=2)
    weight: float = Field(1.0, gt=0)
    value: str
    low: float = -np.inf
    high: float = np.inf
    expected: list[str] = []
    tolerance: float = Field(0.0, ge=0)
    of: str = "1"
    side: Literal["both", "below", "above"] = "both"
    also: list[str] = []
    red: dict[Literal["low", "high", "tolerance"], float] = {}
    red_with: list[str] = []
    instead: list[str] = []
    periods: int = Field(1, ge=1, le=12)
    yearly: bool = False
    ask: str
    fails: dict[str, _Amount]
    passes: dict[str, _Amount]

    @field_validator("value", mode="before")
    @classmethod
    def _spelled_out(cls, text: object) -> str:
        return re.sub(r"\bscore\.(\w+)", _score, str(text))

    @field_validator("expected", "also", mode="before", json_schema_input_type=str | list[str])
    @classmethod
    def _listed(cls, text: object) -> object:
        return [text] if isinstance(text, str) else text

    @model_validator(mode="after")
    def _bounded(self) -> Test:
        if bool(self.expected) == bool(np.isfinite([self.low, self.high]).any()):
            raise ValueError("takes either `expected` with `tolerance` and `of`, or `low` or `high`")
        return self

    @property
    def formulas(self) -> list[str]:
        """Every formula of the test."""
        return [self.value, *self.expected, self.of, *self.also]


class TestBook(BaseModel):
    """All tests, numbers that formulas name, references by name, currency and first day, papers, cut-offs of grades.

    Papers of `kinds` give one amount a period end, of `lines` every single amount; `peers` are the ratios whose place
    among peers formulas may name. A verdict older than
    `fresh_months` before a borrower's newest period is no verdict.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    settings: dict[str, float]
    references: dict[str, dict[str, dict[Any, float]]]
    kinds: list[str]
    lines: list[str]
    peers: list[str]
    fresh_months: int = Field(ge=0)
    grades: dict[Literal["supported", "partly"], float]
    weak_from_red: int = Field(ge=1)
    tested_at_least: int = Field(ge=1)
    tests: list[dict]


def load(overrides: dict[str, dict] | None = None) -> tuple[TestBook, list[Test]]:
    """The tests of params/reliability.yml; `overrides` replaces fields by test id, or values of `settings`.

    RuleError names the file, the test, the field and what is allowed.
    """
    return _load(settings.params("reliability.yml"), json.dumps(overrides or {}, sort_keys=True))


@cache
@settings.shaped("reliability.yml")
def _load(path: Path, overrides: str) -> tuple[TestBook, list[Test]]:
    content, changes = dict(settings.load_yaml(path)), json.loads(overrides)
    content["settings"] = {**content.get("settings", {}), **changes.pop("settings", {})}
    book = _valid(TestBook, content, str(path))
    listed = [each.get("id") for each in book.tests]
    if twice := sorted({str(name) for name in listed if listed.count(name) > 1 or name is None}):
        raise RuleError(f"{path}: tests: each needs an id of its own, found {twice}")
    if unknown := sorted(set(changes) - set(listed)):
        raise RuleError(f"{path}: overrides: unknown test {unknown}; known: {listed}")
    changed = [{**each, **changes.get(each["id"], {})} for each in book.tests]
    known = evidence.items_by_view(book.kinds, book.lines, list(book.references), book.peers)

    def read(said: dict) -> Test:
        test = _valid(Test, said, f"{path}: test {said['id']}")
        for name in ("red_with", "instead"):
            if wrong := sorted(set(getattr(test, name)) - set(listed)):
                raise RuleError(f"{path}: test {test.id}: {name}: unknown test {wrong}; known: {listed}")
        for formula in test.formulas:
            _check_formula(formula, known, book.settings, f"{path}: test {test.id}")
        return test

    return book, [*settings.each({each["id"]: partial(read, each) for each in changed}).values()]


def _valid(model: type[BaseModel], content: dict, where: str) -> Any:
    try:
        return model.model_validate(content)
    except ValidationError as error:
        told = [_complaint(model, each) for each in error.errors()]
        raise RuleError("\n".join(f"{where}: {each}" for each in told)) from None


def _complaint(model: type[BaseModel], error: dict) -> str:
    field = ".".join(str(part) for part in error["loc"]) or "entry"
    if error["type"] == "extra_forbidden":
        return f"{field}: unknown field; known: {', '.join(model.model_fields)}"
    found = "" if error["type"] in ("value_error", "missing") else f", found {error['input']!r}"
    return f"{field}: {error['msg'].removeprefix('Value error, ')}{found}"


def _score(found: re.Match) -> str:
    if found[1] not in scores.FORMULAS:
        raise ValueError(f"unknown score {found[1]!r}; known: {sorted(scores.FORMULAS)}")
    return f"({scores.FORMULAS[found[1]]})"


def _check_formula(formula: str, known: dict[str, set[str]], named: dict[str, float], where: str) -> None:
    try:
        formulas.Evaluator(_Given(pd.DataFrame(), {}), named).evaluate(formula)
    except (ContractError, SyntaxError, TypeError, ValueError, AttributeError) as error:
        raise RuleError(f"{where}: formula {formula!r}: {error}") from None
    for leaf in formulas.leaves(formula):
        view, item = leaf.split(".")
        items = known.get(evidence.parse_view(view)[0])
        if items is None:
            raise RuleError(f"{where}: formula {formula!r}: unknown view {view!r}; known: {sorted(known)}")
        if item not in items:
            raise RuleError(f"{where}: formula {formula!r}: unknown item in {leaf!r}; known: {sorted(items)}")


class _Given:
    """Figures given by hand, a leaf each: what the examples of a test are tried on."""

    def __init__(self, rows: pd.DataFrame, figures: dict[str, _Amount]):
        self.rows, self.figures = rows, figures
        self.borrower, self.span = np.zeros(len(rows), int), np.full(len(rows), 12)

    def view(self, name: str) -> pd.DataFrame:
        mine = {leaf.split(".")[1]: each for leaf, each in self.figures.items() if leaf.split(".")[0] == name}
        return pd.DataFrame(mine, index=self.rows.index)


class _Verdict:
    """One test on all rows: `fails` (1, 0 or NaN), `red`, the value and what is allowed nearest to it (`limit`)."""

    def __init__(self, test: Test, seen: Evidence | _Given, evaluator: formulas.Evaluator):
        self.test, self.seen, self.evaluator = test, seen, evaluator
        self.value = self._figures(test.value)
        self.limit, outside = self._outside({})
        self.fails = self._lasting(self._guarded(outside))
        self.red = (self.fails == 1) & (test.severity == "red")
        if test.red:
            self.red |= (self.fails == 1) & (self._outside(test.red)[1] == 1)

    def _figures(self, formula: str) -> np.ndarray:
        return self.evaluator.evaluate(formula).values

    def _outside(self, changed: dict[str, float]) -> tuple[np.ndarray, np.ndarray]:
        """What is allowed nearest to the value, and whether the value is beyond it (NaN where unknown)."""
        test, slack = self.test.model_copy(update=changed), 0.0
        low, high = np.full_like(self.value, test.low), np.full_like(self.value, test.high)
        if test.expected:
            ways = np.array([self._figures(formula) for formula in test.expected])
            low, high = ways.min(axis=0), ways.max(axis=0)
            slack = test.tolerance * np.abs(self._figures(test.of))
        under = low - self.value if test.side != "above" else np.full_like(low, -np.inf)
        over = self.value - high if test.side != "below" else np.full_like(low, -np.inf)
        beyond = np.maximum(under, over) - slack
        nearest = np.where((over >= under) | np.isinf(low), high, low)
        return nearest, np.where(np.isnan(beyond), np.nan, beyond > formulas.SMALL)

    def _guarded(self, outside: np.ndarray) -> np.ndarray:
        guards = np.array([outside - 0.5, *(self._figures(formula) for formula in self.test.also)])
        judged = ~np.isnan(guards).any(axis=0) & ((self.seen.span == 12) | (not self.test.yearly))
        return np.where(judged, (guards > 0).all(axis=0), np.nan)

    def _lasting(self, fails: np.ndarray) -> np.ndarray:
        if self.test.periods == 1:
            return fails
        own = pd.Series(fails).groupby(self.seen.borrower)
        return _all([fails, *(own.shift(back).to_numpy() for back in range(1, self.test.periods))])

    def since(self, at: np.ndarray) -> np.ndarray:
        """The first period end of the run of failures that these rows stand in; NaT where they do not fail."""
        if not (self.fails[at] == 1).any():
            return np.full(len(at), np.datetime64("NaT"), self.seen.rows["period_end"].dtype)
        run = pd.Series(self.fails == 0).groupby(self.seen.borrower).cumsum().to_numpy()
        failed = pd.Series(self.seen.rows["period_end"].to_numpy()).where(self.fails == 1)
        return failed.groupby([self.seen.borrower, run]).transform("min").where(self.fails == 1).to_numpy()[at]

    def inputs(self, at: np.ndarray) -> list[str]:
        """The figures put in on these rows, as JSON by leaf."""
        leaves = dict.fromkeys(leaf for formula in self.test.formulas for leaf in formulas.leaves(formula))
        columns = [np.where(np.isnan(each), None, each) for each in (self._figures(leaf)[at] for leaf in leaves)]
        return [json.dumps(dict(zip(leaves, row, strict=True))) for row in zip(*columns, strict=True)]

    def missing(self, at: np.ndarray) -> np.ndarray:
        """Why these rows cannot be tested: `missing:leaves`, `paper:kinds`, `reference:names` or another reason."""
        told = np.full(len(at), "year_end" if self.test.yearly else "history", dtype=object)
        for formula in reversed(self.test.formulas):
            result = self.evaluator.evaluate(formula)
            blank = np.isnan(result.values[at]) & (result.codes[at] > 0)
            told = np.where(blank, np.array(self.evaluator.reasons, dtype=object)[result.codes[at]], told)
        lacking: dict[str, dict[str, np.ndarray]] = {}
        for leaf in dict.fromkeys(leaf for formula in self.test.formulas for leaf in formulas.needed(formula)):
            view, _, item = leaf.partition(".")
            kind = _OUTSIDE.get(evidence.parse_view(view)[0], "missing")
            blank = np.isnan(self._figures(leaf)[at])
            name = leaf if kind == "missing" else item
            lacking.setdefault(kind, {})[name] = blank | lacking.get(kind, {}).get(name, False)
        for kind in sorted(lacking, key=["peer", "missing", "reference", "paper"].index):  # a paper has the last word
            told = _listed(kind, lacking[kind], told)
        return told


_OUTSIDE = {"paper": "paper", "benford": "paper", "reference": "reference", "peer": "peer"}


def _all(ways: list[np.ndarray]) -> np.ndarray:
    """1 where all are 1, 0 where one is 0, else NaN."""
    stacked = np.array(ways)
    return np.where((stacked == 0).any(axis=0), 0.0, stacked.min(axis=0))


def _listed(kind: str, blank: dict[str, np.ndarray], told: np.ndarray) -> np.ndarray:
    """`told`, but `kind:leaves` on the rows where some are blank."""
    names, flags = np.array(list(blank), dtype=object), np.column_stack(list(blank.values()))
    patterns, place = np.unique(flags, axis=0, return_inverse=True)
    listed = np.array([f"{kind}:{', '.join(names[pattern])}" for pattern in patterns], dtype=object)
    return np.where(flags.any(axis=1), listed[place.ravel()], told)


def check(
    panel: Panel,
    *,
    cross_checks: pd.DataFrame | None = None,
    overrides: dict[str, dict] | None = None,
    among: Callable[[str, str], pd.Series] | None = None,
) -> pd.DataFrame:
    """Every test on every borrower of the panel: COLUMNS, the newest period that could be judged.

    `cross_checks` (evidence.PAPER_COLUMNS, in the statement's unit) is what outside papers known on the panel's day
    say, over the months of the statement of that day (fiscal year to date) or on that day. `overrides` replaces fields
    of tests, e.g. {"vat_sales": {"high": 0.15}, "settings": {"vat": 0.09}}. `among` (`peers.Among`) tells places among
    peers; without it fixed limits count. `result` is pass, fail or cannot; `limit` what is allowed nearest to `value`,
    both in `unit` (money in the currency's basic unit); `since` the first period of the run of failures; `inputs` the
    figures put in, JSON by leaf; `missing` why it cannot be tested; `ask` the paper to ask for. ContractError for
    cross_checks that are not as they should be, RuleError for a bad test.

    >>> check(Panel(statements)).query("result == 'fail'")[["test", "value", "limit", "since"]]  # doctest: +SKIP
    """
    book, tests = load(overrides)
    papers = evidence.check_papers(cross_checks, book.kinds + book.lines)
    places = {} if among is None else {name: among(name, "percentile") for name in book.peers}
    seen = Evidence(panel, papers, book.references, pd.DataFrame(places, columns=book.peers))
    evaluator = formulas.Evaluator(seen, book.settings)
    told = _told([_newest(_Verdict(test, seen, evaluator), book.fresh_months) for test in tests], seen.rows)
    failed = set(told.loc[told["result"] == "fail", ["borrower_id", "test"]].itertuples(index=False, name=None))
    for test in (each for each in tests if each.red_with):
        worse = {borrower_id for borrower_id, name in failed if name in test.red_with}
        rows = (told["test"] == test.id) & (told["result"] == "fail") & told["borrower_id"].isin(worse)
        told["severity"] = told["severity"].mask(rows, "red")
    told = _given_way(told, tests)
    kinds = dict.fromkeys(("test", "group", "result", "severity", "unit", "inputs", "missing", "ask"), "str")
    return told.sort_values("borrower_id", kind="stable", ignore_index=True)[COLUMNS].astype(kinds)


def _given_way(told: pd.DataFrame, tests: list[Test]) -> pd.DataFrame:
    """A test is not made where one that takes its place can be (`missing` says which), and asks for no paper there."""
    made = told[told["result"] != "cannot"]
    for name, other in [(test.id, other) for test in tests for other in test.instead]:
        judged = made.loc[made["test"] == other, "borrower_id"]
        rows = (told["test"] == name) & told["borrower_id"].isin(judged)
        said = {"result": "cannot", "missing": f"instead:{other}", "since": None, "ask": None}
        if rows.any():
            told = told.assign(**{column: told[column].mask(rows, value) for column, value in said.items()})
    return told


def _told(verdicts: list[dict[str, np.ndarray]], rows: pd.DataFrame) -> pd.DataFrame:
    """The newest verdicts of all tests as one table, one test after the other."""
    told = {name: np.concatenate([each[name] for each in verdicts]) for name in verdicts[0]}
    return rows[["borrower_id", "period_end"]].iloc[told.pop("at")].reset_index(drop=True).assign(**told)


def _newest(verdict: _Verdict, fresh_months: int) -> dict[str, np.ndarray]:
    """The newest verdict of each borrower (on the row `at`), a value a borrower."""
    test, at = verdict.test, _places(verdict, fresh_months)
    fails, about = verdict.fails[at], {"test": test.id, "group": test.group, "unit": test.unit, "ask": test.ask}
    return {
        "at": at,
        **{name: np.full(len(at), value, dtype=object) for name, value in about.items()},
        "weight": np.full(len(at), test.weight),
        "result": np.select([fails == 1, fails == 0], ["fail", "pass"], "cannot"),
        "severity": np.where(verdict.red[at], "red", test.severity),
        "value": verdict.value[at],
        "limit": verdict.limit[at],
        "since": verdict.since(at),
        "inputs": np.array(verdict.inputs(at), dtype=object),
        "missing": np.where(np.isnan(fails), verdict.missing(at) if np.isnan(fails).any() else None, None),
    }


def _places(verdict: _Verdict, fresh_months: int) -> np.ndarray:
    """Each borrower's row: the newest judged while fresh, else the newest that could have been, else the newest."""
    seen, key = verdict.seen, verdict.seen.rows.index.to_numpy()
    right_time = (seen.span == 12) | (not verdict.test.yearly)
    wanted = (seen.age <= fresh_months) * (1 + right_time + ~np.isnan(verdict.fails))
    order = np.lexsort((key, wanted, seen.borrower))
    return np.sort(order[np.diff(seen.borrower[order], append=-1) != 0])  # the last of each borrower


def score(checked: pd.DataFrame, *, overrides: dict[str, dict] | None = None) -> pd.DataFrame:
    """How far each borrower's statements are supported, from the rows of `check`.

    Returns borrower_id; passed, failed, tested, untestable, red (failed ones that are red) and outside (tested against
    outside papers), counts; score, the weighted share passed of what could be tested (NaN when nothing could); grade,
    one of GRADES by the cut-offs of params/reliability.yml. One red failure leaves it no better than `partly`, several
    make it `weak`.
    """
    book, _ = load(overrides)
    tested = checked["result"] != "cannot"
    passed = checked["result"] == "pass"
    marks = {"passed": passed, "failed": checked["result"] == "fail", "tested": tested, "untestable": ~tested}
    marks["red"] = marks["failed"] & (checked["severity"] == "red")
    marks["outside"] = tested & checked["inputs"].str.contains('"(?:paper|benford)')
    weights = {"good": checked["weight"] * passed, "all": checked["weight"] * tested}
    told = pd.DataFrame({"borrower_id": checked["borrower_id"], **marks, **weights}).groupby("borrower_id").sum()
    share = told.pop("good") / told.pop("all").replace(0, np.nan)
    few, well = told["tested"] < book.tested_at_least, (share >= book.grades["supported"]) & (told["red"] == 0)
    fair = (share >= book.grades["partly"]) & (told["red"] < book.weak_from_red)
    grade = np.select([few, well, fair], ["untested", "supported", "partly"], "weak")
    return told.assign(score=share, grade=grade).reset_index()


def tried(overrides: dict[str, dict] | None = None) -> pd.DataFrame:
    """Every test on its own two examples: test, expected (fail, pass), found."""
    book, tests = load(overrides)
    told = []
    for test in tests:
        for expected, figures in (("fail", test.fails), ("pass", test.passes)):
            count = max(test.periods, *(len(each) for each in figures.values() if isinstance(each, list)), 1)
            days = pd.date_range("2020-12-31", periods=count, freq="YE")
            given = _Given(pd.DataFrame({"borrower_id": "example", "period_end": days}), figures)
            last = _Verdict(test, given, formulas.Evaluator(given, book.settings)).fails[-1]
            told.append((test.id, expected, {1: "fail", 0: "pass"}.get(last, "cannot")))
    return pd.DataFrame(told, columns=["test", "expected", "found"])
