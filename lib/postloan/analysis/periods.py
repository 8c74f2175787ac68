"""Year-to-date figures → single quarters → trailing twelve months → averages, for any number of borrowers.

A fact is an amount over `months` ending at a period end, so every step is interval arithmetic and holds for
any fiscal year: Q = Y(k) − Y(k−1); TTM = YTD + last FY − last YTD; Q4 = FY − nine months. Nothing is ever
multiplied up. A missing quarter makes the figures that need it missing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from postloan import chart
from postloan.errors import ContractError
from postloan.glance import Glance

# A route is a list of (sign, months back, span); spans of 'q' are single quarters. First complete route wins.
QUARTER_ROUTES = (
    ((1, 0, 3),),
    ((1, 0, 6), (-1, 3, 3)),
    ((1, 0, 9), (-1, 3, 6)),
    ((1, 0, 12), (-1, 3, 9)),
)
TTM_ROUTES = (
    ((1, 0, 12),),
    *(((1, 0, span), (1, span, 12), (-1, 12, span)) for span in (9, 6, 3)),
    tuple((1, back, "q") for back in (0, 3, 6, 9)),
)
_VIEW = re.compile(r"^(end|avg|ttm|quarter)(?:_(\d))?$")
_SPAN_OF_KEY = 100_000


def parse_view(name: str) -> tuple[str, int]:
    """The kind of a view (end, avg, ttm, quarter) and how many years earlier, e.g. ('end', 1) of `end_1`."""
    found = _VIEW.match(name)
    if not found:
        raise ContractError(f"unknown view {name!r}: expected end, avg, ttm or quarter, with _1 … _9 for years earlier")
    return found[1], int(found[2] or 0)


class Panel(Glance):
    """Statements of any number of borrowers, a row per borrower and period end.

    `rows` has borrower_id, period_end and known_on; `view(name)` a frame of items on those rows: `end` (balances),
    `avg` (average of the balance with that a year earlier, or of five quarter ends), `quarter` (single
    quarter flows), `ttm` (trailing twelve months), each with `_1`, `_2` … for so many years earlier.
    Amounts in the currency's basic unit; a figure that cannot be formed is NaN.
    """

    def __init__(self, statements: pd.DataFrame, *, average_points: int = 2):
        if average_points not in (2, 5):
            raise ContractError(f"average_points: expected 2 or 5, found {average_points!r}")
        self.statements = statements
        self.average_points = average_points
        self._codes = pd.Index(statements["borrower_id"].unique())
        facts = statements.assign(key=self.keys(statements["borrower_id"], statements["period_end"]))
        facts = facts.drop_duplicates(["key", "months", "item"], keep="last")
        self._spans = {span: by_item(part) for span, part in facts.groupby("months")[["key", "item", "amount"]]}
        self.rows = self._reporting_periods(facts)
        self._views: dict[str, pd.DataFrame] = {}

    def glance(self) -> tuple[str, list[pd.DataFrame]]:
        """How many borrowers and periods; then the rows there are."""
        ends, borrowers = self.rows["period_end"], self.rows["borrower_id"].nunique()
        span = f"{ends.min():%Y-%m-%d} to {ends.max():%Y-%m-%d}" if len(ends) else "none"
        head = f"{borrowers} borrowers, {len(self.rows)} periods ({span}), averages over {self.average_points} points"
        return f"{head}\nview('end' | 'avg' | 'quarter' | 'ttm', with _1 for a year earlier)", [self.rows]

    def keys(self, borrower_id: pd.Series, period_end: pd.Series) -> np.ndarray:
        """Integer keys that step by one a month; a period end belongs to the month end nearest to it."""
        near = pd.to_datetime(period_end) - pd.Timedelta(days=15)
        return self._codes.get_indexer(borrower_id) * _SPAN_OF_KEY + (near.dt.year * 12 + near.dt.month).to_numpy()

    def _reporting_periods(self, facts: pd.DataFrame) -> pd.DataFrame:
        """Periods that carry a statement: total assets or a year-to-date flow of the main lines."""
        main = facts[facts["item"].isin(["total_assets", "revenue", "net_profit", "cfo"])]
        rows = main.groupby("key")[["period_end", "known_on"]].max()
        rows.insert(0, "borrower_id", self._codes[rows.index // _SPAN_OF_KEY])
        return rows

    def start_keys(self, drawn: pd.Series) -> pd.Series:
        """The key of each borrower's last period before its first drawdown (`drawn`, by borrower), where known."""
        began = self.rows["borrower_id"].map(drawn)
        before = self.rows[self.rows["period_end"] <= began]
        last = before[~before["borrower_id"].duplicated(keep="last")]
        return pd.Series(last.index.to_numpy(float), index=last["borrower_id"].to_numpy())

    @cached_property
    def currency(self) -> pd.Series:
        """The currency of each borrower's newest statement."""
        return self.statements.groupby("borrower_id")["currency"].last()

    def view(self, name: str) -> pd.DataFrame:
        """The items of a view on `rows`, composites of the chart included."""
        if name not in self._views:
            kind, lag = parse_view(name)
            frame = self._base[kind]
            self._views[name] = frame.reindex(self.rows.index - 12 * lag).set_axis(self.rows.index)
        return self._views[name]

    @cached_property
    def _base(self) -> dict[str, pd.DataFrame]:
        """Views on every key that has facts, before any lag."""
        end = _with_composites(self._spans.get(0, pd.DataFrame()), "stock")
        quarter = self._flows(QUARTER_ROUTES, self._spans)
        ttm = self._flows(TTM_ROUTES, {**self._spans, "q": quarter})
        backs = (0, 12) if self.average_points == 2 else (0, 3, 6, 9, 12)
        avg = sum(_at(end, end.index - back) for back in backs) / len(backs)
        return {
            "end": end,
            "avg": pd.DataFrame(avg, end.index, end.columns),
            "quarter": _with_composites(quarter, "flow"),
            "ttm": _with_composites(ttm, "flow"),
        }

    def _flows(self, routes: tuple, spans: dict) -> pd.DataFrame:
        keys = pd.Index(np.unique(np.concatenate([s.index for m, s in spans.items() if m != 0] or [[]])), dtype="int64")
        flows, told = chart.flows(), set().union(*spans.values())
        columns = [item for item in chart.items() if item in flows and item in told]
        wide = {span: frame.reindex(columns=columns) for span, frame in spans.items()}
        total = np.full((len(keys), len(columns)), np.nan)
        for route in routes:
            if all(span in spans for _, _, span in route):
                parts = [sign * _at(wide[span], keys - back) for sign, back, span in route]
                total = np.where(np.isnan(total), sum(parts), total)
        return pd.DataFrame(total, index=keys, columns=columns)

    def at(self, moments: Moments, name: str) -> pd.DataFrame:
        """A view at a borrower's moments: items as rows, period ends as columns, earliest first."""
        days = self.rows["period_end"].isin(moments.days)
        return self.view(name)[days].set_axis(self.rows.loc[days, "period_end"], axis=0).T

    def locate(self, borrower_id: str, period_end: str | pd.Timestamp) -> int:
        """The key of one borrower's period; ContractError lists the periods there are."""
        mine, ends = self.rows["borrower_id"] == borrower_id, self.rows["period_end"]
        found = self.rows.index[mine & (ends == pd.Timestamp(period_end))]
        if not len(found):
            known = [f"{day:%Y-%m-%d}" for day in ends[mine]]
            raise ContractError(f"{borrower_id} has no period {period_end}; periods: {known}")
        return int(found[0])

    def trace(self, view: str, item: str, key: int) -> list[tuple[float, int]]:
        """The reported facts behind one figure, as (weight, place in `statements`); empty when it is missing."""
        kind, lag = parse_view(view)
        key -= 12 * lag
        if item not in chart.items():
            return self._trace_composite(kind, item, key)
        if kind == "end":
            return self._fact(1, item, key, 0)
        if kind == "avg":
            backs = (0, 12) if self.average_points == 2 else (0, 3, 6, 9, 12)
            return [row for back in backs for row in self._fact(1 / len(backs), item, key - back, 0)]
        return self._trace_flow(QUARTER_ROUTES if kind == "quarter" else TTM_ROUTES, item, key)

    def _trace_composite(self, kind: str, item: str, key: int) -> list[tuple[float, int]]:
        of = "stock" if kind in ("end", "avg") else "flow"
        source = self._base["end" if of == "stock" else kind]
        for formula in chart.composites(of)[item].derive:
            parts = chart.terms(formula)
            if all(optional or _known(source, key, name) for _, name, optional in parts):
                rows = [
                    (sign * weight, fact) for sign, name, _ in parts for weight, fact in self.trace(kind, name, key)
                ]
                if rows:
                    return rows
        return []

    def _trace_flow(self, routes: tuple, item: str, key: int) -> list[tuple[float, int]]:
        for route in routes:
            rows: list[tuple[float, int]] = []
            for sign, back, span in route:
                if span == "q":
                    part = self._trace_flow(QUARTER_ROUTES, item, key - back)
                else:
                    part = self._fact(1, item, key - back, span)
                if not part:
                    break
                rows += [(sign * weight, fact) for weight, fact in part]
            else:
                return rows
        return []

    def _fact(self, weight: float, item: str, key: int, span: int) -> list[tuple[float, int]]:
        place = self._places.get((key, span, item))
        return [] if place is None else [(weight, place)]

    @cached_property
    def _places(self) -> dict[tuple[int, int, str], int]:
        """The row of `statements` by key, months and item; the last of several."""
        facts = self.statements
        keys = self.keys(facts["borrower_id"], facts["period_end"]).tolist()
        return {fact: place for place, fact in enumerate(zip(keys, facts["months"], facts["item"], strict=True))}


