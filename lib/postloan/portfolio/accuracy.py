"""How well a score told failing from surviving firms: AUC, KS, Brier, reliability, precision at capacity.

`outcome` is 0 or 1 a row, `score` any number that is higher for worse risks, `firm` the firm of each row: intervals
count firms and not rows, because rows of one firm are not independent (DOMAIN §9).
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.stats import rankdata
from statsmodels.stats.proportion import proportion_confint


def auc(outcome: np.ndarray, score: np.ndarray) -> float:
    """The chance that a failing row scores higher than a surviving one (ties count half); NaN with one class only."""
    outcome = np.asarray(outcome, bool)
    bad, good = int(outcome.sum()), int((~outcome).sum())
    if not bad or not good:
        return float("nan")
    return float((rankdata(score)[outcome].sum() - bad * (bad + 1) / 2) / (bad * good))


def ks(outcome: np.ndarray, score: np.ndarray) -> float:
    """The largest gap between the shares of failing and surviving rows below one score."""
    outcome, (_, place) = np.asarray(outcome, bool), np.unique(score, return_inverse=True)
    bad, good = (np.bincount(place[mask], minlength=place.max() + 1) for mask in (outcome, ~outcome))
    if not bad.sum() or not good.sum():
        return float("nan")
    return float(np.abs(bad.cumsum() / bad.sum() - good.cumsum() / good.sum()).max())


def drawn_again(
    firm: pd.Series, outcome: np.ndarray, score: np.ndarray, *, draws: int, level: float, seed: int = 0
) -> tuple[float, float]:
    """The interval of the AUC at `level` (0.95) when firms are drawn again with replacement `draws` times."""
    codes, firms = pd.factorize(firm)
    rows = pd.Series(np.arange(len(codes))).groupby(codes).indices
    chance = np.random.default_rng(seed)
    found = []
    for _ in range(draws):
        taken = np.concatenate([rows[each] for each in chance.integers(0, len(firms), len(firms))])
        found.append(auc(np.asarray(outcome)[taken], np.asarray(score)[taken]))
    low, high = np.nanquantile(found, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def brier(outcome: np.ndarray, chance: np.ndarray, weight: np.ndarray | None = None) -> tuple[float, float]:
    """The (weighted) Brier score of probabilities and its skill against the constant base rate (1 perfect, 0 none)."""
    outcome = np.asarray(outcome, float)
    weight = np.ones(len(outcome)) if weight is None else weight
    base = np.average(outcome, weights=weight)
    score = float(np.average((chance - outcome) ** 2, weights=weight))
    usual = float(np.average((base - outcome) ** 2, weights=weight))
    return score, 1 - score / usual if usual else float("nan")


def to_base_rate(outcome: np.ndarray, rate: float) -> np.ndarray:
    """Weights that bring the share of failing rows to `rate`, each class otherwise unchanged."""
    outcome = np.asarray(outcome, bool)
    share = outcome.mean()
    return np.where(outcome, rate / share, (1 - rate) / (1 - share)) if 0 < share < 1 else np.ones(len(outcome))


def reliability(outcome: np.ndarray, chance: np.ndarray, bins: int) -> pd.DataFrame:
    """Probabilities beside what came, in `bins` groups of equal size: rows, expected, observed."""
    order = pd.qcut(pd.Series(chance).rank(method="first"), min(bins, len(chance)), labels=False)
    told = pd.DataFrame({"expected": np.asarray(chance), "observed": np.asarray(outcome, float)}).groupby(order)
    return told.mean().assign(rows=told.size()).reset_index(drop=True)[["rows", "expected", "observed"]]


def at_capacity(outcome: np.ndarray, score: np.ndarray, shares: list[float]) -> pd.DataFrame:
    """What officers who can look at a share of all rows, the worst first, would find: share, rows, caught, precision,
    recall; ties at the edge count in proportion."""
    outcome, score = np.asarray(outcome, float), np.asarray(score, float)
    mean = pd.Series(outcome).groupby(score).transform("mean").to_numpy()[np.argsort(-score, kind="stable")]
    told = []
    for share in shares:
        rows = max(1, round(share * len(outcome)))
        caught = float(mean[:rows].sum())
        told.append((share, rows, caught, caught / rows, caught / max(outcome.sum(), 1)))
    return pd.DataFrame(told, columns=["share", "rows", "caught", "precision", "recall"])


def caught(outcome: np.ndarray, alert: np.ndarray) -> dict[str, float]:
    """Shares of failing rows alerted (catch) and of surviving rows alerted (false_alarm), precision and alert rate."""
    outcome, alert = np.asarray(outcome, bool), np.asarray(alert, bool)
    rate = lambda mask: float(alert[mask].mean()) if mask.any() else float("nan")  # noqa: E731
    precision = float(outcome[alert].mean()) if alert.any() else float("nan")
    rates = {"catch": rate(outcome), "false_alarm": rate(~outcome)}
    return {**rates, "precision": precision, "alert_rate": rate(np.ones(len(alert), bool))}


def caught_between(outcome: np.ndarray, alert: np.ndarray, firm: pd.Series, level: float) -> dict[str, float]:
    """`caught` with the intervals of catch and false_alarm at `level` (0.95) as catch_low, catch_high and so on."""
    outcome, alert = np.asarray(outcome, bool), np.asarray(alert, bool)
    told = caught(outcome, alert)
    for name, mask in (("catch", outcome), ("false_alarm", ~outcome)):
        told[f"{name}_low"], told[f"{name}_high"] = share_between(alert[mask], firm[mask], level)
    return told


def share_between(alert: np.ndarray, firm: pd.Series, level: float) -> tuple[float, float]:
    """Wilson's interval of the share of rows alerted, as if the rows of a firm were one trial; NaN without rows.

    Firms with unequally many rows count as (Σm)²/Σm² trials (Kish 1965, Survey Sampling).
    """
    rows = firm.value_counts().to_numpy(float)
    if not len(rows):
        return float("nan"), float("nan")
    trials = rows.sum() ** 2 / (rows**2).sum()
    low, high = proportion_confint(alert.mean() * trials, trials, alpha=1 - level, method="wilson")
    return float(low), float(high)
