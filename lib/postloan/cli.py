"""The `postloan` command: sample, template, import, screen, check, forecast, fit, backtest, run, diff, log.

Every command exits 0 when all is well, 1 when part of the work failed or was refused, 2 when nothing could start.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from postloan import cli_check, cli_portfolio, settings
from postloan.cli_diff import diff
from postloan.cli_run import run
from postloan.errors import ContractError, PostloanError, SourceError
from postloan.whole_files import beside

if TYPE_CHECKING:  # pandas takes a second to import, which `postloan --help` should not
    import pandas as pd


class _Commands(click.Group):
    """Shows errors of the library as one readable paragraph and exit code 2."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except PostloanError as error:
            click.echo(f"postloan: {error}".encode(errors="replace").decode(), err=True)
            ctx.exit(2)
        except UnicodeEncodeError as error:
            click.echo(f"postloan: expected Unicode text, found {ascii(error.object)[:80]}", err=True)
            ctx.exit(2)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="postloan")
def main() -> None:
    """Post-loan tracking: import borrowers' figures, write dated reports that carry their evidence."""


main.add_command(cli_portfolio.fit)
main.add_command(cli_portfolio.backtest)
main.add_command(cli_check.check)
main.add_command(diff)

_book = click.option(
    "--book",
    metavar="ADDRESS",
    help="Book to use: default, sample or a SQLAlchemy address. Else POSTLOAN_BOOK.",
)


@main.command()
@click.option("--seed", default=1, show_default=True, help="Same seed, same book.")
@click.option("--borrowers", default=32, show_default=True, type=click.IntRange(8, 10_000))
@click.option(
    "--loans/--no-loans", default=True, show_default=True, help="With all that was lent, or statements alone."
)
@click.option(
    "--truth", type=click.Path(dir_okay=False, path_type=Path), help="Write what was planted to this CSV file."
)
@_book
def sample(seed: int, borrowers: int, loans: bool, truth: Path | None, book: str | None) -> None:
    """Build the synthetic sample book (a file of its own, never mixed with real borrowers).

    The truth (borrower_id, rule, from, to, look_alike) says which flag on the use of proceeds or warning rule was
    planted when, and which innocent look-alike must stay quiet; it never enters the book.
    """
    from postloan.book import sample as generator
    from postloan.book.store import open_book

    (made, planted), own = generator.told(seed, borrowers, loans), settings.data_folder() / "sample.db"
    before = own.exists()
    result = open_book(book or "sample").add(made)
    if before and result.added and not book:  # the sample of another seed or version: start afresh, mix nothing
        own.unlink()
        result = open_book("sample").add(made)
    click.echo(f"{result.file}: {borrowers} borrowers, {result.added} figures added, {result.unchanged} unchanged")
    if truth:
        _write_table(planted, truth)
        click.echo(f"wrote {truth}: {len(planted)} planted, {int(planted['look_alike'].sum())} of them look-alikes")


@main.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def template(file: Path) -> None:
    """Write the Excel workbook to fill in: a sheet a table, with units, lists and an example row."""
    from postloan.book import workbook

    if file.suffix.lower() != ".xlsx":
        raise SourceError(f"{file}: the template is an Excel workbook; give a name ending in .xlsx")
    workbook.write_template(file)
    click.echo(f"wrote {file}; fill it in and run: postloan import {file}")


