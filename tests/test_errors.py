"""Errors as an analyst meets them in a notebook."""

import nbformat
import papermill
import pytest
from nbformat.v4 import new_code_cell, new_notebook
from papermill.exceptions import PapermillExecutionError

from postloan.errors import PostloanError, RuleError, RunError


@pytest.mark.parametrize("kind", [PostloanError, RuleError, RunError])
def test_outside_a_notebook_an_error_has_no_cell(kind):
    assert kind("what, where").__class__._render_traceback_(kind("what, where")) == [f"{kind.__name__}: what, where"]


def test_error_in_a_notebook_is_one_paragraph(warm_parent, tmp_path):
    """In a real kernel: two lines are shown, and papermill still fails with the error."""
    source = "from postloan import texts\n\ntexts('fr')"
    kernel = {"name": "postloan", "display_name": "postloan", "language": "python"}
    nbformat.write(new_notebook(cells=[new_code_cell(source)], metadata={"kernelspec": kernel}), tmp_path / "a.ipynb")
    with pytest.raises(PapermillExecutionError, match="language 'fr': expected one of"):
        papermill.execute_notebook(tmp_path / "a.ipynb", tmp_path / "b.ipynb", progress_bar=False)
    (output,) = nbformat.read(tmp_path / "b.ipynb", 4).cells[-1].outputs
    assert output.ename == "RunError"
    assert "\n".join(output.traceback).splitlines() == [
        "RunError: language 'fr': expected one of ['zh', 'en']",
        "  line 3 of the cell: texts('fr')",
    ]