@dataclass(frozen=True)
class Moments:
    """The periods a report sets side by side; None where the book has no such period.

    `start` is the last period before the first drawdown, or where that is unknown three years before `now`
    (`from_drawdown` says which).
    """

    start: pd.Timestamp | None
    year_ago: pd.Timestamp | None
    now: pd.Timestamp
    from_drawdown: bool

    @property
    def days(self) -> list[pd.Timestamp]:
        """The moments there are, earliest first."""
        return sorted({day for day in (self.start, self.year_ago, self.now) if day is not None})


def moments(panel: Panel, borrower_id: str, *, first_drawdown: pd.Timestamp | None = None) -> Moments:
    """Now, a year ago and the start for one borrower of the panel."""
    mine = panel.rows.loc[panel.rows["borrower_id"] == borrower_id, "period_end"]
    if mine.empty:
        raise ContractError(
            f"{borrower_id!r} has no statement with total assets, revenue, net profit or operating cash flow"
        )
    key = mine.index[-1]
    drawn = mine[mine <= pd.Timestamp(first_drawdown)] if first_drawdown is not None else mine.iloc[:0]
    start = drawn.iloc[-1] if len(drawn) else mine.get(key - 36)
    return Moments(start, mine.get(key - 12), mine.iloc[-1], bool(len(drawn)))


