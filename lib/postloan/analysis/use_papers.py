"""Flags on loan use that papers, progress and need show: U9 papers do not fit, U11 the project lags, U12 the loan does
not fit the need (DOMAIN.md §7). Each takes Facts and returns findings (use_facts.FOUND)."""

from __future__ import annotations

import numpy as np
import pandas as pd

from postloan.analysis.tracing import WAYS
from postloan.analysis.use_facts import Facts, found, nothing, number
from postloan.analysis.use_rules import LONG


def mismatched(facts: Facts) -> pd.DataFrame:
    """U9: paid more than the contract, an invoice entered twice, one cancelled after the drawdown and neither refunded
    nor replaced, or paid before there was a contract."""
    limits, spent = facts.how.flags.u9, facts.spent
    rows = spent[spent["inside"] & ~spent["own"] & spent["entity"].isin(facts.papers["entity"])]
    if rows.empty:
        return nothing()
    paid = _by_payee(rows)
    parts = (_over(paid, facts), _twice(paid, facts), _cancelled(paid, facts), _early(rows, facts))
    if not (wrong := [part for part in parts if len(part)]):
        return nothing()
    told = pd.concat(wrong, ignore_index=True)
    # what is wrong with one payee in several ways counts once
    told = told.sort_values("wrong", ascending=False, kind="stable")
    notes = told.groupby(["k", "entity"])["papers"].agg(", ".join)
    told = told.drop_duplicates(["k", "entity"]).set_index(["k", "entity"]).assign(papers=notes).reset_index()
    share = (told["wrong"] / told["raw"]).clip(upper=1)
    told = told.assign(**{way: told[way] * share for way in WAYS}, needed=limits.floor * facts.amount(told["k"]))
    told = told[told["fifo"].groupby(told["k"]).transform("sum") >= told["needed"] - 0.005]
    if told.empty:
        return nothing()
    since = told.pop("since")
    rows_of = told["row"]
    each = told.assign(row=rows_of.map(lambda many: many[0]))
    gathered = found(each, since=since)
    every = rows_of.groupby(told["k"]).agg(lambda lists: [row for many in lists for row in many])
    return gathered.assign(rows=every.reindex(gathered["k"]).to_numpy())


def _over(paid: pd.DataFrame, facts: Facts) -> pd.DataFrame:
    agreed = paid["entity"].map(facts.trade["contracts"])
    wrong = paid["raw"] - agreed
    told = paid.assign(wrong=wrong, since=paid["first"], papers="over_contract")
    return told[(paid["raw"] > agreed * (1 + facts.how.flags.u9.over)).to_numpy()]


def _twice(paid: pd.DataFrame, facts: Facts) -> pd.DataFrame:
    """Invoices of one number under two papers, by whoever bills them."""
    bills = facts.papers[(facts.papers["kind"] == "invoice") & facts.papers["cancelled_on"].isna()]
    bills = bills[bills["invoice_number"].notna() & (bills["invoice_number"] != "")]
    bills = bills[bills["dated_on"].pipe(number) <= facts.today]
    again = bills[bills.duplicated(["borrower_id", "invoice_number"])]
    return _papered(paid, again, "duplicate", number(again["dated_on"]))


def _papered(paid: pd.DataFrame, papers: pd.DataFrame, word: str, since: np.ndarray) -> pd.DataFrame:
    """What is wrong by entity: the papers' money, the day it began and which papers."""
    if papers.empty:
        return papers
    told = papers.assign(since=since, note=word + ":" + papers["paper_id"].astype(object))
    by = told.groupby("entity").agg(wrong=("amount", "sum"), since=("since", "min"), papers=("note", ", ".join))
    return paid.merge(by.reset_index(), on="entity")


