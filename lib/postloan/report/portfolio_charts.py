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
CIRCLES, MOST = 12, 12  # circles of guarantees that are drawn, borrowers on one circle
_HEIGHT = {1: 3.2, 2: 1.9, 4: 0.95}  # of a row of graphs, by how many stand abreast
LABEL = 22  # letters of a name beside a bar


def counts(levels: pd.DataFrame, classes: pd.DataFrame, sheet: BookSheet) -> Exhibit:
    """Borrowers and exposure by level and by class as bars, with a mark where each count stood at the last stored
    reviews; both are `standing.counts`. Nothing where there are no borrowers."""
    if not levels["borrowers"].sum():
        return Exhibit("")
    owed = bool(levels["exposure"].notna().any())
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDE, 1.75))
        grid = figure.add_gridspec(1, 2, left=0.15, right=0.985, top=0.84, bottom=0.05, wspace=0.42)
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
    last = curves.sort_values("month").groupby("cohort")[["month", "share"]].last()
    ax.text(1, 0, ", ".join(last.index[last["share"] == 0]), va="bottom", color=INK)  # curves at nil lie on one another
    top = float(curves["share"].max()) * 100 if len(curves) else 0.0
    high, place = max(top * 1.2, ax.get_ylim()[1], 1.0), 0.0
    for name, row in last[last["share"] > 0].sort_values("share").iterrows():
        place = max(row["share"] * 100, place + high * 0.075 if place else 0.0)  # names one above the other
        ax.text(row["month"], place, f" {name}", va="center", color=INK)
    ax.set_ylim(0, high)
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
    parts = sorted(nx.weakly_connected_components(graph), key=lambda part: (-len(part), min(part)))
    rows = _rows([_tied(graph, part) for part in parts[:CIRCLES]])
    heights = [_HEIGHT[wide] for wide, _ in rows]
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDE, sum(heights)))
        grid = figure.add_gridspec(
            len(rows), 1, height_ratios=heights, left=0.01, right=0.99, top=1, bottom=0, hspace=0
        )
        for place, (wide, tied) in zip(grid, rows, strict=True):
            cells = place.subgridspec(1, wide, wspace=0.02)
            for cell, part in zip(cells, tied, strict=False):
                _graph(figure.add_subplot(cell), part, standing.set_index("borrower_id")["level"], sheet)
        svg = svg_of(figure)
    most = ""
    if len(reach) and reach["reached"].iloc[0]:
        first = reach.iloc[0]
        about = {"who": first["borrower_id"], "exposure": sheet.money(first["exposure"])}
        most = words("portfolio.contagion.chart_most", **about)
    if len(parts) > CIRCLES:
        most += words("portfolio.contagion.chart_some", shown=CIRCLES, count=len(parts))
    alt = words("portfolio.contagion.chart_alt", pairs=len(pairs), loops=len(loops), most=most)
    return framed(svg, words("portfolio.contagion.chart"), alt, sheet)


def _tied(graph: nx.DiGraph, part: set[str]) -> nx.DiGraph:
    """Some borrowers of a graph in the order of their codes, so that the picture is always the same."""
    made = nx.DiGraph()
    made.add_nodes_from(sorted(part))
    made.add_edges_from(edge for edge in graph.edges if edge[0] in part)
    return made


def _rows(parts: list[nx.DiGraph]) -> list[tuple[int, list[nx.DiGraph]]]:
    """Ties in rows, the largest first: one, two or four abreast by how many borrowers they hold."""
    sizes = {1: lambda count: count > MOST, 2: lambda count: 2 < count <= MOST, 4: lambda count: count <= 2}
    rows = []
    for wide, fits in sizes.items():
        mine = [part for part in parts if fits(len(part))]
        rows += [(wide, mine[start : start + wide]) for start in range(0, len(mine), wide)]
    return rows


def _graph(ax: Axes, graph: nx.DiGraph, level: pd.Series, sheet: BookSheet) -> None:
    """Borrowers tied to one another as dots with code and level: two side by side, a few on a circle."""
    round_ = nx.circular_layout(graph) if len(graph) <= MOST else nx.spring_layout(graph, seed=1, iterations=60)
    place = {node: (n - 0.5, 0) for n, node in enumerate(graph)} if len(graph) == 2 else round_
    tints = [_TINT.get(level.get(node), SOFT) for node in graph]
    nx.draw_networkx_edges(graph, place, ax=ax, edge_color=INK, width=0.9, node_size=170, arrowsize=9)
    nx.draw_networkx_nodes(graph, place, ax=ax, node_color=tints, node_size=120, linewidths=0)
    for node, (x, y) in place.items():
        label = f"{node}\n{sheet.plain_state(level.get(node, UNKNOWN))}"
        across, up = (0, -1) if len(graph) == 2 else (np.sign(x) * (abs(x) > 0.3), np.sign(y) * (abs(y) > 0.3))
        sides = {"ha": ("center", "left", "right")[int(across)], "va": ("center", "bottom", "top")[int(up)]}
        ax.annotate(label, (x, y), xytext=(8 * across, 8 * up), textcoords="offset points", linespacing=1.1, **sides)
    ax.margins(0.45, 0.5 if len(graph) == 2 else 0.3)
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
