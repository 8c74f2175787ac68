"""What the flags on loan use look at: drawdowns found in their accounts, the payments that took their money and what
kind each is, what came back, and the papers behind the trade."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from postloan.analysis import parties, tracing
from postloan.analysis.tracing import WAYS, Ledger
from postloan.analysis.use_params import Settings

KINDS = (
    "supplier", "related", "individual", "cash", "securities", "equity", "property", "lender", "deposit", "operating",
    "own", "other",
)  # fmt: skip
FOUND = ["k", "since", *WAYS, "needed", "match", "rows", "papers"]
KEY = ["borrower_id", "loan_id", "drawdown_id"]
_MONEY = ("securities", "fund", "non_bank_lender", "bank", "insurer")


def number(days: pd.Series) -> np.ndarray:
    """Days since 1970 of a column of dates; a blank is very early."""
    return days.to_numpy("datetime64[D]").astype("int64")


@dataclass
class Facts:
    """Everything at once, for any number of borrowers.

    `drawn` is a row a drawdown (k is its place): KEY, amount, day, row of the credit (−1 where not found), reason, and
    the loan's columns. `spent` are the payments that took its money (see tracing.follow) with kind, entity, group and
    confidence. `trade` is what papers cover by entity. `today` is the as-of day as a number.
    """

    how: Settings
    rows: dict[str, pd.DataFrame]
    today: int
    ledger: Ledger
    drawn: pd.DataFrame
    spent: pd.DataFrame
    matched: pd.DataFrame
    papers: pd.DataFrame
    trade: pd.DataFrame
    owner: np.ndarray  # whose an account is, by account code; below zero for a party's account
    inner: np.ndarray  # whether an account is the borrower's or a related party's, by account code

    @property
    def told(self) -> np.ndarray:
        """Whether a drawdown's money can be followed at all, by k."""
        return (self.drawn["row"] >= 0).to_numpy()

    @cached_property
    def first_hop(self) -> pd.DataFrame:
        """Payments of drawn money out of the borrower's own accounts to others."""
        return self.spent[self.spent["inside"] & ~self.spent["own"]]

    @cached_property
    def inflows(self) -> pd.DataFrame:
        """Money in on accounts of the borrower and related parties (group, entity, day, amount, on the ledger's rows),
        by payer group and day."""
        moved = self.ledger.rows
        mine = ~moved["out"] & self.inner[moved["account_code"]] & (moved["group"] >= 0)
        rows = moved.loc[mine, ["group", "entity", "day", "amount"]]
        return rows.sort_values(["group", "day"], kind="stable")

    @cached_property
    def by_group(self) -> tuple[pd.Series, pd.Series]:
        """Refunds by papers (credit notes, cancelled invoices) and trade covered, by group."""
        papers, covered = self.papers, self.trade["covered"]
        group = self.matched.drop_duplicates("entity").set_index("entity")["group"]
        refund = (papers["kind"] == "credit_note") | (papers["cancelled_on"].notna() & (papers["kind"] == "invoice"))
        refunds = papers.loc[refund, "amount"].groupby(papers.loc[refund, "entity"].map(group).to_numpy()).sum()
        return refunds, covered.groupby(covered.index.map(group)).sum()

    @cached_property
    def history(self) -> np.ndarray:
        """Whether accounts reach back far enough before each drawdown to tell who is new, by k."""
        first = self.ledger.rows.groupby("borrower_id")["day"].min()
        begin = self.drawn["borrower_id"].map(first).astype(float)
        return (begin <= self.drawn["day"] - self.how.flags.u10.history_days).to_numpy()

    def covered(self, entity: pd.Series) -> np.ndarray:
        """How much trade papers cover with these parties."""
        return entity.map(self.trade["covered"]).fillna(0.0).to_numpy(float)

    def amount(self, k: pd.Series) -> np.ndarray:
        """The drawdowns' amounts."""
        return self.drawn["amount"].to_numpy(float)[np.asarray(k, dtype=int)]


@dataclass
class Reading:
    """The account statements in order, with who every counterparty is: `at` tells where a row finds its party in
    `matched`, first the ledger's rows, then the papers'. `owner` and `inner` as in Facts."""

    ledger: Ledger
    matched: pd.DataFrame
    at: np.ndarray
    papers: pd.DataFrame
    trade: pd.DataFrame
    owner: np.ndarray
    inner: np.ndarray


