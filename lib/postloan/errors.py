"""The one error family. Every message says what was expected, what was found, where, and what to do.

PostloanError
├── SourceError      a file or the book cannot be read as what it claims to be
├── ContractError    a table that passes between rooms breaks its contract
├── RuleError        something in params/ is wrong: a rule, a text, a chart, a class table
└── RunError         a run, its parameters or one of its reports cannot go on
"""

from __future__ import annotations

import traceback


class PostloanError(Exception):
    """Base of every error this library raises on purpose; in a notebook one readable paragraph, not forty frames."""

    def _render_traceback_(self) -> list[str]:
        """What IPython shows: the message, and the line of the analyst's cell that met it."""
        steps = traceback.extract_tb(self.__traceback__)
        mine = [step for step in steps if "ipykernel_" in step.filename or step.filename.startswith("<ipython")]
        met = f"\n  line {mine[-1].lineno} of the cell: {mine[-1].line}" if mine else ""
        return [f"{type(self).__name__}: {self}{met}"]


class SourceError(PostloanError):
    """An input file (or the book) is missing, unreadable or not what it claims to be."""


class ContractError(PostloanError):
    """A frame handed from one room to the next lacks columns, keys or types it must have."""


class RuleError(PostloanError):
    """A file under params/ is invalid: names the file, the field and what is allowed."""


class RunError(PostloanError):
    """A run cannot start or one of its reports failed."""
