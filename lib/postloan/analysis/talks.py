"""What conversations with the client say: how long ago, which promises were kept, whether stated figures agree.

DOMAIN §12: days since contact, promise-kept rate, lateness and refusals are metrics and feed the warning rules; a
figure the client states is set beside statements, tax and flows.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from postloan import chart, settings
from postloan.analysis.periods import Panel
from postloan.tables import SEEN

CHECKED = [
    "borrower_id", "contact_id", "held_on", "item", "period_end", "months", "stated", "known", "off", "verdict",
    "against",
]  # fmt: skip


class Reading(BaseModel):
    """What params/contacts.yml says."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    stated_tolerance: float = Field(gt=0, lt=1)
    promise_lookback_days: int = Field(gt=0)
    refusal_lookback_days: int = Field(gt=0)


@cache
def load() -> Reading:
    """params/contacts.yml, checked; RuleError names what is wrong."""
    path = settings.params("contacts.yml")
    return settings.checked(Reading, settings.load_yaml(path), path)


def promises(commitments: pd.DataFrame, as_of: str | pd.Timestamp) -> pd.DataFrame:
    """Each promise with `state` on the day: open, kept, late (kept after its day), broken (also when open past its day)
    or withdrawn, and `days_left` (negative: past)."""
    day = pd.Timestamp(as_of)
    kept, status = commitments["status"] == "kept", commitments["status"]
    late = kept & (commitments["settled_on"] > commitments["due_on"])
    overdue = (status == "open") & (commitments["due_on"] < day)
    state = status.mask(late, "late").mask(overdue, "broken")
    return commitments.assign(state=state, days_left=(commitments["due_on"] - day).dt.days)


def observations(contacts: pd.DataFrame, commitments: pd.DataFrame, as_of: str | pd.Timestamp) -> pd.DataFrame:
    """What the talks say as observations (SEEN), for any number of borrowers: days_since_contact, papers_refused,
    promises_broken and promise_kept_share. A borrower without a contact or a promise has none of them."""
    day, reading = pd.Timestamp(as_of), load()
    last = contacts.groupby("borrower_id")["held_on"].max()
    recent = contacts[contacts["held_on"] > day - pd.Timedelta(days=reading.refusal_lookback_days)]
    refused = recent.groupby("borrower_id")["documents_refused"].sum(min_count=1).dropna()
    due = promises(commitments, day)
    due = due[due["due_on"].between(day - pd.Timedelta(days=reading.promise_lookback_days), day)]
    due = due[due["state"].isin(["kept", "late", "broken"])]
    broken = (due["state"] == "broken").groupby(due["borrower_id"])
    told = {
        "days_since_contact": (day - last).dt.days,
        "papers_refused": refused,
        "promises_broken": broken.sum(),
        "promise_kept_share": 1 - broken.mean(),
    }
    parts = [
        pd.DataFrame({"borrower_id": values.index, "metric": metric, "value": values.to_numpy(float)})
        for metric, values in told.items()
    ]
    return pd.concat(parts, ignore_index=True).assign(observed_on=day, source="contact log")[SEEN]


def stated(
    figures: pd.DataFrame, contacts: pd.DataFrame, panel: Panel | None, cross_checks: pd.DataFrame, seen: pd.DataFrame
) -> pd.DataFrame:
    """What the client stated beside what is known (CHECKED): `off` = stated / known − 1, `verdict` agrees, differs or
    unknown, `against` where the known figure comes from (statements, cross_checks or observations)."""
    told = figures.merge(contacts[["borrower_id", "contact_id", "held_on"]], on=["borrower_id", "contact_id"])
    told = told.rename(columns={"value": "stated"})
    key = ["borrower_id", "item", "period_end", "months"]
    told["months"] = told["months"].fillna(0)
    parts = [_statements(panel, told["item"].unique()), _cross(cross_checks), _seen(seen)]
    known = pd.concat(parts, ignore_index=True).drop_duplicates(key, keep="last")
    told = told.merge(known, how="left", on=key)
    size = told["known"].abs()
    told["off"] = (told["stated"] - told["known"]).where(size > 1e-9) / size
    verdict = np.where(told["off"].abs() <= load().stated_tolerance, "agrees", "differs")
    told["verdict"] = np.where(told["off"].isna(), "unknown", verdict)
    return told.sort_values(["borrower_id", "held_on", "item"], ignore_index=True)[CHECKED]


_KNOWN = ["borrower_id", "item", "period_end", "months", "known", "against"]


def _statements(panel: Panel | None, items: np.ndarray) -> pd.DataFrame:
    """These items in the statements: flows by quarter and over twelve months, balances with months 0."""
    parts = [pd.DataFrame(columns=_KNOWN).astype({"months": float, "period_end": "datetime64[us]"})]
    for view, months in (("end", 0), ("quarter", 3), ("ttm", 12)) if panel is not None else ():
        wide = panel.view(view)
        for item in items:
            if item in wide and (item in chart.flows()) == (months > 0):
                told = panel.rows[["borrower_id", "period_end"]].assign(item=item, months=float(months))
                parts.append(told.assign(known=wide[item], against="statements")[_KNOWN])
    return pd.concat(parts, ignore_index=True).dropna(subset="known")


def _cross(checks: pd.DataFrame) -> pd.DataFrame:
    named = checks.rename(columns={"kind": "item", "value": "known"}).assign(against="cross_checks")
    return named[_KNOWN]


def _seen(seen: pd.DataFrame) -> pd.DataFrame:
    named = seen.rename(columns={"metric": "item", "value": "known", "observed_on": "period_end"})
    named = named.assign(months=0.0, against="observations")
    return named[_KNOWN]
