"""Following drawn money through accounts: which payments it went into, by three ways to allocate, and where it went on.

Money in one account mixes and has no trail of its own. First in first out, last in first out and in proportion are
three ways to say which money a payment took; all three are computed, and their range is what can honestly be said.
Each is linear in what is tagged, so tags that reach an account on several ways simply add up. Within a day money in
comes before money out, since the order of a day's entries tells nothing.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
import pandas as pd

from postloan.analysis.parties import each, plain
from postloan.analysis.use_params import Tracing

WAYS = ("fifo", "lifo", "prorata")
CENT = 0.005


@dataclass(frozen=True)
class Ledger:
    """All transactions by account and day. `rows` keeps every column and has account_code, day (number), signed,
    before (money in the account before each row; never below zero), other (code of the counterparty's account, −1
    where we have no statement of it) and pair (the row of the same transfer in the other account, −1 for none)."""

    rows: pd.DataFrame
    accounts: pd.Index  # plain numbers by code
    start: np.ndarray  # first row by account code, and one past the last
    opening: pd.Series  # the balance each account began with, by account code

    def code(self, accounts: pd.Series) -> np.ndarray:
        """The codes of account numbers; −1 where there is no statement."""
        return self.accounts.get_indexer(each(accounts, plain))


def ledger(transactions: pd.DataFrame, how: Tracing) -> Ledger:
    """The transactions in order. An account that two borrowers hand in is read once."""
    codes, numbers = pd.factorize(each(transactions["account"], plain))
    day = transactions["booked_on"].to_numpy("datetime64[D]").astype("int64")
    out = (transactions["direction"] == "out").to_numpy()
    order = np.lexsort([out, day, codes])
    rows = transactions.iloc[order].reset_index(drop=True)
    rows = rows.assign(account_code=codes[order], day=day[order], out=out[order])
    again = rows.duplicated(["account_code", "transaction_id"])
    rows = rows[~again].reset_index(drop=True) if again.any() else rows
    rows["signed"] = np.where(rows["out"], -rows["amount"], rows["amount"])
    begun = opening(rows)
    rows["before"] = _before(rows, begun)
    index = pd.Index(numbers, dtype=object)
    rows["other"] = index.get_indexer(each(rows["counterparty_account"], plain))
    start = np.searchsorted(rows["account_code"].to_numpy(), np.arange(len(index) + 1))
    rows["pair"] = _pairs(rows, how.transfer_days)
    return Ledger(rows, index, start, begun)


def opening(rows: pd.DataFrame) -> pd.Series:
    """The balance each account began with, by account code: the one most of the balances told agree with, since within
    a day their order is unknown; without balances, the least that never runs dry. `rows` are in order."""
    by = rows.groupby("account_code", sort=True)
    after = by["signed"].cumsum()
    least = (-after.groupby(rows["account_code"]).min()).clip(lower=0)
    day_end = after.groupby([rows["account_code"], rows["day"]]).transform("last")
    told = ((rows["balance"] - day_end) * 10).round().rename("told")  # statements round each entry
    votes = told.dropna().groupby([rows["account_code"], told.dropna()]).size().reset_index(name="votes")
    best = votes.sort_values("votes", ascending=False, kind="stable").drop_duplicates("account_code")
    return (best.set_index("account_code")["told"] / 10).reindex(least.index).fillna(least)


def _before(rows: pd.DataFrame, begun: pd.Series) -> np.ndarray:
    """Money in the account before each row, at least zero; `begun` is `opening`."""
    after = rows.groupby("account_code", sort=False)["signed"].cumsum()
    held = rows["account_code"].map(begun) + after - rows["signed"]
    return held.clip(lower=0).to_numpy()


def _pairs(rows: pd.DataFrame, days: int) -> np.ndarray:
    """For money out to an account we have, the row where it came in: same cents, same or following days."""
    pair = np.full(len(rows), -1)
    sent = np.flatnonzero((rows["out"] & (rows["other"] >= 0)).to_numpy())
    got = np.flatnonzero((~rows["out"]).to_numpy() & rows["account_code"].isin(rows["other"].iloc[sent]).to_numpy())
    cents = np.rint(rows["amount"].to_numpy() * 100)
    account, other, day = (rows[name].to_numpy() for name in ("account_code", "other", "day"))
    for lag in range(days + 1):
        for named in (
            (True, False) if len(sent) and len(got) else ()
        ):  # first where the other side names us, then where it names nobody
            free = got[(other[got] >= 0) == named]
            left = pd.DataFrame(
                {
                    "at": sent,
                    "to": other[sent],
                    "by": account[sent] if named else -1,
                    "cents": cents[sent],
                    "day": day[sent] + lag,
                }
            )
            right = pd.DataFrame(
                {
                    "in": free,
                    "to": account[free],
                    "by": other[free] if named else -1,
                    "cents": cents[free],
                    "day": day[free],
                }
            )
            key = ["to", "by", "cents", "day"]
            left["nth"], right["nth"] = left.groupby(key).cumcount(), right.groupby(key).cumcount()
            found = left.merge(right, on=[*key, "nth"])
            pair[found["at"]] = found["in"]
            sent, got = sent[pair[sent] < 0], np.setdiff1d(got, found["in"], assume_unique=True)
    return pair


def _queue(signed: list, tagged: list, opening: float, last_first: bool) -> list[float]:
    """The tagged money in each payment when the first (or the last) money in goes out first."""
    held, took = deque([(opening, 0.0)]), []
    for amount, tag in zip(signed, tagged, strict=True):
        if amount > 0:
            held.append((amount, min(tag / amount, 1.0)))
        need, mine = max(-amount, 0.0), 0.0
        while need > CENT and held:
            money, share = held.pop() if last_first else held.popleft()
            used = min(money, need)
            need, mine = need - used, mine + used * share
            if money > used:
                held.append((money - used, share)) if last_first else held.appendleft((money - used, share))
        took.append(mine)
    return took


def _mixed(signed: list, tagged: list, opening: float) -> list[float]:
    """The tagged money in each payment when it takes of all money in the account alike."""
    total, mine, took = opening, 0.0, []
    for amount, tag in zip(signed, tagged, strict=True):
        part = mine * min(-amount / total, 1.0) if amount < 0 and total > CENT else 0.0
        total, mine = max(total + amount, 0.0), mine + tag - part
        took.append(part)
    return took


def allocate(signed: list, tagged: dict[str, list], opening: float) -> dict[str, list[float]]:
    """The tagged money in each payment of one account, by way. `signed` amounts in order (in positive), `tagged` the
    tagged part of each by way, `opening` the money that was there before. Currency's unit.

    >>> allocate([100, -60], {way: [50, 0] for way in WAYS}, 20.0)["fifo"]
    [0.0, 20.0]
    """
    return {
        "fifo": _queue(signed, tagged["fifo"], opening, last_first=False),
        "lifo": _queue(signed, tagged["lifo"], opening, last_first=True),
        "prorata": _mixed(signed, tagged["prorata"], opening),
    }


def follow(book: Ledger, drawn: pd.DataFrame, owner: np.ndarray, how: Tracing) -> pd.DataFrame:
    """Every payment that took drawn money, in the drawdown's account and in accounts it was moved on to.

    `drawn` has row (of the credit) and amount, a row a drawdown; `owner` says by account code whose account it is.
    Returns k (place in `drawn`), row (of the ledger), step (accounts behind it), days (since the credit), inside (only
    own accounts so far), parent (place of the payment that brought most of it, −1 for the drawdown), fifo, lifo and
    prorata (money), passed (followed on in the other account).
    """
    tags = pd.DataFrame({"k": np.arange(len(drawn)), "row": drawn["row"].to_numpy(), "inside": True, "parent": -1})
    tags = tags.assign(**dict.fromkeys(WAYS, drawn["amount"].to_numpy(float)))
    day, pair = book.rows["day"].to_numpy(), book.rows["pair"].to_numpy()
    owner = owner[book.rows["account_code"].to_numpy()]  # by row
    mine = owner[drawn["row"]]
    until = day[drawn["row"]] + how.windows[-1]
    parts, count = [], 0
    for step in range(how.depth + 1):
        spent = _spend(book, tags, until).assign(step=step)
        spent.index = pd.RangeIndex(count, count + len(spent))
        spent["passed"] = (pair[spent["row"]] >= 0) & (step < how.depth)
        parts.append(spent)
        count += len(spent)
        on = spent[spent["passed"]]
        inside = on["inside"] & (owner[pair[on["row"]]] == mine[on["k"]])
        tags = on[["k", *WAYS]].assign(row=pair[on["row"]], inside=inside, parent=on.index)
        if tags.empty:
            break
    told = pd.concat(parts)
    return told.assign(days=day[told["row"]] - day[drawn["row"].to_numpy()[told["k"]]])


def _spend(book: Ledger, tags: pd.DataFrame, until: np.ndarray) -> pd.DataFrame:
    """Payments out of one layer of tagged money: each drawdown's in each account it reached."""
    account, day = book.rows["account_code"].to_numpy(), book.rows["day"].to_numpy()
    signed, before = book.rows["signed"].to_numpy(), book.rows["before"].to_numpy()
    tags = tags.assign(account=account[tags["row"]]).sort_values(["k", "account", "inside", "row"], kind="stable")
    made = []
    for (k, code, inside), mine in tags.groupby(["k", "account", "inside"], sort=False):
        begin, stop = mine["row"].iloc[0], book.start[code + 1]
        stop = begin + np.searchsorted(day[begin:stop], until[k], side="right")
        if stop <= begin:
            continue
        flow = signed[begin:stop]
        tagged = {way: np.bincount(mine["row"] - begin, mine[way], len(flow)) for way in WAYS}
        took = allocate(flow.tolist(), {way: part.tolist() for way, part in tagged.items()}, float(before[begin]))
        amounts = np.array([took[way] for way in WAYS])
        at = np.flatnonzero((amounts > CENT).any(axis=0))
        parent = mine.loc[mine["fifo"].idxmax(), "parent"]
        made.append(
            (np.full(len(at), k), begin + at, np.full(len(at), inside), np.full(len(at), parent), *amounts[:, at])
        )
    columns = ["k", "row", "inside", "parent", *WAYS]
    if not made:
        return pd.DataFrame({name: np.zeros(0, int) for name in columns}).astype(
            {"inside": bool, **dict.fromkeys(WAYS, float)}
        )
    joined = dict(zip(columns, map(np.concatenate, zip(*made, strict=True)), strict=True))
    return pd.DataFrame(joined)
