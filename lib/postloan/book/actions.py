"""Actions in the book: entered, raised and closed by reviews, read as they were known before one.

A row is never changed but to close it: an action raised to a worse level is closed and entered anew, so that a review
made again, or in its second language, finds what the first found.
"""

from __future__ import annotations

import datetime as dt

import pandas as pd
import sqlalchemy as sa

from postloan.book import schema

CLEARED, QUIET, RAISED = "cleared", "quiet", "raised"
_BY_REVIEW = (CLEARED, QUIET, RAISED)  # what a review writes as the result; a person writes anything else
_TABLE = schema.actions


def follow_up(connection: sa.Connection, record: dict, day: dt.date) -> None:
    """Enter an action for each signal that has none open, raise those that got worse, close those quiet long enough.

    A deadline never moves back. A record that does not say whether a cleared signal is `closed` means that it is.
    """
    for signal in record.get("signals", []):
        mine = {"borrower_id": record["borrower_id"], "rule": signal["rule"]}
        open_ = sa.and_(*(_TABLE.c[name] == value for name, value in mine.items()), _TABLE.c.closed_on.is_(None))
        if signal["status"] == "cleared":
            if signal.get("closed", True):
                _close(connection, open_, day, QUIET if "closed" in signal else CLEARED)
            continue
        due, told = dt.date.fromisoformat(signal["due"]), {"level": signal["level"], "owner": signal["owner"]}
        known = connection.execute(sa.select(_TABLE.c.level, _TABLE.c.due).where(open_)).first()
        if known is None:
            connection.execute(_TABLE.insert().values(**mine, **told, due=due, opened_on=day))
        elif known.level != signal["level"] and signal["status"] == "worse":
            _close(connection, open_, day, RAISED)
            connection.execute(_TABLE.insert().values(**mine, **told, due=min(due, known.due), opened_on=day))


def _close(connection: sa.Connection, which: sa.ColumnElement, day: dt.date, result: str) -> None:
    connection.execute(_TABLE.update().where(which).values(closed_on=day, result=result))


def held(day: dt.date, before: dt.date | None) -> sa.ColumnElement:
    """The condition that an action was open on a day, as known before the reviews of `before` and later."""
    still = sa.or_(_TABLE.c.closed_on.is_(None), _TABLE.c.closed_on > day)
    if before is None:
        return sa.and_(_TABLE.c.opened_on <= day, still)
    later = sa.and_(_TABLE.c.closed_on >= before, _TABLE.c.result.in_(_BY_REVIEW))
    return sa.and_(_TABLE.c.opened_on <= day, _TABLE.c.opened_on < before, sa.or_(still, later))


def first_opened(found: pd.DataFrame, raised: pd.DataFrame) -> pd.Series:
    """When each action was first entered, through every time it was raised; both tables have borrower_id, rule,
    opened_on and closed_on."""
    keys = ["borrower_id", "rule"]
    began = {(*key, end): start for *key, start, end in raised[[*keys, "opened_on", "closed_on"]].to_numpy()}
    days = []
    for *key, start in found[[*keys, "opened_on"]].to_numpy():
        while began.get((*key, start), start) < start:
            start = began[*key, start]
        days.append(start)
    return pd.Series(days, index=found.index, dtype="datetime64[us]")
