"""Where the borrowers of an industry sit among their peers, metric by metric, and who sits worst (DOMAIN §4.6)."""

from __future__ import annotations

import numpy as np
import pandas as pd

from postloan.analysis import peers
from postloan.measures import Measure

PLACES = ["borrower_id", "metric", "value", "percentile", "good", "low", "median", "high", "count", "group", "reason"]
WORST = ["borrower_id", "good", "weak", "metrics", "weakest"]


def places(among: peers.Among, ids: list[str], measures: dict[str, Measure], metrics: list[str]) -> pd.DataFrame:
    """Each borrower's newest figure beside its peers, a row a borrower and metric (PLACES).

    `good` is the share of peers that are worse (ties half), NaN where neither side of the metric is better or there is
    no comparison; then `reason` says why.
    """
    parts = []
    for metric in metrics:
        told = among.standing(metric).reindex(ids).rename_axis("borrower_id").reset_index()
        better = measures[metric].better
        sides = {"high": told["percentile"], "low": 1 - told["percentile"]}
        told["good"] = sides.get(better, np.nan)
        told["reason"] = told["reason"].fillna("no_statements").astype(object)
        parts.append(told.assign(metric=metric)[PLACES])
    return pd.concat(parts, ignore_index=True)


def worst(found: pd.DataFrame, *, plan: peers.Plan | None = None) -> pd.DataFrame:
    """The borrowers by how low they sit on average over the metrics compared, the worst first (WORST).

    `weak` counts metrics in the weakest quarter, `weakest` names the lowest three; a borrower with fewer than half of
    the metrics in which anybody is compared is left out.
    """
    weak = (plan or peers.load()).reading.weak
    told = found.dropna(subset="good").sort_values("good", kind="stable")
    by = told.groupby("borrower_id")
    rows = pd.DataFrame({"good": by["good"].mean(), "weak": by["good"].agg(lambda part: int((part <= weak).sum()))})
    rows["metrics"] = by.size()
    low = told[(by.cumcount() < 3) & (told["good"] <= weak)]
    rows["weakest"] = low.groupby("borrower_id")["metric"].agg(",".join).reindex(rows.index).fillna("")
    able = rows["metrics"] >= np.ceil(told["metric"].nunique() / 2)
    return rows[able].sort_values(["good", "metrics"], kind="stable").reset_index()[WORST]
