"""Which way loses least among those that law and viability leave open, how close it is, and what would change it."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pandas as pd

from postloan.judgement.comparison import Case, Compared, View, options_under
from postloan.judgement.recovery import Shift
from postloan.judgement.workout_rules import Rules


class Advice(NamedTuple):
    """Which option loses least, and how sure that is.

    `option` has the best expected value (`ev`) of those not barred ("": none can be named, `reason` says why), `second`
    the next best, `margin` the distance between them; `close`: within what counts as a tie, as are all of `near`;
    `provisional`: tests of the best are open, or options have no expected value (`unjudged`); `barred`: the option
    that law or viability rules out though its expected value is higher by more than a tie ("": none), `barred_margin`.
    """

    option: str
    ev: float
    second: str
    margin: float
    close: bool
    provisional: bool
    near: tuple[str, ...]
    barred: str
    barred_margin: float
    unjudged: tuple[str, ...]
    reason: str


def recommend(compared: Compared, case: Case, rules: Rules) -> Advice:
    """The option with the best expected value among those no law and no viability test bars (DOMAIN §8.2).

    Options whose tests cannot be judged may win, but then the advice is provisional; a human decides.
    """
    return _best(compared.options, case, rules)


def _best(table: pd.DataFrame, case: Case, rules: Rules) -> Advice:
    if table.empty:
        return Advice("", np.nan, "", np.nan, False, False, (), "", np.nan, (), "no_loan")
    judged = table[table["ev"].notna()].sort_values("ev", ascending=False, kind="stable")
    barred = judged[(judged["legal"] == "fail") | (judged["viable"] == "fail")]
    free = judged.drop(barred.index)
    unjudged = tuple(table.loc[table["ev"].isna(), "option"])
    if free.empty:
        return Advice("", np.nan, "", np.nan, False, False, (), "", np.nan, unjudged, "all_barred")
    best, rest = free.iloc[0], free.iloc[1:]
    margin = float(best["ev"] - rest.iloc[0]["ev"]) if len(rest) else np.nan
    limit = rules.marks.close_share * case.claim.total
    near = tuple(rest.loc[rest["ev"] >= best["ev"] - limit, "option"])
    better = barred[barred["ev"] > best["ev"] + limit]
    ahead = (better.iloc[0]["option"], float(better.iloc[0]["ev"] - best["ev"])) if len(better) else ("", np.nan)
    open_ = best["open"] != "" or bool(unjudged)
    second = rest.iloc[0]["option"] if len(rest) else ""
    return Advice(best["option"], float(best["ev"]), second, margin, bool(near), open_, near, *ahead, unjudged, "")


def sensitivity(compared: Compared, case: Case, rules: Rules, advice: Advice) -> pd.DataFrame:
    """Each assumption moved alone: a row a swing and end with the advised option's lead over the best other one.

    Columns swing, end (low, high), moved, lead, best (the option then advised), flips (whether that is another one),
    basis; by the widest effect on the lead first. Empty where nothing is advised.
    """
    columns = ["swing", "end", "moved", "lead", "best", "flips", "basis"]
    if not advice.option:
        return pd.DataFrame(columns=columns)
    rows = []
    for name, swing in rules.swings.items():
        for end, moved in (("low", swing.low), ("high", swing.high)):
            made = options_under(_swung(case, rules, name, moved)._replace(class_now=compared.class_now))
            lead, best = _lead(made, advice.option), _best(made, case, rules).option
            rows.append((name, end, moved, lead, best, best != advice.option, swing.basis))
    table = pd.DataFrame(rows, columns=columns)
    width = (table["lead"] - advice.margin).abs().groupby(table["swing"]).transform("max")
    return (
        table.assign(width=width).sort_values("width", ascending=False, kind="stable")[columns].reset_index(drop=True)
    )


def _swung(case: Case, rules: Rules, name: str, moved: float) -> View:
    """The case with one assumption moved."""
    shift = Shift(**{name: moved}) if name in ("haircut", "months", "guarantor") else Shift()
    seen = replace(case, cash=case.cash.scaled(moved)) if name == "cash" and not case.cash.reason else case
    return View(seen, rules, shift, moved if name == "chance" else 0.0, moved if name == "rate" else 0.0)


def _lead(table: pd.DataFrame, option: str) -> float:
    """How far an option's expected value is ahead of the best other one that is not barred (negative: behind)."""
    free = table[(table["legal"] != "fail") & (table["viable"] != "fail") & table["ev"].notna()]
    others = free.loc[free["option"] != option, "ev"]
    own = table.set_index("option").at[option, "ev"]
    return float(own - others.max()) if len(others) else float("nan")
