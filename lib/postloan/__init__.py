"""Post-loan tracking: the door through which notebooks reach the library."""

from postloan import loan_flags, tables
from postloan.analysis import debt, outlook, periods, ratios, reliability, scores, servicing, talks
from postloan.book.store import open_book
from postloan.judgement import classification, early_warning, exposures, loan_facts, monitoring, rules, sight, workout
from postloan.measures import measures
from postloan.report import (
    assurance,
    case,
    changes,
    charts,
    conversations,
    exhibits,
    facilities,
    forecasts,
    narrative,
    record,
    remedies,
    remedy_charts,
    remedy_tables,
    signals,
    verdict,
)
from postloan.wording import texts

__all__ = [
    "assurance",
    "case",
    "changes",
    "charts",
    "classification",
    "conversations",
    "debt",
    "early_warning",
    "exhibits",
    "exposures",
    "facilities",
    "forecasts",
    "loan_facts",
    "loan_flags",
    "measures",
    "monitoring",
    "narrative",
    "open_book",
    "outlook",
    "periods",
    "ratios",
    "record",
    "reliability",
    "remedies",
    "remedy_charts",
    "remedy_tables",
    "rules",
    "scores",
    "servicing",
    "sight",
    "signals",
    "tables",
    "talks",
    "texts",
    "verdict",
    "workout",
]
