"""Open the book, append facts, read them as they were known on a day."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from dataclasses import dataclass, field

import pandas as pd
import sqlalchemy as sa

from postloan import chart, tables
from postloan.book import schema
from postloan.errors import SourceError
from postloan.settings import book_address

_FACT_COLUMNS = [*tables.FACT_KEY, "amount", "currency", "known_on", "source"]


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
        query = sa.select(schema.borrowers).order_by(schema.borrowers.c.borrower_id)
        frame = self._frame(query, dates=["first_drawdown"])
        if borrower_id is None:
            return frame
        found = frame[frame["borrower_id"] == borrower_id]
        if found.empty:
            known = ", ".join(frame["borrower_id"].head(20)) or "none: import a file or build the sample book first"
            raise SourceError(f"borrower {borrower_id!r} is not in {self}; known: {known}")
        return found.reset_index(drop=True)

    def borrower(self, borrower_id: str) -> dict:
        """One borrower's master data as a mapping, missing fields as None."""
        row = self.borrowers(borrower_id).iloc[0]
        return {name: None if pd.isna(value) else value for name, value in row.items()}

    def statements(self, borrower_id: str | list[str] | None = None, *, as_of: str | dt.date) -> pd.DataFrame:
        """Statement facts known on `as_of`, the latest version of each, with derivable totals filled in.

        Returns the `statements` table plus `derived` (True where an identity of the chart gave the figure;
        `source` then names it). Amounts in the currency's basic unit.
        """
        facts = self._facts(borrower_id, as_of)
        if facts.empty:
            raise SourceError(self._nothing_known(borrower_id, as_of))
        return tables.check(_with_derived(facts), "statements")

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
        query = query.where(table.c.known_on <= pd.Timestamp(as_of).date(), *_among(table, borrower_id))
        seen = self._frame(query, dates=["observed_on", "known_on"]).sort_values("known_on", kind="stable")
        latest = seen.drop_duplicates(["borrower_id", "metric", "observed_on"], keep="last")
        return tables.check(latest.sort_values(tables.SEEN_KEY, ignore_index=True), "observations")

    def last_review(self, borrower_id: str, *, before: str | dt.date, name: str = "postloan.borrower_review") -> dict:
        """The record of the newest stored review earlier than `before`; empty when there is none."""
        table = schema.reviews
        query = sa.select(table.c.record).where(table.c.borrower_id == borrower_id, table.c.name == name)
        query = query.where(table.c.as_of < pd.Timestamp(before).date())
        with self._engine.connect() as connection:
            found = connection.execute(query.order_by(table.c.as_of.desc(), table.c.id.desc())).scalar()
        return json.loads(found) if found else {}

    def last_reviews(self, *, before: str | dt.date, name: str = "postloan.borrower_review") -> dict[str, dict]:
        """The record of each borrower's newest stored review earlier than `before`, by borrower."""
        table = schema.reviews
        query = sa.select(table.c.borrower_id, table.c.record).where(table.c.name == name)
        query = query.where(table.c.as_of < pd.Timestamp(before).date()).order_by(table.c.as_of, table.c.id)
        with self._engine.connect() as connection:
            newest = dict(tuple(row) for row in connection.execute(query))
        return {borrower: json.loads(record) for borrower, record in newest.items()}

    def save_review(self, record: dict) -> bool:
        """Store a review's record and enter, carry or close its actions; False when it is stored already."""
        day = dt.date.fromisoformat(record["as_of"])
        mark = {"borrower_id": record["borrower_id"], "as_of": day, "name": record["name"]}
        mark["fingerprint"] = record.get("fingerprint") or ""
        with self._engine.begin() as connection:
            same = sa.select(schema.reviews.c.id).filter_by(**mark)
            if connection.execute(same).first():
                return False
            text = json.dumps(record, ensure_ascii=False)
            connection.execute(schema.reviews.insert().values(**mark, stored_at=dt.datetime.now(), record=text))
            _follow_up(connection, record, day)
        return True

    def actions(
        self, borrower_id: str | None = None, *, as_of: str | dt.date, entered_before: str | dt.date | None = None
    ) -> pd.DataFrame:
        """Actions entered up to `as_of` (or before a day) and still open on `as_of`, the earliest due first."""
        table, day = schema.actions, pd.Timestamp(as_of).date()
        still = sa.or_(table.c.closed_on.is_(None), table.c.closed_on > day)
        query = sa.select(table).where(table.c.opened_on <= day, still, *_among(table, borrower_id))
        if entered_before is not None:
            query = query.where(table.c.opened_on < pd.Timestamp(entered_before).date())
        found = self._frame(query.order_by(table.c.due, table.c.id), dates=["opened_on", "due", "closed_on"])
        return found.drop(columns=["id"])

    def fingerprint(self, borrower_id: str, *, as_of: str | dt.date) -> str:
        """SHA-256 of the rows a report on this borrower reads on that day."""
        facts = [self._facts(borrower_id, as_of), self.observations(borrower_id, as_of=as_of)]
        rows = [pd.util.hash_pandas_object(frame.astype(str), index=False).to_numpy().tobytes() for frame in facts]
        master = repr(sorted(self.borrower(borrower_id).items(), key=lambda pair: pair[0])).encode()
        last = self.last_review(borrower_id, before=as_of)
        earlier = f"{last.get('as_of')} {last.get('fingerprint')}".encode()
        return hashlib.sha256(b"\0".join([*rows, master, earlier])).hexdigest()

    def add(self, intake: tables.Intake, *, today: dt.date | None = None) -> ImportResult:
        """Append what a reader made of one file: all of it, or nothing when any row is refused.

        Figures the book already knows are left alone; a changed amount is added as a later fact.
        """
        result = ImportResult(intake.file, intake.kind, intake.read, unmapped=intake.unmapped, notes=list(intake.notes))
        today = pd.Timestamp(today or dt.date.today())
        facts = tables.check(intake.tables["statements"], "statements") if "statements" in intake.tables else None
        master = tables.check(intake.tables["borrowers"], "borrowers") if "borrowers" in intake.tables else None
        seen = tables.check(intake.tables["observations"], "observations") if "observations" in intake.tables else None
        refusals = [intake.refusals, _future(facts, today, intake.file), _contradictions(facts, intake.file)]
        refusals += [_future(seen, today, intake.file, "observed_on")]
        refusals += [self._strangers(frame, master, intake.file) for frame in (facts, seen)]
        result.refusals = pd.concat([part for part in refusals if len(part)] or refusals[:1], ignore_index=True)
        if result.refused:
            return result
        with self._engine.begin() as connection:
            if master is not None:
                _save_borrowers(connection, master)
            if facts is not None:
                new = _unknown(facts, self._history(connection, facts), today)
                result.added, result.unchanged = len(new), len(facts) - len(new)
                if len(new):
                    _append(connection, schema.statements, new, intake)
            if seen is not None:
                new = _unseen(seen, self._seen(connection, seen))
                result.added, result.unchanged = result.added + len(new), result.unchanged + len(seen) - len(new)
                if len(new):
                    _append(connection, schema.observations, new, intake)
        if facts is not None:
            result.flags = self._flags(facts, today)
        return result

    def _flags(self, facts: pd.DataFrame, today: pd.Timestamp) -> pd.DataFrame:
        """Flags on the periods of `facts`, seen beside their neighbours already in the book."""
        flags = tables.statement_flags(self.statements(facts["borrower_id"].unique().tolist(), as_of=today))
        return flags.merge(facts[["borrower_id", "period_end"]].drop_duplicates())

    def _strangers(self, facts: pd.DataFrame | None, master: pd.DataFrame | None, file: str) -> pd.DataFrame:
        """Refuse facts about borrowers nobody has named."""
        if facts is None:
            return _refusals([])
        known = set(self.borrowers()["borrower_id"]) | set(master["borrower_id"] if master is not None else ())
        unknown = facts.loc[~facts["borrower_id"].isin(known)].drop_duplicates("borrower_id")
        return _refusals(
            [
                (
                    file,
                    None,
                    row.source,
                    "borrower_id",
                    row.borrower_id,
                    "a borrower in the book or in this file",
                )
                for row in unknown.itertuples()
            ]
        )

    def _seen(self, connection: sa.Connection, seen: pd.DataFrame) -> pd.DataFrame:
        table = schema.observations
        query = sa.select(*(table.c[name] for name in [*tables.SEEN_KEY, "value"]))
        query = query.where(*_among(table, seen["borrower_id"].unique().tolist()))
        return _dated(pd.read_sql(query, connection), ["observed_on", "known_on"])

    def _history(self, connection: sa.Connection, facts: pd.DataFrame) -> pd.DataFrame:
        table = schema.statements
        query = sa.select(*(table.c[name] for name in _FACT_COLUMNS)).order_by(table.c.id)
        query = query.where(*_among(table, facts["borrower_id"].unique().tolist()))
        return _dated(pd.read_sql(query, connection), ["period_end", "known_on"])

    def _facts(self, borrower_id: str | list[str] | None, as_of: str | dt.date) -> pd.DataFrame:
        table = schema.statements
        newest = sa.func.row_number().over(
            partition_by=[table.c[name] for name in tables.FACT_KEY],
            order_by=[table.c.known_on.desc(), table.c.id.desc()],
        )
        query = sa.select(*(table.c[name] for name in _FACT_COLUMNS), newest.label("newest"))
        query = query.where(table.c.known_on <= pd.Timestamp(as_of).date(), *_among(table, borrower_id))
        ranked = query.subquery()
        columns = [ranked.c[name] for name in _FACT_COLUMNS]
        picked = sa.select(*columns).where(ranked.c.newest == 1).order_by(*columns[:4])
        return self._frame(picked, dates=["period_end", "known_on"])

    def _frame(self, query: sa.Select, dates: list[str]) -> pd.DataFrame:
        with self._engine.connect() as connection:
            return _dated(pd.read_sql(query, connection), dates)

    def __repr__(self) -> str:
        return f"Book({self._engine.url.render_as_string(hide_password=True)})"


