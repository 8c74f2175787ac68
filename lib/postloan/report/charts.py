"""Figures in one house style: seaborn on plain matplotlib figures, inline SVG with the text kept as text.

Text stays text (`svg.fonttype: none`), so Chinese needs no font on the machine that draws; the reader's
browser supplies it. Every figure carries a text alternative that states its finding.
"""

from __future__ import annotations

import io
import itertools
import re
import unicodedata
import warnings
from bisect import bisect_right

import matplotlib
import numpy as np
import pandas as pd
import seaborn as sns
from markupsafe import Markup, escape
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec

from postloan.measures import Measure
from postloan.report.exhibits import DASH, Exhibit, Sheet
from postloan.report.multiples import Panel, band, drawn

INK, ACCENT, SOFT, ALARM = "#1f2933", "#1b5e8c", "#9fb3c8", "#b3261e"
WIDE, LETTERS = 7.2, 8  # inches and points of a figure: paper prints them 163 mm wide, the letters with 7.1 points
STYLE = {
    **sns.axes_style("ticks"),
    "svg.fonttype": "none",
    "svg.hashsalt": "postloan",
    "font.size": LETTERS,
    "axes.titlesize": 9,
    "axes.titley": 1.0,  # where titles stand anyway: looking for room measures every label again
    "axes.edgecolor": "#7b8794",
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.unicode_minus": True,
    "text.color": INK,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
}


_LINES = {
    "band": {"facecolor": SOFT, "alpha": 0.45, "linewidth": 0},
    "wide": {"facecolor": SOFT, "alpha": 0.25, "linewidth": 0},
    "likely": {"facecolor": SOFT, "alpha": 0.5, "linewidth": 0},
    "sold": {"facecolor": ACCENT, "linewidth": 0},
    "earned": {"facecolor": SOFT, "linewidth": 0},
    "tick": {"color": INK, "linewidth": 0.6},
    "past": {"color": ACCENT, "linewidth": 1.4, "capstyle": "round", "joinstyle": "round"},
    "dot": {"color": ACCENT, "linewidth": 3.5, "capstyle": "round"},
    "now": {"color": ACCENT, "linewidth": 4, "capstyle": "round"},
    "ahead": {"color": ACCENT, "linewidth": 1.2, "linestyle": (0, (3, 2)), "joinstyle": "round"},
    "warn": {"color": ALARM, "linewidth": 0.7, "linestyle": "--"},
    "ok": {"color": INK, "linewidth": 0.7, "linestyle": ":"},
    "zero": {"color": INK, "linewidth": 0.6},
    "edge": {"color": STYLE["axes.edgecolor"], "linewidth": 0.6, "capstyle": "projecting"},
}


def flows(amounts: pd.DataFrame, compared: pd.DataFrame, sheet: Sheet) -> Exhibit:
    """Quarterly revenue and net profit of the last twelve quarters as bars.

    `amounts` has a row per period (period_end, revenue, net_profit), single quarters in the basic unit.
    """
    words = sheet.words
    amounts = amounts.reindex(columns=["period_end", "revenue", "net_profit"])  # a borrower may file balances only
    shown = amounts.dropna(subset=["revenue"]).tail(12)
    if shown.empty:
        return Exhibit("")
    divisor, scale, _ = words.scale(shown["revenue"].max() * 10)
    days, unit = shown["period_end"], words.unit(sheet.currency, scale)
    panels = [
        _columns("sold", days, shown["revenue"] / divisor, f"{words('chart.revenue')}  ({unit})"),
        _columns("earned", days, shown["net_profit"] / divisor, f"{words('chart.profit')}  ({unit})"),
    ]
    svg = _svg(panels, GridSpec(1, 2, left=0.06, right=0.99, top=0.84, bottom=0.15, wspace=0.15), 1.75)
    last = shown.iloc[-1]
    amounts = {"revenue": last["revenue"], "profit": last["net_profit"]}
    said = {name: words.money(amount, sheet.currency) for name, amount in amounts.items()}
    alt = words("chart.flows_alt", period=words.date(last["period_end"]), trend=_growth(compared, sheet), **said)
    return framed(svg, words("chart.flows_title"), alt, sheet)


