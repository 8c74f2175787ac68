"""Can the debtor go on under the new terms: the tests of DOMAIN §8.2, each pass, fail or cannot, with evidence."""

from __future__ import annotations

import json

import numpy as np

from postloan.judgement import legality
from postloan.judgement.cash import Cash
from postloan.judgement.options import Claim, Flows
from postloan.judgement.valuation import YEAR
from postloan.judgement.workout_rules import Known, Rules

COLUMNS = ["option", "test", "outcome", "evidence", "basis"]
_OF_TERMS = ("extension", "term", "grace", "repaid_in_full")


def tests(
    name: str, flows: Flows, claim: Claim, cash: Cash, known: Known, *, dscr: list[tuple], legal: list[tuple],
    grade: str | None, rules: Rules,
) -> list[tuple]:  # fmt: skip
    """The tests of one option, a tuple each (COLUMNS); `evidence` is JSON of the figures a test saw.

    `dscr`: its cover as (option, stress, year, cash, service, dscr); `legal`: its legal checks; `grade`: how far the
    statements are supported.
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
    return [(name, test, outcome, json.dumps(seen), about.basis) for test, (outcome, seen) in found.items()]


def _cover(dscr: list[tuple], rules: Rules) -> tuple[str, dict]:
    """Every year's cover, base and stressed, at least 1, more from the second year on."""
    about, lowest, enough = rules.viability, {}, True
    for _, stress, year, *_, value in dscr:
        if not np.isnan(value):
            lowest[stress] = round(min(lowest.get(stress, np.inf), float(value)), 4)
            enough &= value >= (about.dscr if year < about.later_from_year else about.dscr_later) - 1e-9
    return ("pass" if enough else "fail", lowest) if lowest else ("cannot", {})


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


def _legal(legal: list[tuple]) -> tuple[str, dict]:
    failed = [check for _, check, outcome, *_ in legal if check in _OF_TERMS and outcome == "fail"]
    return "fail" if failed else "pass", {"failed": failed}
