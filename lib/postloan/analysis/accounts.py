"""How the borrower's accounts behave: money that customers really paid in, balances, payers, what only passes through.

Tables of the loan side in (loan_tables.LOAN_TABLES), frames out, for any number of borrowers; spans and tolerances are
in params/account_behaviour.yml (DOMAIN.md §6 B3, §2.6).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd
from pydantic import Field

from postloan import settings, tables
from postloan.analysis import parties, use_facts, use_params
from postloan.analysis.use_facts import Reading, number
from postloan.strict import Strict

TABLES = ("loans", "drawdowns", "transactions", "parties", "papers", "guarantors")
SEEN = [*tables.SEEN, "measured_on"]
SOURCES = ("effective", "own", "loan", "related", "round_trip", "refund", "interest")
SUMMARY = [
    "borrower_id", "from_on", "to_on", "inflow", *SOURCES, "revenue", "collection_share", "collection_reason",
    "revenue_until", "to_collection", "average", "closing", "average_before", "average_change", "change_reason",
    "payers", "top_share", "top_five_share", "pass_through_share", "untraded_related_share", "dormant",
]  # fmt: skip
ACCOUNTS = [
    "borrower_id", "account", "currency", "role", "first_on", "last_on", "rows", "average", "closing", "average_before",
    "inflow", "outflow", "quiet_days", "dormant", "continuous",
]  # fmt: skip
PAYERS = ["borrower_id", "name", "amount", "share"]
_DAYS, _DAY = 100_000, 1_000_000  # more days than any statement has, and more steps of amounts on one


class _Pairing(Strict):
    days: int = Field(ge=0, le=366)
    near: float = Field(gt=0, lt=1)


class _Words(Strict):
    loan: list[str] = Field(min_length=1)
    refund: list[str] = Field(min_length=1)


class Spans(Strict):
    """params/account_behaviour.yml."""

    look_back_days: int = Field(gt=0)
    balance_days: int = Field(gt=0)
    dormant_days: int = Field(gt=0)
    gap_days: int = Field(ge=0)
    vat: float = Field(ge=0, lt=1)
    rounding: float = Field(ge=0)
    round_trip: _Pairing
    pass_through: _Pairing
    related_floor: float = Field(ge=0, lt=1)
    top_payers: int = Field(gt=0)
    words: _Words
    basis: str


@cache
def load() -> Spans:
    """params/account_behaviour.yml, checked; RuleError names what is wrong."""
    path = settings.params("account_behaviour.yml")
    return settings.checked(Spans, settings.load_yaml(path), path)


@dataclass(frozen=True)
class Behaviour:
    """summary (SUMMARY, a row a borrower with accounts), accounts (ACCOUNTS), payers (PAYERS, the largest of each).

    Money in the accounts' currency; a share that cannot be formed is blank, with its reason beside it.
    """

    summary: pd.DataFrame
    accounts: pd.DataFrame
    payers: pd.DataFrame


def check(
    rows: dict[str, pd.DataFrame],
    as_of: str | pd.Timestamp,
    *,
    revenue: pd.DataFrame | None = None,
    known: Reading | None = None,
) -> Behaviour:
    """Account behaviour up to `as_of`; `revenue` (borrower_id, period_end, revenue of twelve months, without tax) is
    what collections are held against, over the twelve months up to its own period end; `known` is `use_facts.read` of
    the same rows, if done already."""
    how, day = load(), pd.Timestamp(as_of)
    known = known or use_facts.read(rows, day, use_params.load())
    moved = _own_rows(known)
    today = int(number(pd.Series([day]))[0])
    moved = moved.assign(source=_sources(moved, rows, how))
    told = _accounts(moved, rows, known.ledger.opening, today, how)
    payers = _payers(moved, today, how)
    parts = [
        _inflows(moved, rows, revenue, today, how), _balances(told), _concentration(payers),
        _passing(moved, today, how), _related(moved, known, rows["parties"], today, how),
    ]  # fmt: skip
    summary = pd.concat(parts, axis=1).rename_axis("borrower_id").reset_index()
    summary = summary.assign(from_on=day - pd.Timedelta(days=how.look_back_days), to_on=day).reindex(columns=SUMMARY)
    return Behaviour(summary, told[ACCOUNTS], _largest(payers, how))


def _own_rows(known: Reading) -> pd.DataFrame:
    """Transactions on the borrowers' own accounts with who the counterparty is."""
    moved = known.ledger.rows
    about = known.matched.iloc[known.at[: len(moved)]][["relation", "party_kind", "name"]].set_axis(moved.index)
    rows = pd.concat([moved, about], axis=1)[known.owner[moved["account_code"]] >= 0]
    ours = np.where(rows["other"] >= 0, known.owner[rows["other"]], -1)
    rows["own"] = rows["relation"].eq("own") | (ours == known.owner[rows["account_code"]])
    return rows


