"""How long before the event a warning stood for good, and how often it stood where no event came."""

from __future__ import annotations

import numpy as np
import pandas as pd

DAYS_A_QUARTER = 365.25 / 4
LEADS = ["borrower_id", "event_on", "last_known", "warned_on", "lead_quarters", "counted"]


def persistent(firm: pd.Series, alert: np.ndarray, periods: int) -> np.ndarray:
    """True where the alert has stood this and the `periods` − 1 rows before of the same firm."""
    series, standing = pd.Series(np.asarray(alert, bool), index=firm.index), np.asarray(alert, bool)
    for back in range(1, periods):
        standing = standing & series.groupby(firm).shift(back, fill_value=False).to_numpy()
    return standing


def leads(
    rows: pd.DataFrame, alert: np.ndarray, events: pd.DataFrame, *, periods: int, forgiven: int, stale_months: int
) -> pd.DataFrame:
    """One row an event (LEADS): the day from which a persistent alert stood until the event, NaT where none did.

    `rows` has borrower_id, period_end and known_on in order of time. Only what was known before the event counts; a
    run may be broken by `forgiven` quiet rows. `counted` is False where the figures end more than `stale_months`
    before the event, or there are none.
    """
    told = rows.assign(standing=persistent(rows["borrower_id"], alert, periods))
    told = told.merge(events, on="borrower_id")
    told = told[told["known_on"] < told["event_on"]]
    warned = told.groupby("borrower_id").apply(_run_began, forgiven=forgiven)
    last = told.groupby("borrower_id").agg(last_known=("known_on", "max"), period_end=("period_end", "max"))
    known = last.reindex(events["borrower_id"]).set_axis(events.index)  # a join fails where neither side has a row
    found = pd.concat([events, known], axis=1).assign(warned_on=pd.NaT)
    if len(warned):
        found["warned_on"] = pd.to_datetime(found["borrower_id"].map(warned))
    found["lead_quarters"] = (found["event_on"] - found["warned_on"]).dt.days / DAYS_A_QUARTER
    fresh = found["event_on"] <= found["period_end"] + pd.DateOffset(months=stale_months)
    return found.assign(counted=fresh)[LEADS]


def _run_began(firm: pd.DataFrame, forgiven: int) -> pd.Timestamp:
    """When the run of alerts that still stands on a firm's last row began; NaT where none stands."""
    standing = firm["standing"].to_numpy()
    on = np.flatnonzero(standing)
    if not len(on) or len(standing) - 1 - on[-1] > forgiven:
        return pd.NaT
    breaks = np.flatnonzero(np.diff(on) > forgiven + 1)
    return firm["known_on"].iloc[on[breaks[-1] + 1] if len(breaks) else on[0]]


def summary(found: pd.DataFrame, quarters: float) -> dict[str, float]:
    """Events counted and warned of, the lead in quarters (median and 25th percentile of those warned; median with a
    lead of 0 where none was), and the share of all counted events warned `quarters` ahead."""
    counted = found[found["counted"]]
    lead = counted["lead_quarters"]
    return {
        "events": len(counted),
        "warned": int(lead.notna().sum()),
        "median": float(lead.median()),
        "p25": float(lead.quantile(0.25)),
        "median_of_all": float(lead.fillna(0).median()),
        "share_early": float((lead >= quarters).mean()),
    }


def quiet_rate(rows: pd.DataFrame, alert: np.ndarray, events: pd.DataFrame, periods: int) -> dict[str, float]:
    """How often a persistent alert stands in firms without an event: share of their rows, and of firms ever."""
    standing = pd.Series(persistent(rows["borrower_id"], alert, periods), index=rows.index)
    quiet = ~rows["borrower_id"].isin(events["borrower_id"])
    ever = standing[quiet].groupby(rows["borrower_id"][quiet]).any()
    return {"rows": float(standing[quiet].mean()), "firms": float(ever.mean()), "quiet_firms": len(ever)}
