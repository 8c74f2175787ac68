"""Tables of a report: caption, scope, unit, source and as-of date on each, every cell from data escaped.

Tables are written by one small Jinja template rather than by pandas' Styler: Styler repeats ids, leaves the
corner header empty and sets no scope, all of which a screen reader (and axe) trips over.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import jinja2
import pandas as pd
from markupsafe import Markup, escape

from postloan import chart
from postloan.measures import Measure, observations
from postloan.wording import DASH, Texts

_TEMPLATES = jinja2.Environment(loader=jinja2.PackageLoader("postloan.report", "template"), autoescape=True)
_DAY = re.compile(r"\d{4}\D\d{1,2}\D\d{1,2}\D?|\d{1,2} [A-Z][a-z]{2} \d{4}")
_TEMPLATES.tests["day"] = lambda cell: bool(_DAY.fullmatch(str(cell)))  # must not break
_FACT_COLUMNS = ("leaf", "item", "period_end", "months", "amount", "weight", "known_on", "caption")
_SHAPES = {"ok": "●", "watch": "◆", "warn": "▲", "none": "○"}


@dataclass(frozen=True)
class Sheet:
    """What every exhibit of one report needs: the words, the currency, the as-of date and its notes."""

    words: Texts
    currency: str
    as_of: str
    day_basis: int
    average_points: int
    sources: int
    from_drawdown: bool
    scale: tuple[float, str, int]

    def metric(self, metric: str) -> str:
        """The name of a ratio, score or observation."""
        seen = observations().get(metric)
        return self.said(seen) if seen else self.words.ratio(metric)

    def said(self, both: object) -> str:
        """What is written in both languages (fields zh and en), in the report's."""
        return getattr(both, self.words.language)

    def origin(self) -> tuple[str, ...]:
        """The day the figures were known, and where they come from."""
        source = self.words("exhibit.sources_many", count=self.sources)
        known = self.words("exhibit.as_of", date=self.words.date(self.as_of))
        return known, self.words("exhibit.source", source=source)

    def notes(self, *extra: str) -> Markup:
        """The line below an exhibit: what is its own, then day and source, which paper says once for all."""
        common = Markup('<span class="common">{}</span>').format(" · ".join((*([""] if extra else []), *self.origin())))
        return Markup('<span class="own">{}</span>{}').format(" · ".join(extra), common) if extra else common


def sheet(words: Texts, statements: pd.DataFrame, moments: object, **notes: object) -> Sheet:
    """The sheet of one borrower's report; `notes` are as_of, day_basis and average_points.

    The currency is that of the newest statements, whose largest figure sets the scale of statement tables;
    `moments.from_drawdown` names the start column.
    """
    reported = statements[~statements["derived"]].sort_values("period_end")
    files = reported["source"].str.split(" · ").str[0].nunique()
    newest = reported[reported["period_end"] == moments.now]
    scale = words.scale(newest["amount"].abs().max())
    start = moments.from_drawdown
    return Sheet(words, reported["currency"].iloc[-1], sources=files, from_drawdown=start, scale=scale, **notes)


@dataclass(frozen=True)
class Exhibit:
    """A finished piece of HTML; displays itself in a notebook."""

    html: str

    def _repr_html_(self) -> str:
        return self.html

    def __add__(self, other: Exhibit) -> Exhibit:
        return Exhibit("".join((self.html, other.html)))  # + would escape the other where one is Markup


def table(
    caption: str,
    rows: list[dict],
    sheet: Sheet,
    *,
    columns: tuple = (),
    numeric: tuple = (),
    notes: tuple = (),
    css: str = "",
) -> Exhibit:
    """A table from rows of finished cells by column; the first cell heads its row, `_css` classes it, `_id` names it.

    Cells are plain text (escaped) or Markup. `columns` is needed only where `rows` may be empty.
    """
    columns = columns or tuple(name for name in rows[0] if name not in ("_css", "_id"))
    html = _TEMPLATES.get_template("table.html.j2").render(
        caption=caption,
        columns=columns,
        numeric=numeric,
        rows=[{"cells": [row[name] for name in columns], "css": row.get("_css"), "id": row.get("_id")} for row in rows],
        css=css,
        notes=sheet.notes(*notes),
        empty=sheet.words("exhibit.no_rows"),
    )
    return Exhibit(html)


