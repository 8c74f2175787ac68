"""How a reviewer feels an index of many borrowers: `make bench-index [N]`; times in the browser, from a file.

Prints, of an index of N borrowers (10,000) in two languages: seconds to write it, its size, and in Chromium the
milliseconds to first paint, to a list that answers, of a keystroke of the search, of a filter and of a sort, each until
the next frame is drawn (median and worst); then the same page with scripts off.
"""

from __future__ import annotations

import random
import statistics
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from postloan import settings
from postloan.batch import index

FRAME = """async ([place, value]) => {
    const element = document.querySelector(place), began = performance.now();
    if (value === null) element.click();
    else { element.value = value; element.dispatchEvent(new Event("input", { bubbles: true })); }
    await new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
    return performance.now() - began; }"""
PAINT = """() => new Promise(done => new PerformanceObserver(list => done(list.getEntries()[0].startTime))
    .observe({type: 'paint', buffered: true}))"""
READY = "() => document.querySelector('#shown').textContent !== ''"


def main() -> None:
    """Write the index, open it, and print what it takes."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as play:
        began = time.perf_counter()
        pages = index.pages(manifest(count), Path(folder))
        written = time.perf_counter() - began
        file = Path(folder) / "index.html"
        file.write_text(pages["index.html"], encoding="utf-8")
        print(f"{count:,} borrowers: {len(pages)} pages in {written:.1f} s, {file.stat().st_size / 1e6:.1f} MB each")
        browser = play.chromium.launch(executable_path=str(settings.browser()), args=["--no-sandbox", "--disable-gpu"])
        for name, figures in measured(browser, file.as_uri()).items():
            print(
                f"  {name:32} {statistics.median(figures):8.0f} ms   worst {max(figures):8.0f} ms   of {len(figures)}"
            )
        browser.close()


def manifest(count: int) -> dict:
    """A run of so many borrowers, as a manifest tells it."""
    chance = random.Random(1)
    names = [
        "".join(chance.choices("北岭澜川禾巷钧泰驰曜光电重机食品股份装备", k=6)) + "有限公司" for _ in range(count)
    ]
    jobs = [
        _job(f"B{number:05}", name, chance, language) for number, name in enumerate(names) for language in ("zh", "en")
    ]
    about = {"run": "bench", "as_of": "2026-05-15", "book": "default", "finished": "2026-05-15T06:00:00"}
    return {**about, "versions": {"python": "3.11"}, "jobs": jobs}


def _job(borrower: str, name: str, chance: random.Random, language: str) -> dict:
    chance.seed(borrower)  # the same in both languages
    headline = [
        {"label": label, "text": f"{value:.2f}", "value": value}
        for label, value in zip(
            ("警示", "关注", "收入同比", "流动比率"), [chance.random() * 9 for _ in range(4)], strict=True
        )
    ]
    day = f"2026-{chance.randint(4, 9):02}-{chance.randint(1, 28):02}"
    facts = {"level": chance.choice(["none", "none", "yellow", "orange", "red"]), "class": chance.choice(index.CLASSES)}
    facts |= {"owner": chance.choice(["relationship_manager", "risk_manager", "branch_head"]), "step_due": day}
    facts |= {"next_review": day, "latest_period": "2025-12-31", "headline": headline, "seconds": 1.0, "status": "ok"}
    place = {"path": f"borrower_review/{language}/{borrower}.html", "language": language, "notebook": "borrower_review"}
    industry = chance.choice(["C35 专用设备", "C39 电子", "C14 食品", "F51 批发", "C27 医药"])
    told = {"name": name, "name_en": f"{chance.choice(PLACES)} {chance.choice(TRADES)} Co., Ltd."}
    return {"borrower_id": borrower, **told, "industry": industry, "old": False, "error": None, **place, **facts}


def measured(browser: object, address: str) -> dict[str, list[float]]:
    """Milliseconds by what was done."""
    context = browser.new_context(bypass_csp=True, viewport={"width": 1366, "height": 768})  # the stopwatch is a script
    found = {"first paint": [], "until the list answers": []}
    for _ in range(3):
        tab = context.new_page()
        began = time.perf_counter()
        tab.goto(address, wait_until="commit")
        tab.wait_for_function(READY)
        found["until the list answers"].append(1000 * (time.perf_counter() - began))
        found["first paint"].append(tab.evaluate(PAINT))
        if len(found["first paint"]) < 3:
            tab.close()
    found |= {name: [_timed(tab, act) for act in acts] for name, acts in ACTS.items()}
    context.close()
    plain = browser.new_context(java_script_enabled=False).new_page()
    began = time.perf_counter()
    plain.goto(address)
    plain.screenshot()
    return {**found, "scripts off: all rows drawn": [1000 * (time.perf_counter() - began)]}


def _timed(tab: Page, act: tuple[str, str | None]) -> float:
    return tab.evaluate(FRAME, list(act))


TYPED = ("b", "b0", "b00", "b001", "", "北", "北岭", "", "be", "beiling h", "")
PLACES, TRADES = ("Beiling", "Junchi", "Yaoguang", "Lanchuan"), ("Heavy Machinery", "Foods", "Electronics", "Parts")
ACTS = {
    "a keystroke of the search": [("#filter", text) for text in TYPED],
    "a filter": [("[name=level]", level) for level in ("red", "none", "orange", "")],
    "a sort": [
        (f"[data-col={name}] button", None) for name in ("name", "name", "level", "step", "industry", "h1", "h1")
    ],
}


if __name__ == "__main__":
    main()
