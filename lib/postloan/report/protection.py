"""What protects our money: covenants, collateral and guarantors, as sentences and tables."""

from __future__ import annotations

import pandas as pd

from postloan.measures import measures, observations
from postloan.report.exhibits import DASH, Exhibit, Sheet, table
from postloan.report.narrative import Prose

_LIKELY = 0.3  # a chance worth a sentence
_STATES = ("breached", "close", "waived", "cannot_test", "met")


def covenant_story(tested: pd.DataFrame, owed: pd.DataFrame, within: int, sheet: Sheet) -> Prose:
    """How many covenants stand how, those breached and close by name, and the likely breaches to come.

    `tested` is `covenants.check` (and `covenants.ahead`), `owed` is `servicing.state`, `within` quarters ahead.
    """
    words = sheet.words
    if owed.empty:
        return Prose((words("protection.no_loans"),))
    if tested.empty:
        return Prose((words("protection.no_covenants"),))
    counts = tested["state"].value_counts()
    found = [f"{words(f'protection.state.{state}')} {counts[state]}" for state in _STATES if state in counts]
    told = [words("protection.tested", count=len(tested), found=words("case.comma").join(found))]
    for row in tested[tested["state"].isin(["breached", "close"])].itertuples():
        told.append(words(f"protection.{row.state}", **_covenant(row, sheet)))
    risky = tested[(tested["chance"] >= _LIKELY) & (tested["state"] != "breached")]
    for row in risky.sort_values("chance", ascending=False).itertuples():
        shown = {"metric": sheet.metric(row.metric), "within": within, "share": _share(row.chance, sheet)}
        told.append(words("protection.likely", **shown))
    return Prose((words("changes.joint").join(told),))


def _covenant(row: tuple, sheet: Sheet) -> dict[str, str]:
    words = sheet.words
    return {
        "metric": sheet.metric(row.metric),
        "value": _value(row.metric, row.value, sheet),
        "limit": _value(row.metric, row.limit, sheet),
        "side": words(f"protection.side.{row.side}"),
        "room": words.value(row.headroom_share, "pct"),
    }


def _unit(metric: str) -> str | None:
    known = {**observations(), **measures()}
    return known[metric].unit if metric in known else None


def _value(metric: str, value: float, sheet: Sheet) -> str:
    unit = _unit(metric)
    if unit in (None, "count") or pd.isna(value):
        return sheet.words.number(value)
    return sheet.words.value(value, unit, sheet.currency)


def _share(chance: float, sheet: Sheet) -> str:
    if pd.isna(chance):
        return DASH
    end = "under" if chance < 0.05 else "over" if chance > 0.95 else None
    return sheet.words(f"outlook.{end}") if end else sheet.words("outlook.about", share=f"{chance * 100:.0f}%")


def covenant_table(tested: pd.DataFrame, within: int, sheet: Sheet) -> Exhibit:
    """Every covenant in force: agreed, now, room, state or why it cannot be tested, and the chance of a breach."""
    if tested.empty:
        return Exhibit("")
    words, rows = sheet.words, []
    names = ("metric", "loan", "limit", "value", "room", "state", "expected", "chance")
    columns = tuple(words(f"protection.column.{name}") for name in names)
    for row in tested.itertuples():
        known = _unit(row.metric) is not None
        metric = sheet.metric(row.metric) if known else words("protection.unknown_metric", metric=row.metric)
        limit = f"{words(f'protection.side.{row.side}')} {_value(row.metric, row.limit, sheet)}"
        values = [_value(row.metric, value, sheet) for value in (row.value, row.expected)]
        room = words.value(row.headroom_share, "pct")
        cells = (metric, row.loan_id, limit, values[0], room, _state(row, sheet), values[1], _share(row.chance, sheet))
        rows.append(dict(zip(columns, cells, strict=True)))
    note = words("protection.covenant_note", within=within)
    numeric = (*columns[3:5], *columns[6:])
    return table(words("protection.covenants"), rows, sheet, columns=columns, numeric=numeric, notes=(note,))


def _state(row: tuple, sheet: Sheet) -> str:
    words, said = sheet.words, sheet.words(f"protection.state.{row.state}")
    if row.state == "waived":
        return f"{said} {words.date(row.waived_until)}"
    if row.state != "cannot_test":
        return said
    if row.reason == "unknown_metric":
        examples = words("case.comma").join(list(measures())[8:12])
        what = words("protection.reason.unknown_metric")
        return words("case.comma").join(
            [said, words("protection.known", what=what, metric=row.metric, examples=examples)]
        )
    key = f"protection.reason.{row.reason}"
    return words("case.comma").join([said, words(key) if words.has(key) else words.reason(row.reason)])


def story(covered: pd.DataFrame, held: pd.DataFrame, judged: pd.DataFrame, ring: pd.DataFrame, sheet: Sheet) -> Prose:
    """What collateral would bring and what that means, its concerns, the guarantors, a ring of mutual guarantees.

    `covered` is `collateral.coverage`, `held` `collateral.assets`, `judged` `guarantors.judge` of one borrower, `ring`
    its rows of `guarantors.rings`.
    """
    words, told = sheet.words, []
    if covered.empty:
        nothing = held.empty and judged.empty
        return Prose((words("protection.no_loans" if nothing else "protection.none_owed"),))
    told.append(_covered(covered[covered["loan_id"] == ""].iloc[0], sheet))
    for row in held[(held["claim"] > 0) & (held["concerns"] != "")].itertuples():
        told.append(words("protection.concern_told", id=row.collateral_id, what=_concerns(row, sheet)))
    for row in judged.itertuples():
        why = _why(row.reasons, sheet)
        said = {"name": row.name, "verdict": words(f"protection.verdict.{row.verdict}")}
        told.append(words("protection.guarantors_told", **said, why=why and words("protection.because", why=why)))
    if judged.empty:
        told.append(words("protection.no_guarantors"))
    for row in ring.itertuples():
        told.append(words("protection.ring", members=row.members, ring=row.ring.replace(",", words("case.comma"))))
    return Prose((words("changes.joint").join(told),))


