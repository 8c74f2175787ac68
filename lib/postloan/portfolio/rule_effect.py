"""What rules do to a book before they go live: where each would fire on some days, and what an edit would change."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from postloan.analysis.periods import Panel
from postloan.judgement import early_warning, rule_changes, rules, trial
from postloan.judgement.rules import RuleBook
from postloan.portfolio import screen
from postloan.wording import DASH, texts

EFFECT = ["rule", "status", "as_of", "borrowers", "judged", "cannot", "yellow", "orange", "red", "share", "examples"]
RULES = ["rule", "change", "fields", "yellow", "orange", "red", "yellow_before", "orange_before", "red_before"]
SIGNALS = ["borrower_id", "rule", "before", "after"]
LEVELS = ["borrower_id", "before", "after"]
SHOWN = 3
NONE = "none"  # a rule that one version lacks, or that is not in force there


@dataclass(frozen=True)
class Day:
    """The book as rules see it on a day, and what was known of it then."""

    as_of: str
    look: screen.Look
    known: screen.Known


@dataclass(frozen=True)
class Difference:
    """What another version of the rules makes different on a day: `rules` (RULES, those new, removed or changed),
    `signals` (SIGNALS) and `levels` (LEVELS) that differ, and how many borrowers were judged."""

    rules: pd.DataFrame
    signals: pd.DataFrame
    levels: pd.DataFrame
    borrowers: int

    def only(self, names: tuple[str, ...]) -> Difference:
        """The same with the rules and signals of some rules only (none named: all)."""
        if not names:
            return self
        kept = (rows[rows["rule"].isin(names)].reset_index(drop=True) for rows in (self.rules, self.signals))
        return Difference(*kept, self.levels, self.borrowers)


def day(
    statements: pd.DataFrame, borrowers: pd.DataFrame, known: screen.Known, as_of: str, books: list[RuleBook]
) -> Day:
    """See the book on a day; what the rules of `books` ask of the future is drawn, what others ask cannot be
    judged."""
    panel = Panel(statements)
    chance = screen.chance(panel, *books) if books else None
    return Day(as_of, screen.look(panel, borrowers, known, as_of, chance=chance), known)


def effect(days: list[Day], book: RuleBook, only: tuple[str, ...] = ()) -> pd.DataFrame:
    """How every rule (or some) fires on each day: EFFECT, a row a rule and day, the newest day first.

    Drafts are tried as if in force. `judged` are borrowers the rule could judge, `share` the part of those on which it
    fires; `examples` the first borrowers, the most severe first. RuleError names a rule that does not exist.
    """
    for name in only:
        rule_changes.named(book.rules, name, "params/rules: ")
    told = pd.concat([_counts(each, trial.drafts_live(book)) for each in days], ignore_index=True)
    told["status"] = told["rule"].map({name: rule.status for name, rule in book.rules.items()})
    told = told.sort_values(["rule", "as_of"], ascending=[True, False])
    return told.loc[told["rule"].isin(only or book.rules), EFFECT].reset_index(drop=True)


def _counts(at: Day, book: RuleBook) -> pd.DataFrame:
    found = early_warning.judged(book, at.look.seen, screen.own_rules(at.known.own, book))
    states = ["cannot", "quiet", *rules.LEVELS]
    counts = pd.crosstab(found["rule"], found["level"]).reindex(columns=states, fill_value=0)
    counts["borrowers"] = counts[states].sum(axis=1)
    counts["judged"] = counts["borrowers"] - counts["cannot"]
    fired = counts[[*rules.LEVELS]].sum(axis=1)
    counts["share"] = fired / counts["judged"].where(counts["judged"] > 0)
    live = found[found["level"].isin(rules.LEVELS)]
    rank = live["level"].map(rules.LEVELS.index).astype(int)
    worst = live.assign(rank=-rank).sort_values(["rule", "rank", "borrower_id"], kind="stable")
    examples = worst.groupby("rule")["borrower_id"].agg(lambda ids: tuple(ids.head(SHOWN)))
    counts["examples"] = [examples.get(name, ()) for name in counts.index]
    return counts.reset_index().assign(as_of=at.as_of)


def compare(at: Day, now: RuleBook, before: RuleBook) -> Difference:
    """What `now` says on a day that `before` did not: by rule, by signal and by borrower's level.

    Limits of a client's own that name a rule `before` lacks are left out there.
    """
    told = [_told(at, book) for book in (before, now)]
    (was, level_was), (is_, level_is) = told
    both = pd.concat([was, is_], axis=1, keys=["before", "after"]).astype(object).fillna(NONE)
    moved = both[(both["before"] != both["after"]) & both.isin(rules.LEVELS).any(axis=1)].reset_index()
    levels = pd.DataFrame({"before": level_was, "after": level_is})
    changed = levels[levels["before"] != levels["after"]].rename_axis("borrower_id").reset_index()
    return Difference(_changed(now, before, was, is_), moved[SIGNALS], changed[LEVELS], len(levels))


def _told(at: Day, book: RuleBook) -> tuple[pd.Series, pd.Series]:
    """Each rule's verdict by borrower and rule, and each borrower's level."""
    own = {name: {**each, "rule_limits": _limits(each, book)} for name, each in at.known.own.items()}
    known = screen.Known(at.known.observations, at.known.last, at.known.actions, at.known.side, own)
    found = early_warning.judged(book, at.look.seen, screen.own_rules(own, book))
    _, levels = screen.warned(at.look, book, known, at.as_of)
    return found.set_index(["borrower_id", "rule"])["level"], levels.set_index("borrower_id")["level"]


def _limits(own: dict, book: RuleBook) -> dict:
    return {name: limits for name, limits in (own.get("rule_limits") or {}).items() if name in book.rules}


def _changed(now: RuleBook, before: RuleBook, was: pd.Series, is_: pd.Series) -> pd.DataFrame:
    """The rules that are new, removed or changed, and how they fire in both versions."""
    rows = []
    for name in sorted({*now.rules, *before.rules}):
        one, other = now.rules.get(name), before.rules.get(name)
        if one != other:
            fields = _fields(one, other) if one and other else ()
            change = "changed" if fields else "new" if one else "removed"
            rows.append((name, change, fields, *_at_level(is_, name), *_at_level(was, name)))
    return pd.DataFrame(rows, columns=RULES)


def _fields(one: rules.Rule, other: rules.Rule) -> tuple[str, ...]:
    return tuple(name for name in type(one).model_fields if getattr(one, name) != getattr(other, name))


def _at_level(verdicts: pd.Series, rule: str) -> list[int]:
    mine = verdicts[verdicts.index.get_level_values("rule") == rule]
    return [int((mine == level).sum()) for level in rules.LEVELS]


def shown(told: pd.DataFrame, book: RuleBook, language: str) -> str:
    """The effect as text: a line a rule with its counts today by level, who for example, and the days before."""
    words, rows = texts(language), []
    for name, mine in told.groupby("rule", sort=False):
        now, earlier = mine.iloc[0], mine.iloc[1:]
        rows.append(
            {
                words("check.rule"): name,
                words("check.status"): words(f"check.state.{now['status']}"),
                **{words(f"signal.level.{level}"): now[level] for level in reversed(rules.LEVELS)},
                words("check.share"): words.value(now["share"], "pct"),
                words("check.cannot"): now["cannot"],
                **{day: _fired(row) for day, row in earlier.set_index("as_of").iterrows()},
                words("check.examples"): " ".join(now["examples"]) or DASH,
            }
        )
    return pd.DataFrame(rows).to_string(index=False, justify="left") if rows else DASH


def _fired(row: pd.Series) -> str:
    return f"{row[[*rules.LEVELS]].sum()}/{row['judged']}"


def shown_difference(found: Difference, language: str) -> str:
    """The difference as text: rules, then signals counted by rule and move, then levels by borrower."""
    words = texts(language)
    if found.rules.empty:
        return words("check.same")
    rules_ = found.rules.assign(
        change=found.rules["change"].map(lambda each: words(f"check.change.{each}")),
        fields=found.rules["fields"].map(", ".join).replace("", DASH),
        before=_by_level(found.rules, "_before"), after=_by_level(found.rules, ""),
    )[["rule", "change", "fields", "before", "after"]]  # fmt: skip
    parts = [words("check.rules_changed", count=len(rules_)), _table(rules_, words)]
    parts += [words("check.signals_changed", count=len(found.signals)), _table(_named(found.signals, words), words)]
    count = {"count": len(found.levels), "of": found.borrowers}
    parts += [words("check.levels_changed", **count), _table(_named(found.levels, words), words)]
    return "\n".join(part for part in parts if part)


def _by_level(rows: pd.DataFrame, ending: str) -> pd.Series:
    columns = rows[[f"{level}{ending}" for level in reversed(rules.LEVELS)]]
    return columns.astype(str).agg("/".join, axis=1)


def _named(rows: pd.DataFrame, words: object) -> pd.DataFrame:
    named = {side: rows[side].map(lambda each: words(f"check.verdict.{each}")) for side in ("before", "after")}
    return rows.assign(**named)


def _table(rows: pd.DataFrame, words: object) -> str:
    head = {name: words(f"check.column.{name}") for name in rows}
    return rows.rename(columns=head).to_string(index=False, justify="left") if len(rows) else ""