def _columns(style: str, days: pd.Series, values: pd.Series, title: str) -> Panel:
    """A column a period, every second one named."""
    known = values.fillna(0.0).to_numpy()
    columns = [(place + np.array([-0.35, -0.35, 0.35, 0.35]), np.array([0, value, value, 0]))
               for place, value in enumerate(known)]  # fmt: skip
    ticks = [(place, f"{day:%y-%m}") for place, day in enumerate(days)][::2]
    panel = Panel(title, areas={style: columns}, levels={"zero": 0.0}, ticks=ticks)
    panel.span = -0.5, len(days) - 0.5
    (low, high), least, most = panel.limits, min(known), max(known)  # columns of one side stand on the end of the scale
    panel.limits = 0.0 if least >= 0 < most else low, 0.0 if most <= 0 > least else high
    return panel


def _growth(compared: pd.DataFrame, sheet: Sheet) -> str:
    growth = compared.at["revenue_growth", "now"]
    if pd.isna(growth):
        return sheet.words("chart.flows_unknown")
    direction = "flat" if abs(growth) < 0.005 else "up" if growth > 0 else "down"
    return sheet.words(f"chart.flows_{direction}", change=sheet.words.value(abs(growth), "pct"))


def ratio_panel(history: pd.DataFrame, measures: dict[str, Measure], sheet: Sheet) -> Exhibit:
    """Small multiples of the key ratios over the last twenty periods, with their bands."""
    words, told = sheet.words, _series(history)
    keys = [m for m in measures.values() if m.key and m.unit != "money" and len(told.get(m.id, ())) >= 2]
    if not keys:
        return Exhibit("")
    panels, findings = [], []
    for measure in keys:
        series = told[measure.id].tail(20)
        panels.append(_small(series, measure, sheet))
        ends = [words.value(value, measure.unit) for value in series["value"].iloc[[0, -1]]]
        findings.append(words("chart.panel_finding", ratio=words.ratio(measure.id), before=ends[0], now=ends[1]))
    joint = "；" if words.language == "zh" else "; "
    alt = words("chart.panel_alt", findings=joint.join(findings))
    return framed(_multiples(panels, 4, height=1.5, wspace=0.35), words("chart.panel_title"), alt, sheet)