def _covered(row: pd.Series, sheet: Sheet) -> str:
    words = sheet.words
    if row["reason"] == "currency_differs":
        return words("protection.total_unknown")
    gap = words.money(row["uncovered"], row["currency"])
    sums = {name: words.money(row[name], row["currency"]) for name in ("balance", "net")}
    means = words(f"protection.means_{row['state']}", gap=gap)
    return words("protection.covered", coverage=words.number(row["coverage"]), means=means, **sums)


def _concerns(row: tuple, sheet: Sheet) -> str:
    words, days = sheet.words, row.insurance_lapsed_days
    shown = 0 if pd.isna(days) else int(days)
    codes = [code for code in row.concerns.split(",") if code]
    return words("case.comma").join(words(f"protection.concern.{code}", days=shown) for code in codes)


def _why(reasons: str, sheet: Sheet) -> str:
    codes = [code for code in reasons.split(",") if code]
    said = (sheet.words(f"protection.why.{code.replace(':', '_')}") for code in codes)
    return sheet.words("case.comma").join(said)


def collateral_table(held: pd.DataFrame, sheet: Sheet) -> Exhibit:
    """Every piece of collateral: value and its change and age, prior claims, haircut, net, loan to value, concerns."""
    if held.empty:
        return Exhibit("")
    words, rows = sheet.words, []
    names = ("id", "kind", "value_now", "change", "age", "prior", "haircut", "net", "ltv", "cap", "concerns")
    columns = tuple(words(f"protection.column.{name}") for name in names)
    for row in held.itertuples():
        currency = row.currency if pd.notna(row.currency) else sheet.currency
        prior = words.money(row.prior_claims, currency) if row.prior_claims > 0 else DASH
        money = (words.money(row.value, currency), words.money(row.net, currency))
        change = words.change_share(row.change) if pd.notna(row.change) else DASH
        shares = [words.value(value, "pct") for value in (row.haircut, row.loan_to_value, row.cap)]
        age = words("protection.days", days=int(row.valuation_age_days))
        kind, said = words(f"protection.kind.{row.kind}"), _concerns(row, sheet)
        cells = (row.collateral_id, kind, money[0], change, age, prior, shares[0], money[1], *shares[1:], said)
        rows.append(dict(zip(columns, cells, strict=True)))
    note = words("protection.haircut_note")
    caption = words("protection.collateral")
    return table(caption, rows, sheet, columns=columns, numeric=columns[2:10], notes=(note,))


def coverage_table(covered: pd.DataFrame, sheet: Sheet) -> Exhibit:
    """Each loan with a balance and all together: owed, net collateral, cover, loan to value, what is uncovered."""
    if covered.empty:
        return Exhibit("")
    words, rows = sheet.words, []
    names = ("loan", "balance", "net", "coverage", "ltv", "uncovered", "state")
    columns = tuple(words(f"protection.column.{name}") for name in names)
    last = covered["loan_id"] == ""
    for row in pd.concat([covered[~last], covered[last]]).itertuples():
        mixed = row.reason == "currency_differs"
        sums = [words.money(value, row.currency) for value in (row.balance, row.net, row.uncovered)]
        sums = [DASH] * 3 if mixed else [*sums[:2], sums[2] if row.uncovered > 0 else DASH]
        ltv = words.value(row.loan_to_value, "pct")
        state = DASH if mixed else words(f"protection.cover_state.{row.state}")
        name = row.loan_id or words("protection.all_loans")
        cells = (name, sums[0], sums[1], words.number(row.coverage), ltv, sums[2], state)
        rows.append(dict(zip(columns, cells, strict=True)) | {"_css": "" if row.loan_id else "total"})
    return table(words("protection.coverage"), rows, sheet, columns=columns, numeric=columns[1:6])


def guarantor_table(judged: pd.DataFrame, sheet: Sheet) -> Exhibit:
    """Every guarantor: what it guarantees, its strength in figures, the verdict and what it rests on."""
    if judged.empty:
        return Exhibit("")
    words, rows = sheet.words, []
    names = ("guarantor", "amount", "net_assets", "leverage", "given", "cash", "verdict", "why")
    columns = tuple(words(f"protection.column.{name}") for name in names)
    for row in judged.itertuples():
        sums = [words.money(value, sheet.currency) for value in (row.amount, row.net_assets)]
        figures = (row.leverage, row.guarantees_to_equity, row.cash_flow_to_amount)
        shares = [words.value(value, "pct") for value in figures]
        verdict = words(f"protection.verdict.{row.verdict}")
        cells = (row.name, *sums, *shares, verdict, _why(row.reasons, sheet))
        rows.append(dict(zip(columns, cells, strict=True)))
    return table(words("protection.guarantors"), rows, sheet, columns=columns, numeric=columns[1:6])
