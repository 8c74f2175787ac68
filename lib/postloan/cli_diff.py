"""The command `postloan diff`: two stored reviews of a borrower side by side, as a page."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING

import click

from postloan import settings
from postloan.errors import RunError, SourceError
from postloan.whole_files import write_whole

if TYPE_CHECKING:  # pandas takes a second to import, which `postloan --help` should not
    from postloan.book.store import Book
    from postloan.report.side_by_side import Pair

WHOLE = "book"  # what a report about the whole book is called
_OTHERS = ("params/industries/*.yml", "notebooks/*.ipynb")


@click.command()
@click.argument("borrower")
@click.option("--from", "then", metavar="DATE", help="Day of the earlier review (default: the one before).")
@click.option("--to", "now", metavar="DATE", help="Day of the later review (default: the newest).")
@click.option("--language", type=click.Choice(settings.LANGUAGES), default="zh", show_default=True)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="File to write (default: outputs/diff/…).")
@click.option("--book", metavar="ADDRESS", help="Book to use: default, sample or a SQLAlchemy address.")
def diff(borrower: str, then: str | None, now: str | None, **told: object) -> None:
    """Compare two stored reviews of BORROWER: level, class, signals, ratios and actions, then and now."""
    from postloan.batch.names import safe_name
    from postloan.book.store import open_book

    book = open_book(told["book"] or "default")
    about = _borrower(book, borrower)
    days = _chosen(borrower, then, now, stored := reviews(book, borrower))
    pair = _pair(book, borrower, [stored[day] for day in days], str(told["language"]))
    name = f"{safe_name(borrower)}-{days[0]}-{days[1]}.{told['language']}.html"
    out = told["out"] or settings.home() / "outputs" / "diff" / name
    write_whole(out, page_of(pair, about, [book.actions(borrower, as_of=day) for day in days]))
    click.echo(f"wrote {out}")


def _borrower(book: Book, subject: str) -> dict:
    """Whom the reviews are of; RunError where a report is named that is about no single borrower."""
    try:
        return book.borrower(subject)
    except SourceError:
        if subject not in {path.stem for place in _OTHERS for path in settings.home().glob(place)} | {WHOLE}:
            raise
    raise RunError(
        f"{subject}: expected a borrower, of whose reviews two are set side by side; reports on an industry or the "
        f"whole book are not stored as records: their pages of earlier days lie beside one another in outputs/"
    )


def reviews(book: Book, borrower: str) -> dict[str, dict]:
    """The newest record of each day on which a review of the borrower is stored, by day, the newest first."""
    found: dict[str, dict] = {}
    before = dt.date.today() + dt.timedelta(days=1)
    while record := book.last_review(borrower, before=before):
        found[record["as_of"]] = record
        before = record["as_of"]
    return found


def _chosen(borrower: str, then: str | None, now: str | None, stored: dict[str, dict]) -> tuple[str, str]:
    """The two days; RunError names the days there are."""
    there = ", ".join(sorted(stored)) or "none"
    for option, day in (("--from", then), ("--to", now)):
        if day and day not in stored:
            raise RunError(f"{option} {day}: no review of {borrower} of that day is stored; there are: {there}")
    now = now or next(iter(stored), None)
    then = then or next((day for day in stored if now and day < now), None)
    if not then or not now or then >= now:
        raise RunError(f"{borrower}: expected two reviews, the earlier first, found {then} and {now}; stored: {there}")
    return then, now


def _pair(book: Book, borrower: str, records: list[dict], language: str) -> Pair:
    from postloan.judgement import rules
    from postloan.measures import measures
    from postloan.report.exhibits import Sheet
    from postloan.report.side_by_side import Pair
    from postloan.wording import texts

    words, day = texts(language), records[1]["as_of"]
    statements = book.statements(borrower, as_of=day)
    reported = statements[~statements["derived"]].sort_values("period_end")
    files = reported["source"].str.split(" · ").str[0].nunique()
    sheet = Sheet(words, reported["currency"].iloc[-1], day, 360, 2, files, False, (1.0, "", 2))
    return Pair(*records, rules.load().rules, measures(), sheet)


def page_of(pair: Pair, borrower: dict, actions: list) -> str:
    """The page: verdict, signals, ratios and actions, each under its heading."""
    from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

    from postloan.report import page, side_by_side

    words, cells = pair.sheet.words, [new_markdown_cell(f"# {pair.sheet.words('diff.title')}")]
    parts = {
        "verdict": [side_by_side.verdict_table(pair), side_by_side.story(pair)],
        "signals": [side_by_side.signal_table(pair)],
        "ratios": [side_by_side.ratio_table(pair)],
        "actions": [side_by_side.action_table(*actions, pair)],
    }
    for name, exhibits in parts.items():
        shown = [new_output("display_data", {"text/html": str(each._repr_html_())}) for each in exhibits]
        cells += [new_markdown_cell(f"## {words(f'diff.chapter.{name}')}")]
        cells += [new_code_cell(name, outputs=shown, execution_count=1)]
    about = {"borrower_id": borrower["borrower_id"], "borrower_name": words.borrower(borrower)}
    about |= {"as_of": pair.now["as_of"], "language": words.language, "synthetic": bool(borrower["synthetic"])}
    return page.export(new_notebook(cells=cells, metadata={"papermill": {"parameters": about}}))
