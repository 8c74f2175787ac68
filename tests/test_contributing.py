"""What .github/CONTRIBUTING.md tells a stranger to do works, step by step."""

import re
import shutil

import nbformat
import pytest
import yaml
from click.testing import CliRunner
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

import test_notebooks
from conftest import ROOT
from postloan.analysis import ratios
from postloan.cli import main
from postloan.judgement import rules, trial
from postloan.measures import Measure

TEXT = (ROOT / ".github" / "CONTRIBUTING.md").read_text(encoding="utf-8")
TITLES = {
    "zh": "# 流动性\n\n**问题**：还得上吗？**读者**：审查人。",
    "en": "# Liquidity\n\n**Question:** a? **Reader:** b.",
}


def blocks(section, language):
    part = TEXT.partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    return re.findall(rf"^```{language}\n(.*?)^```$", part, re.DOTALL | re.M)


def test_files_and_targets_named_exist():
    named = re.findall(r"`((?:\w+|\.\w[\w-]*)(?:/[\w.-]+)*\.(?:py|yml|md|yaml|lock|toml))\b", TEXT)
    ours = {name for name in named if "liquidity" not in name}
    assert len(ours) > 10
    assert not {name for name in ours if not (ROOT / name).exists()}
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert all(re.search(rf"^{target}:", makefile, re.M) for target in re.findall(r"make ([a-z-]+)", TEXT))


def test_rule_is_one_file(tmp_path):
    (text,) = blocks("A rule", "yaml")
    (tmp_path / f"{yaml.safe_load(text)['id']}.yml").write_text(text, encoding="utf-8")
    assert not trial.problems(rules.load(tmp_path), tmp_path)


def test_ratio_is_four_lines():
    ((name, formula),) = yaml.safe_load(blocks("A ratio", "python")[0]).items()
    (read,) = [yaml.safe_load(text) for text in blocks("A ratio", "yaml")]
    assert Measure(id=name, group="liquidity", **read[name]).band(0.3) == "ok"
    assert set(re.findall(r"\w+\.\w+", formula)) <= set(re.findall(r"\w+\.\w+", " ".join(ratios.FORMULAS.values())))


def seventh():
    cells = [new_markdown_cell(TITLES[language], metadata={"tags": [language]}) for language in ("zh", "en")]
    cells += [new_code_cell(text.strip()) for text in blocks("A notebook", "python")]
    cells[2].metadata["tags"] = ["parameters"]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return new_notebook(cells=cells, metadata={"kernelspec": kernel, "language_info": {"name": "python"}})


@pytest.fixture
def home(tmp_path, monkeypatch, sample_address):
    shutil.copytree(ROOT / "params", tmp_path / "params")
    for folder in ("notebooks", "data"):
        (tmp_path / folder).mkdir()
    shutil.copy(sample_address.removeprefix("sqlite:///"), tmp_path / "data")
    monkeypatch.setenv("POSTLOAN_HOME", str(tmp_path))
    return tmp_path


def test_recipe_of_a_notebook_is_followed(home, warm_parent):
    nbformat.write(seventh(), home / "notebooks" / "liquidity.ipynb")
    (text,) = blocks("A notebook", "yaml")
    file = home / "params" / "runs" / "liquidity.yml"
    file.write_text(text, encoding="utf-8")
    told = CliRunner().invoke(main, ["run", str(file)])
    assert told.exit_code == 0, told.output
    page = home / "outputs" / "liquidity" / "2026-05-15" / "liquidity" / "zh" / "S0003.html"
    assert "<h1>流动性</h1>" in page.read_text(encoding="utf-8")


@pytest.mark.parametrize("check", [name for name in vars(test_notebooks) if name.startswith("test_")])
def test_recipe_keeps_to_the_form(check):
    asked = vars(test_notebooks)[check]
    if asked.__code__.co_varnames[: asked.__code__.co_argcount] == ("notebook",):
        asked(seventh())