def read(rows: dict[str, pd.DataFrame], as_of: pd.Timestamp, how: Settings) -> Reading:
    """Order the transactions known on the day and match their counterparties with parties and papers."""
    moved = rows["transactions"]
    moved = moved[moved["booked_on"] <= as_of].reset_index(drop=True)
    ledger = tracing.ledger(moved, how.tracing)
    book = parties.known(rows["parties"], rows["guarantors"])
    papers = rows["papers"].reset_index(drop=True)
    matched, at = _matched(ledger.rows, papers, book, how)
    count = len(ledger.rows)
    for name in ("entity", "group"):
        ledger.rows[name] = matched[name].to_numpy()[at[:count]]
    papers = papers.assign(entity=matched["entity"].to_numpy()[at[count:]])
    owner, inner = _owners(ledger, book)
    return Reading(ledger, matched, at, papers, _trade(papers, as_of), owner, inner)


def gather(rows: dict[str, pd.DataFrame], as_of: pd.Timestamp, how: Settings, known: Reading | None = None) -> Facts:
    """Read the tables of the loan side (loan_tables.LOAN_TABLES) into facts; money is traced on the way. `known` is
    `read` of the same rows and day, where it was done already."""
    known = known or read(rows, as_of, how)
    ledger, owner = known.ledger, known.owner
    drawn = _drawn(rows, ledger, owner, how)
    seen = drawn[drawn["row"] >= 0]
    spent = tracing.follow(ledger, seen, owner, how.tracing)
    spent["k"] = seen.index.to_numpy()[spent["k"]]
    today = int(number(pd.Series([as_of]))[0])
    shared = (known.matched, known.papers, known.trade, owner, known.inner)
    facts = Facts(how, rows, today, ledger, drawn, spent, *shared)
    facts.spent = _described(facts, known.at)
    return facts


def _matched(
    moved: pd.DataFrame, papers: pd.DataFrame, book: pd.DataFrame, how: Settings
) -> tuple[pd.DataFrame, np.ndarray]:
    """Each different counterparty with the party it is, and where each transaction and then each paper finds it."""
    columns = ["borrower_id", "counterparty", "counterparty_account"]
    told = papers[["borrower_id", "party"]].set_axis(columns[:2], axis=1).assign(counterparty_account=None)
    texts = pd.concat([moved[columns].astype(object), told.astype(object)], ignore_index=True)
    code = np.zeros(len(texts), dtype="int64")
    for column in columns:
        part, values = pd.factorize(texts[column])
        code = pd.factorize(code * (len(values) + 1) + part + 1)[0]
    first = np.flatnonzero(~pd.Series(code).duplicated())
    pairs = texts.iloc[first].reset_index(drop=True)
    return parties.match(pairs, book, how.confidence), code


