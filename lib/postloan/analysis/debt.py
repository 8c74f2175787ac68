"""What has to be paid when: our loans by their plans, and the rest of a borrower's debt as far as statements tell.

Ours is exact: every instalment of the newest plans. Of others' debt statements give balances and interest only, so
what was due in a year is read at its start: long debt due within the year, and of short borrowings the share that is
not renewed (params/capacity.yml). Both without what is ours. Amounts in the basic unit of the statements' currency;
loans in another currency are not added up and leave a reason.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from postloan.analysis import assumptions, formulas, servicing
from postloan.analysis.assumptions import Assumptions
from postloan.analysis.periods import Panel

KEY = servicing.KEY
OWN = [*KEY, "product", "currency", "short", "kind", "due_on", "due", "open", "last"]
SERVICE = [
    "borrower_id", "period_end", "own_principal", "own_interest", "other_principal", "other_interest", "principal",
    "interest", "service", "reason",
]  # fmt: skip
QUARTERS = ["borrower_id", "quarter", "principal", "interest", "open", "renewable"]
COMING = ["borrower_id", "own_principal", "own_interest", "overdue", "renewable", "other_principal", "other_interest",
          "principal", "interest", "service", "debt", "reason"]  # fmt: skip
YEAR = 12
UNPARTED = "unparted"  # a balance sheet without current items: a trader's cover says nothing of it
_CENT = 0.01
Side = dict[str, pd.DataFrame]  # the loan tables by name


def own(
    side: Side, state: pd.DataFrame, as_of: str | pd.Timestamp, *, assumed: Assumptions | None = None
) -> pd.DataFrame:
    """Every instalment of our loans (OWN), past and to come, of any number of borrowers.

    `side` are the loan tables by name, `state` is `servicing.state` of the day. `open` is what is not yet paid of it,
    `short` whether the loan runs up to a year, `last` whether it is the loan's last principal. A loan without a plan
    owes its principal when it matures and interest by quarter at its rate. `assumed` replaces params/capacity.yml.
    """
    assumed = assumed or assumptions.load()
    rows = servicing.instalments(side, as_of)[[*KEY, "kind", "due_on", "due", "settled_on"]]
    rows = rows.assign(open=rows["due"].where(rows["settled_on"].isna(), 0.0))
    bare = _bare_interest(side, state, as_of)
    rows = pd.concat([rows, bare], ignore_index=True) if len(bare) else rows
    about = side["loans"][[*KEY, "product", "currency"]]
    days = (side["loans"]["matures_on"] - side["loans"]["signed_on"]).dt.days
    rows = rows.merge(about.assign(short=days <= assumed.debt.short_term_days), on=KEY)
    rows = _part_paid(rows.merge(state[[*KEY, "balance"]], on=KEY, how="left"))
    final = rows[rows["kind"] == "principal"].groupby(KEY)["due_on"].transform("max")
    rows["last"] = rows["due_on"] == final.reindex(rows.index)
    return rows.sort_values([*KEY, "due_on", "kind"], ignore_index=True)[OWN]


def _bare_interest(side: Side, state: pd.DataFrame, as_of: str | pd.Timestamp) -> pd.DataFrame:
    """Interest by quarter end of loans that have no plan, at their rate on what is owed today."""
    known = pd.MultiIndex.from_frame(side["schedule"][KEY])
    bare = state[(state["balance"] > _CENT) & ~pd.MultiIndex.from_frame(state[KEY]).isin(known)]
    if bare.empty:
        return bare
    ends = pd.DataFrame({"due_on": pd.date_range(as_of, periods=12, freq="QE").astype("datetime64[us]")})
    rows = bare.merge(ends, how="cross")
    rows = rows[rows["due_on"] <= rows["matures_on"] + pd.offsets.QuarterEnd(0)]
    due = rows["balance"] * rows["rate"] / 4
    return rows.assign(kind="interest", due=due, open=due)[[*KEY, "kind", "due_on", "due", "open"]]


def _part_paid(rows: pd.DataFrame) -> pd.DataFrame:
    """Open principal agrees with what is owed: the earliest may be paid in part; a loan repaid owes none."""
    rows = rows.sort_values([*KEY, "kind", "due_on"], ignore_index=True)
    principal = rows["kind"] == "principal"
    asked = rows["open"].where(principal, 0.0).groupby([rows[name] for name in KEY]).transform("sum")
    first = principal & (rows["open"] > 0)
    first &= ~rows[first].duplicated(KEY).reindex(rows.index, fill_value=True)
    paid = (asked - rows["balance"]).clip(lower=0).where(first, 0.0)
    rows["open"] = (rows["open"] - paid).clip(lower=0).where(rows["balance"] > _CENT, 0.0)
    return rows


def by_quarter(rows: pd.DataFrame, as_of: str | pd.Timestamp, *, back: int = 4, ahead: int = 8) -> pd.DataFrame:
    """Our instalments by calendar quarter (QUARTERS), from so many back: what fell due, and what of it is open.

    `rows` are `own`. `renewable` is the last principal of loans up to a year, which is often renewed, not repaid.
    """
    this = pd.Timestamp(as_of).to_period("Q")
    told = rows.assign(quarter=rows["due_on"].dt.to_period("Q"))
    told = told[(told["quarter"] >= this - back) & (told["quarter"] <= this + ahead - 1)]
    for kind in ("principal", "interest"):
        told[kind] = told["due"].where(told["kind"] == kind, 0.0)
    told["renewable"] = told["open"].where(told["last"] & told["short"] & (told["due_on"] >= pd.Timestamp(as_of)), 0.0)
    return told.groupby(["borrower_id", "quarter"], as_index=False)[QUARTERS[2:]].sum()


def service(panel: Panel, rows: pd.DataFrame, side: Side, *, assumed: Assumptions | None = None) -> pd.DataFrame:
    """What was to be paid in the twelve months up to each period of the panel (SERVICE), a row a period.

    Ours by plan; others' principal is long debt due within a year twelve months earlier plus the share of short
    borrowings that is not renewed; others' interest what the interest expense leaves after ours. `reason` says what
    lacks. Amounts in the statements' currency. Source: DOMAIN §4.3.
    """
    assumed = assumed or assumptions.load()
    mine, foreign = _of_currency(rows, panel), _foreign(rows, panel)
    keys = panel.rows.index.to_numpy()
    table = _blank(panel)
    for kind in ("principal", "interest"):
        table[f"own_{kind}"] = between(mine[mine["kind"] == kind], "due", keys - YEAR, keys)
    due, codes = _parts(panel, "end_1"), _reasons(panel, ("end_1.short_debt", "ttm.interest_expense"))
    long_own = between(mine[(mine["kind"] == "principal") & ~mine["short"]], "due", keys - YEAR, keys)
    short_own = _short_balance(side, panel, assumed, keys - YEAR)
    table["other_principal"] = _others(due, long_own, short_own, assumed)
    spent = _leaf(panel, "ttm.interest_expense")
    table["other_interest"] = np.clip(spent - table["own_interest"], 0, None)
    return _totalled(table, codes.mask(_unparted(panel), UNPARTED), foreign)[SERVICE]


def coming(
    panel: Panel, rows: pd.DataFrame, side: Side, as_of: str | pd.Timestamp, *, assumed: Assumptions | None = None
) -> pd.DataFrame:
    """What has to be paid in the twelve months after `as_of` (COMING), a row a borrower of the panel.

    Ours is what is open, `overdue` of it before the day and `renewable` the last principal of loans up to a year;
    others' is read from the newest statements: their principal
    as in `service`, their interest at the implied cost of debt. `debt` is all debt that bears interest.
    """
    assumed = assumed or assumptions.load()
    latest = ~panel.rows["borrower_id"].duplicated(keep="last").to_numpy()
    keys, day = panel.rows.index.to_numpy(), pd.Timestamp(as_of)
    mine = _of_currency(rows, panel)
    within = mine[mine["due_on"] <= day + pd.DateOffset(years=1)]
    sums = {f"own_{kind}": within[within["kind"] == kind] for kind in ("principal", "interest")}
    late = within["due_on"] < day
    sums |= {"overdue": within[late], "renewable": within[within["last"] & within["short"] & ~late]}
    table = _blank(panel)
    for name, part in sums.items():
        table[name] = panel.rows["borrower_id"].map(part.groupby("borrower_id")["open"].sum()).fillna(0.0)
    held = _balance(side, panel, assumed, keys)
    long_own = between(mine[(mine["kind"] == "principal") & ~mine["short"]], "due", keys, keys + YEAR)
    table["other_principal"] = _others(_parts(panel, "end"), long_own, held["short"], assumed)
    others = np.clip(_leaf(panel, "end.debt") - held["all"], 0, None)
    table["debt"] = others + held["all"]
    table["other_interest"] = others * _rate(panel, assumed)
    codes = _reasons(panel, ("end.short_debt", "ttm.interest_expense"))
    codes = codes.mask(_unparted(panel), UNPARTED)
    return _totalled(table, codes, _foreign(rows, panel))[latest].reset_index(drop=True)[COMING]


def _blank(panel: Panel) -> pd.DataFrame:
    return panel.rows[["borrower_id", "period_end"]].copy()


def _totalled(table: pd.DataFrame, reason: pd.Series, foreign: set[str]) -> pd.DataFrame:
    for kind in ("principal", "interest"):
        table[kind] = table[f"own_{kind}"] + table[f"other_{kind}"]
    table["service"] = table["principal"] + table["interest"]
    elsewhere = table["borrower_id"].isin(foreign)
    table["service"] = table["service"].mask(elsewhere | reason.eq(UNPARTED))
    reason = reason.mask(elsewhere, "currency_differs")
    table["reason"] = reason.where(table["service"].isna(), None)
    return table


def _others(due: pd.DataFrame, long_own: np.ndarray, short_own: np.ndarray, assumed: Assumptions) -> np.ndarray:
    """Others' principal due in a year from `due` (long, short) at its start, without ours."""
    rest = np.clip(due["short"] - short_own, 0, None) * (1 - assumed.debt.revolving_share)
    return np.clip(due["long"] - long_own, 0, None) + rest


