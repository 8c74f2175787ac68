"""Who may belong to one group with a borrower: those tied to it by a credit code or a controller, step by step."""

from __future__ import annotations

import networkx as nx
import sqlalchemy as sa

from postloan.book import schema
from postloan.loan_tables import KIN

Keys = tuple[set[str], set[str]]


def reached(connection: sa.Connection, start: str, known_on: object) -> list[str]:
    """Ids of borrowers that share a credit code or a controller's name with `start`, or with one so reached, and
    itself; by what was known on a day. Versions since replaced count too, so that some may turn out not to be kin.

    Asked once a step: one borrower costs the same in a book of any size.
    """
    found, wanted = {start}, {start}
    while wanted:
        codes, names = _keys(connection, wanted, known_on)
        wanted = _holders(connection, codes, names, known_on) - found
        found |= wanted
    return sorted(found)


def groups(connection: sa.Connection, known_on: object) -> dict[str, list[str]]:
    """`reached` for every borrower that has kin, in one pass over the book."""
    parties, borrowers = schema.metadata.tables["parties"], schema.borrowers
    told = sa.select(
        parties.c.borrower_id, parties.c.relation, parties.c.name, parties.c.credit_code, parties.c.controller
    )
    told = told.where(parties.c.relation.in_(KIN), parties.c.known_on <= known_on)
    graph = nx.Graph()
    for borrower, code in connection.execute(sa.select(borrowers.c.borrower_id, borrowers.c.credit_code)):
        _tie(graph, borrower, code=code)
    for row in connection.execute(told):
        name = row.name if row.relation == "controller" else row.controller
        _tie(graph, row.borrower_id, code=row.credit_code, name=name)
    parts = ([name for kind, name in part if kind == "borrower"] for part in nx.connected_components(graph))
    return {each: sorted(part) for part in parts if len(part) > 1 for each in part}


def _tie(graph: nx.Graph, borrower: str, **keys: str | None) -> None:
    graph.add_edges_from((("borrower", borrower), (kind, key)) for kind, key in keys.items() if key)


def _keys(connection: sa.Connection, ids: set[str], known_on: object) -> Keys:
    """Credit codes and controllers by which these borrowers can be tied to others."""
    parties, borrowers = schema.metadata.tables["parties"], schema.borrowers
    told = sa.select(parties.c.relation, parties.c.name, parties.c.credit_code, parties.c.controller)
    told = told.where(parties.c.borrower_id.in_(ids), parties.c.relation.in_(KIN), parties.c.known_on <= known_on)
    own = sa.select(borrowers.c.credit_code).where(borrowers.c.borrower_id.in_(ids))
    rows = connection.execute(told).all()
    codes = {row.credit_code for row in rows} | set(connection.execute(own).scalars())
    names = {row.name if row.relation == "controller" else row.controller for row in rows}
    return {code for code in codes if code}, {name for name in names if name}


def _holders(connection: sa.Connection, codes: set[str], names: set[str], known_on: object) -> set[str]:
    """The borrowers that have one of these credit codes or controllers."""
    parties, borrowers = schema.metadata.tables["parties"], schema.borrowers
    controlled = sa.case((parties.c.relation == "controller", parties.c.name), else_=parties.c.controller)
    tied = sa.select(parties.c.borrower_id).where(parties.c.relation.in_(KIN), parties.c.known_on <= known_on)
    tied = tied.where(sa.or_(parties.c.credit_code.in_(codes), controlled.in_(names)))
    own = sa.select(borrowers.c.borrower_id).where(borrowers.c.credit_code.in_(codes))
    return {*connection.execute(tied).scalars(), *connection.execute(own).scalars()}
