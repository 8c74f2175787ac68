"""Books of many borrowers for benchmarks: the sample's borrowers copied under other names, inside the database."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

from postloan.book import sample
from postloan.book.schema import metadata
from postloan.book.store import open_book

SEEDS = 32  # borrowers of the sample that are copied
_NAMED = ("borrower_id", "credit_code", "borrower_ref", "name", "controller")  # what would make a copy kin of its model


def make(file: Path, borrowers: int) -> str:
    """A book file of about so many borrowers with everything the sample knows of them; returns its address."""
    address = f"sqlite:///{file}"
    book = open_book(address)
    book.add(sample.make(1, SEEDS))
    engine = sa.create_engine(address)
    with engine.begin() as connection:
        for table in metadata.sorted_tables:
            if "borrower_id" in table.c:
                _copy(connection, table, borrowers // SEEDS)
    engine.dispose()
    return address


def _copy(connection: sa.Connection, table: sa.Table, copies: int) -> None:
    first = sa.select(sa.literal(1).label("n")).where(sa.literal(copies) > 1).cte("copies", recursive=True)
    numbers = first.union_all(sa.select(first.c.n + 1).where(first.c.n < copies - 1))
    columns = [column for column in table.columns if column.name != "id"]
    mark = sa.literal("_") + sa.cast(numbers.c.n, sa.String)
    told = [column + mark if column.name in _NAMED else column for column in columns]
    every = sa.select(*told).select_from(table.join(numbers, sa.true()))
    connection.execute(sa.insert(table).from_select([column.name for column in columns], every))
