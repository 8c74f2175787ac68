"""What the loan side shows of repayment and protection, as observations that warning rules read.

Any number of borrowers in one pass: covers, covenants, working capital lent, collateral, guarantors.
"""

from __future__ import annotations

import pandas as pd

from postloan.analysis import capacity, collateral, covenants, debt, guarantors, working_need
from postloan.analysis.periods import Panel
from postloan.tables import SEEN

CODES = pd.DataFrame(columns=["borrower_id", "credit_code"])


def observations(
    panel: Panel,
    side: dict[str, pd.DataFrame],
    state: pd.DataFrame,
    as_of: str | pd.Timestamp,
    **known: pd.DataFrame,
) -> pd.DataFrame:
    """Observations (SEEN) of every borrower of the panel with a loan, those that can be formed.

    `side` are the loan tables by name, `state` is `servicing.state`. `known` may hold `observed` (fresh observations,
    which covenants may name), `versions` (every row of the collateral table), `borrowers` (borrower_id, credit_code)
    and `all_guarantors` (of all borrowers, where `side` holds only some). Metrics are in params/observations.yml.
    """
    parts = [
        _cover(panel, side, state, as_of),
        working_need.observations(working_need.need(panel, state), side, as_of),
        covenants.observations(covenants.check(side, panel, known.get("observed", _nothing()), as_of), as_of),
        _collateral(side, state, as_of, known.get("versions")),
        _guarantors(side, as_of, known),
    ]
    kept = [part[SEEN] for part in parts if len(part)]
    told = pd.concat(kept, ignore_index=True) if kept else _nothing()
    owing = state.loc[state["balance"] > 0, "borrower_id"]
    return told[told["borrower_id"].isin(owing)].astype({"observed_on": "datetime64[us]"}).reset_index(drop=True)


def _nothing() -> pd.DataFrame:
    return pd.DataFrame(columns=SEEN)


def _cover(panel: Panel, side: dict, state: pd.DataFrame, as_of: str | pd.Timestamp) -> pd.DataFrame:
    rows = debt.own(side, state, as_of)
    covers = capacity.cover(panel, debt.service(panel, rows, side), side)
    coming = debt.coming(panel, rows, side, as_of)
    return capacity.observations(capacity.start(panel, covers, coming), coming, as_of)


def _collateral(side: dict, state: pd.DataFrame, as_of: str | pd.Timestamp, versions: object) -> pd.DataFrame:
    held = collateral.assets(side, state, as_of, versions=versions)
    return collateral.observations(held, collateral.coverage(side, state, held), as_of)


def _guarantors(side: dict, as_of: str | pd.Timestamp, known: dict[str, pd.DataFrame]) -> pd.DataFrame:
    rings = guarantors.rings(known.get("all_guarantors", side["guarantors"]), known.get("borrowers", CODES))
    return guarantors.observations(guarantors.judge(side["guarantors"], as_of), rings, as_of)
