"""Every YAML file a person may write, with anything in it: read, or an error of ours that names the file."""

import shutil
import sys

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from conftest import ROOT
from fuzz.drawn import answered, cells, fuzzed, torn
from postloan import cli_params, settings
from postloan.batch import run_file

SLOW = {"model.yml", "borrowers/*.yml", "runs/*.yml", "texts/*.yml"}  # the last three have tests of their own
FILES = {name: read for name, read in cli_params.READERS.items() if name not in SLOW and name.endswith(".yml")}
FEW_RULES = ("overdue", "current_ratio_low", "current_ratio_breach_likely")
odd = st.one_of(
    *(st.none(), st.booleans(), st.integers(-3, 3), st.just(10**60), st.floats(), cells, st.dates()),
    *(st.just([]), st.just({}), st.just([{"a": 1}]), st.lists(cells, max_size=2)),
)


def forget():
    """Let every file be read again."""
    for module in [each for name, each in sys.modules.items() if name.startswith("postloan")]:
        for each in vars(module).values():
            if hasattr(each, "cache_clear"):
                each.cache_clear()


@pytest.fixture(scope="module")
def params(tmp_path_factory):
    """A copy of params/ with few rules, which is where the library looks."""
    home = tmp_path_factory.mktemp("home")
    (home / "notebooks").mkdir()
    shutil.copytree(ROOT / "params", home / "params", ignore=lambda place, names: _surplus(place, names))
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("POSTLOAN_HOME", str(home))
        yield home / "params"
    forget()


def _surplus(place, names):
    kept = {f"{name}.yml" for name in FEW_RULES}
    return [name for name in names if place.endswith("/rules") and name not in kept]


@st.composite
def spoilt(draw, node):
    """The content with one of its parts other than it was."""
    if not node or not isinstance(node, dict | list) or draw(st.integers(0, 4)) == 0:
        return draw(odd)
    at = draw(st.sampled_from(sorted(node, key=str) if isinstance(node, dict) else range(len(node))))
    way = draw(st.sampled_from(["inside"] * 6 + ["lost", "more"]))
    if isinstance(node, list):
        return {"lost": node[:at] + node[at + 1 :], "more": [*node, draw(odd)]}.get(way) or [
            draw(spoilt(each)) if place == at else each for place, each in enumerate(node)
        ]
    rest = {name: each for name, each in node.items() if name != at}
    if way == "inside":
        return {name: draw(spoilt(each)) if name == at else each for name, each in node.items()}
    return rest if way == "lost" else {**node, draw(cells): draw(odd)}


def reread(path, content, read):
    """Put content in the place of a file, read it, and put the file back."""
    kept = path.read_bytes()
    try:
        path.write_bytes(content)
        forget()
        answered(read)
    finally:
        path.write_bytes(kept)


@fuzzed(90)
@given(st.data())
def test_any_file_of_params(params, data):
    pattern = data.draw(st.sampled_from(sorted(FILES)))
    path = data.draw(st.sampled_from(sorted(params.glob(pattern))))
    settings.load_yaml.cache_clear()
    content = yaml.safe_dump(data.draw(spoilt(settings.load_yaml(path)))).encode()
    reread(path, content, FILES[pattern])


@fuzzed(40)
@given(st.data())
def test_any_run(params, data):
    path = data.draw(st.sampled_from(sorted(params.glob("runs/*.yml"))))
    settings.load_yaml.cache_clear()
    spoiled = data.draw(spoilt({"name": "x", "borrowers": ["A"], "parameters": {}, **settings.load_yaml(path)}))
    reread(
        path, yaml.safe_dump(spoiled).encode(), lambda: (told := run_file.load_run(path)) and (told.folder, told.wanted)
    )


@fuzzed(30)
@given(st.data())
def test_any_bytes_for_yaml(params, data):
    path = params / "rules" / f"{FEW_RULES[0]}.yml"
    reread(path, data.draw(torn(path.read_bytes())), FILES["rules/*.yml"])
