"""The case in words: signals told link by link from the business to our money, as a credit officer would.

What was seen (facts), what it means (judgement) and what to do (suggestion) are kept apart. Every sentence is bound
to a figure; signals on one figure are told once, and signals on one link of the chain in one paragraph.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import pandas as pd

from postloan.measures import Measure, chain, kind_of, link_of, observations
from postloan.report.exhibits import Sheet, peer_figure, proven
from postloan.report.narrative import MANY, Prose, Told, unparted
from postloan.report.turning import is_guard, nearest, turning_points
from postloan.tables import OURS

TOLD, ASKED, ACTIONS, LONG_YEARS = 3, 6, 5, 2
FLAT = 0.03  # a move within so much of the figure is no move
FAR = 3.0  # a share beyond 300 % has a base too small to compare with
BEYOND = {"pct": 10.0, "days": 3650.0}  # of next to no sales: the size says no more than that
_SEVERITY = ("yellow", "orange", "red")
_PAYS = ("cash_flow", "repayment")


@dataclass(frozen=True)
class Case:
    """What a case is told from.

    `signals` are the live signals of one borrower, the most severe first (early_warning's columns); `rules` by id
    have title, innocent, action in words, and their condition; `compared` is `ratios.compare`'s frame.
    """

    signals: pd.DataFrame
    rules: Mapping[str, object]
    compared: pd.DataFrame
    measures: dict[str, Measure]
    sheet: Sheet

    @cached_property
    def links(self) -> dict[str, list[Finding]]:
        """The findings by link, in the order of the chain, the most severe first; quiet links left out."""
        found = _findings(self.signals[self.signals["group"] != OURS])
        found.sort(key=lambda one: (kind_of(one.metric) == "terms", one.is_long(self.sheet.as_of)))
        found.sort(key=lambda one: -_SEVERITY.index(one.level))
        links = {name: [one for one in found if one.link == name] for name in chain()}
        return {name: mine for name, mine in links.items() if mine}

    @cached_property
    def ours(self) -> str:
        """What we ourselves are late with, in a sentence; empty where nothing is."""
        words, late = self.sheet.words, []
        for one in _findings(self.signals[self.signals["group"] == OURS]):
            title, figure = self.rules[one.rules[0]].title, self.value(_now(one, self), one.metric)
            late.append(words("case.ours_one", title=self.sheet.said(title), figure=figure))
        return words("case.ours", late=words("case.comma").join(late)) if late else ""

    def unit(self, metric: str) -> str:
        """The unit a metric is told in."""
        unit = self.measures[metric].unit if metric in self.measures else observations()[metric].unit
        return "points" if unit == "count" else unit

    def value(self, value: float, metric: str) -> str:
        """A metric's value in words, days with their unit; one that no sales can explain only by its bound."""
        words, unit = self.sheet.words, self.unit(metric)
        if unit in BEYOND and abs(value) > BEYOND[unit]:
            return words(f"case.beyond.{unit}", bound=words.value(BEYOND[unit] if value > 0 else -BEYOND[unit], unit))
        shown = words.value(value, unit, self.sheet.currency)
        return words("case.days", days=shown) if unit == "days" and pd.notna(value) else shown


@dataclass
class Finding:
    """One figure on which one or more rules fired: the tests that held, and the rules, the most severe first.

    `since` is the first rule's: of a milder one it may be years earlier, when nothing worse was to be seen.
    """

    metric: str
    link: str
    level: str
    since: pd.Timestamp | None
    rules: list[str] = field(default_factory=list)
    tests: list[dict] = field(default_factory=list)

    @property
    def own(self) -> list[dict]:
        """The tests of the figure itself; the others held beside it."""
        return [test for test in self.tests if test["metric"] == self.metric]

    def is_long(self, as_of: str) -> bool:
        """Whether it has stood for years, so that it is structure rather than news."""
        return self.since is not None and self.since < pd.Timestamp(as_of) - pd.DateOffset(years=LONG_YEARS)


def _findings(signals: pd.DataFrame) -> list[Finding]:
    """Signals as figures: each figure once, with every rule and test that speaks of it."""
    found: dict[str, Finding] = {}
    for signal in signals.to_dict("records"):
        held = [test for test in signal["evidence"] if test["held"]]
        if not held:
            continue
        new = Finding(held[0]["metric"], link_of(held[0]["metric"]), signal["level"], _day(signal["since"]))
        one = found.setdefault(new.metric, new)
        one.rules.append(signal["rule"])
        first = one is new  # of rules on one figure, what held beside it and since when are told of the first alone
        one.tests += [test for test in held if test not in one.tests and (first or test["metric"] == new.metric)]
    return list(found.values())


def _day(day: object) -> pd.Timestamp | None:
    return None if day is None or pd.isna(day) else pd.Timestamp(day)


def reasons(case: Case, count: int = 3) -> Prose:
    """The few strongest reasons for the level, no two from one link while others wait, a missed payment among them."""
    words, found = case.sheet.words, [one for mine in case.links.values() for one in mine]
    if not found:
        return Prose((words("case.quiet", nearest=nearest(case)),))
    found.sort(key=lambda one: -_SEVERITY.index(one.level))
    firsts = {one.link: one for one in reversed(found)}
    chosen = sorted(firsts.values(), key=found.index)
    chosen += [one for one in found if one not in chosen]
    missed = _missed(found)
    if missed and missed not in chosen[:count]:
        chosen.insert(count - 1, missed)
    said: set[str] = set()
    points = tuple(proven(_reason(one, case, said), f"signal-{one.rules[0]}", words) for one in chosen[:count])
    return Prose((), points, words("case.reasons"))


def _reason(one: Finding, case: Case, said: set[str]) -> str:
    title = case.sheet.said(case.rules[one.rules[0]].title)
    return case.sheet.words("case.reason", title=title, fact=fact(one, case, said))


def next_step(case: Case) -> Prose:
    """The action that is due first, with its owner and day; then what we ourselves are late with."""
    words, due = case.sheet.words, _actions(case)
    told = (words("case.next", step=due[0]) if due else words("case.next_none"), case.ours)
    return Prose(tuple(each for each in told if each))


def story(case: Case, *, belief: str = "", blind: int = 0) -> Told:
    """The whole case. `belief` is a sentence on how far the statements can be believed, `blind` the number of rules
    that could not be judged."""
    words = case.sheet.words
    if not case.links:
        calm = (words("case.quiet_story", links=_quiet(case)), words("case.quiet", nearest=nearest(case)))
        sure = (words("case.calm"), belief, words("case.blind", count=blind).strip() if blind else "", case.ours)
        judged = tuple(each for each in sure if each)
        return Told(((words("case.facts"), calm, ()), (words("case.judgement"), judged, ())))
    facts = tuple(_paragraph(name, mine, case) for name, mine in case.links.items())
    judged = [_chain(case), *(_meaning(name, mine, case) for name, mine in case.links.items()), _sure(case, blind)]
    told = tuple(each for each in (*judged, belief, turning_points(case), case.ours) if each)
    parts = ((words("case.facts"), facts, ()), (words("case.judgement"), told, ()))
    return Told((*parts, (words("case.suggestion"), *_suggested(case))))


def _suggested(case: Case) -> tuple[tuple[str, ...], tuple[str, ...]]:
    due = _actions(case)
    rest = (case.sheet.words("case.more_actions", count=len(due) - ACTIONS),) if len(due) > ACTIONS else ()
    return rest, tuple(due[:ACTIONS])


def questions(case: Case) -> Prose:
    """What to ask the client, each question with the figure that raises it; without signals, what moved most."""
    words, asked = case.sheet.words, {}
    for mine in case.links.values():
        for one in mine:
            if not _is_score(one.metric, case):
                asked.setdefault(_ask(one.metric, words), one)
    missed = _missed([*asked.values()])  # before what is as severe
    ranked = sorted(asked.items(), key=lambda pair: (-_SEVERITY.index(pair[1].level), pair[1] is not missed))[:ASKED]
    points = tuple(words("case.question", fact=_stands(one, case, limits=False), ask=ask) for ask, one in ranked)
    return Prose(() if points else (words("case.no_questions"),), points)


def _is_score(metric: str, case: Case) -> bool:
    """Whether a figure is a distress score, which no client can answer for: its parts are asked about instead."""
    return metric in case.measures and case.measures[metric].group == "distress"


def _ask(metric: str, words: object) -> str:
    seen = observations().get(metric)
    keys = [f"ask.{metric}", *([f"ask.{seen.group}"] if seen else []), f"ask.link.{link_of(metric)}"]
    return words(next(key for key in keys if words.has(key)))


def fact(one: Finding, case: Case, said: set[str] | None = None) -> str:
    """A finding as one clause: where the figure stands, where it came from, what held beside it and since when; what
    was `said` of other figures before is not repeated."""
    words, clauses = case.sheet.words, [_stands(one, case)]
    clauses += [_moved(test, case) for test in one.own if test["of"] not in ("now", "year_ago", "chance")]
    clauses += [_likely(test, case) for test in one.tests if test["of"] == "chance"]
    runs = max((test.get("periods", 0) for test in one.own), default=0)
    if runs > 1:
        clauses.append(words("case.run", count=runs))
    clauses += [_beside(one, case, set() if said is None else said), _since(one, case)]
    return words("case.comma").join(dict.fromkeys(each for each in clauses if each))


def _beside(one: Finding, case: Case, before: set[str]) -> str:
    """What held together with the figure, each other figure by its name, unless said `before` (it is then)."""
    words, told = case.sheet.words, []
    for test in one.tests:
        if test["metric"] != one.metric and test["of"] != "chance":
            way = "now" if test["of"] == "now" else "moved"
            said = case.value(test["value"], test["metric"]) if way == "now" else _moved(test, case)
            if said:
                told.append(words(f"case.beside_{way}", metric=case.sheet.metric(test["metric"]), said=said))
    told = [each for each in dict.fromkeys(told) if each not in before]
    before.update(told)
    return words("case.beside", facts=words("case.both").join(told)) if told else ""


def _stands(one: Finding, case: Case, *, limits: bool = True) -> str:
    words, now = case.sheet.words, next((test for test in one.own if test["of"] == "now"), None)
    known = one.metric in case.compared.index
    value = now["value"] if now else case.compared.at[one.metric, "now"] if known else float("nan")
    before = case.compared.at[one.metric, "year_ago"] if known else float("nan")
    said = {"metric": case.sheet.metric(one.metric), "value": case.value(value, one.metric)}
    if pd.isna(value):
        return said["metric"]
    told = words("case.stands", **said)
    if pd.notna(before) and case.value(before, one.metric) != said["value"]:
        told = words(f"case.stands_{_way(one, value, before, case)}", before=case.value(before, one.metric), **said)
    first = limits and now is one.own[0]  # else the rule is about a move, and its limit only says when it looks
    crossed = first and now["limit"] and not is_guard(now, case)  # one of zero needs no words beside a minus
    return told + (words("case.limit", limit=case.value(now["limit"], one.metric)) if crossed else "")


def _way(one: Finding, value: float, before: float, case: Case) -> str:
    """How a figure stands to a year ago: far (no comparison), flat, still (bad, if better than it was), up or down."""
    moved = any(test["of"] in ("change", "growth") for test in one.own) or abs(value - before) >= FLAT * abs(before)
    if {"pct": abs(before) > FAR, "times": before > MANY}.get(case.unit(one.metric)):
        return "far"
    if not moved:
        return "flat"
    if one.metric in case.measures and case.measures[one.metric].worsening(value, before) < 0:
        return "still"
    return "up" if value > before else "down"


def _moved(test: dict, case: Case) -> str:
    words, unit = case.sheet.words, case.unit(test["metric"])
    if peer := test.get("peer"):
        if peer == "percentile" and round(100 * test["value"]) in (0, 100):
            return words("case.moved.peers.lowest" if test["value"] < 0.5 else "case.moved.peers.highest")
        return words(f"case.moved.peers.{peer}", change=peer_figure(test["value"], peer, words))
    if test["of"] == "year_ago":
        return words("case.moved.year_ago", change=case.value(test["value"], test["metric"]))
    growth = test["of"] == "growth"
    if abs(test["value"]) > (FAR if growth else BEYOND.get(unit, float("inf"))):
        return ""
    by = words.change_share(test["value"]) if growth else words.change(test["value"], unit, case.sheet.currency)
    by = words("case.days", days=by) if unit == "days" and not growth else by
    return words(f"case.moved.{test['of']}", change=by)


def _likely(test: dict, case: Case) -> str:
    words, breach = case.sheet.words, test["breach"]
    what = {"metric": case.sheet.metric(test["metric"]), "limit": case.value(breach["limit"], test["metric"])}
    side = words(f"signal.side.{breach['side']}")
    return words("case.likely", share=words.value(test["value"], "pct"), within=breach["within"], side=side, **what)


def _since(one: Finding, case: Case) -> str:
    words = case.sheet.words
    if one.since is None:
        return ""
    if one.metric in observations():
        return words("case.seen", date=words.date(one.since))
    return words("case.since_long" if one.is_long(case.sheet.as_of) else "case.since", date=words.date(one.since))


def _paragraph(name: str, mine: list[Finding], case: Case) -> str:
    """One link in one paragraph: its strongest figures as sentences, the rest by name."""
    words, said = case.sheet.words, set()
    told = [fact(one, case, said) for one in mine[:TOLD]]
    rest = [case.sheet.said(case.rules[one.rules[0]].title) for one in mine[TOLD:]]
    more = words("case.more", count=len(rest), titles=words("case.and").join(rest)) if rest else ""
    body = words("case.semicolon").join(told) + words("case.stop") + more
    return words("case.paragraph", link=words(f"case.link.{name}"), body=body).strip()


def _meaning(name: str, mine: list[Finding], case: Case) -> str:
    """What a link means for repayment, and what may explain it innocently."""
    words, worst = case.sheet.words, _speaking(mine)
    size = "low" if worst.level == "yellow" else "high"
    holding = _held(name, case) if size == "high" else ""
    ways = [f"{kind_of(worst.metric)}_{'held' if holding else size}", "held" if holding else size]
    if size == "low" and any(one.level != "yellow" for link in _PAYS for one in case.links.get(link, [])):
        ways.insert(0, "low_paid_late")
    if kind_of(worst.metric) == "cushion" and worst.own and worst.own[0]["of"] == "change":
        ways.insert(0, f"jumped_{'held' if holding else size}")
    if kind_of(worst.metric) == "cushion" and case.compared.at["equity_to_assets", "now"] < 0:
        ways.insert(0, "gone_earning" if case.compared.at["net_profit_ttm", "now"] > 0 else f"gone_{size}")
    key = next(key for key in (f"case.means.{name}.{way}" for way in ways) if words.has(key))
    said = words(key, figure=_figure(worst.metric, _now(worst, case), case), holding=holding)
    if all(one.is_long(case.sheet.as_of) and _settled(one, case) for one in mine):
        said += words("case.standing", date=words.date(max(one.since for one in mine)))
    return said + words("case.innocent", text=case.sheet.said(case.rules[worst.rules[0]].innocent))


def _speaking(mine: list[Finding]) -> Finding:
    """The finding a link's meaning is told of: a payment missed; else of the most severe the first that speaks for the
    link itself, such as earnings before sales and cover before the balance sheet."""
    missed = _missed(mine)
    if missed and "yellow" not in (missed.level, mine[0].level):
        return missed
    worst = [one for one in mine if one.level == mine[0].level]
    return next((one for one in worst if not kind_of(one.metric)), mine[0])


def _missed(found: list[Finding]) -> Finding | None:
    """The finding on a payment missed, the most severe first; None where none was."""
    return next((one for one in found if kind_of(one.metric) == "arrears"), None)


def _settled(one: Finding, case: Case) -> bool:
    """Whether a figure stands about where it stood a year ago, or better: what still falls is no old matter."""
    if one.metric not in case.compared.index:
        return False
    now, before = case.compared.loc[one.metric, ["now", "year_ago"]]
    return pd.notna(before) and _way(one, now, before, case) in ("flat", "still")


def _held(name: str, case: Case) -> str:
    """The figure of the link that still carries this one; empty where none does."""
    by = chain()[name].held_by
    if by is None or case.links.get(by):
        return ""
    metric = chain()[by].shows
    value = case.compared.at[metric, "now"]
    return _figure(metric, value, case) if value > 0 else ""


def _figure(metric: str, value: float, case: Case) -> str:
    return case.sheet.words("case.figure", metric=case.sheet.metric(metric), value=case.value(value, metric))


def _now(one: Finding, case: Case) -> float:
    now = next((test["value"] for test in one.own if test["of"] == "now"), None)
    if now is None and one.metric in case.compared.index:
        now = case.compared.at[one.metric, "now"]
    return float("nan") if now is None else now


def _chain(case: Case) -> str:
    """The chain from the business to our money with its figures: where it is broken and where it holds."""
    words, steps = case.sheet.words, []
    for name, link in chain().items():
        if name in case.links and link.on_path:
            worst = case.links[name][0]
            figure, mark = _figure(worst.metric, _now(worst, case), case), words(f"signal.level.{worst.level}").lower()
            steps.append(words("case.step", link=words(f"case.link.{name}"), figure=figure, mark=mark))
        elif link.shows:
            steps.append(_holding(name, link.shows, case))
    return words("case.chain", steps=" → ".join(each for each in steps if each))


def _holding(name: str, metric: str, case: Case) -> str:
    value = case.compared.at[metric, "now"] if metric in case.compared.index else float("nan")
    if pd.isna(value):
        return ""
    words, figure = case.sheet.words, _figure(metric, value, case)
    return words("case.step", link=words(f"case.link.{name}"), figure=figure, mark=words("case.holds"))


def _quiet(case: Case) -> str:
    steps = [_holding(name, link.shows, case) for name, link in chain().items() if link.shows]
    return case.sheet.words("case.semicolon").join(each for each in steps if each)


def _sure(case: Case, blind: int) -> str:
    """How sure this is: how much is computed, how much still to verify, how much is forecast, how much unseen."""
    words, counts = case.sheet.words, case.signals["standing"].value_counts()
    kinds = [name for name in ("confirmed", "to_verify", "watch") if name in counts]
    told = words("case.comma").join(words(f"case.sure.{name}", count=counts[name]) for name in kinds)
    said = words("case.sure_is", parts=told) + (words("case.blind", count=blind) if blind else "")
    return said + (words("case.unparted") if unparted(case.compared) else "")


def _actions(case: Case) -> list[str]:
    """Every action once, the earliest due first, with owner and day and what it answers."""
    words = case.sheet.words
    ranked = case.signals.sort_values("due", kind="stable", na_position="last")  # and the most severe first
    told: dict[str, str] = {}
    for signal in ranked.to_dict("records"):
        rule = case.rules[signal["rule"]]
        due = "—" if pd.isna(signal["due"]) else words.date(signal["due"])
        late = pd.notna(signal["due"]) and signal["due"] < pd.Timestamp(case.sheet.as_of)
        said = {"due": due, "owner": words(f"signal.owner.{signal['owner']}"), "why": case.sheet.said(rule.title)}
        action = case.sheet.said(rule.action)
        told.setdefault(action, words(f"case.action{'_late' if late else ''}", action=action, **said))
    return list(told.values())
