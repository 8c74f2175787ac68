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
from postloan.judgement.workout_rules import STRESSES, Known, Option, Rules

OPTIONS = [
    "option", "kind", "restructures", "chance", "chance_source", "redefault_month", "npv", "npv_risk", "npv_vs_keep",
    "do_share", "ev", "ev_vs_enforce", "break_even", "first_year", "dscr_min", "dscr_avg", "dscr_min_stress",
    "dscr_avg_stress", "peak", "life_months", "last_month", "gain", "change_share", "substantial", "legal", "viable",
    "failed", "open", "extension_months", "reason",
]  # fmt: skip
DSCR = ["option", "stress", "year", "cash", "service", "dscr"]
FLOWS = ["option", "month", "due_on", "principal", "interest", "other", "contractual", "expected"]


@dataclass(frozen=True)
class Case:
    """A loan as it stands and what is known around it; `claim` is None where nothing is owed.

    `sources`: what stands behind it (`recovery.sources`); `unsecured`: the share the estate pays, and why not from the
    books; `cash`: what is available; `asset`, `debtor`, `last_class`: facts for classification; `grade`: of statements.
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


class View(NamedTuple):
    """A case seen under assumptions, which sensitivity moves: recovery, points of chance, points of discount rate."""

    case: Case
    rules: Rules
    shift: Shift = Shift()
    chance: float = 0.0
    rate: float = 0.0
    class_now: str | None = None


def compare(case: Case, rules: Rules) -> Compared:
    """Every option of params/workout.yml valued for the case (DOMAIN §8.1); empty tables where nothing is owed."""
    return compare_under(View(case, rules))


def compare_under(view: View) -> Compared:
    """The same under moved assumptions."""
    case, rules = view.case, view.rules
    if case.claim is None:
        return _nothing()
    flows, claim = _all_flows(view), case.claim
    effects = legality.effects(
        claim, flows, case.known, rules, asset=case.asset, debtor=case.debtor, last_class=case.last_class
    )
    view = view._replace(class_now=effects["class_before"].iloc[0])
    waterfall = _enforced(view, claim.total, case.sources, 0.0)
    valued = [_valued(name, flows, waterfall, view) for name in rules.options]
    kept, dscr, laws, tests = (pd.concat([one[n] for one in valued], ignore_index=True) for n in range(1, 5))
    table = _finished(pd.DataFrame([one[0] for one in valued]), laws, tests)
    floor = recovery.floor(
        claim.total, case.sources, eir=claim.eir + view.rate, unsecured=case.unsecured, rules=rules.recovery
    )
    return Compared(table, kept, dscr, laws, tests, effects, waterfall, floor)


def _nothing() -> Compared:
    frames = (OPTIONS, FLOWS, DSCR, legality.COLUMNS, viability.COLUMNS, legality.EFFECTS, recovery.COLUMNS)
    return Compared(*(pd.DataFrame(columns=names) for names in frames), float("nan"))


def _all_flows(view: View) -> dict[str, Flows | None]:
    """The contractual flows of each option; None for those that end the debtor's terms."""
    claim, cash = view.case.claim, view.case.cash
    room = legality.allowed(claim, view.case.known, view.rules)
    return {
        name: options.build(option, claim, allowed=room, season=cash.season) if option.restructures else None
        for name, option in view.rules.options.items()
    }


def _enforced(view: View, owed: float, sources: pd.DataFrame, start: float) -> pd.DataFrame:
    claim, about = view.case.claim, {"unsecured": view.case.unsecured, "rules": view.rules.recovery}
    return recovery.waterfall(
        owed, sources, rate=claim.rate, eir=claim.eir + view.rate, start=start, shift=view.shift, **about
    )


def _valued(name: str, flows: dict[str, Flows | None], waterfall: pd.DataFrame, view: View) -> tuple:
    option = view.rules.options[name]
    before = valuation.npv(view.case.claim.contract, view.case.claim.eir)
    now = float(waterfall["pv"].sum())
    if option.restructures:
        return _going_on(name, option, flows[name], before, now, view)
    return _ending(name, option, waterfall, before, now, view)


