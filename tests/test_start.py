"""What the start page tells an analyst is true: every notebook and parameter is there, every what-if runs."""

import json
import re
import shutil
from pathlib import Path

import nbformat

from conftest import ROOT
from postloan import settings
from postloan.batch import parameters
from postloan.report import page
from postloan.report.exhibits import Exhibit

START = (ROOT / "notebooks" / "START.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| \[(\w+\.ipynb)\]\(\1\).*\| (.*) \|$", START, re.M)
BLOCKS = re.findall(r"^```python\n(.*?)^```$", START, re.DOTALL | re.M)

LATER = {"kin-8", "9f10c1a3", "cap-03", "cap-04"}  # its group, peers, and what falls due


def test_every_notebook_stands_twice():
    every = sorted(path.name for path in (ROOT / "notebooks").glob("*.ipynb"))
    names = [name for name, _ in ROWS]
    assert names[: len(every)] == names[len(every) :]
    assert sorted(names[: len(every)]) == every


def test_parameters_named_exist():
    for name, told in ROWS:
        named = set(re.findall(r"`(\w+)`", told))
        assert named <= set(parameters.declared(ROOT / "notebooks" / name)), name


def test_both_languages_show_the_same_code():
    bare = [re.sub(r"^# .*\n", "", block) for block in BLOCKS]
    assert bare[: len(bare) // 2] == bare[len(bare) // 2 :]


def test_the_notebooks_own_lines_are_among_them():
    notebook = nbformat.read(ROOT / "notebooks" / "borrower_review.ipynb", 4)
    told = [line for cell in notebook.cells if cell.id.startswith("try-") for line in cell.source.splitlines()]
    lines = {line.lstrip("# ") for line in told if line.startswith("#") and "owed[" not in line}
    assert lines - {""} <= {line for block in BLOCKS for line in block.splitlines()}


def test_every_what_if_runs(sample_address, tmp_path, monkeypatch):
    shutil.copytree(ROOT / "params", tmp_path / "params")
    monkeypatch.setenv("POSTLOAN_HOME", str(tmp_path))
    names = reviewed(sample_address)
    for block in BLOCKS[len(BLOCKS) // 2 :]:
        *lines, last = block.strip().splitlines()
        exec("\n".join(lines), names)
        assert isinstance(eval(last, names), Exhibit | Path)
    assert settings.clients()["S0003"]["rule_limits"] == {"current_ratio_low": {"yellow": 1.6}}


def reviewed(sample_address):
    """The cells of the review that the what-ifs build on, run as they stand."""
    names = {}
    for cell in nbformat.read(ROOT / "notebooks" / "borrower_review.ipynb", 4).cells:
        if cell.cell_type == "code" and ((cell.id.isdigit() and int(cell.id) < 24) or cell.id in LATER):
            exec(cell.source, names)
        if "parameters" in cell.metadata.get("tags", []):
            names["book"] = sample_address
    return names


def test_export_is_named_as_the_menu_names_it():
    desk = json.loads((ROOT / "lib/postloan/report/lab/postloan.json").read_text(encoding="utf-8"))
    (menu,) = desk["@jupyterlab/mainmenu-extension:plugin"]["menus"][0]["items"][0]["submenu"]["items"]
    assert menu["args"] == {"format": "postloan", "label": page.ReportExporter.export_from_notebook, "isPalette": False}
    assert START.count(f"→ {menu['args']['label']}**") == 2