def open_book(name: str = "default") -> Book:
    """Open a book by name (`default`, `sample`) or address, making its tables at first use.

    SourceError when the address cannot be opened or holds something that is not a book.
    """
    address = book_address(name)
    try:
        engine = sa.create_engine(address)
        schema.metadata.create_all(engine)
    except (sa.exc.SQLAlchemyError, ModuleNotFoundError) as error:
        shown = sa.make_url(address).render_as_string(hide_password=True) if "://" in address else address
        reason = str(getattr(error, "orig", None) or type(error).__name__)
        raise SourceError(f"the book {shown} cannot be opened: {reason}") from None
    return Book(engine)


def _dated(frame: pd.DataFrame, dates: list[str]) -> pd.DataFrame:
    return frame.assign(**{name: pd.to_datetime(frame[name]).astype("datetime64[us]") for name in dates})


def _with_derived(facts: pd.DataFrame) -> pd.DataFrame:
    """Facts plus the totals that identities of the chart give; needs one row per fact key."""
    index = ["borrower_id", "period_end", "months"]
    parts = [facts.assign(derived=False)]
    about = facts.groupby(index, sort=False).agg(currency=("currency", "last"), known_on=("known_on", "max"))
    wide = facts.set_index([*index, "item"])["amount"].unstack("item")
    filled, used = chart.derive(wide)
    for item, formula, rows in used:
        part = filled.loc[rows, item].rename("amount").reset_index().join(about, on=index)
        parts.append(part.assign(item=item, source=f"derived: {item} = {formula}", derived=True))
    return pd.concat(parts, ignore_index=True)[[*_FACT_COLUMNS, "derived"]]


