"""The chain from the business to our money: every figure has its place, and a wrong file says so."""

import importlib

import pytest

from postloan import settings
from postloan.errors import RuleError

measures = importlib.import_module("postloan.measures")  # the door's `measures` is its function


@pytest.fixture
def written(tmp_path, monkeypatch):
    def write(text):
        (tmp_path / "chain.yml").write_text(text, encoding="utf-8")
        monkeypatch.setattr(settings, "params", lambda *parts: tmp_path.joinpath(*parts))
        measures.chain.cache_clear()

    known, seen = measures.measures(), measures.observations()
    monkeypatch.setattr(measures, "measures", lambda: known)
    monkeypatch.setattr(measures, "observations", lambda: seen)
    yield write
    measures.chain.cache_clear()


def test_every_metric_has_one_link():
    known = {**measures.measures(), **measures.observations()}
    assert {measures.link_of(name) for name in known} == set(measures.chain())


@pytest.mark.parametrize(
    ("metric", "link"),
    [
        ("net_profit_ttm", "operations"),
        ("receivable_days", "collections"),
        ("cfo_ttm", "cash_flow"),
        ("interest_cover", "repayment"),
        ("loan_to_value", "protection"),
        ("misused_share", "conduct"),
    ],
)
def test_figures_stand_where_an_officer_expects(metric, link):
    assert measures.link_of(metric) == link


def test_group_without_link_is_named(written):
    written("operations: {groups: [size]}")
    with pytest.raises(RuleError, match=r"chain.yml.*liquidity"):
        measures.chain()


@pytest.mark.parametrize(
    ("metric", "kind"), [("revenue_growth", "volume"), ("net_margin", ""), ("equity_to_assets", "cushion")]
)
def test_kind_of_figure_within_its_link(metric, kind):
    assert measures.kind_of(metric) == kind


def test_unknown_field_is_named(written):
    written("operations: {group: [size]}")
    with pytest.raises(RuleError, match=r"chain.yml[\s\S]*group"):
        measures.chain()
