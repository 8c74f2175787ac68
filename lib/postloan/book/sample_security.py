"""What secures the sample's loans and what the contracts bind clients to: collateral, guarantors, covenants.

Most is sound: at most half the appraised value lent, valued each October, insured, registered. Planted: an old
valuation (S0007, S0019), prior claims and a thin cover (S0027), lapsed insurance (S0028), a seizure and a fall in value
(S0024), a fall in value (S0013, S0014), a weak guarantor (S0022), a ring in which S0016, S0017 and S0018 guarantee each
other. A covenant is breached by S0005 and by the dark twins, S0003 stands close to one, S0012 has one waived.
"""

from __future__ import annotations

import pandas as pd

from postloan.book.sample_cast import CAST, FIRST
from postloan.book.sample_ledger import LOOKS, LOT, TODAY, Client, day, lots

_VALUED = pd.Timestamp("2025-10-05")  # 150 days before the first look
_OLD = {6: "2025-04-08", 18: "2024-01-18"}
_FALLS = {12: 0.84, 13: 0.81, 23: 0.71}  # what is left of the value at the newest appraisal
_COVER = {4: 0.6, 26: 0.74, 12: 0.66, 13: 0.64, 23: 0.68}  # lent over value
_RING = (15, 16, 17)
_WEAK = 21
_INSURED = {27: "2026-02-20", 23: "2026-01-31"}
_KINDS = ("real_estate", "real_estate", "land", "equipment")


def secure(client: Client) -> None:
    """Write collateral, guarantors and covenants of a client, and what was seen of them where it matters."""
    if not client.rows["drawdowns"]:
        return
    if client.number % 4 != 3 or client.number in {*_FALLS, *_INSURED, *_COVER, *_OLD}:
        _pledge(client)
    if client.number % 4 in (0, 3) or client.number in {*_RING, _WEAK}:
        _guarantee(client)
    _bind(client)


def owed(client: Client, when: pd.Timestamp) -> float:
    """What a client owes us at the end of a day."""
    drawn = sum(row["amount"] for row in client.rows["drawdowns"] if row["drawn_on"] <= when)
    return drawn - sum(row["principal"] for row in client.rows["repayments"] if row["paid_on"] <= when)


def _pledge(client: Client) -> None:
    number, first = client.number, client.rows["drawdowns"][0]["drawn_on"]
    valued = pd.Timestamp(_OLD.get(number, _VALUED))
    lent = max(owed(client, when) for when in _days(client, (first, valued, *LOOKS)))
    value = lots(lent / _COVER.get(number, 0.52), 10 * LOT) + 10 * LOT
    told = {
        "collateral_id": "C1", "loan_id": None, "kind": _KINDS[number % 4], "value": lots(value * 1.03, 10 * LOT),
        "valued_on": first - pd.Timedelta(days=20), "prior_claims": lots(value * 0.18) if number == 26 else 0,
        "registered": 1, "insured_until": pd.Timestamp(_INSURED.get(number, "2026-12-31")), "seized_on": None,
        "region": client.kind.region,
    }  # fmt: skip
    if told["kind"] == "land":
        told["insured_until"] = None
    client.add("collateral", **told)
    newest = {**told, "value": value, "valued_on": valued}
    for year in () if number in _OLD else range(first.year + 1, valued.year):
        client.add("collateral", **{**newest, "valued_on": pd.Timestamp(f"{year}-10-05")})
    if valued > first:
        client.add("collateral", **newest)
    _worse(client, newest)
    _watch(client, max(valued, told["valued_on"]), lent / value)


def _days(client: Client, looked: tuple) -> tuple:
    """When the cover is sought: wherever it is thin by design at the days looked at, else at every payout too."""
    return looked if client.number in _COVER else (*looked, *(row["drawn_on"] for row in client.rows["drawdowns"]))


def _worse(client: Client, row: dict) -> None:
    """A lower appraisal, and for S0024 a court's seizure."""
    number = client.number
    if number in _FALLS:
        fell = day("2026-02-10")
        lower = {**row, "value": lots(row["value"] * _FALLS[number], LOT), "valued_on": fell}
        client.add("collateral", **lower)
        client.observe(fell, collateral_value_change=_FALLS[number] - 1)
        client.plant("collateral_falls", fell, TODAY)
    if number == 23:
        seized = day("2026-04-20")
        client.add("collateral", seized, **{**lower, "seized_on": seized})
        client.observe(seized, collateral_seized=1)
        client.observe(LOOKS[1], collateral_seized=1)
        client.plant("veto_collateral_seized", seized, TODAY)


