"""Post-loan tracking: the door through which notebooks reach the library."""

from postloan import tables
from postloan.analysis import periods, ratios, scores
from postloan.book.store import open_book
from postloan.judgement import early_warning, rules, sight
from postloan.measures import measures
from postloan.report import charts, exhibits, narrative, record, signals
from postloan.wording import texts

__all__ = [
    "charts",
    "early_warning",
    "exhibits",
    "measures",
    "narrative",
    "open_book",
    "periods",
    "ratios",
    "record",
    "rules",
    "scores",
    "sight",
    "signals",
    "tables",
    "texts",
]
