"""The pages in a real browser: nothing fetched, nothing cut off, readable on a phone and on paper."""

import os
import re
import shutil
import subprocess
from collections import Counter
from types import SimpleNamespace
from unicodedata import normalize
from urllib.parse import unquote

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright

from conftest import ROOT, ran
from postloan.report import charts

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
READY = (CHROMIUM and shutil.which("pdftotext")) or os.environ.get("POSTLOAN_NEEDS_BROWSER") == "1"
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not READY, reason="needs Chromium and poppler-utils (POSTLOAN_NEEDS_BROWSER=1: fail instead)"),
]
PAGES = {
    "zh": "borrower_review/zh/S0003.html",
    "en": "borrower_review/en/S0005.html",
    "index": "index.html",
    "index_en": "index.en.html",
}
ABOUT = {
    "workout_plan": "S0005", "case_study": "S0005", "industry_review": "machinery", "portfolio_review": "book",
    "signal_backtest": "book",
}  # fmt: skip
OTHERS = [f"{name}/{language}" for name in ABOUT for language in ("zh", "en")]
OTHER_RUN = {
    "name": "others", "book": "sample", "as_of": "2026-05-15", "borrowers": ["S0005"], "languages": ["zh", "en"],
    "notebooks": [{name: ["machinery"]} if name == "industry_review" else name for name in ABOUT],
    "parameters": {"twin_id": "S0003", "quarters": 2, "signal_days": 1},
}  # fmt: skip
UNFOLD = "() => document.querySelectorAll('details').forEach(fold => { fold.open = true; })"
FOLD = "() => document.querySelectorAll('details').forEach(fold => { fold.open = false; })"
DRAWN = "() => [...document.querySelectorAll('img, svg')].filter(e => !e.closest('[aria-hidden=true]')).length"
BAD_TABLES = """() => [...document.querySelectorAll('table')].filter(table => !table.caption?.textContent.trim()
    || [...table.querySelectorAll('th')].some(head => !['row', 'col'].includes(head.scope))
    || !table.querySelector('th')).map(table => table.outerHTML.slice(0, 200))"""
IDS = "() => [...document.querySelectorAll('[id]')].map(e => e.id)"
REFERENCES = """() => [...document.querySelectorAll('*')].flatMap(e => [...e.attributes]).filter(a =>
    /^(xlink:)?(href|src|srcset|action|formaction|data|poster|ping|background)$/.test(a.name)).map(a => a.value)"""
SIDEWAYS = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
LETTERS = """() => [...document.querySelectorAll('figure svg text')].map(
    text => text.getBoundingClientRect().height)"""
PRINTED = """() => [...document.querySelectorAll('h1, h2, h3, p, li, dt, dd, th, td, caption, figcaption, summary')]
    .filter(e => e.checkVisibility()).map(e => e.innerText).join(' ')"""
LAST_HEADS = """() => [...document.querySelectorAll('main thead tr > :last-child')]
    .filter(e => e.checkVisibility()).map(e => e.textContent)"""
CUT = """() => [...document.querySelectorAll('.table-scroll')].filter(e => e.scrollWidth > e.clientWidth + 1)
    .map(e => `${e.scrollWidth - e.clientWidth} px: ${e.textContent.trim().slice(0, 60)}`)"""
CAPTIONS = """() => [...document.querySelectorAll('.table-scroll')].filter(e => e.scrollWidth > e.clientWidth + 1)
    .map(e => { e.scrollLeft = e.scrollWidth; return e.querySelector('caption > span').getBoundingClientRect(); })
    .map(box => [box.left, box.right])"""
ANSWERS = """() => [...document.querySelectorAll('.about, .kpis.verdict, .opening + .chapter ol.story')]
    .map(e => e.getBoundingClientRect().bottom)"""
WORD = re.compile(r'<word xMin="([\d.-]+)" yMin="([\d.-]+)" xMax="([\d.-]+)" yMax="([\d.-]+)"')
FONT = re.compile(r'<fontspec id="\d+" size="(\d+)" family="[^"]*" color="([^"]*)"')
MARGIN, PAPER = 12 / 25.4 * 72, (594.96, 841.92)  # points


@pytest.fixture(scope="module")
def others(warm_parent, sample_address, tmp_path_factory):
    """Every other kind of report in both languages, of the first ten borrowers of the sample."""
    made = ran(sample_address, tmp_path_factory.mktemp("others"), OTHER_RUN)
    return {kind: made / kind / f"{ABOUT[kind.split('/')[0]]}.html" for kind in OTHERS}


@pytest.fixture(scope="module")
def browser(made_run, others):  # first the reports: no kernel can be driven from a thread where Playwright's loop runs
    flags = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking", "--disable-sync"]
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM or "chromium", args=flags)
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
    tab.evaluate(UNFOLD)
    tab.kind = request.param
    yield tab
    tab.close()


