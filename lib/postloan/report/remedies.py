"""A troubled loan in words and tables: how it stands, which way loses least and why, what would change our mind.

Everything told comes from a `Plan`: the case, its options compared, the advice and the rules, as judgement made them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from markupsafe import Markup

from postloan.report.exhibits import DASH, Exhibit, Sheet, banded, table
from postloan.report.narrative import Prose

_VERDICTS = {"pass": "ok", "task": "ok", "cannot": "watch", "fail": "warn"}
_FLIPS = 3


@dataclass(frozen=True)
class Plan:
    """What a workout plan tells of: `workout`'s case, comparison, advice, sensitivity (`swings`) and rules."""

    case: object
    compared: object
    advice: object
    swings: pd.DataFrame
    rules: object
    sheet: Sheet

    @property
    def empty(self) -> bool:
        """Whether there is no loan to tell of."""
        return self.case.claim is None

    @property
    def options(self) -> pd.DataFrame:
        """The options' rows by name."""
        return self.compared.options.set_index("option")

    def name(self, option: str) -> str:
        """An option's title in the report's language."""
        return self.sheet.said(self.rules.options[option])

    def money(self, amount: float) -> str:
        """An amount of the loan's currency."""
        return self.sheet.words.money(amount, self.sheet.currency)

    def share(self, amount: float) -> str:
        """An amount as a share of what is owed."""
        return self.sheet.words.value(amount / self.case.claim.total, "pct")

    def listed(self, names: list[str]) -> str:
        """Words in a row."""
        return self.sheet.words("remedies.list").join(names)

    def joined(self, sentences: list[str]) -> str:
        """Sentences in a row, blanks left out."""
        return self.sheet.words("remedies.joint").join(each for each in sentences if each)


def plan(case: object, compared: object, advice: object, swings: pd.DataFrame, rules: object, sheet: Sheet) -> Plan:
    """Everything a workout plan tells of, its amounts in the loan's currency."""
    own = sheet if case.claim is None else replace(sheet, currency=case.claim.currency)
    return Plan(case, compared, advice, swings, rules, own)


def _none(told: Plan) -> Prose:
    return Prose((told.sheet.words("remedies.no_loan", date=told.sheet.words.date(told.sheet.as_of)),))


# -- the conclusion


def strip(told: Plan) -> Exhibit:
    """The advice at a glance: way, expected value, chance beside break-even, enforcing now; nothing without a loan."""
    if told.empty:
        return Exhibit("")
    words, advice, table_ = told.sheet.words, told.advice, told.options
    now = table_.loc[table_["kind"] == "enforce", "ev"].iloc[0]
    name = _advised(told)
    tiles = [(words("remedies.label"), name, words("remedies.tile_close") if advice.close else _leads(told))]
    if advice.option:
        row = table_.loc[advice.option]
        tiles.append((words("remedies.tile.ev"), told.money(row["ev"]), _of_owed(row["ev"], told)))
        if row["restructures"]:
            pair = f"{words.value(row['chance'], 'pct')} / {_threshold(row['break_even'], told)}"
            tiles.append((words("remedies.tile.chance"), pair, ""))
    tiles.append((words("remedies.tile.now"), told.money(now), _of_owed(now, told)))
    cell = Markup(
        '<div class="kpi"><dt>{}</dt><dd><span class="value">{}</span><span class="before">{}</span></dd></div>'
    )
    cells = Markup("").join(cell.format(*tile) for tile in tiles)
    return Exhibit(Markup('<dl class="kpis verdict">{}</dl>').format(cells))


def _advised(told: Plan) -> str:
    """The advised way; one that is only kept because enforcing cannot start yet says so."""
    words, option = told.sheet.words, told.advice.option
    if not option:
        return words("remedies.none_short")
    kept = told.options.at[option, "kind"] == "keep" and _waiting(told)
    return words("remedies.for_now", option=told.name(option)) if kept else told.name(option)


def _leads(told: Plan) -> str:
    margin = told.advice.margin
    return "" if np.isnan(margin) else told.sheet.words("remedies.tile_lead", margin=told.money(margin))


def _of_owed(amount: float, told: Plan) -> str:
    return told.sheet.words("remedies.tile_share", share=told.share(amount))


def advice_story(told: Plan) -> Prose:
    """Which way loses least and why, how close it is, what computes higher but is barred, what is still open."""
    if told.empty:
        return _none(told)
    words, advice = told.sheet.words, told.advice
    first = [words("remedies.none")] if not advice.option else [_best(told), _why(told), *_next(told)]
    second = [_warned(told), _waiting(told), _barred(told), _open(told), words("remedies.human")]
    return Prose((told.joined(first), told.joined(second)))


