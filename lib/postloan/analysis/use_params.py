"""How loan money is traced and what is flagged, from params/loan_use.yml."""

from __future__ import annotations

import datetime as dt
import re
from functools import cache
from typing import Annotated, Literal

import pandas as pd
from pydantic import Field, model_validator

from postloan import settings
from postloan.strict import Strict

Share = Annotated[float, Field(ge=0, le=1)]
Money = Annotated[float, Field(ge=0)]
Days = Annotated[int, Field(gt=0, le=3660)]
Word = Literal["correct", "recall", "stop", "payment", "papers", "limit"]
WORDS = (
    "payroll", "securities", "equity", "property", "property_service", "insurance", "insurance_investment", "repay",
    "lender", "refinancing", "deposit", "operating", "cash", "prepay", "long_asset", "agency", "unrelated_scope",
    "bank", "own_fees",
)  # fmt: skip


class Tracing(Strict):
    """How money is followed."""

    windows: Annotated[list[Days], Field(min_length=1)]
    depth: Annotated[int, Field(ge=1, le=4)]
    transfer_days: Annotated[int, Field(ge=0, le=10)]
    credit_days: Annotated[int, Field(ge=0, le=31)]
    basis: str

    @model_validator(mode="after")
    def _rising(self) -> Tracing:
        if self.windows != sorted(set(self.windows)):
            raise ValueError(f"windows: expected rising days, found {self.windows}")
        return self


class Entrusted(Strict):
    """From which amount payments of a product are entrusted, for contracts signed from a day on."""

    product: str
    from_: dt.date = Field(alias="from")
    above: Money


class Flag(Strict):
    """What every flag has: the article it may lead to, what the contract allows, where its limits come from."""

    effect: Literal["C2", "C3"] | None
    remedies: Annotated[list[Word], Field(min_length=1)]
    basis: Annotated[str, Field(min_length=4)]
    misuse: bool = False


class U1(Flag):
    """Money comes back."""

    back: Share
    days: Days
    near: Share
    floor: Share
    short_days: Days


class U2(Flag):
    """Money goes round."""

    shortest: Annotated[int, Field(ge=2)]
    longest: Annotated[int, Field(le=6)]
    laps: Annotated[int, Field(ge=1)]
    retained: tuple[Share, float]
    days: Days
    floor: Share
    rings: Annotated[int, Field(gt=0)]
    transfers: Annotated[int, Field(gt=0, le=2000)]


class U3(Flag):
    """Money leaves as cash or to persons."""

    share: Share
    single: Money
    payroll_person: Money
    payroll_people: Annotated[int, Field(ge=2)]


class U4(Flag):
    """Money reaches what loans must not pay for."""

    floor: Share
    insurer_share: Share


class U5(Flag):
    """Payments are split."""

    working_days: Days
    near: Share
    times: Annotated[int, Field(ge=2)]


class U6(Flag):
    """Other loans are repaid."""

    days: Days
    floor: Share


class U7(Flag):
    """Money lies idle."""

    unspent: Share
    days: Days
    deposit: Share


class U8(Flag):
    """The payee does not fit."""

    share: Share
    young_days: Days


class U9(Flag):
    """The papers do not fit."""

    over: Share
    floor: Share


class U10(Flag):
    """The timing does not fit."""

    days: Annotated[int, Field(ge=0)]
    forwarded: Share
    floor: Share
    history_days: Days


class U11(Flag):
    """The project lags."""

    lag: Share
    equity: Share


class U12(Flag):
    """The loan does not fit the need."""

    over_need: Annotated[float, Field(ge=1)]
    long_use: Money
    long_share: Share


class Flags(Strict):
    """Every flag by id."""

    u1: U1
    u2: U2
    u3: U3
    u4: U4
    u5: U5
    u6: U6
    u7: U7
    u8: U8
    u9: U9
    u10: U10
    u11: U11
    u12: U12


class Confidence(Strict):
    """How sure a match is, by what it rests on; `method` is taken off for each allocation that says otherwise."""

    direct: Share
    code: Share
    account: Share
    name: Share
    spelling: Share
    unlisted: Share
    person: Share
    linked: Share
    method: Share


class Settings(Strict):
    """params/loan_use.yml."""

    tracing: Tracing
    entrusted: Annotated[list[Entrusted], Field(min_length=1)]
    flags: Flags
    confidence: Confidence
    misuse_from: Share
    words: dict[str, Annotated[list[str], Field(min_length=1)]]

    @model_validator(mode="after")
    def _all_words(self) -> Settings:
        if odd := sorted(set(self.words) ^ set(WORDS)):
            raise ValueError(f"words: expected {', '.join(WORDS)}; differs in {odd}")
        return self

    def says(self, texts: pd.Series, *kinds: str) -> pd.Series:
        """Where a text holds one of the words of these kinds; a missing text holds none. English words stand alone."""
        return texts.fillna("").str.contains(self._pattern(kinds), case=False, regex=True)

    def _pattern(self, kinds: tuple[str, ...]) -> str:
        words = [word for kind in kinds for word in self.words[kind]]
        return "|".join(rf"\b{re.escape(word)}" if word.isascii() else re.escape(word) for word in words)

    def entrusted_above(self, loans: pd.DataFrame) -> pd.Series:
        """The amount from which each loan's payments are entrusted: its contract's, else by product and signing day."""
        told = loans["entrusted_above"].astype(float)
        for step in sorted(self.entrusted, key=lambda each: each.from_):
            fits = (loans["product"] == step.product) & (loans["signed_on"] >= pd.Timestamp(step.from_))
            told = told.mask(fits & loans["entrusted_above"].isna(), step.above)
        return told


@cache
def load() -> Settings:
    """params/loan_use.yml, checked; RuleError names every field that is wrong."""
    path = settings.params("loan_use.yml")
    return settings.checked(Settings, settings.load_yaml(path), path)
