"""A borrower small enough to add up by hand, and loan tables made from rows."""

import pandas as pd

from conftest import facts
from postloan.analysis.periods import Panel
from postloan.loan_rows import checked, empty
from postloan.loan_tables import LOAN_TABLES

FLOWS = {
    "revenue": (900, 1000, 1200), "operating_cost": (630, 700, 840), "profit_before_tax": (90, 100, 120),
    "interest_expense": (20, 20, 24), "income_tax": (22, 25, 30), "net_profit": (68, 75, 90),
    "depreciation_amortisation": (40, 40, 40), "capex": (50, 60, 80), "dividends_paid": (10, 10, 12),
}  # fmt: skip
STOCKS = {
    "accounts_receivable": (180, 200, 220), "inventory": (140, 150, 180), "accounts_payable": (90, 100, 110),
    "short_term_borrowings": (200, 200, 200), "noncurrent_debt_due_1y": (40, 50, 60),
    "long_term_borrowings": (140, 150, 170), "total_assets": (900, 1000, 1100), "current_assets": (400, 450, 520),
    "current_liabilities": (380, 400, 430), "total_liabilities": (540, 570, 620), "equity": (360, 430, 480),
}  # fmt: skip
YEARS = ("2022-12-31", "2023-12-31", "2024-12-31")


def statements(borrower_id: str = "A", *, without: tuple[str, ...] = (), scale: float = 1.0) -> pd.DataFrame:
    """Three years of yearly statements."""
    rows = [
        (day, 12, item, amounts[year] * scale)
        for item, amounts in {**FLOWS, **STOCKS}.items()
        for year, day in enumerate(YEARS)
        if item not in without
    ]
    return facts(rows, borrower_id, "2025-01-31")


def panel(*borrowers: str, **changes: object) -> Panel:
    """The hand-made borrower, under each of these ids."""
    return Panel(pd.concat([statements(each, **changes) for each in borrowers or ("A",)], ignore_index=True))


def side(**tables: list[dict]) -> dict[str, pd.DataFrame]:
    """Every loan table; those given from their rows, in which borrower A is meant unless another is named."""
    made = {name: [{"borrower_id": "A", **row} for row in rows] for name, rows in tables.items()}
    return {name: checked(pd.DataFrame(made[name]), name) if made.get(name) else empty(name) for name in LOAN_TABLES}


def loan(loan_id: str, product: str, amount: float, signed_on: str, matures_on: str, **more: object) -> dict:
    """A loan of the hand-made borrower, at 5 % a year, in yuan."""
    days = {"signed_on": signed_on, "matures_on": matures_on}
    return {"loan_id": loan_id, "product": product, "amount": amount, "currency": "CNY", "rate": 0.05, **days, **more}


def drawn(loan_id: str, on: str, amount: float, drawdown_id: str = "D1", **more: object) -> dict:
    return {"loan_id": loan_id, "drawdown_id": drawdown_id, "drawn_on": on, "amount": amount, **more}


def due(loan_id: str, on: str, principal: float, interest: float, **more: object) -> dict:
    plan = {"principal": principal, "interest": interest, "known_on": "2023-01-01"}
    return {"loan_id": loan_id, "due_on": on, **plan, **more}


def paid(loan_id: str, on: str, principal: float, interest: float, **more: object) -> dict:
    sums = {"principal": principal, "interest": interest}
    return {"loan_id": loan_id, "repayment_id": f"R{on}", "paid_on": on, **sums, **more}


def two_loans(**tables: list[dict]) -> dict[str, pd.DataFrame]:
    """A year's loan of 100 renewed once, and a project loan of 80 paid 10 each half year; all paid in time."""
    halves = ["2024-03-31", "2024-09-30", "2025-03-31", "2025-09-30", "2026-03-31"]
    rows = {
        "loans": [
            loan("W1", "working_capital", 100, "2023-06-20", "2024-06-20", closed_on="2024-06-20"),
            loan("W2", "working_capital", 100, "2024-06-20", "2025-06-20"),
            loan("P1", "project", 80, "2023-03-31", "2028-03-31"),
        ],
        "drawdowns": [drawn("W1", "2023-06-20", 100), drawn("W2", "2024-06-20", 100), drawn("P1", "2023-03-31", 80)],
        "schedule": [
            due("W1", "2024-06-20", 100, 5),
            due("W2", "2025-06-20", 100, 5),
            *(due("P1", day, 10, 2) for day in halves),
            due("P1", "2028-03-31", 30, 2),
        ],
        "repayments": [paid("W1", "2024-06-20", 100, 5), *(paid("P1", day, 10, 2) for day in halves[:2])],
    }
    return side(**{**rows, **tables})
