"""The sample book, generated from a seed: fictional borrowers whose statements articulate to the last yuan.

A borrower is an `Archetype`. Its business (sales, costs, working capital, plant) is drawn first; then the
quarters are walked one by one: borrow to hold a cash floor, pay interest, tax and dividends. Flows are filed
cumulatively from the start of the fiscal year, as Chinese interim statements are.
"""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd

from postloan import chart
from postloan.book import sample_cast, sample_indices, sample_ledger, sample_side
from postloan.book.archetypes import ARCHETYPES, ROUTINE, SEEN, Archetype
from postloan.errors import ContractError
from postloan.tables import FACT_KEY, Intake

Lines = SimpleNamespace  # arrays of whole units by item, one value a quarter, the opening balance first

QUARTERS, LAST = 24, "2025-12-31"
_LOT = 10_000  # loans are drawn and repaid in lots
_FILED = {3: (22, 29), 6: (38, 60), 9: (22, 30), 12: (38, 58)}  # days from the end of an interim period
_LOOKS = (9, 17)  # weeks after the last statements
_FILED_YEAR = {6: (48, 61), 12: (60, 110)}
_SUMS = {
    "current_assets": "cash trading_securities notes_receivable accounts_receivable prepayments "
    "other_receivables inventory other_current_assets",
    "noncurrent_assets": "fixed_assets construction_in_progress intangible_assets",
    "total_assets": "current_assets noncurrent_assets",
    "current_liabilities": "short_term_borrowings notes_payable accounts_payable contract_liabilities "
    "payroll_payable taxes_payable other_payables noncurrent_debt_due_1y",
    "noncurrent_liabilities": "long_term_borrowings",
    "total_liabilities": "current_liabilities noncurrent_liabilities",
    "total_operating_costs": "operating_cost taxes_and_surcharges expenses finance_expense",
    "operating_inflows": "cash_from_sales tax_refunds other_operating_receipts",
    "operating_outflows": "cash_paid_for_goods cash_paid_to_staff taxes_paid other_operating_payments",
    "investing_inflows": "investment_recovered investment_returns",
    "investing_outflows": "capex investment_paid",
    "financing_inflows": "borrowings_raised",
    "financing_outflows": "borrowings_repaid dividends_and_interest_paid",
}


def make(seed: int = 1, borrowers: int = 32, loans: bool = True) -> Intake:
    """The sample book of that seed: `borrowers` fictional borrowers, 24 quarters each, in yuan or dollars, and what the
    bank lent them (`loans`), in every loan table.

    The same seed gives the same book, and a larger book begins with the borrowers of a smaller one.
    ContractError when fewer than one borrower is asked for.
    """
    return told(seed, borrowers, loans)[0]


def told(seed: int = 1, borrowers: int = 32, loans: bool = True) -> tuple[Intake, pd.DataFrame]:
    """The sample book, and beside it what was planted there (borrower_id, rule, from, to, look_alike)."""
    if borrowers < 1:
        raise ContractError(f"borrowers: expected 1 or more, found {borrowers!r}")
    file, clients, filings, looks = f"synthetic sample, seed {seed}", [], [], []
    for number in range(borrowers):
        client, filed = _client(seed, number, file)
        if loans:
            sample_side.write(client)
        clients.append(client)
        filings.append(filed.assign(borrower_id=client.borrower_id))
        looks.append(_all_looks(client))
    masters = pd.DataFrame([client.master for client in clients])
    facts, seen = _facts(pd.concat(filings, ignore_index=True), file), pd.concat(looks, ignore_index=True)
    made = {"borrowers": masters, "statements": facts, "observations": seen}
    made |= {name: rows for name, rows in sample_ledger.tables(clients).items() if len(rows)}
    made |= {"indices": sample_indices.table(seed, file)} if loans else {}
    read = sum(len(rows) for name, rows in made.items() if name != "borrowers")
    return Intake(file, "sample", made, read=read), sample_ledger.truth(clients)