def _going_on(name: str, option: Option, flows: Flows, before: float, now: float, view: View) -> tuple:
    """An option under which the debtor goes on paying."""
    case, rules, claim = view.case, view.rules, view.case.claim
    dscr, chance = _cover(name, option, flows, view)
    failed, paid = _failed(option, flows, chance.redefault, view)
    after, discounted = valuation.npv(flows, claim.eir), valuation.npv(flows, claim.eir + view.rate)
    ev = valuation.expected(chance.success, discounted, failed)
    laws = _laws(name, option, flows, view)
    tests = viability.tests(
        name, flows, claim, case.cash, case.known, dscr=dscr, legal=laws, grade=case.grade, rules=rules
    )
    months, likely = _expected_flows(flows, paid, chance)
    base, stressed = dscr[dscr["stress"] == "base"]["dscr"], dscr[dscr["stress"] != "base"]["dscr"]
    row = {
        **_head(name, option, after, before, flows.total, flows.months, view),
        "chance": chance.success, "chance_source": _chance_source(name, view), "redefault_month": chance.redefault,
        "ev": ev, "ev_vs_enforce": ev - now, "break_even": valuation.break_even(discounted, failed, now),
        "first_year": valuation.first_year(flows), "dscr_min": base.min(), "dscr_avg": base.mean(),
        "dscr_min_stress": stressed.min(), "dscr_avg_stress": stressed.mean(), "peak": valuation.peak(flows),
        "life_months": valuation.life(likely, months) if pd.notna(chance.success) else np.nan,
        "last_month": flows.last_month,
        "extension_months": options.extension(option, claim, legality.allowed(claim, case.known, rules)),
        "reason": "" if pd.notna(ev) else f"no_chance:{case.cash.reason}",
    }  # fmt: skip
    return row, _flow_table(name, flows, months, likely, claim), dscr, laws, tests


def _ending(name: str, option: Option, waterfall: pd.DataFrame, before: float, now: float, view: View) -> tuple:
    """Enforcement, sale or write-off: what comes in is expected money, not terms."""
    claim = view.case.claim
    months, money = _proceeds(option, waterfall, view)
    worth, discounted = (valuation.present(money, months, claim.eir + extra) for extra in (0.0, view.rate))
    row = {
        **_head(name, option, worth, before, money, months, view),
        "chance": np.nan, "chance_source": "not_applicable", "redefault_month": np.nan,
        "ev": discounted, "ev_vs_enforce": discounted - now, "break_even": np.nan, "first_year": np.nan,
        "dscr_min": np.nan, "dscr_avg": np.nan, "dscr_min_stress": np.nan, "dscr_avg_stress": np.nan,
        "peak": claim.total, "life_months": valuation.life(money, months),
        "last_month": float(months[money > 0].max(initial=0.0)), "extension_months": 0.0, "reason": "",
    }  # fmt: skip
    nothing = np.zeros(len(months))
    flows = Flows(months, nothing, nothing, money, claim.balance)
    table = _flow_table(name, flows, months, money, claim).assign(contractual=0.0)
    return row, table, pd.DataFrame(columns=DSCR), _laws(name, option, None, view), _untested()


def _untested() -> pd.DataFrame:
    return pd.DataFrame(columns=viability.COLUMNS)


def _head(name, option, after, before, money, months, view) -> dict:
    """The figures every option has."""
    claim, marks = view.case.claim, view.rules.marks
    premium = marks.premium[view.class_now] if view.class_now else max(marks.premium.values())
    changed = valuation.modified(before, after, marks.substantial, equity=bool(option.swap_share))
    told = {"option": name, "kind": option.kind, "restructures": option.restructures, "npv": after}
    told |= {"npv_risk": valuation.present(money, months, claim.eir + premium), "npv_vs_keep": after - before}
    told |= {"do_share": valuation.diminished(before, after), "gain": changed.gain, "change_share": changed.share}
    return told | {"substantial": changed.substantial}


def _laws(name: str, option: Option, flows: Flows | None, view: View) -> pd.DataFrame:
    case = view.case
    return legality.checks(
        name, option, flows, case.claim, case.known, sources=case.sources, rules=view.rules, last_class=view.class_now
    )


def _cover(name: str, option: Option, flows: Flows, view: View) -> tuple[pd.DataFrame, valuation.Chances]:
    """Cover by stress and year, and the chance of success with the month of failure."""
    case, rules = view.case, view.rules
    told = case.known.chances.get(name)
    if case.cash.reason:
        chance = _moved(told if told is not None else np.nan, np.nan, view)
        return pd.DataFrame(columns=DSCR).astype({"dscr": float}), chance
    service = valuation.quarters(flows, case.claim, case.cash.ends[0])
    rows = [_years(name, stress, case.cash.of(stress, len(service))[0], service) for stress in STRESSES]
    drawn = valuation.chances(case.cash.of("base", len(service)), service)
    factor = rules.chance.serial_factor if legality.serial(case.claim, case.known, rules) == "fail" else 1.0
    own = min(drawn.success * (factor if option.eased else 1.0), rules.chance.most)
    return pd.concat(rows, ignore_index=True), _moved(own if told is None else told, drawn.redefault, view)


