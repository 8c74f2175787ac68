"""A hand-made borrower with one loan of ten million, for tests of loan use and accounts: tables from short rows."""

from __future__ import annotations

import pandas as pd

from postloan.loan_rows import checked, empty
from postloan.loan_tables import LOAN_TABLES

START = pd.Timestamp("2025-03-03")  # a Monday: the drawdown
MILLION = 1_000_000


def day(offset: int) -> str:
    return f"{START + pd.Timedelta(days=offset):%Y-%m-%d}"


def moves(*rows: tuple, account: str = "A1", borrower: str = "B1") -> list[dict]:
    """Transactions from (days after the drawdown, signed millions, counterparty, kind, memo, …) rows; a fifth field is
    the counterparty's account, a sixth the channel."""
    told = []
    for number, (offset, millions, *rest) in enumerate(rows):
        who, kind, memo, other, channel = [*rest, *[None] * (5 - len(rest))]
        told.append(
            {
                "borrower_id": borrower,
                "account": account,
                "transaction_id": f"{account}-{number:03}",
                "booked_on": day(offset),
                "amount": abs(millions) * MILLION,
                "direction": "in" if millions > 0 else "out",
                "counterparty": who,
                "counterparty_account": other,
                "counterparty_kind": kind,
                "channel": channel or "transfer",
                "memo": memo,
                "currency": "CNY",
            }
        )
    return told


def loan(**changes: object) -> dict:
    base = {
        "borrower_id": "B1", "loan_id": "L1", "product": "working_capital", "purpose": "采购钢材", "currency": "CNY",
        "amount": 10 * MILLION, "signed_on": day(-3), "matures_on": day(362), "rate": 0.04, "account": "A1",
    }  # fmt: skip
    return {**base, **changes}


def drawdown(**changes: object) -> dict:
    base = {"borrower_id": "B1", "loan_id": "L1", "drawdown_id": "D1", "drawn_on": day(0), "amount": 10 * MILLION}
    return {**base, **changes}


def party(name: str, **about: object) -> dict:
    return {"borrower_id": "B1", "party_id": name, "name": name, **about}


def paper(kind: str, who: str, millions: float, offset: int, **about: object) -> dict:
    number = about.pop("paper_id", f"{kind}-{who}-{offset}-{millions}")
    base = {"borrower_id": "B1", "paper_id": number, "kind": kind, "party": who, "amount": millions * MILLION}
    return {**base, "dated_on": day(offset), **about}


HISTORY = ((-90, 1.0, "老客户", "company", "货款"), (-80, -1.0, "老供应商", "company", "货款"))
CREDIT = (0, 10.0, "本行", "bank", "放款")


def world(*flows: tuple, past: tuple = HISTORY, more: list[dict] | None = None, **tables: list[dict]) -> dict:
    """The loan side of B1: history, the drawdown's credit and these flows on account A1; other tables by name."""
    given = {"loans": [loan()], "drawdowns": [drawdown()], **tables}
    given["transactions"] = [*moves(*past, CREDIT, *flows), *(more or [])]
    return {name: checked(pd.DataFrame(given[name]), name) if given.get(name) else empty(name) for name in LOAN_TABLES}


def together(worlds: dict[str, dict]) -> dict:
    """One book of many worlds, each with a borrower (and accounts) of its own, named by key."""
    told: dict[str, list] = {name: [] for name in LOAN_TABLES}
    for key, rows in worlds.items():
        for name, frame in rows.items():
            mine = frame.assign(borrower_id=key)
            for column in {"account", "counterparty_account", "collection_account"} & {*frame}:
                mine[column] = mine[column].where(mine[column].isna(), key + ":" + mine[column].fillna("").astype(str))
            told[name].append(mine)
    return {name: pd.concat(parts, ignore_index=True) for name, parts in told.items()}
