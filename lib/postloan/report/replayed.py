"""A borrower's story told again, review by review: what was seen that day, what was done, what it was worth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Protocol

import matplotlib
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from postloan.measures import measures
from postloan.report.charts import ACCENT, ALARM, INK, SOFT, STYLE, WIDE, framed, svg_of
from postloan.report.exhibits import DASH, Exhibit, Sheet, table
from postloan.report.narrative import Prose
from postloan.report.signals import level_mark

_TOP = 3
_SAME, _CENT = 0.01, 0.01  # of the value received: no difference; of money: nothing
_RUN = 3  # reviews in a row that make a slide
_DAYS_A_MONTH = 30.44


class Replayed(Protocol):
    """A borrower judged again day by day (`replay.Replay.of`)."""

    reviews: pd.DataFrame
    signals: pd.DataFrame
    figures: pd.DataFrame


@dataclass(frozen=True)
class Milestones:
    """The days that matter: the first orange (of which rule, and since when it stood at all), the new plan, the first
    missed instalments; NaT: never."""

    warned_on: pd.Timestamp
    rule: str
    seen_on: pd.Timestamp
    changed_on: pd.Timestamp
    missed_on: pd.Timestamp
    twin_missed_on: pd.Timestamp

    @property
    def months_gained(self) -> float:
        """Months from the first orange to the day the untreated twin missed its first instalment; NaN where either
        is unknown."""
        return (pd.Timestamp(self.twin_missed_on) - pd.Timestamp(self.warned_on)).days / _DAYS_A_MONTH

    def as_record(self) -> dict:
        """The milestones as fields of the report's record."""
        return {**asdict(self), "months_gained": self.months_gained}


def milestones(
    signals: pd.DataFrame, borrower_id: str, changed_on: object, missed_on: object, twin_missed_on: object
) -> Milestones:
    """The milestones of a replay: `signals` are its live signals by day; the first orange or red is the warning."""
    mine = signals[signals["borrower_id"] == borrower_id].sort_values("as_of", kind="stable")
    loud = mine[mine["level"].isin(["orange", "red"])]
    warned, rule = (loud["as_of"].iloc[0], loud["rule"].iloc[0]) if len(loud) else (pd.NaT, "")
    seen = mine.loc[mine["rule"] == rule, "as_of"].min()
    days = [pd.NaT if day is None else pd.Timestamp(day) for day in (changed_on, missed_on, twin_missed_on)]
    return Milestones(warned, rule, seen, *days)


def lead(found: Milestones, figures: pd.DataFrame, rules: Mapping[str, object], twin: str, sheet: Sheet) -> Prose:
    """The finding first: when the suite first warned, on what and how the watched figures then stood, what was done
    when, what became of the twin. `figures` of the borrower: as_of, metric, value."""
    words = sheet.words
    if pd.isna(found.warned_on):
        return Prose((words("replay.no_warning"),))
    told = [words("replay.warned", date=words.date(found.warned_on), title=sheet.said(rules[found.rule].title))]
    if found.seen_on < found.warned_on:
        told.append(words("replay.seen_first", date=words.date(found.seen_on)))
    told += [*_ran(figures, found.warned_on, sheet), *_stood(figures, found.warned_on, sheet)]
    if pd.notna(found.changed_on):
        gap = (found.changed_on - found.warned_on).days / _DAYS_A_MONTH
        told.append(words("replay.changed", date=words.date(found.changed_on), months=words.number(gap, 1)))
    told.append(
        words("replay.kept") if pd.isna(found.missed_on) else words("replay.missed", date=words.date(found.missed_on))
    )
    if pd.notna(found.twin_missed_on):
        said = {"twin": twin, "date": words.date(found.twin_missed_on), "months": words.number(found.months_gained, 1)}
        told.append(words("replay.twin" if found.months_gained > 0 else "replay.twin_before", **said))
    return Prose((words("talks.joint").join(told),))


