"""When each borrower is checked next, how and on what: by class, level, exposure and segment (params/monitoring.yml).

Of all intervals that fit, the shortest counts. What is not known of a borrower never lengthens its interval.
The day the last review set stands until a review is held on or after it, and lateness is counted from it; what has come
up since can bring the next review forward, to today at the earliest. A due day on a weekend moves to the next Monday;
business days are Monday to Friday, public holidays are not known.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import product
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import pandas as pd
import pandera.pandas as pa
from pydantic import BaseModel, ConfigDict, Field

from postloan import settings
from postloan.errors import RuleError
from postloan.tables import CLASSES, LEVELS, columns_of

UNKNOWN = "unknown"
COLUMNS = ["borrower_id", "frequency_days", "next_review", "overdue_days", "kind", "method", "focus"]
COLUMNS += ["carried", "carried_overdue", "rule", "basis", "missing"]
_MOMENT = "datetime64[us]"

Day = str | dt.date | pd.Timestamp
Days = Annotated[int, Field(ge=1, le=3660)]
Method = Literal["on_site", "off_site"]
Limits = Annotated[dict[Literal["at_least", "at_most"], float], Field(min_length=1)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Check(_Strict):
    """A check due after so many days: how, on what, and on whose word."""

    days: Days
    method: Method
    focus: list[str] = Field(min_length=1)
    basis: str = Field(min_length=4)


class Special(_Strict):
    """A check of its own, so many business days after a warning reached its level."""

    business_days: Days
    method: Method
    focus: list[str] = Field(min_length=1)
    basis: str = Field(min_length=4)


class Fit(_Strict):
    """Which borrowers an interval is for; what is left out fits all."""

    class_: list[Literal[(*CLASSES, UNKNOWN)]] | None = Field(None, alias="class")
    level: list[Literal[(*LEVELS, UNKNOWN)]] | None = None
    segment: list[str] | None = None
    exposure_cny: Limits | Literal["unknown"] | None = None
    term_months: Limits | Literal["unknown"] | None = None

    def fits(self, borrowers: pd.DataFrame) -> np.ndarray:
        """Which borrowers fit (columns class, level, segment, exposure_cny, term_months)."""
        fit = np.ones(len(borrowers), bool)
        for name, wanted in self.model_dump(by_alias=True, exclude_none=True).items():
            given = borrowers[name]
            if isinstance(wanted, list):
                fit &= given.fillna(UNKNOWN).isin(wanted).to_numpy()
            elif wanted == UNKNOWN:
                fit &= given.isna().to_numpy()
            else:
                fit &= given.between(wanted.get("at_least", -np.inf), wanted.get("at_most", np.inf)).to_numpy()
        return fit


class Interval(Check):
    """How often borrowers of a kind are checked."""

    id: str = Field(pattern=r"^[a-z][a-z0-9_]+$")
    when: Fit


class Every(_Strict):
    """So many days at most."""

    days: Days
    basis: str = Field(min_length=4)


class Closing(_Strict):
    """How long a warning that has cleared is followed up: so many quiet months, found quiet at so many reviews."""

    months: int = Field(ge=0, le=60)
    reviews: int = Field(ge=1, le=12)
    basis: str = Field(min_length=4)


class Escalation(_Strict):
    """Who answers for an action past its day: so many days late by level, one step up the chain each."""

    chain: list[str] = Field(min_length=2)
    days_late: dict[Literal[LEVELS[1:]], Annotated[list[Days], Field(min_length=1)]] = Field(min_length=3)
    basis: str = Field(min_length=4)


class Override(_Strict):
    """One client's own interval, method or further focus; longer than the rules' only when approved."""

    frequency_days: Days | None = None
    method: Method | None = None
    focus: list[str] = []
    reason: str = Field(min_length=4)
    approved_by: str | None = None
    until: dt.date = dt.date.max


class Plan(_Strict):
    """What params/monitoring.yml says."""

    segments: list[str] = Field(min_length=1)
    focuses: list[str] = Field(min_length=1)
    first_check: Check
    special: dict[Literal[LEVELS[1:]], Special]
    close_warning: Closing
    escalation: Escalation
    site_visit: Every
    intervals: list[Interval] = Field(min_length=1)


@cache
def load(path: Path | None = None) -> Plan:
    """The monitoring rules, checked; RuleError names file, field, what is allowed and what was found."""
    return settings.loaded(Plan, path or settings.params("monitoring.yml"), _problems)


def _problems(plan: Plan) -> Iterator[str]:
    """What is wrong between fields that are each right: unknown names, ids twice, borrowers no interval fits."""
    ids = [each.id for each in plan.intervals]
    if twice := {name for name in ids if ids.count(name) > 1}:
        yield f"intervals: ids given twice {sorted(twice)}"
    checks = {"first_check": plan.first_check, **{f"special.{name}": each for name, each in plan.special.items()}}
    for name, each in {**checks, **{f"intervals.{each.id}": each for each in plan.intervals}}.items():
        if unknown := [focus for focus in each.focus if focus not in plan.focuses]:
            yield f"{name}.focus: unknown {unknown}; known: {plan.focuses}"
    for each in plan.intervals:
        if unknown := set(each.when.segment or []) - {*plan.segments, UNKNOWN}:
            yield f"intervals.{each.id}.when.segment: unknown {sorted(unknown)}; known: {[*plan.segments, UNKNOWN]}"
    for level, days in plan.escalation.days_late.items():
        if days != sorted(set(days)) or len(days) >= len(plan.escalation.chain):
            yield f"escalation.days_late.{level}: expected rising days, fewer than the chain has owners, found {days}"
    every = _every_borrower(plan)
    left = every[~np.any([each.when.fits(every) for each in plan.intervals], axis=0)]
    if len(left):
        yield f"intervals: {len(left)} kinds of borrower fit none, such as {left.iloc[0].to_dict()}"


def _every_borrower(plan: Plan) -> pd.DataFrame:
    """One borrower of each kind the intervals can tell apart."""
    sizes = {}
    for name in ("exposure_cny", "term_months"):
        limits = [getattr(each.when, name) for each in plan.intervals]
        edges = sorted({edge for each in limits if isinstance(each, dict) for edge in each.values()} | {0.0})
        sizes[name] = [np.nan, *edges, *(edge - 0.01 for edge in edges if edge > 0), edges[-1] + 1]
    known = {"class": [*CLASSES, None], "level": [*LEVELS, None], "segment": [*plan.segments, None], **sizes}
    return pd.DataFrame(list(product(*known.values())), columns=list(known))


def schedule(
    borrowers: pd.DataFrame,
    as_of: Day,
    *,
    overrides: Mapping[str, Mapping] | None = None,
    actions: pd.DataFrame | None = None,
    plan: Plan | None = None,
) -> pd.DataFrame:
    """The next review of each borrower as of a day (DOMAIN §2.5, §15).

    `borrowers`: borrower_id and, as far as known, class, level (none, yellow, orange, red), level_since, exposure_cny,
    term_months, segment, last_review, day_set (by it, for the next), last_site_review, first_drawdown. `overrides`:
    borrower_id to the fields of `Override`. `actions`: borrower_id, rule, due, closed_on and optionally opened_on and
    quiet_since of actions decided earlier.
    Returns COLUMNS, one row a borrower: kind first, special, regular or set (the day_set); frequency_days of the
    interval that counts (`rule`, `basis`); next_review empty where neither a review nor a drawdown is known;
    overdue_days 0 when not yet due; focus and carried (open actions by rule, earliest due first) as tuples; missing
    lists what was not known.
    ContractError lists what is wrong with the table, days after `as_of` included; RuleError what is wrong with an
    override. Example: `schedule(facts, "2026-05-15", overrides={"S0001": {"frequency_days": 7, "reason": "…"}})`.
    """
    plan, as_of = plan or load(), pd.Timestamp(as_of)
    rows = _borrowers(borrowers, plan, as_of)
    _choose(rows, plan)
    _override(rows, overrides or {}, plan, as_of)
    _date(rows, plan, as_of)
    _carry(rows, actions, as_of)
    rows["missing"] = _missing(rows)
    return rows[COLUMNS].copy()


def _past(as_of: pd.Timestamp) -> pa.Column:
    return pa.Column(_MOMENT, pa.Check.le(as_of), nullable=True, coerce=True)


def _borrowers(borrowers: pd.DataFrame, plan: Plan, as_of: pd.Timestamp) -> pd.DataFrame:
    """The borrowers' facts, each column of its kind."""
    columns = {"borrower_id": pa.Column(str, unique=True)}
    for name, allowed in (("class", CLASSES), ("level", LEVELS), ("segment", plan.segments)):
        columns[name] = pa.Column(str, pa.Check.isin(allowed), nullable=True, coerce=True)
    for name in ("exposure_cny", "term_months"):
        columns[name] = pa.Column(float, pa.Check.ge(0), nullable=True, coerce=True)
    days = ("level_since", "last_review", "last_site_review", "first_drawdown")
    columns |= {name: _past(as_of) for name in days} | {"day_set": pa.Column(_MOMENT, nullable=True, coerce=True)}
    return columns_of(borrowers, "borrowers", columns)


