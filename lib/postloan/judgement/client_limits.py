"""One client's own limits of warning rules, put over the bank's: {rule: {level: limit}}."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy

from postloan.errors import RuleError
from postloan.judgement.rules import Rule, RuleBook

_SIDES = ("below", "at_most", "above", "at_least")


def applied(book: RuleBook, limits: Mapping[str, Mapping[str, float]], where: str = "rule_limits") -> RuleBook:
    """The rules with a client's own limits, checked as rule files are; vetoes have none.

    A limit goes to the rule's test that has limits by level, or to its only test. RuleError names `where`, the rule,
    and what was expected. Example: `applied(rules.load(), {"current_ratio_low": {"yellow": 1.1}})`.
    """
    for name, levels in limits.items():
        if name not in book.rules:
            raise RuleError(f"{where}: unknown rule {name!r}; known: {', '.join(sorted(book.rules))}")
        condition = _condition(book.rules[name], levels, f"{where}: {name}")
        try:
            book = book.with_(name, condition=condition)
        except RuleError as error:
            raise RuleError(f"{where}: {error}") from None
    return book


def _condition(rule: Rule, levels: object, where: str) -> dict:
    """The rule's condition with the limits of some levels replaced."""
    if rule.veto:
        raise RuleError(f"{where}: a veto has no limit of a client's own")
    if not isinstance(levels, Mapping) or not levels:
        raise RuleError(f"{where}: expected limits by level, such as {{yellow: 1.1}}, found {levels!r}")
    if unknown := [level for level in levels if level not in rule.levels]:
        raise RuleError(f"{where}: unknown level {unknown}; the rule's levels: {', '.join(rule.levels)}")
    odd = {
        level: limit for level, limit in levels.items() if isinstance(limit, bool) or not isinstance(limit, int | float)
    }
    if odd:
        raise RuleError(f"{where}: expected numbers, found {odd}")
    condition = deepcopy(rule.condition.model_dump(by_alias=True, exclude_none=True))
    tests = list(_tests(condition))
    by_level = [(test, side) for test, side in tests if isinstance(test[side], dict)]
    chosen = by_level or tests
    if len(chosen) != 1:
        raise RuleError(
            f"{where}: the rule has {len(chosen)} tests that could be meant; change params/rules/{rule.id}.yml"
        )
    ((test, side),) = chosen
    before = test[side] if isinstance(test[side], dict) else dict.fromkeys(rule.levels, test[side])
    test[side] = {**before, **{level: float(limit) for level, limit in levels.items()}}
    return condition


def _tests(condition: dict) -> Iterator[tuple[dict, str]]:
    """Every test of a condition with the side of its limit."""
    for part in [
        *condition.get("all", []),
        *condition.get("any", []),
        *([condition["not"]] if "not" in condition else []),
    ]:
        yield from _tests(part)
    for side in _SIDES:
        if side in condition:
            yield condition, side
