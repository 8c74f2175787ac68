"""The evidence of a workout plan: cash to come, cash flows, recovery, law, viability, sensitivity, settings."""

from __future__ import annotations

import numpy as np
import pandas as pd

from postloan.report.exhibits import DASH, Exhibit, table
from postloan.report.narrative import Prose
from postloan.report.remedies import Plan, marked, named, scaled, size
from postloan.report.remedies import columns as titles

_YEAR = 4
_UNCHANGED = ("keep", "enforce")  # nothing is signed, so nothing is booked anew


def cash_story(told: Plan) -> Prose | Exhibit:
    """Cash of the coming year against the contract, the worst stress, or why there is no forecast."""
    if told.empty:
        return Exhibit("")
    words, cash = told.sheet.words, told.case.cash
    if cash.reason:
        return Prose((words("remedies.cash_none", why=words(f"remedies.why_none.{cash.reason}")),))
    rows = _contract(told).query("year == 1").set_index("stress")
    said = [_first(rows, told)] if len(rows) else []
    if cash.left_out:
        names = told.listed([words.item(name) for name in cash.left_out])
        said.append(words("remedies.cash_gap", items=names))
    return Prose((told.joined(said),))


def _first(rows: pd.DataFrame, told: Plan) -> str:
    words, base = told.sheet.words, rows.loc["base"]
    said = {name: told.money(base[name]) for name in ("cash", "service")}
    cover, said["date"] = {"dscr": base["dscr"], "low": rows["dscr"].min()}, words.date(_ends(told)[0])
    return words("remedies.cash_story", **said, **{name: words.value(part, "times") for name, part in cover.items()})


def _contract(told: Plan) -> pd.DataFrame:
    options = told.options
    keep = options.index[options["kind"] == "keep"][0]
    return told.compared.dscr[told.compared.dscr["option"] == keep]


def cash_table(told: Plan) -> Exhibit:
    """Cash by year, expected and under each stress, beside what the contract asks and its cover."""
    if told.empty or told.case.cash.reason:
        return Exhibit("")
    words, cash = told.sheet.words, told.case.cash
    years = len(cash.ends) // _YEAR
    money = {name: cash.of(name, years * _YEAR)[0].reshape(years, _YEAR).sum(axis=1) for name in cash.draws}
    number, unit = scaled(pd.DataFrame(money), told)
    columns = (words("remedies.case"), *(words("remedies.year_to", date=words.date(day)) for day in _ends(told)))
    kept = _contract(told)
    due = kept[kept["stress"] == "base"].set_index("year")["service"].reindex(range(1, years + 1), fill_value=0.0)
    rows = [_line("cash_of", name, map(number, part), columns, told) for name, part in money.items()]
    rows.append(dict(zip(columns, (words("remedies.service_of"), *map(number, due)), strict=True)))
    for name in cash.draws:
        cover = kept[kept["stress"] == name].set_index("year")["dscr"].reindex(range(1, years + 1))
        rows.append(_line("cover_of", name, (words.value(value, "times") for value in cover), columns, told))
    caption = words("remedies.cash", unit=unit)
    return table(caption, rows, told.sheet, columns=columns, numeric=columns[1:], css="remedies")


def _ends(told: Plan) -> pd.DatetimeIndex:
    """The last day of each forecast year."""
    return told.case.cash.ends[_YEAR - 1 :: _YEAR]


def _line(key: str, name: str, cells: object, columns: tuple, told: Plan) -> dict:
    words = told.sheet.words
    named = words(f"remedies.stress.{name}") if words.has(f"remedies.stress.{name}") else name
    return dict(zip(columns, (words(f"remedies.{key}", name=named), *cells), strict=True))


def flow_table(told: Plan) -> Exhibit:
    """The advised way's payments as agreed, and what is expected of them; the contract's where nothing is advised."""
    if told.empty:
        return Exhibit("")
    words, options = told.sheet.words, told.options
    option = told.advice.option or options.index[options["kind"] == "keep"][0]
    flows = told.compared.flows
    mine = flows[(flows["option"] == option) & (flows[["contractual", "expected"]].abs() > 0.005).any(axis=1)]
    names = ("principal", "interest", "other", "contractual", "expected")
    names = names if options.at[option, "restructures"] else names[-1:]
    number, unit = scaled(mine[[*names]], told)
    columns = tuple(words(f"remedies.plan_column.{name}") for name in ("due", *names))
    rows = [
        dict(zip(columns, (words.date(row["due_on"]), *(number(row[name]) for name in names)), strict=True))
        for _, row in mine.iterrows()
    ]
    whole = dict(zip(columns, (words("remedies.total"), *(number(mine[name].sum()) for name in names)), strict=True))
    caption = words("remedies.plan", option=told.name(option), unit=unit)
    return table(caption, [*rows, whole | {"_css": "total"}], told.sheet, columns=columns, numeric=columns[1:])


