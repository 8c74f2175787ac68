"""How loans are paid, against instalments counted by hand."""

import pandas as pd
import pytest

from postloan.analysis import servicing
from postloan.loan_rows import checked, empty
from postloan.loan_tables import LOAN_TABLES

LOAN = dict(
    borrower_id="A", loan_id="L1", product="working_capital", currency="CNY", amount=120.0, rate=0.05,
    signed_on="2024-12-31", matures_on="2025-12-31",
)  # fmt: skip
DRAWN = dict(borrower_id="A", loan_id="L1", drawdown_id="D1", drawn_on="2025-01-01", amount=120.0)
DUE = ["2025-03-31", "2025-06-30", "2025-09-30", "2025-12-31"]


def plan(*principals: float, interest: float = 2.0, known_on: str = "2025-01-01", due=DUE) -> list[dict]:
    return [
        dict(borrower_id="A", loan_id="L1", due_on=day, principal=principal, interest=interest, known_on=known_on)
        for day, principal in zip(due, principals, strict=False)
    ]


def pays(*paid: tuple[str, float, float]) -> list[dict]:
    return [
        dict(borrower_id="A", loan_id="L1", repayment_id=f"R{n}", paid_on=day, principal=principal, interest=interest)
        for n, (day, principal, interest) in enumerate(paid)
    ]


def side(**tables: list[dict]) -> dict[str, pd.DataFrame]:
    given = {"loans": [LOAN], "drawdowns": [DRAWN], **tables}
    return {name: checked(pd.DataFrame(given[name]), name) if name in given else empty(name) for name in LOAN_TABLES}


def stand(as_of: str, **tables: list[dict]) -> pd.Series:
    return servicing.state(side(**tables), as_of).iloc[0]


def test_paid_in_time_owes_nothing_overdue():
    now = stand(
        "2025-07-15", schedule=plan(30, 30, 30, 30), repayments=pays(("2025-03-31", 30, 2), ("2025-06-30", 30, 2))
    )
    assert (now["balance"], now["principal_overdue"], now["interest_overdue"]) == (60, 0, 0)
    assert (now["principal_days_overdue"], now["times_late"]) == (0, 0)
    assert (now["next_due_on"], now["next_due"]) == (pd.Timestamp("2025-09-30"), 32)


def test_days_count_from_the_day_after_the_oldest_unpaid():
    now = stand("2025-07-15", schedule=plan(30, 30, 30, 30), repayments=pays(("2025-03-31", 30, 2)))
    assert (now["principal_days_overdue"], now["principal_overdue"]) == (15, 30)
    assert (now["interest_days_overdue"], now["interest_overdue"]) == (15, 2)


def test_due_day_itself_is_not_overdue():
    assert stand("2025-03-31", schedule=plan(30, 30, 30, 30))["principal_days_overdue"] == 0
    assert stand("2025-04-01", schedule=plan(30, 30, 30, 30))["principal_days_overdue"] == 1


def test_payments_settle_the_oldest_first():
    paid = pays(
        ("2025-04-20", 10, 2), ("2025-06-30", 25, 2)
    )  # 35 of 60: the first since 30 June, 25 of the second lack
    now = stand("2025-07-15", schedule=plan(30, 30, 30, 30), repayments=paid)
    assert (now["principal_overdue"], now["principal_days_overdue"]) == (25, 15)
    told = servicing.instalments(side(schedule=plan(30, 30, 30, 30), repayments=paid), "2025-07-15")
    first = told[(told["kind"] == "principal") & (told["due_on"] == "2025-03-31")].iloc[0]
    assert (first["settled_on"], first["days_late"]) == (pd.Timestamp("2025-06-30"), 91)
    assert now["times_late"] == 2


def test_interest_alone_may_be_overdue():
    now = stand("2025-04-10", schedule=plan(30, 30, 30, 30), repayments=pays(("2025-03-31", 30, 0)))
    assert (now["principal_days_overdue"], now["interest_days_overdue"]) == (0, 10)


def test_a_plan_of_what_was_left_counts_later_payments():
    new = plan(40, 50, due=["2026-03-31", "2026-06-30"], known_on="2025-04-15")  # 30 of 120 paid before
    paid = pays(("2025-03-31", 30, 2), ("2026-03-31", 40, 2))
    now = stand("2026-04-30", schedule=new, repayments=paid)
    assert (now["balance"], now["principal_overdue"]) == (50, 0)
    assert stand("2026-07-10", schedule=new, repayments=paid)["principal_days_overdue"] == 10


def test_a_restated_whole_plan_counts_all_payments():
    new = plan(30, 40, 50, due=["2025-03-31", "2026-03-31", "2026-06-30"], known_on="2025-04-15")
    assert stand("2026-04-30", schedule=new, repayments=pays(("2025-03-31", 30, 2)))["principal_overdue"] == 40


def test_without_a_plan_the_maturity_counts():
    now = stand("2026-01-10")
    assert (now["principal_days_overdue"], now["principal_overdue"]) == (10, 120)
    assert pd.isna(now["interest_overdue"])


def test_a_closed_loan_owes_nothing():
    now = stand("2026-02-01", loans=[{**LOAN, "closed_on": "2025-12-31"}], schedule=plan(30, 30, 30, 30))
    assert (now["balance"], now["principal_days_overdue"], now["interest_days_overdue"]) == (0, 0, 0)


def test_no_loans_no_rows():
    none = {name: empty(name) for name in LOAN_TABLES}
    assert servicing.state(none, "2025-01-01").empty
    assert list(servicing.state(none, "2025-01-01")) == servicing.STATE


@pytest.mark.parametrize(("day", "late"), [("2025-09-30", 92), ("2025-12-29", 182)])
def test_later_means_more_days_overdue(day, late):
    now = stand(day, schedule=plan(30, 30, 30, 30), repayments=pays(("2025-03-31", 30, 2), ("2025-06-29", 29.5, 2)))
    assert now["principal_days_overdue"] == late


def replanned(as_of: str, old: list[dict], new: list[dict], **tables: list[dict]) -> pd.Series:
    told = side(schedule=new, **tables)
    told["plans"] = checked(pd.DataFrame([*old, *new]), "schedule")
    return servicing.state(told, as_of).iloc[0]


def test_an_easier_plan_is_told_with_the_lateness_before_it():
    new = plan(30, 30, 30, 30, due=["2025-09-30", "2026-03-31", "2026-09-30", "2027-03-31"], known_on="2025-04-20")
    now = replanned("2025-07-15", plan(30, 30, 30, 30), new)
    assert (now["replanned_on"], now["eased"], now["late_then"]) == (pd.Timestamp("2025-04-20"), 1, 20)
    assert now["principal_days_overdue"] == 0


def test_a_stricter_plan_is_no_easing():
    new = plan(30, 40, 50, known_on="2025-04-20")
    now = replanned("2025-05-15", plan(30, 30, 30, 30), new, repayments=pays(("2025-03-31", 30, 2)))
    assert (now["eased"], now["late_then"]) == (0, 0)


def test_the_first_plan_is_no_change():
    assert pd.isna(stand("2025-07-15", schedule=plan(30, 30, 30, 30))["replanned_on"])


def test_arrears_paid_leave_the_day_they_were():
    now = stand(
        "2025-07-15", schedule=plan(30, 30, 30, 30), repayments=pays(("2025-04-20", 30, 2), ("2025-06-30", 30, 2))
    )
    assert (now["missed_on"], now["cleared_on"]) == (pd.Timestamp("2025-03-31"), pd.Timestamp("2025-04-20"))
    assert now["times_late"] == 1
