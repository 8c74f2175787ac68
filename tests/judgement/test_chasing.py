"""Late actions go up the chain of owners; those whose warning has cleared wait until it has been quiet long enough."""

import pandas as pd
import pytest

from postloan import chasing, settings
from postloan.errors import RuleError
from postloan.judgement import monitoring

DAY = "2025-06-30"


def action(level="orange", owner="relationship_manager", due="2025-06-30"):
    return pd.DataFrame({"borrower_id": ["A"], "rule": ["overdue"], "level": level, "owner": owner,
                         "due": pd.to_datetime([due])})  # fmt: skip


def cleared(**told):
    about = {"rule": "overdue", "status": "cleared", "quiet_since": "2025-05-01", "closes_on": "2025-08-01"}
    return {"A": {"signals": [{**about, "closed": False, **told}]}}


@pytest.mark.parametrize(
    ("level", "owner", "due", "answerable"),
    [
        ("orange", "relationship_manager", "2025-06-26", "relationship_manager"),  # 4 days late
        ("orange", "relationship_manager", "2025-06-25", "risk_manager"),
        ("orange", "risk_manager", "2025-06-25", "branch_head"),
        ("orange", "relationship_manager", "2025-06-15", "branch_head"),
        ("orange", "branch_head", "2025-05-01", "credit_committee"),
        ("yellow", "relationship_manager", "2025-06-25", "relationship_manager"),
        ("red", "relationship_manager", "2025-06-20", "credit_committee"),
    ],
)
def test_late_goes_up_the_chain(level, owner, due, answerable):
    (row,) = chasing.chased(action(level, owner, due), {}, DAY).to_dict("records")
    assert row["answerable"] == answerable
    assert row["days_late"] == (pd.Timestamp(DAY) - pd.Timestamp(due)).days


def test_not_due_is_not_late():
    (row,) = chasing.chased(action(due="2025-07-04"), {}, DAY).to_dict("records")
    assert (row["days_late"], row["steps"], row["answerable"]) == (0, 0, "relationship_manager")


def test_quiet_is_not_late():
    (row,) = chasing.chased(action(due="2025-01-01"), cleared(), DAY).to_dict("records")
    assert (row["days_late"], row["steps"]) == (0, 0)
    assert row["closes_on"] == pd.Timestamp("2025-08-01")


def test_signal_that_stands_is_late():
    told = cleared(status="persisting")
    assert chasing.chased(action(due="2025-01-01"), told, DAY)["steps"].to_list() == [3]


def test_no_actions_keep_their_columns():
    assert set(chasing.CHASED) <= set(chasing.chased(action().iloc[:0], {}, DAY).columns)


def test_chain_must_be_long_enough(tmp_path):
    text = settings.params("monitoring.yml").read_text(encoding="utf-8")
    file = tmp_path / "monitoring.yml"
    file.write_text(text.replace("[1, 5, 10]", "[5, 1]"), encoding="utf-8")
    with pytest.raises(RuleError, match=r"escalation.days_late.red: expected rising days, .* found \[5, 1\]"):
        monitoring.load(file)
