"""What a notebook's `parameters` cell declares, and whether values fit it, before any kernel starts."""

from __future__ import annotations

import ast
import datetime as dt
import re
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Optional

import papermill
from pydantic import TypeAdapter, ValidationError

from postloan import settings
from postloan.errors import RunError

IDENTITY = ("borrower_id", "as_of", "language", "book")
_NEEDED = IDENTITY[1:]  # a notebook without a borrower is about the whole book

_TYPES = {"str": str, "int": int, "float": float, "bool": bool, "list": list, "dict": dict, "Any": Any}


@dataclass(frozen=True)
class Parameter:
    """One declared parameter: its name, type as written, default and help."""

    name: str
    type: str
    default: object
    help: str

    def fit(self, value: object) -> object:
        """`value` as this parameter takes it; ValueError says what was expected."""
        if isinstance(value, dt.date):
            value = value.isoformat()
        try:
            fitted = TypeAdapter(_annotation(self.type)).validate_python(value, strict=True)
        except ValidationError:
            raise ValueError(f"expected {self.type}, found {value!r} ({type(value).__name__})") from None
        if fitted is not None and _is_day(self.default) and not _is_day(fitted):
            raise ValueError(f"expected a date such as 2024-06-30, found {fitted!r}")
        return fitted


@cache
def declared(notebook: Path) -> dict[str, Parameter]:
    """The parameters a notebook declares, by name; RunError when it has no usable `parameters` cell.

    One that declares no `borrower_id` is about the whole book.
    """
    try:
        found = papermill.inspect_notebook(str(notebook).replace("{", "{{").replace("}", "}}"))
    except ValueError as error:
        raise RunError(f"{notebook.name}: {error} Open it in JupyterLab, choose a kernel and save it") from None
    parameters = {name: _parameter(notebook, about) for name, about in found.items()}
    if lacking := [name for name in _NEEDED if name not in parameters]:
        raise RunError(
            f"{notebook.name}: the cell tagged 'parameters' must declare {', '.join(_NEEDED)}, one a line "
            f"as `name: type = default  # help`; missing: {', '.join(lacking)}"
        )
    return parameters


def fit_all(
    given: dict[str, object], declares: dict[str, Parameter], anywhere: Collection[str]
) -> tuple[dict[str, object], list[str]]:
    """What a notebook declares of some values, as it takes them; and what is wrong with any: no parameter of the
    notebooks there are (`anywhere`), of a wrong type, or an address with a password, since parameters stay in the
    report."""
    fitted, wrong = {}, []
    for key, value in given.items():
        if settings.without_passwords(said := str(value)) != said:
            wrong.append(f"{key}: an address with a password; parameters stay in the report")
        elif key not in anywhere:
            wrong.append(f"unknown parameter {key!r}; known: {', '.join(sorted(anywhere))}")
        elif key in declares:
            try:
                fitted[key] = declares[key].fit(value)
            except ValueError as error:
                wrong.append(f"{key}: {error}")
    return fitted, wrong


def _parameter(notebook: Path, about: dict) -> Parameter:
    try:
        default = ast.literal_eval(about["default"])
    except (ValueError, SyntaxError):
        found = f"{about['name']} = {about['default']}"
        raise RunError(f"{notebook.name}: parameter defaults must be literals, found {found!r}") from None
    kind = about["inferred_type_name"]
    if kind == "None":
        kind = "Any" if default is None else type(default).__name__
    parameter = Parameter(about["name"], kind, default, about["help"])
    try:
        parameter.fit(default)
    except (ValueError, KeyError, TypeError) as error:
        raise RunError(f"{notebook.name}: parameter {parameter.name}: {error}") from None
    return parameter


def _annotation(text: str) -> Any:
    """The type an annotation names: str, int, float, bool, list[…], dict[…, …] or Optional[…]; no eval."""
    outer, _, inner = re.fullmatch(r"\s*(\w+)\s*(\[(.*)\])?\s*", text, re.DOTALL).groups()
    if outer == "Optional":
        return Optional[_annotation(inner)]  # noqa: UP045
    if outer not in _TYPES:
        raise KeyError(f"type {outer!r} is not one of {', '.join(_TYPES)}")
    parts = [_annotation(part) for part in re.split(r",(?![^\[]*\])", inner)] if inner else []
    return _TYPES[outer][tuple(parts)] if parts else _TYPES[outer]


def _is_day(text: object) -> bool:
    try:
        return bool(re.fullmatch(r"\d{4}-\d{2}-\d{2}", text)) and bool(dt.date.fromisoformat(text))
    except (TypeError, ValueError):
        return False
