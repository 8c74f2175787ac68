"""Flags on loan use that payments show: U1 comes back, U3 cash-out, U4 forbidden sinks, U5 split, U6 repays loans, U7
lies idle, U8 payee does not fit, U10 timing (DOMAIN.md §7). Each takes Facts and returns findings (use_facts.FOUND)."""

from __future__ import annotations

import numpy as np
import pandas as pd

from postloan.analysis.tracing import WAYS
from postloan.analysis.use_facts import Facts, found, nothing, number

_ROWS = 6  # returning transfers kept as evidence for a payee
_BIG = 1_000_000  # more days than any calendar has: keys of (group, day)
TRADE = ("supplier", "other")  # kinds that ought to be the payees agreed upon
LONG = ("fixed_asset", "project")


def _worth(rows: pd.DataFrame, facts: Facts, share: float) -> pd.DataFrame:
    """The rows of drawdowns for which they make at least that share of it, with what was needed."""
    needed = share * facts.amount(rows["k"])
    total = rows["fifo"].groupby(rows["k"]).transform("sum")
    return rows.assign(needed=needed)[total >= needed - 0.005]


def back(facts: Facts, days: int, within: int | None = None) -> pd.DataFrame:
    """What payees (with those tied to them) sent back to the borrower's side within so many days of being paid.

    One row a drawdown and payee group: k, group, raw (paid to it), fifo, lifo, prorata (drawn money in that), first and
    last (days paid), returned (money back, refunds with papers taken off), begin and end (places in `facts.inflows`).
    `within` leaves out payments later than so many days after the drawdown.
    """
    paid = facts.first_hop
    paid = paid[(paid["group"] >= 0) & ((paid["days"] <= within) if within else True)]
    by = paid.groupby(["k", "group"])
    sums, day = by[["amount", *WAYS]].sum().rename(columns={"amount": "raw"}), by["day"]
    told = sums.assign(first=day.min(), last=day.max(), confidence=by["confidence"].mean()).reset_index()
    keys, total = _inflow_keys(facts)
    told["begin"] = np.searchsorted(keys, told["group"] * _BIG + told["first"])
    told["end"] = np.searchsorted(keys, told["group"] * _BIG + told["last"] + days, side="right")
    came = total[told["end"]] - total[told["begin"]]
    refunds, covered = facts.by_group
    net = np.maximum(came - told["group"].map(refunds).fillna(0).to_numpy() * (1 + facts.how.flags.u1.near), 0)
    trade = told["group"].map(covered).fillna(0).to_numpy()
    traded = trade >= (told["raw"] + net) * (1 - facts.how.flags.u1.near)
    return told.assign(returned=np.where(traded, 0.0, net))


def _inflow_keys(facts: Facts) -> tuple[np.ndarray, np.ndarray]:
    rows = facts.inflows
    return (rows["group"] * _BIG + rows["day"]).to_numpy(), np.append(0.0, rows["amount"].cumsum())


def returns(facts: Facts) -> pd.DataFrame:
    """U1: half of what a payee got comes back within 30 days, goes to related parties without trade, or is seen
    coming home through accounts we can read."""
    limits = facts.how.flags.u1
    told = back(facts, limits.days)
    told = told[(told["returned"] >= limits.back * told["raw"] * (1 - limits.near)) & (told["returned"] > 0)]
    parts = [part for part in (_returned(facts, told), _direct(facts, told), _home(facts, told)) if len(part)]
    if not parts:
        return nothing()
    rows = _worth(pd.concat(parts), facts, limits.floor)
    if rows.empty:
        return nothing()
    seen = _came(facts, told[told["k"].isin(rows["k"])])
    late = rows.groupby("k")["day"].min()
    first = seen.groupby("k")["day"].min().reindex(late.index).fillna(late)  # known from the first return on
    gathered = found(rows.assign(needed=limits.floor * facts.amount(rows["k"])))
    back_rows = seen.groupby("k")["row"].agg(list).reindex(gathered["k"])
    ids = [
        mine + (more if isinstance(more, list) else []) for mine, more in zip(gathered["rows"], back_rows, strict=True)
    ]
    return gathered.assign(since=first.reindex(gathered["k"]).to_numpy(), rows=ids)


def _returned(facts: Facts, told: pd.DataFrame) -> pd.DataFrame:
    """The payments to those who sent money back, as far as it came."""
    if told.empty:
        return told
    scale = (told["returned"] / told["raw"]).clip(upper=1)
    paid = facts.first_hop.merge(told[["k", "group"]].assign(scale=scale), on=["k", "group"])
    return paid.assign(**{way: paid[way] * paid["scale"] for way in WAYS})


