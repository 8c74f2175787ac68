"""Forecasts of many short seasonal series at once, on arrays (rows are series, columns periods, oldest first).

The forecast is ½(Theta + damped trend) of the seasonally adjusted series (DOMAIN §10.3–4). At fixed parameters
every smoother is linear in the data, so it is two matrices for a length, one for its errors and one for its
forecasts, and thousands of series are a few matrix products. Three things differ from fitting one series at a time:
parameters are averaged over a grid, weighted by fit; seasonal indices are shrunk by how much seasonality the series
itself shows, not switched by a test; one wild point or shift of level is told from noise and taken out before fitting.

Why a batch: statsmodels, the suite's forecasting library, fits one series of one length in 5–30 ms; a book of a
thousand borrowers with sixty items and eight rolling origins is half a million fits. At fixed parameters these
smoothers equal statsmodels' ThetaModel and Holt (tests/analysis/test_forecasting.py); `make bench-forecast` measures
speed and accuracy beside it.

All constants were chosen on one random half of the M1 and M3 quarterly series and of 330 US firms' items, and checked
on the other half.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import lru_cache
from itertools import product
from typing import NamedTuple

import numpy as np
from scipy.special import stdtrit

FEWEST, LONGEST, ORIGINS, TRAIN = 8, 40, 8, 6
# Smoothing of Theta's level; (smoothing of level, of trend as a share of it, damping a period; 1 = not damped).
THETA = (0.1, 0.3, 0.5, 0.7, 0.9, 1.0)
DAMPED = tuple(product((0.1, 0.3, 0.6, 1.0), (0.02, 0.1, 0.3, 0.6), (0.8, 0.9, 1.0)))
# What seasonal indices are weighed by: (level drift as a share of noise, slope drift, damping, first slope) ×
# (size of the seasonal pattern, its drift a year, how likely beforehand), in units of the one-period noise.
TRENDS = ((0.2, 0.02, 0.9, 0.1), (1.0, 0.2, 0.8, 0.4))
SEASONS = ((0.0, 0.0, 0.4), (0.3, 0.03, 0.2), (2.0, 0.1, 0.2), (20.0, 1.0, 0.2))
# Evidence (log likelihood) for a wild point or a shift; a wild last point may be a new level, so half of it stays.
EVIDENCE, ROUNDS, LAST_SHARE, SHIFTS = 12.0, 2, 0.5, (2, 8)


class Smoothers(NamedTuple):
    """A family of smoothers for one length n: `errors` (g, n, n) and `forecasts` (g, horizon, n) map data to them."""

    errors: np.ndarray
    forecasts: np.ndarray


@lru_cache(maxsize=256)
def theta(length: int, horizon: int, alphas: tuple[float, ...] = THETA) -> Smoothers:
    """The Theta method (θ = 2): simple exponential smoothing from the first value plus half the OLS slope."""
    alpha = np.array(alphas)[:, None]
    level, unit = np.tile(np.eye(length)[0], (len(alphas), 1)), np.eye(length)
    errors = np.empty((len(alphas), length, length))
    for t in range(length):
        errors[:, t] = unit[t] - level
        level = level + alpha * errors[:, t]
    centred = np.arange(length) - (length - 1) / 2
    drift = np.arange(horizon) + (1 - (1 - alpha) ** length) / alpha
    half_slope = 0.5 * centred / (centred @ centred)
    return Smoothers(errors, level[:, None, :] + drift[:, :, None] * half_slope)


@lru_cache(maxsize=256)
def damped_trend(length: int, horizon: int, settings: tuple[tuple[float, float, float], ...] = DAMPED) -> Smoothers:
    """Additive damped trend (Holt, Gardner–McKenzie) from the first level and slope that fit best (least squares)."""
    alpha, share, phi = (column[:, None] for column in np.array(settings).T)
    unit = np.eye(length + 2)
    level, slope = (np.tile(unit[length + i], (len(settings), 1)) for i in (0, 1))
    errors = np.empty((len(settings), length, length + 2))
    for t in range(length):
        expected = level + phi * slope
        errors[:, t] = unit[t] - expected
        level = expected + alpha * errors[:, t]
        slope = phi * slope + alpha * share * errors[:, t]
    ahead = level[:, None, :] + np.cumsum(phi ** np.arange(1, horizon + 1), axis=1)[:, :, None] * slope[:, None, :]
    given, start = errors[:, :, :length], -errors[:, :, length:]
    first = np.linalg.pinv(start) @ given
    return Smoothers(given - start @ first, ahead[:, :, :length] + ahead[:, :, length:] @ first)


class Structures(NamedTuple):
    """Structural models for one length: `precision` (g, n, n) of the data with an unknown level, `seasonal`
    (g, n + horizon, n) that maps data to its expected seasonal part, and `prior` (g,) log weights."""

    precision: np.ndarray
    seasonal: np.ndarray
    prior: np.ndarray


@lru_cache(maxsize=256)
def structures(length: int, horizon: int, season: int) -> Structures:
    """Random-walk level, damped slope and seasonal pattern in every combination of TRENDS and SEASONS."""
    time = np.arange(length + horizon)
    gap = np.subtract.outer(time, time)
    same, years = (gap % season == 0) - 1 / season, np.minimum.outer(time // season, time // season)
    made = []
    for (drift, bend, phi, first), (size, turn, chance) in product(TRENDS, SEASONS if season > 1 else SEASONS[:1]):
        reach = np.concatenate([[0], np.cumsum(phi ** np.arange(1, len(time)))])[np.maximum(gap, 0)]
        trend = drift * np.minimum.outer(time, time) + bend * reach @ reach.T
        trend += first * np.outer(reach[:, 0], reach[:, 0])
        pattern = same * (size + turn * years)
        known = (trend + pattern)[:length, :length] + (1 - drift + 1e-9) * np.eye(length)
        inverse = np.linalg.inv(known)
        level = inverse.sum(axis=0)
        precision = inverse - np.outer(level, level) / level.sum()
        spread = np.linalg.slogdet(known)[1] + np.log(level.sum())
        made.append((precision, pattern[:, :length] @ precision, np.log(chance) - spread / 2))
    return Structures(*(np.array(part) for part in zip(*made, strict=True)))


def _dots(values: np.ndarray) -> np.ndarray:
    return np.einsum("nk,nk->n", values, values)


def _squares(values: np.ndarray, precision: np.ndarray) -> np.ndarray:
    total = np.stack([np.einsum("nk,nk->n", values @ part, values) for part in precision], axis=1)
    return np.maximum(total, 1e-12)


def positive(share: np.ndarray) -> np.ndarray:
    """1 + `share` for changes of a positive figure, bent above zero where it falls by more than half."""
    return np.where(share > -0.5, 1 + share, 0.5 * np.exp(2 * np.minimum(share, 0.0) + 1))


def _apply(weights: np.ndarray, maps: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Each row of `values` through its own weighted mean of `maps`."""
    mixed = (weights @ maps.reshape(len(maps), -1)).reshape(len(values), *maps.shape[1:])
    return np.einsum("nhk,nk->nh", mixed, values)