def test_page_is_quiet_and_alone(opened):
    assert opened.said == []
    assert [url for url in opened.asked if not url.startswith("data:")] == [opened.url]
    assert opened.evaluate("() => performance.getEntriesByType('resource').length") == 0


def test_references_stay_at_home(opened, made_run):
    folder = (made_run / PAGES[opened.kind]).parent
    outward = [link for link in opened.evaluate(REFERENCES) if not link.startswith(("#", "data:"))]
    assert outward if opened.kind.startswith("index") else not outward
    assert all((folder / unquote(link)).is_file() for link in outward)
    assert not re.search(r"@import|url\((?!['\"]?(#|data:))", opened.content())


def test_page_has_one_title_and_a_language(opened):
    assert opened.locator("h1").count() == 1
    assert opened.locator("html").get_attribute("lang") == ("en" if opened.kind.endswith("en") else "zh-CN")
    assert opened.title()


def test_everything_has_a_name(opened):
    """By the browser's own tree for screen readers: drawings, tables, links, scrolling regions, controls."""
    tree = opened.context.new_cdp_session(opened).send("Accessibility.getFullAXTree")["nodes"]
    seen = [(node["role"]["value"], node.get("name", {}).get("value")) for node in tree if not node["ignored"]]
    needy = {"image", "img", "table", "link", "button", "region", "searchbox", "navigation", "heading"}
    assert [role for role, name in seen if role in needy and not name] == []
    assert sum(role in ("image", "img") for role, _ in seen) == opened.evaluate(DRAWN)


@pytest.mark.parametrize("kind", [*PAGES, *OTHERS])
def test_axe_finds_nothing(browser, made_run, others, kind):
    context = browser.new_context(bypass_csp=True, viewport={"width": 320, "height": 800})  # axe is a script
    tab, said = context.new_page(), []
    tab.on("console", lambda message: said.append(message.text))
    tab.goto((others[kind] if kind in others else made_run / PAGES[kind]).as_uri())
    tab.evaluate(UNFOLD)
    assert (tab.evaluate(SIDEWAYS), said) == (0, [])
    found = Axe().run(tab).response["violations"]
    context.close()
    assert [(each["id"], node["html"][:200]) for each in found for node in each["nodes"]] == []


@pytest.mark.parametrize(("width", "height"), [(1366, 768), (390, 844), (360, 800)])
def test_first_screen_answers(opened, width, height):
    """Who, how bad and since when, three reasons, what next: without scrolling, on a small desk screen and a phone."""
    if opened.kind.startswith("index"):
        pytest.skip("the index is no report")
    opened.set_viewport_size({"width": width, "height": height})
    opened.evaluate(FOLD)
    bottoms = opened.evaluate(ANSWERS)
    opened.evaluate(UNFOLD)
    assert len(bottoms) >= 2
    assert max(bottoms) < height


def test_evidence_leads_on(opened):
    """From a reason to its signal, from there to the figure taken apart, and back."""
    if opened.kind != "en":
        pytest.skip("one language says it")
    signal = opened.locator("ol.story a.proof").first.get_attribute("href")
    figure = opened.locator(f"{signal} a.proof").first.get_attribute("href")
    assert figure.startswith("#explain-")
    assert opened.locator(f"details:has({figure}) a[href='#verdict']").count() == 1


def test_tables_have_caption_and_scope(opened):
    assert opened.locator("table").count() > 1
    assert opened.evaluate(BAD_TABLES) == []


def test_links_within_arrive(opened):
    ids = opened.evaluate(IDS)
    assert len(ids) == len(set(ids))
    within = {unquote(link[1:]) for link in opened.evaluate(REFERENCES) if link.startswith("#")}
    assert {link for link in within if "=" not in link} <= set(ids)  # name=value chooses from the index


def test_contents_list_every_section(opened):
    if opened.kind.startswith("index"):
        pytest.skip("the index has no contents")
    sections = opened.locator("main h2").all_text_contents()
    assert opened.locator(".toc-wide a").all_text_contents() == sections
    assert opened.locator(".toc-narrow a").all_text_contents() == sections
    assert len(sections) > 5


def test_no_markup_or_blank_shown(opened):
    text = opened.locator("body").inner_text()
    assert len(text) > 200
    assert re.findall(r"</?[a-z]+[ >].{0,40}|&[a-z]+;|\bnan\b|\bNaN\b|\bNaT\b|\{[a-z_]+\}", text)[:3] == []


@pytest.mark.parametrize("width", [320, 390, 1280])
def test_no_sideways_scroll(opened, width):
    opened.set_viewport_size({"width": width, "height": 800})
    assert opened.evaluate(SIDEWAYS) <= 0


