"""Any rule is read or refused with a word, and any that is read judges any figures: a level, quiet or cannot tell."""

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from fuzz.drawn import answered, fuzzed
from postloan import settings
from postloan.judgement import proof, rules
from postloan.judgement.sight import COLUMNS, Sight

BASE = settings.load_yaml(settings.params("rules", "current_ratio_low.yml"))
numbers = st.one_of(st.floats(), st.sampled_from([0.0, -0.0, 1.0, 1e308, 1e-9]), st.integers(-3, 3))
limits = st.one_of(numbers, st.dictionaries(st.sampled_from(rules.LEVELS), numbers, min_size=1), st.text(max_size=2))
tests = st.fixed_dictionaries(
    {"metric": st.sampled_from(["current_ratio", "overdue_days", "quick_ratio", "import os", "__class__"])},
    optional={
        **dict.fromkeys(("below", "at_most", "above", "at_least"), limits),
        "of": st.sampled_from(
            ["now", "year_ago", "change", "growth", "since_start", "since_review", "chance", "peers", "eval"]
        ),
        "periods": st.integers(-1, 5),
        "breach": st.fixed_dictionaries({"side": st.just("below"), "limit": numbers, "within": st.integers(0, 9)}),
        "peer": st.sampled_from([*rules.READINGS, "best"]),
    },
)
sound = st.builds(
    lambda metric, side, limit: {"metric": metric, side: limit},
    st.sampled_from(["current_ratio", "quick_ratio", "overdue_days"]),
    st.sampled_from(["below", "at_most", "above", "at_least"]),
    st.floats(-9, 9),
)
conditions = st.recursive(
    st.one_of(
        sound,
        sound,
        tests,
        st.fixed_dictionaries({"rule": st.sampled_from(["r0", "r1", "r9"])}),
        st.none(),
        st.text(max_size=3),
    ),
    lambda inner: st.one_of(
        st.fixed_dictionaries({"all": st.lists(inner, max_size=3)}),
        st.fixed_dictionaries({"any": st.lists(inner, max_size=3)}),
        st.fixed_dictionaries({"not": inner}),
    ),
    max_leaves=6,
)


@st.composite
def sights(draw):
    """What may be seen of up to three borrowers over a few quarters, among it nothing and figures without bounds."""
    counts = draw(st.lists(st.integers(1, 4), min_size=1, max_size=3))
    keys = [24_000 + 3 * period for count in counts for period in range(count)]
    ids = [f"B{number}" for number, count in enumerate(counts) for _ in range(count)]
    rows = pd.DataFrame({"borrower_id": ids, "period_end": pd.Timestamp("2024-03-31")}, index=pd.Index(keys))
    size, one = len(rows), st.lists(numbers, min_size=len(rows), max_size=len(rows))
    figures = {name: np.array(draw(one), float) for name in ("current_ratio", "quick_ratio")}
    by_borrower = pd.Series(draw(st.lists(numbers, min_size=3, max_size=3)), ["B0", "B1", "B2"], dtype=float)
    seen = pd.DataFrame([("B0", "overdue_days", draw(numbers), pd.Timestamp("2024-03-01"), "x")], columns=COLUMNS)
    known = draw(st.sampled_from([{}, {"chance": lambda *_: by_borrower, "peers": lambda *_: by_borrower}]))
    starts = pd.Series({"B0": 24_000.0}) if draw(st.booleans()) else pd.Series(dtype=float)
    return Sight(rows, lambda name: figures.get(name, np.full(size, np.nan)), seen, starts, starts, **known)


@fuzzed(150)
@given(told=st.lists(conditions, min_size=1, max_size=2), sight=sights())
def test_any_rule_on_any_figures(told, sight):
    given_ = {f"r{number}": {**BASE, "id": f"r{number}", "condition": each} for number, each in enumerate(told)}
    read = {name: answered(rules._rule, content, "x.yml") for name, content in given_.items()}
    if all(read.values()) and (book := answered(rules.ordered, read)):
        assert all(set(np.unique(each)) <= {-1, 0, 1, 2, 3} for each in rules.judge(book, sight).values())
        found = rules.verdicts(book, sight)
        for each in found[found["level"].isin(rules.LEVELS)].itertuples():
            proof.evidence(book.rules[each.rule], each.level, sight, each.borrower_id)
