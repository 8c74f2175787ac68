"""How much of the book hangs on one name, group, industry or region, and how far that is from limits (DOMAIN §9)."""

from __future__ import annotations

import numpy as np
import pandas as pd

from postloan.portfolio import policy as policies
from postloan.portfolio.policy import UNKNOWN, Policy

SPREAD = ["by", "units", "hhi", "effective", "largest", "largest_share", "reason"]
LIMITS = ["by", "of", "unit", "exposure", "base", "share", "limit", "headroom", "state", "over", "basis"]


def hhi(amounts: pd.Series) -> float:
    """The Herfindahl index of amounts, the sum of squared shares, from 1/n to 1; NaN where they sum to nothing."""
    total = amounts.sum()
    return float(((amounts / total) ** 2).sum()) if total > 0 else np.nan


def units(standing: pd.DataFrame, groups: pd.DataFrame) -> dict[str, pd.Series]:
    """What each name, group, industry and region owes, the largest first; borrowers of unknown exposure are left out.

    `groups` (borrower_id, group) are borrowers that belong together; others are a group of their own.
    """
    owed = standing[standing["exposure"] > 0]
    tied = groups[["borrower_id", "group"]].drop_duplicates("borrower_id").set_index("borrower_id")["group"]
    group = owed["borrower_id"].map(tied) if len(tied) else None
    keys = {
        "name": owed["borrower_id"],
        "group": owed["borrower_id"] if group is None else group.fillna(owed["borrower_id"]),
        "industry": owed["industry"].astype(object).fillna(UNKNOWN),
        "region": owed["region"].astype(object).fillna(UNKNOWN),
    }
    return {name: owed["exposure"].groupby(key).sum().sort_values(ascending=False) for name, key in keys.items()}


def spread(owed: dict[str, pd.Series]) -> pd.DataFrame:
    """The Herfindahl index, effective number (1 / index) and largest unit of each view (SPREAD); reason `no_exposure`
    where nothing is known to be owed. `owed` is `units`."""
    rows = []
    for by, amounts in owed.items():
        index, total = hhi(amounts), amounts.sum()
        told = {"by": by, "units": len(amounts), "hhi": index, "effective": 1 / index, "reason": None}
        largest = {"largest": amounts.index[0], "largest_share": amounts.iloc[0] / total} if total > 0 else {}
        rows.append({**told, "largest": None, "largest_share": np.nan, **largest})
    told = pd.DataFrame(rows, columns=SPREAD)
    return told.assign(reason=told["hhi"].isna().map({True: "no_exposure", False: None}))


def limits(
    owed: dict[str, pd.Series], net_capital: float = np.nan, tier_one: float = np.nan, policy: Policy | None = None
) -> pd.DataFrame:
    """The largest unit under each limit (LIMITS): `share` of its base, `headroom` in money (below 0: over the limit),
    `over` how many units are over it.

    `state` is over, close, within, or cannot where the base (capital given in the currency of the amounts) or the
    exposure is not known. `owed` is `units`.
    """
    told = (policy or policies.load()).limits
    rows = []
    for limit in told.each:
        amounts = owed[limit.by]
        base = {"net_capital": net_capital, "tier_one": tier_one, "book": amounts.sum()}[limit.of]
        base = base if base > 0 else np.nan
        largest = amounts.iloc[0] if len(amounts) else np.nan
        rows.append({"by": limit.by, "of": limit.of, "unit": amounts.index[0] if len(amounts) else None,
                     "exposure": largest, "base": base, "limit": limit.share,
                     "over": int((amounts / base > limit.share).sum()), "basis": limit.basis})  # fmt: skip
    found = pd.DataFrame(rows)
    found["share"] = found["exposure"] / found["base"]
    found["headroom"] = found["limit"] * found["base"] - found["exposure"]
    used = found["share"] / found["limit"]
    found["state"] = np.select([used.isna(), used > 1, used >= told.close], ["cannot", "over", "close"], "within")
    return found[LIMITS]


def large(owed: dict[str, pd.Series], tier_one: float = np.nan, policy: Policy | None = None) -> pd.Series:
    """The units whose exposure is large by params, the largest first; empty where tier-one capital is not known. `owed`
    is `units`."""
    told = (policy or policies.load()).limits.large
    amounts = owed[told.by]
    return amounts[amounts >= told.share * tier_one] if tier_one > 0 else amounts.iloc[:0]


def above(owed: dict[str, pd.Series], found: pd.DataFrame) -> pd.DataFrame:
    """Every unit that is over or close to a limit, not the largest only: by, of, unit, exposure, share, headroom.

    `owed` is `units`, `found` is `limits`.
    """
    rows = []
    for limit in found[found["state"].isin(["over", "close"])].itertuples():
        used = owed[limit.by] / limit.base / limit.limit
        hit = owed[limit.by][used >= policies.load().limits.close]
        told = pd.DataFrame({"unit": hit.index, "exposure": hit.to_numpy()}).assign(by=limit.by, of=limit.of)
        rows.append(told.assign(share=hit.to_numpy() / limit.base, headroom=limit.limit * limit.base - hit.to_numpy()))
    columns = ["by", "of", "unit", "exposure", "share", "headroom"]
    return pd.concat(rows, ignore_index=True)[columns] if rows else pd.DataFrame(columns=columns)
