import json

import numpy as np
import pandas as pd
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from postloan.errors import RunError
from postloan.report import record


def ratios(value=1.5, reason=None):
    day = pd.Timestamp("2023-09-30")
    return pd.DataFrame({"ratio": ["current_ratio"], "period_end": [day], "value": [value], "reason": [reason]})


def build(values=None, **changed):
    fields = {"borrower_id": "600600", "as_of": "2023-10-31", "language": "zh", **changed}
    values = ratios() if values is None else values
    return record.build(fields.pop("name", "postloan.borrower_review"), values=values, **fields)


def test_record_is_json():
    built = build(bands={"ok": np.int64(3)}, seen=pd.Timestamp("2023-10-30"), share=float("nan"))
    assert json.loads(json.dumps(built, allow_nan=False)) == built
    assert built["values"] == [{"id": "current_ratio", "period_end": "2023-09-30", "value": 1.5, "reason": None}]
    assert (built["bands"], built["seen"], built["share"]) == ({"ok": 3}, "2023-10-30", None)


def test_missing_becomes_null():
    built = build(ratios(float("nan"), "missing:end.cash"))
    assert built["values"][0]["value"] is None
    assert built["values"][0]["reason"] == "missing:end.cash"


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"name": "review"}, "name:"),
        ({"language": "fr"}, "language:"),
        ({"as_of": "yesterday"}, "as_of:"),
        ({"borrower_id": ""}, "borrower_id:"),
        ({"values": ratios(float("inf"))}, "values.0.value"),
        ({"level": "purple"}, "level:"),
        ({"class": "fine"}, "class:"),
        ({"next_review": "soon"}, "next_review:"),
        ({"signals": [{"rule": "overdue", "level": "red", "status": "odd", "since": None, "due": None}]}, "status"),
        ({"values": ratios(float("nan"))}, "no value and no reason"),
    ],
)
def test_wrong_field_named(changed, field):
    with pytest.raises(RunError, match=field):
        build(**changed)


def test_records_of_before_are_still_read():
    """Fields that came later are not asked of them."""
    old = {"rule": "overdue", "level": "red", "status": "cleared", "since": None, "due": None}
    assert record.check(build(signals=[old]))["signals"] == [old]
    assert "rule_limits" not in build()


def test_own_limits_are_kept():
    own = {"current_ratio_low": {"yellow": 1.1, "orange": 0.7}}
    assert build(rule_limits=own)["rule_limits"] == own
    with pytest.raises(RunError, match=r"rule_limits\.current_ratio_low\.pink"):
        build(rule_limits={"current_ratio_low": {"pink": 1.1}})


def notebook(*records):
    outputs = [new_output("execute_result", record.show(each)._repr_mimebundle_()) for each in records]
    return new_notebook(cells=[new_code_cell("show", outputs=outputs)])


def test_shown_record_found():
    assert record.find(notebook(build())) == build()


@pytest.mark.parametrize("count", [0, 2])
def test_exactly_one_record(count):
    with pytest.raises(RunError, match=f"found {count}"):
        record.find(notebook(*[build()] * count))


def test_summary_escapes_data():
    html = record.show(build(borrower_id="<b>x</b>"))._repr_mimebundle_()["text/html"]
    assert "<b>" not in html
    assert "&lt;b&gt;x" in html
    assert html.startswith('<details class="record"><summary>')
