"""The house keeps its plan: who imports whom, the door, the top level, the environment, the texts."""

import ast
import re
import string
import subprocess
import sys
import tomllib

import pytest
import yaml

import postloan
from conftest import ROOT
from postloan import settings, wording
from postloan.batch import run_file

LIB = ROOT / "lib" / "postloan"
GROUND = {"errors", "settings", "strict", "tables", "loan_flags", "loan_rows", "loan_tables", "chart", "measures"}
GROUND |= {"wording", "backers", "industries", "glance", "safe_yaml", "scratch", "whole_files"}
MAY_IMPORT = {
    "ground": set(),
    "book": {"ground"},
    "analysis": {"ground"},
    "report": {"ground"},
    "judgement": {"ground", "analysis"},
    "portfolio": {"ground", "analysis", "judgement"},
    "batch": {"ground", "book", "report", "door"},  # the door: the warm parent imports what notebooks will
    "cli": {"ground", "book", "report", "batch", "analysis", "judgement", "portfolio"},
    "door": {"ground", "book", "analysis", "judgement", "portfolio", "report"},
}
# Inside a room modules do not import each other, but for what a whole room stands on.
INSIDE = {
    "portfolio": {"screen", "policy", "history", "worklist"}
    | {"accuracy", "factors", "hazard", "hazard_params", "lead_time", "backtest", "replay"},
    "book": {"schema", "marks", "figures", "captions", "template", "archetypes", "cells", "excel", "news", "refusals"},
    "analysis": {
        "periods",
        "formulas",
        "worlds",
        "peers",
        "forecasting",
        "ratios",
        "scores",
        "evidence",
        "servicing",
        "outlook",
        "assumptions",
        "debt",
        "capacity",
        "collateral",
        "covenants",
        "guarantors",
        "working_need",
        "environment",
        "trends",
    },
    "report": {
        "exhibits",
        "narrative",
        "safety",
        "record",
        "case",
        "charts",
        "signals",
        "remedies",
        "whole_book",
        "turning",
    }
    | {"industry_tables", "richtext", "executed", "multiples"},
    "batch": {"plan", "run_file", "names", "parameters", "workers", "run", "index", "kernels", "warm", "journal"}
    | {"paper", "handover", "pace", "making"},
    "judgement": {"rules", "rule_changes", "rule_glance", "client_limits", "sight", "monitoring", "classification"}
    | {"workout_rules", "options", "valuation", "recovery", "legality", "viability", "cash", "comparison", "advice"},
}
INSIDE["judgement"] |= {"class_rules", "chasing", "proof", "exposures", "loan_facts", "limits"}
INSIDE["book"] |= {"actions"}
INSIDE["book"] |= {"sample_cast", "sample_ledger", "sample_loans", "sample_security", "sample_cases", "sample_talks"}
INSIDE["analysis"] |= {"use_params", "use_facts", "use_rules", "use_papers", "parties", "tracing", "rings"}
INSIDE["book"] |= {"connecting", "entries", "kin", "sample_indices"}
INSIDE["book"] |= {"backing", "sample_case_talks", "sample_flows", "sample_planted", "sample_projects", "sample_side"}

LONGEST, MOST_ARGUMENTS = 36, 5  # lines of a function with its docstring; half of them have seven or fewer
LONG = {"use_facts._kinds", "early_warning.scan"}
WIDE = {  # one fact each from all that a judgement rests on, or a form with as many fields
    "accuracy.drawn_again", "backtest.found", "comparison._going_on", "contacts.sign", "data_quality.league",
    "early_warning.scan", "exhibits.table", "exposures.standing", "hindsight.compare", "hindsight.replay_plans",
    "lead_time.leads", "legality._facts", "legality.checks", "legality.effects", "loan_facts.gather",
    "recovery.payments", "remedies.plan", "sample_cast._like", "sample_flows.buy",
    "sample_ledger.move", "screen.screen", "stress.run", "viability.tests", "workout.situation",
}  # fmt: skip


def room(module: str) -> str:
    parts = module.split(".")[1:]
    if not parts:
        return "door"
    if parts[0].startswith("cli_"):
        return "cli"
    return "ground" if parts[0] in GROUND else parts[0].removesuffix("_portfolio")


def imports() -> list[tuple[str, str]]:
    """(importer, imported) pairs of our modules, imports inside functions included."""
    pairs = []
    for path in sorted(LIB.rglob("*.py")):
        name = ".".join(path.relative_to(ROOT / "lib").with_suffix("").parts).removesuffix(".__init__")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("postloan"):
                pairs += [(name, _module(node.module, alias.name)) for alias in node.names]
            elif isinstance(node, ast.Import):
                pairs += [(name, alias.name) for alias in node.names if alias.name.startswith("postloan")]
    return pairs


def _module(package: str, name: str) -> str:
    inner = LIB.joinpath(*package.split(".")[1:], name)
    return f"{package}.{name}" if inner.is_dir() or inner.with_suffix(".py").exists() else package


