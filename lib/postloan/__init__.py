"""Post-loan tracking: the door through which notebooks reach the library."""

from postloan import tables
from postloan.analysis import periods, ratios, scores
from postloan.book.store import open_book
from postloan.measures import measures
from postloan.report import charts, exhibits, narrative, record
from postloan.wording import texts

__all__ = [
    "charts",
    "exhibits",
    "measures",
    "narrative",
    "open_book",
    "periods",
    "ratios",
    "record",
    "scores",
    "tables",
    "texts",
]
