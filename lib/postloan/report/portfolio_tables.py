"""The whole book in tables: counts, work list, what it rests on, concentration, backlog, quality of the files."""

from __future__ import annotations

import pandas as pd
from markupsafe import Markup

from postloan.report.exhibits import Exhibit, banded, table
from postloan.report.narrative import Prose
from postloan.report.whole_book import UNKNOWN, BookSheet, listed, prose, two, whole
from postloan.tables import CLASSES, LEVELS
from postloan.wording import DASH

SHOWN = 30  # rows of a list of borrowers
NPL = CLASSES[2:]
_LIMIT = {"over": "warn", "close": "watch", "within": "ok", "cannot": "none"}


def lead(standing: pd.DataFrame, ranked: pd.DataFrame, limits: pd.DataFrame, late: dict, sheet: BookSheet) -> Prose:
    """The book in one paragraph, the first steps in another.

    `standing`, `ranked` and `limits` are the tables of those names; `late` has the counts promises, actions, reviews.
    """
    words, left = sheet.words, ranked[~ranked["above"]]
    levels = words("case.comma").join(
        f"{words(f'signal.level.{level}')} {(standing['level'] == level).sum()}" for level in reversed(LEVELS)
    )
    if unjudged := int((standing["level"] == UNKNOWN).sum()):
        levels += words("portfolio.lead.unlevelled", count=unjudged)
    told = [_size(standing, levels, sheet)]
    bad = standing[standing["class"].isin(NPL)]
    total = standing["exposure"].sum()
    if len(bad) and total > 0:
        owed = bad["exposure"].sum()
        told.append(
            words("portfolio.lead.npl", count=len(bad), exposure=sheet.money(owed), share=sheet.share(owed / total))
        )
    if blind := int((standing["class"] == UNKNOWN).sum()):
        told.append(words("portfolio.lead.unclassed", count=blind))
    if over := _over(limits, sheet):
        told.append(words("portfolio.lead.over", what=over))
    told += [words(f"portfolio.lead.{name}", count=count) for name, count in late.items() if count]
    return Prose((words("portfolio.joint").join(told), *_steps(ranked, left, sheet)))


def _size(standing: pd.DataFrame, levels: str, sheet: BookSheet) -> str:
    words, count = sheet.words, len(standing)
    if not standing["exposure"].notna().any():
        return words("portfolio.lead.no_exposure", count=count, levels=levels)
    none = int((standing["reason"] == "no_loans").sum())
    other = int(standing["reason"].isin(["other_currency", "several_currencies"]).sum())
    parts = {"unknown": none, "elsewhere": other}
    unknown = "".join(words(f"portfolio.lead.{name}", count=n) for name, n in parts.items() if n)
    owed = sheet.money(standing["exposure"].sum())
    return words("portfolio.lead.counts", count=count, levels=levels, exposure=owed, unknown=unknown)


def _over(limits: pd.DataFrame, sheet: BookSheet) -> str:
    rows = limits[limits["state"] == "over"]
    more = {True: "over_more", False: "over_one"}
    told = (
        sheet.words(f"portfolio.lead.{more[row.over > 1]}", limit=_limit(row, sheet), share=sheet.share(row.share),
                    count=row.over)
        for row in rows.itertuples()
    )  # fmt: skip
    return sheet.words("portfolio.comma").join(told)


def _steps(ranked: pd.DataFrame, left: pd.DataFrame, sheet: BookSheet) -> list[str]:
    """What is done first, how far hours reach, what they leave."""
    words, told = sheet.words, []
    if ranked.empty:
        return [words("portfolio.work.none")]
    first = ranked.iloc[0]
    step = {"step": words(f"portfolio.step.{first['action']}"), "owner": sheet.owner(first["owner"])}
    due = sheet.day(first["due"]) + (words("portfolio.work.late") if first["late"] else "")
    told.append(words("portfolio.lead.first", who=sheet.named(first["borrower_id"]), due=due, **step))
    if ranked["expected_loss"].notna().any():
        done = ranked[ranked["above"]]
        amounts = {"loss": sheet.money(ranked["expected_loss"].sum()), "saved": sheet.money(done["saved"].sum())}
        told.append(words("portfolio.lead.loss", steps=len(done), **amounts))
    if len(left):
        red, saved = int((left["level"] == "red").sum()), left["saved"].sum(min_count=1)
        key = "below_unknown" if pd.isna(saved) else "below"
        told.append(words(f"portfolio.lead.{key}", steps=len(left), red=red, saved=sheet.money(saved)))
    return [words("portfolio.joint").join(told)]


