"""Forecasts as a reviewer reads them: where each figure is heading, how sure that is, and the chance of a breach."""

from __future__ import annotations

import pandas as pd

from postloan.measures import Measure
from postloan.report.exhibits import Exhibit, Sheet, table
from postloan.report.narrative import Prose

_LIKELY = 0.3


def outlook_table(outlook: pd.DataFrame, compared: pd.DataFrame, measures: dict[str, Measure], sheet: Sheet) -> Exhibit:
    """Each figure now and at the end of the horizon with its 80 % band, the method, and its error against last year's.

    `outlook` is `outlook.table`'s frame of one borrower; where there is no forecast, its reason stands.
    """
    words, rows = sheet.words, []
    columns = tuple(words(f"outlook.column.{name}") for name in ("ratio", "now", "mean", "band", "error", "remark"))
    for name, mine in outlook.groupby("metric", sort=False):
        unit, last = measures[name].unit, mine[mine["level"] != 0.95].sort_values("period_end").iloc[-1]
        now = words.value(compared.at[name, "now"], unit, sheet.currency)
        ends = [words.value(last[end], unit, sheet.currency) for end in ("mean", "lower", "upper")]
        band = "—" if pd.isna(last["mean"]) else words("outlook.band", lower=ends[1], upper=ends[2])
        error = words.number(last["mase"])
        cells = (words.ratio(name), now, ends[0], band, error, _remark(last, words))
        rows.append(dict(zip(columns, cells, strict=True)))
    until = outlook["period_end"].max()
    caption = words("outlook.table", date=words.date(until)) if pd.notna(until) else words("outlook.none")
    return table(caption, rows, sheet, columns=columns, numeric=columns[1:5], notes=(words("outlook.note"),))


def _remark(last: pd.Series, words: object) -> str:
    if pd.isna(last["mean"]):
        return words(f"forecast.reason.{last['reason']}") if words.has(f"forecast.reason.{last['reason']}") else ""
    if pd.isna(last["mase"]):
        return words("outlook.untested")
    return words("outlook.no_better" if last["mase"] >= 1 else "outlook.better")


def breach_table(chances: pd.DataFrame, compared: pd.DataFrame, measures: dict[str, Measure], sheet: Sheet) -> Exhibit:
    """The chance of crossing limits: `chances` has metric, side, limit, within and chance (NaN: no forecast)."""
    words, rows = sheet.words, []
    columns = tuple(words(f"outlook.column.{name}") for name in ("ratio", "limit", "within", "chance"))
    for row in chances.itertuples():
        limit = words.value(row.limit, measures[row.metric].unit, sheet.currency)
        side, within = words(f"signal.side.{row.side}"), words("outlook.quarters", count=row.within)
        chance = words("outlook.crossed") if _crossed(row, compared) else _share(row.chance, sheet)
        rows.append(dict(zip(columns, (words.ratio(row.metric), f"{side} {limit}", within, chance), strict=True)))
    return table(words("outlook.breaches"), rows, sheet, columns=columns, numeric=columns[1:])


def _crossed(row: tuple, compared: pd.DataFrame) -> bool:
    """Whether the figure is past its limit already, so that a chance would say nothing."""
    now = compared.at[row.metric, "now"]
    return bool(now < row.limit if row.side == "below" else now > row.limit)


def _share(chance: float, sheet: Sheet) -> str:
    """A chance as far as draws can tell it: no finer than one in twenty at the ends."""
    if pd.isna(chance):
        return sheet.words("outlook.cannot")
    ends = {"under": chance < 0.05, "over": chance > 0.95}
    end = next((name for name, held in ends.items() if held), None)
    return sheet.words(f"outlook.{end}") if end else sheet.words("outlook.about", share=f"{chance * 100:.0f}%")


def sentence(
    chances: pd.DataFrame, outlook: pd.DataFrame, compared: pd.DataFrame, measures: dict[str, Measure], sheet: Sheet
) -> Prose:
    """Which limits are likely to be crossed, and how far the forecasts beat last year's figures."""
    words, told = sheet.words, []
    chances = chances[[not _crossed(row, compared) for row in chances.itertuples()]]
    likely = chances[chances["chance"] >= _LIKELY].sort_values("chance", ascending=False)
    for row in likely.itertuples():
        shown = {"limit": words.value(row.limit, measures[row.metric].unit, sheet.currency)}
        shown |= {"side": words(f"signal.side.{row.side}"), "share": _share(row.chance, sheet)}
        told.append(words("outlook.likely", ratio=words.ratio(row.metric), within=row.within, **shown))
    if not told:
        known = chances["chance"].dropna()
        share = _share(known.max(), sheet) if len(known) else ""
        key = "outlook.unlikely_all" if share == words("outlook.under") else "outlook.unlikely"
        told = [words(key, share=share)] if share else []
    tested = outlook.dropna(subset=["mase"]).drop_duplicates("metric")
    if len(tested):
        told.append(words("outlook.tested", good=int((tested["mase"] < 1).sum()), count=len(tested)))
    return Prose((words("changes.joint").join(told),) if told else (words("outlook.none"),))