def test_captions_stay_in_sight(opened):
    """On a phone, whatever way a wide table is pushed."""
    opened.set_viewport_size({"width": 390, "height": 844})
    sides = opened.evaluate(CAPTIONS)
    assert sides
    assert [side for side in sides if side[0] < 0 or side[1] > 390] == []


def test_heads_leave_no_gap(opened):
    """On a phone: the head of a column out of sight would push all others down."""
    opened.set_viewport_size({"width": 390, "height": 844})
    heights = opened.locator("thead").evaluate_all("heads => heads.map(each => each.getBoundingClientRect().height)")
    assert heights
    assert max(heights) < 45


@pytest.mark.parametrize("width", [390, 1280])
def test_figures_are_legible(opened, width):
    opened.set_viewport_size({"width": width, "height": 800})
    heights = opened.evaluate(LETTERS)
    assert all(9 <= height <= 40 for height in heights)
    assert len(heights) > 20 or opened.kind.startswith("index")


def test_reports_are_light(made_run):
    sizes = {path.name: path.stat().st_size for path in made_run.rglob("*.html")}
    assert len(sizes) >= 3
    assert max(sizes.values()) <= 400_000


def test_synthetic_data_is_labelled(opened):
    assert opened.locator(".synthetic").count() == 1


@pytest.mark.parametrize("kind", OTHERS)
def test_tables_fit_a_desk(browser, others, kind):
    """No table of any report is cut off on a small desk screen."""
    tab = browser.new_page(viewport={"width": 1366, "height": 768})
    tab.goto(others[kind].as_uri())
    cut = tab.evaluate(CUT)
    tab.close()
    assert cut == []


@pytest.fixture
def listed(browser, made_run):
    """The index, and its rows as they stand."""
    tab = browser.new_page()
    tab.goto((made_run / "index.html").as_uri())
    tab.wait_for_function("() => document.querySelector('#shown').textContent !== ''")
    yield tab, tab.locator("#reports tbody tr")
    tab.close()


@pytest.mark.parametrize("name", ["index.html", "index.en.html"])
def test_heads_of_the_index_stand_apart(browser, made_run, name):
    tab = browser.new_page(viewport={"width": 1280, "height": 768})
    tab.goto((made_run / name).as_uri())
    wide = "heads => heads.filter(head => head.scrollWidth > head.clientWidth + 1).map(head => head.textContent)"
    over = tab.locator("#reports thead th").evaluate_all(wide)
    tab.close()
    assert over == []


def test_index_sorts_and_filters(listed):
    tab, rows = listed
    assert "S0005" in rows.first.inner_text()  # the worst leads
    tab.locator("#reports thead button").first.press("Enter")
    assert rows.count() == 2
    tab.fill("#filter", "s0003")
    assert rows.count() == 1
    assert "sort=name" in tab.url
    tab.fill("#filter", "beiling heavy")  # the name in the other language
    assert "S0005" in rows.inner_text()


def test_index_list_can_be_bookmarked(listed, made_run):
    tab, rows = listed
    tab.goto((made_run / "index.html").as_uri() + "#q=s0005&sort=-name")
    tab.reload()
    assert rows.count() == 1
    assert tab.input_value("#filter") == "s0005"
    assert tab.locator("th[data-col=name]").get_attribute("aria-sort") == "descending"


def test_index_is_a_list_without_scripts(browser, made_run):
    context = browser.new_context(java_script_enabled=False)
    tab = context.new_page()
    tab.goto((made_run / "index.html").as_uri())
    assert tab.locator("#reports tbody tr").count() == 2
    assert not tab.locator(".filter").is_visible()
    context.close()


@pytest.fixture(scope="module", params=["zh", "en"])
def printed(request, browser, made_run, sample_book, tmp_path_factory):
    """A report as PDF: facts about it, its text a page, its words with their place, and what the screen shows."""
    file = tmp_path_factory.mktemp("printed") / "page.pdf"
    tab = browser.new_page()
    tab.goto((made_run / PAGES[request.param]).as_uri())
    tab.pdf(path=file, prefer_css_page_size=True)
    tab.evaluate(UNFOLD)
    tab.emulate_media(media="print")
    tab.set_viewport_size({"width": int((PAPER[0] - 2 * MARGIN) / 72 * 96), "height": 900})
    shown, heads, too_wide = tab.evaluate(PRINTED), tab.evaluate(LAST_HEADS), tab.evaluate(SIDEWAYS)
    tab.close()
    borrower = sample_book.borrower(PAGES[request.param].split("/")[-1].removesuffix(".html"))
    named = {"zh": ("贷后检查报告", borrower["name"]), "en": ("Post-loan review", borrower["name_en"])}
    about = dict(line.split(":", 1) for line in run("pdfinfo", file).splitlines() if ":" in line)
    pages = run("pdftotext", file, "-").split("\f")[:-1]
    places = run("pdftotext", "-bbox", file, "-").split("<page ")[1:]
    fonts = FONT.findall(run("pdftohtml", "-xml", "-i", "-zoom", "3", "-stdout", file))
    words = [[[float(edge) for edge in edges] for edges in WORD.findall(page)] for page in places]
    return SimpleNamespace(
        about=about, pages=pages, words=words, shown=shown, heads=heads, too_wide=too_wide, named=named[request.param],
        letters={colour: min(int(size) for size, each in fonts if each == colour) for _, colour in fonts},
    )  # fmt: skip