def _cancelled(paid: pd.DataFrame, facts: Facts) -> pd.DataFrame:
    papers, near = facts.papers, 1 - facts.how.flags.u9.over
    off = papers[(papers["kind"] == "invoice") & papers["cancelled_on"].notna()]
    off = off.assign(on=number(off["cancelled_on"]))
    notes = papers[papers["kind"] == "credit_note"].assign(on=lambda rows: number(rows["dated_on"]))
    off = pd.concat([off, notes]).query("on <= @facts.today")
    if off.empty:
        return off
    both = paid[["k", "entity"]].merge(off, on="entity")
    both = both[both["on"] > facts.drawn["day"].to_numpy()[both["k"]]]
    if both.empty:
        return both
    made_good = _sent_back(both, facts) >= both["amount"] * near
    bills = papers[(papers["kind"] == "invoice") & papers["cancelled_on"].isna()]
    later = both.merge(bills[["entity", "amount", "dated_on", "paper_id"]], on="entity", suffixes=("", "_new"))
    later = later[
        (later["amount_new"] >= later["amount"] * near)
        & (later["dated_on_new"] >= later["dated_on"])
        & (number(later["dated_on_new"]) >= later["on"] - 7)
    ]
    pairs = pd.MultiIndex.from_frame(both[["entity", "paper_id"]].astype(object))
    replaced = pairs.isin(pd.MultiIndex.from_frame(later[["entity", "paper_id"]].astype(object)))
    open_ = both[~made_good & ~replaced]
    told = open_.assign(note="cancelled:" + open_["paper_id"].astype(object))
    by = told.groupby(["k", "entity"]).agg(wrong=("amount", "sum"), since=("on", "min"), papers=("note", ", ".join))
    return paid.merge(by.reset_index(), on=["k", "entity"])


def _sent_back(both: pd.DataFrame, facts: Facts) -> np.ndarray:
    """What the party paid in since the drawdown."""
    came = facts.inflows
    came = came[came["entity"].isin(both["entity"])].sort_values(["entity", "day"], kind="stable")
    keys, total = (came["entity"] * 1_000_000 + came["day"]).to_numpy(), np.append(0.0, came["amount"].cumsum())
    base = both["entity"].to_numpy() * 1_000_000
    begin = np.searchsorted(keys, base + facts.drawn["day"].to_numpy()[both["k"]])
    return total[np.searchsorted(keys, base + 999_999)] - total[begin]


def _by_payee(rows: pd.DataFrame) -> pd.DataFrame:
    """Payments of a drawdown added up by payee."""
    by = rows.groupby(["k", "entity"])
    sums = by[["amount", *WAYS]].sum().rename(columns={"amount": "raw"})
    about = {"first": by["day"].min(), "confidence": by["confidence"].max(), "row": by["row"].agg(list)}
    return sums.assign(**about).reset_index()


def _early(rows: pd.DataFrame, facts: Facts) -> pd.DataFrame:
    """Payments before the payee's first contract."""
    contract = rows["entity"].map(facts.trade["contract_from"])
    early = rows[(rows["day"] < contract).to_numpy()]
    if early.empty:
        return early
    by = _by_payee(early)
    return by.assign(wrong=by["raw"], since=by["first"], papers="before_contract")


def lagging(facts: Facts) -> tuple[pd.DataFrame, np.ndarray]:
    """U11: paid ahead of verified progress, or of the owners' own share; prepayments with papers taken off. Also
    whether it could be judged, by k."""
    limits, drawn = facts.how.flags.u11, facts.drawn
    seen = facts.rows["progress"]
    if seen.empty:
        return nothing(), np.zeros(len(drawn), dtype=bool)
    seen = seen[number(seen["seen_on"]) <= facts.today].sort_values("seen_on", kind="stable")
    key = pd.MultiIndex.from_frame(seen[["borrower_id", "loan_id"]].astype(object))
    wanted = pd.MultiIndex.from_frame(drawn[["borrower_id", "loan_id"]].astype(object))
    last = seen.set_axis(key)[~key.duplicated(keep="last")].reindex(wanted).set_axis(drawn.index)
    known = (last["verified_share"].notna() & last["paid_share"].notna()).to_numpy()
    prepaid = _prepaid(facts) / drawn["agreed"].fillna(drawn["amount"])
    lag = last["paid_share"] - last["verified_share"]
    lag = lag.where(lag - prepaid > limits.lag, 0)
    short = (last["paid_share"] - last["equity_paid_share"]).where(last["equity_paid_share"].notna(), 0)
    ahead = np.maximum(lag.where(lag > limits.lag, 0), short.where(short > limits.equity, 0)).fillna(0)
    hit = drawn[known & (ahead > 0)]
    hit = hit[
        hit["drawdown_id"] == hit.groupby(["borrower_id", "loan_id"])["drawdown_id"].transform("last")
    ]  # once a loan
    money = (ahead[hit.index] * hit["agreed"].fillna(hit["amount"])).clip(upper=hit["amount"])
    rows = pd.DataFrame(
        {"k": hit.index, "row": hit["row"], "since": number(last.loc[hit.index, "seen_on"]), "needed": 0.0}
    )
    rows = rows.assign(confidence=facts.how.confidence.direct, **dict.fromkeys(WAYS, money))
    return (found(rows, since="since") if len(rows) else nothing()), known


