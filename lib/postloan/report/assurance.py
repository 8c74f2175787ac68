"""Can the statements be believed, in words: what is unsupported, what may explain it, which paper settles it."""

from __future__ import annotations

import pandas as pd

from postloan.report.exhibits import DASH, Exhibit, Sheet, table
from postloan.report.narrative import Prose

TOLD = 3


def sentence(graded: pd.Series, checked: pd.DataFrame, sheet: Sheet) -> str:
    """One sentence on how far one borrower's statements are supported: `reliability.score`'s row and `check`'s rows."""
    words, failed = sheet.words, _failed(checked)
    said = {"grade": words(f"reliability.grade.{graded['grade']}")}
    said |= {name: int(graded[name]) for name in ("tested", "passed", "untestable")}
    told = words("assurance.sentence", **said)
    if len(failed):
        titles = [_title(name, sheet) for name in failed["test"]]
        more = words("changes.more", count=len(titles) - TOLD) if len(titles) > TOLD else ""
        told += words("assurance.open", count=len(titles), titles=words("case.and").join(titles[:TOLD]) + more)
    return told


def story(graded: pd.Series, checked: pd.DataFrame, sheet: Sheet) -> Prose:
    """The sentence, then each unsupported item with its figures, what may explain it, and the paper to ask for."""
    words = sheet.words
    points = tuple(_point(row, sheet) for row in _failed(checked).to_dict("records"))
    outside = () if graded["outside"] else (words("assurance.no_outside"),)
    return Prose((sentence(graded, checked, sheet), *outside), points)


def _failed(checked: pd.DataFrame) -> pd.DataFrame:
    failed = checked[checked["result"] == "fail"]
    order = failed["severity"].map({"red": 0, "amber": 1}).fillna(2)
    return failed.assign(order=order).sort_values(["order", "weight"], ascending=[True, False], kind="stable")


def _point(row: dict, sheet: Sheet) -> str:
    words, key = sheet.words, f"reliability.test.{row['test']}"
    shown = {name: words.value(row[name], row["unit"], sheet.currency) for name in ("value", "limit")}
    found = words(f"{key}.found", period=words.date(row["period_end"]), **shown)
    explained = words("assurance.innocent", text=words(f"{key}.innocent"))
    return words("assurance.point", found=found, innocent=explained, ask=_paper(row["ask"], sheet))


def _title(test: str, sheet: Sheet) -> str:
    return _there(f"title.{test}", f"reliability.test.{test}.title", sheet)


def _paper(ask: str, sheet: Sheet) -> str:
    return _there(f"ask.{ask}", f"reliability.ask.{ask}", sheet)


def _there(name: str, key: str, sheet: Sheet) -> str:
    """A text as it is said where the client's currency is used (other taxes, other papers), else as everywhere."""
    own = f"reliability.own.{sheet.currency}.{name}"
    return sheet.words(own if sheet.words.has(own) else key)


def test_table(checked: pd.DataFrame, sheet: Sheet) -> Exhibit:
    """Every test that could be made: what was found, what is allowed, since when."""
    words, rows = sheet.words, []
    columns = tuple(
        words(f"assurance.column.{name}") for name in ("test", "result", "value", "limit", "period", "since")
    )
    tested = checked[checked["result"] != "cannot"]
    for row in tested.sort_values("result", kind="stable").to_dict("records"):
        shown = [words.value(row[name], row["unit"], sheet.currency) for name in ("value", "limit")]
        since = words.date(row["since"]) if row["result"] == "fail" and pd.notna(row["since"]) else DASH
        title, result = _title(row["test"], sheet), words(f"reliability.result.{row['result']}")
        cells = (title, result, *shown, words.date(row["period_end"]), since)
        rows.append(dict(zip(columns, cells, strict=True)))
    return table(words("assurance.tests"), rows, sheet, columns=columns, numeric=columns[2:4])


def untested_table(checked: pd.DataFrame, sheet: Sheet) -> Exhibit:
    """Every test that could not be made, by reason: what lacks in the statements, which paper, too few peers."""
    words, told = sheet.words, {}
    columns = tuple(words(f"assurance.column.{name}") for name in ("why", "test"))
    for row in checked[checked["result"] == "cannot"].to_dict("records"):
        told.setdefault(_why_not(row, sheet), []).append(_title(row["test"], sheet))
    rows = [dict(zip(columns, (why, words("case.and").join(titles)), strict=True)) for why, titles in told.items()]
    return table(words("assurance.untested"), rows, sheet, columns=columns)


def _why_not(row: dict, sheet: Sheet) -> str:
    """Why a test could not be made, `missing` of `reliability.check` in words."""
    words, (kind, _, rest) = sheet.words, row["missing"].partition(":")
    names = {
        "paper": lambda: _paper(row["ask"], sheet),
        "peer": lambda: words("case.and").join(sheet.metric(name) for name in rest.split(", ")),
        "reference": lambda: words("case.and").join(words(f"assurance.reference.{name}") for name in rest.split(", ")),
        "instead": lambda: _title(rest, sheet),
    }
    return words(f"assurance.why.{kind}", what=names[kind]() if kind in names else words.formula(rest))


def paper_table(checked: pd.DataFrame, sheet: Sheet) -> Exhibit:
    """The papers to ask for, those that settle an unsupported item first, each with what it would settle."""
    words, rows = sheet.words, []
    columns = tuple(words(f"assurance.column.{name}") for name in ("paper", "settles"))
    open_ = pd.concat([_failed(checked), checked[checked["result"] == "cannot"]])
    for ask, mine in open_[open_["ask"].notna()].groupby("ask", sort=False):
        titles = [_title(name, sheet) for name in mine["test"]]
        cells = (_paper(ask, sheet), words("case.and").join(titles))
        rows.append(dict(zip(columns, cells, strict=True)))
    return table(words("assurance.papers"), rows, sheet, columns=columns)