def _ran(figures: pd.DataFrame, day: pd.Timestamp, sheet: Sheet) -> list[str]:
    """At how many reviews up to the day the first watched figure had worsened in a row; nothing below `_RUN`."""
    metric = next(iter(figures["metric"]), None)
    rows = figures[(figures["metric"] == metric) & (figures["as_of"] <= day)].dropna(subset="value")
    values = rows.sort_values("as_of")["value"].reset_index(drop=True)
    better = values.diff() * (1 if metric and measures()[metric].better == "low" else -1) <= 0
    stopped = better[better].index.max() if better.any() else 0
    count = len(values) - 1 - stopped
    if count < _RUN:
        return []
    ends = {"start": values[stopped], "then": values.iloc[-1]}
    said = {name: sheet.words.value(value, measures()[metric].unit, sheet.currency) for name, value in ends.items()}
    return [sheet.words("replay.ran", metric=sheet.metric(metric), count=count, **said)]


def _stood(figures: pd.DataFrame, day: pd.Timestamp, sheet: Sheet) -> list[str]:
    """Each watched figure on the day, beside what it was at the first review and what it is at the last."""
    words, told = sheet.words, []
    for metric, rows in figures.dropna(subset="value").groupby("metric", sort=False):
        rows = rows.sort_values("as_of")
        on = rows.loc[rows["as_of"] == day, "value"]
        if len(on):
            ends = {"first": rows["value"].iloc[0], "then": on.iloc[0], "last": rows["value"].iloc[-1]}
            said = {name: words.value(value, measures()[metric].unit, sheet.currency) for name, value in ends.items()}
            told.append(words("replay.stood", metric=sheet.metric(metric), **said))
    return told


def review_table(reviews: pd.DataFrame, signals: pd.DataFrame, rules: Mapping[str, object], sheet: Sheet) -> Exhibit:
    """One row a review of one borrower: the day, the statements it knew, level, class, owed, overdue, main reasons."""
    words, rows = sheet.words, []
    names = ("day", "statements", "level", "class", "owed", "late", "why")
    columns = tuple(words(f"replay.column.{name}") for name in names)
    for row in reviews.rename(columns={"class": "given"}).itertuples():
        mine = signals[(signals["borrower_id"] == row.borrower_id) & (signals["as_of"] == row.as_of)]
        titles = [sheet.said(rules[rule].title) for rule in mine["rule"].head(_TOP)]
        more = words("changes.more", count=len(mine) - _TOP) if len(mine) > _TOP else ""
        cells = (
            f"{row.as_of:%Y-%m-%d}",
            f"{row.period_end:%Y-%m-%d}",
            level_mark(row.level, sheet),
            words(f"verdict.class.{row.given}") if isinstance(row.given, str) else words("verdict.cannot_short"),
            words.money(row.owed, sheet.currency) if pd.notna(row.owed) else DASH,
            words("case.days", days=int(row.days_overdue)) if row.days_overdue > 0 else DASH,
            (words("case.semicolon").join(titles) + more) or words("replay.quiet"),
        )
        rows.append(dict(zip(columns, cells, strict=True)))
    return table(words("replay.reviews"), rows, sheet, columns=columns, numeric=columns[4:5])


def story(
    told: Replayed, contacts: pd.DataFrame, rules: Mapping[str, object], found: Milestones, sheet: Sheet
) -> Prose:
    """The case in paragraphs, one a turn of events: only days on which the level moved, a contact was held, or terms
    changed; each with its own figures; last, how it stood in the end. `told` is the replay of one borrower."""
    reviews = told.reviews.sort_values("as_of", kind="stable")
    turns = reviews[reviews["level"] != reviews["level"].shift()]
    events = [(row.as_of, _review_turn(row, told, rules, sheet)) for row in turns.itertuples()]
    events += [(row.held_on, _talk_turn(row, sheet)) for row in contacts.itertuples()]
    if pd.notna(found.changed_on):
        events.append((found.changed_on, sheet.words("replay.turn_changed", date=sheet.words.date(found.changed_on))))
    days: dict[pd.Timestamp, list[str]] = {}
    for day, said in events:
        days.setdefault(day, []).extend([said] if said else [])
    joint = sheet.words("talks.joint")
    paragraphs = [joint.join(days[day]) for day in sorted(days) if days[day]]
    return Prose((*paragraphs, _ended(reviews.iloc[-1], told, sheet)))


