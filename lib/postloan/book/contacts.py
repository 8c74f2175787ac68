"""What people log by hand: a contact with the client, a promise and what became of it, a signed review.

Each function makes an Intake for `Book.add`; nothing is changed in place, a promise kept is a later version of its row.
"""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Callable

import pandas as pd

from postloan.book.figures import parse_amount, parse_date
from postloan.errors import SourceError
from postloan.loan_tables import columns_of
from postloan.measures import observations
from postloan.tables import CLASSES, Intake

Day = str | dt.date


def contact(
    borrower_id: str,
    *,
    held_on: Day,
    channel: str,
    stated: list[str] | None = None,
    promises: list[str] | None = None,
    **told: object,
) -> Intake:
    """A contact with the client, with what was stated, promised and seen.

    `told` are columns of the table contacts; `signals` ("staff_change=-0.1; orders_change=-0.2") become observations of
    the day. `stated` are figures "item=value@period_end[/months]", `promises` "text@due day[/amount]".
    SourceError names what cannot be read. Example: `contact("S0005", held_on="2026-05-12", channel="visit",
    said="orders are back", promises=["collect 3m from customer A@2026-06-30/3000000"])`.
    """
    day, contact_id = _day(held_on, "held_on"), _new("K", held_on)
    if unknown := set(told) - set(columns_of("contacts")):
        raise SourceError(f"contact: unknown {sorted(unknown)}; known: {', '.join(columns_of('contacts'))}")
    about = {"borrower_id": borrower_id, "source": f"contact log {contact_id}"}
    row = {**about, "contact_id": contact_id, "held_on": day, "channel": channel, **told}
    made = {
        "contacts": [row],
        "stated_figures": [
            {**about, "contact_id": contact_id, "known_on": day, **_stated(each)} for each in stated or []
        ],
        "commitments": [{**about, **_promise(each, day), "contact_id": contact_id} for each in promises or []],
        "observations": [{**about, **each} for each in seen(str(told.get("signals") or ""), day)],
    }
    return _intake(f"contact log {contact_id}", made)


def noted(book: object, borrower_id: str, note: dict) -> object:
    """Log a contact from a notebook: an empty note writes nothing, so that a scheduled run never does.

    `note` holds what `contact` takes; returns the book's ImportResult, or None. SourceError shows the refused rows.
    """
    if not note:
        return None
    result = book.add(contact(borrower_id, **note))
    if result.refused:
        raise SourceError(f"the contact was not logged:\n{result.refusals.to_string(index=False)}")
    return result


def promise(borrower_id: str, text: str, *, promised_on: Day) -> Intake:
    """A promise by itself: "text@due day[/amount]"."""
    row = {"borrower_id": borrower_id, "source": "contact log", **_promise(text, _day(promised_on, "promised_on"))}
    return _intake("promise", {"commitments": [row]})


def settle(commitments: pd.DataFrame, commitment_id: str, status: str, *, on: Day) -> Intake:
    """What became of a promise: kept, broken or withdrawn. `commitments` are the book's rows; SourceError lists
    them."""
    mine = commitments[commitments["commitment_id"] == commitment_id]
    if mine.empty:
        known = ", ".join(commitments["commitment_id"]) or "none"
        raise SourceError(f"no promise {commitment_id!r}; in the book: {known}")
    day = pd.Timestamp(_day(on, "on"))
    row = mine.assign(status=status, settled_on=day, known_on=day)
    return Intake(f"promise {commitment_id}", "log", {"commitments": row}, 1)


def sign(borrower_id: str, *, review_as_of: Day, approved_class: str, by: str, on: Day, remark: str = "") -> Intake:
    """A review signed: the class a human decided, who and when."""
    if approved_class not in CLASSES:
        raise SourceError(f"approved class {approved_class!r}: expected one of {', '.join(CLASSES)}")
    day, review = _day(on, "on"), _day(review_as_of, "review_as_of")
    about = {"borrower_id": borrower_id, "source": f"signed by {by}"}
    row = {**about, "review_as_of": review, "approved_class": approved_class, "signed_by": by, "signed_on": day}
    decided = {"metric": "approved_class", "value": float(CLASSES.index(approved_class)), "observed_on": day}
    observed = [{**about, **decided, "known_on": day}]
    return _intake("sign-off", {"sign_offs": [{**row, "remark": remark or None}], "observations": observed})


def seen(signals: str, day: dt.date) -> list[dict]:
    """Observations from "metric=value; metric=value"; SourceError names what is not one."""
    told = []
    for part in filter(None, (each.strip() for each in signals.replace("；", ";").split(";"))):
        metric, _, value = (each.strip() for each in part.partition("="))
        if metric not in observations():
            raise SourceError(f"signals: {part!r}: expected observation=value, such as staff_change=-0.1; see observed")
        told.append({"metric": metric, "value": _number(value, part), "observed_on": day, "known_on": day})
    return told


def _stated(text: str) -> dict:
    """One figure the client stated: "item=value@period_end[/months]"."""
    item, _, rest = text.partition("=")
    value, _, when = rest.partition("@")
    end, _, months = when.partition("/")
    told = {"item": item.strip(), "value": _number(value, text), "period_end": _day(end.strip(), text)}
    return told | {"months": _number(months, text) if months else None}


def _promise(text: str, day: dt.date) -> dict:
    words, at, when = text.rpartition("@")
    due, _, amount = when.partition("/")
    if not at:
        raise SourceError(f"promise {text!r}: expected text@due day, such as 'pay the arrears@2026-06-30/300000'")
    told = {
        "promise": words.strip(),
        "due_on": _day(due.strip(), text),
        "amount": _number(amount, text) if amount else None,
    }
    return {"commitment_id": _new("M", day), "promised_on": day, "status": "open", **told}


def _number(text: str, where: str) -> float:
    return _parsed(text, parse_amount, f"{where!r}: expected a number")


def _day(value: Day, where: str) -> dt.date:
    return _parsed(value, parse_date, f"{where}: expected a date such as 2026-05-12")


def _parsed(value: object, parse: Callable, expected: str) -> object:
    """What a word states; SourceError where it states nothing."""
    try:
        found = parse(value)
    except ValueError:
        found = None
    if found is None:
        raise SourceError(f"{expected}, found {value!r}")
    return found


def _new(letter: str, day: Day) -> str:
    """An id nobody else draws, even when two people log at once."""
    return f"{letter}{_day(day, 'day'):%Y%m%d}-{secrets.token_hex(3)}"


def _intake(name: str, made: dict[str, list[dict]]) -> Intake:
    tables = {table: pd.DataFrame(rows) for table, rows in made.items() if rows}
    if "observations" in tables:
        days = dict.fromkeys(("observed_on", "known_on"), "datetime64[us]")
        tables["observations"] = tables["observations"].astype(days)
    return Intake(name, "log", tables, sum(map(len, tables.values())))
