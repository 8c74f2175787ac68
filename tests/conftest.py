"""Shared fixtures: a sample book built once a session, tiny statements, and where real data lie."""

from __future__ import annotations

import shutil
import warnings
from pathlib import Path

import hypothesis
import pandas as pd
import pytest
import yaml

import servers
from postloan import chart
from postloan.batch import kernels, plan, run, run_file
from postloan.book import sample
from postloan.book.store import Book, open_book

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared" / "data"
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason=f"real data not at {SHARED}")

hypothesis.settings.register_profile("nightly", max_examples=10_000, deadline=None, print_blob=True)
hypothesis.settings.register_profile("settled", derandomize=True, database=None)  # `make test` tries the same each time
hypothesis.settings.load_profile("settled")


@pytest.fixture(scope="session", autouse=True)
def own_signatures(tmp_path_factory: pytest.TempPathFactory):
    """Runs sign notebooks for a JupyterLab of their own, not for the user's."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("JUPYTER_DATA_DIR", str(tmp_path_factory.mktemp("jupyter")))
        yield


@pytest.fixture(scope="session")
def sample_address(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of a freshly built sample book."""
    address = f"sqlite:///{tmp_path_factory.mktemp('book') / 'sample.db'}"
    assert not open_book(address).add(sample.make(1, 10)).refused
    return address


@pytest.fixture(scope="session")
def sample_book(sample_address: str) -> Book:
    """The sample book, opened."""
    return open_book(sample_address)


@pytest.fixture
def book(tmp_path: Path) -> Book:
    """An empty book of its own."""
    return open_book(f"sqlite:///{tmp_path / 'book.db'}")


@pytest.fixture(scope="session")
def server():
    """A PostgreSQL server for the tests of one worker."""
    with servers.running(servers.needed_programs()) as server:
        yield server


@pytest.fixture
def database(server):
    """The address of an empty database."""
    with server.database() as address:
        yield address


@pytest.fixture
def no_noise():
    """Any warning is an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def facts(rows: list[tuple], borrower_id: str = "A", known_on: str = "2023-06-30") -> pd.DataFrame:
    """Statement facts from (period_end, months, item, amount) rows; months of stocks may be given as None."""
    frame = pd.DataFrame(rows, columns=["period_end", "months", "item", "amount"])
    months = [0 if item in chart.stocks() else span for item, span in zip(frame["item"], frame["months"], strict=True)]
    return pd.DataFrame(
        {
            "borrower_id": borrower_id,
            "period_end": pd.to_datetime(frame["period_end"]).astype("datetime64[us]"),
            "months": months,
            "item": frame["item"],
            "amount": frame["amount"].astype(float),
            "currency": "CNY",
            "known_on": pd.Timestamp(known_on),
            "source": [f"hand.csv · row {number}" for number in range(2, len(frame) + 2)],
            "derived": False,
        }
    )


def year_to_date(values: dict[int, list[float]], item: str = "revenue") -> pd.DataFrame:
    """Cumulative quarterly figures by year, calendar fiscal years."""
    rows = [
        (f"{pd.Period(year=year, quarter=quarter, freq='Q').end_time:%Y-%m-%d}", 3 * quarter, item, amount)
        for year, quarters in values.items()
        for quarter, amount in enumerate(quarters, start=1)
        if amount is not None
    ]
    return facts(rows)


@pytest.fixture(scope="session")
def warm_parent():
    """One process to fork every kernel of the session from."""
    with kernels.shared():
        yield


@pytest.fixture(scope="session")
def made_run(warm_parent, sample_address: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where params/runs/sample.yml wrote S0003 and S0005 in both languages; its home is three folders up."""
    return made_reports(sample_address, tmp_path_factory.mktemp("home"), ["zh", "en"])


def made_reports(sample_address: str, home: Path, languages: list[str]) -> Path:
    """Review S0003 and S0005 of the sample by a run in a home of its own; the run's folder."""
    asked = {"borrowers": ["S0003", "S0005"], "notebooks": ["borrower_review"], "languages": languages}
    return ran(sample_address, home, "sample.yml", **asked)


def ran(sample_address: str, home: Path, file: str | dict, **asked: object) -> Path:
    """A run of the sample, by file of params/runs or as told, in a home of its own; the run's folder."""
    for folder in ("notebooks", "params"):
        shutil.copytree(ROOT / folder, home / folder)
    (home / "data").mkdir()
    shutil.copy(sample_address.removeprefix("sqlite:///"), home / "data")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("POSTLOAN_HOME", str(home))
        if isinstance(file, dict):
            (home / "params" / "runs" / "told.yml").write_text(yaml.safe_dump(file), encoding="utf-8")
        named = file if isinstance(file, str) else "told.yml"
        wanted = run_file.load_run(home / "params" / "runs" / named, jobs=2, **asked)
        outcomes = run.run_all(wanted, plan.jobs(wanted, open_book(wanted.book)))
        assert {outcome.status for outcome in outcomes} == {"ok"}, [str(outcome) for outcome in outcomes]
        return wanted.folder
