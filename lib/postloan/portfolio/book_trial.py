"""The bank's own warnings against its own outcomes: the book judged again each quarter-end, as known that day.

The outcome is on the loan side: the first day an instalment stood so many days overdue.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from postloan.analysis import scores, servicing
from postloan.analysis.formulas import Evaluator
from postloan.analysis.periods import Panel
from postloan.portfolio import backtest, hazard, hazard_params, history, replay
from postloan.tables import LEVELS

HORIZON_MONTHS = 12


def events(side: dict[str, pd.DataFrame], as_of: str, days: int) -> pd.DataFrame:
    """The first day each borrower stood `days` overdue on an instalment, as known on a day: borrower_id, event_on."""
    told = servicing.instalments(side, as_of)
    late = told[told["days_late"] >= days]
    first = (late["due_on"] + pd.Timedelta(days=days)).groupby(late["borrower_id"]).min()
    return first.rename("event_on").rename_axis("borrower_id").reset_index()


def run(ledger: object, as_of: str, *, quarters: int, overdue_days: int) -> backtest.Found:
    """Rules, levels, days overdue, a score and the fitted model, as of each of the last `quarters` quarter-ends,
    against an instalment `overdue_days` overdue within a year.

    `ledger` is an open book. Only borrowers already drawn count; the fitted model only ranks here, and none is fitted
    below the bar of events.
    """
    plan, fitted = hazard_params.plan(), hazard_params.model()
    side, days = ledger.loan_side(as_of=as_of), history.quarter_ends(as_of, quarters)[:-1]
    lent = sorted(side["loans"]["borrower_id"].unique())
    told = replay.run(ledger, lent, days)
    every = _every_row(told, side)
    seen = pd.concat([_seen(ledger, lent, day, fitted, plan) for day in days], ignore_index=True)
    every = every.merge(seen, on=["borrower_id", "known_on"], how="left")
    every = backtest.with_agreed(every) if fitted else every
    came = events(side, as_of, overdue_days)
    rows = hazard.outcomes(every, came, HORIZON_MONTHS, "all", pd.Timestamp(as_of))
    few = hazard.refusal(rows, plan) or "not_tried"
    fired = _fired(told.signals, every)
    every = every.join(rows[["outcome", "judged"]])
    return backtest.found(
        "book", every, fired, plan, events=came, model=fitted, refused=few, borrowed=True
    )  # fmt: skip


def _every_row(told: replay.Replay, side: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """A row a drawn borrower and day; both dates are the day itself, since a review tells what was known then."""
    drawn = side["drawdowns"].groupby("borrower_id")["drawn_on"].min()
    rows = told.reviews[told.reviews["borrower_id"].map(drawn) <= told.reviews["as_of"]]
    rows = rows.sort_values(["borrower_id", "as_of"], ignore_index=True)
    rank = rows["level"].map(LEVELS.index)
    return pd.DataFrame(
        {
            "borrower_id": rows["borrower_id"],
            "period_end": rows["as_of"],
            "known_on": rows["as_of"],
            "rules_level": rows["level"],
            "rules": rank + rows["signals"] / (rows["signals"].max() + 1),
            "overdue_days": rows["days_overdue"].fillna(0).astype(float),
        }
    )


def _seen(
    ledger: object, borrowers: list[str], day: str, fitted: hazard_params.Model | None, plan: hazard_params.Plan
) -> pd.DataFrame:
    """The score and the model's verdict on each borrower's newest figures known on a day."""
    panel = Panel(ledger.statements(borrowers, as_of=day))
    newest = ~panel.rows["borrower_id"].duplicated(keep="last")
    z = Evaluator(panel, {}).evaluate(scores.FORMULAS["altman_em"]).values
    rows = panel.rows[["borrower_id"]].assign(known_on=pd.Timestamp(day), altman_em=-z)
    if fitted is not None:
        rows = rows.join(backtest.model_columns(hazard.predict(fitted, panel, plan)))
    return rows[newest]


def _fired(signals: pd.DataFrame, every: pd.DataFrame) -> pd.DataFrame:
    """Which rules stood on each row (1 or 0; a rule that could not judge counts as quiet here)."""
    stood = pd.crosstab([signals["borrower_id"], signals["as_of"]], signals["rule"]).clip(upper=1)
    at = pd.MultiIndex.from_frame(every[["borrower_id", "known_on"]])
    return stood.reindex(at, fill_value=0).astype(float).set_axis(np.arange(len(every)))
