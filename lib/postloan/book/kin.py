"""Who may belong to one group with a borrower: those tied to it by a credit code or a controller, step by step."""

from __future__ import annotations

import networkx as nx
import sqlalchemy as sa

from postloan.book import schema
from postloan.loan_tables import KIN


def reached(connection: sa.Connection, start: str, known_on: object) -> list[str]:
    """Ids of borrowers that share a credit code or a controller's name with `start`, or with one so reached, and
    itself; by what was known on a day. Versions since replaced count too, so that some may turn out not to be kin.

    Asked once a step: one borrower costs the same in a book of any size.
    """
    ties, found, wanted = _ties(known_on), {start}, {start}
    while wanted:
        rows = connection.execute(sa.select(ties).where(ties.c.borrower_id.in_(wanted))).all()
        shared = [
            column.in_({value for row in rows if (value := getattr(row, column.name))})
            for column in (ties.c.credit_code, ties.c.controller)
        ]
        holders = sa.select(ties.c.borrower_id).where(sa.or_(*shared))
        wanted = {*connection.execute(holders).scalars()} - found
        found |= wanted
    return sorted(found)


def groups(connection: sa.Connection, known_on: object) -> dict[str, list[str]]:
    """`reached` for every borrower that has kin, in one pass over the book."""
    graph = nx.Graph()
    for borrower, *keys in connection.execute(sa.select(_ties(known_on))):
        graph.add_edges_from((("borrower", borrower), (kind, key)) for kind, key in enumerate(keys) if key)
    parts = ([name for kind, name in part if kind == "borrower"] for part in nx.connected_components(graph))
    return {each: sorted(part) for part in parts if len(part) > 1 for each in part}


def _ties(known_on: object) -> sa.Subquery:
    """What ties borrowers to one another: borrower_id, credit_code, controller."""
    parties, borrowers = schema.metadata.tables["parties"], schema.borrowers
    controller = sa.case((parties.c.relation == "controller", parties.c.name), else_=parties.c.controller)
    told = sa.select(parties.c.borrower_id, parties.c.credit_code, controller.label("controller"))
    told = told.where(parties.c.relation.in_(KIN), parties.c.known_on <= known_on)
    own = sa.select(borrowers.c.borrower_id, borrowers.c.credit_code, sa.cast(sa.null(), sa.String))
    return sa.union_all(told, own).subquery()
