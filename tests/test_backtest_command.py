"""`postloan fit` and `postloan backtest`: data in, metrics and scores out, bad input refused in words."""

import json
import warnings

import pandas as pd
import pytest
from click.testing import CliRunner
from statsmodels.tools.sm_exceptions import ModelWarning

from conftest import SHARED, needs_shared
from firms import firms
from postloan import cli


def run(*options):
    return CliRunner().invoke(cli.main, [*map(str, options)])


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("firms")
    for name, seed in (("train", 0), ("test", 1)):
        firms(700, seed, prefix=name[:2]).to_csv(folder / f"{name}.csv", index=False)
    return folder


@pytest.fixture(scope="module")
def told(files):
    """These firms' ratios repeat one another and tell failures apart without fault; no fit may warn of it unhandled."""
    out = files / "out.json"
    with warnings.catch_warnings():
        warnings.simplefilter("error", ModelWarning)
        done = run("backtest", "--train", files / "train.csv", "--test", files / "test.csv", "--json", out)
    assert done.exit_code == 0, done.output
    return json.loads(out.read_text())["sets"][0]


def test_model_beats_its_baselines(told):
    auc = {each["by"]: each["auc"] for each in told["metrics"]}
    assert auc["model"] > auc["rules"] > auc["always_yellow"] == 0.5
    model = told["metrics"][0]
    assert model["auc_low"] < model["auc"] < model["auc_high"]
    assert model["brier_skill"] > 0
    assert model["brier_skill_population"] > 0


def test_shares_alerted_have_intervals(told):
    rules = told["metrics"][1]
    assert all(rules[f"{name}_low"] < rules[name] < rules[f"{name}_high"] for name in ("auc", "catch", "false_alarm"))


def test_one_score_a_firm(told):
    scores = pd.DataFrame(told["scores"])
    assert len(scores) == scores["borrower_id"].nunique() == 700
    assert scores["probability"].between(0, 1).all()


def test_same_firms_refused(files):
    done = run("backtest", "--train", files / "train.csv", "--test", files / "train.csv")
    assert done.exit_code == 2
    assert "700 firms stand in" in done.output


def test_survivors_alone_refused(files, tmp_path):
    firms(60).assign(failed=0).to_csv(tmp_path / "x.csv", index=False)
    done = run("backtest", "--train", files / "train.csv", "--test", tmp_path / "x.csv")
    assert done.exit_code == 2
    assert "all 0: nobody failed" in done.output


def test_few_events_fit_no_model(tmp_path):
    firms(60).to_csv(tmp_path / "few.csv", index=False)
    done = run("fit", tmp_path / "few.csv", "--out", tmp_path / "model.yml")
    assert done.exit_code == 2
    assert "a model needs at least 50" in done.output
    assert not (tmp_path / "model.yml").exists()


def test_nothing_to_judge_refused():
    assert run("backtest").exit_code == 2
    assert "expected data to judge" in run("backtest").output


@needs_shared
def test_ranks_firms_of_later_years(tmp_path):
    rows = pd.read_csv(SHARED / "us_annual" / "train.csv")
    last = rows.groupby("company_id")["fyear"].transform("max")
    for name, part in (("early", rows[last <= 2008]), ("late", rows[last > 2008])):
        part.to_csv(tmp_path / f"{name}.csv", index=False)
    done = run("backtest", "--train", tmp_path / "early.csv", "--test", tmp_path / "late.csv", "--json", tmp_path / "o")
    assert done.exit_code == 0, done.output
    auc = {each["by"]: each["auc"] for each in json.loads((tmp_path / "o").read_text())["sets"][0]["metrics"]}
    assert auc["model"] > 0.80 > auc["ten_ratio_logit"]
