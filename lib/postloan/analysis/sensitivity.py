"""How borrowers' revenue follows an industry's index: one slope for all, each borrower's own drawn towards it, and
which of the two moves first (DOMAIN §4.6)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import ndtri, stdtr
from statsmodels.regression.linear_model import OLS
from statsmodels.stats.meta_analysis import combine_effects
from statsmodels.stats.multitest import multipletests

from postloan.analysis import environment
from postloan.analysis.periods import Panel

GROWTH = ["borrower_id", "month", "growth"]
BETAS = ["borrower_id", "beta", "low", "high", "quarters", "own", "weight", "reason"]
LAGS = ["lag", "correlation", "count", "effective", "chance", "holds", "reason"]


_SMALLEST = 1e-9  # a slope without error would weigh infinitely


@dataclass(frozen=True)
class Pooled:
    """The slope common to all borrowers: `beta` with its 80 % range (NaN: `reason`), on so many figures of so many
    borrowers over so many periods; `spread` is how far borrowers truly differ; `step` the months a period."""

    beta: float
    low: float
    high: float
    figures: int
    borrowers: int
    periods: int
    spread: float
    step: int
    error: float = np.nan
    reason: str = ""


def revenue_growth(panel: Panel, ids: list[str]) -> tuple[pd.DataFrame, int]:
    """Growth of these borrowers' revenue on the year (GROWTH, share) and the months a period: 3, or 12 where mostly
    years are filed.

    Single quarters, beside the same quarter a year earlier; years, beside the year before. `month` is year × 12 +
    month. Periods without a positive figure a year earlier are left out.
    """
    told = {step: _growth(panel, ids, view) for step, view in ((3, "quarter"), (12, "ttm"))}
    yearly = told[12][told[12].index.isin(_year_ends(panel))]
    return (told[3], 3) if len(told[3]) >= len(yearly) else (yearly, 12)


def _year_ends(panel: Panel) -> pd.Index:
    flows = panel.statements[panel.statements["months"] == 12]
    return pd.Index(panel.keys(flows["borrower_id"], flows["period_end"]))


def _growth(panel: Panel, ids: list[str], view: str) -> pd.DataFrame:
    now, before = panel.view(view), panel.view(f"{view}_1")
    if "revenue" not in now:
        return pd.DataFrame(columns=GROWTH)
    near = panel.rows["period_end"] - pd.Timedelta(days=15)
    share = now["revenue"] / before["revenue"].where(before["revenue"] > 0) - 1
    rows = panel.rows[["borrower_id"]].assign(month=near.dt.year * 12 + near.dt.month, growth=share)
    return rows[rows["borrower_id"].isin(ids)].dropna()


def betas(
    grown: pd.DataFrame, index: pd.Series, step: int, ids: list[str], *, plan: environment.Plan | None = None
) -> tuple[pd.DataFrame, Pooled]:
    """Per cent of revenue growth that goes with a per cent of the index's growth: a row a borrower of `ids` (BETAS),
    and the slope of all (`Pooled`).

    `grown` is `revenue_growth`'s frame, `index` `environment.growth`'s series. The pooled slope is least squares with a
    level for each borrower; its error is clustered by period, since all borrowers share the index, and allows for how
    far borrowers differ. Each borrower's own
    least-squares slope is drawn towards it with the `weight` that the spread between borrowers (DerSimonian–Laird)
    leaves it; a borrower with fewer periods than needed has the pooled slope and the reason few_quarters. NaN with a
    reason where nothing can be told.
    """
    told = (plan or environment.load()).sensitivity
    limit = told.growth_limit
    rows = grown.assign(x=grown["month"].map(index)).dropna(subset=["x", "growth"])
    rows = rows.assign(y=rows["growth"].clip(-limit, limit))
    own = _own(rows)
    enough = own[(own["quarters"] >= told.fewest) & own["error"].notna()]
    pooled = _pooled(rows[rows["borrower_id"].isin(enough.index)], enough, step, told)
    return _shrunk(own.reindex(ids), pooled, told), pooled


def _own(rows: pd.DataFrame) -> pd.DataFrame:
    """Least squares of each borrower by itself: quarters, slope and its standard error."""
    by = rows.groupby("borrower_id")
    x, y = (rows[name] - by[name].transform("mean") for name in ("x", "y"))
    parts = pd.DataFrame({"borrower_id": rows["borrower_id"], "xx": x * x, "xy": x * y, "yy": y * y})
    sums = parts.groupby("borrower_id").sum()
    count = by.size().reindex(sums.index)
    slope = (sums["xy"] / sums["xx"]).where(sums["xx"] > 1e-12)
    left = (sums["yy"] - slope * sums["xy"]).clip(lower=0) / (count - 2).where(count > 2)
    return pd.DataFrame({"quarters": count, "own": slope, "error": np.sqrt(left / sums["xx"]).clip(lower=_SMALLEST)})


def _pooled(rows: pd.DataFrame, enough: pd.DataFrame, step: int, told: environment.Sensitivity) -> Pooled:
    periods = rows["month"].nunique()
    about = {"figures": len(rows), "borrowers": len(enough), "periods": periods, "step": step}
    lacking = (
        "few_borrowers" if len(enough) < told.fewest_borrowers else "few_quarters" if periods < told.fewest else ""
    )
    if lacking:
        return Pooled(np.nan, np.nan, np.nan, spread=np.nan, reason=lacking, **about)
    by = rows.groupby("borrower_id")
    x, y = (rows[name] - by[name].transform("mean") for name in ("x", "y"))
    fit = OLS(y.to_numpy(), x.to_numpy()).fit(cov_type="cluster", cov_kwds={"groups": rows["month"].to_numpy()})
    beta, effects = float(fit.params[0]), (enough["own"].to_numpy(), enough["error"].to_numpy() ** 2)
    spread = float(np.sqrt(max(0.0, combine_effects(*effects, method_re="dl").tau2)))
    error = float(np.hypot(fit.bse[0], spread / np.sqrt(len(enough))))  # another sample of borrowers, other slopes
    wide = ndtri((1 + told.level) / 2) * error
    return Pooled(beta, beta - wide, beta + wide, spread=spread, error=error, **about)


def _shrunk(own: pd.DataFrame, pooled: Pooled, told: environment.Sensitivity) -> pd.DataFrame:
    """Each borrower's slope between its own and the pooled one, by what each is worth."""
    count = own["quarters"].fillna(0).astype(int)
    fit = (count >= told.fewest) & own["error"].notna()
    noise, differ = own["error"].where(fit).astype(float) ** 2, pooled.spread**2
    weight = (differ / (differ + noise)).where(noise + differ > 0, 1.0).where(fit, 0.0)
    beta = weight * own["own"].where(fit, 0.0) + (1 - weight) * pooled.beta
    sure = weight * noise.fillna(0.0) + (1 - weight) ** 2 * pooled.error**2 + differ * ~fit
    wide = ndtri((1 + told.level) / 2) * np.sqrt(sure)
    reason = np.where(pooled.reason != "", pooled.reason, np.where(fit, "", "few_quarters"))
    shown = {"beta": beta, "low": beta - wide, "high": beta + wide, "quarters": count, "own": own["own"].where(fit)}
    return pd.DataFrame({**shown, "weight": weight, "reason": reason}).rename_axis("borrower_id").reset_index()[BETAS]


