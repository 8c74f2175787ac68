"""Where drawn money went and what about it needs explaining: use of proceeds for any number of borrowers at once.

Tables of the loan side in (loan_tables.LOAN_TABLES), frames out. Flags U1 to U12 are DOMAIN.md §7; every limit is in
params/loan_use.yml. A flag is a question to the client, never a finding of guilt: each comes with what may explain it,
and one that lacks data is told as not judged.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from postloan import tables
from postloan.analysis import rings, use_facts, use_papers, use_params, use_rules
from postloan.analysis.tracing import WAYS
from postloan.analysis.use_facts import KEY, KINDS, Facts
from postloan.errors import ContractError

TABLES = ("loans", "drawdowns", "transactions", "parties", "papers", "progress", "repayments", "guarantors")
SEEN = [*tables.SEEN, "measured_on"]
FLAGS = [
    "flag", *KEY, "since", "money", "share", "low", "high", "confidence", "evidence", "papers", "innocent", "effect",
    "remedies", "misuse", "bounded",
]  # fmt: skip
PATHS = ["flag", *KEY, "path", "step", "from", "to", "on", "amount", "account", "transaction_id"]
USES = [*KEY, "window", "kind", "fifo", "lifo", "prorata", "share", "complete"]
UNJUDGED = ["flag", *KEY, "reason", "partial"]
_SHOWN, _PATHS = 12, 5
_BY_FLOW = ("u1", "u2", "u3", "u4", "u5", "u6", "u7", "u8", "u9", "u10")
_METRICS = {
    "u2": "use_ring_share", "u3": "use_cash_share", "u4": "use_forbidden_share", "u5": "use_split_share",
    "u6": "use_lender_share", "u7": "use_idle_share", "u8": "use_mismatch_share", "u9": "use_paper_share",
    "u10": "use_hurried_share", "u11": "use_progress_lag", "u12": "use_beyond_share",
}  # fmt: skip


@dataclass(frozen=True)
class Use:
    """What `check` found, a row a drawdown and flag, step, kind or gap.

    flags (FLAGS): money at risk, its low and high over the three ways to allocate, share of the drawdown, confidence (0
    to 1), transaction ids as evidence, text keys of innocent explanations and remedies. paths (PATHS): who passed it
    to whom. uses (USES): money by kind (KINDS and idle) after each window of days; `complete` once the window is over.
    unjudged (UNJUDGED): what could not be judged and why; `partial` where some of it could. drawn: the drawdowns.
    """

    flags: pd.DataFrame
    paths: pd.DataFrame
    uses: pd.DataFrame
    unjudged: pd.DataFrame
    drawn: pd.DataFrame
    facts: Facts


def check(
    rows: dict[str, pd.DataFrame],
    as_of: str | pd.Timestamp,
    *,
    need: pd.DataFrame | None = None,
    known: use_facts.Reading | None = None,
) -> Use:
    """Trace every drawdown made up to `as_of` and judge it by all flags.

    `rows` are the loan tables of any number of borrowers as known on that day, `need` the working-capital need where
    worked out (borrower_id, need in the loans' currency), `known` `use_facts.read` of the same rows, if done already.
    ContractError names a table that lacks.
    """
    if lacking := [name for name in TABLES if name not in rows]:
        raise ContractError(f"loan use: missing tables {lacking}; found {sorted(rows)}")
    day, how = pd.Timestamp(as_of), use_params.load()
    drawn = rows["drawdowns"]
    rows = {**rows, "drawdowns": drawn[drawn["drawn_on"] <= day].reset_index(drop=True)}
    facts = use_facts.gather(rows, day, how, known)
    ring = rings.search(facts)
    late, progress = use_papers.lagging(facts)
    over, needed = use_papers.beyond(facts, need)
    found = {
        "u1": use_rules.returns(facts), "u2": ring.found, "u3": use_rules.cash(facts),
        "u4": use_rules.sinks(facts), "u5": use_rules.split(facts), "u6": use_rules.lenders(facts),
        "u7": use_rules.idle(facts), "u8": use_rules.strangers(facts), "u9": use_papers.mismatched(facts),
        "u10": use_rules.hurried(facts), "u11": late, "u12": over,
    }  # fmt: skip
    flags = _flags(found, facts, ring.bounded)
    gaps = _gaps(facts, flags, progress, needed, ring.bounded)
    return Use(flags, _paths(found, ring, facts), _uses(facts), gaps, _drawn(facts), facts)


def _drawn(facts: Facts) -> pd.DataFrame:
    columns = [*KEY, "drawn_on", "amount", "currency", "product", "purpose", "closed_on", "reason"]
    return facts.drawn[columns].assign(seen=facts.told)


def _flags(found: dict[str, pd.DataFrame], facts: Facts, bounded: set[int]) -> pd.DataFrame:
    parts = [told.assign(flag=name) for name, told in found.items() if len(told)]
    if not parts:
        return pd.DataFrame({name: pd.Series(dtype="object") for name in FLAGS}).astype(
            {"money": float, "share": float}
        )
    told = pd.concat(parts, ignore_index=True)
    drawn = facts.drawn.loc[told["k"]].reset_index(drop=True)
    about = {name: getattr(facts.how.flags, name) for name in found}
    amounts, size = told[list(WAYS)].clip(upper=drawn["amount"], axis=0), drawn["amount"].where(drawn["amount"] > 0)
    else_ = (amounts.lt(told["needed"] - 0.005, axis=0)).sum(axis=1)
    told = told.assign(
        **{name: drawn[name] for name in KEY},
        since=pd.to_datetime(told["since"].astype("int64"), unit="D").astype("datetime64[us]"),
        money=amounts["fifo"], share=amounts["fifo"] / size, low=amounts.min(axis=1), high=amounts.max(axis=1),
        confidence=(told["match"] - facts.how.confidence.method * else_).clip(lower=0).round(3),
        evidence=_evidence(told["rows"], facts),
        innocent="use.flag." + told["flag"] + ".innocent",
        effect=told["flag"].map({name: each.effect or "" for name, each in about.items()}),
        remedies=told["flag"].map({name: ", ".join(each.remedies) for name, each in about.items()}),
        misuse=told["flag"].map({name: each.misuse for name, each in about.items()}),
        bounded=(told["flag"] == "u2") & told["k"].isin(bounded),
    )  # fmt: skip
    order = told["flag"].str[1:].astype(int)
    return told.assign(order=order).sort_values([*KEY, "order"], ignore_index=True)[FLAGS]


def _evidence(lists: pd.Series, facts: Facts) -> list[str]:
    """The transaction ids of each finding, the first ones."""
    ids = facts.ledger.rows["transaction_id"].to_numpy(object)
    return [", ".join([ids[int(row)] for row in dict.fromkeys(many) if row >= 0][:_SHOWN]) for many in lists]


def _gaps(
    facts: Facts, flags: pd.DataFrame, progress: np.ndarray, needed: np.ndarray, bounded: set[int]
) -> pd.DataFrame:
    """What could not be judged by drawdown and flag, and what could only be judged in part."""
    drawn, told = facts.drawn, facts.told
    limits = facts.how.flags
    early = drawn["day"].to_numpy() + limits.u7.days > facts.today
    listed = drawn["borrower_id"].isin(use_rules.lists(facts)).to_numpy()
    papers = drawn["borrower_id"].isin(facts.papers["borrower_id"]).to_numpy()
    shared = facts.spent.loc[facts.spent["pair"].ge(0) & ~facts.spent["own"], "k"]
    payees = np.isin(np.arange(len(drawn)), shared)
    cases = [(name, ~told, "", False) for name in _BY_FLOW]  # the drawdown's own reason
    cases += [
        ("u7", told & early, "too_early", True),
        ("u8", told & ~listed, "no_payee_list", True),
        ("u9", told & ~papers, "no_papers", False),
        ("u10", told & ~facts.history, "no_history", True),
        ("u11", use_papers.no_progress(facts, progress), "no_progress", False),
        ("u12", ~needed, "no_need", True),
        ("u2", told & np.isin(np.arange(len(drawn)), list(bounded)), "bounded", True),
        ("u2", told & ~payees, "no_payee_accounts", True),
        ("u10", told & ~payees, "no_payee_accounts", True),
    ]
    flag, where, reason, partial = zip(*cases, strict=True)
    case, k = np.nonzero(np.array(where, dtype=bool))
    gaps = drawn[KEY].iloc[k].reset_index(drop=True)
    gaps = gaps.assign(flag=np.array(flag)[case], reason=np.array(reason)[case], partial=np.array(partial)[case])
    gaps["reason"] = gaps["reason"].mask(gaps["reason"] == "", drawn["reason"].iloc[k].reset_index(drop=True))
    have = pd.MultiIndex.from_frame(flags[["flag", *KEY]].astype(object))
    judged = pd.MultiIndex.from_frame(gaps[["flag", *KEY]].astype(object)).isin(have) & (gaps["reason"] != "bounded")
    return gaps[~judged].sort_values([*KEY, "flag"], kind="stable", ignore_index=True)[UNJUDGED]


def _uses(facts: Facts) -> pd.DataFrame:
    """Money by kind after each window, from the first payment out of the borrower's own accounts; the rest is idle."""
    spent = facts.spent[facts.spent["inside"] & ~(facts.spent["own"] & facts.spent["passed"])]
    spent = spent[["k", "kind", "days", *WAYS]]
    seen, windows = facts.drawn.loc[facts.told, "amount"], facts.how.tracing.windows
    within = pd.concat([spent[spent["days"] <= window].assign(window=window) for window in windows])
    sums = within.groupby(["k", "window", "kind"])[list(WAYS)].sum()
    every = pd.MultiIndex.from_product([seen.index, windows], names=["k", "window"])
    used = sums.groupby(level=["k", "window"]).sum().reindex(every, fill_value=0)
    left = used.rsub(every.get_level_values("k").map(seen), axis=0).clip(lower=0).assign(kind="idle")
    told = pd.concat([sums.reset_index(), left.reset_index()], ignore_index=True).astype({"k": int})
    told = told[told[list(WAYS)].sum(axis=1) > 0.005]
    told["share"] = told["fifo"] / facts.amount(told["k"])
    told["complete"] = facts.drawn["day"].to_numpy()[told["k"]] + told["window"] <= facts.today
    told = pd.concat([told, facts.drawn.loc[told["k"], KEY].set_axis(told.index)], axis=1)
    order = told["kind"].map({kind: place for place, kind in enumerate([*KINDS, "idle"])})
    told = told.assign(order=order).sort_values(["k", "window", "order"], kind="stable", ignore_index=True)
    return told[USES]


def _paths(found: dict[str, pd.DataFrame], ring: rings.Rings, facts: Facts) -> pd.DataFrame:
    """The largest ways of each finding's money, step by step, from the drawdown's account on."""
    spent, first = facts.spent, facts.spent.drop_duplicates(["k", "row"])
    back = dict(zip(zip(first["k"], first["row"], strict=True), first.index, strict=True))
    chains: list[tuple[str, int, list[int]]] = []
    for name, told in found.items():
        for k, many in zip(told["k"], told["rows"], strict=True):
            if name == "u2":
                chains += [(name, k, chain) for at, chain in ring.ways if at == k][:_PATHS]
                continue
            tagged = [row for row in dict.fromkeys(many) if (k, row) in back]
            came = [row for row in dict.fromkeys(many) if row >= 0 and (k, row) not in back]
            for number, row in enumerate(tagged[:_PATHS]):
                extra = came[:3] if number == 0 and name == "u1" else []
                chains.append((name, k, [*_way(spent, int(back[(k, row)])), *extra]))
    return _steps(chains, facts)


def _way(spent: pd.DataFrame, at: int) -> list[int]:
    way = [int(spent.at[at, "row"])]
    while (at := int(spent.at[at, "parent"])) >= 0:
        way.append(int(spent.at[at, "row"]))
    return way[::-1]


def _steps(chains: list[tuple[str, int, list[int]]], facts: Facts) -> pd.DataFrame:
    lines = [
        (name, k, number, step, row)
        for number, (name, k, rows) in enumerate(chains)
        for step, row in enumerate(rows, start=1)
    ]
    told = pd.DataFrame(lines, columns=["flag", "k", "path", "step", "row"]).astype({"k": int, "row": int})
    moved = facts.ledger.rows.loc[told["row"]].reset_index(drop=True)
    other = (
        moved["counterparty"]
        .astype(object)
        .where(moved["counterparty"].notna(), moved["counterparty_account"].astype(object))
    )
    own, out = moved["account"].astype(object), moved["out"]
    told = told.assign(
        **{name: facts.drawn[name].to_numpy()[told["k"]] for name in KEY},
        **{"from": own.where(out, other), "to": other.where(out, own)},
        on=moved["booked_on"], amount=moved["amount"], account=moved["account"], transaction_id=moved["transaction_id"],
    )  # fmt: skip
    return told[PATHS]


def observations(use: Use, as_of: str | pd.Timestamp) -> pd.DataFrame:
    """What the use of open loans says as observations (SEEN), by borrower: the largest share over its drawdowns.

    A share of zero is said only where every drawdown since the account statements begin could be judged at least in
    part, and never of `misused_share`: that accounts show no misuse does not undo what an officer found. `measured_on`
    is the day up to which money was followed: an officer's later word goes before it.
    """
    day = pd.Timestamp(as_of)
    drawn = use.drawn[~(use.drawn["closed_on"] <= day) & (use.drawn["reason"] != "before_statement")]
    mine = use.flags.merge(drawn[KEY], on=KEY)
    shares = pd.concat([_most(mine), _calm(use, drawn)]).groupby(level=["flag", "borrower_id"]).max()
    shares.index = shares.index.set_levels(shares.index.levels[0].map(_METRICS), level="flag").set_names(
        "metric", level=0
    )
    sure = mine["misuse"].astype(bool) & (mine["confidence"].astype(float) >= use.facts.how.misuse_from)
    flows = _flows(use, drawn)
    misused = {"misused_share": mine[sure].groupby("borrower_id")["share"].max().astype(float)}
    told = pd.concat([shares, pd.concat(misused | flows, names=["metric", "borrower_id"])])
    window = pd.Timedelta(days=use.facts.how.flags.u1.short_days)
    over = (drawn.groupby("borrower_id")["drawn_on"].max() + window).clip(upper=day).rename("over")
    told = told.rename("value").reset_index().join(over, on="borrower_id")
    told = told.assign(observed_on=day, source="use of proceeds", measured_on=day)
    told.loc[told["metric"].isin([*flows]), "measured_on"] = told["over"]
    return told[SEEN]


def _most(flags: pd.DataFrame) -> pd.Series:
    """The largest share of a drawdown that each flag tells, by flag and borrower."""
    told = flags[flags["flag"].isin(_METRICS)]
    return told.groupby(["flag", "borrower_id"])["share"].max().astype(float)


def _calm(use: Use, drawn: pd.DataFrame) -> pd.Series:
    """Zero by flag and borrower, for borrowers all of whose drawdowns could be judged by it, if only in part."""
    pairs = pd.MultiIndex.from_product([_METRICS, drawn["borrower_id"].unique()], names=["flag", "borrower_id"])
    gaps = use.unjudged[~use.unjudged["partial"].astype(bool)].merge(drawn[KEY], on=KEY)
    blind = pd.MultiIndex.from_frame(gaps[["flag", "borrower_id"]].astype(object))
    return pd.Series(0.0, pairs[~pairs.isin(blind)])


def _flows(use: Use, drawn: pd.DataFrame) -> dict[str, pd.Series]:
    """Shares of drawdowns back within the short days, and paid to payees never paid before."""
    facts, limits = use.facts, use.facts.how.flags
    back = use_rules.back(facts, limits.u1.short_days, limits.u1.short_days)
    back = back.assign(part=back["fifo"] * (back["returned"] / back["raw"]).clip(upper=1))
    new = use_rules.newcomers(facts)
    seen = facts.drawn[facts.told & facts.drawn.index.isin(drawn.index)]
    known = seen[facts.history[seen.index]]
    parts = {
        "return_flow_share": (back.groupby("k")["part"].sum(), seen),
        "new_payee_share": (new.groupby("k")["fifo"].sum(), known),
    }
    return {
        metric: (money.reindex(rows.index).fillna(0) / rows["amount"]).groupby(rows["borrower_id"]).max()
        for metric, (money, rows) in parts.items()
    }
