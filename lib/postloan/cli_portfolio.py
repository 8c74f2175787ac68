"""The commands `postloan fit` and `postloan backtest`: a model from public data, and warnings against outcomes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from postloan.errors import RunError, SourceError
from postloan.whole_files import beside

if TYPE_CHECKING:  # pandas takes a second to import, which `postloan --help` should not
    import pandas as pd

    from postloan.portfolio import backtest as judging

_file = click.Path(path_type=Path)
_SHOWN = ("auc", "ks", "brier_skill", "brier_skill_population", "catch", "false_alarm")


@click.command()
@click.argument("data", type=_file)
@click.option("--out", required=True, type=click.Path(dir_okay=False, path_type=Path), help="YAML file to write.")
def fit(data: Path, out: Path) -> None:
    """Fit the early-warning model (params/hazard.yml) on data with known outcomes and write it with its origin."""
    from postloan.portfolio import hazard, hazard_params

    plan, trial = hazard_params.plan(), _trial(data)
    rows = hazard.labelled(trial.panel.rows, trial.events, trial.horizon_months, trial.judged)
    found = hazard.fit(hazard.sample(trial.panel, rows, plan, trial.name, trial.horizon_months), plan)
    note = (
        f"Fitted by: postloan fit {data.parent.name}/{data.name} --out params/{out.name}\n"
        "Not a probability of default of anyone outside the data it was fitted on: see the note in README.md."
    )
    hazard_params.save(found, out, note)
    for name, each in found.variants.items():
        click.echo(
            f"{name}: AUC {each.auc:.3f} [{each.auc_low:.3f}, {each.auc_high:.3f}] on firms not seen, "
            f"{len(each.grids)} factors, {each.effective_parameters:.0f} effective parameters"
        )
    for name, why in found.left_out.items():
        click.echo(f"{name}: not fitted: {why}")
    click.echo(f"wrote {out}: {found.firms} firms, {found.events} events, {found.first_period} to {found.last_period}")


@click.command()
@click.argument("data", nargs=-1, type=_file)
@click.option("--train", type=_file, help="Fit the model on this data set only.")
@click.option("--test", type=_file, help="Judge on this data set; no firm may stand in both.")
@click.option("--model", type=_file, help="A fitted model instead of params/model.yml.")
@click.option("--json", "out", type=click.Path(dir_okay=False, path_type=Path), help="Metrics and scores per firm.")
def backtest(
    data: tuple[Path, ...], train: Path | None, test: Path | None, model: Path | None, out: Path | None
) -> None:
    """Judge rules, scores and the model against what came (us_annual CSV or us_quarterly folder).

    With --train the model is fitted there; else on each data set by folds of firms; with too few events the fitted
    model of params/model.yml is judged.
    """
    from postloan.portfolio import backtest as judging
    from postloan.portfolio import hazard_params

    judged = [*data, *([test] if test else [])]
    if not judged or (train and model):
        raise RunError("expected data to judge: DATA or --test FILE, with at most one of --train and --model")
    if model and not model.exists():
        raise SourceError(f"{model}: no such file; make one with: postloan fit DATA --out {model}")
    plan, learned = hazard_params.plan(), _trial(train) if train else None
    shipped = None if train else hazard_params.model(model)
    found = [judging.run(_trial(each), plan, train=learned, shipped=shipped, forced=bool(model)) for each in judged]
    for each in found:
        _tell(each)
    if out:
        _write(found, train, out)


def _trial(path: Path) -> judging.Trial:
    from postloan.book import outcomes
    from postloan.portfolio import backtest as judging

    read = outcomes.read(path)
    if read.lacks:
        click.echo(f"{path}: no columns {read.lacks}; what needs them is not judged", err=True)
    return judging.trial(read)


def _tell(found: judging.Found) -> None:
    metrics, rows = found.metrics, len(found.scored)
    click.echo(f"{found.name}: {rows} rows judged, {int(found.scored['outcome'].sum())} with the event")
    if found.refused:
        used = f"judged is the model of {found.model.origin}" if found.model else "no model"
        click.echo(f"  too few events to fit a model here: {used}")
    for name, why in (found.model.left_out if found.model else {}).items():
        click.echo(f"  {name}: not fitted: {why}")
    shown = metrics[["by", "rows", "unjudged"]].assign(**{name: _between(metrics, name) for name in _SHOWN})
    shown = shown.to_string(index=False)
    click.echo("\n".join(f"  {line}" for line in shown.splitlines()))
    if len(found.lead_summary):
        shown = found.lead_summary.to_string(index=False, na_rep="—", float_format="{:.3f}".format)
        click.echo("  lead of persistent oranges, in quarters")
        click.echo("\n".join(f"  {line}" for line in shown.splitlines()))


def _between(metrics: pd.DataFrame, name: str) -> pd.Series:
    """A measure with its interval where it has one."""
    told = lambda each: metrics[each].map("{:.3f}".format, na_action="ignore")  # noqa: E731
    value, ends = told(name), [f"{name}_low", f"{name}_high"]
    if {*ends} <= {*metrics}:
        low, high = map(told, ends)
        value = (value + " [" + low + ", " + high + "]").fillna(value)
    return value.fillna("—")


def _write(found: list[judging.Found], train: Path | None, out: Path) -> None:
    """Everything found as JSON."""
    write_json({"train": train and str(train), "sets": [_record(each) for each in found]}, out)
    click.echo(f"wrote {out}: {sum(len(each.scored) for each in found)} scores")


def write_json(content: object, out: Path) -> None:
    """Content as a JSON file, which is there whole or not at all."""
    with beside(out) as part:
        part.write_text(json.dumps(content, ensure_ascii=False, allow_nan=False, indent=1), encoding="utf-8")


def _record(found: judging.Found) -> dict:
    names = ("metrics", "by_year", "by_rule", "capacity", "calibration", "lead_summary", "leads", "scored")
    tables = {name: json.loads(getattr(found, name).to_json(orient="records", date_format="iso")) for name in names}
    scores = tables.pop("scored")
    used = found.model and found.model.model_dump(mode="json", exclude={"variants"})
    return {"name": found.name, "refused": found.refused, "model": used, **tables, "scores": scores}