def _choose(rows: pd.DataFrame, plan: Plan) -> None:
    """The shortest interval that fits; on site if any that fits says so; the focus of all that fit."""
    fits = np.array([each.when.fits(rows) for each in plan.intervals])
    days = np.array([each.days for each in plan.intervals])
    best = np.where(fits, days[:, None], days.max() + 1).argmin(axis=0)
    rows["frequency_days"] = days[best]
    rows["rule"] = [plan.intervals[place].id for place in best]
    rows["basis"] = [plan.intervals[place].basis for place in best]
    on_site = np.array([each.method == "on_site" for each in plan.intervals])
    rows["method"] = np.where((fits & on_site[:, None]).any(axis=0), "on_site", "off_site")
    focus = [[name for place in np.flatnonzero(fit) for name in plan.intervals[place].focus] for fit in fits.T]
    rows["focus"] = pd.Series([tuple(dict.fromkeys(names)) for names in focus], dtype=object)


def wished(content: Mapping, where: str, plan: Plan | None = None) -> Override:
    """One client's own plan, checked; RuleError names `where`, field and what is allowed."""
    own, known = settings.checked(Override, content, where), (plan or load()).focuses
    if unknown := [focus for focus in own.focus if focus not in known]:
        raise RuleError(f"{where}: focus: unknown {unknown}; known: {known}")
    return own


