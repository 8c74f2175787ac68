"""Pages on paper: whole or not at all, beside the page, and never a reason for a run to fail."""

import logging
import os

import pytest

from postloan import settings
from postloan.batch import paper, plan
from postloan.batch import run as batch

PAGE = "<!DOCTYPE html><title>a</title><style>@page { size: A4 }</style><p>one</p>"
FAKE = """#!/bin/sh
for word in "$@"; do case "$word" in --print-to-pdf=*) printf '%s' "{text}" > "${{word#*=}}";; esac; done"""
posix = pytest.mark.skipif(os.name != "posix", reason="a shell script stands in for the browser")


@pytest.fixture
def page(tmp_path):
    path = tmp_path / "S0005.html"
    path.write_text(PAGE, encoding="utf-8")
    return path


@pytest.fixture
def browser(tmp_path, monkeypatch):
    """Put a browser in place that prints so much."""

    def prints(text):
        path = tmp_path / "browser"
        path.write_text(FAKE.format(text=text), encoding="utf-8")
        path.chmod(0o700)
        monkeypatch.setenv("POSTLOAN_CHROMIUM", str(path))

    return prints


@pytest.mark.browser
@pytest.mark.skipif(not settings.browser(), reason="needs Chromium")
def test_browser_prints_a_page(page):
    assert paper.add([page]) == [page]
    assert paper.of(page).read_bytes().startswith(b"%PDF-")


@posix
def test_paper_is_printed_once(page, browser):
    browser("one%%EOF")
    paper.add([page])
    browser("two%%EOF")
    assert paper.add([page]) == [page]
    assert paper.of(page).read_text(encoding="utf-8") == "one%%EOF"


@posix
def test_changed_page_is_printed_again(page, browser):
    browser("one%%EOF")
    paper.add([page])
    os.utime(paper.of(page), (0, 0))
    assert not paper.is_fresh(page)
    browser("two%%EOF")
    paper.add([page])
    assert paper.of(page).read_text(encoding="utf-8") == "two%%EOF"


@posix
def test_half_paper_is_none(page, browser, caplog):
    paper.of(page).write_text("old%%EOF", encoding="utf-8")
    os.utime(paper.of(page), (0, 0))
    browser("cut off")
    with caplog.at_level(logging.WARNING):
        assert paper.add([page]) == []
    assert "printed nothing" in caplog.text
    assert [each.suffix for each in page.parent.iterdir() if each.name != "browser"] == [".html"]


def test_no_browser_is_said(page, monkeypatch, caplog):
    monkeypatch.setenv("POSTLOAN_CHROMIUM", "no-such-browser")
    with caplog.at_level(logging.WARNING):
        assert paper.add([page]) == []
    assert "no Chromium found" in caplog.text


@posix
def test_run_lists_paper_on_the_index(run, book, browser):
    browser("one%%EOF")
    wanted = run(borrowers=["A"], pdf=True)
    batch.run_all(wanted, plan.jobs(wanted, book))
    assert 'href="tiny/en/A.pdf"' in (wanted.folder / "index.html").read_text(encoding="utf-8")
