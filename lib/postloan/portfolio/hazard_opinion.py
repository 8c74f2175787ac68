"""What the fitted model thinks of one borrower's newest figures, or why it cannot say."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from postloan.analysis.periods import Panel
from postloan.portfolio import factors, hazard, hazard_params


@dataclass(frozen=True)
class Opinion:
    """A borrower's `level`, `rank` (share of surviving firms of the sample with a better score), `probability` at the
    population's base rate and `drivers` (the largest pushes); `ranks_only` where the model was fitted on firms of
    another currency than the borrower's. `reason` (no_model, missing, currency) says why there is none, `lacks` what is
    missing."""

    model: hazard_params.Model | None
    currency: str
    reason: str | None = None
    lacks: str | None = None
    variant: str = ""
    level: str = "none"
    rank: float = float("nan")
    probability: float = float("nan")
    ranks_only: bool = True
    orange_share: float = float("nan")
    drivers: pd.DataFrame | None = None

    def as_record(self) -> dict:
        """The opinion as fields of the report's record."""
        origin = self.model.origin if self.model else None
        return {"rank": self.rank, "level": self.level, "reason": self.reason, "variant": self.variant, "model": origin}


def of(panel: Panel, borrower_id: str) -> Opinion:
    """The opinion of the model of params/model.yml on one borrower of a panel."""
    plan, fitted = hazard_params.plan(), hazard_params.model()
    mine = panel.statements[panel.statements["borrower_id"] == borrower_id]
    currency = mine["currency"].iloc[-1]
    if fitted is None:
        return Opinion(None, currency, reason="no_model")
    if currency not in plan.scale:
        return Opinion(fitted, currency, reason="currency")
    own = panel if panel.rows["borrower_id"].nunique() == 1 else Panel(mine)
    figures = factors.figures(own, plan)
    scores = hazard.scores(fitted, own, figures, plan)
    newest = scores.iloc[-1]
    if newest["variant"] is None:
        return Opinion(fitted, currency, reason="missing", lacks=newest["reason"])
    return Opinion(
        fitted,
        currency,
        variant=newest["variant"],
        level=newest["level"],
        rank=hazard.rank(fitted.variants[newest["variant"]], newest["score"]),
        probability=newest["probability"],
        ranks_only=currency != fitted.currency,
        orange_share=plan.quiet_shares["orange"],
        drivers=hazard.drivers(fitted, scores, figures[0], plan).head(plan.shown),
    )
