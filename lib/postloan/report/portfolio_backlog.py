"""What is overdue in the whole book, in tables: reviews, promises, actions; and apart from it what has cleared."""

from __future__ import annotations

import pandas as pd
from markupsafe import Markup

from postloan.report.exhibits import Exhibit
from postloan.report.whole_book import BookSheet, listed, prose, two, whole
from postloan.tables import LEVELS
from postloan.wording import DASH

SHOWN = 20  # rows of a table
_NAMED = 2  # signals named of a borrower's late actions


def late_reviews(late: pd.DataFrame, unreviewed: int, count: int, sheet: BookSheet) -> Exhibit:
    """Reviews past their day; `unreviewed` of `count` borrowers have none stored, which is said and is not lateness."""
    words = sheet.words
    if unreviewed == count:
        return Exhibit(prose(sheet, words("portfolio.backlog.no_reviews", count=count))._repr_html_())
    missing = words("portfolio.backlog.unreviewed", count=unreviewed) if unreviewed else ""
    if late.empty:
        return Exhibit(prose(sheet, words("portfolio.backlog.no_reviews_late"), missing)._repr_html_())
    names = ("who", "level", "class", "last", "due", "days")
    rows = [
        (sheet.who(row["borrower_id"]), sheet.state(row["level"]), sheet.state(row["class"]),
         sheet.day(row["last_as_of"]), sheet.day(row["next_review"]), whole(row["overdue_days"]))
        for row in late.head(SHOWN).to_dict("records")
    ]  # fmt: skip
    return listed("backlog.reviews", names, rows, sheet, numeric=names[5:], notes=(missing, _more(len(late), sheet)))


def _more(count: int, sheet: BookSheet) -> str:
    return sheet.words("portfolio.backlog.more", count=count, shown=SHOWN) if count > SHOWN else ""


def late_promises(late: pd.DataFrame, any_made: bool, sheet: BookSheet) -> Exhibit:
    """Promises not kept in time, the largest first."""
    words = sheet.words
    if late.empty:
        key = "no_promises" if any_made else "no_talks"
        return Exhibit(prose(sheet, words(f"portfolio.backlog.{key}"))._repr_html_())
    names = ("who", "promise", "amount", "due", "days", "state")
    rows = [
        (sheet.who(row.borrower_id), row.promise, sheet.money(row.amount), sheet.day(row.due_on), whole(row.days_late),
         words(f"talks.state.{row.state}"))
        for row in late.head(SHOWN).itertuples()
    ]  # fmt: skip
    return listed(
        "backlog.promises", names, rows, sheet, numeric=(names[2], names[4]), notes=(_more(len(late), sheet),)
    )


def late_actions(late: pd.DataFrame, any_entered: bool, sheet: BookSheet) -> Exhibit:
    """Actions past their day, a row a borrower, the longest late first; `late` is `backlog.actions`."""
    words = sheet.words
    if late.empty:
        key = "no_actions" if any_entered else "no_actions_ever"
        return Exhibit(prose(sheet, words(f"portfolio.backlog.{key}"))._repr_html_())
    parts = [part for _, part in late.groupby("borrower_id", sort=False)]
    names = ("who", "actions", "level", "rule", "owner", "due", "days")
    rows = [_actions(part, sheet) for part in parts[:SHOWN]]
    numeric = (names[1], names[6])
    return listed("backlog.actions", names, rows, sheet, numeric=numeric, notes=(_more(len(parts), sheet),))


def _actions(part: pd.DataFrame, sheet: BookSheet) -> tuple:
    """A borrower's late actions: how many, the highest level, what for, who answers, how long."""
    worst = part.sort_values("level", key=lambda levels: -levels.map(LEVELS.index), kind="stable")
    named = _rules(worst["rule"], sheet)
    held = _owner(part.sort_values("steps", ascending=False, kind="stable").iloc[0], sheet)
    cells = (sheet.state(worst["level"].iloc[0]), named, held, sheet.day(part["due"].min()))
    return (sheet.who(part["borrower_id"].iloc[0]), str(len(part)), *cells, whole(part["days_late"].max()))


def _rules(rules: pd.Series, sheet: BookSheet) -> str:
    """The first rules by title, and how many more."""
    told = [sheet.rule(rule) if rule in sheet.rules else rule for rule in rules]
    named = sheet.words("case.semicolon").join(told[:_NAMED])
    return named + (sheet.words("portfolio.backlog.others", count=len(told) - _NAMED) if len(told) > _NAMED else "")


def cleared(signals: pd.DataFrame, sheet: BookSheet) -> Exhibit:
    """Warnings of the last reviews that no longer stand, a row a borrower: followed up until quiet long enough, then
    closed; they count in no level. `signals` are early_warning's. Nothing where none has cleared."""
    gone = signals[signals["status"] == "cleared"]
    if gone.empty:
        return Exhibit("")
    names, words, rows = ("who", "gone", "rule", "closed", "until"), sheet.words, []
    for borrower, part in gone.groupby("borrower_id"):
        closed = int(part["closed"].sum())
        until = DASH if closed == len(part) else sheet.day(part.loc[~part["closed"].astype(bool), "closes_on"].max())
        rows.append((sheet.who(borrower), str(len(part)), _rules(part["rule"], sheet), str(closed), until))
    rows.sort(key=lambda row: -int(row[1]))
    notes = (words("portfolio.backlog.cleared_note"), _more(len(rows), sheet))
    return listed("backlog.cleared", names, rows[:SHOWN], sheet, numeric=(names[1], names[3]), notes=notes)


def _owner(row: pd.Series, sheet: BookSheet) -> str | Markup:
    if not row["steps"]:
        return sheet.owner(row["owner"])
    up = sheet.words("portfolio.backlog.escalated", owner=sheet.owner(row["answerable"]))
    return two(sheet.owner(row["owner"]), up)
