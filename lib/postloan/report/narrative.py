"""Findings → sentences (params/texts). Every sentence carries the number it speaks of; none is typed by hand.

Facts come from tables of ratios; judgement is limited to the bands of params/ratios.yml.
"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
from markupsafe import Markup, escape

from postloan.measures import Measure
from postloan.report.exhibits import Sheet

STALE_DAYS = 200
WORST = 4
YEARLY_DAYS = 300  # statements further apart than this are annual ones
_UNPARTED = ("missing:end.current_assets", "missing:end.current_liabilities")
LARGE = 10.0  # a share beyond 1,000 % has a base next to nothing
MANY = 50.0  # so has a multiple beyond 50
LAST_DIGIT = 0.01  # of figures told as multiples
# A move is worth a sentence from so many times its usual size and such a share of its level, by band now.
_WORTH_SAYING = {"warn": (0.0, 0.05), "watch": (0.5, 0.05), None: (0.8, 0.10), "ok": (2.0, 0.25)}
_SCORES = ("distress", "reliability")


@dataclass(frozen=True)
class Prose:
    """Paragraphs (and one optional list) that display themselves in a notebook."""

    paragraphs: tuple[str, ...]
    points: tuple[str, ...] = ()
    title: str = ""

    def _repr_html_(self) -> str:
        text = "".join(f'<p class="story">{escape(paragraph)}</p>' for paragraph in self.paragraphs)
        if self.title:
            text += f'<p class="story lead"><b>{escape(self.title)}</b></p>'
        if self.points:
            items = "".join(f"<li>{escape(point)}</li>" for point in self.points)
            text += f'<ol class="story">{items}</ol>'
        return Markup(text)


@dataclass(frozen=True)
class Told:
    """A case that displays itself: labelled paragraphs, facts apart from judgement and suggestion."""

    parts: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...]  # label, paragraphs, points

    def _repr_html_(self) -> str:
        html = ""
        for label, paragraphs, points in self.parts:
            html += f'<p class="story lead"><b>{escape(label)}</b></p>'
            html += "".join(f'<p class="story">{escape(each)}</p>' for each in paragraphs)
            html += f'<ol class="story">{"".join(f"<li>{escape(each)}</li>" for each in points)}</ol>' if points else ""
        return Markup(f'<div class="case">{html}</div>')


def conclusion(
    compared: pd.DataFrame,
    latest: pd.Series,
    doubtful: pd.DataFrame,
    measures: dict[str, Measure],
    sheet: Sheet,
) -> Prose:
    """The first page in words: how fresh, how big, what the bands say, what worsened, what to ask.

    `compared` is `ratios.compare`'s frame, `latest` the newest period (period_end, known_on), `doubtful` the
    statement flags.
    """
    first = [_freshness(latest, sheet), _size(compared, sheet), *_cash(compared, sheet)]
    second = [_bands(compared, measures, sheet)]
    if len(doubtful):
        second.append(sheet.words("story.flags", count=len(doubtful)))
    worst = worsened(compared, measures)
    points = tuple(_worse(compared.loc[name], measures[name], sheet) for name in worst)
    if unsure := [sheet.words.ratio(name) for name in worst if not compared.at[name, "usual"] > 0]:
        second.append(sheet.words("story.short_past", ratios=sheet.words("case.and").join(unsure)))
    if not points:
        second.append(sheet.words("story.none_worse"))
    joint = "" if sheet.words.language == "zh" else " "
    title = sheet.words("story.worst_title") if points else ""
    return Prose((joint.join(first), joint.join(second)), points, title)


def headline(compared: pd.DataFrame, measures: dict[str, Measure], sheet: Sheet) -> list[dict]:
    """The few readings that the index shows beside a report and sorts by: warnings first, then key ratios."""
    words = sheet.words
    bands = [measures[name].band(value) for name, value in compared["now"].items()]
    counts = [(words(f"band.{band}"), bands.count(band)) for band in ("warn", "watch")]
    said = [{"label": label, "text": str(count), "value": count} for label, count in counts]
    for name in ("revenue_growth", "current_ratio", "liabilities_to_assets"):
        value = words.value(compared.at[name, "now"], measures[name].unit, sheet.currency)
        number = None if pd.isna(compared.at[name, "now"]) else float(compared.at[name, "now"])
        said.append({"label": words.ratio(name), "text": value, "value": number})
    return said


def worsened(compared: pd.DataFrame, measures: dict[str, Measure], count: int = WORST) -> list[str]:
    """The ratios that most worsened on the year, one a group: measured against their own usual change.

    The better the band a ratio is still in, the larger a move it takes to be singled out.
    """
    scored = []
    for name, row in compared.iterrows():
        measure = measures[name]
        worse = measure.worsening(row["now"], row["year_ago"])
        if measure.unit in ("money", "points") or pd.isna(worse) or worse <= 0 or measure.group.endswith("_parts"):
            continue
        band = measure.band(row["now"])
        times = worse / row["usual"] if row["usual"] > 0 else 1.0
        relative = worse / max(abs(row["year_ago"]), 1e-9)
        least_times, least_relative = _WORTH_SAYING[band]
        if times >= least_times and relative >= least_relative and not _trifling(row, measure, band):
            weight = {"warn": 3.0, "watch": 2.0}.get(band, 1.0)
            scored.append((weight * min(times, 4.0) ** 0.5 * min(relative, 1.0), name))
    chosen: dict[str, str] = {}
    for _, name in sorted(scored, reverse=True):
        chosen.setdefault(measures[name].group, name)
    return list(chosen.values())[:count]


def _trifling(row: pd.Series, measure: Measure, band: str | None) -> bool:
    """Whether a move means nothing by itself: a distress score, whose parts are told instead, another score within its
    band or without one, growth turned into a loss (which the loss itself tells), a share whose base is next to
    nothing, a figure that moves in its last digit."""
    if measure.group == "distress" or (measure.group in _SCORES and band in ("ok", None)):
        return True
    if measure.unit == "pct" and (abs(row["now"]) > LARGE or (measure.group == "growth" and row["now"] < -1)):
        return True
    if measure.unit == "times" and max(abs(row["now"]), abs(row["year_ago"])) > MANY:
        return True
    return measure.unit == "times" and abs(row["now"] - row["year_ago"]) <= LAST_DIGIT


def _freshness(latest: pd.Series, sheet: Sheet) -> str:
    words = sheet.words
    age = (pd.Timestamp(sheet.as_of) - latest["period_end"]).days
    key = "story.period_stale" if age > STALE_DAYS else "story.period"
    dates = {"period": latest["period_end"], "known": latest["known_on"], "as_of": sheet.as_of}
    return words(key, age=age, **{name: words.date(day) for name, day in dates.items()})


def _size(compared: pd.DataFrame, sheet: Sheet) -> str:
    words, now = sheet.words, compared["now"]
    if pd.isna(now["revenue_ttm"]):
        return words("story.size_none", reason=words.reason(compared.at["revenue_ttm", "reason"]))
    said = {
        "revenue": words.money(now["revenue_ttm"], sheet.currency),
        "profit": words.money(now["net_profit_ttm"], sheet.currency),
    }
    growth = now["revenue_growth"]
    if pd.isna(growth):
        return words("story.size_only", **said)
    return words(f"story.size_{'up' if growth >= 0 else 'down'}", change=words.value(abs(growth), "pct"), **said)


def _cash(compared: pd.DataFrame, sheet: Sheet) -> list[str]:
    words, now, said = sheet.words, compared["now"], []
    profit, cash = now["net_profit_ttm"], now["cfo_ttm"]
    if profit < 0:
        said.append(words("story.loss"))
    if cash < 0:
        said.append(words("story.cash_out", cfo=words.money(-cash, sheet.currency)))
    elif pd.notna(profit) and cash >= 0:
        key = "story.cash_despite" if profit < 0 else "story.cash_ahead" if cash >= profit else "story.cash_behind"
        share = words.value(cash / profit, "pct") if profit > 0 else ""
        said.append(words(key, cfo=words.money(cash, sheet.currency), share=share))
    return said


def _bands(compared: pd.DataFrame, measures: dict[str, Measure], sheet: Sheet) -> str:
    found = [measures[name].band(value) for name, value in compared["now"].items()]
    counts = {band: found.count(band) for band in ("ok", "watch", "warn")}
    total = sum(counts.values())
    return sheet.words("story.bands", count=total, **counts) if total else sheet.words("story.bands_none")


def _worse(row: pd.Series, measure: Measure, sheet: Sheet) -> str:
    words = sheet.words
    times = measure.worsening(row["now"], row["year_ago"]) / row["usual"] if row["usual"] > 0 else float("nan")
    size = "" if pd.isna(times) else words(f"story.size_{'large' if times >= 1.5 else 'usual'}", times=f"{times:,.1f}")
    band = measure.band(row["now"])
    said = words(
        "story.worse",
        ratio=words.ratio(row.name),
        before=words.value(row["year_ago"], measure.unit, sheet.currency),
        now=words.value(row["now"], measure.unit, sheet.currency),
        band=words("story.worse_band", band=words(f"band.{band}")) if band else "",
        size=size,
    )
    key = f"story.ask.{row.name}"
    ask = words("story.explain_next", question=words(key if words.has(key) else f"story.ask.{measure.group}"))
    return said + ("" if words.language == "zh" else " ") + ask


def group(name: str, compared: pd.DataFrame, measures: dict[str, Measure], sheet: Sheet) -> Prose:
    """One sentence or two on a group of ratios."""
    words = sheet.words
    mine = compared.loc[[ratio for ratio in compared.index if measures[ratio].group == name]]
    if mine["now"].isna().all():
        return Prose((words("story.group_none"),))
    bands = [measures[ratio].band(value) for ratio, value in mine["now"].items()]
    worst = next(iter(worsened(mine, measures, 1)), None)
    said = ""
    if worst:
        unit = measures[worst].unit
        sides = {"before": mine.at[worst, "year_ago"], "now": mine.at[worst, "now"]}
        shown = {side: words.value(value, unit, sheet.currency) for side, value in sides.items()}
        said = words("story.group_worst", ratio=words.ratio(worst), **shown)
    if not any(bands):
        return Prose((words("story.group_plain") + said,))
    counts = {
        "count": sum(band is not None for band in bands),
        "warn": bands.count("warn"),
        "watch": bands.count("watch"),
    }
    key = "story.group" if counts["warn"] or counts["watch"] else "story.group_fine"
    return Prose((words(key, worst=said, **counts),))


def scores(compared: pd.DataFrame, measures: dict[str, Measure], sheet: Sheet) -> Prose:
    """What the distress and reliability scores say, and how little they prove."""
    words = sheet.words
    z, m = compared.loc["altman_z_nonmanufacturing"], compared.loc["beneish_m8"]
    if pd.isna(z["now"]):
        distress = words("story.scores_none", reason=words.reason(z["reason"]))
    else:
        band = words(f"band.{measures['altman_z_nonmanufacturing'].band(z['now'])}")
        distress = words("story.scores", value=words.value(z["now"], "score"), band=band)
    if pd.isna(m["now"]):
        return Prose((distress, words("story.reliability_none", reason=words.reason(m["reason"]))))
    cut = measures["beneish_m8"].warn
    key = "story.reliability_flag" if m["now"] > cut else "story.reliability_calm"
    return Prose((distress, words(key, value=words.value(m["now"], "score"), cut=words.value(cut, "score"))))


def gaps(
    compared: pd.DataFrame, missing: pd.DataFrame, doubtful: pd.DataFrame, periods: pd.DataFrame, sheet: Sheet
) -> list[tuple[str, str]]:
    """Everything missing or doubtful, with what it means, in words; for `exhibits.gap_table`.

    `missing` is `periods.gaps`' frame, `periods` the periods at hand.
    """
    words, found = sheet.words, []
    age = (pd.Timestamp(sheet.as_of) - periods["period_end"].iloc[-1]).days
    if age > STALE_DAYS:
        found.append((words("gap.stale", days=age), words("gap.stale_effect")))
    if len(periods) < 8:
        found.append((words("gap.history", count=len(periods)), words("gap.history_effect")))
    yearly = len(periods) > 1 and (periods["period_end"].diff().dropna() > pd.Timedelta(days=YEARLY_DAYS)).all()
    if yearly:
        found.append((words("gap.yearly"), words("gap.yearly_effect")))
    if unparted(compared):
        found.append((words("gap.unparted"), words("gap.unparted_effect")))
    found += [(words("gap.period", month=str(month)), words("gap.period_effect")) for month in missing["month"]]
    for row in doubtful.itertuples():
        amounts = {
            "found": words.money(row.found, sheet.currency),
            "expected": words.money(row.expected, sheet.currency),
        }
        said = words(f"gap.{row.flag}", period=words.date(row.period_end), item=words.item(row.item), **amounts)
        found.append((said, words("gap.flag_effect")))
    blank = compared[compared["now"].isna() & compared["reason"].astype(str).str.startswith("missing:")]
    of_quarters = blank["reason"].str.startswith("missing:quarter.")
    return found + _missing_items(blank[~of_quarters] if yearly else blank, sheet)


def unparted(compared: pd.DataFrame) -> bool:
    """Whether the balance sheet is there but knows no current items, as those of lenders and insurers do not."""
    told = compared.at["current_ratio", "reason"] in _UNPARTED
    return told and pd.notna(compared.at["liabilities_to_assets", "now"])


def _missing_items(blank: pd.DataFrame, sheet: Sheet) -> list[tuple[str, str]]:
    """Missing inputs, each once, with the ratios it costs (the parts of scores left out)."""
    words, found = sheet.words, []
    for reason, part in blank.groupby("reason", sort=False):
        names = [
            words.ratio(name) for name in part.index if not name.startswith(("beneish_", "piotroski_", "montier_"))
        ]
        names = names or [words.ratio(name) for name in part.index]
        joint = "、" if words.language == "zh" else ", "
        shown = joint.join(names[:4]) + (joint + words("gap.more", count=len(names) - 4) if len(names) > 4 else "")
        effect = words("gap.item_effect", count=len(names), ratios=shown)
        found.append((words("gap.item", item=words.formula(reason.partition(":")[2])), effect))
    return sorted(found, key=lambda pair: pair[0])
