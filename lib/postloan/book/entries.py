"""Rows as they enter the book's tables: facts appended, borrowers filled in."""

from __future__ import annotations

import datetime as dt

import pandas as pd
import sqlalchemy as sa

from postloan import tables
from postloan.book import schema


def append(connection: sa.Connection, table: sa.Table, facts: pd.DataFrame, intake: tables.Intake) -> None:
    """Append facts of one file, and the import they came with."""
    entry = dict(file=intake.file, kind=intake.kind, imported_at=dt.datetime.now(), read=intake.read, added=len(facts))
    import_id = connection.execute(schema.imports.insert().values(**entry)).inserted_primary_key[0]
    days = {name: column.dt.date for name, column in facts.select_dtypes("datetime").items()}
    rows = facts.assign(import_id=import_id, **days)
    blank = rows.columns[rows.isna().any()]
    rows = rows.assign(**{name: rows[name].astype(object).where(rows[name].notna(), None) for name in blank})
    connection.execute(table.insert(), rows.to_dict("records"))


def save_borrowers(connection: sa.Connection, master: pd.DataFrame) -> None:
    """Insert borrowers; for known ones fill or replace only the fields the file states."""
    table = schema.borrowers
    known = set(connection.execute(sa.select(table.c.borrower_id)).scalars())
    for record in master.to_dict("records"):
        stated = {name: value for name, value in record.items() if not pd.isna(value)}
        if isinstance(stated.get("first_drawdown"), pd.Timestamp):
            stated["first_drawdown"] = stated["first_drawdown"].date()
        if record["borrower_id"] not in known:
            connection.execute(table.insert().values(**{"name": record["borrower_id"], "synthetic": False, **stated}))
        elif len(stated) > 1:
            mine = table.c.borrower_id == stated.pop("borrower_id")
            connection.execute(table.update().where(mine).values(**stated))
