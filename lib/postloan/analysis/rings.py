"""Money that goes round (U2): cycles of two to five parties through which drawn money comes home in the order of time.

Transfers become one edge a pair of parties, so that a million equal ones cost no more than one. The search starts with
drawn money leaving, keeps to parties from which home can still be reached, and stops after a number of rings that
params/loan_use.yml sets; which drawdowns that cut short is told.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import islice, pairwise

import networkx as nx
import numpy as np
import pandas as pd

from postloan.analysis.use_facts import Facts, found, nothing
from postloan.analysis.use_params import U2


@dataclass
class Rings:
    """Findings (use_facts.FOUND), each ring's transfers in order (k, ring, rows) and the drawdowns cut short."""

    found: pd.DataFrame
    ways: list[tuple[int, list[int]]] = field(default_factory=list)
    bounded: set[int] = field(default_factory=set)


def search(facts: Facts) -> Rings:
    """Rings of every drawdown's money. Money counts once, however many rings it went through."""
    limits = facts.how.flags.u2
    spent = facts.first_hop
    edges = _edges(facts)
    graph = nx.from_pandas_edgelist(edges[["u", "v"]].drop_duplicates(), "u", "v", create_using=nx.DiGraph)
    spent = spent.assign(v=edges["v"].reindex(spent["row"]).to_numpy())
    spent = spent[spent["v"].notna() & spent["v"].isin(list(graph))].astype({"v": "int64"})
    flows = _Flows(edges, limits)
    hits, ways, bounded = [], [], set()
    for home, mine in spent.groupby("home", sort=False):
        node = _home(home)
        paths, cut = _routes(graph, node, set(mine["v"]), limits)
        for k, paid in mine.groupby("k", sort=False):
            bounded |= {k} if cut else set()
            for path in paths:
                first = paid[paid["v"] == path[1]]
                if len(first) and (hit := flows.round(first, path)) is not None:
                    took, chain = hit
                    if len(path) == 3 and took.sum() < limits.laps:
                        continue  # once there and back is a return (U1)
                    if not _traded(facts, first, chain):
                        hits.append(first[took])
                        ways.append((k, chain))
    if not hits:
        return Rings(nothing(), [], bounded)
    rows = pd.concat(hits)
    rows = rows[~rows.index.duplicated()]
    needed = limits.floor * facts.amount(rows["k"])
    rows = rows.assign(needed=needed)[rows["fifo"].groupby(rows["k"]).transform("sum") >= needed - 0.005]
    told = found(rows)
    legs = {k: [row for at, chain in ways if at == k for row in chain[1:]] for k in told["k"]}
    told["rows"] = [[*rows_, *dict.fromkeys(legs[k])] for k, rows_ in zip(told["k"], told["rows"], strict=True)]
    return Rings(told, [way for way in ways if way[0] in legs], bounded)


def _home(owner: int) -> int:
    return -2 - int(owner)


def _edges(facts: Facts) -> pd.DataFrame:
    """Who paid whom by row: u, v, day, amount. Money in counts only where we have no statement of who paid."""
    moved = facts.ledger.rows
    kept = moved["out"] | (moved["other"] < 0)
    kept &= moved["day"] >= facts.drawn["day"].where(facts.told).min()
    rows = moved[kept & ((moved["group"] >= 0) | (moved["other"] >= 0))]
    node = _nodes(facts)
    here = node[rows["account_code"]]
    there = np.where(rows["other"] >= 0, node[rows["other"]], rows["entity"])
    out = rows["out"].to_numpy()
    told = pd.DataFrame(
        {"u": np.where(out, here, there), "v": np.where(out, there, here), "day": rows["day"], "amount": rows["amount"]}
    )
    return told[told["u"] != told["v"]]


def _nodes(facts: Facts) -> np.ndarray:
    """The party each account belongs to: a borrower by a number below zero, a listed party by its entity."""
    book, moved = facts.matched, facts.ledger.rows
    first = moved.iloc[facts.ledger.start[:-1]]
    known = book[book["relation"].notna()]
    keys = pd.MultiIndex.from_arrays(
        [known["borrower_id"].astype(object), known["counterparty_account"].astype(object)]
    )
    wanted = pd.MultiIndex.from_arrays([first["borrower_id"].astype(object), first["account"].astype(object)])
    single = ~keys.duplicated()
    at = keys[single].get_indexer(wanted) if single.any() else np.full(len(first), -1)
    listed = np.append(known["entity"].to_numpy()[single], -1)[at]
    strange = 2_000_000_000 + np.arange(len(first))
    return np.where(facts.owner >= 0, -2 - facts.owner, np.where(at >= 0, listed, strange)).astype("int64")


def _routes(graph: nx.DiGraph, home: int, firsts: set[int], limits: U2) -> tuple[list[list[int]], bool]:
    """Ways from home over a first payee back to home, and whether there were more than may be looked at."""
    if home not in graph:
        return [], False
    away = nx.single_source_shortest_path_length(graph, home, cutoff=limits.longest - 1)
    near = nx.single_source_shortest_path_length(graph.reverse(copy=False), home, cutoff=limits.longest - 1)
    kept = [node for node in away if node in near and away[node] + near[node] <= limits.longest]
    part = graph.subgraph(kept)
    paths: list[list[int]] = []
    for first in sorted(firsts & set(kept)):
        room = limits.rings - len(paths) + 1
        tails = nx.all_simple_paths(part, first, home, cutoff=limits.longest - 1)
        paths += [[home, *tail] for tail in islice(tails, room) if len(tail) >= limits.shortest]
        if len(paths) > limits.rings:
            return paths[: limits.rings], True
    return paths, False


