"""What outside events (policy, penalties, courts, owners) say as observations that rules read (params/events.yml)."""

from __future__ import annotations

from functools import cache, partial
from pathlib import Path
from typing import Literal

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from postloan import settings
from postloan.errors import RuleError
from postloan.measures import observations as known
from postloan.tables import SEEN


class Reading(BaseModel):
    """How one kind of event is read: how many there were, or how grave the gravest is."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    metric: str
    take: Literal["count", "gravest"]
    adverse: float = 1
    severe: float = 1
    within_days: int = Field(gt=0)


@cache
def load(path: Path | None = None) -> dict[str, Reading]:
    """params/events.yml by kind of event; RuleError names the entry and what is allowed."""
    path = path or settings.params("events.yml")
    return settings.each({kind: partial(_reading, path, kind, said) for kind, said in settings.load_yaml(path).items()})


def _reading(path: Path, kind: str, said: object) -> Reading:
    found = settings.checked(Reading, said, f"{path}: {kind}")
    if found.metric not in known():
        raise RuleError(f"{path}: {kind}.metric: unknown observation {found.metric!r}; see params/observations.yml")
    return found


def observations(events: pd.DataFrame, as_of: str | pd.Timestamp) -> pd.DataFrame:
    """The events of any number of borrowers (table `events`) as SEEN, dated by the newest event that counts."""
    day, parts = pd.Timestamp(as_of), [pd.DataFrame(columns=SEEN)]
    grave = events[events["severity"] != "info"]
    for kind, reading in load().items():
        mine = grave[(grave["kind"] == kind) & (grave["happened_on"] > day - pd.Timedelta(days=reading.within_days))]
        if len(mine):
            parts.append(_read(mine, reading))
    found = pd.concat(parts[1:] or parts, ignore_index=True)
    return found.astype({"value": float, "observed_on": "datetime64[us]"})


def _read(mine: pd.DataFrame, reading: Reading) -> pd.DataFrame:
    weighed = mine.assign(weight=mine["severity"].map({"adverse": reading.adverse, "severe": reading.severe}))
    by = weighed.groupby("borrower_id", as_index=False)
    told = by.agg(value=("weight", "size" if reading.take == "count" else "max"), observed_on=("happened_on", "max"))
    return told.assign(metric=reading.metric, source="events")[SEEN]
