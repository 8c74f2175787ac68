"""The whole book in small multiples: levels and classes, vintages, concentration, guarantees, shocks."""

from __future__ import annotations

import matplotlib
import networkx as nx
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.gridspec import SubplotSpec
from matplotlib.ticker import MaxNLocator

from postloan.report.charts import ACCENT, ALARM, INK, SOFT, STYLE, WIDE, framed, shortened, svg_of
from postloan.report.exhibits import Exhibit
from postloan.report.whole_book import UNKNOWN, BookSheet
from postloan.tables import CLASSES, LEVELS

_TINT = {"red": ALARM, "orange": "#c96f1a", "yellow": "#c9a227", "none": SOFT}
NPL = CLASSES[2:]
LABEL = 22  # letters of a name beside a bar


def counts(levels: pd.DataFrame, classes: pd.DataFrame, sheet: BookSheet) -> Exhibit:
    """Borrowers and exposure by level and by class as bars, with a mark where each count stood at the last stored
    reviews; both are `standing.counts`. Nothing where there are no borrowers."""
    if not levels["borrowers"].sum():
        return Exhibit("")
    owed = bool(levels["exposure"].notna().any())
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDE, 1.75))
        grid = figure.add_gridspec(1, 2, left=0.11, right=0.985, top=0.84, bottom=0.05, wspace=0.42)
        _standing(figure, grid[0], levels, owed, sheet)
        if _classed(classes):
            _standing(figure, grid[1], classes, owed, sheet)
        svg = svg_of(figure)
    return framed(svg, sheet.words("portfolio.counts.chart"), _counted(levels, classes, sheet), sheet)


def _standing(figure: Figure, place: SubplotSpec, table: pd.DataFrame, owed: bool, sheet: BookSheet) -> None:
    """The borrowers in each state, and beside them what they owe where that is known."""
    words, shown = sheet.words, table[(table["state"] != UNKNOWN) | (table["borrowers"] > 0)].iloc[::-1]
    names = [sheet.plain_state(state) for state in shown["state"]]
    tints = [_TINT.get(state, ALARM if state in NPL else SOFT) for state in shown["state"]]
    axes = place.subgridspec(1, 1 + owed, wspace=0.1).subplots(squeeze=False).ravel()
    _bars(axes[0], names, shown["borrowers"], tints, words("portfolio.counts.chart_borrowers"))
    axes[0].plot(shown["before"], range(len(shown)), "|", color=INK, markersize=9, markeredgewidth=1.4)
    if owed:
        divisor, scale, _ = words.scale(shown["exposure"].max() * 1000)
        values = shown["exposure"].fillna(0) / divisor
        _bars(axes[1], [""] * len(names), values, tints, words.unit(sheet.currency, scale))
        axes[1].tick_params(left=False)


def _classed(classes: pd.DataFrame) -> bool:
    """Whether any borrower could be classed."""
    return bool((classes.loc[classes["state"] != UNKNOWN, ["borrowers", "before"]].fillna(0) > 0).any(axis=None))


def _bars(ax: matplotlib.axes.Axes, names: list[str], values: pd.Series, tints: list[str], title: str) -> None:
    """Horizontal bars with their figure at the end."""
    ax.barh(range(len(names)), values, color=tints, height=0.68)
    ax.set_yticks(range(len(names)), names)
    ax.set_xticks([])
    ax.spines["bottom"].set_visible(False)
    ax.set_xlim(0, max(float(values.max()), 1e-9) * 1.3)
    whole = bool((values == values.round()).all())
    for place, value in enumerate(values):
        ax.text(value, place, f" {value:,.0f}" if whole else f" {value:,.1f}", va="center")
    ax.set_title(title, loc="left")


def _counted(levels: pd.DataFrame, classes: pd.DataFrame, sheet: BookSheet) -> str:
    words = sheet.words
    by, bad = levels.set_index("state"), classes[classes["state"].isin(NPL)]
    owed = ""
    if levels["exposure"].notna().any():
        amounts = {"red": by.at["red", "exposure"], "npl": bad["exposure"].sum()}
        said = {name: sheet.money(0.0 if pd.isna(value) else value) for name, value in amounts.items()}
        owed = words("portfolio.counts.chart_owed", **said)
    found = {level: int(by.at[level, "borrowers"]) for level in ("red", "orange")}
    npl, count = int(bad["borrowers"].sum()), int(levels["borrowers"].sum())
    bad = (
        words("portfolio.counts.chart_npl", npl=npl) if _classed(classes) else words("portfolio.counts.chart_unclassed")
    )
    return words("portfolio.counts.chart_alt", count=count, npl=bad, owed=owed, **found)


