"""The book's tables (SQLAlchemy Core; SQLite by default, PostgreSQL by address).

Statements are append-only facts: a restatement adds a row with a later `known_on`, nothing is overwritten.
"""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    Date,
    DateTime,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
)
from sqlalchemy.dialects.postgresql import VARCHAR

from postloan.loan_tables import LOAN_TABLES, columns_of

metadata = MetaData()

_ID = String(64).with_variant(VARCHAR(64, collation="C"), "postgresql")  # ordered by its letters alone, as SQLite does

imports = Table(
    "imports",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("file", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("imported_at", DateTime, nullable=False),
    Column("read", Integer, nullable=False),
    Column("added", Integer, nullable=False),
)

borrowers = Table(
    "borrowers",
    metadata,
    Column("borrower_id", _ID, primary_key=True),
    Column("name", Text, nullable=False),
    Column("name_en", Text),
    Column("industry", Text),
    Column("region", Text),
    Column("currency", String(3)),
    Column("credit_code", Text),
    Column("first_drawdown", Date),
    Column("synthetic", Boolean, nullable=False, default=False),
)

statements = Table(
    "statements",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("borrower_id", _ID, ForeignKey("borrowers.borrower_id"), nullable=False),
    Column("period_end", Date, nullable=False),
    Column("months", SmallInteger, nullable=False),
    Column("item", _ID, nullable=False),
    Column("amount", Double, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("known_on", Date, nullable=False),
    Column("source", Text, nullable=False),
    Column("import_id", Integer, ForeignKey("imports.id"), nullable=False),
    Index("statements_by_key", "borrower_id", "period_end", "months", "item", "known_on"),
)

observations = Table(
    "observations",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("borrower_id", _ID, ForeignKey("borrowers.borrower_id"), nullable=False),
    Column("metric", _ID, nullable=False),
    Column("value", Double, nullable=False),
    Column("observed_on", Date, nullable=False),
    Column("known_on", Date, nullable=False),
    Column("source", Text, nullable=False),
    Column("import_id", Integer, ForeignKey("imports.id"), nullable=False),
    Index("observations_by_key", "borrower_id", "metric", "observed_on"),
)

indices = Table(
    "indices",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("series", _ID, nullable=False),
    Column("period_end", Date, nullable=False),
    Column("value", Double, nullable=False),
    Column("unit", Text, nullable=False),
    Column("known_on", Date, nullable=False),
    Column("source", Text, nullable=False),
    Column("import_id", Integer, ForeignKey("imports.id"), nullable=False),
    Index("indices_by_key", "series", "period_end", "known_on"),
)

reviews = Table(
    "reviews",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("borrower_id", _ID, ForeignKey("borrowers.borrower_id"), nullable=False),
    Column("as_of", Date, nullable=False),
    Column("name", _ID, nullable=False),
    Column("fingerprint", _ID, nullable=False),
    Column("stored_at", DateTime, nullable=False),
    Column("record", Text, nullable=False),
    Index("reviews_by_key", "borrower_id", "name", "as_of"),
)

actions = Table(
    "actions",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("borrower_id", _ID, ForeignKey("borrowers.borrower_id"), nullable=False),
    Column("rule", _ID, nullable=False),
    Column("level", Text, nullable=False),
    Column("owner", Text, nullable=False),
    Column("opened_on", Date, nullable=False),
    Column("due", Date, nullable=False),
    Column("closed_on", Date),
    Column("result", Text),
    Index("actions_by_borrower", "borrower_id", "closed_on"),
)

_TYPES = {"day": Date, "text": Text}


def _loan_table(name: str) -> Table:
    """A table of the loan side, as the catalogue says."""
    columns = []
    for each, about in columns_of(name).items():
        kind = Text if isinstance(about.kind, tuple) else _TYPES.get(about.kind, Double)
        mine = [_ID, ForeignKey("borrowers.borrower_id")] if each == "borrower_id" else [kind]
        columns.append(Column(each, *mine, nullable=not about.required and each != "known_on"))
    return Table(
        name,
        metadata,
        Column("id", Integer, primary_key=True),
        *columns,
        Column("import_id", Integer, ForeignKey("imports.id"), nullable=False),
        Index(f"{name}_by_borrower", "borrower_id", "known_on"),
    )


for _name in LOAN_TABLES:
    _loan_table(_name)