def _override(rows: pd.DataFrame, overrides: Mapping[str, Mapping], plan: Plan, as_of: pd.Timestamp) -> None:
    """Put each client's own wishes over the rules', as long as they last; `own_method` is kept for the end."""
    rows["own_method"] = pd.Series(None, index=rows.index, dtype=object)
    places = {borrower: place for place, borrower in rows["borrower_id"].items()}
    for borrower, content in overrides.items():
        where = f"params/borrowers/{borrower}.yml: review_plan"
        own, place = wished(content, where, plan), places.get(borrower)
        if place is None or own.until < as_of.date():
            continue
        usual = rows.at[place, "frequency_days"]
        if own.frequency_days and own.frequency_days > usual and not own.approved_by:
            raise RuleError(f"{where}: frequency_days: {own.frequency_days} is longer than {usual}; needs approved_by")
        rows.at[place, "own_method"] = own.method
        rows.at[place, "focus"] = tuple(dict.fromkeys([*rows.at[place, "focus"], *own.focus]))
        rows.at[place, "basis"] = own.reason if own.frequency_days else f"{rows.at[place, 'basis']}; {own.reason}"
        rows.at[place, "rule"] = "override" if own.frequency_days else rows.at[place, "rule"]
        rows.at[place, "frequency_days"] = own.frequency_days or usual


def _date(rows: pd.DataFrame, plan: Plan, as_of: pd.Timestamp) -> None:
    """When the next review is due and of what kind: as set, the first after a drawdown, a special or a regular one."""
    regular = rows["last_review"] + pd.to_timedelta(rows["frequency_days"], "D")
    unseen = rows["first_drawdown"].notna() & ~(rows["last_review"] > rows["first_drawdown"])
    soon = rows["frequency_days"].clip(upper=plan.first_check.days)
    first = rows["first_drawdown"] + pd.to_timedelta(soon, "D")
    due, special = _working(first.where(unseen, regular)), _special(rows, plan, as_of)
    sooner = special.notna() & ~(due < special)
    due = special.where(sooner, due)
    agreed = still_set(rows["day_set"], rows["last_review"])
    ahead = _working(due.clip(lower=as_of))
    stands = agreed.notna() & ~(ahead < agreed)
    rows["next_review"] = agreed.where(stands, ahead.where(agreed.notna(), due))
    rows["overdue_days"] = _overdue(rows["next_review"], as_of)
    kinds = [rows["next_review"].isna(), stands, sooner, unseen]
    rows["kind"] = np.select(kinds, ["cannot", "set", "special", "first"], "regular")
    limit = rows["next_review"] - pd.Timedelta(days=plan.site_visit.days)
    rows.loc[~(rows["last_site_review"] >= limit), "method"] = "on_site"
    _add(rows, rows["kind"] == "first", plan.first_check)
    for level, check in plan.special.items():
        _add(rows, (rows["kind"] == "special") & (rows["level"] == level), check)
    rows["method"] = rows["own_method"].where(rows["own_method"].notna(), rows["method"])


