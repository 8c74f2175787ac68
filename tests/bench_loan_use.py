"""How long tracing every drawdown of a book takes, and how it grows: the sample's loan side repeated up to 1,000,000
transactions. Prints seconds (processor time), peak memory and the power of growth; run by `make bench-loan-use`."""

from __future__ import annotations

import math
import multiprocessing
import resource
import time

import pandas as pd

from postloan.analysis import accounts, loan_use
from postloan.book import sample
from postloan.loan_tables import LOAN_TABLES, newest

AS_OF, SIZES = "2026-05-15", (125_000, 250_000, 500_000, 1_000_000)
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
    found, begin = len(loan_use.check(once, AS_OF).flags), time.process_time()
    use = loan_use.check(many, AS_OF)
    traced = time.process_time() - begin
    if len(use.flags) != found * times:
        raise SystemExit(f"{len(use.flags)} findings in {times} repetitions, expected {found} in each")
    accounts.check(many, AS_OF)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    return len(many["transactions"]), len(use.flags), traced, time.process_time() - begin - traced, peak


def main() -> None:
    print("transactions  findings  tracing s  accounts s  peak GB")
    rows = []
    for size in SIZES:
        with multiprocessing.get_context("spawn").Pool(1) as one:  # a process each, so that peaks are its own
            rows.append(one.apply(measure, (size,)))
        print("{:12,}  {:8,}  {:9.1f}  {:10.1f}  {:7.2f}".format(*rows[-1]))
    first, last = rows[0], rows[-1]
    power = math.log(last[2] / first[2]) / math.log(last[0] / first[0])
    print(f"power of growth {power:.2f} (1 is linear)")


if __name__ == "__main__":
    main()