def vintages(late: dict[int, pd.DataFrame], lives: dict[int, pd.DataFrame], fewest: int, sheet: BookSheet) -> Exhibit:
    """Kaplan-Meier curves by year of drawdown, a panel each lateness; `late` and `lives` are `vintage.curves` and
    `vintage.lives` by days, the cohorts years. A curve ends where fewer than `fewest` loans are followed."""
    words = sheet.words
    if all(curves.empty for curves in late.values()):
        return Exhibit("")
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDE, 2.2))
        figure.subplots_adjust(left=0.06, right=0.94, top=0.87, bottom=0.17, wspace=0.22)
        axes = figure.subplots(1, len(late), squeeze=False, sharey=True).ravel()
        for ax, (days, curves) in zip(axes, late.items(), strict=True):
            _curves(ax, curves[(curves["at_risk"] >= fewest) | (curves["month"] == 0)])
            ax.set_title(f"{_lateness(days, sheet)} (%)", loc="left")
            ax.set(xlabel=words("portfolio.vintage.chart_axis"), ylabel="")
        svg = svg_of(figure)
    told = [_vintage_said(days, late[days], lives[days], fewest, sheet) for days in late]
    alt = words("portfolio.vintage.chart_alt", first=told[0], second=told[-1], fewest=fewest)
    return framed(svg, words("portfolio.vintage.chart"), alt, sheet)


def _curves(ax: matplotlib.axes.Axes, curves: pd.DataFrame) -> None:
    names = sorted(curves["cohort"].unique())
    for name, colour in zip(names, sns.color_palette("crest", max(len(names), 2)), strict=False):
        mine = curves[curves["cohort"] == name].sort_values("month")
        ax.step(mine["month"], mine["share"] * 100, where="post", color=colour, linewidth=1.4)
        if mine["share"].iloc[-1] > 0:
            ax.text(mine["month"].iloc[-1], mine["share"].iloc[-1] * 100, f" {name}", va="bottom", color=colour)
    last = curves.sort_values("month").groupby("cohort")["share"].last()
    ax.text(1, 0, ", ".join(last.index[last == 0]), va="bottom", color=INK)  # curves at nil lie on one another
    top = float(curves["share"].max()) * 100 if len(curves) else 0.0
    ax.set_ylim(0, max(top * 1.2, ax.get_ylim()[1], 1.0))
    ax.set_xlim(left=0)
    ax.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 3, 6, 10], integer=True))


def _lateness(days: int, sheet: BookSheet) -> str:
    key = "chart_any" if days <= 1 else "chart_panel"
    return sheet.words(f"portfolio.vintage.{key}", **({} if days <= 1 else {"days": days}))


def _vintage_said(days: int, curves: pd.DataFrame, lives: pd.DataFrame, fewest: int, sheet: BookSheet) -> str:
    about = {"panel": _lateness(days, sheet), "loans": len(lives), "events": int(lives["event"].sum())}
    safe = curves[curves["at_risk"] >= fewest]
    if safe.empty or safe["share"].max() == 0:
        return sheet.words("portfolio.vintage.chart_nil", **about)
    top = safe.loc[safe["share"].idxmax()]
    return sheet.words("portfolio.vintage.chart_said", cohort=top["cohort"], share=sheet.share(top["share"]), **about)


def concentration(owed: dict[str, pd.Series], sheet: BookSheet) -> Exhibit:
    """The ten largest names and the industries as bars, per cent of known exposure; `owed` is `concentration.units`."""
    words, names, industries = sheet.words, owed["name"], owed["industry"]
    if names.empty:
        return Exhibit("")
    total = names.sum()
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDE, 2.3))
        figure.subplots_adjust(left=0.24, right=0.985, top=0.9, bottom=0.03, wspace=0.9)
        for ax, amounts, key in zip(figure.subplots(1, 2), (names, industries), ("name", "industry"), strict=True):
            top = (amounts.head(10) / total * 100).iloc[::-1]
            labels = [_label(key, unit, sheet) for unit in top.index]
            _bars(ax, labels, top, [ACCENT] * len(top), f"{words(f'portfolio.spread.chart_{key}')} (%)")
        svg = svg_of(figure)
    said = {"share": sheet.share(names.head(10).sum() / total), "part": sheet.share(industries.iloc[0] / total)}
    industry = words("portfolio.unknown") if industries.index[0] == UNKNOWN else industries.index[0]
    return framed(
        svg, words("portfolio.spread.chart"), words("portfolio.spread.chart_alt", industry=industry, **said), sheet
    )


