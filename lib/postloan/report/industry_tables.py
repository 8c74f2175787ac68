"""An industry in tables and sentences: conclusion, indices, events, notes, who sits worst, sensitivity, stance."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import pandas as pd
from markupsafe import Markup, escape

from postloan.report.exhibits import Exhibit, banded
from postloan.report.narrative import Prose
from postloan.report.richtext import markdown
from postloan.report.whole_book import UNKNOWN, BookSheet, listed, prose
from postloan.tables import LEVELS
from postloan.wording import DASH

_EFFECT = {"favourable": "ok", "neutral": "none", "adverse": "watch", "severe": "warn"}
SHOWN = 15
_listed = partial(listed, of="industry")


def figure(value: float, kind: str, sheet: BookSheet) -> str:
    """A value of a series: one decimal, growth rates with per cent."""
    return DASH if pd.isna(value) else sheet.words.number(value, 1) + ("%" if kind == "yoy" else "")


def lead(stance: object, facts: Mapping[str, float], standing: pd.DataFrame, name: str, sheet: BookSheet) -> Prose:
    """The conclusion: the stance suggested, our money in the industry, then what speaks for and against.

    `stance` is `stance.suggest`'s answer, `standing` the rows of our borrowers in the industry.
    """
    words, held = sheet.words, stance.reasons[stance.reasons["state"] == "held"]
    if stance.suggested is None:
        first = words("industry.lead.cannot", industry=name, known=stance.known)
    else:
        said = words(f"industry.stance.{stance.suggested}")
        first = words("industry.lead.stance", industry=name, stance=said, points=_points(stance.points))
    by_fact = held.groupby("fact", sort=False).agg(value=("value", "first"), points=("points", "sum")).reset_index()
    points = [_reason(row, sheet) for row in by_fact.sort_values("points", kind="stable").itertuples()]
    why = words("industry.lead.why") if points else ""
    return Prose((first, _exposure(standing, facts, sheet)), tuple(points), why)


def _points(points: int) -> str:
    return f"{points:+d}".replace("-", "−") if points else "0"


def _fact(name: str, value: float, sheet: BookSheet) -> str:
    return sheet.words.number(value, 0) if name.startswith("events_") else sheet.words.value(value, "pct")


def _reason(row: tuple, sheet: BookSheet) -> str:
    """One fact of which tests held, with its figure and points."""
    words = sheet.words
    said = words(f"industry.fact.{row.fact}", value=_fact(row.fact, row.value, sheet))
    return words("industry.lead.reason", fact=said, points=_points(row.points))


def _exposure(standing: pd.DataFrame, facts: Mapping[str, float], sheet: BookSheet) -> str:
    words = sheet.words
    if standing.empty:
        return words("industry.lead.nobody")
    owed = standing["exposure"].sum(min_count=1)
    red, orange = (int((standing["level"] == level).sum()) for level in ("red", "orange"))
    blind = int((standing["level"] == UNKNOWN).sum())
    more = words("portfolio.lead.unlevelled", count=blind) if blind else ""
    said = {"count": len(standing), "red": red, "orange": orange, "more": more}
    if pd.isna(owed):
        return words("industry.lead.unknown", **said)
    shares = {name: sheet.share(facts[name]) for name in ("book_share", "npl_share")}
    return words("industry.lead.exposure", exposure=sheet.money(owed), **said, **shares)


def headline(stance: object, standing: pd.DataFrame, sheet: BookSheet) -> list[dict]:
    """The industry's figures as the index shows them."""
    words, owed = sheet.words, standing["exposure"].sum(min_count=1)
    text = words(f"industry.stance.{stance.suggested or 'cannot'}")
    red = int((standing["level"] == "red").sum())
    money = {"text": sheet.money(owed), "value": None if pd.isna(owed) else float(owed)}
    return [
        {"label": words("industry.headline.stance"), "text": text, "value": None},
        {"label": words("industry.headline.red"), "text": str(red), "value": red},
        {"label": words("industry.headline.exposure"), **money},
    ]


