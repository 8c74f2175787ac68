"""Repayment capacity as a reviewer reads it: what cash pays, what is due when, what stress does, what was needed."""

from __future__ import annotations

import pandas as pd

from postloan.report.exhibits import DASH, Exhibit, Sheet, table
from postloan.report.narrative import Prose

_PAST = 4  # periods of the past in the table


def reason(code: object, sheet: Sheet) -> str:
    """Why a figure is missing, in words."""
    key = f"capacity.reason.{code}"
    return sheet.words(key) if sheet.words.has(key) else sheet.words.reason(code)


def story(covers: pd.DataFrame, future: object, coming: pd.Series, assumed: object, sheet: Sheet) -> Prose:
    """Cover so far and to come, the chance of falling short, and what that means for repayment.

    `covers` is `capacity.cover` of one borrower, `future` its `capacity.Future`, `coming` its row of `debt.coming`,
    `assumed` `assumptions.load()`.
    """
    words, told = sheet.words, []
    if coming["own_principal"] + coming["own_interest"] <= 0:
        told.append(words("capacity.no_loans"))
    told += [
        _now(covers, sheet),
        *_apart(covers, sheet),
        *_coming(future, assumed, sheet),
        *_renewed(covers, coming, sheet),
    ]
    if coming["overdue"] > 0:
        told.append(words("capacity.overdue", amount=words.money(coming["overdue"], sheet.currency)))
    told += _means(covers, future, assumed, sheet)
    return Prose((words("changes.joint").join(told),))


def _now(covers: pd.DataFrame, sheet: Sheet) -> str:
    words, last = sheet.words, covers.iloc[-1]
    period = words.date(last["period_end"])
    if pd.isna(last["dscr"]):
        return words("capacity.unknown", period=period, reason=reason(last["dscr_reason"], sheet))
    year = last["period_end"] - pd.DateOffset(years=1)
    before = covers.loc[(covers["period_end"] - year).abs() < pd.Timedelta(days=20), "dscr"].dropna()
    earlier = words("capacity.before", dscr=words.number(before.iloc[-1])) if len(before) else ""
    sums = {name: words.money(last[name], sheet.currency) for name in ("cash", "service")}
    return words("capacity.now", period=period, dscr=words.number(last["dscr"]), before=earlier, **sums)


def _apart(covers: pd.DataFrame, sheet: Sheet) -> list[str]:
    """Why the cash counted here and that of operations lie on two sides of nil, where they do."""
    last = covers.iloc[-1]
    if not last["cash"] * last["cfo"] < 0:
        return []
    sums = {name: sheet.words.money(last[name], sheet.currency) for name in ("cash", "cfo")}
    return [sheet.words("capacity.apart_above" if last["cfo"] > 0 else "capacity.apart_below", **sums)]


def _year(future: object) -> pd.Series | None:
    """The forecast of the coming four quarters (80 % band) with what is due in them; None without one."""
    outlook = future.table()
    ahead = outlook[(outlook["level"] == 0.8) & outlook["mean"].notna()].reset_index(drop=True)
    place = round(12 / future.cover.step) - 1
    return pd.concat([ahead.iloc[place], future.due.iloc[place].drop("period_end")]) if len(ahead) else None


def _coming(future: object, assumed: object, sheet: Sheet) -> list[str]:
    words, row = sheet.words, _year(future)
    if row is None:
        why = next(iter(future.cover.reason.values()), None)
        return [words("capacity.coming_unknown", reason=reason(why, sheet))]
    sums = {name: words.money(row[name], sheet.currency) for name in ("service", "own")}
    told = [words("capacity.coming", **sums, **{n: words.number(row[n]) for n in ("mean", "lower", "upper")})]
    return [*told, words("capacity.chance", share=share(_chance(future, assumed), sheet))]


def _chance(future: object, assumed: object) -> float:
    """The chance that the cover of any twelve months falls below the floor within the coming four quarters."""
    drawn = future.cover.values["service_cover"][:, : round(12 / future.cover.step)]
    return float((drawn < assumed.cover.floor).any(axis=1).mean())


