"""Industries and what tells of them: index series, dated events and research notes (params/indices, params/industries).

Ground floor, because the book checks series, a run makes a report an industry, and reports name them.
"""

from __future__ import annotations

import datetime as dt
import re
from functools import cache, partial
from pathlib import Path
from typing import Annotated, Literal

import pandas as pd
from pydantic import Field, model_validator

from postloan import safe_yaml, settings
from postloan.errors import RuleError
from postloan.strict import Strict

EVENTS = ["happened_on", "kind", "effect", "title", "source"]
NOTES = ["dated", "title", "source", "body", "file"]
_FRONT = re.compile(r"\A\ufeff?---\s*\n(.*?)\n---\s*\n(.*)\Z", re.DOTALL)


class Both(Strict):
    """A text in both languages."""

    zh: str = Field(min_length=1)
    en: str = Field(min_length=1)


class Series(Strict):
    """One index series. `kind`: a level (compared with a year ago), a growth on the year already in per cent, or a
    diffusion index around 50; `every`: months a period; `published_days` after a period's end."""

    name: Both
    unit: str
    kind: Literal["level", "yoy", "diffusion"]
    every: Literal[1, 3]
    published_days: int = Field(ge=0)
    better: Literal["high", "low", "none"] = "high"


class Event(Strict):
    """A policy or market event of an industry: its day, what it does to the business, and who says so."""

    date: dt.date
    kind: Literal["policy", "market"]
    effect: Literal["favourable", "neutral", "adverse", "severe"]
    title: Both
    source: str = Field(min_length=1)


class Industry(Strict):
    """One industry: `codes` begin the industry text of its borrowers; the first of `drivers` that still runs is set
    beside their revenue."""

    id: str
    name: Both
    codes: list[Annotated[str, Field(min_length=1)]] = Field(min_length=1)
    indices: list[str]
    drivers: list[str]
    events: list[Event] = Field([])

    @model_validator(mode="after")
    def _known(self) -> Industry:
        if unknown := [name for name in [*self.indices, *self.drivers] if name not in series()]:
            raise ValueError(f"unknown index series {unknown}; known: {', '.join(series())}")
        return self


class _Front(Strict):
    """What stands at the head of a research note."""

    industries: list[str] = Field(min_length=1)
    date: dt.date
    source: str = Field(min_length=1)
    title: str = Field(min_length=1)
    language: Literal["zh", "en"] | None = None


@cache
def series() -> dict[str, Series]:
    """The index series the book takes, by id; RuleError names file, series and field."""
    path = settings.params("indices", "series.yml")
    said = settings.load_yaml(path)
    return settings.each({name: partial(settings.checked, Series, said[name], f"{path}: {name}") for name in said})


def industries() -> dict[str, Industry]:
    """Every industry by id, the name of its file under params/industries."""
    paths = sorted(settings.params("industries").glob("*.yml"))
    return settings.each({path.stem: partial(_load, path) for path in paths})


def industry(name: str) -> Industry:
    """One industry; RuleError lists the known ones."""
    path = settings.params("industries", f"{name}.yml")
    known = sorted(each.stem for each in path.parent.glob("*.yml"))
    if name not in known:
        raise RuleError(f"unknown industry {name!r}; known: {', '.join(known) or 'none'} (files in {path.parent})")
    return _load(path)


@cache
def _load(path: Path) -> Industry:
    return settings.checked(Industry, {"id": path.stem, **settings.load_yaml(path)}, path)


def series_of(about: Industry) -> dict[str, Series]:
    """The index series of an industry by id, its drivers among them."""
    return {name: series()[name] for name in dict.fromkeys([*about.indices, *about.drivers])}


def members(borrowers: pd.DataFrame, about: Industry) -> pd.DataFrame:
    """The borrowers (rows of the book's table) whose industry begins with one of the industry's codes."""
    told = borrowers["industry"].astype("object").where(borrowers["industry"].notna(), "")
    inside = [str(text).strip().startswith(tuple(about.codes)) for text in told]
    return borrowers[inside].reset_index(drop=True)


def events(about: Industry, as_of: str | dt.date, language: str, months: int) -> pd.DataFrame:
    """The industry's events of so many months up to a day as EVENTS, the newest first."""
    day = pd.Timestamp(as_of).date()
    since = (pd.Timestamp(day) - pd.DateOffset(months=months)).date()
    rows = [
        (pd.Timestamp(each.date), each.kind, each.effect, getattr(each.title, language), each.source)
        for each in sorted(about.events, key=lambda each: each.date, reverse=True)
        if since <= each.date <= day
    ]
    return pd.DataFrame(rows, columns=EVENTS)


def notes(about: Industry, as_of: str | dt.date, language: str) -> pd.DataFrame:
    """Research notes on the industry dated up to a day as NOTES, the newest first; those in another language left out.

    A note is a Markdown file under params/industries/notes that begins with industries, date, source and title between
    two lines of ---. RuleError names the file and what it lacks.
    """
    day, rows = pd.Timestamp(as_of).date(), []
    for path in sorted(settings.params("industries", "notes").glob("*.md")):
        front, body = _note(path)
        if about.id in front.industries and front.date <= day and front.language in (None, language):
            rows.append((pd.Timestamp(front.date), front.title, front.source, body.strip(), path.name))
    return pd.DataFrame(rows, columns=NOTES).sort_values("dated", ascending=False, ignore_index=True)


def _note(path: Path) -> tuple[_Front, str]:
    try:
        found = _FRONT.match(path.read_text(encoding="utf-8").replace("\r\n", "\n"))
        head = safe_yaml.parse(found[1], path) if found else None
    except UnicodeDecodeError as error:
        raise RuleError(f"{path}: not a note in UTF-8 with a readable head: {error}") from None
    if not isinstance(head, dict):
        raise RuleError(f"{path}: expected industries, date, source and title between two lines of --- at the top")
    if not isinstance(head.get("date"), dt.date):
        raise RuleError(f"{path}: date: expected the day of the note such as 2025-11-12, found {head.get('date')!r}")
    return settings.checked(_Front, head, path), found[2]