def state_table(
    state: pd.DataFrame, ahead: pd.DataFrame, wanted: Mapping[str, object], driver: str | None, sheet: BookSheet
) -> Exhibit:
    """Every index series now, on the year, beside its own past, and where it is expected; or why not.

    `state` and `ahead` are `environment.state` and `environment.forecast`, `wanted` the series by id, `driver` the one
    that stance and sensitivity rest on.
    """
    words, rows = sheet.words, []
    last = ahead.groupby("series", sort=False).tail(1).set_index("series")
    for row in state[state["status"] != "absent"].itertuples():
        about, end = wanted[row.series], last.loc[row.series]
        period = f"{row.period_end:%Y-%m}" + ("*" if row.status == "late" else "")
        name = sheet.said(about.name) + ("‡" if row.series == driver else "")
        cells = (name, period, figure(row.value, about.kind, sheet))
        place = DASH if pd.isna(row.place) else words.number(100 * row.place, 0)
        expected = (_expected(row, end, about, sheet), _kept(end, sheet))
        rows.append((*cells, _change(row, about, sheet), place, *expected))
    absent = [sheet.said(wanted[name].name) for name in state.loc[state["status"] == "absent", "series"]]
    note = words("industry.state.absent", series=words("case.and").join(absent)) if absent else ""
    numeric = ("period", "value", "change", "place", "held")
    names, notes = ("series", *numeric[:4], "expected", "held"), (note, words("industry.state.note"))
    return _listed("state", names, rows, sheet, numeric=numeric, notes=notes, css="industry-state")


def _expected(row: tuple, end: pd.Series, about: object, sheet: BookSheet) -> str:
    """The expected value with its band, banded where it beats nothing, or why there is none."""
    words = sheet.words
    if row.status == "stopped":
        return words("industry.state.stopped", months=int(row.months_old))
    if pd.isna(end["mean"]) or end["reason"] in ("too_short", "irregular"):
        return words("industry.state.too_short")
    shown = {side: figure(end[side], about.kind, sheet) for side in ("mean", "lower", "upper")}
    return words("industry.state.expected", **shown) + ("†" if end["mase"] >= 1 else "")


def _kept(end: pd.Series, sheet: BookSheet) -> str:
    """How much of what came the earlier bands held, and how much wider this one is for it."""
    if pd.isna(end["held"]) or end["reason"] in ("too_short", "irregular"):
        return DASH
    told = sheet.words.number(100 * end["held"], 0) + "%"
    return f"{told} ×{end['widened']:.1f}" if end["widened"] > 1.05 else told


def _change(row: tuple, about: object, sheet: BookSheet) -> str:
    if pd.isna(row.change):
        return sheet.words("industry.state.no_year_ago")
    if about.kind == "level":
        return sheet.words.change_share(row.change)
    return f"{row.change:+.1f}".replace("-", "−")


def event_table(events: pd.DataFrame, own: pd.DataFrame, months: int, sheet: BookSheet) -> Exhibit:
    """Policy and market events of the last so many months, the newest first: the industry's (`industries.events`), and
    those recorded with our borrowers (`own`: the book's table `events`)."""
    words, since = sheet.words, pd.Timestamp(sheet.as_of) - pd.DateOffset(months=months)
    rows = [
        (row.happened_on, words(f"industry.event.kind.{row.kind}"), _effect(row.effect, sheet), row.title, row.source)
        for row in events[events["happened_on"] >= since].itertuples()
    ]
    mine = own[own["kind"].isin(["policy", "market"]) & (own["happened_on"] >= since)]
    effect = {"info": "neutral"}
    for row in mine.itertuples():
        title = words("industry.event.own", who=row.borrower_id, title=row.title)
        kind = words(f"industry.event.kind.{row.kind}")
        rows.append((row.happened_on, kind, _effect(effect.get(row.severity, row.severity), sheet), title, row.source))
    if not rows:
        return Exhibit(prose(sheet, words("industry.event.none", months=months))._repr_html_())
    rows.sort(key=lambda row: row[0], reverse=True)
    rows = [(title, sheet.day(day), kind, effect, source) for day, kind, effect, title, source in rows]
    marked = any("[GK]" in str(row[-1]) for row in rows)
    notes = (words("industry.event.marks"),) if marked else ()
    return _listed("event", ("title", "day", "kind", "effect", "source"), rows, sheet, numeric=("day",), notes=notes)


