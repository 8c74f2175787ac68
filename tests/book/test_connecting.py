"""How a book is reached: opened by many at once, written by many at once, killed in the middle, and never telling."""

import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pandas as pd
import pytest
import sqlalchemy as sa

import servers
from conftest import ROOT
from postloan import settings
from postloan.book import connecting, entries, schema
from postloan.book.store import open_book
from postloan.errors import SourceError
from postloan.tables import Intake
from servers import PASSWORD

WRITER = """
import os, sys
import pandas as pd
from postloan.book import entries
from postloan.book.store import open_book
from postloan.tables import Intake
address, first, deadly = sys.argv[1:]
if deadly == "killed":
    entries.append = lambda *_: os.kill(os.getpid(), 9)
for number in range(int(first), int(first) + 5):
    one = pd.DataFrame([{"borrower_id": f"W{number}", "name": "w"}])
    talk = pd.DataFrame([{"borrower_id": f"W{number}", "contact_id": "K", "held_on": "2025-02-01", "channel": "call"}])
    open_book(address).add(Intake("f", "table", {"borrowers": one, "contacts": talk}, 1))
"""


def people(*ids):
    frame = pd.DataFrame({"borrower_id": ids, "name": ids})
    return Intake("people.csv", "table", {"borrowers": frame}, len(ids))


def index_figure(borrower):
    """A borrower and one figure of a series."""
    row = {"series": "pmi", "value": 50.0, "unit": "points", "source": "hand"}
    days = dict.fromkeys(("period_end", "known_on"), pd.Timestamp("2025-01-31"))
    one = people(borrower)
    return Intake("f", "table", {**one.tables, "indices": pd.DataFrame([{**row, **days}])}, 1)


def written(address, *starts, how="whole"):
    """Start so many processes that write five borrowers each; their exit codes."""
    calls = [[sys.executable, "-c", WRITER, address, str(start), how] for start in starts]
    return [process.wait() for process in [subprocess.Popen(call) for call in calls]]


def test_order_is_that_of_codes(book):
    book.add(people("b", "B1", "a", "A", "000001", "_x", "甲"))
    assert book.borrowers()["borrower_id"].tolist() == ["000001", "A", "B1", "_x", "a", "b", "甲"]


def test_many_open_a_new_book(database, tmp_path):
    for address in (database, f"sqlite:///{tmp_path / 'new.db'}"):
        with ThreadPoolExecutor(6) as pool:
            assert all(book.borrowers().empty for book in pool.map(open_book, [address] * 12))


def test_writing_processes_lose_nothing(book, address):
    assert written(address, 0, 5) == [0, 0]
    assert len(book.rows("contacts", as_of="2025-02-01")) == 10
    with book.reading() as connection:
        assert connection.execute(sa.select(sa.func.count(schema.imports.c.id.distinct()))).scalar() == 10


def test_killed_import_leaves_nothing(book, address):
    assert written(address, 0, how="killed") == [-9]
    assert book.borrowers().empty
    assert book.add(people("A")).refused == 0


def test_killed_server_keeps_all_or_nothing(server, database, monkeypatch):
    open_book(database).add(people("A"))
    with monkeypatch.context() as patch:
        patch.setattr(entries, "append", lambda *_: server.kill())
        with pytest.raises(SourceError, match=r"terminat|closed|lost"):
            open_book(database).add(index_figure("B"))
    server.start()
    assert open_book(database).borrowers()["borrower_id"].tolist() == ["A"]
    assert open_book(database).add(index_figure("B")).added == 1


def test_waiting_writer_gives_up(database, monkeypatch):
    monkeypatch.setattr(connecting, "_PATIENCE", "50ms")
    engine = connecting.engine(database)
    with pytest.raises(SourceError, match="lock timeout"), connecting.writing(engine), connecting.writing(engine):
        pass
    assert open_book(database).add(people("A")).refused == 0


def test_missing_driver_names_its_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(SourceError, match=r"pip install 'postloan\[postgresql\]'"):
        open_book("postgresql+psycopg://book@127.0.0.1:1/driverless")


