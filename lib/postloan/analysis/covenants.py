"""Covenants tested on the newest figures: state, headroom, and the chance of a breach where a forecast exists.

A covenant may name a ratio, a score or an observation. One that names anything else, or whose figure is missing or too
old, is a row that says why it cannot be tested.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from postloan.analysis import assumptions, formulas, outlook, ratios, scores
from postloan.analysis.assumptions import Assumptions
from postloan.analysis.periods import Panel
from postloan.measures import observations as catalogue

KEY = ["borrower_id", "loan_id", "covenant_id"]
TESTED = [
    *KEY, "metric", "side", "limit", "value", "period_end", "headroom", "headroom_share", "state", "reason",
    "waived_until", "expected", "expected_on", "expected_headroom", "chance",
]  # fmt: skip
STATES = ("breached", "close", "met", "waived", "cannot_test")
CROSSES = {"at_least": "below", "at_most": "above"}
Chance = Callable[[str, float, str, int], pd.Series]


def known() -> dict[str, str | None]:
    """What a covenant may name: the formula of a ratio or score, None for an observation."""
    return {**dict.fromkeys(catalogue()), **scores.FORMULAS, **ratios.FORMULAS}


def drawable(covenants: pd.DataFrame) -> dict[str, str]:
    """The formulas of the ratios these covenants name, to be drawn by `outlook.draw`."""
    return {name: ratios.FORMULAS[name] for name in dict.fromkeys(covenants["metric"]) if name in ratios.FORMULAS}


def in_force(side: dict[str, pd.DataFrame], as_of: str | pd.Timestamp) -> pd.DataFrame:
    """The covenants that bind on the day: begun, and of a loan that is not closed."""
    day, rows = pd.Timestamp(as_of), side["covenants"]
    closed = side["loans"][["borrower_id", "loan_id", "closed_on"]]
    rows = rows.merge(closed, on=["borrower_id", "loan_id"], how="left")
    bind = ~(rows["since_on"] > day) & ~(rows["closed_on"] <= day)
    return rows[bind].drop(columns="closed_on").reset_index(drop=True)


def check(
    side: dict[str, pd.DataFrame],
    panel: Panel,
    observed: pd.DataFrame,
    as_of: str | pd.Timestamp,
    *,
    day_basis: int = 360,
) -> pd.DataFrame:
    """Every covenant in force (TESTED), one a row, the breached first; any number of borrowers.

    `observed` are fresh observations (borrower_id, metric, value, observed_on). `headroom` is the room left in the
    metric's unit (negative: breached), `headroom_share` of the limit's size. A breach that is waived on the day is
    `waived`. The last four columns are blank until `ahead` fills them.
    """
    assumed, rows = assumptions.load(), in_force(side, as_of)
    rows = rows.merge(_figures(rows, panel, observed, day_basis), on=["borrower_id", "metric"], how="left")
    rows["reason"] = _reasons(rows, pd.Timestamp(as_of), assumed)
    rows["value"] = rows["value"].where(rows["reason"] != "stale")
    room = rows["value"] - rows["limit"]
    rows["headroom"] = room.where(rows["side"] == "at_least", -room)
    size = rows["limit"].abs()
    rows["headroom_share"] = (rows["headroom"] / size.where(size > 1e-9)).astype(float)
    rows["state"] = _states(rows, pd.Timestamp(as_of), assumed)
    rows = rows.assign(expected=np.nan, expected_on=pd.NaT, expected_headroom=np.nan, chance=np.nan)
    order = rows["state"].map({state: number for number, state in enumerate(STATES)})
    return rows.assign(order=order).sort_values(["order", *KEY], ignore_index=True)[TESTED]


def _figures(rows: pd.DataFrame, panel: Panel, observed: pd.DataFrame, day_basis: int) -> pd.DataFrame:
    """The newest value of every metric named, by borrower: borrower_id, metric, value, period_end, lacking."""
    judge = formulas.Evaluator(panel, {"basis": float(day_basis), "price_index": 100.0})
    latest = ~panel.rows["borrower_id"].duplicated(keep="last").to_numpy()
    told = [pd.DataFrame({"borrower_id": [], "metric": [], "value": [], "period_end": [], "lacking": []})]
    for metric in rows["metric"].unique():
        if (text := known().get(metric)) is not None:
            found = judge.evaluate(text, zero_reason=ratios.NO_INTEREST.get(metric))
            part = panel.rows.loc[latest, ["borrower_id", "period_end"]].assign(metric=metric)
            lacking = np.array(judge.reasons, object)[found.codes[latest]]
            told.append(part.assign(value=found.values[latest], lacking=lacking))
    seen = observed[observed["metric"].isin(rows["metric"])].rename(columns={"observed_on": "period_end"})
    seen = seen.sort_values("period_end").drop_duplicates(["borrower_id", "metric"], keep="last")
    told.append(seen[["borrower_id", "metric", "value", "period_end"]].assign(lacking=None))
    kept = [part for part in told if len(part)]
    return pd.concat(kept, ignore_index=True) if kept else told[0].astype({"borrower_id": str, "metric": str})


def _reasons(rows: pd.DataFrame, day: pd.Timestamp, assumed: Assumptions) -> pd.Series:
    """Why a covenant cannot be tested: unknown_metric, not_observed, no_statements, stale, or what its figure lacks."""
    names = known()
    seen = rows["metric"].isin([name for name, formula in names.items() if formula is None])
    reason = rows["lacking"].astype(object).where(rows["value"].isna(), None)
    reason = reason.mask(rows["value"].isna() & reason.isna(), "no_statements")
    reason = reason.mask(rows["value"].isna() & seen, "not_observed")
    reason = reason.mask(~rows["metric"].isin(names), "unknown_metric")
    age = (day - pd.to_datetime(rows["period_end"])).dt.days
    return reason.mask(rows["value"].notna() & (age > assumed.covenants.stale_days), "stale")


def _states(rows: pd.DataFrame, day: pd.Timestamp, assumed: Assumptions) -> pd.Series:
    near = rows["headroom_share"].fillna(np.inf) < assumed.covenants.close_within
    state = pd.Series("met", index=rows.index, dtype=object).mask(near, "close").mask(rows["headroom"] < 0, "breached")
    waived = (state == "breached") & (rows["waived_until"] >= day)
    return state.mask(waived, "waived").mask(rows["value"].isna(), "cannot_test")


def ahead(
    tested: pd.DataFrame, chance: Chance, expected: pd.DataFrame, *, assumed: Assumptions | None = None
) -> pd.DataFrame:
    """The tested covenants with where their metric is heading and the chance of a breach within the quarters of params.

    `chance` is `outlook.chance`, `expected` the `forecasts` table; metrics without a forecast stay blank.
    """
    within, told = (assumed or assumptions.load()).covenants.within, tested.copy()
    for metric, side, limit in told[["metric", "side", "limit"]].drop_duplicates().itertuples(index=False):
        mine = (told["metric"] == metric) & (told["side"] == side) & (told["limit"] == limit)
        told.loc[mine, "chance"] = told.loc[mine, "borrower_id"].map(chance(metric, limit, CROSSES[side], within))
    told["chance"] = told["chance"].where(told["value"].notna())
    ends = expected.dropna(subset=["mean"]).sort_values("period_end")
    ends = ends.groupby(["borrower_id", "metric"]).head(within * len(outlook.LEVELS))
    ends = ends.drop_duplicates(["borrower_id", "metric"], keep="last").set_index(["borrower_id", "metric"])
    place = pd.MultiIndex.from_frame(told[["borrower_id", "metric"]])
    told["expected"] = ends["mean"].reindex(place).to_numpy(float)
    told["expected_on"] = ends["period_end"].reindex(place).to_numpy()
    room = told["expected"] - told["limit"]
    told["expected_headroom"] = room.where(told["side"] == "at_least", -room)
    return told


def observations(tested: pd.DataFrame, as_of: str | pd.Timestamp) -> pd.DataFrame:
    """Counts by borrower as observations: covenants_breached (not waived) and covenants_close, of those that were
    tested; a borrower none of whose covenants could be tested has neither."""
    could = tested[tested["state"] != "cannot_test"]
    parts = []
    for metric, state in (("covenants_breached", "breached"), ("covenants_close", "close")):
        counts = (could["state"] == state).groupby(could["borrower_id"]).sum().astype(float)
        parts.append(pd.DataFrame({"borrower_id": counts.index, "metric": metric, "value": counts.to_numpy()}))
    told = pd.concat(parts, ignore_index=True)
    return told.assign(observed_on=pd.Timestamp(as_of), source="covenants")
