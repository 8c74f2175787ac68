"""A run of a book on a server: what it writes and says names the book, and never holds its password."""

import os

import pytest
from click.testing import CliRunner

from postloan.cli import main
from servers import PASSWORD


@pytest.fixture
def server_book(home, database, monkeypatch):
    """The tiny project's book, on a server."""
    monkeypatch.setenv("POSTLOAN_BOOK", database)
    return database


@pytest.fixture
def said(home, server_book, run):
    """Run tiny reports of a book by its address, with a log; all that was said."""

    def go(**fields):
        run(**fields)
        file, before = home / "params/runs/try0.yml", os.umask(0o022)
        try:
            told = CliRunner().invoke(main, ["run", str(file), "--log", str(home / "run.jsonl")])
        finally:
            os.umask(before)
        file.unlink()  # the one place where somebody wrote the password down
        return told.output

    return go


def test_password_is_nowhere(home, server_book, book, said):
    (home / "params/borrowers/A.yml").write_text("fault: book\n")
    told = said(borrowers=["A", "000001"], book=server_book)
    assert "try0: 1 of 2 reports FAILED" in told
    written = {path.name: path.read_text(encoding="utf-8") for path in home.rglob("*") if path.is_file()}
    assert {"000001.html", "A.failed.ipynb", "manifest.json", "journal.jsonl", "run.jsonl"} <= set(written)
    assert "book:***@" in written["manifest.json"]
    assert "book:***@" in written["A.failed.ipynb"]
    assert not [name for name, text in {**written, "said": told}.items() if PASSWORD in text]


def test_refused_password_is_nowhere(home, server_book, said):
    told = said(borrowers=["A"], book=server_book.replace(PASSWORD, "wrong-secret"))
    logged = (home / "run.jsonl").read_text(encoding="utf-8")
    assert "password authentication failed" in told
    assert "password authentication failed" in logged
    assert "secret" not in told + logged
