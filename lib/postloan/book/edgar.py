"""SEC companyfacts (JSON, plain or gzip) of US-GAAP and IFRS filers.

A figure is known from the day it was filed. Every filing repeats earlier periods: a repeated amount tells
nothing new, a changed one is a later fact. In each filing the best tag of the item's list is taken; once a
better tag has been filed for a period, a lesser one no longer replaces it.
"""

from __future__ import annotations

import gzip
import json
import math
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from postloan import chart
from postloan.book import captions
from postloan.errors import SourceError
from postloan.tables import Intake

SOURCES = {"us-gaap": "us_gaap", "ifrs-full": "ifrs"}
_LARGEST = 200_000_000  # bytes when unpacked
_MONTH_DAYS = 365.25 / 12
_SPAN_TOLERANCE = 0.35  # months: a 53-week year, a 14-week quarter
_ITEMS_A_PERIOD = 3  # fewer items than this on a day: an event (an issue, a deal), not a statement
_NONE = pd.DataFrame(columns=["item", "period_end", "months", "amount", "known_on", "rank", "accn"])
_FACT = ["start", "end", "val", "accn", "form", "filed"]


def recognise(path: Path | str) -> bool:
    """Whether the content is a companyfacts file, whatever its name; a damaged one is not."""
    try:
        return set(_content(Path(path))) >= {"cik", "entityName", "facts"}
    except SourceError:
        return False


def read(
    path: Path | str,
    *,
    borrower: str | None = None,
    name: str | None = None,
    industry: str | None = None,
    currency: str | None = None,
) -> Intake:
    """The filer's statements, amounts in the basic unit of the currency most facts are in (else `currency`).

    The borrower's id is `borrower`, else the CIK as ten digits. SourceError for a damaged file, one that is
    not companyfacts, and one without facts of a known taxonomy.
    """
    path = Path(path)
    content = _content(path)
    facts = _facts(content, path)
    currency, notes = _currency(facts, currency, path)
    wanted = facts[facts["unit"].isin([currency, "shares"])]
    placed, left_out = _placed(wanted)
    if placed.empty:
        raise SourceError(f"{path.name}: no fact in {currency} has a tag of params/accounts (us_gaap, ifrs)")
    borrower = borrower or f"{content['cik']!s:0>10}"
    statements, replaced = _statements(placed, path.name)
    statements = statements.assign(borrower_id=borrower, currency=currency)
    master = {"borrower_id": borrower, "name": name or content["entityName"], "industry": industry}
    master = {field: value for field, value in master.items() if value is not None}
    tables = {"borrowers": pd.DataFrame([{**master, "currency": currency}]), "statements": statements}
    return Intake(
        path.name,
        "edgar",
        tables,
        len(facts),
        unmapped=_unmapped(wanted, currency),
        notes=[*notes, *left_out, *replaced],
    )


