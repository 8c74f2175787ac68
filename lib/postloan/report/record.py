"""The record a report ends with: JSON with a name and a version, so that machines can read it too."""

from __future__ import annotations

import datetime as dt
import json
import math
from collections.abc import Mapping
from html import escape
from typing import TYPE_CHECKING, Literal

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError, model_validator

from postloan.errors import RunError
from postloan.tables import CLASSES, LEVELS
from postloan.wording import texts

if TYPE_CHECKING:  # every kernel imports this module, and nbformat takes two seconds to import
    from nbformat import NotebookNode

MIME = "application/vnd.postloan.review+json"
SCHEMA_VERSION = 1


class Value(BaseModel):
    """One ratio or score of a record: a number, or none and the reason why."""

    model_config = ConfigDict(extra="forbid")
    id: str = Field(min_length=1)
    period_end: dt.date
    value: FiniteFloat | None
    reason: str | None

    @model_validator(mode="after")
    def _missing_has_reason(self) -> Value:
        if self.value is None and not self.reason:
            raise ValueError(f"{self.id} at {self.period_end} has no value and no reason")
        return self


class Signal(BaseModel):
    """One warning signal of a record, as the next review looks back on it."""

    model_config = ConfigDict(extra="allow")
    rule: str = Field(min_length=1)
    level: Literal[LEVELS[1:]]
    status: Literal["new", "worse", "better", "persisting", "cleared"]
    since: dt.date | None
    due: dt.date | None
    quiet_since: dt.date | None = None  # of cleared ones, which are followed up until they are closed
    closes_on: dt.date | None = None
    quiet_reviews: int | None = Field(None, ge=0)
    closed: bool | None = None


class Record(BaseModel):
    """What every record has; a report may add fields of its own."""

    model_config = ConfigDict(extra="allow")
    name: str = Field(pattern=r"^postloan\.[a-z_]+$")
    schema_version: Literal[1]
    borrower_id: str | None = Field(None, min_length=1)  # none: the whole book
    as_of: dt.date
    language: Literal["zh", "en"]
    values: list[Value]
    level: Literal[LEVELS] | None = None
    class_: Literal[CLASSES] | None = Field(None, alias="class")
    next_review: dt.date | None = None
    signals: list[Signal] = []
    rule_limits: dict[str, dict[Literal[LEVELS[1:]], FiniteFloat]] = {}  # this client's own, as they were in force


class Shown:
    """A record on display: JSON for machines, a folded table for people."""

    def __init__(self, record: dict):
        self.record = record

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict:
        return {MIME: self.record, "text/html": _summary(self.record), "text/plain": self.record["name"]}


def build(
    name: str, *, borrower_id: str | None, as_of: str | dt.date, language: str, values: pd.DataFrame, **extra: object
) -> dict:
    """Make a record of a `ratios` table (ratio, period_end, value, reason); NaN becomes null, dates ISO text.

    `extra` becomes further fields. RunError names the field that is not as the schema wants it.
    """
    rows = values[["ratio", "period_end", "value", "reason"]].rename(columns={"ratio": "id"})
    head = {"name": name, "schema_version": SCHEMA_VERSION, "borrower_id": borrower_id, "as_of": as_of}
    return check(_plain({**head, "language": language, "values": rows.to_dict("records"), **extra}))


def check(record: dict) -> dict:
    """Return `record` when it follows the schema; RunError names every field that does not."""
    try:
        Record.model_validate(record)
        json.dumps(record, allow_nan=False)
    except ValidationError as error:
        wrong = [f"{'.'.join(map(str, e['loc'])) or 'record'}: {e['msg']}" for e in error.errors()[:10]]
        raise RunError(f"the record {record.get('name')!r} is not valid: " + "; ".join(wrong)) from None
    except (TypeError, ValueError) as error:
        raise RunError(f"the record {record.get('name')!r} cannot be written as JSON: {error}") from None
    return record


def show(record: dict) -> Shown:
    """The record as the last line of a cell: checked, then displayed as JSON and as a folded table."""
    return Shown(check(record))


def find_all(notebook: NotebookNode) -> list[dict]:
    """Every record among a notebook's outputs, in order."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return [output["data"][MIME] for output in outputs if MIME in output.get("data", {})]


def find(notebook: NotebookNode) -> dict:
    """The one record of an executed notebook; RunError when there is none or more than one."""
    found = find_all(notebook)
    if len(found) != 1:
        raise RunError(f"expected one output of type {MIME} in the notebook, found {len(found)}")
    return check(found[0])


def newest(record: Mapping) -> dict[str, float]:
    """Each figure of a record at its newest period; missing ones as NaN."""
    values = sorted(record["values"], key=lambda one: str(one["period_end"]))
    return {one["id"]: float("nan") if one["value"] is None else one["value"] for one in values}


def _plain(thing: object) -> object:
    """The same with JSON's own types: numpy numbers unboxed, NaN and NaT null, dates ISO text."""
    if isinstance(thing, dict):
        return {str(key): _plain(value) for key, value in thing.items()}
    if isinstance(thing, list | tuple):
        return [_plain(value) for value in thing]
    if isinstance(thing, dt.date) and not pd.isna(thing):
        return thing.strftime("%Y-%m-%d")
    if hasattr(thing, "item"):
        thing = thing.item()
    missing = thing is None or thing is pd.NaT or thing is pd.NA or (isinstance(thing, float) and math.isnan(thing))
    return None if missing else thing


def _summary(record: dict) -> str:
    words = texts(record["language"])
    rows = {
        words("page.record_name"): f"{record['name']} · v{record['schema_version']}",
        words("page.record_borrower"): record.get("borrower_id") or words("page.whole_book"),
        words("page.as_of"): record["as_of"],
        words("page.record_language"): record["language"],
        words("page.record_values"): len(record["values"]),
        words("page.record_fingerprint"): record.get("fingerprint") or "—",
    }
    body = "".join(
        f'<tr><th scope="row">{escape(str(label))}</th><td>{escape(str(value))}</td></tr>'
        for label, value in rows.items()
    )
    caption = f"<caption>{escape(words('page.record'))}</caption>"
    summary = f"<summary>{escape(words('page.record'))}</summary>"
    return f'<details class="record">{summary}<table>{caption}<tbody>{body}</tbody></table></details>'
