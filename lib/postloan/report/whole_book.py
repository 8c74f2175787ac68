"""What every exhibit about the whole book needs: words, currency, day, and the names of borrowers and rules."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pandas as pd
from markupsafe import Markup, escape

from postloan.report.exhibits import Exhibit, Sheet, table
from postloan.report.narrative import Prose
from postloan.report.signals import level_mark
from postloan.tables import CLASSES, LEVELS
from postloan.wording import DASH, Texts

UNKNOWN = "unknown"


@dataclass(frozen=True)
class BookSheet(Sheet):
    """The sheet of a report on the whole book; `names` of borrowers by id, `rules` by id with a title."""

    names: Mapping[str, str]
    rules: Mapping[str, object]

    def who(self, borrower_id: str) -> Markup:
        """A borrower as code and name."""
        name = self.names.get(borrower_id, "")
        under = Markup('<small class="under">{}</small>').format(name) if name and name != borrower_id else ""
        return escape(borrower_id) + under

    def named(self, borrower_id: str) -> str:
        """A borrower as code and name in running text."""
        name = self.names.get(borrower_id, "")
        return borrower_id if name in ("", borrower_id) else f"{borrower_id} {name}"

    def short(self, ids: Iterable[str], most: int = 6) -> str:
        """Some borrowers by code, and how many there are in all."""
        ids, words = list(ids), self.words
        shown = words("portfolio.comma").join(ids[:most])
        return shown if len(ids) <= most else words("portfolio.many", shown=shown, count=len(ids))

    def rule(self, rule: str) -> str:
        """The title of a rule."""
        return self.said(self.rules[rule].title)

    def money(self, amount: float) -> str:
        """An amount in the report's currency."""
        return "0" if amount == 0 else self.words.money(amount, self.currency)

    def share(self, share: float) -> str:
        """A share as per cent."""
        return self.words.value(share, "pct")

    def day(self, day: pd.Timestamp | None) -> str:
        """A date, short: in a table of many they must not break the line."""
        return DASH if day is None or pd.isna(day) else f"{pd.Timestamp(day):%Y-%m-%d}"

    def state(self, state: str) -> str | Markup:
        """A level as word and shape, a class or another state in words."""
        return level_mark(state, self) if state in LEVELS else self.plain_state(state)

    def plain_state(self, state: str) -> str:
        """The same in words alone, as charts and running text need it."""
        if state in LEVELS:
            return self.words(f"signal.level.{state}")
        return self.words(f"verdict.class.{state}" if state in CLASSES else f"portfolio.state.{state}")

    def owner(self, owner: str) -> str:
        """Who does it."""
        return self.words(f"signal.owner.{owner}")


def sheet(words: Texts, statements: pd.DataFrame, as_of: str, currency: str, **about: object) -> BookSheet:
    """The sheet of the whole book; `about` are `borrowers` (the book's table) and `rules`."""
    borrowers, rules = about["borrowers"], about["rules"]
    names = {row.borrower_id: words.borrower(_named(row)) for row in borrowers.itertuples()}
    files = statements.loc[~statements["derived"], "source"].str.split(" · ").str[0].nunique()
    plain = {"day_basis": 360, "average_points": 2, "from_drawdown": False, "scale": (1.0, "", 2)}
    return BookSheet(words, currency, as_of, sources=files, names=names, rules=rules, **plain)


def _named(row: tuple) -> dict:
    name_en = row.name_en if isinstance(row.name_en, str) else None
    return {"name": row.name if isinstance(row.name, str) else row.borrower_id, "name_en": name_en}


def listed(key: str, names: tuple[str, ...], rows: list[tuple], sheet: BookSheet, **about: object) -> Exhibit:
    """A table of cells under the headings `<key>_column.<name>`; `about` are numeric (names), notes, css and caption
    (text; default that of `key`), `marks` the class of each row, `of` the texts the key is in (default portfolio)."""
    words, key = sheet.words, f"{about.get('of', 'portfolio')}.{key}"
    heads = f"{key}.column" if words.has(f"{key}.column.{names[0]}") else f"{key}_column"
    columns = tuple(words(f"{heads}.{name}") for name in names)
    numeric = tuple(words(f"{heads}.{name}") for name in about.get("numeric", ()))
    marks = about.get("marks") or [None] * len(rows)
    cells = [{**dict(zip(columns, row, strict=True)), "_css": mark} for row, mark in zip(rows, marks, strict=True)]
    own = f"{key}.caption"
    caption = about.get("caption") or words(own if words.has(own) else key)
    notes, css = tuple(each for each in about.get("notes", ()) if each), about.get("css", "")
    return table(caption, cells, sheet, columns=columns, numeric=numeric, notes=notes, css=css)


def prose(sheet: BookSheet, *sentences: str) -> Prose:
    """One paragraph of sentences; empty ones left out."""
    return Prose((sheet.words("portfolio.joint").join(each for each in sentences if each),))


def two(first: str | Markup, second: str | Markup) -> Markup:
    """A cell of two lines, the second small."""
    return Markup('{}<small class="under">{}</small>').format(first, second)


def whole(value: float) -> str:
    """A count; a dash where it is not known."""
    return DASH if pd.isna(value) else f"{int(value):,}"
