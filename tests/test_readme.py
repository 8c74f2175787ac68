"""What README shows a scheduler is at least of right form; what can be checked by a tool here is."""

import ast
import configparser
import re
import shlex
import shutil
import subprocess

import pytest
from click.testing import CliRunner

from conftest import ROOT
from postloan.cli import main

README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)


def options(command):
    return set(re.findall(r"--[a-z-]+", CliRunner().invoke(main, [command, "--help"]).output))


def test_python_examples_parse():
    assert blocks("python")
    for block in blocks("python"):
        ast.parse(block)


def test_every_option_of_run_exists():
    lines = [line.partition("#")[0] for line in README.splitlines() if re.search(r"postloan(\.exe)? run .*--", line)]
    used = {word for line in lines for word in re.findall(r"(?<= )--[a-z-]+", line)}
    assert {"--due", "--notify"} <= used <= options("run")


def test_cron_line_has_five_fields():
    (line,) = "".join(blocks("cron")).splitlines()
    fields, command = line.split(None, 5)[:5], line.split(None, 5)[5]
    assert all(re.fullmatch(r"[\d*,/-]+", field) for field in fields)
    assert shlex.split(command)[0] == "cd"


def test_units_have_their_sections():
    units = []
    for block in blocks("ini"):
        unit = configparser.ConfigParser(strict=True)
        unit.optionxform = str
        unit.read_string(block)
        units.append(unit)
    assert [sorted(set(unit.sections()) - {"Unit"}) for unit in units] == [["Service"], ["Install", "Timer"]]


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd here")
def test_calendar_is_systemds():
    (when,) = re.findall(r"OnCalendar=(.*)", README)
    assert subprocess.run(["systemd-analyze", "calendar", when], check=False, capture_output=True).returncode == 0


def test_summary_of_run_is_explained():
    assert all(f"`{name}`" in README for name in ("cell_timeout", "report_timeout", "memory_mb", "journal.jsonl"))
