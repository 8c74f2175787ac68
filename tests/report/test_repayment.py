"""Repayment capacity as told: figures, meaning, what lacks; both languages; nothing from data unescaped."""

import numpy as np
import pandas as pd
import pytest

from postloan import assumptions, capacity, outlook, texts
from postloan.report import charts, repayment
from sheets import sheet, told

ASSUMED = assumptions.load()
DAYS = pd.date_range("2025-03-31", periods=4, freq="QE")
AHEAD = pd.date_range("2026-03-31", periods=8, freq="QE")
COMING = pd.Series({"own_principal": 60.0, "own_interest": 4.0, "overdue": 0.0, "renewable": 0.0, "service": 100e6})


def covers(dscr=1.5, reason=None):
    cash = np.nan if reason else dscr * 100e6
    row = {
        "cash": cash,
        "cfo": np.nan,
        "service": 100e6,
        "own": 40e6,
        "dscr": np.nan if reason else dscr,
        "dscr_reason": reason,
    }
    return pd.DataFrame([{"period_end": day, **row, "fccr": 1.1} for day in DAYS])


def future(mean=1.5, reason=None):
    spread = np.concatenate([np.zeros((1, 8)), np.linspace(-0.1, 0.1, 400)[:, None] + np.zeros((400, 8))])
    values = {} if reason else {capacity.METRIC: mean + spread}
    mase = {} if reason else {capacity.METRIC: 0.5}
    draws = outlook.Draws("A", 3, AHEAD, values, mase, {capacity.METRIC: reason} if reason else {})
    due = pd.DataFrame({"period_end": AHEAD, "own": 40e6, "other": 60e6, "service": 100e6})
    start = pd.DataFrame([{"cash": mean * 100e6}]) if not reason else pd.DataFrame(columns=["cash"])
    return capacity.Future(draws, due, start)


@pytest.mark.parametrize(
    ("mean", "said"),
    [(1.5, "不必依赖借新还旧"), (1.1, "刚够偿还"), (0.8, "缺口2,000.00万元要靠续贷")],
)
def test_story_says_what_the_cover_means(mean, said):
    text = told(repayment.story(covers(mean), future(mean), COMING, ASSUMED, sheet("zh")))
    assert said in text
    assert f"预计覆盖{mean:.2f}倍" in text


def test_wide_futures_are_not_called_ample():
    wide = future(1.5)
    wide.cover.values[capacity.METRIC][1:] += np.linspace(-3, 3, 400)[:, None]
    text = told(repayment.story(covers(), wide, COMING, ASSUMED, sheet("en")))
    assert "it may well not" in text
    assert "without borrowing anew" not in text


def test_story_of_missing_cover_has_the_reason():
    text = told(
        repayment.story(covers(reason="missing:ttm.ebitda"), future(reason="undefined"), COMING, ASSUMED, sheet("en"))
    )
    assert "cannot be formed (missing:" in text
    assert "cannot be forecast (items of the formula are not reported" in text


def test_story_without_our_plan_says_so():
    none = COMING.to_dict() | {"own_principal": 0.0, "own_interest": 0.0}
    assert "Nothing is due to us" in told(repayment.story(covers(), future(), pd.Series(none), ASSUMED, sheet("en")))


def test_renewal_and_overdue_are_told():
    owing = pd.Series(COMING.to_dict() | {"renewable": 50e6, "overdue": 3e6})
    text = told(repayment.story(covers(), future(), owing, ASSUMED, sheet("en")))
    assert "covers the rest 3.00 times, otherwise 1.50 times" in text
    assert "CNY 3.00m overdue to us" in text


@pytest.mark.parametrize("language", ["zh", "en"])
def test_table_has_past_and_future(language):
    chances = capacity.chances(future())
    table = repayment.cover_table(covers(), future(), chances, ASSUMED, sheet(language))
    assert table.html.count("<tr>") == 1 + 4 + 8
    assert "2027-12" in told(table)
    assert "50.0%" in told(table)


def test_chart_states_its_finding():
    drawn = charts.cover(covers(), future().table(), ASSUMED.cover, sheet("en"))
    assert "1.50 at the latest period, 1.50 by 31 Dec 2027" in told(drawn)
    assert 'role="img"' in drawn.html
    nothing = covers(reason="missing:x").head(1), future(reason="wild").table()
    assert charts.cover(*nothing, ASSUMED.cover, sheet("en")).html == ""


def stressed(*gaps):
    rows = [
        {"borrower_id": "A", "case": case, "revenue": 100e6, "cash": 100e6 - gap, "service": 100e6,
         "dscr": 1 - gap / 100e6, "shortfall": max(gap, 0.0), "basis": "expected", "reason": None}
        for case, gap in zip(["base", "revenue_10", "revenue_20"], gaps, strict=True)
    ]  # fmt: skip
    return pd.DataFrame(rows)


@pytest.mark.parametrize(
    ("gaps", "said"),
    [
        ((-20e6, -10e6, -5e6), "stays at or above 1"),
        ((-20e6, 10e6, 30e6), "Revenue down 10 %: the cover falls to 0.90, short by CNY 10.00m"),
        ((5e6, 10e6, 30e6), "Short by CNY 5.00m without any stress; in the worst case by CNY 30.00m"),
    ],
)
def test_stress_says_where_it_breaks(gaps, said):
    assert said in told(repayment.stress_story(stressed(*gaps), sheet("en")))
    assert "Revenue down 20 %" in told(repayment.stress_table(stressed(*gaps), ASSUMED, sheet("en")))


def test_every_stress_case_has_its_words():
    for language in ("zh", "en"):
        assert all(texts(language).has(f"capacity.case.{case}") for case in ["base", *ASSUMED.stress.cases])


def test_unknown_stress_tells_nothing():
    blank = stressed(1.0, 2.0, 3.0).assign(dscr=np.nan)
    assert repayment.stress_table(blank, ASSUMED, sheet("zh")).html == ""
    assert repayment.stress_story(blank, sheet("zh")).paragraphs == ()


def need(**fields):
    row = {"need": 100e6, "days": 60.0, "balance": 50e6, "others": 20e6, "over": False, "room": 30e6, "reason": None}
    return told(repayment.need_story(pd.Series(row | fields), ASSUMED, sheet("en")))


def test_need_is_told_as_it_stands():
    assert "within the need" in need()
    assert "lent beyond it" in need(over=True, balance=120e6)
    assert "exceeded by CNY 5.00m" in need(room=-5e6)
    assert "finds no need" in need(need=0.0, over=True)
    assert "cannot be formed" in need(need=np.nan, reason="missing:ttm.revenue")
    assert need(balance=0.0).strip() == ""


def test_quarters_are_told():
    quarters = pd.DataFrame({"borrower_id": "A", "quarter": [pd.Period("2026Q2")], "principal": 10e6, "interest": 1e6,
                             "open": 11e6, "renewable": 0.0})  # fmt: skip
    assert "2026Q2" in told(repayment.schedule_table(quarters, sheet("zh")))
    assert repayment.schedule_table(quarters.iloc[:0], sheet("zh")).html == ""


@pytest.mark.parametrize(
    ("cfo", "cash", "said"), [(904e6, -675e6, "share-based pay"), (-9e6, 7e6, "has not come in"), (1.0, 2.0, None)]
)
def test_cash_on_two_sides_of_nil_is_explained(cfo, cash, said):
    found = repayment._apart(covers().assign(cfo=cfo, cash=cash), sheet("en"))
    assert said in found[0] if said else not found
