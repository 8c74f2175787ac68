"""What the law and the classification rules say of each way: caps on terms, duties, serial restructuring, the class.

Each check passes, fails, is a task (allowed with something to do) or cannot be judged, with what was found, the limit
and its basis (DOMAIN §2.3, §1.4, §8.2). Only a fail bars a way.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from postloan.judgement import classification
from postloan.judgement.options import Claim, Flows, extension
from postloan.judgement.workout_rules import Band, Known, Option, Rules
from postloan.tables import CLASSES

COLUMNS = ["option", "check", "outcome", "found", "limit", "unit", "basis"]
EFFECTS = [
    "option",
    "class_before",
    "class_now",
    "class_after",
    "change",
    "observation_from",
    "observation_until",
    "articles",
]
_SLACK = 1e-6


def allowed(claim: Claim, known: Known, rules: Rules) -> float:
    """Months a loan may still be extended: its band's cap less earlier extensions, inside the product's last cap."""
    band = _band(claim, known, rules)
    granted = _granted(claim, known)
    cap = band.months if band.share_of_term is None else band.share_of_term * granted
    most = rules.legal.terms[claim.product].most
    room = np.inf if most is None else most - claim.granted_months
    return float(max(min(cap - _extended(claim, known), room), 0.0))


def _extended(claim: Claim, known: Known) -> float:
    """How long the loan was extended before, as officers know or the plans tell; 0 where neither does."""
    return float(np.nan_to_num(claim.extended_months)) if known.extended_months is None else known.extended_months


def _granted(claim: Claim, known: Known) -> float:
    """The term the loan was first granted for, earlier extensions taken off."""
    return claim.granted_months - _extended(claim, known)


def _band(claim: Claim, known: Known, rules: Rules) -> Band:
    bands = rules.legal.extension
    return next((band for band in bands if _granted(claim, known) <= band.up_to_months + 0.1), bands[-1])


def checks(
    name: str, option: Option, flows: Flows | None, claim: Claim, known: Known, *, sources: pd.DataFrame,
    rules: Rules, last_class: str | None,
) -> list[tuple]:  # fmt: skip
    """Every legal check of one option, a tuple each (COLUMNS); `sources` are those of `recovery.sources`."""
    rows = []
    if option.kind == "reschedule":
        rows += [_extension(option, claim, known, rules), _term(option, claim, known, rules)]
        rows += [_grace(option, claim, rules), _serial(option, claim, known, rules), _ends(flows, claim, rules)]
    if option.kind == "enforce":
        rows.append(_due(claim, known, rules))
    if option.kind == "write_off":
        rows.append(_write_off(sources, last_class, rules))
    rows += _duties(option, sources, rules)
    return [(name, *row) for row in rows if row]


def _extension(option: Option, claim: Claim, known: Known, rules: Rules) -> tuple:
    """Within what the law allows; who cannot say the loan was never extended has to make sure."""
    band, limit = _band(claim, known, rules), allowed(claim, known, rules)
    longer = extension(option, claim, limit)
    if longer > limit + _SLACK:
        return ("extension", "fail", longer, limit, "months", band.basis)
    sure = known.extended_months is not None or not np.isnan(claim.extended_months) or longer <= _SLACK
    return ("extension", "pass" if sure else "task", longer, limit, "months", band.basis)


def _term(option: Option, claim: Claim, known: Known, rules: Rules) -> tuple:
    """The whole term with the extension inside the product's cap; above it only with the approval it takes."""
    cap = rules.legal.terms[claim.product]
    whole = claim.granted_months + extension(option, claim, allowed(claim, known, rules))
    if whole <= cap.months + _SLACK or whole <= claim.granted_months + _SLACK:
        return ("term", "pass", whole, cap.months, "months", cap.basis)
    if cap.most is not None and whole > cap.most + _SLACK:
        return ("term", "fail", whole, cap.most, "months", cap.basis)
    approved = known.long_cash_cycle if cap.most is not None else known.head_office_approval
    outcome = {True: "pass", False: "fail", None: "task"}[approved]
    return ("term", outcome, whole, cap.months, "months", cap.basis)


def _grace(option: Option, claim: Claim, rules: Rules) -> tuple | None:
    if not option.grace_months:
        return None
    cap = rules.legal.project_grace_months if claim.product == "project" else rules.legal.grace_months
    outcome = "pass" if option.grace_months <= cap.months else "fail"
    return ("grace", outcome, float(option.grace_months), float(cap.months), "months", cap.basis)


def before_now(claim: Claim, known: Known) -> bool | None:
    """Whether the loan was restructured before; None where neither the book nor an officer tells."""
    return (
        claim.restructured if known.under_observation is None else known.under_observation or bool(claim.restructured)
    )


def serial(claim: Claim, known: Known, rules: Rules) -> str:
    """Whether this would be a second restructuring with nothing repaid in between: pass, fail or cannot."""
    before = before_now(claim, known)
    if before is None:
        return "cannot"
    return "fail" if before and claim.repaid_share <= rules.viability.repaid_share + _SLACK else "pass"


def _serial(option: Option, claim: Claim, known: Known, rules: Rules) -> tuple | None:
    """Restructured before: the class falls to substandard at least (Art. 22); told here, judged by viability."""
    if not option.eased or not before_now(claim, known):
        return None
    return ("again", "task", claim.repaid_share, rules.viability.repaid_share, "share", rules.viability.basis)


