"""What a try-out changes, beside the report as it stands: signals under other limits, cover under another plan."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
from markupsafe import Markup

from postloan.measures import Measure
from postloan.report import signals
from postloan.report.exhibits import DASH, Exhibit, Sheet, tabled

_CALM = ("none", *reversed(signals.LEVELS))


def signal_changes(
    before: object, after: object, rules: Mapping[str, object], measures: dict[str, Measure], sheet: Sheet
) -> Exhibit:
    """The signals that appear, vanish or change level, each with its figures; and the borrower's level then and now.

    `before` and `after` are two scans (early_warning.Warnings) of one borrower, `rules` those tried, by id. Example:
    `trials.signal_changes(warnings, tried, tried_rules.rules, bands, sheet)`.
    """
    words = sheet.words
    columns = tuple(words(f"trial.column.{name}") for name in ("signal", "change", "before", "after", "evidence"))
    then, now = ({row["rule"]: row for row in scan.live.to_dict("records")} for scan in (before, after))
    rows = []
    for name in sorted(then.keys() | now.keys(), key=lambda name: (-_CALM.index(_level(now.get(name))), name)):
        old, new = _level(then.get(name)), _level(now.get(name))
        if old != new:
            change = "appears" if old == "none" else "vanishes" if new == "none" else "level"
            told = signals.evidence((now.get(name) or then[name])["evidence"], measures, sheet)
            marks = [signals.level_mark(level, sheet) for level in (old, new)]
            rows.append((sheet.said(rules[name].title), words(f"trial.change.{change}"), *marks, told))
    levels = [words(f"signal.level.{signals.highest(scan.live)}") for scan in (before, after)]
    whole = Markup("<p>{}</p>").format(words("trial.level", before=levels[0], after=levels[1]))
    return Exhibit(whole) + tabled(words("trial.signals"), columns, rows, sheet, css="signals")


def _level(signal: dict | None) -> str:
    return signal["level"] if signal else "none"


def cover_changes(compared: pd.DataFrame, sheet: Sheet) -> Exhibit:
    """Cover by quarter under the plan there is and the one tried; `compared` is `replan.compared`."""
    words, rows = sheet.words, []
    names = ("own", "cover", "chance")
    columns = [words("trial.column.period")]
    columns += [words(f"trial.column.{name}{side}") for name in names for side in ("", "_tried")]
    for row in compared.to_dict("records"):
        money = [words.money(row[name], sheet.currency) for name in ("own", "own_tried")]
        covers = [words.number(row[name]) for name in ("cover", "cover_tried")]
        shares = [DASH if pd.isna(row[name]) else words.value(row[name], "pct") for name in ("chance", "chance_tried")]
        rows.append((words.date(row["period_end"]), *money, *covers, *shares))
    return tabled(words("trial.cover"), tuple(columns), rows, sheet, numeric=tuple(columns[1:]))
