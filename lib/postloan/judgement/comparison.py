"""Every way to go on with a troubled loan, valued on one table (DOMAIN §8.1)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import pandas as pd

from postloan.judgement import legality, options, recovery, valuation, viability
from postloan.judgement.cash import Cash
from postloan.judgement.options import Claim, Flows
from postloan.judgement.recovery import Shift
from postloan.judgement.workout_rules import OUTCOMES, Known, Option, Rules
from postloan.tables import CLASSES

OPTIONS = [
    "option", "kind", "restructures", "chance", "chance_source", "redefault_month", "npv", "npv_risk", "npv_vs_keep",
    "do_share", "ev", "ev_vs_enforce", "npv_failed", "break_even", "first_year", "dscr_min", "dscr_avg",
    "dscr_min_stress", "dscr_avg_stress", "peak", "life_months", "last_month", "gain", "change_share", "substantial",
    "legal", "viable", "failed", "open", "warned", "extension_months", "reason",
]  # fmt: skip
DSCR = ["option", "stress", "year", "cash", "service", "dscr"]
FLOWS = ["option", "month", "due_on", "principal", "interest", "other", "contractual", "expected"]


@dataclass(frozen=True)
class Case:
    """A loan as it stands and what is known around it; `claim` is None where nothing is owed.

    `sources`: what stands behind it (`recovery.sources`); `unsecured`: the share the estate pays, and why not from the
    books; `cash`: what is available; `asset`, `debtor`, `last_class`: facts for classification; `grade`: of statements;
    `breaches`: covenants found broken and not waived.
    """

    claim: Claim | None
    sources: pd.DataFrame
    unsecured: float
    unsecured_reason: str
    cash: Cash
    known: Known
    asset: dict = field(default_factory=dict)
    debtor: dict = field(default_factory=dict)
    last_class: str | None = None
    grade: str | None = None
    breaches: int = 0


class Compared(NamedTuple):
    """Everything about every option: `options` a row each (OPTIONS); long tables of `flows`, `dscr`, `legal` checks,
    `viability` tests and class `effects`; the `waterfall` of enforcing now and the bankruptcy `floor` beside it."""

    options: pd.DataFrame
    flows: pd.DataFrame
    dscr: pd.DataFrame
    legal: pd.DataFrame
    viability: pd.DataFrame
    effects: pd.DataFrame
    waterfall: pd.DataFrame
    floor: float

    @property
    def class_now(self) -> str | None:
        """The class before anything is signed: the last approved or what today's facts suggest, the worse."""
        return _class_now(self.effects)


def _class_now(effects: pd.DataFrame) -> str | None:
    if effects.empty:
        return None
    known = [each for each in effects.iloc[0][["class_before", "class_now"]] if isinstance(each, str)]
    return max(known, key=CLASSES.index, default=None)


class View(NamedTuple):
    """A case seen under assumptions, which sensitivity moves: recovery, points of chance, points of discount rate."""

    case: Case
    rules: Rules
    shift: Shift = Shift()
    chance: float = 0.0
    rate: float = 0.0
    class_now: str | None = None


class _Valued(NamedTuple):
    """One option: its row, its cover, legal checks and tests, and what its flows are made of."""

    row: dict
    dscr: list[tuple]
    laws: list[tuple]
    tests: list[tuple]
    flows: Flows
    expected: tuple[np.ndarray, np.ndarray]


def compare(case: Case, rules: Rules) -> Compared:
    """Every option of params/workout.yml valued for the case (DOMAIN §8.1); empty tables where nothing is owed."""
    view, claim = View(case, rules), case.claim
    if claim is None:
        return _nothing()
    flows = _all_flows(view)
    effects = legality.effects(
        claim, flows, case.known, rules, asset=case.asset, debtor=case.debtor, last_class=case.last_class
    )
    view = view._replace(class_now=_class_now(effects))
    valued = _all_valued(view, flows)
    frames = (
        pd.DataFrame([row for one in valued.values() for row in getattr(one, name)], columns=columns)
        for name, columns in (("dscr", DSCR), ("laws", legality.COLUMNS), ("tests", viability.COLUMNS))
    )
    kept = pd.concat([_flow_table(name, one, claim) for name, one in valued.items()], ignore_index=True)
    about = {"unsecured": case.unsecured, "rules": rules.recovery}
    waterfall = recovery.waterfall(claim.total, case.sources, rate=claim.growth, eir=claim.eir, **about)
    floor = recovery.floor(claim.total, case.sources, eir=claim.eir, **about)
    return Compared(_options(valued, claim.days_overdue > 0), kept, *frames, effects, waterfall, floor)


