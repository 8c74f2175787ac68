"""Figures of a workout plan: what each way is worth, cover by year, and what each assumption does to the lead."""

from __future__ import annotations

import matplotlib
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from postloan.report.charts import ACCENT, ALARM, INK, SOFT, STYLE, WIDE, framed, svg_of
from postloan.report.exhibits import Exhibit
from postloan.report.remedies import Plan
from postloan.wording import Texts

_WAYS = 3


def worth(told: Plan) -> Exhibit:
    """Every way as agreed and as expected, the best on top; hollow where barred; a line at enforcing now."""
    if told.empty:
        return Exhibit("")
    words, table = told.sheet.words, told.options.sort_values("ev", ascending=False, na_position="last")
    now = float(table.loc[table["kind"] == "enforce", "ev"].iloc[0])
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDE, 0.27 * len(table) + 0.75))
        figure.subplots_adjust(left=0.36, right=0.97, top=1 - 0.35 / figure.get_figheight(), bottom=0.1)
        _worth_bars(figure.subplots(), table, now, told)
        svg = svg_of(figure)
    said = {"now": told.money(now)}
    alt = words("remedies.chart.worth_alt_none", **said)
    if told.advice.option:
        best = {"best": told.name(told.advice.option), "ev": told.money(told.advice.ev)}
        alt = words("remedies.chart.worth_alt", **best, **said)
    return framed(svg, words("remedies.chart.worth"), alt, told.sheet)


def _worth_bars(ax: Axes, table: pd.DataFrame, now: float, told: Plan) -> None:
    """As agreed wide and pale, as expected narrow and dark, hollow where barred."""
    words, places = told.sheet.words, np.arange(len(table))
    divisor, scale, _ = words.scale(float(table[["npv", "ev"]].abs().max().max()))
    barred = (table["legal"] == "fail") | (table["viable"] == "fail")
    ax.barh(places, table["npv"] / divisor, height=0.66, color=SOFT, alpha=0.5)
    bars = ax.barh(places, table["ev"] / divisor, height=0.34, color=ACCENT)
    for bar, hollow in zip(bars, barred, strict=True):
        bar.set(facecolor="white" if hollow else ACCENT, edgecolor=ACCENT, linewidth=0.8)
    ax.axvline(now / divisor, color=ALARM, linewidth=0.8, linestyle="--")
    ax.set_yticks(places, [told.name(name) + (" ▲" if bar else "") for name, bar in barred.items()])
    ax.invert_yaxis()
    ax.xaxis.set_major_formatter(lambda value, _: words.number(value, 0))
    ax.set_title(words.unit(told.sheet.currency, scale), loc="left")
    _worth_key(ax, words)
    sns.despine(ax=ax)


def _worth_key(ax: Axes, words: Texts) -> None:
    keys = [Patch(color=SOFT, alpha=0.5, label=words("remedies.chart.npv"))]
    keys.append(Patch(color=ACCENT, label=words("remedies.chart.ev")))
    keys.append(Patch(facecolor="white", edgecolor=ACCENT, label=words("remedies.verdict.fail") + " ▲"))
    place = {"loc": "lower right", "bbox_to_anchor": (1.0, 1.0), "borderaxespad": 0}
    ax.legend(handles=keys, frameon=False, ncols=3, **place)


