"""A case told again: the slide before the warning, what was agreed, how it ended, what other days were worth."""

import re

import numpy as np
import pandas as pd
import pytest

from postloan import hindsight, rules
from postloan.portfolio.replay import Replay
from postloan.report import replayed
from sheets import sheet, told

DAYS = pd.to_datetime(["2024-03-01", "2024-06-01", "2024-09-01", "2024-12-01", "2025-03-01"])
RULES = rules.load().rules
TURNS = [90.0, 100.0, 112.0, 125.0, 118.0]
SIGNAL = {"borrower_id": "A", "rule": "receivables_slide", "group": "finance", "status": "new", "since": DAYS[3]}


def case(**changes) -> Replay:
    rows = {"as_of": DAYS, "period_end": DAYS, "level": ["none", "none", "yellow", "orange", "yellow"]}
    rows |= {"class": "normal", "owed": 5e7, "days_overdue": 0, "borrower_id": "A"} | changes
    signals = pd.DataFrame([SIGNAL | {"as_of": DAYS[n], "level": each} for n, each in ((2, "yellow"), (3, "orange"))])
    figures = pd.DataFrame({"borrower_id": "A", "as_of": DAYS, "metric": "receivable_days", "value": TURNS})
    return Replay(pd.DataFrame(rows), signals, figures)


TALK = {"held_on": DAYS[4], "channel": "visit", "said": "签署还款计划调整协议", "observed": None}
FOUND = replayed.milestones(case().signals, "A", DAYS[4], None, pd.Timestamp("2025-06-20"))


def test_months_run_from_the_warning_to_the_twins_miss():
    assert (FOUND.warned_on, FOUND.rule, FOUND.seen_on) == (DAYS[3], "receivables_slide", DAYS[2])
    assert FOUND.months_gained == pytest.approx(201 / 30.44)


def test_slide_before_the_warning_is_counted():
    said = told(replayed.lead(FOUND, case().figures, RULES, "乙", sheet("zh")))
    assert "已连续3次检查变差，由90到125" in said


@pytest.mark.parametrize("values", [[90.0, 80.0, 95.0, 96.0, 97.0], [np.nan] * 5])
def test_no_slide_is_not_told(values):
    figures = case().figures.assign(value=values)
    assert "连续" not in told(replayed.lead(FOUND, figures, RULES, "乙", sheet("zh"))).replace("连续四季", "")


@pytest.mark.parametrize("language", ["zh", "en"])
def test_story_keeps_talk_change_and_end(language):
    said = told(replayed.story(case(), pd.DataFrame([TALK]), RULES, FOUND, sheet(language)))
    assert said.index(TALK["said"]) < said.index(sheet(language).words.date(DAYS[4]), said.index(TALK["said"]))
    assert not re.search(r"[{}]|\bnan\b|NaT", said)
    assert (
        said.rstrip().endswith(("应收账款周转天数 118。", "Days sales outstanding 118 that day."))
        or "118" in said[-60:]
    )


def outcomes(early: float, late: float) -> pd.DataFrame:
    rows = [(None, pd.NaT, 9e6, DAYS[4], 9, 3e7, 6e7, 0.0), (-2, DAYS[0], 0.0, pd.NaT, 0, 0.0, early, 0.0)]
    rows += [(0, DAYS[2], 0.0, pd.NaT, 0, 0.0, 1e8, 4e7), (2, DAYS[4], 2e6, DAYS[4], 3, 0.0, late, 0.0)]
    return pd.DataFrame(rows, columns=hindsight.COLUMNS)


def test_worth_says_gap_and_difference():
    said = told(replayed.worth_story(outcomes(1.001e8, 9e7), sheet("zh")))
    assert "提前2个季度调整，没有现金缺口，收款现值与实际相近" in said
    assert "推迟2个季度调整，最大现金缺口200.00万元（历时3个月），收款现值比实际少1,000.00万元" in said