def _effect(effect: str, sheet: BookSheet) -> Markup:
    return banded(_EFFECT[effect], sheet.words(f"industry.event.effect.{effect}"))


def note_story(notes: pd.DataFrame, old_months: int, sheet: BookSheet) -> Exhibit:
    """Research notes with their source and age, the newest open, older ones folded; `notes` is `industries.notes`."""
    words, day, parts = sheet.words, pd.Timestamp(sheet.as_of), []
    if notes.empty:
        return Exhibit(prose(sheet, words("industry.note.none"))._repr_html_())
    for place, row in enumerate(notes.itertuples()):
        months = (day.year - row.dated.year) * 12 + day.month - row.dated.month
        about = words("industry.note.about", source=row.source, date=words.date(row.dated), months=months)
        about += words("industry.note.old") if months > old_months else ""
        parts.append(Markup('<details class="note"{}><summary>{}</summary><p class="source">{}</p>{}</details>').format(
            Markup(" open") if place == 0 else "", row.title, about, Markup(markdown(row.body, words))))  # fmt: skip
    return Exhibit("".join(parts))


def worst_table(worst: pd.DataFrame, standing: pd.DataFrame, most: int, sheet: BookSheet) -> Exhibit:
    """Who sits worst among peers; `worst` is `places.worst`, `standing` our borrowers of the industry."""
    words = sheet.words
    if worst.empty:
        return Exhibit(prose(sheet, words("industry.worst.none"))._repr_html_())
    about, rows = standing.set_index("borrower_id"), []
    for row in worst.head(most).itertuples():
        mine = about.loc[row.borrower_id]
        low = words("case.and").join(words.ratio(name) for name in row.weakest.split(",") if name) or DASH
        place = words.number(100 * row.good, 0)
        count = words("industry.worst.of", weak=row.weak, metrics=row.metrics)
        rows.append((sheet.who(row.borrower_id), place, count, low, sheet.state(mine["level"]), _owed(mine, sheet)))
    left = len(standing) - len(worst)
    note = words("industry.worst.left", count=left) if left > 0 else ""
    names = ("who", "good", "weak", "weakest", "level", "exposure")
    numeric = ("good", "weak", "exposure")
    return _listed("worst", names, rows, sheet, numeric=numeric, notes=(note, words("industry.worst.note")))


def _owed(row: pd.Series, sheet: BookSheet) -> str:
    return sheet.words("portfolio.unknown") if pd.isna(row["exposure"]) else sheet.money(row["exposure"])


def pooled_story(pooled: object, driver: object | None, sheet: BookSheet) -> Prose:
    """What a per cent of the index does to revenue, over all borrowers; or why it cannot be told."""
    words = sheet.words
    if driver is None:
        return prose(sheet, words("industry.beta.no_driver"))
    name = sheet.said(driver.name)
    counts = {"figures": pooled.figures, "borrowers": pooled.borrowers, "periods": pooled.periods}
    if pooled.reason:
        return prose(sheet, words(f"industry.beta.{pooled.reason}", index=name, **counts))
    shown = {side: words.number(getattr(pooled, side)) for side in ("beta", "low", "high", "spread")}
    key = "sure" if pooled.low > 0 or pooled.high < 0 else "unsure"
    unit = words(f"industry.beta.step_{pooled.step}")
    told = [words("industry.beta.pooled", index=name, unit=unit, **counts, **shown), words(f"industry.beta.{key}")]
    return prose(sheet, *told)


