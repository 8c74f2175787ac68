"""Small multiples: many little charts of one figure, drawn on the figure itself.

An axes for each, which matplotlib makes for pictures that move and change, takes five times as long. Ticks, their
labels and all styles are matplotlib's own; lines of one style are drawn at once.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field

import matplotlib
import numpy as np
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec
from matplotlib.ticker import MaxNLocator, ScalarFormatter

Line = tuple[np.ndarray, np.ndarray]  # days (numbers since 1970) and values

_MARGIN = 0.05  # of a range, on either side
_TICK, _LABEL, _TITLE, _POWER = 3.5 / 72, 7 / 72, 6 / 72, 3 / 72  # inches: a tick; from a box to what stands around it
_EPOCH = dt.date(1970, 1, 1)
_STEPS, _MOST = (1, 2, 2.5, 5, 10), 9  # of a scale


@dataclass
class Panel:
    """One little chart: `lines` through days and values by style, `areas` their outlines, `dots` and `levels` right
    across by style. `ticks` are the places named below (none: the first and last day), `unit` stands between them where
    a title has no room for it; `span` and `limits` are the ends of both scales."""

    title: str
    lines: dict[str, Line] = field(default_factory=dict)
    areas: dict[str, list[Line]] = field(default_factory=dict)
    dots: dict[str, Line] = field(default_factory=dict)
    levels: dict[str, float] = field(default_factory=dict)
    ticks: list[tuple[float, str]] = field(default_factory=list)
    unit: str = ""

    def __post_init__(self):
        drawn = [*self.lines.values(), *(each for outlines in self.areas.values() for each in outlines)]
        places, self.values = (np.concatenate(each) for each in zip(*drawn, strict=True))
        self.ticks = self.ticks or [(day, f"{_EPOCH + dt.timedelta(day):%y-%m}") for day in (min(places), max(places))]
        self.span, self.limits = _limits(places), _limits(self.values)

    def level(self, style: str, level: float, reach: float) -> None:
        """Draw a level and make room for it, unless it is further from the scale than `reach` times its length."""
        low, high = _limits(self.values)
        if low - reach * (high - low) <= level <= high + reach * (high - low):
            self.levels[style] = level
            if not self.limits[0] <= level <= self.limits[1]:
                self.limits = _limits([*self.values, *self.levels.values()])


def _limits(values: np.ndarray) -> tuple[float, float]:
    """The ends of a scale on which all values have room, with a margin."""
    low, high = MaxNLocator().nonsingular(np.nanmin(values), np.nanmax(values))
    return low - _MARGIN * (high - low), high + _MARGIN * (high - low)


def band(days: np.ndarray, lower: np.ndarray, upper: np.ndarray) -> Line:
    """The outline of what lies between two lines."""
    return np.concatenate([days, days[::-1]]), np.concatenate([lower, upper[::-1]])


def drawn(panels: list[Panel], grid: GridSpec, size: tuple[float, float], styles: dict[str, dict]) -> Figure:
    """Panels in the cells of a grid on a figure of a size in inches; `styles` with a face are those of areas."""
    figure = Figure(figsize=size)
    shapes = {style: [] for style in styles}
    for panel, cell in zip(panels, grid, strict=False):
        _draw(panel, cell.get_position(figure).get_points() * size, shapes, figure)
    for style, about in styles.items():
        kind = PolyCollection if "facecolor" in about else LineCollection
        figure.add_artist(kind(shapes[style], transform=figure.dpi_scale_trans, **about))
    return figure


def _draw(panel: Panel, box: np.ndarray, shapes: dict[str, list], figure: Figure) -> None:
    """Adds a panel's lines to the shapes of their styles and its words to the figure; `box` are two of its corners."""
    (left, bottom), (right, top) = box

    def at(days: np.ndarray, values: np.ndarray) -> np.ndarray:
        return np.column_stack([np.interp(days, panel.span, box[:, 0]), np.interp(values, panel.limits, box[:, 1])])

    for style, line in panel.lines.items():
        shapes[style].append(at(*line))
    for style, level in panel.levels.items():
        shapes[style].append(at(panel.span, (level, level)))
    for style, outlines in panel.areas.items():
        shapes[style] += [at(*outline) for outline in outlines]
    for style, dots in panel.dots.items():
        shapes[style] += [[dot, dot] for dot in at(*dots)]
    ticks, labels, power = _scale(panel.limits, top - bottom)
    shapes["edge"] += [[(left, top), (left, bottom)], [(left, bottom), (right, bottom)]]
    words = {"transform": figure.dpi_scale_trans}
    for y, label in zip(at(ticks, ticks)[:, 1], labels, strict=True):
        shapes["tick"].append([(left - _TICK, y), (left, y)])
        figure.text(left - _LABEL, y, label, ha="right", va="center_baseline", **words)
    for place, label in panel.ticks:
        x = np.interp(place, panel.span, box[:, 0])
        shapes["tick"].append([(x, bottom - _TICK), (x, bottom)])
        figure.text(x, bottom - _LABEL, label, ha="center", va="top", **words)
    figure.text((left + right) / 2, bottom - _LABEL, panel.unit, ha="center", va="top", **words)
    figure.text(left, top + _TITLE, panel.title, size=matplotlib.rcParams["axes.titlesize"], **words)
    if power:
        figure.text(left, top + _POWER, power, **words)


def _scale(limits: tuple[float, float], height: float) -> tuple[np.ndarray, list[str], str]:
    """Ticks of a scale so many inches high, their labels, and the power of ten they are to be taken times."""
    low, high = limits
    room = int(height * 72 / (2 * matplotlib.rcParams["font.size"]))
    ticks = MaxNLocator(nbins=min(max(room, 1), _MOST), steps=_STEPS).tick_values(low, high)
    ticks = ticks[(low <= ticks) & (ticks <= high)]
    formatter = ScalarFormatter()
    formatter.create_dummy_axis()
    formatter.axis.set_view_interval(low, high)
    return ticks, formatter.format_ticks(ticks), formatter.get_offset()
