"""A fall in revenue worked through by hand, and over the sample book."""

import pandas as pd
import pytest

from postloan.analysis.periods import Panel
from postloan.errors import ContractError
from postloan.portfolio import screen, standing, stress

AS_OF = "2026-05-15"
FIRM = {"revenue": 1000.0, "operating_cost": 800.0, "gross_profit": 200.0, "income_tax": 25.0,
        "profit_before_tax": 100.0, "net_profit": 75.0, "cash": 50.0, "current_assets": 300.0, "total_assets": 900.0,
        "short_term_borrowings": 100.0, "current_liabilities": 250.0, "total_liabilities": 500.0,
        "equity": 400.0}  # fmt: skip


@pytest.fixture
def firm():
    return pd.DataFrame(FIRM, index=pd.Index(["A"], name="borrower_id"))


def test_shock_by_hand(firm):
    """−10 %: 100 of revenue and 64 of cost go, 36 earned less, 9 of tax saved, 27 less cash and equity."""
    made = stress.shocked(firm, pd.Series({"A": -0.10})).loc["A"]
    assert (made["revenue"], made["operating_cost"], made["gross_profit"]) == (900.0, 736.0, 164.0)
    assert made["profit_before_tax"] == pytest.approx(64.0)
    assert (made["income_tax"], made["net_profit"]) == (pytest.approx(16.0), pytest.approx(48.0))
    assert (made["cash"], made["equity"]) == (pytest.approx(23.0), pytest.approx(373.0))


def test_balance_still_balances(firm):
    for change in (-0.1, -0.5, -1.0):
        made = stress.shocked(firm, pd.Series({"A": change})).loc["A"]
        assert made["total_assets"] == pytest.approx(made["total_liabilities"] + made["equity"])
        assert made["cash"] >= 0


def test_no_shock_changes_nothing(firm):
    assert stress.shocked(firm, pd.Series({"A": 0.0})).equals(firm)


@pytest.fixture(scope="module")
def book_of(sample_book):
    ids = [f"S{number:04}" for number in range(1, 11)]
    known = screen.Known(sample_book.observations(ids, as_of=AS_OF), side=sample_book.loan_side(ids, as_of=AS_OF))
    borrowers, panel = sample_book.borrowers(), Panel(sample_book.statements(ids, as_of=AS_OF))
    judged = screen.judge(panel, borrowers, known, AS_OF)
    return panel, judged, standing.of(judged, borrowers, known, AS_OF)


def test_harder_shock_is_no_better(book_of):
    found = stress.run(*book_of, AS_OF)
    assert found.book["shock"].tolist() == [0.0, -0.1, -0.2, -0.3]
    assert found.book["red"].is_monotonic_increasing
    assert found.book["expected_loss"].is_monotonic_increasing
    assert (found.book["borrowers"] == 10).all()
    assert found.assumed == 10


def test_no_sensitivity_no_change(book_of):
    betas = pd.DataFrame({"borrower_id": [f"S{number:04}" for number in range(1, 11)], "beta": 0.0})
    found = stress.run(*book_of, AS_OF, betas=betas)
    assert (found.moved["level"] == found.moved["before"]).all()
    assert found.assumed == 0


def test_odd_sensitivity_is_refused(book_of):
    twice = pd.DataFrame({"borrower_id": ["S0001", "S0001"], "beta": [1.0, 2.0]})
    with pytest.raises(ContractError, match=r"one number a borrower; found .*S0001"):
        stress.run(*book_of, AS_OF, betas=twice)


def test_strong_and_negative_sensitivities(book_of):
    """Nobody gains by a shock, and one that would lose more than all its revenue loses all but a sliver."""
    panel, judged, stand = book_of
    begins = pd.DataFrame(columns=["borrower_id"])
    betas = pd.DataFrame({"borrower_id": ["S0001", "S0002"], "beta": [-0.5, 9.0]})
    told = stress.within(panel, ["S0001", "S0002"], judged, stand, AS_OF, betas=betas, begins=begins)
    assert told.moved.set_index("borrower_id")["beta"].to_dict() == {"S0001": 0.0, "S0002": 9.0}
    assert told.assumed == 0


def test_stress_within_nobody(book_of):
    assert stress.within(*book_of[:1], [], *book_of[1:], AS_OF).book.empty
