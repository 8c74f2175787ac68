"""Limits of a rule's tests by level: their order, and whether what they ask for together can ever hold."""

from __future__ import annotations

from collections.abc import Iterable

from postloan.tables import LEVELS

_LOW, _HIGH = ("above", "at_least"), ("below", "at_most")


def at(limit: float | dict[str, float], level: str) -> float | None:
    """A limit at a level; None where it has none there."""
    return limit.get(level) if isinstance(limit, dict) else limit


def every(test: object) -> list[float]:
    """All limits of a test (rules.Condition), whatever the side and the level."""
    return [each for limit in test.limits.values() for each in (limit.values() if isinstance(limit, dict) else [limit])]


def contradiction(tests: Iterable[object], level: str) -> str:
    """What tests that must hold together ask of one figure and cannot both have at a level; empty where they can."""
    by_figure: dict[tuple, list[object]] = {}
    for test in tests:
        if test.metric:
            by_figure.setdefault((test.metric, test.of, test.peer, test.breach), []).append(test)
    for (metric, *_), mine in by_figure.items():
        low, high = _bounds(mine, level, _LOW), _bounds(mine, level, _HIGH)
        if low and high and max(low) >= min(high):
            return f"{metric}: never true at {level}: above {max(low)} and below {min(high)}"
    return ""


def _bounds(tests: list[object], level: str, sides: tuple[str, str]) -> list[float]:
    found = [at(test.limits[side], level) for test in tests for side in sides if side in test.limits]
    return [limit for limit in found if limit is not None]


def ways(condition: object) -> list[list[object]]:
    """The ways a condition (rules.Condition) can hold: in each, the tests that must hold together. What stands under
    `not`, and another rule, counts as a test of its own."""
    if condition.all:
        found: list[list[object]] = [[]]
        for part in condition.all:
            found = [[*way, *more] for way in found for more in ways(part)]
        return found
    either = condition.any or condition.first
    return [way for part in either for way in ways(part)] if either else [[condition]]


def check_reachable(condition: object, levels: list[str]) -> None:
    """ValueError where no way of a condition can hold at one of the levels."""
    for level in levels:
        told = [contradiction(way, level) or _silent(way, level) for way in ways(condition)]
        if all(told):
            raise ValueError(f"condition: {told[0]}")


def _silent(tests: list[object], level: str) -> str:
    """Which test has no limit at a level, and so never holds there; empty where all have one."""
    for test in tests:
        if test.metric and all(at(limit, level) is None for limit in test.limits.values()):
            return f"{test.metric}: never true at {level}: no limit there"
    return ""


def check_order(tests: list[object], levels: list[str]) -> None:
    """ValueError where limits stand at levels a rule does not have, or get milder from yellow to red: of tests of one
    figure on one side together, at each level the mildest."""
    found: dict[tuple, dict[str, float]] = {}
    for test in tests:
        for side, limit in test.limits.items():
            mine = found.setdefault((test.metric or test.rule, side, test.of, test.peer, test.breach), {})
            milder = max if side in _HIGH else min
            for level, each in limit.items() if isinstance(limit, dict) else ():
                mine[level] = milder(mine.get(level, each), each)
    for (name, side, *_), limits in found.items():
        if stray := set(limits) - set(levels):
            raise ValueError(f"{name}: limits for {sorted(stray)}, which are not among the rule's levels {levels}")
        steps = [limits[level] for level in LEVELS if level in limits]
        if steps != sorted(steps, reverse=side in _HIGH):
            raise ValueError(f"{name}: {side} {steps} must get stricter from yellow to red")
