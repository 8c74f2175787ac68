"""`make bench-forecast`: our forecasts beside the methods of statsmodels, on series that nobody here made up.

Quarterly series of the M1 and M3 competitions cut to their last 12–32 training points, and quarterly revenue of US
firms cut to 12 (short and strongly seasonal: where a seasonality test sees nothing, all but seasonal naive fail).
MASE at h = 1–4 over the in-sample seasonal-naive error of the same window, and the coverage of nominal intervals.
One random half of the series served to choose the constants of `analysis/forecasting.py`, the other to check them.
Reads Parquet, so it needs pyarrow or fastparquet, which the suite itself does not. Never a test.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import norm
from statsmodels.tsa.exponential_smoothing.ets import ETSModel
from statsmodels.tsa.forecasting.theta import ThetaModel

from postloan.analysis import forecasting

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
HORIZON, SEASON, LENGTHS = 4, 4, (12, 16, 20, 24, 32)
LEVELS = (0.80, 0.95)
SHAPES = ((None, False), ("add", False), ("add", True))  # ETS trends: none, straight, damped
Bands = np.ndarray  # (5, HORIZON): mean, lower and upper 80 %, lower and upper 95 %


def competition(length: int) -> tuple[np.ndarray, np.ndarray]:
    """Training windows (n, length) and what came after them (n, HORIZON) of the M1 and M3 quarterly series."""
    values = pd.read_parquet(DATA / "series" / "values.parquet")
    meta = pd.read_csv(DATA / "series" / "meta.csv")
    values = values.merge(meta.loc[meta["freq"] == "quarterly", ["collection", "series"]])
    parts = [part for _, part in values.groupby(["collection", "series"], sort=True)]
    cut = [(part.loc[part["part"] == "train", "value"], part.loc[part["part"] == "test", "value"]) for part in parts]
    kept = [(train.to_numpy()[-length:], test.to_numpy()[:HORIZON]) for train, test in cut if len(train) >= length]
    return np.array([train for train, _ in kept]), np.array([test for _, test in kept])


def firms(length: int, item: str = "revenue") -> tuple[np.ndarray, np.ndarray]:
    """The same of US firms' quarters of one item, cut at a place drawn by firm."""
    quarters, random = pd.read_parquet(DATA / "us_quarterly" / "quarterly_items.parquet"), np.random.default_rng(1)
    train, test = [], []
    for _, part in quarters.groupby("ticker", sort=True):
        values = part.sort_values("period_end")[item].dropna().to_numpy(float)
        if len(values) >= length + HORIZON:
            start = random.integers(0, len(values) - length - HORIZON + 1)
            window = values[start : start + length + HORIZON]
            train.append(window[:length])
            test.append(window[length:])
    return np.array(train), np.array(test)


def seasonal(values: np.ndarray) -> bool:
    """The M4 organisers' test: autocorrelation at the season beyond its 90 % limit."""
    away = values - values.mean()
    acf = np.array([away[lag:] @ away[: len(away) - lag] for lag in range(SEASON + 1)]) / (away @ away + 1e-300)
    return abs(acf[SEASON]) > norm.ppf(0.95) * np.sqrt((1 + 2 * (acf[1:SEASON] ** 2).sum()) / len(values))


