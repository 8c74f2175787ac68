"""What a notebook says of itself, and when no page is made of it."""

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from postloan.errors import RunError
from postloan.report import executed, page, record

PARAMETERS = 'borrower_id: str = "S0003"  # who\nas_of: str = "2026-05-15"\nlanguage = "en"\nlast = f(1)'


def notebook(source=PARAMETERS, *, ran=True, **told):
    bundle = {record.MIME: {"borrower_id": "S0003", "language": "en", **told}}
    outputs = [new_output("execute_result", bundle, execution_count=2)] if told else []
    cells = [
        new_markdown_cell("# Report"),
        new_code_cell(source, metadata={"tags": ["parameters"]}, execution_count=1 if ran else None),
        new_code_cell("show", outputs=outputs),
    ]
    return new_notebook(cells=cells)


def test_parameters_speak_where_no_record_does():
    assert executed.about(notebook()) == {"borrower_id": "S0003", "as_of": "2026-05-15", "language": "en"}
    html = page.export(notebook())
    assert '<html lang="en">' in html
    assert "<title>Report · S0003 · 2026-05-15</title>" in html


def test_record_speaks_first():
    assert executed.about(notebook(as_of="2026-05-14"))["as_of"] == "2026-05-14"


def test_notebook_that_was_not_run_is_refused():
    with pytest.raises(RunError, match=r"none of the notebook's 2 code cells has been run; in JupyterLab: Run"):
        page.export(notebook(ran=False))


def test_changed_parameters_need_another_run():
    changed = notebook(PARAMETERS.replace("S0003", "S0005"), as_of="2026-05-15")
    with pytest.raises(RunError, match=r"borrower_id = 'S0005', but what the notebook shows was made with 'S0003'"):
        page.export(changed)


def test_notebook_of_no_report_is_readable():
    cells = [new_markdown_cell("# Mine"), new_code_cell("(", execution_count=1, metadata={"tags": ["parameters"]})]
    assert "<h1>Mine</h1>" in page.export(new_notebook(cells=cells))