def deepest(index: pd.Series, driver: object | None, step: int, stressed: object, sheet: BookSheet) -> str:
    """How low the growth of the index ever was, beside the shocks tried (`stress.within`); empty without one. `index`
    is `environment.growth`."""
    if driver is None or index.empty:
        return ""
    month, since = int(index.idxmin()), int(index.index[0])
    said = {"index": sheet.said(driver.name), "months": step, "value": sheet.words.change_share(index.min())}
    dates = {
        name: f"{(each - 1) // 12}-{(each - 1) % 12 + 1:02d}" for name, each in (("month", month), ("since", since))
    }
    shocks = stressed.book.loc[stressed.book["shock"] < 0, "shock"]
    harsher = sheet.words("industry.harsher") if len(shocks) and shocks.max() < index.min() else ""
    return sheet.words("industry.deepest", **said, **dates) + harsher


def beta_table(betas: pd.DataFrame, sheet: BookSheet) -> Exhibit:
    """Each borrower's sensitivity with its range; `betas` is `sensitivity.betas`' first frame."""
    words, rows = sheet.words, []
    if betas["beta"].isna().all():
        return Exhibit("")
    for row in betas.sort_values("beta", ascending=False).head(SHOWN).itertuples():
        band = words("outlook.band", lower=words.number(row.low), upper=words.number(row.high))
        reason = words(f"industry.beta.reason.{row.reason}") if row.reason else ""
        cells = (sheet.who(row.borrower_id), words.number(row.beta), band, words.number(row.own), str(row.quarters))
        rows.append((*cells, words.value(row.weight, "pct"), reason))
    names = ("who", "beta", "band", "own", "quarters", "weight", "remark")
    more = words("portfolio.backlog.more", count=len(betas), shown=SHOWN) if len(betas) > SHOWN else ""
    return _listed("beta", names, rows, sheet, numeric=names[1:6], notes=(more, words("industry.beta.note")))


def lag_table(lags: pd.DataFrame, step: int, sheet: BookSheet) -> Exhibit:
    """Correlation at each lead and lag with the number of pairs, and the caution about many looks."""
    words = sheet.words
    known = lags.dropna(subset="correlation")
    if known.empty:
        return Exhibit(prose(sheet, words("industry.lag.none"))._repr_html_())
    rows = []
    for row in lags.itertuples():
        side = "same" if row.lag == 0 else "index_first" if row.lag > 0 else "revenue_first"
        when = words(f"industry.lag.{side}", count=abs(row.lag), unit=words(f"industry.lag.unit_{step}"))
        shown = (words.number(row.correlation), str(row.count), words.number(row.effective, 0))
        chance = DASH if pd.isna(row.chance) else words.value(row.chance, "pct")
        rows.append((when, *shown, chance, words("industry.lag.holds" if row.holds else "industry.lag.may")))
    best = known.loc[known["correlation"].abs().idxmax()]
    key = "said" if best["holds"] else "said_none"
    told = words(f"industry.lag.{key}", looks=len(known), lag=int(best["lag"]),
                 correlation=words.number(best["correlation"]), chance=words.value(best["chance"], "pct"),
                 count=int(best["count"]), unit=words(f"industry.lag.unit_{step}"))  # fmt: skip
    names = ("lag", "correlation", "pairs", "effective", "chance", "verdict")
    made = _listed("lag", names, rows, sheet, numeric=names[1:5], notes=(words("industry.lag.note"),))
    return Exhibit(prose(sheet, told)._repr_html_()) + made