def headline(standing: pd.DataFrame, sheet: BookSheet) -> list[dict]:
    """The book's figures as the index shows them."""
    red, npl = int((standing["level"] == "red").sum()), int(standing["class"].isin(NPL).sum())
    owed = standing["exposure"].sum(min_count=1)
    told = {"red": (str(red), red), "npl": (str(npl), npl), "exposure": (sheet.money(owed), _plain(owed))}
    return [
        {"label": sheet.words(f"portfolio.headline.{name}"), "text": text, "value": value}
        for name, (text, value) in told.items()
    ]


def _plain(amount: float) -> float | None:
    return None if pd.isna(amount) else float(amount)


def count_table(counts: pd.DataFrame, column: str, reviewed: int, sheet: BookSheet) -> Exhibit:
    """How many borrowers stand where and what they owe, beside the last stored review; `counts` is `standing.counts`,
    `column` level or class, `reviewed` how many borrowers have a stored review."""
    if (counts.loc[counts["state"] != UNKNOWN, ["borrowers", "before"]].fillna(0) == 0).all(axis=None):
        return Exhibit(prose(sheet, sheet.words(f"portfolio.counts.no_{column}"))._repr_html_())
    names = ["state", "borrowers", "exposure", "share", "before", "unknown", "elsewhere"]
    used = [name for name in names if name in ("state", "borrowers") or counts[name].fillna(0).any()]
    cell = {"exposure": sheet.money, "share": sheet.share, "state": sheet.state}
    shown = counts[(counts["state"] != UNKNOWN) | (counts["borrowers"] > 0) | (counts["before"] > 0)]
    rows = [tuple(cell.get(name, whole)(getattr(row, name)) for name in used) for row in shown.itertuples()]
    total = int(counts["borrowers"].sum())
    note = "no_reviews" if not reviewed else "partly" if reviewed < total else ""
    notes = (sheet.words(f"portfolio.counts.{note}", count=reviewed),) if note else ()
    caption = sheet.words(f"portfolio.counts.{column}")
    return listed("counts", tuple(used), rows, sheet, numeric=tuple(used[1:]), caption=caption, notes=notes)


def move_table(moves: pd.DataFrame, sheet: BookSheet) -> Exhibit:
    """Levels then and now, counts of borrowers; `moves` is `standing.moves`. Says so where no review is stored."""
    words, total = sheet.words, int(moves.to_numpy().sum())
    if not total:
        return Exhibit(prose(sheet, words("portfolio.moves.none"))._repr_html_())
    kept = [name for name in moves.index if moves.loc[name].sum() or moves[name].sum()]
    steps = [(LEVELS.index(now) - LEVELS.index(then), int(moves.at[then, now]))
             for then in LEVELS for now in LEVELS]  # fmt: skip
    said = {"worse": sum(n for step, n in steps if step > 0), "better": sum(n for step, n in steps if step < 0)}
    told = words("portfolio.moves.said", count=total, same=sum(n for step, n in steps if step == 0), **said)
    heads = {name: sheet.plain_state(name) for name in kept}
    rows = [{words("portfolio.moves.then"): sheet.state(then),
             **{heads[now]: str(moves.at[then, now]) for now in kept}} for then in kept]  # fmt: skip
    return Exhibit(prose(sheet, told)._repr_html_()) + _grid(words("portfolio.moves.caption"), rows, sheet)


def _grid(caption: str, rows: list[dict], sheet: BookSheet, notes: tuple = ()) -> Exhibit:
    return table(caption, rows, sheet, numeric=tuple(rows[0])[1:], notes=notes)