def still_set(day_set: pd.Series, last_review: pd.Series) -> pd.Series:
    """The days set for the next review that still stand: those no review has been held on or after."""
    return day_set.where(day_set > last_review)


def _special(rows: pd.DataFrame, plan: Plan, as_of: pd.Timestamp) -> pd.Series:
    """When a special check is due: after a level nobody has looked at yet; counted from today where it is undated."""
    days = rows["level"].map({name: each.business_days for name, each in plan.special.items()}).astype(float)
    open_ = days.notna() & ~(rows["last_review"] >= rows["level_since"])
    since = rows["level_since"].fillna(as_of).where(open_)
    return _working(since, days.where(open_))


def _working(days: pd.Series, ahead: pd.Series | None = None) -> pd.Series:
    """Each day moved to Monday from a weekend, or so many business days ahead of it; NaT stays."""
    known = days.notna()
    start = days[known].to_numpy("datetime64[D]")
    if ahead is None:
        moved = np.busday_offset(start, 0, roll="forward")
    else:
        moved = np.busday_offset(start, ahead[known].to_numpy(int), roll="backward")
    return pd.Series(moved.astype(_MOMENT), index=days.index[known]).reindex(days.index)


def _overdue(due: pd.Series, as_of: pd.Timestamp) -> pd.Series:
    return (as_of - due).dt.days.clip(lower=0).astype("Int64")


def _add(rows: pd.DataFrame, where: pd.Series, check: Check | Special) -> None:
    """Give these rows a check's method, focus (first) and basis."""
    rows.loc[where, "method"] = check.method
    for place in rows.index[where]:
        rows.at[place, "focus"] = tuple(dict.fromkeys([*check.focus, *rows.at[place, "focus"]]))
        rows.at[place, "basis"] = check.basis


def _carry(rows: pd.DataFrame, actions: pd.DataFrame | None, as_of: pd.Timestamp) -> None:
    """What was decided earlier and is still open, and what follows for the focus."""
    blank = pd.DataFrame({name: pd.Series(dtype=str) for name in ("borrower_id", "rule")})
    day = pa.Column(_MOMENT, nullable=True, coerce=True)
    text = pa.Column(str, coerce=True)  # an empty table has no kinds of its own
    columns = {"borrower_id": text, "rule": text, "due": day, "opened_on": day, "closed_on": day, "quiet_since": day}
    open_ = columns_of(blank if actions is None else actions, "actions", columns).sort_values("due", kind="stable")
    open_ = open_[~(open_["opened_on"] > as_of) & ~(open_["closed_on"] <= as_of)]
    carried = {name: tuple(part["rule"]) for name, part in open_.groupby("borrower_id")}
    rows["carried"] = pd.Series([carried.get(name, ()) for name in rows["borrower_id"]], index=rows.index, dtype=object)
    late = open_[(open_["due"] < as_of) & open_["quiet_since"].isna()].groupby("borrower_id").size()
    late = late.reindex(rows["borrower_id"], fill_value=0).to_numpy()
    rows["carried_overdue"] = pd.array([pd.NA] * len(rows) if actions is None else late, dtype="Int64")
    overdue = rows["overdue_days"].fillna(0) > 0
    for name, held in (("overdue_review", overdue), ("carried_items", rows["carried"].str.len() > 0)):
        for place in rows.index[held]:
            rows.at[place, "focus"] = (*rows.at[place, "focus"], name)


def _missing(rows: pd.DataFrame) -> list[str]:
    """What was not known of each borrower and could have changed its plan, comma-separated."""
    asked = ["class", "level", "exposure_cny", "term_months", "segment", "last_site_review"]
    blank = rows[asked].isna()
    blank["level_since"] = (rows["kind"] == "special") & rows["level_since"].isna()
    blank["last_review"] = rows["last_review"].isna() & rows["first_drawdown"].isna()
    blank["first_drawdown"] = rows["first_drawdown"].isna()
    blank["actions"] = rows["carried_overdue"].isna()
    return [",".join(blank.columns[line]) for line in blank.to_numpy()]
