"""What the loan side tells the rules and the tests of the statements."""

import pandas as pd
import pytest

from conftest import year_to_date
from postloan.analysis import servicing
from postloan.analysis.periods import Panel
from postloan.judgement import loan_facts, sight
from postloan.loan_rows import checked, empty
from postloan.loan_tables import LOAN_TABLES
from postloan.measures import observations

LOAN = dict(
    borrower_id="A", loan_id="L1", product="working_capital", currency="CNY", amount=120.0, rate=0.05,
    signed_on="2024-12-31", matures_on="2026-03-31",
)  # fmt: skip
DRAWN = dict(borrower_id="A", loan_id="L1", drawdown_id="D1", drawn_on="2025-01-01", amount=120.0)
TALK = dict(borrower_id="A", contact_id="K1", held_on="2026-05-01", channel="call", documents_refused=2)


def side(**rows: list[dict]) -> dict[str, pd.DataFrame]:
    return {name: checked(pd.DataFrame(rows[name]), name) if name in rows else empty(name) for name in LOAN_TABLES}


NOTHING = pd.DataFrame(columns=sight.COLUMNS).astype({"observed_on": "datetime64[us]", "value": float})
PANEL = Panel(year_to_date({2024: [90, 180, 290, 400], 2025: [100, 210, 330, 460]}))
DAY = "2026-05-15"


def gathered(told: dict[str, pd.DataFrame], observed: pd.DataFrame = NOTHING) -> loan_facts.LoanFacts:
    return loan_facts.gather(PANEL, told, servicing.state(told, DAY), DAY, observed=observed)


def seen(metric: str, value: float, on: str) -> pd.DataFrame:
    row = ("A", metric, value, pd.Timestamp(on), "visit")
    return pd.DataFrame([row], columns=sight.COLUMNS).astype({"observed_on": "datetime64[us]"})


def moved(number: int, on: str, amount: float, **about: str) -> dict:
    row = dict(borrower_id="A", account="620001", booked_on=on, amount=abs(amount), currency="CNY")
    row |= {"direction": "in" if amount > 0 else "out", "transaction_id": f"T{number}", "balance": None}
    return row | about


def test_what_the_loans_tell_is_observed():
    found = gathered(side(loans=[LOAN], drawdowns=[DRAWN], contacts=[TALK])).observed
    values = found.set_index("metric")["value"]
    assert (values["days_overdue"], values["overdue_times"]) == (45, 1)
    assert (values["days_since_contact"], values["papers_refused"]) == (14, 2)
    assert set(found["metric"]) <= set(observations())


def test_nothing_told_is_no_row():
    found = gathered(side())
    assert found.observed.empty
    assert found.use.flags.empty


def test_newer_records_win_over_older_observations():
    told = gathered(side(loans=[LOAN], drawdowns=[DRAWN]), seen("days_overdue", 3.0, "2026-05-01"))
    assert sight.fresh(told.observed, DAY).set_index("metric").at["days_overdue", "value"] == 45


def flowed() -> dict[str, pd.DataFrame]:
    """A drawdown of 120 after 10 of own money; 100 paid out, 60 of it back within three days: 54 of the loan."""
    loan, drawn = LOAN | {"account": "620001"}, DRAWN | {"drawn_on": "2026-03-02", "account": "620001"}
    moves = [
        moved(1, "2026-01-05", 10.0, counterparty="客户甲有限公司"),
        moved(2, "2026-03-02", 120.0, memo="贷款发放"),
    ]
    moves += [moved(3, "2026-03-03", -100.0, counterparty="供应乙有限公司")]
    moves += [moved(4, "2026-03-05", 60.0, counterparty="供应乙有限公司")]
    return side(loans=[loan], drawdowns=[drawn], transactions=moves)


def test_what_came_back_is_observed():
    now = sight.fresh(gathered(flowed()).observed, DAY).set_index("metric")["value"]
    assert now["return_flow_share"] == pytest.approx(54 / 120)
    assert "misused_share" not in now  # accounts that show none do not say there was none


@pytest.mark.parametrize(("on", "share"), [("2026-03-05", 54 / 120), ("2026-04-01", 0.9)])
def test_an_officer_s_later_word_goes_first(on, share):
    found = gathered(flowed(), seen("return_flow_share", 0.9, on)).observed
    assert sight.fresh(found, DAY).set_index("metric").at["return_flow_share", "value"] == pytest.approx(share)


def test_papers_over_the_months_of_the_statement_are_used():
    statements = year_to_date({2025: [100, 210, 330, 460]})
    rows = [
        dict(borrower_id="A", kind="vat_sales", period_end="2025-06-30", months=6, value=200.0),
        dict(borrower_id="A", kind="vat_sales", period_end="2025-06-30", months=3, value=105.0),
        dict(borrower_id="A", kind="bank_deposits", period_end="2025-06-30", months=0, value=40.0),
        dict(borrower_id="A", kind="freight", period_end="2025-06-30", months=6, value=4.0),
    ]
    found = loan_facts.papers(checked(pd.DataFrame(rows), "cross_checks"), statements)
    assert dict(zip(found["kind"], found["amount"], strict=True)) == {"bank_balance": 40.0, "vat_sales": 200.0}
