"""Where things are: project folders, the book's address, language. The only reader of the environment.

Environment variables: `POSTLOAN_HOME` (project folder), `POSTLOAN_BOOK` (SQLAlchemy address of the book),
`POSTLOAN_CHROMIUM` (the browser that prints pages), `POSTLOAN_KERNELS` and `POSTLOAN_MEMORY_MB` (set by a run for the
processes it starts).
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterable, Mapping
from functools import cache, wraps
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from postloan import safe_yaml
from postloan.errors import RuleError, RunError

if TYPE_CHECKING:  # pydantic takes a while to import, which `postloan --help` should not
    from pydantic import BaseModel

Model = TypeVar("Model", bound="BaseModel")
Made = TypeVar("Made")
LANGUAGES = ("zh", "en")
SHAPE = (AttributeError, IndexError, KeyError, TypeError, ValueError)  # what a file of quite another shape leads to
_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge")


def home() -> Path:
    """The project folder: `POSTLOAN_HOME`, else the nearest parent that holds params/ and notebooks/."""
    if named := os.environ.get("POSTLOAN_HOME"):
        return Path(named).resolve()
    for start in (Path.cwd(), Path(__file__).resolve().parent):
        for folder in (start, *start.parents):
            if (folder / "params").is_dir() and (folder / "notebooks").is_dir():
                return folder
    raise RunError(
        "no project folder found: expected a folder with params/ and notebooks/ at or above "
        f"{Path.cwd()}; go there or set POSTLOAN_HOME"
    )


def data_folder() -> Path:
    """The git-ignored folder of local books, made at first use."""
    folder = _data()
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def _data() -> Path:
    return home() / "data"


def book_address(name: str = "default", *, make: bool = True) -> str:
    """Resolve a book's name to a SQLAlchemy address.

    `sample` is the synthetic book, `default` is `POSTLOAN_BOOK` or data/book.db; anything with `://`
    is an address already. Notebooks carry only names, so no password ever lands in a report. Without `make` the folder
    of local books is not made.
    """
    folder = data_folder if make else _data
    if "://" in name:
        return name
    if name == "sample":
        return f"sqlite:///{folder() / 'sample.db'}"
    if name == "default":
        return os.environ.get("POSTLOAN_BOOK") or f"sqlite:///{folder() / 'book.db'}"
    raise RunError(f"unknown book {shown(name)!r}: expected 'default', 'sample' or an address such as sqlite:///x.db")


def shown(address: str) -> str:
    """An address as people may see it: `***` for every password, also one that is not written as it should be."""
    signed = re.sub(r"^((?:[\w+.-]+:/?/)?+[^:@]*:).*@", r"\1***@", address, flags=re.DOTALL)
    return re.sub(r"(pass\w*=)[^&]*", r"\1***", signed, flags=re.IGNORECASE)


def without_passwords(text: str) -> str:
    """A text with `***` for the password of every address in it."""
    return re.sub(r"(\w://[^:@/\s]*:)[^@\s]+(?=@)", r"\1***", text)


def use_book(address: str) -> None:
    """Make `address` the default book of this process and of every kernel it starts."""
    os.environ["POSTLOAN_BOOK"] = address


def browser() -> Path | None:
    """The Chromium that prints pages: `POSTLOAN_CHROMIUM`, else the first one on the path; None where there is none."""
    named = os.environ.get("POSTLOAN_CHROMIUM")
    found = (shutil.which(name) for name in ([named] if named else _BROWSERS))
    return next((Path(path) for path in found if path), None)


def warm_kernels() -> str | None:
    """The folder of a warm parent that the process which started this one keeps, if it keeps one."""
    return os.environ.get("POSTLOAN_KERNELS")


def share_warm_kernels(folder: str | None) -> None:
    """Let every process started from now on use the warm parent of `folder`; None: no longer."""
    if folder:
        os.environ["POSTLOAN_KERNELS"] = folder
    else:
        os.environ.pop("POSTLOAN_KERNELS", None)


def limit_kernels(memory_mb: int | None) -> None:
    """Let warm kernels that this process starts take so much memory beyond a fresh one; None: no limit."""
    if memory_mb:
        os.environ["POSTLOAN_MEMORY_MB"] = str(memory_mb)
    else:
        os.environ.pop("POSTLOAN_MEMORY_MB", None)


def kernel_memory() -> int | None:
    """The megabytes a kernel may take beyond a fresh one, where there is a limit."""
    return int(os.environ.get("POSTLOAN_MEMORY_MB") or 0) or None


def clients() -> dict[str, dict]:
    """What every file of params/borrowers says, by borrower."""
    files = {path.stem: load_yaml(path) for path in sorted(params("borrowers").glob("*.yml"))}
    return {str(content.get("borrower_id", name)): content for name, content in files.items()}


def params(*parts: str) -> Path:
    """A path under params/."""
    return home().joinpath("params", *parts)


@cache
def load_yaml(path: Path) -> dict:
    """A YAML mapping, safe-loaded; RuleError names the file when it is not one."""
    content = safe_yaml.read(path)
    if not isinstance(content, dict):
        raise RuleError(f"{path}: expected a mapping at the top, found {type(content).__name__}")
    return content


def shaped(*parts: str) -> Callable[[Callable[..., Made]], Callable[..., Made]]:
    """Mark a reader of a file (or folder) under params/: RuleError where it finds quite another shape there."""

    def marked(read: Callable[..., Made]) -> Callable[..., Made]:
        @wraps(read)
        def told(*given: object, **said: object) -> Made:
            try:
                return read(*given, **said)
            except SHAPE as error:
                where = params(*parts)
                raise RuleError(
                    f"{where}: expected the shape README and its neighbours show, found {error!r}"
                ) from error

        return told

    return marked


def checked(model: type[Model], content: object, where: object) -> Model:
    """`content` as a pydantic model; RuleError names `where`, every field that is wrong and what was found there."""
    try:
        return model.model_validate(content)
    except ValueError as error:
        told = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}, found {e['input']!r}" for e in error.errors()]
        raise RuleError.of(where, [without_passwords(each)[:400] for each in told]) from None


def loaded(model: type[Model], path: Path, problems: Callable[[Model], Iterable[str]] = lambda _: ()) -> Model:
    """A file under params/ as a pydantic model; RuleError names it and all that is wrong, in its fields or, by
    `problems`, between them."""
    found = checked(model, load_yaml(path), path)
    if wrong := list(problems(found)):
        raise RuleError.of(path, wrong)
    return found


def each(made: Mapping[str, Callable[[], Made]]) -> dict[str, Made]:
    """What every one of some functions makes, by name; one RuleError with all that is wrong with any of them."""
    found, wrong = {}, []
    for name, make in made.items():
        try:
            found[name] = make()
        except RuleError as error:
            wrong.append(error)
    if wrong:
        raise RuleError("\n".join(map(str, wrong)), [problem for error in wrong for problem in error.problems])
    return found
