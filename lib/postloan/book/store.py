"""Open the book, append facts, read them as they were known on a day."""

from __future__ import annotations

import datetime as dt
import hashlib
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
        if borrower_id is not None:
            ids = [borrower_id] if isinstance(borrower_id, str) else list(borrower_id)
            query = query.where(table.c.borrower_id.in_(ids))
        with self._engine.connect() as connection:
            first = connection.execute(query).scalar()
        hint = f"first known on {first}" if first else "none in the book at all"
        return f"{borrower_id or 'the book'}: no statements known on {as_of}; {hint}"

    def fingerprint(self, borrower_id: str, *, as_of: str | dt.date) -> str:
        """SHA-256 of the rows a report on this borrower reads on that day."""
        facts = self._facts(borrower_id, as_of)
        rows = pd.util.hash_pandas_object(facts.astype(str), index=False).to_numpy().tobytes()
        master = repr(sorted(self.borrower(borrower_id).items(), key=lambda pair: pair[0])).encode()
        return hashlib.sha256(rows + master).hexdigest()

    def add(self, intake: tables.Intake, *, today: dt.date | None = None) -> ImportResult:
        """Append what a reader made of one file: all of it, or nothing when any row is refused.

        Figures the book already knows are left alone; a changed amount is added as a later fact.
        """
        result = ImportResult(intake.file, intake.kind, intake.read, unmapped=intake.unmapped, notes=list(intake.notes))
        today = pd.Timestamp(today or dt.date.today())
        facts = tables.check(intake.tables["statements"], "statements") if "statements" in intake.tables else None
        master = tables.check(intake.tables["borrowers"], "borrowers") if "borrowers" in intake.tables else None
        refusals = [intake.refusals, _future(facts, today, intake.file), _contradictions(facts, intake.file)]
        refusals.append(self._strangers(facts, master, intake.file))
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
                    _append(connection, new, intake)
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

    def _history(self, connection: sa.Connection, facts: pd.DataFrame) -> pd.DataFrame:
        table = schema.statements
        ids = facts["borrower_id"].unique().tolist()
        query = sa.select(*(table.c[name] for name in _FACT_COLUMNS)).order_by(table.c.id)
        if len(ids) <= 500:
            query = query.where(table.c.borrower_id.in_(ids))
        return _dated(pd.read_sql(query, connection), ["period_end", "known_on"])

    def _facts(self, borrower_id: str | list[str] | None, as_of: str | dt.date) -> pd.DataFrame:
        table = schema.statements
        newest = sa.func.row_number().over(
            partition_by=[table.c[name] for name in tables.FACT_KEY],
            order_by=[table.c.known_on.desc(), table.c.id.desc()],
        )
        query = sa.select(*(table.c[name] for name in _FACT_COLUMNS), newest.label("newest"))
        query = query.where(table.c.known_on <= pd.Timestamp(as_of).date())
        if borrower_id is not None:
            ids = [borrower_id] if isinstance(borrower_id, str) else list(borrower_id)
            query = query.where(table.c.borrower_id.in_(ids))
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


def _refusals(rows: list[tuple]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=tables.REFUSAL_COLUMNS)


def _future(facts: pd.DataFrame | None, today: pd.Timestamp, file: str) -> pd.DataFrame:
    if facts is None:
        return _refusals([])
    late = facts[(facts["period_end"] > today) | (facts["known_on"] > today)]
    return _refusals(
        [
            (
                file,
                None,
                row.source,
                "period_end",
                f"{row.period_end:%Y-%m-%d} known on {row.known_on:%Y-%m-%d}",
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


def _append(connection: sa.Connection, facts: pd.DataFrame, intake: tables.Intake) -> None:
    entry = dict(file=intake.file, kind=intake.kind, imported_at=dt.datetime.now(), read=intake.read, added=len(facts))
    import_id = connection.execute(schema.imports.insert().values(**entry)).inserted_primary_key[0]
    rows = facts.assign(import_id=import_id, period_end=facts["period_end"].dt.date, known_on=facts["known_on"].dt.date)
    connection.execute(schema.statements.insert(), rows.to_dict("records"))


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
