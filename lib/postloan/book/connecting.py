"""How a book is reached: its database opened, its tables made at first use, one writer at a time."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from functools import cache, partial
from pathlib import Path

import sqlalchemy as sa

from postloan import settings
from postloan.book import schema
from postloan.errors import SourceError

_TURN = 20230701  # the number of the lock that writers of one PostgreSQL database wait for
_PATIENCE = "10min"  # a big import may take that long; SQLite's own wait is in `_let_wait`


def engine(address: str) -> sa.Engine:
    """The database at an address, with the book's tables in it.

    SourceError when the address is none, cannot be opened, or holds something that is not a book; whatever the
    database says later is a SourceError too, without the statement and its values. No password is ever shown.
    """
    url = _url(address)
    try:
        made = _file(address) if url.get_backend_name() == "sqlite" else _server(address, os.getpid())
        if set(schema.metadata.tables) - set(sa.inspect(made).get_table_names()):
            with writing(made) as connection:
                schema.metadata.create_all(connection)
    except (sa.exc.SQLAlchemyError, ImportError, SourceError) as error:
        reason = getattr(error, "reason", None) or _missing(error, url.get_backend_name())
        raise SourceError(f"the book {settings.shown(address)} cannot be opened: {reason}") from None
    return made


@contextlib.contextmanager
def writing(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A transaction that writes: one writer at a time, others wait for their turn."""
    with engine.connect().execution_options(postloan_writes=True) as connection, connection.begin():
        if connection.dialect.name == "postgresql":
            connection.execute(sa.select(sa.func.set_config("lock_timeout", _PATIENCE, True)))
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_TURN)))
        try:
            yield connection
        except UnicodeEncodeError as error:
            raise SourceError(f"expected Unicode text, found {ascii(error.object)[:80]}; nothing was written") from None


def _url(address: str) -> sa.URL:
    """The address taken apart; SourceError when it is none, or its password tears it in the wrong place."""
    try:
        url = sa.make_url(address)
    except (sa.exc.ArgumentError, ValueError):
        url = None
    if url is None or (url.host and "@" in f"{url.host}{url.database}"):
        raise SourceError(
            f"the book {settings.shown(address)} cannot be opened: expected an address such as "
            "postgresql+psycopg://user:password@host:5432/name, with @ : / % of a password written %40 %3A %2F %25"
        )
    return url


def _file(address: str) -> sa.Engine:
    """A SQLite file, opened afresh: it may have been put in the place of another. A new one is its owner's only."""
    file = Path(sa.make_url(address).database or ":memory:")
    if not str(file).startswith((":memory:", "file:")) and not file.exists():
        with contextlib.suppress(OSError):
            file.touch(0o600)
    if _cut_off(file) and _cut_off(file):  # once may have been in the middle of somebody's commit
        raise SourceError(f"{file} is cut off: it is shorter than it says; put back a copy; nothing was touched")
    made = sa.create_engine(address)
    sa.event.listen(made, "connect", _let_wait)
    sa.event.listen(made, "begin", _begin)
    sa.event.listen(made, "handle_error", partial(_told, address), retval=True)
    return made


def _cut_off(file: Path) -> bool:
    """Whether a SQLite file lacks pages that its head counts, and nobody is at work on it."""
    try:
        with file.open("rb") as book:
            head, size = book.read(100), os.fstat(book.fileno()).st_size
    except OSError:
        return False
    page, pages = int.from_bytes(head[16:18]), int.from_bytes(head[28:32])
    counted = head[24:28] == head[92:96]  # the head's count of pages is that of the last change
    short = bool(size) and (size < 100 or (counted and size < (65536 if page == 1 else page) * pages))
    return short and not file.with_name(f"{file.name}-journal").exists()


@cache
def _server(address: str, _process: int) -> sa.Engine:
    """A database server: a process keeps its connections, and asks first whether they still stand."""
    made = sa.create_engine(address, pool_pre_ping=True)
    sa.event.listen(made, "handle_error", partial(_told, address), retval=True)
    return made


def _let_wait(connection: object, _record: object) -> None:
    """SQLite: who finds the book locked waits; we say ourselves when a transaction begins.

    No write-ahead log: with one, the newest rows lie in a second file, and a copy of the book alone would lack them.
    """
    connection.isolation_level = None
    connection.execute("PRAGMA busy_timeout = 60000")


def _begin(connection: sa.Connection) -> None:
    writes = connection.get_execution_options().get("postloan_writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _told(address: str, context: sa.engine.ExceptionContext) -> SourceError | None:
    """What the database says as an error of ours, without the statement: its values are the client's."""
    if context.is_pre_ping:
        return None
    error = SourceError(f"the book {settings.shown(address)}: {context.original_exception}".strip())
    error.reason = str(context.original_exception).strip()
    return error


def _missing(error: Exception, backend: str) -> str:
    """Why no engine can be made: mostly a driver that is not installed."""
    if isinstance(error, ImportError) and backend == "postgresql":
        return f"{error}; install it with: pip install 'postloan[postgresql]'"
    return str(error) or type(error).__name__
