"""A run spread over a real Dask scheduler and workers that are processes of their own."""

import os
import signal
import sys

import pytest
from click.testing import CliRunner
from distributed import Client

import servers
from drills import home_of
from postloan.batch import cluster, journal, parameters, plan
from postloan.batch import run as batch
from postloan.batch.run_file import load_run
from postloan.book.store import open_book
from postloan.cli import main
from postloan.errors import RunError


@pytest.fixture(scope="module")
def run_file(tmp_path_factory):
    """The run file of a project of six borrowers, which this process is in."""
    file = home_of(tmp_path_factory.mktemp("shared") / "home", 6)
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("POSTLOAN_HOME", str(file.parents[2]))
        environment.setenv("POSTLOAN_BOOK", f"sqlite:///{file.parents[2] / 'book.db'}")
        yield file


@pytest.fixture(scope="module")
def address(run_file):
    """The address of a scheduler with two workers in the project."""
    once = {"DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "1"}
    with servers.dask(run_file.parents[2], **once) as address:
        yield address


@pytest.fixture
def load(run_file, tmp_path):
    """Load the run with another output folder."""
    parameters.declared.cache_clear()
    plan.house.cache_clear()
    return lambda **fields: load_run(run_file, output=str(tmp_path), **fields)


def test_command_spreads_over_workers(load, run_file, address, tmp_path):
    before = os.umask(0o022)
    told = CliRunner().invoke(main, ["run", str(run_file), "--dask", address, "--output", str(tmp_path)])
    os.umask(before)
    assert told.exit_code == 0, told.output
    pages = [*tmp_path.rglob("tiny/**/*.html")]
    assert len(pages) == 6
    assert all("Tiny report" in page.read_text(encoding="utf-8") for page in pages)
    assert not [path for path in tmp_path.rglob("*") if path.stat().st_mode & 0o077 or path.suffix == ".tmp"]


def test_killed_workers_lose_nothing(load, address):
    wanted, pids = load(), []

    def strike(_):
        if not pids:
            with Client(address, set_as_default=False) as client:
                pids.extend(client.run(os.getpid).values())
            for pid in pids:
                os.kill(pid, signal.SIGKILL)

    with cluster.joined(address, wanted) as workers:
        outcomes = batch.run_all(wanted, plan.jobs(wanted, open_book()), spread=workers, on_done=strike)
    assert [outcome.status for outcome in outcomes] == ["ok"] * 6
    assert len(pids) == 2
    assert {entry["status"] for entry in journal.read(wanted.folder).values()} == {"ok"}
    assert len((wanted.folder / journal.NAME).read_text(encoding="utf-8").splitlines()) == 6


def test_address_needs_no_shared_folder(load, address, tmp_path, monkeypatch):
    monkeypatch.setattr(cluster.Path, "write_text", lambda *_, **__: None)  # no worker sees a file of this machine
    wanted = load().model_copy(update={"output": f"file://{tmp_path}/store"})
    with cluster.joined(address, wanted) as workers:
        monkeypatch.undo()
        outcomes = batch.run_all(wanted, plan.jobs(wanted, open_book())[:2], spread=workers)
    assert [outcome.status for outcome in outcomes] == ["ok"] * 2
    assert all(outcome.job.file("html").exists() for outcome in outcomes)
    assert len([*(tmp_path / "store").rglob("tiny/en/*.html")]) == 2


def test_deadly_job_is_told_as_lost(load, address):
    def deadly(job):
        os._exit(9)

    wanted = load()
    with cluster.joined(address, wanted) as workers:
        (outcome,) = workers.map(deadly, plan.jobs(wanted, open_book())[:1])
    assert (outcome.status, outcome.error["name"]) == ("died", "KilledWorker")
    assert "tiny B000 en: died" in str(outcome)


def test_changed_params_restart_workers(load, run_file, address):
    wanted = load()
    with cluster.joined(address, wanted):
        pass
    (run_file.parents[1] / "new.yml").write_text("new: true\n")
    plan.house.cache_clear()
    with cluster.joined(address, wanted) as workers:
        assert {there["sources and params"] for there in workers._found().values()} == {plan.house()[:16]}


def test_other_code_is_refused(load, address, monkeypatch):
    theirs = plan.house()[:16]
    monkeypatch.setattr(cluster.Cluster, "_restarted", lambda *_: False)  # as where no nanny watches
    monkeypatch.setattr(plan, "house", lambda: "other code " * 9)
    said = (
        rf"{address}: nothing was started:\n  worker tcp://\S+: sources and params: expected other code other, found "
    )
    with pytest.raises(RunError, match=said + theirs), cluster.joined(address, load()):
        pass


def test_other_book_is_refused(load, address):
    wanted = load(book="postgresql+psycopg://u:secret@db/book")
    with pytest.raises(RunError, match=r"book: expected postgresql.*/u:\*\*\*@db/book, found sqlite"):  # noqa: SIM117
        with cluster.joined(address, wanted):
            pass


def test_folder_of_one_machine_is_refused(load, address, monkeypatch):
    monkeypatch.setattr(cluster.Path, "write_text", lambda *_, **__: None)
    with pytest.raises(RunError, match=r"output folder: expected seen, found no /.*it must be a shared folder"):  # noqa: SIM117
        with cluster.joined(address, load()):
            pass


@pytest.mark.parametrize("nowhere", ["tcp://127.0.0.1:1", "http://127.0.0.1:1", "127.0.0.1:port"])
def test_nobody_there_is_told(load, monkeypatch, nowhere):
    monkeypatch.setattr(cluster, "_SECONDS", 0.2)
    with (
        pytest.raises(RunError, match=rf"--dask {nowhere}: no Dask scheduler answers"),
        cluster.joined(nowhere, load()),
    ):
        pass


def test_scheduler_without_workers_is_told(load, run_file, monkeypatch):
    monkeypatch.setattr(cluster, "_WORKER_SECONDS", 0.5)
    with servers.dask(run_file.parents[2], workers=0) as alone:  # noqa: SIM117
        with pytest.raises(RunError, match="the scheduler has no workers"), cluster.joined(alone, load()):
            pass


def test_missing_library_names_its_extra(load, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(RunError, match=r"pip install 'postloan\[cluster\]'"), cluster.joined("tcp://x:1", load()):
        pass


def test_late_worker_that_differs_works_not(load, run_file, address):
    """One that joins while a run goes on has been compared by nobody."""
    wanted = load()
    with Client(address, set_as_default=False) as client:
        late = cluster.Cluster(client, address, wanted)
        late._ours |= {"python": "2.7.18", "threads": "2"}
        (outcome,) = late.map(batch.run_job, plan.jobs(wanted, open_book())[:1])
    assert (outcome.status, outcome.error["name"]) == ("died", "RunError")
    assert "python: expected 2.7.18, found 3." in outcome.error["message"]
    assert "threads: expected 2, found 1 (start it with --nthreads 1" in outcome.error["message"]