class _Flows:
    """Transfers by pair of parties, equal ones of a day taken together."""

    def __init__(self, edges: pd.DataFrame, limits: U2):
        self.limits = limits
        ordered = edges.sort_values(["u", "v", "day"], kind="stable")
        first = ~ordered.duplicated(["u", "v"])
        starts = [*np.flatnonzero(first), len(ordered)]
        pairs = zip(ordered["u"][first], ordered["v"][first], strict=True)
        self.span = {pair: (starts[n], starts[n + 1]) for n, pair in enumerate(pairs)}
        self.day, self.amount, self.row = (
            ordered["day"].to_numpy(),
            ordered["amount"].to_numpy(float),
            ordered.index.to_numpy(),
        )
        self.total = np.append(0.0, self.amount.cumsum())

    def between(self, pair: tuple[int, int], begin: int, end: int) -> slice:
        """Where a pair's transfers of these days stand."""
        low, high = self.span[pair]
        days = self.day[low:high]
        return slice(low + np.searchsorted(days, begin), low + np.searchsorted(days, end, side="right"))

    def round(self, first: pd.DataFrame, path: list[int]) -> tuple[np.ndarray, list[int]] | None:
        """Which first payments came round, and the rows of one such ring; None where none did."""
        return self._singly(first, path) or self._together(first, path)

    def _singly(self, first: pd.DataFrame, path: list[int]) -> tuple[np.ndarray, list[int]] | None:
        low, high = self.limits.retained
        alone, alike = self._once(first["day"].to_numpy(), first["amount"].to_numpy(float))
        day, amount = first["day"].to_numpy()[alone], first["amount"].to_numpy(float)[alone]
        reach, layers = np.eye(len(alone), dtype=bool), [(first["row"].to_numpy()[alone], None)]
        for pair in pairwise(path):
            at = self.between(pair, day.min(), day.max() + self.limits.days)
            kept = at.start + self._once(self.day[at], self.amount[at])[0]
            next_day, next_amount = self.day[kept], self.amount[kept]
            gap, ratio = next_day[None] - day[:, None], next_amount[None] / np.maximum(amount[:, None], 1e-9)
            joins = (gap >= 0) & (gap <= self.limits.days) & (ratio >= low) & (ratio <= high)
            if not joins.any():
                return None
            layers.append((self.row[kept], joins))
            reach, day, amount = reach @ joins, next_day, next_amount
        if not reach.any():
            return None
        return np.append(reach.any(axis=1), False)[alike], _chain(layers)

    def _once(self, day: np.ndarray, amount: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Places of the first transfers that differ in day or cents, as many as may be looked at, and for every
        transfer which of them it is like (none: the last place and one)."""
        if not len(day):
            return np.zeros(0, int), np.zeros(0, int)
        said, once, like = np.unique(
            np.stack([day, np.rint(amount * 100)]), axis=1, return_index=True, return_inverse=True
        )
        order = np.argsort(once)[: self.limits.transfers]
        place = np.full(said.shape[1], len(order))
        place[order] = np.arange(len(order))
        return once[order], place[like.ravel()]

    def _together(self, first: pd.DataFrame, path: list[int]) -> tuple[np.ndarray, list[int]] | None:
        """The ring by sums: what was passed on in all, within the days after the first payment."""
        low, high = self.limits.retained
        begin, total = first["day"].min(), first["amount"].sum()
        end, rows = first["day"].max() + self.limits.days, [first["row"].iloc[first["amount"].argmax()]]
        for pair in pairwise(path):
            at = self.between(pair, begin, end)
            passed = self.total[at.stop] - self.total[at.start]
            if at.stop == at.start or not low <= passed / total <= high:
                return None
            rows.append(self.row[at.start + self.amount[at].argmax()])
            begin, total = self.day[at.start], passed
        return np.ones(len(first), dtype=bool), [int(row) for row in rows]


def _chain(layers: list[tuple[np.ndarray, np.ndarray | None]]) -> list[int]:
    """One chain of transfers through the layers, found from the end."""
    ends = np.ones(len(layers[-1][0]), dtype=bool)
    alive = [ends]
    for _, joins in reversed(layers[1:]):
        alive.append(joins @ alive[-1])
    alive.reverse()
    at = int(np.flatnonzero(alive[0])[0])
    rows = [int(layers[0][0][at])]
    for (names, joins), good in zip(layers[1:], alive[1:], strict=True):
        at = int(np.flatnonzero(joins[at] & good)[0])
        rows.append(int(names[at]))
    return rows


def _traded(facts: Facts, first: pd.DataFrame, chain: list[int]) -> bool:
    """Whether papers stand behind both ends: trade with the payee and with who paid at last, or a refund."""
    moved = facts.ledger.rows
    payee, payer = int(moved.at[chain[0], "entity"]), int(moved.at[chain[-1], "entity"])
    if moved.at[chain[-1], "out"] and moved.at[chain[-1], "pair"] >= 0:  # seen from the payer's own account
        payer = int(moved.at[moved.at[chain[-1], "pair"], "entity"])
    paid, came = first["amount"].sum(), moved.at[chain[-1], "amount"]
    cover = [float(facts.trade["covered"].get(entity, 0.0)) for entity in (payee, payer)]
    refunds = facts.papers[
        (facts.papers["entity"] == payer)
        & ((facts.papers["kind"] == "credit_note") | facts.papers["cancelled_on"].notna())
    ]
    near = 1 - facts.how.flags.u1.near
    if payee == payer:
        return cover[0] >= (paid + came) * near or (len(chain) == 2 and refunds["amount"].sum() >= came * near)
    return cover[0] >= paid * near and cover[1] >= came * near
