"""What is late, and what cannot be said to be."""

import pandas as pd

from portfolio.hand_book import side, standing
from postloan.portfolio import backlog

AS_OF = "2026-05-15"


def test_only_stored_reviews_can_be_late():
    rows = standing(
        [
            {"borrower_id": "A", "overdue_days": 40, "last_as_of": "2026-01-05"},
            {"borrower_id": "B", "overdue_days": 900},
            {"borrower_id": "C", "overdue_days": 0, "last_as_of": "2026-05-01"},
        ]
    )
    assert backlog.reviews(rows)["borrower_id"].tolist() == ["A"]
    assert backlog.unreviewed(rows) == 1


def promise(name, due, status, settled=None):
    days = {"promised_on": "2026-01-01", "known_on": "2026-01-01", "due_on": due, "settled_on": settled}
    return {"borrower_id": name, "commitment_id": f"M{name}", "promise": "…", "status": status, **days}


def test_promises_past_their_day():
    made = side(
        commitments=[
            promise("A", "2026-05-01", "open"),
            promise("B", "2026-06-01", "open"),
            promise("C", "2026-03-01", "kept", "2026-03-11"),
            promise("D", "2026-03-01", "kept", "2026-02-20"),
        ]
    )["commitments"]
    found = backlog.promises(made, AS_OF).set_index("borrower_id")
    assert found["days_late"].to_dict() == {"A": 14, "C": 10}
    assert found["state"].to_dict() == {"A": "broken", "C": "late"}


def test_actions_past_their_day():
    entered = pd.DataFrame(
        {"borrower_id": ["A", "B"], "rule": "overdue", "level": "red", "owner": "risk_manager",
         "opened_on": pd.Timestamp("2026-04-01"), "due": pd.to_datetime(["2026-05-05", "2026-05-15"])}
    )  # fmt: skip
    (row,) = backlog.actions(entered, AS_OF).to_dict("records")
    assert (row["borrower_id"], row["days_late"], row["answerable"]) == ("A", 10, "credit_committee")
    quiet = {"rule": "overdue", "status": "cleared", "quiet_since": "2026-05-01", "closes_on": "2026-08-01"}
    assert backlog.actions(entered, AS_OF, {"A": {"signals": [{**quiet, "closed": False}]}}).empty
