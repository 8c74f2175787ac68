"""The tests of a rule with the figures they saw: on what a signal rests."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from postloan.judgement import limits
from postloan.judgement.rules import SIDES, Condition, Rule, holds, reading
from postloan.judgement.sight import Sight


def evidence(rule: Rule, level: str, sight: Sight, borrower_id: str) -> list[dict]:
    """The tests that decide for one borrower: metric, of, value, side, limit, held; `fallback` where a test counts only
    because what comes before it cannot be judged."""
    mine = np.flatnonzero(sight.latest & (sight.rows["borrower_id"] == borrower_id).to_numpy())[0]
    told = []
    for leaf, fallback in _deciding(rule.condition, level, sight, mine):
        value, lasted = float(reading(leaf, sight)[mine]), leaf.periods == 1 or holds(leaf, level, sight, {})[mine] == 1
        for side, limit in leaf.limits.items():
            if (bound := limits.at(limit, level)) is None:
                continue
            held = not np.isnan(value) and bool(SIDES[side](value, bound)) and lasted
            told.append(
                {"metric": leaf.metric, "of": leaf.of, "value": value, "side": side, "limit": bound, "held": held}
                | ({"periods": leaf.periods} if leaf.periods > 1 else {})
                | ({"breach": leaf.breach.model_dump()} if leaf.breach else {})
                | ({"peer": leaf.peer} if leaf.peer else {})
                | ({"fallback": True} if fallback else {})
            )
    return told


def _deciding(
    condition: Condition, level: str, sight: Sight, mine: int, fallback: bool = False
) -> Iterator[tuple[Condition, bool]]:
    """The tests of figures inside; of `first` those of the part that decides, and whether they are a fallback; of
    `any` those of the parts that hold, where one does, and single tests."""
    if condition.metric:
        yield condition, fallback
    for place, part in enumerate(_telling(condition, level, sight, mine)):
        if not condition.first:
            yield from _deciding(part, level, sight, mine, fallback)
        elif not np.isnan(holds(part, level, sight, {})[mine]):
            yield from _deciding(part, level, sight, mine, fallback or place > 0)
            return


def _telling(condition: Condition, level: str, sight: Sight, mine: int) -> list[Condition]:
    """The parts that have a say: of `any`, once one holds, of those with several tests the first that does."""
    if not condition.any:
        return condition.parts
    held = [part for part in condition.any if holds(part, level, sight, {})[mine] == 1]
    first = [part for part in held if part.parts][:1]
    return [part for part in condition.any if not part.parts or part in first] if held else condition.parts
