"""What the loan side tells the rules and the class: how loans are paid, what was said, what happened outside."""

from __future__ import annotations

import pandas as pd

from postloan.analysis import events, talks
from postloan.analysis.evidence import PAPER_COLUMNS
from postloan.judgement.sight import COLUMNS

Side = dict[str, pd.DataFrame]
_PAPERS = {"electricity_kwh": "electricity", "social_security": "insured_staff", "bank_deposits": "bank_balance"}


def gather(side: Side, loans: pd.DataFrame, as_of: str | pd.Timestamp) -> pd.DataFrame:
    """Every observation (sight.COLUMNS) that the loan tables of any number of borrowers give on a day.

    `side` are the loan tables by name as known on the day, `loans` is `servicing.state` of them. What a table does not
    tell of a borrower is absent, never zero.
    """
    parts = [
        _paid(loans, as_of),
        talks.observations(side["contacts"], side["commitments"], as_of),
        events.observations(side["events"], as_of),
    ]
    found = [part for part in parts if len(part)]
    return pd.concat(found, ignore_index=True)[COLUMNS] if found else pd.DataFrame(columns=COLUMNS)


def joined(observed: pd.DataFrame, facts: pd.DataFrame) -> pd.DataFrame:
    """The book's observations with those of the loan side, which go before older ones of the same thing."""
    return pd.concat([observed, facts], ignore_index=True) if len(facts) else observed


def papers(cross_checks: pd.DataFrame, statements: pd.DataFrame) -> pd.DataFrame:
    """Cross-checks as `reliability.check` wants them: on the day, or over the very months of that day's statement."""
    flows = statements[statements["months"] > 0]
    filed = flows.groupby(["borrower_id", "period_end"])["months"].max().rename("filed")
    told = cross_checks.join(filed, on=["borrower_id", "period_end"])
    told = told[(told["months"] == 0) | (told["months"] == told["filed"])]
    told = told.assign(kind=told["kind"].replace(_PAPERS)).rename(columns={"value": "amount"})
    return told[told["kind"].isin([*_PAPERS.values(), "vat_sales", "cit_revenue", "bank_inflow", "bureau_debt"])][
        PAPER_COLUMNS
    ]


def _paid(loans: pd.DataFrame, as_of: str | pd.Timestamp) -> pd.DataFrame:
    """The longest days overdue and how often a borrower was late within a year, from its own loans."""
    late = loans[["principal_days_overdue", "interest_days_overdue"]].max(axis=1)
    by = loans.assign(late=late).groupby("borrower_id")
    told = {"days_overdue": by["late"].max(), "overdue_times": by["times_late"].sum()}
    parts = [
        pd.DataFrame({"borrower_id": values.index, "metric": metric, "value": values.to_numpy(float)})
        for metric, values in told.items()
    ]
    day = pd.Timestamp(as_of).as_unit("us")
    return pd.concat(parts, ignore_index=True).assign(observed_on=day, source="loans")[COLUMNS]
