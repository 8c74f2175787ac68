"""Another plan for one loan: the same money, other days, and the cover that comes of it."""

import pandas as pd
import pytest

from postloan.analysis import capacity, outlook, replan
from postloan.analysis.periods import Panel
from postloan.errors import ContractError

AS_OF, LOAN = "2026-05-15", "L0003-T1"


@pytest.fixture(scope="module")
def side(sample_book):
    return sample_book.loan_side("S0003", as_of=AS_OF)


def coming(side):
    plan = side["schedule"]
    return plan[(plan["loan_id"] == LOAN) & (plan["due_on"] > pd.Timestamp(AS_OF))]


def test_grace_moves_principal_and_costs_interest(side):
    before, after = coming(side), coming(replan.tried(side, LOAN, AS_OF, grace_months=6))
    assert after["principal"].sum() == before["principal"].sum()
    assert after["interest"].sum() > before["interest"].sum()
    first = [plan.loc[plan["principal"] > 0, "due_on"].min() for plan in (before, after)]
    assert abs(first[1] - first[0] - pd.Timedelta(days=183)) <= pd.Timedelta(days=4)


def test_same_plan_costs_the_same_interest(side):
    same = coming(replan.tried(side, LOAN, AS_OF))
    assert same["principal"].tolist() == coming(side)["principal"].tolist()
    assert same["interest"].sum() == pytest.approx(coming(side)["interest"].sum(), rel=1e-3)


def test_equal_parts_a_quarter_apart(side):
    after = coming(replan.tried(side, LOAN, AS_OF, quarters=8))
    paid = after[after["principal"] > 0]
    assert len(paid) == 8
    assert paid["principal"].nunique() == 1
    assert side["schedule"].dtypes.equals(replan.tried(side, LOAN, AS_OF, quarters=8)["schedule"].dtypes)


def test_cover_follows_our_instalments_alone(side, sample_book):
    panel = Panel(sample_book.statements("S0003", as_of=AS_OF))
    drawn = outlook.draw(panel, "S0003", capacity.formulas_of())
    told = replan.compared(drawn, panel, AS_OF, side, replan.tried(side, LOAN, AS_OF, grace_months=12))
    later, same = told["own_tried"] < told["own"] - 1, (told["own_tried"] - told["own"]).abs() < 1
    assert later.any()
    assert (told["cover_tried"] > told["cover"])[later].all()
    assert (told["cover_tried"] == told["cover"])[same].all()


@pytest.mark.parametrize(("loan", "asked"), [("nope", {}), (LOAN, {"grace_months": -1}), (LOAN, {"quarters": 0})])
def test_wrong_plans_are_refused(side, loan, asked):
    with pytest.raises(ContractError, match=r"loans with a plan: L0003-T1|expected grace_months ≥ 0 and quarters ≥ 1"):
        replan.tried(side, loan, AS_OF, **asked)