def options_under(view: View) -> pd.DataFrame:
    """The options' rows alone (OPTIONS), under moved assumptions."""
    return _options(_all_valued(view, _all_flows(view)), view.case.claim.days_overdue > 0)


def _all_valued(view: View, flows: dict[str, Flows | None]) -> dict[str, _Valued]:
    sources = view.case.sources.to_dict("records")
    before = valuation.npv(view.case.claim.contract, view.case.claim.eir)
    paid = _enforced(view, view.case.claim.total, sources, 0.0)
    now = _present(*paid, view)
    return {
        name: _going_on(name, option, flows[name], (before, now), sources, view)
        if option.restructures
        else _ending(name, option, paid, (before, now), view)
        for name, option in view.rules.options.items()
    }


def _nothing() -> Compared:
    frames = (OPTIONS, FLOWS, DSCR, legality.COLUMNS, viability.COLUMNS, legality.EFFECTS, recovery.COLUMNS)
    return Compared(*(pd.DataFrame(columns=names) for names in frames), float("nan"))


def _all_flows(view: View) -> dict[str, Flows | None]:
    """The contractual flows of each option; None for those that end the debtor's terms."""
    claim, cash = view.case.claim, view.case.cash
    room, season = legality.allowed(claim, view.case.known, view.rules), cash.season
    return {
        name: options.build(option, claim, allowed=room, season=season) if option.restructures else None
        for name, option in view.rules.options.items()
    }


def _enforced(view: View, owed: float, sources: list[dict], start: float) -> tuple[np.ndarray, np.ndarray]:
    """Months and money of enforcing from a month on."""
    about = {"unsecured": view.case.unsecured, "rules": view.rules.recovery, "shift": view.shift}
    rows = recovery.payments(owed, sources, rate=view.case.claim.growth, start=start, **about)
    return np.array([row["month"] for row in rows], float), np.array([row["paid"] for row in rows], float)


def _present(months: np.ndarray, money: np.ndarray, view: View) -> float:
    return valuation.present(money, months, view.case.claim.eir + view.rate)


def _going_on(name: str, option: Option, flows: Flows, known: tuple, sources: list[dict], view: View) -> _Valued:
    """An option under which the debtor goes on paying; `known` are the contract's value and that of enforcing now."""
    case, rules, claim, (before, now) = view.case, view.rules, view.case.claim, known
    dscr, chance = _cover(name, option, flows, view)
    paid = _failed(option, flows, chance.redefault, sources, view)
    failed, kept = _present(*paid, view), valuation.npv(flows, claim.eir + view.rate)
    ev = valuation.expected(chance.success, kept, failed)
    laws = _laws(name, option, flows, view)
    told = {"dscr": dscr, "legal": laws, "grade": case.grade, "rules": rules}
    tests = viability.tests(name, flows, claim, case.cash, case.known, **told)
    months, likely = _expected_flows(flows, paid, chance.success)
    row = {
        **_head(name, option, (flows.months, flows.total), before, view), **_covered(dscr),
        "chance": chance.success, "chance_source": _chance_source(name, view), "redefault_month": chance.redefault,
        "npv_failed": failed, "ev": ev, "ev_vs_enforce": ev - now,
        "break_even": valuation.break_even(kept, failed, now), "first_year": valuation.first_year(flows),
        "peak": valuation.peak(flows), "last_month": flows.last_month,
        "life_months": np.nan if np.isnan(ev) else valuation.life(likely, months),
        "extension_months": options.extension(option, claim, legality.allowed(claim, case.known, rules)),
        "reason": f"no_chance:{case.cash.reason}" if np.isnan(ev) else "",
    }  # fmt: skip
    return _Valued(row, dscr, laws, tests, flows, (months, likely))