def _came(facts: Facts, told: pd.DataFrame) -> pd.DataFrame:
    """The largest transfers back by finding: k, row, day."""
    came = facts.inflows
    shown = [came.iloc[row.begin : row.end].nlargest(_ROWS, "amount").assign(k=row.k) for row in told.itertuples()]
    return (
        pd.concat(shown).reset_index(names="row")[["k", "row", "day"]]
        if shown
        else came[["day"]].assign(k=0, row=0)[:0]
    )


def _without(rows: pd.DataFrame, told: pd.DataFrame) -> pd.DataFrame:
    """The rows of other payee groups than those told already."""
    have = set(zip(told["k"], told["group"], strict=True))
    known = [pair in have for pair in zip(rows["k"], rows["group"], strict=True)]
    return rows[~np.array(known, dtype=bool)]


def _direct(facts: Facts, told: pd.DataFrame) -> pd.DataFrame:
    """Payments to related parties as far as no papers cover them."""
    rows = facts.first_hop
    rows = _without(rows[rows["kind"] == "related"], told)
    raw = rows["amount"].groupby([rows["k"], rows["entity"]]).transform("sum")
    bare = (1 - rows["covered"] / raw).clip(lower=0)
    return rows[bare > facts.how.flags.u1.near].assign(**{way: rows[way] * bare for way in WAYS})


def _home(facts: Facts, told: pd.DataFrame) -> pd.DataFrame:
    """Money that outsiders whose accounts we can read sent home or to related parties, tagged all the way."""
    spent = facts.spent
    moved = facts.ledger.rows
    home = ~spent["inside"] & (spent["payee_owner"] == spent["home"]) & (spent["pair"] >= 0)
    near = spent[~spent["inside"] & ~home & (spent["kind"] == "related") & (spent["covered"] < spent["amount"])]
    rows = spent[home]  # who sent it, as the borrower's own account names them
    rows = rows.assign(group=moved["group"].to_numpy()[rows["pair"]], entity=moved["entity"].to_numpy()[rows["pair"]])
    rows = _without(rows, told)
    return pd.concat([rows[facts.covered(rows["entity"]) < rows["amount"]], near])


def cash(facts: Facts) -> pd.DataFrame:
    """U3: cash withdrawals and payments to persons, a tenth of the drawdown or 50,000 at once; wages and persons with
    papers left out."""
    limits, rows = facts.how.flags.u3, facts.spent
    rows = rows[rows["kind"].isin(["cash", "individual"])]
    raw = rows["amount"].groupby([rows["k"], rows["entity"]]).transform("sum")
    rows = rows[(rows["covered"] < raw) | (rows["kind"] == "cash")]
    needed = np.minimum(limits.share * facts.amount(rows["k"]), limits.single)
    total, largest = (rows["fifo"].groupby(rows["k"]).transform(how) for how in ("sum", "max"))
    fires = (total >= limits.share * facts.amount(rows["k"])) | (largest >= limits.single)
    return found(rows.assign(needed=needed)[fires])


def sinks(facts: Facts) -> pd.DataFrame:
    """U4: money reaches securities, funds, equity, dividends or property, here or in a related account; land and
    buildings of a fixed-asset loan's agreed payee are what it is for."""
    rows = facts.spent[facts.spent["kind"].isin(["securities", "equity", "property"])]
    product = facts.drawn["product"].to_numpy(object)[rows["k"]]
    agreed = (rows["kind"] == "property") & np.isin(product, LONG) & (rows["on_contract"].eq(1) | (rows["covered"] > 0))
    return found(_worth(rows[~agreed], facts, facts.how.flags.u4.floor))


