"""The group a borrower belongs to: what its members owe us together, who of them is late, how each was judged last."""

from __future__ import annotations

import pandas as pd

from postloan.report.exhibits import DASH, Exhibit, Sheet, tabled
from postloan.report.narrative import Prose
from postloan.report.signals import level_mark
from postloan.tables import CLASSES

_COLUMNS = ("member", "owed", "late", "level", "class", "reviewed")
_BAD = CLASSES[2:]  # non-performing


def story(group: pd.DataFrame, reviews: dict[str, dict], names: dict[str, str], sheet: Sheet) -> Prose:
    """Who is tied to the borrower by what, what the group owes, and what of the others asks for an assessment.

    `group` is `groups.around`, `reviews` the records of the members' last reviews and `names` theirs, by borrower.
    """
    words = sheet.words
    if group.empty:
        return Prose((words("kindred.none"),))
    said = {"count": group["borrower_id"].nunique(), "by": _tie(group.iloc[0], sheet)}
    told = [words("kindred.tied", owed=_together(group, sheet), **said)]
    others = group[group["borrower_id"] != group["borrower_id"].iloc[0]].drop_duplicates("borrower_id")
    bad = [row for row in others.itertuples() if _troubled(row, reviews)]
    listed = words("case.comma").join(names[row.borrower_id] for row in bad)
    told.append(words("kindred.troubled", names=listed) if bad else words("kindred.calm"))
    if group.iloc[0]["by"] == "controller":
        told.append(words("kindred.by_name"))
    return Prose((words("talks.joint").join(told),))


def _tie(row: pd.Series, sheet: Sheet) -> str:
    return sheet.words("case.and").join(sheet.words(f"kindred.by.{kind}") for kind in row["by"].split(","))


def _together(group: pd.DataFrame, sheet: Sheet) -> str:
    owed = group.groupby("currency")["owed"].sum()
    told = [sheet.words.money(amount, currency) for currency, amount in owed.items() if amount > 0]
    return sheet.words("case.and").join(told) or sheet.words("kindred.nothing")


def _troubled(row: tuple, reviews: dict[str, dict]) -> bool:
    last = reviews.get(row.borrower_id, {})
    return row.days_overdue > 0 or last.get("level") == "red" or last.get("class") in _BAD


def member_table(group: pd.DataFrame, reviews: dict[str, dict], names: dict[str, str], sheet: Sheet) -> Exhibit:
    """A row a member and currency, the borrower first: owed, days overdue, level and class of its last review."""
    if group.empty:
        return Exhibit("")
    words, rows = sheet.words, []
    for row in group.itertuples():
        last = reviews.get(row.borrower_id, {})
        owed = words.money(row.owed, row.currency) if isinstance(row.currency, str) else DASH
        late = words("protection.days", days=int(row.days_overdue)) if row.days_overdue > 0 else DASH
        level = level_mark(last["level"], sheet) if last.get("level") else DASH
        given = words(f"verdict.class.{last['class']}") if last.get("class") else DASH
        day = words.date(last["as_of"]) if last else words("kindred.never")
        rows.append((f"{row.borrower_id} {names[row.borrower_id]}", owed, late, level, given, day))
    columns = tuple(words(f"kindred.column.{name}") for name in _COLUMNS)
    return tabled(words("kindred.members"), columns, rows, sheet, numeric=columns[1:3], notes=(words("kindred.note"),))
