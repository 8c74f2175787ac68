import base64
import hashlib
import re

import pytest

from postloan.batch import index

JOB = {
    "borrower_id": "000001",
    "name": "<script>alert(1)</script>",
    "industry": "啤酒",
    "synthetic": False,
    "notebook": "borrower_review",
    "language": "zh",
    "status": "ok",
    "seconds": 3.2,
    "path": "borrower_review/zh/a%2Fb #1.html",
    "old": False,
    "error": None,
    "latest_period": "2023-09-30",
    "headline": [{"label": "流动比率", "text": "1.52", "value": 1.52}],
    "level": "orange",
    "class": "special_mention",
    "next_review": "2023-10-01",
}
BAD = {
    **JOB,
    "borrower_id": "B",
    "status": "failed",
    "path": None,
    "error": {"cell": 7, "line": "ratios.compute(<x>)", "name": "KeyError", "message": "'<b>'"},
}


@pytest.fixture
def page():
    def render(*jobs):
        about = {"run": "daily", "as_of": "2023-10-31", "book": "default", "finished": "now"}
        return index.render({**about, "versions": {"python": "3.11"}, "jobs": list(jobs)})

    return render


def test_index_escapes_data(page):
    html = page(JOB, BAD)
    assert html.count("<script>") == 1
    assert "&lt;script&gt;alert(1)" in html
    assert "ratios.compute(&lt;x&gt;)" in html


def test_script_hash_matches(page):
    html = page(JOB)
    script = re.search(r"<script>(.*?)</script>", html, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in html


def test_links_are_quoted(page):
    assert 'href="borrower_review/zh/a%252Fb%20%231.html"' in page(JOB)


def test_languages_share_row(page):
    html = page(JOB, {**JOB, "language": "en", "path": "en.html"})
    assert html.count("<small>000001</small>") == 1
    assert ">检查报告</a>" in html
    assert '<a href="en.html" aria-label="检查报告 English">English</a>' in html


def test_each_language_has_its_index(tmp_path):
    about = {"run": "daily", "as_of": "2023-10-31", "book": "default", "finished": "now", "versions": {}}
    made = index.pages({**about, "jobs": [JOB, {**JOB, "language": "en"}]}, tmp_path)
    assert list(made) == ["index.html", "index.en.html"]
    assert '<html lang="zh-CN">' in made["index.html"]
    assert 'href="index.en.html"' in made["index.html"]
    assert ">Special mention</td>" in made["index.en.html"]


def test_failures_come_first(page):
    html = page(JOB, BAD)
    assert html.index("第7格") < html.index('id="reports"')
    assert html.index("<small>B</small>") < html.index("<small>000001</small>")


def test_worst_and_soonest_come_first(page):
    late, calm = (
        {**JOB, "borrower_id": name, **more}
        for name, more in (("L", {"next_review": "2023-09-01"}), ("C", {"level": "none"}))
    )
    html = page(calm, JOB, late)
    order = [html.index(f"<small>{name}</small>") for name in ("L", "000001", "C")]
    assert order == sorted(order)


def test_the_review_speaks_for_its_borrower():
    case = {**JOB, "notebook": "case_study", "level": "red", "next_review": None}
    (row,) = index._rows([case, JOB])
    assert (row["level"], row["page"]) == ("orange", JOB["path"])


def test_headlines_get_columns(page):
    assert '<td class="num" data-sort="1.52">1.52</td>' in page(JOB)


def test_first_step_is_the_one_due_first():
    signals = [
        {"status": "new", "due": day, "owner": owner} for day, owner in (("2024-02-01", "b"), ("2024-01-01", "a"))
    ]
    cleared = {"status": "cleared", "due": "2023-01-01", "owner": "c"}
    assert index.first_step([*signals, cleared]) == {"owner": "a", "step_due": "2024-01-01"}
    assert index.first_step([]) == {}


def test_earlier_runs_and_paper_are_linked(tmp_path):
    path = "borrower_review/zh/A.html"
    for day in ("2023-09-30", "2023-10-31", "2023-11-30"):
        (tmp_path / day / path).parent.mkdir(parents=True)
        (tmp_path / day / path).touch()
    (tmp_path / "2023-10-31" / path).with_suffix(".pdf").touch()
    about = {"run": "daily", "as_of": "2023-10-31", "book": "default", "finished": "now", "versions": {}}
    html = index.pages({**about, "jobs": [{**JOB, "path": path}]}, tmp_path / "2023-10-31")["index.html"]
    assert f'href="../2023-09-30/{path}"' in html
    assert "../2023-11-30" not in html
    assert 'href="borrower_review/zh/A.pdf"' in html


def test_many_rows_wait_behind_the_first(page):
    html = page(*({**JOB, "borrower_id": f"B{number}"} for number in range(index.FIRST + 2)))
    assert html.count("<tr data-level") == index.FIRST + 2
    assert html[html.index("<noscript") :].count("<tr data-level") == 2


def test_synthetic_is_marked(page):
    assert 'class="synthetic"' not in page(JOB)
    assert 'class="synthetic"' in page({**JOB, "synthetic": True})


def test_index_stands_alone(page):
    html = page(JOB, BAD)
    assert "http" not in html.replace("http-equiv", "")
    assert html.count("<h1") == 1
    assert '<html lang="zh-CN">' in html
