"""What hangs together: contagion, shocks, and the patterns in the signals, told with counts and examples."""

from __future__ import annotations

import numpy as np
import pandas as pd

from postloan.measures import Measure
from postloan.report.exhibits import Exhibit
from postloan.report.narrative import Prose
from postloan.report.whole_book import BookSheet, listed, prose
from postloan.wording import DASH

SHOWN = 12
_FINEST = 0.001
TOLD = 2  # times one signal is told among pairs


def _said(sheet: BookSheet, *sentences: str) -> Exhibit:
    return Exhibit(prose(sheet, *sentences)._repr_html_())


def pair_table(pairs: pd.DataFrame, sheet: BookSheet) -> Exhibit:
    """Which of our borrowers guarantees which; `pairs` is `contagion.stands_for`."""
    if pairs.empty:
        return _said(sheet, sheet.words("portfolio.contagion.no_pairs"))
    names = ("who", "by", "amount")
    rows = [
        (sheet.who(row.borrower_id), sheet.who(row.guarantor), sheet.money(row.amount)) for row in pairs.itertuples()
    ]
    return listed("contagion.pairs", names, rows, sheet, numeric=names[2:])


def loop_table(loops: pd.DataFrame, sheet: BookSheet) -> Exhibit:
    """Rings of guarantees and loops of ownership; `loops` is `contagion.loops`."""
    if loops.empty:
        return _said(sheet, sheet.words("portfolio.contagion.no_loops"))
    names = ("kind", "members", "loop", "exposure")
    rows = [
        (sheet.words(f"portfolio.contagion.kind.{row.kind}"), str(row.members), sheet.short(row.loop.split(",")),
         sheet.money(row.exposure))
        for row in loops.itertuples()
    ]  # fmt: skip
    return listed("contagion.loops", names, rows, sheet, numeric=(names[1], names[3]))


def reach_table(reach: pd.DataFrame, sheet: BookSheet) -> Exhibit:
    """What each troubled borrower can pull along; `reach` is `contagion.reach`."""
    words = sheet.words
    if reach.empty:
        return _said(sheet, words("portfolio.contagion.none"))
    alone = reach[(reach["reached"] == 0) & (reach["by_name"] == 0)]
    rest = words("portfolio.contagion.alone", count=len(alone)) if len(alone) else ""
    reach = reach.drop(index=alone.index)
    if reach.empty:
        return _said(sheet, rest)
    steps = {"called": "called", "lost": "support_lost", "owned": "owned", "group": "group"}
    used = [name for name, column in steps.items() if reach[column].any()]
    names = ("who", "own", *used, "reached", "exposure", "by_name")
    rows = [_reach_row(row, [steps[name] for name in used], sheet) for row in reach.head(30).itertuples()]
    notes = (words("portfolio.contagion.note"), rest)
    return listed("contagion.reach", names, rows, sheet, numeric=names[1:], notes=notes)


def _reach_row(row: tuple, steps: list[str], sheet: BookSheet) -> tuple[object, ...]:
    """One troubled borrower: what it owes, how many it reaches by each step, and by names alone."""
    words, counts = sheet.words, (getattr(row, step) for step in steps)
    unknown = words("portfolio.contagion.unknown", count=row.unknown) if row.unknown else ""
    wide = words("portfolio.contagion.by_name", count=row.by_name, exposure=sheet.money(row.exposure_by_name))
    near = (str(row.reached), sheet.money(row.exposure) + unknown)
    told = (sheet.who(row.borrower_id), sheet.money(row.own), *(str(each) if each else DASH for each in counts))
    return (*told, *near, wide if row.by_name else DASH)


def stress_table(stressed: object, sheet: BookSheet, of_index: str = "") -> Exhibit:
    """The book under each shock beside the year repeated; `stressed` is `stress.run`. Where sensitivities turn a fall
    of an index into one of revenue, `of_index` says how far the index ever fell."""
    words, book = sheet.words, stressed.book
    if book.empty:
        return _said(sheet, words("portfolio.stress.none"))
    money, cover = bool(book["expected_loss"].notna().any()), bool(book["cover"].any())
    names = ["index" if of_index else "shock", "red", "orange", "yellow", "none", "worse"]
    names += ["owed", "loss", "change"] * money + ["below"] * cover
    rows = [tuple(_shock(row, sheet)[name] for name in names) for row in book.itertuples()]
    notes = [words("portfolio.stress.note"), _assumed(stressed, sheet), of_index]
    notes += [words("portfolio.stress.left", count=len(stressed.left_out))] if stressed.left_out else []
    return listed("stress", tuple(names), rows, sheet, numeric=tuple(names[1:]), notes=notes)


