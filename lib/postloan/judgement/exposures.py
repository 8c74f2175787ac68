"""What classification asks for: one exposure a loan still owed, or one a borrower where no loan is in the book."""

from __future__ import annotations

import pandas as pd

from postloan.errors import ContractError
from postloan.judgement import classification
from postloan.measures import observations
from postloan.tables import CLASSES, OURS

SEGMENT = "corporate"  # of every borrower with statements
_WORST = {name: rank for rank, name in enumerate(CLASSES)}


def assets(
    observed: pd.DataFrame,
    borrowers: list[str] | pd.Index,
    loans: pd.DataFrame | None = None,
    groups: pd.Series | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The exposures and debtors for `classification.classify`: a row a loan still owed, else one a borrower.

    `observed` (sight.COLUMNS) are the newest observations of any number of borrowers; `loans` is `servicing.state`,
    whose days, changes of terms and arrears go before what was observed of the borrower as a whole; `groups` the group
    of each borrower (`groups.ids`). What nobody observed stays blank: it is listed as missing, never taken for no.
    """
    inputs = classification.load().inputs
    told = _inputs(observed, pd.Index(borrowers, name="borrower_id"))
    parts = {
        kind: told[[name for name in told if name.removesuffix("_on") in inputs[kind]]] for kind in ("asset", "debtor")
    }
    late = observed[observed["metric"] == "days_overdue"].set_index("borrower_id")["observed_on"]
    asset = parts["asset"].reset_index().assign(asset_id=lambda rows: rows["borrower_id"])
    asset["counted_on"] = pd.to_datetime(late.reindex(asset["borrower_id"])).to_numpy()
    debtors = parts["debtor"].reset_index().assign(segment=SEGMENT)
    if groups is not None:
        debtors["group_id"] = debtors["borrower_id"].map(groups)
    owed = loans[(loans["balance"] > 0) & loans["borrower_id"].isin(told.index)] if loans is not None else None
    return (asset if owed is None or owed.empty else _by_loan(asset, owed)), debtors


def _by_loan(asset: pd.DataFrame, owed: pd.DataFrame) -> pd.DataFrame:
    """Each borrower's exposure split by its loans; what a loan's own records say replaces what was observed."""
    known = _of_loans(owed)
    shared = asset.drop(columns=["asset_id", "counted_on"])
    split = known.merge(shared, on="borrower_id", suffixes=("", "_seen"))
    for name in [column for column in known if f"{column}_seen" in split]:
        seen = split.pop(f"{name}_seen")
        if seen.notna().any():
            split[name] = split[name].astype("object").where(split[name].notna(), seen.astype("object"))
    rest = asset[~asset["borrower_id"].isin(owed["borrower_id"])]
    return pd.concat([split, rest], ignore_index=True).sort_values("asset_id", ignore_index=True).infer_objects()


def _of_loans(owed: pd.DataFrame) -> pd.DataFrame:
    """What the records of each loan answer, blanks where they do not."""
    changed = owed["replanned_on"].notna()
    eased = (owed["eased"] > 0) & changed
    since = owed["replanned_on"].where(eased)
    missed = owed["missed_on"]
    clear = owed["cleared_on"].where(missed.notna())
    columns = {
        "asset_id": owed["borrower_id"] + "/" + owed["loan_id"],
        "borrower_id": owed["borrower_id"],
        "amount": owed["balance"],
        "currency": owed["currency"],
        "principal_days_overdue": owed["principal_days_overdue"],
        "interest_days_overdue": owed["interest_days_overdue"],
        "repayment_months": owed["gap_months"],
        "concession": eased.astype("boolean").where(changed),
        "concession_on": since,
        "difficulty": (owed["late_then"] > 0).astype("boolean").where(eased & (owed["late_then"] > 0)),
        "observation_from": _first_after(owed, since).where(eased),
        "payment_missed": missed.notna().astype("boolean"),
        "payment_missed_on": missed,
        "arrears_cleared": (clear.notna() | missed.isna()).astype("boolean").where(missed.notna()),
        "arrears_cleared_on": clear,
    }
    return pd.DataFrame(columns).reset_index(drop=True)


def _first_after(owed: pd.DataFrame, since: pd.Series) -> pd.Series:
    """The first due date after the change: that of the plan where the plan begins after it, else the next one."""
    return owed["first_due_on"].where(owed["first_due_on"] > since, owed["next_due_on"])


def worst(classed: pd.DataFrame) -> pd.DataFrame:
    """Each borrower's worst exposure, one row a borrower: the class by which the borrower is watched.

    `classed` are the assets of `classify`. Of two alike the one whose class is less sure goes first, then the one
    longest overdue, the ground of both; one that cannot be judged yields to one that is below normal.
    """
    rank = classed["suggested"].map(_WORST).astype(float)
    doubt = classed["verdict"].map({"judged": 0, "at_least": 1, "cannot": 2})
    order = classed.assign(_rank=rank.where(rank > 0, rank.fillna(0.5)), _doubt=doubt)
    by = ["borrower_id", "_rank", "_doubt", "days_overdue"]
    order = order.sort_values(by, ascending=[True, False, False, False], kind="stable")
    return order.drop_duplicates("borrower_id").drop(columns=["_rank", "_doubt"]).reset_index(drop=True)


def grounds(classed: classification.Classified, opinion: pd.Series) -> pd.DataFrame:
    """The triggers of one exposure, a row of `worst`."""
    return classed.triggers[classed.triggers["asset_id"] == opinion["asset_id"]].reset_index(drop=True)


def at_risk(loans: pd.DataFrame) -> pd.Series:
    """What each borrower owes us on all its loans, by borrower; none where currencies differ."""
    owed = (
        loans[loans["balance"] > 0].groupby("borrower_id").agg(owed=("balance", "sum"), kinds=("currency", "nunique"))
    )
    return owed.loc[owed["kinds"] == 1, "owed"]


def history(
    observed: pd.DataFrame, signed: pd.DataFrame | None = None, assets: pd.DataFrame | None = None
) -> pd.DataFrame:
    """The classes approved so far, for `classification.classify`: asset_id, on, class, approved_by (the source).

    `observed` is the book's whole table of observations, `signed` that of signed reviews (sign_offs). With `assets` an
    approval of a borrower goes to each of its exposures. ContractError names a code that is no class.
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
    parts = [pd.DataFrame(columns).astype({"asset_id": str, "class": str, "approved_by": str})]
    if signed is not None and len(signed):
        named = {"borrower_id": "asset_id", "signed_on": "on", "approved_class": "class", "signed_by": "approved_by"}
        parts.append(signed.rename(columns=named)[[*named.values()]])
    found = pd.concat(parts, ignore_index=True).drop_duplicates(["asset_id", "on"], keep="last")
    if assets is None:
        return found
    named = assets[["borrower_id", "asset_id"]].rename(columns={"asset_id": "exposure", "borrower_id": "asset_id"})
    spread = found.merge(named, on="asset_id")
    return spread.assign(asset_id=spread["exposure"])[["asset_id", "on", "class", "approved_by"]]


def standing(
    classed: pd.DataFrame,
    told: pd.DataFrame,
    signals: pd.DataFrame,
    last: dict[str, dict],
    drawn: pd.Series,
    as_of: str,
) -> pd.DataFrame:
    """How each borrower stands, for `monitoring.schedule`: class, level, since when that level is unlooked at, last
    review (stored, or signed: a class was approved), the day the stored one set for the next and first drawdown.

    `classed` are the assets of `classify`, `told` is `early_warning.levels`, `signals` the live ones, `last` the
    records of the last reviews, `drawn` the first drawdown by borrower.
    """
    rows = told[["borrower_id", "level"]].merge(
        classed[["borrower_id", "suggested", "last_on"]].rename(columns={"suggested": "class"}),
        on="borrower_id",
        how="left",
    )
    reviewed = rows["borrower_id"].map({name: pd.Timestamp(each["as_of"]) for name, each in last.items() if each})
    fresh = signals["status"].isin(["new", "worse"]) & (signals["group"] != OURS)
    fresh = set(signals.loc[fresh, "borrower_id"])
    rows["last_review"] = pd.concat([pd.to_datetime(reviewed), rows.pop("last_on")], axis=1).max(axis=1)
    rows["day_set"] = rows["borrower_id"].map({name: each.get("next_review") for name, each in last.items() if each})
    rows["level_since"] = rows["last_review"].mask(
        rows["borrower_id"].isin(fresh) | reviewed.isna(), pd.Timestamp(as_of)
    )
    return rows.assign(segment=SEGMENT, first_drawdown=rows["borrower_id"].map(drawn))


def _inputs(observed: pd.DataFrame, borrowers: pd.Index) -> pd.DataFrame:
    """Each input that an observation feeds, by borrower; a yes carries the day it was seen."""
    fed = {name: (metric, above) for metric, seen in observations().items() for name, above in seen.feeds.items()}
    metrics = [metric for metric, _ in fed.values()]
    told, keys = observed[observed["metric"].isin(metrics)], {"index": "borrower_id", "columns": "metric"}
    value, day = (
        told.pivot(**keys, values=each).reindex(borrowers, columns=metrics).set_axis([*fed], axis=1)
        for each in ("value", "observed_on")
    )
    flags = {name: above for name, (_, above) in fed.items() if above is not None}
    yes = value[[*flags]] > pd.Series(flags)
    said = yes.astype("boolean").mask(value[[*flags]].isna())
    on = day[[*flags]].astype("datetime64[us]").where(yes).add_suffix("_on")
    return pd.concat([value.drop(columns=[*flags]), said, on], axis=1)
