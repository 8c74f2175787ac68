"""What the loan side tells the rules and the tests of the statements."""

import pandas as pd

from conftest import year_to_date
from postloan.analysis import servicing
from postloan.judgement import loan_facts, sight
from postloan.loan_tables import LOAN_TABLES, checked, empty
from postloan.measures import observations

LOAN = dict(
    borrower_id="A", loan_id="L1", product="working_capital", currency="CNY", amount=120.0, rate=0.05,
    signed_on="2024-12-31", matures_on="2026-03-31",
)  # fmt: skip
DRAWN = dict(borrower_id="A", loan_id="L1", drawdown_id="D1", drawn_on="2025-01-01", amount=120.0)
TALK = dict(borrower_id="A", contact_id="K1", held_on="2026-05-01", channel="call", documents_refused=2)


def side(**rows: list[dict]) -> dict[str, pd.DataFrame]:
    return {name: checked(pd.DataFrame(rows[name]), name) if name in rows else empty(name) for name in LOAN_TABLES}


def test_what_the_loans_tell_is_observed():
    told = side(loans=[LOAN], drawdowns=[DRAWN], contacts=[TALK])
    found = loan_facts.gather(told, servicing.state(told, "2026-05-15"), "2026-05-15")
    values = found.set_index("metric")["value"]
    assert (values["days_overdue"], values["overdue_times"]) == (45, 1)
    assert (values["days_since_contact"], values["papers_refused"]) == (14, 2)
    assert set(found["metric"]) <= set(observations())


def test_nothing_told_is_no_row():
    none = side()
    assert loan_facts.gather(none, servicing.state(none, "2026-05-15"), "2026-05-15").empty


def test_newer_records_win_over_older_observations():
    told = side(loans=[LOAN], drawdowns=[DRAWN])
    facts = loan_facts.gather(told, servicing.state(told, "2026-05-15"), "2026-05-15")
    old = pd.DataFrame([("A", "days_overdue", 3.0, pd.Timestamp("2026-05-01"), "visit")], columns=sight.COLUMNS)
    newest = sight.fresh(loan_facts.joined(old, facts), "2026-05-15").set_index("metric")
    assert newest.at["days_overdue", "value"] == 45


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
