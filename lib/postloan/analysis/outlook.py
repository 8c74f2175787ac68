"""Where figures are heading, with honest bands, and the chance that a ratio crosses a limit (DOMAIN §10).

A ratio is never extrapolated itself. The items of its formula are forecast (single quarters of flows, balances) by
`forecasting`, drawn together as they erred together in the past, and each draw becomes a borrower of its own in a
panel, on which the ratio's own formula is evaluated. Borrowers without quarterly statements are forecast in years.
Draws have one seed: the same statements give the same forecast.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from postloan import chart
from postloan.analysis import forecasting, formulas, ratios
from postloan.analysis.periods import Panel
from postloan.measures import Measure

COLUMNS = ["borrower_id", "metric", "period_end", "mean", "lower", "upper", "level", "method", "mase", "reason"]
LEVELS = (0.8, 0.95)
DRAWS, SEED = 401, 20_240  # draws (the first is the expected path)
_METHOD = {3: "theta_damped_quarters", 12: "theta_damped_years"}
_MAIN = ("total_assets", "revenue", "net_profit", "cfo")  # what makes a period one that was reported
_WILD = 3.0  # past errors of so many times those of repeating last year: no forecast is better
_DEFINED = 0.5  # a ratio that fewer draws than this share can form has no forecast


class Basis(NamedTuple):
    """What ratios are computed on: months a period, days a year, points of an average."""

    step: int
    day_basis: int
    average_points: int


@dataclass(frozen=True)
class Draws:
    """The simulated futures of one borrower: `values[metric]` is (draws, horizon), the first row the expected path.

    `step` are the months of a period, `days` the period ends to come; `reason` says why a metric has no values.
    """

    borrower_id: str
    step: int
    days: pd.DatetimeIndex
    values: dict[str, np.ndarray]
    mase: dict[str, float]
    reason: dict[str, str]


def draw(
    panel: Panel, borrower_id: str, metrics: list[str] | dict[str, str], *, horizon: int = 4, day_basis: int = 360
) -> Draws:
    """Simulate one borrower's ratios so many quarters ahead (years, where it files no quarters).

    `metrics` are ids of ratios, or formulas by the name each is to have.
    Fewer than eight periods: no model, and the reason says so. `mase` sets the error at past origins beside that of
    repeating the same period of last year.
    """
    texts = metrics if isinstance(metrics, dict) else {name: ratios.FORMULAS[name] for name in metrics}
    step, grid, items = _history(panel, borrower_id)
    steps = max(1, round(horizon * 3 / step))
    ends = panel.rows.loc[panel.rows["borrower_id"] == borrower_id, "period_end"]
    newest = ends.iloc[-1] - pd.Timedelta(days=15) + pd.offsets.MonthEnd(0)  # the month end nearest to it
    days = pd.DatetimeIndex([newest + pd.offsets.MonthEnd(step * (h + 1)) for h in range(steps)])
    none = Draws(borrower_id, step, days, {}, {}, dict.fromkeys(texts, "too_short"))
    needed = _needed(texts, items)
    if len(grid) < forecasting.FEWEST or needed.empty:
        return none
    fit = forecasting.fit(needed.to_numpy(float).T, steps, 12 // step)
    future = _paths(fit, steps, needed)
    basis = Basis(step, day_basis, panel.average_points if step == 3 else 2)
    made = _evaluated(needed, future, fit, texts, basis)
    return _told(made, none, steps, 12 // step)


def _history(panel: Panel, borrower_id: str) -> tuple[int, np.ndarray, pd.DataFrame]:
    """Months a period, the keys of the periods, and every item on them (flows of the period, balances at its end)."""
    keys = panel.rows.index[panel.rows["borrower_id"] == borrower_id]
    quarter, year, end = (panel.view(name).loc[keys] for name in ("quarter", "ttm", "end"))
    flows = [item for item in quarter if item in chart.flows()]
    step = 3 if len(flows) and quarter[flows].notna().any(axis=1).tail(8).sum() >= 6 else 12
    first = max(keys[0], keys[-1] - step * (forecasting.LONGEST - 1))
    grid = np.arange(keys[-1], first - 1, -step)[::-1]
    flow = (quarter if step == 3 else year)[flows]
    stock = end[[item for item in end if item in chart.stocks()]]
    return step, grid, pd.concat([flow, stock], axis=1).reindex(grid)


def _needed(texts: dict[str, str], items: pd.DataFrame) -> pd.DataFrame:
    """The items that the formulas need, composites taken apart, and that are known in the newest period."""
    composites = {**chart.composites("stock"), **chart.composites("flow")}
    asked = [leaf.partition(".")[2] for text in texts.values() for leaf in formulas.leaves(text)]
    wanted = set(_MAIN)
    while asked:
        item = asked.pop()
        inner = composites[item].derive if item in composites else ()
        asked += [part for text in inner for part in re.findall(r"[a-z]\w*", text)]
        wanted.add(item)
    return items[[item for item in items if item in wanted and pd.notna(items[item].iloc[-1])]]


def _paths(fit: forecasting.Fit, steps: int, needed: pd.DataFrame) -> np.ndarray:
    """Futures of every item (items, draws, steps); an item too short for a model stays where it is."""
    shocks = forecasting.shocks(steps, DRAWS, SEED)
    future = fit.at(np.einsum("dho,no->ndh", shocks, fit.shape))
    last = needed.iloc[-1].to_numpy(float)[:, None, None]
    return np.where(np.isnan(future), np.broadcast_to(last, future.shape), future)


def _evaluated(
    needed: pd.DataFrame, future: np.ndarray, fit: forecasting.Fit, texts: dict[str, str], basis: Basis
) -> dict[str, np.ndarray]:
    """Each metric on every draw, and from every past origin: (draws + origins + 1, history + steps); the last row is
    what came."""
    past, steps = needed.to_numpy(float).T, future.shape[2]
    worlds = np.concatenate([np.repeat(past[:, None], future.shape[1], axis=1), future], axis=2)
    origins = np.full((len(past), forecasting.ORIGINS, worlds.shape[2]), np.nan)
    for back in range(1, forecasting.ORIGINS + 1):
        known = past.shape[1] - back
        if known >= forecasting.FEWEST:
            ahead = np.where(np.isnan(fit.paths[:, back]), past[:, known - 1 : known], fit.paths[:, back])
            origins[:, back - 1, :known], origins[:, back - 1, known : known + steps] = past[:, :known], ahead
    came = np.full((len(past), 1, worlds.shape[2]), np.nan)
    came[:, 0, : past.shape[1]] = past
    every = np.concatenate([worlds, origins, came], axis=1)
    panel = _panel(every, list(needed), basis)
    found = {}
    for name, text in texts.items():
        judge = ratios.evaluator(panel, basis.day_basis)
        values = judge.evaluate(text, zero_reason=ratios.NO_INTEREST.get(name)).values
        found[name] = _placed(values, panel, every.shape[1:], basis.step)
    return found


def _panel(every: np.ndarray, items: list[str], basis: Basis) -> Panel:
    """A panel on which every world is a borrower: months from January 2000 on, so that a period's place is its key."""
    item, world, time = np.nonzero(~np.isnan(every))
    months = (time * basis.step).astype("timedelta64[M]")
    day = (np.datetime64("2000-04", "M") + months).astype("datetime64[D]") - np.timedelta64(1, "D")
    stocks = np.array([name in chart.stocks() for name in items])
    facts = {
        "borrower_id": pd.Series(world).astype(str),
        "period_end": day.astype("datetime64[us]"),
        "months": np.where(stocks[item], 0, basis.step),
        "item": np.array(items, dtype=object)[item],
        "amount": every[item, world, time],
        "known_on": np.datetime64("2000-01-01", "us"),
        "derived": False,
    }
    return Panel(pd.DataFrame(facts), average_points=basis.average_points)


