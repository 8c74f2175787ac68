"""What a run file under params/runs says: which notebooks, for whom, as of when, in which languages, where to."""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from postloan import settings
from postloan.batch.names import safe_name
from postloan.errors import RuleError, RunError

KERNEL = "postloan"


def _quoted(value: object) -> object:
    """Refuse ids YAML has turned into numbers: 000001 would have become 1."""
    if isinstance(value, list) and (numbers := [item for item in value if not isinstance(item, str)]):
        raise ValueError(f"ids are text: write them in quotes, e.g. '{numbers[0]}' and not {numbers[0]}")
    return value


def _day(value: object) -> object:
    """A date in words, as the command line gives it."""
    try:
        return dt.date.fromisoformat(value) if isinstance(value, str) and value != "today" else value
    except ValueError:
        return value


class RunPlan(BaseModel):
    """What a file under params/runs says."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)
    name: str = Field(min_length=1)
    book: str = "default"
    as_of: Annotated[dt.date | Literal["today"], BeforeValidator(_day)] = "today"
    notebooks: list[str | Annotated[dict[str, list[str]], Field(min_length=1, max_length=1)]] = Field(
        default=["borrower_review"], min_length=1
    )
    borrowers: Annotated[Literal["all"] | list[str], BeforeValidator(_quoted)] = "all"
    languages: list[Literal["zh", "en"]] = Field(default=["zh", "en"], min_length=1)
    parameters: dict[str, Any] = {}
    output: str = "outputs"
    jobs: int = Field(default_factory=lambda: os.cpu_count() or 1, ge=1)
    cell_timeout: int = Field(default=300, ge=1)
    report_timeout: int = Field(default=1800, ge=1)
    memory_mb: int | None = Field(default=None, ge=50)
    pdf: bool = False  # print each page as PDF beside it, where a Chromium is installed
    kernel: str = KERNEL

    @property
    def day(self) -> dt.date:
        """The as-of date."""
        return dt.date.today() if self.as_of == "today" else self.as_of

    @property
    def wanted(self) -> dict[str, list[str] | None]:
        """The notebooks, each with the borrowers or industries it is made for (None: all of the run)."""
        pairs = [(each, None) if isinstance(each, str) else next(iter(each.items())) for each in self.notebooks]
        return dict(pairs)

    @property
    def folder(self) -> Path:
        """Where this run works: <output>/<run>/<as_of>, always inside the output folder; outputs/ for an address."""
        output = (settings.home() / ("outputs" if "://" in self.output else self.output)).resolve()
        folder = output / safe_name(self.name) / self.day.isoformat()
        if output not in folder.resolve().parents:
            raise RunError(f"run {self.name!r}: {folder} is not inside the output folder {output}")
        return folder

    @property
    def address(self) -> str:
        """Where its files are handed to besides, the same places under an fsspec address; empty for a folder."""
        below = self.folder.parts[-2:]
        return "/".join([self.output.rstrip("/"), *below]) if "://" in self.output else ""

    @property
    def book_name(self) -> str:
        """The name notebooks know the book by: never an address, since parameters stay in the report."""
        return "default" if "://" in self.book else self.book

    @property
    def book_shown(self) -> str:
        """The book for the manifest, without its password."""
        return settings.shown(self.book)


def load_run(path: Path | str, **overrides: object) -> RunPlan:
    """Read a run file; overrides replace its fields. RunError names file, field and what is allowed."""
    path = Path(path)
    try:
        content = settings.load_yaml(path)
        found = RunPlan.model_validate({"name": path.stem, **content, **overrides})
    except RuleError as error:
        raise RunError(str(error)) from error
    except ValidationError as error:
        wrong = RuleError.of(path, map(_complaint, error.errors()))
        raise RunError(str(wrong)) from wrong
    if found.day > dt.date.today():
        raise RunError(f"{path}: as_of: {found.day} lies in the future; a review looks back")
    return found


def _complaint(error: dict) -> str:
    where = ".".join(str(part) for part in error["loc"] if part not in ("date", "list[str]"))
    if error["type"] == "extra_forbidden":
        return f"{where}: unknown field; known: {', '.join(RunPlan.model_fields)}"
    allowed = {
        "as_of": " (a date such as 2024-06-30, or today)",
        "borrowers": " (all, or a list of quoted ids)",
    }
    hint = allowed.get(error["loc"][0] if error["loc"] else "", "")
    told = f"{where}: {error['msg'].removeprefix('Value error, ')}{hint}, found {error['input']!r}"
    return settings.without_passwords(told)