def _content(path: Path) -> dict:
    try:
        with path.open("rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
        with gzip.open(path) if packed else path.open("rb") as file:
            text = file.read(_LARGEST + 1)
        if len(text) > _LARGEST:
            raise SourceError(f"{path.name}: expected at most {_LARGEST / 1e6:,.0f} MB of companyfacts, found more")
        content = json.loads(text)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise SourceError(f"{path.name}: damaged gzip file ({error}); download it again") from None
    except OSError as error:
        raise SourceError(f"{path}: cannot be read: {error.strerror}; check the path") from None
    except (ValueError, RecursionError) as error:
        raise SourceError(f"{path.name}: expected SEC companyfacts JSON, found something else: {error}") from None
    if not isinstance(content, dict):
        raise SourceError(f"{path.name}: expected companyfacts, found a JSON {type(content).__name__}")
    return content


def _facts(content: dict, path: Path) -> pd.DataFrame:
    """All facts of the known taxonomies, one a row, dates parsed."""
    missing = {"cik", "entityName", "facts"} - set(content)
    if missing:
        raise SourceError(f"{path.name}: not companyfacts: no {sorted(missing)}; found {sorted(content)[:8]}")
    try:
        rows = [
            {"taxonomy": taxonomy, "tag": tag, "unit": unit, **{key: fact.get(key) for key in _FACT}}
            for taxonomy in SOURCES
            for tag, about in content["facts"].get(taxonomy, {}).items()
            for unit, listed in about["units"].items()
            for fact in listed
        ]
        frame = pd.DataFrame(rows, columns=["taxonomy", "tag", "unit", *_FACT])
        for day in ("start", "end", "filed"):
            frame[day] = pd.to_datetime(frame[day], format="%Y-%m-%d")
        frame["val"], frame["form"] = frame["val"].astype(float), frame["form"].astype(object).fillna("?")
        if frame["val"].abs().eq(math.inf).any():
            raise OverflowError("an amount beyond all bounds")
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError) as error:
        raise SourceError(f"{path.name}: facts are not laid out as companyfacts are: {error!r}") from None
    usable = frame.dropna(subset=["end", "val", "filed", "accn"])
    if usable.empty:
        raise SourceError(f"{path.name}: no facts under {list(SOURCES)}; found taxonomies {sorted(content['facts'])}")
    return usable


def _currency(facts: pd.DataFrame, asked: str | None, path: Path) -> tuple[str, list[str]]:
    """The currency to read, and a note on what other currencies leave out."""
    units = facts.loc[facts["unit"].str.fullmatch("[A-Z]{3}"), "unit"].value_counts()
    if units.empty or (asked and asked not in units):
        raise SourceError(f"{path.name}: expected amounts in {asked or 'a currency'}, found {dict(units) or 'none'}")
    chosen = asked or units.index[0]
    others = units.drop(chosen)
    return chosen, [f"{count} facts in {unit} left out" for unit, count in others.items()]


