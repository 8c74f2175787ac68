"""Borrowers that belong together: the same controller, or a credit code that ties one to another (DOMAIN §2.6).

What is told by name alone may be two people of one name; `by` says what ties.
"""

from __future__ import annotations

import networkx as nx
import pandas as pd

from postloan.analysis import servicing
from postloan.loan_tables import KIN
from postloan.tables import SEEN

GROUPS = ["group", "borrower_id", "members", "by", "currency", "owed", "group_owed"]
AROUND = [*GROUPS, "days_overdue"]


def exposure(side: dict[str, pd.DataFrame], state: pd.DataFrame, borrowers: pd.DataFrame) -> pd.DataFrame:
    """What every group of two or more borrowers owes in all (GROUPS), a row a member and currency, the largest first.

    `side` are the loan tables of all borrowers, `state` is `servicing.state`, `borrowers` has borrower_id and
    credit_code. `group` is the smallest borrower id in it, `by` is `code`, `controller` or `code,controller`. Amounts
    in the loans' currency; a member that owes nothing is there with 0 in the currencies of its group.
    """
    ties = _ties(side["parties"], borrowers)
    members = _members(ties)
    if members.empty:
        return pd.DataFrame(columns=GROUPS)
    owed = state.groupby(["borrower_id", "currency"], as_index=False)["balance"].sum()
    owed = owed.rename(columns={"balance": "owed"})
    used = owed.merge(members, on="borrower_id")[["group", "currency"]].drop_duplicates()
    rows = members.merge(used, on="group", how="left").merge(owed, on=["borrower_id", "currency"], how="left")
    rows["owed"] = rows["owed"].fillna(0.0)
    rows["group_owed"] = rows.groupby(["group", "currency"], dropna=False)["owed"].transform("sum")
    order = ["group_owed", "group", "currency", "owed"]
    return rows.sort_values(order, ascending=[False, True, True, False], ignore_index=True)[GROUPS]


def around(
    borrower_id: str, side: dict[str, pd.DataFrame], state: pd.DataFrame, borrowers: pd.DataFrame
) -> pd.DataFrame:
    """The group of one borrower as `exposure` tells it, the borrower first, with each member's `days_overdue` (AROUND);
    empty where no other borrower of ours is tied to it.

    `side` and `state` need hold no more than its kin (`Book.kin`).
    """
    told = exposure(side, state, borrowers)
    mine = told[told["group"].isin(told.loc[told["borrower_id"] == borrower_id, "group"])]
    own, late = mine["borrower_id"] == borrower_id, mine["borrower_id"].map(_late(state)).fillna(0.0)
    mine = mine.assign(days_overdue=late, own=own)
    return mine.sort_values("own", ascending=False, kind="stable", ignore_index=True)[AROUND]


def ids(parties: pd.DataFrame, borrowers: pd.DataFrame) -> pd.Series:
    """The group of each borrower, by borrower: the smallest borrower id in it, its own where nobody of ours is tied to
    it; absent where no kin was ever entered, for nobody knows then.

    `parties` may be those of all borrowers or of one and its kin (`Book.kin`).
    """
    entered = parties[parties["relation"].isin(KIN) & (parties["relation"].ne("own") | parties["controller"].notna())]
    alone = pd.Series(entered["borrower_id"].unique(), dtype="str")
    alone = alone[alone.isin(borrowers["borrower_id"])]
    tied = _members(_ties(parties, borrowers)).set_index("borrower_id")["group"]
    return tied.combine_first(pd.Series(alone.to_numpy(), index=alone.to_numpy(), dtype="str"))


def observations(groups: pd.Series, state: pd.DataFrame, as_of: str | pd.Timestamp) -> pd.DataFrame:
    """group_member_days_overdue of every borrower that is tied to another of ours: the longest of the others' days
    overdue on our loans (tables.SEEN).

    `groups` is `ids`, `state` is `servicing.state` of all their loans.
    """
    rows = pd.DataFrame({"borrower_id": groups.index, "group": groups.to_numpy()})
    rows["late"] = rows["borrower_id"].map(_late(state)).fillna(0.0)
    rows = rows.sort_values("late", ascending=False, kind="stable")
    place = rows.groupby("group").cumcount()
    first, second = (rows[place == n].set_index("group")["late"] for n in (0, 1))
    of_others = rows["group"].map(first).where(place > 0, rows["group"].map(second))
    seen = rows.assign(metric="group_member_days_overdue", value=of_others.where(rows["group"].isin(second.index)))
    seen = seen.assign(observed_on=pd.Timestamp(as_of).as_unit("us"), source="loans")
    return seen.dropna(subset="value").sort_values("borrower_id", ignore_index=True)[SEEN]


def _late(state: pd.DataFrame) -> pd.Series:
    """The longest days overdue of each borrower."""
    return servicing.days_overdue(state).groupby(state["borrower_id"]).max()


def _ties(parties: pd.DataFrame, borrowers: pd.DataFrame) -> pd.DataFrame:
    """borrower_id, by, key: what each borrower can be tied by."""
    kin = parties[parties["relation"].isin(KIN)]
    own = borrowers[["borrower_id", "credit_code"]]
    controlled = kin.loc[kin["relation"] == "controller", ["borrower_id", "name"]]
    named = kin.loc[kin["relation"] != "controller", ["borrower_id", "controller"]]
    parts = [
        *(part.rename(columns={"credit_code": "key"})[["borrower_id", "key"]].assign(by="code") for part in (own, kin)),
        controlled.rename(columns={"name": "key"}).assign(by="controller"),
        named.rename(columns={"controller": "key"}).assign(by="controller"),
    ]
    told = pd.concat(parts, ignore_index=True).dropna(subset="key")
    told = told[told["key"].astype(str).str.strip() != ""]
    return told[told["borrower_id"].isin(borrowers["borrower_id"])].drop_duplicates()


def _members(ties: pd.DataFrame) -> pd.DataFrame:
    """borrower_id, group, members, by: of borrowers tied to another."""
    shared = ties[ties.groupby(["by", "key"])["borrower_id"].transform("nunique") > 1]
    graph = nx.Graph((("borrower", row.borrower_id), (row.by, row.key)) for row in shared.itertuples())
    rows = []
    for part in nx.connected_components(graph):
        ids = sorted(name for kind, name in part if kind == "borrower")
        by = ",".join(sorted({kind for kind, _ in part} - {"borrower"}))
        rows += [(borrower_id, ids[0], len(ids), by) for borrower_id in ids]
    return pd.DataFrame(rows, columns=["borrower_id", "group", "members", "by"])
