"""What a try-out changes, told beside the report as it stands."""

import re

import pandas as pd
import pytest

from postloan import measures, texts
from postloan.analysis.periods import Panel
from postloan.judgement import early_warning, rules, sight
from postloan.report import trials
from postloan.report.exhibits import Sheet

AS_OF = "2026-05-15"


@pytest.fixture(scope="module", params=["zh", "en"])
def sheet(request):
    return Sheet(texts(request.param), "CNY", AS_OF, 360, 2, 1, True, (1.0, "", 0))


@pytest.fixture(scope="module")
def seen(sample_book):
    return sight.of(Panel(sample_book.statements("S0003", as_of=AS_OF)))


def plain(exhibit):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", exhibit.html))


def test_changed_signals_are_told(seen, sheet):
    strict = rules.load().with_("current_ratio_low", yellow=9.0, orange=5.0)
    before, after = (early_warning.scan(book, seen, as_of=AS_OF) for book in (rules.load(), strict))
    told = [
        plain(trials.signal_changes(*pair, strict.rules, measures(), sheet))
        for pair in ((before, after), (after, before))
    ]
    title = sheet.said(strict.rules["current_ratio_low"].title)
    assert f"{title} {sheet.words('trial.change.appears')}" in told[0]
    assert f"{title} {sheet.words('trial.change.vanishes')}" in told[1]
    assert sheet.words("signal.level.orange") in told[0]


def test_unchanged_signals_are_left_out(seen, sheet):
    scan = early_warning.scan(rules.load(), seen, as_of=AS_OF)
    assert sheet.words("exhibit.no_rows") in plain(
        trials.signal_changes(scan, scan, rules.load().rules, measures(), sheet)
    )


def test_cover_stands_beside_cover(sheet):
    row = {"period_end": pd.Timestamp("2026-06-30"), "own": 2e6, "own_tried": 1e6, "cover": 1.25, "cover_tried": 1.5}
    told = plain(trials.cover_changes(pd.DataFrame([{**row, "chance": 0.2, "chance_tried": float("nan")}]), sheet))
    assert re.search(r"1\.25 1\.50 20\.0% —", told)
