"""The group of a borrower in words and a table."""

import pandas as pd

from postloan.analysis.groups import AROUND
from postloan.report import kindred
from sheets import in_millions as sheet

NAMES = {"A": "Alpha", "B": "Beta"}
RED = {"B": {"as_of": "2026-03-06", "level": "red", "class": "special_mention"}}


def group(late=0.0, by="controller"):
    rows = [("A", "A", 2, by, "CNY", 100e6, 150e6, 0.0), ("A", "B", 2, by, "CNY", 50e6, 150e6, late)]
    return pd.DataFrame(rows, columns=AROUND)


def said(found, reviews, language="en"):
    return kindred.story(found, reviews, NAMES, sheet(language))._repr_html_()


def test_group_is_summed_and_its_tie_named():
    told = said(group(), {})
    assert "one of 2 borrowers of ours tied by controller; together they owe us CNY 150.00m" in told
    assert "two people may bear" in told
    assert "registry" not in said(group(by="code"), {})


def test_trouble_next_door_is_told():
    assert "None of the others is overdue" in said(group(), {})
    for found, reviews in ((group(late=3.0), {}), (group(), RED)):
        assert "(overdue, red or non-performing): Beta;" in said(found, reviews)
    assert "红色预警或不良的有：Beta" in said(group(), RED, "zh")


def test_alone_says_so_and_shows_no_table():
    nobody = group().iloc[:0]
    assert "No other borrower" in said(nobody, {})
    assert kindred.member_table(nobody, {}, NAMES, sheet())._repr_html_() == ""


def test_table_shows_each_member_s_last_review():
    told = kindred.member_table(group(late=3.0), RED, NAMES, sheet())._repr_html_()
    assert [
        each for each in ("A Alpha", "CNY 50.00m", "3 days", "Red", "Special mention", "never") if each not in told
    ] == []
