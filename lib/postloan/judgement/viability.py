"""Can the debtor go on under the new terms: the tests of DOMAIN §8.2, each pass, fail or cannot, with evidence."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd

from postloan.judgement import legality
from postloan.judgement.cash import Cash
from postloan.judgement.options import Claim, Flows
from postloan.judgement.valuation import YEAR
from postloan.judgement.workout_rules import STRESSES, Known, Rules

TESTS = ("temporary", "cover", "debt_falls", "owner_shares", "reliable", "not_serial", "legal_term")
COLUMNS = ["option", "test", "outcome", "evidence", "basis"]
_OF_TERMS = ("extension", "term", "grace", "repaid_in_full")


def tests(
    name: str, flows: Flows, claim: Claim, cash: Cash, known: Known, *, dscr: pd.DataFrame, legal: pd.DataFrame,
    grade: str | None, rules: Rules,
) -> pd.DataFrame:  # fmt: skip
    """The tests of one option, a row each (COLUMNS); `evidence` is JSON of the figures a test saw.

    `dscr`: its cover by stress and year; `legal`: its legal checks; `grade`: how far the statements are supported.
    """
    about = rules.viability
    found = {
        "temporary": ({"temporary": "pass", "structural": "fail"}.get(known.difficulty, "cannot"), {}),
        "cover": _cover(dscr, rules),
        "debt_falls": _debt(flows, claim, cash),
        "owner_shares": _owner(known),
        "reliable": (about.grades.get(grade, "cannot"), {"grade": grade or ""}),
        "not_serial": (legality.serial(claim, known, rules), {"repaid_share": claim.repaid_share}),
        "legal_term": _legal(legal),
    }
    rows = [(name, test, outcome, json.dumps(seen), about.basis) for test, (outcome, seen) in found.items()]
    return pd.DataFrame(rows, columns=COLUMNS)


def _cover(dscr: pd.DataFrame, rules: Rules) -> tuple[str, dict]:
    """Every year's cover, base and stressed, at least 1, more from the second year on."""
    about, judged = rules.viability, dscr.dropna(subset="dscr")
    if judged.empty:
        return "cannot", {}
    need = np.where(judged["year"] < about.later_from_year, about.dscr, about.dscr_later)
    lowest = judged.groupby("stress")["dscr"].min().reindex(STRESSES)
    seen = {name: round(float(value), 4) for name, value in lowest.dropna().items()}
    return "pass" if (judged["dscr"] >= need - 1e-9).all() else "fail", seen


def _debt(flows: Flows, claim: Claim, cash: Cash) -> tuple[str, dict]:
    """Debt over EBITDA falls from the first forecast year to the last, others' debt unchanged."""
    if cash.reason or np.isnan(cash.debt):
        return "cannot", {}
    years = len(cash.ebitda) // YEAR
    earned = cash.earnings(years * YEAR).reshape(years, YEAR).sum(axis=1)
    if (earned <= 0).any():
        return "fail", {"ebitda": round(float(earned.min()), 2)}
    owed = [
        cash.debt - claim.balance + flows.opening - flows.principal[flows.months <= 12 * n].sum() for n in (0, years)
    ]
    first, last = owed[0] / earned[0], owed[1] / earned[-1]
    return "pass" if last < first else "fail", {"first": round(float(first), 4), "last": round(float(last), 4)}


def _owner(known: Known) -> tuple[str, dict]:
    if known.owner_support is None:
        return "cannot", {}
    return "pass" if known.owner_support > 0 else "fail", {"owner_support": known.owner_support}


def _legal(legal: pd.DataFrame) -> tuple[str, dict]:
    mine = legal[legal["check"].isin(_OF_TERMS)]
    failed = [*mine.loc[mine["outcome"] == "fail", "check"]]
    return "fail" if failed else "pass", {"failed": failed}
