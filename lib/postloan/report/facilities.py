"""What the borrower owes us: a sentence on paying so far, a table of loans with what is overdue and due next."""

from __future__ import annotations

import pandas as pd

from postloan.report.exhibits import DASH, Exhibit, Sheet, table
from postloan.report.narrative import Prose

_COLUMNS = ("loan", "amount", "owed", "rate", "matures", "next", "overdue", "class")


def story(owed: pd.DataFrame, sheet: Sheet) -> Prose:
    """How much is owed on how many loans, what is overdue since when, what is next. `owed`: `servicing.state`."""
    words, alive = sheet.words, owed[owed["balance"] > 0]
    if owed.empty:
        return Prose((words("facilities.none"),))
    if alive.empty:
        return Prose((words("facilities.repaid", count=len(owed)),))
    told = [
        words("facilities.owed", count=len(alive), amount=words.money(total, currency))
        for currency, total in alive.groupby("currency")["balance"].sum().items()
    ]
    told += [_late(row, sheet) for row in _overdue(alive).itertuples()] or [words("facilities.on_time")]
    if often := int(alive["times_late"].sum()):
        told.append(words("facilities.often", times=often))
    if len(coming := alive.dropna(subset="next_due_on").sort_values("next_due_on")):
        row = coming.iloc[0]
        said = {"date": words.date(row["next_due_on"]), "amount": words.money(row["next_due"], row["currency"])}
        told.append(words("facilities.next", loan=row["loan_id"], **said))
    for row in alive[alive["replanned_on"].notna()].itertuples():
        kind = "eased" if row.eased else "replanned"
        told.append(words(f"facilities.{kind}", loan=row.loan_id, date=words.date(row.replanned_on)))
    return Prose((words("talks.joint").join(told),))


def _overdue(alive: pd.DataFrame) -> pd.DataFrame:
    days = alive[["principal_days_overdue", "interest_days_overdue"]].max(axis=1)
    return alive.assign(days=days)[days > 0].sort_values("days", ascending=False)


def _late(row: tuple, sheet: Sheet) -> str:
    words = sheet.words
    amount = row.principal_overdue + (row.interest_overdue if pd.notna(row.interest_overdue) else 0)
    return words("facilities.late", loan=row.loan_id, amount=words.money(amount, row.currency), days=int(row.days))


def loan_table(owed: pd.DataFrame, classed: pd.DataFrame, sheet: Sheet) -> Exhibit:
    """Every loan, the owed ones first: drawn, owed, rate, maturity, next instalment, overdue days and suggested class.

    `classed` are the assets of `classify`, whose asset_id ends in the loan's id.
    """
    words, rows = sheet.words, []
    columns = tuple(words(f"facilities.column.{name}") for name in _COLUMNS)
    given = dict(zip(classed["asset_id"], classed["suggested"], strict=True))
    for row in owed.sort_values(["balance", "loan_id"], ascending=[False, True]).itertuples():
        found = given.get(f"{row.borrower_id}/{row.loan_id}")
        due = DASH
        if pd.notna(row.next_due_on) and row.balance > 0:
            due = f"{words.date(row.next_due_on)} {words.money(row.next_due, row.currency)}"
        late = int(
            max(row.principal_days_overdue, 0 if pd.isna(row.interest_days_overdue) else row.interest_days_overdue)
        )
        cells = (
            words("facilities.named", loan=row.loan_id, product=words(f"facilities.product.{row.product}")),
            words.money(row.drawn, row.currency),
            words.money(row.balance, row.currency),
            words.value(row.rate, "pct"),
            words.date(row.matures_on),
            due,
            words("case.days", days=late) if late else DASH,
            words(f"verdict.class.{found}") if isinstance(found, str) else DASH,
        )
        rows.append(dict(zip(columns, cells, strict=True)))
    return table(words("facilities.loans"), rows, sheet, columns=columns, numeric=columns[1:4])


def odd_table(flags: pd.DataFrame, sheet: Sheet) -> Exhibit:
    """What cannot stand as it is in the loan tables (`loan_flags.found`); nothing where all agrees."""
    if flags.empty:
        return Exhibit("")
    words = sheet.words
    columns = tuple(words(f"facilities.column.{name}") for name in ("loan", "odd", "found", "expected"))
    rows = [
        dict(zip(columns, (row.loan_id, words(f"facilities.flag.{row.flag}"), row.found, row.expected), strict=True))
        for row in flags.itertuples()
    ]
    return table(words("facilities.flags"), rows, sheet, columns=columns, numeric=columns[2:])
