"""Which of our borrowers a guarantor is; said here once, for the room that reads the book and for those that judge."""

from __future__ import annotations

import pandas as pd


def owners(borrowers: pd.DataFrame) -> pd.Series:
    """Borrower ids by credit code, of a table with borrower_id and credit_code; the first where two share a code."""
    return borrowers.dropna(subset="credit_code").drop_duplicates("credit_code").set_index("credit_code")["borrower_id"]


def ours(guarantors: pd.DataFrame, owners: pd.Series) -> pd.Series:
    """The borrower that each row of the guarantors table is, by `borrower_ref`, else by credit code (`owners`); blank
    where it is none of ours."""
    told = guarantors["borrower_ref"].astype(object)
    return told.where(told.notna() & (told != ""), guarantors["credit_code"].map(owners))