def _moved(success: float, redefault: float, view: View) -> valuation.Chances:
    month = view.rules.chance.redefault_months if np.isnan(redefault) else redefault
    return valuation.Chances(float(np.clip(success + view.chance, 0, 1)), float(month))


def _chance_source(name: str, view: View) -> str:
    if name in view.case.known.chances:
        return "officer"
    return "unknown" if view.case.cash.reason else "draws"


def _years(name: str, stress: str, cash: np.ndarray, service: np.ndarray) -> pd.DataFrame:
    years = len(service) // valuation.YEAR
    sums = {key: part.reshape(years, -1).sum(axis=1) for key, part in (("cash", cash), ("service", service))}
    told = {"option": name, "stress": stress, "year": np.arange(1, years + 1), **sums}
    return pd.DataFrame({**told, "dscr": valuation.cover(cash, service)})[DSCR]


def _failed(option: Option, flows: Flows, month: float, view: View) -> tuple[float, pd.DataFrame]:
    """What comes in when the debtor fails again in a month: what it paid before, then the waterfall of what is left."""
    claim, sources = view.case.claim, view.case.sources
    if option.top_up_share:
        more = recovery.top_up(claim, option.top_up_kind, option.top_up_share)
        sources = pd.concat([sources, more], ignore_index=True) if len(sources) else more
    before = flows.months < month
    rest = _enforced(view, flows.owed_at(month), sources, month)
    money = pd.DataFrame({"month": flows.months[before], "paid": flows.service[before]})
    paid = pd.concat([money, rest[["month", "paid"]]], ignore_index=True)
    return valuation.present(paid["paid"], paid["month"], claim.eir + view.rate), paid


def _expected_flows(flows: Flows, paid: pd.DataFrame, chance: valuation.Chances) -> tuple[np.ndarray, np.ndarray]:
    """Expected money by month: the plan by its chance, failure by the rest."""
    plan = pd.Series(flows.total * chance.success, index=flows.months)
    fall = pd.Series(paid["paid"].to_numpy() * (1 - chance.success), index=paid["month"].to_numpy())
    both = pd.concat([plan, fall]).groupby(level=0).sum(min_count=1)
    return both.index.to_numpy(float), both.to_numpy(float)


def _proceeds(option: Option, waterfall: pd.DataFrame, view: View) -> tuple[np.ndarray, np.ndarray]:
    """Months and money of an option that ends the debtor's terms."""
    months, paid = waterfall["month"].to_numpy(float), waterfall["paid"].to_numpy(float)
    if option.kind == "sell":
        about = view.rules.sale
        worth = valuation.present(paid, np.maximum(months - about.months, 0.0), about.buyer_yield)
        return np.array([float(about.months)]), np.array([min(worth * (1 - about.cost_share), view.case.claim.total)])
    if option.kind == "write_off":
        about = view.rules.write_off
        return np.array([float(about.months)]), np.array([view.case.claim.total * about.pursued_share])
    return months, paid


def _flow_table(name: str, flows: Flows, months: np.ndarray, likely: np.ndarray, claim: Claim) -> pd.DataFrame:
    parts = {"principal": flows.principal, "interest": flows.interest, "other": flows.other, "contractual": flows.total}
    planned = pd.DataFrame(parts, index=flows.months).groupby(level=0).sum()
    frame = planned.join(pd.Series(likely, index=months, name="expected"), how="outer")
    frame[[*parts]] = frame[[*parts]].fillna(0.0)
    days = [claim.day(month) for month in frame.index]
    return frame.rename_axis("month").reset_index().assign(option=name, due_on=pd.to_datetime(days))[FLOWS]


def _finished(table: pd.DataFrame, laws: pd.DataFrame, tests: pd.DataFrame) -> pd.DataFrame:
    """Adds what the checks come to: legal (worst outcome), viable, the tests that failed and those still open."""
    for name, rows, key in (("legal", laws, "check"), ("viable", tests, "test")):
        for outcome, column in (("fail", f"{name}_failed"), ("cannot", f"{name}_open")):
            hit = rows[rows["outcome"] == outcome].groupby("option")[key].agg(",".join)
            table[column] = table["option"].map(hit).fillna("").astype(str)
        task = table["option"].isin(rows.loc[rows["outcome"] == "task", "option"])
        table[name] = np.select(
            [table[f"{name}_failed"] != "", table[f"{name}_open"] != "", task], ["fail", "cannot", "task"], "pass"
        )
    table.loc[~table["restructures"], "viable"] = "not_applicable"
    table["failed"], table["open"] = (_joined(table, part) for part in ("failed", "open"))
    return table[OPTIONS]


def _joined(table: pd.DataFrame, part: str) -> pd.Series:
    pair = table["legal_" + part].str.cat(table["viable_" + part], sep=",")
    return pair.str.strip(",")
