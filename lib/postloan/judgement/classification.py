"""Five-class suggestion, IFRS 9 stage and US grade of each exposure, with every trigger hit (params/classes.yml).

Triggers are floors; one that cannot be judged is listed, never taken for fine. The suite suggests; a human decides,
every upgrade needs approval.
"""

from __future__ import annotations

import datetime as dt
from typing import NamedTuple

import numpy as np
import pandas as pd
import pandera.pandas as pa

from postloan.glance import shown
from postloan.judgement.class_rules import RANK, TESTED, Facts, Floors, RuleSet, Span, load
from postloan.tables import CLASSES, columns_of

NPL = RANK["substandard"]
_MOMENT = "datetime64[us]"
_CONTAGION = {"npl_here", "npl_share_here", "group_npl"}
_NO_RULES, _CANNOT = {"triggers": []}, {"verdict": "cannot", "needs_approval": False, "missing": "rule_set"}
_KEYS = ["asset_id", "borrower_id", "rule_set"]
_HITS = [*_KEYS, "trigger", "outcome", "floor", "article", "inputs", "since", "as_of", "missing", "basis"]
_SHOWN = [*_KEYS, "floor", "suggested", "verdict", "reasons", "tasks", "last_class", "last_on", "change"]
_SHOWN += ["needs_approval", "observation_until", "upgrade_from", "next_due", "stage", "missing", "days_overdue"]
_LATE = ["principal_days_overdue", "interest_days_overdue"]

Day, Given = str | dt.date | pd.Timestamp, pd.DataFrame | None


class Classified(NamedTuple):
    """What is suggested, one row an exposure, and the triggers that fired or cannot be judged, one row each.

    `assets`: asset_id, borrower_id, rule_set, floor (worst that fired), suggested (no better than floor and analyst;
    empty where nothing fired but something cannot be judged), verdict (judged, at_least: might be worse, cannot),
    reasons, tasks (triggers that fire and ask for something to be done), last_class, last_on, change (first, same,
    better, worse), needs_approval, observation_until, upgrade_from, next_due, stage (1–3, empty as suggested),
    us_grade, missing (inputs to ask for), days_overdue (the most of principal and interest; NaN: not known).
    `triggers`: asset_id, borrower_id, rule_set, trigger, outcome (fires, cannot: listed where it could worsen the
    class), floor, article, inputs (JSON), since (of the latest condition; NaT: undated), as_of, missing, basis.
    """

    assets: pd.DataFrame
    triggers: pd.DataFrame

    def of(self, borrowers: list[str]) -> Classified:
        """What concerns some borrowers only."""
        return Classified(*(part[part["borrower_id"].isin(borrowers)].reset_index(drop=True) for part in self))

    def __repr__(self) -> str:
        return f"{len(self.assets)} exposures, {len(self.triggers)} triggers that fired or cannot be judged"

    def _repr_html_(self) -> str:
        return shown(repr(self), [each.dropna(axis=1, how="all") for each in self])


def classify(
    assets: pd.DataFrame, as_of: Day, *, debtors: Given = None, history: Given = None, rules: Floors | None = None
) -> Classified:
    """Suggest a class, stage and US grade for each exposure as of a day (DOMAIN §1, §3.3, §3.4).

    `assets`: asset_id, borrower_id and, as far as known, amount, currency, analyst_view, counted_on (the day days
    overdue were counted, else `as_of`) and the inputs of params/classes.yml; `debtors`: borrower_id, segment, group_id
    and debtor inputs; `history`: the classes approved so far (asset_id, on, class, approved_by). Without `history`
    locks cannot be judged; an asset not in it is new. On a day before every rule set nothing can be judged
    (missing: rule_set).
    ContractError lists what is wrong with a table, days after `as_of` included.
    Example: `classify(loans, "2026-05-15", debtors=facts, history=approved).assets`.
    """
    rules, as_of = rules or load(), pd.Timestamp(as_of)
    sets, day = rules.rule_sets, as_of.date()
    current = next((name for name, each in sets.items() if each.from_ <= day <= each.until), "")
    chosen = sets[current] if current else min(sets.values(), key=lambda each: each.from_).model_copy(update=_NO_RULES)
    rows = _recall(_rows(assets, debtors, rules, as_of), history, as_of).assign(rule_set=current)
    facts, view = _facts(rows, rules, as_of), rows["analyst_view"].map(RANK).fillna(0)
    _wait(facts, chosen.spans, as_of)
    _spread(facts, *_ends(_cases(facts, chosen, _CONTAGION), view))
    cases = _cases(facts, chosen)
    rank, most = _ends(cases, view)
    facts.put("npl", rank >= NPL, most >= NPL)
    facts.put("below_normal", rank > 0, most > 0)
    stages = [(each, *facts.fires(each), np.full(len(rows), RANK[each.floor])) for each in rules.stages]
    stage, worst = _ends(stages, 0 * view)
    hits = pd.concat([_hits(cases, facts, rank), _hits(stages, facts, stage).assign(rule_set="ifrs_9")])
    hits = hits.assign(as_of=as_of)[_HITS].reset_index(drop=True)
    rows["floor"] = np.array(CLASSES)[_ends(cases, 0 * view)[0]]
    rows["stage"] = pd.Series(stage + 1, dtype="Int64").mask((stage == 0) & (worst > 0))
    rows["next_due"] = _after(rows["last_on"], chosen.spans["review"]).fillna(as_of)
    rows = _suggested(rows, rank, most, hits)
    if not current:
        rows = rows.assign(suggested=pd.Series(None, index=rows.index, dtype="str"), change=None, **_CANNOT)
    return Classified(rows.assign(us_grade=rows["suggested"].map(rules.us_grades)), hits)


