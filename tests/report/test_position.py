"""A borrower among its peers, as told: which peers, in which currency; without any no empty columns."""

import numpy as np
import pandas as pd
import pytest

from postloan.analysis import peers
from postloan.measures import measures
from postloan.report import position
from sheets import sheet, told

ROW = {"metric": "current_ratio", "value": 1.5, "low": 1.0, "median": 1.2, "high": 2.0, "percentile": 0.6, "count": 9,
       "group": "book", "reason": "", "level": "middle", "usual": 1.4, "change": "usual"}  # fmt: skip
NOBODY = {**dict.fromkeys(("low", "median", "high", "percentile"), np.nan), "reason": "few_peers", "level": "none"}


def shown(language, **row):
    frame = pd.DataFrame([{**ROW, **row}])
    return told(position.position_table(frame, peers.load(), measures(), sheet(language)))


@pytest.mark.parametrize("language", ["zh", "en"])
def test_peers_are_named_with_their_currency(language):
    said, words = shown(language), sheet(language).words
    assert words("standing.group.book") in said
    assert sheet(language).currency in said
    assert words("standing.column.median") in said


@pytest.mark.parametrize("language", ["zh", "en"])
def test_nobody_leaves_no_empty_columns(language):
    said, words = shown(language, **NOBODY), sheet(language).words
    assert words("standing.alone") in said
    assert words("standing.column.median") not in said
    assert words("standing.change.usual") in said
