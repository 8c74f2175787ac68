"""One client's own limits of warning rules, put over the bank's: {rule: {level: limit}}."""

from __future__ import annotations

from collections.abc import Mapping

from postloan.errors import RuleError
from postloan.judgement import rule_changes
from postloan.judgement.rules import RuleBook


def applied(book: RuleBook, limits: Mapping[str, Mapping[str, float]], where: str = "rule_limits") -> RuleBook:
    """The rules with a client's own limits, checked as rule files are; vetoes have none.

    A limit goes to the rule's test that has limits by level, or to its only test. RuleError names `where`, the rule,
    and what was expected. Example: `applied(rules.load(), {"current_ratio_low": {"yellow": 1.1}})`.
    """
    if not isinstance(limits, Mapping):
        such = "{current_ratio_low: {yellow: 1.1}}"
        raise RuleError(f"{where}: expected limits by rule, such as {such}, found {limits!r}")
    for name, levels in limits.items():
        rule, here = rule_changes.named(book.rules, name, f"{where}: "), f"{where}: {name}"
        if rule.veto:
            raise RuleError(f"{here}: a veto has no limit of a client's own")
        condition = rule.condition.model_dump(by_alias=True, exclude_none=True)
        changed = rule_changes.limited(condition, rule, levels, here)
        try:
            book = book.with_(name, condition=changed)
        except RuleError as error:
            raise RuleError(f"{where}: {error}") from None
    return book


def in_force(book: RuleBook, limits: Mapping[str, object]) -> dict[str, dict[str, float]]:
    """All limits by level of the rules that a client has limits of its own for, as `book` (`applied`) judges it: what a
    review's record keeps, so that a later reader knows by what it was judged."""
    tests = {name: [leaf.limits for leaf in book.rules[name].condition.leaves()] for name in limits}
    return {
        name: {level: value for test in found for limit in test.values() if isinstance(limit, dict)
               for level, value in limit.items()}
        for name, found in tests.items()
    }  # fmt: skip
