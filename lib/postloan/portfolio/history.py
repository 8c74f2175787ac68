"""The book judged again at earlier quarter-ends, each day from nothing but what was known that day.

These are the classes and levels the suite would have suggested, not those a human approved then.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from postloan import loan_rows, loan_tables
from postloan.analysis import servicing
from postloan.analysis.periods import Panel
from postloan.errors import ContractError, SourceError
from postloan.portfolio import screen
from postloan.portfolio.policy import UNKNOWN

LOANS = ["as_of", "borrower_id", "loan_id", "state", "balance", "currency", "days_overdue"]
LEVELS = ["as_of", "borrower_id", "level"]
SIGNALS = ["as_of", "borrower_id", "rule", "group", "level"]
REPAID, UNPAID = "repaid", "closed_unpaid"  # states a loan does not leave
_CENT = 0.01
_READ = tuple(name for name in loan_tables.LOAN_TABLES if name != "transactions")


@dataclass(frozen=True)
class History:
    """A row a loan and day (LOANS); of the last days one a borrower (LEVELS) and a live signal (SIGNALS)."""

    loans: pd.DataFrame
    levels: pd.DataFrame
    signals: pd.DataFrame


def quarter_ends(as_of: str, count: int) -> list[str]:
    """The last `count` quarter-ends before a day, the oldest first, and the day itself."""
    day = pd.Timestamp(as_of)
    ends = pd.date_range(end=day - pd.Timedelta(days=1), periods=count, freq="QE")
    return [f"{each:%Y-%m-%d}" for each in [*ends, day]]


def run(ledger: object, days: list[str], *, whole: int = 4) -> History:
    """Class every loan on each day, and judge the whole book on the last `whole` of them; `ledger` is an open book.

    Forecasts, earlier reviews and the tracing of account entries are left out, so that all days are judged alike. A
    day before the first statement has no levels and signals, and a book in which nothing was ever drawn no history.
    ContractError when no day is given.
    """
    if not days:
        raise ContractError("history: no day given to judge the book on")
    borrowers, versions = ledger.borrowers(), {name: ledger.versions(name, as_of=days[-1]) for name in _READ}
    loans, levels, signals = [], [], []
    for number, day in enumerate(days if len(versions["drawdowns"]) else [], start=1):
        known = screen.Known(ledger.observations(as_of=day), side=_side(versions, day), traced=False)
        judged = _judged(ledger, borrowers, known, day) if number > len(days) - whole else None
        found = (judged.classed, judged.loans) if judged else screen.classes(known, borrowers, day)
        loans.append(_loans(*found, day))
        if judged is not None:
            levels.append(judged.levels.assign(as_of=pd.Timestamp(day))[LEVELS])
            signals.append(judged.warnings.live.assign(as_of=pd.Timestamp(day))[SIGNALS])
    return History(_joined(loans, LOANS), _joined(levels, LEVELS), _joined(signals, SIGNALS))


def _side(versions: dict[str, pd.DataFrame], day: str) -> dict[str, pd.DataFrame]:
    """The loan tables as known on a day, from all their versions; no account entries."""
    known = {name: rows[rows["known_on"] <= pd.Timestamp(day)] for name, rows in versions.items()}
    side = {name: loan_rows.newest(rows, name) for name, rows in known.items()}
    entries = {"transactions": loan_rows.empty("transactions")}
    return {**side, **entries, "plans": known["schedule"], "valuations": known["collateral"]}


def _judged(ledger: object, borrowers: pd.DataFrame, known: screen.Known, day: str) -> screen.Judged | None:
    try:
        return screen.judge(Panel(ledger.statements(as_of=day)), borrowers, known, day)
    except SourceError:  # no statement was known yet
        return None


def _joined(parts: list[pd.DataFrame], columns: list[str]) -> pd.DataFrame:
    kept = [part for part in parts if len(part)]
    return pd.concat(kept, ignore_index=True)[columns] if kept else pd.DataFrame(columns=columns)


def _loans(classed: pd.DataFrame, owed: pd.DataFrame, day: str) -> pd.DataFrame:
    """The state of every loan drawn by then: its class, unknown, repaid, or closed with something left unpaid."""
    if owed.empty:
        return pd.DataFrame(columns=LOANS)
    loans = owed[owed["drawn"] > 0].copy()
    names = loans["borrower_id"] + "/" + loans["loan_id"]
    suggested = names.map(classed.set_index("asset_id")["suggested"].astype(object)).astype(object)
    ended = np.where(loans["drawn"] - loans["repaid"] > _CENT, UNPAID, REPAID)
    loans["state"] = suggested.fillna(UNKNOWN).where(loans["balance"] > _CENT, pd.Series(ended, loans.index))
    late = servicing.days_overdue(loans)
    return loans.assign(as_of=pd.Timestamp(day), days_overdue=late)[LOANS]