def _owners(ledger: Ledger, book: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Whose each account is: its filer's, unless the filer lists it as another party's; and which are of the group."""
    first = ledger.rows.iloc[ledger.start[:-1]]
    filer = first["borrower_id"].astype(object)
    named = book[(book["number"] != "") & (book["relation"] != "own")].drop_duplicates(["borrower_id", "number"])
    theirs = pd.MultiIndex.from_arrays([named["borrower_id"].astype(object), named["number"]])
    at = (
        theirs.get_indexer(pd.MultiIndex.from_arrays([filer, ledger.accounts]))
        if len(theirs)
        else np.full(len(filer), -1)
    )
    related = np.append(named["relation"].isin(parties.RELATED).to_numpy(), False)[at]
    return np.where(at >= 0, -1 - np.arange(len(filer)), pd.factorize(filer)[0]), (at < 0) | related


def _drawn(rows: dict[str, pd.DataFrame], ledger: Ledger, owner: np.ndarray, how: Settings) -> pd.DataFrame:
    """Each drawdown with its loan and the credit in its account; `reason` says why there is none."""
    loans = rows["loans"].rename(columns={"amount": "agreed", "account": "loan_account"})
    loans = loans.drop(columns=["known_on", "source"])
    drawn = rows["drawdowns"].drop(columns=["known_on", "source"]).merge(loans, on=KEY[:2], how="left")
    drawn["account"] = (
        drawn["account"].astype(object).where(drawn["account"].notna(), drawn["loan_account"].astype(object))
    )
    drawn["code"], drawn["day"] = ledger.code(drawn["account"]), number(drawn["drawn_on"])
    drawn["above"] = how.entrusted_above(drawn)
    drawn = _credited(drawn, ledger, how.tracing.credit_days)
    begins = drawn["code"].map(ledger.rows.groupby("account_code")["day"].min())
    cases = {
        "no_account": drawn["account"].isna(),
        "no_statement": drawn["code"] < 0,
        "before_statement": (drawn["row"] < 0) & (drawn["day"] < begins),
        "no_credit": drawn["row"] < 0,
    }
    reason = np.select([*cases.values()], [*cases], "")
    return drawn.assign(reason=reason)


def _credited(drawn: pd.DataFrame, ledger: Ledger, days: int) -> pd.DataFrame:
    """The row of each drawdown's credit: same account and cents, nearest day; no row serves two."""
    got = ledger.rows[~ledger.rows["out"] & ledger.rows["account_code"].isin(drawn["code"])]
    got = pd.DataFrame(
        {"code": got["account_code"], "cents": np.rint(got["amount"] * 100), "on": got["day"], "row": got.index}
    )
    left = drawn.assign(cents=np.rint(drawn["amount"] * 100), k=drawn.index)[["k", "code", "cents", "day"]]
    both = left.merge(got, on=["code", "cents"])
    both["lag"] = both["on"] - both["day"]
    both = both[both["lag"].between(-1, days)].sort_values(["lag", "k"], key=abs, kind="stable")
    found = pd.Series(-1, index=drawn.index)
    while len(both):  # as often as drawdowns of one day and amount compete
        best = both.drop_duplicates("k").drop_duplicates("row")
        found[best["k"]] = best["row"].to_numpy()
        both = both[~both["k"].isin(best["k"]) & ~both["row"].isin(best["row"])]
    return drawn.assign(row=found)


def _trade(papers: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    """What papers cover by entity: `covered` (each contract or its invoices, whichever is more, and invoices without
    one), `contracts` (money), `contract_from` (first day as a number), `count`."""
    live = papers[~(papers["cancelled_on"] <= as_of) & (papers["kind"] != "credit_note")]
    contracts, invoices = live[live["kind"] == "contract"], live[live["kind"] == "invoice"]
    keys = pd.MultiIndex.from_frame(contracts[["borrower_id", "paper_id"]].astype(object))
    known = pd.MultiIndex.from_frame(invoices[["borrower_id", "contract_id"]].astype(object)).isin(keys)
    bills = invoices[known][["borrower_id", "contract_id"]].astype(object).set_axis(["borrower_id", "paper_id"], axis=1)
    billed = invoices[known]["amount"].groupby(pd.MultiIndex.from_frame(bills)).sum() if known.any() else {}
    under = np.array([billed.get(pair, 0.0) for pair in keys], dtype=float)
    most = pd.Series(np.maximum(contracts["amount"].to_numpy(), under), contracts.index)
    agreed = most.groupby(contracts["entity"]).sum()
    loose = invoices[~known].assign(blank=invoices["contract_id"].fillna("") == "")
    sums = (
        loose.groupby(["entity", "blank"])["amount"]
        .sum()
        .unstack(fill_value=0)
        .reindex(columns=[False, True], fill_value=0)
    )
    # an invoice that names no contract bills the one its party has; one that names another is trade of its own
    covered = agreed.combine(sums[True], np.maximum, fill_value=0.0).add(sums[False], fill_value=0)
    by = contracts.groupby("entity")
    began = pd.Series(number(contracts["dated_on"]), contracts.index, dtype=float)
    told = {
        "covered": covered,
        "contracts": by["amount"].sum(),
        "contract_from": began.groupby(contracts["entity"]).min(),
        "count": live.groupby("entity").size(),
    }
    return pd.DataFrame(told)


def _described(facts: Facts, at: np.ndarray) -> pd.DataFrame:
    """The payments with what is known of each: who, what kind, how sure."""
    spent, moved = facts.spent, facts.ledger.rows
    about = facts.matched.iloc[at[spent["row"]]].set_axis(spent.index)
    taken = moved.loc[
        spent["row"],
        [
            "borrower_id",
            "account_code",
            "day",
            "amount",
            "counterparty_kind",
            "channel",
            "memo",
            "other",
            "pair",
            "transaction_id",
        ],
    ]
    rows = pd.concat([spent, taken.set_axis(spent.index), about.drop(columns=["borrower_id"])], axis=1)
    rows["payee_owner"] = np.where(rows["other"] >= 0, facts.owner[rows["other"]], -10_000_000)
    rows["home"] = facts.owner[moved["account_code"].to_numpy()[facts.drawn["row"].to_numpy()[rows["k"]]]]
    rows["own"] = (rows["relation"] == "own") | (rows["payee_owner"] == rows["home"])
    rows = rows.assign(kind=_kinds(rows, facts), covered=facts.covered(rows["entity"]))
    marks = {"securities": _MONEY, "property": ("developer",), "lender": _MONEY, "individual": ("individual",)}
    told = pd.Series(False, rows.index)
    for kind, by in marks.items():
        told |= (rows["kind"] == kind) & rows["counterparty_kind"].isin(by)
    told |= (rows["kind"] == "cash") & rows["channel"].eq("cash")
    return rows.assign(confidence=rows["confidence"].mask(told, facts.how.confidence.direct))


def _kinds(rows: pd.DataFrame, facts: Facts) -> np.ndarray:
    """What each payment was for, by payee, channel and words; the first that fits."""
    limits, says = facts.how.flags, facts.how.says
    told = (
        rows["counterparty_kind"]
        .astype(object)
        .where(rows["counterparty_kind"].notna(), rows["party_kind"].astype(object))
    )
    memo, both = rows["memo"], rows["counterparty"].fillna("") + " " + rows["memo"].fillna("")
    bank = told.eq("bank") | (told.isna() & says(rows["counterparty"], "bank"))
    person = told.eq("individual")
    rent = says(both, "property_service")
    large = rows["amount"].to_numpy() >= limits.u4.insurer_share * facts.amount(rows["k"])
    insurer = told.eq("insurer") & (says(both, "insurance_investment") | (large & ~says(memo, "insurance")))
    deposit = says(memo, "deposit") & (bank | rows["own"] | rows["counterparty"].isna())
    related = rows["relation"].isin(parties.RELATED)
    wages = _wages(rows, person, says(both, "payroll"), limits.u3)
    cases = {
        "deposit": deposit,
        "own": rows["own"],
        "cash": rows["channel"].eq("cash") | says(memo, "cash"),
        "operating": wages,
        "lender": told.eq("non_bank_lender")
        | rows["relation"].eq("lender")
        | says(rows["counterparty"], "lender")
        | says(memo, "repay"),
        "equity": says(memo, "equity"),
        "securities": told.isin(["securities", "fund"])
        | insurer
        | (says(both, "securities") & ~bank)
        | says(memo, "securities"),
        "property": (told.eq("developer") | says(both, "property")) & ~rent,
        "related": related,
        "individual": person,
    }
    fees = (
        rows["channel"].isin(["fee", "interest"])
        | told.isin(["government", "insurer"])
        | rent
        | says(both, "operating")
    )
    cases |= {
        "fees": fees,
        "supplier": rows["relation"].eq("supplier")
        | rows["on_contract"].eq(1)
        | rows["entity"].isin(facts.trade.index),
    }
    kind = np.select(list(cases.values()), list(cases), "other")
    return np.where(kind == "fees", "operating", kind)


def _wages(rows: pd.DataFrame, person: pd.Series, said: pd.Series, limits: object) -> pd.Series:
    """Wages: called so and not too much for a person, or so many small payments to persons on one day."""
    small = rows["amount"] <= limits.payroll_person
    several = (person & small).groupby([rows["k"], rows["account_code"], rows["day"]]).transform(
        "sum"
    ) >= limits.payroll_people
    return (said & (small | ~person)) | (person & small & several)


def found(rows: pd.DataFrame, since: pd.Series | str = "day", **about: object) -> pd.DataFrame:
    """One finding a drawdown from its payments (k, row, ways, confidence): money adds up, the first day counts.

    `about` may give needed (money from which the flag holds, by row) and papers (texts by row).
    """
    if rows.empty:
        return nothing()
    told = rows.assign(since=rows[since] if isinstance(since, str) else since, **about)
    told["papers"] = told.get("papers", pd.Series("", index=told.index))
    told["needed"] = told.get("needed", pd.Series(0.0, index=told.index))
    by = told.sort_values("fifo", ascending=False, kind="stable").groupby("k", sort=True)
    sums = by[list(WAYS)].sum()
    match = (told["confidence"] * told["fifo"]).groupby(told["k"]).sum() / told["fifo"].groupby(told["k"]).sum().clip(
        lower=1e-9
    )
    extra = {"since": by["since"].min(), "needed": by["needed"].max(), "match": match, "rows": by["row"].agg(list)}
    extra["papers"] = by["papers"].agg(lambda texts: ", ".join(dict.fromkeys(filter(None, texts))))
    return sums.assign(**extra).reset_index()[FOUND]


def nothing() -> pd.DataFrame:
    """No finding."""
    return pd.DataFrame(np.zeros((0, len(FOUND))), columns=FOUND)
