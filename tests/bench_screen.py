"""How fast a whole book is screened: `make bench-screen`. Seconds, peak memory and the ratio to bare pandas.

The book is the sample's statements copied under new names with other amounts; making it is not timed. Bare pandas is
the same ratios by pivot, shift and division, without reasons, rules, class or plan. Each runs in a process of its own.
"""

from __future__ import annotations

import json
import multiprocessing
import resource
import sys
import time

import numpy as np
import pandas as pd

from postloan import settings
from postloan.analysis.periods import Panel
from postloan.analysis.ratios import FORMULAS
from postloan.book import sample
from postloan.portfolio import screen

AS_OF, QUARTERS = "2026-05-15", 20


def book(borrowers: int) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Statements, borrowers and observations of so many borrowers over 20 quarters."""
    made, copies = sample.make(1, 10).tables, borrowers // 10
    facts = made["statements"]
    ends = np.sort(facts["period_end"].unique())[-QUARTERS:]
    facts = facts[facts["period_end"].isin(ends)].assign(derived=False).reset_index(drop=True)
    scale = np.exp(np.random.default_rng(0).normal(0, 0.3, copies))
    facts, borrowers, seen = (_copied(part, copies) for part in (facts, made["borrowers"], made["observations"]))
    facts["amount"] *= scale[facts["copy"]]
    return facts.drop(columns="copy"), borrowers.drop(columns="copy"), seen.drop(columns="copy")


def _copied(part: pd.DataFrame, copies: int) -> pd.DataFrame:
    many = part.loc[np.tile(part.index, copies)].reset_index(drop=True)
    copy = pd.Series(np.repeat(np.arange(copies), len(part)))
    return many.assign(borrower_id=many["borrower_id"].str.cat(copy.astype(str), sep="_"), copy=copy)


def ours(facts: pd.DataFrame, borrowers: pd.DataFrame, seen: pd.DataFrame) -> int:
    """Everything `postloan screen` does after reading the book."""
    ratios = tuple(FORMULAS)
    return len(screen.screen(Panel(facts), borrowers, screen.Known(seen), AS_OF, ratios=ratios))


def ahead(facts: pd.DataFrame, borrowers: pd.DataFrame, seen: pd.DataFrame) -> int:
    """The same with the chance of what may come, as `postloan screen --forecast` does."""
    panel, ratios = Panel(facts), tuple(FORMULAS)
    chance = screen.chance(panel)
    return len(screen.screen(panel, borrowers, screen.Known(seen), AS_OF, ratios=ratios, chance=chance))


def bare(facts: pd.DataFrame, *_: pd.DataFrame) -> int:
    """The same ratios in plain pandas: one wide table, single quarters by difference, twelve months by rolling sum."""
    wide = facts.pivot(index=["borrower_id", "period_end"], columns=["item", "months"], values="amount").sort_index()
    ends = {item: wide[item, 0] for item in wide.columns.get_level_values(0).unique() if (item, 0) in wide}
    flows = {}
    for item in wide.columns.get_level_values(0).unique():
        spans = [wide[item, months] for months in (3, 6, 9, 12) if (item, months) in wide]
        if spans:
            year_to_date = pd.concat(spans, axis=1).bfill(axis=1).iloc[:, 0]
            quarter = (
                year_to_date.groupby(level=0).diff().where(wide.index.get_level_values(1).month != 3, year_to_date)
            )
            flows[item] = quarter.groupby(level=0).rolling(4).sum().droplevel(0)
    average = {item: (end + end.groupby(level=0).shift(4)) / 2 for item, end in ends.items()}
    made = {}
    for name in FORMULAS:  # each ratio costs a division and a look at a year ago
        top = flows["revenue"] if "ttm" in FORMULAS[name] else ends["current_assets"]
        made[name] = (top / average["total_assets"]).where(average["total_assets"] > 0)
        made[f"{name} a year ago"] = made[name].groupby(level=0).shift(4)
    return len(pd.DataFrame(made).groupby(level=0).tail(1))


def _run(which: str, borrowers: int, answer: multiprocessing.Queue) -> None:
    tables = book(borrowers)
    start = time.perf_counter()
    {"ours": ours, "ahead": ahead, "bare": bare}[which](*tables)
    took = time.perf_counter() - start
    answer.put((took, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6))


def measure(which: str, borrowers: int) -> tuple[float, float]:
    """Seconds and peak GB (its book included) of one run in a fresh process."""
    context = multiprocessing.get_context("spawn")
    answer = context.Queue()
    process = context.Process(target=_run, args=(which, borrowers, answer))
    process.start()
    found = answer.get()
    process.join()
    return found


def main(sizes: list[int]) -> None:
    """Print the table and write outputs/bench_screen.json."""
    told = []
    for size in sizes:
        floor, _ = measure("bare", size)
        found = {"borrowers": size, "pandas_seconds": floor}
        for which, name in (("ours", "screen"), ("ahead", "screen_with_forecast")):
            seconds, memory = measure(which, size)
            found |= {f"{name}_seconds": seconds, f"{name}_peak_gb": memory, f"{name}_vs_pandas": seconds / floor}
            shown = f"{seconds:6.1f} s, {memory:5.1f} GB, {seconds / floor:4.2f} x bare pandas ({floor:.1f} s)"
            print(f"{size:>7,} borrowers, {name}: {shown}")
        told.append(found)
    file = settings.home() / "outputs" / "bench_screen.json"
    file.write_text(json.dumps(told, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main([int(size) for size in sys.argv[1:]] or [1_000, 10_000])
