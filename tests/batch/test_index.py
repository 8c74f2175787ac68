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
    html = page(JOB, {**JOB, "language": "en"})
    assert html.count('<th scope="row">000001</th>') == 1
    assert ">中文</a>" in html
    assert ">English</a>" in html


def test_failures_come_first(page):
    html = page(JOB, BAD)
    assert html.index("Cell 7") < html.index('id="reports"')
    assert html.index('<th scope="row">B</th>') < html.index('<th scope="row">000001</th>')


def test_headlines_get_columns(page):
    assert '<td class="num" data-sort="1.52">1.52</td>' in page(JOB)


def test_synthetic_is_marked(page):
    assert 'class="synthetic"' not in page(JOB)
    assert 'class="synthetic"' in page({**JOB, "synthetic": True})


def test_index_stands_alone(page):
    html = page(JOB, BAD)
    assert "http" not in html.replace("http-equiv", "")
    assert html.count("<h1") == 1
    assert '<html lang="zh-CN">' in html
