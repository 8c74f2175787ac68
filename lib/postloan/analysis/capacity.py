"""Repayment capacity: cash available for debt service over what is due, in the past, to come, and under stress.

Variants, stated with every figure (DOMAIN §4.3): debt-service cover (DSCR) = (EBITDA − income tax − maintenance capex −
increase of operating working capital) / (principal + interest due); fixed-charge cover (FCCR) = (EBITDA − capex not
financed by long debt − income tax − distributions) / the same. Income tax is the charge, for statements do not tell
the cash; maintenance capex is a share of depreciation (params/capacity.yml). Cash below nil covers nothing: the cover
is then 0, and the shortfall in money tells how deep.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from postloan.analysis import assumptions, debt, formulas, outlook
from postloan.analysis.assumptions import Assumptions
from postloan.analysis.periods import Panel

COVER = [
    "borrower_id", "period_end", "ebitda", "income_tax", "maintenance", "working_capital_change", "cash", "cfo",
    "capex_own_funds", "distributions", "fixed_cash", "own", "principal", "interest", "service", "dscr",
    "dscr_reason", "fccr", "fccr_reason",
]  # fmt: skip
STRESS = ["borrower_id", "case", "revenue", "cash", "service", "dscr", "shortfall", "basis", "reason"]
START = ["borrower_id", "revenue", "operating_cost", "income_tax", "cash", "service", "debt", "basis", "reason"]
METRIC = "service_cover"  # the drawn cover's name in `outlook` tables
PARTS = {
    "ebitda": "ttm.ebitda",
    "cfo": "ttm.cfo",
    "income_tax": "ttm.income_tax",
    "working_capital_change": "end.operating_working_capital - end_1.operating_working_capital",
    "distributions": "coalesce(ttm.dividends_paid, ttm.dividends_and_interest_paid - ttm.interest_expense)",
}
_FINANCED = ("fixed_asset", "project")  # our loans that pay for capex


def formulas_of(assumed: Assumptions | None = None) -> dict[str, str]:
    """The formulas to be drawn (`outlook.draw`) for cover and stress, by name."""
    share = (assumed or assumptions.load()).cover.maintenance_share
    cash = f"ttm.ebitda - ttm.income_tax - {share} * ttm.depreciation_amortisation"
    return {
        "cash": f"{cash} - ({PARTS['working_capital_change']})",
        "revenue": "ttm.revenue",
        "operating_cost": "ttm.operating_cost",
        "income_tax": "ttm.income_tax",
    }


def cover(
    panel: Panel, due: pd.DataFrame, side: debt.Side | None = None, *, assumed: Assumptions | None = None
) -> pd.DataFrame:
    """Both covers on every period of the panel (COVER), over the twelve months up to it; value or reason.

    `due` is `debt.service` of the panel, `side` the loan tables, whose drawdowns of fixed-asset and project loans
    finance capex. Amounts in the statements' currency, covers in times. Source: DOMAIN §4.3.
    """
    assumed = assumed or assumptions.load()
    judge = formulas.Evaluator(panel, {})
    found = {name: judge.evaluate(text) for name, text in PARTS.items()}
    cash, share = judge.evaluate(formulas_of(assumed)["cash"]), assumed.cover.maintenance_share
    told = due.assign(**{name: part.values for name, part in found.items()}, cash=cash.values)
    told["maintenance"] = judge.evaluate(f"{share} * ttm.depreciation_amortisation").values
    told["distributions"] = told["distributions"].clip(lower=0)
    told["capex_own_funds"] = _unfinanced(panel, judge, side)
    told["own"] = told["own_principal"] + told["own_interest"]
    told["fixed_cash"] = told["ebitda"] - told["income_tax"] - told["capex_own_funds"] - told["distributions"]
    told.loc[told["reason"].eq(debt.UNPARTED), ["cash", "fixed_cash"]] = np.nan
    fixed = judge.evaluate(f"ttm.ebitda - ttm.capex - ttm.income_tax - {PARTS['distributions']}")
    for name, column, part in (("dscr", "cash", cash), ("fccr", "fixed_cash", fixed)):
        told[name] = times(told[column], told["service"])
        told[f"{name}_reason"] = _reason(told, name, column, np.array(judge.reasons, dtype=object)[part.codes])
    return told[COVER]


def times(cash: pd.Series | np.ndarray, service: pd.Series | np.ndarray) -> np.ndarray:
    """Cash over service in times, never below 0; NaN where nothing is due or either is unknown."""
    cash, service = np.asarray(cash, float), np.asarray(service, float)
    with np.errstate(all="ignore"):
        return np.where(service > 0, np.clip(cash, 0, None) / service, np.nan)


def _reason(told: pd.DataFrame, name: str, cash: str, lacking: np.ndarray) -> pd.Series:
    """Why a cover is missing: what the cash lacks, what the service lacks, or that nothing is due."""
    of_cash = pd.Series(lacking, index=told.index).where(told[cash].isna())
    nothing = of_cash.mask(of_cash.isna() & (told["service"] <= 0), "no_debt_service")
    nothing = nothing.mask(told["reason"].eq(debt.UNPARTED), debt.UNPARTED)
    return told["reason"].mask(nothing.notna(), nothing).where(told[name].isna(), None)


def _unfinanced(panel: Panel, judge: formulas.Evaluator, side: debt.Side | None) -> np.ndarray:
    """Capex less what long debt paid of it: its increase, or our drawdowns for fixed assets where they are more."""
    capex = judge.evaluate("ttm.capex").values
    raised = np.nan_to_num(judge.evaluate("end.long_term_debt - end_1.long_term_debt").values)
    ours = _drawn(panel, side) if side is not None else 0.0
    return np.clip(capex - np.clip(np.maximum(raised, ours), 0, None), 0, None)


def _drawn(panel: Panel, side: debt.Side) -> np.ndarray:
    kinds = side["loans"].loc[side["loans"]["product"].isin(_FINANCED), debt.KEY]
    drawn = side["drawdowns"].merge(kinds, on=debt.KEY)
    drawn = drawn.assign(key=debt.month_keys(panel, drawn["borrower_id"], drawn["drawn_on"]))
    keys = panel.rows.index.to_numpy()
    return debt.between(drawn, "amount", keys - debt.YEAR, keys)


@dataclass(frozen=True)
class Future:
    """One borrower's cover to come. `cover` are drawn covers as `outlook.Draws` (metric METRIC), each over the twelve
    months up to its day; `due` has period_end, own, other and service; `start` the stress's first row (START)."""

    cover: outlook.Draws
    due: pd.DataFrame
    start: pd.DataFrame

    def table(self) -> pd.DataFrame:
        """The `forecasts` table of the cover: mean and the 80 and 95 % bands by day, or the reason."""
        return outlook.table(self.cover)


