"""What the book's own signals show: which come together, which came before trouble, who is odd, who is alike.

Leads with counts, never scores of default (DOMAIN §9): a pattern of a few borrowers may be chance.
"""

from __future__ import annotations

from heapq import nsmallest
from itertools import combinations

import numpy as np
import pandas as pd
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.stats import hypergeom
from statsmodels.stats.multitest import multipletests

from postloan.judgement.sight import Sight
from postloan.portfolio import policy as policies
from postloan.portfolio.policy import Mining

PAIRS = ["one", "other", "both", "ones", "others", "borrowers", "lift", "chance", "same_group", "examples"]
BEFORE = [
    "rule", "troubled", "shown", "share", "calm", "calm_shown", "calm_share", "lift", "chance", "lead_days", "examples",
]  # fmt: skip
ODD = ["borrower_id", "metric", "value", "usual", "own_z", "periods", "peers", "peer_z", "count", "group"]
SEGMENTS = ["segment", "borrowers", "exposure", "core", "industries", "members"]
_NORMAL = 1.4826  # median absolute deviation to standard deviation
_EXAMPLES = 5


def _params(mining: Mining | None) -> Mining:
    return mining or policies.load().mining


def _theirs(signals: pd.DataFrame, told: Mining) -> pd.DataFrame:
    """The signals that speak of borrowers; those on our own delays are left out."""
    return signals[~signals["rule"].isin(told.left_out)]


def together(signals: pd.DataFrame, borrowers: int, mining: Mining | None = None) -> pd.DataFrame:
    """Pairs of signals that share borrowers more often than chance (PAIRS), those of different groups first.

    `signals` (borrower_id, rule, group) are the live ones, `borrowers` how many were judged. lift = both x borrowers /
    (ones x others); a pair needs the count and the lift of params. `chance` is `chance_alone` over all pairs looked at.
    `examples` are borrowers with commas.
    """
    told = _params(mining)
    shown = _theirs(signals, told).drop_duplicates(["borrower_id", "rule"])
    by = {rule: set(part) for rule, part in shown.groupby("rule")["borrower_id"]}
    group = shown.drop_duplicates("rule").set_index("rule")["group"]
    common = sorted(rule for rule, ids in by.items() if len(ids) >= told.fewest_together)
    rows = [(one, other, len(by[one] & by[other])) for one, other in combinations(common, 2)]
    found = pd.DataFrame(rows, columns=PAIRS[:3]).astype({"both": int})
    size = pd.Series({rule: len(ids) for rule, ids in by.items()}, dtype=int)
    found = found.assign(ones=found["one"].map(size), others=found["other"].map(size), borrowers=borrowers)
    found["lift"] = found["both"] * borrowers / (found["ones"] * found["others"])
    found["chance"] = chance_alone(found["both"], found["ones"], found["others"], borrowers)
    found = found[(found["both"] >= told.fewest_together) & (found["lift"] >= told.lift)].copy()
    found["same_group"] = found["one"].map(group) == found["other"].map(group)
    pairs = zip(found["one"], found["other"], strict=True)
    found["examples"] = [",".join(nsmallest(_EXAMPLES, by[one] & by[other])) for one, other in pairs]
    order = ["same_group", "both", "lift", "one", "other"]
    return found.sort_values(order, ascending=[True, False, False, True, True], ignore_index=True)[PAIRS]


def chance_alone(both: pd.Series, ones: pd.Series, others: pd.Series, of: int) -> np.ndarray:
    """How often chance alone would bring so many together at one of the places looked at: Fisher's exact test, one
    side, raised for the number of looks (Holm)."""
    alone = hypergeom.sf(np.asarray(both, int) - 1, of, np.asarray(ones, int), np.asarray(others, int))
    return multipletests(alone, method="holm")[1] if len(alone) else alone


def trouble(instalments: pd.DataFrame, mining: Mining | None = None) -> pd.Series:
    """The day each borrower first fell overdue for as many days as params say, by borrower.

    `instalments` is `servicing.instalments`.
    """
    days = _params(mining).overdue_days
    late = instalments[instalments["days_late"] >= days]
    return (late["due_on"] + pd.Timedelta(days=days)).groupby(late["borrower_id"]).min()


