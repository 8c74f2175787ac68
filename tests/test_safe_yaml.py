"""Files under params/ that err or mean ill: refused with a word, nothing called, nothing grown."""

import pytest

from postloan import safe_yaml, settings
from postloan.errors import RuleError

ALIASES = "a: &a [1]\n" + "".join(
    f"{one}: &{one} [{','.join([f'*{before}'] * 9)}]\n" for before, one in zip("abcdefghi", "bcdefghij", strict=True)
)
HOSTILE = {
    "aliases": (ALIASES, "200,000 values"),
    "brackets": ("a: " + "[" * 1_000_000, "40 levels"),
    "dashes": ("- " * 100_000 + "a", "40 levels"),
    "indents": ("".join(" " * depth + "a:\n" for depth in range(1_000)), "40 levels"),
    "itself": ("a: &a [*a]", "inside what it names"),
    "merged": ("a: &a {<<: *a}", "inside what it names"),
    "object": ("a: !!python/object/apply:os.system ['exit 1']", "could not determine a constructor"),
    "digits": ("a: 0x" + "f" * 10_000, "100 digits"),
    "day": ("a: 2024-02-30", "day"),
    "number": ("a: !!float x", "could not convert"),
    "key": ("? [a]\n: b", "unhashable"),
    "twice": ("a: 1\na: 2", "given twice"),
}


@pytest.mark.parametrize(("text", "said"), HOSTILE.values(), ids=HOSTILE)
def test_hostile_text_is_refused(tmp_path, text, said):
    (tmp_path / "x.yml").write_text(text, encoding="utf-8")
    with pytest.raises(RuleError, match=f"x.yml: not valid YAML: .*{said}"):
        settings.load_yaml(tmp_path / "x.yml")


def test_large_file_is_refused(tmp_path):
    with (tmp_path / "x.yml").open("wb") as file:
        file.truncate(100_000_000)
    with pytest.raises(RuleError, match="10,000,000 bytes of YAML, found 100,000,000"):
        settings.load_yaml(tmp_path / "x.yml")


def test_folder_is_no_file(tmp_path):
    with pytest.raises(RuleError, match="cannot be read: Is a directory"):
        settings.load_yaml(tmp_path)


def test_plain_aliases_stay():
    found = safe_yaml.parse("usual: &u {a: 1}\nmine: {<<: *u, b: 2}\nboth: [*u, *u]", "x")
    assert found == {"usual": {"a": 1}, "mine": {"a": 1, "b": 2}, "both": [{"a": 1}, {"a": 1}]}