def _placed(facts: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Versions of chart items, one a filing, with what they were made of; and notes on what was left out.

    Columns: item, period_end, months, amount, known_on, rank in the item's list, tags, form, accn.
    """
    mapped = facts.assign(months=_months(facts)).loc[lambda frame: frame["tag"].isin(_mapped_tags())]
    odd = int(mapped["months"].isna().sum())
    key = ["taxonomy", "unit", "end", "months", "accn", "filed", "form"]
    spans = mapped.dropna(subset="months")
    kept = spans.drop_duplicates([*key, "tag"], keep="last")
    twice = len(spans.drop_duplicates([*key, "tag", "val"])) - len(kept)
    tables = {name: _wide(part, key[2:]) for name, part in kept.groupby(["taxonomy", "unit"])}
    parts = [part for (name, unit), wide in tables.items() for part in _versions(wide, name, unit)]
    versions = pd.concat(parts, ignore_index=True) if parts else _NONE
    doubles = _doubles(versions)
    days = versions.groupby("period_end")["item"].nunique()
    events = ~versions["period_end"].isin(days[days >= _ITEMS_A_PERIOD].index)
    notes = [
        f"{odd} facts over other spans than 3, 6, 9 or 12 months left out" if odd else "",
        f"{twice} amounts give way to a later one of the same filing" if twice else "",
        f"{doubles.sum()} amounts filed under two tags for one debt counted once" if doubles.any() else "",
        f"{events.sum()} figures on days without a statement left out" if events.any() else "",
    ]
    return versions[~events & ~doubles], [note for note in notes if note]


def _doubles(versions: pd.DataFrame) -> pd.Series:
    """Which versions repeat, under the second item of a pair, an amount the first has in that period."""
    found = pd.Series(False, index=versions.index)
    for first, second in captions.one_figure("us_gaap") + captions.one_figure("ifrs"):
        stated = versions.loc[(versions["item"] == first) & (versions["amount"] != 0), ["period_end", "amount"]]
        pairs = pd.MultiIndex.from_frame(versions[["period_end", "amount"]])
        found |= (versions["item"] == second) & pairs.isin(pd.MultiIndex.from_frame(stated))
    return found


def _mapped_tags() -> set[str]:
    return {
        tag for source in SOURCES.values() for kind in captions.STATEMENTS for tag in captions.captions(source, kind)
    }


def _months(facts: pd.DataFrame) -> pd.Series:
    """0 for a day's balance; 3, 6, 9 or 12 for a span that is one (52/53-week years too), else missing."""
    spans = (facts["end"] - facts["start"]).dt.days.add(1) / _MONTH_DAYS
    nearest = (spans / 3).round().clip(1, 4) * 3
    return nearest.where((spans - nearest).abs() <= _SPAN_TOLERANCE).mask(facts["start"].isna(), 0)


def _wide(facts: pd.DataFrame, key: list[str]) -> pd.DataFrame:
    """One row a period and filing, one column a tag."""
    return facts.set_index([*key, "tag"])["val"].unstack("tag")


def _versions(wide: pd.DataFrame, taxonomy: str, unit: str) -> Iterator[pd.DataFrame]:
    """The amounts every candidate gives that these tags can fill."""
    source, stock = SOURCES[taxonomy], wide.index.get_level_values("months") == 0
    halves = {"stock": wide[stock].dropna(axis=1, how="all"), "flow": wide[~stock].dropna(axis=1, how="all")}
    for statement in captions.STATEMENTS:
        for item, candidates in captions.places(source, statement).items():
            about = chart.items()[item]
            if about.count == (unit == "shares"):
                rows = halves[about.kind]
                for rank, candidate in enumerate(candidates):
                    if captions.fillable(candidate, set(rows)):
                        yield _version(rows, candidate).assign(item=item, rank=rank)


def _version(wide: pd.DataFrame, candidate: captions.Candidate) -> pd.DataFrame:
    parts = wide.reindex(columns=[term.caption for term in candidate]).dropna(how="all")
    needed = [term.caption for term in candidate if not term.optional]
    parts = parts.dropna(subset=needed) if needed else parts
    signs = [term.sign for term in candidate]
    tags = (
        [captions.named(candidate, row.dropna()) for _, row in parts.iterrows()]
        if len(candidate) > 1
        else candidate[0].caption
    )
    found = parts.index.to_frame(index=False).rename(columns={"end": "period_end", "filed": "known_on"})
    return found.assign(amount=(parts * signs).sum(axis=1).to_numpy(), tags=tags)


def _statements(versions: pd.DataFrame, file: str) -> tuple[pd.DataFrame, list[str]]:
    """Facts: per period the best tag filed so far, an amount only when it changes; and notes.

    Of two amounts filed on one day (a 10-K and its 10-K/A) the later filing's is kept.
    """
    key = ["item", "period_end", "months"]
    order = [*key, "known_on", "rank", "accn"]
    ordered = versions.sort_values(order, ascending=[True] * 4 + [False, True], kind="stable")
    ordered = ordered[ordered["rank"] == ordered.groupby(key)["rank"].cummin()]
    said = ordered.drop_duplicates([*key, "known_on", "rank", "amount"])
    twice = said.duplicated([*key, "known_on", "rank"]).sum()
    ordered = ordered.drop_duplicates([*key, "known_on"], keep="last")
    facts = ordered[ordered["amount"] != ordered.groupby(key)["amount"].shift()]
    sources = [f"{file} · {row.form} {row.accn} · {row.tags}" for row in facts.itertuples()]
    facts = facts.assign(source=sources, months=facts["months"].astype(int))
    notes = [f"{twice} amounts give way to another one filed on the same day"] if twice else []
    return facts[[*key, "amount", "known_on", "source"]].reset_index(drop=True), notes


def _unmapped(facts: pd.DataFrame, currency: str) -> dict[str, int]:
    """Monetary tags without a place, and how many facts each has."""
    money = facts[(facts["unit"] == currency) & ~facts["tag"].isin(_mapped_tags())]
    return dict(Counter(money["tag"]))