def _client(seed: int, number: int, file: str) -> tuple[sample_ledger.Client, pd.DataFrame]:
    """Borrower `number` with its quarters, and its statements as filed."""
    kind, rng, borrower_id = _cast(number), np.random.default_rng([seed, number]), f"S{number + 1:04d}"
    master, wide = _master(kind, borrower_id, rng), _articulate(kind, rng)
    if number >= len(ARCHETYPES):
        master["first_drawdown"] = sample_ledger.day(sample_cast.STARTS.get(number, master["first_drawdown"]))
    own = np.random.default_rng([seed, number, 1])
    client = sample_ledger.Client(number, kind, borrower_id, master, wide, file, own)
    return client, _filings(kind, wide, rng)


def _all_looks(client: sample_ledger.Client) -> pd.DataFrame:
    """What was observed of a borrower at the two looks, and what the loan side adds; the loan side knows better."""
    looks = _looks(client.number).assign(borrower_id=client.borrower_id, source=client.source)
    parts = [looks, pd.DataFrame(client.seen)] if client.seen else [looks]
    return pd.concat(parts, ignore_index=True).drop_duplicates(["metric", "observed_on"], keep="last")


def _looks(number: int) -> pd.DataFrame:
    """What was observed of borrower `number` at each look: metric, value, observed_on, known_on."""
    named = sample_cast.FIRST <= number < sample_cast.FIRST + len(sample_cast.CAST)
    story = sample_cast.SEEN.get(number, {}) if named else SEEN.get(number % len(ARCHETYPES), {})
    seen = {**ROUTINE, **story}
    days = [pd.Timestamp(LAST) + pd.Timedelta(weeks=weeks) for weeks in _LOOKS]
    rows = [
        (metric, float(value), day, day)
        for metric, pair in seen.items()
        for value, day in zip(pair, days, strict=False)
    ]
    return pd.DataFrame(rows, columns=["metric", "value", "observed_on", "known_on"])


def _cast(number: int) -> Archetype:
    """The archetype of borrower `number`; after the named ones the ten kinds return under numbered names."""
    if sample_cast.FIRST <= number < sample_cast.FIRST + len(sample_cast.CAST):
        return sample_cast.CAST[number - sample_cast.FIRST]
    turn, place = divmod(number, len(ARCHETYPES))
    kind = ARCHETYPES[place]
    mark = f" ({turn + 1})" if turn else ""
    size = kind.revenue * (1 + turn % 5 / 4)
    return replace(kind, name=kind.name + mark, name_en=kind.name_en + mark, revenue=size)


def _master(kind: Archetype, borrower_id: str, rng: np.random.Generator) -> dict:
    told = {name: getattr(kind, name) for name in ("name", "name_en", "industry", "region", "currency")}
    code = "9999" + "".join(map(str, rng.integers(0, 10, 14)))
    drawn = pd.Timestamp("2021-01-04") + pd.Timedelta(days=int(rng.integers(0, 1440)))
    told |= {"credit_code": code, "first_drawdown": drawn, "synthetic": True}
    return {"borrower_id": borrower_id, **told}


