"""The place to sign: blank lines until the book holds a sign-off of this very review."""

import html
import re

import pandas as pd
import pytest

from postloan import loan_rows, texts
from postloan.report import exhibits, signing

SIGNED = {"borrower_id": "A", "review_as_of": "2026-05-15", "approved_class": "substandard", "signed_by": "<Wang>"}
SIGNED |= {"signed_on": pd.Timestamp("2026-05-15"), "remark": "monthly"}


def told(language, *rows):
    sheet = exhibits.Sheet(texts(language), "CNY", "2026-05-15", 360, 2, 1, True, (1e4, "万", 0))
    signed = pd.DataFrame(rows) if rows else loan_rows.empty("sign_offs")
    return html.unescape(re.sub(r"<[^>]+>", " ", signing.block(signed, "Normal", sheet).html))


@pytest.mark.parametrize("language", ["zh", "en"])
def test_unsigned_leaves_room(language):
    text = told(language)
    assert texts(language)("signing.blank") in text
    assert text.count("☐") == 2


def test_signed_says_who_and_what():
    text = told("en", SIGNED)
    assert "Substandard; monthly" in text
    assert "<Wang>" in text
    assert "☐" not in text


def test_an_earlier_sign_off_is_only_told():
    text = told("en", {**SIGNED, "review_as_of": "2026-03-06", "signed_on": pd.Timestamp("2026-03-09")})
    assert "Last approved: Substandard, <Wang>, 9 Mar 2026" in text
    assert "☐" in text
