"""A troubled loan made by hand: its tables, its cash, its case. Shared by the tests of judgement and of report."""

from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd

from postloan.analysis import servicing
from postloan.judgement import workout
from postloan.judgement.cash import Cash
from postloan.loan_rows import checked, empty
from postloan.loan_tables import LOAN_TABLES

RULES, AS_OF = workout.load(), "2026-05-15"
LOAN = dict(
    borrower_id="A", loan_id="L1", product="working_capital", currency="CNY", amount=20e6, signed_on="2024-08-15",
    matures_on="2026-08-15", rate=0.06, repayment="custom",
)  # fmt: skip
TABLES = {
    "loans": [LOAN],
    "drawdowns": [dict(borrower_id="A", loan_id="L1", drawdown_id="D1", drawn_on="2024-08-15", amount=20e6)],
    "schedule": [
        dict(borrower_id="A", loan_id="L1", due_on=day, principal=principal, interest=interest, known_on="2024-08-15")
        for day, principal, interest in (
            ("2025-08-15", 5e6, 3e5), ("2026-02-15", 5e6, 2.25e5),
            ("2026-05-15", 0.0, 1.5e5), ("2026-08-15", 10e6, 1.5e5),
        )
    ],
    "repayments": [
        dict(borrower_id="A", loan_id="L1", repayment_id="R1", paid_on="2025-08-15", principal=5e6, interest=3e5)
    ],
    "collateral": [
        dict(borrower_id="A", collateral_id="C1", kind="real_estate", value=18e6, valued_on="2025-02-15", registered=1)
    ],
    "guarantors": [
        dict(borrower_id="A", guarantor_id="G1", name="保证", amount=5e6, net_assets=30e6, stated_on="2025-12-31")
    ],
}  # fmt: skip


def side(**tables) -> dict[str, pd.DataFrame]:
    given_ = {**TABLES, **tables}
    return {
        name: checked(pd.DataFrame(given_[name]), name) if given_.get(name) else empty(name) for name in LOAN_TABLES
    }


def steady(amount: float, spread: float = 0.0) -> Cash:
    """Eight quarters of cash: 101 draws evenly between amount ± spread, the first in the middle."""
    levels = amount + np.concatenate([[0.0], np.linspace(-spread, spread, 100)])
    draws = np.repeat(levels[:, None], 8, axis=1)
    ends = pd.date_range("2026-06-30", periods=8, freq="QE")
    parts = {"base": draws, "revenue_10": draws * 0.8, "cost_2": draws * 0.9}
    return Cash(ends, parts, np.full(8, 2 * amount), 40e6)


GOOD = {"difficulty": "temporary", "owner_support": 1e6, "extended_months": 0, "under_observation": False}


@cache
def book() -> tuple[dict, pd.DataFrame]:
    rows = side()
    return rows, servicing.state(rows, AS_OF)


def case(cash=None, known=GOOD, tables=None, **facts) -> workout.Case:
    rows, state = book()
    if tables:
        rows = side(**tables)
        state = servicing.state(rows, AS_OF)
    loan = workout.claim(rows, state, AS_OF, rules=RULES)
    told = workout.situation(rows, state, loan, rules=RULES, known=known, cash=cash, grade="supported")
    return replace(told, **{"last_class": "substandard", **facts})


@cache
def usual() -> tuple[workout.Case, workout.Compared]:
    """The case of the book's tables with cash of 4m ± 2m a quarter, compared once."""
    told = case(steady(4e6, 2e6))
    return told, workout.compare(told, RULES)
