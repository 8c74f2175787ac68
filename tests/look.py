"""Look at every page of a run in a real browser: `python tests/look.py [FOLDER]`; exit 1 when something is wrong.

FOLDER holds the pages of one run (default: the newest below outputs/). Screenshots of desk and phone, the paper and
its text go to outputs/looks/; the table says for each page what axe, the console and the network found, by how many
pixels it scrolls sideways at 320 pixels, how many tables are cut off on the desk screen, how many sheets it prints on,
the points of the smallest letters there, in figures and in all, and how large it is.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

from postloan import settings
from postloan.report import charts

SCREENS = {"desk": (1366, 768), "phone": (390, 844)}
SIDEWAYS = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
UNFOLD = "() => document.querySelectorAll('details').forEach(fold => { fold.open = true; })"
CUT = "() => [...document.querySelectorAll('.table-scroll')].filter(e => e.scrollWidth > e.clientWidth + 1).length"
FONT = re.compile(r'<fontspec id="\d+" size="(\d+)" family="[^"]*" color="([^"]*)"')
HEAD = (
    f"{'page':44} {'axe':>4} {'console':>7} {'asked':>5} {'wide':>5} {'cut':>4} {'sheets':>6} "
    f"{'drawn':>6} {'least':>6} {'kB':>6}"
)


def main() -> int:
    """Look at all pages; 1 when one has a violation, a message, a request or scrolls sideways."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else _newest()
    looks = settings.home() / "outputs" / "looks"
    wrong = 0
    print(HEAD)
    with sync_playwright() as play:
        flags = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"]
        browser = play.chromium.launch(executable_path=str(settings.browser()), args=flags)
        for file in sorted(folder.rglob("*.html")):
            wrong += _look(browser, file, looks, str(file.relative_to(folder)))
        browser.close()
    return int(bool(wrong))


def _newest() -> Path:
    runs = (settings.home() / "outputs").glob("*/*/index.html")
    return max(runs, key=lambda index: index.stat().st_mtime).parent


def _look(browser: Browser, file: Path, looks: Path, name: str) -> int:
    """One page; how many things are wrong with it."""
    beside = looks / name.removesuffix(".html")
    context = browser.new_context(bypass_csp=True)  # for axe alone, which is a script
    tab, said, asked = context.new_page(), [], []
    tab.on("console", lambda message: said.append(message.text))
    tab.on("pageerror", lambda error: said.append(str(error)))
    tab.on("request", lambda request: asked.append(request.url))
    tab.goto(file.as_uri())
    beside.mkdir(parents=True, exist_ok=True)
    cut = _shown(tab, beside)
    sheets, drawn, least = _printed(tab, beside)
    wide = _sideways(tab)
    axe = Axe().run(tab).response["violations"]
    outside = [url for url in asked if url != file.as_uri() and not url.startswith("data:")]
    print(
        f"{name[-44:]:44} {len(axe):>4} {len(said):>7} {len(outside):>5} {wide:>5} {cut:>4} "
        f"{sheets:>6} {drawn:>6} {least:>6} {file.stat().st_size / 1000:>6.0f}",
        *(f"\n    {each['id']}: {node['html'][:150]}" for each in axe for node in each["nodes"][:3]),
        *(f"\n    {text}" for text in said + outside),
        flush=True,
    )
    context.close()
    return len(axe) + len(said) + len(outside) + (wide > 0)


def _shown(tab: Page, beside: Path) -> int:
    """Screenshots of the first screen and of everything; how many tables are cut off on the desk screen."""
    cut = []
    for name, (width, height) in SCREENS.items():
        tab.set_viewport_size({"width": width, "height": height})
        tab.screenshot(path=beside / f"{name}.png")
        tab.screenshot(path=beside / f"{name}-whole.png", full_page=True)
        cut.append(tab.evaluate(CUT))
    return cut[0]


def _printed(tab: Page, beside: Path) -> tuple[str, str, str]:
    """The paper and its text: how many sheets, the points of the smallest letters in figures, and of all."""
    tab.pdf(path=beside / "paper.pdf", prefer_css_page_size=True)
    told = subprocess.run(["pdfinfo", beside / "paper.pdf"], capture_output=True, text=True, check=True).stdout
    subprocess.run(["pdftotext", "-layout", beside / "paper.pdf", beside / "paper.txt"], check=True)
    asked = ["pdftohtml", "-xml", "-i", "-zoom", "3", "-stdout", beside / "paper.pdf"]
    fonts = FONT.findall(subprocess.run(asked, capture_output=True, text=True, check=True).stdout)
    drawn = [int(size) / 3 for size, colour in fonts if colour == charts.INK]
    sheets = next(line.split()[1] for line in told.splitlines() if line.startswith("Pages"))
    return sheets, f"{min(drawn):.1f}" if drawn else "—", f"{min(int(size) / 3 for size, _ in fonts):.1f}"


def _sideways(tab: Page) -> int:
    """By how many pixels the page is wider than a screen of 320, everything folded out."""
    tab.set_viewport_size({"width": 320, "height": 700})
    tab.evaluate(UNFOLD)
    return tab.evaluate(SIDEWAYS)


if __name__ == "__main__":
    os.umask(0o077)
    sys.exit(main())
