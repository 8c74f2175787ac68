import datetime as dt

import pandas as pd
import pytest

from conftest import facts
from postloan import tables
from postloan.book.store import open_book
from postloan.errors import SourceError

ROWS = [("2022-12-31", None, "total_assets", 100), ("2022-12-31", None, "total_liabilities", 60)]
ROWS += [("2022-12-31", 12, "revenue", 50)]
NAMED = pd.DataFrame({"borrower_id": ["A"], "name": ["甲公司"]})


def intake(frame: pd.DataFrame, names: pd.DataFrame | None = NAMED) -> tables.Intake:
    found = {"statements": frame.drop(columns="derived")}
    if names is not None:
        found["borrowers"] = names
    return tables.Intake("hand.csv", "table", found, len(frame))


def test_same_file_twice_adds_nothing(book):
    first, again = book.add(intake(facts(ROWS))), book.add(intake(facts(ROWS)))
    assert (first.read, first.added, first.unchanged) == (3, 3, 0)
    assert (again.added, again.unchanged, again.refused) == (0, 3, 0)


def test_restatement_keeps_both(book):
    book.add(intake(facts(ROWS)))
    book.add(intake(facts([("2022-12-31", 12, "revenue", 45)], known_on="2023-10-28")))
    revenue = [
        book.statements("A", as_of=day).set_index("item").at["revenue", "amount"]
        for day in ("2023-10-27", "2023-10-28")
    ]
    assert revenue == [50, 45]


def test_nothing_known_before_its_day(book):
    book.add(intake(facts(ROWS)))
    with pytest.raises(SourceError, match="first known on 2023-06-30"):
        book.statements("A", as_of="2023-06-29")


def test_correction_is_known_from_today(book):
    book.add(intake(facts(ROWS)), today=dt.date(2024, 1, 2))
    changed = book.add(intake(facts([("2022-12-31", 12, "revenue", 51)])), today=dt.date(2024, 1, 3))
    assert changed.added == 1
    before, after = (
        book.statements("A", as_of=day).set_index("item").at["revenue", "amount"]
        for day in ("2024-01-02", "2024-01-03")
    )
    assert (before, after) == (50, 51)


def test_derived_totals_are_marked(book):
    book.add(intake(facts(ROWS)))
    found = book.statements("A", as_of="2024-01-01").set_index("item")
    assert found.at["equity", "amount"] == 40
    assert found.at["equity", "derived"]
    assert found.at["equity", "source"] == "derived: equity = total_assets - total_liabilities"
    assert not found.at["total_assets", "derived"]


def test_two_amounts_for_one_fact(book):
    twice = pd.concat([facts(ROWS), facts([("2022-12-31", 12, "revenue", 51)])])
    result = book.add(intake(twice))
    assert (result.added, result.refused) == (0, 2)
    assert set(result.refusals["expected"]) == {"one amount for one fact"}
    assert book.borrowers().empty


def test_future_period_refused(book):
    result = book.add(intake(facts(ROWS)), today=dt.date(2022, 6, 1))
    assert result.refused == 3
    assert "dates up to 2022-06-01" in result.refusals["expected"].iloc[0]


def test_stranger_refused(book):
    result = book.add(intake(facts(ROWS), names=None))
    assert result.refusals["found"].tolist() == ["A"]


def test_unbalanced_kept_and_flagged(book):
    result = book.add(intake(facts([*ROWS, ("2022-12-31", None, "equity", 45)])))
    assert result.added == 4
    assert result.flags[["flag", "found", "expected"]].values.tolist() == [["unbalanced", 100, 105]]


def test_unit_jump_flagged(book):
    book.add(intake(facts([("2022-09-30", None, "total_assets", 1.1e6)])))
    result = book.add(intake(facts(ROWS)))
    assert result.flags[["flag", "item"]].values.tolist() == [["unit_jump", "total_assets"]]


def test_codes_stay_text(book):
    names = pd.DataFrame({"borrower_id": ["000001"], "name": ["平安"]})
    book.add(intake(facts(ROWS, borrower_id="000001"), names))
    assert book.borrowers()["borrower_id"].tolist() == ["000001"]
    assert len(book.statements("000001", as_of="2024-01-01"))


@pytest.mark.parametrize("day", ["2026-13-45", "yesterday", 20260515, None, ""])
def test_what_is_no_day_is_refused(sample_book, day):
    with pytest.raises(SourceError, match=rf"day {day!r}: expected a date as text, such as '2026-05-15'"):
        sample_book.statements("S0003", as_of=day)


def test_id_that_is_no_text_is_refused(sample_book):
    with pytest.raises(SourceError, match="borrower 5: expected text, as in the book; write it in quotes"):
        sample_book.borrower(5)


def test_unknown_borrower_lists_known(book):
    book.add(intake(facts(ROWS)))
    with pytest.raises(SourceError, match=r"'B' is not in .*known: A"):
        book.borrower("B")


def test_second_file_keeps_the_name(book):
    book.add(intake(facts(ROWS)))
    book.add(intake(facts(ROWS), pd.DataFrame({"borrower_id": ["A"], "industry": ["C15"]})))
    assert (book.borrower("A")["name"], book.borrower("A")["industry"]) == ("甲公司", "C15")


def test_fingerprint_follows_the_rows(book):
    book.add(intake(facts(ROWS)))
    before = book.fingerprint("A", as_of="2024-01-01")
    assert before == book.fingerprint("A", as_of="2024-01-01")
    book.add(intake(facts([("2022-12-31", 12, "revenue", 45)], known_on="2023-10-28")))
    assert before != book.fingerprint("A", as_of="2024-01-01")
    assert before == book.fingerprint("A", as_of="2023-10-01")


def test_not_a_book_is_refused(tmp_path):
    (tmp_path / "x.db").write_bytes(b"not a database at all, but long enough to look at" * 100)
    with pytest.raises(SourceError, match="cannot be opened"):
        open_book(f"sqlite:///{tmp_path / 'x.db'}")


def test_all_or_nothing_on_failure(book, monkeypatch):
    def fail(*_):
        raise RuntimeError("disk full")

    monkeypatch.setattr("postloan.book.entries.append", fail)
    with pytest.raises(RuntimeError):
        book.add(intake(facts(ROWS)))
    assert book.borrowers().empty