def work_table(ranked: pd.DataFrame, standing: pd.DataFrame, sheet: BookSheet, *, above: bool = True) -> Exhibit:
    """The work list above the line of the hours, or what falls below it; `ranked` is `worklist.rank`."""
    words, rows = sheet.words, ranked[ranked["above"] == above]
    if rows.empty:
        return Exhibit(prose(sheet, words("portfolio.work.none"))._repr_html_()) if above else Exhibit("")
    money = ranked["expected_loss"].notna().any()
    names = ("rank", "who", "level", "exposure", "loss", "why", "step", "hours", "saved")
    names = tuple(name for name in names if money or name not in ("exposure", "loss", "saved"))
    top, most = standing.set_index("borrower_id")["top"], SHOWN if above else SHOWN // 2
    cells = [_step(row, top, sheet) for row in rows.rename(columns={"class": "class_"}).head(most).itertuples()]
    notes = [words("portfolio.work.basis")] if above else []
    notes += [words("portfolio.work.unranked")] if rows["exposure"].isna().any() else []
    notes += [words("portfolio.backlog.more", count=len(rows), shown=most)] if len(rows) > most else []
    about = {"numeric": tuple(name for name in names if name in ("exposure", "loss", "hours", "saved")), "css": "work"}
    key = "line" if not above else "caption" if money else "caption_unknown"
    caption = words(f"portfolio.work.{key}", count=len(rows))
    told = [tuple(cell[name] for name in names) for cell in cells]
    return listed("work", names, told, sheet, caption=caption, notes=notes, **about)


def _step(row: tuple, top: pd.Series, sheet: BookSheet) -> dict:
    words = sheet.words
    late = words("portfolio.work.late") if row.late else ""
    rules = [each for each in str(top.get(row.borrower_id, "")).split(",") if each][:2]
    who = words("portfolio.work.by", owner=sheet.owner(row.owner), due=sheet.day(row.due), late=late)
    who += words("portfolio.work.escalated", owner=sheet.owner(row.answerable)) if row.answerable else ""
    return {
        "rank": str(row.rank), "who": sheet.who(row.borrower_id),
        "level": two(sheet.state(row.level), sheet.state(row.class_)), "exposure": sheet.money(row.exposure),
        "loss": sheet.money(row.expected_loss), "why": words("case.semicolon").join(map(sheet.rule, rules)) or DASH,
        "step": two(words(f"portfolio.step.{row.action}"), who), "hours": f"{row.hours:g}",
        "saved": sheet.money(row.saved_an_hour),
    }  # fmt: skip


def capacity_table(below: pd.DataFrame, days: int, sheet: BookSheet) -> Exhibit:
    """Hours there are and asked for, and what the line leaves, by owner; `below` is `worklist.below`."""
    names = ("owner", "hours", "asked", "steps", "hours_below", "saved_below", "red_below")
    used = below[(below["asked"] > 0) | (below["hours"] > 0)]
    rows = [
        (sheet.owner(row.owner), f"{row.hours:g}", f"{row.asked:g}", whole(row.steps), f"{row.hours_below:g}",
         sheet.money(row.saved_below), whole(row.red_below))
        for row in used.itertuples()
    ]  # fmt: skip
    caption = sheet.words("portfolio.work.capacity", days=days)
    return listed("work.capacity", names, rows, sheet, numeric=names[1:], caption=caption)


def rate_table(policy: object, sheet: BookSheet) -> Exhibit:
    """Every rate and hour the ranking rests on with its basis; `policy` is `policy.load`."""
    words, loss, work, joint = sheet.words, policy.loss, policy.work, sheet.words("case.comma")
    classes = joint.join(f"{sheet.state(name)} {sheet.share(share)}" for name, share in loss.pd_by_class.items())
    levels = joint.join(f"{sheet.plain_state(name)} {sheet.share(share)}" for name, share in loss.pd_by_level.items())
    least = joint.join(f"{sheet.state(name)} {sheet.share(share)}" for name, share in loss.lgd_by_class.items())
    lgd = {"unsecured": sheet.share(loss.lgd_unsecured), "least": sheet.share(loss.lgd_least), "classes": least}
    steps = (
        words("portfolio.rates.step", step=words(f"portfolio.step.{each.id}"), hours=f"{each.hours:g}",
              cured=sheet.share(each.cured))
        for each in work.actions
    )  # fmt: skip
    hours = (f"{sheet.owner(name)} {value:g}" for name, value in work.capacity.items())
    rows = [
        (words("portfolio.rates.pd_class"), classes, sheet.said(loss.pd_basis)),
        (words("portfolio.rates.pd_level"), levels, sheet.said(loss.pd_basis)),
        (words("portfolio.rates.lgd"), words("portfolio.rates.lgd_value", **lgd), sheet.said(loss.lgd_basis)),
        (words("portfolio.rates.steps"), words("case.semicolon").join(steps), sheet.said(work.basis)),
        (words("portfolio.rates.work"), joint.join(hours), sheet.said(work.basis)),
    ]
    return listed("rates", ("what", "value", "basis"), rows, sheet, notes=(words("portfolio.rates.marks"),))