def before(
    signals: pd.DataFrame, levels: pd.DataFrame, troubled: pd.Series, mining: Mining | None = None
) -> pd.DataFrame:
    """Which signals stood before first trouble (BEFORE), the highest lift first.

    `signals` and `levels` are those of `history` (who was judged on which day), `troubled` is `trouble`. Of borrowers
    judged within the quarters of params before their trouble, `shown` had the signal then (`share`); of those never in
    trouble `calm_shown` had it on any of the days. lift = share / calm_share (infinite where no calm borrower had it);
    `chance` is `chance_alone` over all signals seen. `lead_days`: median days from the first such day to the trouble.
    Empty where nobody was seen before trouble.
    """
    told = _params(mining)
    signals = _theirs(signals, told)
    span = pd.Timedelta(days=92 * told.quarters_before)
    start = pd.Series(troubled.reindex(levels["borrower_id"]).to_numpy("datetime64[us]"), index=levels.index)
    window = levels[(levels["as_of"] < start) & (levels["as_of"] >= start - span)]
    ids, calm = set(window["borrower_id"]), set(levels.loc[start.isna(), "borrower_id"])
    if not ids or signals.empty:
        return pd.DataFrame(columns=BEFORE)
    hit = signals.merge(window[["as_of", "borrower_id"]], on=["as_of", "borrower_id"])
    lead = (hit["borrower_id"].map(troubled) - hit["as_of"]).dt.days
    first = hit.assign(lead=lead).groupby(["rule", "borrower_id"])["lead"].max().reset_index()
    by = first.groupby("rule")
    rows = by.agg(shown=("borrower_id", "size"), lead_days=("lead", "median"))
    rows["examples"] = by["borrower_id"].agg(lambda names: ",".join(sorted(names)[:_EXAMPLES]))
    quiet = signals[signals["borrower_id"].isin(calm)].groupby("rule")["borrower_id"].nunique()
    rows["calm_shown"] = quiet.reindex(rows.index, fill_value=0)
    rows = rows.assign(troubled=len(ids), calm=len(calm), share=rows["shown"] / len(ids))
    rows["chance"] = chance_alone(rows["shown"], rows["shown"] + rows["calm_shown"], len(ids), len(ids) + len(calm))
    rows["calm_share"] = rows["calm_shown"] / len(calm) if calm else np.nan
    rows["lift"] = rows["share"] / rows["calm_share"]
    kept = rows[(rows["shown"] >= told.fewest_together) & ~(rows["lift"] < told.lift)].reset_index()
    return kept.sort_values(["lift", "shown", "rule"], ascending=[False, False, True], ignore_index=True)[BEFORE]


def odd(seen: Sight, mining: Mining | None = None) -> pd.DataFrame:
    """Figures far from both the borrower's own past and its peers (ODD), the furthest from its past first.

    `own_z` is the newest value less the median of the trailing periods, in robust deviations (1.4826 MAD); `peers` is
    the peers' median, `peer_z` the same beside them (`count` peers of `group`). Both must reach what params call
    unusual. `seen` is the sight of the book, whose `peers` compare (analysis.peers.Among).
    """
    told = _params(mining)
    parts = []
    for metric in told.metrics:
        own = _own(seen, metric, told)
        beside = seen.peers.standing(metric)[["median", "robust_z", "count", "group"]]
        named = beside.rename(columns={"median": "peers", "robust_z": "peer_z"})
        parts.append(own.join(named, on="borrower_id").assign(metric=metric))
    rows = pd.concat(parts, ignore_index=True)
    far = (
        (rows["own_z"].abs() >= told.unusual.own)
        & (rows["peer_z"].abs() >= told.unusual.peers)
        & (rows["group"] != "book")
    )
    kept = rows[far & np.isfinite(rows["own_z"])]
    return kept.sort_values("own_z", key=lambda z: -z.abs(), ignore_index=True)[ODD]


def _own(seen: Sight, metric: str, told: Mining) -> pd.DataFrame:
    """Each borrower's newest value beside its own earlier periods, quarters or years as it reports."""
    series = pd.Series(seen.now(metric), index=seen.rows.index).groupby(seen.rows["borrower_id"].to_numpy())
    past = np.array([series.shift(back)[seen.latest] for back in range(1, told.trailing.periods + 1)])
    known = (~np.isnan(past)).sum(axis=0)
    with np.errstate(all="ignore"):
        usual = pd.DataFrame(past).median().to_numpy()
        away = _NORMAL * pd.DataFrame(np.abs(past - usual)).median().to_numpy()
    value = seen.now(metric)[seen.latest]
    z = np.where((known >= told.trailing.fewest) & (away > 0), (value - usual) / np.where(away > 0, away, 1), np.nan)
    ids = seen.rows.loc[seen.latest, "borrower_id"].to_numpy()
    return pd.DataFrame({"borrower_id": ids, "value": value, "usual": usual, "own_z": z, "periods": known})


def segments(signals: pd.DataFrame, standing: pd.DataFrame, mining: Mining | None = None) -> pd.DataFrame:
    """Borrowers whose live signals are alike (SEGMENTS), the largest first: average linkage on Jaccard distance.

    `core` are the signals that at least the share of params shows, the most common first, as `rule:count` with commas;
    segments below the smallest size of params are left out. Borrowers with a single signal say too little and are too.
    """
    told = _params(mining)
    signals = _theirs(signals, told)
    table = pd.crosstab(signals["borrower_id"], signals["rule"]).clip(upper=1)
    table = table[table.sum(axis=1) > 1]
    if len(table) < 2:
        return pd.DataFrame(columns=SEGMENTS)
    tree = linkage(table.to_numpy(bool), method="average", metric="jaccard")
    label = pd.Series(fcluster(tree, told.distance, criterion="distance"), index=table.index)
    about = standing.set_index("borrower_id")
    rows = [_segment(table.loc[part.index], about, told) for _, part in label.groupby(label)]
    rows = sorted((row for row in rows if row["borrowers"] >= told.smallest), key=lambda row: -row["borrowers"])
    return pd.DataFrame([{"segment": number, **row} for number, row in enumerate(rows, 1)], columns=SEGMENTS)


def _segment(part: pd.DataFrame, about: pd.DataFrame, told: Mining) -> dict:
    counts = part.sum().sort_values(ascending=False, kind="stable")
    core = counts[counts >= max(told.core * len(part), 2)]
    mine = about.loc[part.index]
    industries = mine["industry"].value_counts()
    return {
        "borrowers": len(part),
        "exposure": mine["exposure"].sum(min_count=1),
        "core": ",".join(f"{rule}:{count}" for rule, count in core.items()),
        "industries": ",".join(f"{name}:{count}" for name, count in industries.head(3).items()),
        "members": ",".join(part.index),
    }
