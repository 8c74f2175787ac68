"""The one error family. Every message says what was expected, what was found, where, and what to do.

PostloanError
├── SourceError      a file or the book cannot be read as what it claims to be
├── ContractError    a table that passes between rooms breaks its contract
├── RuleError        something in params/ is wrong: a rule, a text, a chart, a class table
└── RunError         a run, its parameters or one of its reports cannot go on
"""

from __future__ import annotations

import traceback
from collections.abc import Iterable
from typing import NamedTuple


class Problem(NamedTuple):
    """One thing that is wrong in params/: the file, the field (blank: the file as a whole), what was expected there,
    and what was found (blank where the expectation tells it)."""

    file: str
    field: str
    expected: str
    found: str = ""

    @classmethod
    def read(cls, said: str) -> Problem:
        """A problem from a message in the house's form: `file: field: expected, found something`."""
        file, _, told = said.partition(": ")
        fields = []
        while ": " in told and " " not in (name := told.partition(": ")[0]):
            fields, told = [*fields, name], told.partition(": ")[2]
        expected, _, found = told.partition(", found ")
        return cls(file, ".".join(fields), expected, found)


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
    """A file under params/ is invalid: names the file, the field and what is allowed; `problems` has each by itself."""

    def __init__(self, message: str, problems: Iterable[Problem] = ()):
        super().__init__(message)
        self.problems = tuple(problems) or tuple(map(Problem.read, message.splitlines() or [message]))

    @classmethod
    def of(cls, file: object, said: Iterable[str]) -> RuleError:
        """All that is wrong in one file, each said as `field: expected, found something`."""
        said = list(dict.fromkeys(said))
        return cls(f"{file}: " + "; ".join(said), [Problem.read(f"{file}: {each}") for each in said])


class RunError(PostloanError):
    """A run cannot start or one of its reports failed."""
