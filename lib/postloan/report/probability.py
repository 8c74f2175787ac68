"""What the early-warning model says of one borrower: rank, drivers and track record, or why there is none."""

from __future__ import annotations

from postloan.report.exhibits import Exhibit, Sheet, table
from postloan.report.narrative import Prose

_PLACES = 2


def story(opinion: object, sheet: Sheet) -> Prose:
    """The model's opinion in sentences: where the borrower stands, what that is worth, and what it is not.

    `opinion` is portfolio.hazard_opinion's (or anything shaped like it).
    """
    words, model = sheet.words, opinion.model
    if opinion.reason:
        return Prose((words(f"probability.none.{opinion.reason}", **_lacking(opinion, sheet)),))
    level = words(f"signal.level.{opinion.level}")
    told = [words("probability.ranking", share=words.value(opinion.rank, "pct"), level=level)]
    span = {"first": model.first_period[:4], "last": model.last_period[:4], "origin": model.origin}
    if opinion.ranks_only:
        told.append(words("probability.not_pd", **span))
    else:
        told.append(words("probability.chance", chance=words.value(opinion.probability, "pct")))
    fitted = model.variants[opinion.variant]
    bounds = {"low": words.number(fitted.auc_low, _PLACES), "high": words.number(fitted.auc_high, _PLACES)}
    auc = words("backtest.interval", value=words.number(fitted.auc, _PLACES), **bounds)
    told.append(words("probability.record", auc=auc, share=words.value(1 - opinion.orange_share, "pct")))
    told.append(words("probability.variant", name=words(f"backtest.variant.{opinion.variant}")))
    return Prose(tuple(told))


def _lacking(opinion: object, sheet: Sheet) -> dict[str, str]:
    return {"reason": sheet.words.reason(opinion.lacks), "currency": opinion.currency}


def driver_table(opinion: object, sheet: Sheet) -> Exhibit:
    """The factors that push the score most, with the borrower's figure and its place among the sample's firms."""
    if opinion.reason:
        return Exhibit("")
    words = sheet.words
    columns = tuple(words(f"probability.column.{name}") for name in ("factor", "value", "place", "push"))
    rows = [dict(zip(columns, _cells(row, sheet), strict=True)) for row in opinion.drivers.itertuples()]
    return table(words("probability.table"), rows, sheet, columns=columns, numeric=columns[1:3],
                 notes=(words("probability.note"),))  # fmt: skip


def _cells(row: tuple, sheet: Sheet) -> tuple[str, ...]:
    words = sheet.words
    side = words("probability.up" if row.push > 0 else "probability.down")
    place = words("probability.place", share=words.value(row.place, "pct"))
    return words(f"factor.{row.factor}"), words.number(row.value), place, f"{side} {words.number(abs(row.push))}"
