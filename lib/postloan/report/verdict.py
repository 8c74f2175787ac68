"""The suggested class and the plan of the next review, in words and tables; the suite suggests, a human decides."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pandas as pd
from markupsafe import Markup

from postloan.report.case import Case
from postloan.report.exhibits import DASH, Exhibit, Sheet, anchored, proven, table
from postloan.report.narrative import Prose
from postloan.report.signals import level_mark
from postloan.tables import CLASSES, LEVELS, OURS

TOLD = 4
_OWN = "bank policy"  # the article of a floor that is no law's


def class_story(asset: Mapping, triggers: pd.DataFrame, floors: object, sheet: Sheet) -> Prose:
    """The suggested class, why, how sure, and how it stands to the class last approved.

    `asset` is a row of `classify(...).assets`, `triggers` its `triggers`, `floors` the rules (params/classes.yml).
    """
    words = sheet.words
    told = [_suggested(asset, floors, sheet), *_reasons(triggers, floors, sheet), _doubt(asset, floors, sheet)]
    if pd.notna(asset["last_class"]):
        said = {"last": words(f"verdict.class.{asset['last_class']}"), "on": words.date(asset["last_on"])}
        told.append(words(f"verdict.change.{asset['change'] if pd.notna(asset['suggested']) else 'unknown'}", **said))
    if asset["needs_approval"]:
        told.append(words("verdict.approval"))
    if pd.notna(asset["observation_until"]):
        told.append(words("verdict.observation", date=words.date(asset["observation_until"])))
    said = words("changes.joint").join(each for each in told if each)
    return Prose((proven(said, "grounds", words), words("verdict.human")))


def strip(case: Case, asset: Mapping, plan: Mapping, level: str, last: Mapping) -> Exhibit:
    """The verdict at a glance: level, class, the step due first and the next review, each beside what it was.

    `level` is the borrower's, `last` the record of the last review (empty when there was none).
    """
    words = case.sheet.words
    tiles = (
        ("signals", words("signal.label"), level_mark(level, case.sheet), _level_under(case, level, last)),
        ("grounds", words("verdict.label"), class_word(asset, case.sheet), _class_under(asset, case.sheet)),
        ("signals", words("verdict.step"), *_step(case)),
        ("plan", words("plan.label"), *_review(plan, case.sheet)),
    )
    cell = Markup(
        '<div class="kpi"><dt><a href="#{}">{}</a></dt><dd><span class="value">{}</span>{}</dd></div>',
    )
    cells = Markup("").join(cell.format(*tile[:3], _lines(tile[3])) for tile in tiles)
    return Exhibit(Markup('<dl class="kpis verdict" id="verdict">{}</dl>').format(cells))


def _lines(texts: list[str]) -> Markup:
    return Markup("").join(Markup('<span class="before">{}</span>').format(each) for each in texts if each)


def _level_under(case: Case, level: str, last: Mapping) -> list[str]:
    """Since when the level stands and how it moved."""
    words, mine = case.sheet.words, case.signals[case.signals["group"] != OURS]
    days = mine.loc[mine["level"] == level, "since"].dropna()
    since = words("verdict.level_since", date=words.date(days.min())) if len(days) else ""
    if not last.get("level"):
        return [since, words("verdict.first_time")]
    moved = LEVELS.index(level) - LEVELS.index(last["level"])
    way = "same" if not moved else "worse" if moved > 0 else "better"
    then = {"then": words(f"signal.level.{last['level']}"), "date": words.date(last["as_of"])}
    return [since, words(f"verdict.moved.{way}", **then)]


def _class_under(asset: Mapping, sheet: Sheet) -> list[str]:
    """The stage, and how the class stands to the one last approved."""
    words = sheet.words
    stage = "" if pd.isna(asset["stage"]) else words("verdict.stage", stage=asset["stage"])
    if pd.isna(asset["last_class"]):
        return [stage, words("verdict.never_approved")]
    then = {"then": words(f"verdict.class.{asset['last_class']}"), "date": words.date(asset["last_on"])}
    way = asset["change"] if pd.notna(asset["suggested"]) and words.has(f"verdict.moved.{asset['change']}") else "stood"
    return [stage, words(f"verdict.moved.{way}", **then)]


def _step(case: Case) -> tuple[str, list[str]]:
    """The action that is due first: its day and owner, then what it is."""
    words = case.sheet.words
    if not len(case.signals):
        return words("verdict.routine"), []
    first = case.signals.sort_values("due", kind="stable", na_position="last").iloc[0]
    due = DASH if pd.isna(first["due"]) else words.date(first["due"])
    return due, [words(f"signal.owner.{first['owner']}"), case.sheet.said(case.rules[first["rule"]].action)]


def _review(plan: Mapping, sheet: Sheet) -> tuple[str, list[str]]:
    words = sheet.words
    if pd.isna(plan["next_review"]):
        return DASH, []
    method = words(f"plan.method.{plan['method']}")
    late = words("changes.late", days=plan["overdue_days"]) if plan["overdue_days"] > 0 else ""
    return words.date(plan["next_review"]), [method, late]


def class_word(asset: Mapping, sheet: Sheet) -> str:
    """The class in a few words, as the index and the first line show it."""
    words = sheet.words
    if pd.isna(asset["suggested"]):
        return words("verdict.cannot_short")
    name = words(f"verdict.class.{asset['suggested']}")
    return words("verdict.at_least_short", name=name) if asset["verdict"] == "at_least" else name


def headline(asset: Mapping, sheet: Sheet) -> dict:
    """The class as the index shows it and sorts by it: 0 normal to 4 loss, none where it cannot be judged."""
    rank = None if pd.isna(asset["suggested"]) else CLASSES.index(asset["suggested"])
    return {"label": sheet.words("verdict.label"), "text": class_word(asset, sheet), "value": rank}


def _suggested(asset: Mapping, floors: object, sheet: Sheet) -> str:
    words = sheet.words
    if pd.isna(asset["suggested"]):
        return words("verdict.cannot" if asset["rule_set"] else "verdict.no_rules")
    said = {"name": words(f"verdict.class.{asset['suggested']}"), "stage": asset["stage"]}
    said |= {
        "grade": words(f"verdict.grade.{asset['us_grade']}"),
        "rules": sheet.said(floors.rule_sets[asset["rule_set"]].name),
    }
    return words("verdict.suggested" if pd.notna(asset["stage"]) else "verdict.suggested_unstaged", **said)


def _reasons(triggers: pd.DataFrame, floors: object, sheet: Sheet) -> list[str]:
    """The articles that fired, the worst floor first, with what they saw and since when."""
    words, mine = sheet.words, triggers[(triggers["outcome"] == "fires") & (triggers["rule_set"] != "ifrs_9")]
    told = [words("verdict.reason", said=_fired(row, floors, sheet)) for row in mine.to_dict("records")[:TOLD]]
    return told or [words("verdict.no_trigger")]


def _fired(row: Mapping, floors: object, sheet: Sheet) -> str:
    words, trigger = sheet.words, _trigger(row, floors)
    since = words("verdict.since", date=words.date(row["since"])) if pd.notna(row["since"]) else ""
    said = {"article": row["article"], "title": sheet.said(trigger.title), "since": since}
    return words("verdict.fired", figures=_figures(row["inputs"], floors, sheet), **said)


def _trigger(row: Mapping, floors: object) -> object:
    among = floors.stages if row["rule_set"] == "ifrs_9" else floors.rule_sets[row["rule_set"]].triggers
    return next(each for each in among if each.id == row["trigger"])


def _figures(inputs: str, floors: object, sheet: Sheet) -> str:
    """What a trigger saw: days and shares with their numbers, those by whom a yes holds with their class."""
    words, told = sheet.words, []
    for name, value in json.loads(inputs).items():
        kind = floors.known[name].kind
        if isinstance(value, dict):
            told += [words("verdict.by", who=who, name=words(f"verdict.class.{each}")) for who, each in value.items()]
        elif value is not None and kind in ("days", "share"):
            shown = (
                words.value(value, "pct") if kind == "share" else words("case.days", days=words.value(value, "days"))
            )
            told.append(words("case.figure", metric=sheet.said(floors.known[name]), value=shown))
    return words("verdict.figures", figures=words("case.comma").join(told)) if told else ""


def _doubt(asset: Mapping, floors: object, sheet: Sheet) -> str:
    """What could still worsen the class, because nobody has answered it."""
    words, asked = sheet.words, [name for name in str(asset["missing"]).split(",") if name not in ("", "rule_set")]
    if asset["verdict"] == "judged" or not asked:
        return ""
    names = [
        sheet.said(floors.known[name]) if name in floors.known else words(f"verdict.asked.{name}") for name in asked
    ]
    more = words("changes.more", count=len(names) - 8) if len(names) > 8 else ""
    return words("verdict.doubt", count=len(names), names=words("case.and").join(names[:8]) + more)


def trigger_table(triggers: pd.DataFrame, floors: object, sheet: Sheet) -> Exhibit:
    """Every article that fired, and every one that cannot be judged, with what lacks."""
    words, rows = sheet.words, []
    columns = tuple(
        words(f"verdict.column.{name}") for name in ("article", "trigger", "outcome", "floor", "seen", "since")
    )
    for row in triggers.to_dict("records"):
        asked = [sheet.said(floors.known[name]) for name in row["missing"].split(",") if name in floors.known]
        seen = _figures(row["inputs"], floors, sheet).strip("（）() ") if row["outcome"] == "fires" else ""
        lacking = words("verdict.lacking", names=words("case.and").join(asked)) if asked else ""
        cells = (
            words("verdict.own_policy") if row["article"] == _OWN else row["article"],
            sheet.said(_trigger(row, floors).title),
            words(f"verdict.outcome.{row['outcome']}"),
            words(f"verdict.class.{row['floor']}"),
            seen or lacking or DASH,
            words.date(row["since"]) if pd.notna(row["since"]) else DASH,
        )
        rows.append(dict(zip(columns, cells, strict=True)))
    return anchored("grounds", table(words("verdict.triggers"), rows, sheet, columns=columns))


def plan_story(plan: Mapping, sheet: Sheet) -> Exhibit:
    """When the next review is, how, on what and why; a review already overdue says so first. A row of `schedule`."""
    words, told = sheet.words, []
    if pd.isna(plan["next_review"]):
        told.append(words("plan.cannot"))
    else:
        told += _planned(plan, sheet)
    said = proven(words("changes.joint").join(told), "actions" if plan["carried"] else "grounds", words)
    return anchored("plan", Exhibit(Prose((said,))._repr_html_()))


def _planned(plan: Mapping, sheet: Sheet) -> list[str]:
    words, told = sheet.words, []
    if plan["overdue_days"] > 0:
        late = "plan.overdue" if plan["kind"] == "set" else "plan.overdue_usual"
        told.append(words(late, days=plan["overdue_days"], date=words.date(plan["next_review"])))
    else:
        said = {"kind": words(f"plan.kind.{plan['kind']}"), "method": words(f"plan.method.{plan['method']}")}
        told.append(words("plan.next", date=words.date(plan["next_review"]), **said))
    focus = words("case.and").join(words(f"plan.focus.{name}") for name in plan["focus"])
    told += [words("plan.focus_on", focus=focus), words("plan.every", days=plan["frequency_days"])]
    if plan["carried"]:
        told.append(words("plan.carried", count=len(plan["carried"]), late=_late(plan, sheet)))
    return told


def _late(plan: Mapping, sheet: Sheet) -> str:
    late = plan["carried_overdue"]
    return sheet.words("plan.late", count=late) if pd.notna(late) and late > 0 else ""
