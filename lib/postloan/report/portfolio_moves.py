"""How the book moves: migration matrices, formation of non-performing loans, roll rates, vintages."""

from __future__ import annotations

import pandas as pd
from markupsafe import Markup

from postloan.report.exhibits import Exhibit, table
from postloan.report.whole_book import UNKNOWN, BookSheet, listed, prose
from postloan.wording import DASH


def matrix_table(
    matrix: pd.DataFrame, title: str, sheet: BookSheet, *, weight: bool = False, **days: object
) -> Exhibit:
    """A migration matrix: from rows, to columns, how many loans (or how much) each row stands on; `title` is caption,
    year or weighed, `days` fill it. States nobody was in are named below, not told as zeros."""
    words = sheet.words
    caption = words(f"portfolio.migration.{title}", **{name: sheet.day(day) for name, day in days.items()})
    states = [name for name in matrix.columns if name not in ("count", "reason")]
    measure = "balance" if weight else "count"
    size = words(f"portfolio.migration.column.{measure}")
    heads = {name: _head(name, sheet) for name in states}
    rows = []
    for state, row in matrix[matrix["reason"] != "empty"].iterrows():
        cells = {words("portfolio.migration.column.state"): sheet.state(state)}
        cells[size] = sheet.money(row["count"]) if weight else f"{int(row['count'])}"
        cells |= {heads[name]: _cell(row[name], name == state, sheet) for name in states}
        reason = words(f"portfolio.migration.reason.{row['reason']}") if row["reason"] else ""
        rows.append({**cells, words("portfolio.migration.column.reason"): reason})
    empty = [heads[state] for state in matrix.index[matrix["reason"] == "empty"]]
    return table(caption, rows, sheet, numeric=(size, *heads.values()), css="matrix", notes=_empty(empty, sheet))


def _empty(states: list[str], sheet: BookSheet) -> tuple[str, ...]:
    """The states in which no loan was at a start, and that they have no shares."""
    named = sheet.words("case.and").join(states)
    return (sheet.words("portfolio.migration.reason.empty", states=named),) if states else ()


def _head(state: str, sheet: BookSheet) -> str:
    return str(sheet.state(state))


def _cell(share: float, stays: bool, sheet: BookSheet) -> str | Markup:
    if pd.isna(share):
        return DASH
    told = sheet.share(share) if share else "0"
    return Markup("<b>{}</b>").format(told) if stays else told


def migration(
    moved: pd.DataFrame, matrix: pd.DataFrame, weighed: pd.DataFrame, year: pd.DataFrame, sheet: BookSheet
) -> Exhibit:
    """The matrices of one quarter (by loans and by balance) and of a year, and what they rest on; `moved` is
    `migration.transitions`. A sentence where the book holds no loans."""
    words = sheet.words
    if moved.empty:
        return Exhibit(prose(sheet, words("portfolio.migration.no_loans"))._repr_html_())
    blind = (moved["from_state"] == UNKNOWN).mean()
    unknown = words("portfolio.migration.unknown", share=sheet.share(blind)) if blind else ""
    told = Exhibit(prose(sheet, words("portfolio.migration.said"), unknown)._repr_html_())
    told += matrix_table(matrix, "caption", sheet, first=moved["from_day"].min(), last=moved["to_day"].max())
    told += matrix_table(weighed, "weighed", sheet, weight=True)
    return told + (matrix_table(year, "year", sheet) if year["count"].sum() else Exhibit(""))


def formation_table(formation: pd.DataFrame, sheet: BookSheet) -> Exhibit:
    """New non-performing over opening performing balances, by quarter; `formation` is `migration.formation`."""
    if formation.empty:
        return Exhibit("")
    names = ("period", "performing", "inflow", "rate")
    rows = [
        (f"{sheet.day(row.from_day)} – {sheet.day(row.to_day)}", sheet.money(row.performing), sheet.money(row.inflow),
         sheet.share(row.rate))
        for row in formation.itertuples()
    ]  # fmt: skip
    return listed("migration.formation", names, rows, sheet, numeric=names[1:])


def roll_table(rolls: pd.DataFrame, sheet: BookSheet) -> Exhibit:
    """Of the loans in each bucket of days overdue the shares that got worse, stayed, got better, ended."""
    words = sheet.words
    if not rolls["count"].sum():
        return Exhibit("")
    names = ("bucket", "count", "worse", "same", "better", "ended")
    rows = [
        (_bucket(row.bucket, sheet), str(row.count), *map(sheet.share, (row.worse, row.same, row.better, row.ended)))
        for row in rolls[rolls["count"] > 0].itertuples()
    ]  # fmt: skip
    empty = _empty([_bucket(name, sheet) for name in rolls.loc[rolls["count"] == 0, "bucket"]], sheet)
    told = listed("migration.rolls", names, rows, sheet, numeric=names[1:], notes=empty)
    first, late = rolls.iloc[0], rolls.iloc[1:]
    said = {"count": int(first["count"]), "worse": sheet.share(first["worse"])}
    if not (many := int(late["count"].sum())):
        return Exhibit(prose(sheet, words("portfolio.migration.rolls_none", **said))._repr_html_()) + told
    share = {name: (late[name] * late["count"]).sum() / many for name in ("better", "ended", "worse")}
    said |= {"late": many, "cured": sheet.share(share["better"]), "deeper": sheet.share(share["worse"])}
    return Exhibit(prose(sheet, words("portfolio.migration.rolls_said", **said))._repr_html_()) + told


def _bucket(bucket: str, sheet: BookSheet) -> str:
    return sheet.words("portfolio.migration.day") if bucket == "0" else sheet.words(
        "portfolio.migration.days", bucket=bucket.replace("-", "–"))  # fmt: skip


def vintage_table(vintages: pd.DataFrame, days: int, fewest: int, sheet: BookSheet) -> Exhibit:
    """Each drawdown quarter: loans, events, and the share late by so many months; `vintages` is `vintage.table`."""
    words = sheet.words
    if vintages.empty:
        return Exhibit(prose(sheet, words("portfolio.vintage.none"))._repr_html_())
    months = [name for name in vintages if name[0] == "m" and name[1:].isdigit()]
    heads = {
        name: words(f"portfolio.vintage.column.{name}") for name in ("cohort", "loans", "drawn", "events", "longest")
    }
    heads |= {name: words("portfolio.vintage.month", month=name[1:]) for name in months}
    rows = []
    for row in vintages.to_dict("records"):
        cells = {"cohort": row["cohort"], "loans": str(row["loans"]), "drawn": sheet.money(row["drawn"])}
        cells |= {"events": str(row["events"]), "longest": words.number(row["longest"], 0)}
        cells |= {name: sheet.share(row[name]) for name in months}
        rows.append({heads[name]: cell for name, cell in cells.items()})
    notes = [words("portfolio.vintage.note")]
    if vintages["few"].any():
        notes.append(words("portfolio.vintage.few", fewest=fewest))
    caption = words("portfolio.vintage.caption", days=days)
    return table(caption, rows, sheet, numeric=tuple(heads.values())[1:], notes=tuple(notes))
