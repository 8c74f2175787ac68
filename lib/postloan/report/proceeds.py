"""Where the money lent went: a paragraph, a picture of the flow, what needs explaining and by which way it went."""

from __future__ import annotations

import pandas as pd
from markupsafe import Markup

from postloan.report import charts
from postloan.report.exhibits import Exhibit, Sheet, tabled
from postloan.report.narrative import Prose

KEY = ["borrower_id", "loan_id", "drawdown_id"]
_SPENT = ("supplier", "related", "other")
# The kinds of use that a finding is about; others (the project, the need) are not about where money flowed.
_ABOUT = {
    "u1": _SPENT, "u2": _SPENT, "u3": ("cash", "individual"), "u4": ("securities", "equity", "property"),
    "u5": _SPENT, "u6": ("lender",), "u7": ("idle", "deposit"), "u8": _SPENT, "u9": _SPENT, "u10": _SPENT,
}  # fmt: skip
_SHOWN, _ROWS = 4, 8
_LEAST = 0.005  # of a drawdown, to be drawn
_SAME = 1.05  # money that came back is the ring's up to so many times the ring
_BY_FLOW = 10  # checks that rest on the flow of money
_SURE = ((0.9, "high"), (0.7, "medium"), (0.0, "low"))


def story(use: object, sheet: Sheet) -> Prose:
    """How many drawdowns could be followed, where the newest went, and what needs explaining. `use`: loan_use.Use."""
    words, drawn = sheet.words, use.drawn
    if drawn.empty:
        return Prose((words("proceeds.no_drawdown"),))
    seen = drawn[drawn["seen"]]
    told = [words("proceeds.seen", count=len(drawn), seen=len(seen))]
    if before := int((drawn["reason"] == "before_statement").sum()):
        told.append(words("proceeds.before", count=before))
    told += [_newest(seen.sort_values("drawn_on").iloc[-1], use.uses, sheet)] if len(seen) else []
    flags = _distinct(use).sort_values(["share", "confidence"], ascending=False)
    told += [_flagged(row, sheet) for row in flags.head(3).itertuples()]
    if flags.empty and len(seen):
        told.append(words("proceeds.nothing"))
    elif len(flags) > 3:
        told.append(words("proceeds.more", count=len(flags) - 3))
    return Prose((words("proceeds.joint").join(told),))


def _distinct(use: object) -> pd.DataFrame:
    """The findings without money that only came back where the ring it went round is told."""
    flags = use.flags
    ring = flags[flags["flag"] == "u2"].set_index(KEY)["money"]
    same = flags["money"] <= flags.join(ring.rename("ring"), on=KEY)["ring"] * _SAME
    return flags[~((flags["flag"] == "u1") & same)]


def _of(rows: pd.DataFrame, drawdown: object) -> pd.DataFrame:
    return rows[(rows["loan_id"] == drawdown.loan_id) & (rows["drawdown_id"] == drawdown.drawdown_id)]


def _newest(drawdown: pd.Series, uses: pd.DataFrame, sheet: Sheet) -> str:
    """Where the newest drawdown went, over the widest window that has begun."""
    words, mine = sheet.words, _of(uses, drawdown)
    mine = mine[mine["window"] == mine["window"].max()].sort_values("fifo", ascending=False)
    parts = [
        words("proceeds.part", kind=words(f"proceeds.kind.{row.kind}"), share=words.value(row.share, "pct"))
        for row in mine.head(4).itertuples()
        if row.share >= 0.005
    ]
    about = {"date": words.date(drawdown["drawn_on"]), "amount": words.money(drawdown["amount"], drawdown["currency"])}
    days = min(int(mine["window"].max()), (pd.Timestamp(sheet.as_of) - drawdown["drawn_on"]).days)
    return words("proceeds.newest", **about, days=days, parts=words("case.comma").join(parts))


def _flagged(row: tuple, sheet: Sheet) -> str:
    words = sheet.words
    said = {"title": words(f"proceeds.flag.{row.flag}.title"), "share": words.value(row.share, "pct")}
    return words("proceeds.flagged", loan=row.loan_id, amount=words.money(row.money, sheet.currency), **said)