def _normed(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`values` as distances from their last, at most one in size, and that size (n, 1)."""
    away = values - values[:, -1:]
    size = np.maximum(np.abs(away).max(axis=1, keepdims=True), 1e-300)
    return away / size, size


def _shares(log_weights: np.ndarray) -> np.ndarray:
    weights = np.exp(log_weights - log_weights.max(axis=1, keepdims=True))
    return weights / weights.sum(axis=1, keepdims=True)


def seasonal_part(values: np.ndarray, horizon: int, season: int) -> np.ndarray:
    """The seasonal part of each row and of the `horizon` periods after it, shrunk: (n, length + horizon)."""
    length = values.shape[1]
    if season == 1:
        return np.zeros((len(values), length + horizon))
    models = structures(length, horizon, season)
    away, size = _normed(values)
    likelihood = models.prior - (length - 1) / 2 * np.log(_squares(away, models.precision))
    return _apply(_shares(likelihood), models.seasonal, away) * size


def _averaged(away: np.ndarray, family: Smoothers) -> tuple[np.ndarray, np.ndarray]:
    """Forecasts (n, horizon) and mean squared one-step error (n,), smoothers weighted by fit."""
    length = away.shape[1]
    squares = np.stack([_dots(away @ part.T) for part in family.errors], axis=1)
    shares = _shares(-length / 2 * np.log(squares + 1e-12))
    return _apply(shares, family.forecasts, away), (shares * squares).sum(axis=1) / length


class Path(NamedTuple):
    """Expected values (n, horizon) and the usual one-step error (n,)."""

    mean: np.ndarray
    usual: np.ndarray


def path(values: np.ndarray, multiplicative: np.ndarray, horizon: int, season: int) -> Path:
    """½(Theta + damped trend) of each seasonally adjusted row; `multiplicative` rows (n,) have factors, else sums."""
    length, times = values.shape[1], multiplicative[:, None]
    part = seasonal_part(np.log(values, where=times, out=values.copy()), horizon, season)
    factor, shift = np.exp(np.where(times, part, 0.0)), np.where(times, 0.0, part)
    adjusted = values / factor[:, :length] - shift[:, :length]
    away, size = _normed(adjusted)
    (theta_mean, theta_error), (damped_mean, damped_error) = (
        _averaged(away, make(length, horizon)) for make in (theta, damped_trend)
    )
    change, last = (theta_mean + damped_mean) / 2 * size, adjusted[:, -1:]
    share = np.divide(change, last, out=np.zeros_like(change), where=times)
    mean = np.where(times, last * positive(share), last + change) + shift[:, length:]
    usual = np.sqrt((theta_error + damped_error) / 2) * size[:, 0]
    return Path(mean * factor[:, length:], usual)


def treat(values: np.ndarray, season: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows without wild points and with what lies before a late shift of level moved to the new level.

    Returns the treated rows, the number of wild points (n,) and the periods since the shift (n,), 0 = none.
    """
    length = values.shape[1]
    models, treated = structures(length, 1, season), values.copy()
    wild, since = np.zeros(len(values), int), np.zeros(len(values), int)
    held = np.arange(SHIFTS[0], min(SHIFTS[1], length - 4) + 1)
    steps = np.arange(length)[:, None] < length - held
    shapes = np.hstack([np.eye(length), steps])
    shown = models.precision @ shapes
    sure = np.einsum("tc,gtc->gc", shapes, shown)
    rows = np.arange(len(values))
    for _ in range(ROUNDS):
        away, size = _normed(treated[rows])
        found = np.stack([away @ part for part in shown], axis=1)
        squares = _squares(away, models.precision)
        left = np.maximum(squares[:, :, None] - found**2 / sure, 1e-12)
        plain = (models.prior - (length - 1) / 2 * np.log(squares)).max(axis=1)
        better = models.prior[:, None] - (length - 1) / 2 * np.log(left)
        shape = better.max(axis=1).argmax(axis=1)
        hit = np.flatnonzero(better.max(axis=(1, 2)) > plain + EVIDENCE)
        rows, shape = rows[hit], shape[hit]
        model = better[hit, :, shape].argmax(axis=1)
        effect = found[hit, model, shape] / sure[model, shape] * size[hit, 0]
        effect = np.where(shape == length - 1, LAST_SHARE * effect, effect)
        treated[rows] -= effect[:, None] * shapes[:, shape].T
        wild[rows] += shape < length
        shifted = shape >= length
        since[rows[shifted]] = held[shape[shifted] - length]
    return treated, wild, since


@dataclass(frozen=True)
class Rolled:
    """Forecasts from the end of each row and, to measure the method, from up to ORIGINS earlier ends.

    `paths` (n, ORIGINS + 1, horizon) begin with the end itself; `treated` (n, length) are the values the method
    saw, `usual` (n,) the usual one-step error, `wild` (n,) the number of wild points and `since` (n,) the periods
    since a shift of level, 0 = none. What an origin cannot have is NaN.
    """

    paths: np.ndarray
    treated: np.ndarray
    usual: np.ndarray
    wild: np.ndarray
    since: np.ndarray


def roll(values: np.ndarray, horizon: int, season: int) -> Rolled:
    """Forecast rows of one length, without gaps, from their end and from earlier ends."""
    length, multiplicative = values.shape[1], (values > 0).all(axis=1)
    times = multiplicative[:, None]
    treated, wild, since = treat(np.log(values, where=times, out=values.copy()), season)
    treated = np.where(times, np.exp(np.where(times, treated, 0.0)), treated)
    backs = range(min(ORIGINS, length - TRAIN) + 1)
    ahead = [path(treated[:, : length - back], multiplicative, horizon, season) for back in backs]
    paths = np.full((len(values), ORIGINS + 1, horizon), np.nan)
    paths[:, : len(ahead)] = np.stack([part.mean for part in ahead], axis=1)
    return Rolled(paths, treated, ahead[0].usual, wild, since)


# A band is Student's t with TAIL degrees of freedom; its scale an average error in which the usual error counts as
# OWN observations, and each horizon's own errors are drawn towards the common growth √h as by SHARED observations.
# SCALE and FEW (more where origins are few) bring the nominal 80 % to 80 %. What was taken out as wild or shifted is in
# no past error, yet such a series startles again (80 % covered 55–70 %): its band is STARTLED times as wide.
OWN, SHARED, TAIL, SCALE, FEW, STARTLED = 2.0, 5.0, 3.0, 1.03, 0.3, 1.6


def misses(actual: np.ndarray, paths: np.ndarray) -> np.ndarray:
    """What came, `actual` (n, length), less what was forecast (`paths`, see Rolled): (n, ORIGINS, horizon)."""
    back, step = np.arange(1, paths.shape[1])[:, None], np.arange(paths.shape[2])
    at = actual.shape[1] - back + step
    came = actual[:, np.clip(at, 0, actual.shape[1] - 1)]
    return np.where((step < back) & (at >= 0), came, np.nan) - paths[:, 1:]


def spread(missed: np.ndarray, usual: np.ndarray) -> np.ndarray:
    """The scale (n, horizon) of a forecast's error from its rolling-origin errors and the usual one-step error (n,)."""
    size, known = np.abs(np.nan_to_num(missed)), ~np.isnan(missed)
    growth, origins = np.sqrt(np.arange(1, missed.shape[2] + 1)), known[:, :, 0].sum(axis=1)
    first = OWN * usual + (size / growth).sum(axis=(1, 2))
    common = first[:, None] / (OWN + known.sum(axis=(1, 2)))[:, None] * growth
    own = (SHARED * common + size.sum(axis=1)) / (SHARED + known.sum(axis=1))
    return own * (SCALE + FEW / np.maximum(origins, 1))[:, None]


def mase(actual: np.ndarray, missed: np.ndarray, season: int) -> np.ndarray:
    """Mean absolute rolling-origin error over that of seasonal naive at the same ends and horizons (n,)."""
    back, step = np.arange(1, missed.shape[1] + 1)[:, None], np.arange(missed.shape[2])
    same = actual.shape[1] - back - season + step % season
    naive = np.where(same >= 0, actual[:, np.maximum(same, 0)], np.nan)
    missed_by_naive = misses(actual, np.concatenate([naive[:, :1], naive], axis=1))
    both = ~np.isnan(missed) & ~np.isnan(missed_by_naive)
    ours, naives = (np.abs(np.where(both, part, 0)).sum(axis=(1, 2)) for part in (missed, missed_by_naive))
    return np.divide(ours, naives, out=np.full(len(ours), np.nan), where=naives > 0)


def quantile(level: float) -> float:
    """Half the width of a central band of `level`, in units of `spread`."""
    return float(stdtrit(TAIL, (1 + level) / 2))


def shocks(horizon: int, draws: int, seed: int) -> np.ndarray:
    """Error paths (draws, horizon, ORIGINS) in units of `spread`, each with its opposite, none first (draws odd).

    Shocks accumulate (correlation √(i/j)) and have heavy tails. A series takes the mix of them given by `Fit.shape`,
    so that series that erred together at past origins err together again.
    """
    random = np.random.default_rng(seed)
    walk = np.cumsum(random.standard_normal((draws // 2, horizon, ORIGINS)), axis=1)
    walk /= np.sqrt(np.arange(1, horizon + 1))[:, None]
    walk *= np.sqrt(TAIL / random.chisquare(TAIL, draws // 2))[:, None, None]
    return np.concatenate([np.zeros((1, horizon, ORIGINS)), walk, -walk])


@dataclass(frozen=True)
class Fit:
    """What `fit` found for n series.

    `paths` (n, ORIGINS + 1, horizon) expected values from the end and from earlier ends, `scale` (n, horizon) the
    spread of the error, `shape` (n, ORIGINS) the past one-step errors at length one, `floor` (n,) 'positive', 'zero'
    or '' (what the series never fell below), `count` (n,) the points used (0: the last one is missing), `mase`,
    `wild` and `since` (n,) as in `mase` and `Rolled`. Rows with fewer than FEWEST points are NaN.
    """

    paths: np.ndarray
    scale: np.ndarray
    shape: np.ndarray
    floor: np.ndarray
    count: np.ndarray
    mase: np.ndarray
    wild: np.ndarray
    since: np.ndarray

    @property
    def mean(self) -> np.ndarray:
        """Expected values (n, horizon)."""
        return self.paths[:, 0]

    def take(self, rows: slice) -> Fit:
        """The same of some series."""
        return Fit(*(getattr(self, each.name)[rows] for each in fields(self)))

    def at(self, units: np.ndarray | float) -> np.ndarray:
        """The expected values moved by `units` (n, draws, horizon or a number) of spread: (n, draws, horizon)."""
        mean, floor = self.paths[:, :1], self.floor[:, None, None]
        moved = units * self.scale[:, None]
        share = np.divide(moved, mean, out=np.zeros_like(moved + mean), where=mean > 0)
        plain = np.where(floor == "zero", np.maximum(mean + moved, 0.0), mean + moved)
        return np.where(floor == "positive", mean * positive(share), plain)


def fit(values: np.ndarray, horizon: int, season: int) -> Fit:
    """Forecast every row of `values` (n, width), the newest on the right, NaN where missing.

    A row counts from behind its last gap of a year or more (at most LONGEST periods); shorter gaps are bridged, and
    what was bridged is never used to measure an error.
    """
    values = values[:, -LONGEST:]
    count, known = len(values), ~np.isnan(values)
    start = _starts(known, max(season, 2))
    used = (known & (np.arange(values.shape[1]) >= start[:, None])).sum(axis=1)
    found = Fit(
        *(np.full((count, *shape), np.nan) for shape in ((ORIGINS + 1, horizon), (horizon,))),
        *(np.zeros((count, ORIGINS)), _floors(values), used, np.full(count, np.nan)),
        *(np.zeros(count, int) for _ in range(2)),
    )
    for first in np.unique(start[used >= FEWEST]):
        rows = np.flatnonzero((start == first) & (used >= FEWEST))
        _fit_rows(found, rows, values[rows, first:], season)
    return found


def _fit_rows(found: Fit, rows: np.ndarray, values: np.ndarray, season: int) -> None:
    rolled = roll(_bridged(values, season), found.paths.shape[2], season)
    actual = np.where(np.isnan(values), np.nan, rolled.treated)
    missed = misses(actual, rolled.paths)
    startled = 1 + (STARTLED - 1) * ((rolled.wild > 0) | (rolled.since > 0))[:, None]
    found.paths[rows], found.scale[rows] = rolled.paths, startled * spread(missed, rolled.usual)
    found.mase[rows], found.wild[rows], found.since[rows] = mase(actual, missed, season), rolled.wild, rolled.since
    one_step = np.nan_to_num(missed[:, :, 0])
    one_step[np.abs(one_step).max(axis=1) == 0, 0] = 1.0  # a series that never erred shares no shock with others
    one_step /= np.abs(one_step).max(axis=1, keepdims=True)
    found.shape[rows] = one_step / np.sqrt((one_step**2).sum(axis=1, keepdims=True))


def _floors(values: np.ndarray) -> np.ndarray:
    lowest = np.nanmin(np.where(np.isnan(values), np.inf, values), axis=1)
    return np.where(lowest > 0, "positive", np.where(lowest == 0, "zero", ""))


def _starts(known: np.ndarray, longest_gap: int) -> np.ndarray:
    """Where each row begins: at its first point behind its last long gap; past its end where the last is missing."""
    time = np.arange(known.shape[1])
    before = np.maximum.accumulate(np.where(known, time, -longest_gap - 1), axis=1)
    gap = time - np.concatenate([np.full((len(known), 1), -longest_gap - 1), before[:, :-1]], axis=1) - 1
    start = np.where(known & (gap >= longest_gap), time, 0).max(axis=1, initial=0)
    return np.where(known[:, -1], start, known.shape[1])


def _bridged(values: np.ndarray, season: int) -> np.ndarray:
    """Gaps filled with the same season's neighbours and the usual yearly change, else with a straight line."""
    filled = values.copy()
    for row in np.flatnonzero(np.isnan(values).any(axis=1)):
        one, gaps = values[row], np.flatnonzero(np.isnan(values[row]))
        changes = (one[season:] - one[:-season])[~np.isnan(one[season:] - one[:-season])]
        change, padded = np.median(changes) if len(changes) else 0.0, np.pad(one, season, constant_values=np.nan)
        sides = np.array([padded[gaps] + change, padded[gaps + 2 * season] - change])
        sides = np.where(np.isnan(sides), sides[::-1], sides)
        straight = np.interp(gaps, np.flatnonzero(~np.isnan(one)), one[~np.isnan(one)])
        filled[row, gaps] = np.where(np.isnan(sides[0]), straight, sides.mean(axis=0))
        if np.nanmin(one) > 0:
            filled[row, gaps] = np.where(filled[row, gaps] > 0, filled[row, gaps], straight)
    return filled
