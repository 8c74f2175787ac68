"""What repayment capacity and protection assume (params/capacity.yml), checked: shares, limits, haircuts, stress cases.

Every part has a `basis`; [GK] in it marks a default not checked at its source.
"""

from __future__ import annotations

from functools import cache
from typing import Annotated, Literal, get_args

from pydantic import Field, model_validator

from postloan import settings
from postloan.strict import Strict

Share = Annotated[float, Field(ge=0, le=1)]
Kind = Literal["cash", "securities", "residential", "real_estate", "land", "receivables", "equipment", "inventory"]
KINDS = get_args(Kind)


class Debt(Strict):
    """How what is owed to others is read from statements."""

    revolving_share: Share
    highest_rate: Share
    short_term_days: int = Field(gt=0)
    basis: str = Field(min_length=4)


class Cover(Strict):
    """Cash cover of debt service: floor and comfort in times, how many quarters ahead."""

    maintenance_share: Share
    floor: float = Field(gt=0)
    comfort: float = Field(gt=0)
    likely: Share
    quarters: int = Field(ge=4, le=8)
    within: int = Field(ge=1, le=8)
    basis: str = Field(min_length=4)

    @model_validator(mode="after")
    def _ordered(self) -> Cover:
        if self.comfort < self.floor or self.within > self.quarters:
            raise ValueError("expected comfort of at least floor, and within of at most quarters")
        return self


class Case(Strict):
    """One stress: revenue by a share, costs up by a share of revenue, interest up by a rate on all debt."""

    revenue: float = Field(0.0, gt=-1, le=0)
    cost: Share = 0.0
    rate: Share = 0.0


class Stress(Strict):
    """The stress cases and how a loss of revenue passes through."""

    variable_cost_share: Share
    tax_relief: Share
    cases: dict[str, Case] = Field(min_length=1)
    basis: str = Field(min_length=4)


class Covenants(Strict):
    """When a covenant is close, and how old a figure may be that tests one."""

    close_within: Share
    within: int = Field(ge=1, le=8)
    stale_days: int = Field(gt=0)
    basis: str = Field(min_length=4)


class WorkingCapital(Strict):
    """The working-capital need and what counts as lending beyond it."""

    products: list[str] = Field(min_length=1)
    over: float = Field(ge=1)
    growth: tuple[float, float]
    basis: str = Field(min_length=4)

    @model_validator(mode="after")
    def _ordered(self) -> WorkingCapital:
        if self.growth[0] > self.growth[1]:
            raise ValueError(f"growth: expected the lower bound first, found {list(self.growth)}")
        return self


class CollateralKind(Strict):
    """One kind of collateral: forced-sale haircut and the range it is chosen from, cap on loan to value, days between
    valuations."""

    haircut: Share
    range: tuple[Share, Share]
    cap: Annotated[float, Field(gt=0, le=1)]
    revalue_days: int = Field(gt=0)

    @model_validator(mode="after")
    def _inside(self) -> CollateralKind:
        low, high = self.range
        if not low <= self.haircut <= high:
            raise ValueError(f"haircut: {self.haircut} is outside its range {low} to {high}")
        return self


class Coverage(Strict):
    """Collateral after haircuts over the claim: weak below, ample from."""

    weak: float = Field(gt=0)
    ample: float = Field(gt=0)


class Collateral(Strict):
    """How collateral is counted."""

    basis: str = Field(min_length=4)
    coverage: Coverage
    insured: list[Kind]
    registered: list[Kind]
    fallen: float = Field(lt=0)
    kinds: dict[Kind, CollateralKind]

    @model_validator(mode="after")
    def _complete(self) -> Collateral:
        if lacking := [kind for kind in KINDS if kind not in self.kinds]:
            raise ValueError(f"kinds: none of {lacking}; expected every kind of collateral")
        return self


class Limits(Strict):
    """Past `watch` a figure is watched, past `weak` it makes the guarantor weak."""

    watch: float
    weak: float


class Guarantors(Strict):
    """What makes a guarantor weak, in shares."""

    leverage: Limits
    guarantees_to_equity: Limits
    cash_flow_to_amount: Limits
    stale_days: int = Field(gt=0)
    basis: str = Field(min_length=4)


class Assumptions(Strict):
    """All of params/capacity.yml."""

    debt: Debt
    cover: Cover
    stress: Stress
    covenants: Covenants
    working_capital: WorkingCapital
    collateral: Collateral
    guarantors: Guarantors


@cache
def load() -> Assumptions:
    """params/capacity.yml, checked; RuleError names every field that is wrong, with what was found."""
    path = settings.params("capacity.yml")
    return read(settings.load_yaml(path), str(path))


def read(content: dict, where: str) -> Assumptions:
    """Assumptions from a mapping; `where` is named in the RuleError."""
    return settings.checked(Assumptions, content, where)
