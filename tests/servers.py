"""Servers of one's own for tests and drills, PostgreSQL and Dask: no password, port or file of anybody else's."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest
import sqlalchemy as sa

PASSWORD = "geheim-4711"
_DASK = [sys.executable, "-c", "import sys; sys.argv[0] = 'dask'; from dask.__main__ import main; main()"]


def programs() -> Path | None:
    """The newest folder with initdb and pg_ctl: Debian's, or that of the path."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[4]))
    found = debian[-1] if debian else shutil.which("initdb")
    return Path(found).parent if found else None


def needed_programs() -> Path:
    """The programs; without them the test is skipped, or fails where POSTLOAN_NEEDS_POSTGRESQL is set."""
    if found := programs():
        return found
    if os.environ.get("POSTLOAN_NEEDS_POSTGRESQL"):
        pytest.fail("PostgreSQL is not installed here, and POSTLOAN_NEEDS_POSTGRESQL is set")
    pytest.skip("PostgreSQL (initdb, pg_ctl) is not installed here")


class Server:
    """A running server on a socket in its own folder; texts are ordered as English people do, not by their codes."""

    def __init__(self, programs: Path, folder: Path):
        self._programs, self.folder = programs, folder
        secret = folder / "secret"
        secret.write_text(PASSWORD)
        self._own(folder, secret)
        who = ["--username", "owner", "--auth", "scram-sha-256", "--pwfile", str(secret), "--no-sync"]
        english = ["--encoding", "UTF8", "--locale", "C.UTF-8", "--locale-provider", "icu", "--icu-locale", "en-US"]
        self._call("initdb", *who, *english)
        self.start()
        with self._administer() as connection:
            connection.execute(f"CREATE ROLE book LOGIN PASSWORD '{PASSWORD}'")

    def start(self) -> None:
        """Start it, also after it was killed."""
        options = f"-k {self.folder} -c listen_addresses= -c fsync=off -c max_connections=40"
        self._call("pg_ctl", "start", "--wait", "--silent", "--log", str(self.folder / "log"), "--options", options)

    def kill(self) -> None:
        """End it as a power cut would, with all who serve somebody: no goodbye, nothing finished."""
        chief = psutil.Process(int((self.folder / "data" / "postmaster.pid").read_text().split()[0]))
        everyone = [chief, *chief.children()]
        for process in everyone:
            process.kill()
        psutil.wait_procs(everyone, timeout=20)

    def stop(self) -> None:
        """Stop it in order."""
        self._call("pg_ctl", "stop", "--mode", "immediate", "--silent")

    @contextlib.contextmanager
    def database(self) -> Iterator[str]:
        """The address of an empty database of a role that may do nothing else, while the block runs."""
        name = f"b{uuid.uuid4().hex}"
        with self._administer() as connection:
            connection.execute(f"CREATE DATABASE {name} OWNER book")
        yield f"postgresql+psycopg://book:{PASSWORD}@/{name}?host={self.folder}"
        with self._administer() as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")

    @contextlib.contextmanager
    def roles(self, address: str, rights: str) -> Iterator[dict[str, str]]:
        """Addresses of a database by the roles that an SQL script makes there, while the block runs."""
        name, made = sa.make_url(address).database, re.findall(r"CREATE ROLE (\w+)", rights)
        with self._administer(name) as connection:
            connection.execute(rights)
            for role in made:
                connection.execute(f"ALTER ROLE {role} PASSWORD '{PASSWORD}'")
        yield {role: address.replace("//book:", f"//{role}:") for role in made}
        with self._administer(name) as connection:
            for role in made:
                connection.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")

    def _administer(self, database: str = "postgres") -> psycopg.Connection:
        told = {"user": "owner", "password": PASSWORD, "dbname": database, "host": str(self.folder)}
        return psycopg.connect(**told, autocommit=True)

    def _call(self, program: str, *options: str) -> None:
        command = [*_nobody(), str(self._programs / program), "-D", str(self.folder / "data"), *options]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE if program == "initdb" else subprocess.DEVNULL}
        done = subprocess.run(command, check=False, cwd=self.folder, text=True, **quiet)
        assert done.returncode == 0, done.stderr

    def _own(self, *paths: Path) -> None:
        if _nobody():
            for path in paths:
                shutil.chown(path, "postgres", "postgres")


def _nobody() -> list[str]:
    """PostgreSQL refuses to run as root: what goes before its commands then."""
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    return ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if root else []


@contextlib.contextmanager
def running(programs: Path) -> Iterator[Server]:
    """A server of one's own while the block runs."""
    with tempfile.TemporaryDirectory(prefix="pl-", ignore_cleanup_errors=True) as folder:
        server = Server(programs, Path(folder))
        try:
            yield server
        finally:
            server.stop()


@contextlib.contextmanager
def dask(home: Path, workers: int = 2, **environment: str) -> Iterator[str]:
    """The address of a Dask scheduler on this machine with so many workers, each a process that a nanny watches."""
    with (
        tempfile.TemporaryDirectory(prefix="pl-", ignore_cleanup_errors=True) as folder,
        contextlib.ExitStack() as stack,
    ):
        told = Path(folder) / "scheduler.json"
        common = ["--host", "127.0.0.1", "--no-dashboard", "--scheduler-file", str(told)]
        env = {name: value for name, value in os.environ.items() if name != "POSTLOAN_KERNELS"}
        env |= {"POSTLOAN_HOME": str(home), **environment}

        started: list[subprocess.Popen] = []
        stack.callback(lambda: [process.wait() for process in started])
        stack.callback(lambda: [process.terminate() for process in started])

        def start(*command: str) -> None:
            with (Path(folder) / "log").open("a") as log:
                process = subprocess.Popen([*_DASK, *command, *common], env=env, cwd=home, stdout=log, stderr=log)
            started.append(process)

        start("scheduler", "--port", "0")
        until = time.monotonic() + 60
        while not (told.exists() and told.read_text()) and time.monotonic() < until:
            time.sleep(0.05)
        for number in range(workers):
            start("worker", "--nthreads", "1", "--name", f"w{number}", "--local-directory", folder)
        address = json.loads(told.read_text())["address"]
        if workers:
            _await(address, workers)
        yield address


def _await(address: str, workers: int) -> None:
    from distributed import Client  # it takes a while to import, and most tests do without

    with Client(address, timeout=60, set_as_default=False) as client:
        client.wait_for_workers(workers, timeout=120)
