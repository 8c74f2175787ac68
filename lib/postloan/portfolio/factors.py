"""The figures a hazard model reads, as places among the firms it learned from, and the columns they become."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd

from postloan.analysis import formulas
from postloan.analysis.periods import Panel
from postloan.portfolio.hazard_params import Column, Plan

MIDDLE = 0.5


def figures(panel: Panel, plan: Plan) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Every factor of the plan on the panel's rows, and why it has no value where it has none (text or None).

    A borrower in a currency without a `scale` has no figures of size.
    """
    currency = panel.statements.drop_duplicates("borrower_id").set_index("borrower_id")["currency"]
    scale = panel.rows["borrower_id"].map(currency).map(plan.scale).to_numpy(float)
    evaluator = formulas.Evaluator(panel, {"scale": scale})
    found = {name: evaluator.evaluate(factor.formula) for name, factor in plan.factors.items()}
    reasons = np.array(evaluator.reasons, dtype=object)
    values = pd.DataFrame({name: each.values for name, each in found.items()}, index=panel.rows.index)
    values = values.replace([np.inf, -np.inf], np.nan)
    why = {name: np.where(values[name].isna(), reasons[each.codes], None) for name, each in found.items()}
    return values, pd.DataFrame(why, index=panel.rows.index)


def grids(values: pd.DataFrame, points: int) -> dict[str, list[float]]:
    """The quantiles of each factor at evenly spaced places."""
    steps = np.linspace(0, 1, points)
    return {name: np.quantile(column.dropna(), steps).tolist() for name, column in values.items()}


def places(values: pd.DataFrame, grid: dict[str, list[float]]) -> pd.DataFrame:
    """Each factor's place (0 to 1) on its grid; a value on a flat stretch takes the stretch's middle."""
    found = {}
    for name, knots in grid.items():
        column, steps, knots = values[name].to_numpy(float), np.linspace(0, 1, len(knots)), np.asarray(knots)
        first, last = np.diff(knots, prepend=-np.inf) > 0, np.diff(knots, append=np.inf) > 0
        low, high = (np.interp(column, knots[end], steps[end]) for end in (first, last))
        found[name] = np.where(np.isnan(column), np.nan, (low + high) / 2)
    return pd.DataFrame(found, index=values.index)


def columns(names: list[str], plan: Plan) -> list[Column]:
    """The columns of a model on these factors: rises where a side is held, else a line with bends; then pairs."""
    edges, made = [0.0, *plan.knots, 1.0], []
    for name in names:
        if plan.factors[name].worse == "either":
            made += [Column(kind="line", factor=name)]
            made += [Column(kind="bend", factor=name, at=knot) for knot in plan.knots]
        else:
            made += [Column(kind="rise", factor=name, at=a, to=b) for a, b in pairwise(edges)]
    partners = [name for name in plan.partners if name in names]
    for n, partner in enumerate(partners):
        others = [name for name in names if name not in partners[: n + 1]]
        made += [Column(kind="pair", factor=name, partner=partner) for name in others]
    return made


def design(place: pd.DataFrame, wanted: list[Column], plan: Plan) -> np.ndarray:
    """The columns on the rows of `place`; a held factor is turned so that its rises point to more risk."""
    places = {name: column.to_numpy(float) for name, column in place.items()}
    return np.column_stack([_column(places, each, plan) for each in wanted])


def _column(places: dict[str, np.ndarray], column: Column, plan: Plan) -> np.ndarray:
    at = places[column.factor]
    if column.kind == "line":
        return at - MIDDLE
    if column.kind == "bend":
        return np.maximum(at - column.at, 0)
    if column.kind == "rise":
        risk = 1 - at if plan.factors[column.factor].worse == "low" else at
        return np.clip(risk, column.at, column.to) - column.at
    return (at - MIDDLE) * (places[column.partner] - MIDDLE)