def waterfall_table(told: Plan) -> Exhibit:
    """Who pays what when the loan is enforced now, in the order the money comes, with auction floors and doubts."""
    if told.empty:
        return Exhibit("")
    words, fall, auction = told.sheet.words, told.compared.waterfall, told.rules.recovery.auction
    number, unit = scaled(fall[["value", "net", "owed"]], told)
    names = ("source", "value", "share", "haircut", "costs", "prior", "net", "month", "paid", "pv", "rounds", "note")
    columns = tuple(words(f"remedies.step.{name}") for name in names)
    rows = [dict(zip(columns, _fallen(row, number, told), strict=True)) for row in fall.to_dict("records")]
    sums = ("", "", "", "", "", "", "", number(fall["paid"].sum()), number(fall["pv"].sum()), "", "")
    rows.append(dict(zip(columns, (words("remedies.total"), *sums), strict=True)) | {"_css": "total"})
    rounds = {"first": auction.first_round, "second": auction.second_round}
    said = {name: words.value(value, "pct") for name, value in rounds.items()}
    caption, notes = words("remedies.waterfall", unit=unit), (words("remedies.waterfall_note", **said),)
    return table(caption, rows, told.sheet, columns=columns, numeric=columns[1:10], notes=notes, css="remedies")


def _fallen(row: dict, number: object, told: Plan) -> tuple:
    words, known = told.sheet.words, pd.notna(row["value"])
    kind = words(f"remedies.kind.{row['kind']}")
    source = kind if row["step"] == "unsecured" else words("remedies.source", kind=kind, name=row["name"])
    rounds = DASH
    doubts = [words(f"remedies.doubt.{row['reason']}")] if row["reason"] else []
    if pd.notna(row["first_round"]):
        rounds = f"{number(row['first_round'])} / {number(row['second_round'])}"
        if row["value"] * (1 - row["haircut"]) < row["second_round"]:
            doubts.append(words("remedies.below_floor"))
    share = words.value(row["share"], "pct") if known else DASH
    haircut = words.value(row["haircut"], "pct") if row["step"] == "collateral" else DASH
    parts = [number(row[name]) if known else DASH for name in ("value", "costs", "prior")]
    money = [number(row[name]) for name in ("net", "paid", "pv")]
    month = words.number(row["month"], 0)
    return (
        source,
        parts[0],
        share,
        haircut,
        *parts[1:],
        money[0],
        month,
        *money[1:],
        rounds,
        told.listed(doubts) or DASH,
    )


def legal_table(told: Plan) -> Exhibit:
    """Every legal check that did not simply pass, the barring ones first; ways alike share a row."""
    if told.empty:
        return Exhibit("")
    words, checks = told.sheet.words, told.compared.legal
    shown = checks[checks["outcome"] != "pass"]
    order = {"fail": 0, "cannot": 1, "task": 2}
    columns = tuple(
        words(f"remedies.legal_column.{name}") for name in ("check", "outcome", "option", "found", "limit", "basis")
    )
    alike = shown.assign(found=shown["found"].fillna(-1.0), limit=shown["limit"].fillna(-1.0))
    groups = alike.groupby(["outcome", "check", "found", "limit", "unit", "basis"], sort=False)["option"].agg(list)
    rows = [
        dict(zip(columns, _checked(key, names, told), strict=True))
        for key, names in sorted(groups.items(), key=lambda item: order[item[0][0]])
    ]
    notes = (words("remedies.legal_passed", count=int((checks["outcome"] == "pass").sum())),)
    return table(words("remedies.legal"), rows, told.sheet, columns=columns, notes=notes, css="remedies")


