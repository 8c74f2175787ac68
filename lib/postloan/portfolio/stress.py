"""The book if sales fall: each borrower's next twelve months repeat its last, less a shock of revenue times its own
sensitivity, and every rule is asked again.

Costs fall by the variable share and tax by the relief of params/capacity.yml; what is lost is paid from cash, then
borrowed short. Receivables, stock and payables stay as they are: no working capital is released (DOMAIN §8.2).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from postloan import chart
from postloan.analysis import assumptions, capacity
from postloan.analysis.periods import Panel
from postloan.errors import ContractError
from postloan.judgement import early_warning, rules, sight
from postloan.portfolio import policy as policies
from postloan.portfolio import worklist
from postloan.portfolio.policy import Policy
from postloan.portfolio.screen import Judged
from postloan.tables import LEVELS

MOVED = ["borrower_id", "shock", "beta", "level", "before", "expected_loss", "loss_before", "dscr"]
BOOK = ["shock", "borrowers", *LEVELS, "worse", "red_exposure", "expected_loss", "loss_before", "cover", "below"]
_MOST = -0.999  # a case of `capacity` must leave some revenue
_LOOK_BACK = pd.DateOffset(months=37)
_BACK = {"earned": ["gross_profit", "operating_profit", "profit_before_tax"], "kept": ["net_profit",
         "net_profit_parent", "cfo"], "worth": ["equity", "equity_parent", "undistributed_profit", "retained_earnings"],
         "paid": ["cash", "current_assets", "total_assets", "closing_cash"],
         "lent": ["short_term_borrowings", "current_liabilities", "total_liabilities"]}  # fmt: skip


@dataclass(frozen=True)
class Stressed:
    """`moved` (MOVED) a row a borrower and shock, 0 the year repeated; `book` (BOOK) a row a shock; `left_out` the
    borrowers without twelve months of revenue; `assumed` how many had no sensitivity given and were taken at 1."""

    moved: pd.DataFrame
    book: pd.DataFrame
    left_out: list[str]
    assumed: int


def run(
    panel: Panel,
    judged: Judged,
    standing: pd.DataFrame,
    as_of: str,
    *,
    betas: pd.DataFrame | None = None,
    begins: pd.DataFrame | None = None,
    policy: Policy | None = None,
) -> Stressed:
    """Levels and expected loss of the book under every shock of params/portfolio.yml, beside the year repeated.

    `betas` (borrower_id, beta): per cent of revenue lost for a per cent of shock; a borrower without one has 1, a
    negative one counts as 0: nobody gains by a shock.
    `begins` is `capacity.start`, for the cover of debt service. Rules on the future and on peers are left out, in all
    worlds alike. ContractError names a borrower whose beta is given twice or is no number.
    """
    policy = policy or policies.load()
    newest = _newest(panel)
    sensitivity = _betas(betas, newest.index)
    worlds = _worlds(panel, newest, sensitivity, [0.0, *policy.stress.shocks], as_of)
    levels = _levels(worlds, judged, as_of)
    moved = levels.assign(beta=levels["borrower_id"].map(sensitivity))
    moved = moved.merge(_losses(moved, standing, policy)).merge(_cover(begins, moved), how="left")
    base = moved[moved["shock"] == 0].set_index("borrower_id")
    moved["before"] = moved["borrower_id"].map(base["level"])
    moved["loss_before"] = moved["borrower_id"].map(base["expected_loss"])
    given = 0 if betas is None else len(set(betas["borrower_id"]) & set(newest.index))
    left = sorted(set(standing["borrower_id"]) - set(newest.index))
    return Stressed(moved[MOVED], _book(moved, standing), left, len(newest) - given)


def within(
    panel: Panel, ids: list[str], judged: Judged, standing: pd.DataFrame, as_of: str, **about: object
) -> Stressed:
    """`run` for some borrowers alone; of `betas` those that could not be told are left out, so that they count as 1."""
    own = panel.statements[panel.statements["borrower_id"].isin(ids)]
    betas = about.pop("betas", None)
    if own.empty:
        return Stressed(pd.DataFrame(columns=MOVED), pd.DataFrame(columns=BOOK), sorted(ids), 0)
    told = None if betas is None else betas.loc[betas["beta"].notna(), ["borrower_id", "beta"]]
    return run(Panel(own), judged, standing, as_of, betas=told, **about)


def _newest(panel: Panel) -> pd.DataFrame:
    """The last twelve months and closing balances of each borrower that has revenue for them, by borrower."""
    latest = (~panel.rows["borrower_id"].duplicated(keep="last")).to_numpy()
    rows = panel.rows[latest]
    flows = panel.view("ttm").loc[latest, [item for item in panel.view("ttm") if item in chart.flows()]]
    stocks = panel.view("end").loc[latest, [item for item in panel.view("end") if item in chart.stocks()]]
    wide = pd.concat([rows[["borrower_id", "period_end"]], flows, stocks], axis=1)
    return wide[wide.get("revenue", pd.Series(np.nan, wide.index)) > 0].set_index("borrower_id")


def _betas(betas: pd.DataFrame | None, ids: pd.Index) -> pd.Series:
    if betas is None:
        return pd.Series(1.0, index=ids)
    odd = betas[betas["borrower_id"].duplicated() | pd.to_numeric(betas["beta"], errors="coerce").isna()]
    if len(odd):
        raise ContractError(f"betas: expected one number a borrower; found {odd.iloc[0].to_dict()}")
    return betas.set_index("borrower_id")["beta"].astype(float).reindex(ids).fillna(1.0).clip(lower=0)


def shocked(newest: pd.DataFrame, change: pd.Series) -> pd.DataFrame:
    """The next twelve months of each borrower with revenue changed by `change` (0 to −1), the rest following from it.

    `newest` are flows of twelve months and closing balances by item, a row a borrower. Lost = what revenue loses less
    the variable share of operating cost; tax falls by the relief, never by more than there is.
    """
    told = assumptions.load().stress
    made, change = newest.copy(), change.reindex(newest.index).clip(lower=-1)
    cost = made.get("operating_cost", pd.Series(0.0, made.index)).fillna(0.0)
    lost = -change * (made["revenue"] - told.variable_cost_share * cost)
    tax = made.get("income_tax", pd.Series(0.0, made.index)).fillna(0.0).clip(lower=0)
    hit = lost - np.minimum(tax, told.tax_relief * lost.clip(lower=0))
    cash = made.get("cash", pd.Series(0.0, made.index)).fillna(0.0).clip(lower=0)
    paid = np.minimum(cash, hit).where(hit > 0, hit)
    amounts = {"earned": lost, "kept": hit, "worth": hit, "paid": paid, "lent": paid - hit}
    for kind, items in _BACK.items():
        for item in [name for name in items if name in made]:
            made[item] = made[item] - amounts[kind]
    for item in ("revenue", "total_operating_revenue", "cash_from_sales"):
        if item in made:
            made[item] = made[item] * (1 + change)
    for item in ("operating_cost", "total_operating_costs"):
        if item in made:
            made[item] = made[item] + told.variable_cost_share * change * cost
    if "income_tax" in made:
        made["income_tax"] = made["income_tax"] - (lost - hit)
    return made


def _worlds(panel: Panel, newest: pd.DataFrame, betas: pd.Series, shocks: list[float], as_of: str) -> Panel:
    """One panel of all worlds: every borrower once a shock, under the id `borrower|shock`."""
    recent = panel.statements[panel.statements["borrower_id"].isin(newest.index)]
    first = recent["borrower_id"].map(newest["period_end"]) - _LOOK_BACK
    recent = recent[recent["period_end"] >= first]
    flows, parts = chart.flows(), []
    currency = recent.groupby("borrower_id")["currency"].last()
    for shock in shocks:
        wide = shocked(newest.drop(columns="period_end"), shock * betas)
        facts = wide.rename_axis(columns="item").stack().rename("amount").reset_index()
        facts["months"] = np.where(facts["item"].isin(flows), 12, 0)
        end = facts["borrower_id"].map(newest["period_end"]) + pd.DateOffset(months=12) + pd.offsets.MonthEnd(0)
        facts = facts.assign(period_end=end.astype("datetime64[us]"), known_on=pd.Timestamp(as_of), source="stress",
                             derived=True, currency=facts["borrower_id"].map(currency))  # fmt: skip
        both = pd.concat([recent, facts[recent.columns]], ignore_index=True)
        parts.append(both.assign(borrower_id=both["borrower_id"].astype(object) + f"|{shock:g}"))
    return Panel(pd.concat(parts, ignore_index=True))


def _levels(worlds: Panel, judged: Judged, as_of: str) -> pd.DataFrame:
    """The level of every borrower in every world: borrower_id, shock, level."""
    ids = pd.Series(worlds.rows["borrower_id"].unique())
    split = ids.str.rsplit("|", n=1, expand=True)
    seen = judged.seen.observed.merge(pd.DataFrame({"borrower_id": split[0], "world": ids}), on="borrower_id")
    observed = seen.drop(columns="borrower_id").rename(columns={"world": "borrower_id"})[sight.COLUMNS]
    warnings = early_warning.scan(rules.load(), sight.of(worlds, observed=observed), as_of=as_of, figures=False)
    told = early_warning.levels(warnings, ids).set_index("borrower_id")["level"]
    return pd.DataFrame({"borrower_id": split[0], "shock": split[1].astype(float), "level": ids.map(told)})


def _losses(moved: pd.DataFrame, standing: pd.DataFrame, policy: Policy) -> pd.DataFrame:
    """The expected loss of each borrower at its level in each world; its class and collateral stay."""
    rows = standing.drop(columns="level").merge(moved[["borrower_id", "shock", "level"]], on="borrower_id")
    return worklist.expected_loss(rows, policy)[["borrower_id", "shock", "expected_loss"]]


def _cover(begins: pd.DataFrame | None, moved: pd.DataFrame) -> pd.DataFrame:
    """Cover of debt service in each world, as `capacity.stress` tells it; NaN where it is not known."""
    columns = ["borrower_id", "shock", "dscr"]
    if begins is None or begins.empty:
        return pd.DataFrame(columns=columns).astype({"borrower_id": object, "shock": float, "dscr": float})
    assumed, parts = assumptions.load(), []
    for beta, part in moved.groupby("beta"):
        cases = {f"{shock:g}": assumptions.Case(revenue=max(_MOST, shock * beta)) for shock in moved["shock"].unique()}
        own = assumed.model_copy(update={"stress": assumed.stress.model_copy(update={"cases": cases})})
        told = capacity.stress(begins[begins["borrower_id"].isin(part["borrower_id"])], assumed=own)
        parts.append(told[told["case"] != "base"].assign(shock=lambda rows: rows["case"].astype(float)))
    return pd.concat(parts, ignore_index=True)[columns]


def _book(moved: pd.DataFrame, standing: pd.DataFrame) -> pd.DataFrame:
    """The book under each shock: borrowers by level, how many are worse than with the year repeated, what the red owe,
    the expected loss, and of how many the cover is known and below its floor."""
    rank = moved["level"].map(LEVELS.index) - moved["before"].map(LEVELS.index)
    owed = moved["borrower_id"].map(standing.set_index("borrower_id")["exposure"])
    rows = moved.assign(worse=rank > 0, red=owed.where(moved["level"] == "red"))
    rows["below"] = rows["dscr"] < assumptions.load().cover.floor
    told = pd.crosstab(rows["shock"], rows["level"]).reindex(columns=list(LEVELS), fill_value=0)
    by = rows.groupby("shock")
    told["borrowers"], told["worse"], told["below"] = by.size(), by["worse"].sum(), by["below"].sum()
    sums = {"red_exposure": "red", "expected_loss": "expected_loss", "loss_before": "loss_before"}
    told = told.assign(**{name: by[column].sum(min_count=1) for name, column in sums.items()}, cover=by["dscr"].count())
    return told.sort_index(ascending=False).reset_index()[BOOK]