def _label(key: str, unit: str, sheet: BookSheet) -> str:
    name = sheet.names.get(unit, "") if key == "name" else ""
    return shortened(f"{unit} {name}".strip() if unit != UNKNOWN else sheet.words("portfolio.unknown"), LABEL)


def guarantees(
    pairs: pd.DataFrame, standing: pd.DataFrame, loops: pd.DataFrame, reach: pd.DataFrame, sheet: BookSheet
) -> Exhibit:
    """Guarantees between our borrowers as a graph, arrows from guarantor to guaranteed, each borrower with its level;
    nothing where there are none."""
    words = sheet.words
    if pairs.empty:
        return Exhibit("")
    graph = nx.DiGraph(list(pairs[["guarantor", "borrower_id"]].itertuples(index=False, name=None)))
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDE, 2.3))
        _graph(figure.add_axes([0.02, 0.02, 0.96, 0.96]), graph, standing.set_index("borrower_id")["level"], sheet)
        svg = svg_of(figure)
    most = ""
    if len(reach) and reach["reached"].iloc[0]:
        first = reach.iloc[0]
        about = {"who": first["borrower_id"], "exposure": sheet.money(first["exposure"])}
        most = words("portfolio.contagion.chart_most", **about)
    alt = words("portfolio.contagion.chart_alt", pairs=len(pairs), loops=len(loops), most=most)
    return framed(svg, words("portfolio.contagion.chart"), alt, sheet)


def _graph(ax: Axes, graph: nx.DiGraph, level: pd.Series, sheet: BookSheet) -> None:
    """The borrowers as dots with code and level, on a circle while they are few."""
    place = nx.circular_layout(graph) if len(graph) <= 12 else nx.spring_layout(graph, seed=1, iterations=60)
    tints = [_TINT.get(level.get(node), SOFT) for node in graph]
    nx.draw_networkx_edges(graph, place, ax=ax, edge_color=INK, width=0.9, node_size=260, arrowsize=11)
    nx.draw_networkx_nodes(graph, place, ax=ax, node_color=tints, node_size=200, linewidths=0)
    for node, at in place.items():
        label = f"{node} {sheet.plain_state(level.get(node, UNKNOWN))}"
        ax.annotate(label, at, xytext=(0, -17), textcoords="offset points", ha="center")
    ax.margins(0.25, 0.35)
    ax.set_axis_off()


def shocks(book: pd.DataFrame, alt: str, sheet: BookSheet) -> Exhibit:
    """Borrowers by level under each shock, a panel a level; `book` is that of `stress.run`, `alt` the finding."""
    words = sheet.words
    if book.empty:
        return Exhibit("")
    labels = [f"{shock:.0%}".replace("-", "−") for shock in book["shock"]]
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDE, 1.7))
        figure.subplots_adjust(left=0.03, right=0.99, top=0.82, bottom=0.14, wspace=0.18)
        for ax, level in zip(figure.subplots(1, len(LEVELS), sharey=True), reversed(LEVELS), strict=True):
            values = book[level].to_numpy()
            ax.bar(range(len(values)), values, color=_TINT[level], width=0.65)
            for at, value in enumerate(values):
                ax.text(at, value, f"{value}", ha="center", va="bottom")
            ax.set_xticks(range(len(values)), labels)
            ax.set_yticks([])
            ax.spines["left"].set_visible(False)
            ax.set_title(f"{words(f'signal.level.{level}')} ({words('portfolio.stress.chart_borrowers')})", loc="left")
            ax.set_ylim(0, max(1, np.max(book[list(LEVELS)].to_numpy())) * 1.15)
        svg = svg_of(figure)
    return framed(svg, words("portfolio.stress.chart"), alt, sheet)
