"""What the rules see: each borrower's figures by period, and what else is known of it on the day."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import pandas as pd

from postloan.analysis import formulas, ratios, scores
from postloan.analysis.periods import Panel
from postloan.errors import ContractError
from postloan.measures import observations
from postloan.tables import SEEN

YEAR = 12  # keys of a panel's rows step by one a month
COLUMNS = SEEN
Chance = Callable[[str, float, str, int], pd.Series]  # metric, limit, side, quarters -> probability by borrower
Peers = Callable[[str, str], pd.Series]  # metric, reading -> figure by borrower


@dataclass
class Sight:
    """The figures of any number of borrowers on their periods, asked for by metric.

    `rows` has borrower_id and period_end on keys that step by one a month within a borrower (a panel's rows).
    `figure(metric)` gives a metric of the statements on those rows. `observed` (COLUMNS) is the latest
    observation of each metric, `starts` and `reviews` the period keys at drawdown and at the last review by
    borrower, `chance` the probability that a metric breaches a limit, `peers` where a metric stands among peers.
    """

    rows: pd.DataFrame
    figure: Callable[[str], np.ndarray]
    observed: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=COLUMNS))
    starts: pd.Series = field(default_factory=lambda: pd.Series(dtype=float))
    reviews: pd.Series = field(default_factory=lambda: pd.Series(dtype=float))
    chance: Chance | None = None
    peers: Peers | None = None

    def __post_init__(self):
        self.latest = (~self.rows["borrower_id"].duplicated(keep="last")).to_numpy()
        self._known: dict[str | tuple, np.ndarray] = {}

    def only(self, borrower_id: str) -> Sight:
        """What is seen of one borrower."""
        mine = (self.rows["borrower_id"] == borrower_id).to_numpy()
        return replace(self, rows=self.rows[mine], figure=lambda metric: self.now(metric)[mine])

    def with_(self, **known: object) -> Sight:
        """The same with something seen otherwise (observed, starts, reviews, chance, peers), to try it out."""
        return replace(self, **known)

    def now(self, metric: str) -> np.ndarray:
        """The metric on every row; an observation stands on its borrower's latest row only."""
        if metric not in self._known:
            self._known[metric] = self._observation(metric) if metric in observations() else self.figure(metric)
        return self._known[metric]

    def before(self, metric: str, months: int) -> np.ndarray:
        """The metric so many months earlier."""
        return self._at(metric, self.rows.index - months)

    def since(self, metric: str, moments: pd.Series) -> np.ndarray:
        """The metric at each borrower's own earlier period (`starts` or `reviews`)."""
        keys = self.rows["borrower_id"].map(moments).fillna(-1).astype("int64")
        return np.where(keys < self.rows.index, self._at(metric, pd.Index(keys)), np.nan)

    def probability(self, metric: str, limit: float, side: str, within: int) -> np.ndarray:
        """The chance of a breach within so many quarters, on latest rows; NaN without a forecast."""
        return self._asked(self.chance, metric, limit, side, within)

    def among_peers(self, metric: str, reading: str) -> np.ndarray:
        """Where the metric stands among peers, on latest rows; NaN without a comparison."""
        return self._asked(self.peers, metric, reading)

    def _asked(self, whom: Chance | Peers | None, *question: object) -> np.ndarray:
        """What is told by borrower, on latest rows; each question is put once, whatever the rules that ask it."""
        if question not in self._known:
            self._known[question] = self._newest(pd.Series(dtype=float) if whom is None else whom(*question))
        return self._known[question]

    def _newest(self, by_borrower: pd.Series) -> np.ndarray:
        told = np.full(len(self.rows), np.nan)
        told[self.latest] = by_borrower.reindex(self._ids).to_numpy(float)
        return told

    def _at(self, metric: str, keys: pd.Index) -> np.ndarray:
        places = self.rows.index.get_indexer(keys)
        return np.where(places >= 0, self.now(metric)[places], np.nan)

    def _observation(self, metric: str) -> np.ndarray:
        return self._newest(self._seen[metric] if metric in self._seen else pd.Series(dtype=float))

    @cached_property
    def _ids(self) -> pd.Index:
        return pd.Index(self.rows["borrower_id"].to_numpy(object)[self.latest])

    @cached_property
    def _seen(self) -> pd.DataFrame:
        return self.observed.pivot(index="borrower_id", columns="metric", values="value")


def metrics() -> set[str]:
    """Every metric a rule may speak of: ratios, scores and observations."""
    return {*ratios.FORMULAS, *scores.FORMULAS, *observations()}


def of(panel: Panel, *, day_basis: int = 360, price_index: float = 100.0, **known: object) -> Sight:
    """The sight of a panel; `known` are observed, starts, reviews, chance, peers. Metrics are computed when asked."""
    evaluator = formulas.Evaluator(panel, {"basis": float(day_basis), "price_index": price_index})
    known_formulas = {**ratios.FORMULAS, **scores.FORMULAS}

    def figure(metric: str) -> np.ndarray:
        if metric not in known_formulas:
            raise ContractError(f"unknown metric {metric!r}")
        return evaluator.evaluate(known_formulas[metric], zero_reason=ratios.NO_INTEREST.get(metric)).values

    return Sight(panel.rows, figure, **known)


def fresh(observed: pd.DataFrame, as_of: str | pd.Timestamp) -> pd.DataFrame:
    """The newest observation of each metric of each borrower that is not yet stale on `as_of`."""
    age = (pd.Timestamp(as_of) - observed["observed_on"]).dt.days
    limit = observed["metric"].map({name: each.fresh_days for name, each in observations().items()}).astype(float)
    kept = observed[(age >= 0) & (age <= limit)].sort_values("observed_on", kind="stable")
    return kept.drop_duplicates(["borrower_id", "metric"], keep="last")[COLUMNS]
