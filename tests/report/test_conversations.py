"""What was said and promised, as tables and sentences in both languages."""

import pandas as pd
import pytest

from postloan.analysis import talks
from postloan.loan_rows import checked, empty
from postloan.report import conversations
from sheets import in_millions as sheet

TALK = dict(borrower_id="A", contact_id="K1", held_on="2026-04-18", channel="visit", said="慢", documents_refused=1)
STATED = dict(
    borrower_id="A", contact_id="K1", held_on=pd.Timestamp("2026-04-18"), item="vat_sales", months=3.0, stated=31e6,
    period_end=pd.Timestamp("2026-03-31"), known=20e6, off=0.55, verdict="differs", against="cross_checks",
)  # fmt: skip
PROMISE = dict(
    borrower_id="A", commitment_id="M1", promised_on="2026-01-02", promise="还款", due_on="2026-03-31", status="open"
)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_table_and_the_sentence_speak(language):
    contacts, stated = checked(pd.DataFrame([TALK]), "contacts"), pd.DataFrame([STATED])
    promised = talks.promises(checked(pd.DataFrame([PROMISE]), "commitments"), "2026-05-15")
    on = sheet(language)
    said = conversations.story(contacts, promised, stated, on)._repr_html_()
    shown = [
        conversations.contact_table(contacts, on),
        conversations.promise_table(promised, on),
        conversations.stated_table(stated, on),
    ]
    assert "27" in said  # days from 18 April to 15 May
    assert "55" in said
    assert "{" not in said + "".join(str(each.html) for each in shown)
    assert "45" in shown[1].html  # days past the due date
    assert on.words("talks.months", count=3) in shown[2].html  # a flow without its months could be a year's


def test_no_contact_is_said():
    none = empty("contacts")
    assert "没有与客户的沟通记录" in conversations.story(none, none, none, sheet("zh"))._repr_html_()