def _watched(told: Replayed, day: pd.Timestamp, sheet: Sheet) -> str:
    """The watched figures as they stood on a day."""
    words, rows = sheet.words, told.figures[told.figures["as_of"] == day].dropna(subset="value")
    shown = [
        words("case.figure", metric=sheet.metric(row.metric), value=_value(row.value, row.metric, sheet))
        for row in rows.itertuples()
    ]
    return words("replay.figures", figures=words("case.comma").join(shown)) if shown else ""


def _value(value: float, metric: str, sheet: Sheet) -> str:
    return sheet.words.value(value, measures()[metric].unit, sheet.currency)


def _ended(row: pd.Series, told: Replayed, sheet: Sheet) -> str:
    """How the borrower stood at the last review."""
    words, given = sheet.words, row["class"]
    late = words("replay.late", days=int(row["days_overdue"])) if row["days_overdue"] > 0 else words("replay.not_late")
    said = {
        "date": words.date(row["as_of"]),
        "level": words(f"signal.level.{row['level']}"),
        "name": words(f"verdict.class.{given}") if isinstance(given, str) else words("verdict.cannot_short"),
        "owed": words.money(row["owed"], sheet.currency) if pd.notna(row["owed"]) else DASH,
    }
    return words("talks.joint").join(
        filter(None, (words("replay.ended", late=late, **said), _watched(told, row["as_of"], sheet)))
    )


def _review_turn(row: tuple, told: Replayed, rules: Mapping[str, object], sheet: Sheet) -> str:
    words, mine = sheet.words, told.signals[told.signals["as_of"] == row.as_of]
    titles = [sheet.said(rules[rule].title) for rule in mine["rule"].head(_TOP)]
    level = words(f"signal.level.{row.level}")
    said = {"date": words.date(row.as_of), "period": words.date(row.period_end), "level": level}
    if titles:
        said |= {"why": words("case.and").join(titles), "count": len(mine)}
    first = words("replay.turn" if titles else "replay.turn_quiet", **said)
    return words("talks.joint").join(filter(None, (first, _watched(told, row.as_of, sheet))))


def _talk_turn(row: tuple, sheet: Sheet) -> str:
    words = sheet.words
    if pd.isna(row.said):
        return ""
    seen = words("replay.seen", seen=row.observed) if pd.notna(row.observed) else ""
    return (
        words("replay.talk", date=words.date(row.held_on), channel=words(f"talks.{row.channel}"), said=row.said) + seen
    )


def worth_table(compared: pd.DataFrame, sheet: Sheet) -> Exhibit:
    """What acting earlier, as done, later or never would have been worth (`hindsight.compare`)."""
    words, rows = sheet.words, []
    names = ("acted", "day", "shortfall", "first", "months", "unpaid", "npv", "gain")
    columns = tuple(words(f"replay.worth.{name}") for name in names)
    for row in compared.itertuples():
        quarters = "never" if pd.isna(row.shift) else "then" if row.shift == 0 else "early" if row.shift < 0 else "late"
        cells = (
            words(f"replay.when.{quarters}", count=0 if pd.isna(row.shift) else abs(int(row.shift))),
            words.date(row.acted_on) if pd.notna(row.acted_on) else DASH,
            _money(row.shortfall, sheet),
            words.date(row.first_short_on) if pd.notna(row.first_short_on) else DASH,
            str(row.months_short) if row.months_short else DASH,
            *(_money(value, sheet) for value in (row.unpaid, row.npv, row.gain)),
        )
        rows.append(dict(zip(columns, cells, strict=True)))
    return table(words("replay.worths"), rows, sheet, columns=columns, numeric=columns[2:])


def _money(value: float, sheet: Sheet) -> str:
    return sheet.words.money(value, sheet.currency) if abs(value) >= _CENT else DASH