def test_rooms_keep_their_walls():
    broken = [
        f"{importer} imports {imported}"
        for importer, imported in imports()
        if room(importer) != room(imported)
        and room(imported) not in MAY_IMPORT[room(importer)]
        and not (room(importer) == "ground" == room(imported))
    ]
    assert not broken


def test_modules_inside_a_room_stay_apart():
    broken = [
        f"{importer} imports {imported}"
        for importer, imported in imports()
        if room(importer) == room(imported) not in ("ground", "door", "cli")
        and imported.count(".") == 2
        and imported.split(".")[2] not in INSIDE.get(room(imported), set())
    ]
    assert not broken


def test_walls_would_be_noticed():
    assert ("postloan.book.store", "postloan.book.schema") in imports()
    assert "book" not in MAY_IMPORT["analysis"]


def test_door_is_sorted_and_real():
    assert postloan.__all__ == sorted(postloan.__all__)
    assert all(hasattr(postloan, name) for name in postloan.__all__)


def test_door_leads_to_one_room():
    files = [path.stem for path in LIB.glob("*/*.py") if room(f"postloan.{path.parent.name}.x") != "batch"]
    assert not [name for name in postloan.__all__ if files.count(name) > 1]


def test_door_opens_when_asked():
    told = "import sys, postloan.cli; sys.exit('pandas' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", told], check=False).returncode == 0


def test_modules_stay_small():
    long = {path.name: n for path in LIB.rglob("*.py") if (n := path.read_text(encoding="utf-8").count("\n")) > 400}
    assert not long


def functions() -> dict[str, ast.FunctionDef | ast.AsyncFunctionDef]:
    """Every function and method of the library by module and name."""
    trees = {path.stem: ast.parse(path.read_text(encoding="utf-8")) for path in LIB.rglob("*.py")}
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {
        f"{name}.{node.name}": node
        for name, tree in trees.items()
        for node in ast.walk(tree)
        if isinstance(node, kinds)
    }


def test_functions_stay_short():
    long = {name for name, each in functions().items() if each.end_lineno - each.lineno >= LONGEST}
    assert long <= LONG


def test_functions_ask_for_little():
    asked = {
        name: [*each.args.posonlyargs, *each.args.args, *each.args.kwonlyargs] for name, each in functions().items()
    }
    wide = {
        name for name, told in asked.items() if sum(each.arg not in ("self", "cls") for each in told) > MOST_ARGUMENTS
    }
    assert wide <= WIDE


def test_top_level_is_the_clients():
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.split(
        "\n"
    )
    if not any(listed):
        pytest.skip("not a git checkout")
    folders = {path.split("/")[0] for path in listed if "/" in path}
    assert {f for f in folders if not f.startswith(".")} <= {"notebooks", "lib", "params", "outputs", "tests"}
    assert "lib/postloan/__init__.py" in listed
    assert [path for path in listed if path.startswith("outputs/")] in ([], ["outputs/.gitkeep"])


def _names(requirements: list[str]) -> set[str]:
    return {re.sub(r"\s|\[.*?\]", "", line) for line in requirements}


def test_conda_lists_the_same_dependencies():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    ours = _names(project["dependencies"] + project["optional-dependencies"]["dev"])
    conda = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))["dependencies"]
    from_index = next(entry["pip"] for entry in conda if isinstance(entry, dict))  # what conda-forge does not hold
    held = _names([entry for entry in conda if isinstance(entry, str)]) - {f"python{project['requires-python']}", "pip"}
    assert held | _names(from_index) == ours


def test_lock_pins_every_dependency():
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    pinned = set(re.findall(r"^([a-z0-9-]+)==", lock, re.M))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = project["dependencies"] + project["optional-dependencies"]["dev"]
    assert {re.split(r"[\[><=]", line)[0] for line in wanted} <= pinned
    assert lock.count("--hash=sha256:") >= len(pinned)
    assert "://" not in lock


def test_languages_have_the_same_keys():
    zh, en = (wording._load(language) for language in settings.LANGUAGES)
    assert set(zh) == set(en)


def test_placeholders_agree_between_languages():
    zh, en = (wording._load(language) for language in settings.LANGUAGES)
    fields = string.Formatter().parse
    for key in zh:
        assert {f[1] for f in fields(zh[key]) if f[1]} == {f[1] for f in fields(en[key]) if f[1]}, key


def test_every_text_in_code_exists():
    zh = wording._load("zh")
    used = set()
    for path in [*LIB.rglob("*.py"), *LIB.rglob("*.j2")]:
        used |= set(re.findall(r"""words\(\s*"([a-z_]+\.[a-z_.]+)\"""", path.read_text(encoding="utf-8")))
    assert used
    assert not {key for key in used if key not in zh}


@pytest.mark.parametrize("path", sorted((ROOT / "params" / "runs").glob("*.yml")), ids=lambda path: path.name)
def test_run_files_are_valid(path):
    assert run_file.load_run(path).name
