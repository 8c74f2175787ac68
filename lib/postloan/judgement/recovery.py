"""What enforcing a loan would bring (DOMAIN §8.3): collateral, then guarantors, then the unsecured share.

Per asset: value × (1 − haircut) × (1 − yearly decay)^years − costs − prior claims, paid when it is sold and discounted
from then. What is owed grows at the contract's rate until it is paid; nobody is ever paid more than is owed.
Bankruptcy (Art. 113) is the floor: collateral first, then the estate pro rata, no interest after acceptance.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from postloan.analysis import assumptions
from postloan.judgement.options import Claim, months_between
from postloan.judgement.workout_rules import Recovery

SOURCES = ["source", "step", "kind", "name", "value", "age_months", "prior", "share", "reason"]
COLUMNS = [
    "source", "step", "kind", "name", "value", "share", "haircut", "costs", "prior", "net", "month", "owed", "paid",
    "pv", "first_round", "second_round", "reason", "basis",
]  # fmt: skip
_NIL = ("seized", "not_registered")  # counts for nothing until its rank is clear, as in `collateral.assets`


@dataclass(frozen=True)
class Shift:
    """Assumptions moved for a sensitivity: points of haircut, months to payment, share of what guarantors pay."""

    haircut: float = 0.0
    months: float = 0.0
    guarantor: float = 0.0


def sources(side: dict[str, pd.DataFrame], claim: Claim, state: pd.DataFrame, rules: Recovery) -> pd.DataFrame:
    """What stands behind a claim, a row an asset or guarantor (SOURCES): value on the day, months since it was valued,
    prior claims, this claim's `share` of it (by balance, where it secures all the borrower's loans) and the `reason`
    why it does not count or counts with a doubt.
    """
    owed = state["balance"].sum()
    part = claim.balance / owed if owed > 0 else 1.0
    rows = [_asset(row, claim, part, rules) for row in _behind(side["collateral"], claim)]
    rows += [_guarantor(row, claim, part, rules) for row in _behind(side["guarantors"], claim)]
    return pd.DataFrame(rows, columns=SOURCES)


def _behind(table: pd.DataFrame, claim: Claim) -> list[dict]:
    mine = table[table["borrower_id"] == claim.borrower_id]
    return mine[mine["loan_id"].isna() | mine["loan_id"].isin(["", claim.loan_id])].to_dict("records")


def _part(row: dict, part: float) -> float:
    return 1.0 if isinstance(row["loan_id"], str) and row["loan_id"] else part


def _asset(row: dict, claim: Claim, part: float, rules: Recovery) -> tuple:
    age = max(months_between(row["valued_on"], claim.as_of), 0.0)
    prior, reason, must = row["prior_claims"], "", row["kind"] in assumptions.load().collateral.registered
    if pd.notna(row["seized_on"]):
        reason = "seized"
    elif must and row["registered"] == 0:
        reason = "not_registered"
    elif must and pd.isna(row["registered"]):
        reason = "registration_unknown"
    elif pd.isna(prior):
        reason = "prior_unknown"
    elif age > rules.stale_months:
        reason = "valuation_old"
    share = 0.0 if reason in _NIL else _part(row, part)
    name = row["collateral_id"]
    return (name, "collateral", row["kind"], name, row["value"], age, np.nan_to_num(prior), share, reason)


def _guarantor(row: dict, claim: Claim, part: float, rules: Recovery) -> tuple:
    """Good for a share of net assets less guarantees given to others, at most the amount guaranteed."""
    own = 0.0 if pd.isna(row["amount"]) else row["amount"]
    given = max(np.nan_to_num(row["guarantees_given"]) - own, 0.0)
    able = max((row["net_assets"] - given) * rules.guarantor.share_of_net_assets, 0.0)
    value = min(able, row["amount"]) if pd.notna(row["amount"]) else able
    reason = "net_assets_unknown" if pd.isna(row["net_assets"]) else ""
    if not reason and pd.isna(row["guarantees_given"]):
        reason = "guarantees_unknown"
    value, name = 0.0 if pd.isna(value) or pd.isna(row["net_assets"]) else value, row["guarantor_id"]
    age = max(months_between(row["stated_on"], claim.as_of), 0.0)
    return (name, "guarantor", "guarantor", row["name"], value, age, 0.0, _part(row, part), reason)


def top_up(claim: Claim, kind: str, share: float) -> pd.DataFrame:
    """The further collateral an option brings in, as a row of `sources`."""
    row = ("top_up", "collateral", kind, "top_up", share * claim.balance, 0.0, 0.0, 1.0, "")
    return pd.DataFrame([row], columns=SOURCES)


def priced(found: list[dict], rules: Recovery, *, start: float = 0.0, shift: Shift = Shift()) -> list[dict]:
    """Each source (a record of `sources`) with haircut, costs, prior claims, net proceeds and the month they come.

    `start`: the month enforcement begins; values decay until they are sold. In the order the money comes.
    """
    rows = [_priced(each, rules, start + rules.start_months, shift) for each in found]
    return sorted(rows, key=lambda row: (row["month"], -row["net"]))


def _priced(each: dict, rules: Recovery, start: float, shift: Shift) -> dict:
    told = {name: each[name] for name in ("source", "step", "kind", "name", "value", "share", "reason")}
    if each["step"] == "guarantor":
        about, gross = rules.guarantor, each["value"] * each["share"] * (1 + shift.guarantor)
        haircut, rounds = 0.0, (np.nan, np.nan)
    else:
        about = rules.assets[each["kind"]]
        haircut = float(np.clip(rules.haircut(each["kind"]) + shift.haircut, 0, 1))
        years = (each["age_months"] + start + max(about.months + shift.months, 0)) / 12
        gross = each["value"] * (1 - haircut) * (1 - about.yearly_decay) ** years * each["share"]
        auction = rules.auction if about.auctioned else None
        rounds = tuple(each["value"] * part for part in (auction.first_round, auction.second_round)) if auction else ()
        rounds = rounds or (np.nan, np.nan)
    costs, prior = gross * about.cost_share, each["prior"] * each["share"]
    month = start + max(about.months + shift.months, 0)
    money = {"haircut": haircut, "costs": costs, "prior": prior, "net": max(gross - costs - prior, 0.0)}
    return {**told, **money, "month": month, "first_round": rounds[0], "second_round": rounds[1], "basis": about.basis}


def estate(balance: pd.Series | None, rules: Recovery, *, secured: float = 0.0) -> tuple[float, str]:
    """What ordinary claims get in bankruptcy, as a share, and the reason where the rules' own share stands in.

    `balance`: the newest balance sheet by item; `secured`: net collateral that goes to those it is pledged to. Costs,
    then wages and taxes come first (Art. 113).
    """
    about = rules.estate
    if balance is None or pd.isna(balance.get(about.claims)) or not balance.get(about.claims) > 0:
        return about.unsecured_share, "estate_unknown"
    got = sum(share * np.nan_to_num(balance.get(item, np.nan)) for item, share in about.values.items())
    first = sum(np.nan_to_num(balance.get(item, np.nan)) for item in about.first)
    left = (got - secured) * (1 - about.cost_share) - first
    claims = balance[about.claims] - first - secured
    return (float(np.clip(left / claims, 0, 1)) if claims > 0 else 1.0), ""


def payments(
    owed: float, found: list[dict], *, rate: float, unsecured: float, rules: Recovery,
    start: float = 0.0, shift: Shift = Shift(),
) -> list[dict]:  # fmt: skip
    """Who pays what and when, in the order the money comes: `priced` sources with `owed` and `paid`, then the rest.

    `owed` at month `start` grows at `rate` (effective a year) on what is left; `unsecured`: the share of what then
    remains that comes in with the estate's time. Nobody pays more than is owed when the payment comes.
    """
    rows, left, since = priced(found, rules, start=start, shift=shift), owed, start
    for row in rows:
        left, since = left * (1 + rate) ** ((row["month"] - since) / 12), row["month"]
        row |= {"owed": left, "paid": min(row["net"], left)}
        left -= row["paid"]
    rest = dict.fromkeys(("source", "step", "kind", "name"), "unsecured") | {"basis": rules.estate.basis, "reason": ""}
    rest |= {"month": max(start + rules.estate.months, since), "owed": left}
    return [*rows, rest | {"net": left * unsecured, "paid": left * unsecured}]


def waterfall(owed: float, found: pd.DataFrame, *, eir: float, **terms: object) -> pd.DataFrame:
    """`payments` as a table (COLUMNS); `pv` at `eir` a year on the signing day."""
    rows = pd.DataFrame(payments(owed, found.to_dict("records"), **terms))
    return rows.assign(pv=rows["paid"] * (1 + eir) ** (-rows["month"] / 12)).reindex(columns=COLUMNS)


def floor(owed: float, found: pd.DataFrame, *, eir: float, unsecured: float, rules: Recovery) -> float:
    """What bankruptcy would bring, discounted: collateral to its holder, the shortfall pro rata, no interest after
    acceptance (Art. 46) and nothing from guarantors.
    """
    pledged = found[found["step"] == "collateral"]
    return float(waterfall(owed, pledged, rate=0.0, eir=eir, unsecured=unsecured, rules=rules)["pv"].sum())
