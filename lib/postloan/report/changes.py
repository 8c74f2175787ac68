"""What changed since the last review: level, class, signals come and gone, key figures then and now, open actions."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pandas as pd
from markupsafe import Markup

from postloan.report.case import Case
from postloan.report.exhibits import Exhibit, anchored, banded, explained_at, proven, table
from postloan.report.narrative import Prose
from postloan.report.record import newest
from postloan.wording import DASH

_STATES = ("new", "worse", "better", "cleared", "watched", "closed")


def summary(last: Mapping, now: Mapping, signals: pd.DataFrame, case: Case) -> Prose:
    """One paragraph: level and class then and now, and which signals came, grew, eased or went.

    `last` is the record of the last review (empty when there was none), `now` has level and class, `signals` are
    early_warning's with the cleared ones.
    """
    words = case.sheet.words
    if not last:
        return Prose((words("changes.first"),))
    told = [words("changes.since", date=words.date(last["as_of"]))]
    told += [_step(kind, last.get(kind), now.get(kind), case) for kind in ("level", "class")]
    states = _states(signals)
    for state in _STATES:
        mine = signals[states == state]
        if len(mine):
            titles = [getattr(case.rules[rule].title, words.language) for rule in mine["rule"]]
            said = words("case.and").join(titles[:5]) + _more(len(titles) - 5, case)
            day = mine["closes_on"].min()
            ends = words.date(day) if pd.notna(day) else DASH
            told.append(words(f"changes.{state}", count=len(mine), titles=said, day=ends))
    stand = (signals["status"] != "cleared").sum()
    if stand and not states.isin(_STATES[:4]).any():
        told.append(words("changes.same", count=stand))
    return Prose((proven(words("changes.joint").join(each for each in told if each), "signals", words),))


def _states(signals: pd.DataFrame) -> pd.Series:
    """The status, with those cleared at an earlier review told apart: still followed up, or closed now."""
    gone = signals["status"] == "cleared"
    earlier = gone & (pd.to_datetime(signals["quiet_since"]) < pd.to_datetime(signals["as_of"]))
    found = signals["status"].mask(earlier | (gone & (signals["quiet_reviews"] == 0)), "watched")
    return found.mask(gone & signals["closed"].astype(bool), "closed")


def _more(count: int, case: Case) -> str:
    return case.sheet.words("changes.more", count=count) if count > 0 else ""


def _step(kind: str, then: str | None, now: str | None, case: Case) -> str:
    words = case.sheet.words
    if not now or not then:
        return ""
    prefix = {"level": "signal.level", "class": "verdict.class"}[kind]
    shown = {name: words(f"{prefix}.{each}") for name, each in (("then", then), ("now", now))}
    return words(f"changes.{kind}_same" if then == now else f"changes.{kind}_moved", **shown)


def figure_table(last: Mapping, case: Case) -> Exhibit:
    """The key ratios then and now. Without a last review: empty."""
    if not last:
        return Exhibit("")
    words, rows = case.sheet.words, []
    columns = tuple(words(f"changes.column.{name}") for name in ("ratio", "then", "now", "change"))
    then = newest(last)
    for name, measure in case.measures.items():
        if measure.key and name in then and name in case.compared.index:
            now = case.compared.at[name, "now"]
            moved = words.change(now - then[name], measure.unit, case.sheet.currency)
            shown = [words.value(value, measure.unit, case.sheet.currency) for value in (then[name], now)]
            alike = shown[0] == shown[1] or not re.search("[1-9]", moved)
            way = "" if alike else _way(measure.worsening(now, then[name]), case)
            cells = (explained_at(name, words.ratio(name)), *shown, Markup("{} {}").format(moved, way))
            rows.append(dict(zip(columns, cells, strict=True)))
    caption = words("changes.figures", date=words.date(last["as_of"]))
    return table(caption, rows, case.sheet, columns=columns, numeric=columns[1:])


def _way(worse: float, case: Case) -> Markup:
    """Whether a figure is better or worse, in a word and a shape."""
    if not worse or pd.isna(worse):
        return Markup("")
    state, band = ("worse", "warn") if worse > 0 else ("better", "ok")
    return banded(band, case.sheet.words(f"changes.way.{state}"))


def action_table(actions: pd.DataFrame, case: Case) -> Exhibit:
    """The actions entered at earlier reviews and still open (chasing.chased): what, who, by when, how late, who answers
    for it now; or until when its cleared warning must stay quiet."""
    words, rows = case.sheet.words, []
    if not len(actions):
        return Exhibit("")
    columns = tuple(words(f"changes.column.{name}") for name in ("action", "why", "owner", "due", "late"))
    for row in actions.itertuples():
        rule = case.rules.get(row.rule)
        said = [getattr(each, words.language) if rule else row.rule for each in _texts(rule)]
        due = words.date(row.due) if pd.notna(row.due) else "—"
        cells = (*said, words(f"signal.owner.{row.owner}"), due, _progress(row, case))
        rows.append(dict(zip(columns, cells, strict=True)))
    return anchored("actions", table(words("changes.actions"), rows, case.sheet, columns=columns, css="actions"))


def _progress(row: tuple, case: Case) -> str:
    words = case.sheet.words
    if pd.notna(row.quiet_since):
        return words("changes.quiet", since=words.date(row.quiet_since), day=words.date(row.closes_on))
    late = words("changes.late", days=row.days_late) if row.days_late > 0 else words("changes.in_time")
    return late + (words("changes.escalated", owner=words(f"signal.owner.{row.answerable}")) if row.steps else "")


def _texts(rule: object) -> tuple:
    return (rule.action, rule.title) if rule else ("", "")