def _best(told: Plan) -> str:
    ev, total = told.advice.ev, told.case.claim.total
    said = {"option": told.name(told.advice.option), "ev": told.money(ev), "share": told.share(ev)}
    return told.sheet.words("remedies.advice", total=told.money(total), **said)


def _why(told: Plan) -> str:
    words, row = told.sheet.words, told.options.loc[told.advice.option]
    if not row["restructures"]:
        return words("remedies.why_end")
    said = {key: told.money(row[name]) for key, name in (("npv", "npv"), ("failed", "npv_failed"))}
    now = told.money(row["ev"] - row["ev_vs_enforce"])
    way = words("remedies.more" if row["ev_vs_enforce"] >= 0 else "remedies.less")
    said |= {"lead": told.money(abs(row["ev_vs_enforce"])), "way": way, "now": now}
    return words("remedies.why", chance=words.value(row["chance"], "pct"), **said)


def _next(told: Plan) -> list[str]:
    words, advice = told.sheet.words, told.advice
    if not advice.second:
        return [words("remedies.alone")]
    said = [words("remedies.lead", second=told.name(advice.second), margin=told.money(advice.margin))]
    if advice.close:
        said.append(words("remedies.close", limit=words.value(told.rules.marks.close_share, "pct")))
        more = [told.name(name) for name in advice.near if name != advice.second]
        said += [words("remedies.near", names=told.listed(more))] if more else []
    return said


def _warned(told: Plan) -> str:
    """What the contract would fail, were it new: it goes on, but must be watched."""
    names = told.options.at[told.advice.option, "warned"] if told.advice.option else ""
    checks = told.listed([_check(name, told) for name in names.split(",")]) if names else ""
    return told.sheet.words("remedies.warned", checks=checks) if names else ""


def _waiting(told: Plan) -> str:
    """Enforcing would bring more than the advised way, but nothing is due yet."""
    row = told.options[told.options["kind"] == "enforce"].iloc[0]
    more = row["ev"] - told.advice.ev
    if row["legal"] != "fail" or not more > 0:
        return ""
    check = "waiting_breach" if told.case.breaches else "waiting_none"
    checked = told.sheet.words(f"remedies.{check}", count=told.case.breaches)
    return told.sheet.words("remedies.waiting", margin=told.money(more), check=checked)


def _barred(told: Plan) -> str:
    """What would compute higher, were it not barred."""
    words, advice = told.sheet.words, told.advice
    if not advice.barred or told.options.at[advice.barred, "kind"] == "enforce":
        return ""  # of enforcing too early `_waiting` tells
    row = told.options.loc[advice.barred]
    kind = "legal" if row["legal"] == "fail" else "viable"
    checks = told.listed([_check(name, told) for name in row["failed"].split(",")])
    why = words(f"remedies.barred_{kind}", checks=checks)
    margin = told.money(advice.barred_margin)
    return words("remedies.barred", option=told.name(advice.barred), margin=margin, why=why)


def _check(name: str, told: Plan) -> str:
    part = "test" if told.sheet.words.has(f"remedies.test.{name}") else "check"
    return told.sheet.words(f"remedies.{part}.{name}")


def _open(told: Plan) -> str:
    words, advice, said = told.sheet.words, told.advice, []
    if not advice.provisional:
        return ""
    names = told.options.at[advice.option, "open"] if advice.option else ""
    if names:
        said.append(words("remedies.open_tests", names=told.listed([_check(name, told) for name in names.split(",")])))
    if advice.unjudged:
        said.append(words("remedies.unjudged", count=len(advice.unjudged)))
    return words("remedies.provisional", open=told.listed(said))


def changing(told: Plan) -> Prose | Exhibit:
    """What would change our mind: chances, swings that turn the advice, the cover at which viability fails."""
    if told.empty or not told.advice.option:
        return Exhibit("")
    words, row, said = told.sheet.words, told.options.loc[told.advice.option], []
    if row["restructures"]:
        said += [_chance(row, told), *_floor(row, told)]
    flips = told.swings[told.swings["flips"]] if len(told.swings) else told.swings
    for flip in flips.head(_FLIPS).itertuples():
        moved = size(flip.swing, flip.moved, told)
        best = told.name(flip.best) if flip.best else words("remedies.none_short")
        said.append(words("remedies.mind_flip", swing=words(f"remedies.swing.{flip.swing}"), moved=moved, best=best))
    if len(told.swings) and flips.empty:
        names = [words(f"remedies.swing.{name}") for name in dict.fromkeys(told.swings["swing"])]
        said.append(words("remedies.mind_firm", swings=told.listed(names)))
    return Prose((), tuple(said), words("remedies.mind_title"))


