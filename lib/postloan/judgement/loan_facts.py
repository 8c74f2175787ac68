"""What the loan side tells the rules and the class: how loans are paid, where the money went, how accounts behave,
whether repayment and protection hold, what was said, what happened outside."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from postloan.analysis import (
    accounts,
    events,
    loan_use,
    servicing,
    sightings,
    talks,
    use_facts,
    use_params,
    working_need,
)
from postloan.analysis.evidence import PAPER_COLUMNS
from postloan.analysis.periods import Panel
from postloan.judgement import sight
from postloan.judgement.sight import COLUMNS

Side = dict[str, pd.DataFrame]
_PAPERS = {"electricity_kwh": "electricity", "social_security": "insured_staff", "bank_deposits": "bank_balance"}


@dataclass(frozen=True)
class LoanFacts:
    """`observed` (sight.COLUMNS): the book's observations and all that the loan tables add. `use` and `behaviour`: what
    was found of the money drawn and of the accounts, as `loan_use.check` and `accounts.check` tell it, or
    None. `seen` is what was worked out of repayment and protection (`sightings.of`)."""

    observed: pd.DataFrame
    use: loan_use.Use | None
    behaviour: accounts.Behaviour | None
    seen: sightings.Sightings


def gather(
    panel: Panel,
    side: Side,
    loans: pd.DataFrame,
    as_of: str | pd.Timestamp,
    *,
    observed: pd.DataFrame,
    traced: bool = True,
) -> LoanFacts:
    """Every fact that the loan tables of the panel's borrowers give on a day, beside the book's own observations.

    `side` are the loan tables by name as known on the day (`Book.loan_side`), `loans` is `servicing.state` of them,
    `observed` the book's observations. What a table does not tell of a borrower is absent, never zero. Without
    `traced` nobody asks where the money went and how accounts behave.
    """
    needed = working_need.need(panel, loans)
    use, behaviour = _traced(side, needed, as_of) if traced else (None, None)
    parts = [observed, *_plain(side, loans, as_of)]
    if traced:
        found = (loan_use.observations(use, as_of), accounts.observations(behaviour, as_of))
        parts += [_not_overtaken(told, observed) for told in found]
    more = {"versions": side.get("valuations"), "all_guarantors": side.get("backers", side["guarantors"])}
    more |= {"needed": needed, "observed": sight.fresh(_joined(parts), as_of)}
    seen = sightings.of(panel, side, loans, as_of, **more)
    return LoanFacts(_joined([*parts, seen.observed]), use, behaviour, seen)


def _traced(side: Side, needed: pd.DataFrame, as_of: str | pd.Timestamp) -> tuple[loan_use.Use, accounts.Behaviour]:
    known = use_facts.read(side, pd.Timestamp(as_of), use_params.load())
    use = loan_use.check(side, as_of, need=needed.loc[needed["reason"].isna(), ["borrower_id", "need"]], known=known)
    return use, accounts.check(side, as_of, revenue=needed.rename(columns={"sales": "revenue"}), known=known)


def plain(side: Side, loans: pd.DataFrame, as_of: str | pd.Timestamp, *, observed: pd.DataFrame) -> pd.DataFrame:
    """The book's observations beside what payments, talks and events tell: the facts of `gather` that need neither
    statements nor account entries."""
    return _joined([observed, *_plain(side, loans, as_of)])


def _plain(side: Side, loans: pd.DataFrame, as_of: str | pd.Timestamp) -> list[pd.DataFrame]:
    said = talks.observations(side["contacts"], side["commitments"], as_of)
    return [_paid(loans, as_of), said, events.observations(side["events"], as_of)]


def _joined(parts: list[pd.DataFrame]) -> pd.DataFrame:
    """All observations; of the same thing on the same day the later part goes before the earlier."""
    found = [part[COLUMNS] for part in parts if len(part)]
    return pd.concat(found, ignore_index=True) if found else parts[0][COLUMNS]


def _not_overtaken(told: pd.DataFrame, observed: pd.DataFrame) -> pd.DataFrame:
    """What was worked out up to a day, but where an officer observed the same later."""
    newest = observed.groupby(["borrower_id", "metric"])["observed_on"].max().rename("officer_on")
    told = told.join(newest, on=["borrower_id", "metric"])
    return told[~(told["officer_on"] > told["measured_on"])]


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
    late = servicing.days_overdue(loans)
    by = loans.assign(late=late).groupby("borrower_id")
    told = {"days_overdue": by["late"].max(), "overdue_times": by["times_late"].sum()}
    parts = [
        pd.DataFrame({"borrower_id": values.index, "metric": metric, "value": values.to_numpy(float)})
        for metric, values in told.items()
    ]
    day = pd.Timestamp(as_of).as_unit("us")
    return pd.concat(parts, ignore_index=True).assign(observed_on=day, source="loans")[COLUMNS]
