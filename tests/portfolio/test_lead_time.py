"""When a warning stood for good before the event, on sequences that can be read off."""

import numpy as np
import pandas as pd
import pytest

from postloan.portfolio import lead_time

DAYS = pd.date_range("2010-03-31", periods=8, freq="QE")
ROWS = pd.DataFrame({"borrower_id": "A", "period_end": DAYS, "known_on": DAYS + pd.Timedelta(days=90)})
EVENTS = pd.DataFrame({"borrower_id": ["A"], "event_on": [pd.Timestamp("2012-05-01")]})


def lead(alerts: str, **changes: int) -> pd.Series:
    said = {"periods": 2, "forgiven": 1, "stale_months": 24, **changes}
    alert = np.array([each == "x" for each in alerts])
    return lead_time.leads(ROWS, alert, EVENTS, **said).iloc[0]


def test_no_event_has_no_lead():
    told = lead_time.leads(ROWS, np.ones(8, bool), EVENTS.iloc[:0], periods=2, forgiven=1, stale_months=24)
    assert (len(told), [*told]) == (0, lead_time.LEADS)


def test_alert_counts_once_confirmed():
    assert lead("....xxxx")["warned_on"] == ROWS["known_on"][5]


def test_early_alert_that_ended_is_no_warning():
    assert pd.isna(lead("xxx.....")["warned_on"])


def test_one_quiet_period_is_forgiven():
    assert lead("xxxx.xxx", forgiven=2)["warned_on"] == ROWS["known_on"][1]
    assert lead("xxxx.xxx", forgiven=1)["warned_on"] == ROWS["known_on"][6]


def test_lead_in_quarters():
    days = (EVENTS["event_on"][0] - ROWS["known_on"][5]).days
    assert lead("....xxxx")["lead_quarters"] == pytest.approx(days / 91.3125)


def test_nothing_after_event_counts():
    late = ROWS.assign(known_on=ROWS["known_on"] + pd.DateOffset(years=1))
    found = lead_time.leads(late, np.ones(8, bool), EVENTS, periods=1, forgiven=0, stale_months=24).iloc[0]
    assert found["warned_on"] == late["known_on"][0]
    assert found["last_known"] < EVENTS["event_on"][0]


def test_old_figures_are_not_counted():
    assert not lead("....xxxx", stale_months=3)["counted"]


def test_summary_counts_missed_as_no_lead():
    found = pd.DataFrame({"lead_quarters": [8.0, np.nan, 2.0], "counted": True})
    told = lead_time.summary(found, 4)
    assert (told["warned"], told["median"], told["median_of_all"]) == (2, 5.0, 2.0)
    assert told["share_early"] == pytest.approx(1 / 3)


def test_quiet_rate_leaves_failing_firms_out():
    rows = pd.concat([ROWS, ROWS.assign(borrower_id="B")], ignore_index=True)
    alert = np.array([True] * 8 + [False] * 5 + [True] * 3)
    assert lead_time.quiet_rate(rows, alert, EVENTS, 2) == {"rows": 2 / 8, "firms": 1.0, "quiet_firms": 1}
