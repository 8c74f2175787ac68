"""Post-loan tracking: the door through which notebooks reach the library."""

from postloan import loan_flags, tables
from postloan.analysis import outlook, peers, periods, ratios, reliability, scores, servicing, talks
from postloan.book import contacts
from postloan.book.store import open_book
from postloan.judgement import classification, early_warning, exposures, hindsight, loan_facts, monitoring, rules, sight
from postloan.measures import measures
from postloan.portfolio import replay
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
    position,
    record,
    replayed,
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
    "contacts",
    "conversations",
    "early_warning",
    "exhibits",
    "exposures",
    "facilities",
    "forecasts",
    "hindsight",
    "loan_facts",
    "loan_flags",
    "measures",
    "monitoring",
    "narrative",
    "open_book",
    "outlook",
    "peers",
    "periods",
    "position",
    "ratios",
    "record",
    "reliability",
    "replay",
    "replayed",
    "rules",
    "scores",
    "servicing",
    "sight",
    "signals",
    "tables",
    "talks",
    "texts",
    "verdict",
]
