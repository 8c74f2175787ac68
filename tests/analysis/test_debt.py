"""Debt service by plan and from statements, against sums made by hand."""

import copy

import numpy as np
import pandas as pd
import pytest
from hand import drawn, due, loan, paid, panel, side, statements, two_loans

from postloan.analysis import assumptions, debt, servicing
from postloan.analysis.periods import Panel
from postloan.errors import RuleError
from postloan.settings import load_yaml, params

AS_OF = "2025-02-15"


def rows_of(tables, as_of=AS_OF):
    return debt.own(tables, servicing.state(tables, as_of), as_of)


def test_service_of_a_year_by_hand():
    """Ours in 2024: principal 100 + 2 × 10, interest 5 + 2 × 2. Others at its start: short 200 − our 100, of which a
    fifth is due (20); long 50 − our 20. Their interest: 24 − 9."""
    tables = two_loans()
    told = debt.service(panel(), rows_of(tables), tables).iloc[-1]
    assert (told["own_principal"], told["own_interest"]) == (120, 9)
    assert told["other_principal"] == pytest.approx(100 * 0.2 + 30)
    assert told["other_interest"] == 15
    assert told["service"] == pytest.approx(120 + 50 + 9 + 15)


def test_coming_year_by_hand():
    """To 15 February 2026: W2's 100 + 5 and P1's 2 × (10 + 2). Others: short (200 − 100) / 5, long 60 − 20, interest
    24 / ((400 + 430) / 2) on 430 − 160 owed to others."""
    tables = two_loans()
    told = debt.coming(panel(), rows_of(tables), tables, AS_OF).iloc[0]
    assert (told["own_principal"], told["own_interest"], told["overdue"], told["renewable"]) == (120, 9, 0, 100)
    assert told["other_principal"] == pytest.approx(20 + 40)
    assert told["other_interest"] == pytest.approx(24 / 415 * (430 - 160))
    assert told["debt"] == 430


def test_unpaid_of_earlier_days_is_due_now():
    tables = two_loans(repayments=[paid("W1", "2024-06-20", 100, 5), paid("P1", "2024-03-31", 10, 2)])
    told = debt.coming(panel(), rows_of(tables), tables, AS_OF).iloc[0]
    assert (told["overdue"], told["own_principal"], told["own_interest"]) == (12, 130, 11)


def test_part_payment_leaves_the_rest_open():
    """4 of the 10 due in September 2024 were paid: 6 are open, and the later ones in full."""
    earlier = [paid("W1", "2024-06-20", 100, 5), paid("P1", "2024-03-31", 10, 2), paid("P1", "2024-10-08", 4, 2)]
    told = rows_of(two_loans(repayments=earlier))
    mine = told[(told["loan_id"] == "P1") & (told["kind"] == "principal")]
    assert mine["open"].tolist() == [0, 6, 10, 10, 10, 30]


def test_loan_without_a_plan_owes_at_maturity_and_interest_by_quarter():
    tables = side(
        loans=[loan("N1", "working_capital", 40, "2024-09-01", "2025-08-31")], drawdowns=[drawn("N1", "2024-09-01", 40)]
    )
    told = rows_of(tables)
    interest = told[told["kind"] == "interest"]
    assert interest["due"].tolist() == [0.5, 0.5, 0.5]  # 40 × 5 % / 4 on the ends of March, June and September
    assert told.loc[told["kind"] == "principal", "due_on"].tolist() == [pd.Timestamp("2025-08-31")]


def test_quarters_show_due_and_open():
    told = debt.by_quarter(rows_of(two_loans()), AS_OF).set_index("quarter")
    assert told["principal"].to_dict() == {
        pd.Period("2024Q1"): 10, pd.Period("2024Q2"): 100, pd.Period("2024Q3"): 10,
        pd.Period("2025Q1"): 10, pd.Period("2025Q2"): 100, pd.Period("2025Q3"): 10, pd.Period("2026Q1"): 10,
    }  # fmt: skip
    assert told.at[pd.Period("2025Q2"), "renewable"] == 100
    assert told.at[pd.Period("2024Q2"), "open"] == 0