def spread_table(spread: pd.DataFrame, sheet: BookSheet) -> Exhibit:
    """Herfindahl index, effective number and largest unit by view; a sentence where nothing is known to be owed."""
    words = sheet.words
    known = spread[spread["reason"].isna()]
    if known.empty:
        return Exhibit(prose(sheet, words("portfolio.spread.no_exposure"))._repr_html_())
    names = ("by", "units", "hhi", "effective", "largest", "share")
    rows = [
        (words(f"portfolio.by.{row.by}"), str(row.units), words.number(row.hhi, 4), words.number(row.effective, 1),
         _unit(row.by, row.largest, sheet), sheet.share(row.largest_share))
        for row in known.itertuples()
    ]  # fmt: skip
    first = known.iloc[0]
    said = {"largest": first["largest"], "share": sheet.share(first["largest_share"])}
    told = words("portfolio.spread.said", units=first["units"], effective=words.number(first["effective"], 1), **said)
    return Exhibit(prose(sheet, told)._repr_html_()) + listed(
        "spread", names, rows, sheet, numeric=names[1:4] + names[5:]
    )


def _unit(by: str, unit: str | None, sheet: BookSheet) -> str | Markup:
    if unit is None:
        return DASH
    if by == "group" and unit in sheet.names:
        return sheet.words("portfolio.group_of", who=unit)
    return sheet.who(unit) if by == "name" else sheet.words("portfolio.unknown") if unit == UNKNOWN else unit


def _limit(row: tuple, sheet: BookSheet) -> str:
    words = sheet.words
    return words("portfolio.spread.limit", by=words(f"portfolio.by.{row.by}"), of=words(f"portfolio.of.{row.of}"))


def limit_table(
    limits: pd.DataFrame, capital: tuple[float, float], large: pd.Series, plan: object, sheet: BookSheet
) -> Exhibit:
    """Every limit, the largest unit under it and its headroom; `capital` is net and tier one as given (NaN: not),
    `large` `concentration.large`, `plan` the limits of the policy."""
    words = sheet.words
    if limits["exposure"].isna().all():
        return Exhibit(prose(sheet, words("portfolio.spread.untested", count=len(limits)))._repr_html_())
    names = ("limit", "unit", "exposure", "share", "allowed", "headroom", "state", "basis")
    rows = [
        (_limit(row, sheet), _unit(row.by, row.unit, sheet), sheet.money(row.exposure), sheet.share(row.share),
         sheet.share(row.limit), sheet.money(row.headroom), _mark(row.state, sheet), sheet.said(row.basis))
        for row in limits.itertuples()
    ]  # fmt: skip
    given = all(pd.notna(each) and each > 0 for each in capital)
    note = "capital" if given else "cannot"
    amounts = dict(zip(("net", "tier"), map(sheet.money, capital), strict=True)) if given else {}
    about = {"share": sheet.share(plan.large.share), "basis": sheet.said(plan.large.basis)}
    counted = words("portfolio.spread.large", count=len(large), amount=sheet.money(large.sum()), **about)
    notes = (words(f"portfolio.spread.{note}", **amounts), counted if given else "", words("portfolio.rates.marks"))
    return listed("spread.limits", names, rows, sheet, numeric=names[2:6], notes=notes)


