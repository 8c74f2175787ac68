"""Where the makers of the sample book write: one ledger a borrower, rows of every loan table, and what was planted.

`Client` is what a maker knows of a borrower: its kind, its quarters (flows of the quarter alone) and a generator of
its own, so that the loan side never changes the statements.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd

from postloan.book.archetypes import Archetype
from postloan.loan_rows import checked
from postloan.loan_tables import LOAN_TABLES, columns_of

TODAY = pd.Timestamp("2026-05-15")  # nothing in the sample is known later
LOOKS = (pd.Timestamp("2026-03-04"), pd.Timestamp("2026-04-29"))  # days on which officers saw every borrower
LOT = 10_000
_QUARTER_END = pd.offsets.QuarterEnd(0)
TRUTH = ["borrower_id", "rule", "from", "to", "look_alike"]


def day(text: str | pd.Timestamp) -> pd.Timestamp:
    """A banking day: this one, or the next Monday."""
    return pd.Timestamp(np.busday_offset(np.datetime64(pd.Timestamp(text), "D"), 0, roll="forward"))


def after(start: pd.Timestamp, working_days: int) -> pd.Timestamp:
    """So many working days later."""
    return pd.Timestamp(np.busday_offset(np.datetime64(start, "D"), working_days, roll="forward"))


def lots(amount: float, lot: int = LOT) -> int:
    """The amount in whole lots, rounded down."""
    return int(amount // lot) * lot


@dataclass
class Client:
    """One borrower as the makers of its loans see it, and the rows they have written so far."""

    number: int  # from zero
    kind: Archetype
    borrower_id: str
    master: dict
    quarters: pd.DataFrame
    source: str
    rng: np.random.Generator
    rows: dict[str, list[dict]] = field(default_factory=lambda: {name: [] for name in LOAN_TABLES})
    seen: list[dict] = field(default_factory=list)
    truth: list[dict] = field(default_factory=list)
    entries: list[dict] = field(default_factory=list)  # movements on accounts until they are posted
    figures: dict[str, dict] = field(default_factory=dict)  # items by quarter end, as they are asked for
    share: dict[str, float] = field(default_factory=lambda: {"term": 0.35, "line": 0.35, "collected": 0.81})

    @cached_property
    def debt(self) -> pd.DataFrame:
        """Borrowings at quarter ends: short and long."""
        wide = self.quarters
        long = wide["noncurrent_debt_due_1y"] + wide["long_term_borrowings"]
        return pd.DataFrame({"short": wide["short_term_borrowings"], "long": long})

    @property
    def chinese(self) -> bool:
        """Whether it keeps its books in yuan."""
        return self.kind.currency == "CNY"

    @property
    def account(self) -> str:
        """The account its customers pay into."""
        return f"6299-{self.number + 1:04d}-01"

    @property
    def loan_account(self) -> str:
        """The account loans are paid into."""
        return f"6299-{self.number + 1:04d}-02"

    def add(self, table: str, known_on: pd.Timestamp | None = None, **row: object) -> dict:
        """Write one row; a blank known_on is the day the table says."""
        known = known_on if known_on is not None else row[LOAN_TABLES[table].known_by]
        self.rows[table].append({"borrower_id": self.borrower_id, **row, "known_on": known, "source": self.source})
        return self.rows[table][-1]

    def last(self, table: str, **wanted: object) -> dict:
        """The row written last that has these values."""
        return next(row for row in reversed(self.rows[table]) if all(row.get(k) == v for k, v in wanted.items()))

    def amend(self, table: str, row: dict, known_on: pd.Timestamp, **changes: object) -> dict:
        """A later version of a row."""
        kept = {name: value for name, value in row.items() if name not in ("borrower_id", "known_on", "source")}
        return self.add(table, known_on, **{**kept, **changes})

    def observe(self, when: pd.Timestamp, **values: float) -> None:
        """What was seen on a day and known that day."""
        about = {"borrower_id": self.borrower_id, "source": self.source, "observed_on": when, "known_on": when}
        self.seen += [{**about, "metric": metric, "value": float(value)} for metric, value in values.items()]

    def plant(self, rule: str, start: pd.Timestamp, end: pd.Timestamp, look_alike: int = 0) -> None:
        """Note for the truth file what was put here on purpose; it never enters the book."""
        told = (self.borrower_id, rule, pd.Timestamp(start), pd.Timestamp(end), look_alike)
        self.truth.append(dict(zip(TRUTH, told, strict=True)))

    def party(self, party_id: str) -> dict:
        """A counterparty by its id."""
        return self.last("parties", party_id=party_id)

    def move(self, account: str, on: pd.Timestamp, amount: int, party: dict, memo: str, channel: str = "transfer"):
        """Note money into (above zero) or out of an account; `post` writes it once all is known."""
        self.entries.append({"account": account, "on": on, "amount": int(amount), "party": party, "memo": memo})
        self.entries[-1] |= {"channel": channel, "turn": len(self.entries)}

    def post(self, openings: dict[str, int]) -> None:
        """Write every account's transactions in order, each with the balance after it; what comes in comes first.

        An account opens with what is given, or with more where it would run below zero (the loan account never does).
        """
        for account in dict.fromkeys(entry["account"] for entry in self.entries):
            mine = [entry for entry in self.entries if entry["account"] == account]
            mine.sort(key=lambda entry: (entry["on"], entry["amount"] < 0, entry["turn"]))
            lowest = int(min(np.cumsum([entry["amount"] for entry in mine])))
            balance = max(openings.get(account, 0), -lowest + LOT if lowest < 0 else 0)
            for turn, entry in enumerate(mine, start=1):
                balance += entry["amount"]
                self._transact(entry, turn, balance)

    def _transact(self, entry: dict, turn: int, balance: int) -> None:
        party, cash = entry["party"], entry["channel"] == "cash"
        told = {"transaction_id": f"T{turn:05d}", "booked_on": entry["on"], "amount": abs(entry["amount"])}
        told |= {"direction": "out" if entry["amount"] < 0 else "in", "balance": balance, "memo": entry["memo"]}
        other = {"counterparty": party.get("name"), "counterparty_account": party.get("account")}
        other |= {"counterparty_kind": party.get("kind")}
        other = dict.fromkeys(other) if cash else other
        about = {"channel": entry["channel"], "currency": self.kind.currency}
        self.add("transactions", account=entry["account"], **told, **other, **about)

    def quarter(self, item: str, when: pd.Timestamp) -> float:
        """A flow of the quarter that holds the day; after the last statements, last year's at this year's pace."""
        series, end = self._series(item), when + _QUARTER_END
        if end in series:
            return float(series[end])
        sales, before = [*self._series("revenue").values()], end - pd.offsets.QuarterEnd(4)
        return float(series[before] * min(1.3, max(0.7, sales[-1] / sales[-5])))

    def level(self, item: str, when: pd.Timestamp) -> float:
        """A balance at the last quarter end up to the day."""
        series = self._series(item)
        return float(series[max((end for end in series if end <= when), default=next(iter(series)))])

    def _series(self, item: str) -> dict[pd.Timestamp, float]:
        if item not in self.figures:
            self.figures[item] = self.quarters[item].to_dict()
        return self.figures[item]


def tables(clients: list[Client]) -> dict[str, pd.DataFrame]:
    """The loan tables of all clients as frames that keep the catalogue's contract."""
    made = {}
    for name in LOAN_TABLES:
        frame = pd.DataFrame([row for client in clients for row in client.rows[name]])
        made[name] = checked(frame.reindex(columns=[*columns_of(name)]), name)
    return made


def truth(clients: list[Client]) -> pd.DataFrame:
    """What was planted, a row each: borrower_id, rule, from, to, look_alike (1: must stay quiet)."""
    found = pd.DataFrame([row for client in clients for row in client.truth], columns=TRUTH)
    return found.sort_values(TRUTH[:3], ignore_index=True)
