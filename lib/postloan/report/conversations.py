"""What the client said, promised and withheld: a paragraph, the contact log, promises, stated figures against known."""

from __future__ import annotations

import pandas as pd

from postloan import chart
from postloan.measures import observations
from postloan.report.exhibits import Exhibit, Sheet, table
from postloan.report.narrative import Prose

_SHOWN = 8  # contacts and promises in a table, the newest first


def story(contacts: pd.DataFrame, promises: pd.DataFrame, stated: pd.DataFrame, sheet: Sheet) -> Prose:
    """When we last spoke, how the client cooperates, what became of promises, which stated figures do not agree.

    `promises` have state and days_left, `stated` verdict and off (see analysis.talks).
    """
    words = sheet.words
    if contacts.empty:
        return Prose((words("talks.none"),))
    last = contacts.sort_values("held_on").iloc[-1]
    days = (pd.Timestamp(sheet.as_of) - last["held_on"]).days
    told = [words("talks.last", date=words.date(last["held_on"]), days=days, channel=words(f"talks.{last['channel']}"))]
    if pd.notna(last["cooperation"]):
        told.append(words(f"talks.{last['cooperation']}"))
    refused = int(contacts["documents_refused"].sum())
    told += [words("talks.refused", count=refused)] if refused else []
    told += _promised(promises, sheet)
    told += [_off(row, sheet) for row in stated[stated["verdict"] == "differs"].itertuples()][:3]
    said = [words("talks.said", said=last["said"])] if pd.notna(last["said"]) else []
    return Prose((words("talks.joint").join([*told, *said]),))


def _promised(promises: pd.DataFrame, sheet: Sheet) -> list[str]:
    counts, words = promises["state"].value_counts(), sheet.words
    due = int(sum(counts.get(state, 0) for state in ("kept", "late", "broken")))
    told = [words("talks.kept", due=due, kept=due - int(counts.get("broken", 0)))] if due else []
    broken = promises[promises["state"] == "broken"].sort_values("due_on")
    for row in broken.head(2).itertuples():
        told.append(words("talks.broken", promise=row.promise, date=words.date(row.due_on)))
    return told


def _off(row: tuple, sheet: Sheet) -> str:
    words = sheet.words
    shares = {"stated": _figure(row.item, row.stated, sheet), "known": _figure(row.item, row.known, sheet)}
    about = {"item": _spanned(row, sheet), "period": words.date(row.period_end)}
    return words("talks.differs", **about, **shares, off=words.change_share(row.off))


def _spanned(row: tuple, sheet: Sheet) -> str:
    """The item, and of a flow the months it runs over."""
    months = sheet.words("talks.months", count=int(row.months)) if row.months > 0 else ""
    return _named(row.item, sheet) + months


def _named(item: str, sheet: Sheet) -> str:
    if item in chart.items():
        return sheet.words.item(item)
    return sheet.metric(item) if item in observations() else sheet.words(f"talks.check.{item}")


def _figure(item: str, value: float, sheet: Sheet) -> str:
    if item in observations():
        unit = observations()[item].unit
        return sheet.words.value(value, unit) if unit == "pct" else sheet.words.number(value, 0)
    return sheet.words.number(value, 0) if item == "electricity_kwh" else sheet.words.money(value, sheet.currency)


def contact_table(contacts: pd.DataFrame, sheet: Sheet) -> Exhibit:
    """The newest contacts: day, how, with whom, what was said and seen, papers, follow-up."""
    words, rows = sheet.words, []
    columns = tuple(words(f"talks.column.{name}") for name in ("date", "with", "said", "seen", "papers", "follow_up"))
    for row in contacts.sort_values("held_on", ascending=False).head(_SHOWN).itertuples():
        who = words("talks.comma").join(_given(words(f"talks.{row.channel}"), row.people))
        refused = words("talks.withheld", count=int(row.documents_refused)) if row.documents_refused > 0 else None
        follow = words.date(row.follow_up_on) if pd.notna(row.follow_up_on) else None
        papers = words("talks.comma").join(_given(row.documents, refused))
        by = words("talks.comma").join(_given(row.follow_up_by, follow))
        cells = (
            words.date(row.held_on),
            who,
            *_given(row.said, keep=True),
            *_given(row.observed, keep=True),
            papers,
            by,
        )
        rows.append(dict(zip(columns, cells, strict=True)))
    return table(words("talks.contacts"), rows, sheet, columns=columns)


def _given(*parts: object, keep: bool = False) -> list[str]:
    return [str(part) if pd.notna(part) else "" for part in parts if keep or pd.notna(part)]


def promise_table(promises: pd.DataFrame, sheet: Sheet) -> Exhibit:
    """Promises, the broken and the open first: what, how much, by when, what became of it."""
    words, rows = sheet.words, []
    columns = tuple(words(f"talks.column.{name}") for name in ("promise", "amount", "made", "due", "state"))
    order = promises["state"].map({"broken": 0, "open": 1, "late": 2, "kept": 3, "withdrawn": 4})
    for row in promises.assign(order=order).sort_values(["order", "due_on"]).head(_SHOWN).itertuples():
        state = words(f"talks.state.{row.state}")
        if row.state in ("open", "broken"):
            state += words("talks.left" if row.days_left >= 0 else "talks.past", days=abs(int(row.days_left)))
        amount = words.money(row.amount, sheet.currency) if pd.notna(row.amount) else ""
        cells = (row.promise, amount, words.date(row.promised_on), words.date(row.due_on), state)
        rows.append(dict(zip(columns, cells, strict=True)))
    return table(words("talks.promises"), rows, sheet, columns=columns, numeric=columns[1:2])


def stated_table(stated: pd.DataFrame, sheet: Sheet) -> Exhibit:
    """Figures the client stated beside what is known; nothing where none was stated."""
    if stated.empty:
        return Exhibit("")
    words, rows = sheet.words, []
    columns = tuple(words(f"talks.column.{name}") for name in ("item", "period", "stated", "known", "off", "verdict"))
    for row in stated.sort_values("held_on", ascending=False).head(_SHOWN).itertuples():
        figures = (
            _figure(row.item, row.stated, sheet),
            _figure(row.item, row.known, sheet) if pd.notna(row.known) else "",
        )
        off = words.change_share(row.off) if pd.notna(row.off) else ""
        told = words(f"talks.verdict.{row.verdict}")
        cells = (_spanned(row, sheet), words.date(row.period_end), *figures, off, told)
        rows.append(dict(zip(columns, cells, strict=True)))
    return table(words("talks.stated"), rows, sheet, columns=columns, numeric=columns[2:5])
