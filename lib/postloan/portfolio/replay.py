"""A borrower judged again review by review, each day from nothing but what was known that day.

Forecasts are left out: a replay tells what the figures themselves said.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd

from postloan.analysis import servicing
from postloan.analysis.periods import Panel
from postloan.errors import ContractError
from postloan.judgement import early_warning, exposures
from postloan.portfolio import screen

REVIEWS = [
    "borrower_id", "as_of", "period_end", "level", "class", "signals", "owed", "days_overdue", "next_review",
]  # fmt: skip
SIGNALS = ["borrower_id", "as_of", "rule", "group", "level", "status", "since"]
FIGURES = ["borrower_id", "as_of", "metric", "value"]


@dataclass(frozen=True)
class Replay:
    """What would have been said: a row a borrower and day (REVIEWS), its live signals (SIGNALS), figures (FIGURES)."""

    reviews: pd.DataFrame
    signals: pd.DataFrame
    figures: pd.DataFrame

    def of(self, borrower_id: str) -> Replay:
        """What would have been said of one borrower."""
        parts = (self.reviews, self.signals, self.figures)
        return Replay(*(part[part["borrower_id"] == borrower_id].reset_index(drop=True) for part in parts))


def days(statements: pd.DataFrame, first: pd.Timestamp, last: pd.Timestamp, extra: Iterable = ()) -> list[str]:
    """The days a review had news: the day most figures of each quarter were known, and `extra` days.

    Days before `first` or after `last` are left out; blanks count as none.
    """
    known = statements.groupby(["borrower_id", "period_end"])["known_on"].agg(lambda days: days.mode().iloc[0])
    found = {*known, *(pd.Timestamp(day) for day in extra if pd.notna(day))}
    return [f"{day:%Y-%m-%d}" for day in sorted(found) if pd.Timestamp(first) <= day <= pd.Timestamp(last)]


def run(ledger: object, borrowers: list[str], days: list[str], metrics: tuple[str, ...] = ()) -> Replay:
    """Judge the borrowers on each day; each review looks back on the one before, and none counts as late.

    `ledger` is an open book. ContractError when no day is given.
    """
    if not days:
        raise ContractError(f"{', '.join(borrowers)}: no day to review: no statements between drawdown and as-of day")
    last: dict[str, dict] = {}
    told = []
    for day in days:
        told.append(_review(ledger, borrowers, day, last, metrics))
        last = told[-1][3]
    reviews, signals, figures = (pd.concat([part[n] for part in told], ignore_index=True) for n in range(3))
    return Replay(reviews[REVIEWS], signals[SIGNALS], figures[FIGURES])


def _review(ledger: object, borrowers: list[str], day: str, last: dict[str, dict], metrics: tuple[str, ...]) -> tuple:
    panel, side = Panel(ledger.statements(borrowers, as_of=day)), ledger.loan_side(borrowers, as_of=day)
    master = ledger.borrowers()
    known = screen.Known(ledger.observations(borrowers, as_of=day), last, side=side)
    judged = screen.judge(panel, master[master["borrower_id"].isin(borrowers)], known, day)
    rows = judged.levels[["borrower_id", "level", "signals"]].merge(
        exposures.worst(judged.classed)[["borrower_id", "suggested"]].rename(columns={"suggested": "class"})
    )
    rows, loans = rows.merge(judged.plan[["borrower_id", "next_review"]]), judged.loans
    late = servicing.days_overdue(loans).groupby(loans["borrower_id"]).max()
    rows["owed"] = rows["borrower_id"].map(exposures.at_risk(loans))
    rows["days_overdue"] = rows["borrower_id"].map(late)
    newest = judged.seen.rows.loc[judged.seen.latest].set_index("borrower_id")["period_end"]
    rows["period_end"] = rows["borrower_id"].map(newest)
    live = judged.warnings.live
    records = {
        row.borrower_id: {"as_of": day, "signals": early_warning.as_record(judged.warnings, row.borrower_id)}
        for row in rows.itertuples()
    }
    values = [
        pd.DataFrame({"borrower_id": newest.index, "metric": name, "value": judged.seen.now(name)[judged.seen.latest]})
        for name in metrics
    ]
    figures = pd.concat(values, ignore_index=True) if values else pd.DataFrame(columns=FIGURES)
    stamp = pd.Timestamp(day)
    return rows.assign(as_of=stamp), live.assign(as_of=stamp), figures.assign(as_of=stamp), records


def first_missed(side: dict[str, pd.DataFrame], as_of: str, borrower_id: str) -> pd.Timestamp | None:
    """The due date of the first instalment the borrower paid late or not at all, as known on a day."""
    told = servicing.instalments(side, as_of)
    mine = told[(told["borrower_id"] == borrower_id) & (told["days_late"] > 0)]
    return mine["due_on"].min() if len(mine) else None
