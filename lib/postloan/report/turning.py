"""What would change the view of a case: the next limit of a rule, the way back, and what stands nearest to a line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from postloan.report.case import Case, Finding

_SEVERITY = ("yellow", "orange", "red")
_SCORES = ("distress", "reliability", "beneish_parts", "piotroski_parts", "montier_parts")


def turning_points(case: Case, count: int = 3) -> str:
    """At which figures the level would change: the next limit of a rule, or the way back over the one crossed."""
    words, found = case.sheet.words, [one for mine in case.links.values() for one in mine]
    found.sort(key=lambda one: -_SEVERITY.index(one.level))
    told = [each for each in (_turning(one, case) for one in found) if each][:count]
    return words("case.turning", points=words("case.semicolon").join(told)) if told else ""


def _turning(one: Finding, case: Case) -> str:
    words, held = case.sheet.words, next((test for test in one.own if test["of"] == "now"), None)
    rule, limits = next(((rule, found) for rule, found in _limits(one, held, case) if found), (None, []))
    if rule is None or is_guard(held, case):
        return ""
    said = {"metric": case.sheet.metric(one.metric), "side": words(f"signal.side.{held['side']}")}
    for level in rule.levels[rule.levels.index(one.level) + 1 :] if one.level in rule.levels else ():
        if (bound := _bound([limit for limit in limits if isinstance(limit, dict)], [level])) is not None:
            shown = {"limit": case.value(bound, one.metric), "level": words(f"signal.level.{level}").lower()}
            return words("case.turn_worse", **shown, **said)
    bound = _bound(limits, rule.levels)  # of the mildest level: short of it a signal only gets milder
    if not bound and held["side"] == "below":
        return words("case.turn_zero", **said)
    key = "case.turn_under" if held["side"] == "at_least" else "case.turn_better"
    return words(key, limit=case.value(bound, one.metric), **said)


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