def tabled(caption: str, columns: tuple, rows: list[tuple], sheet: Sheet, **about: object) -> Exhibit:
    """`table` of rows of finished cells that follow its columns."""
    return table(caption, [dict(zip(columns, row, strict=True)) for row in rows], sheet, columns=columns, **about)


def proven(text: str, anchor: str, words: Texts) -> Markup:
    """A text with a link to its evidence on the same page; the page drops the link where there is no such place."""
    return Markup('{} <a class="proof" href="#{}">{}</a>').format(text, anchor, words("exhibit.proof"))


def explained_at(ratio: str, text: str) -> Markup:
    """A figure's name as a link to where it is taken apart; plain text where the page does not explain it."""
    return Markup('<a href="#explain-{}">{}</a>').format(ratio, text)


def anchored(anchor: str, exhibit: Exhibit) -> Exhibit:
    """An exhibit that links of the page can lead to."""
    return Exhibit(Markup('<div id="{}">{}</div>').format(anchor, Markup(exhibit.html)))


def mark(band: str | None, words: Texts) -> Markup:
    """A band as word and shape, so that it never rests on colour alone."""
    band = band or "none"
    return banded(band, words(f"band.{band}"))


def banded(band: str, text: str) -> Markup:
    """A text of its own with a band's shape and colour."""
    return Markup('<span class="mark {}"><span aria-hidden="true">{}</span> {}</span>').format(
        band, _SHAPES[band], text
    )


def sparkline(values: pd.Series, measure: Measure, sheet: Sheet) -> Markup:
    """The last twelve periods as a small line with a text alternative; empty below two values."""
    points = values.dropna().tail(12).to_numpy()
    if len(points) < 2:
        return Markup("")
    low, high = points.min(), points.max()
    span = high - low or 1.0
    width = 78 / (len(points) - 1)
    line = " ".join(f"{1 + i * width:.1f},{17 - 14 * (v - low) / span:.1f}" for i, v in enumerate(points))
    ends = {"first": points[0], "last": points[-1], "low": low, "high": high}
    said = {name: sheet.words.value(value, measure.unit, sheet.currency) for name, value in ends.items()}
    return Markup(
        '<svg class="sparkline" role="img" aria-label="{}" viewBox="0 0 80 20" width="80" height="20">'
        '<polyline points="{}" fill="none" stroke="currentColor" stroke-width="1.3"/>'
        '<circle cx="{:.1f}" cy="{}" r="2" fill="currentColor"/></svg>'
    ).format(sheet.words("exhibit.sparkline", **said), line, 1 + (len(points) - 1) * width, line.rsplit(",", 1)[1])


def synthetic_banner(borrower: dict, sheet: Sheet) -> Exhibit:
    """The label of generated data; nothing for a real borrower."""
    text = escape(sheet.words("page.synthetic"))
    return Exhibit(f'<p class="synthetic" role="note">{text}</p>' if borrower["synthetic"] else "")


def facts(borrower: dict, periods: pd.DataFrame, sheet: Sheet) -> Exhibit:
    """The borrower's master data and how far its statements reach; `periods` has period_end and known_on."""
    words = sheet.words
    shown = {
        name: borrower.get(name) for name in ("borrower_id", "name", "name_en", "industry", "region", "credit_code")
    }
    shown["credit_code"] = _masked(borrower.get("credit_code"))
    shown["currency"] = sheet.currency
    if borrower.get("first_drawdown") is not None:
        shown["first_drawdown"] = words.date(borrower["first_drawdown"])
    last = periods.iloc[-1]
    ends = {"first": words.date(periods["period_end"].iloc[0]), "last": words.date(last["period_end"])}
    shown["as_of"] = words.date(sheet.as_of)
    shown["latest"], shown["known"] = words.date(last["period_end"]), words.date(last["known_on"])
    shown["history"] = words("borrower.history_value", count=len(periods), **ends)
    pairs = "".join(
        f"<div><dt>{escape(words(f'borrower.{name}'))}</dt><dd>{escape(value)}</dd></div>"
        for name, value in shown.items()
        if value
    )
    return Exhibit(f'<dl class="facts">{pairs}</dl>')


def _masked(code: str | None) -> str | None:
    return code if code is None or len(code) < 12 else f"{code[:6]}{'*' * (len(code) - 10)}{code[-4:]}"