def _says(texts: pd.Series, words: list[str]) -> pd.Series:
    return texts.fillna("").str.contains("|".join(map(re.escape, words)), case=False, regex=True)


def _sources(moved: pd.DataFrame, rows: dict[str, pd.DataFrame], how: Spans) -> pd.Series:
    """What each payment in is (SOURCES); blank for payments out."""
    got = moved[~moved["out"]]
    kind = got["counterparty_kind"].astype(object).where(got["counterparty_kind"].notna(), got["party_kind"])
    lender = kind.isin(["bank", "non_bank_lender"]) | got["relation"].eq("lender")
    drawn = rows["drawdowns"][["borrower_id", "drawn_on", "amount"]].drop_duplicates()
    keys = pd.MultiIndex.from_arrays([drawn["borrower_id"].astype(object), number(drawn["drawn_on"]), drawn["amount"]])
    credit = pd.MultiIndex.from_arrays([got["borrower_id"].astype(object), got["day"], got["amount"]]).isin(keys)
    cases = {
        "own": got["own"],
        "interest": got["channel"].eq("interest"),
        "loan": lender | credit | _says(got["memo"], how.words.loan),
        "related": got["relation"].isin(parties.RELATED),
        "refund": _says(got["memo"], how.words.refund),
        "round_trip": _round_trips(moved, how.round_trip),
    }
    found = np.select([np.asarray(part, dtype=bool) for part in cases.values()], list(cases), "effective")
    return pd.Series(found, got.index, dtype=object).reindex(moved.index)


def _step(amounts: pd.Series, near: float) -> np.ndarray:
    """Amounts in steps as wide as `near`, so that about equal ones share a step."""
    return np.floor(np.log(amounts.clip(lower=0.01)) / np.log1p(near)).to_numpy()


def _round_trips(moved: pd.DataFrame, how: _Pairing) -> pd.Series:
    """Money in from a party that was paid about as much shortly before."""
    rows = moved.assign(step=_step(moved["amount"], how.near))[["out", "entity", "step", "day"]].reset_index(
        names="row"
    )
    rows = rows[rows["entity"] >= 0].sort_values("day", kind="stable")
    got, paid = rows[~rows["out"]], rows[rows["out"]].assign(paid=lambda all_: all_["day"])
    hit = np.zeros(len(moved), dtype=bool)
    for shift in (-1, 0, 1):
        mine = paid.assign(step=paid["step"] + shift)[["entity", "step", "day", "paid"]]
        both = pd.merge_asof(got, mine, on="day", by=["entity", "step"], tolerance=how.days)
        hit |= moved.index.isin(both.loc[both["paid"].notna(), "row"])
    return pd.Series(hit, moved.index)[~moved["out"]]


