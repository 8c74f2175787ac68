"""Where index series stand and are heading: status, change on the year, forecast with bands that past misses widen."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
from pydantic import Field

from postloan import settings
from postloan.analysis import trends
from postloan.errors import ContractError
from postloan.industries import Series
from postloan.strict import Strict

STATE = ["series", "status", "period_end", "value", "year_ago", "change", "place", "points", "months_old"]
AHEAD = [
    "series",
    "period_end",
    "h",
    "mean",
    "lower",
    "upper",
    "method",
    "mase",
    "origins",
    "held",
    "widened",
    "reason",
]
RUNNING = ("current", "late")
_STEP = 3  # months between the earlier forecasts that are checked
_NOMINAL = 0.8
_Share = Annotated[float, Field(gt=0, lt=1)]


class Environment(Strict):
    """When a series is late or has stopped, and how its forecasts are checked."""

    late_months: int = Field(ge=1)
    stopped_months: int = Field(ge=2)
    history_years: int = Field(ge=2)
    place_months: int = Field(ge=12)
    origins: int = Field(ge=0)
    fewest_origins: int = Field(ge=4)
    basis: str


class Sensitivity(Strict):
    """From how much data a sensitivity is told, and how growth is taken."""

    fewest: int = Field(ge=4)
    fewest_borrowers: int = Field(ge=2)
    growth_limit: float = Field(gt=0)
    months_known: float = Field(gt=0, le=1)
    level: _Share
    lags: int = Field(ge=0, le=8)
    chance: _Share
    basis: str


class Plan(Strict):
    """What params/industry.yml says."""

    environment: Environment
    sensitivity: Sensitivity
    events_months: int = Field(ge=1)
    notes_months: int = Field(ge=1)
    worst: int = Field(ge=1)


@cache
def load(path: Path | None = None) -> Plan:
    """The settings of industry reports; RuleError names file, field and what was found."""
    path = path or settings.params("industry.yml")
    return settings.checked(Plan, settings.load_yaml(path), path)


def state(
    indices: pd.DataFrame, wanted: dict[str, Series], as_of: str | pd.Timestamp, *, plan: Plan | None = None
) -> pd.DataFrame:
    """Each wanted series as it stands (STATE), a row each in the order wanted; `indices` is the book's table.

    `status` is current, late, stopped or absent. `change` on the year is a share for levels, points for growth rates
    and diffusion indices; NaN where the same period of last year is not known. `place` is the share of its own history
    below the newest value, of a level below its newest change on the year; NaN where that history is too short.
    """
    told = (plan or load()).environment
    return pd.DataFrame(
        [_one(_values(indices, name), name, about, pd.Timestamp(as_of), told) for name, about in wanted.items()],
        columns=STATE,
    )


def _one(values: pd.Series, name: str, about: Series, day: pd.Timestamp, told: Environment) -> tuple:
    if values.empty:
        return name, "absent", pd.NaT, np.nan, np.nan, np.nan, np.nan, 0, np.nan
    last = int(values.index[-1])
    old = day.year * 12 + day.month - last
    status = "stopped" if old >= told.stopped_months else "late" if old > told.late_months + about.every else "current"
    now, before = values.iloc[-1], values.get(last - 12, np.nan)
    change = (now / before - 1 if before > 0 else np.nan) if about.kind == "level" else now - before
    told_by = _yearly(values, about).dropna() if about.kind == "level" else values
    return name, status, _end(last), now, before, change, _place(told_by, last, told), len(values), old


def _place(values: pd.Series, last: int, told: Environment) -> float:
    """The share of the years before that lie below the newest value, ties half; NaN where they are too few."""
    own = values[(values.index > last - 12 * told.history_years) & (values.index < last)]
    if last not in values.index or not len(own) or last - own.index[0] < told.place_months:
        return np.nan
    return float(((own < values[last]).mean() + (own <= values[last]).mean()) / 2)


def _yearly(values: pd.Series, about: Series) -> pd.Series:
    """Growth on the year (share) by month; growth rates as they are, diffusion indices by their change in points."""
    before = pd.Series(values.reindex(values.index - 12).to_numpy(), index=values.index)
    if about.kind == "level":
        return values / before.where(before > 0) - 1
    return (values if about.kind == "yoy" else values - before) / 100


def _values(indices: pd.DataFrame, name: str) -> pd.Series:
    """A series by month number (year × 12 + month); ContractError where a period comes twice."""
    mine = indices[indices["series"] == name].sort_values("period_end")
    months = mine["period_end"].dt.year * 12 + mine["period_end"].dt.month
    if months.duplicated().any():
        twice = mine.loc[months.duplicated(keep=False), "period_end"].dt.strftime("%Y-%m").unique()
        raise ContractError(f"index series {name}: expected each period once, found twice: {', '.join(twice[:6])}")
    return pd.Series(mine["value"].to_numpy(float), index=months.to_numpy(int))


def _end(month: int) -> pd.Timestamp:
    return pd.Period(year=(month - 1) // 12, month=(month - 1) % 12 + 1, freq="M").end_time.normalize()


def forecast(
    indices: pd.DataFrame, now: pd.DataFrame, wanted: dict[str, Series], months: int = 12, *, plan: Plan | None = None
) -> pd.DataFrame:
    """Each wanted series `months` ahead with an 80 % band (AHEAD); one row with a reason where there is no forecast.

    `now` is `state`'s frame. `held` is the share of what came inside the bands of `origins` earlier forecasts, each
    from what lay before it; NaN where they are too few. A bound nearer than four in five of them missed by, in that
    third of the horizon, is moved out to that distance (split-conformal, Lei et al. 2018); `widened` is by how much in
    all. Bands are never narrowed.
    """
    told, parts = (plan or load()).environment, []
    for row in now.itertuples():
        if row.status in ("absent", "stopped"):
            none = {"series": row.series, "period_end": pd.NaT, "h": 0, "method": "none", "reason": row.status}
            parts.append(pd.DataFrame([none]))
        else:
            parts.append(_ahead(_values(indices, row.series), row.series, wanted[row.series].every, months, told))
    return pd.concat([part.reindex(columns=AHEAD) for part in parts], ignore_index=True) if parts else _none()


def _none() -> pd.DataFrame:
    return pd.DataFrame(columns=AHEAD)


def _ahead(values: pd.Series, name: str, every: int, months: int, told: Environment) -> pd.DataFrame:
    """One series from its end, checked from earlier ends."""
    steps, last, step = max(1, months // every), int(values.index[-1]), max(_STEP, every)
    ends = [last - step * back for back in range(told.origins + 1)]
    known = [part for end in ends if len(part := values[values.index <= end].tail(trends.LONGEST))]
    long = pd.concat([pd.DataFrame({"series": str(n), "t": part.index, "value": part.to_numpy()})
                      for n, part in enumerate(known)], ignore_index=True)  # fmt: skip
    made = trends.forecast(long, steps, season=12 // every)
    starts = pd.Series([int(part.index[-1]) for part in known], index=[str(n) for n in range(len(known))])
    made["month"] = made["series"].map(starts) + every * made["h"]
    now, past = made[made["series"] == "0"], made[(made["series"] != "0") & made["reason"].isna()]
    past = past.assign(came=past["month"].map(values)).dropna(subset="came")
    return _banded(now, past, name, steps, told)


def _banded(now: pd.DataFrame, past: pd.DataFrame, name: str, steps: int, told: Environment) -> pd.DataFrame:
    """The forecast with its band, widened where earlier bands held too little."""
    up = past["came"] >= past["mean"]
    half = np.where(up, past["upper80"] - past["mean"], past["mean"] - past["lower80"])
    missed, third = (past["came"] - past["mean"]).abs(), (past["h"] - 1) * 3 // steps
    count, usual = past["series"].nunique(), missed.groupby(third).quantile(_NOMINAL)
    least = ((now["h"] - 1) * 3 // steps).map(usual).astype(float).fillna(0.0).cummax()
    least = least if count >= told.fewest_origins else least * 0
    below, above = (np.maximum(part, least) for part in (now["mean"] - now["lower80"], now["upper80"] - now["mean"]))
    band = now["upper80"] - now["lower80"]
    return pd.DataFrame({
        "series": name, "period_end": [_end(int(month)) for month in now["month"]], "h": now["h"].to_numpy(),
        "mean": now["mean"].to_numpy(),
        "lower": (now["mean"] - below).to_numpy(), "upper": (now["mean"] + above).to_numpy(),
        "method": now["method"].to_numpy(), "mase": now["mase"].to_numpy(), "origins": count,
        "held": float((missed <= half).mean()) if count >= told.fewest_origins else np.nan,
        "widened": ((below + above) / band.where(band > 0)).fillna(1.0).to_numpy(),
        "reason": now["reason"].to_numpy(),
    })  # fmt: skip


def growth(
    indices: pd.DataFrame, name: str | None, wanted: dict[str, Series], step: int, *, plan: Plan | None = None
) -> pd.Series:
    """The growth on the year (share) of a series over each `step` months, by month number of the period's end.

    Each month is set beside the same month of last year and the months of a period are averaged, so that a month that
    is never published (January) is left out on both sides; a period of which too little is known has no value. Growth
    rates already on the year are taken as they are; a diffusion index counts with its change on the year in points.
    Empty without a name or figures.
    """
    known = (plan or load()).sensitivity.months_known
    values = _values(indices, name) if name else pd.Series(dtype=float)
    if values.empty:
        return values
    about, yearly = wanted[name], _yearly(values, wanted[name])
    months = range(int(values.index[0]), int(values.index[-1]) + 1)
    wide = yearly.reindex(months).rolling(step, min_periods=max(1, round(known * step / about.every)))
    told = wide.mean().dropna()
    return told if about.every == 1 else told[(told.index - int(values.index[0])) % about.every == 0]


def driver(now: pd.DataFrame, names: list[str]) -> str | None:
    """The first of the named series that still runs, else the first that the book has; `now` is `state`'s frame."""
    status = now.set_index("series")["status"]
    held = [name for name in names if status.get(name, "absent") != "absent"]
    return next((name for name in held if status[name] in RUNNING), held[0] if held else None)


def pace(now: pd.DataFrame, wanted: dict[str, Series], driver: str | None) -> tuple[float, float]:
    """Growth on the year (share) of the driver's newest period and its `place`, both as `state` (`now`) tells them; NaN
    where it has stopped or there is none."""
    rows = now[(now["series"] == driver) & now["status"].isin(RUNNING)]
    if rows.empty:
        return np.nan, np.nan
    row, kind = rows.iloc[0], wanted[driver].kind
    points = row["value"] if kind == "yoy" else row["change"]
    return float(points if kind == "level" else points / 100), float(row["place"])