def _mark(state: str, sheet: BookSheet) -> Markup:
    return banded(_LIMIT[state], sheet.words(f"portfolio.limit.{state}"))


def above_table(above: pd.DataFrame, groups: pd.DataFrame, sheet: BookSheet) -> Exhibit:
    """Every unit over or close to a limit, of groups the members and what ties them; nothing where none is."""
    if above.empty:
        return Exhibit("")
    words, members = sheet.words, groups[["group", "borrower_id", "by"]].drop_duplicates()
    names = ("limit", "unit", "members", "exposure", "share", "headroom")
    rows = []
    for row in above.itertuples():
        mine = members[members["group"] == row.unit] if row.by == "group" else members.iloc[:0]
        tie = words("portfolio.spread.by_code" if set(mine["by"]) == {"code"} else "portfolio.spread.by_name")
        told = two(sheet.short(mine["borrower_id"]), tie)
        cells = (sheet.money(row.exposure), sheet.share(row.share), sheet.money(row.headroom))
        rows.append((_limit(row, sheet), _unit(row.by, row.unit, sheet), told if len(mine) else DASH, *cells))
    return listed("spread.above", names, rows, sheet, numeric=names[3:])


def quality_table(league: pd.DataFrame, sheet: BookSheet, most: int = 20) -> Exhibit:
    """The files with the most gaps; `league` is `data_quality.league`."""
    words = sheet.words
    bad = league[league["gaps"] > 0]
    if bad.empty:
        return Exhibit(prose(sheet, words("portfolio.quality.said_none", count=len(league)))._repr_html_())
    kinds = {"missing": bad["missing"] > 0, "late": bad["late_days"] > 0, "flags": bad["flags"] > 0,
             "old": bad["old_valuations"] > 0, "collateral": bad["collateral_gaps"] > 0,
             "contact": bad["quiet"], "exposure": bad["exposure_unknown"], "class": bad["class_unknown"]}  # fmt: skip
    found = sorted(((int(hit.sum()), name) for name, hit in kinds.items() if hit.any()), reverse=True)[:3]
    what = (words("portfolio.quality.count", what=words(f"portfolio.quality.gap.{name}"), count=n) for n, name in found)
    said = {"with_gaps": len(bad), "most": words("portfolio.comma").join(what)}
    told = words("portfolio.quality.said", count=len(league), **said)
    empty = {"old": not bad["old_valuations"].any(), "collateral": not bad["collateral_gaps"].any(),
             "flags": not bad["flags"].any(), "contact": bad["contact_days"].isna().all(),
             "late": not bad["late_days"].any(), "missing": not bad["missing"].any()}  # fmt: skip
    every = ("who", "gaps", "missing", "late", "old", "collateral", "contact", "flags", "unjudged")
    names = tuple(name for name in every if not empty.get(name))
    rows = [tuple(_file(row, sheet)[name] for name in names) for row in bad.head(most).itertuples()]
    notes = [words("portfolio.quality.note")]
    notes += [words("portfolio.backlog.more", count=len(bad), shown=most)] if len(bad) > most else []
    numeric = tuple(name for name in names if name not in ("who", "missing", "contact"))
    found = listed("quality", names, rows, sheet, numeric=numeric, notes=notes)
    return Exhibit(prose(sheet, told)._repr_html_()) + found


def _file(row: tuple, sheet: BookSheet) -> dict:
    words = sheet.words
    items = row.items.split(",") if row.missing else []
    named = words("portfolio.comma").join(words.item(item) for item in items[:4]) or DASH
    named += f" … ({len(items)})" if len(items) > 4 else ""
    late = words("portfolio.quality.days", days=int(row.late_days)) if row.late_days > 0 else DASH
    talk = words("portfolio.quality.never")
    talk = talk if pd.isna(row.contact_days) else words("portfolio.quality.days", days=int(row.contact_days))
    return {
        "who": sheet.who(row.borrower_id), "gaps": str(row.gaps), "missing": named, "late": late, "contact": talk,
        "old": whole(row.old_valuations), "collateral": whole(row.collateral_gaps), "flags": whole(row.flags),
        "unjudged": whole(row.unjudged),
    }  # fmt: skip