def _placed(values: np.ndarray, panel: Panel, shape: tuple[int, int], step: int) -> np.ndarray:
    placed = np.full(shape, np.nan)
    world = panel.rows["borrower_id"].astype(int).to_numpy()
    month = panel.rows["period_end"].dt.year * 12 + panel.rows["period_end"].dt.month - (2000 * 12 + 3)
    placed[world, (month // step).to_numpy()] = values
    return placed


def _told(made: dict[str, np.ndarray], none: Draws, steps: int, season: int) -> Draws:
    values, mase, reason = {}, {}, {}
    for name in made:
        ahead = made[name][:DRAWS, -steps:]
        if np.isnan(ahead[0]).any() or np.isnan(ahead).mean() > 1 - _DEFINED:
            reason[name] = "undefined"
        elif (error := _mase(made[name], steps, season)) > _WILD:
            reason[name] = "wild"
        else:
            values[name], mase[name] = ahead, error
    return Draws(none.borrower_id, none.step, none.days, values, mase, reason)


def _mase(worlds: np.ndarray, steps: int, season: int) -> float:
    """Mean absolute error of the expected path from past origins over that of repeating last year; NaN if untested."""
    came, known = worlds[-1], worlds.shape[1] - steps
    ours, naive = [], []
    for back in range(1, forecasting.ORIGINS + 1):
        start = known - back
        at = np.arange(start, min(start + steps, known))
        if start >= season:
            before = start - season + (at - start) % season
            both = ~np.isnan(worlds[DRAWS + back - 1, at]) & ~np.isnan(came[at]) & ~np.isnan(came[before])
            ours += list(np.abs(worlds[DRAWS + back - 1, at] - came[at])[both])
            naive += list(np.abs(came[before] - came[at])[both])
    return float(np.mean(ours) / np.mean(naive)) if len(ours) and np.mean(naive) > 0 else float("nan")


def table(draws: Draws) -> pd.DataFrame:
    """The `forecasts` table of one borrower: a row a metric, period and level; one with the reason where no model."""
    rows = []
    for name, ahead in draws.values.items():
        for h, day in enumerate(draws.days):
            for level in LEVELS:
                low, high = np.nanquantile(ahead[:, h], [(1 - level) / 2, (1 + level) / 2])
                told = {"mean": ahead[0, h], "lower": low, "upper": high, "level": level, "mase": draws.mase[name]}
                rows.append({"metric": name, "period_end": day, "method": _METHOD[draws.step], "reason": None, **told})
    blank = {"period_end": pd.NaT, "mean": np.nan, "lower": np.nan, "upper": np.nan, "level": 0.8, "mase": np.nan}
    rows += [{"metric": name, "method": "none", "reason": why, **blank} for name, why in draws.reason.items()]
    return pd.DataFrame(rows, columns=COLUMNS).assign(borrower_id=draws.borrower_id)


def breach(draws: Draws, metric: str, limit: float, side: str, within: int) -> float:
    """The chance (0 to 1) that a metric goes `below` or `above` a limit within so many quarters; NaN: no forecast."""
    if metric not in draws.values:
        return float("nan")
    ahead = draws.values[metric][:, : max(1, round(within * 3 / draws.step))]
    crossed = ahead < limit if side == "below" else ahead > limit
    return float(crossed.any(axis=1).mean())


def breaches(draws: Draws, measures: dict[str, Measure], within: int = 4) -> pd.DataFrame:
    """The chance that each drawn ratio crosses its warning line: metric, side, limit, within (quarters), chance."""
    sides, rows = {"high": "below", "low": "above"}, []
    for name in [*draws.values, *draws.reason]:
        warn, side = measures[name].warn, sides.get(measures[name].better)
        if warn is not None and side:
            rows.append((name, side, warn, within, breach(draws, name, warn, side, within)))
    return pd.DataFrame(rows, columns=["metric", "side", "limit", "within", "chance"])


def chance(*drawn: Draws) -> Callable[[str, float, str, int], pd.Series]:
    """The chance of a breach by borrower, as `judgement.sight` asks for it."""
    return lambda metric, limit, side, within: pd.Series(
        {each.borrower_id: breach(each, metric, limit, side, within) for each in drawn}, dtype=float
    )
