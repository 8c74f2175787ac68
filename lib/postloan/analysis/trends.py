"""Forecasts of any long table of series, by the method the reports use (`forecasting`); DOMAIN §10.3–4."""

from __future__ import annotations

import numpy as np
import pandas as pd

from postloan.analysis import forecasting
from postloan.errors import ContractError

LEVELS = (0.8, 0.95)
LONGEST = forecasting.LONGEST
BOUNDS = ["lower80", "upper80", "lower95", "upper95"]
RESULT = ["series", "h", "mean", *BOUNDS, "method", "mase", "reason"]
SPARSE = 3  # a series whose points fill less than one in so many of its periods is irregular
_FARTHEST = 10**15  # t: larger whole numbers are no longer told apart


def forecast(series: pd.DataFrame, horizon: int = 4, *, season: int = 4) -> pd.DataFrame:
    """Forecast every series of a long table `series, t, value`, `horizon` periods ahead of its own last value.

    `t` are whole numbers, dates or periods, in any order; `season` is the number of periods a year. Gaps are bridged,
    wild points and shifts of level treated (`method` says so). Below 8 points there is no model: the mean is the last
    value, the bounds the range seen, `reason` says why. `mase` is the error at rolling origins over that of
    repeating last year (1 or more: no better than last year).

    Returns RESULT columns, series in order of appearance; values in the unit given. ContractError lists what is
    missing, is no number or comes twice. Source: DOMAIN §10.3–4. Example: `forecast(table, horizon=4, season=4)`.
    """
    if horizon < 1 or season < 1:
        raise ContractError(f"horizon and season: expected 1 or more, found {horizon} and {season}")
    long, names = _long(series)
    matrix, irregular = _matrix(long, len(names))
    found = forecasting.fit(matrix, horizon, season)
    bands = {name: found.at(units)[:, 0] for name, units in zip(BOUNDS, _units(), strict=True)}
    values = {"mean": found.mean.copy(), **bands}
    modelled = (found.count >= forecasting.FEWEST) & ~irregular
    _without_model(values, matrix, ~modelled)
    points = (~np.isnan(matrix)).sum(axis=1)
    reason = np.where(points == 0, "no_values", np.where(irregular, "irregular", "too_short")).astype(object)
    table = {
        "series": np.repeat(names, horizon),
        "h": np.tile(np.arange(1, horizon + 1), len(names)),
        **{name: value.ravel() for name, value in values.items()},
        "method": np.repeat(_methods(found, matrix, modelled), horizon),
        "mase": np.repeat(np.where(modelled, found.mase, np.nan), horizon),
        "reason": np.repeat(np.where(modelled, None, reason), horizon),
    }
    return pd.DataFrame(table, columns=RESULT)


def _units() -> list[float]:
    return [sign * forecasting.quantile(level) for level in LEVELS for sign in (-1, 1)]


def _methods(found: forecasting.Fit, matrix: np.ndarray, modelled: np.ndarray) -> np.ndarray:
    shown = np.where(found.since > 0, "theta_damped_shifted", "theta_damped")
    shown = np.where((found.since == 0) & (found.wild > 0), "theta_damped_cleaned", shown)
    short = np.where(np.isnan(matrix).all(axis=1), "none", "last_value_range")
    return np.where(modelled, shown, short).astype(object)


def _without_model(values: dict[str, np.ndarray], matrix: np.ndarray, rows: np.ndarray) -> None:
    """Last value and the range seen, where there is more than one value to make a range of."""
    some, known = matrix[rows], ~np.isnan(matrix[rows])
    last = some[:, -1:] if some.shape[1] else np.full((len(some), 1), np.nan)
    low, high = (
        pick(np.where(known, some, fill), axis=1, initial=fill) for pick, fill in ((np.min, np.inf), (np.max, -np.inf))
    )
    ranged = known.sum(axis=1) > 1
    values["mean"][rows] = last
    for name in BOUNDS:
        values[name][rows] = np.where(ranged, low if name.startswith("lower") else high, np.nan)[:, None]