@main.command("import")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--source",
    type=click.Choice(["indices", "workbook", "cn", "edgar", "flows"]),
    help="Force the kind of file instead of recognising it.",
)
@click.option("--borrower", help="Borrower code where the file does not say; always text, 000001 stays 000001.")
@click.option("--name", help="Borrower's name.")
@click.option("--industry", help="Borrower's industry.")
@click.option("--currency", help="ISO code where the file does not say, e.g. CNY.")
@_book
def import_(files: tuple[Path, ...], source: str | None, book: str | None, **said: str | None) -> None:
    """Import workbooks, CSV tables, Chinese statement exports, SEC companyfacts, account statements and files of index
    series; all or nothing a file."""
    from postloan.book.store import open_book

    ledger, failed = open_book(book or "default"), False
    for file in files:
        try:
            result = ledger.add(_reader(file, source).read(file, **said))
        except PostloanError as error:
            why = str(error).removeprefix(f"{file}: ").removeprefix(f"{file.name}: ")
            click.echo(f"REFUSED {file}: {why}", err=True)
            failed = True
            continue
        _tell(result)
        failed |= bool(result.refused)
    sys.exit(1 if failed else 0)


def _reader(file: Path, source: str | None):
    """The reader module for a file, recognised by content."""
    from postloan.book import edgar, exports, figures, flows, index_files, workbook

    if not file.is_file():
        raise SourceError(f"{file}: {'expected a file, found a folder' if file.is_dir() else 'no such file'}")
    if not file.stat().st_size:
        raise SourceError(f"{file}: the file is empty")
    readers = {"indices": index_files, "workbook": workbook, "cn": exports, "edgar": edgar, "flows": flows}
    if source:
        return readers[source]
    found = next((reader for reader in readers.values() if reader.recognise(file)), None)
    if found or zipfile.is_zipfile(file):
        return found or workbook  # which says what is wrong with its sheets
    text = "{" if ".json" in file.suffixes else figures.read_text(file)[0].strip()  # says it when unreadable
    if text.startswith(("{", "[")):
        return edgar  # which says what is missing from companyfacts
    raise SourceError(
        f"{file}: not recognised as a postloan workbook or table, a Chinese statement export, SEC companyfacts "
        f"an account statement (params/accounts/flows) or a file of index series (params/indices); "
        f"it starts with {text.partition(chr(10))[0][:60]!r}; force a kind with --source {'|'.join(readers)}"
    )


def _tell(result) -> None:
    """Print what an import did: counts, then everything an officer should look at."""
    click.echo(
        f"{result.file} [{result.kind}]: read {result.read}, added {result.added}, "
        f"unchanged {result.unchanged}, refused {result.refused}"
    )
    for note in result.notes:
        click.echo(f"  note: {note}")
    if result.unmapped:
        shown = ", ".join(f"{caption} ({count})" for caption, count in list(result.unmapped.items())[:12])
        more = f" and {len(result.unmapped) - 12} more" if len(result.unmapped) > 12 else ""
        click.echo(f"  without a place in the chart of accounts: {shown}{more}")
    for flag in result.flags.itertuples():
        about = f"{flag.borrower_id} {flag.period_end:%Y-%m-%d} {flag.item}"
        click.echo(f"  {flag.flag}: {about} {flag.found:,.2f} (expected about {flag.expected:,.2f})")
    if result.refused:
        click.echo("  nothing of this file was written; refused:", err=True)
        click.echo(result.refusals.head(40).fillna("").to_string(index=False), err=True)


@main.command()
@click.option("--as-of", default="today", show_default=True, help="Only facts known on this day (YYYY-MM-DD).")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write every column to this CSV file.")
@click.option("--language", default="zh", show_default=True, type=click.Choice(settings.LANGUAGES))
@click.option("--limit", default=30, show_default=True, type=click.IntRange(0), help="Rows shown, the worst first.")
@click.option("--level", default="red", show_default=True, type=click.Choice(["yellow", "orange", "red"]))
@click.option("--forecast/--no-forecast", default=True, show_default=True, help="Judge what may come as well; slower.")
@_book
def screen(as_of: str, out: Path | None, language: str, limit: int, level: str, **told: object) -> None:
    """Judge the whole book in one pass; exit 1 when a borrower stands at --level or above."""
    from postloan.portfolio import screen as screening
    from postloan.tables import LEVELS

    day = cli_check.day_of(as_of)
    found = _screened(day, **told)
    if out:
        screening.write(found, out)
        click.echo(f"wrote {out}: {len(found)} borrowers")
    click.echo(screening.shown(found.head(limit), language))
    click.echo(screening.counted(found, language))
    reached = found["level"].map(LEVELS.index) >= LEVELS.index(level)
    sys.exit(1 if reached.any() else 0)


