"""Outside events as observations, counted by hand."""

import pandas as pd
import pytest

from postloan.analysis import events
from postloan.errors import RuleError
from postloan.loan_rows import checked, empty

ROWS = [
    ("A", "2026-01-10", "penalty", "adverse"),
    ("A", "2026-03-10", "penalty", "severe"),
    ("A", "2024-03-10", "penalty", "severe"),
    ("A", "2026-02-01", "policy", "adverse"),
    ("A", "2025-09-01", "policy", "severe"),
    ("B", "2026-02-01", "policy", "info"),
    ("B", "2026-02-01", "media", "severe"),
]


def told() -> dict:
    rows = [
        dict(borrower_id=who, event_id=f"E{n}", happened_on=day, kind=kind, severity=severity, title="t")
        for n, (who, day, kind, severity) in enumerate(ROWS)
    ]
    found = events.observations(checked(pd.DataFrame(rows), "events"), "2026-05-15")
    return {(row.borrower_id, row.metric): (row.value, f"{row.observed_on:%Y-%m-%d}") for row in found.itertuples()}


def test_events_of_the_year_count():
    assert told()["A", "penalties"] == (2, "2026-03-10")


def test_the_gravest_policy_counts():
    assert told()["A", "policy_restriction"] == (2, "2026-02-01")


def test_information_and_unlisted_kinds_say_nothing():
    assert not any(borrower == "B" for borrower, _ in told())


def test_no_events_no_rows():
    assert list(events.observations(empty("events"), "2026-05-15")) == events.SEEN


def test_unknown_observation_is_named(tmp_path):
    file = tmp_path / "events.yml"
    file.write_text("policy: {metric: moon_phase, take: count, within_days: 3}")
    with pytest.raises(RuleError, match=r"policy.metric: unknown observation 'moon_phase'"):
        events.load(file)