def shock_said(stressed: object, sheet: BookSheet) -> str:
    """What the middle shock does, in a sentence; empty where none could be tried."""
    words, book = sheet.words, stressed.book
    if book.empty:
        return ""
    base, worse = book.iloc[0], book.iloc[min(2, len(book) - 1)]
    more = worse["expected_loss"] - base["expected_loss"]
    loss = "" if pd.isna(more) else words("portfolio.stress.said_loss", change=sheet.money(more))
    said = {"before": int(base["red"]), "after": int(worse["red"]), "worse": int(worse["worse"]), "loss": loss}
    return words("portfolio.stress.said", shock=sheet.share(-worse["shock"]), **said)


def _shock(row: tuple, sheet: BookSheet) -> dict:
    base = sheet.words("portfolio.stress.base")
    change = row.expected_loss - row.loss_before
    counts = {name: str(int(getattr(row, name))) for name in ("red", "orange", "yellow", "none", "worse")}
    return {
        **counts, **dict.fromkeys(("shock", "index"), sheet.words.change_share(row.shock) if row.shock else base),
        "owed": sheet.money(row.red_exposure), "loss": sheet.money(row.expected_loss),
        "change": sheet.money(change) if row.shock else DASH,
        "below": sheet.words("portfolio.stress.of", below=int(row.below), known=int(row.cover)),
    }  # fmt: skip


def _assumed(stressed: object, sheet: BookSheet) -> str:
    given = stressed.moved["borrower_id"].nunique() - stressed.assumed
    key = "beta_given" if given else "beta_one"
    return sheet.words(f"portfolio.stress.{key}", **({"given": given, "assumed": stressed.assumed} if given else {}))


def turning_table(stressed: object, standing: pd.DataFrame, sheet: BookSheet) -> Exhibit:
    """Who turns red at the smallest shock, the largest exposure first; `stressed` is `stress.run`."""
    moved = stressed.moved
    red = moved[(moved["level"] == "red") & (moved["before"] != "red") & (moved["shock"] < 0)]
    first = red.sort_values("shock", ascending=False).drop_duplicates("borrower_id")
    if first.empty:
        return _said(sheet, sheet.words("portfolio.stress.moved_none"))
    first = first.assign(owed=first["borrower_id"].map(standing.set_index("borrower_id")["exposure"]))
    first = first.sort_values(["shock", "owed", "borrower_id"], ascending=[False, False, True])
    names = ["who", "beta", "now", "shock", "exposure", "dscr"]
    names = [name for name in names if first["owed"].notna().any() or name != "exposure"]
    names = [name for name in names if first["dscr"].notna().any() or name != "dscr"]
    cells = [
        {"who": sheet.who(row.borrower_id), "beta": sheet.words.number(row.beta), "now": sheet.state(row.before),
         "shock": sheet.words.change_share(row.shock), "exposure": sheet.money(row.owed),
         "dscr": sheet.words.number(row.dscr)}
        for row in first.head(SHOWN).itertuples()
    ]  # fmt: skip
    more = sheet.words("portfolio.backlog.more", count=len(first), shown=SHOWN) if len(first) > SHOWN else ""
    rows = [tuple(cell[name] for name in names) for cell in cells]
    numeric = tuple(name for name in names if name not in ("who", "now"))
    return listed("stress.moved", tuple(names), rows, sheet, numeric=numeric, notes=(more,))


def together_table(pairs: pd.DataFrame, mining: object, sheet: BookSheet) -> Exhibit:
    """Signals of different groups that come together; `pairs` is `mining.together`, `mining` its part of the policy."""
    words = sheet.words
    across = pairs[~pairs["same_group"].astype(bool)]
    kind, across = ("pairs", across) if len(across) else ("same_pairs", pairs)
    if across.empty:
        return _said(sheet, words("portfolio.mining.no_pairs"))
    names = ("one", "other", "both", "ones", "lift", "chance", "examples")
    rows = [
        (sheet.rule(row.one), sheet.rule(row.other), str(row.both),
         words("portfolio.mining.each", ones=row.ones, others=row.others), words.number(row.lift, 1),
         _chance(row.chance, sheet), row.examples.replace(",", words("portfolio.comma")))
        for row in _varied(across).itertuples()
    ]  # fmt: skip
    notes = [words("portfolio.mining.pairs_note", fewest=mining.fewest_together, lift=f"{mining.lift:g}")]
    count = {"shown": len(rows), "count": len(pairs), "same": int(pairs["same_group"].sum())}
    notes += [words("portfolio.mining.pairs_more", **count)] if len(pairs) > len(rows) else []
    notes += [words("portfolio.mining.same_note")] if kind == "same_pairs" else []
    caption = words(f"portfolio.mining.{kind}")
    return listed("mining.pairs", names, rows, sheet, numeric=names[2:6], notes=notes, caption=caption)