def _checked(key: tuple, names: list[str], told: Plan) -> tuple:
    words, (outcome, check, found, limit, unit, basis) = told.sheet.words, key
    duty = check.removeprefix("duty.")
    said = told.sheet.said(told.rules.legal.duties[duty]) if check != duty else words(f"remedies.check.{check}")
    figures = [DASH if value < 0 else _figure(value, unit, told) for value in (found, limit)]
    mark = marked("cannot" if outcome == "task" else outcome, words(f"remedies.outcome.{outcome}"))
    return (said, mark, told.listed([told.name(name) for name in names]), *figures, _basis(told, basis))


def _figure(value: float, unit: str, told: Plan) -> str:
    words = told.sheet.words
    if unit == "months":
        return words("remedies.months", value=words.number(value, 0 if float(value).is_integer() else 1))
    if unit == "days":
        return words("case.days", days=words.number(value, 0))
    return told.money(value) if unit == "money" else words.value(value, "pct")


def effect_table(told: Plan) -> Exhibit:
    """Every way with the class it leads to, until when it is observed, and what it does to the accounts."""
    if told.empty:
        return Exhibit("")
    words, marks, rows = told.sheet.words, told.rules.marks, []
    for effect in told.compared.effects.itertuples():
        row = told.options.loc[effect.option]
        cells = {
            "option": told.name(effect.option),
            "class": _class(effect, told),
            "watch": DASH if pd.isna(effect.observation_until) else words.date(effect.observation_until),
            "articles": effect.articles or DASH,
            "gain": DASH if row["kind"] in _UNCHANGED else told.money(row["gain"]),
            "change": DASH if row["kind"] in _UNCHANGED else words.value(row["change_share"], "pct"),
            "derecognise": _substantial(row, told),
        }
        rows.append(named(cells, told) | {"_css": "total" if effect.option == told.advice.option else ""})
    limits = {"limit": words.value(marks.substantial, "pct"), "do": words.value(marks.diminished, "pct")}
    notes = (words("remedies.effects_note", **limits),)
    numeric = titles(("gain", "change"), told)
    return table(words("remedies.effects"), rows, told.sheet, numeric=numeric, notes=notes, css="remedies")


def _substantial(row: pd.Series, told: Plan) -> str:
    if row["kind"] != "reschedule":
        return DASH
    return told.sheet.words("remedies.flag.substantial" if row["substantial"] else "remedies.flag.kept")


def _class(effect: tuple, told: Plan) -> str:
    words = told.sheet.words
    if effect.change == "leaves":
        return words("remedies.leaves")
    known = isinstance(effect.class_after, str)
    return words(f"verdict.class.{effect.class_after}") if known else words("remedies.unknown")


def viability_table(told: Plan) -> Exhibit:
    """Tests by way, each as word and shape."""
    if told.empty:
        return Exhibit("")
    words, tests, about = told.sheet.words, told.compared.viability, told.rules.viability
    wide = tests.pivot(index="option", columns="test", values="outcome")
    names = [*dict.fromkeys(tests["test"])]
    columns = (words("remedies.column.option"), *(words(f"remedies.test.{name}") for name in names))
    rows = []
    for option in dict.fromkeys(tests["option"]):
        found = [wide.at[option, name] for name in names]
        cells = (marked(outcome, words(f"remedies.outcome.{outcome}")) for outcome in found)
        rows.append(dict(zip(columns, (told.name(option), *cells), strict=True)))
    limits = {"first": about.dscr, "later": about.dscr_later}
    said = {name: words.value(value, "times") for name, value in limits.items()}
    notes = (
        _ask(told),
        words("remedies.viability_note", year=about.later_from_year, **said),
        _basis(told, about.basis),
    )
    return table(words("remedies.viability"), rows, told.sheet, columns=columns, notes=notes, css="remedies")


def _ask(told: Plan) -> str:
    """What to bring so that every test can be judged."""
    words, tests = told.sheet.words, told.compared.viability
    open_ = [*dict.fromkeys(tests.loc[tests["outcome"] == "cannot", "test"])]
    names = told.listed([words(f"remedies.ask.{name}") for name in open_])
    return words("remedies.viability_ask", names=names) if open_ else words("remedies.viability_done")