def member_table(standing: pd.DataFrame, grown: pd.DataFrame, betas: pd.DataFrame, sheet: BookSheet) -> Exhibit:
    """Our borrowers of the industry, the largest exposure (else the highest level) first: level, class, newest growth,
    sensitivity."""
    words = sheet.words
    if standing.empty:
        return Exhibit(prose(sheet, words("industry.lead.nobody"))._repr_html_())
    growth = grown.groupby("borrower_id")["growth"].last()
    beta, rows = betas.set_index("borrower_id")["beta"], []
    ordered = standing.assign(rank=standing["level"].map({level: n for n, level in enumerate(LEVELS)}))
    ordered = ordered.sort_values(["exposure", "rank"], ascending=False, na_position="last")
    for row in ordered.head(SHOWN).to_dict("records"):
        name = row["borrower_id"]
        change = words.change_share(growth[name]) if name in growth else DASH
        states = (sheet.state(row["level"]), sheet.state(row["class"]))
        owed = _owed(pd.Series(row), sheet)
        rows.append((sheet.who(name), owed, *states, change, words.number(beta.get(name, float("nan")))))
    names = ("who", "exposure", "level", "class", "growth", "beta")
    more = words("portfolio.backlog.more", count=len(standing), shown=SHOWN) if len(standing) > SHOWN else ""
    return _listed("member", names, rows, sheet, numeric=("exposure", "growth", "beta"), notes=(more,))


def stance_table(stance: object, plan: object, sheet: BookSheet) -> Exhibit:
    """Every fact behind the stance: its tests, and the points of those that held; `plan` is `stance.load`."""
    words, rows = sheet.words, []
    for fact, tests in stance.reasons.groupby("fact", sort=False):
        said = words("case.semicolon").join(_test(row, sheet) for row in tests.itertuples())
        value = DASH if tests["state"].iloc[0] == "unknown" else _fact(fact, tests["value"].iloc[0], sheet)
        rows.append((words(f"industry.fact_name.{fact}"), value, said, _counted(tests, sheet)))
    cuts = {name: _points(getattr(plan.cuts, name)) for name in ("support", "hold", "reduce")}
    note = words(
        "industry.stance.note", points=_points(stance.points), known=stance.known, basis=sheet.said(plan.basis)
    )
    notes = (words("industry.stance.cuts", **cuts), words("industry.stance.few", fewest=plan.fewest_borrowers), note)
    return _listed("stance", ("fact", "value", "limit", "points"), rows, sheet, numeric=("value",), notes=notes)


def _test(row: tuple, sheet: BookSheet) -> str:
    side, limit = ("below", row.below) if pd.notna(row.below) else ("above", row.above)
    return sheet.words(f"industry.stance.{side}", limit=_fact(row.fact, limit, sheet), points=_points(row.points))


def _counted(tests: pd.DataFrame, sheet: BookSheet) -> Markup:
    """The points a fact adds, and why where it adds none."""
    held = tests[tests["state"] == "held"]
    if held.empty:
        return banded("none", sheet.words(f"industry.stance.state.{tests['state'].iloc[0]}"))
    points = int(held["points"].sum())
    return banded("warn" if points < 0 else "ok", _points(points))


def source_table(indices: pd.DataFrame, wanted: Mapping[str, object], sheet: BookSheet) -> Exhibit:
    """The files the index series came from: series, figures, periods and when the newest was known."""
    words = sheet.words
    mine = indices[indices["series"].isin(list(wanted))]
    if mine.empty:
        return Exhibit(f'<p class="story">{escape(words("industry.source.none"))}</p>')
    rows = [
        (sheet.said(wanted[name].name), part["source"].iloc[-1].split(" · ")[0], f"{len(part):,}",
         f"{part['period_end'].min():%Y-%m} – {part['period_end'].max():%Y-%m}", sheet.day(part["known_on"].max()))
        for name, part in mine.groupby("series", sort=False)
    ]  # fmt: skip
    return _listed("source", ("series", "file", "figures", "periods", "known"), rows, sheet, numeric=("figures",))