def _prepaid(facts: Facts) -> np.ndarray:
    """Drawn money paid in advance under a contract, by k."""
    spent = facts.spent
    rows = spent[spent["inside"] & facts.how.says(spent["memo"], "prepay") & (spent["covered"] > 0)]
    return rows.groupby("k")["fifo"].sum().reindex(facts.drawn.index).fillna(0).to_numpy()


def beyond(facts: Facts, need: pd.DataFrame | None) -> tuple[pd.DataFrame, np.ndarray]:
    """U12: working-capital loans above 1.1 × need (`need`: borrower_id, need in money), or paying for long assets
    beyond what is tolerated. Also whether the need was known, by k."""
    limits, drawn = facts.how.flags.u12, facts.drawn
    short = (drawn["product"] == "working_capital").to_numpy()
    needs = (
        need.drop_duplicates("borrower_id").set_index("borrower_id")["need"]
        if need is not None
        else pd.Series(dtype=float)
    )
    wanted = drawn["borrower_id"].map(needs).astype(float)
    owed = drawn["borrower_id"].map(owing(facts)).astype(float).fillna(0)
    over = (owed - wanted * limits.over_need).where(short & drawn["closed_on"].isna())
    latest = drawn["day"] == drawn["day"].where(short).groupby(drawn["borrower_id"]).transform("max")
    hit = drawn[(over > 0) & latest & ~drawn["borrower_id"].where(over > 0).duplicated()]
    money = (owed - wanted).clip(upper=drawn["amount"])[hit.index]
    rows = pd.DataFrame(
        {"k": hit.index, "row": hit["row"], "day": hit["day"], "confidence": facts.how.confidence.linked, "needed": 0.0}
    )
    rows = rows.assign(**dict.fromkeys(WAYS, money))
    spent = facts.spent
    long_ = spent[spent["inside"] & ~spent["own"] & short[spent["k"]] & _long_asset(facts)]
    floor = np.maximum(limits.long_use, limits.long_share * facts.amount(long_["k"]))
    long_ = long_.assign(needed=floor)[long_["fifo"].groupby(long_["k"]).transform("sum") > floor]
    parts = [part for part in (rows, long_[~long_["k"].isin(rows["k"])]) if len(part)]
    return (found(pd.concat(parts)) if parts else nothing()), wanted.notna().to_numpy() | ~short


def _long_asset(facts: Facts) -> pd.Series:
    spent = facts.spent
    return facts.how.says(spent["memo"], "long_asset") & spent["kind"].isin(
        ["supplier", "other", "related", "property"]
    )


def owing(facts: Facts) -> pd.Series:
    """Working-capital loans drawn and not repaid, by borrower; the whole book's, whatever was traced."""
    rows = facts.rows
    loans = rows["loans"][rows["loans"]["product"] == "working_capital"][["borrower_id", "loan_id"]]
    drawn = facts.rows["drawdowns"].merge(loans, on=["borrower_id", "loan_id"])
    repaid = facts.rows["repayments"].merge(loans, on=["borrower_id", "loan_id"])
    drawn, repaid = drawn[number(drawn["drawn_on"]) <= facts.today], repaid[number(repaid["paid_on"]) <= facts.today]
    return (
        drawn.groupby("borrower_id")["amount"].sum().sub(repaid.groupby("borrower_id")["principal"].sum(), fill_value=0)
    )


def no_progress(facts: Facts, known: np.ndarray) -> np.ndarray:
    """Drawdowns of projects whose progress nobody verified, by k."""
    return facts.drawn["product"].isin(LONG).to_numpy() & ~known
