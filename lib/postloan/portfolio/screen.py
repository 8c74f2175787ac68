"""The whole book in one pass: ratios, signals, level, class and due dates, a row a borrower, the worst first."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from postloan.analysis import outlook, peers, servicing
from postloan.analysis.periods import Panel
from postloan.judgement import (
    chasing,
    classification,
    client_limits,
    early_warning,
    exposures,
    kinship,
    loan_facts,
    monitoring,
    rules,
    sight,
)
from postloan.tables import LEVELS
from postloan.whole_files import beside, harmless
from postloan.wording import DASH, texts

TOP = 3
ACTIONS = ["borrower_id", "rule", "level", "owner", "due"]
_WIDEST = 60  # characters of a column on a screen


@dataclass(frozen=True)
class Known:
    """What is known of the borrowers besides statements: observations (the book's table), the records of their last
    reviews by borrower, actions entered earlier and still open (ACTIONS), and the loan tables by name
    (`Book.loan_side`; None: none). `own` are clients' own parameters by borrower (params/borrowers), of which
    `rule_limits` and `review_plan` count here. Without `traced` nobody asks where the money went and how accounts
    behave, which takes longest."""

    observations: pd.DataFrame
    last: dict[str, dict] = field(default_factory=dict)
    actions: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=ACTIONS))
    side: dict[str, pd.DataFrame] | None = None
    own: dict[str, dict] = field(default_factory=dict)
    traced: bool = True


def screen(
    panel: Panel,
    borrowers: pd.DataFrame,
    known: Known,
    as_of: str | dt.date,
    *,
    ratios: tuple[str, ...] = (),
    chance: sight.Chance | None = None,
) -> pd.DataFrame:
    """One row a borrower: borrower_id, name, industry, period_end, level, vetoes, groups, signals, new, unjudged,
    exposure (what it owes us; NaN unknown), top (the most severe rules), class, verdict, tasks (triggers that ask for
    something to be done), next_review, overdue_days and the `ratios` asked for.

    `borrowers` is the book's table; those without statements known on `as_of` are left out. Amounts in the basic
    unit. Each number equals that of the borrower's own report, given the `chance` of this panel; without it, rules
    that look ahead cannot be judged.
    """
    found = judge(panel, borrowers, known, as_of, chance=chance)
    rows = found.levels.merge(borrowers[["borrower_id", "name", "name_en", "industry"]], on="borrower_id", how="left")
    rows["top"] = top(found.warnings.live).reindex(rows["borrower_id"], fill_value="").to_numpy()
    classed = exposures.worst(found.classed)[["borrower_id", "suggested", "verdict", "tasks"]]
    rows = rows.merge(classed.rename(columns={"suggested": "class"}))
    return rows.merge(found.plan[["borrower_id", "next_review", "overdue_days"]]).merge(_figures(found.seen, ratios))


def chance(panel: Panel, *books: rules.RuleBook, day_basis: int = 360) -> sight.Chance:
    """What the rules in force (or those of some `books`) ask of the future, drawn for every borrower of the panel as
    its own report draws it."""
    asked = rules.breaches(*books or [rules.load()])
    metrics = list(dict.fromkeys(ask[0] for ask in asked))
    return outlook.chances(outlook.draw_each(panel, metrics, day_basis=day_basis), asked)


@dataclass(frozen=True)
class Judged:
    """Every verdict on a panel as of a day: what the rules saw, warnings, levels, classes, the plan, and the loans as
    `servicing.state` tells them (None: no loan tables)."""

    seen: sight.Sight
    warnings: early_warning.Warnings
    levels: pd.DataFrame
    classed: pd.DataFrame
    plan: pd.DataFrame
    loans: pd.DataFrame | None


def judge(
    panel: Panel, borrowers: pd.DataFrame, known: Known, as_of: str | dt.date, *, chance: sight.Chance | None = None
) -> Judged:
    """Put a panel through signals, class and plan as a review of each borrower would."""
    day = str(pd.Timestamp(as_of).date())
    found = look(panel, borrowers, known, day, chance=chance)
    warnings, told = warned(found, rules.load(), known, day)
    ids = told["borrower_id"].to_list()
    if found.kin is None:
        classed = _classed(found.seen.observed, known, None, ids, day)
    else:
        classed = kinship.classified(ids, found.seen.observed, found.kin, day).assets
    standing = exposures.standing(exposures.worst(classed), told, warnings.live, known.last, found.drawn, day)
    wishes = {name: each["review_plan"] for name, each in known.own.items() if each.get("review_plan")}
    actions = chasing.chased(known.actions, known.last, day)
    plan = monitoring.schedule(standing, day, overrides=wishes, actions=actions)
    return Judged(found.seen, warnings, told, classed, plan, found.loans)


@dataclass(frozen=True)
class Look:
    """What rules see of a panel on a day, the loans as `servicing.state` tells them and who is tied to whom (None: no
    loan tables), and first drawdowns by borrower."""

    seen: sight.Sight
    loans: pd.DataFrame | None
    drawn: pd.Series
    kin: kinship.Kin | None = None


def look(panel: Panel, borrowers: pd.DataFrame, known: Known, day: str, *, chance: sight.Chance | None = None) -> Look:
    """See a panel on a day as rules will see it."""
    loans = servicing.state(known.side, day) if known.side else None
    kin = kinship.of(known.side, loans, known.observations, borrowers) if known.side else None
    observed = _observed(panel, known, kin, day)
    drawn = borrowers.set_index("borrower_id")["first_drawdown"]
    drawn = drawn.where(drawn <= pd.Timestamp(day))  # a loan still to come is not known yet
    among = peers.Among(panel, borrowers)
    seen = sight.of(panel, observed=observed, starts=panel.start_keys(drawn), chance=chance, peers=among)
    return Look(seen, loans, drawn, kin)


def warned(found: Look, book: rules.RuleBook, known: Known, day: str) -> tuple[early_warning.Warnings, pd.DataFrame]:
    """What some rules say of a look at the book: the signals, and each borrower's level."""
    own = own_rules(known.own, book)
    warnings = early_warning.scan(book, found.seen, as_of=day, last=known.last, figures=False, own=own)
    at_risk = None if found.loans is None else exposures.at_risk(found.loans)
    return warnings, early_warning.levels(warnings, found.seen.rows["borrower_id"], at_risk)


def classes(known: Known, borrowers: pd.DataFrame, as_of: str | dt.date) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The classes without statements and account entries: the assets of `classify`, and `servicing.state`.

    Equal to those of `judge` where nothing is traced and no earlier review or open action is known.
    """
    day = str(pd.Timestamp(as_of).date())
    loans = servicing.state(known.side, day)
    observed = sight.fresh(loan_facts.plain(known.side, loans, day, observed=known.observations), day)
    return _classed(observed, known, loans, borrowers["borrower_id"].to_list(), day), loans


def own_rules(own: dict[str, dict], book: rules.RuleBook) -> dict[str, rules.RuleBook]:
    """The rules of each client that has limits of its own, put over those of `book`."""
    limits = {name: each["rule_limits"] for name, each in own.items() if each.get("rule_limits")}
    where = "params/borrowers/{}.yml: rule_limits".format
    return {name: client_limits.applied(book, each, where(name)) for name, each in limits.items()}


def _observed(panel: Panel, known: Known, kin: kinship.Kin | None, day: str) -> pd.DataFrame:
    told = known.observations
    if kin is not None:
        facts = loan_facts.gather(panel, known.side, kin.loans, day, observed=told, traced=known.traced)
        tied = kinship.observations(panel.rows["borrower_id"].unique(), kin, day)
        told = pd.concat([facts.observed, tied]) if len(tied) else facts.observed
    approved = exposures.history(known.observations, known.side["sign_offs"] if known.side else None)
    follow_up = early_warning.follow_up(known.last, known.actions, day, approved)
    parts = [part for part in (sight.fresh(told, day), follow_up) if len(part)]
    return pd.concat(parts, ignore_index=True) if parts else follow_up


def _classed(
    observed: pd.DataFrame, known: Known, loans: pd.DataFrame | None, ids: list[str], day: str
) -> pd.DataFrame:
    assets, debtors = exposures.assets(observed, ids, loans)
    signed = known.side["sign_offs"] if known.side else None
    past = exposures.history(known.observations, signed, assets)
    return classification.classify(assets, day, debtors=debtors, history=past).assets


def top(signals: pd.DataFrame) -> pd.Series:
    """The most severe rules of each borrower (signals come in that order), with commas."""
    first = signals[signals.groupby("borrower_id").cumcount() < TOP]
    return first.astype({"rule": str}).groupby("borrower_id")["rule"].agg(",".join)


def _figures(seen: sight.Sight, ratios: tuple[str, ...]) -> pd.DataFrame:
    rows = seen.rows.loc[seen.latest, ["borrower_id", "period_end"]].reset_index(drop=True)
    return rows.assign(**{name: seen.now(name)[seen.latest] for name in ratios})


def write(found: pd.DataFrame, file: Path) -> None:
    """Every column as CSV that Excel opens as UTF-8; the file is there whole or not at all, and holds no formula."""
    with beside(file) as part:
        harmless(found).to_csv(part, index=False, encoding="utf-8-sig", date_format="%Y-%m-%d")


def shown(found: pd.DataFrame, language: str) -> str:
    """The rows as text for a screen: borrower, level, class, reasons, next review and how late it is."""
    words, book = texts(language), rules.load().rules
    if found.empty:
        return ""
    titles = {name: getattr(rule.title, language) for name, rule in book.items()}
    name = found["name"].where(found["name_en"].isna() | (language == "zh"), found["name_en"])
    columns = {
        "borrower": found["borrower_id"] + "  " + name.fillna(""),
        "level": found["level"].map(lambda level: words(f"signal.level.{level}")),
        "class": found["class"].map(lambda each: words(f"verdict.class.{each}"), na_action="ignore").fillna(DASH),
        "why": found["top"].map(lambda top: words("case.and").join(titles[each] for each in top.split(",") if each)),
        "next": found["next_review"].dt.strftime("%Y-%m-%d").fillna(DASH),
        "late": found["overdue_days"].astype("string").fillna(DASH),
    }
    told = {words(f"screen.{key}"): column.str.slice(0, _WIDEST) for key, column in columns.items()}
    padded = {name: column.str.ljust(int(column.str.len().max())) for name, column in told.items()}
    return pd.DataFrame(padded).to_string(index=False, justify="left", max_colwidth=_WIDEST)


def counted(found: pd.DataFrame, language: str) -> str:
    """How many borrowers stand at each level, in one line."""
    words, counts = texts(language), found["level"].value_counts()
    told = (f"{words(f'signal.level.{level}')} {counts.get(level, 0)}" for level in reversed(LEVELS))
    return words("screen.counts", count=len(found), levels=words("case.comma").join(told))