def _parts(panel: Panel, view: str) -> pd.DataFrame:
    """Debt due within a year at a view's moment: `long` and `short`; a line left out is nil where another is there."""
    lines = {"short": ("short_term_borrowings", "short_term_bonds"), "long": ("noncurrent_debt_due_1y",)}
    frame, known = panel.view(view), ~np.isnan(_leaf(panel, f"{view}.short_debt"))
    told = {name: frame.reindex(columns=[*items]).fillna(0.0).sum(axis=1).where(known) for name, items in lines.items()}
    return pd.DataFrame(told)


def _leaf(panel: Panel, leaf: str) -> np.ndarray:
    return formulas.Evaluator(panel, {}).evaluate(leaf).values


def _rate(panel: Panel, assumed: Assumptions) -> np.ndarray:
    """Interest expense over average debt, kept between nil and the highest rate; nil where nothing is owed."""
    debt = formulas.Evaluator(panel, {}).evaluate("coalesce(avg.debt, end.debt)").values
    spent = _leaf(panel, "ttm.interest_expense")
    with np.errstate(all="ignore"):
        rate = np.where(debt > _CENT, spent / debt, np.where(np.isnan(spent), np.nan, 0.0))
    return np.clip(rate, 0, assumed.debt.highest_rate)


def _reasons(panel: Panel, leaves: tuple[str, ...]) -> pd.Series:
    """The first of these leaves that lacks, by row, as `missing:leaf`."""
    told = pd.Series(None, index=panel.rows.index, dtype=object)
    for leaf in reversed(leaves):
        told = told.mask(np.isnan(_leaf(panel, leaf)), f"missing:{leaf}")
    return told