def _chance(row: pd.Series, told: Plan) -> str:
    words, p = told.sheet.words, row["break_even"]
    if p > 0 and p <= 1:
        said = {"p": words.value(p, "pct"), "chance": words.value(row["chance"], "pct")}
        return words("remedies.mind_chance" if row["chance"] >= p else "remedies.mind_chance_below", **said)
    return words("remedies.mind_chance_never" if p == 0 else "remedies.mind_chance_always")


def _floor(row: pd.Series, told: Plan) -> list[str]:
    if np.isnan(row["dscr_min"]) or row["dscr_min"] < told.rules.viability.dscr:
        return []
    said = {"dscr": row["dscr_min"], "floor": told.rules.viability.dscr}
    shown = {name: told.sheet.words.value(value, "times") for name, value in said.items()}
    return [told.sheet.words("remedies.mind_cover", **shown)]


def size(swing: str, moved: float, told: Plan) -> str:
    """A moved assumption in its own unit, with its sign."""
    value = moved if swing == "months" else moved * 100
    if not value:
        return DASH
    sign = "+" if value > 0 else ""
    return told.sheet.words(f"remedies.moved.{swing}", value=sign + told.sheet.words.number(value, 0))


def headline(told: Plan) -> dict:
    """The advice as the index shows it and sorts by it: the expected share of what is owed, none without advice."""
    words, advice = told.sheet.words, told.advice
    if told.empty:
        return {"label": words("remedies.label"), "text": words("remedies.no_loan_short"), "value": None}
    text = _advised(told)
    value = float(advice.ev / told.case.claim.total) if advice.option else None
    return {"label": words("remedies.label"), "text": text, "value": value}


# -- the situation


def situation(told: Plan) -> Prose:
    """What is owed, overdue and behind it, what enforcing now and bankruptcy would bring, and what the book lacks."""
    if told.empty:
        return _none(told)
    words, claim = told.sheet.words, told.case.claim
    day = words.date(claim.day(claim.remaining_months))
    due = words("remedies.matures" if claim.remaining_months > 0 else "remedies.matured", date=day)
    about = {"loan": claim.loan_id, "product": words(f"facilities.product.{claim.product}"), "maturity": due}
    about |= {"balance": told.money(claim.balance), "rate": words.value(claim.rate, "pct")}
    first = [words("remedies.owed", **about), _late(told)]
    if claim.restructured:
        first.append(words("remedies.before", share=words.value(claim.repaid_share, "pct")))
    gaps = [words(f"remedies.assumption.{name}") for name in claim.assumed]
    last = words("remedies.assumed", names=told.listed(gaps)) if gaps else ""
    return Prose(
        tuple(each for each in (told.joined(first), told.joined([_behind(told), _bottom(told)]), last) if each)
    )


def _late(told: Plan) -> str:
    words, claim = told.sheet.words, told.case.claim
    if claim.days_overdue <= 0:
        return words("remedies.on_time", interest=told.money(claim.due_interest))
    said = {"principal": claim.principal_overdue, "interest": claim.interest_overdue}
    shown = {name: told.money(amount) for name, amount in said.items()}
    return words("remedies.late", days=int(claim.days_overdue), **shown)


def _behind(told: Plan) -> str:
    steps, claim = told.case.sources["step"], told.case.claim
    now = told.compared.waterfall["pv"].sum()
    said = {"assets": int((steps == "collateral").sum()), "people": int((steps == "guarantor").sum())}
    said |= {"now": told.money(now), "share": told.share(now), "total": told.money(claim.total)}
    return told.sheet.words("remedies.behind", **said)


def _bottom(told: Plan) -> str:
    words = told.sheet.words
    why = words("remedies.estate_unknown" if told.case.unsecured_reason else "remedies.estate_books")
    rate = words.value(told.case.unsecured, "pct")
    return words("remedies.floor", floor=told.money(told.compared.floor), rate=rate, why=why)


# -- the options side by side


