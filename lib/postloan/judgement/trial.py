"""Rules before they count: each tried on its own examples, and other versions of them read as far as they can be."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from postloan.errors import Problem, RuleError
from postloan.judgement.rules import Example, Rule, RuleBook, ordered, read, verdicts
from postloan.judgement.sight import COLUMNS, Sight


def example_sight(example: Example) -> Sight:
    """A made-up borrower with the example's figures on its periods, a quarter apart, the newest last."""
    rows = pd.DataFrame({"borrower_id": "example", "period_end": pd.date_range("2020-03-31", periods=20, freq="QE")})
    rows.index = pd.Index(1000 + 3 * np.arange(20))
    figures, seen, chances, beside = {}, [], {}, {}
    for metric, given in example.given.items():
        parts = given if isinstance(given, dict) else {"now": given}
        values = np.full(20, np.nan)
        history = parts.get("history", [])
        values[20 - len(history) :] = history
        for name, place in (("now", 19), ("year_ago", 15), ("start", 0), ("review", 17)):
            values[place] = parts.get(name, values[place])
        figures[metric] = values
        chances[metric], beside[metric] = parts.get("chance", np.nan), parts.get("peers", {})
        seen.append(("example", metric, values[19], pd.Timestamp("2024-12-31"), "example"))
    return Sight(
        rows,
        lambda metric: figures.get(metric, np.full(20, np.nan)),
        observed=pd.DataFrame(seen, columns=COLUMNS),
        starts=pd.Series({"example": 1000}),
        reviews=pd.Series({"example": 1000 + 3 * 17}),
        chance=lambda metric, limit, side, within: pd.Series({"example": chances.get(metric, np.nan)}),
        peers=lambda metric, reading: pd.Series({"example": beside.get(metric, {}).get(reading, np.nan)}),
    )


def _alone(book: RuleBook, rule: Rule) -> RuleBook:
    """The rule, in force, with those it refers to."""
    others = [book.rules[leaf.rule] for leaf in rule.condition.leaves() if leaf.rule]
    before = {name: each for other in others for name, each in _alone(book, other).rules.items()}
    return RuleBook({**before, rule.id: rule.model_copy(update={"status": "in_force"})})


def tried(book: RuleBook) -> pd.DataFrame:
    """Every rule on its own examples: rule, example (number), expected, found."""
    told = []
    for rule in book.rules.values():
        for number, example in enumerate(rule.examples, start=1):
            found = verdicts(_alone(book, rule), example_sight(example)).set_index("rule").at[rule.id, "level"]
            told.append((rule.id, number, example.expect, found))
    return pd.DataFrame(told, columns=["rule", "example", "expected", "found"])


def problems(book: RuleBook, folder: Path) -> list[Problem]:
    """The examples on which a rule does not say what is expected of it; `folder` is where the rules stand."""
    told = tried(book)
    return [
        Problem(f"{folder / row.rule}.yml", f"examples.{row.example - 1}.expect", row.expected, row.found)
        for row in told[told["expected"] != told["found"]].itertuples()
    ]


def readable(folder: Path) -> tuple[RuleBook, list[Problem]]:
    """The rules of another version that can be read today, and what is wrong with the others."""
    found, wrong = {}, []
    for path in sorted(folder.glob("*.yml")):
        try:
            found[path.stem] = read(path)
        except RuleError as error:
            wrong += error.problems
    while alone := [name for name, rule in found.items() if rule.needs - set(found)]:
        wrong += [Problem(f"{folder / name}.yml", "condition.rule", "rules that can be read too") for name in alone]
        found = {name: rule for name, rule in found.items() if name not in alone}
    return ordered(found), wrong


def drafts_live(book: RuleBook) -> RuleBook:
    """The same rules with drafts in force, to see what they would do."""
    live = {"draft": {"status": "in_force"}}
    return RuleBook({name: rule.model_copy(update=live.get(rule.status, {})) for name, rule in book.rules.items()})