def future(drawn: outlook.Draws, panel: Panel, rows: pd.DataFrame, past: pd.DataFrame, coming: pd.DataFrame) -> Future:
    """The covers to come of one borrower, from its drawn cash (`outlook.draw` of `formulas_of`).

    `rows` are `debt.own`, `past` is `debt.service`, `coming` `debt.coming`. What is due to others passes over the year
    from what it was to what it will be. No forecast of cash, or nothing due: no cover, with the reason.
    """
    name = drawn.borrower_id
    then, soon = (table[table["borrower_id"] == name].iloc[-1] for table in (past, coming))
    due = _due(drawn, panel, rows, then, soon)
    owed, cash = due["service"].to_numpy(float), drawn.values.get("cash")
    reason = debt.UNPARTED if soon["reason"] == debt.UNPARTED else drawn.reason.get("cash")
    if reason is None and pd.isna(owed).any():
        reason = soon["reason"] or then["reason"]
    elif reason is None and (owed <= 0).all():
        reason = "no_debt_service"
    values = {} if reason else {METRIC: times(cash, owed)}
    mase = {} if reason else {METRIC: drawn.mase["cash"]}
    told = outlook.Draws(name, drawn.step, drawn.days, values, mase, {METRIC: reason} if reason else {})
    return Future(told, due, _expected(drawn, due, soon, reason))


def _due(drawn: outlook.Draws, panel: Panel, rows: pd.DataFrame, then: pd.Series, soon: pd.Series) -> pd.DataFrame:
    """What is due in the twelve months up to each day, and what is still unpaid from before them."""
    mine = rows[(rows["borrower_id"] == drawn.borrower_id) & (rows["due"] > 0) & rows["due_on"].notna()]
    month, told = mine["due_on"].to_numpy("datetime64[M]").astype(int), []
    owed, unpaid = mine["due"].to_numpy(), mine["open"].to_numpy()
    for number, day in enumerate(drawn.days, start=1):
        end = day.to_datetime64().astype("datetime64[M]").astype(int)
        own = owed[(month > end - debt.YEAR) & (month <= end)].sum() + unpaid[month <= end - debt.YEAR].sum()
        share = min(number * drawn.step / debt.YEAR, 1.0)
        other = sum(
            (1 - share) * then[f"other_{kind}"] + share * soon[f"other_{kind}"] for kind in ("principal", "interest")
        )
        told.append({"period_end": day, "own": own, "other": other, "service": own + other})
    blank = {"service": np.nan} if then["reason"] or soon["reason"] else {}
    return pd.DataFrame(told).assign(**blank)


def _expected(drawn: outlook.Draws, due: pd.DataFrame, soon: pd.Series, reason: str | None) -> pd.DataFrame:
    """The coming year as expected: the stress's starting row; empty where there is no forecast."""
    year = round(debt.YEAR / drawn.step) - 1
    names = ("cash", "revenue", "operating_cost", "income_tax")
    if reason or any(name not in drawn.values for name in names):
        return pd.DataFrame(columns=START)
    row = {name: drawn.values[name][0, year] for name in names}
    row |= {"borrower_id": drawn.borrower_id, "service": due["service"].iloc[year], "debt": soon["debt"]}
    return pd.DataFrame([row | {"basis": "expected", "reason": None}])[START]


