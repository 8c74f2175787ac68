"""The index of a run: its borrowers as a work list in each of its languages; sorts, filters and searches offline."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
from collections import Counter
from functools import cache
from pathlib import Path
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup

from postloan.batch import paper
from postloan.report.page import TEMPLATE
from postloan.tables import CLASSES, LEVELS
from postloan.wording import Texts, texts

FIRST = 100  # rows that stand in the page's own table; the script asks for the others when the page is drawn
EARLIER, LOOKED_BACK = 5, 12  # runs a row links to, and runs that are looked for
_MOST_HEADLINES = 4
_COLUMNS = {"name": "text", "level": "rank", "class": "rank", "step": "date", "owner": "text", "review": "date"}
_COLUMNS |= {"industry": "text", "reports": "none", "earlier": "none", "period": "date"}  # how each one sorts
_SOON = {"late": -1, "week": 7, "month": 30}  # days after the day of the report
_FACTS = ("level", "class", "owner", "step_due", "next_review", "latest_period")


def pages(manifest: dict, folder: Path) -> dict[str, str]:
    """The index by file name: index.html in the run's first language, index.<language>.html in each other.

    `folder` holds the run; paper beside the pages and pages of earlier runs in the folders beside it are linked.
    """
    languages = list(dict.fromkeys(job["language"] for job in manifest["jobs"])) or ["zh"]
    names = {each: f"index.{each}.html" if place else "index.html" for place, each in enumerate(languages)}
    before = earlier(folder, manifest["jobs"])
    told = {**manifest, "jobs": [_beside(job, folder, before) for job in manifest["jobs"]]}
    return {name: render(told, language, names) for language, name in names.items()}


def earlier(folder: Path, jobs: list[dict]) -> dict[str, set[str]]:
    """The pages of the newest earlier runs in the folders beside this one, by day, newest first."""
    places = {(job["notebook"], job["language"]) for job in jobs}
    beside = folder.parent.iterdir() if folder.parent.is_dir() else ()
    days = sorted((each.name for each in beside if each.is_dir() and each.name < folder.name), reverse=True)
    return {day: set().union(*(_pages(folder.parent / day, *place) for place in places)) for day in days[:LOOKED_BACK]}


def _pages(folder: Path, notebook: str, language: str) -> set[str]:
    here = folder / notebook / language
    return {f"{notebook}/{language}/{each.name}" for each in here.glob("*.html")}


def _beside(job: dict, folder: Path, before: dict[str, set[str]]) -> dict:
    """A job with what lies beside its page: its paper, and the same page of earlier runs."""
    path = job.get("path")
    if not path:
        return job
    printed = paper.of(folder / path).relative_to(folder).as_posix() if paper.is_fresh(folder / path) else None
    return {**job, "pdf": printed, "earlier": [day for day, names in before.items() if path in names][:EARLIER]}


def first_step(signals: list[dict]) -> dict:
    """Of a record's signals the action that is due first: its owner and day; empty where there is none."""
    live = [each for each in signals if each["status"] != "cleared" and each.get("due")]
    first = min(live, key=lambda each: each["due"], default={})
    return {"owner": first["owner"], "step_due": first["due"]} if first.get("owner") else {}


def render(manifest: dict, language: str = "zh", names: dict[str, str] | None = None) -> str:
    """One index page: failed reports and those of the whole book first, then a row a borrower, the most urgent first.

    `names` are the files of the run's index by language.
    """
    words, every = texts(language), _rows(manifest["jobs"], language)
    rows = [row for row in every if row["borrower_id"]]
    return _template().render(
        manifest=manifest,
        words=words,
        language=language,
        others={each: name for each, name in (names or {}).items() if each != language},
        rows=rows,
        first=FIRST,
        whole=[row for row in every if not row["borrower_id"]],
        labels=_labels(rows, words),
        choices=_choices(rows, manifest["as_of"], words),
        counts=Counter(row["level"] for row in rows if row["level"]),
        failed=[job for job in manifest["jobs"] if job["status"] != "ok"],
        made=sum(job["status"] == "ok" for job in manifest["jobs"]),
        synthetic=any(job.get("synthetic") for job in manifest["jobs"]),
        classes=CLASSES,
        levels=LEVELS,
        columns=_COLUMNS.items(),
        late=lambda day: bool(day) and day < manifest["as_of"],
        named=lambda notebook: named(notebook, words),
        name_of=lambda row: words.borrower({"name_en": None, **row}) or row["borrower_id"],
        **_furniture(),
    )


