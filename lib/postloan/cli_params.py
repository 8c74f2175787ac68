"""What reads each file under params/: all that is wrong with them at once, and the schemas editors complete them by."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path

from postloan import chart, industries, settings, wording
from postloan.analysis import accounts, assumptions, environment, events, peers, reliability, talks, use_params
from postloan.batch import parameters, plan, run_file
from postloan.book import captions, flows, index_files, outcomes
from postloan.errors import PostloanError, Problem, RuleError, RunError
from postloan.judgement import classification, client_limits, monitoring, rules, stance, trial, workout_rules
from postloan.measures import chain, measures, observations
from postloan.portfolio import backtest, hazard_params, policy

_STATEMENTS = ("balance", "income", "cashflow")


def _rules() -> list[Problem]:
    return trial.problems(rules.load(), settings.params("rules"))


def _notes() -> None:
    for each in industries.industries().values():
        industries.notes(each, dt.date.max, settings.LANGUAGES[0])


def _captions() -> None:
    pairs = [(path.stem, each) for path in _files("accounts/*.yml") for each in _STATEMENTS if path.stem != "chart"]
    settings.each({" ".join(pair): partial(captions.places, *pair) for pair in pairs})


def _runs() -> Iterator[Problem]:
    for path in _files("runs/*.yml"):
        try:
            run = run_file.load_run(path)
            notebooks = [plan.notebook_path(name) for name in run.wanted]
        except RunError as error:
            named = Problem.read(f"{path}: notebooks: {error}")
            yield from getattr(error.__cause__, "problems", [named])
        else:
            yield from _parameters(path, run.parameters, notebooks)


def _borrowers() -> Iterator[Problem]:
    """Each client's file: parameters that notebooks declare; its bands, limits of rules and plan over the bank's."""
    checks = {
        "thresholds": (measures, lambda said: measures(said)),
        "rule_limits": (rules.load, lambda said: client_limits.applied(rules.load(), said, "own: rule_limits")),
        "review_plan": (monitoring.load, lambda said: monitoring.wished(said, "own: review_plan")),
    }
    for path in _files("borrowers/*.yml"):
        said = settings.load_yaml(path)
        if not isinstance(said.get("borrower_id", path.stem), str):
            yield Problem(str(path), "borrower_id", "text, in quotes", repr(said["borrower_id"]))
        mine = {name: value for name, value in said.items() if name not in parameters.IDENTITY}
        yield from _parameters(path, mine, _files("../notebooks/*.ipynb"))
        for name in checks.keys() & mine.keys():
            yield from _over(path, name, mine[name], *checks[name])


def _over(path: Path, name: str, said: dict, bank: Callable, check: Callable) -> list[Problem]:
    """What is wrong with a client's own part; nothing where the bank's own is wrong, which is told by itself."""
    try:
        bank()
    except RuleError:
        return []
    try:
        check(said)
    except RuleError as error:
        return [each._replace(file=str(path), field=each.field or name) for each in error.problems]
    return []


def _parameters(path: Path, said: dict, notebooks: list[Path]) -> Iterator[Problem]:
    """Parameters that no notebook declares, or that do not fit."""
    known: dict[str, list[parameters.Parameter]] = {}
    for notebook in notebooks:
        for name, each in parameters.declared(notebook).items():
            known.setdefault(name, []).append(each)
    for name, value in said.items():
        if name not in known:
            yield Problem(str(path), name, f"a parameter of a notebook: {', '.join(sorted(known))}", repr(value))
        for each in known.get(name, [])[:1]:
            try:
                each.fit(value)
            except ValueError as error:
                yield Problem(str(path), name, str(error).partition(", found ")[0], repr(value))


READERS: dict[str, Callable[[], object]] = {
    "ratios.yml": measures,
    "observations.yml": observations,
    "chain.yml": chain,
    "accounts/chart.yml": chart.items,
    "accounts/*.yml": _captions,
    "accounts/flows/*.yml": flows.mappings,
    "indices/series.yml": industries.series,
    "indices/layouts.yml": index_files.layouts,
    "industries/*.yml": industries.industries,
    "industries/notes/*.md": _notes,
    "outcomes/*.yml": outcomes.layouts,
    "rules/*.yml": _rules,
    "classes.yml": classification.load,
    "monitoring.yml": monitoring.load,
    "stance.yml": stance.load,
    "workout.yml": workout_rules.load,
    "account_behaviour.yml": accounts.load,
    "capacity.yml": assumptions.load,
    "contacts.yml": talks.load,
    "events.yml": events.load,
    "industry.yml": environment.load,
    "loan_use.yml": use_params.load,
    "peers.yml": peers.load,
    "reliability.yml": reliability.load,
    "backtest.yml": backtest.bars,
    "hazard.yml": hazard_params.plan,
    "model.yml": hazard_params.model,
    "portfolio.yml": policy.load,
    "texts/*.yml": wording.problems,
    "runs/*.yml": _runs,
    "borrowers/*.yml": _borrowers,
}


def _files(pattern: str) -> list[Path]:
    return sorted(settings.params().glob(pattern))


def problems() -> list[Problem]:
    """All that is wrong under params/, each once, files as below the project folder; a file that nothing reads is
    wrong too."""
    found = [*_unread()]
    for pattern, read in READERS.items():
        try:
            found += [each for each in read() or [] if isinstance(each, Problem)]
        except PostloanError as error:
            found += getattr(error, "problems", None) or [Problem.read(str(error))]
        except settings.SHAPE as error:
            found.append(
                Problem(str(settings.params(pattern)), "", "the shape README and its neighbours show", repr(error))
            )
    root = f"{settings.params().parent}/"
    return list(dict.fromkeys(each._replace(file=each.file.removeprefix(root)) for each in found))


def _unread() -> Iterator[Problem]:
    """Files that nothing reads: a rule whose name ends in .yaml would silently not count."""
    read = {path for pattern in (*READERS, "schemas/*.json") for path in _files(pattern)}
    for path in _files("**/*"):
        if path.is_file() and path not in read and not path.name.startswith("."):
            wanted = "a name ending in .yml" if path.suffix == ".yaml" else "a file that something reads"
            yield Problem(str(path), "", f"{wanted}; this one counts for nothing", path.name)


@cache
def counted() -> int:
    """How many files were read."""
    return len({path for pattern in READERS for path in _files(pattern)})