def readings(compared: pd.DataFrame, measures: dict[str, Measure], sheet: Sheet) -> Exhibit:
    """The main readings as tiles: value, band, and the value a year ago."""
    words, tiles = sheet.words, []
    for name, measure in measures.items():
        if measure.key and name in compared.index:
            row = compared.loc[name]
            before = words.value(row["year_ago"], measure.unit, sheet.currency)
            band = mark(measure.band(row["now"]), words) if measure.ok is not None and pd.notna(row["now"]) else ""
            value = words.value(row["now"], measure.unit, sheet.currency)
            note = (
                escape(words.reason(row["reason"]))
                if pd.isna(row["now"])
                else f"{escape(words('column.year_ago'))} {escape(before)}"
            )
            tiles.append(
                f'<div class="kpi"><dt>{explained_at(name, words.ratio(name))}</dt>'
                f'<dd><span class="value">{escape(value)}</span> {band} <span class="before">{note}</span></dd></div>'
            )
    return Exhibit(f'<dl class="kpis">{"".join(tiles)}</dl>')


def ratio_table(
    group: str, compared: pd.DataFrame, history: pd.DataFrame, measures: dict[str, Measure], sheet: Sheet
) -> Exhibit:
    """One group of ratios: at start, a year ago, now, change, reading and trend; `history` is the long table."""
    words, rows = sheet.words, []
    start = words("column.start_drawdown" if sheet.from_drawdown else "column.start_years")
    numeric = (start, words("column.year_ago"), words("column.now"), words("column.change"))
    names = [name for name, measure in measures.items() if measure.group == group and name in compared.index]
    series = dict([*history[history["ratio"].isin(names)].groupby("ratio")["value"]])
    for name, row in compared.loc[names].to_dict("index").items():
        measure = measures[name]
        rows.append(
            {
                words("column.ratio"): explained_at(name, words.ratio(name)),
                start: words.value(row["start"], measure.unit, sheet.currency),
                words("column.year_ago"): words.value(row["year_ago"], measure.unit, sheet.currency),
                words("column.now"): words.value(row["now"], measure.unit, sheet.currency),
                words("column.change"): words.change(row["change"], measure.unit, sheet.currency),
                words("column.reading"): _reading(row, measure, words),
                words("column.trend"): sparkline(series[name], measure, sheet),
            }
        )
    caption = (
        words("exhibit.ratios", group=words(f"group.{group}"))
        if group not in ("distress", "reliability")
        else words(f"group.{group}")
    )
    basis = words("exhibit.basis", days=sheet.day_basis, points=sheet.average_points)
    return table(caption, rows, sheet, numeric=numeric, notes=(basis,), css="ratios")


def _reading(row: dict, measure: Measure, words: Texts) -> Markup | str:
    if pd.isna(row["now"]):
        return Markup('<span class="gap">{}</span>').format(words.reason(row["reason"]))
    return mark(measure.band(row["now"]), words) if measure.ok is not None else ""


def band_table(measures: dict[str, Measure], sheet: Sheet) -> Exhibit:
    """Every band in use with its basis, so that a reader can see what a mark rests on."""
    words = sheet.words
    rows = [
        {
            words("column.ratio"): words.ratio(name),
            words("band.ok"): words.value(measure.ok, measure.unit),
            words("band.warn"): words.value(measure.warn, measure.unit),
            words("column.basis"): (measure.basis_zh if words.language == "zh" else "") or measure.basis,
        }
        for name, measure in measures.items()
        if measure.ok is not None
    ]
    return table(words("exhibit.bands"), rows, sheet, numeric=(words("band.ok"), words("band.warn")))


def statement_table(statement: str, amounts: pd.DataFrame, sheet: Sheet, *, base: str) -> Exhibit:
    """A common-size view: amounts and shares of `base`; `amounts` has items as rows and period ends as columns."""
    words = sheet.words
    listed = [item for item in chart.statement(statement) if item.id in amounts.index and not item.count]
    shown = amounts.loc[[item.id for item in listed if (amounts.loc[item.id].fillna(0) != 0).any()]]
    divisor, word, decimals = sheet.scale
    share = words("exhibit.share_assets" if statement == "balance" else "exhibit.share_revenue")
    last = shown.columns[-1]
    whole = amounts.at[base, last] if base in amounts.index else float("nan")
    rows = []
    for name, values in shown.iterrows():
        cells = {words.date(day): words.number(value / divisor, decimals) for day, value in values.items()}
        part = words.value(values[last] / whole, "pct") if whole > 0 else DASH
        css = "total" if chart.items()[name].total else "memo" if chart.items()[name].memo else ""
        rows.append({words("column.item"): words.item(name), **cells, share: part, "_css": css})
    numeric = (*(words.date(day) for day in shown.columns), share)
    span = words("exhibit.span_end" if statement == "balance" else "exhibit.span_year")
    caption = words("exhibit.statement", statement=words(f"statement.{statement}"), span=span)
    unit = words("exhibit.unit", unit=words.unit(sheet.currency, word))
    columns = (words("column.item"), *numeric)
    return table(caption, rows, sheet, columns=columns, numeric=numeric, notes=(unit,), css="statement")


