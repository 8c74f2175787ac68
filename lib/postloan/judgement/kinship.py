"""Borrowers judged beside those tied to them: a member of the group that is non-performing asks for an assessment."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from postloan.analysis import groups
from postloan.judgement import classification, exposures, loan_facts, sight


@dataclass(frozen=True)
class Kin:
    """What the book knows on a day of borrowers and of all tied to them: the loan tables by name, `servicing.state` of
    the loans, the observations, and the group of each borrower (`groups.ids`)."""

    side: dict[str, pd.DataFrame]
    loans: pd.DataFrame
    observed: pd.DataFrame
    groups: pd.Series

    def owed(self, borrower_id: str) -> pd.DataFrame:
        """`servicing.state` of one borrower's loans."""
        return self.loans[self.loans["borrower_id"] == borrower_id].reset_index(drop=True)


def of(side: dict[str, pd.DataFrame], loans: pd.DataFrame, observed: pd.DataFrame, borrowers: pd.DataFrame) -> Kin:
    """Kin from the tables of a whole book, or of one borrower and its kin (`Book.kin`).

    `borrowers` has borrower_id and credit_code, of all of them.
    """
    return Kin(side, loans, observed, groups.ids(side["parties"], borrowers))


def observations(borrowers: list[str] | pd.Series, kin: Kin, as_of: str | pd.Timestamp) -> pd.DataFrame:
    """How long others of each borrower's group are overdue (sight.COLUMNS), but where an officer knows of longer."""
    told = groups.observations(kin.groups, kin.loans, as_of)
    told = told[told["borrower_id"].isin(borrowers)]
    if told.empty:
        return told
    fresh = sight.fresh(kin.observed[kin.observed["metric"].isin(told["metric"])], as_of)
    longest = fresh.set_index("borrower_id")["value"].reindex(told["borrower_id"]).to_numpy(float)
    return told[~(longest > told["value"].to_numpy(float))][sight.COLUMNS]


def classified(
    borrowers: list[str], observed: pd.DataFrame, kin: Kin, as_of: str | pd.Timestamp
) -> classification.Classified:
    """The borrowers' classes, their groups seen: members that are none of `borrowers` are classed by what loans, talks
    and officers tell of them.

    `observed` is what rules see of the borrowers (sight.COLUMNS).
    """
    mine = kin.groups[kin.groups.index.isin(borrowers)]
    tied = kin.groups[kin.groups.isin(mine)].index
    others = sorted(set(tied) - set(borrowers))
    seen = pd.concat([observed, _plain(others, kin, as_of)]) if others else observed
    assets, debtors = exposures.assets(seen, [*borrowers, *others], kin.loans, kin.groups)
    past = exposures.history(kin.observed, kin.side["sign_offs"], assets)
    return classification.classify(assets, as_of, debtors=debtors, history=past).of(borrowers)


def _plain(borrowers: list[str], kin: Kin, as_of: str | pd.Timestamp) -> pd.DataFrame:
    side = {name: rows[rows["borrower_id"].isin(borrowers)] for name, rows in kin.side.items() if "borrower_id" in rows}
    loans, observed = (part[part["borrower_id"].isin(borrowers)] for part in (kin.loans, kin.observed))
    return sight.fresh(loan_facts.plain(side, loans, as_of, observed=observed), as_of)
