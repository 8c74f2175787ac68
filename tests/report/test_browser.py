"""The pages in a real browser: nothing fetched, nothing cut off, readable on a phone and on paper."""

import os
import shutil
import subprocess

import pytest
from playwright.sync_api import sync_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(
    CHROMIUM is None and not os.environ.get("POSTLOAN_NEEDS_BROWSER"), reason="no Chromium on this machine"
)
PAGES = {
    "zh": "borrower_review/zh/S0003.html",
    "en": "borrower_review/en/S0005.html",
    "index": "index.html",
}
UNNAMED = """() => [...document.querySelectorAll('img, svg, [role=img]')].filter(
    e => !(e.getAttribute('alt') || e.getAttribute('aria-label') || e.getAttribute('aria-hidden'))).length"""
TABLES = """() => [...document.querySelectorAll('table')].filter(
    t => !t.caption || [...t.querySelectorAll('th')].some(h => !h.scope)).length"""
IDS = "() => {const ids = [...document.querySelectorAll('[id]')].map(e => e.id); return ids.length - new Set(ids).size}"
BROKEN = """() => [...document.querySelectorAll('a[href^="#"]')].filter(
    a => !document.getElementById(decodeURIComponent(a.hash.slice(1)))).length"""
OUTSIDE = """() => [...document.querySelectorAll('[src], [href], [srcset], [data]')].map(
    e => e.getAttribute('src') || e.getAttribute('href') || '').filter(
    u => /^(https?:)?\\/\\//.test(u) || /^(javascript|file):/.test(u)).length"""
SIDEWAYS = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture(scope="module")
def browser():
    flags = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"]
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=flags)
        yield browser
        browser.close()


@pytest.fixture(scope="module", params=PAGES)
def opened(request, browser, made_run):
    """A page, with what its console and the network saw of it."""
    tab = browser.new_page(viewport={"width": 1280, "height": 900})
    tab.said, tab.asked = [], []
    tab.on("console", lambda message: tab.said.append(message.text))
    tab.on("pageerror", lambda error: tab.said.append(str(error)))
    tab.on("request", lambda asked: tab.asked.append(asked.url))
    tab.goto((made_run / PAGES[request.param]).as_uri())
    tab.kind = request.param
    yield tab
    tab.close()


def test_page_is_quiet_and_alone(opened):
    assert opened.said == []
    assert [url for url in opened.asked if not url.startswith("data:")] == [opened.url]
    assert opened.evaluate(OUTSIDE) == 0


def test_page_has_one_title_and_a_language(opened):
    assert opened.locator("h1").count() == 1
    assert opened.locator("html").get_attribute("lang") == ("en" if opened.kind == "en" else "zh-CN")
    assert opened.title()


def test_everything_has_a_name(opened):
    assert opened.evaluate(UNNAMED) == 0
    assert opened.evaluate(TABLES) == 0
    assert opened.evaluate(IDS) == 0
    assert opened.evaluate(BROKEN) == 0


@pytest.mark.parametrize("width", [320, 390, 1280])
def test_no_sideways_scroll(opened, width):
    opened.set_viewport_size({"width": width, "height": 800})
    assert opened.evaluate(SIDEWAYS) <= 0


def test_reports_are_light(made_run):
    sizes = {path.name: path.stat().st_size for path in made_run.rglob("*.html")}
    assert len(sizes) >= 3
    assert max(sizes.values()) <= 400_000


def test_synthetic_data_is_labelled(opened):
    assert opened.locator(".synthetic").count() == 1


def test_index_sorts_and_filters(browser, made_run):
    tab = browser.new_page()
    tab.goto((made_run / "index.html").as_uri())
    rows = tab.locator("#reports tbody tr:visible")
    assert rows.count() == 2
    assert "S0005" in rows.first.inner_text()  # the one with more warnings leads
    tab.locator("#reports thead button").first.click()
    assert "S0003" in rows.first.inner_text()
    tab.fill("#filter", "s0005")
    assert rows.count() == 1
    tab.close()


@pytest.mark.parametrize(
    ("kind", "words"), [("zh", ["贷后检查报告", "禾巷食品"]), ("en", ["Post-loan review", "Beiling"])]
)
def test_prints_whole_on_a4(browser, made_run, tmp_path, kind, words):
    if shutil.which("pdftotext") is None:
        pytest.skip("no poppler on this machine")
    tab = browser.new_page()
    tab.goto((made_run / PAGES[kind]).as_uri())
    shown = tab.evaluate("() => [...document.querySelectorAll('thead tr')].map(r => r.lastElementChild.textContent)")
    tab.pdf(path=tmp_path / "page.pdf", prefer_css_page_size=True)
    tab.close()
    about = subprocess.run(["pdfinfo", tmp_path / "page.pdf"], capture_output=True, text=True, check=True).stdout
    facts = dict(line.split(":", 1) for line in about.splitlines() if ":" in line)
    assert facts["Page size"].strip().startswith(("595", "594"))
    assert 2 <= int(facts["Pages"]) <= 20
    text = subprocess.run(["pdftotext", tmp_path / "page.pdf", "-"], capture_output=True, text=True, check=True).stdout
    plain = "".join(text.split())
    for word in [*words, *shown, f"1/{facts['Pages'].strip()}"]:
        assert "".join(word.split()) in plain, word
