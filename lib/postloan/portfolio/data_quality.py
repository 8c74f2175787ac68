"""Whose file has the most gaps: missing items, late statements, old valuations, silence, what could not be judged."""

from __future__ import annotations

import numpy as np
import pandas as pd

from postloan import chart, tables
from postloan.analysis import collateral
from postloan.analysis.periods import Panel
from postloan.portfolio import policy as policies
from postloan.portfolio.policy import UNKNOWN, Policy, Quality
from postloan.portfolio.screen import Judged, Known

LEAGUE = [
    "borrower_id", "gaps", "missing", "items", "period_end", "late_days", "flags", "old_valuations", "collateral_gaps",
    "contact_days", "quiet", "exposure_unknown", "class_unknown", "unjudged",
]  # fmt: skip


def league(
    standing: pd.DataFrame, panel: Panel, judged: Judged, known: Known, as_of: str, policy: Policy | None = None
) -> pd.DataFrame:
    """A row a borrower (LEAGUE), the most gaps first, then the largest exposure.

    `missing` of the items of params at the newest period (`items` by name); `late_days` past the day the next
    statements should have been known by, by the borrower's own rhythm; `flags` on its newest four periods that do not
    balance or jump; `old_valuations` and `collateral_gaps` (not registered, uninsured, unknown) pieces of collateral;
    `contact_days` since the last talk (NaN: none on record). `gaps` counts how many kinds of gap there are, `unjudged`
    rules for want of figures not among them.
    """
    quality = (policy or policies.load()).quality
    rows = standing.set_index("borrower_id", drop=False)
    told = rows[["borrower_id", "period_end", "unjudged", "exposure"]].join(_missing(panel, quality))
    told = told.join(_late(panel, as_of, quality)).join(_flagged(panel))
    told = told.join(_collateral(known, judged, as_of)).join(_silence(known, as_of))
    told["exposure_unknown"] = rows["reason"].notna() & (rows["reason"] == "no_loans")
    told["class_unknown"] = rows["class"] == UNKNOWN
    told = told.fillna({"flags": 0, "old_valuations": 0, "collateral_gaps": 0})
    talk = known.side is not None and len(known.side["contacts"]) > 0
    quiet = ~(told["contact_days"] <= quality.contact_days) if talk else pd.Series(False, index=told.index)
    counts = [told["missing"] > 0, told["late_days"] > 0, told["flags"] > 0, told["old_valuations"] > 0]
    told["quiet"] = quiet
    counts += [told["collateral_gaps"] > 0, quiet, told["exposure_unknown"], told["class_unknown"]]
    told["gaps"] = np.sum([each.fillna(False).to_numpy(bool) for each in counts], axis=0)
    order = ["gaps", "missing", "exposure", "borrower_id"]
    told = told.reset_index(drop=True).sort_values(order, ascending=[False, False, False, True], ignore_index=True)
    return told[LEAGUE]


def _missing(panel: Panel, quality: Quality) -> pd.DataFrame:
    """How many of the items asked for are missing at each borrower's newest period, and which."""
    latest = ~panel.rows["borrower_id"].duplicated(keep="last")
    views = {name: panel.view("end" if name in chart.stocks() else "ttm")[latest] for name in quality.items}
    lacks = {name: view[name].isna() if name in view else pd.Series(True, view.index) for name, view in views.items()}
    table = pd.DataFrame(lacks).set_axis(panel.rows.loc[latest, "borrower_id"], axis=0)
    items = [",".join(table.columns[line]) for line in table.to_numpy()]
    return pd.DataFrame({"missing": table.sum(axis=1), "items": items}, index=table.index)


def _late(panel: Panel, as_of: str, quality: Quality) -> pd.Series:
    """Days past the day by which the period after the newest should have been known, 0 where in time."""
    by = panel.rows.groupby("borrower_id")["period_end"]
    gap = panel.rows["period_end"].groupby(panel.rows["borrower_id"]).diff().dt.days
    usual = gap.groupby(panel.rows["borrower_id"]).median().fillna(365)
    wanted = by.max() + pd.to_timedelta(usual + quality.filing_days, "D")
    return (pd.Timestamp(as_of) - wanted).dt.days.clip(lower=0).rename("late_days")


def _flagged(panel: Panel) -> pd.Series:
    found = tables.statement_flags(panel.statements, newest=4)
    return found.groupby("borrower_id").size().rename("flags")


def _collateral(known: Known, judged: Judged, as_of: str) -> pd.DataFrame:
    """Pieces of collateral behind what is owed with an old valuation, and with other gaps."""
    columns = ["old_valuations", "collateral_gaps"]
    if judged.loans is None or judged.loans.empty:
        return pd.DataFrame(columns=columns, dtype=float)
    held = collateral.assets(known.side, judged.loans, as_of)
    codes = held.loc[held["claim"] > 0, ["borrower_id", "concerns"]]
    old = codes["concerns"].str.contains("valuation_old")
    other = codes["concerns"].str.contains("unregistered|unknown|uninsured")
    told = pd.DataFrame({columns[0]: old.astype(int), columns[1]: other.astype(int)})
    return told.groupby(codes["borrower_id"]).sum()


def _silence(known: Known, as_of: str) -> pd.Series:
    blank = pd.Series(dtype=float, name="contact_days")
    if known.side is None or known.side["contacts"].empty:
        return blank
    last = known.side["contacts"].groupby("borrower_id")["held_on"].max()
    return (pd.Timestamp(as_of) - last).dt.days.rename("contact_days")