def _accounts(
    moved: pd.DataFrame, rows: dict[str, pd.DataFrame], opening: pd.Series, today: int, how: Spans
) -> pd.DataFrame:
    """One row an account (ACCOUNTS): averages of daily closing balances now and a year ago, movement, silence."""
    by = moved.groupby("account_code")
    daily = _daily(moved, opening)
    live = moved[~moved["channel"].isin(["interest", "fee"])].groupby("account_code")["day"].max()
    about = {name: by[name].first() for name in ("borrower_id", "account")}
    about |= {"currency": by["currency"].last(), "first": by["day"].min(), "last_on": by["booked_on"].max()}
    told = pd.DataFrame(about | {"first_on": by["booked_on"].min(), "rows": by.size()})
    recent = moved[moved["day"] > today - how.look_back_days]
    sums = recent.groupby(["account_code", "out"])["amount"].sum().unstack(fill_value=0).reindex(columns=[False, True])
    told["inflow"], told["outflow"] = (sums[out].reindex(told.index).fillna(0) for out in (False, True))
    told["average"] = _average(daily, told["first"], today, how.balance_days)
    told["average_before"] = _average(daily, told["first"], today - 365, how.balance_days)
    told["closing"] = daily.groupby("account_code")["closing"].last()
    told["quiet_days"] = today - live.reindex(told.index)
    told["dormant"] = ~(told["quiet_days"] <= how.dormant_days)
    told["continuous"] = _continuous(daily, how.rounding)
    return told.assign(role=_roles(told, rows)).reset_index(drop=True)


def _daily(moved: pd.DataFrame, opening: pd.Series) -> pd.DataFrame:
    """The end of each day with entries, by account: after (sum of all entries), entries (count), stated (of the day's
    balances the nearest to the sum, as the order within a day is unknown) and closing (stated, or the sum). `opening`
    by account."""
    by = moved.groupby("account_code")
    after, key = by["signed"].cumsum(), [moved["account_code"], moved["day"]]
    end = after.groupby(key).transform("last") + moved["account_code"].map(opening)
    off = (moved["balance"] - end).abs()
    nearest = moved["balance"].where(off == off.groupby(key).transform("min")).groupby(key).transform("first")
    rows = moved.assign(after=after, entries=by.cumcount() + 1, stated=nearest, closing=nearest.fillna(end))
    return rows[~moved.duplicated(["account_code", "day"], keep="last")]


def _average(daily: pd.DataFrame, first: pd.Series, until: int, days: int) -> pd.Series:
    """Mean of the closing balances of so many days up to a day, by account; blank where it began later."""
    begin = until - days + 1
    rows = daily[daily["day"] <= until]
    next_day = rows.groupby("account_code")["day"].shift(-1).fillna(until + 1)
    held = (np.minimum(next_day, until + 1) - np.maximum(rows["day"], begin)).clip(lower=0)
    total = (rows["closing"] * held).groupby(rows["account_code"]).sum(min_count=1) / days
    return total.where(first.reindex(total.index) <= begin).reindex(first.index)


def _continuous(daily: pd.DataFrame, rounding: float) -> pd.Series:
    """Share of days whose stated balance is that of the day before and the day's entries, by account, each entry
    rounded by the bank; blank without two balances."""
    told = daily[daily["stated"].notna()]
    by = told.groupby("account_code")
    moved = told["after"] - by["after"].shift()
    entries = told["entries"] - by["entries"].shift()
    off = (told["stated"] - by["stated"].shift() - moved).abs() - rounding * (entries + 1)
    return (off <= 1e-6).where(off.notna()).astype(float).groupby(told["account_code"]).mean()


def _roles(told: pd.DataFrame, rows: dict[str, pd.DataFrame]) -> np.ndarray:
    """collection, loan or other, by what the loans name."""
    named, ours = rows["loans"], [*zip(told["borrower_id"], told["account"], strict=True)]
    marks = []
    for column in ("collection_account", "account"):
        wanted = set(zip(named["borrower_id"], named[column], strict=True))
        marks.append(np.array([pair in wanted for pair in ours], dtype=bool))
    return np.select(marks, ["collection", "loan"], "other")


