"""What params/workout.yml says, checked: the options to compare, recovery, legal caps, tests; no figure of it is code.

`Known` is what only people can say of a case (is the trouble temporary, does the owner pay in), given by the notebook.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache, cached_property
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from postloan import settings
from postloan.analysis import assumptions
from postloan.errors import RuleError
from postloan.judgement.rules import Words
from postloan.loan_tables import LOAN_TABLES
from postloan.tables import CLASSES

KINDS = ("keep", "reschedule", "enforce", "sell", "write_off")
FEATURES = ("extend", "grace", "step_up", "seasonal", "rate_cut", "capitalise", "waive", "swap", "top_up")
OUTCOMES = ("pass", "task", "cannot", "fail")
_TABLE = {name: {column.id: column for column in LOAN_TABLES[name].columns} for name in ("loans", "collateral")}
PRODUCTS = _TABLE["loans"]["product"].kind
ASSETS = _TABLE["collateral"]["kind"].kind

Share = Annotated[float, Field(ge=0, le=1)]
Months = Annotated[int, Field(ge=0, le=600)]
Basis = Annotated[str, Field(min_length=4)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Based(_Strict):
    """What something rests on; `basis_zh` for Chinese readers, where the basis itself is not Chinese."""

    basis: Basis
    basis_zh: Basis | None = None


class Option(Words):
    """One way to go on with a loan. Months are counted from the signing day, shares are of the principal owed.

    `within_law` cuts the extension to what the law allows; `steps` are weights of principal over equal parts of the
    new term; a rate cut lasts `cut_months` (blank: to the end); a grace may be free of interest by a cut of its length.
    """

    kind: Literal[KINDS]
    basis: Basis
    basis_zh: Basis | None = None
    extension_months: Months = 0
    within_law: bool = False
    grace_months: Months = 0
    steps: tuple[Annotated[float, Field(ge=0)], ...] = ()
    seasonal: bool = False
    rate_cut: Share = 0.0
    cut_months: Months | None = None
    capitalise: bool = False
    waive_share: Share = 0.0
    waive_interest: bool = False
    swap_share: Share = 0.0
    swap_value: Share = 0.0
    swap_months: Months = 0
    top_up_share: Share = 0.0
    top_up_kind: Literal[ASSETS] | None = None
    fee_share: Share = 0.0

    @property
    def features(self) -> tuple[str, ...]:
        """What it changes, of FEATURES."""
        marks = (self.extension_months, self.grace_months, self.steps, self.seasonal, self.rate_cut, self.capitalise)
        marks += (self.waive_share or self.waive_interest, self.swap_share, self.top_up_share)
        return tuple(name for name, mark in zip(FEATURES, marks, strict=True) if mark)

    @property
    def eased(self) -> bool:
        """Whether terms change in the debtor's favour (Art. 19)."""
        return bool({*self.features} - {"top_up"})

    @property
    def restructures(self) -> bool:
        """Whether the debtor goes on owing under terms old or new, so that its chance to pay counts."""
        return self.kind in ("keep", "reschedule")


class Realisation(Based):
    """How one kind of collateral is turned into money; its haircut stands in params/capacity.yml."""

    months: Months
    cost_share: Share
    yearly_decay: Share
    auctioned: bool


class Guarantee(Based):
    """What a guarantor is good for: a share of net assets left after the guarantees it has given to others."""

    share_of_net_assets: Share
    months: Months
    cost_share: Share


class Estate(Based):
    """Bankruptcy as the floor (Art. 113): shares of book values got for free assets, then those paid first."""

    values: dict[str, Share] = Field(min_length=1)
    cost_share: Share
    first: list[str]
    claims: str
    months: Months
    unsecured_share: Share


class Auction(Based):
    """Lowest start prices of the first and second court auction, in shares of the appraised value."""

    first_round: Share
    second_round: Share


class Recovery(_Strict):
    """Everything of the recovery waterfall."""

    assets: dict[Literal[ASSETS], Realisation] = Field(min_length=len(ASSETS))
    guarantor: Guarantee
    estate: Estate
    auction: Auction
    start_months: Months
    stale_months: Months

    def haircut(self, kind: str) -> float:
        """The haircut of a kind of collateral, the one that cover is judged by (params/capacity.yml)."""
        return assumptions.load().collateral.kinds[kind].haircut

    def haircuts_between(self, kind: str) -> tuple[float, float]:
        """The lowest and highest haircut that a kind of collateral may be given."""
        return assumptions.load().collateral.kinds[kind].range


class Sale(Based):
    """What a buyer of the claim pays: expected recoveries at its own yield, less its costs."""

    buyer_yield: Share
    cost_share: Share
    months: Months


class WriteOff(Based):
    """What still comes in after a write-off: account written off, file kept, claim pursued."""

    pursued_share: Share
    months: Months
    classes: list[Literal[CLASSES]]


class Band(Based):
    """The longest extension of loans up to so many months: a share of their term, or months."""

    up_to_months: Months
    share_of_term: Annotated[float, Field(gt=0)] | None = None
    months: Months | None = None


class Cap(Based):
    """The longest term of a product in months; beyond `months` with approval, beyond `most` never (blank: no end)."""

    months: Months
    most: Months | None = None


class Duty(Words):
    """A legal point that always comes with a feature: something to do or to know."""

    comes_with: list[Literal[(*FEATURES, *KINDS)]] = Field(min_length=1)
    needs: Literal["guarantor", "collateral"] | None = None
    basis: Basis
    basis_zh: Basis | None = None


