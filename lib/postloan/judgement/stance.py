"""What stance towards an industry its indices, events and our borrowers in it suggest (params/stance.yml).

A sum of tests, every one shown with its figure; never a decision.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import pandas as pd
from pydantic import Field, model_validator

from postloan import settings
from postloan.analysis import environment
from postloan.industries import Both, Series
from postloan.strict import Strict
from postloan.tables import CLASSES, LEVELS

STANCES = ("support", "hold", "reduce", "exit")
FACTS = ("driver_growth", "driver_place", "indices_worse", "outlook_worse", "events_severe", "events_balance",
         "median_growth", "warned_share", "npl_share", "book_share")  # fmt: skip
REASONS = ["test", "fact", "value", "below", "above", "points", "state"]
UNKNOWN = "unknown"
_OWN = ("median_growth", "warned_share", "npl_share")  # what our borrowers alone say of an industry
_BALANCE = {"favourable": 1, "neutral": 0, "adverse": -1, "severe": -1}


class Test(Strict):
    """One test of a fact: below or above a limit, and the points it then adds."""

    id: str = Field(pattern=r"^[a-z][a-z_]+$")
    fact: Literal[FACTS]
    below: float | None = None
    above: float | None = None
    points: int

    @model_validator(mode="after")
    def _one_side(self) -> Test:
        if (self.below is None) == (self.above is None):
            raise ValueError("expected either below or above")
        return self


class Cuts(Strict):
    """From which sum on which stance; below the last, exit."""

    support: int
    hold: int
    reduce: int

    @model_validator(mode="after")
    def _falling(self) -> Cuts:
        if not self.support > self.hold > self.reduce:
            raise ValueError(f"expected support > hold > reduce, found {self.support}, {self.hold}, {self.reduce}")
        return self


class Plan(Strict):
    """What params/stance.yml says."""

    fewest: int = Field(ge=1)
    fewest_borrowers: int = Field(ge=1)
    cuts: Cuts
    tests: list[Test] = Field(min_length=1)
    basis: Both


@dataclass(frozen=True)
class Stance:
    """The `suggested` stance (None: too few facts known), the sum of points, and every test (REASONS): held, not or
    unknown."""

    suggested: str | None
    points: int
    known: int
    reasons: pd.DataFrame


@cache
def load(path: Path | None = None) -> Plan:
    """The tests; RuleError names file, field and what was found."""
    path = path or settings.params("stance.yml")
    return settings.checked(Plan, settings.load_yaml(path), path)


def environment_facts(
    state: pd.DataFrame, ahead: pd.DataFrame, events: pd.DataFrame, wanted: dict[str, Series], driver: str | None
) -> dict[str, float]:
    """Facts from outside: newest growth of the driver and its place (`environment.pace`: what the table of indices
    says), the shares of running series that are worse than a year ago and expected to get worse, and the events; NaN
    where none is known."""
    running = state[state["status"].isin(environment.RUNNING)].set_index("series")
    sides = pd.Series({name: {"high": -1, "low": 1}.get(each.better) for name, each in wanted.items()}, dtype=float)
    worse = (running["change"] * sides.reindex(running.index)).dropna()
    ends = ahead[ahead["mean"].notna()].groupby("series")["mean"].last()
    coming = ((ends - running["value"].reindex(ends.index)) * sides.reindex(ends.index)).dropna()
    growth, place = environment.pace(state, wanted, driver)
    severe = float((events["effect"] == "severe").sum())
    return {
        "driver_growth": growth,
        "driver_place": place,
        "indices_worse": float((worse > 0).mean()) if len(worse) else float("nan"),
        "outlook_worse": float((coming > 0).mean()) if len(coming) else float("nan"),
        "events_severe": severe if len(events) else float("nan"),
        "events_balance": float(events["effect"].map(_BALANCE).sum()) if len(events) else float("nan"),
    }


def exposure_facts(standing: pd.DataFrame, ids: list[str], grown: pd.DataFrame) -> dict[str, float]:
    """Facts from our book: median newest growth of revenue of its members, the shares of their exposure (of borrowers
    where none is known) warned orange or red and classed substandard or worse, their share of the book, and how many
    they are. What is not judged counts on neither side; growth is of the newest year, not of borrowers long silent."""
    mine = standing[standing["borrower_id"].isin(ids)]
    owed, total = mine["exposure"], standing["exposure"].sum()
    weight = owed.fillna(0.0) if owed.sum() > 0 else pd.Series(1.0, index=mine.index)
    recent = grown[grown["borrower_id"].isin(ids) & (grown["month"] > grown["month"].max() - 12)]
    newest = recent.groupby("borrower_id")["growth"].last()

    def share(column: str, bad: tuple[str, ...]) -> float:
        known = weight * (mine[column] != UNKNOWN)
        return float((known * mine[column].isin(bad)).sum() / known.sum()) if known.sum() > 0 else float("nan")

    return {
        "median_growth": float(newest.median()) if len(newest) else float("nan"),
        "warned_share": share("level", LEVELS[2:]),
        "npl_share": share("class", CLASSES[2:]),
        "book_share": float(owed.sum() / total) if total > 0 else float("nan"),
        "borrowers": float(len(mine)),
    }


def suggest(facts: dict[str, float], *, plan: Plan | None = None) -> Stance:
    """The stance the facts suggest, with every test; a fact not given or NaN is unknown, never nil, and so is what
    rests on fewer `borrowers` than the plan asks for."""
    plan, rows = plan or load(), []
    thin = _OWN if facts.get("borrowers", plan.fewest_borrowers) < plan.fewest_borrowers else ()
    facts = {name: value for name, value in facts.items() if name not in thin}
    for test in plan.tests:
        value = facts.get(test.fact, float("nan"))
        held = value < test.below if test.below is not None else value > test.above
        state = "unknown" if pd.isna(value) else "held" if held else "not_held"
        rows.append((test.id, test.fact, value, test.below, test.above, test.points, state))
    reasons = pd.DataFrame(rows, columns=REASONS)
    known = sum(pd.notna(facts.get(name, float("nan"))) for name in {test.fact for test in plan.tests})
    points = int(reasons.loc[reasons["state"] == "held", "points"].sum())
    stance = next((name for name in STANCES[:-1] if points >= getattr(plan.cuts, name)), "exit")
    return Stance(stance if known >= plan.fewest else None, points, known, reasons)
