"""Signals of one day: what fired, on what evidence, new or known, who acts by when; and each borrower's level."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np
import pandas as pd

from postloan.errors import ContractError
from postloan.glance import Glance, tests
from postloan.judgement import chasing, monitoring
from postloan.judgement.proof import evidence
from postloan.judgement.rules import LEVELS, RuleBook, verdicts
from postloan.judgement.sight import COLUMNS as SEEN
from postloan.judgement.sight import Sight
from postloan.measures import observations
from postloan.tables import OURS

COLUMNS = [
    "borrower_id", "as_of", "rule", "group", "level", "status", "standing", "veto", "since", "evidence", "owner", "due",
    "quiet_since", "closes_on", "quiet_reviews", "closed",
]  # fmt: skip
VERDICTS = ["borrower_id", "period_end", "rule", "level", "since", "missing"]
_STANDS = {"quiet_since": pd.NaT, "closes_on": pd.NaT, "quiet_reviews": 0, "closed": False}
_STANDING = {"computed": "confirmed", "external": "to_verify", "officer": "to_verify"}


@dataclass(frozen=True, repr=False)
class Warnings(Glance):
    """`signals` has COLUMNS, cleared ones included; `unjudged` borrower_id, rule and the metrics that lack."""

    signals: pd.DataFrame
    unjudged: pd.DataFrame

    @property
    def live(self) -> pd.DataFrame:
        """The signals that stand today, the most severe first."""
        return self.signals[self.signals["status"] != "cleared"]

    def glance(self) -> tuple[str, list[pd.DataFrame]]:
        """How many signals stand at each level, and what could not be judged; then each with the tests that held."""
        live = self.live
        counts = ", ".join(f"{(live['level'] == level).sum()} {level}" for level in reversed(LEVELS))
        shown = live.drop(columns=["as_of", "standing"]).assign(evidence=live["evidence"].map(tests))
        return f"{len(live)} signals ({counts}); {len(self.unjudged)} rules not judged for want of figures", [shown]


def scan(
    rules: RuleBook,
    sight: Sight,
    *,
    as_of: str | dt.date,
    last: dict[str, dict] | None = None,
    figures: bool = True,
    own: dict[str, RuleBook] | None = None,
) -> Warnings:
    """Every rule in force on every borrower of the sight, set beside the last reviews.

    `last` maps a borrower to the record of its last review (`as_of` and `signals` with rule and level). Without
    `figures` the evidence stays empty: for screens of a whole book.
    `own` are the rules with a client's own limits (client_limits), by borrower.
    ContractError when a last review is as new as `as_of` or newer.
    Example: `early_warning.scan(rules.load(), seen, as_of="2026-05-15", last=last).live`.
    """
    day, last = pd.Timestamp(as_of), last or {}
    for borrower, review in last.items():
        if review and pd.Timestamp(review["as_of"]) >= day:
            raise ContractError(f"{borrower}: last review of {review['as_of']}: expected one before {day:%Y-%m-%d}")
    found = judged(rules, sight, own or {})
    fired = found[found["level"].isin(LEVELS)]
    rows = [_signal(row, rules, day, _level_then(last, row.borrower_id, row.rule)) for row in fired.itertuples()]
    if figures:
        _add_evidence(rows, rules, sight)
    standing = {(row["borrower_id"], row["rule"]) for row in rows}
    unjudged = found.loc[found["level"] == "cannot", ["borrower_id", "rule", "missing"]].reset_index(drop=True)
    blind = set(unjudged[["borrower_id", "rule"]].itertuples(index=False, name=None))
    present = set(sight.rows["borrower_id"])
    for borrower, review in last.items():
        for old in review.get("signals", []) if borrower in present else []:
            key = (borrower, old["rule"])
            if key not in standing and chasing.followed(old) and old["rule"] in rules.rules:
                rows.append(_earlier(borrower, old, rules, day, blind=key in blind))
    signals = pd.DataFrame(rows, columns=COLUMNS)
    order = signals["level"].map(LEVELS.index) if len(signals) else pd.Series(dtype=float)
    stands, ours = signals["status"] != "cleared", signals["group"] == OURS
    severity = stands * (10 - 6 * ours) + order + signals["veto"].astype(float) * 5  # ours behind all of the client's
    ranked = signals.assign(severity=severity).sort_values(
        ["borrower_id", "severity", "rule"], ascending=[True, False, True], kind="stable"
    )
    return Warnings(ranked.drop(columns="severity").reset_index(drop=True), unjudged)


def judged(rules: RuleBook, sight: Sight, own: dict[str, RuleBook]) -> pd.DataFrame:
    """The verdicts of every rule in force on each borrower's latest period (`rules.verdicts`), by its own limits where
    it has any."""
    if not rules.in_force():
        return pd.DataFrame(columns=VERDICTS)
    found = verdicts(rules, sight)
    mine = [verdicts(book, sight.only(name)) for name, book in own.items() if (found["borrower_id"] == name).any()]
    return pd.concat([found[~found["borrower_id"].isin(own)], *mine], ignore_index=True) if mine else found


def follow_up(
    last: dict[str, dict], actions: pd.DataFrame, as_of: str | dt.date, approved: pd.DataFrame | None = None
) -> pd.DataFrame:
    """What stored reviews and actions say by themselves, as observations (sight.COLUMNS): how late the review is for
    which the last one set a day, as `monitoring.schedule` counts it, and how many open actions are past their day
    (`chasing.chased`). `approved` are the classes signed so far (`exposures.history`): signing is a review too."""
    day, rows = pd.Timestamp(as_of), []
    told = chasing.chased(actions, last, day)
    late = told.loc[told["days_late"] > 0, "borrower_id"].value_counts()
    days = _set_days(last, approved)
    for borrower, review in last.items():
        if review:
            overdue = float(max((day - days.get(borrower, day)).days, 0))
            rows.append((borrower, "review_overdue_days", overdue, day, "reviews"))
            rows.append((borrower, "actions_overdue", float(late.get(borrower, 0)), day, "actions"))
    return pd.DataFrame(rows, columns=SEEN).astype({"observed_on": "datetime64[us]"})


def _set_days(last: dict[str, dict], approved: pd.DataFrame | None) -> dict[str, pd.Timestamp]:
    """The day the last review of each borrower set for the next, where it still stands."""
    kept = {name: each for name, each in last.items() if each}
    told = pd.DataFrame(
        {name: {who: each.get(name) for who, each in kept.items()} for name in ("as_of", "next_review")}
    )
    told = told.apply(pd.to_datetime)
    if approved is not None and len(approved):
        told["signed"] = approved.groupby("asset_id")["on"].max().reindex(told.index)
    held = told.drop(columns="next_review").max(axis=1)
    return monitoring.still_set(told["next_review"], held).dropna().to_dict()


def _signal(row: tuple, rules: RuleBook, day: pd.Timestamp, before: str | None) -> dict:
    rule = rules.rules[row.rule]
    forecast = any(leaf.of == "chance" for leaf in rule.condition.leaves())
    return {
        "borrower_id": row.borrower_id,
        "as_of": day,
        "rule": rule.id,
        "group": rule.group,
        "level": row.level,
        "status": _status(before, row.level),
        "standing": "watch" if forecast else _STANDING[rule.source],
        "veto": rule.veto,
        "since": row.since,
        "evidence": [],
        "owner": rule.owner,
        "due": due_date(day, rule.days[row.level]),
        **_STANDS,
    }


def _add_evidence(rows: list[dict], rules: RuleBook, sight: Sight) -> None:
    for row in rows:
        row["evidence"] = evidence(rules.rules[row["rule"]], row["level"], sight, row["borrower_id"])
        row["since"] = _seen_on(row["evidence"], sight, row["borrower_id"]) or row["since"]


def _seen_on(figures: list[dict], sight: Sight, borrower: str) -> pd.Timestamp | None:
    """The day of the newest observation where a rule fired on observations alone; None where statements spoke."""
    metrics = {test["metric"] for test in figures if test["held"]}
    if not metrics or not metrics <= set(observations()):
        return None
    seen = sight.observed
    mine = seen[(seen["borrower_id"] == borrower) & seen["metric"].isin(metrics)]
    return mine["observed_on"].max() if len(mine) else None


def _earlier(borrower: str, old: dict, rules: RuleBook, day: pd.Timestamp, *, blind: bool) -> dict:
    """A signal of the last review that does not fire today: cleared (and followed up until it is closed), or standing
    where it cannot be judged."""
    rule, still = rules.rules[old["rule"]], blind and old["status"] != "cleared"
    about = {"borrower_id": borrower, "as_of": day, "rule": rule.id, "group": rule.group, "level": old["level"]}
    about |= {"status": "persisting" if still else "cleared", "standing": "to_verify" if still else "confirmed"}
    since = pd.Timestamp(old["since"]) if old.get("since") else pd.NaT
    due = pd.Timestamp(old["due"]) if old.get("due") else pd.NaT
    about |= {"veto": rule.veto and still, "since": since, "evidence": [], "owner": rule.owner, "due": due}
    return about | (_STANDS if still else chasing.quiet(old, day, blind=blind))


def _level_then(last: dict[str, dict], borrower: str, rule: str) -> str | None:
    for old in last.get(borrower, {}).get("signals", []):
        if old["rule"] == rule and old["status"] != "cleared":
            return old["level"]
    return None


def _status(before: str | None, now: str) -> str:
    if before is None:
        return "new"
    step = LEVELS.index(now) - LEVELS.index(before)
    return "worse" if step > 0 else "better" if step < 0 else "persisting"


def due_date(day: pd.Timestamp, business_days: int) -> pd.Timestamp:
    """So many weekdays after `day` (public holidays are not known here)."""
    return pd.Timestamp(np.busday_offset(day.date(), business_days, roll="backward"))


def levels(warnings: Warnings, borrowers: pd.Series, exposure: pd.Series | None = None) -> pd.DataFrame:
    """Each borrower's level: the highest signal wins, a veto is red; in reading order, money at risk first.

    Signals on our own lateness (group OURS) are left out: they say nothing of the borrower.

    Returns borrower_id, level (none, yellow, orange, red), vetoes, groups (independent groups that fired), signals,
    new, unjudged and exposure (in the basic unit; NaN where unknown), the most urgent first.
    """
    live = warnings.live[warnings.live["group"] != OURS]
    rank = live["level"].map(LEVELS.index).add(1).where(~live["veto"].astype(bool), 3)
    by = live.assign(rank=rank).groupby("borrower_id")
    told = pd.DataFrame(index=pd.Index(borrowers.unique(), name="borrower_id"))
    told["rank"] = by["rank"].max()
    told["vetoes"] = live[live["veto"].astype(bool)].groupby("borrower_id").size()
    told["groups"] = by["group"].nunique()
    told["signals"] = by.size()
    told["new"] = live[live["status"].isin(["new", "worse"])].groupby("borrower_id").size()
    told["unjudged"] = warnings.unjudged.groupby("borrower_id").size()
    told = told.fillna(0).astype(int)
    told["exposure"] = exposure.reindex(told.index) if exposure is not None else np.nan
    told["level"] = np.array(["none", *LEVELS])[told["rank"]]
    told = told.sort_values(["rank", "exposure", "groups", "signals"], ascending=False, kind="stable")
    return told.drop(columns="rank").reset_index()


def as_record(warnings: Warnings, borrower_id: str) -> list[dict]:
    """One borrower's signals as plain JSON values for the report's record."""
    mine = warnings.signals[warnings.signals["borrower_id"] == borrower_id].drop(columns=["borrower_id", "as_of"])
    told = mine.assign(veto=mine["veto"].astype(bool)).to_dict("records")
    return [{name: _text(value) for name, value in row.items() if row["status"] == "cleared" or name not in _STANDS}
            for row in told]  # fmt: skip


def _text(value: object) -> object:
    """A day as ISO text, none where there is none; anything else as it is."""
    if value is pd.NaT:
        return None
    return f"{value:%Y-%m-%d}" if isinstance(value, pd.Timestamp) else value