def _rows(assets, debtors, rules, as_of) -> pd.DataFrame:
    """The exposures with their debtors' facts, every input a column of its kind."""
    null, text = {"nullable": True, "coerce": True}, pa.Column(str, nullable=True, coerce=True)
    past, least, whole = pa.Check.le(as_of), pa.Check.ge(0), pa.Check(lambda days: days % 1 == 0, name="whole days")
    kinds = {"flag": pa.Column("boolean", **null), "past": pa.Column(_MOMENT, past, **null)}
    kinds |= {"days": pa.Column(float, [least, whole], **null), "months": pa.Column(float, least, **null)}
    kinds |= {"share": pa.Column(float, pa.Check.in_range(0, 1), **null), "day": pa.Column(_MOMENT, **null)}
    asset = {"asset_id": pa.Column(str, unique=True), "borrower_id": pa.Column(str), "currency": text}
    asset |= {"amount": kinds["months"], "analyst_view": pa.Column(str, pa.Check.isin(CLASSES), **null)}
    asset["counted_on"] = kinds["past"]
    debtor = {"borrower_id": pa.Column(str, unique=True), "group_id": text}
    debtor |= {"segment": pa.Column(str, pa.Check.isin([*rules.segments]), **null)}
    for columns, part in ((asset, rules.inputs["asset"]), (debtor, rules.inputs["debtor"])):
        columns |= {name: kinds[each.kind] for name, each in part.items()}
        columns |= {f"{name}_on": kinds["past"] for name, each in part.items() if each.kind == "flag"}
    rows = columns_of(assets, "assets", asset)
    debtors = rows[["borrower_id"]].drop_duplicates() if debtors is None else debtors
    return rows.join(columns_of(debtors, "debtors", debtor).set_index("borrower_id"), on="borrower_id")


def _recall(rows, history, as_of) -> pd.DataFrame:
    """Add what was approved before: last_class, last_on, npl_since; `history` is blank where none was given."""
    day, kind = pa.Column(_MOMENT, pa.Check.le(as_of), coerce=True), pa.Column(str, pa.Check.isin(CLASSES))
    columns = {"asset_id": pa.Column(str), "on": day, "class": kind, "approved_by": pa.Column(str)}
    given = pd.DataFrame(columns=[*columns], dtype=str) if history is None else history
    past = columns_of(given, "history", columns).sort_values("on", kind="stable")
    last, bad = past.groupby("asset_id").last(), past[past["class"].isin(CLASSES[NPL:])]
    good = past[~past["class"].isin(CLASSES[NPL:])].groupby("asset_id")["on"].max()
    bad = bad[~(bad["on"].to_numpy() <= good.reindex(bad["asset_id"]).to_numpy())]
    known = {"last_class": last["class"], "last_on": last["on"], "npl_since": bad.groupby("asset_id")["on"].min()}
    return rows.join(pd.DataFrame(known), on="asset_id").assign(history=pd.NA if history is None else True)


