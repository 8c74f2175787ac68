"""The chart of accounts (params/accounts/chart.yml): items, their names and the identities that derive totals.

Ground floor, because intake (book), arithmetic (analysis) and tables (report) all speak in these items.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd

from postloan import settings
from postloan.errors import RuleError

_TERM = re.compile(r"([+-]?)\s*(\[?)(\w+)(\]?)\s*")


@dataclass(frozen=True)
class Item:
    """One line of the chart: `kind` is 'stock' (months = 0), 'flow' (amount over `months`) or 'composite'.

    A composite is a sum that formulas use; `of` says whether of stocks or flows.
    """

    id: str
    statement: str
    kind: str
    zh: str
    en: str
    total: bool = False
    memo: bool = False
    count: bool = False
    position: str = ""
    of: str = ""
    derive: tuple[str, ...] = ()


@cache
def items() -> dict[str, Item]:
    """Every item a statement can hold by id, in statement order."""
    return {name: item for name, item in _chart().items() if item.kind != "composite"}


@cache
def composites(of: str) -> dict[str, Item]:
    """The composites of 'stock' or 'flow' items by id."""
    return {name: item for name, item in _chart().items() if item.of == of}


def name(item: str, language: str) -> str:
    """The name of an item or composite in a language."""
    return getattr(_chart()[item], language)


def statement(name: str) -> list[Item]:
    """The items of 'balance', 'income' or 'cashflow' in order."""
    return [item for item in items().values() if item.statement == name]


@cache
@settings.shaped("accounts", "chart.yml")
def _chart() -> dict[str, Item]:
    path = settings.params("accounts", "chart.yml")
    chart: dict[str, Item] = {}
    for statement, section in settings.load_yaml(path).items():
        for item_id, spec in section["items"].items():
            kind = "stock" if spec.get("position") == "closing" else section["kind"]
            try:
                fields = {**spec, "derive": tuple(spec.get("derive", ()))}
                chart[item_id] = Item(id=item_id, statement=statement, kind=kind, **fields)
            except TypeError as error:
                raise RuleError(f"{path}: item {item_id!r}: {error}") from None
    for item in chart.values():
        for formula in item.derive:
            unknown = [term for _, term, _ in terms(formula) if term not in chart]
            if unknown:
                raise RuleError(f"{path}: item {item.id!r}: derive {formula!r} names unknown {unknown}")
    return chart


@cache
def stocks() -> set[str]:
    """Ids of balance items."""
    return {item.id for item in items().values() if item.kind == "stock"}


@cache
def flows() -> set[str]:
    """Ids of items that add up over time (opening cash is a level, so it is not among them)."""
    return {item.id for item in items().values() if item.kind == "flow" and not item.position}


@cache
def terms(formula: str) -> tuple[tuple[int, str, bool], ...]:
    """Parse `a + b - [c]` into (sign, item, optional) triples."""
    return tuple((-1 if sign == "-" else 1, name, bool(left)) for sign, left, name, _ in _TERM.findall(formula))


def summed(columns: dict[str, np.ndarray], formula: str) -> np.ndarray | None:
    """A formula over items, an array each: NaN where a required item is missing or none is known; None where no array
    of a required item is there."""
    parts = terms(formula)
    if any(name not in columns for _, name, optional in parts if not optional):
        return None
    known = [(sign, columns[name], optional) for sign, name, optional in parts if name in columns]
    if not known:
        return None
    total = sum(sign * (np.where(np.isnan(value), 0, value) if optional else value) for sign, value, optional in known)
    return np.where(np.logical_and.reduce([np.isnan(value) for _, value, _ in known]), np.nan, total)


def columns_of(wide: pd.DataFrame) -> dict[str, np.ndarray]:
    """The items of a frame, an array each."""
    return dict(zip(wide.columns, wide.to_numpy(float).T, strict=True))


def derive(wide: pd.DataFrame) -> tuple[pd.DataFrame, list[tuple[str, str, np.ndarray]]]:
    """Fill items that `wide` lacks where an identity of the chart allows.

    `wide` has one column per item, any index. Returns the filled copy and, for every identity used, the
    item, the formula and the places of the rows it filled. Only missing cells are filled; reported figures never
    change.
    """
    filled, used = columns_of(wide), []
    for _ in range(2):  # a derived total may complete another
        for item in items().values():
            for formula in item.derive:
                rows = _fill(filled, item.id, formula)
                if len(rows):
                    used.append((item.id, formula, rows))
    return pd.DataFrame(filled, wide.index), used


def _fill(columns: dict[str, np.ndarray], item: str, formula: str) -> np.ndarray:
    values = summed(columns, formula)
    if values is None:
        return np.array([], int)
    there = columns.get(item, np.full(len(values), np.nan))
    rows = np.flatnonzero(np.isnan(there) & ~np.isnan(values))
    if len(rows):
        columns[item] = np.where(np.isnan(there), values, there)
    return rows


def with_derived(facts: pd.DataFrame) -> pd.DataFrame:
    """Statement facts (one row a fact key) plus the totals that identities give, each marked in `derived`."""
    index = ["borrower_id", "period_end", "months"]
    about = facts.groupby(index).agg(currency=("currency", "last"), known_on=("known_on", "max")).reset_index()
    filled, used = derive(facts.set_index([*index, "item"])["amount"].unstack("item"))
    parts = [
        about.iloc[rows].assign(
            item=item, amount=filled[item].to_numpy()[rows], source=f"derived: {item} = {formula}", derived=True
        )
        for item, formula, rows in used
    ]
    return pd.concat([facts.assign(derived=False), *parts], ignore_index=True)[[*facts.columns, "derived"]]
