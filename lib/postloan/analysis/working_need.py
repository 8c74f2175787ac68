"""The need for working capital by formula, against what was lent for it (DOMAIN §2.5).

need = sales × (1 − sales margin) × (1 + growth) / turns, turns = 360 / (inventory + receivable − payable + prepayment −
advance days), each on average balances. Taken over the last twelve months rather than the year before the loan.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from postloan.analysis import assumptions, formulas, servicing
from postloan.analysis.assumptions import Assumptions
from postloan.analysis.periods import Panel

KEY = servicing.KEY
NEED = [
    "borrower_id", "period_end", "sales", "margin", "growth", "days", "need", "balance", "others", "over", "room",
    "reason",
]  # fmt: skip
DAYS = (
    "basis * coalesce(avg.inventory, 0) / ttm.operating_cost + basis * avg.accounts_receivable / ttm.revenue"
    " - basis * avg.accounts_payable / ttm.operating_cost"
    " + basis * coalesce(avg.prepayments, 0) / ttm.operating_cost"
    " - basis * coalesce(avg.advances_from_customers, 0) / ttm.revenue"
)
MARGIN = "ttm.profit_before_tax / ttm.revenue"
GROWTH = "(ttm.revenue - ttm_1.revenue) / ttm_1.revenue"


def need(
    panel: Panel,
    state: pd.DataFrame,
    *,
    growth: pd.Series | None = None,
    day_basis: int = 360,
    assumed: Assumptions | None = None,
) -> pd.DataFrame:
    """The need of every borrower of the panel against our working-capital loans (NEED), a row each.

    `state` is `servicing.state`; `growth` the expected growth of sales by borrower, that of the last year where absent,
    kept inside the bounds of params. `others` is what others lent short, `room` = need − balance − others, `over`
    whether our balance is more than need × the factor of params. A cycle that pays for itself needs nothing (0).
    Amounts in the statements' currency; a need that cannot be formed has its reason.
    """
    assumed = assumed or assumptions.load()
    latest = ~panel.rows["borrower_id"].duplicated(keep="last").to_numpy()
    judge = formulas.Evaluator(panel, {"basis": float(day_basis)})
    names = {
        "sales": "ttm.revenue",
        "margin": MARGIN,
        "days": DAYS,
        "growth": GROWTH,
        "short": "coalesce(end.short_term_borrowings, end.short_debt)",
    }
    found = {name: judge.evaluate(text) for name, text in names.items()}
    told = panel.rows.loc[latest, ["borrower_id", "period_end"]].reset_index(drop=True)
    told = told.assign(**{name: part.values[latest] for name, part in found.items()})
    told["growth"] = _growth(told, growth, assumed)
    told["need"] = (told["sales"] * (1 - told["margin"]) * (1 + told["growth"]) * told["days"] / day_basis).clip(
        lower=0
    )
    codes = pd.DataFrame({name: np.array(judge.reasons, object)[found[name].codes[latest]] for name in names})
    told["reason"] = _first(codes[["sales", "days", "margin", "growth"]]).where(told["need"].isna(), None)
    return _against(told, state, panel, assumed)[NEED]


def _growth(told: pd.DataFrame, growth: pd.Series | None, assumed: Assumptions) -> pd.Series:
    expected = told["growth"] if growth is None else told["borrower_id"].map(growth).fillna(told["growth"])
    return expected.clip(*assumed.working_capital.growth)


def _first(codes: pd.DataFrame) -> pd.Series:
    return codes.bfill(axis=1).iloc[:, 0]


def _against(told: pd.DataFrame, state: pd.DataFrame, panel: Panel, assumed: Assumptions) -> pd.DataFrame:
    """Our balance, others' short debt, and whether we lent too much; a loan in another currency leaves a reason."""
    lent = state[state["product"].isin(assumed.working_capital.products)]
    theirs = lent["borrower_id"].map(panel.currency)
    foreign = set(lent.loc[(lent["currency"] != theirs) & (lent["balance"] > 0), "borrower_id"])
    balance = lent.groupby("borrower_id")["balance"].sum()
    told["balance"] = told["borrower_id"].map(balance).fillna(0.0)
    told["others"] = (told["short"].fillna(0.0) - told["balance"]).clip(lower=0)
    elsewhere = told["borrower_id"].isin(foreign)
    told["reason"] = told["reason"].mask(elsewhere & told["need"].notna(), "currency_differs")
    over = (told["balance"] > told["need"] * assumed.working_capital.over).astype(object)
    told["over"] = over.where(told["need"].notna() & ~elsewhere, None)
    told["room"] = (told["need"] - told["balance"] - told["others"]).mask(elsewhere)
    return told


def limit_use(side: dict[str, pd.DataFrame], as_of: str | pd.Timestamp) -> pd.Series:
    """The lowest share of its limit that a borrower's revolving loans were drawn to at the last twelve month ends.

    A loan revolves where more was drawn in all than its amount. By borrower; one without such a loan is absent.
    """
    loans, months = side["loans"], pd.period_range(end=pd.Timestamp(as_of).to_period("M"), periods=12, freq="M")
    total = side["drawdowns"].groupby(KEY)["amount"].sum().rename("drawn")
    lines = loans.join(total, on=KEY)
    lines = lines[(lines["drawn"] > lines["amount"]) & lines["closed_on"].isna() & (lines["amount"] > 0)]
    if lines.empty:
        return pd.Series(dtype=float)
    flows = pd.concat(
        [
            side["drawdowns"][[*KEY, "drawn_on", "amount"]].rename(columns={"drawn_on": "on"}),
            side["repayments"].assign(amount=-side["repayments"]["principal"], on=side["repayments"]["paid_on"])[
                [*KEY, "on", "amount"]
            ],
        ]
    ).merge(lines[KEY], on=KEY)
    flows["month"] = flows["on"].dt.to_period("M")
    by = flows.groupby(["borrower_id", "month"])["amount"].sum().unstack(fill_value=0.0)
    held = by.reindex(columns=by.columns.union(months).sort_values(), fill_value=0.0).cumsum(axis=1)[months]
    return (held.min(axis=1) / lines.groupby("borrower_id")["amount"].sum()).dropna()


def observations(needed: pd.DataFrame, side: dict[str, pd.DataFrame], as_of: str | pd.Timestamp) -> pd.DataFrame:
    """over_lending, the share of our working-capital loans beyond the need (0 to 1), and limit_use, by borrower.

    `needed` is `need`. A borrower without such a loan, or whose need cannot be formed, is not there.
    """
    lent = needed[(needed["balance"] > 0) & needed["need"].notna() & needed["reason"].isna()]
    beyond = (1 - lent["need"] / lent["balance"]).clip(lower=0)
    use = limit_use(side, as_of)
    parts = [
        pd.DataFrame({"borrower_id": lent["borrower_id"], "metric": "over_lending", "value": beyond}),
        pd.DataFrame({"borrower_id": use.index.astype(str), "metric": "limit_use", "value": use.to_numpy(float)}),
    ]
    told = pd.concat(parts, ignore_index=True)
    return told.assign(observed_on=pd.Timestamp(as_of).as_unit("us"), source="loans and statements")
