"""What changed since the last review: level, class, signals come and gone, key figures then and now, open actions."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from postloan.report.case import Case
from postloan.report.exhibits import Exhibit, table
from postloan.report.narrative import Prose

_STATES = ("new", "worse", "better", "cleared")


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
    for state in _STATES:
        titles = [
            getattr(case.rules[rule].title, words.language) for rule in signals.loc[signals["status"] == state, "rule"]
        ]
        if titles:
            said = words("case.and").join(titles[:5])
            told.append(words(f"changes.{state}", count=len(titles), titles=said + _more(len(titles) - 5, case)))
    if not signals["status"].isin(_STATES).any():
        told.append(words("changes.same", count=len(signals)))
    return Prose((words("changes.joint").join(each for each in told if each),))


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
    then = _newest(last)
    for name, measure in case.measures.items():
        if measure.key and name in then and name in case.compared.index:
            now = case.compared.at[name, "now"]
            moved = words.change(now - then[name], measure.unit, case.sheet.currency)
            shown = (words.value(value, measure.unit, case.sheet.currency) for value in (then[name], now))
            rows.append(dict(zip(columns, (words.ratio(name), *shown, moved), strict=True)))
    caption = words("changes.figures", date=words.date(last["as_of"]))
    return table(caption, rows, case.sheet, columns=columns, numeric=columns[1:])


def _newest(last: Mapping) -> dict[str, float]:
    """Each figure of the record at its newest period; missing ones as NaN."""
    values = sorted(last["values"], key=lambda one: str(one["period_end"]))
    return {one["id"]: float("nan") if one["value"] is None else one["value"] for one in values}


def action_table(actions: pd.DataFrame, case: Case) -> Exhibit:
    """The actions entered at earlier reviews and still open (book.actions): what, who, by when, how late."""
    words, rows = case.sheet.words, []
    if not len(actions):
        return Exhibit("")
    columns = tuple(words(f"changes.column.{name}") for name in ("action", "why", "owner", "due", "late"))
    for row in actions.itertuples():
        rule = case.rules.get(row.rule)
        days = (pd.Timestamp(case.sheet.as_of) - row.due).days if pd.notna(row.due) else 0
        said = [getattr(each, words.language) if rule else row.rule for each in _texts(rule)]
        late = words("changes.late", days=days) if days > 0 else words("changes.in_time")
        due = words.date(row.due) if pd.notna(row.due) else "—"
        cells = (*said, words(f"signal.owner.{row.owner}"), due, late)
        rows.append(dict(zip(columns, cells, strict=True)))
    return table(words("changes.actions"), rows, case.sheet, columns=columns, css="actions")


def _texts(rule: object) -> tuple:
    return (rule.action, rule.title) if rule else ("", "")
