"""Small books written by hand, for sums that fit on paper."""

import pandas as pd

from postloan import loan_rows, loan_tables
from postloan.portfolio.standing import STANDING


def standing(rows: list[dict]) -> pd.DataFrame:
    """Borrowers as they stand; what a row leaves out is blank."""
    defaults = {"level": "none", "class": "normal", "uncovered": 0.0, "reason": None, "currency": "CNY", "top": ""}
    frame = pd.DataFrame([{**defaults, **row} for row in rows]).reindex(columns=STANDING)
    days = ["period_end", "due", "next_review", "last_as_of"]
    return frame.assign(**{name: pd.to_datetime(frame[name]) for name in days})


def side(**given: list[dict]) -> dict[str, pd.DataFrame]:
    """The loan tables with these rows, the others empty; every row known from the day it speaks of."""
    made = {}
    for name in loan_tables.LOAN_TABLES:
        rows = pd.DataFrame(given.get(name, []))
        empty = loan_rows.empty(name)
        made[name] = rows.reindex(columns=empty.columns).astype(empty.dtypes) if len(rows) else empty
    return {**made, "plans": made["schedule"]}


def loan(borrower: str, drawn: str, *, paid: str | None = None, due: str = "2030-01-01", amount: float = 100.0) -> dict:
    """One loan as the rows of its tables: drawn, due in one piece, paid back on a day or not."""
    key = {"borrower_id": borrower, "loan_id": f"L{borrower}"}
    known = {**key, "known_on": drawn}
    rows = {
        "loans": {**known, "currency": "CNY", "amount": amount, "signed_on": drawn, "matures_on": due, "rate": 0.0,
                  "product": "working_capital"},
        "drawdowns": {**known, "drawdown_id": "D1", "drawn_on": drawn, "amount": amount},
        "schedule": {**known, "due_on": due, "principal": amount, "interest": 0.0},
    }  # fmt: skip
    if paid:
        rows["repayments"] = {**key, "known_on": paid, "repayment_id": "R1", "paid_on": paid, "principal": amount,
                              "interest": 0.0}  # fmt: skip
    return rows


def book(*loans: dict) -> dict[str, pd.DataFrame]:
    """The loan tables of several `loan`s."""
    names = {name for each in loans for name in each}
    return side(**{name: [each[name] for each in loans if name in each] for name in names})
