"""Files with clients' data: whole or not at all, for their owner only, without a formula."""

import pandas as pd
import pytest

from postloan import settings
from postloan.book.store import open_book
from postloan.whole_files import beside, digest, harmless, write_whole

FORMULAS = ["=cmd|' /C calc'!A0", "+1+cmd|x", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "=1"]
PLAIN = ["甲", "C34", "", "-5", "+0.25", "a=b", "2024-01-31", None, -5.0]


def test_formulas_become_text():
    found = harmless(pd.DataFrame({"name": [*FORMULAS, *PLAIN]}, dtype=object))["name"].tolist()
    assert found == [*(f"'{each}" for each in FORMULAS), *PLAIN]


def test_failure_leaves_what_stood(tmp_path):
    (tmp_path / "x.csv").write_text("old")
    with pytest.raises(TypeError), beside(tmp_path / "x.csv") as part:
        part.write_text(None)
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("x.csv", "old")]


def test_text_is_whole_or_nothing(tmp_path):
    with pytest.raises(UnicodeEncodeError):
        write_whole(tmp_path / "pages" / "x.html", "\ud800")
    assert list((tmp_path / "pages").iterdir()) == []


def test_digest_follows_the_contents(tmp_path):
    (tmp_path / "x.csv").write_text("a")
    told = [digest(tmp_path / "x.csv"), digest(tmp_path)]
    (tmp_path / "x.csv").write_text("b")
    assert not {*told} & {digest(tmp_path / "x.csv"), digest(tmp_path), digest(tmp_path / "none")}


def test_others_may_not_read(tmp_path, monkeypatch):
    monkeypatch.setenv("POSTLOAN_HOME", str(tmp_path))
    open_book(f"sqlite:///{settings.data_folder()}/book.db")
    with beside(tmp_path / "x.csv") as part:
        part.write_text("new")
    kept = [tmp_path / "x.csv", tmp_path / "data", tmp_path / "data" / "book.db"]
    assert not [path for path in kept if path.stat().st_mode & 0o077]


def test_given_rights_are_kept(tmp_path):
    (tmp_path / "x.csv").touch(0o640)
    (tmp_path / "x.csv").chmod(0o640)
    with beside(tmp_path / "x.csv") as part:
        part.write_text("new")
    assert (tmp_path / "x.csv").stat().st_mode & 0o777 == 0o640
