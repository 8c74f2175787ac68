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
_STEPS, _MOST = (1, 2, 2.5, 5, 10), 9  # of a scale


@dataclass
class Panel:
    """One little chart: `lines` through days and values by style, a `band` of days, lower and upper, and `levels` right
    across by style. `limits` are the ends of its scale; its first and last day are named below."""

    title: str
    lines: dict[str, Line]
    band: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None
    levels: dict[str, float] = field(default_factory=dict)

    def __post_init__(self):
        values = [values for _, values in self.lines.values()]
        self.values = np.concatenate([*values, *(self.band[1:] if self.band else ())])
        self.limits = _limits(self.values)

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


def drawn(panels: list[Panel], grid: GridSpec, size: tuple[float, float], styles: dict[str, dict]) -> Figure:
    """Panels in the cells of a grid on a figure of a size in inches; `styles` are those of lines, and of `band`."""
    figure = Figure(figsize=size)
    shapes = {style: [] for style in styles}
    for panel, cell in zip(panels, grid, strict=False):
        _draw(panel, cell.get_position(figure).get_points() * size, shapes, figure)
    for style, about in styles.items():
        kind = PolyCollection if style == "band" else LineCollection
        figure.add_artist(kind(shapes[style], transform=figure.dpi_scale_trans, **about))
    return figure


def _draw(panel: Panel, box: np.ndarray, shapes: dict[str, list], figure: Figure) -> None:
    """Adds a panel's lines to the shapes of their styles and its words to the figure; `box` are two of its corners."""
    (left, bottom), (right, top) = box
    days = np.concatenate([days for days, _ in panel.lines.values()])
    ends = np.array([days.min(), days.max()])
    span = _limits(ends)

    def at(days: np.ndarray, values: np.ndarray) -> np.ndarray:
        return np.column_stack([np.interp(days, span, box[:, 0]), np.interp(values, panel.limits, box[:, 1])])

    for style, line in panel.lines.items():
        shapes[style].append(at(*line))
    for style, level in panel.levels.items():
        shapes[style].append(at(span, (level, level)))
    if panel.band:
        days, lower, upper = panel.band
        shapes["band"].append(np.concatenate([at(days, lower), at(days, upper)[::-1]]))
    ticks, labels, power = _scale(panel.limits, top - bottom)
    shapes["edge"] += [[(left, top), (left, bottom)], [(left, bottom), (right, bottom)]]
    words = {"transform": figure.dpi_scale_trans}
    for y, label in zip(at(ticks, ticks)[:, 1], labels, strict=True):
        shapes["tick"].append([(left - _TICK, y), (left, y)])
        figure.text(left - _LABEL, y, label, ha="right", va="center_baseline", **words)
    for x, day in zip(at(ends, ends)[:, 0], ends, strict=True):
        shapes["tick"].append([(x, bottom - _TICK), (x, bottom)])
        named = dt.date(1970, 1, 1) + dt.timedelta(day)
        figure.text(x, bottom - _LABEL, f"{named:%y-%m}", ha="center", va="top", **words)
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
