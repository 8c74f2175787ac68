"""The command `postloan check`: is all of params/ valid, and what would the rules do to the book."""

from __future__ import annotations

import contextlib
import datetime as dt
import io
import json
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from postloan import scratch, settings
from postloan.cli_portfolio import write_json
from postloan.errors import ContractError, RunError

if TYPE_CHECKING:  # pandas takes a second to import, which `postloan --help` should not
    import pandas as pd

    from postloan.book.store import Book
    from postloan.errors import Problem
    from postloan.judgement.rules import RuleBook
    from postloan.portfolio import rule_effect, screen

_WIDEST = 70


@click.command()
@click.option("--as-of", default="today", show_default=True, help="Day to try the rules on (YYYY-MM-DD).")
@click.option("--rule", "only", multiple=True, metavar="ID", help="Only this rule; may be given again.")
@click.option("--against", metavar="REV", help="Compare with the rules of a git revision, or of another folder.")
@click.option("--quarters", default=4, show_default=True, type=click.IntRange(0, 20), help="Earlier quarter ends.")
@click.option("--forecast/--no-forecast", default=True, show_default=True, help="Judge what may come as well; slower.")
@click.option("--language", default="zh", show_default=True, type=click.Choice(settings.LANGUAGES))
@click.option("--json", "out", type=click.Path(dir_okay=False, path_type=Path), help="Everything found, as JSON.")
@click.option("--write-schemas", is_flag=True, help="Write params/schemas for editors, and do nothing else.")
@click.option("--book", metavar="ADDRESS", help="Book to use: default, sample or a SQLAlchemy address.")
def check(book: str | None, out: Path | None, write_schemas: bool, **told: object) -> None:
    """Check every file of params/, and show what the rules do to the book today and at earlier quarter ends.

    Nothing is written but --json. Exit code 1 when anything is wrong, all of it in one table.
    """
    from postloan import cli_params

    if write_schemas:
        from postloan import cli_schemas

        click.echo(f"wrote {cli_schemas.write()} schemas to {cli_schemas.folder()}")
        return
    problems = cli_params.problems()
    click.echo(_problem_table(problems) if problems else f"params/: {cli_params.counted()} files, all valid")
    found = {"problems": [each._asdict() for each in problems]}
    if problems:
        click.echo(f"{len(problems)} problems; the rules were not tried on the book", err=True)
    elif (ledger := held(book)) is None:
        address = settings.shown(settings.book_address(book or "default", make=False))
        click.echo(f"no book at {address}: the rules were not tried")
    else:
        found |= _tried(ledger, **told)
    if out:
        write_json(found, out)
        click.echo(f"wrote {out}")
    sys.exit(1 if problems else 0)


def _problem_table(problems: list[Problem]) -> str:
    import pandas as pd

    rows = pd.DataFrame(problems).map(lambda text: text if len(text) <= _WIDEST else f"{text[: _WIDEST - 1]}…")
    return rows.to_string(index=False, justify="left")


def day_of(as_of: str) -> dt.date:
    """The day an option names; ContractError when it names none."""
    try:
        return dt.date.today() if as_of == "today" else dt.date.fromisoformat(as_of)
    except ValueError:
        raise ContractError(f"--as-of: expected a date such as 2026-05-15, or today; found {as_of!r}") from None


def held(name: str | None) -> Book | None:
    """The book of that name when it holds borrowers; nothing is made where there is none."""
    import sqlalchemy as sa

    from postloan.book.store import open_book

    address = settings.book_address(name or "default", make=False)
    if address.startswith("sqlite:///") and not Path(sa.make_url(address).database or "").is_file():
        return None
    ledger = open_book(address)
    return ledger if len(ledger.borrowers()) else None


def known(ledger: Book, day: dt.date) -> screen.Known:
    """What the book and params/borrowers knew of every borrower on a day."""
    from postloan.portfolio import screen

    seen, last = ledger.observations(as_of=day), ledger.last_reviews(before=day)
    actions, side = ledger.actions(as_of=day, entered_before=day), ledger.loan_side(as_of=day)
    return screen.Known(seen, last, actions, side, settings.clients())


