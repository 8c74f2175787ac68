"""One rule with something changed: its limits by level, how long or how far ahead it looks, or any of its fields."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from difflib import get_close_matches

from postloan.errors import RuleError

_SIDES = ("below", "at_most", "above", "at_least")


def content(rule: object, changes: Mapping[str, object], where: str) -> dict:
    """The content of a rule (rules.Rule) with changes: a limit by level (`yellow=1.2`), `periods` it has to hold,
    quarters `within` which a breach counts, or any field of the rule file. RuleError lists what may be changed."""
    fields = list(type(rule).model_fields)
    tests = {name for name in ("periods", "within") if any(True for _ in _with(name, rule.condition.model_dump()))}
    if unknown := [name for name in changes if name not in {*fields, *rule.levels, *tests}]:
        raise RuleError(
            f"{where}: cannot change {', '.join(map(repr, unknown))}; may be changed: the limit at a level "
            f"({', '.join(rule.levels)}), {', '.join([*sorted(tests), *fields])}"
        )
    made = {**_plain(rule), **{name: value for name, value in changes.items() if name in fields}}
    if limits := {name: value for name, value in changes.items() if name in rule.levels}:
        made["condition"] = limited(made["condition"], rule, limits, where)
    for name in tests & set(changes):
        for test in _with(name, made["condition"]):
            test[name] = changes[name]
    return made


def named(rules: Mapping[str, object], rule_id: str, where: str = "") -> object:
    """The rule of that id; RuleError names the closest, then all there are."""
    if rule_id in rules:
        return rules[rule_id]
    close = get_close_matches(str(rule_id), rules, n=3, cutoff=0.5)
    meant = f"did you mean {' or '.join(close)}? " if close else ""
    raise RuleError(f"{where}unknown rule {rule_id!r}; {meant}known: {', '.join(sorted(rules))}")


def limited(condition: dict, rule: object, limits: object, where: str) -> dict:
    """A rule's condition with its limits at some levels replaced: of the test with limits by level, or the only one;
    where levels have a test each, of each level's own."""
    if not isinstance(limits, Mapping) or not limits:
        raise RuleError(f"{where}: expected limits by level, such as {{yellow: 1.1}}, found {limits!r}")
    if unknown := [level for level in limits if level not in rule.levels]:
        raise RuleError(f"{where}: unknown level {unknown}; the rule's levels: {', '.join(rule.levels)}")
    odd = {level: each for level, each in limits.items() if isinstance(each, bool) or not isinstance(each, int | float)}
    if odd:
        raise RuleError(f"{where}: expected numbers, found {odd}")
    condition = deepcopy(condition)
    tests = list(_tests(condition))
    chosen = [(test, side) for test, side in tests if isinstance(test[side], dict)] or tests
    for level, limit in limits.items():
        meant = chosen if len(chosen) == 1 else [(test, side) for test, side in chosen if level in test[side]]
        if len(meant) != 1:
            raise RuleError(
                f"{where}: the rule has {len(meant)} tests that could be meant by {level}; "
                f"change params/rules/{rule.id}.yml"
            )
        ((test, side),) = meant
        before = test[side] if isinstance(test[side], dict) else dict.fromkeys(rule.levels, test[side])
        test[side] = {**before, level: float(limit)}
    return condition


def _plain(rule: object) -> dict:
    return rule.model_dump(by_alias=True, exclude_none=True)


def _parts(condition: dict) -> Iterator[dict]:
    """A condition and all inside it."""
    yield condition
    inside = [*(condition.get("all") or []), *(condition.get("any") or []), *(condition.get("first") or [])]
    for part in [*inside, *[condition[name] for name in ("not", "not_") if condition.get(name)]]:
        yield from _parts(part)


def _tests(condition: dict) -> Iterator[tuple[dict, str]]:
    """Every test of a condition with the side of its limit."""
    return ((part, side) for part in _parts(condition) for side in _SIDES if part.get(side) is not None)


def _with(name: str, condition: dict) -> Iterator[dict]:
    """The parts of a condition that have `periods` (tests) or `within` (their breaches)."""
    for part, _ in _tests(condition):
        if name == "periods" or part.get("breach"):
            yield part if name == "periods" else part["breach"]