def share(chance: float, sheet: Sheet) -> str:
    """A chance no finer than draws can tell."""
    if pd.isna(chance):
        return sheet.words("outlook.cannot")
    end = "under" if chance < 0.05 else "over" if chance > 0.95 else None
    return sheet.words(f"outlook.{end}") if end else sheet.words("outlook.about", share=f"{chance * 100:.0f}%")


def _renewed(covers: pd.DataFrame, coming: pd.Series, sheet: Sheet) -> list[str]:
    cash, due = covers["cash"].iloc[-1], coming["service"] - coming["renewable"]
    if coming["renewable"] <= 0 or pd.isna(cash) or not due > 0:
        return []
    covered = {"dscr": max(cash, 0) / due, "scheduled": max(cash, 0) / coming["service"]}
    shown = {name: sheet.words.number(value) for name, value in covered.items()}
    return [sheet.words("capacity.renewed", amount=sheet.words.money(coming["renewable"], sheet.currency), **shown)]


def _means(covers: pd.DataFrame, future: object, assumed: object, sheet: Sheet) -> list[str]:
    """What the cover says for repayment: of the coming year where there is a forecast, else of the last."""
    row, last = _year(future), covers.iloc[-1]
    dscr, service = (last["dscr"], last["service"]) if row is None else (row["mean"], row["service"])
    if pd.isna(dscr):
        return []
    cash = last["cash"] if row is None else future.start["cash"].iloc[0] if len(future.start) else dscr * service
    limits, risk = assumed.cover, 0.0 if row is None else _chance(future, assumed)
    level = "short" if dscr < limits.floor else "tight" if dscr < limits.comfort else "ample"
    level = "unsure" if level != "short" and risk >= limits.likely else level
    return [sheet.words(f"capacity.means_{level}", gap=sheet.words.money(service - cash, sheet.currency))]


def cover_table(covers: pd.DataFrame, future: object, chances: pd.DataFrame, assumed: object, sheet: Sheet) -> Exhibit:
    """Periods past and to come: cash, what was or is due, cover with its band, chance of falling below the floor.

    `chances` is `capacity.chances`, `assumed` is `assumptions.load()`.
    """
    words, floor = sheet.words, f"{assumed.cover.floor:g}"
    names = ("period", "kind", "cash", "service", "own", "dscr", "band", "chance", "fccr")
    columns = tuple(words(f"capacity.column.{name}", floor=floor) for name in names)
    rows = [_past(row, sheet) for row in covers.tail(_PAST).itertuples()]
    outlook = future.table()
    bands = outlook[(outlook["level"] == 0.8) & outlook["mean"].notna()].set_index("period_end")
    for row, chance in zip(future.due.itertuples(), chances["chance"], strict=False):
        if row.period_end in bands.index:
            rows.append(_ahead(row, bands.loc[row.period_end], chance, sheet))
    kept = {"maintenance": assumed.cover.maintenance_share, "revolving": assumed.debt.revolving_share}
    variant = words("capacity.variant", **{name: words.value(value, "pct") for name, value in kept.items()})
    cells = [dict(zip(columns, row, strict=True)) for row in rows]
    notes = (variant, words("capacity.fixed"))
    return table(words("capacity.cover_table"), cells, sheet, columns=columns, numeric=columns[2:], notes=notes)


def _past(row: tuple, sheet: Sheet) -> tuple:
    words = sheet.words
    money = [words.money(value, sheet.currency) for value in (row.cash, row.service, row.own)]
    shown = words.number(row.dscr) if pd.notna(row.dscr) else reason(row.dscr_reason, sheet)
    return (
        f"{row.period_end:%Y-%m}", words("capacity.actual"), *money, shown, DASH, DASH, words.number(row.fccr),
    )  # fmt: skip


def _ahead(row: tuple, told: pd.Series, chance: float, sheet: Sheet) -> tuple:
    words = sheet.words
    cash = words.money(told["mean"] * row.service, sheet.currency) if told["mean"] > 0 else DASH
    money = (cash, words.money(row.service, sheet.currency), words.money(row.own, sheet.currency))
    band = words("outlook.band", **{name: words.number(told[name]) for name in ("lower", "upper")})
    shown = (words.number(told["mean"]), band, share(chance, sheet), DASH)
    return (f"{row.period_end:%Y-%m}", words("capacity.expected"), *money, *shown)


