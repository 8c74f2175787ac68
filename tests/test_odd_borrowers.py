"""The borrower notebook on borrowers that lack much: it says so, and never stops."""

import ast
import re
from itertools import cycle

import nbformat
import pandas as pd
import pytest

from conftest import ROOT, facts
from postloan import settings
from postloan.book.store import open_book
from postloan.tables import Intake

BALANCE = {"cash": 10, "current_assets": 40, "total_assets": 100, "current_liabilities": 30, "total_liabilities": 60}
INCOME = {"revenue": 80, "operating_cost": 60, "net_profit": -5}


def periods(days, months, items):
    return [(day, months, item, amount * (1 + n / 10)) for n, day in enumerate(days) for item, amount in items.items()]


YEARS = [f"{year}-12-31" for year in range(2018, 2023)]
ODD = {
    "balances only": periods(YEARS, 0, BALANCE),
    "one statement": periods(YEARS[-1:], 0, BALANCE) + periods(YEARS[-1:], 12, INCOME),
    "years only": periods(YEARS, 0, BALANCE) + periods(YEARS, 12, INCOME),
    "income only": periods(YEARS, 12, INCOME),
    "all nil": periods(YEARS, 0, dict.fromkeys(BALANCE, 0)) + periods(YEARS, 12, dict.fromkeys(INCOME, 0)),
}


def run_cells(monkeypatch, address, **changes):
    """Run the notebook's code cells in one namespace, as the kernel would; give back what they made."""
    monkeypatch.setenv("POSTLOAN_BOOK", address)
    made = {}
    for cell in nbformat.read(ROOT / "notebooks" / "borrower_review.ipynb", 4).cells:
        if cell.cell_type == "code":
            tree = ast.parse(cell.source)
            last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
            exec(compile(tree, cell.id, "exec"), made)
            made |= changes if "parameters" in cell.metadata.get("tags", []) else {}
            if last:
                shown = eval(compile(ast.Expression(last.value), cell.id, "eval"), made)
                assert not re.search(r"\b(nan|NaT)\b|>None<", getattr(shown, "_repr_html_", str)())
    return made


@pytest.mark.parametrize(("case", "language"), list(zip(ODD, cycle(settings.LANGUAGES), strict=False)))
def test_odd_borrower_gets_report(tmp_path, monkeypatch, case, language):
    address = f"sqlite:///{tmp_path / 'odd.db'}"
    master = pd.DataFrame({"borrower_id": ["A"], "name": ["<b>甲</b>"]})
    open_book(address).add(Intake("odd.csv", "test", {"borrowers": master, "statements": facts(ODD[case])}, read=1))
    made = run_cells(monkeypatch, address, borrower_id="A", as_of="2023-12-31", language=language, book="default")
    assert made["panel"].rows["period_end"].max() == pd.Timestamp(YEARS[-1])
    assert made["compared"]["reason"].notna().sum() + made["compared"]["now"].notna().sum() == len(made["compared"])
