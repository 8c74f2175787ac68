"""An industry in small multiples: index series with their forecasts, where borrowers sit, how they follow the index."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from postloan.measures import Measure
from postloan.report.charts import ACCENT, ALARM, INK, LETTERS, SOFT, STYLE, WIDE, framed, shortened, svg_of
from postloan.report.exhibits import Exhibit
from postloan.report.industry_tables import figure as shown_value
from postloan.report.whole_book import BookSheet

_YEARS, _WORST, _LABEL, _MANY = 6, 3, 32, 40


def indices(
    held: pd.DataFrame, state: pd.DataFrame, ahead: pd.DataFrame, wanted: Mapping[str, object], sheet: BookSheet
) -> Exhibit:
    """Small multiples of the series of the last six years with the expected path and its band; `held` is the book's
    table `indices`, `state` and `ahead` as in `environment`."""
    words, names = sheet.words, list(state.loc[state["status"] != "absent", "series"])
    if not names:
        return Exhibit("")
    findings, rows = [], -(-len(names) // 3)
    with matplotlib.rc_context(STYLE):
        high = 1.55 * rows + 0.15
        drawn = Figure(figsize=(WIDE, high))
        below, above = 0.22 / high, 1 - 0.38 / high  # above: a name of two lines
        drawn.subplots_adjust(left=0.06, right=0.98, top=above, bottom=below, wspace=0.28, hspace=0.75)
        axes = drawn.subplots(rows, 3, squeeze=False).ravel()
        for ax, name in zip(axes, names, strict=False):
            past = held[held["series"] == name].sort_values("period_end")
            past = past[past["period_end"] >= past["period_end"].iloc[-1] - pd.DateOffset(years=_YEARS)]
            coming = ahead[(ahead["series"] == name) & ahead["mean"].notna()]
            _index(ax, past, coming, wanted[name], sheet)
            findings.append(_finding(past, coming, wanted[name], sheet))
        for ax in axes[len(names) :]:
            ax.set_axis_off()
        svg = svg_of(drawn)
    alt = words("industry.state.chart_alt", findings=words("case.semicolon").join(findings))
    return framed(svg, words("industry.state.chart"), alt, sheet)


def _index(ax: matplotlib.axes.Axes, past: pd.DataFrame, coming: pd.DataFrame, about: object, sheet: BookSheet) -> None:
    ax.plot(past["period_end"], past["value"], color=ACCENT, linewidth=1.2)
    if about.kind != "level":
        middle = 50 if about.kind == "diffusion" else 0
        low, high = ax.get_ylim()
        if low - (high - low) / 3 <= middle <= high + (high - low) / 3:
            ax.axhline(middle, color=INK, linewidth=0.5, linestyle=":")
    if len(coming):
        last = past.iloc[-1]
        days = [last["period_end"], *coming["period_end"]]
        lower, mean, upper = ([last["value"], *coming[name]] for name in ("lower", "mean", "upper"))
        ax.fill_between(days, lower, upper, color=SOFT, alpha=0.45, linewidth=0)
        ax.plot(days, mean, color=ACCENT, linewidth=1.1, linestyle=(0, (3, 2)))
    else:
        ax.plot(past["period_end"].iloc[-1], past["value"].iloc[-1], "x", color=ALARM, markersize=5)
    name = sheet.said(about.name) + (" (%)" if about.kind == "yoy" else "")
    ax.set_title("\n".join(textwrap.wrap(name, 34)), loc="left", fontsize=LETTERS)
    ends = [past["period_end"].iloc[0], (coming if len(coming) else past)["period_end"].iloc[-1]]
    ax.set_xticks(ends, [f"{day:%y-%m}" for day in ends])
    ax.set(xlabel="", ylabel="")


def _finding(past: pd.DataFrame, coming: pd.DataFrame, about: object, sheet: BookSheet) -> str:
    words, last = sheet.words, past.iloc[-1]
    said = {"series": sheet.said(about.name), "period": f"{last['period_end']:%Y-%m}"}
    said["value"] = shown_value(last["value"], about.kind, sheet)
    if coming.empty:
        return words("industry.state.chart_stopped", **said)
    ends = {name: shown_value(coming[name].iloc[-1], about.kind, sheet) for name in ("mean", "lower", "upper")}
    return words("industry.state.chart_said", **said, **ends)


def places(
    found: pd.DataFrame, worst: pd.DataFrame, weak: float, measures: Mapping[str, Measure], sheet: BookSheet
) -> Exhibit:
    """A panel a metric: every borrower at the share of its peers that are worse, the weakest quarter shaded, the three
    that sit worst numbered; `found` is `places.places`, `worst` `places.worst`."""
    words, told = sheet.words, found.dropna(subset="good")
    metrics = [name for name in dict.fromkeys(found["metric"]) if (told["metric"] == name).any()]
    if not metrics:
        return Exhibit("")
    marked, rows = list(worst["borrower_id"].head(_WORST)), -(-len(metrics) // 4)
    with matplotlib.rc_context(STYLE):
        drawn = Figure(figsize=(WIDE, 1.05 * rows))
        drawn.subplots_adjust(left=0.02, right=0.985, top=1 - 0.2 / rows, bottom=0.2 / rows, wspace=0.12, hspace=0.85)
        axes = drawn.subplots(rows, 4, squeeze=False).ravel()
        for ax, name in zip(axes, metrics, strict=False):
            _places(ax, told[told["metric"] == name], marked, weak)
            ax.set_title(words.ratio(name), loc="left", fontsize=LETTERS)
        for ax in axes[len(metrics) :]:
            ax.set_axis_off()
        svg = svg_of(drawn)
    low = (told["good"] <= weak).groupby(told["metric"]).sum()
    most = low.idxmax()
    said = {"metric": words.ratio(most), "count": int(low[most]), "all": int((told["metric"] == most).sum())}
    names = words("case.and").join(f"{place} {name}" for place, name in enumerate(marked, start=1)) or "—"
    return framed(svg, words("industry.place.chart"), words("industry.place.chart_alt", worst=names, **said), sheet)


def _places(ax: matplotlib.axes.Axes, mine: pd.DataFrame, marked: list[str], weak: float) -> None:
    """Dots by place, stacked where they are many at one place; of very many bars, and the marked ones alone as dots."""
    ax.axvspan(0, weak * 100, color=ALARM, alpha=0.09, linewidth=0)
    bins = (mine["good"] * 14).round()
    height, top = mine.groupby(bins).cumcount(), 2
    if len(mine) > _MANY:
        counts, edges = np.histogram(mine["good"] * 100, bins=20, range=(0, 100))
        ax.bar(edges[:-1], counts, width=5, align="edge", color=SOFT, linewidth=0)
        mine = mine[mine["borrower_id"].isin(marked)]
        top, height = int(counts.max()), pd.Series(np.arange(len(mine)) * counts.max() / 3, mine.index)
    elif len(mine):
        top = max(int(height.max()), 2)
    for row, at in zip(mine.itertuples(), height, strict=True):
        own = row.borrower_id in marked
        ax.plot(row.good * 100, at, "o", color=ALARM if own else ACCENT, markersize=10 if own else 3, zorder=2 + own)
        if own:
            number = str(marked.index(row.borrower_id) + 1)
            ax.text(row.good * 100, at, number, color="white", ha="center", va="center", zorder=4)
    ax.set(xlim=(-4, 104), ylim=(-0.25 * top, 1.5 * top), yticks=[], xlabel="", ylabel="")
    ax.set_xticks([0, 50, 100], ["0", "50", "100"])
    ax.spines["left"].set_visible(False)


def betas(found: pd.DataFrame, pooled: object, sheet: BookSheet) -> Exhibit:
    """Each borrower's sensitivity with its range, the pooled one as a band; `found` and `pooled` of
    `sensitivity.betas`. Nothing where none could be told."""
    words, told = sheet.words, found.dropna(subset="beta").sort_values("beta")
    if told.empty:
        return Exhibit("")
    told = pd.concat([told.head(10), told.tail(10)]).drop_duplicates("borrower_id") if len(told) > 20 else told
    with matplotlib.rc_context(STYLE):
        high = 0.6 + 0.17 * len(told)
        drawn = Figure(figsize=(WIDE, high))
        drawn.subplots_adjust(left=0.3, right=0.98, top=1 - 0.28 / high, bottom=0.25 / high)
        ax, at = drawn.subplots(), np.arange(len(told))
        ax.axvspan(pooled.low, pooled.high, color=SOFT, alpha=0.4, linewidth=0)
        ax.axvline(pooled.beta, color=ACCENT, linewidth=0.8, linestyle="--")
        ax.axvline(0, color=INK, linewidth=0.5)
        ax.hlines(at, told["low"], told["high"], color=ACCENT, linewidth=1.2)
        thin = (told["reason"] != "").to_numpy()
        ax.plot(told["beta"][~thin], at[~thin], "o", color=ACCENT, markersize=3.5)
        ax.plot(told["beta"][thin], at[thin], "o", color=ACCENT, markersize=3.5, markerfacecolor="white")
        ax.set_yticks(at, [_label(name, sheet) for name in told["borrower_id"]])
        ax.set_title(words("industry.beta.axis"), loc="left")
        svg = svg_of(drawn)
    top = told.iloc[-1]
    said = {"who": top["borrower_id"], "beta": words.number(top["beta"])}
    said |= {side: words.number(getattr(pooled, side)) for side in ("low", "high")}
    return framed(svg, words("industry.beta.chart"), words("industry.beta.chart_alt", **said), sheet)


def _label(name: str, sheet: BookSheet) -> str:
    return shortened(sheet.named(name), _LABEL)