def split(facts: Facts) -> pd.DataFrame:
    """U5: payments to one payee (or one controller's) within five working days, each below the entrusted amount and
    together above it, or two and more just below it; staged delivery under an earlier contract left out."""
    limits, rows = facts.how.flags.u5, facts.first_hop
    rows = rows[rows["kind"].isin([*TRADE, "related", "individual"]) & (rows["group"] >= 0)]
    above = facts.drawn["above"].to_numpy(float)[rows["k"]]
    rows = rows.assign(above=above)[rows["amount"].to_numpy() <= above]
    if rows.empty:
        return nothing()
    rows = rows.sort_values(["k", "group", "day", "row"], kind="stable")
    workday = np.busday_count("1970-01-01", rows["day"].to_numpy().astype("datetime64[D]"))
    block = pd.factorize(pd.MultiIndex.from_frame(rows[["k", "group"]]))[0] * _BIG
    keys = block + workday
    end = np.searchsorted(keys, keys + limits.working_days, side="right")
    begin = np.searchsorted(keys, keys, side="left")  # a run starts with its first day
    near = ((rows["amount"] >= limits.near * rows["above"]) & (rows["amount"] < rows["above"])).to_numpy()
    money, count = np.append(0.0, rows["amount"].cumsum()), np.append(0, near.cumsum())
    runs = (money[end] - money[begin] > rows["above"].to_numpy() + 0.005) & (end - begin > 1)
    runs |= count[end] - count[begin] >= limits.times
    marks = np.bincount(begin[runs], minlength=len(rows) + 1) - np.bincount(end[runs], minlength=len(rows) + 1)
    hit = rows[marks.cumsum()[:-1] > 0]
    return found(hit[~_staged(hit, facts)])


def _staged(hit: pd.DataFrame, facts: Facts) -> np.ndarray:
    """Delivery in stages: one contract of the payee, made before the first payment, covers them all and more than one
    invoice was billed. Several small contracts are no stages."""
    papers = facts.papers[facts.papers["kind"] == "contract"]
    by = hit.groupby(["k", "entity"])
    by = pd.DataFrame({"raw": by["amount"].sum(), "first": by["day"].min()}).reset_index()
    both = by.merge(papers.assign(on=number(papers["dated_on"]))[["entity", "amount", "on"]], on="entity")
    near = 1 - facts.how.flags.u9.over
    fits = both[(both["on"] <= both["first"]) & (both["amount"] >= both["raw"] * near)]
    bills = facts.papers[facts.papers["kind"] == "invoice"].groupby("entity").size()
    fits = set(fits.loc[fits["entity"].map(bills) > 1, ["k", "entity"]].itertuples(index=False, name=None))
    return np.array([pair in fits for pair in zip(hit["k"], hit["entity"], strict=True)], dtype=bool)


def lenders(facts: Facts) -> pd.DataFrame:
    """U6: within 30 days the money repays other loans, here or elsewhere; a refinancing agreed as the purpose and
    instalments of the loan itself are left out."""
    limits, rows = facts.how.flags.u6, facts.spent
    backing = (rows["relation"] == "guarantor") & (rows["covered"] <= 0) & ~rows["own"]
    rows = rows[((rows["kind"] == "lender") | backing) & (rows["days"] <= limits.days)]
    agreed = facts.how.says(facts.drawn["purpose"], "refinancing").to_numpy()[rows["k"]]
    rows = rows[~agreed]
    repaid = facts.rows["repayments"]
    own = pd.MultiIndex.from_arrays(
        [
            repaid["borrower_id"].astype(object),
            repaid["loan_id"].astype(object),
            np.rint((repaid["principal"] + repaid["interest"]) * 100),
        ]
    )
    loan = facts.drawn.loc[rows["k"], ["borrower_id", "loan_id"]].astype(object)
    mine = pd.MultiIndex.from_arrays([loan["borrower_id"], loan["loan_id"], np.rint(rows["amount"] * 100)])
    return found(_worth(rows[~mine.isin(own)], facts, limits.floor))


def idle(facts: Facts) -> pd.DataFrame:
    """U7: four fifths unspent after 30 days, or a fifth moved to deposits; milestones of a project left out."""
    limits, drawn = facts.how.flags.u7, facts.drawn
    early = facts.first_hop
    early = early[early["days"] <= limits.days]
    used = early[early["kind"] != "deposit"].groupby("k")[list(WAYS)].sum().reindex(drawn.index).fillna(0)
    left = used.rsub(drawn["amount"], axis=0).clip(lower=0)
    late = facts.told & (drawn["day"] + limits.days <= facts.today).to_numpy()
    hit = late & (left["fifo"] >= limits.unspent * drawn["amount"]) & ~_milestones(facts, left["fifo"])
    rows = left[hit].assign(k=lambda all_: all_.index, row=drawn["row"], day=drawn["day"] + limits.days)
    rows = rows.assign(confidence=facts.how.confidence.direct, needed=limits.unspent * drawn["amount"])
    spent = facts.spent
    kept = _worth(spent[(spent["kind"] == "deposit") & spent["inside"]], facts, limits.deposit)
    return found(pd.concat([rows, kept[~kept["k"].isin(rows["k"])]])) if len(rows) or len(kept) else nothing()


