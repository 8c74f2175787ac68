"""What an executed notebook says of itself: its record or its parameters, and whether what it shows was really run."""

from __future__ import annotations

import ast

from nbformat import NotebookNode

from postloan.errors import RunError
from postloan.report import record

_TAGS = ("parameters", "injected-parameters")  # papermill's; the later cell wins
_IDENTITY = ("borrower_id", "as_of", "language")
_ADVICE = "in JupyterLab: Run, Run All Cells; then export again"


def about(notebook: NotebookNode) -> dict:
    """The report's record, else the parameters papermill ran it with, else those of its parameters cell."""
    found = record.find_all(notebook)
    if len(found) == 1:
        return dict(found[0])
    return dict(notebook.metadata.get("papermill", {}).get("parameters") or parameters(notebook))


def parameters(notebook: NotebookNode) -> dict:
    """The literals assigned in the cells papermill knows as parameters; what is no literal is left out."""
    tagged = [cell.source for tag in _TAGS for cell in notebook.cells if tag in cell.metadata.get("tags", [])]
    return {name: value for source in tagged for name, value in _literals(source)}


def check(notebook: NotebookNode) -> None:
    """RunError when no cell has been run, or when the parameters cell has been changed since."""
    code = [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip()]
    if code and not any(cell.get("outputs") or cell.get("execution_count") for cell in code):
        raise RunError(f"none of the notebook's {len(code)} code cells has been run; {_ADVICE}")
    found, asked = record.find_all(notebook), parameters(notebook)
    told = found[0] if len(found) == 1 else {}
    for name in _IDENTITY:
        if name in told and name in asked and told[name] != asked[name]:
            raise RunError(
                f"the parameters cell says {name} = {asked[name]!r}, but what the notebook shows was made with "
                f"{told[name]!r}; {_ADVICE}"
            )


def _literals(source: str) -> list[tuple[str, object]]:
    try:
        lines = ast.parse(source).body
    except SyntaxError:
        return []
    return [pair for line in lines for pair in _literal(line)]


def _literal(line: ast.stmt) -> list[tuple[str, object]]:
    targets = line.targets if isinstance(line, ast.Assign) else [getattr(line, "target", None)]
    try:
        return [(each.id, ast.literal_eval(line.value)) for each in targets if isinstance(each, ast.Name)]
    except (ValueError, AttributeError):
        return []
