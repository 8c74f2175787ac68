"""Who would be pulled along: guarantees between our borrowers, ownership and common control, and what owes behind them.

Every walk visits a borrower once, so that a group that owns itself in a loop, or a ring of guarantees, ends.
"""

from __future__ import annotations

import networkx as nx
import numpy as np
import pandas as pd

from postloan import backers

EDGES = ["source", "target", "kind", "by", "amount"]
KINDS = ("called", "support_lost", "owned", "group")
REACH = [
    "borrower_id", "own", "called", "support_lost", "owned", "group", "reached", "exposure", "unknown", "by_name",
    "exposure_by_name",
]  # fmt: skip
LOOPS = ["kind", "members", "loop", "exposure"]
_OWNERS = ("parent", "shareholder", "controller")


def edges(side: dict[str, pd.DataFrame], borrowers: pd.DataFrame, groups: pd.DataFrame) -> pd.DataFrame:
    """How trouble passes from one of our borrowers (`source`) to another (`target`), EDGES.

    `called`: the target guarantees the source and would have to pay; `support_lost`: the source guarantees the target;
    `owned`: the source owns or is owned by the target, by credit code; `group`: `groups.exposure` ties them. `by` is
    papers (a reference or a credit code) or name (the tie rests on a shared name, which may be two people's).
    """
    found = [_guarantees(side["guarantors"], borrowers), _owned(side["parties"], borrowers), _grouped(groups)]
    told = pd.concat([part for part in found if len(part)] or [pd.DataFrame(columns=EDGES)], ignore_index=True)
    return told[EDGES]


def stands_for(side: dict[str, pd.DataFrame], borrowers: pd.DataFrame) -> pd.DataFrame:
    """Which of our borrowers guarantees which: borrower_id, guarantor, amount."""
    told = side["guarantors"]
    ours = backers.ours(told, backers.owners(borrowers))
    known = ours.notna() & (ours != told["borrower_id"])
    rows = pd.DataFrame({"borrower_id": told["borrower_id"], "guarantor": ours, "amount": told["amount"]})[known]
    return rows.groupby(["borrower_id", "guarantor"], as_index=False)["amount"].sum(min_count=1)


def _guarantees(told: pd.DataFrame, borrowers: pd.DataFrame) -> pd.DataFrame:
    pairs = stands_for({"guarantors": told}, borrowers)
    called = pairs.rename(columns={"borrower_id": "source", "guarantor": "target"}).assign(kind="called", by="papers")
    lost = pairs.rename(columns={"guarantor": "source", "borrower_id": "target"})
    return pd.concat([called, lost.assign(kind="support_lost", by="papers")], ignore_index=True)


def owned(parties: pd.DataFrame, borrowers: pd.DataFrame) -> pd.DataFrame:
    """Which of our borrowers owns which, by credit code: owner, owned."""
    codes = borrowers.dropna(subset="credit_code").drop_duplicates("credit_code")
    other = parties["credit_code"].map(codes.set_index("credit_code")["borrower_id"])
    up, down = parties["relation"].isin(_OWNERS), parties["relation"] == "subsidiary"
    parts = [
        pd.DataFrame({"owner": other[up], "owned": parties.loc[up, "borrower_id"]}),
        pd.DataFrame({"owner": parties.loc[down, "borrower_id"], "owned": other[down]}),
    ]
    return pd.concat(parts, ignore_index=True).dropna().drop_duplicates(ignore_index=True)


def _owned(parties: pd.DataFrame, borrowers: pd.DataFrame) -> pd.DataFrame:
    held = owned(parties, borrowers)
    both = [("owner", "owned"), ("owned", "owner")]
    ways = [held.rename(columns={a: "source", b: "target"})[["source", "target"]] for a, b in both]
    told = pd.concat(ways, ignore_index=True)
    told = told[told["source"] != told["target"]]
    return told.assign(kind="owned", by="papers", amount=np.nan)


def _grouped(groups: pd.DataFrame) -> pd.DataFrame:
    """Each member to the group's first and back: enough to reach all, without a line between every two."""
    rows = groups[["group", "borrower_id", "by"]].drop_duplicates() if len(groups) else groups
    rows = rows[rows["group"] != rows["borrower_id"]] if len(rows) else pd.DataFrame(columns=["group", "borrower_id"])
    by = np.where(rows["by"] == "code", "papers", "name") if len(rows) else []
    out = pd.DataFrame({"source": rows["group"], "target": rows["borrower_id"], "by": by})
    back = out.rename(columns={"source": "target", "target": "source"})
    return pd.concat([out, back], ignore_index=True).assign(kind="group", amount=np.nan)


def reach(found: pd.DataFrame, exposure: pd.Series, troubled: list[str]) -> pd.DataFrame:
    """What can be reached from each troubled borrower (REACH), the most exposure first.

    `found` is `edges`, `exposure` what each borrower owes by borrower (NaN: not known). `own` is the borrower's own
    debt; `called` to `group` how many stand one step away, by kind, on paper; `reached` all that paper leads to in any
    number of steps, and their `exposure` (own included, `unknown` of them not counted for want of a figure). `by_name`
    and `exposure_by_name` are the same where shared names too are taken for ties.
    """
    proven = found[found["by"] == "papers"]
    graph, wide = (_graph(part) for part in (proven, found))
    first = proven.groupby(["source", "kind"])["target"].nunique().unstack(fill_value=0)
    rows = []
    for name in dict.fromkeys(troubled):
        near, far = (nx.descendants(net, name) if name in net else set() for net in (graph, wide))
        ids = [name, *near]
        steps = {kind: int(first.at[name, kind]) if name in first.index and kind in first else 0 for kind in KINDS}
        owed, unknown = exposure.reindex(ids), int(exposure.reindex(ids).isna().sum())
        total = exposure.reindex([name, *far]).sum(min_count=1)
        told = {"reached": len(near), "exposure": owed.sum(min_count=1), "unknown": unknown, "by_name": len(far)}
        rows.append(
            {"borrower_id": name, "own": exposure.get(name, np.nan), **steps, **told, "exposure_by_name": total}
        )
    told = pd.DataFrame(rows, columns=REACH)
    return told.sort_values(["exposure", "reached", "exposure_by_name"], ascending=False, ignore_index=True)


def _graph(found: pd.DataFrame) -> nx.DiGraph:
    return nx.from_pandas_edgelist(found, "source", "target", create_using=nx.DiGraph)


def loops(side: dict[str, pd.DataFrame], borrowers: pd.DataFrame, exposure: pd.Series | None = None) -> pd.DataFrame:
    """Borrowers who guarantee one another around, or own one another around (LOOPS): strongly connected sets of two or
    more, and a borrower that owns itself. `exposure` by borrower gives what the loop owes in all."""
    pairs = stands_for(side, borrowers)[["guarantor", "borrower_id"]]
    held = owned(side["parties"], borrowers)
    rows = []
    for kind, table in (("guarantee", pairs), ("ownership", held)):
        graph = nx.DiGraph(list(table.itertuples(index=False, name=None)))
        for part in nx.strongly_connected_components(graph):
            if len(part) > 1 or graph.has_edge(*(list(part) * 2)):
                owed = np.nan if exposure is None else exposure.reindex(list(part)).sum(min_count=1)
                rows.append((kind, len(part), ",".join(sorted(part)), owed))
    return pd.DataFrame(rows, columns=LOOPS).sort_values(["kind", "loop"], ignore_index=True)
