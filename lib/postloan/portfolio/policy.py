"""What the bank assumes of the book as a whole (params/portfolio.yml), checked: losses, hours, limits, cuts, shocks."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from postloan import settings
from postloan.analysis import ratios, scores
from postloan.chart import items
from postloan.industries import Both
from postloan.strict import Strict
from postloan.tables import CLASSES, LEVELS

Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1)]
Basis = Annotated[str, Field(min_length=4)]
UNKNOWN = "unknown"
_Class, _Level = Literal[(*CLASSES, UNKNOWN)], Literal[(*LEVELS, UNKNOWN)]


class Loss(Strict):
    """Expected loss of twelve months: PD by class and by level, the share lost of what is not covered."""

    pd_by_class: dict[Literal[CLASSES], Share]
    pd_by_level: dict[Literal[LEVELS], Share]
    lgd_unsecured: Share
    lgd_least: Share
    lgd_by_class: dict[Literal[CLASSES], Share]
    pd_basis: Both
    lgd_basis: Both

    @model_validator(mode="after")
    def _whole(self) -> Loss:
        if lacking := [*(set(CLASSES) - set(self.pd_by_class)), *(set(LEVELS) - set(self.pd_by_level))]:
            raise ValueError(f"expected a probability for every class and level; missing: {sorted(lacking)}")
        return self


class When(Strict):
    """Which borrowers a step is for; what is left out fits all."""

    class_: list[_Class] | None = Field(None, alias="class")
    level: list[_Level] | None = None


class Action(Strict):
    """A next step: for whom, hours it takes, share of the expected loss it saves, who does it within which days."""

    id: str = Field(pattern=r"^[a-z][a-z_]+$")
    when: When
    hours: float = Field(gt=0)
    cured: Share
    owner: str
    business_days: Count


class Work(Strict):
    """The officers' hours of so many days and what they can be spent on."""

    days: Count
    capacity: dict[str, Annotated[float, Field(ge=0)]]
    actions: list[Action] = Field(min_length=1)
    basis: Both

    @model_validator(mode="after")
    def _agree(self) -> Work:
        if unknown := sorted({each.owner for each in self.actions} - set(self.capacity)):
            raise ValueError(f"owners without hours in capacity: {unknown}")
        if self.actions[-1].when != When():
            raise ValueError("the last action must fit every borrower: when: {}")
        return self


class Limit(Strict):
    """What one name, group, industry or region may owe at most, as a share of capital or of the book."""

    by: Literal["name", "group", "industry", "region"]
    of: Literal["net_capital", "tier_one", "book"]
    share: Share
    basis: Both


class Large(Strict):
    """From which share of tier-one capital on the exposure to a name or group is called large."""

    by: Literal["name", "group"]
    share: Share
    basis: Both


class Limits(Strict):
    """All limits, from which share of one on it is close, and from which share of capital on an exposure is large."""

    close: Share
    large: Large
    each: list[Limit]


class Migration(Strict):
    """Edges of the buckets of days overdue, and below how many loans a row's shares say little."""

    overdue_edges: list[int] = Field(min_length=2)
    few: Count
    basis: Basis

    @model_validator(mode="after")
    def _rising(self) -> Migration:
        if self.overdue_edges[0] != 0 or self.overdue_edges != sorted(set(self.overdue_edges)):
            raise ValueError(f"overdue_edges: expected rising days from 0, found {self.overdue_edges}")
        return self


class Vintage(Strict):
    """Which lateness counts as the event, and how many loans a curve needs."""

    overdue_days: Annotated[int, Field(ge=0)]
    sooner_days: Annotated[int, Field(ge=0)]
    fewest: Count
    months: list[Count] = Field(min_length=1)
    basis: Basis


class Quality(Strict):
    """What counts as a gap in a borrower's file."""

    filing_days: Count
    contact_days: Count
    items: list[str] = Field(min_length=1)
    basis: Basis

    @model_validator(mode="after")
    def _known(self) -> Quality:
        if unknown := sorted(set(self.items) - set(items())):
            raise ValueError(f"items that are not in the chart of accounts: {unknown}")
        return self


class Trailing(Strict):
    """How many earlier periods make a borrower's own history, and how many of them must be known."""

    periods: Count
    fewest: Count


class Unusual(Strict):
    """From how many robust deviations on a figure is far from its own past, and from its peers."""

    own: float = Field(gt=0)
    peers: float = Field(gt=0)


class Mining(Strict):
    """From which counts on something is told as a pattern."""

    fewest_together: Count
    lift: float = Field(ge=1)
    quarters_before: Count
    overdue_days: Count
    distance: Share
    smallest: Count
    core: Share
    metrics: list[str] = Field(min_length=1)
    trailing: Trailing
    unusual: Unusual
    left_out: list[str]
    basis: Basis

    @model_validator(mode="after")
    def _known(self) -> Mining:
        if unknown := [name for name in self.left_out if not settings.params("rules", f"{name}.yml").is_file()]:
            raise ValueError(f"left_out: unknown rules {unknown}")
        if unknown := sorted(set(self.metrics) - {*ratios.FORMULAS, *scores.FORMULAS}):
            raise ValueError(f"unknown metrics {unknown}")
        return self


class Stress(Strict):
    """Shocks of revenue that are tried."""

    shocks: list[Annotated[float, Field(ge=-1, lt=0)]] = Field(min_length=1)
    basis: Basis


class Policy(Strict):
    """What params/portfolio.yml says."""

    loss: Loss
    work: Work
    limits: Limits
    migration: Migration
    vintage: Vintage
    quality: Quality
    mining: Mining
    stress: Stress


@cache
def load(path: Path | None = None) -> Policy:
    """The bank's assumptions of the book; RuleError names file, field and what was found."""
    path = path or settings.params("portfolio.yml")
    return settings.checked(Policy, settings.load_yaml(path), path)
