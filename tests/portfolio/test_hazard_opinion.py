"""What the model says of one borrower, in both languages, or why it says nothing."""

import dataclasses

import pandas as pd
import pytest

from postloan.analysis.periods import Panel
from postloan.portfolio import factors, hazard, hazard_opinion, hazard_params
from postloan.report import backtested, probability
from postloan.wording import texts

AS_OF = "2026-05-15"


@pytest.fixture(scope="module")
def panel(sample_book):
    return Panel(sample_book.statements("S0005", as_of=AS_OF))


def told(said, language):
    return probability.story(said, backtested.sheet(texts(language), AS_OF, 1))._repr_html_()


def test_foreign_model_only_ranks(panel):
    said = hazard_opinion.of(panel, "S0005")
    assert said.ranks_only
    assert 0 <= said.rank <= 1
    assert "不是违约概率" in told(said, "zh")
    assert "not a probability of default" in told(said, "en")


def test_home_model_gives_a_chance(panel):
    said = dataclasses.replace(hazard_opinion.of(panel, "S0005"), ranks_only=False, probability=0.034)
    assert "3.4%" in told(said, "en")
    assert "not a probability of default" not in told(said, "en")


def test_drivers_are_the_largest_pushes(panel):
    said, plan = hazard_opinion.of(panel, "S0005"), hazard_params.plan()
    scored, (values, _) = hazard.predict(said.model, panel, plan), factors.figures(panel, plan)
    every = hazard.drivers(said.model, scored, values, plan)["push"].abs()
    assert len(said.drivers) == plan.shown
    assert said.drivers["push"].abs().min() >= every.nlargest(plan.shown).min()
    table = probability.driver_table(said, backtested.sheet(texts("en"), AS_OF, 1)).html
    assert texts("en")(f"factor.{said.drivers['factor'].iloc[0]}") in table


def test_weak_ranks_above_sound(sample_book):
    ranks = [
        hazard_opinion.of(Panel(sample_book.statements(each, as_of=AS_OF)), each).rank for each in ("S0005", "S0001")
    ]
    assert ranks[0] > ranks[1]


def test_missing_figures_are_named(panel):
    facts = panel.statements
    bare = Panel(facts[facts["item"] != "total_liabilities"])
    said = hazard_opinion.of(bare, "S0005")
    assert said.reason == "missing"
    assert "Total liabilities at period end" in told(said, "en")
    assert probability.driver_table(said, backtested.sheet(texts("en"), AS_OF, 1)).html == ""


def test_unknown_currency_is_said(panel):
    foreign = Panel(panel.statements.assign(currency="CZK"))
    assert "CZK" in told(hazard_opinion.of(foreign, "S0005"), "zh")


def test_no_model_is_said(panel, monkeypatch):
    monkeypatch.setattr(hazard_params, "model", lambda path=None: None)
    assert "postloan fit" in told(hazard_opinion.of(panel, "S0005"), "en")


def test_every_factor_has_words():
    for language in ("zh", "en"):
        assert all(texts(language).has(f"factor.{name}") for name in hazard_params.plan().factors)
        assert all(texts(language).has(f"backtest.variant.{name}") for name in hazard_params.plan().variants)


def test_rank_follows_the_survivors():
    fitted, plan = next(iter(hazard_params.model().variants.values())), hazard_params.plan()
    assert hazard.rank(fitted, fitted.quiet[-1] + 1) == 1.0
    assert hazard.rank(fitted, fitted.cuts["orange"]) == pytest.approx(1 - plan.quiet_shares["orange"], abs=0.02)
    assert pd.Series(fitted.quiet).is_monotonic_increasing
