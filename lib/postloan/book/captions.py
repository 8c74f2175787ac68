"""What a source calls things -> the chart of accounts, as params/accounts/{cn,us_gaap,ifrs}.yml say.

Under each item stand candidates in order of preference: one caption, or a sum such as `A + [B] - C` in which
`[B]` counts as nil where the source leaves it out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

from postloan import chart, settings
from postloan.book.figures import plain
from postloan.errors import RuleError

STATEMENTS = ("balance", "income", "cashflow")
_OTHER = ("taxonomy", "one_figure", "currency", "currencies", "ignored", "blank_zeros")
_OTHER += ("period_captions", "announced_captions", "currency_captions")

_SPLIT = re.compile(r"\s([+-])\s")
_UNIT = re.compile(r"\((?:单位:?)?(千元|百万元|万元|亿元|元)\)$")
_SCALES = {"元": 1.0, "千元": 1e3, "万元": 1e4, "百万元": 1e6, "亿元": 1e8}
_SIGN_NOTE = re.compile(r"\([^()]*号填列\)")
_MARKER = re.compile(r"^(?:[一二三四五六七八九十]+、|\([一二三四五六七八九十]+\)|[0-9]+[.、]|其中:|减:|加:)")


@dataclass(frozen=True)
class Term:
    """One caption of a candidate: its sign, and whether it may be left out."""

    caption: str
    sign: int = 1
    optional: bool = False


Candidate = tuple[Term, ...]


@lru_cache(maxsize=8192)
def normal(caption: str) -> str:
    """A caption as compared: half-width, without spaces, numbering, 其中: 减: 加:, unit or a copy's `.1`."""
    text = re.sub(r"\s", "", plain(caption))
    text = _SIGN_NOTE.sub("", _UNIT.sub("", re.sub(r"\.[0-9]+$", "", text)))
    while (shorter := _MARKER.sub("", text)) != text and shorter:
        text = shorter
    return text


def scale(caption: str) -> float:
    """Basic units in the unit a caption states: 10,000 for 货币资金(万元), 1 where it states none."""
    match = _UNIT.search(re.sub(r"\s", "", plain(caption)))
    return _SCALES[match[1]] if match else 1.0


def fillable(candidate: Candidate, stated: Set[str]) -> bool:
    """Whether the captions `stated` hold all that the candidate needs, and at least one of its own."""
    needed = {term.caption for term in candidate if not term.optional}
    return needed <= stated and any(term.caption in stated for term in candidate)


def total(candidate: Candidate, figures: Mapping[str, float]) -> float | None:
    """The candidate's amount, None where a required caption (or every one) is missing."""
    if not fillable(candidate, figures.keys()):
        return None
    return sum(term.sign * figures[term.caption] for term in candidate if term.caption in figures)


def named(candidate: Candidate, figures: Mapping[str, object]) -> str:
    """The candidate as written in a source note: its captions that are there, with their signs."""
    present = [term for term in candidate if term.caption in figures]
    text = "".join(f" {'-' if term.sign < 0 else '+'} {term.caption}" for term in present)
    return text.removeprefix(" + ")


@cache
@settings.shaped("accounts")
def places(source: str, statement: str) -> dict[str, tuple[Candidate, ...]]:
    """Item -> candidates of `statement` in params/accounts/<source>.yml, items in the file's order.

    RuleError for an item that is not in the chart, and for a caption that one statement gives to two items
    as their only term (tags of filings may serve two items, such as equity and the parent's equity).
    """
    path = settings.params("accounts", f"{source}.yml")
    content = settings.load_yaml(path)
    section = content.get(statement)
    if strange := sorted(set(content) - {*STATEMENTS, *_OTHER}):
        raise RuleError(f"{path}: unknown parts {strange}; known: {', '.join((*STATEMENTS, *_OTHER))}")
    if not isinstance(section, dict):
        raise RuleError(f"{path}: {statement}: expected items with their captions, found {section!r}")
    unknown = sorted(set(section) - set(chart.items()))
    if unknown:
        raise RuleError(f"{path}: {statement}: items {unknown} are not in params/accounts/chart.yml")
    clean = normal if source == "cn" else str.strip
    loose = [item for item, texts in section.items() if not isinstance(texts, list)]
    if loose:
        raise RuleError(f"{path}: {statement}: {loose}: expected a list of captions, such as [货币资金]")
    found = {item: tuple(_candidate(text, clean) for text in texts) for item, texts in section.items()}
    if source == "cn":
        _refuse_shared(path, statement, found)
    return found


def captions(source: str, statement: str) -> set[str]:
    """Every caption that has a place in `statement`."""
    found = places(source, statement).values()
    return {term.caption for candidates in found for candidate in candidates for term in candidate}


@settings.shaped("accounts")
def one_figure(source: str) -> list[tuple[str, str]]:
    """Pairs of items that hold one figure wherever their amounts in a period are equal."""
    path = settings.params("accounts", f"{source}.yml")
    return [(first, second) for first, second in settings.load_yaml(path).get("one_figure", [])]


def _candidate(text: str, clean: Callable[[str], str]) -> Candidate:
    parts = _SPLIT.split(text.strip())
    signs = ["+", *parts[1::2]]
    return tuple(_term(name.strip(), sign, clean) for name, sign in zip(parts[::2], signs, strict=True))


def _term(name: str, sign: str, clean: Callable[[str], str]) -> Term:
    optional = name.startswith("[") and name.endswith("]")
    return Term(clean(name[1:-1] if optional else name), -1 if sign == "-" else 1, optional)


def _refuse_shared(path: Path, statement: str, found: dict[str, tuple[Candidate, ...]]) -> None:
    owner: dict[str, str] = {}
    for item, candidates in found.items():
        for caption in {term.caption for candidate in candidates for term in candidate}:
            if owner.setdefault(caption, item) != item:
                raise RuleError(f"{path}: {statement}: {caption!r} is under {owner[caption]!r} and {item!r}")