def _among(table: sa.Table, borrower_id: str | list[str] | None) -> list[sa.ColumnElement]:
    """The condition that rows belong to these borrowers; very many ids are cheaper read whole."""
    ids = [borrower_id] if isinstance(borrower_id, str) else list(borrower_id or [])
    return [table.c.borrower_id.in_(ids)] if borrower_id is not None and len(ids) <= 500 else []


def _unseen(seen: pd.DataFrame, before: pd.DataFrame) -> pd.DataFrame:
    """The observations the book does not hold yet."""
    marked = seen.merge(before.drop_duplicates(), how="left", on=[*tables.SEEN_KEY, "value"], indicator=True)
    return seen[(marked["_merge"] == "left_only").to_numpy()]


def _follow_up(connection: sa.Connection, record: dict, day: dt.date) -> None:
    """Enter an action for each signal that has none open, raise those that got worse, close those that cleared."""
    table = schema.actions
    for signal in record.get("signals", []):
        mine = {"borrower_id": record["borrower_id"], "rule": signal["rule"]}
        open_ = sa.and_(*(table.c[name] == value for name, value in mine.items()), table.c.closed_on.is_(None))
        if signal["status"] == "cleared":
            connection.execute(table.update().where(open_).values(closed_on=day, result="cleared"))
            continue
        due = {"level": signal["level"], "due": dt.date.fromisoformat(signal["due"])}
        known = connection.execute(sa.select(table.c.level).where(open_)).scalar()
        if known is None:
            connection.execute(table.insert().values(**mine, **due, owner=signal["owner"], opened_on=day))
        elif known != signal["level"] and signal["status"] == "worse":
            connection.execute(table.update().where(open_).values(**due))