def run(*command):
    return subprocess.run(command, capture_output=True, encoding="utf-8", check=True).stdout


def squeezed(text):
    return re.sub(r"\s", "", normalize("NFKC", text))


def test_prints_on_a4(printed):
    assert printed.about["Page size"].split()[:3] == ["594.96", "x", "841.92"]
    assert 2 <= int(printed.about["Pages"]) == len(printed.pages) <= 8


def test_paper_is_wide_enough(printed):
    assert printed.too_wide <= 0  # else Chromium shrinks the letters of every sheet


def test_each_sheet_says_what_it_is(printed):
    for number, text in enumerate(printed.pages, start=1):
        assert f"{number}/{len(printed.pages)}" in squeezed(text)
        assert all(squeezed(name) in squeezed(text) for name in printed.named)


def test_nothing_lost_on_paper(printed):
    """Every character of the page is on paper at least as often, and nothing stands in or beyond the margin."""
    paper = squeezed("".join(printed.pages))
    assert Counter(squeezed(printed.shown)) <= Counter(paper)
    assert len(printed.heads) > 10
    assert [head for head in printed.heads if not all(squeezed(word) in paper for word in head.split())] == []
    edges = [(left, right) for page in printed.words for left, _, right, _ in page]
    assert min(left for left, _ in edges) >= MARGIN - 1
    assert max(right for _, right in edges) <= PAPER[0] - MARGIN + 1


def test_letters_are_printed_large_enough(printed):
    """Seven points, in figures (whose ink is their own) and in small print: sizes come three times as large."""
    assert charts.INK in printed.letters
    assert min(printed.letters.values()) >= 21


def test_no_sheet_nearly_empty(printed):
    body = [[bottom for _, _, _, bottom in page if bottom < PAPER[1] - MARGIN] for page in printed.words]
    assert min(max(bottoms) for bottoms in body[:-1]) > PAPER[1] / 2
    assert len({round(bottom) for bottom in body[-1]}) > 4  # lines: more than the footer


LAB = """() => {
    const cell = (type, tag, source) => ({ isHidden: false, setHidden(hide) { this.isHidden = hide; },
        model: { type, getMetadata: () => [tag], sharedModel: { getSource: () => source } } });
    const widgets = [cell('markdown', 'zh'), cell('markdown', 'en'),
        cell('code', 'parameters', 'language: str = "zh"  # zh or en'),
        cell('code', 'injected-parameters', 'language = "en"'), cell('code', 'lab', '')];
    const panel = { content: { widgets, modelContentChanged: { connect: (told) => { window.edited = told; } } },
        context: { ready: Promise.resolve() } };
    const tracker = { forEach: (told) => told(panel), widgetAdded: { connect: () => {} } };
    const token = { 1: { get: async () => () => ({}) } };
    window.hidden = () => widgets.map((each) => Number(each.isHidden)).join('');
    window.edit = (source) => { widgets[3] = cell('code', 'injected-parameters', source); window.edited(); };
    const commands = { addCommand: (_, about) => { window.both = about.execute; } };
    const container = window._JUPYTERLAB['postloan-lab'];
    container.init({ '@jupyterlab/notebook': token, '@jupyterlab/apputils': token });
    return container.get('./extension').then((made) => {
        made().default.activate({ commands }, tracker, null);
        return made().__esModule; });
}"""


def test_lab_shows_the_language_of_the_run(browser):
    """JupyterLab's extension, driven by a notebook of five cells: the other language is hidden until asked for."""
    tab = browser.new_page()
    tab.add_script_tag(path=ROOT / "lib/postloan/report/lab/extension/static/languages.js")
    assert tab.evaluate(LAB) is True
    tab.wait_for_function("() => hidden() === '10000'")
    tab.evaluate("""() => edit('language = "zh"')""")
    tab.wait_for_function("() => hidden() === '01000'")
    tab.evaluate("() => both()")
    assert tab.evaluate("() => hidden()") == "00000"
    tab.close()
