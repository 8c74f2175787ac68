import datetime as dt

import pytest

from postloan.batch import run_file
from postloan.errors import RunError


def test_run_gets_defaults(run):
    loaded = run()
    assert loaded.day == dt.date(2024, 6, 30)
    assert (loaded.kernel, loaded.cell_timeout, loaded.borrowers) == ("postloan", 300, "all")


def test_unquoted_id_refused(run):
    with pytest.raises(RunError, match=r"in quotes, e\.g\. '600600'"):
        run(borrowers=[600600])


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("langage", ["zh"], "langage: unknown field; known: name, book"),
        ("languages", ["fr"], "languages.0: Input should be 'zh' or 'en'"),
        ("jobs", "two", "jobs: Input should be a valid integer"),
        ("as_of", "soon", "a date such as 2024-06-30, or today"),
    ],
)
def test_wrong_field_named(run, field, value, message):
    with pytest.raises(RunError) as caught:
        run(**{field: value})
    assert message in str(caught.value)
    assert ".yml" in str(caught.value)


def test_missing_file_named(home):
    with pytest.raises(RunError, match=r"nowhere\.yml: no such file"):
        run_file.load_run(home / "nowhere.yml")


def test_overrides_are_checked(home, run):
    run()
    with pytest.raises(RunError, match="jobs"):
        run_file.load_run(home / "params/runs/try0.yml", jobs=0)


def test_day_from_the_command_line(home, run):
    run()
    made = run_file.load_run(home / "params/runs/try0.yml", as_of="2025-03-31")
    assert made.day.isoformat() == "2025-03-31"


def test_review_of_tomorrow_is_refused(home, run):
    run()
    tomorrow = dt.date.today() + dt.timedelta(days=1)
    with pytest.raises(RunError, match=f"as_of: {tomorrow} lies in the future"):
        run_file.load_run(home / "params/runs/try0.yml", as_of=tomorrow)
