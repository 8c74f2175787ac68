"""The sample's loans: what was lent, drawn, planned and paid, fed by the borrowings in the statements.

A client has a term loan of five years (where its statements show long debt), drawn on its first drawdown and repaid in
equal quarterly parts, and a working-capital loan of twelve months that is repaid when it matures and lent anew some
days later. What it owes us never exceeds its own statements' borrowings at a quarter end. A client without borrowings
has one trade loan repaid within the quarter and a line it does not use.

Some are late: S0005 from 17 April 2026, S0015 from 10 April 2026 (35 days on 15 May), S0024 from 15 January 2026 (120
days); S0013 and S0014 are told in sample_cases. Due days are banking days; interest is by days over 360, whole units.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from postloan.book.sample_ledger import LOT, TODAY, Client, after, day, lots

_MONTH = 0.062  # of a year's sales: what a month's collections can repay
OFFICERS = ("林一", "陈予安", "赵映", "沈若川")
_PURPOSES = {
    "C34": "采购铸件与钢材", "C27": "采购原料药与包材", "C14": "采购粮油与包材", "F51": "采购钢材",
    "C35": "采购钢材与液压件", "C30": "采购煤炭与石灰石", "D46": "采购水处理药剂", "I65": "支付研发外包",
    "C39": "采购芯片与电路板", "C17": "采购坯布与染料", "D45": "采购天然气", "C38": "采购硅钢片与铜线",
    "C37": "采购船用钢板",
}  # fmt: skip
# The day on which the working-capital loans of a client mature, and from when a client pays nothing any more.
ANCHORS = {4: (4, 17), 8: (4, 8), 14: (4, 10), 23: (1, 15)}
_NO_LINE = {6}  # its suppliers are paid later than its customers pay: it needs no working capital
STOPS = {4: "2026-04-01", 14: "2026-04-01", 23: "2026-01-10"}


def lend(client: Client) -> None:
    """Write the ordinary loans of a client."""
    start = client.master["first_drawdown"]
    if client.debt["short"].max() == 0:
        return _unused(client, start)
    first = term(client, start, _until(client))
    if client.number in _NO_LINE:
        return
    _lines(client, start if not first else after(start, int(client.rng.integers(15, 40))))


def purpose(client: Client) -> str:
    """What its working-capital loans are for."""
    return _PURPOSES[client.kind.industry[:3]]


def sign(client: Client, loan_id: str, amount: int, signed: pd.Timestamp, matures: pd.Timestamp, **told) -> dict:
    """Write a loan; `told` replaces what is usual."""
    above = min(10_000_000, lots(amount * 0.3)) if client.chinese else lots(amount * 0.3)
    rate = told.pop("rate", round(client.kind.rate - 0.002, 4))
    usual = {
        "product": "working_capital", "purpose": purpose(client), "currency": client.kind.currency, "amount": amount,
        "signed_on": signed, "matures_on": matures, "rate": rate, "effective_rate": round(rate * 1.016, 5),
        "repayment": "bullet", "guarantee": guarantee(client), "payment": "entrusted", "entrusted_above": above,
        "account": client.loan_account, "collection_account": client.account,
        "officer": OFFICERS[client.number % len(OFFICERS)], "restructured_from": None, "closed_on": None,
    }  # fmt: skip
    return client.add("loans", loan_id=loan_id, **{**usual, **told})


def guarantee(client: Client) -> str:
    """How its loans are secured."""
    return ("mixed", "mortgage", "mortgage", "guarantee")[client.number % 4]


def draw(client: Client, loan: dict, drawn: pd.Timestamp, amount: int, number: int = 1) -> None:
    """Write a drawdown into the loan account."""
    told = {"drawdown_id": f"D{number}", "drawn_on": drawn, "amount": amount, "account": loan["account"]}
    client.add("drawdowns", loan_id=loan["loan_id"], **told)


def plan(client: Client, loan: dict, parts: list[tuple[pd.Timestamp, int]], start: pd.Timestamp, **told) -> list[tuple]:
    """Write a schedule: (due day, principal) parts with interest from `start` on what is left; returns its rows.

    `known` is the day the plan is known (else `start`), `owed` what is left at the start (else the parts' sum).
    """
    owed, before, rows = told.get("owed", sum(part for _, part in parts)), start, []
    for due, principal in parts:
        interest = round(owed * loan["rate"] * (due - before).days / 360)
        rows.append((due, principal, interest))
        owed, before = owed - principal, due
    write_plan(client, loan, rows, told.get("known", start))
    return rows


def write_plan(client: Client, loan: dict, rows: list[tuple], known: pd.Timestamp) -> None:
    """Write the rows (due day, principal, interest) of a whole schedule."""
    for due, principal, interest in rows:
        told = {"due_on": due, "principal": principal, "interest": interest}
        client.add("schedule", known, loan_id=loan["loan_id"], **told)


def pay(client: Client, loan: dict, rows: list[tuple], until: pd.Timestamp = TODAY, first: int = 1) -> int:
    """Write the payments of what fell due up to a day, each in time; returns the next payment's number."""
    for due, principal, interest in rows:
        if due <= until:
            repay(client, loan, due, (principal, interest), first)
            first += 1
    return first


def repay(client: Client, loan: dict, paid: pd.Timestamp, amounts: tuple[int, int], number: int) -> None:
    """Write one payment, principal and interest, from the collection account."""
    told = {"repayment_id": f"R{number}", "paid_on": paid, "principal": amounts[0], "interest": amounts[1]}
    client.add("repayments", loan_id=loan["loan_id"], **told, account=client.account)


def close(client: Client, loan: dict, on: pd.Timestamp) -> None:
    """A loan repaid in full."""
    client.amend("loans", loan, on, closed_on=on)


def quarter_days(start: pd.Timestamp, end: pd.Timestamp) -> list[pd.Timestamp]:
    """The interest days between two days, the end last: the 20th of a quarter's last month."""
    months = pd.date_range(start, end, freq="QE").to_period("M").to_timestamp() + pd.Timedelta(days=19)
    return [due for due in map(day, months) if start + pd.Timedelta(days=9) < due < end - pd.Timedelta(days=9)] + [end]


def room(client: Client, debt: str, start: pd.Timestamp, days: list[pd.Timestamp], left: list[float]) -> float:
    """The largest loan whose rest after each day (`left`, of one unit) stays below the statements' borrowings."""
    series, due = client.debt[debt], np.array(days, dtype="datetime64[us]")
    last = series.index[-1]
    ends = [end for end in pd.date_range(start, max(days), freq="QE") if end <= last]
    owed = [1.0 if end < days[0] else left[int(np.searchsorted(due, end.to_datetime64(), "right")) - 1] for end in ends]
    limits = [series[end] / rest for end, rest in zip(ends, owed, strict=True) if rest > 0]
    return min([*limits, series.asof(start) if start > series.index[0] else series.iloc[0]])


def term(client: Client, start: pd.Timestamp, until: pd.Timestamp) -> bool:
    """A term loan of equal quarterly parts, paid up to a day; False where the statements leave no room for one."""
    end = day(start + pd.DateOffset(years=5))
    days = quarter_days(start, end)
    left = [1 - (k + 1) / len(days) for k in range(len(days))]
    amount = lots(client.share["term"] * room(client, "long", start, days, left), LOT * len(days))
    if amount < (2_000_000 if client.chinese else 500_000):
        return False
    told = {"product": "fixed_asset", "purpose": "购置生产设备", "repayment": "equal_principal"}
    loan = sign(client, f"L{client.number + 1:04d}-T1", amount, start, end, **told, rate=round(client.kind.rate, 4))
    draw(client, loan, start, amount)
    rows = plan(client, loan, [(due, amount // len(days)) for due in days], start)
    pay(client, loan, rows, until)
    _build(client, loan)
    return True


def _until(client: Client) -> pd.Timestamp:
    return pd.Timestamp(STOPS.get(client.number, TODAY))


def _build(client: Client, loan: dict) -> None:
    """The plant the term loan paid for: seen quarterly until done, paid a little ahead of what is built."""
    for turn, share in enumerate((0.35, 0.6, 0.82, 1.0), start=1):
        seen = day(loan["signed_on"] + pd.DateOffset(months=3 * turn))
        if seen <= TODAY:
            paid = {"paid_share": min(1.0, share + 0.06), "equity_paid_share": min(1.0, share + 0.08)}
            client.add("progress", loan_id=loan["loan_id"], seen_on=seen, verified_share=share, **paid)


def _lines(client: Client, start: pd.Timestamp) -> None:
    """Working-capital loans of twelve months, one after another."""
    turn, drawn, month = 1, day(start) if client.rows["loans"] else start, ANCHORS.get(client.number)
    while drawn <= min(TODAY - pd.Timedelta(days=21), _until(client)):
        matures = _anchored(drawn, month) if month else day(drawn + pd.DateOffset(years=1))
        line(client, f"L{client.number + 1:04d}-W{turn}", drawn, matures)
        turn, drawn = turn + 1, after(matures, 3 if month else int(client.rng.integers(3, 9)))


def _anchored(drawn: pd.Timestamp, month: tuple[int, int]) -> pd.Timestamp:
    """The first such day four months or more after the drawdown."""
    years = (day(f"{drawn.year + more}-{month[0]:02d}-{month[1]:02d}") for more in range(3))
    return next(found for found in years if (found - drawn).days > 120)


def line(client: Client, loan_id: str, drawn: pd.Timestamp, matures: pd.Timestamp) -> dict:
    """One working-capital loan, drawn at once, interest each quarter and all of it when it matures."""
    days = quarter_days(drawn, matures)
    limit = client.share["line"] * room(client, "short", drawn, days, [1.0] * (len(days) - 1) + [0.0])
    amount = lots(min(limit, _MONTH * 4 * client.quarter("revenue", drawn)), 10 * LOT)
    loan = sign(client, loan_id, amount, drawn, matures)
    draw(client, loan, drawn, amount)
    rows = plan(client, loan, [(due, amount if due == matures else 0) for due in days], drawn)
    pay(client, loan, rows, _until(client))
    if matures <= _until(client):
        close(client, loan, matures)
    return loan


def _unused(client: Client, start: pd.Timestamp) -> None:
    """One trade loan repaid within the quarter, and a line signed last autumn that was never drawn."""
    quarter_end = start + pd.offsets.QuarterEnd(0)
    drawn = start if (quarter_end - start).days > 30 else day(quarter_end + pd.Timedelta(days=4))
    paid = day(drawn + pd.Timedelta(days=25))
    amount = lots(client.quarter("cash_paid_to_staff", drawn) * 0.3)
    loan = sign(client, f"L{client.number + 1:04d}-W1", amount, start, paid, product="trade_finance", payment="self")
    draw(client, loan, drawn, amount)
    pay(client, loan, plan(client, loan, [(paid, amount)], drawn))
    close(client, loan, paid)
    signed = day("2025-11-17")
    sign(client, f"L{client.number + 1:04d}-W2", 2 * amount, signed, day(signed + pd.DateOffset(years=1)))


def watch(client: Client, looks: tuple[pd.Timestamp, ...]) -> None:
    """Write what the loan system showed on some days: days overdue and how often late within a year."""
    for look in looks:
        dues = [due for loan in client.rows["loans"] for due in _late(client, loan["loan_id"], look)]
        open_ = [(look - due).days for due, settled in dues if settled is None or settled > look]
        times = len({due for due, _ in dues if due > look - pd.DateOffset(years=1)})
        client.observe(look, days_overdue=max(open_, default=0), overdue_times=times)


def _late(client: Client, loan_id: str, look: pd.Timestamp) -> list[tuple]:
    """The due days up to a look that were paid late or not at all, each with the day it was settled (or None)."""
    rows = [row for row in client.rows["schedule"] if row["loan_id"] == loan_id and row["known_on"] <= look]
    if not rows:
        return []
    made, first = max(row["known_on"] for row in rows), min(row["known_on"] for row in rows)
    paid = [row for row in client.rows["repayments"] if row["loan_id"] == loan_id and row["paid_on"] <= look]
    paid = [row for row in paid if made == first or row["paid_on"] > made]
    found, need = [], 0
    for row in (row for row in rows if row["known_on"] == made and row["due_on"] < look):
        need += row["principal"] + row["interest"]
        settled = _reached(paid, need)
        if settled is None or settled > row["due_on"]:
            found.append((row["due_on"], settled))
    return found


def _reached(paid: list[dict], need: float) -> pd.Timestamp | None:
    """The day on which payments added up to an amount."""
    total = 0
    for row in paid:
        total += row["principal"] + row["interest"]
        if total >= need:
            return row["paid_on"]
    return None
