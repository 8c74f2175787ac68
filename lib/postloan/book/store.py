"""Open the book, append facts, read them as they were known on a day."""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import sqlalchemy as sa

from postloan import backers, chart, loan_flags, loan_rows, loan_tables, tables
from postloan.book import actions as followed
from postloan.book import backing, connecting, entries, kin, news, refusals, schema
from postloan.book import marks as facts
from postloan.book.news import FACT_COLUMNS
from postloan.errors import ContractError, SourceError
from postloan.loan_tables import LOAN_TABLES
from postloan.settings import book_address, shown


@dataclass
class ImportResult:
    """What one import did: counts of figures, the refused rows and what an officer should know."""

    file: str
    kind: str
    read: int
    added: int = 0
    unchanged: int = 0
    refusals: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=tables.REFUSAL_COLUMNS))
    unmapped: dict[str, int] = field(default_factory=dict)
    flags: pd.DataFrame = field(default_factory=pd.DataFrame)
    notes: list[str] = field(default_factory=list)

    @property
    def refused(self) -> int:
        """Number of refused rows; where it is not 0 nothing of the file was written."""
        return len(self.refusals)


class Book:
    """A book of borrowers. Open one with `open_book`."""

    def __init__(self, engine: sa.Engine):
        self._engine = engine

    def borrowers(self, borrower_id: str | None = None) -> pd.DataFrame:
        """All borrowers, or one, by id. SourceError lists the known ids when it is not in the book."""
        table = schema.borrowers
        query = sa.select(table).order_by(table.c.borrower_id)
        found = self._frame(query.where(*_among(table, borrower_id)), dates=["first_drawdown"])
        if borrower_id is not None and found.empty:
            first = self._frame(query.limit(20), dates=[])["borrower_id"]
            known = ", ".join(first) or "none: import a file or build the sample book first"
            raise SourceError(f"borrower {borrower_id!r} is not in {self}; known: {known}")
        return found

    def borrower(self, borrower_id: str) -> dict:
        """One borrower's master data as a mapping, missing fields as None."""
        row = self.borrowers(borrower_id).iloc[0]
        return {name: None if pd.isna(value) else value for name, value in row.items()}

    def statements(
        self,
        borrower_id: str | list[str] | None = None,
        *,
        as_of: str | dt.date,
        since: str | dt.date | pd.Timestamp | None = None,
    ) -> pd.DataFrame:
        """Statement facts known on `as_of`, the latest version of each, with derivable totals filled in.

        With `since` only of periods that end on that day or later.

        Returns the `statements` table plus `derived` (True where an identity of the chart gave the figure;
        `source` then names it). Amounts in the currency's basic unit.
        """
        facts = self._facts(borrower_id, as_of, since)
        if facts.empty:
            raise SourceError(self._nothing_known(borrower_id, as_of))
        return tables.check(chart.with_derived(facts), "statements")

    def _nothing_known(self, borrower_id: str | list[str] | None, as_of: str | dt.date) -> str:
        table = schema.statements
        query = sa.select(sa.func.min(table.c.known_on))
        query = query.where(*_among(table, borrower_id))
        with self._engine.connect() as connection:
            first = connection.execute(query).scalar()
        hint = f"first known on {first}" if first else "none in the book at all"
        return f"{borrower_id or 'the book'}: no statements known on {as_of}; {hint}"

    def observations(self, borrower_id: str | list[str] | None = None, *, as_of: str | dt.date) -> pd.DataFrame:
        """What was observed and known on `as_of`: the `observations` table, the newest word on each day's fact."""
        table = schema.observations
        query = sa.select(*(table.c[name] for name in tables.SCHEMAS["observations"].columns)).order_by(table.c.id)
        query = query.where(table.c.known_on <= _day(as_of), *_among(table, borrower_id))
        seen = self._frame(query, dates=["observed_on", "known_on"]).sort_values("known_on", kind="stable")
        latest = seen.drop_duplicates(["borrower_id", "metric", "observed_on"], keep="last")
        return tables.check(latest.sort_values(tables.SEEN_KEY, ignore_index=True), "observations")

    def indices(self, series: list[str] | None = None, *, as_of: str | dt.date) -> pd.DataFrame:
        """Index series (all or some) as known on `as_of`: the `indices` table, the newest word on each period."""
        table, day = schema.indices, _day(as_of)
        some = [] if series is None else [table.c.series.in_(series)]
        with self.reading() as connection:
            rows = self._held(connection, "indices", table.c.known_on <= day, *some)
        if rows.empty:
            rows = pd.DataFrame(columns=[*tables.SCHEMAS["indices"].columns])
            return rows.astype({"value": float, "period_end": "datetime64[us]", "known_on": "datetime64[us]"})
        rows = rows.sort_values("known_on", kind="stable").drop_duplicates(tables.INDEX_KEY, keep="last")
        return rows.sort_values(tables.INDEX_KEY, ignore_index=True)

    def rows(self, table: str, borrower_id: str | list[str] | None = None, *, as_of: str | dt.date) -> pd.DataFrame:
        """A loan table (`loan_tables.LOAN_TABLES`) as known on `as_of`: the newest version of each key.

        Dates are datetime64[us], amounts in the basic unit of their currency. A schedule is the newest whole one.
        """
        return loan_rows.newest(self.versions(table, borrower_id, as_of=as_of), table)

    def versions(self, table: str, borrower_id: str | list[str] | None = None, *, as_of: str | dt.date) -> pd.DataFrame:
        """Every version of a loan table's rows that was known on `as_of`, the oldest first."""
        if table not in LOAN_TABLES:
            raise SourceError(f"unknown loan table {table!r}; known: {', '.join(LOAN_TABLES)}")
        held, columns = schema.metadata.tables[table], loan_tables.columns_of(table)
        query = sa.select(*_plain(held, columns)).where(held.c.known_on <= _day(as_of), *_among(held, borrower_id))
        with self._engine.connect() as connection:
            rows = connection.execute(query.order_by(held.c.known_on, held.c.id)).all()
        cells = dict(zip(columns, zip(*rows, strict=True) if rows else [()] * len(columns), strict=True))
        days = [name for name, each in columns.items() if each.kind == "day"]
        return loan_rows.checked(cells | {name: np.array(cells[name], "datetime64[us]") for name in days}, table)

    def loan_side(self, borrower_id: str | list[str] | None = None, *, as_of: str | dt.date) -> dict[str, pd.DataFrame]:
        """Every loan table by name, as known on `as_of`; `plans` and `valuations` hold every version of schedules and
        collateral, `backers` the guarantors and those behind them (backing.chain)."""
        told = {"plans": "schedule", "valuations": "collateral"}
        side = {name: self.rows(name, borrower_id, as_of=as_of) for name in LOAN_TABLES if name not in told.values()}
        for all_, name in told.items():
            side[all_] = self.versions(name, borrower_id, as_of=as_of)
            side[name] = loan_rows.newest(side[all_], name)
        behind = backing.chain(lambda ids: self.rows("guarantors", ids, as_of=as_of), self._owners, borrower_id)
        return {**side, "backers": behind}

    def kin(self, borrower_id: str, *, as_of: str | dt.date) -> list[str]:
        """Ids of the borrowers that may be of one group with this one, and its own (kin.reached)."""
        with self._engine.connect() as connection:
            return kin.reached(connection, borrower_id, _day(as_of))

    def kins(self, *, as_of: str | dt.date) -> dict[str, list[str]]:
        """`kin` of every borrower that has any."""
        with self._engine.connect() as connection:
            return kin.groups(connection, _day(as_of))

    def _owners(self, codes: list[str] | None) -> pd.Series:
        """Borrowers by credit code, those of some codes or all."""
        table = schema.borrowers
        query = sa.select(table.c.credit_code, table.c.borrower_id).where(table.c.credit_code.is_not(None))
        query = query.order_by(table.c.borrower_id)
        query = query if codes is None else query.where(table.c.credit_code.in_(codes))
        return backers.owners(self._frame(query, []))

    def last_review(self, borrower_id: str, *, before: str | dt.date, name: str = "postloan.borrower_review") -> dict:
        """The record of the newest stored review earlier than `before`; empty when there is none."""
        table = schema.reviews
        query = sa.select(table.c.record).where(table.c.borrower_id == borrower_id, table.c.name == name)
        query = query.where(table.c.as_of < _day(before))
        with self._engine.connect() as connection:
            found = connection.execute(query.order_by(table.c.as_of.desc(), table.c.id.desc())).scalar()
        return json.loads(found) if found else {}

    def last_reviews(
        self, borrower_id: str | list[str] | None = None, *, before: str | dt.date,
        name: str = "postloan.borrower_review",
    ) -> dict[str, dict]:  # fmt: skip
        """The newest stored review earlier than `before` of each borrower (None: of all), by borrower."""
        table = schema.reviews
        query = sa.select(table.c.borrower_id, table.c.record).where(table.c.name == name, *_among(table, borrower_id))
        query = query.where(table.c.as_of < _day(before)).order_by(table.c.as_of, table.c.id)
        with self._engine.connect() as connection:
            newest = dict(tuple(row) for row in connection.execute(query))
        return {borrower: json.loads(record) for borrower, record in newest.items()}

    def save_review(self, record: dict, *, today: dt.date | None = None) -> bool:
        """Store a review's record and enter, carry or close its actions; False when it is stored already.

        ContractError for a record of a day that has not come: every later review would look back on it.
        """
        day, today = dt.date.fromisoformat(record["as_of"]), today or dt.date.today()
        if day > today:
            said = f"record {record['name']!r} of {record['borrower_id']}"
            raise ContractError(f"{said}: as_of {day}: expected {today} (today) or earlier; nothing was stored")
        mark = {"borrower_id": record["borrower_id"], "as_of": day, "name": record["name"]}
        mark["fingerprint"] = record.get("fingerprint") or ""
        with connecting.writing(self._engine) as connection:
            same = sa.select(schema.reviews.c.id).filter_by(**mark)
            if connection.execute(same).first():
                return False
            text = json.dumps(record, ensure_ascii=False)
            connection.execute(schema.reviews.insert().values(**mark, stored_at=dt.datetime.now(), record=text))
            followed.follow_up(connection, record, day)
        return True

    def actions(
        self, borrower_id: str | None = None, *, as_of: str | dt.date, entered_before: str | dt.date | None = None
    ) -> pd.DataFrame:
        """Actions entered up to `as_of` (or before a day) and still open on `as_of`, the earliest due first.

        With `entered_before`, what reviews of that day and later closed or raised is as it was before them. `opened_on`
        is the day an action was first entered.
        """
        table, day = schema.actions, _day(as_of)
        before = None if entered_before is None else pd.Timestamp(entered_before).date()
        query = sa.select(table).where(followed.held(day, before), *_among(table, borrower_id))
        dates = ["opened_on", "due", "closed_on"]
        found = self._frame(query.order_by(table.c.due, table.c.id), dates)
        raised = sa.select(table).where(table.c.result == followed.RAISED, *_among(table, borrower_id))
        found["opened_on"] = followed.first_opened(found, self._frame(raised, dates))
        blank = pd.Series(pd.NaT, found.index, found["due"].dtype)
        return found.drop(columns=["id"]).assign(closed_on=blank, result=None)

    def close_action(self, borrower_id: str, rule: str, *, on: str | dt.date, result: str) -> None:
        """Close a borrower's open action on a rule; SourceError lists the open ones when there is none."""
        table, day = schema.actions, pd.Timestamp(on).date()
        mine = sa.and_(table.c.borrower_id == borrower_id, table.c.closed_on.is_(None), table.c.opened_on <= day)
        with connecting.writing(self._engine) as connection:
            done = connection.execute(
                table.update().where(mine, table.c.rule == rule).values(closed_on=day, result=result)
            )
            if not done.rowcount:
                known = ", ".join(connection.execute(sa.select(table.c.rule).where(mine)).scalars()) or "none"
                raise SourceError(f"{borrower_id}: no open action on {rule!r}; open: {known}")

    def fingerprint(self, borrower_id: str | None = None, *, as_of: str | dt.date) -> str:
        """SHA-256 of the rows a report on this borrower, or on the whole book, reads on that day."""
        one = borrower_id is not None
        last = [self.last_review(borrower_id, before=as_of)] if one else self.last_reviews(before=as_of).values()
        marks = [f"{each.get('as_of')} {each.get('fingerprint')}" for each in last]
        marks.append(self.actions(borrower_id, as_of=as_of, entered_before=as_of).to_csv(index=False))
        with self.reading() as connection:
            held = facts.rows(connection, borrower_id, as_of)
        return hashlib.sha256("\0".join([*marks, held]).encode()).hexdigest()

    def reading(self) -> sa.Connection:
        """A connection to read with, to be closed by `with`."""
        return self._engine.connect()

    def add(self, intake: tables.Intake, *, today: dt.date | None = None) -> ImportResult:
        """Append what a reader made of one file: all of it, or nothing when any row is refused.

        Figures the book already knows are left alone; a changed amount is added as a later fact.
        """
        result = ImportResult(intake.file, intake.kind, intake.read, unmapped=intake.unmapped, notes=list(intake.notes))
        today = pd.Timestamp(today or dt.date.today())
        found = {name: _checked(frame, name) for name, frame in intake.tables.items()}
        with connecting.writing(self._engine) as connection:
            result.refusals = refusals.of(intake, found, *self._names(connection, found), today)
            if result.refused:
                return result
            if "borrowers" in found:
                entries.save_borrowers(connection, found["borrowers"])
            for name, frame in found.items():
                if name != "borrowers" and len(frame):
                    new = self._news(connection, name, frame, today)
                    result.added, result.unchanged = result.added + len(new), result.unchanged + len(frame) - len(new)
                    if len(new):
                        entries.append(connection, schema.metadata.tables[name], new, intake)
        if "statements" in found:
            result.flags = self._flags(found["statements"], today)
        if touched := [name for name in loan_flags.TABLES if name in found]:
            mine = list(set().union(*(found[name]["borrower_id"] for name in touched)))
            held = {name: self.rows(name, mine, as_of=today) for name in loan_flags.TABLES}
            result.notes += loan_flags.notes(loan_flags.found(held))
        return result

    def _news(self, connection: sa.Connection, name: str, frame: pd.DataFrame, today: pd.Timestamp) -> pd.DataFrame:
        """The rows of a file's table that the book does not know yet."""
        if name == "indices":
            return news.of_indices(frame, self._held(connection, name), today)
        history = self._history(connection, name, frame["borrower_id"].unique().tolist())
        if name == "statements":
            return news.of_statements(frame, history, today)
        return (
            news.of_observations(frame, history)
            if name == "observations"
            else news.of_loan_table(frame, history, name, today)
        )

    def _names(self, connection: sa.Connection, found: dict[str, pd.DataFrame]) -> tuple[set[str], refusals.Known]:
        """The borrowers, and the (borrower, id) pairs of loans and contacts, that the book or the file knows."""
        borrowers = set(connection.execute(sa.select(schema.borrowers.c.borrower_id)).scalars())
        borrowers |= set(found["borrowers"]["borrower_id"] if "borrowers" in found else ())
        pairs: refusals.Known = {}
        for name in {other for table in found if table in LOAN_TABLES for other in LOAN_TABLES[table].refers.values()}:
            table, ident = schema.metadata.tables[name], LOAN_TABLES[name].key[0]
            pairs[name] = {tuple(row) for row in connection.execute(sa.select(table.c.borrower_id, table.c[ident]))}
            if name in found:
                pairs[name] |= set(found[name][["borrower_id", ident]].itertuples(index=False, name=None))
        return borrowers, pairs

    def _flags(self, facts: pd.DataFrame, today: pd.Timestamp) -> pd.DataFrame:
        """Flags on the periods of `facts`, seen beside their neighbours already in the book."""
        flags = tables.statement_flags(self.statements(facts["borrower_id"].unique().tolist(), as_of=today))
        return flags.merge(facts[["borrower_id", "period_end"]].drop_duplicates())

    def _history(self, connection: sa.Connection, name: str, borrowers: list[str]) -> pd.DataFrame:
        """All versions of a table's rows of these borrowers, the oldest first."""
        return self._held(connection, name, *_among(schema.metadata.tables[name], borrowers))

    def _held(self, connection: sa.Connection, name: str, *which: sa.ColumnElement) -> pd.DataFrame:
        """All versions of a table's rows for which the conditions hold, the oldest first."""
        table = schema.metadata.tables[name]
        rows = pd.read_sql(sa.select(table).where(*which).order_by(table.c.id), connection)
        rows = rows.drop(columns=["id", "import_id"])
        return _checked(rows, name) if len(rows) else rows

    def _facts(
        self, borrower_id: str | list[str] | None, as_of: str | dt.date, since: str | dt.date | None = None
    ) -> pd.DataFrame:
        table = schema.statements
        query = sa.select(*_plain(table, FACT_COLUMNS))
        query = query.where(table.c.known_on <= _day(as_of), *_among(table, borrower_id))
        if since is not None:
            query = query.where(table.c.period_end >= pd.Timestamp(since).date())
        order = [*(table.c[name] for name in tables.FACT_KEY), table.c.known_on, table.c.id]  # an index has this order
        found = self._frame(query.order_by(*order), dates=["period_end", "known_on"])
        return found[~found.duplicated(tables.FACT_KEY, keep="last").to_numpy()].reset_index(drop=True)

    def _frame(self, query: sa.Select, dates: list[str]) -> pd.DataFrame:
        with self._engine.connect() as connection:
            return _dated(pd.read_sql(query, connection), dates)

    def __repr__(self) -> str:
        return f"Book({shown(self._engine.url.render_as_string(hide_password=False))})"