def _covered(dscr: list[tuple]) -> dict:
    """Cover, base and under the stresses: of the worst year, and of all the term (cash over service); NaN: unknown."""
    told = {}
    for end, base in (("", True), ("_stress", False)):
        rows = [row[3:] for row in dscr if (row[1] == "base") == base and not np.isnan(row[-1])]
        cash, service, cover = np.array(rows, float).T if rows else np.full((3, 1), np.nan)
        told |= {f"dscr_min{end}": cover.min(), f"dscr_avg{end}": max(cash.sum(), 0.0) / service.sum()}
    return told


def _ending(name: str, option: Option, paid: tuple, known: tuple, view: View) -> _Valued:
    """Enforcement, sale or write-off: what comes in is expected money, not terms."""
    claim, (before, now) = view.case.claim, known
    months, money = _proceeds(option, paid, view)
    worth = _present(months, money, view)
    row = {
        **_head(name, option, (months, money), before, view), **_covered([]),
        "chance_source": "not_applicable", "ev": worth, "ev_vs_enforce": worth - now, "peak": claim.total,
        "life_months": valuation.life(money, months), "last_month": float(months[money > 0].max(initial=0.0)),
        "extension_months": 0.0, "reason": "",
    }  # fmt: skip
    nothing = np.zeros(len(months))
    flows = Flows(months, nothing, nothing, nothing, claim.balance)
    return _Valued(row, [], _laws(name, option, None, view), [], flows, (months, money))


def _head(name: str, option: Option, money: tuple, before: float, view: View) -> dict:
    """The figures every option has; `money` are months and amounts as scheduled or, at an end, as expected."""
    claim, marks, (months, amounts) = view.case.claim, view.rules.marks, money
    after = valuation.present(amounts, months, claim.eir)
    premium = marks.premium[view.class_now] if view.class_now else max(marks.premium.values())
    changed = valuation.modified(before, after, marks.substantial, equity=bool(option.swap_share))
    told = {"option": name, "kind": option.kind, "restructures": option.restructures, "npv": after}
    told |= {"npv_risk": valuation.present(amounts, months, claim.eir + premium), "npv_vs_keep": after - before}
    told |= {"do_share": valuation.diminished(before, after), "gain": changed.gain, "change_share": changed.share}
    return told | {"substantial": changed.substantial}


def _laws(name: str, option: Option, flows: Flows | None, view: View) -> list[tuple]:
    case = view.case
    return legality.checks(
        name, option, flows, case.claim, case.known, sources=case.sources, rules=view.rules, last_class=view.class_now
    )


def _cover(name: str, option: Option, flows: Flows, view: View) -> tuple[list[tuple], valuation.Chances]:
    """Cover by stress and year, and the chance of success with the month of failure."""
    case, rules = view.case, view.rules
    told = case.known.chances.get(name)
    if case.cash.reason:
        chance = _moved(told if told is not None else np.nan, np.nan, view)
        return [], chance
    service = valuation.quarters(flows, case.claim, case.cash.ends[0])
    rows = [
        row
        for stress in case.cash.draws
        for row in _years(name, stress, case.cash.of(stress, len(service))[0], service)
    ]
    drawn = valuation.chances(case.cash.of("base", len(service)), service)
    factor = rules.chance.serial_factor if legality.serial(case.claim, case.known, rules) == "fail" else 1.0
    own = min(drawn.success * (factor if option.eased else 1.0), rules.chance.most)
    return rows, _moved(own if told is None else told, drawn.redefault, view)


def _moved(success: float, redefault: float, view: View) -> valuation.Chances:
    month = view.rules.chance.redefault_months if np.isnan(redefault) else redefault
    return valuation.Chances(float(np.clip(success + view.chance, 0, 1)), float(month))


def _chance_source(name: str, view: View) -> str:
    if name in view.case.known.chances:
        return "officer"
    return "unknown" if view.case.cash.reason else "draws"


