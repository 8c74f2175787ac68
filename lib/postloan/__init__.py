"""Post-loan tracking: the door through which notebooks reach the library."""

from postloan import tables
from postloan.analysis import outlook, periods, ratios, reliability, scores
from postloan.book.store import open_book
from postloan.judgement import classification, early_warning, exposures, monitoring, rules, sight
from postloan.measures import measures
from postloan.report import assurance, case, changes, charts, exhibits, forecasts, narrative, record, signals, verdict
from postloan.wording import texts

__all__ = [
    "assurance",
    "case",
    "changes",
    "charts",
    "classification",
    "early_warning",
    "exhibits",
    "exposures",
    "forecasts",
    "measures",
    "monitoring",
    "narrative",
    "open_book",
    "outlook",
    "periods",
    "ratios",
    "record",
    "reliability",
    "rules",
    "scores",
    "sight",
    "signals",
    "tables",
    "texts",
    "verdict",
]
