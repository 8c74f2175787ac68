"""What a result says of itself when a cell ends with its name: a head, then its tables, in ids and plain numbers.

The report tells the same in words and units (exhibits); this is for the analyst who looks at the thing itself.
"""

from __future__ import annotations

from html import escape

import pandas as pd

from postloan.settings import LANGUAGES
from postloan.wording import DASH, texts

_MOST = 150  # rows shown; the frame itself has all
_AMOUNT = 1e4


def named(family: str, name: str) -> str:
    """An id with its names in both languages, where it has them (`ratio`, `interest_cover`)."""
    key = f"{family}.{name}"
    told = [texts(language)(key) for language in LANGUAGES if texts(language).has(key)]
    return f"{name} ({' · '.join(told)})" if told else name


class Glance:
    """A result whose `glance()` gives a head of some lines and the frames to show below it."""

    def glance(self) -> tuple[str, list[pd.DataFrame]]:
        """The lines of the head, and frames."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return self.glance()[0]

    def _repr_html_(self) -> str:
        return shown(*self.glance())


def shown(head: str, frames: list[pd.DataFrame], most: int = _MOST) -> str:
    """HTML of a head and frames, everything escaped; of a long frame the first rows."""
    return "<br>".join(map(escape, head.splitlines())) + "".join(_table(frame, most) for frame in frames)


def _table(frame: pd.DataFrame, most: int) -> str:
    if frame.empty:
        return ""
    left = f"<small>{len(frame) - most} more rows</small>" if len(frame) > most else ""
    return frame.head(most).to_html(index=False, border=0, na_rep=DASH, float_format=number) + left


def tests(evidence: list[dict]) -> str:
    """The tests of a signal that held, as `metric value side limit`; peers, chances and changes by name."""
    return "; ".join(_test(each) for each in evidence if each["held"])


def _test(test: dict) -> str:
    of = "" if test["of"] == "now" else f" ({test.get('peer') or test['of']})"
    return f"{test['metric']}{of} {number(test['value'])} {test['side']} {number(test['limit'])}"


def number(value: float) -> str:
    """Amounts in whole units, all else to four digits."""
    return f"{value:,.0f}" if abs(value) >= _AMOUNT else f"{value:,.4g}"
