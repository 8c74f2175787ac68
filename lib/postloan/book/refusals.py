"""Why rows of a file cannot enter the book: dates to come, contradictions, names nobody knows. All in one table."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable

import pandas as pd

from postloan import tables
from postloan.loan_tables import LOAN_TABLES, columns_of
from postloan.measures import measures, observations

Known = dict[str, Collection[str]]  # table -> ids the book or the file knows


_PLACE = re.compile(r"(?: · (?P<sheet>[^·]+))? · row (?P<row>\d+)")


def table(rows: Iterable[tuple]) -> pd.DataFrame:
    """Refusals (file, sheet, source of the row, column, found, expected) as a frame; sheet and row by number where the
    source names them."""
    told = [(file, *_place(sheet, source), *rest) for file, sheet, source, *rest in rows]
    return pd.DataFrame(told, columns=tables.REFUSAL_COLUMNS)


def _place(sheet: str | None, source: object) -> tuple[str | None, object]:
    place = _PLACE.search(str(source))
    return (place["sheet"] or sheet, int(place["row"])) if place else (sheet, source)


def of(intake: tables.Intake, found: dict[str, pd.DataFrame], borrowers: set[str], loans: Known, today) -> pd.DataFrame:
    """Every refusal of a file's tables: the reader's own, and what is wrong between them and the book."""
    parts = [intake.refusals]
    for name, frame in found.items():
        if name == "borrowers":
            continue
        day = {"statements": "period_end", "observations": "observed_on", "indices": "period_end"}.get(name)
        parts.append(_future(frame, today, intake.file, day or _day_of(name)))
        if name == "indices":
            parts.append(_double(frame, intake.file))
            continue
        parts.append(_strangers(frame, borrowers, intake.file))
        if name in LOAN_TABLES:
            told = {other: ids for other, ids in loans.items() if other not in set(intake.refusals["sheet"])}
            parts += [_dangling(frame, name, told, intake.file), _twins(frame, name, intake.file)]
    if "statements" in found:
        parts.append(_contradictions(found["statements"], intake.file))
    if "covenants" in found:
        parts.append(_immeasurable(found["covenants"], intake.file))
    return pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)


def _day_of(name: str) -> str | None:
    return LOAN_TABLES[name].known_by


def _future(facts: pd.DataFrame, today: pd.Timestamp, file: str, day: str | None) -> pd.DataFrame:
    late = facts[(facts["known_on"] > today) | (facts[day] > today if day else False)]
    found, expected = late[day] if day else late["known_on"], f"dates up to {today:%Y-%m-%d}"
    return table(
        (
            file,
            None,
            row.source,
            day,
            f"{when:%Y-%m-%d} known on {row.known_on:%Y-%m-%d}",
            expected,
        )
        for row, when in zip(late.itertuples(), found, strict=True)
    )


def _strangers(facts: pd.DataFrame, borrowers: set[str], file: str) -> pd.DataFrame:
    """Facts about borrowers nobody has named."""
    unknown = facts.loc[~facts["borrower_id"].isin(borrowers)].drop_duplicates("borrower_id")
    expected = "a borrower in the book or in this file"
    return table((file, None, row.source, "borrower_id", row.borrower_id, expected) for row in unknown.itertuples())


def _dangling(rows: pd.DataFrame, name: str, known: Known, file: str) -> pd.DataFrame:
    """Rows that name a loan or a contact which neither the book nor the file has; tables that are not `known` (a row of
    theirs was refused already) ask for nothing."""
    parts = []
    for column, other in LOAN_TABLES[name].refers.items():
        if other not in known:
            continue
        pairs = pd.MultiIndex.from_frame(rows[["borrower_id", column]].astype(str))
        lost = rows[rows[column].notna() & ~pairs.isin(list(known[other]))]
        expected = f"a row of {other} in the book or in this file"
        parts += [(file, name, row.source, column, getattr(row, column), expected) for row in lost.itertuples()]
    return table(parts)


def _twins(rows: pd.DataFrame, name: str, file: str) -> pd.DataFrame:
    """Two rows of one key and day that say different things (a schedule may have many)."""
    about = LOAN_TABLES[name]
    if about.whole:
        return table([])
    key = ["borrower_id", *about.key, "known_on"]
    content = [column for column in columns_of(name) if column != "source"]
    different = rows[rows.duplicated(key, keep=False)].drop_duplicates(content)
    different = different[different.duplicated(key, keep="first")]
    shown = ", ".join(about.key)
    return table(
        (file, name, row.source, shown, " ".join(str(getattr(row, part)) for part in about.key), "each key once a day")
        for row in different.itertuples()
    )


def _double(figures: pd.DataFrame, file: str) -> pd.DataFrame:
    """Two values for one period of a series, known on one day, in one file."""
    key = [*tables.INDEX_KEY, "known_on"]
    different = figures.drop_duplicates([*key, "value"])
    different = different[different.duplicated(key, keep=False)]
    return table(
        (file, None, row.source, row.series, f"{row.value:g} for {row.period_end:%Y-%m-%d}", "one value for one period")
        for row in different.itertuples()
    )


def _immeasurable(covenants: pd.DataFrame, file: str) -> pd.DataFrame:
    """Covenants on figures that do not exist."""
    known = {*measures(), *observations()}
    bad = covenants[~covenants["metric"].isin(known)]
    return table(
        (
            file,
            "covenants",
            row.source,
            "metric",
            row.metric,
            f"a ratio, score or observation{_near(row.metric, known)}",
        )
        for row in bad.itertuples()
    )


def _near(word: str, known: Collection[str]) -> str:
    near = difflib.get_close_matches(word, known, n=3, cutoff=0.5)
    return f", perhaps {' / '.join(near)}" if near else f", such as {sorted(known)[0]}"


def _contradictions(facts: pd.DataFrame, file: str) -> pd.DataFrame:
    """Two different amounts for one fact, known on one day, in one file."""
    key = [*tables.FACT_KEY, "known_on"]
    different = facts[facts.duplicated(key, keep=False)].drop_duplicates([*key, "amount"])
    different = different[different.duplicated(key, keep=False)]
    return table(
        (file, None, row.source, row.item, f"{row.amount:,.2f} for {row.borrower_id} {row.period_end:%Y-%m-%d}",
         "one amount for one fact")
        for row in different.itertuples()
    )  # fmt: skip