def _long(series: pd.DataFrame) -> tuple[pd.DataFrame, np.ndarray]:
    """The table as series code, t (whole numbers) and value, checked, blanks dropped; and the names of the series."""
    missing = [name for name in ("series", "t", "value") if name not in series]
    if missing:
        raise ContractError(f"series table: missing columns {missing}; found {list(series.columns)}")
    code, names = pd.factorize(series["series"], use_na_sentinel=True)
    if (code < 0).any():
        raise ContractError(f"series table: no series name in row {int(np.argmin(code)) + 1}")
    long = pd.DataFrame({"code": code, "t": _ordinals(series["t"]), "value": _numbers(series["value"])})
    twice = long.duplicated(["code", "t"]).to_numpy()
    if twice.any():
        row = series.iloc[int(np.argmax(twice))]
        raise ContractError(
            f"series table: {int(twice.sum())} rows repeat a series and t; first in row {int(np.argmax(twice)) + 1}: "
            f"series {row['series']!r}, t {row['t']!s}"
        )
    return long[long["value"].notna()].sort_values(["code", "t"]), np.asarray(names, object)


def _matrix(long: pd.DataFrame, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Series as rows, their newest value on the right, NaN in gaps; and which are too irregular to place."""
    placed, irregular = [np.array([])] * count, np.zeros(count, bool)
    for code, mine in long.groupby("code"):
        t = mine["t"].to_numpy()
        step = int(np.gcd.reduce(np.diff(t))) if len(t) > 1 else 1
        place = (t - t[0]) // step
        irregular[code] = place[-1] + 1 > SPARSE * len(t)
        place = np.arange(len(t)) if irregular[code] else place
        placed[code] = np.full(place[-1] + 1, np.nan)
        placed[code][place] = mine["value"].to_numpy()
    matrix = np.full((count, max([1, *(len(row) for row in placed)])), np.nan)
    for code, row in enumerate(placed):
        matrix[code, matrix.shape[1] - len(row) :] = row
    return matrix, irregular


def _numbers(values: pd.Series) -> np.ndarray:
    numbers = pd.to_numeric(values, errors="coerce").astype(float).to_numpy()
    wrong = (np.isnan(numbers) & values.notna().to_numpy()) | np.isinf(numbers)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise ContractError(
            f"series table: {int(wrong.sum())} values are no numbers; row {row + 1}: {values.iloc[row]!r}"
        )
    return numbers


def _ordinals(t: pd.Series) -> np.ndarray:
    """Whole numbers that order `t`: the numbers themselves, months of dates, periods."""
    if t.isna().any():
        raise ContractError(f"series table: no t in row {int(t.isna().to_numpy().argmax()) + 1}")
    if isinstance(t.dtype, pd.PeriodDtype):
        return t.astype("int64").to_numpy()
    numbers = (
        pd.Series(np.nan, t.index) if pd.api.types.is_datetime64_any_dtype(t) else pd.to_numeric(t, errors="coerce")
    )
    if numbers.notna().all() and (numbers % 1 == 0).all():
        if (far := numbers.abs().ge(_FARTHEST).to_numpy()).any():
            row = int(np.argmax(far))
            raise ContractError(f"series table: row {row + 1}: t {t.iloc[row]} is beyond all counting")
        return numbers.astype("int64").to_numpy()
    return _months(t)


def _months(t: pd.Series) -> np.ndarray:
    """Months of dates, of texts that read as dates, and of the ends of quarters written 2024Q1."""
    texts = t.astype(str).str.strip()
    if texts.str.fullmatch(r"\d{4}-?[Qq][1-4]").all():
        days = pd.PeriodIndex(texts.str.upper().str.replace("-", ""), freq="Q").to_timestamp(how="end").to_series()
    else:
        days = pd.to_datetime(t, errors="coerce", format="ISO8601")
    wrong = days.isna().to_numpy()
    if wrong.any():
        row = int(np.argmax(wrong))
        raise ContractError(f"series table: row {row + 1}: t {t.iloc[row]!r} is no whole number, date or quarter")
    months = (days.dt.year * 12 + days.dt.month) if hasattr(days, "dt") else days.year * 12 + days.month
    return np.asarray(months, dtype="int64")
