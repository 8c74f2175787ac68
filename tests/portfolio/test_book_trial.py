"""The book against its own arrears: what counts as an event, and that no day sees further than itself."""

import pandas as pd
import pytest

from postloan.book import sample
from postloan.book.store import open_book
from postloan.portfolio import book_trial

AS_OF = "2026-05-15"


def side(due: list[str], late_to: str | None) -> dict[str, pd.DataFrame]:
    """One loan of 100 a quarter; every instalment unpaid, or all paid on a day."""
    days = pd.to_datetime(due)
    key = {"borrower_id": "A", "loan_id": "L1"}
    plan = pd.DataFrame({**key, "due_on": days, "principal": 100.0, "interest": 0.0, "known_on": days[0]})
    paid = [pd.Timestamp(late_to)] * len(due) if late_to else []
    return {
        "loans": pd.DataFrame({**key, "matures_on": [days[-1]], "closed_on": pd.to_datetime([None])}),
        "drawdowns": pd.DataFrame({**key, "drawn_on": [days[0]], "amount": [100.0 * len(due)]}),
        "schedule": plan,
        "repayments": pd.DataFrame({"paid_on": pd.to_datetime(paid), "principal": 100.0, "interest": 0.0}).assign(
            **key
        ),
    }


def test_event_is_the_day_it_stood_overdue():
    found = book_trial.events(side(["2024-03-31", "2024-06-30"], None), AS_OF, 90)
    assert found.to_dict("records") == [{"borrower_id": "A", "event_on": pd.Timestamp("2024-06-29")}]


def test_paid_within_the_days_is_no_event():
    assert book_trial.events(side(["2024-03-31"], "2024-05-31"), AS_OF, 90).empty


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    ledger = open_book(f"sqlite:///{tmp_path_factory.mktemp('book') / 'sample.db'}")
    ledger.add(sample.make(1, 14))
    return book_trial.run(ledger, AS_OF, quarters=3, overdue_days=30)


def test_too_few_events_are_said(found):
    assert found.refused == "few_events"
    assert found.metrics.set_index("by").at["rules", "rows"] == len(found.scored)


def test_only_known_outcomes_count(found):
    late = found.scored[found.scored["period_end"] > pd.Timestamp(AS_OF) - pd.DateOffset(years=1)]
    assert (late["outcome"] == 1).all()


def test_rules_stand_beside_baselines(found):
    assert {"rules", "overdue_days", "always_yellow"} <= set(found.metrics["by"])
    assert (found.scored["overdue_days"] >= 0).all()