def _milestones(facts: Facts, left: pd.Series) -> pd.Series:
    """Loans for long assets whose contracts still have at least that much to be paid, or whose progress is verified."""
    drawn, papers = facts.drawn, facts.papers
    key = pd.MultiIndex.from_frame(drawn[["borrower_id", "loan_id"]].astype(object))
    contracts = papers[papers["kind"] == "contract"].groupby(["borrower_id", "loan_id"])["amount"].sum()
    due = np.array([contracts.get(pair, 0.0) for pair in key])
    seen = pd.MultiIndex.from_frame(facts.rows["progress"][["borrower_id", "loan_id"]].astype(object))
    return drawn["product"].isin(LONG) & ((due >= left) | key.isin(seen))


def strangers(facts: Facts) -> pd.DataFrame:
    """U8: a tenth of the drawdown goes to a payee that was not agreed, is under six months old, does something else,
    or shares address, phone or controller with the borrower."""
    limits, rows = facts.how.flags.u8, facts.first_hop
    rows = rows[rows["kind"].isin(TRADE)]
    agreed = rows["on_contract"].eq(1) | (rows["covered"] > 0)
    born = (rows["founded_on"] - pd.Timestamp("1970-01-01")).dt.days
    young = (born > facts.drawn["day"].to_numpy()[rows["k"]] - limits.young_days) & ~rows["on_contract"].eq(1)
    listed = facts.drawn["borrower_id"].isin(lists(facts)).to_numpy()[rows["k"]]
    odd = (~agreed & listed) | young | (rows["tie"] != "") | facts.how.says(rows["scope"], "unrelated_scope")
    sum_ = rows["fifo"].groupby([rows["k"], rows["entity"]]).transform("sum")
    needed = limits.share * facts.amount(rows["k"])
    return found(rows.assign(needed=needed)[odd & (sum_ >= needed - 0.005)])


def lists(facts: Facts) -> set[str]:
    """Borrowers of whom we know agreed payees, by the parties or by contracts."""
    papers, book = facts.papers, facts.rows["parties"]
    return {
        *book.loc[book["on_contract"] == 1, "borrower_id"],
        *papers.loc[papers["kind"] == "contract", "borrower_id"],
    }


def newcomers(facts: Facts) -> pd.DataFrame:
    """Payments on the drawdown's way to payees never paid before it who are neither agreed nor backed by papers."""
    rows, moved = facts.first_hop, facts.ledger.rows
    first = moved.loc[moved["out"], ["entity", "day"]].groupby("entity")["day"].min()
    rows = rows[
        rows["kind"].isin([*TRADE, "related", "individual"]) & ~rows["on_contract"].eq(1) & (rows["covered"] <= 0)
    ]
    fresh = rows["entity"].map(first) >= facts.drawn["day"].to_numpy()[rows["k"]]
    return rows[fresh & facts.history[rows["k"]]]


def hurried(facts: Facts) -> pd.DataFrame:
    """U10: paid on the day to a payee never paid before, or a payee passes on nine tenths by the next day; agents left
    out."""
    limits, spent = facts.how.flags.u10, facts.first_hop
    agent = spent["counterparty_kind"].eq("payment_agent") | spent["party_kind"].eq("payment_agent")
    agent |= facts.how.says(spent["scope"], "agency") & spent["on_contract"].eq(1)
    new = newcomers(facts)
    rows = pd.concat([new[new["days"] == 0], _passed_on(facts, spent[spent["kind"].isin([*TRADE, "related"])])])
    rows = rows[~rows.index.duplicated() & ~agent.reindex(rows.index)]
    return found(_worth(rows, facts, limits.floor))


def _passed_on(facts: Facts, rows: pd.DataFrame) -> pd.DataFrame:
    """Payments that made up most of what a payee we can read got, and left it again at once."""
    limits, moved = facts.how.flags.u10, facts.ledger.rows
    rows = rows[(rows["pair"] >= 0) & rows["passed"]]
    at = rows["pair"].to_numpy()
    key = moved["account_code"].to_numpy() * _BIG + moved["day"].to_numpy()
    on = moved["day"].to_numpy()[at]
    until = np.busday_offset(on.astype("datetime64[D]"), limits.days, roll="backward").astype("int64")
    begin, end = np.searchsorted(key, key[at]), np.searchsorted(key, key[at] - on + until, side="right")
    ins = np.append(0.0, moved["amount"].where(~moved["out"], 0).cumsum())
    outs = np.append(0.0, moved["amount"].where(moved["out"], 0).cumsum())
    got, gave = ins[end] - ins[begin], outs[end] - outs[begin]
    return rows[(gave >= limits.forwarded * got) & (rows["amount"].to_numpy() >= got / 2)]
