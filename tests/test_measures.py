"""How a value is read: bands at their edges, what counts as worse, and a client's own thresholds."""

import math
import re

import pytest

from postloan import measures, settings, texts
from postloan.analysis import ratios, scores
from postloan.errors import RuleError
from postloan.measures import Measure


def measure(better: str, ok: float | None, warn: float | None) -> Measure:
    return Measure(id="m", group="g", unit="times", better=better, ok=ok, warn=warn)


@pytest.mark.parametrize(
    ("better", "ok", "warn", "bands"),
    [
        ("high", 1.5, 1.0, {1.501: "ok", 1.5: "ok", 1.499: "watch", 1.0: "watch", 0.999: "warn", -9: "warn"}),
        ("low", 0.6, 0.7, {-1: "ok", 0.6: "ok", 0.601: "watch", 0.7: "watch", 0.701: "warn"}),
        ("near_zero", 0.1, 0.25, {0.0: "ok", -0.1: "ok", 0.101: "watch", -0.25: "watch", 0.251: "warn", -0.3: "warn"}),
        ("high", 0.862, 0.862, {0.862: "ok", 0.861: "warn"}),
        ("high", None, None, {1.0: None}),
        ("high", 1.5, 1.0, {math.nan: None, None: None, math.inf: "ok", -math.inf: "warn"}),
    ],
    ids=["high", "low", "near_zero", "one_cut", "no_band", "no_value"],
)
def test_bands_include_their_edges(better, ok, warn, bands):
    reading = measure(better, ok, warn)
    assert {value: reading.band(value) for value in bands} == bands


@pytest.mark.parametrize(
    ("better", "before", "now", "worse"),
    [
        ("high", 2.0, 1.5, 0.5),
        ("high", 1.5, 2.0, -0.5),
        ("low", 0.6, 0.7, 0.1),
        ("low", 0.7, 0.6, -0.1),
        ("near_zero", 0.1, -0.3, 0.2),
        ("near_zero", -0.3, 0.1, -0.2),
        ("none", 1.0, 9.0, 0.0),
    ],
)
def test_worsening_is_positive_when_worse(better, before, now, worse):
    assert measure(better, None, None).worsening(now, before) == pytest.approx(worse)


def test_worsening_needs_both_values():
    assert math.isnan(measure("high", None, None).worsening(1.0, math.nan))


def test_override_changes_one_band_only():
    usual, own = measures(), measures({"current_ratio": {"ok": 1.2}})
    assert (own["current_ratio"].ok, own["current_ratio"].warn) == (1.2, usual["current_ratio"].warn)
    assert (usual["current_ratio"].band(1.3), own["current_ratio"].band(1.3)) == ("watch", "ok")
    assert [name for name in usual if usual[name] != own[name]] == ["current_ratio"]
    assert measures() == usual


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        ({"curent_ratio": {"ok": 1.2}}, r"unknown ratio \['curent_ratio'\]; known: .*'current_ratio'"),
        ({"current_ratio": {"okay": 1.2}}, r"ratios\.yml: current_ratio: okay: .*found 1\.2"),
        ({"current_ratio": {"ok": "high"}}, r"current_ratio: ok: .*found 'high'"),
        ({"current_ratio": {"better": "higher"}}, r"current_ratio: better: .*'high', 'low'.*found 'higher'"),
    ],
)
def test_wrong_override_names_the_ratio(overrides, said):
    with pytest.raises(RuleError, match=said):
        measures(overrides)


@pytest.mark.parametrize(
    ("name", "bands"),
    [("current_ratio", {"ok": 0.9}), ("liabilities_to_assets", {"ok": 0.8}), ("beneish_m8", {"ok": 1})],
)
def test_crossed_bands_are_refused(name, bands):
    with pytest.raises(RuleError, match=f"{name}: ok must be at least as good as warn"):
        measures({name: bands})


def test_override_must_be_a_mapping():
    with pytest.raises(RuleError, match="current_ratio"):
        measures({"current_ratio": 1.2})


def test_every_measure_has_a_formula():
    assert set(measures()) <= {*ratios.FORMULAS, *scores.FORMULAS}


def test_every_measure_has_its_words():
    for language in settings.LANGUAGES:
        missing = [name for name in measures() if not texts(language).has(f"ratio.{name}")]
        missing += [one.group for one in measures().values() if not texts(language).has(f"group.{one.group}")]
        assert not missing


def test_a_basis_in_words_is_told_in_both_languages():
    named = re.compile(r"(\w+ \d{4}|\[GK\])")
    assert not [
        one.id for one in measures().values() if one.basis and not one.basis_zh and not named.fullmatch(one.basis)
    ]


def test_every_band_states_its_basis():
    assert not [name for name, one in measures().items() if (one.ok is not None) != bool(one.basis)]
