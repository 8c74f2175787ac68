"""What would change the view of a case: the next limit of a rule, the way back, and what stands nearest to a line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from postloan.report.case import Case, Finding

_SEVERITY = ("yellow", "orange", "red")
_SCORES = ("distress", "reliability", "beneish_parts", "piotroski_parts", "montier_parts")


def turning_points(case: Case, count: int = 3) -> str:
    """At which figures the level would change: the next limit of a rule, or the way back over the one crossed; of two
    limits of one figure the nearer."""
    words, found = case.sheet.words, [one for mine in case.links.values() for one in mine]
    found.sort(key=lambda one: -_SEVERITY.index(one.level))
    told: dict[tuple[str, ...], tuple[float, str]] = {}
    for about, far, text in filter(None, (_turning(one, case) for one in found)):
        if about not in told or far < told[about][0]:
            told[about] = far, text
    points = [text for _, text in told.values()][:count]
    return words("case.turning", points=words("case.semicolon").join(points)) if points else ""


def _turning(one: Finding, case: Case) -> tuple[tuple[str, ...], float, str] | None:
    """Of which figures a turn speaks, how far the first of them is from it, and the turn in words; none where the rule
    looks at a change, or the figure itself only says when the rule looks at all."""
    words, held = case.sheet.words, next(iter(one.own), None)
    if held is None or held["of"] != "now" or is_guard(held, case):
        return None
    rule, limits = next(((rule, found) for rule, found in _limits(one, held, case) if found), (None, []))
    if rule is None:
        return None
    for level in rule.levels[rule.levels.index(one.level) + 1 :] if one.level in rule.levels else ():
        if lacking := _lacking(rule.condition, held, level, case):
            text = words("case.both").join(text for _, _, text in lacking)
            text = words("case.turn_worse", lacking=text, level=words(f"signal.level.{level}").lower())
            return tuple(metric for metric, _, _ in lacking), lacking[0][1], text
    return (one.metric,), 0.0, _way_back(one, held, _bound(limits, rule.levels), case)


def _way_back(one: Finding, held: dict, bound: float, case: Case) -> str:
    """Where a signal clears: at the limit of the mildest level, short of which it only gets milder."""
    words, metric = case.sheet.words, case.sheet.metric(one.metric)
    if not bound and held["side"] == "below":
        return words("case.turn_zero", metric=metric)
    limit = case.value(bound, one.metric)
    alike = held["side"] == "above" and case.value(held["value"], one.metric) == limit  # to the eye
    key = "case.turn_under" if alike or held["side"] == "at_least" else "case.turn_better"
    return words(key, metric=metric, limit=limit)


def _lacking(condition: object, held: dict, level: str, case: Case) -> list[tuple[str, float, str]]:
    """What a rule lacks to hold at a level, by the way that names the figure of a test that held: figure, how far it is
    from its limit, and both in words; nothing where that cannot be told in figures as they stand."""
    now = {**case.compared["now"].to_dict(), held["metric"]: held["value"]}
    for way in condition.ways():
        about = any(test.metric == held["metric"] and _at(test, level) for test in way)
        if about and all(test.of == "now" and pd.notna(now.get(test.metric)) for test in way):
            told = [each for test in way for each in _short_of(test, now[test.metric], level, case)]
            if told:
                return told
    return []


def _short_of(test: object, value: float, level: str, case: Case) -> list[tuple[str, float, str]]:
    """The limits of a test that a figure has not crossed: figure, how far, in words."""
    words, told, metric = case.sheet.words, [], case.sheet.metric(test.metric)
    for side, bound in _at(test, level).items():
        low = side in ("below", "at_most")
        if not (value < bound if low else value > bound):
            limit = {"limit": case.value(bound, test.metric), "side": words(f"signal.side.{side}")}
            sign = words(f"case.turn_sign.{'below' if low else 'above'}", metric=metric)
            told.append(
                (test.metric, abs(value - bound), words("case.turn_test", metric=metric, **limit) if bound else sign)
            )
    return told


def _at(test: object, level: str) -> dict[str, float]:
    """The limits of a test at a level, by side."""
    limits = {side: each.get(level) if isinstance(each, dict) else each for side, each in test.limits.items()}
    return {side: each for side, each in limits.items() if each is not None}


def is_guard(test: dict, case: Case) -> bool:
    """Whether a test holds on the figure's good side: it says when a rule looks at all, not what is wrong."""
    good = {"high": ("above", "at_least"), "low": ("below", "at_most")}
    measure = case.measures.get(test["metric"])
    return measure is not None and test["side"] in good.get(measure.better, ())


def _limits(one: Finding, held: dict | None, case: Case) -> Iterator[tuple[object, list]]:
    """Each rule of a finding with its limits on the figure as it stands now."""
    for rule in [case.rules[name] for name in one.rules] if held else []:
        leaves = [leaf for leaf in rule.condition.leaves() if leaf.metric == one.metric and leaf.of == "now"]
        yield rule, [leaf.limits[held["side"]] for leaf in leaves if held["side"] in leaf.limits]


def _bound(limits: list, levels: list[str]) -> float | None:
    """The limit of the first of these levels that has one."""
    bounds = (limit.get(level) if isinstance(limit, dict) else limit for level in levels for limit in limits)
    return next((bound for bound in bounds if bound is not None), None)


def nearest(case: Case) -> str:
    """The banded ratio nearest to its warning line, with both figures; empty where none can be read."""
    near = []
    for name, value in case.compared["now"].items():
        measure = case.measures[name]
        if measure.band(value) in ("ok", "watch") and measure.warn and measure.group not in _SCORES:
            near.append((abs(measure.worsening(measure.warn, value)) / max(abs(measure.warn), 1e-9), name))
    if not near:
        return ""
    name = min(near)[1]
    value, limit = (case.value(each, name) for each in (case.compared.at[name, "now"], case.measures[name].warn))
    return case.sheet.words("case.nearest", metric=case.sheet.metric(name), value=value, limit=limit)
