"""Post-loan tracking: the door through which notebooks reach the library.

A name is imported when it is first asked for, so that a command needs only the rooms it enters.
"""

from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

from postloan.measures import measures

__all__ = [
    "account_story",
    "assumptions",
    "assurance",
    "backlog",
    "backtest",
    "backtested",
    "book_trial",
    "capacity",
    "case",
    "changes",
    "charts",
    "chasing",
    "classification",
    "client_file",
    "client_limits",
    "collateral",
    "concentration",
    "contacts",
    "contagion",
    "conversations",
    "covenants",
    "data_quality",
    "debt",
    "early_warning",
    "environment",
    "exhibits",
    "exposures",
    "facilities",
    "forecasts",
    "groups",
    "guarantors",
    "hazard_opinion",
    "hazard_params",
    "hindsight",
    "history",
    "industries",
    "industry_charts",
    "industry_tables",
    "kindred",
    "kinship",
    "loan_facts",
    "loan_flags",
    "measures",
    "migration",
    "mining",
    "monitoring",
    "narrative",
    "open_book",
    "outcomes",
    "outlook",
    "peers",
    "periods",
    "places",
    "policy",
    "portfolio_backlog",
    "portfolio_charts",
    "portfolio_moves",
    "portfolio_patterns",
    "portfolio_tables",
    "position",
    "probability",
    "proceeds",
    "protection",
    "ratios",
    "record",
    "reliability",
    "remedies",
    "remedy_charts",
    "remedy_tables",
    "repayment",
    "replan",
    "replay",
    "replayed",
    "rules",
    "scores",
    "screen",
    "sensitivity",
    "servicing",
    "settings",
    "sight",
    "signals",
    "signing",
    "stance",
    "standing",
    "stress",
    "tables",
    "talks",
    "texts",
    "trials",
    "verdict",
    "vintage",
    "whole_book",
    "working_need",
    "worklist",
    "workout",
]

_ROOMS = ("analysis", "book", "judgement", "portfolio", "report")
_FUNCTIONS = {"open_book": "postloan.book.store", "texts": "postloan.wording"}


def __getattr__(name: str) -> object:
    """A module of any room, or one of the few functions; AttributeError for what the door does not offer."""
    if name not in __all__:
        raise AttributeError(f"module 'postloan' has no attribute {name!r}")
    if name in _FUNCTIONS:
        return getattr(import_module(_FUNCTIONS[name]), name)
    places = [f"postloan.{room}.{name}" for room in _ROOMS]
    module = import_module(next((place for place in places if find_spec(place)), f"postloan.{name}"))
    module.__dir__ = lambda: _own(module)
    return module


def _own(module: ModuleType) -> list[str]:
    """What Tab shows of a module: what it defines itself and does not hide."""
    own = (name for name, value in vars(module).items() if getattr(value, "__module__", None) == module.__name__)
    return [name for name in own if not name.startswith("_")]


def __dir__() -> list[str]:
    return list(__all__)
