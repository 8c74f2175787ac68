"""Restructure, enforce, sell or write off: every way side by side, which one loses least, and what would change that.

The door of DOMAIN §8: `claim` and `situation` gather a loan as it stands, `compare` values every option of
params/workout.yml, `recommend` names the best expected value among the legally possible and viable ones, `sensitivity`
moves each assumption and asks again. The suite suggests; a human decides.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from postloan.judgement import options, recovery
from postloan.judgement import workout_rules as rules_of
from postloan.judgement.advice import Advice, recommend, sensitivity
from postloan.judgement.cash import Cash, available, unknown
from postloan.judgement.comparison import Case, Compared, compare
from postloan.judgement.options import Claim
from postloan.judgement.workout_rules import Rules, load

__all__ = [
    "Advice",
    "Case",
    "Claim",
    "Compared",
    "available",
    "claim",
    "compare",
    "load",
    "recommend",
    "sensitivity",
    "situation",
    "unknown",
]


def claim(
    side: dict[str, pd.DataFrame], state: pd.DataFrame, as_of: str, *, rules: Rules, loan_id: str = ""
) -> Claim | None:
    """The loan a plan is made for: `loan_id`, blank the longest overdue, else the largest; None where none owes.

    `side` are one borrower's loan tables, `state` the rows of `servicing.state`. ContractError names an unknown loan.
    """
    return options.claim(side, state, as_of, every=rules.marks.every_months, loan_id=loan_id)


def situation(
    side: dict[str, pd.DataFrame], state: pd.DataFrame, loan: Claim | None, *, rules: Rules, known: dict | None = None,
    balance: pd.Series | None = None, cash: Cash | None = None, grade: str | None = None,
    observed: pd.DataFrame | None = None, **facts: pd.DataFrame,
) -> Case:  # fmt: skip
    """What is known around a loan (`claim`), for `compare`.

    `side` and `state` as for `claim`, `balance` the newest balance sheet by item (None: none), `cash` what is available
    (None: not known), `known` the fields of `Known`, `grade` of the statements, `observed` (sight.COLUMNS) tells of
    covenants broken, which may or may not be an event of default of the contract; `facts` are `assets`, `debtors` and
    `history` as `classification.classify` takes them. Money used otherwise than agreed lets the bank call the loan
    (Civil Code Art. 673) unless officers say that it may not. RuleError says what is wrong with `known`.
    """
    told, (asset, debtor, last) = rules_of.known(known or {}, rules), _facts(loan, **facts)
    if told.may_call is None and asset.get("use_changed"):
        told = told.model_copy(update={"may_call": True})
    about = {
        "breaches": _breaches(observed),
        "known": told,
        "asset": asset,
        "debtor": debtor,
        "last_class": last,
        "grade": grade,
    }
    if loan is None:
        none = pd.DataFrame(columns=recovery.SOURCES)
        return Case(None, none, np.nan, "no_loan", unknown("no_loan"), **about)
    found = recovery.sources(side, loan, state, rules.recovery)
    pledged = recovery.priced(found[found["step"] == "collateral"].to_dict("records"), rules.recovery)
    share, reason = recovery.estate(balance, rules.recovery, secured=sum(row["net"] for row in pledged))
    return Case(loan, found, share, reason, cash or unknown("not_given"), **about)


def _breaches(observed: pd.DataFrame | None) -> int:
    """How many covenants stand broken; none where nobody looked."""
    found = [] if observed is None else observed.loc[observed["metric"] == "covenants_breached", "value"]
    return int(max(found, default=0))


def _facts(
    loan: Claim | None, assets: pd.DataFrame | None = None, debtors: pd.DataFrame | None = None,
    history: pd.DataFrame | None = None,
) -> tuple[dict, dict, str | None]:  # fmt: skip
    """What is known of the loan and its debtor, blanks left out, and the class last approved."""
    if loan is None:
        return {}, {}, None
    names = [f"{loan.borrower_id}/{loan.loan_id}", loan.borrower_id]
    asset, debtor = _row(assets, "asset_id", names), _row(debtors, "borrower_id", names[1:])
    past = None if history is None else history[history["asset_id"].isin(names)].sort_values("on", kind="stable")
    return asset, debtor, past["class"].iloc[-1] if past is not None and len(past) else None


def _row(table: pd.DataFrame | None, key: str, names: list[str]) -> dict:
    """The first row of any of these names, the sooner named the better, without its blanks."""
    for name in names if table is not None else ():
        found = table[table[key] == name]
        if len(found):
            return found.iloc[0].dropna().to_dict()
    return {}
