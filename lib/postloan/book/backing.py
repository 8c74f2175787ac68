"""Who stands behind a borrower, and behind those in turn: the guarantors of every borrower that one leans on."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from postloan import backers


def chain(
    guarantors: Callable[[list[str] | None], pd.DataFrame],
    owners: Callable[[list[str] | None], pd.Series],
    start: str | list[str] | None,
) -> pd.DataFrame:
    """Rows of the guarantors table reached from `start` (None: all), with `borrower_ref` naming the guarantor where it
    is a borrower of ours, told by its credit code if by nothing else.

    `guarantors` reads the rows of borrowers, `owners` the borrowers (index: credit code) that have some codes; either
    is asked once a step, so that one borrower costs the same in a book of any size.
    """
    if start is None:
        return _named(guarantors(None), owners(None))
    parts, wanted, seen = [], [start] if isinstance(start, str) else list(start), set()
    while wanted:
        rows = guarantors(wanted)
        rows = _named(rows, owners(rows["credit_code"].dropna().unique().tolist()))
        parts, seen = [*parts, rows], seen | set(wanted)
        wanted = sorted(set(rows["borrower_ref"].dropna()) - seen)
    return pd.concat(parts, ignore_index=True)


def _named(rows: pd.DataFrame, owners: pd.Series) -> pd.DataFrame:
    return rows.assign(borrower_ref=backers.ours(rows, owners))