@main.command()
@click.argument("file", type=click.Path(dir_okay=False, exists=True, path_type=Path))
@click.option("--horizon", default=4, show_default=True, type=click.IntRange(1, 24), help="Periods ahead.")
@click.option("--season", default=4, show_default=True, type=click.IntRange(1, 12), help="Periods a year.")
@click.option("--out", required=True, type=click.Path(dir_okay=False, path_type=Path), help="CSV or Parquet to write.")
def forecast(file: Path, horizon: int, season: int, out: Path) -> None:
    """Forecast every series of a long table (series, t, value; CSV or Parquet) as the reports do."""
    from postloan.analysis import trends

    _suffix(out)
    try:
        found = trends.forecast(_read_table(file), horizon, season=season)
    except ContractError as error:
        raise ContractError(f"{file}: {error}") from None
    _write_table(found.drop(columns=["mase", "reason"]), out)
    modelled = found.loc[found["reason"].isna(), "series"].nunique()
    click.echo(f"wrote {out}: {found['series'].nunique()} series, {modelled} with a model, {horizon} periods ahead")


def _suffix(file: Path) -> str:
    if file.suffix.lower() not in (".csv", ".parquet"):
        raise SourceError(f"{file}: expected a name ending in .csv or .parquet, found {file.suffix or 'none'!r}")
    return file.suffix.lower()


def _read_table(file: Path) -> pd.DataFrame:
    """A CSV or Parquet table; names of series stay text."""
    import pandas as pd

    try:
        return pd.read_parquet(file) if _suffix(file) == ".parquet" else pd.read_csv(file, dtype={"series": str})
    except ImportError:
        raise SourceError(f"{file}: reading Parquet needs the package pyarrow; a CSV needs nothing") from None
    except (ValueError, OSError, OverflowError) as error:
        raise SourceError(f"{file}: cannot be read as a table: {error}") from None


def _write_table(frame: pd.DataFrame, file: Path) -> None:
    """Written beside and renamed, so that the file is there whole or not at all."""
    try:
        with beside(file) as part:
            frame.to_parquet(part, index=False) if _suffix(file) == ".parquet" else frame.to_csv(part, index=False)
    except ImportError:
        raise SourceError(f"{file}: writing Parquet needs the package pyarrow; a CSV needs nothing") from None


def _screened(day: dt.date, book: str | None, *, forecast: bool) -> pd.DataFrame:
    """The book as of a day through every rule."""
    from postloan.analysis.periods import Panel
    from postloan.book.store import open_book
    from postloan.measures import measures
    from postloan.portfolio import screen as screening

    ledger = open_book(book or "default")
    panel, known = Panel(ledger.statements(as_of=day)), cli_check.known(ledger, day)
    key = tuple(name for name, each in measures().items() if each.key)
    chance = screening.chance(panel) if forecast else None
    return screening.screen(panel, ledger.borrowers(), known, day, ratios=key, chance=chance)


main.add_command(run)


@main.group()
def log() -> None:
    """Write down what was said and done: a contact, a promise, an action, a signed review."""


_on = click.option("--on", default="today", show_default=True, help="Day it happened (YYYY-MM-DD).")


def _day(text: str) -> str:
    from postloan.book.figures import parse_date

    with contextlib.suppress(ValueError):
        if day := dt.date.today() if text == "today" else parse_date(text):
            return day.isoformat()
    raise SourceError(f"--on: expected a date such as 2026-05-12, or today; found {text!r}")


def _logged(book: str | None, intake: object) -> None:
    from postloan.book.store import open_book

    result = open_book(book or "default").add(intake)
    _tell(result)
    sys.exit(1 if result.refused else 0)


