"""Collateral: what is left of it after haircuts and prior claims, and what stands behind every loan (DOMAIN §8.3, §15).

A row of collateral without a loan secures all loans of its borrower, in proportion to what is owed. Collateral that is
seized, or should be registered and is not, counts as nil until its rank is clear. Values are in the loan's currency.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from postloan.analysis import assumptions
from postloan.analysis.assumptions import Assumptions
from postloan.tables import SEEN

KEY = ["borrower_id", "loan_id"]
ASSETS = [
    "borrower_id", "collateral_id", "loan_id", "kind", "region", "currency", "value", "prior_claims", "haircut", "net",
    "claim", "loan_to_value", "cap", "valued_on", "valuation_age_days", "insurance_lapsed_days", "change", "changed_on",
    "concerns",
]  # fmt: skip
COVERED = [*KEY, "currency", "balance", "value", "net", "coverage", "loan_to_value", "cap", "uncovered", "state",
           "reason"]  # fmt: skip
_PLEDGED = ("mortgage", "pledge", "mixed")


def assets(
    side: dict[str, pd.DataFrame],
    state: pd.DataFrame,
    as_of: str | pd.Timestamp,
    *,
    versions: pd.DataFrame | None = None,
    assumed: Assumptions | None = None,
) -> pd.DataFrame:
    """Every piece of collateral (ASSETS) of any number of borrowers, as it stands on the day.

    `side` are the loan tables, `state` is `servicing.state`, `versions` every earlier row of the collateral table.
    `net` = value × (1 − haircut) − prior claims, at least 0; `claim` is the part of what we are owed that falls on it;
    `loan_to_value` = (claim + prior claims) / value; `change` is of the value since the valuation before (`changed_on`
    the newest). `concerns` are codes with commas: seized, unregistered, registration_unknown, uninsured,
    insurance_unknown, valuation_old, over_cap, value_fell. Collateral of a loan repaid has no claim.
    """
    told, day = (assumed or assumptions.load()).collateral, pd.Timestamp(as_of)
    rows = side["collateral"].merge(_kinds(told), on="kind", how="left").join(
        _changes(side["collateral"], versions), on=["borrower_id", "collateral_id"]
    )  # fmt: skip
    rows["prior_claims"] = rows["prior_claims"].fillna(0.0)
    rows["valuation_age_days"] = (day - rows["valued_on"]).dt.days
    lapsed = (day - rows["insured_until"]).dt.days.clip(lower=0)
    rows["insurance_lapsed_days"] = lapsed.where(rows["kind"].isin(told.insured))
    rows["idle"] = (rows["seized_on"] <= day) | (rows["kind"].isin(told.registered) & (rows["registered"] == 0))
    net = (rows["value"] * (1 - rows["haircut"]) - rows["prior_claims"]).clip(lower=0)
    rows["net"] = net.mask(rows["idle"], 0.0)
    shared = _shared(rows, state)
    claim = shared.groupby(["borrower_id", "collateral_id"])["claim"].sum().rename("claim")
    rows = rows.join(claim, on=["borrower_id", "collateral_id"]).fillna({"claim": 0.0})
    rows["loan_to_value"] = ((rows["claim"] + rows["prior_claims"]) / rows["value"].where(rows["value"] > 0)).astype(
        float
    )
    rows["concerns"] = _concerns(rows, day, told)
    rows["currency"] = rows["borrower_id"].map(state.groupby("borrower_id")["currency"].first())
    return rows.sort_values(["borrower_id", "collateral_id"], ignore_index=True)[ASSETS]


def _kinds(told: assumptions.Collateral) -> pd.DataFrame:
    return pd.DataFrame([{"kind": name, **each.model_dump()} for name, each in told.kinds.items()])


def _changes(newest: pd.DataFrame, versions: pd.DataFrame | None) -> pd.DataFrame:
    """The change of value from the last valuation before the newest, by borrower and collateral; NaN without one."""
    key = ["borrower_id", "collateral_id"]
    earlier = newest.iloc[:0] if versions is None else versions
    pairs = newest[[*key, "value", "valued_on"]].merge(
        earlier[[*key, "value", "valued_on"]], on=key, suffixes=("", "_0")
    )
    pairs = pairs[pairs["valued_on_0"] < pairs["valued_on"]].sort_values("valued_on_0", kind="stable")
    last = pairs.drop_duplicates(key, keep="last").set_index(key)
    change = last["value"] / last["value_0"].where(last["value_0"] > 0) - 1
    return pd.DataFrame({"change": change.astype(float), "changed_on": last["valued_on"]})


def _shared(rows: pd.DataFrame, state: pd.DataFrame) -> pd.DataFrame:
    """Each piece of collateral with each loan it secures: its share of `value`, `net`, `prior_claims`, and `claim`."""
    open_ = state.loc[state["balance"] > 0, [*KEY, "balance"]]
    general = rows["loan_id"].isna() | (rows["loan_id"] == "")
    amounts = ["value", "net", "prior_claims", "cap"]
    own = rows.loc[~general, [*KEY, "collateral_id", *amounts]].merge(open_, on=KEY).assign(share=1.0)
    pairs = own
    if general.any():
        pool = rows.loc[general, ["borrower_id", "collateral_id", *amounts]].merge(open_, on="borrower_id")
        pool["share"] = pool["balance"] / pool.groupby(["borrower_id", "collateral_id"])["balance"].transform("sum")
        pairs = pd.concat([part for part in (own, pool) if len(part)] or [own], ignore_index=True)
    for name in ("value", "net", "prior_claims"):
        pairs[name] = pairs[name] * pairs["share"]
    weight = (pairs["value"] - pairs["prior_claims"]).clip(lower=0)
    whole = weight.groupby([pairs[name] for name in KEY]).transform("sum")
    equal = 1 / pairs.groupby(KEY)["balance"].transform("size")
    pairs["claim"] = pairs["balance"] * (weight / whole.where(whole > 0)).fillna(equal)
    return pairs


def _concerns(rows: pd.DataFrame, day: pd.Timestamp, told: assumptions.Collateral) -> pd.Series:
    must, insured = rows["kind"].isin(told.registered), rows["kind"].isin(told.insured)
    found = {
        "seized": rows["seized_on"] <= day,
        "unregistered": must & (rows["registered"] == 0),
        "registration_unknown": must & rows["registered"].isna(),
        "uninsured": rows["insurance_lapsed_days"] > 0,
        "insurance_unknown": insured & rows["insured_until"].isna(),
        "valuation_old": rows["valuation_age_days"] > rows["revalue_days"],
        "over_cap": rows["loan_to_value"] > rows["cap"],
        "value_fell": rows["change"] <= told.fallen,
    }
    told_by = np.full(len(rows), "", dtype=object)
    for code, holds in found.items():
        told_by = np.where(holds.to_numpy(bool), np.where(told_by == "", code, told_by + "," + code), told_by)
    return pd.Series(told_by, index=rows.index, dtype=object)


def coverage(
    side: dict[str, pd.DataFrame], state: pd.DataFrame, held: pd.DataFrame, *, assumed: Assumptions | None = None
) -> pd.DataFrame:
    """What stands behind every loan with a balance (COVERED), and, with a blank `loan_id`, behind each borrower's.

    `held` is `assets`. `coverage` = net / balance, `cap` the caps weighed by value. `state` is ample, adequate, weak,
    unsecured (granted on credit or a guarantee alone) or missing (granted against collateral that nobody entered).
    A borrower who owes in several currencies has no total, with the reason.
    """
    told = (assumed or assumptions.load()).collateral
    pairs = _shared(held, state)
    pairs["capped"] = pairs["cap"] * pairs["value"]
    sums = pairs.groupby(KEY)[["value", "net", "prior_claims", "capped"]].sum()
    loans = side["loans"][[*KEY, "guarantee"]]
    rows = state.loc[state["balance"] > 0, [*KEY, "currency", "balance"]].merge(loans, on=KEY, how="left")
    rows = rows.join(sums, on=KEY).fillna(dict.fromkeys(sums, 0.0))
    rows["pledged"] = rows["guarantee"].isin(_PLEDGED)
    by = rows.groupby("borrower_id")
    about = {"currency": by["currency"].first(), "pledged": by["pledged"].any(), "currencies": by["currency"].nunique()}
    whole = by[["balance", *sums]].sum().assign(loan_id="", **about).reset_index()
    parts = [part for part in (rows.assign(currencies=1), whole) if len(part)]
    told_all = _covered(pd.concat(parts, ignore_index=True) if parts else rows.assign(currencies=1), told)
    return told_all.sort_values(KEY, ignore_index=True)[COVERED]


def _covered(rows: pd.DataFrame, told: assumptions.Collateral) -> pd.DataFrame:
    mixed = rows["currencies"] > 1
    some = (rows["value"] > 0) & ~mixed
    rows["coverage"] = (rows["net"] / rows["balance"]).where(~mixed)
    rows["loan_to_value"] = ((rows["balance"] + rows["prior_claims"]) / rows["value"].where(some)).astype(float)
    rows["cap"] = (rows["capped"] / rows["value"].where(some)).astype(float)
    rows["uncovered"] = (rows["balance"] - rows["net"]).clip(lower=0).mask(mixed)
    state = np.select(
        [~some & rows["pledged"], ~some, rows["coverage"] < told.coverage.weak, rows["coverage"] < told.coverage.ample],
        ["missing", "unsecured", "weak", "adequate"],
        "ample",
    )
    rows["state"] = pd.Series(state, index=rows.index, dtype=object).where(~mixed, None)
    reason = pd.Series(None, index=rows.index, dtype=object).mask(rows["state"] == "missing", "no_collateral_entered")
    rows["reason"] = reason.mask(mixed, "currency_differs")
    return rows


def observations(held: pd.DataFrame, covered: pd.DataFrame, as_of: str | pd.Timestamp) -> pd.DataFrame:
    """The state of collateral as observations, by borrower: loan_to_value (the worst loan), collateral_cover,
    valuation_age_days, insurance_lapsed_days, collateral_seized and collateral_value_change (all revalued together).

    `held` is `assets`, `covered` is `coverage`. A borrower without collateral for what it owes has none of them.
    """
    live = held[held["claim"] > 0]
    if live.empty:
        return pd.DataFrame(columns=SEEN)
    by, day = live.groupby("borrower_id"), pd.Timestamp(as_of)
    loans = covered[(covered["loan_id"] != "") & (covered["value"] > 0)]
    whole = covered[(covered["loan_id"] == "") & (covered["value"] > 0)].set_index("borrower_id")
    told = {
        "loan_to_value": loans.groupby("borrower_id")["loan_to_value"].max(),
        "collateral_cover": whole["coverage"],
        "valuation_age_days": by["valuation_age_days"].max(),
        "insurance_lapsed_days": by["insurance_lapsed_days"].max(),
        "collateral_seized": _has(live, "seized").groupby(live["borrower_id"]).sum(),
    }
    changed = live[live["change"].notna()]
    before = (changed["value"] / (1 + changed["change"])).groupby(changed["borrower_id"]).sum()
    told["collateral_value_change"] = changed.groupby("borrower_id")["value"].sum() / before - 1
    seen = pd.concat(told, names=["metric", "borrower_id"]).rename("value").dropna().astype(float).reset_index()
    last = changed.groupby("borrower_id")["changed_on"].max().reindex(seen["borrower_id"]).set_axis(seen.index)
    on = last.where(seen["metric"] == "collateral_value_change", day).astype("datetime64[us]")
    return seen.assign(observed_on=on, source="collateral")


def _has(rows: pd.DataFrame, concern: str) -> pd.Series:
    return rows["concerns"].str.split(",").map(lambda codes: concern in codes).astype(bool)