def _inflows(
    moved: pd.DataFrame, rows: dict[str, pd.DataFrame], revenue: pd.DataFrame | None, today: int, how: Spans
) -> pd.DataFrame:
    """Money in by what it is, and the part of revenue that came through, by borrower."""
    got = moved[~moved["out"] & (moved["day"] > today - how.look_back_days)]
    told = got.groupby(["borrower_id", "source"])["amount"].sum().unstack(fill_value=0.0)
    borrowers = pd.Index(moved["borrower_id"].unique(), name="borrower_id")
    told = told.reindex(index=borrowers, columns=[*SOURCES]).fillna(0.0)
    collecting = rows["loans"][["borrower_id", "collection_account"]].dropna()
    wanted = pd.MultiIndex.from_frame(collecting.astype(object))
    here = pd.MultiIndex.from_frame(got[["borrower_id", "account"]].astype(object)).isin(wanted)
    real = got["source"] == "effective"
    named = told.index.isin(collecting["borrower_id"])
    into = got[real & here].groupby("borrower_id")["amount"].sum().reindex(told.index).fillna(0)
    told = told.assign(
        inflow=told.sum(axis=1), to_collection=(into / told["effective"]).where(named & (told["effective"] > 0))
    )
    return told.join(_collected(moved, revenue, told.index, how))


def _collected(moved: pd.DataFrame, revenue: pd.DataFrame | None, borrowers: pd.Index, how: Spans) -> pd.DataFrame:
    if revenue is None or revenue.empty:
        blank = pd.Series(np.nan, borrowers)
        none = pd.Series(pd.NaT, borrowers, dtype="datetime64[us]")
        return pd.DataFrame(
            {"revenue": blank, "revenue_until": none, "collection_share": blank, "collection_reason": "no_revenue"}
        )
    known = revenue.dropna(subset=["revenue"]).sort_values("period_end").drop_duplicates("borrower_id", keep="last")
    known = known.set_index("borrower_id").reindex(borrowers)
    end = pd.Series(number(known["period_end"]), borrowers)
    until = moved["borrower_id"].map(end).astype(float)  # none moved: no kind of its own
    real = (moved["source"] == "effective") & (moved["day"] > until - 365) & (moved["day"] <= until)
    money = moved[real].groupby("borrower_id")["amount"].sum().reindex(borrowers).fillna(0)
    first = moved.groupby("borrower_id")["day"].min().reindex(borrowers)
    reason = np.select([~(known["revenue"] > 0), first > end - 365 + how.gap_days], ["no_revenue", "short_history"], "")
    share = (money / (known["revenue"] * (1 + how.vat))).where(reason == "")
    told = {"revenue": known["revenue"], "revenue_until": known["period_end"], "collection_share": share}
    return pd.DataFrame(told | {"collection_reason": reason})


def _balances(told: pd.DataFrame) -> pd.DataFrame:
    """Averages and the last balance over all accounts of a borrower, and the change on the year."""
    by = told.groupby("borrower_id")
    sums = by[["average", "closing", "average_before"]].sum(min_count=1)
    before = sums["average_before"]
    fits = (before > 0) & sums["average"].notna()
    change = sums["average"] / before.where(fits) - 1
    return sums.assign(
        average_change=change, change_reason=np.where(fits, "", "short_history"), dormant=by["dormant"].sum()
    )


def _payers(moved: pd.DataFrame, today: int, how: Spans) -> pd.DataFrame:
    """Money really paid in by payer over the look-back, with its share of all such."""
    got = moved[(moved["source"] == "effective") & (moved["day"] > today - how.look_back_days) & (moved["entity"] >= 0)]
    by = got.groupby(["borrower_id", "entity"])
    told = pd.DataFrame({"name": by["name"].first(), "amount": by["amount"].sum()}).reset_index()
    told["share"] = told["amount"] / told.groupby("borrower_id")["amount"].transform("sum")
    return told.sort_values(["borrower_id", "amount"], ascending=[True, False], kind="stable", ignore_index=True)


def _concentration(payers: pd.DataFrame) -> pd.DataFrame:
    by = payers.groupby("borrower_id")["share"]
    five = payers.groupby("borrower_id").head(5).groupby("borrower_id")["share"].sum()
    return pd.DataFrame({"payers": by.size(), "top_share": by.max(), "top_five_share": five})


def _largest(payers: pd.DataFrame, how: Spans) -> pd.DataFrame:
    return payers.groupby("borrower_id").head(how.top_payers).reset_index(drop=True)[PAYERS]


