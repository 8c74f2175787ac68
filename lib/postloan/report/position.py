"""Where the borrower stands among its peers and beside its own past, as a reviewer reads it."""

from __future__ import annotations

import pandas as pd

from postloan.measures import Measure
from postloan.report.exhibits import Exhibit, Sheet, peer_figure, table
from postloan.report.narrative import Prose

_OWN = ("ratio", "client", "usual", "change")
_COLUMNS = ("ratio", "client", "low", "median", "high", "percentile", "level", "usual", "change")


def sentence(standing: pd.DataFrame, settings: object, sheet: Sheet) -> Prose:
    """What is weak and strong among peers, then what is much worse than the borrower's own usual.

    `standing` is `peers.position`'s frame, `settings` what params/peers.yml says.
    """
    words, paragraphs = sheet.words, []
    told = {level: _names(standing[standing["level"] == level], sheet) for level in ("weak", "strong")}
    if (standing["level"] == "none").all():
        paragraphs.append(words("standing.nobody", fewest=settings.fewest))
    else:
        parts = [words(f"standing.{level}", ratios=names) for level, names in told.items() if names]
        paragraphs.append(("" if words.language == "zh" else " ").join(parts) or words("standing.middling"))
    worse = _names(standing[standing["change"] == "worse"], sheet)
    if (standing["change"] != "none").any():
        paragraphs.append(words("standing.drift", ratios=worse) if worse else words("standing.steady"))
    return Prose(tuple(paragraphs))


def _names(rows: pd.DataFrame, sheet: Sheet) -> str:
    return sheet.words("case.and").join(sheet.words.ratio(name) for name in rows["metric"])


def position_table(standing: pd.DataFrame, settings: object, measures: dict[str, Measure], sheet: Sheet) -> Exhibit:
    """Each ratio of the client beside its peers' quartiles with its percentile, and beside its own usual figure; the
    columns of peers are left out where there are none."""
    words, rows, alone = sheet.words, [], bool((standing["level"] == "none").all())
    names = tuple(name for name in _COLUMNS if not alone or name in _OWN)
    columns = {name: words(f"standing.column.{name}") for name in names}
    for row in standing.itertuples():
        unit = measures[row.metric].unit
        shown = {
            name: words.value(getattr(row, name), unit, sheet.currency) for name in ("value", "low", "median", "high")
        }
        place = peer_figure(row.percentile, "percentile", words)
        told = {"ratio": words.ratio(row.metric), "client": shown.pop("value"), **shown, "percentile": place}
        told["level"] = words(f"standing.level.{row.level}")
        told["usual"] = words.value(row.usual, unit, sheet.currency)
        told["change"] = words(f"standing.change.{row.change}")
        rows.append({columns[name]: told[name] for name in names})
    notes = () if alone else (_against(standing, settings, sheet), *_lacking(standing, settings, sheet))
    unusual = words.number(settings.reading.unusual, 0)
    own = words("standing.own", quarters=settings.trailing_quarters, unusual=unusual)
    numeric = tuple(columns[name] for name in names if name not in ("ratio", "level", "change"))
    heads = tuple(columns.values())
    caption = words("standing.alone" if alone else "standing.table")
    return table(caption, rows, sheet, columns=heads, numeric=numeric, notes=(*notes, own))


def _against(standing: pd.DataFrame, settings: object, sheet: Sheet) -> str:
    """Which peers, how many, and when."""
    words, told = sheet.words, []
    for (group, count), part in standing[standing["level"] != "none"].groupby(["group", "count"], sort=False):
        name = words(f"standing.group.{group}")
        told.append(words("standing.against_group", group=name, count=count, ratios=_names(part, sheet)))
    groups = words("case.comma").join(told)
    return words("standing.against", groups=groups, months=settings.late_months, currency=sheet.currency)


def _lacking(standing: pd.DataFrame, settings: object, sheet: Sheet) -> tuple[str, ...]:
    few = standing[standing["reason"] == "few_peers"]
    told = sheet.words("standing.too_few", ratios=_names(few, sheet), fewest=settings.fewest)
    return (told,) if len(few) else ()
