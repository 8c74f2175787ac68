"""A notebook that declares an industry is made once an industry and language."""

import pytest

from postloan.batch import index, plan
from postloan.errors import RunError


@pytest.fixture
def whole(home, of_no_borrower):
    """A second notebook, of an industry and without a borrower; the home has two industries."""
    of_no_borrower('\nindustry: str = "food"  # which')
    folder = home / "params" / "industries"
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.glob("*.yml"):
        path.unlink()
    for name in ("food", "steel"):
        text = f"name: {{zh: 甲{name}, en: {name}}}\ncodes: [X]\nindices: []\ndrivers: []\n"
        (folder / f"{name}.yml").write_text(text, encoding="utf-8")
    return home


def told(jobs):
    return [(job.industry, job.language, job.file("html").name) for job in jobs]


def test_one_job_an_industry_and_language(whole, run, book):
    made = plan.jobs(run(notebooks=["whole"], languages=["zh", "en"]), book)
    assert told(made) == [(name, lang, f"{name}.html") for name in ("food", "steel") for lang in ("zh", "en")]
    assert made[0].label == "whole food zh"
    assert made[0].about["name"] == "甲food food"


def test_named_industries_only(whole, run, book):
    assert [job.industry for job in plan.jobs(run(notebooks=[{"whole": ["steel"]}]), book)] == ["steel"]
    assert [job.industry for job in plan.jobs(run(notebooks=["whole"], parameters={"industry": "food"}), book)] == [
        "food"
    ]


def test_unknown_industry_lists_known(whole, run, book):
    with pytest.raises(RunError, match=r"unknown industries \['gold'\]; known: food, steel"):
        plan.jobs(run(notebooks=[{"whole": ["gold"]}]), book)


def test_index_lists_each_industry():
    job = {"borrower_id": "", "notebook": "whole", "language": "en", "status": "ok", "seconds": 1.0}
    assert len(index._rows([{**job, "name": "甲"}, {**job, "name": "乙"}, {**job, "name": "乙"}])) == 2