def _years(name: str, stress: str, cash: np.ndarray, service: np.ndarray) -> list[tuple]:
    sums = [part.reshape(-1, valuation.YEAR).sum(axis=1) for part in (cash, service)]
    years = zip(*sums, valuation.cover(cash, service), strict=True)
    return [(name, stress, year, *told) for year, told in enumerate(years, start=1)]


def _failed(
    option: Option, flows: Flows, month: float, sources: list[dict], view: View
) -> tuple[np.ndarray, np.ndarray]:
    """What comes in when the debtor fails again in a month: what it paid before, then the waterfall of what is left."""
    claim = view.case.claim
    if option.top_up_share:
        sources = [*sources, *recovery.top_up(claim, option.top_up_kind, option.top_up_share).to_dict("records")]
    before, delay = flows.months < month, view.rules.chance.delay_months
    owed = flows.owed_at(month) * (1 + claim.growth) ** (delay / 12)
    later, rest = _enforced(view, owed, sources, month + delay)
    return np.r_[flows.months[before], later], np.r_[flows.service[before], rest]


def _expected_flows(flows: Flows, paid: tuple, chance: float) -> tuple[np.ndarray, np.ndarray]:
    """Expected money by month: the plan by its chance, failure by the rest."""
    dates, place = np.unique(np.r_[flows.months, paid[0]], return_inverse=True)
    money = np.zeros(len(dates))
    np.add.at(money, place, np.r_[flows.total * chance, paid[1] * (1 - chance)])
    return dates, money


def _proceeds(option: Option, enforced: tuple, view: View) -> tuple[np.ndarray, np.ndarray]:
    """Months and money of an option that ends the debtor's terms; `enforced` are those of enforcing now."""
    months, paid = enforced
    if option.kind == "sell":
        about = view.rules.sale
        worth = valuation.present(paid, np.maximum(months - about.months, 0.0), about.buyer_yield)
        return np.array([float(about.months)]), np.array([min(worth * (1 - about.cost_share), view.case.claim.total)])
    if option.kind == "write_off":
        about = view.rules.write_off
        return np.array([float(about.months)]), np.array([view.case.claim.total * about.pursued_share])
    return months, paid


def _flow_table(name: str, one: _Valued, claim: Claim) -> pd.DataFrame:
    flows, (months, likely) = one.flows, one.expected
    parts = {"principal": flows.principal, "interest": flows.interest, "other": flows.other, "contractual": flows.total}
    planned = pd.DataFrame(parts, index=flows.months).groupby(level=0).sum()
    frame = planned.reindex(np.union1d(flows.months, months), fill_value=0.0)
    frame["expected"] = pd.Series(likely, index=months).groupby(level=0).sum(min_count=1).reindex(frame.index)
    days = [claim.day(month) for month in frame.index]
    return frame.rename_axis("month").reset_index().assign(option=name, due_on=pd.to_datetime(days))[FLOWS]


def _options(valued: dict[str, _Valued], late: bool) -> pd.DataFrame:
    """The rows with what the checks come to: legal (worst outcome), viable, what failed and what is still open."""
    rows = [one.row | _verdict(one, late) for one in valued.values()]
    return pd.DataFrame(rows).reindex(columns=OPTIONS)


def _verdict(one: _Valued, late: bool) -> dict:
    """A test that the contract fails bars it only once the debtor is late: until then it is `warned` of."""
    laws, tests = ([(name, outcome) for _, name, outcome, *_ in part] for part in (one.laws, one.tests))
    told = {"warned": ""}
    if one.row["kind"] == "keep" and not late:
        told["warned"] = ",".join(name for name, outcome in tests if outcome == "fail")
        tests = [(name, "task" if outcome == "fail" else outcome) for name, outcome in tests]
    told |= {"legal": _worst(laws), "viable": _worst(tests) if one.row["restructures"] else "not_applicable"}
    for outcome, key in (("fail", "failed"), ("cannot", "open")):
        told[key] = ",".join(name for name, found in [*laws, *tests] if found == outcome)
    return told


def _worst(checks: list[tuple]) -> str:
    return max((outcome for _, outcome in checks), key=OUTCOMES.index, default="pass")