def _articulate(kind: Archetype, rng: np.random.Generator) -> pd.DataFrame:
    """Every item of every quarter (flows of the quarter alone) on period ends, the opening balance first."""
    ends = pd.date_range(end=LAST, periods=QUARTERS + 1 + (12 - kind.year_end) // 3, freq="QE")
    lines = _business(kind, ends, rng)
    _add_operating_cash(lines)
    _add_finance(kind, lines)
    _add_cash_lines(kind, lines)
    _add_totals(kind, lines)
    kept = {item: getattr(lines, item) for item in chart.items() if hasattr(lines, item)}
    return pd.DataFrame({"quarter": lines.quarter, **kept}, index=ends.astype("datetime64[us]"))


def _path(knots: tuple[float, ...], length: int) -> np.ndarray:
    return np.interp(np.linspace(0, 1, length), np.linspace(0, 1, len(knots)), knots)


def _whole(amounts: np.ndarray) -> np.ndarray:
    return np.rint(amounts).astype("int64")


def _change(balance: np.ndarray) -> np.ndarray:
    return np.diff(balance, prepend=balance[0])


def _business(kind: Archetype, ends: pd.DatetimeIndex, rng: np.random.Generator) -> Lines:
    """The business before finance: sales, costs, working capital, plant, and the cash to hold."""
    length = len(ends)
    lines = Lines(quarter=((ends.month - kind.year_end - 1) % 12 // 3 + 1).to_numpy())
    shock = rng.normal(0, kind.noise, (4, length))
    trend = kind.revenue / 4 * np.cumprod((1 + _path(kind.growth, length)) ** 0.25)
    sales = trend * np.array(kind.season)[ends.quarter - 1] * (1 + shock[0])
    lines.revenue = _whole(sales)
    lines.operating_cost = _whole(sales * (1 - _path(kind.margin, length) - shock[1] / 4))
    for name, share in zip(("selling_expense", "admin_expense", "rd_expense"), kind.expenses, strict=True):
        setattr(lines, name, _whole(share * (0.6 * trend + 0.4 * sales)))
    lines.expenses = lines.selling_expense + lines.admin_expense + lines.rd_expense
    gross_profit = lines.revenue - lines.operating_cost
    lines.taxes_and_surcharges = _whole(gross_profit * 0.02)
    lines.other_income = _whole(gross_profit * 0.012)
    lines.nonoperating_expense = _whole(trend * 0.001)
    _add_working_capital(kind, lines, trend, shock)
    _add_plant(kind, lines, trend, rng)
    lines.cash_floor = _whole(trend * _path(kind.cash_days, length) / 90)
    lines.short_floor = _whole(trend * kind.debt[0] / _LOT) * _LOT * 4
    lines.fx_move = rng.normal(0, 1, length) * kind.exposure
    return lines


def _add_working_capital(kind: Archetype, lines: Lines, trend: np.ndarray, shock: np.ndarray) -> None:
    sales, cost = lines.revenue, lines.operating_cost
    billed = 0.75 * sales + 0.25 * np.append(sales[0], sales[:-1])
    bought = 0.75 * cost + 0.25 * np.append(cost[0], cost[:-1])
    ahead = 0.5 * cost + 0.5 * np.append(cost[1:], cost[-1])  # stock is built before the season
    age = _path(kind.receivable_days, len(sales)) / 90
    trade = billed * age * (1 + shock[2])
    stock = ahead * _path(kind.inventory_days, len(sales)) / 90
    owed = bought * _path(kind.payable_days, len(sales)) / 90 * (1 + shock[3])
    lines.staff_expenses = _whole(lines.expenses * 0.45)
    lines.staff_cost = _whole(cost * kind.labour) + lines.staff_expenses
    balances = {
        "notes_receivable": trade * kind.notes, "accounts_receivable": trade * (1 - kind.notes),
        "prepayments": bought * 5 / 90, "other_receivables": trend * 3 / 90,
        "inventory": stock, "other_current_assets": trend * 1.5 / 90,
        "notes_payable": owed * kind.notes, "accounts_payable": owed * (1 - kind.notes),
        "contract_liabilities": sales * kind.advance_days / 90, "other_payables": trend * 7 / 90,
        "payroll_payable": lines.staff_cost * np.where(lines.quarter == 4, 0.55, 0.30),
        "taxes_payable": sales * 0.018,  # and losses are negative, as in Chinese statements:
        "credit_impairment": trade * age * -0.002, "asset_impairment": stock * -0.004,
    }  # fmt: skip
    vars(lines).update({item: _whole(amounts) for item, amounts in balances.items()})


def _add_plant(kind: Archetype, lines: Lines, trend: np.ndarray, rng: np.random.Generator) -> None:
    """Plant takes two quarters to build: 60 % is in use at once, the rest one quarter later."""
    spent = trend * _path(kind.capex, len(trend)) * rng.uniform(0.7, 1.3, len(trend))
    built, licences = _whole(spent * 0.88), _whole(spent * 0.12)
    unfinished = built - _whole(built * 0.6)
    opening = round(kind.plant * kind.revenue)
    gross = opening + np.append(0, built[1:] - np.diff(unfinished)).cumsum()
    rights = round(opening * 0.12) + licences.cumsum() - licences[0]
    worn, used = _whole(gross / (4 * kind.plant_life)), _whole(rights / 80)
    lines.capex, lines.construction_in_progress = built + licences, unfinished
    lines.fixed_assets_gross = gross
    lines.depreciation, lines.amortisation = np.append(0, worn[:-1]), np.append(0, used[:-1])
    lines.accumulated_depreciation = round(opening * 0.3) + lines.depreciation.cumsum()
    lines.fixed_assets = gross - lines.accumulated_depreciation
    lines.intangible_assets = rights - lines.amortisation.cumsum()
    lines.long_drawn = _whole(lines.capex * 0.55 * (kind.debt[1] > 0) / _LOT) * _LOT


def _add_operating_cash(lines: Lines) -> None:
    """Costs turned into payments by the balances, before value-added tax, income tax and interest."""
    worn = lines.depreciation + lines.amortisation
    worn_in_costs = _whole(worn * 0.85)
    made = lines.operating_cost - lines.asset_impairment + _change(lines.inventory)
    made -= lines.staff_cost - lines.staff_expenses + worn_in_costs
    owed_by_us = lines.accounts_payable + lines.notes_payable - lines.prepayments
    owed_to_us = lines.accounts_receivable + lines.notes_receivable - lines.contract_liabilities
    lines.sales_cash = lines.revenue + lines.credit_impairment - _change(owed_to_us)
    lines.goods_cash = made - _change(owed_by_us)
    lines.cash_paid_to_staff = lines.staff_cost - _change(lines.payroll_payable)
    others = lines.expenses - lines.staff_expenses - (worn - worn_in_costs) + lines.nonoperating_expense
    lines.other_operating_payments = others + _change(lines.other_receivables) - _change(lines.other_payables)
    taxes = lines.taxes_and_surcharges + _change(lines.other_current_assets)
    lines.tax_cash = taxes - _change(lines.taxes_payable)
    paid = lines.goods_cash + lines.cash_paid_to_staff + lines.other_operating_payments + lines.tax_cash
    lines.operating_cash = lines.sales_cash + lines.other_income - paid
    charges = lines.operating_cost + lines.taxes_and_surcharges + lines.expenses
    gains = lines.other_income + lines.credit_impairment + lines.asset_impairment
    lines.core_profit = lines.revenue - charges + gains


def _add_finance(kind: Archetype, lines: Lines) -> None:
    """Walk the quarters: debt, interest, tax, profit, dividends, securities and cash."""
    plans = [Lines(**plan) for plan in pd.DataFrame(vars(lines)).to_dict("records")]
    now = Lines(trading_securities=0, year_before_tax=0, year_tax=0, year_profit=0, last_profit=0)
    now.closing_cash, now.short_term_borrowings = plans[0].cash_floor, plans[0].short_floor
    now.long = round(kind.revenue * kind.debt[1] / _LOT) * _LOT
    walked = [now]
    for plan in plans[1:]:
        now = _quarter(kind, plan, now)
        walked.append(now)
    for name in vars(now):
        setattr(lines, name, np.array([getattr(quarter, name, 0) for quarter in walked]))


def _quarter(kind: Archetype, plan: Lines, before: Lines) -> Lines:
    """One quarter of finance: short loans fill the gap up to the cash floor, interest is on average debt."""
    cash, short, long = before.closing_cash, before.short_term_borrowings, before.long
    now = Lines(opening_cash=cash, interest_income=round(cash * 0.001))
    now.fx_effect = round(cash * plan.fx_move)
    now.investment_income = round(before.trading_securities * 0.006)
    now.last_profit = before.year_profit if plan.quarter == 1 else before.last_profit
    now.dividends_paid = round(kind.payout * max(0, now.last_profit)) if plan.quarter == 2 else 0
    matured, matured_long = short // (4 * _LOT) * _LOT, long // (kind.tenor * _LOT) * _LOT
    now.long = long - matured_long + plan.long_drawn
    cash += now.interest_income + now.fx_effect + now.investment_income + now.long - long
    cash += plan.operating_cash - plan.capex - now.dividends_paid
    costs = round((short + long) * kind.rate / 4) + max(0, round(plan.core_profit * kind.tax))
    spare = cash - costs - plan.cash_floor
    needed = max(plan.short_floor, -((spare - short) // _LOT) * _LOT)
    now.short_term_borrowings = needed if kind.debt[0] else 0
    drawn = now.short_term_borrowings - short
    now.borrowings_repaid = max(matured, -drawn) + matured_long
    now.borrowings_raised = max(matured + drawn, 0) + plan.long_drawn
    average = (short + long + now.short_term_borrowings + now.long) / 2
    now.interest_expense = round(average * kind.rate / 4)
    now.trading_securities = round(max(0, spare + before.trading_securities) * kind.wealth / _LOT) * _LOT
    _add_profit(kind, plan, before, now)
    bought = now.trading_securities - before.trading_securities
    now.closing_cash = cash + drawn - bought - now.interest_expense - now.income_tax
    return now


def _add_profit(kind: Archetype, plan: Lines, before: Lines, now: Lines) -> None:
    """Profit of the quarter; tax is reckoned on the fiscal year so far, a reserve is set aside at its end."""
    same_year = plan.quarter > 1
    now.finance_expense = now.interest_expense - now.interest_income - now.fx_effect
    now.operating_profit = plan.core_profit + now.investment_income - now.finance_expense
    now.profit_before_tax = now.operating_profit - plan.nonoperating_expense
    now.year_before_tax = before.year_before_tax * same_year + now.profit_before_tax
    now.year_tax = round(max(0, now.year_before_tax) * kind.tax)
    now.income_tax = now.year_tax - before.year_tax * same_year
    now.net_profit = now.profit_before_tax - now.income_tax
    now.minority_profit = round(now.net_profit * kind.minority)
    now.net_profit_parent = now.net_profit - now.minority_profit
    now.year_profit = before.year_profit * same_year + now.net_profit_parent
    reserved = plan.quarter == 4 and kind.currency == "CNY"
    now.set_aside = round(max(0, now.year_profit) * 0.1) if reserved else 0


def _add_cash_lines(kind: Archetype, lines: Lines) -> None:
    """Gross cash lines; value-added tax comes with sales, goes with purchases and is settled at once."""
    output_tax, input_tax = _whole(lines.sales_cash * kind.vat), _whole(lines.goods_cash * kind.vat)
    taxes = lines.tax_cash + lines.income_tax + output_tax - input_tax
    bought = _change(lines.trading_securities)
    lines.cash_from_sales = lines.sales_cash + output_tax
    lines.cash_paid_for_goods = lines.goods_cash + input_tax
    lines.taxes_paid, lines.tax_refunds = taxes.clip(min=0), (-taxes).clip(min=0)
    lines.other_operating_receipts = lines.other_income + lines.interest_income
    lines.investment_paid, lines.investment_recovered = bought.clip(min=0), (-bought).clip(min=0)
    lines.investment_returns, lines.interest_paid = lines.investment_income, lines.interest_expense
    lines.dividends_and_interest_paid = lines.dividends_paid + lines.interest_paid


def _add_totals(kind: Archetype, lines: Lines) -> None:
    lines.restricted_cash = np.full_like(lines.revenue, lines.notes_payable[0] * 0.3)  # margin for bills
    lines.cash = lines.closing_cash + lines.restricted_cash
    lines.noncurrent_debt_due_1y = lines.long // (kind.tenor * _LOT) * _LOT * 4
    lines.long_term_borrowings = lines.long - lines.noncurrent_debt_due_1y
    lines.total_operating_revenue = lines.revenue
    for total, parts in _SUMS.items():
        setattr(lines, total, sum(getattr(lines, part) for part in parts.split()))
    lines.cfo = lines.operating_inflows - lines.operating_outflows
    lines.cfi = lines.investing_inflows - lines.investing_outflows
    lines.cff = lines.financing_inflows - lines.financing_outflows
    lines.net_cash_change = lines.cfo + lines.cfi + lines.cff + lines.fx_effect
    _add_equity(kind, lines)


def _add_equity(kind: Archetype, lines: Lines) -> None:
    """Equity starts as the rest of the opening balance and from then on rolls forward on its own."""
    opening = int(lines.total_assets[0] - lines.total_liabilities[0])
    paid_in = {"share_capital": 0.4, "capital_reserve": 0.15, "minority_interest": kind.minority}
    paid_in["surplus_reserve"] = 0.05 * (kind.currency == "CNY")
    for item, share in paid_in.items():
        setattr(lines, item, np.full_like(lines.revenue, round(opening * share)))
    rest = opening - sum(int(getattr(lines, item)[0]) for item in paid_in)
    lines.surplus_reserve += lines.set_aside.cumsum()
    lines.minority_interest += lines.minority_profit.cumsum()
    kept = lines.net_profit_parent - lines.dividends_paid - lines.set_aside
    lines.undistributed_profit = rest + kept.cumsum()
    reserves = lines.surplus_reserve + lines.undistributed_profit
    lines.equity_parent = lines.share_capital + lines.capital_reserve + reserves
    lines.equity = lines.equity_parent + lines.minority_interest
    lines.liabilities_and_equity = lines.total_liabilities + lines.equity


def _filings(kind: Archetype, wide: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Statements as filed, a row per quarter: balances at its end, flows since the fiscal year began."""
    wide = wide.iloc[1:].rename_axis("period_end")
    year = (wide["quarter"] == 1).cumsum()
    flows = [item for item in wide if item in chart.flows()]
    opening = wide["opening_cash"].groupby(year).transform("first")
    wide = pd.concat([wide.drop(columns=flows), wide[flows].groupby(year).cumsum()], axis=1)
    wide = wide.assign(opening_cash=opening, known_on=_filing_days(wide, rng), currency=kind.currency)
    if kind.gaps:
        wide = wide.drop(index=wide.index[QUARTERS // 2 - 2], columns=["depreciation", "amortisation"])
    return wide[wide.index > pd.Timestamp(LAST) - pd.DateOffset(months=3 * QUARTERS)].reset_index()


def _filing_days(wide: pd.DataFrame, rng: np.random.Generator) -> np.ndarray:
    """Working days inside the statutory deadlines."""
    ends = list(zip(wide.index.month, wide["quarter"], strict=True))
    spans = [_FILED_YEAR[month] if quarter == 4 else _FILED[month] for month, quarter in ends]
    days = rng.integers(*np.array(spans).T, endpoint=True)
    planned = wide.index.to_numpy().astype("datetime64[D]") + days
    return np.busday_offset(planned, 0, roll="backward").astype("datetime64[us]")


def _facts(filings: pd.DataFrame, file: str) -> pd.DataFrame:
    """The filings of all borrowers in long form, a fact a row."""
    about = ["borrower_id", "period_end", "quarter", "known_on", "currency"]
    facts = filings.melt(about, var_name="item", value_name="amount").dropna(subset="amount")
    stock = facts["item"].map({item.id: item.kind == "stock" for item in chart.items().values()})
    facts["months"] = (facts["quarter"] * 3).mask(stock, 0).astype("int64")
    facts["source"] = f"{file} · " + facts["borrower_id"] + facts["period_end"].dt.strftime(" %Y-%m-%d")
    facts = facts.astype({"amount": float, "period_end": "datetime64[us]", "known_on": "datetime64[us]"})
    facts = facts.sort_values(["borrower_id", "period_end"], kind="stable", ignore_index=True)
    return facts[[*FACT_KEY, "amount", "currency", "known_on", "source"]]
