"""The index of a run: one page with every report, its status and headline; sorts and filters offline."""

from __future__ import annotations

import base64
import hashlib
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup

from postloan.report.page import TEMPLATE
from postloan.wording import texts

_MOST_HEADLINES = 6


def render(manifest: dict) -> str:
    """The index page of a manifest: reports of the whole book and failed ones first, then a row a borrower and
    notebook."""
    script = (TEMPLATE / "index.js").read_text(encoding="utf-8")
    style = "".join((TEMPLATE / name).read_text(encoding="utf-8") for name in ("page.css", "index.css"))
    every = _rows(manifest["jobs"])
    rows = [row for row in every if row["borrower_id"]]
    environment = Environment(loader=FileSystemLoader(TEMPLATE), autoescape=True, trim_blocks=True, lstrip_blocks=True)
    return environment.get_template("index.html.j2").render(
        manifest=manifest,
        rows=rows,
        whole=[row for row in every if not row["borrower_id"]],
        labels=_labels(rows),
        failed=[job for job in manifest["jobs"] if job["status"] != "ok"],
        made=sum(job["status"] == "ok" for job in manifest["jobs"]),
        several_notebooks=len({row["notebook"] for row in rows}) > 1,
        synthetic=any(job.get("synthetic") for job in manifest["jobs"]),
        zh=texts("zh"),
        en=texts("en"),
        link=quote,
        style=Markup(style),
        script=Markup(script),
        script_hash=Markup("'sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() + "'"),
    )


def _rows(jobs: list[dict]) -> list[dict]:
    """One row a borrower (or industry) and notebook, its languages side by side; the worst status counts."""
    rows: dict[tuple, dict] = {}
    for job in jobs:
        row = rows.setdefault(
            (job["borrower_id"], job["notebook"], job.get("name")), {**job, "reports": [], "seconds": 0.0}
        )
        row["reports"].append(job)
        row["seconds"] += job["seconds"]
        if job["status"] != "ok":
            row["status"] = job["status"]
        row["latest_period"] = row.get("latest_period") or job.get("latest_period")
        row["headline"] = row.get("headline") or job.get("headline") or []
    for row in rows.values():
        row["cells"] = {fact["label"]: fact for fact in row["headline"]}
    return sorted(rows.values(), key=_urgency)


def _urgency(row: dict) -> tuple:
    """Failed reports first, then the highest first headlines: a report leads with its count of warnings."""
    leading = [fact.get("value") for fact in row["headline"][:2]]
    return row["status"] == "ok", *(-value if isinstance(value, int | float) else 0 for value in leading)


def _labels(rows: list[dict]) -> list[str]:
    """The headline columns, in the order the reports first name them."""
    return list(dict.fromkeys(label for row in rows for label in row["cells"]))[:_MOST_HEADLINES]
