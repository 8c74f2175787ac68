"""A notebook that names no borrower is about the whole book: one job a language, linked from the index."""

import pytest

from postloan.batch import index, plan, run
from postloan.book.store import open_book
from postloan.errors import RunError
from postloan.report import record


@pytest.fixture
def whole(home, of_no_borrower):
    """A second notebook, without a borrower."""
    of_no_borrower()
    return home


def test_one_job_a_language(whole, run, book):
    made = plan.jobs(run(notebooks=["tiny", "whole"], borrowers=["A"], languages=["zh", "en"]), book)
    assert [(job.notebook.stem, job.borrower_id) for job in made] == [("tiny", "A")] * 2 + [("whole", "")] * 2
    assert made[-1].file("html").as_posix().endswith("whole/en/book.html")
    assert "borrower_id" not in made[-1].parameters
    assert made[-1].label == "whole en"


def test_whole_book_takes_no_borrowers(whole, run, book):
    with pytest.raises(RunError, match="whole: is about the whole book and takes no list of borrowers"):
        plan.jobs(run(notebooks=[{"whole": ["A"]}]), book)


def test_any_borrower_changes_the_fingerprint(book):
    before = book.fingerprint(as_of="2024-06-30")
    assert before == open_book().fingerprint(as_of="2024-06-30")
    review = {"borrower_id": "A", "as_of": "2024-03-01", "name": "postloan.borrower_review", "fingerprint": "x"}
    book.save_review(review)
    assert book.fingerprint(as_of="2024-06-30") != before


def test_report_is_made_and_not_stored(whole, run, book):
    wanted = run(notebooks=["whole"])
    (outcome,) = run_all(wanted, book)
    assert outcome.status == "ok", str(outcome)
    assert book.last_reviews(before="2030-01-01", name="postloan.tiny") == {}
    page = (wanted.folder / "index.html").read_text(encoding="utf-8")
    assert 'href="whole/en/book.html"' in page
    assert page.index("The whole book") < page.index('id="reports"')


def run_all(wanted, book):
    return run.run_all(wanted, plan.jobs(wanted, book))


def test_index_keeps_the_book_apart():
    job = {"borrower_id": "", "notebook": "whole", "language": "en", "status": "ok", "seconds": 1.0}
    (row,) = index._rows([job])
    assert row["reports"] == [job]


def test_record_of_the_whole_book(whole):
    import pandas as pd

    values = pd.DataFrame(columns=["ratio", "period_end", "value", "reason"])
    made = record.build("postloan.whole", borrower_id=None, as_of="2024-06-30", language="en", values=values)
    assert "the whole book" in record.show(made)._repr_mimebundle_()["text/html"]
