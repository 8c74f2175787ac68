"""zh/en texts by key (params/texts), and how money, percent, days and dates are written in each language."""

from __future__ import annotations

import datetime as dt
import re
import string
from functools import cache
from itertools import permutations

import pandas as pd

from postloan import chart, settings
from postloan.errors import Problem, RuleError, RunError

_SCALES = {
    "zh": ((1e8, "亿"), (1e4, "万"), (1.0, "")),
    "en": ((1e9, "bn"), (1e6, "m"), (1e3, "k"), (1.0, "")),
}
_CURRENCIES = {"CNY": "元", "USD": "美元", "EUR": "欧元", "HKD": "港元", "CZK": "捷克克朗"}
_UNITS = {
    "pct": (100, 1, "%"),
    "times": (1, 2, ""),
    "days": (1, 0, ""),
    "score": (1, 2, ""),
    "points": (1, 0, ""),
}
DASH = "—"
_LEAF = re.compile(r"[a-z]+(?:_\d+)?\.[a-z]\w*")


def _signed(value: float, decimals: int) -> str:
    """Thousands separators and a real minus sign; what rounds to zero has no sign."""
    return f"{round(value, decimals) + 0.0:,.{decimals}f}".replace("-", "−")


class Texts:
    """The words and number formats of one language."""

    def __init__(self, language: str):
        if language not in settings.LANGUAGES:
            raise RunError(f"language {language!r}: expected one of {list(settings.LANGUAGES)}")
        self.language = language
        self.html_lang = {"zh": "zh-CN", "en": "en"}[language]
        self._texts = _load(language)

    def __call__(self, key: str, **values: object) -> str:
        """The text of `key` with its placeholders filled."""
        try:
            return self._texts[key].format(**values)
        except KeyError as error:
            raise RuleError(f"params/texts/{self.language}.yml: {key!r}: missing {error}") from None

    def has(self, key: str) -> bool:
        """Whether the language has a text of that key."""
        return key in self._texts

    def item(self, item: str) -> str:
        """The name of an item or composite of the chart of accounts."""
        return chart.name(item, self.language)

    def borrower(self, borrower: dict) -> str:
        """A borrower's name in this language, as far as it is known."""
        return (borrower.get("name_en") if self.language == "en" else None) or borrower["name"]

    def names(self, borrowers: pd.DataFrame) -> dict[str, str]:
        """The names of many borrowers by id, from the book's table."""
        known = borrowers.astype(object).where(borrowers.notna(), None).to_dict("records")
        return {row["borrower_id"]: self.borrower(row) for row in known}

    def ratio(self, ratio: str) -> str:
        """The name of a ratio or score."""
        return self(f"ratio.{ratio}")

    def scale(self, largest: float) -> tuple[float, str, int]:
        """Divisor, its word and decimals for tables whose largest amount is `largest`: four digits or more."""
        for divisor, word in _SCALES[self.language]:
            if abs(largest) >= 1000 * divisor:
                return divisor, word, 1 if abs(largest) < 10_000 * divisor else 0
        return 1.0, "", 2

    def unit(self, currency: str, word: str) -> str:
        """The unit of a table, e.g. 亿元 or USD bn."""
        if self.language == "zh":
            return word + _CURRENCIES.get(currency, currency)
        return f"{currency} {word}".strip()

    def money(self, amount: float, currency: str) -> str:
        """An amount with its own scale and currency: 12.30亿元, −CNY 1.23bn."""
        if pd.isna(amount):
            return DASH
        divisor, word = next((pair for pair in _SCALES[self.language] if abs(amount) >= pair[0]), (1.0, ""))
        number = _signed(amount / divisor, 2)
        if self.language == "zh":
            return number + word + _CURRENCIES.get(currency, currency)
        sign = "−" if number.startswith("−") else ""
        return f"{sign}{currency} {number.removeprefix('−')}{word}"

    def value(self, value: float, unit: str, currency: str = "") -> str:
        """A ratio's value in its unit: pct, times, days, money, score or points."""
        if pd.isna(value):
            return DASH
        if unit == "money":
            return self.money(value, currency)
        factor, decimals, suffix = _UNITS[unit]
        return _signed(value * factor, decimals) + suffix

    def number(self, value: float, decimals: int = 2) -> str:
        """A plain number with thousands separators."""
        return DASH if pd.isna(value) else _signed(value, decimals)

    def date(self, day: dt.date | pd.Timestamp | str) -> str:
        """A date: 2023年9月30日, 30 Sep 2023."""
        day = pd.Timestamp(day)
        return f"{day.year}年{day.month}月{day.day}日" if self.language == "zh" else f"{day.day} {day:%b %Y}"

    def reason(self, reason: str | None) -> str:
        """A missing value's reason (`kind:view.item`) in words."""
        if reason is None or pd.isna(reason):
            return ""
        kind, _, rest = reason.partition(":")
        return self(f"reason.{kind}", what=self.formula(rest)) if rest else self(f"reason.{kind}")

    def change(self, change: float, unit: str, currency: str = "") -> str:
        """A difference of two values of a unit, with its sign; of percentages in percentage points."""
        if pd.isna(change):
            return DASH
        shown = (
            self("exhibit.points", value=_signed(change * 100, 1))
            if unit == "pct"
            else self.value(change, unit, currency)
        )
        return f"+{shown}" if change > 0 and re.search("[1-9]", shown) else shown

    def formula(self, formula: str, bracket: str = "{}") -> str:
        """A formula with each of its leaves in words, put into `bracket`."""
        return _LEAF.sub(lambda leaf: bracket.format(self.term(leaf[0])), formula)

    def change_share(self, share: float) -> str:
        """A growth rate with its sign."""
        return ("+" if round(share, 3) > 0 else "") + self.value(share, "pct")

    def term(self, term: str) -> str:
        """A formula's leaf such as `ttm.revenue` or `avg_1.total_assets` in words."""
        view, _, item = term.partition(".")
        name, _, lag = view.partition("_")
        if not item or not self.has(f"view.{name}"):
            return term
        return self(f"view.{name}", item=self.item(item)) + (self("view.lag", years=lag) if lag else "")