def cover(told: Plan) -> Exhibit:
    """Cover by year, base and worst stress, of the contract and the best feasible ways; nothing without a forecast, nor
    where no way is covered at all."""
    if told.empty or told.compared.dscr.empty:
        return Exhibit("")
    words, names = told.sheet.words, _shown(told)
    parts = {name: _paths(name, told) for name in names}
    if all(base.max() <= 0 for base, _ in parts.values()):
        return Exhibit("")  # the table before it says so
    span = max(3, *(int(base.index.max()) for base, _ in parts.values()))
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDE, 2.2))
        figure.subplots_adjust(left=0.06, right=0.98, top=0.84, bottom=0.16, wspace=0.2)
        axes = figure.subplots(1, len(names), squeeze=False, sharey=True).ravel()
        for ax, (name, (base, low)) in zip(axes, parts.items(), strict=True):
            years = base.index.to_numpy()
            ax.bar(years, base, width=0.55, color=SOFT)
            ax.plot(years, low, "D", color=ACCENT, markersize=4)
            ax.axhline(told.rules.viability.dscr, color=ALARM, linewidth=0.8, linestyle="--")
            ends = [years[0], years[-1]] if len(years) > 2 else years  # more names would run into each other
            ax.set(xlim=(0.4, span + 0.6), xticks=ends, xticklabels=[words("remedies.year", n=n) for n in ends])
            ax.set_title(told.name(name), loc="left")
        top = max(told.rules.viability.dscr * 1.2, *(min(base.max(), 5.0) for base, _ in parts.values()))
        axes[0].set_ylim(0, top * 1.05)
        svg = svg_of(figure)
    findings = [
        words("remedies.chart.cover_finding", option=told.name(name), low=words.value(base.min(), "times"), year=year)
        for name, (base, _) in parts.items()
        if (year := int(base.idxmin()))
    ]
    alt = words("case.semicolon").join(findings) + words("remedies.chart.cover_marks")
    return framed(svg, words("remedies.chart.cover"), alt, told.sheet)


def _shown(told: Plan) -> list[str]:
    """The contract, then the ways of highest expected value that rest on the debtor paying, the feasible ones first."""
    table = told.options[told.options["restructures"]]
    barred = (table["legal"] == "fail") | (table["viable"] == "fail")
    best = table.assign(barred=barred).sort_values(["barred", "ev"], ascending=[True, False]).index
    return list(dict.fromkeys([*table.index[table["kind"] == "keep"], *best]))[:_WAYS]


def _paths(name: str, told: Plan) -> tuple[pd.Series, pd.Series]:
    """Cover by year expected, and the lowest of the stresses; years without service left out."""
    mine = told.compared.dscr[told.compared.dscr["option"] == name].dropna(subset="dscr")
    base = mine[mine["stress"] == "base"].set_index("year")["dscr"]
    low = mine[mine["stress"] != "base"].groupby("year")["dscr"].min()
    return base, low.reindex(base.index)


def tornado(told: Plan) -> Exhibit:
    """The advised way's lead under each assumption moved alone, the widest on top; left of nil it is overtaken."""
    swings = told.swings
    if told.empty or swings.empty or swings["lead"].isna().all():
        return Exhibit("")
    words, wide = told.sheet.words, swings.pivot(index="swing", columns="end", values="lead")
    wide = wide.reindex(dict.fromkeys(swings["swing"]))
    divisor, scale, _ = words.scale(float(max(wide.abs().max().max(), abs(told.advice.margin))))
    places, lead = np.arange(len(wide)), told.advice.margin / divisor
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDE, 0.3 * len(wide) + 0.7))
        figure.subplots_adjust(left=0.22, right=0.97, top=1 - 0.3 / figure.get_figheight(), bottom=0.16)
        ax = figure.subplots()
        for end, colour in (("low", ALARM), ("high", ACCENT)):
            ax.barh(places, wide[end] / divisor - lead, left=lead, height=0.6, color=colour, alpha=0.75)
        ax.axvline(lead, color=INK, linewidth=0.8)
        ax.axvline(0, color=ALARM, linewidth=0.8, linestyle="--")
        ax.set_yticks(places, [words(f"remedies.swing.{name}") for name in wide.index])
        ax.invert_yaxis()
        ax.xaxis.set_major_formatter(lambda value, _: words.number(value, 0))
        ax.set_title(words.unit(told.sheet.currency, scale), loc="left")
        svg = svg_of(figure)
    first = wide.iloc[0]
    said = {"swing": words(f"remedies.swing.{wide.index[0]}"), "low": told.money(first.min())}
    alt = words("remedies.chart.tornado_alt", high=told.money(first.max()), lead=told.money(told.advice.margin), **said)
    return framed(svg, words("remedies.chart.tornado"), alt, told.sheet)
