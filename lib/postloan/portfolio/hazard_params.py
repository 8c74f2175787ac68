"""What params/hazard.yml says a model is made of, and what a fitted model (params/model.yml) holds."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import Field, model_validator

from postloan import settings
from postloan.analysis import formulas
from postloan.errors import RunError
from postloan.strict import Strict
from postloan.whole_files import beside

Level = Literal["yellow", "orange", "red"]
FAMILIES = ("leverage", "liquidity", "earnings", "trend", "structure", "size")


class Factor(Strict):
    """One figure of the model: its formula, the side on which risk must not fall, and what it speaks of."""

    formula: str
    worse: Literal["high", "low", "either"]
    family: Literal[FAMILIES]

    @property
    def looks_back(self) -> bool:
        """Whether it needs statements of earlier years."""
        return any(leaf.split(".")[0][-1].isdigit() for leaf in formulas.leaves(self.formula))


class Penalty(Strict):
    """Ridge weights on standardised columns: free lines and bends, sign-held rises, pairs, period effects."""

    line: float = Field(gt=0)
    rise: float = Field(gt=0)
    pair: float = Field(gt=0)
    period: float = Field(gt=0)


class Plan(Strict):
    """What params/hazard.yml says."""

    fewest_events: int = Field(ge=1)
    events_per_parameter: float = Field(gt=0)
    least_slope: float = Field(ge=0, lt=1)
    knots: list[float] = Field(min_length=1)
    grid: int = Field(ge=5)
    penalty: Penalty
    recent_years: int = Field(ge=1)
    earlier: list[Annotated[float, Field(gt=0, le=1)]]
    partners: list[str]
    folds: int = Field(ge=2)
    draws: int = Field(ge=10)
    interval: float = Field(gt=0, lt=1)
    population_rate: float = Field(gt=0, lt=1)
    quiet_shares: dict[Level, float]
    scale: dict[str, float]
    shown: int = Field(ge=1)
    variants: dict[str, list[str]] = Field(min_length=1)
    factors: dict[str, Factor] = Field(min_length=1)

    @model_validator(mode="after")
    def _known(self) -> Plan:
        named = {name for each in self.variants.values() for name in each} - {"all", "now"}
        if unknown := sorted((named | {*self.partners}) - {*self.factors}):
            raise ValueError(f"unknown factors {unknown}; known: {sorted(self.factors)}")
        if self.knots != sorted({*self.knots}) or not 0 < self.knots[0] <= self.knots[-1] < 1:
            raise ValueError(f"knots: expected rising numbers between 0 and 1, found {self.knots}")
        return self

    def members(self, variant: str) -> list[str]:
        """The factors of a variant, in the plan's order."""
        named = self.variants[variant]
        if named == ["all"]:
            return [*self.factors]
        return [n for n, each in self.factors.items() if n in named or (named == ["now"] and not each.looks_back)]


class Column(Strict):
    """One column of the design: a factor's line, bend or rise at a knot, or its product with a partner."""

    kind: Literal["line", "bend", "rise", "pair"]
    factor: str
    at: float = 0.0
    to: float = 1.0
    partner: str | None = None
    weight: float = 0.0


class Fitted(Strict):
    """One variant as fitted: where each factor's places are read, the columns with their weights (log-odds), the
    training mean of every column, the distribution of survivors' scores (`quiet`),
    how sure it is of each factor (log-odds from place 0.1 to 0.9, robust error), and the `slope` of what came on the
    log-odds given to firms not seen (already applied to the weights; below 1: over-fitted). On those firms too: AUC and
    its interval, KS, Brier skill, and the share of failing ones at orange or above (`caught`)."""

    grids: dict[str, list[float]]
    columns: list[Column]
    means: list[float]
    intercept: float
    cuts: dict[Level, float]
    quiet: list[float]
    effects: dict[str, tuple[float, float]]
    auc: float
    auc_low: float
    auc_high: float
    ks: float
    brier_skill: float
    caught: float
    effective_parameters: float
    slope: float


class Model(Strict):
    """A fitted model with its origin; `base_rate` is the share of events it was fitted on, `left_out` why its sample
    did not bear a variant."""

    origin: str
    currency: str
    first_period: str
    last_period: str
    firms: int
    rows: int
    events: int
    base_rate: float
    population_rate: float
    horizon_months: int
    variants: dict[str, Fitted] = Field(min_length=1)
    left_out: dict[str, str] = Field(default_factory=dict)


def plan() -> Plan:
    """The plan of params/hazard.yml, checked."""
    path = settings.params("hazard.yml")
    return settings.checked(Plan, settings.load_yaml(path), path)


@cache
def model(path: Path | None = None) -> Model | None:
    """The fitted model of params/model.yml (or another file); None where there is none."""
    path = path or settings.params("model.yml")
    return settings.checked(Model, settings.load_yaml(path), path) if path.exists() else None


def written(fitted: Model, note: str) -> str:
    """The model as YAML with `note` as a comment above, numbers in six digits."""
    content = _rounded(fitted.model_dump(mode="json", exclude_defaults=True))
    body = yaml.safe_dump(content, allow_unicode=True, sort_keys=False, default_flow_style=None, width=118)
    return "".join(f"# {line}\n" for line in note.splitlines()) + body


def save(fitted: Model, path: Path, note: str) -> None:
    """Write the model; the file is there whole or not at all."""
    if path.suffix not in (".yml", ".yaml"):
        raise RunError(f"{path}: a model is written as YAML; give a name ending in .yml")
    with beside(path, private=False) as part:
        part.write_text(written(fitted, note), encoding="utf-8")


def _rounded(thing: object) -> object:
    if isinstance(thing, dict):
        return {key: _rounded(value) for key, value in thing.items()}
    if isinstance(thing, list):
        return [_rounded(value) for value in thing]
    return float(f"{thing:.6g}") if isinstance(thing, float) else thing
