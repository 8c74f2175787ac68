"""Private folders: held while their process lives, cleared when it was killed."""

import os
import subprocess
import sys
import time

import pytest

from postloan import scratch

KILLED = "import os; from postloan import scratch; scratch.Scratch(); os.kill(os.getpid(), 9)"
OLD = time.time() - 3600


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Where temporary folders are made, here and in processes started from here."""
    monkeypatch.setattr(scratch.tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return tmp_path


def test_folder_is_private_and_passes(place):
    with scratch.folder() as folder:
        assert (folder.parent, folder.stat().st_mode & 0o77) == (place, 0)
    assert list(place.iterdir()) == []


def test_killed_process_leaves_nothing(place):
    subprocess.run([sys.executable, "-c", KILLED], check=False)
    (left,) = place.iterdir()
    assert scratch.clear() == []  # too young: it might only just have been made
    os.utime(left / scratch.OWNER, (OLD, OLD))
    assert scratch.clear() == [left]
    assert not left.exists()


def test_living_process_keeps_its_own(place):
    (place / "postloan-of-somebody").mkdir()
    with scratch.folder() as folder:
        os.utime(folder / scratch.OWNER, (OLD, OLD))
        assert scratch.clear() == []
        assert folder.is_dir()