def swing_table(told: Plan) -> Exhibit | Prose:
    """Each assumption moved alone, the lead it leaves and what would be advised then; the widest first."""
    words, swings = told.sheet.words, told.swings
    if told.empty:
        return Exhibit("")
    if swings.empty or swings["lead"].isna().all():
        return Prose((words("remedies.swing_none"),))
    number, unit = scaled(swings[["lead"]], told)
    columns = tuple(
        words(f"remedies.swing_column.{name}") for name in ("swing", "low", "low_lead", "high", "high_lead", "best")
    )
    rows = [
        dict(zip(columns, _swung(name, part.set_index("end"), number, told), strict=True))
        for name, part in swings.groupby("swing", sort=False)
    ]
    caption, notes = words("remedies.swings", unit=unit), (words("remedies.swing_note"),)
    return table(caption, rows, told.sheet, columns=columns, numeric=columns[1:5], notes=notes)


def _swung(name: str, ends: pd.DataFrame, number: object, told: Plan) -> tuple:
    words, cells = told.sheet.words, []
    for end in ("low", "high"):
        cells += [size(name, ends.at[end, "moved"], told), number(ends.at[end, "lead"])]
    flips = [each for each, turned in zip(ends["best"], ends["flips"], strict=True) if turned]
    others = [told.name(each) if each else words("remedies.none_short") for each in dict.fromkeys(flips)]
    return (words(f"remedies.swing.{name}"), *cells, told.listed(others) or DASH)


def settings_table(told: Plan) -> Exhibit:
    """What the plan rests on that is set by hand, with its basis, so that a reader can doubt it."""
    words, rules = told.sheet.words, told.rules
    columns = tuple(words(f"remedies.settings_column.{name}") for name in ("part", "value", "basis"))
    recovery, marks = rules.recovery, rules.marks
    rows = [
        (words(f"remedies.kind.{name}"), words.value(recovery.haircut(name), "pct"), _sold(name, asset, told))
        for name, asset in recovery.assets.items()
    ]
    named = {
        "guarantor": (recovery.guarantor.share_of_net_assets, recovery.guarantor.basis),
        "estate": (recovery.estate.unsecured_share, recovery.estate.basis),
        "sale": (rules.sale.buyer_yield, rules.sale.basis),
        "write_off": (rules.write_off.pursued_share, rules.write_off.basis),
        "close": (marks.close_share, marks.basis),
    }
    rows += [
        (words(f"remedies.setting.{name}"), words.value(value, "pct"), _basis(told, why))
        for name, (value, why) in named.items()
    ]
    for name, value in marks.premium.items():
        premium = words("remedies.setting.premium", name=words(f"verdict.class.{name}"))
        rows.append((premium, words.value(value, "pct"), _basis(told, marks.basis)))
    made = [dict(zip(columns, row, strict=True)) for row in rows]
    return table(words("remedies.settings"), made, told.sheet, columns=columns, numeric=columns[1:2])


def _basis(told: Plan, text: str) -> str:
    """What something rests on, in the report's language where the rules say it in that too."""
    return told.rules.based(text, told.sheet.words.language)


def _sold(kind: str, asset: object, told: Plan) -> str:
    """Between what a haircut was chosen, and what time and costs of a sale rest on."""
    words = told.sheet.words
    low, high = (words.value(end, "pct") for end in told.rules.recovery.haircuts_between(kind))
    return words("remedies.setting.haircut", low=low, high=high, basis=_basis(told, asset.basis))


def as_values(told: Plan) -> pd.DataFrame:
    """The figures of the record: ratio, period_end (the day), value, reason; a row a way and figure."""
    names = ("ev", "npv", "chance", "do_share", "break_even", "dscr_min")
    rows = [
        (f"{option}.{name}", told.sheet.as_of, row[name], _why(row, name))
        for option, row in told.options.iterrows()
        for name in names
    ]
    return pd.DataFrame(rows, columns=["ratio", "period_end", "value", "reason"]).astype({"reason": object})


def _why(row: pd.Series, name: str) -> str | None:
    if pd.notna(row[name]):
        return None
    return row["reason"] or ("not_applicable" if not row["restructures"] else "no_forecast")


def as_record(told: Plan) -> dict:
    """What a later plan looks back on: the loan, the advice, its lead and whether it was close; JSON's own types."""
    if told.empty:
        return {"loan_id": None, "advice": None}
    advice, claim = told.advice, told.case.claim
    lead = None if np.isnan(advice.margin) else float(advice.margin)
    told_ = {"option": advice.option or None, "second": advice.second or None, "lead": lead, "close": advice.close}
    told_ |= {"provisional": advice.provisional, "barred": advice.barred or None}
    return {"loan_id": claim.loan_id, "owed": float(claim.total), "currency": claim.currency, "advice": told_}