def picture(use: object, sheet: Sheet) -> Exhibit:
    """Drawdowns on the left, what they were spent on to the right, widths as money; findings are marked.

    The newest four that could be followed, those with a finding first; money by the first-in-first-out way.
    """
    words, shown = sheet.words, _pictured(use)
    if shown.empty:
        return Exhibit("")
    links = pd.concat([_links(row, use) for row in shown.itertuples()], ignore_index=True)
    total, kinds = links["money"].sum(), links.groupby("kind")["money"].sum().sort_values(ascending=False)
    odd = kinds.index.isin(_ABOUT)
    left = [
        (f"{row.loan_id}/{row.drawdown_id}", f"{words.date(row.drawn_on)}  {words.money(row.amount, row.currency)}")
        for row in shown.itertuples()
    ]
    begins = links.groupby("from")["money"].sum().reindex(shown.index)
    order = [*kinds[~odd].index, *kinds[odd].index]
    right = [_node(kind, kinds[kind], total, sheet) for kind in order]
    nodes = [(*label, money, False) for label, money in zip(left, begins, strict=True)]
    bands = [(shown.index.get_loc(row[0]), order.index(row.kind), row.money) for row in links.itertuples(index=False)]
    asked = {"kinds": words("case.comma").join(name for name, *_, asks in right if asks)}
    asked["share"] = words.value(kinds[odd].sum() / total, "pct")
    alt = words("proceeds.picture_alt" if odd.any() else "proceeds.picture_alt_none", count=len(shown), **asked)
    return charts.framed(charts.flow_svg(nodes, right, bands), words("proceeds.picture"), alt, sheet)


def _pictured(use: object) -> pd.DataFrame:
    seen = use.drawn[use.drawn["seen"]]
    flagged = pd.MultiIndex.from_frame(seen[KEY]).isin(pd.MultiIndex.from_frame(use.flags[KEY]))
    shown = seen.assign(flagged=flagged).sort_values(["flagged", "drawn_on"], ascending=False).head(_SHOWN)
    return shown.sort_values("drawn_on", ignore_index=True)


def _node(kind: str, money: float, total: float, sheet: Sheet) -> tuple[str, str, float, bool]:
    words, asks = sheet.words, kind in _ABOUT
    name = words(f"proceeds.flag.{kind}.title" if asks else f"proceeds.kind.{kind}")
    return name, f"{words.money(money, sheet.currency)}  {words.value(money / total, 'pct')}", money, asks


def _links(row: tuple, use: object) -> pd.DataFrame:
    """Money of one drawdown by kind over its widest window; what a finding is about is told by the finding instead."""
    mine = _of(use.uses, row)
    left = mine[mine["window"] == mine["window"].max()].groupby("kind")["fifo"].sum().to_dict()
    flags, found = _of(_distinct(use), row), {}
    for flag in flags[flags["flag"].isin(_ABOUT)].sort_values("money", ascending=False).itertuples():
        open_ = flag.money
        for kind in _ABOUT[flag.flag]:
            taken = min(open_, left.get(kind, 0.0))
            left[kind], open_ = left.get(kind, 0.0) - taken, open_ - taken
            found[flag.flag] = found.get(flag.flag, 0.0) + taken
    told = [(row.Index, kind, money) for kind, money in (left | found).items() if money >= _LEAST * row.amount]
    return pd.DataFrame(told, columns=["from", "kind", "money"])


def flag_table(use: object, sheet: Sheet) -> Exhibit:
    """Every finding: what, on which drawdown, since when, money and share, how sure, innocent reading, consequence."""
    if use.flags.empty:
        return Exhibit("")
    words, rows = sheet.words, []
    names = ("flag", "drawdown", "since", "money", "share", "sure", "innocent", "effect")
    columns = tuple(words(f"proceeds.column.{name}") for name in names)
    for row in _distinct(use).sort_values("money", ascending=False).head(_ROWS).itertuples():
        steps = [words(f"proceeds.remedy.{name}") for name in row.remedies.split(", ") if name]
        effect = [words(f"proceeds.effect.{row.effect}")] if row.effect else []
        cells = (
            Markup("<b>{}</b>").format(words(f"proceeds.flag.{row.flag}.title")),
            f"{row.loan_id}/{row.drawdown_id}",
            words.date(row.since),
            _money(row, sheet),
            words.value(row.share, "pct"),
            words(f"proceeds.sure.{next(name for least, name in _SURE if row.confidence >= least)}"),
            words(f"proceeds.flag.{row.flag}.innocent"),
            words("proceeds.then").join([*effect, words("case.comma").join(steps)]),
        )
        rows.append(cells)
    notes = (words("proceeds.flag_note"), *_papers(use.flags, sheet))
    return tabled(words("proceeds.flags"), columns, rows, sheet, numeric=columns[3:5], notes=notes)


