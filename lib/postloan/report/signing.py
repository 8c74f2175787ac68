"""Where people sign: the suggested class beside the approved one, and lines to sign on paper."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
from markupsafe import Markup

from postloan.report.exhibits import DASH, Exhibit, Sheet, tabled

ROLES = ("prepared", "reviewed", "approved")
_COLUMNS = ("role", "opinion", "name", "signature", "day")


def block(signed: pd.DataFrame, suggested: str, sheet: Sheet) -> Exhibit:
    """A line for each who signs; where the book holds the sign-off of this review, its class, name and day.

    `signed` are the borrower's sign_offs as known on the day, `suggested` the class in words.
    """
    words = sheet.words
    mine = signed[pd.to_datetime(signed["review_as_of"]) == pd.Timestamp(sheet.as_of)].sort_values("signed_on")
    done = mine.iloc[-1] if len(mine) else None
    columns = tuple(words(f"signing.column.{name}") for name in _COLUMNS)
    rows = [(words("signing.suite"), suggested, "postloan", DASH, words.date(sheet.as_of))]
    rows += [_line(role, done if role == ROLES[-1] else None, sheet) for role in ROLES]
    notes = [] if done is not None else [words("signing.blank"), *_before(signed, sheet)]
    return tabled(words("signing.table"), columns, rows, sheet, css="signing", notes=tuple(notes))


def _line(role: str, done: Mapping | None, sheet: Sheet) -> tuple:
    """One who signs: as the book says, or room to write."""
    words = sheet.words
    if done is None:
        boxes = Markup('<span class="boxes">☐ {}<br>☐ {}</span>').format(words("signing.agree"), words("signing.other"))
        return (words(f"signing.role.{role}"), boxes if role == ROLES[-1] else "", "", "", "")
    opinion = words(f"verdict.class.{done['approved_class']}")
    remark = done.get("remark")
    told = opinion if pd.isna(remark) or not remark else words("signing.remark", opinion=opinion, remark=remark)
    return (words(f"signing.role.{role}"), told, done["signed_by"], words("signing.in_book"), _day(done, sheet))


def _day(done: Mapping, sheet: Sheet) -> str:
    return sheet.words.date(done["signed_on"])


def _before(signed: pd.DataFrame, sheet: Sheet) -> list[str]:
    """What was approved last."""
    if not len(signed):
        return []
    words, last = sheet.words, signed.sort_values("signed_on").iloc[-1]
    name = words(f"verdict.class.{last['approved_class']}")
    return [words("signing.before", name=name, by=last["signed_by"], date=_day(last, sheet))]