def test_borrower_without_loans_has_what_others_are_owed():
    tables = side()
    told = debt.service(panel(), rows_of(tables), tables).iloc[-1]
    assert (told["own_principal"], told["service"]) == (0, 200 * 0.2 + 50 + 24)


@pytest.mark.parametrize("lacking", ["interest_expense", "noncurrent_debt_due_1y"])
def test_what_lacks_is_said(lacking):
    tables = two_loans()
    told = debt.service(panel(without=(lacking,)), rows_of(tables), tables).iloc[-1]
    if lacking == "interest_expense":
        assert (np.isnan(told["service"]), told["reason"]) == (True, "missing:ttm.interest_expense")
    else:  # a line left out is nil where another of its kind is there
        assert told["other_principal"] == pytest.approx(20)


def test_loan_in_another_currency_is_not_added_up():
    tables = two_loans()
    tables["loans"].loc[tables["loans"]["loan_id"] == "P1", "currency"] = "USD"
    told = debt.service(panel(), rows_of(tables), tables).iloc[-1]
    assert (np.isnan(told["service"]), told["reason"]) == (True, "currency_differs")


def test_many_borrowers_equal_each_alone():
    many = two_loans()
    for name in ("loans", "drawdowns", "schedule", "repayments"):
        many[name] = pd.concat([many[name], many[name].assign(borrower_id="C")], ignore_index=True)
    made = Panel(pd.concat([statements(each) for each in "ABC"], ignore_index=True))
    together = debt.service(made, rows_of(many), many)
    alone = debt.service(panel(), rows_of(two_loans()), two_loans())
    for borrower in ("A", "C"):
        mine = together[together["borrower_id"] == borrower]
        assert mine["service"].to_numpy() == pytest.approx(alone["service"].to_numpy(), nan_ok=True)
    assert together[together["borrower_id"] == "B"]["own_principal"].sum() == 0


def test_closed_loan_is_not_due_again():
    tables = two_loans(repayments=[paid("W1", "2023-12-01", 100, 2)])
    told = rows_of(tables)
    assert told.loc[told["loan_id"] == "W1", "open"].sum() == 0


def test_wrong_assumption_is_named():
    content = {**load_yaml(params("capacity.yml"))}
    content["cover"] = {**content["cover"], "maintenance_share": 1.5, "florr": 1}
    with pytest.raises(RuleError, match=r"cover\.maintenance_share: .*found 1\.5.*cover\.florr"):
        assumptions.read(content, "capacity.yml")


def test_every_kind_of_collateral_has_its_haircut():
    content = {**load_yaml(params("capacity.yml"))}
    kinds = {name: each for name, each in content["collateral"]["kinds"].items() if name != "land"}
    with pytest.raises(RuleError, match=r"none of \['land'\]"):
        assumptions.read({**content, "collateral": {**content["collateral"], "kinds": kinds}}, "capacity.yml")


def test_haircut_outside_its_range_is_named():
    content = copy.deepcopy(load_yaml(params("capacity.yml")))
    content["collateral"]["kinds"]["land"]["haircut"] = 0.9
    with pytest.raises(RuleError, match=r"kinds\.land.*0\.9 is outside its range 0\.35 to 0\.55"):
        assumptions.read(content, "capacity.yml")


def test_due_on_any_day_of_a_month_belongs_to_it():
    tables = side(
        loans=[loan("W1", "working_capital", 8, "2024-01-01", "2024-12-31")],
        drawdowns=[drawn("W1", "2024-01-01", 8)],
        schedule=[due("W1", day, 1, 0) for day in ("2023-12-31", "2024-01-01", "2024-12-31", "2025-01-01")],
    )
    assert debt.service(panel(), rows_of(tables), tables).iloc[-1]["own_principal"] == 2