def _unparted(panel: Panel) -> np.ndarray:
    """Rows whose balance sheet knows no current items: who lends, insures or leases repays out of what it collects and
    raises anew, so that a trader's cover says nothing of it."""
    parts = (np.isnan(_leaf(panel, f"end.current_{name}")) for name in ("assets", "liabilities"))
    return np.logical_and.reduce([*parts, ~np.isnan(_leaf(panel, "end.total_liabilities"))])


def _foreign(rows: pd.DataFrame, panel: Panel) -> set[str]:
    """Borrowers with an open instalment in a currency other than that of their statements."""
    theirs = rows["borrower_id"].map(panel.currency)
    return set(rows.loc[(rows["open"] > 0) & (rows["currency"] != theirs) & theirs.notna(), "borrower_id"])


def _of_currency(rows: pd.DataFrame, panel: Panel) -> pd.DataFrame:
    """The rows in the currency of their borrower's statements, with the panel's month key of the day due."""
    mine = rows[rows["currency"] == rows["borrower_id"].map(panel.currency)]
    return mine.assign(key=month_keys(panel, mine["borrower_id"], mine["due_on"]))


def month_keys(panel: Panel, borrower_id: pd.Series, day: pd.Series) -> np.ndarray:
    """The panel's key of the calendar month a day is in."""
    return panel.keys(borrower_id, day + pd.offsets.MonthEnd(0))


def between(rows: pd.DataFrame, column: str, after: np.ndarray, until: np.ndarray) -> np.ndarray:
    """The sum of a column over rows whose key is in (after, until], for many windows at once."""
    placed = rows.sort_values("key", kind="stable")
    at, total = placed["key"].to_numpy(), np.concatenate([[0.0], placed[column].to_numpy(float).cumsum()])
    return np.round(total[at.searchsorted(until, "right")] - total[at.searchsorted(after, "right")], 4)


def _balance(side: Side, panel: Panel, assumed: Assumptions, keys: np.ndarray) -> dict:
    """Our balance at each key, all of it and of loans up to a year: drawn less repaid, in the statements' currency."""
    repaid = side["repayments"][[*KEY, "paid_on", "principal"]]
    moved = [side["drawdowns"][[*KEY, "drawn_on", "amount"]], repaid.assign(principal=-repaid["principal"])]
    flows = pd.concat([part.set_axis([*KEY, "on", "amount"], axis=1) for part in moved], ignore_index=True)
    loans = side["loans"]
    short = (loans["matures_on"] - loans["signed_on"]).dt.days <= assumed.debt.short_term_days
    flows = flows.merge(loans[[*KEY, "currency"]].assign(short=short), on=KEY)
    flows = flows[flows["currency"] == flows["borrower_id"].map(panel.currency)]
    flows = flows.assign(key=month_keys(panel, flows["borrower_id"], flows["on"]))
    start = keys - keys % 100_000
    held = {"all": flows, "short": flows[flows["short"]]}
    return {name: np.clip(between(part, "amount", start, keys), 0, None) for name, part in held.items()}


def _short_balance(side: Side, panel: Panel, assumed: Assumptions, keys: np.ndarray) -> np.ndarray:
    return _balance(side, panel, assumed, keys)["short"]