def chances(made: Future, *, assumed: Assumptions | None = None) -> pd.DataFrame:
    """The chance (0 to 1) that cover falls below the floor: a row a coming day, and the last, without a day, for any of
    the quarters named in params. Columns period_end, within (quarters), service, chance; NaN without a forecast."""
    limits = (assumed or assumptions.load()).cover
    ahead = made.cover.values.get(METRIC)
    below = np.full(len(made.due), np.nan) if ahead is None else (ahead < limits.floor).mean(axis=0)
    steps = made.cover.step // 3 * np.arange(1, len(made.due) + 1)
    rows = made.due[["period_end", "service"]].assign(within=steps, chance=below)
    whole = outlook.breach(made.cover, METRIC, limits.floor, "below", limits.within)
    last = {"period_end": pd.NaT, "within": limits.within, "service": np.nan, "chance": whole}
    return pd.concat([rows, pd.DataFrame([last])], ignore_index=True)


def start(panel: Panel, covers: pd.DataFrame, coming: pd.DataFrame) -> pd.DataFrame:
    """The last twelve months against what is due in the next (START), a row a borrower: where a stress begins.

    `covers` is `cover`, `coming` is `debt.coming`.
    """
    latest = ~covers["borrower_id"].duplicated(keep="last").to_numpy()
    judge, told = formulas.Evaluator(panel, {}), covers.loc[latest, ["borrower_id", "cash", "dscr_reason"]]
    for name in ("revenue", "operating_cost", "income_tax"):
        told[name] = judge.evaluate(f"ttm.{name}").values[latest]
    told = told.merge(coming[["borrower_id", "service", "debt", "reason"]], on="borrower_id")
    lacking = told["dscr_reason"].where(told["cash"].isna())
    told["reason"] = lacking.mask(lacking.isna(), told["reason"])
    return told.assign(basis="last_twelve_months")[START]


def stress(begins: pd.DataFrame, *, assumed: Assumptions | None = None) -> pd.DataFrame:
    """Cover and shortfall under every stress case (STRESS), of any number of borrowers; case `base` is none of them.

    `begins` is `start` or `Future.start`. Revenue lost takes with it the variable share of its cost; costs rise by a
    share of the revenue that is left; less earnings, less tax; dearer money is paid on all debt. No release of
    working capital is counted. Amounts as given, `shortfall` = service − cash, at least 0. Source: DOMAIN §8.2.
    """
    told = (assumed or assumptions.load()).stress
    cases = {"base": assumptions.Case(), **told.cases}
    return pd.concat([_stressed(begins, name, case, told) for name, case in cases.items()], ignore_index=True)


def _stressed(begins: pd.DataFrame, name: str, case: assumptions.Case, told: assumptions.Stress) -> pd.DataFrame:
    names = ("revenue", "operating_cost", "income_tax", "cash", "service", "debt")
    sales, cost, tax, cash, service, debt = (begins[each].to_numpy(float) for each in names)
    revenue, lost = sales * (1 + case.revenue), np.zeros(len(sales))
    lost = -case.revenue * (sales - told.variable_cost_share * cost) if case.revenue else lost
    lost = lost + (case.cost * revenue if case.cost else 0.0)
    cash = cash - lost + np.minimum(np.where(tax > 0, tax, 0.0), told.tax_relief * lost)
    service = service + (case.rate * debt if case.rate else 0.0)
    dscr = times(cash, service)
    unknown = np.where(np.isnan(cost), "missing:ttm.operating_cost", "no_debt_service")
    reason = begins["reason"].where(begins["reason"].notna(), unknown)
    return pd.DataFrame(
        {
            "borrower_id": begins["borrower_id"],
            "case": name,
            "revenue": revenue,
            "cash": cash,
            "service": service,
            "dscr": dscr,
            "shortfall": np.maximum(service - cash, 0),
            "basis": begins["basis"],
            "reason": reason.where(np.isnan(dscr), None),
        }
    )[STRESS]


def observations(begins: pd.DataFrame, coming: pd.DataFrame, as_of: str | pd.Timestamp) -> pd.DataFrame:
    """Cover as observations, by borrower: scheduled_service_cover, the cash of the last twelve months over all that is
    due in the next, and renewed_service_cover, the same with our loans up to a year renewed when they mature.

    `begins` is `start`, `coming` is `debt.coming`. A cover that cannot be formed is not there.
    """
    told = begins.merge(coming[["borrower_id", "renewable"]], on="borrower_id")
    kinds = {"scheduled_service_cover": told["service"], "renewed_service_cover": told["service"] - told["renewable"]}
    parts = [
        pd.DataFrame({"borrower_id": told["borrower_id"], "metric": name, "value": times(told["cash"], due)})
        for name, due in kinds.items()
    ]
    seen = pd.concat(parts, ignore_index=True).dropna(subset="value")
    return seen.assign(observed_on=pd.Timestamp(as_of).as_unit("us"), source="schedule and statements")
