"""What cannot stand as it is in the loan tables: kept, but flagged at import and wherever it is shown.

Ground floor, because intake (book) and information gaps (report) tell the same flags.
"""

from __future__ import annotations

import pandas as pd

COLUMNS = ["borrower_id", "flag", "loan_id", "found", "expected"]
TABLES = ("loans", "drawdowns", "schedule", "repayments")
_CENT = 0.01
KEY = ["borrower_id", "loan_id"]


def found(rows: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Flags on loans from the newest rows of TABLES, one a row: borrower_id, flag, loan_id, found and expected.

    `repaid_before_drawn` (days), `plan_differs` (principal of the newest plan against what was drawn, or what was left
    of it when the plan was made), `drawn_over_amount`, `matures_before_signed` (days), `looks_entered_twice` (the other
    loan's id) and `replaced_still_owed` (a loan that another restructures, and what of it is owed beside the new one).
    Amounts in the loan's currency.
    """
    loans, drawn = rows["loans"], rows["drawdowns"].groupby(KEY)
    owed = drawn["amount"].sum().sub(rows["repayments"].groupby(KEY)["principal"].sum(), fill_value=0).rename("owed")
    parts = [
        _early(rows["repayments"], drawn["drawn_on"].min()),
        _plans(rows["schedule"], drawn["amount"].sum(), rows["repayments"]),
        _overdrawn(loans, owed),
        _replaced(loans, owed),
        _flag(loans[loans["matures_on"] < loans["signed_on"]], "matures_before_signed", "matures_on", "signed_on"),
        _twins(loans),
    ]
    kept = [part for part in parts if len(part)]
    flags = pd.concat(kept, ignore_index=True) if kept else pd.DataFrame(columns=COLUMNS)
    return flags.sort_values(["borrower_id", "loan_id", "flag"], ignore_index=True)


def _flag(rows: pd.DataFrame, flag: str, found: str, expected: str) -> pd.DataFrame:
    if rows.empty:
        return pd.DataFrame(columns=COLUMNS)
    told = rows.assign(flag=flag, found=rows[found].map(_told), expected=rows[expected].map(_told))
    return told[COLUMNS]


def _told(value: object) -> str:
    return f"{value:%Y-%m-%d}" if isinstance(value, pd.Timestamp) else f"{value:,.2f}"


def _early(repaid: pd.DataFrame, first: pd.Series) -> pd.DataFrame:
    dated = repaid.join(first.rename("first"), on=KEY)
    return _flag(dated[dated["paid_on"] < dated["first"]], "repaid_before_drawn", "paid_on", "first")


def _plans(schedule: pd.DataFrame, drawn: pd.Series, repaid: pd.DataFrame) -> pd.DataFrame:
    if schedule.empty:
        return pd.DataFrame(columns=COLUMNS)
    plan = schedule.groupby(KEY).agg(planned=("principal", "sum"), made=("known_on", "max"))
    before = repaid.join(plan["made"], on=KEY)
    paid = before[before["paid_on"] <= before["made"]].groupby(KEY)["principal"].sum()
    plan = plan.join(drawn.rename("drawn"), how="inner")
    plan["left"] = plan["drawn"] - paid.reindex(plan.index).fillna(0)
    off = ((plan["planned"] - plan["drawn"]).abs() > _CENT) & ((plan["planned"] - plan["left"]).abs() > _CENT)
    return _flag(plan[off].reset_index(), "plan_differs", "planned", "left")


def _overdrawn(loans: pd.DataFrame, owed: pd.Series) -> pd.DataFrame:
    joined = loans.join(owed, on=KEY)
    return _flag(joined[joined["owed"] > joined["amount"] + _CENT], "drawn_over_amount", "owed", "amount")


def _replaced(loans: pd.DataFrame, owed: pd.Series) -> pd.DataFrame:
    """Loans that stand in the books beside the loan drawn to replace them: both may count the same money."""
    new = loans[loans["restructured_from"].fillna("") != ""]
    if new.empty:
        return pd.DataFrame(columns=COLUMNS)
    new = new.join(owed.rename("new"), on=KEY)
    pairs = new.loc[new["new"] > _CENT, ["borrower_id", "restructured_from"]].drop_duplicates()
    old = loans.merge(pairs.rename(columns={"restructured_from": "loan_id"}), on=KEY).join(owed, on=KEY)
    old = old[old["closed_on"].isna() & (old["owed"] > _CENT)]
    return _flag(old.assign(none=0.0), "replaced_still_owed", "owed", "none")


def _twins(loans: pd.DataFrame) -> pd.DataFrame:
    """Loans alike in product, amount and both dates: one may have been entered twice."""
    alike = ["borrower_id", "product", "amount", "signed_on", "matures_on"]
    second = loans[loans.duplicated(alike)]
    if second.empty:
        return pd.DataFrame(columns=COLUMNS)
    first = loans.drop_duplicates(alike).set_index(alike)["loan_id"].rename("first")
    told = second.join(first, on=alike)
    return told.assign(flag="looks_entered_twice", found=told["loan_id"], expected=told["first"])[COLUMNS]


def notes(flags: pd.DataFrame) -> list[str]:
    """The flags as remarks for whoever imports."""
    return [
        f"{row.flag}: {row.borrower_id} loan {row.loan_id}: found {row.found}, expected {row.expected}"
        for row in flags.itertuples()
    ]
