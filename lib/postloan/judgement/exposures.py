"""What classification asks for, from what was observed: one exposure a borrower, until loans are in the book."""

from __future__ import annotations

import pandas as pd

from postloan.errors import ContractError
from postloan.judgement import classification
from postloan.measures import observations
from postloan.tables import CLASSES

SEGMENT = "corporate"  # of every borrower with statements


def assets(observed: pd.DataFrame, borrowers: list[str] | pd.Index) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The exposures and debtors for `classification.classify`, one row a borrower each.

    `observed` (sight.COLUMNS) are the newest observations of any number of borrowers. What was not observed stays
    blank: it is listed as missing, never taken for no.
    """
    inputs = classification.load().inputs
    told = _inputs(observed, pd.Index(borrowers, name="borrower_id"))
    parts = {
        kind: told[[name for name in told if name.removesuffix("_on") in inputs[kind]]] for kind in ("asset", "debtor")
    }
    late = observed[observed["metric"] == "days_overdue"].set_index("borrower_id")["observed_on"]
    asset = parts["asset"].reset_index().assign(asset_id=lambda rows: rows["borrower_id"])
    asset["counted_on"] = pd.to_datetime(late.reindex(asset["borrower_id"])).to_numpy()
    return asset, parts["debtor"].reset_index().assign(segment=SEGMENT)


def history(observed: pd.DataFrame) -> pd.DataFrame:
    """The classes approved so far, for `classification.classify`: asset_id, on, class, approved_by (the source).

    `observed` is the book's whole table of observations; ContractError names a code that is no class.
    """
    told = observed[observed["metric"] == "approved_class"]
    if len(odd := told[~told["value"].isin(range(len(CLASSES)))]):
        row = odd.iloc[0]
        where = f"{row['borrower_id']}, {row['observed_on']:%Y-%m-%d}: approved_class"
        raise ContractError(f"{where}: expected 0 to {len(CLASSES) - 1} ({', '.join(CLASSES)}), found {row['value']:g}")
    named = told["value"].astype(int).map(dict(enumerate(CLASSES))).astype(str)
    columns = {
        "asset_id": told["borrower_id"],
        "on": told["observed_on"],
        "class": named,
        "approved_by": told["source"],
    }
    return pd.DataFrame(columns).astype({"asset_id": str, "class": str, "approved_by": str}).reset_index(drop=True)


def standing(
    classed: pd.DataFrame,
    told: pd.DataFrame,
    signals: pd.DataFrame,
    last: dict[str, dict],
    drawn: pd.Series,
    as_of: str,
) -> pd.DataFrame:
    """How each borrower stands, for `monitoring.schedule`: class, level, since when that level is unlooked at, last
    review and first drawdown.

    `classed` are the assets of `classify`, `told` is `early_warning.levels`, `signals` the live ones, `last` the
    records of the last reviews, `drawn` the first drawdown by borrower.
    """
    rows = told[["borrower_id", "level"]].merge(
        classed[["borrower_id", "suggested"]].rename(columns={"suggested": "class"}), on="borrower_id", how="left"
    )
    reviewed = rows["borrower_id"].map({name: pd.Timestamp(each["as_of"]) for name, each in last.items() if each})
    fresh = set(signals.loc[signals["status"].isin(["new", "worse"]), "borrower_id"])
    rows["last_review"] = pd.to_datetime(reviewed)
    rows["level_since"] = rows["last_review"].mask(
        rows["borrower_id"].isin(fresh) | reviewed.isna(), pd.Timestamp(as_of)
    )
    return rows.assign(segment=SEGMENT, first_drawdown=rows["borrower_id"].map(drawn))


def _inputs(observed: pd.DataFrame, borrowers: pd.Index) -> pd.DataFrame:
    """Each input that an observation feeds, by borrower; a yes carries the day it was seen."""
    told = pd.DataFrame(index=borrowers)
    for metric, seen in observations().items():
        mine = observed[observed["metric"] == metric].set_index("borrower_id")
        for name, above in seen.feeds.items():
            value = mine["value"].reindex(borrowers)
            told[name] = value if above is None else (value > above).astype("boolean").mask(value.isna())
            if above is not None:
                told[f"{name}_on"] = pd.to_datetime(mine["observed_on"].reindex(borrowers)).where(value > above)
    return told
