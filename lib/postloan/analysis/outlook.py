"""Where figures are heading, with honest bands, and the chance that a ratio crosses a limit (DOMAIN §10).

A ratio is never extrapolated itself. The items of its formula are forecast (single quarters of flows, balances) by
`forecasting`, drawn together as they erred together in the past, and each draw becomes a borrower of its own in a
panel, on which the ratio's own formula is evaluated. Borrowers without quarterly statements are forecast in years.
Draws have one seed: the same statements give the same forecast.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import pandas as pd

from postloan import chart
from postloan.analysis import forecasting, formulas, ratios
from postloan.analysis.periods import Panel
from postloan.analysis.worlds import Basis, Worlds
from postloan.errors import ContractError
from postloan.glance import Glance
from postloan.measures import Measure

COLUMNS = ["borrower_id", "metric", "period_end", "mean", "lower", "upper", "level", "method", "mase", "reason"]
LEVELS = (0.8, 0.95)
DRAWS, SEED = 401, 20_240  # draws (the first is the expected path)
AT_ONCE = 200  # borrowers drawn together: what bounds memory
_METHOD = {3: "theta_damped_quarters", 12: "theta_damped_years"}
_MAIN = ("total_assets", "revenue", "net_profit", "cfo")  # what makes a period one that was reported
_WILD = 3.0  # past errors of so many times those of repeating last year: no forecast is better
_DEFINED = 0.5  # a ratio that fewer draws than this share can form has no forecast
_QUARTERLY = (8, 6)  # of so many newest periods so many with quarters: forecast in quarters


@dataclass(frozen=True, repr=False)
class Draws(Glance):
    """The simulated futures of one borrower: `values[metric]` is (draws, horizon), the first row the expected path.

    `step` are the months of a period, `days` the period ends to come; `reason` says why a metric has no values.
    """

    borrower_id: str
    step: int
    days: pd.DatetimeIndex
    values: dict[str, np.ndarray]
    mase: dict[str, float]
    reason: dict[str, str]

    def glance(self) -> tuple[str, list[pd.DataFrame]]:
        """Whose and how far; then the 80 % bands, the method and its past error beside repeating last year (mase)."""
        told = table(self).query("level == 0.8").drop(columns=["borrower_id", "level"])
        until = f" to {self.days[-1]:%Y-%m-%d}" if len(self.days) else ""
        head = f"{self.borrower_id}: {len(told['metric'].unique())} figures drawn {len(self.days)} periods ahead{until}"
        return f"{head}, one every {self.step} months; 80 % bands, mase below 1 beats repeating last year", [told]


def draw(
    panel: Panel, borrower_id: str, metrics: list[str] | dict[str, str], *, horizon: int = 4, day_basis: int = 360
) -> Draws:
    """Simulate one borrower's ratios so many quarters ahead (years, where it files no quarters).

    `metrics` are ids of ratios, or formulas by the name each is to have; values in the ratio's own unit.
    Fewer than eight periods: no model, and the reason says so. `mase` sets the error at past origins beside that of
    repeating the same period of last year. Example: `outlook.draw(panel, "S0003", ["current_ratio"], horizon=8)`.
    """
    return next(draw_each(panel, metrics, horizon=horizon, day_basis=day_basis, borrowers=[borrower_id]))


def draw_each(
    panel: Panel,
    metrics: list[str] | dict[str, str],
    *,
    horizon: int = 4,
    day_basis: int = 360,
    borrowers: list[str] | None = None,
) -> Iterator[Draws]:
    """Simulate every borrower of a panel (or those named), those with as many periods together; each equals `draw`.

    Borrowers are fitted and drawn AT_ONCE at a time, so that memory does not grow with the panel: take from each
    what is needed (`chances`) and let it go. ContractError for a borrower that the panel lacks.
    """
    texts = metrics if isinstance(metrics, dict) else {name: ratios.FORMULAS[name] for name in metrics}
    for step, alike in _about(panel, borrowers).groupby("step"):
        ordered = alike.iloc[np.argsort((alike["last"] - alike["first"]).to_numpy(), kind="stable")]
        for start in range(0, len(ordered), AT_ONCE):
            basis = Basis(int(step), day_basis, panel.average_points)
            yield from _drawn(panel, ordered.iloc[start : start + AT_ONCE], texts, horizon, basis)


def _about(panel: Panel, borrowers: list[str] | None) -> pd.DataFrame:
    """By borrower: `first` and `last` period key, the day of the last, and `step`, the months a period."""
    rows, quarter = panel.rows, panel.view("quarter")
    if borrowers is not None:
        rows = rows[rows["borrower_id"].isin(borrowers)]
        if unknown := sorted({*borrowers} - {*rows["borrower_id"]}):
            raise ContractError(f"no statements of {unknown} in the panel")
    flows = [item for item in quarter if item in chart.flows()]
    newest = rows.groupby("borrower_id", sort=False).cumcount(ascending=False) < _QUARTERLY[0]
    filed = quarter.loc[newest[newest].index, flows].notna().any(axis=1)
    told = rows.assign(key=rows.index, filed=filed.reindex(rows.index, fill_value=False)).groupby(
        "borrower_id", sort=False
    )
    told = told.agg(first=("key", "first"), last=("key", "last"), end=("period_end", "last"), filed=("filed", "sum"))
    return told.assign(step=np.where(told["filed"] >= _QUARTERLY[1], 3, 12))


class _History(NamedTuple):
    """What is known of borrowers of one step: `past[item]` (n, LONGEST), `count` (n,) periods from first to last."""

    past: dict[str, np.ndarray]
    count: np.ndarray


def _history(panel: Panel, about: pd.DataFrame, wanted: tuple[str, ...], step: int) -> _History:
    """The wanted items on each borrower's own periods (flows of the period, balances at its end), those unknown in
    the newest period left out."""
    first, last = (about[name].to_numpy()[:, None] for name in ("first", "last"))
    keys = last - step * np.arange(forecasting.LONGEST)[::-1]
    place = np.where(keys >= first, panel.rows.index.get_indexer(keys.ravel()).reshape(keys.shape), -1)
    flow, stock, flows = panel.view("quarter" if step == 3 else "ttm"), panel.view("end"), chart.flows()
    past = {}
    for item in wanted:
        frame = flow if item in flows else stock
        if item in frame:
            values = np.where(place >= 0, frame[item].to_numpy(float)[place], np.nan)
            past[item] = np.where(np.isnan(values[:, -1:]), np.nan, values)
    return _History(past, (keys >= first).sum(axis=1))


@lru_cache(maxsize=64)
def _needed(texts: tuple[str, ...]) -> tuple[str, ...]:
    """The items that the formulas need, composites taken apart, in the order of the chart."""
    composites = {**chart.composites("stock"), **chart.composites("flow")}
    asked = [leaf.partition(".")[2] for text in texts for leaf in formulas.leaves(text)]
    wanted = set(_MAIN)
    while asked:
        item = asked.pop()
        inner = composites[item].derive if item in composites else ()
        asked += [part for text in inner for part in re.findall(r"[a-z]\w*", text)]
        wanted.add(item)
    return tuple(item for item in chart.items() if item in wanted)


def _drawn(panel: Panel, about: pd.DataFrame, texts: dict[str, str], horizon: int, basis: Basis) -> Iterator[Draws]:
    """The futures of borrowers with the same months a period."""
    steps, season = max(1, round(horizon * 3 / basis.step)), 12 // basis.step
    history = _history(panel, about, _needed(tuple(texts.values())), basis.step)
    modelled = (history.count >= forecasting.FEWEST) & np.any(
        [~np.isnan(values[:, -1]) for values in history.past.values()], axis=0
    )
    history = _History({item: values[modelled] for item, values in history.past.items()}, history.count[modelled])
    made = _evaluated(history, texts, steps, basis) if modelled.any() else {}
    errors = {name: _mase(part, season) for name, part in made.items()}
    place, days = np.cumsum(modelled) - 1, _days(about["end"], steps, basis.step)
    for row, name in enumerate(about.index):
        none = Draws(name, basis.step, pd.DatetimeIndex(days[row]), {}, {}, {})
        if modelled[row]:
            values = {each: (part.ahead[place[row]], errors[each][place[row]]) for each, part in made.items()}
            yield _told(none, values)
        else:
            none.reason.update(dict.fromkeys(texts, "too_short"))
            yield none


def _days(ends: pd.Series, steps: int, step: int) -> np.ndarray:
    """The month ends to come, counted from the month end nearest to each borrower's newest period: (n, steps)."""
    months = (ends - pd.Timedelta(days=15)).to_numpy("datetime64[M]")[:, None] + step * np.arange(1, steps + 1)
    return ((months + 1).astype("datetime64[D]") - np.timedelta64(1, "D")).astype("datetime64[us]")


