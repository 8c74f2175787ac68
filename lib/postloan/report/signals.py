"""Warning signals as a reviewer reads them: what fired and on what figures, since when, who does what by when."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
from markupsafe import Markup

from postloan.measures import Measure, observations
from postloan.report.exhibits import Exhibit, Sheet, anchored, peer_figure, proven, table
from postloan.report.narrative import Prose
from postloan.tables import OURS

LEVELS = ("red", "orange", "yellow")
_SHAPES = {"red": "▲", "orange": "◆", "yellow": "●", "none": "○"}


def level_mark(level: str, sheet: Sheet) -> Markup:
    """A level as word and shape."""
    return Markup('<span class="mark level-{}"><span aria-hidden="true">{}</span> {}</span>').format(
        level, _SHAPES[level], sheet.words(f"signal.level.{level}")
    )


def signal_table(
    signals: pd.DataFrame, rules: Mapping[str, object], measures: dict[str, Measure], sheet: Sheet
) -> Exhibit:
    """The signals of one borrower, the most severe first; `rules` by id have title, innocent and action in words."""
    words = sheet.words
    columns = tuple(
        words(f"signal.column.{name}") for name in ("level", "signal", "evidence", "since", "state", "action")
    )
    rows = []
    for signal in signals.to_dict("records"):
        rule = rules[signal["rule"]]
        state = [words("signal." + kind + "." + signal[kind]) for kind in ("status", "standing")]
        due = words("signal.due", owner=words(f"signal.owner.{signal['owner']}"), due=_day(signal["due"], sheet))
        seen = _explained(signal["evidence"], evidence(signal["evidence"], measures, sheet), sheet)
        basis = rule.basis_zh if words.language == "zh" else ""
        cells = (
            level_mark(signal["level"], sheet),
            _two(sheet.said(rule.title), words("signal.innocent", text=sheet.said(rule.innocent)), "under aside"),
            _two(seen, words("signal.basis", text=basis or rule.basis), "under aside"),
            _day(signal["since"], sheet),
            " · ".join(state),
            _two(sheet.said(rule.action), due),
        )
        rows.append({**dict(zip(columns, cells, strict=True)), "_id": f"signal-{signal['rule']}"})
    return anchored("signals", table(words("signal.table"), rows, sheet, columns=columns, css="signals"))


def figures(signals: pd.DataFrame) -> set[str]:
    """The figures that signals rest on: what a reader may want to see taken apart."""
    return {test["metric"] for tests in signals["evidence"] for test in tests if test["held"]}


def _explained(tests: list[dict], told: str, sheet: Sheet) -> Markup:
    """Evidence with a link to each figure it speaks of, where the page takes it apart."""
    link, words = Markup(' <a class="proof" href="#explain-{}" aria-label="{}">{}</a>'), sheet.words
    names = dict.fromkeys(test["metric"] for test in tests if test["held"])
    labels = {name: words("exhibit.source_of", ratio=sheet.metric(name)) for name in names}
    said = [link.format(name, label, words("exhibit.how")) for name, label in labels.items()]
    return Markup("{}").format(told) + Markup("").join(said)


def evidence(tests: list[dict], measures: dict[str, Measure], sheet: Sheet) -> str:
    """The figures a rule fired on, with their limits, in words; those that did not hold are left out."""
    words = sheet.words
    joint = "；" if words.language == "zh" else "; "
    held = [test for test in tests if test["held"]]
    told = joint.join(dict.fromkeys(_test(test, measures, sheet) for test in held))
    fallback = words("signal.fallback") if any(test.get("fallback") for test in held) else ""
    return told + fallback if told else words("signal.no_evidence")


def _test(test: dict, measures: dict[str, Measure], sheet: Sheet) -> str:
    words, metric = sheet.words, test["metric"]
    unit = measures[metric].unit if metric in measures else observations()[metric].unit
    peer = test.get("peer")
    shown = {
        name: peer_figure(test[name], peer, words) if peer else _value(test[name], unit, test["of"], sheet)
        for name in ("value", "limit")
    }
    what = {"metric": sheet.metric(metric), "value": shown["value"]}
    if breach := test.get("breach"):
        what |= {"within": breach["within"], "bound": _value(breach["limit"], unit, "now", sheet)}
        what |= {"side": words(f"signal.side.{breach['side']}")}
    said = words(f"signal.of.peers.{peer}" if peer else f"signal.of.{test['of']}", **what)
    run = words("signal.periods", count=test["periods"]) if "periods" in test else ""
    return words("signal.test", said=said, side=words(f"signal.side.{test['side']}"), limit=shown["limit"], run=run)


def _value(value: float, unit: str, of: str, sheet: Sheet) -> str:
    words = sheet.words
    if of in ("growth", "chance"):
        return words.value(value, "pct") if of == "chance" else words.change_share(value)
    if of not in ("now", "year_ago"):
        return words.change(value, "points" if unit == "count" else unit, sheet.currency)
    return words.value(value, "points" if unit == "count" else unit, sheet.currency)


def _two(first: str, second: str, css: str = "under") -> Markup:
    return Markup('{}<small class="{}">{}</small>').format(first, css, second)


def _day(day: pd.Timestamp | None, sheet: Sheet) -> str:
    return "—" if day is None or pd.isna(day) else sheet.words.date(day)


def unjudged_table(unjudged: pd.DataFrame, rules: Mapping[str, object], sheet: Sheet) -> Exhibit:
    """What could not be judged for want of figures, by group: the other half of the list of papers to ask for."""
    words = sheet.words
    columns = tuple(words(f"signal.column.{name}") for name in ("group", "rules", "lacking"))
    joint = "、" if words.language == "zh" else ", "
    groups: dict[str, list[str]] = {}
    for row in unjudged.itertuples():
        groups.setdefault(rules[row.rule].group, []).append(row.missing)
    rows = []
    for group, missing in groups.items():
        metrics = dict.fromkeys(metric for text in missing for metric in text.split(",") if metric)
        cells = (words(f"signal.group.{group}"), str(len(missing)), joint.join(sheet.metric(each) for each in metrics))
        rows.append(dict(zip(columns, cells, strict=True)))
    return table(words("signal.unjudged"), rows, sheet, columns=columns, numeric=(columns[1],), css="unjudged")


def summary(signals: pd.DataFrame, unjudged: pd.DataFrame, rules: Mapping[str, object], sheet: Sheet) -> Prose:
    """The level in one sentence, what is new or worse, and how much could not be judged."""
    words, level = sheet.words, highest(signals)
    joint = "、" if words.language == "zh" else ", "
    said, ours = words("signal.calm"), int((signals["group"] == OURS).sum())
    signals = signals[signals["group"] != OURS]
    if level != "none":
        counts = signals["level"].value_counts()
        told = [
            words("signal.count", count=counts[each], level=words(f"signal.level.{each}"))
            for each in LEVELS
            if each in counts
        ]
        vetoes = [sheet.said(rules[name].title) for name in signals.loc[signals["veto"].astype(bool), "rule"]]
        said = words(
            "signal.level_is",
            level=words(f"signal.level.{level}"),
            counts=joint.join(told),
            groups=signals["group"].nunique(),
        )
        if vetoes:
            said += words("signal.vetoes", vetoes=joint.join(vetoes))
        fresh = signals[signals["status"].isin(["new", "worse"])]
        if len(fresh) < len(signals):
            said += words("signal.changed", count=len(fresh)) if len(fresh) else words("signal.unchanged")
    said += words("signal.ours", count=ours) if ours else ""
    if len(unjudged):
        said += words("signal.blind", count=len(unjudged))
    return Prose((proven(said, "signals", words),))


def highest(signals: pd.DataFrame) -> str:
    """The level of a borrower: its highest signal, a veto being red; our own lateness (group OURS) is none of it."""
    signals = signals[signals["group"] != OURS]
    if signals["veto"].astype(bool).any():
        return "red"
    return next((level for level in LEVELS if (signals["level"] == level).any()), "none")


def headline(signals: pd.DataFrame, sheet: Sheet) -> dict:
    """The level as the index shows it and sorts by it: 0 none to 3 red."""
    level = highest(signals)
    rank = 3 - LEVELS.index(level) if level in LEVELS else 0
    text = f"{_SHAPES[level]} {sheet.words(f'signal.level.{level}')}"
    return {"label": sheet.words("signal.label"), "text": text, "value": rank, "level": level}
