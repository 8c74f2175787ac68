"""A real bank's accounts through a mapping, and what they cannot show: `python tests/bank.py [FOLDER]`.

FOLDER holds transactions.csv.gz (a layout of params/accounts/flows) and loan.csv (account_id, date, status); default
the shared `bank`. Behaviour of the first fifty accounts is set beside the raw file: balances that run on from entry to
entry, and a closing balance that is the last one stated. Run by `make bank`; exit 1 when a closing balance differs.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd

from postloan.analysis import accounts
from postloan.book import flows
from postloan.loan_rows import checked, empty

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data" / "bank"
MANY, BAD = 50, ("B", "D")  # B: ended unpaid, D: running and in arrears
SHOWN = ["account", "rows", "first_on", "last_on", "average", "closing", "inflow", "outflow", "quiet_days", "dormant"]
LACKING = """What these entries cannot show:
- who pays and who is paid: {name:.0%} of the entries name a counterparty, {account:.0%} give its account; so payers,
  related parties, round trips and what became of a loan are not judged;
- collections against revenue: no account has statements ({collection} collection shares formed);
- the average a year earlier: the file covers {months:.0f} months ({changes} of {many} accounts have one);
- whether behaviour foretells default: {inside} of {loans} loans were granted within the file, {bad} ended badly."""


def read(folder: Path) -> tuple[pd.DataFrame, int]:
    """The bank's transactions in our columns, and how many rows were refused."""
    intake = flows.read(folder / "transactions.csv.gz")
    print(f"{intake.kind}: {intake.read:,} rows read, {len(intake.refusals)} refused")
    return checked(intake.tables["transactions"], "transactions"), len(intake.refusals)


def behaved(moved: pd.DataFrame) -> accounts.Behaviour:
    """Account behaviour on the last day of the entries."""
    rows = {name: empty(name) for name in accounts.TABLES} | {"transactions": moved}
    return accounts.check(rows, moved["booked_on"].max())


def stated(moved: pd.DataFrame, found: pd.DataFrame) -> int:
    """How many accounts close at a balance that the file states for their last day."""
    last = moved[moved["booked_on"] == moved.groupby("account")["booked_on"].transform("max")]
    told = last.groupby("account")["balance"].agg(set).reindex(found["account"])
    return sum(closing in balances for closing, balances in zip(found["closing"], told, strict=True))


def lacking(moved: pd.DataFrame, found: accounts.Behaviour, loans: pd.DataFrame) -> str:
    """What the data do not tell, counted."""
    first, last = moved["booked_on"].min(), moved["booked_on"].max()
    inside = loans[pd.to_datetime(loans["date"]) <= last]
    return LACKING.format(
        name=moved["counterparty"].fillna("").ne("").mean(),
        account=moved["counterparty_account"].fillna("").ne("").mean(),
        collection=found.summary["collection_share"].notna().sum(),
        months=(last - first).days / 30.4,
        changes=found.summary["average_change"].notna().sum(),
        many=len(found.summary), inside=len(inside), loans=len(loans), bad=inside["status"].isin(BAD).sum(),
    )  # fmt: skip


def main() -> int:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else SHARED
    moved, refused = read(folder)
    some = moved[moved["borrower_id"].isin(sorted(moved["borrower_id"].unique())[:MANY])]
    found = behaved(some)
    print(found.accounts[SHOWN].to_string(index=False, float_format="{:,.0f}".format, na_rep="-"))
    agree, entries = stated(some, found.accounts), len(some)
    share = (found.accounts["continuous"] * found.accounts["rows"]).sum() / entries
    print(
        f"{share:.2%} of {entries:,} entries run on from the balance before, {agree} of {MANY} closings are as stated"
    )
    print(lacking(some, found, pd.read_csv(folder / "loan.csv")))
    return int(refused > 0 or agree < MANY)


if __name__ == "__main__":
    sys.exit(main())
