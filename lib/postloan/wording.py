"""zh/en texts by key (params/texts), and how money, percent, days and dates are written in each language."""

from __future__ import annotations

import datetime as dt
import math
from functools import cache

import pandas as pd

from postloan import chart, settings
from postloan.errors import RuleError, RunError

_SCALES = {"zh": ((1e8, "亿"), (1e4, "万"), (1.0, "")), "en": ((1e9, "bn"), (1e6, "m"), (1e3, "k"), (1.0, ""))}
_CURRENCIES = {"CNY": "元", "USD": "美元", "EUR": "欧元", "HKD": "港元", "CZK": "捷克克朗"}
DASH = "—"


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
        """The name of an item of the chart of accounts."""
        return getattr(chart.items()[item], self.language)

    def ratio(self, ratio: str) -> str:
        """The name of a ratio or score."""
        return self(f"ratio.{ratio}")

    def scale(self, amounts: pd.Series) -> tuple[float, str]:
        """One divisor and its word for a whole table of amounts, chosen by the median size."""
        sizes = amounts.abs()
        typical = sizes[sizes > 0].median()
        for divisor, word in _SCALES[self.language]:
            if not math.isnan(typical) and typical >= divisor:
                return divisor, word
        return 1.0, ""

    def unit(self, currency: str, word: str) -> str:
        """The unit of a table, e.g. 亿元 or USD bn."""
        if self.language == "zh":
            return word + _CURRENCIES.get(currency, currency)
        return f"{currency} {word}".strip()

    def money(self, amount: float, currency: str) -> str:
        """An amount with its own scale and currency: 12.3亿元, CNY 1.23bn."""
        if pd.isna(amount):
            return DASH
        divisor, word = next((pair for pair in _SCALES[self.language] if abs(amount) >= pair[0]), (1.0, ""))
        number = f"{amount / divisor:,.2f}".replace("-", "−")
        if self.language == "zh":
            return number + word + _CURRENCIES.get(currency, currency)
        return f"{currency} {number}{word}"

    def value(self, value: float, unit: str, currency: str = "") -> str:
        """A ratio's value in its unit: pct, times, days, money, score or points."""
        if pd.isna(value):
            return DASH
        if unit == "money":
            return self.money(value, currency)
        shown = {
            "pct": f"{value * 100:,.1f}%",
            "times": f"{value:,.2f}",
            "days": f"{value:,.0f}",
            "score": f"{value:,.2f}",
            "points": f"{value:,.0f}",
        }[unit]
        return shown.replace("-", "−")

    def date(self, day: dt.date | pd.Timestamp | str) -> str:
        """A date: 2023年9月30日, 30 Sep 2023."""
        day = pd.Timestamp(day)
        return f"{day.year}年{day.month}月{day.day}日" if self.language == "zh" else f"{day.day} {day:%b %Y}"

    def reason(self, reason: str | None) -> str:
        """A missing value's reason (`kind:view.item`) in words."""
        if reason is None or pd.isna(reason):
            return ""
        kind, _, rest = reason.partition(":")
        return self(f"reason.{kind}", what=self.term(rest)) if rest else self(f"reason.{kind}")

    def term(self, term: str) -> str:
        """A formula's leaf such as `ttm.revenue` or `avg_1.total_assets` in words."""
        view, _, item = term.partition(".")
        name, _, lag = view.partition("_")
        if not item or not self.has(f"view.{name}"):
            return term
        label = self.item(item) if item in chart.items() else self(f"composite.{item}")
        return self(f"view.{name}", item=label) + (self("view.lag", years=lag) if lag else "")


@cache
def texts(language: str) -> Texts:
    """The texts of a language, loaded once."""
    return Texts(language)


def _load(language: str) -> dict[str, str]:
    flat: dict[str, str] = {}

    def walk(prefix: str, node: object) -> None:
        if isinstance(node, dict):
            for key, child in node.items():
                walk(f"{prefix}.{key}" if prefix else str(key), child)
        else:
            flat[prefix] = str(node)

    walk("", settings.load_yaml(settings.params("texts", f"{language}.yml")))
    return flat