def _chance(chance: float, sheet: BookSheet) -> str:
    """How often chance alone would do it, no finer than a tenth of a per cent."""
    return f"< {sheet.share(_FINEST)}" if chance < _FINEST else sheet.share(chance)


def _varied(pairs: pd.DataFrame) -> pd.DataFrame:
    """The first pairs in which no signal is told more than twice, so that one client does not fill the table."""
    told: dict[str, int] = {}
    kept = []
    for row in pairs.itertuples():
        if len(kept) < SHOWN and max(told.get(row.one, 0), told.get(row.other, 0)) < TOLD:
            kept.append(row.Index)
            told |= {name: told.get(name, 0) + 1 for name in (row.one, row.other)}
    return pairs.loc[kept]


def before_table(before: pd.DataFrame, troubled: int, quarters: int, sheet: BookSheet) -> Exhibit:
    """Signals that stood before the first day overdue; `before` is `mining.before`, `troubled` how many ever were."""
    words = sheet.words
    if before.empty:
        key = "none_before" if troubled else "no_trouble"
        return _said(sheet, words(f"portfolio.mining.{key}"))
    names = ("rule", "shown", "calm", "lift", "chance", "lead", "examples")
    rows = []
    for row in before.head(SHOWN).itertuples():
        counts = [words("portfolio.mining.before_of", shown=shown, count=count)
                  for shown, count in ((row.shown, row.troubled), (row.calm_shown, row.calm))]  # fmt: skip
        lift = words.number(row.lift, 1) if np.isfinite(row.lift) else words("portfolio.mining.endless")
        told = (
            *counts,
            lift,
            _chance(row.chance, sheet),
            words.number(row.lead_days, 0),
            row.examples.replace(",", words("portfolio.comma")),
        )
        rows.append((sheet.rule(row.rule), *told))
    notes = (words("portfolio.mining.before_note", quarters=quarters),)
    return listed("mining.before", names, rows, sheet, numeric=names[1:6], notes=notes)


def odd_story(odd: pd.DataFrame, measures: dict[str, Measure], sheet: BookSheet) -> Prose:
    """Each odd figure in a sentence: how far from the borrower's own past and from its peers; `odd` is `mining.odd`."""
    words = sheet.words
    if odd.empty:
        return Prose((words("portfolio.mining.no_odd"),))
    points = []
    for row in odd.head(SHOWN).itertuples():
        unit = measures[row.metric].unit if row.metric in measures else "score"
        value = {name: words.value(getattr(row, name), unit, sheet.currency) for name in ("value", "usual", "peers")}
        far = {"own": words.number(row.own_z, 1), "peer": words.number(row.peer_z, 1)}
        about = {
            "who": sheet.named(row.borrower_id),
            "metric": words.ratio(row.metric),
            "periods": row.periods,
            "count": row.count,
        }
        group = words(f"portfolio.mining.group.{row.group}")
        points.append(words("portfolio.mining.odd_said", group=group, **about, **value, **far))
    more = words("portfolio.mining.odd_more", count=len(odd), shown=SHOWN) if len(odd) > SHOWN else ""
    return Prose((), tuple(points), words("portfolio.mining.odd") + more)


def segment_table(segments: pd.DataFrame, sheet: BookSheet) -> Exhibit:
    """Groups of borrowers with like signals and what they share; `segments` is `mining.segments`."""
    words = sheet.words
    if segments.empty:
        return _said(sheet, words("portfolio.mining.no_segments"))
    names = ["segment", "borrowers", "exposure", "core", "industries", "members"]
    names = [name for name in names if segments["exposure"].notna().any() or name != "exposure"]
    rows = []
    for row in segments.head(SHOWN).itertuples():
        core = [_times(each, sheet.rule, sheet) for each in row.core.split(",")[:5] if each]
        where = [_times(each, str, sheet) for each in row.industries.split(",") if each]
        cells = {"segment": str(row.segment), "borrowers": str(row.borrowers), "exposure": sheet.money(row.exposure),
                 "core": words("portfolio.comma").join(core), "industries": words("portfolio.comma").join(where),
                 "members": sheet.short(row.members.split(","), 8)}  # fmt: skip
        rows.append(tuple(cells[name] for name in names))
    notes = (words("portfolio.mining.segments_note"),)
    numeric = tuple(name for name in ("borrowers", "exposure") if name in names)
    return listed("mining.segments", tuple(names), rows, sheet, numeric=numeric, notes=notes)


def _times(pair: str, name: object, sheet: BookSheet) -> str:
    what, _, count = pair.rpartition(":")
    return sheet.words("portfolio.mining.times", rule=name(what), count=count)
