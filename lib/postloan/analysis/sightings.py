"""What the loan side shows of repayment and protection, as observations that warning rules read.

Any number of borrowers in one pass: covers, covenants, working capital lent, collateral, guarantors.
"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from postloan.analysis import capacity, collateral, covenants, debt, guarantors, working_need
from postloan.analysis.periods import Panel
from postloan.tables import SEEN

CODES = pd.DataFrame(columns=["borrower_id", "credit_code"])


@dataclass(frozen=True)
class Sightings:
    """`observed` (SEEN): what the loan side shows, and what it was read from: `instalments` (`debt.own`), `charges`
    (`debt.service`), `covers` (`capacity.cover`), `coming` (`debt.coming`), `held` (`collateral.assets`), `covered`
    (`collateral.coverage`) and `judged` (`guarantors.judge`)."""

    observed: pd.DataFrame
    instalments: pd.DataFrame
    charges: pd.DataFrame
    covers: pd.DataFrame
    coming: pd.DataFrame
    held: pd.DataFrame
    covered: pd.DataFrame
    judged: pd.DataFrame


def of(
    panel: Panel,
    side: dict[str, pd.DataFrame],
    state: pd.DataFrame,
    as_of: str | pd.Timestamp,
    **known: pd.DataFrame,
) -> Sightings:
    """What is seen of every borrower of the panel, and of those with a loan the observations that can be formed.

    `side` are the loan tables by name, `state` is `servicing.state`. `known` may hold `observed` (fresh observations,
    which covenants may name), `needed` (`working_need.need`, if done already), `versions` (every row of the collateral
    table), `borrowers` (borrower_id, credit_code) and `all_guarantors` (of all borrowers, where `side` holds only
    some). Metrics are in params/observations.yml.
    """
    due = _due(panel, side, state, as_of)
    held = collateral.assets(side, state, as_of, versions=known.get("versions"))
    covered = collateral.coverage(side, state, held)
    judged = guarantors.judge(side["guarantors"], as_of)
    rings = guarantors.rings(known.get("all_guarantors", side["guarantors"]), known.get("borrowers", CODES))
    needed = known["needed"] if "needed" in known else working_need.need(panel, state)
    parts = [
        capacity.observations(capacity.start(panel, due["covers"], due["coming"]), due["coming"], as_of),
        working_need.observations(needed, side, as_of),
        covenants.observations(covenants.check(side, panel, known.get("observed", _nothing()), as_of), as_of),
        collateral.observations(held, covered, as_of),
        guarantors.observations(judged, rings, as_of),
    ]
    return Sightings(_joined(parts, state), **due, held=held, covered=covered, judged=judged)


def _joined(parts: list[pd.DataFrame], state: pd.DataFrame) -> pd.DataFrame:
    """The observations of borrowers who owe."""
    kept = [part[SEEN] for part in parts if len(part)]
    told = pd.concat(kept, ignore_index=True) if kept else _nothing()
    owing = state.loc[state["balance"] > 0, "borrower_id"]
    return told[told["borrower_id"].isin(owing)].astype({"observed_on": "datetime64[us]"}).reset_index(drop=True)


def _nothing() -> pd.DataFrame:
    return pd.DataFrame(columns=SEEN)


def _due(panel: Panel, side: dict, state: pd.DataFrame, as_of: str | pd.Timestamp) -> dict[str, pd.DataFrame]:
    """What has to be paid when, and the cover of it."""
    rows = debt.own(side, state, as_of)
    charges = debt.service(panel, rows, side)
    coming = debt.coming(panel, rows, side, as_of)
    return {
        "instalments": rows, "charges": charges, "covers": capacity.cover(panel, charges, side), "coming": coming
    }  # fmt: skip
