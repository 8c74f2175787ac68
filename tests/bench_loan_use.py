"""How long tracing every drawdown of a book takes, and how it grows: the sample's loan side repeated up to 1,000,000
transactions, and one borrower sending the same sum out and back up to 1,000,000 times. Prints seconds (processor time),
peak memory and the power of growth; run by `make bench-loan-use`."""

from __future__ import annotations

import math
import multiprocessing
import resource
import time

import pandas as pd

from postloan.analysis import accounts, loan_use
from postloan.book import sample
from postloan.loan_rows import newest
from postloan.loan_tables import LOAN_TABLES

AS_OF, SIZES = "2026-05-15", (125_000, 250_000, 500_000, 1_000_000)
LOOPED = "2026-01-01"  # the last drawdown before that day goes round
OWN = ("borrower_id", "account", "counterparty_account", "collection_account", "credit_code", "borrower_ref")


def side() -> dict[str, pd.DataFrame]:
    made = sample.told(1, 32)[0].tables
    return {
        name: newest(made[name].sort_values("known_on", kind="stable"), name) for name in LOAN_TABLES if name in made
    }


def repeated(rows: pd.DataFrame, times: int) -> pd.DataFrame:
    """The rows so many times, each time of other borrowers with accounts and codes of their own."""
    turn = pd.Series([number for number in range(times) for _ in range(len(rows))])
    told = pd.concat([rows] * times, ignore_index=True)
    for name in [name for name in OWN if name in told]:
        known = told[name].notna() & (told[name] != "")
        told[name] = told[name].astype(object).where(~known, told[name].astype(str) + "-" + turn.astype(str))
    return told


def measure(count: int) -> tuple[int, int, float, float, float]:
    once = side()
    times = math.ceil(count / len(once["transactions"]))
    many = {name: repeated(rows, times) for name, rows in once.items()}
    found, told = len(loan_use.check(once, AS_OF).flags), _timed(many)
    if told[1] != found * times:
        raise SystemExit(f"{told[1]} findings in {times} repetitions, expected {found} in each")
    return told


def looped(count: int) -> tuple[int, int, float, float, float]:
    """One borrower alone whose drawdown goes out to one party and comes back in `count` equal transfers."""
    once = side()
    drawn = once["drawdowns"].sort_values("drawn_on")
    loan = drawn[drawn["drawn_on"] < LOOPED].iloc[-1]
    rows = {name: told[told["borrower_id"] == loan["borrower_id"]] for name, told in once.items()}
    pattern = rows["transactions"].iloc[[0] * count].reset_index(drop=True)
    out = pattern.index < count // 2
    account = once["loans"].set_index(["borrower_id", "loan_id"]).at[(loan["borrower_id"], loan["loan_id"]), "account"]
    same = {"account": account, "amount": 2 * loan["amount"] / count, "balance": None}
    same |= {"counterparty": "环甲商贸有限公司", "counterparty_account": None, "memo": "货款", "channel": "transfer"}
    pattern = pattern.assign(**same, direction=pd.Series(out).map({True: "out", False: "in"}))
    pattern["booked_on"] = loan["drawn_on"] + pd.to_timedelta(pd.Series(out).map({True: 1, False: 3}), "D")
    pattern["transaction_id"] = [f"loop-{number}" for number in range(count)]
    rows["transactions"] = pd.concat([rows["transactions"], pattern.astype(rows["transactions"].dtypes)])
    return _timed(rows)


def _timed(rows: dict[str, pd.DataFrame]) -> tuple[int, int, float, float, float]:
    begin = time.process_time()
    use = loan_use.check(rows, AS_OF)
    traced = time.process_time() - begin
    accounts.check(rows, AS_OF)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    return len(rows["transactions"]), len(use.flags), traced, time.process_time() - begin - traced, peak


def main() -> None:
    for what, measured in (("a book's transactions", measure), ("the same sum out and back", looped)):
        print(f"{what}\ntransactions  findings  tracing s  accounts s  peak GB")
        rows = []
        for size in SIZES:
            with multiprocessing.get_context("spawn").Pool(1) as one:  # a process each, so that peaks are its own
                rows.append(one.apply(measured, (size,)))
            print("{:12,}  {:8,}  {:9.1f}  {:10.1f}  {:7.2f}".format(*rows[-1]), flush=True)
        first, last = rows[0], rows[-1]
        power = math.log(last[2] / first[2]) / math.log(last[0] / first[0])
        print(f"power of growth {power:.2f} (1 is linear)")


if __name__ == "__main__":
    main()
