"""Small multiples: a level gets room where it is near, ticks keep to the scale, what is drawn stays in its box."""

import numpy as np
import pytest
from matplotlib.gridspec import GridSpec

from postloan.report.multiples import Panel, band, drawn

DAYS = np.array([18_000.0, 18_090.0, 18_180.0])
STYLES = {name: {"color": "black"} for name in ("dot", "tick", "edge", "past", "warn")}
STYLES["area"] = {"facecolor": "black"}


def panel(*values):
    return Panel("Cash", {"past": (DAYS, np.array(values))})


def figure(*panels):
    return drawn(list(panels), GridSpec(2, 2, left=0.1, right=0.9, top=0.9, bottom=0.1), (6, 4), STYLES)


def words(*panels):
    return [text.get_text() for text in figure(*panels).texts]


@pytest.mark.parametrize(("level", "top"), [(2.05, 2.05), (2.5, 2.575), (9.0, 2.05)])
def test_near_level_gets_room(level, top):
    told = panel(1.0, 2.0, 1.5)
    told.level("warn", level, reach=1)
    assert told.limits[1] == pytest.approx(top)
    assert ("warn" in told.levels) == (level < 9)


def test_flat_line_has_a_scale():
    assert "1.000" in words(panel(1.0, 1.0, 1.0))


def test_first_and_last_day_are_named():
    assert {"19-04", "19-10", "Cash"} <= {*words(panel(1.0, 2.0, 1.5))}


def test_large_values_tell_their_power():
    assert "1e7" in words(panel(1e7, 2e7, 3e7))


def test_lines_stay_in_their_boxes():
    told = figure(panel(1.0, 2.0, 1.5), panel(5.0, 3.0, 4.0))
    first, second = (path.vertices for path in told.artists[3].get_paths())
    assert first[:, 0].max() < second[:, 0].min()
    assert min(first[:, 1].min(), second[:, 1].min()) > 2


def test_band_lies_between_its_lines():
    days, values = band(DAYS, np.ones(3), np.array([2.0, 3.0, 2.0]))
    told = figure(Panel("Cash", {"past": (DAYS, np.ones(3))}, {"area": [(days, values)]}))
    assert len(told.artists[-1].get_paths()[0].vertices) == 2 * len(DAYS) + 1


def test_named_places_replace_the_ends():
    told = words(Panel("Cash", {"past": (DAYS, DAYS)}, ticks=[(DAYS[1], "middle")]))
    assert "middle" in told
    assert "19-04" not in told


def test_unit_stands_between_the_days_named():
    told = figure(Panel("Cash", {"past": (DAYS, DAYS)}, unit="CNY k")).texts
    first, last, unit = (next(text for text in told if text.get_text() == word) for word in ("19-04", "19-10", "CNY k"))
    assert first.get_position()[0] < unit.get_position()[0] < last.get_position()[0]
    assert unit.get_position()[1] == first.get_position()[1]