def lead_lag(grown: pd.DataFrame, index: pd.Series, step: int, *, plan: environment.Plan | None = None) -> pd.DataFrame:
    """Correlation of the borrowers' median growth with the index so many periods earlier (LAGS; a negative lag: later).

    `count` pairs of periods, of which `effective` are worth an independent one, since growth on the year overlaps
    (Quenouille 1947); `chance` is how often chance alone would give such a correlation at some of the lags tried
    (Holm); `holds` where that is rarer than the limit.
    """
    told = (plan or environment.load()).sensitivity
    by = grown.groupby("month")["growth"]
    usual = by.median()[by.size() >= told.fewest_borrowers]
    rows = []
    for lag in range(-told.lags, told.lags + 1):
        moved = pd.Series(index.to_numpy(), index=index.index + lag * step)
        both = pd.concat([usual, moved], axis=1, join="inner").dropna().sort_index().to_numpy(float)
        rows.append((lag, *_correlation(both, told.fewest)))
    found = pd.DataFrame(rows, columns=[*LAGS[:5], "reason"])
    fit = found["chance"].notna().to_numpy()
    if fit.any():
        found.loc[fit, "chance"] = multipletests(found.loc[fit, "chance"], method="holm")[1]
    return found.assign(holds=found["chance"] < told.chance)[LAGS]


def _correlation(both: np.ndarray, fewest: int) -> tuple:
    """Correlation, pairs, independent pairs, chance of one so strong, and the reason where there is none."""
    count = len(both)
    if count < fewest or (both.std(axis=0) < 1e-12).any():
        return np.nan, count, np.nan, np.nan, "few_quarters" if count < fewest else "constant"
    r = float(np.corrcoef(both.T)[0, 1])
    first = [np.corrcoef(part[1:], part[:-1])[0, 1] for part in both.T]
    worth = float(np.clip(count * (1 - first[0] * first[1]) / (1 + first[0] * first[1]), 3.0, count))
    t = abs(r) * np.sqrt(max(worth - 2, 1e-9) / max(1 - r * r, 1e-12))
    return r, count, worth, float(2 * stdtr(max(worth - 2, 1.0), -t)), ""
