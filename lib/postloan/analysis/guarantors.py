"""Guarantors: can each pay what it guarantees, and do borrowers guarantee one another (DOMAIN §2.6, §15)."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pandas as pd

from postloan import backers
from postloan.analysis import assumptions
from postloan.analysis.assumptions import Assumptions, Limits

JUDGED = [
    "borrower_id", "guarantor_id", "loan_id", "name", "amount", "net_assets", "leverage", "guarantees_to_equity",
    "cash_flow_to_amount", "amount_to_equity", "stated_on", "verdict", "reasons",
]  # fmt: skip
RINGS = ["borrower_id", "members", "ring"]
_TESTS = {"leverage": 1, "guarantees_to_equity": 1, "cash_flow_to_amount": -1}  # 1: the higher the worse


def judge(guarantors: pd.DataFrame, as_of: str | pd.Timestamp, *, assumed: Assumptions | None = None) -> pd.DataFrame:
    """Every guarantor (JUDGED) of any number of borrowers; figures in shares, amounts as given.

    `leverage` = 1 − net assets / total assets, `guarantees_to_equity` = guarantees given / net assets,
    `cash_flow_to_amount` = yearly operating cash flow / amount guaranteed. `verdict` is weak, adequate, strong or
    cannot_judge; `reasons` are codes with commas: no_net_assets, a figure's name with `:weak` or `:watch`,
    missing:name, stale. Figures too old judge nothing.
    """
    limits, rows = (assumed or assumptions.load()).guarantors, guarantors.copy()
    equity, amount = rows["net_assets"].where(rows["net_assets"] > 0), rows["amount"].where(rows["amount"] > 0)
    rows["leverage"] = 1 - rows["net_assets"] / rows["total_assets"].where(rows["total_assets"] > 0)
    rows["guarantees_to_equity"] = rows["guarantees_given"] / equity
    rows["cash_flow_to_amount"] = rows["cash_flow"] / amount
    rows["amount_to_equity"] = rows["amount"] / equity
    stale = (pd.Timestamp(as_of) - rows["stated_on"]).dt.days > limits.stale_days
    told, weak, known = _tested(rows, limits)
    told = np.where(stale, "stale", told)
    rows["reasons"] = pd.Series(told, index=rows.index, dtype=object)
    verdict = np.select([stale | ~known, weak, told != ""], ["cannot_judge", "weak", "adequate"], "strong")
    rows["verdict"] = pd.Series(verdict, index=rows.index, dtype=object)
    return rows.sort_values(["borrower_id", "guarantor_id"], ignore_index=True)[JUDGED]


def _tested(rows: pd.DataFrame, limits: assumptions.Guarantors) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Reasons, whether any makes it weak, and whether anything at all is known, by row."""
    broke = (rows["net_assets"] <= 0).to_numpy()
    told, weak, known = np.where(broke, "no_net_assets", "").astype(object), broke.copy(), broke.copy()
    for name, way in _TESTS.items():
        limit: Limits = getattr(limits, name)
        value = rows[name].to_numpy(float)
        bad, near = way * value > way * limit.weak, way * value > way * limit.watch
        lacking = np.isnan(value) & ~(broke & (name == "guarantees_to_equity"))
        code = np.select([bad, near, lacking], [f"{name}:weak", f"{name}:watch", f"missing:{name}"], "")
        told = np.where(code == "", told, np.where(told == "", code, told + "," + code))
        weak, known = weak | bad, known | ~np.isnan(value)
    return told, weak, known


def rings(guarantors: pd.DataFrame, borrowers: pd.DataFrame) -> pd.DataFrame:
    """Borrowers who guarantee one another, directly or around (RINGS): members and their ids with commas.

    `guarantors` are those of all borrowers, `borrowers` has borrower_id and credit_code. A guarantor is one of our
    borrowers by `borrower_ref` or by its credit code; a ring is a strongly connected set of two or more.
    """
    known_as = backers.ours(guarantors, backers.owners(borrowers))
    known = known_as.notna() & (known_as != guarantors["borrower_id"])
    graph = nx.DiGraph(zip(guarantors.loc[known, "borrower_id"], known_as[known], strict=True))
    rows = [
        (member, len(ring), ",".join(sorted(ring)))
        for ring in nx.strongly_connected_components(graph)
        if len(ring) > 1
        for member in ring
    ]
    return pd.DataFrame(rows, columns=RINGS).sort_values("borrower_id", ignore_index=True)


def observations(judged: pd.DataFrame, found: pd.DataFrame, as_of: str | pd.Timestamp) -> pd.DataFrame:
    """Guarantors as observations, the weakest of each borrower: guarantor_leverage, guarantor_guarantees_to_equity, and
    mutual_guarantee_members (0 where it is in no ring). Figures count from the day they were stated."""
    parts = []
    for name in ("leverage", "guarantees_to_equity"):
        known = judged[judged[name].notna()].sort_values(name, kind="stable")
        worst = known.drop_duplicates("borrower_id", keep="last")
        told = worst[["borrower_id"]].assign(metric=f"guarantor_{name}", value=worst[name])
        parts.append(told.assign(observed_on=worst["stated_on"]))
    ids = pd.Series(judged["borrower_id"].unique(), dtype="str")
    members = ids.map(found.set_index("borrower_id")["members"]).fillna(0.0).astype(float)
    ring = pd.DataFrame({"borrower_id": ids, "metric": "mutual_guarantee_members", "value": members})
    parts.append(ring.assign(observed_on=pd.Timestamp(as_of).as_unit("us")))
    return pd.concat(parts, ignore_index=True).assign(source="guarantors")
