"""Two reviews beside each other: what came, went, grew, eased or stayed, in both languages."""

import re

import pandas as pd
import pytest

from postloan import measures, rules, texts
from postloan.report import exhibits, side_by_side
from sheets import told

RULES = rules.load().rules
NAMES = {"same": "current_ratio_low", "worse": "interest_cover_low", "new": "overdue", "gone": "staff_cut"}


def signal(rule, level, status="persisting"):
    return {"rule": rule, "level": level, "status": status, "owner": "branch_head", "due": "2026-05-20", "evidence": []}


def record(day, level, signals, **ratios):
    values = [{"id": name, "period_end": day, "value": value, "reason": None} for name, value in ratios.items()]
    return {"as_of": day, "level": level, "class": "normal", "next_review": None, "signals": signals, "values": values}


def pair(language="en"):
    sheet = exhibits.Sheet(texts(language), "CNY", "2026-05-15", 360, 2, 1, False, (1.0, "", 2))
    before = [signal(NAMES["same"], "yellow"), signal(NAMES["worse"], "yellow"), signal(NAMES["gone"], "red")]
    after = [signal(NAMES["same"], "yellow"), signal(NAMES["worse"], "red"), signal(NAMES["new"], "orange")]
    after.append(signal(NAMES["gone"], "red", "cleared"))
    records = (
        record("2026-03-06", "red", before, current_ratio=1.2),
        record("2026-05-15", "red", after, current_ratio=0.9),
    )
    return side_by_side.Pair(*records, RULES, measures(), sheet)


def test_each_signal_says_what_became_of_it():
    found = {rule: state for rule, *_, state in pair().signals}
    assert found == {name: state for state, name in NAMES.items()}


def test_worse_and_new_come_first():
    assert [state for *_, state in pair().signals] == ["worse", "new", "gone", "same"]


@pytest.mark.parametrize("language", ["zh", "en"])
def test_pair_is_told_whole(language):
    made = pair(language)
    parts = (side_by_side.story, side_by_side.verdict_table, side_by_side.signal_table, side_by_side.ratio_table)
    text = " ".join(told(part(made)) for part in parts)
    assert not re.search(r"[{}]|\bnan\b|\bNone\b|NaT", text)
    assert getattr(RULES[NAMES["new"]].title, language) in text


def test_ratio_moves_with_its_reading():
    text = told(side_by_side.ratio_table(pair()))
    assert re.search(r"Current ratio\s+1\.20\s+◆\s+Watch\s+0\.90\s+▲\s+Warn\s+−0\.30", text)


def test_actions_say_what_became_of_them():
    rows = {"owner": "branch_head", "due": pd.Timestamp("2026-05-20")}
    then, now = (
        pd.DataFrame([{"rule": NAMES[name], **rows} for name in names]) for names in (("gone", "same"), ("new", "same"))
    )
    text = told(side_by_side.action_table(then, now, pair()))
    assert all(text.count(word) == 1 for word in ("still open", "entered since", "done"))