def _series(history: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The known values of each ratio of a `ratios` table in order of time."""
    return dict([*history.dropna(subset=["value"]).sort_values("period_end").groupby("ratio")])


def _multiples(panels: list[Panel], columns: int, *, height: float, wspace: float) -> str:
    """Small multiples in reading order, `height` inches a row."""
    rows = -(-len(panels) // columns)
    edges = {"left": 0.06, "right": 0.98, "top": 1 - 0.14 / rows, "bottom": 0.14 / rows}
    return _svg(panels, GridSpec(rows, columns, wspace=wspace, hspace=0.5, **edges), height * rows)


def _svg(panels: list[Panel], grid: GridSpec, height: float) -> str:
    with matplotlib.rc_context(STYLE):
        return svg_of(drawn(panels, grid, (WIDE, height), _LINES))


def _small(series: pd.DataFrame, measure: Measure, sheet: Sheet) -> Panel:
    factor, unit = (100, " (%)") if measure.unit == "pct" else (1, "")
    days, values = _numbers(series["period_end"]), series["value"].to_numpy() * factor
    now = {"now": (days[-1:], values[-1:])}
    panel = Panel(sheet.words.ratio(measure.id) + unit, {"past": (days, values)}, dots=now)
    for style, bound in (("warn", measure.warn), ("ok", measure.ok)):
        if bound is not None:
            panel.level(style, bound * factor, reach=1)
    return panel


def _numbers(days: pd.Series) -> np.ndarray:
    return days.to_numpy("datetime64[D]").astype(float)


def fan(outlook: pd.DataFrame, history: pd.DataFrame, measures: dict[str, Measure], sheet: Sheet) -> Exhibit:
    """Small multiples of forecasts: the last twelve periods, the expected path, and its 80 % band.

    `outlook` is `outlook.table`'s frame of one borrower, `history` a `ratios` table.
    """
    words, past = sheet.words, _series(history)
    shown = outlook[(outlook["level"] == 0.8) & outlook["mean"].notna()].sort_values("period_end", kind="stable")
    coming = {name: ahead for name, ahead in shown.groupby("metric", sort=False) if name in measures}
    if not coming:
        return Exhibit("")
    panels, findings = [], []
    for name, ahead in coming.items():
        before = past[name].tail(12) if name in past else history.iloc[:0]
        panels.append(_fan(before, ahead, measures[name], sheet))
        last = ahead.iloc[-1]
        ends = {end: words.value(last[end], measures[name].unit, sheet.currency) for end in ("mean", "lower", "upper")}
        findings.append(words("chart.fan_finding", ratio=words.ratio(name), **ends))
    svg = _multiples(panels, 3, height=1.4, wspace=0.3)
    alt = words(
        "chart.fan_alt", findings=words("case.semicolon").join(findings), date=words.date(shown["period_end"].max())
    )
    return framed(svg, words("chart.fan_title"), alt, sheet)


def _fan(past: pd.DataFrame, ahead: pd.DataFrame, measure: Measure, sheet: Sheet) -> Panel:
    factor, unit = (100, "%") if measure.unit == "pct" else (1, "")
    known = past["value"].to_numpy(float)
    if measure.unit == "money":
        divisor, word, _ = sheet.words.scale(np.abs([*known, *ahead["upper"]]).max() * 10)
        factor, unit = 1 / divisor, sheet.words.unit(sheet.currency, word)
    before, days = _numbers(past["period_end"]), _numbers(ahead["period_end"])
    days = np.concatenate([before[-1:], days])
    mean, lower, upper = (np.concatenate([known[-1:], ahead[name]]) * factor for name in ("mean", "lower", "upper"))
    lines = {"past": (before, known * factor), "ahead": (days, mean)}
    panel = Panel(sheet.words.ratio(measure.id), lines, {"band": [band(days, lower, upper)]}, unit=unit)
    if measure.warn is not None:
        panel.level("warn", measure.warn * factor, reach=0.5)
    return panel


def cover(covers: pd.DataFrame, outlook: pd.DataFrame, limits: object, sheet: Sheet) -> Exhibit:
    """Debt-service cover over the last twelve periods and to come, with the 80 and 95 % bands, floor and comfort.

    `covers` has period_end and dscr, `outlook` is the `forecasts` table of the cover, `limits` has floor and comfort.
    """
    words, past = sheet.words, covers.tail(12).dropna(subset="dscr")
    ahead = outlook[outlook["mean"].notna()].sort_values("period_end")
    if len(past) + len(ahead) < 2 or (ahead.empty and pd.isna(covers["dscr"].iloc[-1])):
        return Exhibit("")
    days, known = _numbers(past["period_end"]), past["dscr"].to_numpy(float)
    lines, areas = {"past": (days, known)}, {}
    for level, style in ((0.95, "wide"), (0.8, "likely")):
        soon = ahead[ahead["level"] == level]
        places = np.concatenate([days[-1:], _numbers(soon["period_end"])])
        mean, lower, upper = (np.concatenate([known[-1:], soon[name]]) for name in ("mean", "lower", "upper"))
        lines["ahead"], areas[style] = (places, mean), [band(places, lower, upper)]
    named = [*past["period_end"], *ahead["period_end"].drop_duplicates()][::3]
    ticks = [*zip(_numbers(pd.Series(named)), (f"{day:%y-%m}" for day in named), strict=True)]
    title = f"{words('capacity.chart')}  ({words('capacity.chart_unit')})"
    panel = Panel(title, lines, areas, dots={"dot": lines["past"]}, ticks=ticks)
    for style, limit in (("warn", limits.floor), ("ok", limits.comfort)):
        panel.level(style, limit, reach=np.inf)
    panel.limits = 0.0, panel.limits[1]
    svg = _svg([panel], GridSpec(1, 1, left=0.06, right=0.98, top=0.84, bottom=0.15), 1.8)
    return framed(svg, words("capacity.cover"), _cover_said(past, ahead, limits, sheet), sheet)


def _cover_said(past: pd.DataFrame, ahead: pd.DataFrame, limits: object, sheet: Sheet) -> str:
    words = sheet.words
    now = words.number(past["dscr"].iloc[-1]) if len(past) else DASH
    shown = {"now": now, "floor": f"{limits.floor:g}"}
    if ahead.empty:
        return words("capacity.cover_alt_past", **shown)
    last = ahead[ahead["level"] == 0.8].iloc[-1]
    ends = {name: words.number(last[name]) for name in ("mean", "lower", "upper")}
    return words("capacity.cover_alt", date=words.date(last["period_end"]), **shown, **ends)


def shortened(text: str, width: int) -> str:
    """A text cut to so many letters, of which a Chinese one takes two."""
    wide = [2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text]
    kept = bisect_right(list(itertools.accumulate(wide)), width if sum(wide) <= width else width - 1)
    return text if kept == len(text) else f"{text[:kept].rstrip()}…"


def svg_of(figure: Figure) -> str:
    """The figure as an SVG element; fonts are left to the page, sizes kept."""
    with warnings.catch_warnings(), io.StringIO() as file:
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
        text = file.getvalue()
    return re.sub(r"font: ([\d.]+)px [^;\"]*", r"font-size: \1px", text[text.index("<svg") :])


def framed(svg: str, title: str, alt: str, sheet: Sheet) -> Exhibit:
    """A figure with its title, its finding as text alternative and caption, and its source."""
    named = svg.replace("<svg", Markup('<svg role="img" aria-label="{}"').format(alt), 1)
    return Exhibit(
        f'<figure class="exhibit" tabindex="0">{named}<figcaption><b>{escape(title)}</b> {escape(alt)}'
        f'<span class="notes">{sheet.notes()}</span></figcaption></figure>'
    )


_Node = tuple[str, str, float, bool]  # label, figure, money, whether it asks for an answer
_FULL, _SLOT = 110.0, 28.0  # height of all money, and least of a node with its label


def flow_svg(left: list[_Node], right: list[_Node], bands: list[tuple[int, int, float]]) -> str:
    """Money flowing from the nodes on the left to those on the right, in bands as wide as the money.

    `bands` are place on the left, place on the right, money. A node that asks for an answer has colour and ▲.
    """
    total = sum(money for *_, money, _ in left) or 1.0
    sides = [_stacked([_FULL * money / total for *_, money, _ in nodes]) for nodes in (left, right)]
    tall = max(side[-1][0] + max(side[-1][1], _SLOT) for side in sides)
    size = '<svg viewBox="0 0 720 {0:.0f}" width="720" height="{0:.0f}" font-size="11">'
    drawn, used = [Markup(size).format(tall)], [[top for top, _ in side] for side in sides]
    for start, end, money in bands:
        high, y, to = _FULL * money / total, used[0][start], used[1][end]
        used[0][start], used[1][end] = y + high, to + high
        ends = "M172,{0:.1f} C320,{0:.1f} 320,{1:.1f} 468,{1:.1f} V{2:.1f} C320,{2:.1f} 320,{3:.1f} 172,{3:.1f} Z"
        band = Markup('<path d="{}" fill="{}" fill-opacity="0.55"/>')
        drawn.append(band.format(ends.format(y, to, to + high, y + high), ALARM if right[end][3] else SOFT))
    for nodes, side, at in ((left, sides[0], (160, 154, "end")), (right, sides[1], (468, 486, "start"))):
        drawn += [_node(node, place, at) for node, place in zip(nodes, side, strict=True)]
    return str(Markup("").join([*drawn, Markup("</svg>")]))


def _stacked(heights: list[float]) -> list[tuple[float, float]]:
    """Top and height of nodes one below the other, each with room for its label."""
    tops, y = [], 2.0
    for high in heights:
        tops.append((y, high))
        y += max(high, _SLOT) + 6
    return tops


def _node(node: _Node, place: tuple[float, float], at: tuple[int, int, str]) -> Markup:
    (name, figure, _, odd), (top, high), (x, label, anchor) = node, place, at
    box = Markup('<rect x="{}" y="{:.1f}" width="12" height="{:.1f}" fill="{}"/>')
    text = Markup(
        '<text x="{0}" y="{1:.1f}" text-anchor="{2}" fill="{3}">{4}'
        '<tspan x="{0}" dy="13" fill="#52606d">{5}</tspan></text>'
    )
    shown, middle = ("▲ " if odd else "") + name, top + max(high / 2, 10)
    colour = ALARM if odd else ACCENT
    said = text.format(label, middle, anchor, ALARM if odd else INK, shown, figure)
    return box.format(x, top, max(high, 2), colour) + said