def stress_story(stressed: pd.DataFrame, sheet: Sheet) -> Prose:
    """The first stress that breaks repayment, and the worst shortfall; nothing where no case could be formed."""
    words, known = sheet.words, stressed.dropna(subset="dscr")
    if known.empty or "base" not in set(known["case"]):
        return Prose(())
    worst = words.money(known["shortfall"].max(), sheet.currency)
    broken = known[known["shortfall"] > 0]
    if broken.empty:
        return Prose((words("capacity.stress_holds"),))
    row = broken.iloc[0]
    gap = words.money(row["shortfall"], sheet.currency)
    if row["case"] == "base":
        return Prose((words("capacity.stress_already", gap=gap, worst=worst),))
    shown = {"case": words(f"capacity.case.{row['case']}"), "dscr": words.number(row["dscr"])}
    return Prose((words("capacity.stress_breaks", gap=gap, worst=worst, **shown),))


def stress_table(stressed: pd.DataFrame, assumed: object, sheet: Sheet) -> Exhibit:
    """Each case: revenue, cash, what is due, cover and shortfall in money; nothing where none could be formed."""
    words, rows = sheet.words, []
    if stressed["dscr"].isna().all():
        return Exhibit("")
    columns = tuple(words(f"capacity.column.{name}") for name in ("case", "revenue", "cash", "service", "dscr", "gap"))
    for row in stressed.itertuples():
        sums = [words.money(value, sheet.currency) for value in (row.revenue, row.cash, row.service)]
        shown = words.number(row.dscr) if pd.notna(row.dscr) else reason(row.reason, sheet)
        gap = words.money(row.shortfall, sheet.currency) if row.shortfall > 0 else DASH
        cells = (words(f"capacity.case.{row.case}"), *sums, shown, gap)
        rows.append(dict(zip(columns, cells, strict=True)))
    shares = {"variable": assumed.stress.variable_cost_share, "relief": assumed.stress.tax_relief}
    note = words("capacity.stress_note", **{name: words.value(value, "pct") for name, value in shares.items()})
    caption = "capacity.stress" if (stressed["basis"] == "expected").all() else "capacity.stress_last"
    return table(words(caption), rows, sheet, columns=columns, numeric=columns[1:], notes=(note,))


def schedule_table(quarters: pd.DataFrame, sheet: Sheet) -> Exhibit:
    """Our instalments by quarter (`debt.by_quarter`): due, unpaid, and what is often renewed; nothing where none."""
    if quarters.empty:
        return Exhibit("")
    words, rows = sheet.words, []
    names = ("quarter", "principal", "interest", "open", "renewable")
    columns = tuple(words(f"capacity.column.{name}") for name in names)
    for row in quarters.itertuples():
        sums = (row.principal, row.interest, row.open, row.renewable)
        cells = [words.money(value, sheet.currency) if value > 0 else DASH for value in sums]
        rows.append(dict(zip(columns, (f"{row.quarter.year}Q{row.quarter.quarter}", *cells), strict=True)))
    note = words("capacity.renewable_note")
    return table(words("capacity.schedule"), rows, sheet, columns=columns, numeric=columns[1:], notes=(note,))


def need_story(needed: pd.Series, assumed: object, sheet: Sheet) -> Prose:
    """The working-capital need against what we lent (a row of `working_need.need`); nothing where we lent none."""
    words = sheet.words
    if needed["balance"] <= 0:
        return Prose(())
    if pd.isna(needed["need"]) or pd.notna(needed["reason"]):
        return Prose((words("capacity.need_unknown", reason=reason(needed["reason"], sheet)),))
    sums = {name: words.money(needed[name], sheet.currency) for name in ("need", "balance", "others")}
    told = [words("capacity.need", days=words.number(needed["days"], 0), **sums)]
    if needed["need"] <= 0:
        told.append(words("capacity.need_nil"))
    elif needed["over"]:
        told.append(words("capacity.need_over", factor=f"{assumed.working_capital.over:g}"))
    elif needed["room"] < 0:
        told.append(words("capacity.need_all_over", gap=words.money(-needed["room"], sheet.currency)))
    else:
        told.append(words("capacity.need_fits"))
    return Prose((words("changes.joint").join(told),))