def _tried(ledger: Book, *, as_of: str, against: str | None, quarters: int, **told: object) -> dict:
    """Show what the rules do, and what those of another version did, as plain JSON."""
    from postloan.judgement import rules, trial
    from postloan.portfolio import history, rule_effect

    today, book, language = day_of(as_of).isoformat(), rules.load(), str(told["language"])
    with _version(against) if against else contextlib.nullcontext() as before:
        books = [trial.drafts_live(each) for each in (book, before) if each] if told["forecast"] else []
        wanted = reversed(history.quarter_ends(today, quarters))
        days = [found for each in wanted if (found := _day(ledger, each, books))]
        if not days:
            click.echo(f"no statements known on {today}: the rules were not tried")
            return {}
        effect = rule_effect.effect(days, book, told["only"])
        click.echo(rule_effect.shown(effect, book, language))
        found = {"as_of": today, "rules": _plain(effect)}
        return found | (_compared(rule_effect.compare(days[0], book, before), told) if before else {})


def _day(ledger: Book, day: str, books: list[RuleBook]) -> rule_effect.Day | None:
    """The book on a day; None where no statement was known yet."""
    from postloan.errors import SourceError
    from postloan.portfolio import rule_effect

    try:
        statements = ledger.statements(as_of=day)
    except SourceError:
        return None
    return rule_effect.day(statements, ledger.borrowers(), known(ledger, dt.date.fromisoformat(day)), day, books)


def _compared(found: rule_effect.Difference, told: dict) -> dict:
    """Show what is different from another version."""
    from postloan.portfolio import rule_effect

    found = found.only(told["only"])
    click.echo("\n" + rule_effect.shown_difference(found, told["language"]))
    tables = {"rules": found.rules, "signals": found.signals, "levels": found.levels}
    return {"against": {name: _plain(rows) for name, rows in tables.items()}}


def _plain(rows: pd.DataFrame) -> list[dict]:
    return json.loads(rows.to_json(orient="records"))


@contextlib.contextmanager
def _version(name: str) -> Iterator[RuleBook]:
    """The rules of a folder or of a git revision; what cannot be read today is said and left out."""
    from postloan.judgement import trial

    with contextlib.ExitStack() as stack:
        folder = Path(name)
        if not folder.is_dir():
            folder = stack.enter_context(scratch.folder())
            _unpack(name, folder)
        elif not any(folder.glob("*.yml")):
            raise RunError(f"--against {name}: expected a folder with rules (*.yml), found none")
        book, wrong = trial.readable(folder)
        for each in wrong:
            said = f"{Path(each.file).name}: {each.field}: {each.expected}"
            click.echo(f"--against {name}: cannot be read today and is left out: {said}", err=True)
        yield book


def _unpack(revision: str, folder: Path) -> None:
    """Write params/rules of a git revision into a folder; RunError when there is no git, repository or revision."""
    rules = settings.params("rules").resolve()
    where = f"--against {revision}"
    inside = _git(rules, "rev-parse", "--show-toplevel")
    if inside.returncode:
        raise RunError(f"{where}: expected a folder or a git revision; {rules} is not in a git repository")
    top = Path(inside.stdout.decode().strip())
    found = _git(top, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    if found.returncode:
        raise RunError(f"{where}: no such folder, and no such revision in the git repository of {rules}")
    place = rules.relative_to(top.resolve()).as_posix()
    packed = _git(top, "archive", "--format=tar", f"{found.stdout.decode().strip()}:{place}")
    if packed.returncode:
        raise RunError(f"{where}: has no {place}: {packed.stderr.decode(errors='replace').strip()}")
    with tarfile.open(fileobj=io.BytesIO(packed.stdout)) as tar:
        tar.extractall(folder, filter="data")


def _git(folder: Path, *words: str) -> subprocess.CompletedProcess:
    try:
        return subprocess.run(["git", "-C", str(folder), *words], capture_output=True, check=False)
    except FileNotFoundError:
        raise RunError("--against REV: git is not installed; give a folder with the other rules instead") from None