class Legal(_Strict):
    """Caps by product, extension bands, short-term limits and duties."""

    due: Based
    repaid_in_full: Based
    extension: list[Band] = Field(min_length=1)
    terms: dict[Literal[PRODUCTS], Cap] = Field(min_length=len(PRODUCTS))
    grace_months: Cap
    project_grace_months: Cap
    duties: dict[str, Duty]


class Viability(Based):
    """Limits of the viability tests (DOMAIN §8.2)."""

    dscr: Annotated[float, Field(gt=0)]
    dscr_later: Annotated[float, Field(gt=0)]
    later_from_year: Annotated[int, Field(ge=1)]
    grades: dict[str, Literal["pass", "fail", "cannot"]]
    repaid_share: Share


class Forecast(Based):
    """How far cash is forecast, and the stress cases of params/capacity.yml that a plan must survive."""

    quarters: Annotated[int, Field(ge=4, le=20)]
    stresses: tuple[str, ...] = Field(min_length=1)


class Chance(Based):
    """How a chance to pay is read off the draws, and when a failing debtor fails where no draw says so."""

    most: Share
    serial_factor: Share
    redefault_months: Months
    delay_months: Months


class Marks(Based):
    """Limits of valuation: diminished obligation, ten per cent test, how near is close, rate premiums by class."""

    diminished: Share
    substantial: Share
    close_share: Share
    premium: dict[Literal[CLASSES], Share] = Field(min_length=len(CLASSES))
    every_months: Annotated[int, Field(ge=1)]


class Swing(Based):
    """One assumption moved down and up for the sensitivity of the recommendation."""

    low: float
    high: float


SWINGS = ("chance", "haircut", "months", "rate", "cash", "guarantor")


class Rules(_Strict):
    """What params/workout.yml says."""

    options: dict[str, Option] = Field(min_length=1)
    recovery: Recovery
    sale: Sale
    write_off: WriteOff
    legal: Legal
    viability: Viability
    forecast: Forecast
    chance: Chance
    marks: Marks
    swings: dict[Literal[SWINGS], Swing]

    def based(self, basis: str, language: str) -> str:
        """A basis as a reader of a language is told it."""
        return self._bases_zh.get(basis, basis) if language == "zh" else basis

    @cached_property
    def _bases_zh(self) -> dict[str, str]:
        return dict(_bases(self.model_dump()))


def _bases(part: object) -> Iterator[tuple[str, str]]:
    if isinstance(part, dict) and part.get("basis_zh"):
        yield part["basis"], part["basis_zh"]
    for inner in part.values() if isinstance(part, dict) else part if isinstance(part, list | tuple) else ():
        yield from _bases(inner)


class Known(_Strict):
    """What officers know of a case; blank is unknown, never no.

    `chances`: an officer's own chance of success by option; `extended_months`: how long the loan was extended before;
    `owner_support`: money or security the owner brings in, in the loan's currency; `may_call`: a breach lets the bank
    call a loan that is not overdue.
    """

    difficulty: Literal["temporary", "structural"] | None = None
    owner_support: Annotated[float, Field(ge=0)] | None = None
    extended_months: Annotated[float, Field(ge=0)] | None = None
    long_cash_cycle: bool | None = None
    head_office_approval: bool | None = None
    under_observation: bool | None = None
    may_call: bool | None = None
    chances: dict[str, Share] = {}


@cache
def load(path: Path | None = None) -> Rules:
    """The workout rules, checked; RuleError names file, field, what is allowed and what was found."""
    return settings.loaded(Rules, path or settings.params("workout.yml"), _problems)


def known(told: dict, rules: Rules) -> Known:
    """What the notebook was told of a case, checked; RuleError names the field and the options there are."""
    found = settings.checked(Known, told, "parameter known")
    if unknown := sorted({*found.chances} - {*rules.options}):
        raise RuleError(f"parameter known: chances: unknown options {unknown}; known: {sorted(rules.options)}")
    return found


def _problems(rules: Rules) -> Iterator[str]:
    """What is wrong between fields that are each right."""
    cases = assumptions.load().stress.cases
    if unknown := [name for name in rules.forecast.stresses if name not in cases]:
        yield f"forecast.stresses: unknown {unknown}; params/capacity.yml has {sorted(cases)}"
    kinds = [option.kind for option in rules.options.values()]
    for kind in KINDS:
        if kind != "reschedule" and kinds.count(kind) != 1:
            yield f"options: expected one of kind {kind}, found {kinds.count(kind)}"
    for name, option in rules.options.items():
        yield from _option_problems(f"options.{name}", option)
    bands = [band.up_to_months for band in rules.legal.extension]
    if bands != sorted(set(bands)):
        yield f"legal.extension: up_to_months must rise, found {bands}"
    for band in rules.legal.extension:
        if (band.share_of_term is None) == (band.months is None):
            yield f"legal.extension {band.up_to_months}: give share_of_term or months, not both"


def _option_problems(where: str, option: Option) -> Iterator[str]:
    if option.features and option.kind != "reschedule":
        yield f"{where}: kind {option.kind} takes no terms, found {list(option.features)}"
    if option.kind == "reschedule" and not option.features:
        yield f"{where}: kind reschedule changes nothing; name at least one of {list(FEATURES)}"
    if option.waive_share + option.swap_share >= 1:
        yield f"{where}: waive_share and swap_share leave nothing owed"
    if option.steps and not sum(option.steps):
        yield f"{where}: steps: at least one must be above 0"
    if bool(option.top_up_share) != bool(option.top_up_kind):
        yield f"{where}: top_up_share and top_up_kind belong together"
    if option.capitalise and option.waive_interest:
        yield f"{where}: interest is either capitalised or waived"
