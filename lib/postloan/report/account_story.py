"""How the borrower's accounts behave: a paragraph, what came in and what of it was earned, accounts and payers."""

from __future__ import annotations

import pandas as pd

from postloan.report.exhibits import DASH, Exhibit, Sheet, tabled
from postloan.report.narrative import Prose

_SOURCES = ("effective", "loan", "own", "related", "round_trip", "refund", "interest")


def story(behaviour: object, sheet: Sheet) -> Prose:
    """What came in over the look-back, how much of revenue passed our accounts, balances, payers, what passes through.

    `behaviour` is accounts.Behaviour of one borrower.
    """
    words = sheet.words
    if behaviour.summary.empty:
        return Prose((words("accounts.none"),))
    row = behaviour.summary.iloc[0]
    told = [_came_in(row, sheet), _collected(row, sheet)]
    if pd.notna(row["to_collection"]):
        told.append(words("accounts.named", share=words.value(row["to_collection"], "pct")))
    told += [_balances(row, sheet), *_payers(row, sheet)]
    broken = behaviour.accounts[behaviour.accounts["continuous"] < 1]
    if len(broken):
        told.append(words("accounts.broken", accounts=words("case.comma").join(map(_masked, broken["account"]))))
    return Prose((words("accounts.joint").join(told),))


def _came_in(row: pd.Series, sheet: Sheet) -> str:
    amounts = {"inflow": _money(row["inflow"], sheet), "earned": _money(row["effective"], sheet)}
    return sheet.words("accounts.inflow", days=(row["to_on"] - row["from_on"]).days, **amounts)


def _payers(row: pd.Series, sheet: Sheet) -> list[str]:
    """Who pays most, and what merely passes through or comes from related parties."""
    words, told = sheet.words, []
    if row["payers"] > 0:
        shares = {"top": words.value(row["top_share"], "pct"), "five": words.value(row["top_five_share"], "pct")}
        told.append(words("accounts.payers", count=int(row["payers"]), **shares))
    for name in ("pass_through_share", "untraded_related_share"):
        if row[name] > 0.005:
            told.append(words(f"accounts.{name}", share=words.value(row[name], "pct")))
    return told


def _money(amount: float, sheet: Sheet) -> str:
    return sheet.words.money(amount, sheet.currency)


def _masked(account: str) -> str:
    return f"…{str(account)[-7:]}"


def _collected(row: pd.Series, sheet: Sheet) -> str:
    words = sheet.words
    if pd.isna(row["collection_share"]):
        return words(f"accounts.{row['collection_reason'] or 'no_revenue'}")
    about = {"share": words.value(row["collection_share"], "pct"), "date": words.date(row["revenue_until"])}
    return words("accounts.collected", **about)


def _balances(row: pd.Series, sheet: Sheet) -> str:
    words = sheet.words
    if pd.isna(row["average"]):
        return words("accounts.closing", closing=_money(row["closing"], sheet))
    now = {"average": _money(row["average"], sheet), "closing": _money(row["closing"], sheet)}
    if pd.isna(row["average_change"]):
        return words("accounts.average", **now)
    return words("accounts.average_change", change=words.change_share(row["average_change"]), **now)


def inflow_table(behaviour: object, sheet: Sheet) -> Exhibit:
    """Money in by what it is, where not all of it comes from customers."""
    if behaviour.summary.empty:
        return Exhibit("")
    words, row = sheet.words, behaviour.summary.iloc[0]
    columns = tuple(words(f"accounts.column.{name}") for name in ("source", "amount", "share"))
    kept = [name for name in _SOURCES if row[name] > 0 or name == "effective"]
    if len(kept) == 1:  # told in the paragraph
        return Exhibit("")
    lines = [(words(f"accounts.source.{name}"), row[name]) for name in kept] + [(words("accounts.all"), row["inflow"])]
    rows = []
    for name, amount in lines:
        share = words.value(amount / row["inflow"], "pct") if row["inflow"] > 0 else DASH
        rows.append((name, _money(amount, sheet), share))
    return tabled(words("accounts.inflows"), columns, rows, sheet, numeric=columns[1:])


def account_table(behaviour: object, sheet: Sheet) -> Exhibit:
    """Each account: what it is for, average and last balance, money in and out, days without movement, continuity."""
    if behaviour.accounts.empty:
        return Exhibit("")
    words, rows = sheet.words, []
    names = ("account", "role", "average", "closing", "inflow", "outflow", "quiet", "continuous")
    columns = tuple(words(f"accounts.column.{name}") for name in names)
    for row in behaviour.accounts.itertuples():
        money = (words.money(value, row.currency) for value in (row.average, row.closing, row.inflow, row.outflow))
        quiet = words("accounts.days", days=int(row.quiet_days)) if pd.notna(row.quiet_days) else DASH
        quiet += words("accounts.dormant") if row.dormant and row.role != "loan" else ""
        cells = (
            _masked(row.account),
            words(f"accounts.role.{row.role}"),
            *money,
            quiet,
            words.value(row.continuous, "pct"),
        )
        rows.append(cells)
    notes = (words("accounts.note"),)
    return tabled(words("accounts.accounts"), columns, rows, sheet, numeric=columns[2:], notes=notes)


def payer_table(behaviour: object, sheet: Sheet) -> Exhibit:
    """The customers that paid most over the look-back."""
    if behaviour.payers.empty:
        return Exhibit("")
    words = sheet.words
    columns = tuple(words(f"accounts.column.{name}") for name in ("payer", "amount", "share"))
    rows = [
        (row.name_, _money(row.amount, sheet), words.value(row.share, "pct"))
        for row in behaviour.payers.rename(columns={"name": "name_"}).itertuples()
    ]
    return tabled(words("accounts.top"), columns, rows, sheet, numeric=columns[1:])
