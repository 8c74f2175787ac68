"""What reliability tests look at: the views of a panel, figures as filed, outside papers, references, filing days.

Beside `end`, `avg`, `ttm` and `quarter` (see periods.Panel) there are

    filed       balances that were filed, none of them derived from an identity
    ytd         flows from the start of the fiscal year, as filed; also `opening_cash`
    opening     balances at the start of the fiscal year
    quarters    the single quarters filed since then, added up; blank where one was not filed
    paper       what outside papers say (PAPER_COLUMNS), one amount a period end
    benford     deviation of the first digits of twelve months' lines; blank where they are too few to tell
    reference   rates and shares to compare with on the day, by the currency of the statements
    peer        the percentile (0–1) among peers of a ratio, on a borrower's newest row; blank where peers are too few
    filing      days (until first known), year_end (1 or 0), restated (periods of two years changed afterwards)

each with `_1`, `_2` … for so many years earlier.
"""

from __future__ import annotations

import re
from functools import cached_property

import numpy as np
import pandas as pd

from postloan import chart
from postloan.analysis import scores
from postloan.analysis.periods import Panel, by_item
from postloan.errors import ContractError

PAPER_COLUMNS = ["borrower_id", "period_end", "kind", "amount", "known_on", "source"]
MAIN_LINES = ["total_assets", "total_liabilities", "equity", "revenue", "net_profit", "cfo"]
RESTATED_DAYS, RESTATED_YEARS = 30, 2  # a main line that came so much later than its statement was changed
_VIEW = re.compile(r"^([a-z]+)(?:_(\d))?$")


def items_by_view(kinds: list[str], lines: list[str], references: list[str], peers: list[str]) -> dict[str, set[str]]:
    """What may stand after the dot, by view."""
    balances, flows = chart.stocks(), chart.flows()
    stocks, sums = balances | {*chart.composites("stock")}, flows | {*chart.composites("flow")}
    panel = {"end": stocks, "avg": stocks, "opening": stocks, "filed": balances, "ttm": sums, "quarter": sums}
    own = {"ytd": flows | {"opening_cash"}, "quarters": flows, "filing": {"days", "year_end", "restated"}}
    return {**panel, **own, "paper": {*kinds}, "benford": {*lines}, "reference": {*references}, "peer": {*peers}}


def parse_view(name: str) -> tuple[str, int]:
    """A view's kind and how many years earlier it is."""
    found = _VIEW.match(name)
    return (found[1], int(found[2] or 0)) if found else (name, 0)


def check_papers(papers: pd.DataFrame | None, kinds: list[str]) -> pd.DataFrame:
    """Outside papers with known amounts, in the order they became known; ContractError for columns or kinds unknown."""
    papers = pd.DataFrame(columns=PAPER_COLUMNS) if papers is None else papers
    if lacking := [name for name in PAPER_COLUMNS if name not in papers]:
        raise ContractError(f"cross_checks: missing columns {lacking}; found {list(papers.columns)}")
    if unknown := sorted(set(papers["kind"]) - {*kinds}):
        raise ContractError(f"cross_checks: unknown kind {unknown}; known: {sorted(kinds)}")
    return papers[papers["amount"].notna()].sort_values("known_on", kind="stable").astype({"amount": float})


