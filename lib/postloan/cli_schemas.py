"""Schemas of the YAML files under params/, made from the models that check them: editors complete and mark by them."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from postloan import industries, settings
from postloan.analysis import accounts, assumptions, environment, events, peers, reliability, talks, use_params
from postloan.batch import parameters, run_file
from postloan.book import flows, index_files, outcomes
from postloan.judgement import class_rules, monitoring, rules, sight, stance, workout_rules
from postloan.measures import Link, Measure, Observation
from postloan.portfolio import backtest, hazard_params, policy


class _Tests(reliability.TestBook):
    tests: list[reliability.Test]


MODELS: dict[str, Any] = {
    "account_behaviour": accounts.Spans,
    "backtest": backtest.Bars,
    "capacity": assumptions.Assumptions,
    "chain": dict[str, Link],
    "classes": class_rules.Floors,
    "contacts": talks.Reading,
    "events": dict[str, events.Reading],
    "flows": flows.Mapping,
    "hazard": hazard_params.Plan,
    "industry": environment.Plan,
    "industries": industries.Industry,
    "layouts": dict[str, index_files.Layout],
    "loan_use": use_params.Settings,
    "model": hazard_params.Model,
    "monitoring": monitoring.Plan,
    "observations": dict[str, dict[str, Observation]],
    "outcomes": outcomes.Layout,
    "peers": peers.Plan,
    "portfolio": policy.Policy,
    "ratios": dict[str, dict[str, Measure]],
    "reliability": _Tests,
    "rules": rules.Rule,
    "runs": run_file.RunPlan,
    "series": dict[str, industries.Series],
    "stance": stance.Plan,
    "workout": workout_rules.Rules,
}
_FOLDERS = {"flows": "accounts/flows", "layouts": "indices/layouts.yml", "series": "indices/series.yml"}
_MANY = ("borrowers", "industries", "outcomes", "rules", "runs")
_GIVEN = {"Measure": ("id", "group"), "Observation": ("group",), "Industry": ("id",), "RunPlan": ("name",)}
_KINDS = {"str": "string", "int": "integer", "float": "number", "bool": "boolean", "list": "array", "dict": "object"}


def made() -> dict[str, str]:
    """The text of every schema by name; what a file's place says of itself need not stand in it."""
    schemas = {name: TypeAdapter(model).json_schema(by_alias=True) for name, model in MODELS.items()}
    schemas["rules"]["$defs"]["Condition"]["properties"]["metric"]["enum"] = [*sorted(sight.metrics()), None]
    schemas["borrowers"] = _borrower()
    for schema in schemas.values():
        for part in [schema, *schema.get("$defs", {}).values()]:
            _leave_out(part)
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return {name: json.dumps({**head, **_finite(each)}, ensure_ascii=False, indent=1) for name, each in schemas.items()}


def _leave_out(part: dict) -> None:
    """Drop the fields that the loader adds itself."""
    for name in _GIVEN.get(part.get("title", ""), ()):
        part["properties"].pop(name) if part["title"] != "RunPlan" else None
        part["required"] = [each for each in part.get("required", []) if each != name]


def _finite(node: Any) -> Any:
    """The same without defaults that JSON cannot hold."""
    if isinstance(node, dict):
        kept = {name: each for name, each in node.items() if not (isinstance(each, float) and not math.isfinite(each))}
        return {name: _finite(each) for name, each in kept.items()}
    return [_finite(each) for each in node] if isinstance(node, list) else node


def _borrower() -> dict:
    """A client's own file: what notebooks take as parameters, and its own plan."""
    told = {}
    for notebook in sorted((settings.home() / "notebooks").glob("*.ipynb")):
        for name, each in parameters.declared(notebook).items():
            kind = _KINDS.get(each.type.partition("[")[0])
            told.setdefault(name, {"description": each.help} | ({"type": kind} if kind else {}))
    wish = TypeAdapter(monitoring.Override).json_schema()
    levels = {"type": "object", "additionalProperties": {"type": "number"}}
    told["review_plan"] = wish
    told["rule_limits"] |= {"additionalProperties": levels}
    return {"title": "Borrower", "type": "object", "properties": told, "additionalProperties": False}


def files(name: str) -> list[Path]:
    """The files a schema is for."""
    pattern = _FOLDERS.get(name, name if name in _MANY else f"{name}.yml")
    return sorted(settings.params().glob(pattern if pattern.endswith(".yml") else f"{pattern}/*.yml"))


def folder() -> Path:
    """Where the schemas stand."""
    return settings.params("schemas")


def write() -> int:
    """Write every schema; how many there are."""
    folder().mkdir(exist_ok=True)
    texts = made()
    for name, text in texts.items():
        (folder() / f"{name}.json").write_text(text + "\n", encoding="utf-8")
    return len(texts)