@log.command()
@click.argument("borrower")
@_on
@click.option("--channel", required=True, type=click.Choice(["visit", "call", "video", "message"]))
@click.option("--people", help="Who took part, with their roles.")
@click.option("--purpose")
@click.option("--said", help="What the client said.")
@click.option("--observed", help="What was seen on site.")
@click.option("--cooperation", type=click.Choice(["cooperative", "partial", "refuses"]))
@click.option("--documents", help="Papers received.")
@click.option("--refused", "documents_refused", type=click.IntRange(0), help="Papers asked for and refused.")
@click.option(
    "--signal", "signals", multiple=True, metavar="METRIC=VALUE", help="A risk signal, e.g. staff_change=-0.1."
)
@click.option("--stated", multiple=True, metavar="ITEM=VALUE@PERIOD_END[/MONTHS]", help="A figure the client stated.")
@click.option("--promise", "promises", multiple=True, metavar="TEXT@DUE[/AMOUNT]", help="A promise with its day.")
@click.option("--follow-up-by")
@click.option("--follow-up-on", metavar="DAY")
@_book
def contact(borrower: str, book: str | None, on: str, channel: str, **told: object) -> None:
    """Log a contact with a client."""
    from postloan.book import contacts

    stated, promises = (list(told.pop(name)) for name in ("stated", "promises"))
    said = {name: value for name, value in told.items() if value not in (None, ())}
    said["signals"] = "; ".join(told["signals"]) or None
    about = {"held_on": _day(on), "channel": channel}
    _logged(book, contacts.contact(borrower, stated=stated, promises=promises, **about, **said))


@log.command()
@click.argument("borrower")
@_on
@click.option("--new", "text", metavar="TEXT@DUE[/AMOUNT]", help="A promise with its day.")
@click.option("--kept", metavar="ID", help="The promise was kept on that day.")
@click.option("--broken", metavar="ID", help="The promise was broken.")
@click.option("--withdrawn", metavar="ID", help="The promise no longer counts.")
@_book
def promise(borrower: str, book: str | None, on: str, text: str | None, **became: str | None) -> None:
    """Log a promise, or what became of one."""
    from postloan.book import contacts
    from postloan.book.store import open_book

    given = {status: name for status, name in became.items() if name}
    if bool(text) + len(given) != 1:
        raise SourceError("log promise: expected exactly one of --new, --kept, --broken, --withdrawn")
    if text:
        return _logged(book, contacts.promise(borrower, text, promised_on=_day(on)))
    ((status, name),) = given.items()
    known = open_book(book or "default").rows("commitments", borrower, as_of=_day(on))
    _logged(book, contacts.settle(known, name, status, on=_day(on)))


@log.command()
@click.argument("borrower")
@click.argument("rule")
@_on
@click.option("--result", required=True, help="What was done and what came of it.")
@_book
def action(borrower: str, rule: str, book: str | None, on: str, result: str) -> None:
    """Log that the action on a rule is done."""
    from postloan.book.store import open_book

    open_book(book or "default").close_action(borrower, rule, on=_day(on), result=result)
    click.echo(f"{borrower}: action on {rule} closed on {_day(on)}")


@log.command()
@click.argument("borrower")
@click.option("--as-of", required=True, help="The report's as-of day.")
@click.option("--class", "approved_class", required=True, help="The class decided.")
@click.option("--by", required=True, help="Who signs.")
@click.option("--remark", default="")
@_on
@_book
def review(borrower: str, book: str | None, as_of: str, approved_class: str, **said: str) -> None:
    """Log a signed review with the class a human decided."""
    from postloan.book import contacts

    said["on"] = _day(said["on"])
    _logged(book, contacts.sign(borrower, review_as_of=as_of, approved_class=approved_class, **said))


if __name__ == "__main__":
    main(prog_name="postloan")