def _facts(rows, rules, as_of) -> Facts:
    """What each exposure and its debtor are known to be, and what follows from it save contagion."""
    facts = Facts(rows, rules)
    for key, each in {**rules.inputs["asset"], **rules.inputs["debtor"]}.items():
        if each.kind == "flag" and rows[f"{key}_on"].notna().any():  # a date alone says yes; a no leaves no date
            rows[key] = rows[key].mask(rows[key].isna() & rows[f"{key}_on"].notna(), True)
            rows[f"{key}_on"] = rows[f"{key}_on"].where(rows[key].fillna(False).astype(bool))
        if each.kind in TESTED:
            facts.put(key, rows[key], rows[key], rows.get(f"{key}_on"))
    parts = rules.known["days_overdue"].asks
    low, high = (np.maximum.reduce([ends[name] for name in parts]) for ends in (facts.low, facts.high))
    counted = rows["counted_on"].fillna(as_of)
    facts.put("days_overdue", low, high, counted - pd.to_timedelta(pd.Series(low) - 1, "D"))
    retail, bad = rows["segment"].map(rules.segments), rows["last_class"].isin(CLASSES[NPL:])
    facts.put("non_retail", retail.eq("non_retail"), retail.ne("retail"))
    facts.put("last_npl", bad, bad | rows["history"].isna(), rows["npl_since"])
    impaired = [pd.Series(ends["credit_impaired"]).groupby(rows["borrower_id"]) for ends in (facts.high, facts.low)]
    facts.put("debtor_unimpaired", *(1 - each.transform("max") for each in impaired))
    return facts


def _after(start: pd.Series, span: Span, repayment_months: pd.Series | None = None) -> pd.Series:
    """When a span from a day ends; NaT where it counts repayment periods of unknown length."""
    months, ends = np.full(len(start), float(span.get("months", 0))), np.full(len(start), "NaT", dtype=_MOMENT)
    if repayment_months is not None and span.get("periods"):
        months = np.ceil(np.maximum(months, repayment_months.to_numpy(float) * span["periods"]))
    dated = start.notna().to_numpy() & ~np.isnan(months)
    day, month = (start[dated].to_numpy(f"datetime64[{unit}]") for unit in "DM")
    ahead = month + months[dated].astype(int)
    ends[dated] = np.minimum(ahead.astype("datetime64[D]") + (day - month), (ahead + 1).astype("datetime64[D]") - 1)
    return pd.Series(ends, index=start.index)


def _wait(facts, spans, as_of) -> None:
    """Which times still run: observation (anew from a miss, a fall, lasting difficulty), after arrears, a merger."""
    rows, apart = facts.rows, facts.rows["repayment_months"]
    fall = rows["npl_since"].where(rows["npl_since"] > rows["observation_from"])
    start = pd.concat([rows["observation_from"], rows["payment_missed_on"], fall], axis=1).max(axis=1)
    least = _after(start.fillna(rows["concession_on"]), spans["observation"])
    dated = (facts.high["payment_missed"] == 0) | rows["payment_missed_on"].notna()
    until = _after(start, spans["observation"], apart).where(dated)
    stuck = (facts.high["difficulty_resolved"] == 0) & ("months" in spans["observation"])
    while (again := stuck & (until <= as_of)).any():
        until = until.mask(again, _after(until, spans["observation"], apart))
    over = (until <= as_of) & (facts.low["difficulty_resolved"] == 1)
    facts.put("in_observation", (as_of < least) | (as_of < until), ~over, rows["concession_on"])
    rows["observation_until"] = until.where(facts.high["concession"] > 0)
    rows["upgrade_from"] = due = _after(rows["arrears_cleared_on"], spans["upgrade"], apart)
    calm = (facts.high["payment_missed"] == 0) | (rows["payment_missed_on"] <= rows["arrears_cleared_on"])
    failed = (facts.low["days_overdue"] > 0) | (facts.high["arrears_cleared"] == 0) | (due > as_of)
    facts.put("arrears_settled", calm & (due <= as_of) & (facts.high["days_overdue"] == 0), ~failed)
    until = _after(rows["merged_on"], spans["merger"])
    facts.put("merger_hold", as_of < until, (facts.high["merged"] > 0) & ~(until <= as_of), rows["merged_on"])


def _spread(facts: Facts, rank: np.ndarray, most: np.ndarray) -> None:
    """What the exposures' own classes mean for the debtor's other exposures and for its group."""
    rows, ids = facts.rows, facts.rows["borrower_id"]
    npl = pd.DataFrame({"low": rank >= NPL, "high": most >= NPL}).astype(float)
    here = npl.groupby(ids).transform("sum") - npl
    facts.put("npl_here", here["low"] > 0, here["high"] > 0)
    total = rows["amount"].groupby(ids).transform("sum", skipna=False)
    total = total.where(rows["currency"].groupby(ids).transform("nunique") <= 1)
    own, some = npl.mul(rows["amount"], axis=0), (here["high"] + npl["low"] > 0).astype(float)
    sums, least = own.groupby(ids).transform("sum"), npl["low"].groupby(ids).transform("min")
    high = (sums["high"] - (own["high"] - own["low"])) / total  # doubt about itself says nothing of itself
    facts.put("npl_share_here", (sums["low"] / total).fillna(least), high.fillna(some))
    members, group = npl.groupby(ids).max(), rows.groupby(ids)["group_id"].first()
    others = members.groupby(group.fillna("\0" + group.index.to_series())).transform("sum") - members
    facts.put("group_npl", ids.map(others["low"]) > 0, (ids.map(others["high"]) > 0) | rows["group_id"].isna())
    worst = pd.Series(rank).groupby(ids).max()[members["low"] > 0].map(dict(enumerate(CLASSES)))
    bad = {name: part.to_dict() for name, part in worst.groupby(group[worst.index])}
    facts.who["group_npl"] = [_but(bad.get(name, {}), own) for name, own in zip(rows["group_id"], ids, strict=True)]


