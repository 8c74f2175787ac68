"""A borrower replayed review by review: what the suite would have said on each day, from what was known that day.

Each day is judged as a review of its own, with the day before as the last review; nothing that became known later is
read. A book is anything with `borrowers`, `statements`, `observations` and `loan_side` that takes `as_of`.
"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from postloan.analysis.periods import Panel
from postloan.judgement import early_warning, loan_facts
from postloan.portfolio import screen
from postloan.tables import CLASSES, LEVELS

STEP = ["as_of", "borrower_id", "period_end", "level", "class", "signals", "new", "top"]
SIGNAL = ["as_of", "borrower_id", "rule", "level", "status", "since"]


@dataclass(frozen=True)
class Replay:
    """`steps` (STEP and the figures asked for) one row a day and borrower, `signals` (SIGNAL) what stood that day."""

    steps: pd.DataFrame
    signals: pd.DataFrame

    def first(self, borrower_id: str, level: str, *, rule: str | None = None) -> pd.Timestamp | None:
        """The first day on which a rule, or the borrower as a whole, stood at a level or above; None if never."""
        found = self.steps if rule is None else self.signals[self.signals["rule"] == rule]
        mine = found[(found["borrower_id"] == borrower_id) & _reaches(found["level"], LEVELS, level)]
        return None if mine.empty else mine["as_of"].min()

    def first_class(self, borrower_id: str, worst: str) -> pd.Timestamp | None:
        """The first day on which the suggested class was this or worse; None if never."""
        mine = self.steps[(self.steps["borrower_id"] == borrower_id) & _reaches(self.steps["class"], CLASSES, worst)]
        return None if mine.empty else mine["as_of"].min()


def _reaches(found: pd.Series, scale: tuple[str, ...], at: str) -> pd.Series:
    return found.map({name: place for place, name in enumerate(scale)}).ge(scale.index(at))


def days(statements: pd.DataFrame, borrower_id: str, *, since: str | None = None) -> list[pd.Timestamp]:
    """The days on which a borrower's reports first became known: one a period, from `since` on."""
    mine = statements[statements["borrower_id"] == borrower_id]
    first = mine.groupby("period_end")["known_on"].min().sort_values()
    return [day for day in first.unique() if since is None or day >= pd.Timestamp(since)]


def through(book: object, borrowers: list[str], days: list[pd.Timestamp], *, ratios: tuple[str, ...] = ()) -> Replay:
    """Review these borrowers on each day in turn, from what was known that day only."""
    master = book.borrowers()
    master = master[master["borrower_id"].isin(borrowers)]
    last: dict[str, dict] = {}
    steps, signals = [], []
    for day in days:
        panel = Panel(book.statements(borrowers, as_of=day))
        told = loan_facts.observed(book.loan_side(borrowers, as_of=day), panel, day)
        observations = pd.concat([book.observations(borrowers, as_of=day), told.assign(known_on=day)])
        found = screen.judge(panel, master, screen.Known(observations, last), day)
        steps.append(_steps(found, day, ratios))
        signals.append(found.warnings.live.assign(as_of=day)[SIGNAL])
        last = {name: _record(found, name, day) for name in found.levels["borrower_id"]}
    return Replay(pd.concat(steps, ignore_index=True), pd.concat(signals, ignore_index=True))


def _steps(found: screen.Judged, day: pd.Timestamp, ratios: tuple[str, ...]) -> pd.DataFrame:
    latest = found.seen.rows.loc[found.seen.latest, ["borrower_id", "period_end"]].reset_index(drop=True)
    figures = latest.assign(**{name: found.seen.now(name)[found.seen.latest] for name in ratios})
    rows = found.levels.merge(figures, on="borrower_id").assign(as_of=day, top=lambda each: each["borrower_id"])
    rows["top"] = rows["borrower_id"].map(screen.top(found.warnings.live)).fillna("")
    classes = found.classed.groupby("borrower_id")["suggested"].max().rename("class")
    return rows.join(classes, on="borrower_id")[[*STEP, *ratios]]


def _record(found: screen.Judged, borrower_id: str, day: pd.Timestamp) -> dict:
    """What the next day's review looks back on."""
    planned = found.plan.set_index("borrower_id")["next_review"][borrower_id]
    about = {"as_of": f"{day:%Y-%m-%d}", "next_review": planned if pd.notna(planned) else None}
    return about | {"signals": early_warning.as_record(found.warnings, borrower_id)}
