"""The level in one sentence: how many signals, and how many of them are news."""

import pandas as pd
import pytest

from postloan import rules, texts
from postloan.report import exhibits, signals


@pytest.mark.parametrize(
    ("states", "said"),
    [
        (["persisting", "persisting"], "None of them is new or worse"),
        (["new", "persisting"], "New or worse since the last review: 1."),
        (["new", "new"], "independent groups of evidence: 1. "),
    ],
)
def test_news_among_signals_are_counted(states, said):
    sheet = exhibits.Sheet(texts("en"), "CNY", "2026-05-15", 360, 2, 1, True, (1e4, "", 0))
    live = pd.DataFrame({"rule": ["overdue", "loss_made"], "level": "orange", "veto": False, "group": "finance"})
    found = signals.summary(live.assign(status=states), pd.DataFrame(), rules.load().rules, sheet)
    assert said.strip() in found.paragraphs[0]