def _but(members: dict[str, str], own: str) -> dict[str, str]:
    return {name: each for name, each in members.items() if name != own}


def _cases(facts: Facts, chosen: RuleSet, without: set[str] = frozenset()) -> list[tuple]:
    """Each trigger in force: where it surely fires, where it may, and the rank it gives."""
    cases, told, last = [], facts.rows["history"].notna(), facts.rows["last_class"].map(RANK).fillna(0)
    for each in chosen.triggers:
        if each.status == "in_force" and without.isdisjoint(each.when):
            (sure, may), rank = facts.fires(each), np.full(len(told), RANK[each.floor])
            if each.floor == "last_class":
                sure, rank = (sure & told).to_numpy(), last.where(told, len(CLASSES) - 1).to_numpy()
            cases.append((each, sure, may, rank))
    return cases


def _ends(cases: list[tuple], view: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """The worst rank that is sure, and the worst there may be."""
    rank = np.maximum.reduce([view, *(np.where(sure, rank, 0) for *_, sure, _, rank in cases)]).astype(int)
    return rank, np.maximum.reduce([rank, *(np.where(may, rank, 0) for *_, may, rank in cases)]).astype(int)


def _hits(cases: list[tuple], facts: Facts, rank: np.ndarray) -> pd.DataFrame:
    """The triggers that fire, and those that cannot be judged but might make the class worse, one row each."""
    told, keys, blank = [], facts.rows[_KEYS].to_numpy(), facts.rows.isna().to_dict("list")
    for each, sure, may, worst in cases:
        since = np.maximum.reduce([facts.since[key] for key in each.when if key != "non_retail"])
        for row in np.flatnonzero(sure | may & ((worst > rank) | (each.floor == "task"))):
            outcome = ("fires", since[row], "") if sure[row] else ("cannot", None, facts.lacking(each, row, blank))
            floor = CLASSES[int(worst[row])] if each.floor == "last_class" else each.floor
            told.append((*keys[row], each.id, *outcome, floor, each.article, facts.told(each, row), each.basis))
    names = [*_KEYS, "trigger", "outcome", "since", "missing", "floor", "article", "inputs", "basis"]
    return pd.DataFrame(told, columns=names).astype({"since": _MOMENT})


def _suggested(rows: pd.DataFrame, rank: np.ndarray, most: np.ndarray, hits: pd.DataFrame) -> pd.DataFrame:
    """One row an exposure: what is suggested, how sure it is, and how it stands to the class last approved."""
    last, ids = rows["last_class"].map(RANK).astype(float), rows["asset_id"]
    rows["verdict"] = np.select([most == rank, rank == 0], ["judged", "cannot"], "at_least")
    cannot = rows["verdict"] == "cannot"
    rows["suggested"] = pd.Series(np.array(CLASSES)[rank]).mask(cannot)
    change = np.select([last.isna(), rank < last, rank > last], ["first", "better", "worse"], "same")
    rows["change"], rows["needs_approval"] = pd.Series(change).mask(cannot), (change == "better") & ~cannot
    fires = hits[hits["outcome"] == "fires"]
    decisive = fires[fires["floor"] == fires["asset_id"].map(rows.set_index("asset_id")["suggested"])]
    tasks = fires[fires["floor"] == "task"]
    asked = hits.assign(missing=hits["missing"].str.split(",")).explode("missing")
    asked = asked[~asked["missing"].isin(["", "class"])].drop_duplicates(["asset_id", "missing"])
    told = {"reasons": decisive["trigger"], "tasks": tasks["trigger"], "missing": asked["missing"]}
    for name, words in told.items():
        rows[name] = ids.map(words.groupby(hits["asset_id"]).agg(",".join)).astype("str").fillna("")
    rows["days_overdue"] = rows.reindex(columns=_LATE).max(axis=1)
    return rows[_SHOWN].copy()
