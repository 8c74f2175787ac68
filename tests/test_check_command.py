"""The credit officer's desk: everything wrong under params/ at once, and what an edit does to the book."""

import datetime as dt
import json
import shutil
import subprocess
import sys

import jsonschema
import pytest
import yaml
from click.testing import CliRunner

from conftest import ROOT
from postloan import cli, cli_check, cli_params, cli_schemas
from postloan.errors import Problem, RunError

AS_OF = "2026-05-15"


def run(*options):
    return CliRunner().invoke(cli.main, ["check", "--quarters", "0", "--as-of", AS_OF, *options])


@pytest.fixture(scope="module")
def other(tmp_path_factory):
    """The rules with one changed, one new and one removed."""
    folder = tmp_path_factory.mktemp("other") / "rules"
    shutil.copytree(ROOT / "params" / "rules", folder)
    text = (folder / "current_ratio_low.yml").read_text(encoding="utf-8")
    (folder / "current_ratio_low.yml").write_text(text.replace("status: in_force", "status: retired"), encoding="utf-8")
    (folder / "older.yml").write_text(text.replace("id: current_ratio_low", "id: older"), encoding="utf-8")
    (folder / "use_ring.yml").unlink()
    (folder / "broken.yml").write_text("id: broken\n", encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def done(sample_address, other, tmp_path_factory):
    file = tmp_path_factory.mktemp("check") / "found.json"
    options = ("--book", sample_address, "--against", str(other), "--json", str(file), "--language", "en")
    result = run(*options)
    assert result.exit_code == 0, result.output
    return result.output, json.loads(file.read_text(encoding="utf-8"))


def test_every_rule_is_shown(done):
    told, found = done
    files = (ROOT / "params" / "rules").glob("*.yml")
    rules = {path.stem for path in files if "status: retired" not in path.read_text(encoding="utf-8")}
    assert {row["rule"] for row in found["rules"]} == rules
    assert all(name in told for name in rules)
    assert found["problems"] == []


def test_counts_add_up(done):
    for row in done[1]["rules"]:
        fired = row["yellow"] + row["orange"] + row["red"]
        assert row["judged"] + row["cannot"] == row["borrowers"] == 10
        assert row["share"] == (pytest.approx(fired / row["judged"]) if row["judged"] else None)
        assert len(row["examples"]) == min(fired, 3)


def test_edits_are_named(done):
    told, found = done
    assert {row["rule"]: row["change"] for row in found["against"]["rules"]} == {
        "current_ratio_low": "changed", "older": "removed", "use_ring": "new",
    }  # fmt: skip
    assert "broken.yml" in told
    moved = {row["rule"] for row in found["against"]["signals"]}
    assert {"current_ratio_low", "older"} <= moved <= {"current_ratio_low", "older", "use_ring"}


def test_no_book_is_said_and_none_made(monkeypatch, tmp_path):
    monkeypatch.setattr(cli_params, "problems", list)
    result = run("--book", f"sqlite:///{tmp_path / 'none.db'}")
    assert (result.exit_code, list(tmp_path.iterdir())) == (0, [])
    assert "the rules were not tried" in result.output


def test_every_edit_gone_wrong_is_told(tmp_path):
    """One table names them all; what nothing reads is among them."""
    for folder in ("notebooks", "params"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    params = tmp_path / "params"
    for file, old, new in (
        ("rules/overdue.yml", "owner: ", "owner: nobody # "),
        ("rules/loss_made.yml", "source: computed", "source: computed\nsource: officer"),
        ("monitoring.yml", "days: 15", "days: -3"),
        ("texts/en.yml", "  borrower: Borrower\n", ""),
        ("borrowers/S0011.yml", "twin_id", "twin"),
        ("runs/daily.yml", "languages:", "tongues:"),
    ):
        text = (params / file).read_text(encoding="utf-8")
        assert old in text, file
        (params / file).write_text(text.replace(old, new, 1), encoding="utf-8")
    (params / "rules" / "new.yaml").write_text("id: new\n", encoding="utf-8")
    command = [sys.executable, "-c", "from postloan.cli import main; main()", "check", "--json", "found.json"]
    environment = {"POSTLOAN_HOME": str(tmp_path), "PYTHONPATH": str(ROOT / "lib"), "PATH": ""}
    made = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    found = [Problem(**each) for each in json.loads((tmp_path / "found.json").read_text(encoding="utf-8"))["problems"]]
    assert made.returncode == 1
    assert {(each.file, each.field) for each in found} >= {
        ("params/rules/overdue.yml", "owner"), ("params/rules/loss_made.yml", ""),
        ("params/monitoring.yml", "first_check.days"), ("params/texts/en.yml", "page.borrower"),
        ("params/borrowers/S0011.yml", "twin"), ("params/runs/daily.yml", "tongues"), ("params/rules/new.yaml", ""),
    }  # fmt: skip
    assert ("-3", True) in {(each.found, "greater than or equal to 1" in each.expected) for each in found}
    assert not (tmp_path / "data").exists()


def test_revision_is_read(monkeypatch, tmp_path):
    rules = tmp_path / "params" / "rules"
    rules.mkdir(parents=True)
    shutil.copy(ROOT / "params" / "rules" / "overdue.yml", rules)
    monkeypatch.setattr(cli_check.settings, "params", lambda *parts: tmp_path.joinpath("params", *parts))
    with pytest.raises(RunError, match="is not in a git repository"):
        cli_check._unpack("HEAD", tmp_path)
    who = ["-c", "user.name=a", "-c", "user.email=a@b.example"]
    for words in (["init", "-q"], ["add", "."], [*who, "commit", "-qm", "Begin"]):
        subprocess.run(["git", "-C", str(tmp_path), *words], check=True)
    (rules / "overdue.yml").unlink()
    with cli_check._version("HEAD") as book:
        assert list(book.rules) == ["overdue"]
    with pytest.raises(RunError, match="no such revision"):
        cli_check._unpack("nosuch", tmp_path)


def test_git_may_be_missing(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(RunError, match="git is not installed"):
        cli_check._unpack("HEAD", tmp_path)


def test_schemas_are_current():
    """After a change of a model: postloan check --write-schemas."""
    held = {path.stem: path.read_text(encoding="utf-8") for path in cli_schemas.folder().glob("*.json")}
    assert held == {name: f"{text}\n" for name, text in cli_schemas.made().items()}


def as_json(node):
    """The same as an editor sees it: keys and days are text."""
    if isinstance(node, dict):
        return {str(key): as_json(each) for key, each in node.items()}
    if isinstance(node, list):
        return [as_json(each) for each in node]
    return node.isoformat() if isinstance(node, dt.date) else node


@pytest.mark.parametrize("name", sorted([*cli_schemas.MODELS, "borrowers"]))
def test_files_fit_their_schema(name):
    schema = json.loads((cli_schemas.folder() / f"{name}.json").read_text(encoding="utf-8"))
    check, paths = jsonschema.Draft202012Validator(schema), cli_schemas.files(name)
    assert paths
    for path in paths[:20]:
        content = as_json(yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader))
        assert not [each.message for each in check.iter_errors(content)], path