@pytest.mark.parametrize(("needed", "ending"), [("", pytest.skip.Exception), ("1", pytest.fail.Exception)])
def test_missing_server_fails_where_needed(monkeypatch, needed, ending):
    monkeypatch.setattr(servers, "programs", lambda: None)
    monkeypatch.setenv("POSTLOAN_NEEDS_POSTGRESQL", needed)
    with pytest.raises(ending, match="is not installed here"):
        servers.needed_programs()


def test_error_shows_no_values(book):
    row = {"borrower_id": "Geheim AG", "as_of": None, "name": "x", "fingerprint": "x", "stored_at": None, "record": "x"}
    with pytest.raises(SourceError) as raised, connecting.writing(book._engine) as connection:
        connection.execute(schema.reviews.insert().values(**row))
    assert "reviews" in str(raised.value)
    assert "INSERT" not in str(raised.value)


@pytest.mark.parametrize(
    "address",
    [
        "postgresql+psycopg://book:top-secret@/none?host={folder}",
        "postgresql+psycopg://book@/none?host={folder}&password=top-secret",
        "postgresql+psycopg://book:top-secret@127.0.0.1:1/none",
        "postgresql+psycopg://book:or@top-secret@127.0.0.1:1/none",
        "postgresql+psycopg://book:or@no/top-secret@127.0.0.1/none",
        "postgresql+psycopg://book:or/top-secret/no:no@127.0.0.1:1/none",
        "postgresql+psycopg://book:top-secret@127.0.0.1:port/none",
        "postgresql+psycopg//book:top-secret@127.0.0.1/none://",
        "postgresql+nothing://book:top-secret@127.0.0.1/none",
    ],
)
def test_password_never_shown(server, address):
    with pytest.raises(SourceError, match=r"the book .*\*\*\*.* cannot be opened: ") as raised:
        open_book(address.format(folder=server.folder))
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("postgresql+psycopg://u:p@host:5432/db", "postgresql+psycopg://u:***@host:5432/db"),
        ("postgresql+psycopg://host/db?sslpassword=p&user=u", "postgresql+psycopg://host/db?sslpassword=***&user=u"),
        ("postgresql+psycopg://u@host/db", "postgresql+psycopg://u@host/db"),
        ("sqlite:////srv/a@b.db", "sqlite:////srv/a@b.db"),
    ],
)
def test_address_is_shown_without_secrets(address, shown):
    assert settings.shown(address) == shown


def test_roles_of_the_readme_suffice(server, database):
    """The rights README gives: one role makes the tables, one works, one reads."""
    open_book(database)
    (rights,) = re.findall(r"^```sql\n(.*?)^```", (ROOT / "README.md").read_text(encoding="utf-8"), re.M | re.S)
    with server.roles(database, rights) as addresses:
        open_book(addresses["postloan"]).add(people("A"))
        assert open_book(addresses["postloan_reader"]).borrower("A")["name"] == "A"
        with pytest.raises(SourceError, match="permission denied"):
            open_book(addresses["postloan_reader"]).add(people("B"))
        with (
            pytest.raises(SourceError, match="permission denied"),
            connecting.writing(open_book(addresses["postloan"])._engine) as c,
        ):
            c.execute(schema.statements.delete())


def test_password_of_the_server_is_never_shown(database):
    book = open_book(database)
    with pytest.raises(SourceError) as raised:
        book.borrower("Z")
    assert PASSWORD not in f"{raised.value}{book!r}{book._engine!r}"


@pytest.mark.parametrize("length", [60, 100, 4096, 50_000, -1])
def test_cut_off_book_is_refused_untouched(tmp_path, length):
    file = tmp_path / "book.db"
    open_book(f"sqlite:///{file}")
    file.write_bytes(part := file.read_bytes()[:length])
    with pytest.raises(SourceError, match="cut off: it is shorter than it says"):
        open_book(f"sqlite:///{file}")
    assert file.read_bytes() == part


def test_book_in_the_middle_of_a_commit_is_not_refused(tmp_path):
    file = tmp_path / "book.db"
    open_book(f"sqlite:///{file}")
    (tmp_path / "book.db-journal").touch()
    file.write_bytes(file.read_bytes()[:-1])
    assert not connecting._cut_off(file)
