"""Restructure, enforce, sell or write off: every way side by side, which one loses least, and what would change that.

The door of DOMAIN §8: `situation` gathers a loan as it stands, `compare` values every option of params/workout.yml,
`recommend` names the best expected value among the legally possible and viable ones, `sensitivity` moves each
assumption and asks again. The suite suggests; a human decides.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from postloan.judgement import options, recovery
from postloan.judgement import workout_rules as rules_of
from postloan.judgement.advice import Advice, recommend, sensitivity
from postloan.judgement.cash import Cash, available, unknown
from postloan.judgement.comparison import Case, Compared, compare
from postloan.judgement.workout_rules import Rules, load

__all__ = [
    "Advice",
    "Case",
    "Compared",
    "available",
    "compare",
    "load",
    "recommend",
    "sensitivity",
    "situation",
    "unknown",
]


def situation(
    side: dict[str, pd.DataFrame], state: pd.DataFrame, as_of: str, *, rules: Rules, loan_id: str = "",
    known: dict | None = None, balance: pd.Series | None = None, cash: Cash | None = None, **facts: object,
) -> Case:  # fmt: skip
    """Gather one borrower's loan (`loan_id`, blank: the largest) as of a day.

    `side` are its loan tables, `state` the rows of `servicing.state`, `balance` its newest balance sheet by item (None:
    none), `cash` what is available for service (None: not known), `known` the fields of `Known`, `facts` further fields
    of `Case`. ContractError names an unknown loan, RuleError what is wrong with `known`.
    """
    told = rules_of.known(known or {}, rules)
    claim = options.claim(side, state, as_of, every=rules.marks.every_months, loan_id=loan_id)
    if claim is None:
        return Case(None, pd.DataFrame(columns=recovery.SOURCES), np.nan, "no_loan", unknown("no_loan"), told, **facts)
    found = recovery.sources(side, claim, state, rules.recovery)
    pledged = recovery.priced(found[found["step"] == "collateral"].to_dict("records"), rules.recovery)
    share, reason = recovery.estate(balance, rules.recovery, secured=sum(row["net"] for row in pledged))
    return Case(claim, found, share, reason, cash or unknown("not_given"), told, **facts)