def adjusted(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A series without its season, by classical decomposition where the test sees one, and the factors of all steps."""
    if not seasonal(values) or (values <= 0).any():
        return values, np.ones(len(values) + HORIZON)
    trend = np.convolve(values, np.array([0.5, 1, 1, 1, 0.5]) / 4, "valid")
    ratio, place = values[2:-2] / trend, np.arange(len(values) + HORIZON) % SEASON
    index = np.array([ratio[place[2 : len(values) - 2] == quarter].mean() for quarter in range(SEASON)])
    factors = (index / index.mean())[place]
    return values / factors[: len(values)], factors


def around(mean: np.ndarray, deviation: np.ndarray) -> Bands:
    """A normal band of each level around a mean."""
    ends = [mean + sign * norm.ppf((1 + level) / 2) * deviation for level in LEVELS for sign in (-1, 1)]
    return np.array([mean, *ends])


def seasonal_naive(values: np.ndarray) -> Bands:
    """The same quarter of last year."""
    return around(values[-SEASON:], np.sqrt(np.mean((values[SEASON:] - values[:-SEASON]) ** 2)))


def _fitted(model: ETSModel, factors: np.ndarray) -> tuple[float, Bands]:
    fit = model.fit(disp=False)
    deviation = np.sqrt(
        np.asarray(fit.get_prediction(len(model.endog), len(model.endog) + HORIZON - 1).forecast_variance)
    )
    return fit.aicc, around(np.asarray(fit.forecast(HORIZON)), deviation) * factors[-HORIZON:]


def theta(values: np.ndarray) -> Bands:
    """ThetaModel of the seasonally adjusted series."""
    left, factors = adjusted(values)
    fit = ThetaModel(pd.Series(left), period=SEASON, deseasonalize=False).fit()
    ends = [fit.prediction_intervals(HORIZON, alpha=1 - level).to_numpy().T for level in LEVELS]
    return np.array([fit.forecast(HORIZON).to_numpy(), *ends[0], *ends[1]]) * factors[-HORIZON:]


def damped(values: np.ndarray) -> Bands:
    """ETS(A, Ad, N) of the seasonally adjusted series."""
    left, factors = adjusted(values)
    return _fitted(ETSModel(pd.Series(left), trend="add", damped_trend=True), factors)[1]


def ets(values: np.ndarray) -> Bands:
    """The additive ETS with the smallest AICc, with or without a season of its own."""
    found = []
    for trend, damped_trend in SHAPES:
        for season in (None, "add"):
            shape = {"seasonal": season, "seasonal_periods": SEASON if season else None}
            model = ETSModel(pd.Series(values), trend=trend, damped_trend=damped_trend, **shape)
            found.append(_fitted(model, np.ones(HORIZON)))
    return min(found, key=lambda pair: pair[0])[1]


def plain_half(values: np.ndarray) -> Bands:
    """½(Theta + damped) without anything of ours; it has no interval of its own."""
    bands = (theta(values) + damped(values)) / 2
    bands[1:] = np.nan
    return bands


METHODS: dict[str, Callable[[np.ndarray], Bands]] = {
    "seasonal naive": seasonal_naive,
    "theta": theta,
    "damped": damped,
    "ets": ets,
    "plain half": plain_half,
}


def ours(train: np.ndarray) -> np.ndarray:
    """The suite's forecast of all rows at once: (n, 5, HORIZON)."""
    found = forecasting.fit(train, HORIZON, SEASON)
    units = [sign * forecasting.quantile(level) for level in LEVELS for sign in (-1, 1)]
    return np.stack([found.mean, *(found.at(unit)[:, 0] for unit in units)], axis=1)


def scored(bands: np.ndarray, train: np.ndarray, test: np.ndarray) -> tuple[float, float, float]:
    """Mean MASE and the share inside the 80 % and 95 % band."""
    scale = np.abs(train[:, SEASON:] - train[:, :-SEASON]).mean(axis=1)
    fair = scale > 0
    error = (np.abs(bands[:, 0] - test).mean(axis=1)[fair] / scale[fair]).mean()
    inside = [((test >= bands[:, low]) & (test <= bands[:, low + 1])).mean() for low in (1, 3)]
    return float(error), float(inside[0]), float(inside[1])


def one_by_one(method: Callable[[np.ndarray], Bands], train: np.ndarray) -> np.ndarray:
    """A method of statsmodels on each row; a fit that fails falls back on seasonal naive."""
    bands = []
    for row in train:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            try:
                bands.append(method(row))
            except (ValueError, np.linalg.LinAlgError):
                bands.append(seasonal_naive(row))
    return np.array(bands)


def compare(name: str, train: np.ndarray, test: np.ndarray) -> None:
    """Print one cell of the table: every method's MASE and coverage, and how much faster the batch is."""
    start = time.perf_counter()
    told = {"ours": scored(ours(train), train, test)}
    batch = time.perf_counter() - start
    for method, make in METHODS.items():
        start = time.perf_counter()
        told[method] = scored(one_by_one(make, train), train, test)
        if method == "plain half":
            told["ours"] += ((time.perf_counter() - start) / batch,)
    shown = "  ".join(f"{method} {found[0]:.3f} ({found[1]:.2f}/{found[2]:.2f})" for method, found in told.items())
    print(f"{name:>12} n={len(train):>4}: {shown}  batch {told['ours'][3]:.0f} x faster")


def whole(name: str, train: np.ndarray, test: np.ndarray) -> None:
    """Print our own line on all series: of a sample of 200 the coverage is sure to two points only."""
    error, *inside = scored(ours(train), train, test)
    print(f"{name:>12} n={len(train):>4}: ours {error:.3f} ({inside[0]:.3f}/{inside[1]:.3f})")


def main(sample: int) -> None:
    """Ours on all series of every length and on US firms at twelve points; then beside others on a random sample."""
    random = np.random.default_rng(2)
    cells = {**{f"M1+M3, {length}": competition(length) for length in LENGTHS}, "US firms, 12": firms(12)}
    for name, (train, test) in cells.items():
        whole(name, train, test)
    for name, (train, test) in cells.items():
        kept = random.permutation(len(train))[:sample]
        compare(name, train[kept], test[kept])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sample", type=int, default=200, help="series a length")
    main(parser.parse_args().sample)