class Evidence:
    """Everything the tests may use, on the rows of a panel; a figure nobody gave is NaN.

    `references` holds a table (first day: figure) by name and currency, `peers` the percentile among peers of some
    ratios by borrower, a column a ratio. Papers about strangers are left out.
    """

    def __init__(self, panel: Panel, papers: pd.DataFrame, references: dict[str, dict[str, dict]], peers: pd.DataFrame):
        self.panel, self.rows, self.references, self._places = panel, panel.rows, references, peers
        self.borrower = pd.factorize(self.rows["borrower_id"])[0]  # a number a borrower, by row
        self._views: dict[str, pd.DataFrame] = {}
        mine = papers[papers["borrower_id"].isin(self.rows["borrower_id"])]
        self._papers = mine.assign(key=panel.keys(mine["borrower_id"], pd.to_datetime(mine["period_end"])))
        self._facts = panel.statements.assign(
            key=panel.keys(panel.statements["borrower_id"], panel.statements["period_end"])
        )

    def view(self, name: str) -> pd.DataFrame:
        """The items of a view on `rows`."""
        if name not in self._views:
            kind, years = parse_view(name)
            own = getattr(self, f"_{kind}", None)
            self._views[name] = self.panel.view(name) if own is None else self._back(own, 12 * years)
        return self._views[name]

    def _back(self, frame: pd.DataFrame, months: int | np.ndarray) -> pd.DataFrame:
        return frame.reindex(self.rows.index - months).set_axis(self.rows.index)

    @property
    def _derived(self) -> pd.Series:
        return self._facts.get("derived", pd.Series(False, index=self._facts.index)).astype(bool)

    @cached_property
    def age(self) -> np.ndarray:
        """Months before the borrower's newest period, by row."""
        key = pd.Series(self.rows.index.to_numpy())
        return (key.groupby(self.borrower).transform("max") - key).to_numpy()

    @cached_property
    def span(self) -> np.ndarray:
        """Months since the fiscal year began, by row; 0 where no flow was filed."""
        return self._facts.groupby("key")["months"].max().reindex(self.rows.index).fillna(0).to_numpy(int)

    @cached_property
    def _filed(self) -> pd.DataFrame:
        return _wide(self._facts[(self._facts["months"] == 0) & ~self._derived])

    @cached_property
    def _ytd(self) -> pd.DataFrame:
        longest = self._facts["key"].map(pd.Series(self.span, index=self.rows.index))
        return _wide(self._facts[(self._facts["months"] == longest) & (longest > 0)])

    @cached_property
    def _opening(self) -> pd.DataFrame:
        nowhere = self.rows.index.to_numpy() + 1
        return self._back(self.panel.view("end"), np.where(self.span > 0, self.span, nowhere))

    @cached_property
    def _quarters(self) -> pd.DataFrame:
        single = _wide(self._facts[self._facts["months"] == 3])
        span = self.span[:, None]
        parts = [np.where(span > months, self._back(single, months), 0.0) for months in (0, 3, 6, 9)]
        total = np.where(span > 3, sum(parts), np.nan)  # of a first quarter there is nothing to add up
        return pd.DataFrame(total, self.rows.index, single.columns)

    @cached_property
    def _paper(self) -> pd.DataFrame:
        return _wide(self._papers.assign(item=self._papers["kind"], months=0))

    @cached_property
    def _benford(self) -> pd.DataFrame:
        found: dict[str, dict[int, float]] = {}
        for kind, lines in self._papers.sort_values("key").groupby("kind"):
            keys = lines["key"]
            for key in keys.unique():
                year = slice(*keys.searchsorted([key - 11, key + 1]))
                seen = scores.benford(lines["amount"].iloc[year])
                found.setdefault(kind, {})[key] = np.nan if seen.conforms is None else seen.mad
        return pd.DataFrame(found)

    @cached_property
    def _reference(self) -> pd.DataFrame:
        currency = self.rows["borrower_id"].map(self._facts.groupby("borrower_id")["currency"].last()).to_numpy()
        told = dict.fromkeys(self.references, np.full(len(self.rows), np.nan))
        for name, by_currency in self.references.items():
            for code, dated in by_currency.items():
                steps = pd.Series(dated).set_axis(pd.to_datetime(list(dated))).sort_index()
                at = np.array([np.nan, *steps])[steps.index.searchsorted(self.rows["period_end"], side="right")]
                told[name] = np.where(currency == code, at, told[name])
        return pd.DataFrame(told, self.rows.index)

    @cached_property
    def _peer(self) -> pd.DataFrame:
        who = self.rows["borrower_id"].mask(self.rows["borrower_id"].duplicated(keep="last"))
        return self._places.reindex(who).set_axis(self.rows.index)

    @cached_property
    def _filing(self) -> pd.DataFrame:
        first = self._facts.groupby("key")["known_on"].min()
        days = (first.reindex(self.rows.index) - self.rows["period_end"]).dt.days.astype(float)
        told = self._facts[~self._derived]
        part = told["item"].map({item.id: item.statement for item in chart.items().values()})
        wait = told["known_on"] - told.groupby([told["key"], part])["known_on"].transform("min")
        late = told["item"].isin(MAIN_LINES) & (wait.dt.days > RESTATED_DAYS)
        changed = pd.Series(self.rows.index.isin(told.loc[late, "key"]), index=self.rows.index)
        recent = sum(changed.reindex(self.rows.index - back, fill_value=False).to_numpy(int) for back in _MONTHS)
        return pd.DataFrame({"days": days, "year_end": (self.span == 12).astype(float), "restated": recent * 1.0})


_MONTHS = range(0, 12 * RESTATED_YEARS)


def _wide(facts: pd.DataFrame) -> pd.DataFrame:
    return by_item(facts.drop_duplicates(["key", "item"], keep="last"))