def gap_table(gaps: list[tuple[str, str]], sheet: Sheet) -> Exhibit:
    """What is missing or doubtful and what that means; `gaps` are (what, effect) pairs in words."""
    words = sheet.words
    columns = (words("column.missing"), words("column.effect"))
    rows = [dict(zip(columns, pair, strict=True)) for pair in gaps]
    return table(words("exhibit.gaps"), rows, sheet, columns=columns, css="gaps")


def source_table(statements: pd.DataFrame, sheet: Sheet) -> Exhibit:
    """The files behind the report: figures taken, periods covered, and when the newest was known."""
    words = sheet.words
    reported = statements[~statements["derived"]]
    files = reported.groupby(reported["source"].str.split(" · ").str[0])
    rows = [
        {
            words("column.source"): file,
            words("column.figures"): f"{len(part):,}",
            words("column.periods"): f"{words.date(part['period_end'].min())} – {words.date(part['period_end'].max())}",
            words("column.known_on"): words.date(part["known_on"].max()),
        }
        for file, part in files
    ]
    columns = tuple(words(f"column.{name}") for name in ("source", "figures", "periods", "known_on"))
    return table(words("exhibit.sources"), rows, sheet, columns=columns, numeric=columns[1:2])


def explanation(explained: object, measure: Measure, sheet: Sheet) -> Exhibit:
    """How one figure came about: formula, numbers put in, and each reported fact behind it, folded away.

    `explained` is an `Explanation` of analysis.formulas (or anything shaped like it).
    """
    words = sheet.words
    value = words.value(explained.value, measure.unit, sheet.currency)
    spoken = words.formula(explained.formula, "[{}]")
    numbers = explained.with_numbers()
    title = words("exhibit.explain", ratio=words.ratio(explained.ratio), period=words.date(explained.period_end))
    lines = '<p class="formula" id="explain-{}"><b>{}</b> {}</p><p class="formula"><b>{}</b> {} = <b>{}</b></p>'
    told = (words("exhibit.explain_formula"), spoken, words("exhibit.explain_numbers"), numbers, value)
    head = Markup(lines).format(explained.ratio, *told) + _way_back(words)
    return Exhibit(Markup('<details class="explain"><summary>{} = {}</summary>').format(title, value) + head) + Exhibit(
        _fact_table(explained.facts, title, sheet).html + "</details>"
    )


def _way_back(words: Texts) -> Markup:
    return Markup('<p class="back"><a class="proof" href="#verdict">{}</a></p>').format(words("exhibit.back"))


def explanations(explained: list, measures: dict[str, Measure], sheet: Sheet) -> Exhibit:
    """Several explanations, one below the other."""
    return Exhibit("".join(explanation(one, measures[one.ratio], sheet).html for one in explained))


def _fact_table(found: pd.DataFrame, title: str, sheet: Sheet) -> Exhibit:
    words = sheet.words
    columns = tuple(words(f"column.{name}") for name in _FACT_COLUMNS)
    rows = [dict(zip(columns, _fact_cells(fact, words), strict=True)) for fact in found.itertuples()]
    numeric = (words("column.months"), words("column.amount"), words("column.weight"))
    return table(
        words("exhibit.explain_facts", title=title), rows, sheet, columns=columns, numeric=numeric, css="facts"
    )


def _fact_cells(fact: tuple, words: Texts) -> tuple[str, ...]:
    return (
        words.term(fact.leaf),
        words.item(fact.item),
        words.date(fact.period_end),
        str(fact.months or DASH),
        words.number(fact.amount),
        f"{fact.weight:+.2g}".replace("-", "−"),
        words.date(fact.known_on),
        fact.source,
    )


def peer_figure(value: float, reading: str, words: object) -> str:
    """Where a figure stands among peers: percentile, share over their median, times their mean, or deviations."""
    if reading == "percentile":
        return words.number(100 * value, 0)
    if reading == "over_median":
        return words.change_share(value)
    return words.value(value, "times") if reading == "times_mean" else words.number(value, 1)
