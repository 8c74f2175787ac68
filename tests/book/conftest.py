"""Every test of an empty book is made twice: on a SQLite file and on a PostgreSQL server."""

import pytest

from postloan.book import connecting, schema
from postloan.book.store import Book, open_book


@pytest.fixture(scope="session")
def emptied(server):
    """A function that gives the address of one database of the worker, empty again."""
    with server.database() as address:
        engine = connecting.engine(address)

        def go():
            with engine.begin() as connection:
                for table in reversed(schema.metadata.sorted_tables):
                    connection.execute(table.delete())
            return address

        yield go


@pytest.fixture(params=["sqlite", "postgresql"])
def address(request, tmp_path) -> str:
    """The address of an empty book."""
    if request.param == "postgresql":
        return request.getfixturevalue("emptied")()
    return f"sqlite:///{tmp_path / 'book.db'}"


@pytest.fixture
def book(address) -> Book:
    """An empty book of its own."""
    return open_book(address)
