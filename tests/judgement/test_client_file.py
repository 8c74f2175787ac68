"""What a trial settled is kept in the client's file, and nothing else of it is lost."""

import shutil

import pytest
import yaml

from postloan import settings
from postloan.errors import RuleError
from postloan.judgement import client_file

LIMITS = {"current_ratio_low": {"yellow": 1.6}}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    shutil.copytree(settings.params(), tmp_path / "params")
    monkeypatch.setenv("POSTLOAN_HOME", str(tmp_path))
    return tmp_path / "params" / "borrowers"


def test_new_client_gets_a_file(folder):
    assert client_file.keep("S0003", rule_limits=LIMITS) == folder / "S0003.yml"
    assert settings.clients()["S0003"] == {"borrower_id": "S0003", "rule_limits": LIMITS}


def test_comments_and_other_fields_stay(folder):
    before = (folder / "S0012.yml").read_text(encoding="utf-8")
    client_file.keep("S0012", rule_limits=LIMITS)
    assert (folder / "S0012.yml").read_text(encoding="utf-8") == before + yaml.safe_dump({"rule_limits": LIMITS})


def test_same_field_is_merged(folder):
    client_file.keep("S0007", thresholds={"current_ratio": {"warn": 0.6}})
    told = settings.clients()["S0007"]
    assert told["thresholds"]["current_ratio"] == {
        "ok": 0.8,
        "warn": 0.6,
        "basis": "credit approval, regulated utility",
    }
    assert told["thresholds"]["liabilities_to_assets"]["ok"] == 0.75
    assert list(told) == ["borrower_id", "thresholds", "rule_limits", "review_plan"]
    assert (folder / "S0007.yml").read_text(encoding="utf-8").startswith("# A water utility")


def test_file_of_another_name_is_found(folder):
    (folder / "S0007.yml").rename(folder / "water.yml")
    assert client_file.keep("S0007", rule_limits=LIMITS) == folder / "water.yml"


@pytest.mark.parametrize(
    ("own", "said"),
    [
        ({"limits": {}}, r"unknown field limits; may be kept: thresholds, rule_limits, review_plan"),
        ({"rule_limits": {"nothing": {"yellow": 1}}}, r"S0007.yml: rule_limits: unknown rule 'nothing'"),
        ({"rule_limits": []}, r"expected a mapping of names to values, found"),
        ({"thresholds": {"current_ratio": {"ok": 0.1}}}, r"current_ratio: ok must be at least as good as warn"),
        ({"review_plan": {"frequency_days": 0, "reason": "none"}}, r"review_plan: frequency_days"),
    ],
    ids=range(5),
)
def test_nothing_wrong_is_written(folder, own, said):
    before = (folder / "S0007.yml").read_bytes()
    with pytest.raises(RuleError, match=said):
        client_file.keep("S0007", **own)
    assert (folder / "S0007.yml").read_bytes() == before
    assert not list(folder.glob(".*"))


def test_no_file_outside_the_folder(folder):
    with pytest.raises(RuleError, match="expected letters, digits"):
        client_file.keep("../x", rule_limits=LIMITS)
