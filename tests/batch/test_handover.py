"""A run whose files are handed to an address of fsspec."""

import shutil
import sys

import pytest
from fsspec.implementations.memory import MemoryFileSystem

from postloan.batch import handover, plan
from postloan.batch import run as batch
from postloan.book.store import open_book
from postloan.errors import RunError


@pytest.fixture
def store(tmp_path):
    """A folder known by address, apart from the project's outputs."""
    return tmp_path / "store"


@pytest.fixture
def wanted(run, book, store):
    """A run of one borrower to the address."""
    return run(borrowers=["A"], output=f"file://{store}")


def go(wanted, **asked):
    return batch.run_all(wanted, plan.jobs(wanted, open_book()), **asked)


def files(folder):
    found = sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found if path.suffix != ".jsonl"}


def test_address_gets_the_same_files(wanted, store):
    assert [outcome.status for outcome in go(wanted)] == ["ok"]
    there = files(store / wanted.name / "2024-06-30")
    assert {"manifest.json", "index.html", "tiny/en/A.html", "tiny/en/A.ipynb"} <= set(there)
    assert there == files(wanted.folder)


def test_files_made_elsewhere_are_fetched(wanted):
    class Elsewhere:
        def map(self, function, jobs):
            for job in jobs:
                outcome = function(job)
                shutil.rmtree(job.target.parent)  # it was on the other machine's disk
                yield outcome

    (outcome,) = go(wanted, spread=Elsewhere())
    assert outcome.status == "ok"
    assert "Tiny report" in outcome.job.file("html").read_text(encoding="utf-8")
    assert go(wanted)[0].kept


def test_lost_files_are_put_again(wanted, store):
    go(wanted)
    shutil.rmtree(store)
    assert go(wanted)[0].kept
    assert files(store / wanted.name / "2024-06-30") == files(wanted.folder)


def test_page_that_cannot_be_handed_over_fails(wanted, monkeypatch):
    def full(*_):
        raise RunError("file:///store: cannot be reached: OSError: no space")

    monkeypatch.setattr(handover, "put", full)
    monkeypatch.setattr(batch, "_complete", lambda _: None)
    (outcome,) = go(wanted)
    assert (outcome.status, outcome.error["message"]) == (
        "export_failed",
        "file:///store: cannot be reached: OSError: no space",
    )


@pytest.mark.parametrize(
    ("address", "said"),
    [
        (
            "nonsense://bucket/x",
            "nonsense://bucket/x/try0/2024-06-30: cannot be reached: ValueError: Protocol not known: nonsense",
        ),
        ("ftp://me:geheim@host/x", r"ftp://me:\*\*\*@host/x/try0/2024-06-30: no password in an output address"),
        ("file:///dev/null/x", "file:///dev/null/x/try0/2024-06-30: cannot be reached: .*Error"),
    ],
)
def test_unfit_address_starts_nothing(run, book, address, said):
    wanted = run(borrowers=["A"], output=address)
    with pytest.raises(RunError, match=said):
        go(wanted)
    assert not wanted.folder.exists()


def test_missing_library_names_its_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "fsspec.core", None)
    monkeypatch.setitem(sys.modules, "fsspec", None)
    with pytest.raises(RunError, match=r"pip install 'postloan\[cluster\]'"):
        handover.check("s3://bucket/x")


def test_bucket_is_never_made_by_a_slip(monkeypatch):
    stores = MemoryFileSystem()
    monkeypatch.setattr("fsspec.core.url_to_fs", lambda address: (stores, address.removeprefix("memory://")))
    with pytest.raises(RunError, match="memory://bnak/reports: no bucket bnak: make it first"):
        handover.check("memory://bnak/reports")
    stores.makedirs("bank")
    handover.check("memory://bank/reports")
    stores.rm("bank", recursive=True)