def _money(row: tuple, sheet: Sheet) -> str:
    """The money at risk, with the range of the three ways to allocate where they differ."""
    words, shown = sheet.words, sheet.words.money(row.money, sheet.currency)
    if row.high - row.low <= 0.01 * row.money:
        return shown
    return words(
        "proceeds.range",
        money=shown,
        low=words.money(row.low, sheet.currency),
        high=words.money(row.high, sheet.currency),
    )


def _papers(flags: pd.DataFrame, sheet: Sheet) -> list[str]:
    """What of papers did not fit (codes, some with the paper's id behind a colon), once each."""
    words = sheet.words
    found = dict.fromkeys(code for text in flags["papers"] for code in str(text).split(", ") if code)
    parts = (code.partition(":") for code in found)
    told = [f"{words(f'proceeds.paper.{kind}')} {paper}".strip() for kind, _, paper in parts]
    return [words("proceeds.papers", found=words("case.comma").join(told))] if told else []


def path_table(use: object, name: str, sheet: Sheet) -> Exhibit:
    """The ways by which flagged money went, the largest first: from hand to hand with days and amounts.

    `name` is the borrower's, told as "own account" where money comes home.
    """
    if use.paths.empty:
        return Exhibit("")
    columns = tuple(sheet.words(f"proceeds.column.{part}") for part in ("flag", "drawdown", "way", "entries"))
    shown = pd.MultiIndex.from_frame(_distinct(use)[["flag", *KEY]])
    steps = use.paths[pd.MultiIndex.from_frame(use.paths[["flag", *KEY]]).isin(shown)]
    steps = steps.drop_duplicates([*KEY, "flag", "path", "to", "on", "amount"])
    by = steps.groupby(["flag", *KEY, "path"], sort=False)
    largest = by["amount"].max().sort_values(ascending=False).head(_ROWS)
    rows = [_path_row(key, by.get_group(key), name, sheet) for key in largest.index]
    return tabled(sheet.words("proceeds.paths"), columns, rows, sheet)


def _path_row(key: tuple, way: pd.DataFrame, name: str, sheet: Sheet) -> tuple[str, ...]:
    """Flag, drawdown, the hands the money went through and the entries that show it."""
    words, hands = sheet.words, [sheet.words("proceeds.home")]
    for row in way.itertuples():
        to = words("proceeds.home") if row.to == name else row.to
        amount = words.money(row.amount, sheet.currency)
        hands.append(words("proceeds.step", to=to, date=f"{row.on:%m-%d}", amount=amount))
    entries = words("case.comma").join(dict.fromkeys(way["transaction_id"].astype(str)))
    return words(f"proceeds.flag.{key[0]}.title"), f"{key[2]}/{key[3]}", words("proceeds.arrow").join(hands), entries


def gap_table(use: object, sheet: Sheet) -> Exhibit:
    """What could not be judged of drawdowns on loans still open, and why."""
    open_ = use.drawn.loc[use.drawn["closed_on"].isna(), KEY]
    gaps = use.unjudged.merge(open_, on=KEY)
    if gaps.empty:
        return Exhibit("")
    words, rows = sheet.words, []
    columns = tuple(words(f"proceeds.column.{part}") for part in ("reason", "drawdowns", "checks"))
    for (reason, partial), part in gaps.groupby(["reason", "partial"], sort=False):
        ids = part[["loan_id", "drawdown_id"]].drop_duplicates().agg("/".join, axis=1)
        flags = sorted(part["flag"].unique(), key=lambda flag: int(flag[1:]))
        names = words("case.comma").join(words(f"proceeds.flag.{flag}.title") for flag in flags)
        checks = words("proceeds.all_by_flow") if len(flags) >= _BY_FLOW else names
        said = (words("proceeds.partly") if partial else "") + checks
        cells = (words(f"proceeds.reason.{reason}"), words("case.comma").join(ids), said)
        rows.append(cells)
    return tabled(words("proceeds.gaps"), columns, rows, sheet)
