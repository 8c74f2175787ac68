"""Whether the warnings worked: hits, false alarms, lead time, capacity, calibration, baselines, rules, model card.

Tables come from portfolio.backtest (`Found` or anything shaped like it); nothing is computed here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import matplotlib
import pandas as pd
from matplotlib.figure import Figure

from postloan.report.charts import ACCENT, ALARM, INK, SOFT, STYLE, WIDE, framed, svg_of
from postloan.report.exhibits import DASH, Exhibit, Sheet, tabled
from postloan.report.narrative import Prose
from postloan.wording import Texts

_MODEL_PARTS = ("origin", "period", "firms", "base", "population", "currency")
_TOP = 12
_QUEUES = ("model", "rules", "overdue_days", "ten_ratio_logit", "altman_em")


@dataclass(frozen=True)
class _DataSheet(Sheet):
    """The sheet of a report on a data set, whose figures have no one day and come from a file."""

    data: str

    def origin(self) -> tuple[str, ...]:
        """The data set alone."""
        return (self.words("exhibit.source", source=self.data),)


def sheet(words: Texts, as_of: str, sources: int, data: str = "") -> Sheet:
    """The sheet of a report that is not about one borrower: on the book, or on a data set (its path)."""
    plain = {"day_basis": 360, "average_points": 2, "from_drawdown": False, "scale": (1.0, "", 2)}
    if data:
        return _DataSheet(words, "CNY", as_of, sources=sources, data="/".join(Path(data).parts[-2:]), **plain)
    return Sheet(words, "CNY", as_of, sources=sources, **plain)


def summary(found: object, sheet: Sheet) -> Prose:
    """The finding first: how many events there are, what ranks best, what a persistent orange gained."""
    words, scored = sheet.words, found.scored
    if scored.empty:
        return Prose((words("backtest.too_young"),))
    events = scored.loc[scored["outcome"] == 1, "borrower_id"].nunique()
    told = [words("backtest.data", name=sheet.data)] if isinstance(sheet, _DataSheet) else []
    told += [words("backtest.events", rows=len(scored), firms=scored["borrower_id"].nunique(), events=events)]
    if found.refused:
        told.append(words(f"backtest.refused.{found.refused}"))
    ranked = found.metrics.dropna(subset=["auc_low"]).sort_values("auc", ascending=False)
    if len(ranked):
        told.append(words("backtest.best", by=_by(ranked["by"].iloc[0], words), auc=_interval(ranked.iloc[0], words)))
    told += [_alarm(row, words) for row in found.metrics.itertuples() if row.by in ("rules", "model", "agreed")]
    return Prose(tuple(told))


def _alarm(row: tuple, words: Texts) -> str:
    shares = {name: words.value(getattr(row, name), "pct") for name in ("catch", "false_alarm")}
    return words("backtest.alarm", by=_by(row.by, words), **shares)


def _spanned(row: tuple, name: str, words: Texts) -> str:
    """A share with its interval where it has one."""
    value, low, high = (words.value(getattr(row, f"{name}{end}"), "pct") for end in ("", "_low", "_high"))
    known = pd.notna(getattr(row, f"{name}_low"))
    return words("backtest.interval", value=value, low=low, high=high) if known else value


def _by(name: str, words: Texts) -> str:
    return words.ratio(name) if words.has(f"ratio.{name}") else words(f"backtest.by.{name}")


def _interval(row: pd.Series, words: Texts) -> str:
    if pd.isna(row["auc"]):
        return DASH
    if pd.isna(row["auc_low"]):
        return words.number(row["auc"])
    low, high = words.number(row["auc_low"]), words.number(row["auc_high"])
    return words("backtest.interval", value=words.number(row["auc"]), low=low, high=high)


def hit_table(found: object, sheet: Sheet) -> Exhibit:
    """Each alert beside what came: share of failing caught, of surviving alarmed, each with its interval, precision,
    alert rate."""
    words = sheet.words
    columns = _columns("by", "rows", "events", "catch", "false_alarm", "precision", "alert_rate", words=words)
    shown = found.metrics.dropna(subset=["catch"])
    rows = [
        (_by(row.by, words), row.rows, row.events,
         _spanned(row, "catch", words), _spanned(row, "false_alarm", words),
         *_shares(row, words, "precision", "alert_rate"))
        for row in shown.itertuples()
    ]  # fmt: skip
    note = words("backtest.note.hits")
    return _listed("backtest.table.hits", columns, rows, sheet, numeric=columns[1:], notes=(note,))


def rank_table(found: object, sheet: Sheet) -> Exhibit:
    """How well each score ranks: AUC with its interval by firm, KS, Brier skill."""
    words = sheet.words
    columns = _columns("by", "rows", "unjudged", "auc", "ks", "skill", "skill_population", words=words)
    rows = [
        (_by(row["by"], words), row["rows"], row["unjudged"], _interval(row, words), words.number(row["ks"]),
         words.value(row["brier_skill"], "pct"), words.value(row["brier_skill_population"], "pct"))
        for _, row in found.metrics[found.metrics["auc"].notna()].iterrows()
    ]  # fmt: skip
    return _listed(
        "backtest.table.ranks", columns, rows, sheet, numeric=columns[1:], notes=(words("backtest.note.auc"),)
    )


def rank_chart(found: object, sheet: Sheet) -> Exhibit:
    """AUC of each source with its interval, the best on top; 0.5 is a coin."""
    words, shown = sheet.words, found.metrics.dropna(subset=["auc_low"]).sort_values("auc")
    if shown.empty:
        return Exhibit("")
    names = [_by(each, words) for each in shown["by"]]
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDE, 0.6 + 0.32 * len(shown)))
        figure.subplots_adjust(left=0.3, right=0.97, top=0.85, bottom=0.35 / (0.6 + 0.32 * len(shown)))
        ax, at = figure.subplots(), range(len(shown))
        ax.hlines(at, shown["auc_low"], shown["auc_high"], color=SOFT, linewidth=3)
        ax.plot(shown["auc"], at, "o", color=ACCENT, markersize=5)
        ax.axvline(0.5, color=ALARM, linewidth=0.8, linestyle="--")
        ax.set_yticks(at, names)
        ax.set_xlim(min(0.4, shown["auc_low"].min()), 1)
        ax.set_title(words("backtest.chart.ranks"), loc="left")
        svg = svg_of(figure)
    best = shown.iloc[-1]
    alt = words("backtest.alt.ranks", best=_by(best["by"], words), auc=_interval(best, words), count=len(shown))
    return framed(svg, words("backtest.table.ranks"), alt, sheet)


def lead_table(found: object, sheet: Sheet) -> Exhibit:
    """By alert: events warned of, lead in quarters, and how often it stands in firms where nothing came; a sentence
    where each firm is judged once."""
    words = sheet.words
    if found.lead_summary.empty:
        return Exhibit(Prose((words("backtest.no_leads"),))._repr_html_())
    columns = _columns("by", "warned", "median", "p25", "median_of_all", "share_early", "quiet_rows", words=words)
    rows = [
        (_by(row.by, words), words("backtest.of", some=row.warned, all=row.events),
         *(words.number(getattr(row, name), 1) for name in ("median", "p25", "median_of_all")),
         *_shares(row, words, "share_early", "quiet_rows"))
        for row in found.lead_summary.itertuples()
    ]  # fmt: skip
    return _listed(
        "backtest.table.leads", columns, rows, sheet, numeric=columns[1:], notes=(words("backtest.note.leads"),)
    )


def event_table(found: object, names: Mapping[str, str], sheet: Sheet) -> Exhibit:
    """Every event: its day, and the day from which each alert stood for good."""
    if found.leads.empty:
        return Exhibit("")
    words = sheet.words
    alerts = list(dict.fromkeys(found.leads["by"]))
    columns = (*_columns("borrower", "event_on", words=words), *(_by(each, words) for each in alerts))
    rows = []
    for (borrower, day), mine in found.leads.groupby(["borrower_id", "event_on"], sort=False):
        by = mine.set_index("by")
        rows.append(
            (
                f"{borrower} {names.get(borrower, '')}".strip(),
                words.date(day),
                *(_lead(by.loc[a], words) for a in alerts),
            )
        )
    return _listed("backtest.table.events", columns, rows, sheet)


def _lead(row: pd.Series, words: Texts) -> str:
    if pd.isna(row["warned_on"]):
        return words("backtest.missed")
    return words("backtest.led", date=words.date(row["warned_on"]), quarters=words.number(row["lead_quarters"], 1))


def capacity_table(found: object, sheet: Sheet) -> Exhibit:
    """What officers who look at so many, the worst first, would find: found, of how many looked at, and precision."""
    words, shown = sheet.words, found.capacity
    shares = list(dict.fromkeys(shown["share"]))
    heads = [words("backtest.first", share=words.value(share, "pct")) for share in shares]
    rows = []
    for name in [each for each in _QUEUES if each in set(shown["by"])]:
        mine = shown[shown["by"] == name].set_index("share")
        rows.append((_by(name, words), *(_hits(mine.loc[share], words) for share in shares)))
    columns, note = (*_columns("by", words=words), *heads), words("backtest.note.capacity")
    return _listed("backtest.table.capacity", columns, rows, sheet, numeric=columns[1:], notes=(note,))


def _hits(row: pd.Series, words: Texts) -> str:
    said = {"caught": words.number(row["caught"], 1), "rows": int(row["rows"])}
    return words("backtest.hits", precision=words.value(row["precision"], "pct"), **said)


def calibration(found: object, sheet: Sheet) -> Exhibit | Prose:
    """Probabilities beside what came, as a chart; where the model only ranks here, why."""
    words, shown = sheet.words, found.calibration
    if shown.empty or found.refused:
        return Prose((words(f"backtest.uncalibrated.{'none' if shown.empty else 'borrowed'}"),))
    top = max(shown["expected"].max(), shown["observed"].max()) * 1.05
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDE, 2.4))
        figure.subplots_adjust(left=0.08, right=0.48, top=0.88, bottom=0.2)
        ax = figure.subplots()
        ax.plot([0, top], [0, top], color=INK, linewidth=0.7, linestyle=":")
        ax.plot(shown["expected"], shown["observed"], "o-", color=ACCENT, linewidth=1.2, markersize=4)
        ax.set(xlim=(0, top), ylim=(0, top), xlabel=words("backtest.expected"), ylabel=words("backtest.observed"))
        ax.set_title(words("backtest.chart.calibration"), loc="left")
        svg = svg_of(figure)
    gap = (shown["expected"] - shown["observed"]).abs().max()
    ends = {"low": shown["observed"].iloc[0], "high": shown["observed"].iloc[-1], "gap": gap}
    alt = words("backtest.alt.calibration", **{name: words.value(each, "pct") for name, each in ends.items()})
    return framed(svg, words("backtest.chart.calibration"), alt, sheet)


def rule_table(found: object, rules: Mapping[str, object], sheet: Sheet) -> Exhibit:
    """Each rule that fired: among failing and among surviving rows, lift, precision, and whether it earns its keep."""
    words = sheet.words
    shares = ("among_failing", "among_surviving", "lift", "precision")
    columns = _columns("rule", "fired", "unjudged", *shares, "verdict", words=words)
    shown = found.by_rule[found.by_rule["fired"] > 0]
    rows = [
        (sheet.said(rules[row.rule].title), row.fired, row.unjudged,
         *_shares(row, words, "among_failing", "among_surviving"),
         "∞" if row.lift == float("inf") else words.number(row.lift, 1), words.value(row.precision, "pct"),
         words(f"backtest.verdict.{row.verdict}"))
        for row in shown.itertuples()
    ]  # fmt: skip
    blind = found.by_rule["unjudged"] == len(found.scored)
    silent = (found.by_rule["fired"] == 0) & ~blind
    note = words("backtest.note.rules", silent=int(silent.sum()), blind=int(blind.sum()))
    return _listed("backtest.table.rules", columns, rows, sheet, numeric=columns[1:7], notes=(note,))


def year_table(found: object, sheet: Sheet) -> Exhibit:
    """The AUC of model and rules by year."""
    words = sheet.words
    names = [name for name in ("model", "rules", "altman_em") if name in found.by_year]
    columns = (*_columns("year", "rows", "events", words=words), *(_by(each, words) for each in names))
    rows = [(row["year"], row["rows"], row["events"], *(words.number(row[n]) for n in names)) for _, row in
            found.by_year.astype({"year": object, "rows": object, "events": object}).iterrows()]  # fmt: skip
    return _listed("backtest.table.years", columns, rows, sheet, numeric=columns[1:])


def card(model: object | None, sheet: Sheet) -> Exhibit | Prose:
    """The model card: what it was fitted on, how it ranks firms it has not seen, and what it must not be used for."""
    words = sheet.words
    if model is None:
        return Prose((words("backtest.no_model"),))
    said = {
        "origin": model.origin,
        "period": words("backtest.card.span", first=words.date(model.first_period), last=words.date(model.last_period)),
        "firms": words("backtest.card.sample", firms=f"{model.firms:,}", events=f"{model.events:,}"),
        "base": words.value(model.base_rate, "pct"),
        "population": words.value(model.population_rate, "pct"),
        "currency": model.currency,
    }
    rows = [(words(f"backtest.card.{name}"), said[name]) for name in _MODEL_PARTS]
    rows += [(words("backtest.card.variant", name=words(f"backtest.variant.{name}")), _ranked(each, words))
             for name, each in model.variants.items()]  # fmt: skip
    rows += [(words("backtest.card.variant", name=words(f"backtest.variant.{name}")), words("backtest.card.left_out"))
             for name in model.left_out]  # fmt: skip
    rows += [(words(f"backtest.card.{name}"), words(f"backtest.card.{name}_said")) for name in ("method", "limits")]
    return _listed("backtest.table.card", _columns("item", "value", words=words), rows, sheet)


def _ranked(fitted: object, words: Texts) -> str:
    row = pd.Series({"auc": fitted.auc, "auc_low": fitted.auc_low, "auc_high": fitted.auc_high})
    shares = {name: words.value(getattr(fitted, name), "pct") for name in ("brier_skill", "caught")}
    return words("backtest.card.ranked", auc=_interval(row, words), ks=words.number(fitted.ks), **shares,
                 factors=len(fitted.grids), parameters=words.number(fitted.effective_parameters, 0),
                 slope=words.number(fitted.slope))  # fmt: skip


def effect_table(model: object | None, sheet: Sheet) -> Exhibit:
    """The factors that weigh most in the first variant: log-odds from place 10 to 90, error clustered by firm."""
    if model is None:
        return Exhibit("")
    words, fitted = sheet.words, next(iter(model.variants.values()))
    columns = _columns("factor", "effect", "error", words=words)
    largest = sorted(fitted.effects.items(), key=lambda each: -abs(each[1][0]))[:_TOP]
    rows = [(words(f"factor.{name}"), words.number(effect), words.number(error)) for name, (effect, error) in largest]
    note = words("backtest.note.effects")
    return _listed("backtest.table.effects", columns, rows, sheet, numeric=columns[1:], notes=(note,))


def _columns(*names: str, words: Texts) -> tuple[str, ...]:
    return tuple(words(f"backtest.column.{name}") for name in names)


def _shares(row: tuple, words: Texts, *names: str) -> tuple[str, ...]:
    return tuple(words.value(getattr(row, name), "pct") for name in names)


def _listed(key: str, columns: tuple, rows: list[tuple], sheet: Sheet, **said: object) -> Exhibit:
    return tabled(sheet.words(key), columns, rows, sheet, **said)


def no_values() -> pd.DataFrame:
    """The `values` of a record about the whole book, which has no ratios of one borrower."""
    return pd.DataFrame(columns=["ratio", "period_end", "value", "reason"])