class _Futures(NamedTuple):
    """A metric on every draw, from every past origin, and what came in the periods that origins look at.

    `ahead` (n, draws, steps), `origins` (n, ORIGINS, steps) and `came` (n, ORIGINS + a year).
    """

    ahead: np.ndarray
    origins: np.ndarray
    came: np.ndarray


def _evaluated(history: _History, texts: dict[str, str], steps: int, basis: Basis) -> dict[str, _Futures]:
    count, past = len(history.count), history.past
    fit = forecasting.fit(np.concatenate([*past.values()]), steps, 12 // basis.step)
    fits = {item: fit.take(slice(n * count, (n + 1) * count)) for n, item in enumerate(past)}
    ahead = _on(past, lambda item: _paths(fits[item], past[item], steps), texts, (count, DRAWS, steps), basis)
    origins = []
    for back in range(1, forecasting.ORIGINS + 1):
        known = {item: values[:, :-back] for item, values in past.items()}
        shown = {item: _kept(fits[item].paths[:, back], values) for item, values in known.items()}
        found = _on(known, lambda item, shown=shown: shown[item][:, None], texts, (count, 1, steps), basis)
        there = (history.count - back >= forecasting.FEWEST)[:, None]
        origins.append({name: np.where(there, values[:, 0], np.nan) for name, values in found.items()})
    seen = forecasting.ORIGINS + 12 // basis.step
    before = {item: values[:, :-seen] for item, values in past.items()}
    came = _on(before, lambda item: past[item][:, None, -seen:], texts, (count, 1, seen), basis)
    return {
        name: _Futures(ahead[name], np.stack([part[name] for part in origins], axis=1), came[name][:, 0])
        for name in texts
    }


def _kept(future: np.ndarray, past: np.ndarray) -> np.ndarray:
    """Futures (n, …, steps), the last known value where there is no model."""
    last = past[:, -1].reshape(-1, *[1] * (future.ndim - 1))
    return np.where(np.isnan(future), last, future)


@lru_cache(maxsize=16)
def _shocks(steps: int) -> np.ndarray:
    """Error paths as (ORIGINS, draws × steps)."""
    return np.ascontiguousarray(forecasting.shocks(steps, DRAWS, SEED).reshape(-1, forecasting.ORIGINS).T)


def _paths(fit: forecasting.Fit, past: np.ndarray, steps: int) -> np.ndarray:
    """Futures of an item (n, draws, steps); where it is too short for a model it stays where it is."""
    return _kept(fit.at((fit.shape @ _shocks(steps)).reshape(len(past), DRAWS, steps)), past)


def _on(
    past: dict[str, np.ndarray],
    future: Callable[[str], np.ndarray],
    texts: dict[str, str],
    shape: tuple[int, int, int],
    basis: Basis,
) -> dict[str, np.ndarray]:
    """Each metric on the periods to come of every world; missing where no main item is known."""
    worlds = Worlds(past, future, shape, basis)
    judge = ratios.evaluator(worlds, basis.day_basis)
    known = np.logical_or.reduce(np.broadcast_arrays(*(~np.isnan(worlds.at(item, 0)[:, :1]) for item in _MAIN)))
    found = {}
    for name, text in texts.items():
        values = judge.evaluate(text, zero_reason=ratios.NO_INTEREST.get(name)).values
        found[name] = np.where(known, values.reshape(shape), np.nan)
    return found


def _told(none: Draws, made: dict[str, tuple[np.ndarray, float]]) -> Draws:
    for name, (ahead, error) in made.items():
        if np.isnan(ahead[0]).any() or np.isnan(ahead).mean() > 1 - _DEFINED:
            none.reason[name] = "undefined"
        elif error > _WILD:
            none.reason[name] = "wild"
        else:
            none.values[name], none.mase[name] = ahead, float(error)
    return none


def _mase(part: _Futures, season: int) -> np.ndarray:
    """Mean absolute error of the expected path from past origins over that of repeating last year; NaN if untested."""
    back, step = np.arange(1, forecasting.ORIGINS + 1)[:, None], np.arange(part.origins.shape[2])
    start = part.came.shape[1] - back
    came = np.where(step < back, part.came[:, np.minimum(start + step, part.came.shape[1] - 1)], np.nan)
    ours = np.abs(part.origins - came)
    naive = np.abs(part.came[:, start - season + step % season] - came)
    both = ~np.isnan(ours) & ~np.isnan(naive)
    missed, naives = (np.where(both, each, 0.0).sum(axis=(1, 2)) for each in (ours, naive))
    return np.divide(missed, naives, out=np.full(len(missed), np.nan), where=naives > 0)


def table(draws: Draws) -> pd.DataFrame:
    """The `forecasts` table of one borrower: a row a metric, period and level; one with the reason where no model."""
    rows, ends = [], [(1 + side * level) / 2 for level in LEVELS for side in (-1, 1)]
    for name, ahead in draws.values.items():
        about = {"metric": name, "method": _METHOD[draws.step], "reason": None, "mase": draws.mase[name]}
        bands = np.nanquantile(ahead, ends, axis=0).T.reshape(-1, len(LEVELS), 2)
        for day, mean, sides in zip(draws.days, ahead[0], bands, strict=True):
            for level, (low, high) in zip(LEVELS, sides, strict=True):
                told = {"period_end": day, "mean": mean, "lower": low, "upper": high, "level": level}
                rows.append(about | told)
    blank = {"period_end": pd.NaT, "mean": np.nan, "lower": np.nan, "upper": np.nan, "level": 0.8, "mase": np.nan}
    rows += [{"metric": name, "method": "none", "reason": why, **blank} for name, why in draws.reason.items()]
    return pd.DataFrame(rows, columns=COLUMNS).assign(borrower_id=draws.borrower_id)


def breach(draws: Draws, metric: str, limit: float, side: str, within: int) -> float:
    """The chance (0 to 1) that a metric goes `below` or `above` a limit within so many quarters; NaN: no forecast.

    ContractError where the draws do not reach so far.
    """
    if metric not in draws.values:
        return float("nan")
    steps = max(1, round(within * 3 / draws.step))
    if steps > len(draws.days):
        reach = len(draws.days) * draws.step // 3
        raise ContractError(
            f"{metric}: a breach within {within} quarters, but draws reach {reach}; draw with horizon={steps}"
        )
    ahead = draws.values[metric][:, :steps]
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


def chances(
    drawn: Iterable[Draws], asked: Iterable[tuple[str, float, str, int]]
) -> Callable[[str, float, str, int], pd.Series]:
    """The same of draws that come one by one and are not kept: the chances `asked` for (metric, limit, side, within).

    ContractError when another is asked for later.
    """
    asked, ids, told = list(dict.fromkeys(asked)), [], []
    for each in drawn:
        ids.append(each.borrower_id)
        told.append([breach(each, *ask) for ask in asked])
    table = np.array(told, dtype=float).reshape(len(ids), len(asked))
    found = {ask: pd.Series(table[:, n], index=ids, dtype=float) for n, ask in enumerate(asked)}

    def chance_of(*ask: object) -> pd.Series:
        if ask not in found:
            raise ContractError(f"the chance of {ask} was not drawn; drawn: {asked}")
        return found[ask]

    return chance_of