def _passing(moved: pd.DataFrame, today: int, how: Spans) -> pd.Series:
    """The share of money in (but loans and own transfers) that left the same account at once, in about its amount."""
    rows = moved[(moved["day"] > today - how.balance_days) & ~moved["own"]]
    got = rows[~rows["out"] & ~rows["source"].isin(["loan", "own", "interest"])]
    keys, amounts = _keys(rows, how.pass_through), rows["amount"].to_numpy(float)
    left, paid = (np.flatnonzero(part) for part in (rows.index.isin(got.index), rows["out"]))
    passed = np.zeros(len(rows))
    for lag in range(how.pass_through.days + 1):
        for shift in (0, -1, 1):
            came, went = _alike(keys[left] + lag * _DAY + shift, keys[paid])
            passed[left[came]] = np.minimum(amounts[left[came]], amounts[paid[went]])
            left, paid = np.delete(left, came), np.delete(paid, went)
    through = pd.Series(passed, rows.index)[got.index]
    total = got.groupby("borrower_id")["amount"].sum()
    return (through.groupby(got["borrower_id"]).sum() / total.where(total > 0)).rename("pass_through_share")


def _keys(rows: pd.DataFrame, how: _Pairing) -> np.ndarray:
    """Account, day and step of the amount in one number."""
    return (rows["account_code"] * _DAYS + rows["day"]).to_numpy() * _DAY + _step(rows["amount"], how.near).astype(int)


def _alike(left: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Places of equal keys in both, the first of one with the first of the other, the second with the second."""
    codes = pd.factorize(np.concatenate([left, right]))[0]
    parts = (codes[: len(left)], codes[len(left) :])
    keys = [part * len(codes) + pd.Series(part).groupby(part).cumcount().to_numpy() for part in parts]
    return np.intersect1d(*keys, assume_unique=True, return_indices=True)[1:]


def _related(moved: pd.DataFrame, known: Reading, book: pd.DataFrame, today: int, how: Spans) -> pd.Series:
    """Of payments to related parties over the look-back, the share no papers cover: zero where they are too few, blank
    where nobody is known to be related."""
    paid = moved[moved["out"] & (moved["day"] > today - how.look_back_days) & ~moved["own"]]
    total = paid.groupby("borrower_id")["amount"].sum()
    mine = paid[paid["relation"].isin(parties.RELATED)]
    by = mine.groupby(["borrower_id", "entity"])["amount"].sum()
    bare = (by - by.index.get_level_values("entity").map(known.trade["covered"]).fillna(0).to_numpy()).clip(lower=0)
    all_, open_ = (part.groupby("borrower_id").sum().reindex(total.index).fillna(0) for part in (by, bare))
    share = (open_ / all_.where(all_ > how.related_floor * total)).fillna(0.0)
    listed = book.loc[book["relation"].isin(parties.RELATED), "borrower_id"]
    return share.where(share.index.isin(listed)).rename("untraded_related_share")


def observations(told: Behaviour, as_of: str | pd.Timestamp) -> pd.DataFrame:
    """What accounts say as observations (SEEN): collection_share, average_balance_change, pass_through_share and
    untraded_related_share; what could not be formed is not said. `measured_on` is the end of the period of the revenue
    collected, or the last entry of any account: an officer's later word goes before it."""
    metrics = {
        "collection_share": ("collection_share", "revenue_until"),
        "average_balance_change": ("average_change", "last_on"),
        "pass_through_share": ("pass_through_share", "last_on"),
        "untraded_related_share": ("untraded_related_share", "last_on"),
    }
    about = told.summary.join(told.accounts.groupby("borrower_id")["last_on"].max(), on="borrower_id")
    parts = [
        about.assign(metric=metric, value=about[column], measured_on=about[until])
        for metric, (column, until) in metrics.items()
    ]
    seen = pd.concat(parts, ignore_index=True).dropna(subset="value")
    return seen.assign(observed_on=pd.Timestamp(as_of), source="account statements")[SEEN]