def _refusals(rows: list[tuple]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=tables.REFUSAL_COLUMNS)


def _future(facts: pd.DataFrame | None, today: pd.Timestamp, file: str, day: str = "period_end") -> pd.DataFrame:
    if facts is None:
        return _refusals([])
    late = facts[(facts[day] > today) | (facts["known_on"] > today)]
    return _refusals(
        [
            (
                file,
                None,
                row.source,
                day,
                f"{getattr(row, day):%Y-%m-%d} known on {row.known_on:%Y-%m-%d}",
                f"dates up to {today:%Y-%m-%d}",
            )
            for row in late.itertuples()
        ]
    )


def _contradictions(facts: pd.DataFrame | None, file: str) -> pd.DataFrame:
    """Two different amounts for one fact, known on one day, in one file."""
    if facts is None:
        return _refusals([])
    key = [*tables.FACT_KEY, "known_on"]
    different = facts[facts.duplicated(key, keep=False)].drop_duplicates([*key, "amount"])
    different = different[different.duplicated(key, keep=False)]
    return _refusals(
        [
            (
                file,
                None,
                row.source,
                row.item,
                f"{row.amount:,.2f} for {row.borrower_id} {row.period_end:%Y-%m-%d}",
                "one amount for one fact",
            )
            for row in different.itertuples()
        ]
    )


def _unknown(facts: pd.DataFrame, history: pd.DataFrame, today: pd.Timestamp) -> pd.DataFrame:
    """The facts that tell the book something: new keys, and amounts that differ from what it knew that day."""
    new = _changes(facts, history)
    clash = (
        new.merge(history[[*tables.FACT_KEY, "known_on"]].drop_duplicates(), how="left", indicator=True)["_merge"]
        == "both"
    )
    if clash.any():  # a correction under an old date becomes known today
        moved = new.assign(known_on=new["known_on"].mask(clash.to_numpy(), today))
        new = _changes(moved, history)
    return new


def _changes(facts: pd.DataFrame, history: pd.DataFrame) -> pd.DataFrame:
    old = history[_FACT_COLUMNS].assign(old=True) if len(history) else history.assign(old=True)
    timeline = pd.concat([old, facts[_FACT_COLUMNS].assign(old=False)], ignore_index=True)
    timeline = timeline.sort_values([*tables.FACT_KEY, "known_on"], kind="stable")
    before = timeline.groupby(tables.FACT_KEY, sort=False)[["amount", "currency"]].shift()
    same = (timeline["amount"] == before["amount"]) & (timeline["currency"] == before["currency"])
    return timeline[~same & ~timeline["old"].astype(bool)][_FACT_COLUMNS].reset_index(drop=True)


def _append(connection: sa.Connection, table: sa.Table, facts: pd.DataFrame, intake: tables.Intake) -> None:
    entry = dict(file=intake.file, kind=intake.kind, imported_at=dt.datetime.now(), read=intake.read, added=len(facts))
    import_id = connection.execute(schema.imports.insert().values(**entry)).inserted_primary_key[0]
    days = {name: column.dt.date for name, column in facts.select_dtypes("datetime").items()}
    connection.execute(table.insert(), facts.assign(import_id=import_id, **days).to_dict("records"))


def _save_borrowers(connection: sa.Connection, master: pd.DataFrame) -> None:
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