@cache
def texts(language: str) -> Texts:
    """The texts of a language, loaded once."""
    return Texts(language)


def _load(language: str) -> dict[str, str]:
    flat: dict[str, str] = {}
    path = settings.params("texts", f"{language}.yml")

    def walk(prefix: str, node: object) -> None:
        if isinstance(node, dict):
            for key, child in node.items():
                if isinstance(key, bool):
                    raise RuleError(f"{path}: {prefix}: a key on, off, yes or no is a truth value to YAML; quote it")
                walk(f"{prefix}.{key}" if prefix else str(key), child)
        else:
            flat[prefix] = str(node)

    walk("", settings.load_yaml(path))
    if wrong := [f"{key}: {told}" for key, text in flat.items() if (told := _more_than_words(text))]:
        raise RuleError.of(path, wrong)
    return flat


def _more_than_words(text: str) -> str:
    """What a text asks for beside words and names in braces; blank when it is a plain text."""
    try:
        parts = list(string.Formatter().parse(text))
    except ValueError as error:
        return f"expected braces in pairs, found {str(error)!r}"
    odd = [name for _, name, spec, turn in parts if name is not None and (spec or turn or not name.isidentifier())]
    return f"expected plain names in braces, such as {{value}}, found {odd}" if odd else ""


def problems() -> list[Problem]:
    """Texts that one language lacks, and texts whose placeholders are not the same in all."""
    told = {language: _load(language) for language in settings.LANGUAGES}
    paths = {language: str(settings.params("texts", f"{language}.yml")) for language in told}
    found = []
    for language, other in permutations(told, 2):
        for key in sorted(set(told[other]) - set(told[language])):
            found.append(Problem(paths[language], key, f"a text, as in {other}.yml", "none"))
        for key in sorted(set(told[other]) & set(told[language])):
            here, there = (sorted(_placeholders(told[each][key])) for each in (language, other))
            if here != there:
                found.append(Problem(paths[language], key, f"placeholders as in {other}.yml, {there}", f"{here}"))
    return found


def _placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}
