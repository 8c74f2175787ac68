"""The sample's index series: made up, under the names that real ones have, with the gaps that real ones have."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from postloan.industries import series

FIRST, LAST = "2017-01-31", "2026-04-30"


@dataclass(frozen=True)
class _Course:
    """How a series runs: knots over its life (growth a year for levels, else the value), noise, seasonal swing."""

    knots: tuple[float, ...]
    noise: float
    swing: float = 0.0
    january: bool = True  # published for January
    last: str = LAST


# fmt: off
_COURSES = {
    "cn_pmi_manufacturing": _Course((51.2, 50.6, 49.6, 50.8, 50.1, 49.2, 49.0, 49.3, 49.8, 50.3), .35),
    "cn_pmi_services": _Course((54, 54.2, 53.6, 53.0, 52.5, 50.5, 52.0, 50.4, 50.2, 50.6), .5),
    "cn_ppi_yoy": _Course((6.0, 3.6, 0.2, -1.0, 7.5, 4.5, -2.8, -2.2, -2.6, -0.9), .3),
    "cn_cpi_yoy": _Course((1.4, 2.0, 2.8, 2.4, .9, 2.0, .6, .2, .1, .5), .15),
    "cn_industry_yoy": _Course((6.4, 6.2, 5.6, 3.5, 8.5, 3.8, 4.4, 5.4, 6.0, 6.1), .5, january=False),
    "cn_exports_yoy": _Course((7.5, 9.0, .5, 3.0, 26.0, 8.0, -5.5, 5.5, 6.2, 5.0), 3.5),
    "cn_electricity_industry_yoy": _Course((5.5, 7.0, 3.2, 2.2, 10.0, 1.6, 6.0, 5.4, 2.6, 3.6), .4, january=False),
    "cn_m2_yoy": _Course((10.5, 8.3, 8.4, 10.5, 8.6, 11.5, 11.0, 7.2, 8.0, 8.3), .2),
    "cn_enterprise_climate": _Course((123, 122, 121, 117, 124, 112, 110, 109), 1.5, last="2024-03-31"),
    "output_machinery": _Course((.07, .06, .03, .02, .09, .01, -.03, -.06, -.02, .05), .008, .05),
    "price_building_materials": _Course((.12, .08, .04, -.02, .06, -.10, -.12, -.08, -.05, -.03), .008, .02),
    "output_electronics": _Course((.10, .09, .07, .08, .12, .02, .04, .09, .10, .09), .010, .06),
    "output_food": _Course((.04, .04, .03, .02, .04, .03, .03, .02, .02, .02), .006, .08),
    "output_pharma": _Course((.09, .08, .07, .08, .12, .04, -.02, .02, .04, .05), .008, .02),
    "output_textiles": _Course((.03, .02, .01, -.05, .06, -.02, -.03, -.12, -.05, .02), .010, .05),
    "price_steel": _Course((.20, .05, -.04, .02, .30, -.18, -.10, -.09, -.07, -.02), .012),
}
# fmt: on


def table(seed: int, file: str) -> pd.DataFrame:
    """The series as the book's table `indices`; the same seed gives the same."""
    parts = []
    for number, (name, course) in enumerate(_COURSES.items()):
        about, rng = series()[name], np.random.default_rng([seed, 10_000, number])
        ends = pd.date_range(FIRST, course.last, freq="ME" if about.every == 1 else "QE")
        values = _level(course, ends, rng) if about.kind == "level" and about.every == 1 else _rate(course, ends, rng)
        rows = pd.DataFrame({"series": name, "period_end": ends, "value": values, "unit": about.unit})
        rows = rows[course.january | (ends.month != 1)]
        known = rows["period_end"] + pd.Timedelta(days=about.published_days)
        parts.append(rows.assign(known_on=known, source=f"{file} · {name}"))
    return pd.concat(parts, ignore_index=True)


def _knots(course: _Course, count: int) -> np.ndarray:
    return np.interp(np.linspace(0, 1, count), np.linspace(0, 1, len(course.knots)), course.knots)


def _rate(course: _Course, ends: pd.DatetimeIndex, rng: np.random.Generator) -> np.ndarray:
    return (_knots(course, len(ends)) + rng.normal(0, course.noise, len(ends))).round(1)


def _level(course: _Course, ends: pd.DatetimeIndex, rng: np.random.Generator) -> np.ndarray:
    trend = 100 * np.cumprod((1 + _knots(course, len(ends))) ** (1 / 12))
    season = 1 + course.swing * np.sin(2 * np.pi * (ends.month - 3) / 12)
    return (trend * season * (1 + rng.normal(0, course.noise, len(ends)))).round(2)