def _watch(client: Client, valued: pd.Timestamp, cover: float) -> None:
    """What officers noted at the two looks of borrowers whose archetype does not tell it."""
    if client.number < 10:
        return
    insured = _INSURED.get(client.number)
    for look in LOOKS:
        lapsed = max(0, (look - pd.Timestamp(insured)).days) if insured else 0
        left = _FALLS.get(client.number, 1.0)
        newest = day("2026-02-10") if client.number in _FALLS else valued
        seen = {"loan_to_value": round(cover / left, 3), "valuation_age_days": (look - newest).days}
        client.observe(look, **seen, insurance_lapsed_days=lapsed)
    if insured:
        client.plant("insurance_lapsed", pd.Timestamp(insured) + pd.Timedelta(days=1), TODAY)
    if (LOOKS[0] - newest).days > 365:
        client.plant("valuation_old", LOOKS[0], TODAY)
    if cover / left > 0.7:
        client.plant("collateral_thin", LOOKS[0], TODAY)


def _guarantee(client: Client) -> None:
    number, first = client.number, client.rows["drawdowns"][0]["drawn_on"]
    lent = owed(client, first)
    if number in _RING:
        return _ring(client, lent)
    short = client.kind.name[:2] if client.chinese else client.kind.name.split()[0]
    name = short + ("控股集团有限公司" if client.chinese else " Holdings Pte. Ltd.")
    assets, weak = lots(lent * 6.5), number == _WEAK
    for year in range(first.year, TODAY.year + 1):
        stated = pd.Timestamp(f"{year - 1}-12-31")
        leverage = 0.52 + (0.10 * (year - first.year) + 0.06 if weak else 0.01 * (year - first.year))
        net = lots(assets * (1 - min(leverage, 0.86)))
        told = {"net_assets": net, "total_assets": assets, "cash_flow": lots(net * (0.01 if weak else 0.11))}
        given = lots(net * (1.35 if weak else 0.3))
        about = {"guarantor_id": "G1", "name": name, "credit_code": _code(number, 1), "loan_id": None, "amount": lent}
        known = max(stated + pd.Timedelta(days=115), first - pd.Timedelta(days=10))
        client.add("guarantors", known, **about, **told, guarantees_given=given, borrower_ref=None, stated_on=stated)
        if weak and known <= LOOKS[0]:
            seen = {"guarantor_leverage": round(1 - net / assets, 3), "guarantor_guarantees_to_equity": 1.35}
    if weak:
        client.observe(LOOKS[0], **seen)
        client.plant("guarantor_weak", LOOKS[0], TODAY)


def _ring(client: Client, lent: float) -> None:
    """Three clients of ours guarantee each other in turn."""
    to = _RING[(_RING.index(client.number) + 1) % 3]
    about = {"guarantor_id": "G1", "name": CAST[to - FIRST].name, "credit_code": _code(to, 9), "loan_id": None}
    about |= {"amount": lent, "borrower_ref": f"S{to + 1:04d}"}
    for year in (TODAY.year - 2, TODAY.year - 1):
        stated = pd.Timestamp(f"{year}-12-31")
        net = client.level("equity", stated)
        told = {"net_assets": lots(net), "total_assets": lots(net * 1.9), "guarantees_given": lots(lent * 2.1)}
        told |= {"cash_flow": lots(net * 0.1), "stated_on": stated}
        client.add("guarantors", stated + pd.Timedelta(days=115), **about, **told)
    client.observe(LOOKS[0], mutual_guarantee_members=len(_RING))
    client.plant("mutual_guarantees", LOOKS[0], TODAY)


def _code(number: int, part: int) -> str:
    return f"9999{part:02d}{number + 1:012d}"


def _bind(client: Client) -> None:
    """Two covenants on the newest loan: at a distance from the figures but for those named above."""
    wide, loan = client.quarters.iloc[-1], client.rows["loans"][-1]
    current = wide["current_assets"] / wide["current_liabilities"]
    debts = wide["total_liabilities"] / wide["total_assets"]
    factor = {4: 1.12, 2: 0.975, 12: 1.06, 13: 1.08}.get(client.number, 0.78)
    bounds = [("V1", "current_ratio", "at_least", round(current * factor, 2))]
    bounds += [("V2", "liabilities_to_assets", "at_most", round(min(debts * 1.2, 0.88), 2))]
    for covenant_id, metric, side, limit in bounds:
        told = {"loan_id": loan["loan_id"], "metric": metric, "side": side, "limit": limit, "waived_until": None}
        client.add("covenants", covenant_id=covenant_id, **told, since_on=loan["signed_on"])
