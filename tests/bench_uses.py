"""How right the twelve flags on the use of money are on fresh sample books: `python tests/bench_uses.py [SEEDS]`.

Each book of 32 borrowers (seeds 1 to SEEDS, default 20) is judged as its reports judge it, and what is found is set
beside what was planted, drawdown by drawdown: a flag on a drawdown in which it was planted is right, any other is
false; precision is right / (right + false), recall the share of planted ones that are found, and every innocent
look-alike must stay quiet. Run by `make bench-uses`; exit 1 when a look-alike is taken for the real thing.
"""

from __future__ import annotations

import sys
import time

import pandas as pd

from postloan import chart
from postloan.analysis import servicing
from postloan.analysis.periods import Panel
from postloan.book import sample
from postloan.judgement import loan_facts
from postloan.loan_rows import newest
from postloan.loan_tables import LOAN_TABLES

AS_OF, BORROWERS = "2026-05-15", 32
FLAGS = [f"u{number}" for number in range(1, 13)]
COUNTS = ["planted", "found", "right", "false", "look-alikes", "taken"]
EARLY = pd.Timedelta(days=31)  # an act is planted up to a month after its drawdown


def judged(seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Flags of a book (borrower_id, flag, drawn_on) and what was planted in it."""
    made, truth = sample.told(seed, BORROWERS)
    rows = made.tables
    side = {
        name: newest(rows[name].sort_values("known_on", kind="stable"), name) for name in LOAN_TABLES if name in rows
    }
    panel = Panel(chart.with_derived(rows["statements"]))
    use = loan_facts.gather(panel, side, servicing.state(side, AS_OF), AS_OF, observed=rows["observations"]).use
    days = use.drawn[["borrower_id", "loan_id", "drawdown_id", "drawn_on"]]
    return use.flags.merge(days)[["borrower_id", "flag", "drawn_on"]], truth[truth["rule"].isin(FLAGS)]


def counted(flags: pd.DataFrame, truth: pd.DataFrame) -> pd.DataFrame:
    """COUNTS by flag: planted acts, those found, flags that are right or false, look-alikes, those flagged."""
    pairs = flags.reset_index(names="at").merge(truth.reset_index(names="act"), on="borrower_id")
    pairs = pairs[(pairs["flag"] == pairs["rule"]) & (pairs["drawn_on"] <= pairs["to"])]
    pairs = pairs[pairs["drawn_on"] >= pairs["from"] - EARLY]
    hit, taken = pairs[pairs["look_alike"] == 0], pairs[pairs["look_alike"] == 1]
    right = flags.index.isin(hit["at"])
    told = {
        "planted": truth[truth["look_alike"] == 0]["rule"],
        "found": truth.loc[hit["act"].unique(), "rule"],
        "right": flags.loc[right, "flag"],
        "false": flags.loc[~right, "flag"],
        "look-alikes": truth[truth["look_alike"] == 1]["rule"],
        "taken": truth.loc[taken["act"].unique(), "rule"],
    }
    counts = {name: part.value_counts().reindex(FLAGS, fill_value=0) for name, part in told.items()}
    return pd.DataFrame(counts)[COUNTS]


def main() -> int:
    seeds, begin = int(sys.argv[1]) if len(sys.argv) > 1 else 20, time.process_time()
    total = sum(counted(*judged(seed)) for seed in range(1, seeds + 1))
    total.loc["all"] = total.sum()
    total["precision"] = total["right"] / (total["right"] + total["false"])
    total["recall"] = total["found"] / total["planted"]
    print(total.to_string(float_format="{:.3f}".format, na_rep="-"))
    print(f"{seeds} books of {BORROWERS} borrowers, {time.process_time() - begin:.0f} s of processor time")
    return int(total.at["all", "taken"] > 0)


if __name__ == "__main__":
    sys.exit(main())
