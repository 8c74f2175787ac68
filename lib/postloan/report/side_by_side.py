"""Two stored reviews of one borrower beside each other: verdict, signals, ratios and actions, then and now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd
from markupsafe import Markup

from postloan.measures import Measure
from postloan.report.exhibits import DASH, Exhibit, Sheet, banded, mark, tabled
from postloan.report.narrative import Prose
from postloan.report.record import newest
from postloan.report.signals import evidence, level_mark
from postloan.tables import CLASSES, LEVELS

STATES = ("worse", "new", "gone", "better", "same")
_BANDS = {"new": "warn", "worse": "warn", "gone": "ok", "better": "ok", "same": "none"}


@dataclass(frozen=True)
class Pair:
    """Two records of one borrower, the earlier first, and what it takes to tell them.

    `rules` by id have title and action in both languages; `sheet` is as of the later day.
    """

    then: Mapping
    now: Mapping
    rules: Mapping[str, object]
    measures: dict[str, Measure]
    sheet: Sheet

    @property
    def days(self) -> tuple[str, str]:
        """The two days in words."""
        return tuple(self.sheet.words.date(each["as_of"]) for each in (self.then, self.now))

    @property
    def signals(self) -> list[tuple[str, dict | None, dict | None, str]]:
        """Every signal that stood at either review: rule, as it was, as it is, and what became of it."""
        then, now = ({one["rule"]: one for one in each["signals"] if one["status"] != "cleared"} for each in self.both)
        told = [(rule, then.get(rule), now.get(rule)) for rule in dict.fromkeys([*now, *then])]
        found = [(rule, was, is_now, _state(was, is_now)) for rule, was, is_now in told]
        return sorted(found, key=lambda one: (STATES.index(one[3]), -_rank((one[2] or one[1])["level"])))

    @property
    def both(self) -> tuple[Mapping, Mapping]:
        """The records in order of time."""
        return self.then, self.now


def _rank(level: str) -> int:
    return LEVELS.index(level)


def _state(then: Mapping | None, now: Mapping | None) -> str:
    """What became of a signal between two reviews."""
    if not then or not now:
        return "new" if now else "gone"
    moved = _rank(now["level"]) - _rank(then["level"])
    return "worse" if moved > 0 else "better" if moved < 0 else "same"


def story(pair: Pair) -> Prose:
    """What changed between the two days, in one paragraph."""
    words, counts = pair.sheet.words, pd.Series([state for *_, state in pair.signals], dtype=object).value_counts()
    told = [words("diff.days", then=pair.days[0], now=pair.days[1])]
    told += [_moved(kind, pair) for kind in ("level", "class")]
    told += [words(f"diff.count.{state}", count=counts[state]) for state in STATES if state in counts]
    return Prose((words("changes.joint").join(told),))


def _moved(kind: str, pair: Pair) -> str:
    words, (then, now) = pair.sheet.words, (_said(kind, each, pair) for each in pair.both)
    return words(f"changes.{kind}_same" if then == now else f"changes.{kind}_moved", then=then, now=now)


def _said(kind: str, record: Mapping, pair: Pair) -> str:
    words, value = pair.sheet.words, record.get(kind)
    if not value:
        return words("verdict.cannot_short")
    return words(f"{'signal.level' if kind == 'level' else 'verdict.class'}.{value}")


def verdict_table(pair: Pair) -> Exhibit:
    """Level, class and next review at both days, and which way they moved."""
    words, sheet = pair.sheet.words, pair.sheet
    marks = [level_mark(each["level"], sheet) if each.get("level") else DASH for each in pair.both]
    classes = [_said("class", each, pair) for each in pair.both]
    reviews = [words.date(each["next_review"]) if each.get("next_review") else DASH for each in pair.both]
    rows = [
        (words("signal.label"), *marks, _way("level", LEVELS, pair)),
        (words("verdict.label"), *classes, _way("class", CLASSES, pair)),
        (words("plan.label"), *reviews, ""),
    ]
    columns = (words("diff.column.what"), *pair.days, words("diff.column.change"))
    return tabled(words("diff.verdict"), columns, rows, sheet)


def _way(kind: str, scale: tuple[str, ...], pair: Pair) -> Markup | str:
    then, now = (each.get(kind) for each in pair.both)
    if then not in scale or now not in scale:
        return DASH
    moved = scale.index(now) - scale.index(then)
    return _mark("worse" if moved > 0 else "better" if moved < 0 else "same", pair)


def _mark(state: str, pair: Pair) -> Markup:
    return banded(_BANDS[state], pair.sheet.words(f"diff.state.{state}"))


def signal_table(pair: Pair) -> Exhibit:
    """Every signal that stood at either review: worse and new ones first, then those that went, eased or stayed."""
    words, rows = pair.sheet.words, []
    names = ("state", "signal", "evidence", "owner")
    state, signal, seen, owner = (words(f"diff.column.{name}") for name in names)
    for rule, then, now, became in pair.signals:
        known, stands = pair.rules.get(rule), now or then
        title = pair.sheet.said(known.title) if known else rule
        levels = [level_mark(each["level"], pair.sheet) if each else DASH for each in (then, now)]
        figures = evidence(stands["evidence"], pair.measures, pair.sheet) if stands.get("evidence") else DASH
        rows.append((title, *levels, _mark(became, pair), figures, _due(now, pair)))
    return tabled(words("diff.signals"), (signal, *pair.days, state, seen, owner), rows, pair.sheet)


def _due(now: Mapping | None, pair: Pair) -> str:
    """Who has to do something about a signal that still stands, and by when."""
    if not now or not now.get("owner"):
        return DASH
    words, due = pair.sheet.words, pair.sheet.words.date(now["due"]) if now.get("due") else DASH
    return words("signal.due", owner=words(f"signal.owner.{now['owner']}"), due=due)


def ratio_table(pair: Pair) -> Exhibit:
    """The ratios at the newest statements of either review, with change and reading; scores' parts left out."""
    words, rows, sheet = pair.sheet.words, [], pair.sheet
    then, now = (newest(each) for each in pair.both)
    for name, measure in pair.measures.items():
        if name in then and name in now and not measure.group.endswith("_parts"):
            before, after = then[name], now[name]
            shown = [words.value(each, measure.unit, sheet.currency) for each in (before, after)]
            bands = [mark(measure.band(each), words) if measure.ok is not None else "" for each in (before, after)]
            moved = words.change(after - before, measure.unit, sheet.currency)
            rows.append((words.ratio(name), shown[0], bands[0], shown[1], bands[1], moved))
    days = pair.days
    readings = [words("diff.reading", day=day) for day in days]
    columns = (words("column.ratio"), days[0], readings[0], days[1], readings[1], words("diff.column.change"))
    return tabled(words("diff.ratios"), columns, rows, sheet, numeric=(*days, columns[-1]))


def action_table(then: pd.DataFrame, now: pd.DataFrame, pair: Pair) -> Exhibit:
    """The actions open at either day (the book's actions as of each): done, still open or entered since."""
    words, rows = pair.sheet.words, []
    everything = pd.concat([now, then[~then["rule"].isin(now["rule"])]]).drop_duplicates("rule")
    for row in everything.to_dict("records"):
        rule, held = pair.rules.get(row["rule"]), [row["rule"] in set(each["rule"]) for each in (then, now)]
        state = words(f"diff.action.{'open' if all(held) else 'entered' if held[1] else 'done'}")
        texts = [pair.sheet.said(each) for each in (rule.action, rule.title)] if rule else ["", row["rule"]]
        due = words.date(row["due"]) if pd.notna(row["due"]) else DASH
        rows.append((*texts, words(f"signal.owner.{row['owner']}"), due, state))
    columns = tuple(words(f"changes.column.{name}") for name in ("action", "why", "owner", "due", "late"))
    return tabled(words("diff.actions"), columns, rows, pair.sheet, css="actions")
