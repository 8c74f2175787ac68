"""What tells, without reading a report's inputs into tables, whether they are still the same."""

from __future__ import annotations

import datetime as dt
import hashlib

import pandas as pd
import sqlalchemy as sa

from postloan.book import schema
from postloan.loan_tables import LOAN_TABLES

_EXACT = sa.Numeric().with_variant(sa.Double(), "sqlite")  # PostgreSQL adds in any order, which only exact sums stand
FACTS = ("statements", "observations", *LOAN_TABLES)


def rows(connection: sa.Connection, borrower_id: str | None, as_of: str | dt.date) -> str:
    """SHA-256 of a borrower's master data (of all borrowers': None) and every version of its facts known on `as_of`."""
    digest = hashlib.sha256()
    for name in ("borrowers", *FACTS, *(["indices"] if borrower_id is None else [])):
        table = schema.metadata.tables[name]
        own = [column for column in table.c if column.name not in ("id", "import_id")]
        query = sa.select(*own).order_by(*table.primary_key)
        if name != "borrowers":
            query = query.where(table.c.known_on <= pd.Timestamp(as_of).date())
        if borrower_id is not None:
            query = query.where(table.c.borrower_id == borrower_id)
        for part in connection.execute(query).partitions(1000):
            digest.update("".join(repr(tuple(row)) for row in part).encode())
    return digest.hexdigest()


def statements(connection: sa.Connection, as_of: str | dt.date) -> dict[str, str]:
    """By borrower, what changes with any statement fact known on `as_of`; cheap for a whole book, to which facts are
    only ever added."""
    table = schema.statements
    told = [sa.func.count(), sa.func.max(table.c.id), sa.func.sum(sa.cast(table.c.amount, _EXACT))]
    query = sa.select(table.c.borrower_id, *told).where(table.c.known_on <= pd.Timestamp(as_of).date())
    return {row[0]: repr(tuple(row)[1:]) for row in connection.execute(query.group_by(table.c.borrower_id))}


def newest(connection: sa.Connection, as_of: str | dt.date) -> dict[str, tuple[dt.date, dt.datetime]]:
    """By borrower, the last day on which a fact became known and the last time one was imported, up to `as_of`."""
    found: dict[str, tuple[dt.date, dt.datetime]] = {}
    for name in FACTS:
        table, imports = schema.metadata.tables[name], schema.imports
        query = sa.select(table.c.borrower_id, sa.func.max(table.c.known_on), sa.func.max(imports.c.imported_at))
        query = query.join(imports, imports.c.id == table.c.import_id).group_by(table.c.borrower_id)
        for borrower, known, came in connection.execute(query.where(table.c.known_on <= pd.Timestamp(as_of).date())):
            before = found.get(borrower, (known, came))
            found[borrower] = (max(known, before[0]), max(came, before[1]))
    return found


def reviews(connection: sa.Connection, as_of: str | dt.date) -> dict[str, tuple[dt.date, dt.datetime]]:
    """By borrower, the as-of day of its newest borrower review up to `as_of` and when that was stored."""
    table = schema.reviews
    query = sa.select(table.c.borrower_id, table.c.as_of, table.c.stored_at).order_by(table.c.as_of, table.c.id)
    query = query.where(table.c.name == "postloan.borrower_review", table.c.as_of <= pd.Timestamp(as_of).date())
    return {borrower: (day, stored) for borrower, day, stored in connection.execute(query)}
