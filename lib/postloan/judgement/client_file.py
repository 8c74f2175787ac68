"""What a trial settled for one client, kept in params/borrowers/<id>.yml: checked first, then written whole."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from postloan import safe_yaml, settings
from postloan.errors import RuleError
from postloan.judgement import client_limits, monitoring, rules
from postloan.measures import measures
from postloan.whole_files import write_whole

KNOWN = ("thresholds", "rule_limits", "review_plan")
_ID = re.compile(r"[^\W_][\w.-]*")


def keep(borrower_id: str, **own: dict) -> Path:
    """Put a client's own limits into its file, beside what stands there; the next run and screen read them.

    `own` are `rule_limits` ({rule: {level: limit}}), `thresholds` ({ratio: {ok, warn, basis}}) and `review_plan`, as in
    the parameters cell. Rules and ratios already in the file stay unless named again, and so do comments outside the
    fields that change. RuleError, and nothing written, where something is wrong. Gives back the file.
    Example: `client_file.keep("S0003", rule_limits={"current_ratio_low": {"yellow": 1.6}})`.
    """
    path = _path(borrower_id)
    if unknown := sorted(set(own) - set(KNOWN)):
        raise RuleError(f"{path}: unknown field {', '.join(unknown)}; may be kept: {', '.join(KNOWN)}")
    text = path.read_text(encoding="utf-8") if path.exists() else f'borrower_id: "{borrower_id}"\n'
    before = _content(text, path)
    changed = {name: _merged(before.get(name), value) for name, value in own.items()}
    _check(changed, path)
    made = text
    for name, value in changed.items():
        made = _replaced(made, name, value)
    if _content(made, path) != {**before, **changed}:
        raise RuleError(f"{path}: cannot be changed without disturbing what else it says; edit it by hand")
    write_whole(path, made)
    settings.load_yaml.cache_clear()  # what was read of it before
    return path


def _path(borrower_id: str) -> Path:
    if not _ID.fullmatch(str(borrower_id)):
        raise RuleError(f"borrower {borrower_id!r}: expected letters, digits, '.', '-' and '_'")
    for path in sorted(settings.params("borrowers").glob("*.yml")):
        if str(settings.load_yaml(path).get("borrower_id", path.stem)) == borrower_id:
            return path
    return settings.params("borrowers", f"{borrower_id}.yml")


def _content(text: str, path: Path) -> dict:
    content = safe_yaml.parse(text, path)
    if not isinstance(content, dict):
        raise RuleError(f"{path}: expected a mapping at the top, found {type(content).__name__}")
    return content


def _merged(before: object, value: object) -> object:
    """What stood there and what is new: the new wins, inner fields one by one."""
    if not isinstance(before, dict) or not isinstance(value, dict):
        return value
    return {**before, **{name: _merged(before.get(name), inner) for name, inner in value.items()}}


def _check(own: dict, path: Path) -> None:
    """RuleError where the library would refuse what is to be kept."""
    if odd := {name: value for name, value in own.items() if not isinstance(value, dict)}:
        raise RuleError(f"{path}: expected a mapping of names to values, found {odd}")
    measures(own.get("thresholds"))
    client_limits.applied(rules.load(), own.get("rule_limits", {}), f"{path}: rule_limits")
    if "review_plan" in own:
        monitoring.wished(own["review_plan"], f"{path}: review_plan")


def _replaced(text: str, name: str, value: object) -> str:
    """The file's text with one field of the top replaced where it stands, or added at the end."""
    block = yaml.safe_dump({name: value}, allow_unicode=True, sort_keys=False, width=110)
    lines = text.splitlines(keepends=True)
    starts = [number for number, line in enumerate(lines) if re.match(rf"(['\"]?){re.escape(name)}\1\s*:", line)]
    if not starts:
        return text + ("" if text.endswith("\n") else "\n") + block
    end = starts[0] + 1
    while end < len(lines) and re.match(r"[\s}\]-]", lines[end]) and lines[end].strip():
        end += 1
    return "".join([*lines[: starts[0]], block, *lines[end:]])