def open_book(name: str = "default") -> Book:
    """Open a book by name (`default`, `sample`) or address, making its tables at first use.

    SourceError when the address cannot be opened or holds something that is not a book.
    """
    return Book(connecting.engine(book_address(name)))


def _checked(frame: pd.DataFrame, name: str) -> pd.DataFrame:
    return loan_rows.checked(frame, name) if name in LOAN_TABLES else tables.check(frame, name)


def _dated(frame: pd.DataFrame, dates: list[str]) -> pd.DataFrame:
    return frame.assign(**{name: pd.to_datetime(frame[name]).astype("datetime64[us]") for name in dates})


def _plain(table: sa.Table, names: Iterable[str]) -> list[sa.ColumnElement]:
    """Columns as the database keeps them: pandas reads a column of days far faster than one day after another."""
    return [
        sa.type_coerce(column, sa.Text).label(column.name) if isinstance(column.type, sa.Date) else column
        for column in (table.c[name] for name in names)
    ]


def _day(day: str | dt.date) -> dt.date:
    """A day as the book compares it; SourceError for what is none."""
    with contextlib.suppress(ValueError):
        if isinstance(day, str | dt.date) and not pd.isna(found := pd.Timestamp(day)):
            return found.date()
    raise SourceError(f"day {day!r}: expected a date as text, such as '2026-05-15'")


def _among(table: sa.Table, borrower_id: str | list[str] | None) -> list[sa.ColumnElement]:
    """The condition that rows belong to these borrowers; very many ids are cheaper read whole."""
    if not isinstance(borrower_id, str | Iterable | None):
        raise SourceError(f"borrower {borrower_id!r}: expected text, as in the book; write it in quotes")
    ids = [borrower_id] if isinstance(borrower_id, str) else list(borrower_id or [])
    return [table.c.borrower_id.in_(ids)] if borrower_id is not None and len(ids) <= 500 else []