def worth_table(told: Plan) -> Exhibit:
    """Every way with its chance, present values, diminished obligation, expected value, break-even and verdict."""
    if told.empty:
        return Exhibit("")
    words, marks, chance = told.sheet.words, told.rules.marks, told.rules.chance
    number, unit = scaled(told.options[["npv", "ev", "peak"]], told)
    rows = []
    for name, row in told.options.iterrows():
        cells = {
            "option": told.name(name),
            "ev": number(row["ev"]),
            "verdict": verdict(name, row, told),
            "chance": _chances(row, told),
            "break_even": _threshold(row["break_even"], told),
            "npv": number(row["npv"]),
            "npv_risk": number(row["npv_risk"]),
            "vs_keep": number(row["npv_vs_keep"]),
            "do": words.value(row["do_share"], "pct"),
        }
        rows.append(named(cells, told) | {"_css": "total" if name == told.advice.option else ""})
    numeric = columns(("ev", "chance", "break_even", "npv", "npv_risk", "vs_keep", "do"), told)
    said = {"most": words.value(chance.most, "pct"), "serial": words.number(chance.serial_factor, 2)}
    rests = told.rules.based(marks.basis, words.language)
    notes = (words("remedies.worth_note"), words("remedies.chance_note", **said), rests)
    return table(words("remedies.worth", unit=unit), rows, told.sheet, numeric=numeric, notes=notes, css="remedies")


def burden_table(told: Plan) -> Exhibit:
    """Every way with what it asks in the first year, its cover, the peak, how long it takes."""
    if told.empty:
        return Exhibit("")
    words = told.sheet.words
    number, unit = scaled(told.options[["first_year", "peak"]], told)
    rows = []
    for name, row in told.options.iterrows():
        cells = {
            "option": told.name(name),
            "first_year": number(row["first_year"]),
            "dscr": _pair(row["dscr_min"], row["dscr_avg"], told),
            "dscr_stress": _pair(row["dscr_min_stress"], row["dscr_avg_stress"], told),
            "peak": number(row["peak"]),
            "life": DASH if np.isnan(row["life_months"]) else words.number(row["life_months"], 0),
            "last": words("remedies.months", value=words.number(row["last_month"], 0)),
        }
        rows.append(named(cells, told) | {"_css": "total" if name == told.advice.option else ""})
    numeric = columns(("first_year", "dscr", "dscr_stress", "peak", "life", "last"), told)
    notes = (words("remedies.burden_note"),)
    return table(words("remedies.burden", unit=unit), rows, told.sheet, numeric=numeric, notes=notes, css="remedies")


def scaled(amounts: pd.DataFrame, told: Plan) -> tuple[object, str]:
    """How the amounts of one table are written, and their unit: a function of an amount, and the unit in words."""
    words = told.sheet.words
    divisor, word, decimals = words.scale(float(np.nanmax(amounts.abs().to_numpy(float), initial=0.0)))
    return lambda amount: words.number(amount / divisor, decimals), words.unit(told.sheet.currency, word)


def verdict(name: str, row: pd.Series, told: Plan) -> Markup:
    """Feasible or not as word and shape; the advised way says so."""
    words, order = told.sheet.words, [*_VERDICTS]
    tests = row["viable"] if row["viable"] in order else "pass"
    outcome = max(row["legal"], tests, key=order.index)
    text = words("remedies.verdict.advised" if name == told.advice.option else f"remedies.verdict.{outcome}")
    return marked(outcome, text)


def marked(outcome: str, text: str) -> Markup:
    """An outcome (pass, task, cannot, fail) as shape and word."""
    return banded(_VERDICTS[outcome], text)


def _chances(row: pd.Series, told: Plan) -> str:
    if not row["restructures"]:
        return DASH
    words = told.sheet.words
    return words("remedies.unknown") if np.isnan(row["chance"]) else words.value(row["chance"], "pct")


def _threshold(p: float, told: Plan) -> str:
    """A break-even chance; beyond 1 it cannot be reached."""
    return told.sheet.words("remedies.beyond") if p > 1 else told.sheet.words.value(p, "pct")


def _pair(lowest: float, whole: float, told: Plan) -> str:
    words = told.sheet.words
    return DASH if np.isnan(lowest) else f"{words.value(lowest, 'times')} / {words.value(whole, 'times')}"


def named(cells: dict, told: Plan) -> dict:
    """A row's cells under their columns' titles."""
    return {told.sheet.words(f"remedies.column.{name}"): value for name, value in cells.items()}


def columns(names: tuple[str, ...], told: Plan) -> tuple[str, ...]:
    """Titles of columns."""
    return tuple(told.sheet.words(f"remedies.column.{name}") for name in names)