def worth_story(compared: pd.DataFrame, sheet: Sheet) -> Prose:
    """The hindsight in words: what acting was worth against never, and what earlier or later would have changed."""
    words = sheet.words
    by = {None if pd.isna(row.shift) else int(row.shift): row for row in compared.itertuples()}
    if 0 not in by or None not in by:
        return Prose((words("replay.no_worth"),))
    money = {"gain": words.money(by[0].gain, sheet.currency), "never": words.money(by[None].shortfall, sheet.currency)}
    told = [words("replay.worth_then", gap=_gap(by[0], sheet), **money)]
    moved = {key: shift for shift, key in ((min(by, key=_rank), "early"), (max(by, key=_rank), "late")) if shift}
    for key, shift in moved.items():
        change = by[shift].npv - by[0].npv
        same = "same" if abs(change) < _SAME * by[0].npv else "more" if change > 0 else "less"
        value = words(f"replay.value.{same}", change=words.money(abs(change), sheet.currency))
        told.append(words(f"replay.worth_{key}", count=abs(shift), gap=_gap(by[shift], sheet), value=value))
    return Prose((words("talks.joint").join(told),))


def _gap(row: tuple, sheet: Sheet) -> str:
    """The largest shortfall and how long something was short, or that nothing was."""
    if row.shortfall < _CENT:
        return sheet.words("replay.no_gap")
    return sheet.words("replay.gap", short=sheet.words.money(row.shortfall, sheet.currency), months=row.months_short)


def _rank(shift: int | None) -> int:
    return 0 if shift is None else shift


def paths(
    figures: pd.DataFrame, names: tuple[str, ...], borrowers: Mapping[str, str], found: Milestones, sheet: Sheet
) -> Exhibit:
    """Small panels of figures as each review saw them, the borrower beside its twin, the days of warning and change.

    `figures`: borrower_id, as_of, metric, value; `borrowers` maps the ids to names, the borrower first.
    """
    words = sheet.words
    shown = figures[figures["metric"].isin(names) & figures["value"].notna()]
    if shown.empty:
        return Exhibit("")
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDE, 2.0))
        figure.subplots_adjust(left=0.07, right=0.98, top=0.86, bottom=0.16, wspace=0.28)
        for ax, name in zip(figure.subplots(1, len(names), squeeze=False).ravel(), names, strict=True):
            _path(ax, shown[shown["metric"] == name], list(borrowers), found)
            ax.set_title(sheet.metric(name), loc="left")
        svg = svg_of(figure)
    first = next(iter(borrowers))
    ends = []
    for name in names:
        mine = shown[(shown["metric"] == name) & (shown["borrower_id"] == first)].sort_values("as_of")["value"]
        if len(mine):
            said = {"before": words.number(mine.iloc[0], 2), "worst": words.number(mine.max(), 2)}
            ends.append(words("replay.path", metric=sheet.metric(name), now=words.number(mine.iloc[-1], 2), **said))
    alt = words("replay.paths_alt", findings=words("case.semicolon").join(ends))
    return framed(svg, words("replay.paths", **dict(zip(("one", "two"), borrowers.values(), strict=False))), alt, sheet)


def _path(ax: matplotlib.axes.Axes, rows: pd.DataFrame, ids: list[str], found: Milestones) -> None:
    for borrower, colour, dash in zip(ids, (ACCENT, SOFT), ("-", "--"), strict=False):
        mine = rows[rows["borrower_id"] == borrower]
        sns.lineplot(
            x=mine["as_of"], y=mine["value"], color=colour, linestyle=dash, errorbar=None, ax=ax, linewidth=1.4
        )
    for day, colour in ((found.warned_on, ALARM), (found.changed_on, INK)):
        if pd.notna(day):
            ax.axvline(day, color=colour, linewidth=0.7, linestyle=":")
    ax.set(xlabel="", ylabel="")
    ends = [rows["as_of"].min(), rows["as_of"].max()]
    ax.set_xticks(ends, [f"{day:%y-%m}" for day in ends])


def headline(found: Milestones, sheet: Sheet) -> dict:
    """The months gained as the index shows them."""
    words, months = sheet.words, found.months_gained
    shown = words("replay.months", months=words.number(months, 1)) if pd.notna(months) else DASH
    return {"label": words("replay.gained"), "text": shown, "value": None if pd.isna(months) else round(months, 1)}
