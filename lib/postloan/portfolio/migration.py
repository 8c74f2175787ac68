"""How loans move between classes and buckets of lateness from one date to the next (cohort method, DOMAIN §9)."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd

from postloan.portfolio import policy as policies
from postloan.portfolio.history import REPAID, UNPAID
from postloan.portfolio.policy import UNKNOWN, Policy
from postloan.tables import CLASSES

ABSORBING = (REPAID, UNPAID)
STATES = (*CLASSES, UNKNOWN, *ABSORBING)
NPL = CLASSES[2:]
FORMATION = ["from_day", "to_day", "performing", "inflow", "rate"]


def transitions(states: pd.DataFrame, step: int = 1) -> pd.DataFrame:
    """Every loan from each date to the one `step` dates later: from_day, to_day, from_state, to_state, balance (at the
    start), currency.

    `states` has as_of, borrower_id, loan_id, state, balance, currency on dates all loans share. Loans that had already
    ended are no part of a cohort; new ones enter with the next date.
    """
    states = states.astype({"as_of": "datetime64[us]", "balance": float})
    days = sorted(states["as_of"].unique())
    later = dict(zip(days, days[step:], strict=False))
    start = states[~states["state"].isin(ABSORBING)].assign(
        to_day=lambda rows: pd.to_datetime(rows["as_of"].map(later))
    )
    end = states[["as_of", "borrower_id", "loan_id", "state"]]
    end = end.rename(columns={"as_of": "to_day", "state": "to_state"})
    moved = start.dropna(subset="to_day").merge(end, on=["to_day", "borrower_id", "loan_id"])
    named = moved.rename(columns={"as_of": "from_day", "state": "from_state"})
    return named[["from_day", "to_day", "borrower_id", "loan_id", "from_state", "to_state", "balance", "currency"]]


def matrix(
    moved: pd.DataFrame, states: tuple[str, ...] = STATES, *, weight: str | None = None, few: int | None = None
) -> pd.DataFrame:
    """P(i, j) = N(i, j) / N(i): a row each state a loan may leave, a column each state, `count` (or sum of `weight`)
    and `reason` (empty, few or none).

    `moved` is `transitions`, one or more dates pooled. A state nobody was in has NaN shares and the reason `empty`,
    not zeros; below `few` loans (params) the row is there with the reason `few`.
    """
    few = policies.load().migration.few if few is None else few
    rows, ends = [state for state in states if state not in ABSORBING], [*states]
    loans = moved.groupby("from_state").size().reindex(rows, fill_value=0)
    size = moved[weight] if weight else pd.Series(1.0, index=moved.index)
    summed = size.groupby([moved["from_state"], moved["to_state"]]).sum().unstack(fill_value=0.0)
    summed = summed.reindex(index=rows, columns=ends, fill_value=0.0)
    whole = summed.sum(axis=1)
    told = summed.div(whole.where(whole > 0), axis=0)
    reason = np.select([loans == 0, loans < few], ["empty", "few"], "")
    return told.assign(count=whole if weight else loans, reason=reason).rename_axis(index="state", columns=None)


def formation(moved: pd.DataFrame) -> pd.DataFrame:
    """New non-performing over opening performing balances from date to date (FORMATION); NaN where none was performing.

    `moved` is `transitions` in one currency.
    """
    performing = moved[moved["from_state"].isin([*CLASSES[:2], UNKNOWN])]
    fell = performing["balance"].where(performing["to_state"].isin(NPL), 0.0)
    by = performing.assign(inflow=fell).groupby(["from_day", "to_day"])
    told = by.agg(performing=("balance", "sum"), inflow=("inflow", "sum")).reset_index()
    told["rate"] = told["inflow"] / told["performing"].where(told["performing"] > 0)
    return told[FORMATION]


def buckets(policy: Policy | None = None) -> tuple[str, ...]:
    """The buckets of days overdue, by name: 0, 1-30, ..., >360."""
    edges = (policy or policies.load()).migration.overdue_edges
    inner = [f"{low + 1}-{high}" for low, high in pairwise(edges)]
    return ("0", *inner, f">{edges[-1]}")


def by_lateness(loans: pd.DataFrame, policy: Policy | None = None) -> pd.DataFrame:
    """`history` loans with the bucket of days overdue as state, for roll rates; ended loans keep theirs, loans whose
    lateness is not known are `unknown`."""
    policy = policy or policies.load()
    edges = [-np.inf, *policy.migration.overdue_edges, np.inf]
    bucket = pd.cut(loans["days_overdue"].astype(float), edges, labels=buckets(policy)).astype(object)
    ended = loans["state"].isin(ABSORBING)
    return loans.assign(state=loans["state"].where(ended, bucket.fillna(UNKNOWN)))


def rolls(moved: pd.DataFrame, policy: Policy | None = None) -> pd.DataFrame:
    """Roll rates: of the loans in each bucket the share that got worse, stayed, got better or ended, a row a bucket:
    bucket, count, worse, same, better, ended, reason. `moved` is `transitions` of `by_lateness`."""
    names = buckets(policy)
    place = {name: number for number, name in enumerate(names)}
    rows = moved[moved["from_state"].isin(place)]
    start, end = rows["from_state"].map(place), rows["to_state"].map(place)
    ended = rows["to_state"].isin(ABSORBING)
    kinds = {"worse": end > start, "same": end == start, "better": (end < start) & ~ended, "ended": ended}
    told = pd.DataFrame({name: kind.groupby(rows["from_state"]).mean() for name, kind in kinds.items()})
    told = told.reindex(list(names)).rename_axis("bucket").reset_index()
    count = rows["from_state"].value_counts().reindex(list(names), fill_value=0).to_numpy()
    return told.assign(count=count, reason=np.where(count == 0, "empty", ""))