def gaps(panel: Panel, *, years: int = 3) -> pd.DataFrame:
    """Period ends that a borrower's own reporting rhythm expects in its last `years` but that are missing.

    Returns borrower_id and month (period 'M'). The rhythm is the smallest step seen at least twice in the window.
    """
    found = []
    for borrower_id, mine in panel.rows.groupby("borrower_id", sort=False):
        months = mine.index.to_numpy()
        months = months[months > months.max() - 12 * years]
        steps, counts = np.unique(np.diff(months), return_counts=True)
        usual = steps[counts >= 2]
        if len(usual):
            expected = np.arange(months.max(), months.min(), -usual.min())
            found += [(borrower_id, key % _SPAN_OF_KEY) for key in expected if key not in months]
    missing = pd.DataFrame(found, columns=["borrower_id", "month"])
    ordinal = missing["month"].astype("int64") - 1
    return missing.assign(month=pd.PeriodIndex.from_fields(year=ordinal // 12, month=ordinal % 12 + 1, freq="M"))


def by_item(facts: pd.DataFrame) -> pd.DataFrame:
    """Amounts by key and item, which `facts` (key, item, amount) name once each."""
    (row, keys), (column, items) = (pd.factorize(facts[name], sort=True) for name in ("key", "item"))
    amounts = np.full((len(keys), len(items)), np.nan)
    amounts[row, column] = facts["amount"]
    return pd.DataFrame(amounts, pd.Index(keys, name="key"), pd.Index(items, name="item"))


def _at(frame: pd.DataFrame, keys: pd.Index) -> np.ndarray:
    """The rows of a frame at some keys, NaN where it has none."""
    places = frame.index.get_indexer(keys)
    return np.where(places[:, None] >= 0, frame.to_numpy(float)[places], np.nan)


def _known(frame: pd.DataFrame, key: int, item: str) -> bool:
    return item in frame and key in frame.index and pd.notna(frame.at[key, item])


def _with_composites(frame: pd.DataFrame, of: str) -> pd.DataFrame:
    """`frame` plus the chart's composites: first formula whose required items are there, any item present."""
    columns = chart.columns_of(frame)
    for item in chart.composites(of).values():
        ways = [chart.summed(columns, formula) for formula in item.derive]
        total = np.full(len(frame), np.nan)
        for way in ways:
            total = total if way is None else np.where(np.isnan(total), way, total)
        columns[item.id] = total
    return pd.DataFrame(columns, frame.index).rename_axis(columns=frame.columns.name)