def _template() -> object:
    environment = Environment(loader=FileSystemLoader(TEMPLATE), autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters["link"] = cache(quote)
    return environment.get_template("index.html.j2")


def _furniture() -> dict[str, Markup]:
    """Style and script, and the hash by which the page allows this one script."""
    script = (TEMPLATE / "index.js").read_text(encoding="utf-8")
    style = "".join((TEMPLATE / name).read_text(encoding="utf-8") for name in ("page.css", "index.css"))
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return {"style": Markup(style), "script": Markup(script), "script_hash": Markup(f"'sha256-{digest}'")}


def _rows(jobs: list[dict], language: str = "zh") -> list[dict]:
    """One row a borrower, or a notebook and subject that names none, with all its reports; the worst status counts."""
    rows: dict[tuple, dict] = {}
    for job in jobs:
        key = (job["borrower_id"],) if job["borrower_id"] else ("", job["notebook"], job.get("name"))
        row = rows.setdefault(key, {**job, "reports": [], "seconds": 0.0})
        row["reports"].append(job)
        row["seconds"] += job["seconds"]
        if job["status"] != "ok":
            row["status"] = job["status"]
    for row in rows.values():
        _tell(row, language)
    return sorted(rows.values(), key=_urgency)


def _tell(row: dict, language: str) -> None:
    """What the row says: the facts of the report that judges the borrower, in this language where it is made."""
    told = ("next_review", "level")  # the review says both, a replayed case only the level
    ranked = sorted(
        row["reports"], key=lambda job: (*(not job.get(name) for name in told), job["language"] != language)
    )
    for fact in _FACTS:
        row[fact] = next((job[fact] for job in ranked if job.get(fact)), None)
    row["headline"] = next((job["headline"] for job in ranked if job.get("headline")), [])
    row["cells"] = {fact["label"]: fact for fact in row["headline"]}
    row["due"] = min((day for day in (row["step_due"], row["next_review"]) if day), default="")
    order = list(dict.fromkeys(job["notebook"] for job in ranked))
    row["reports"].sort(key=lambda job: (order.index(job["notebook"]), job["language"] != language))
    row["page"] = next((job["path"] for job in row["reports"] if job.get("path")), None)


def _urgency(row: dict) -> tuple:
    """Failed reports first, then the worst level, then what is due first, then the highest headlines."""
    level = LEVELS.index(row["level"]) if row["level"] in LEVELS else 0
    leading = [fact.get("value") for fact in row["headline"][:2]]
    values = (-value if isinstance(value, int | float) else 0 for value in leading)
    return row["status"] == "ok", -level, row["due"] or "9", *values


def _labels(rows: list[dict], words: Texts) -> list[str]:
    """The headline columns in the order the reports first name them, without what has a column of its own."""
    own = {words("signal.label"), words("verdict.label")}
    return [label for label in dict.fromkeys(label for row in rows for label in row["cells"]) if label not in own][
        :_MOST_HEADLINES
    ]


def _choices(rows: list[dict], as_of: str, words: Texts) -> dict[str, dict[str, str]]:
    """What each filter offers: value and text, only what occurs; for what is due, the last day that counts."""
    found = {name: {row[name] for row in rows if row.get(name)} for name in ("level", "class", "owner", "industry")}
    kinds = dict.fromkeys(job["notebook"] for row in rows for job in row["reports"])
    choices = {
        "level": {each: words(f"signal.level.{each}") for each in LEVELS[::-1] if each in found["level"]},
        "class": {each: words(f"verdict.class.{each}") for each in CLASSES[::-1] if each in found["class"]},
        "owner": {each: words(f"signal.owner.{each}") for each in sorted(found["owner"])},
        "industry": {each: each for each in sorted(found["industry"])},
        "report": {each: named(each, words) for each in kinds},
    }
    if any(row["due"] for row in rows):
        choices["due"] = {str(_after(as_of, days)): words(f"index.due.{name}") for name, days in _SOON.items()}
    return {name: offered for name, offered in choices.items() if len(offered) > 1}


def _after(as_of: str, days: int) -> dt.date:
    return dt.date.fromisoformat(as_of) + dt.timedelta(days=days)


def named(notebook: str, words: Texts) -> str:
    """A kind of report in a word or two; the notebook's own name where there is none."""
    key = f"index.report.{notebook}"
    return words(key) if words.has(key) else notebook