def _ends(flows: Flows, claim: Claim, rules: Rules) -> tuple:
    """All principal is repaid by the end: nothing is left to a last great instalment outside the plan."""
    left = flows.opening - flows.principal.sum()
    outcome = "pass" if left <= max(_SLACK * claim.balance, 0.01) else "fail"
    return ("repaid_in_full", outcome, float(left), 0.0, "money", rules.legal.repaid_in_full.basis)


def _due(claim: Claim, known: Known, rules: Rules) -> tuple:
    """Only what is overdue, or what the contract lets the bank call, can be enforced."""
    late = claim.days_overdue > 0 or known.may_call is True
    return ("due", "pass" if late else "fail", claim.days_overdue, 0.0, "days", rules.legal.due.basis)


def _write_off(sources: pd.DataFrame, last_class: str | None, rules: Rules) -> tuple:
    """Every means exhausted first: no collateral left, and the class that allows it."""
    left, about = float((sources["value"] * sources["share"]).sum()), rules.write_off
    if last_class is None:
        outcome = "fail" if left > 0 else "cannot"
    else:
        outcome = "pass" if last_class in about.classes and left <= 0 else "fail"
    return ("exhausted", outcome, left, 0.0, "money", about.basis)


def _duties(option: Option, sources: pd.DataFrame, rules: Rules) -> list[tuple]:
    marks, steps = {*option.features, option.kind}, {*sources["step"]}
    return [
        (f"duty.{name}", "task", np.nan, np.nan, "", duty.basis)
        for name, duty in rules.legal.duties.items()
        if marks & {*duty.comes_with} and (duty.needs is None or duty.needs in steps)
    ]


def effects(
    claim: Claim, flows: dict[str, Flows | None], known: Known, rules: Rules, *,
    asset: dict | None = None, debtor: dict | None = None, last_class: str | None = None,
) -> pd.DataFrame:  # fmt: skip
    """The class each option leads to and until when it is observed, a row an option (EFFECTS).

    `asset` and `debtor` are the facts for `classification.classify` known today; each option is classified with its own
    changes on top: a concession to a debtor in difficulty, watched from the first repayment (Art. 20). Sold or written
    off, the loan leaves the books: no class. `class_before` is the last approved, `class_now` what is suggested today.
    """
    rows = pd.DataFrame([_facts(name, claim, flows[name], known, rules, asset or {}) for name in flows])
    people = pd.DataFrame([{"segment": "corporate", **(debtor or {}), "borrower_id": name} for name in flows])
    past = {"asset_id": [*flows], "on": claim.as_of - pd.Timedelta(days=1), "class": last_class, "approved_by": "book"}
    history = pd.DataFrame(past) if last_class else None
    told = classification.classify(rows, claim.as_of, debtors=people, history=history)
    fired = told.triggers[(told.triggers["outcome"] == "fires") & (told.triggers["rule_set"] != "ifrs_9")]
    articles = fired.groupby("asset_id")["article"].agg(lambda all_: ", ".join(dict.fromkeys(all_)))
    made = told.assets.set_index("asset_id")
    after = made["suggested"].astype(object).where(made["suggested"].notna(), None)
    gone = [name for name in flows if rules.options[name].kind in ("sell", "write_off")]
    after[gone] = None
    now = made.at[_keep(rules), "suggested"]
    frame = pd.DataFrame({"option": [*flows], "class_before": last_class or now, "class_now": now})
    frame["class_after"] = after.reindex(frame["option"]).to_numpy()
    frame["change"] = [_change(*pair) for pair in zip(frame["class_before"], frame["class_after"], strict=True)]
    frame.loc[frame["option"].isin(gone), "change"] = "leaves"
    watched = made["observation_until"].reindex(frame["option"])
    frame["observation_from"] = rows.set_index("asset_id")["observation_from"].reindex(frame["option"]).to_numpy()
    frame["observation_until"] = watched.to_numpy()
    frame["articles"] = articles.reindex(frame["option"]).fillna("").to_numpy()
    return frame[EFFECTS]


def _keep(rules: Rules) -> str:
    return next(name for name, option in rules.options.items() if option.kind == "keep")


def _facts(name: str, claim: Claim, flows: Flows | None, known: Known, rules: Rules, asset: dict) -> dict:
    """What would be known of the loan on the signing day under an option."""
    late = {f"{part}_days_overdue": claim.days_overdue for part in ("principal", "interest")}
    told = {**late, **asset, "asset_id": name, "borrower_id": name, "amount": claim.balance}
    told = {"observation_from": pd.NaT, **told, "counted_on": claim.as_of}
    option = rules.options[name]
    if option.kind == "enforce":
        return told | {"credit_impaired": True, "credit_impaired_on": claim.as_of}
    if option.kind != "reschedule" or not option.eased:
        return told
    first = flows.months[(flows.months > 0) & (flows.service > 0)]
    start = claim.day(first[0] if len(first) else claim.every)
    again = bool(before_now(claim, known))
    told |= {"concession": True, "concession_on": claim.as_of, "difficulty": True, "difficulty_on": claim.as_of}
    told |= {"observation_from": start, "repayment_months": float(claim.every), "payment_missed": False}
    return told | {"restructured_again": again}


def _change(before: object, after: object) -> str:
    if before is None or after is None or pd.isna(before) or pd.isna(after):
        return "unknown"
    step = CLASSES.index(after) - CLASSES.index(before)
    return "same" if step == 0 else "worse" if step > 0 else "better"
