"""Do the warnings work? Rules, levels, scores and the model beside what came, and beside simple baselines (DOMAIN §9).

Every verdict on a firm-period uses that period's and earlier figures only. Firms never stand on both sides: a model
is judged on firms it has not seen.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from pydantic import Field
from statsmodels.genmod.families import Binomial
from statsmodels.genmod.generalized_linear_model import GLM
from statsmodels.tools.sm_exceptions import PerfectSeparationWarning, SingularMatrixWarning
from statsmodels.tools.tools import add_constant

from postloan import settings
from postloan.analysis import scores
from postloan.analysis.formulas import Evaluator
from postloan.analysis.periods import Panel
from postloan.errors import ContractError
from postloan.judgement import rules, sight
from postloan.portfolio import accuracy, hazard, lead_time
from postloan.portfolio.hazard_params import Model, Plan
from postloan.strict import Strict
from postloan.tables import LEVELS

SCORED = ("altman_em", "ohlson_o", "zmijewski_x", "springate")
_SAFE_IS_HIGH = ("altman_em", "springate")
METRICS = [
    "by", "rows", "events", "unjudged", "auc", "auc_low", "auc_high", "ks", "brier", "brier_skill",
    "brier_skill_population", "catch", "catch_low", "catch_high", "false_alarm", "false_alarm_low", "false_alarm_high",
    "precision", "alert_rate",
]  # fmt: skip
RULES = ["rule", "fired", "unjudged", "among_failing", "among_surviving", "lift", "precision", "verdict"]


class RuleBars(Strict):
    """From which lift a rule earns its keep, below which it tells nothing, and which share of survivors is noise."""

    fewest: int = Field(ge=1)
    keep: float
    retire: float
    noisy: float


class Agreed(Strict):
    """The alert on which model and rules agree: each at its level or above, together orange."""

    model: Literal["yellow", "orange", "red"]
    rules: Literal["yellow", "orange", "red"]


class Bars(Strict):
    """What params/backtest.yml says."""

    capacity: list[float] = Field(min_length=1)
    bins: int = Field(ge=2)
    ten_ratios: list[str] = Field(min_length=1)
    winsor: float = Field(ge=0, lt=0.5)
    persistent: int = Field(ge=1)
    forgiven: int = Field(ge=0)
    stale_months: int
    lead_quarters: float
    agreed: Agreed
    rules: RuleBars


def bars() -> Bars:
    """The bars of params/backtest.yml, checked."""
    path = settings.params("backtest.yml")
    return settings.checked(Bars, settings.load_yaml(path), path)


@dataclass(frozen=True)
class Trial:
    """A data set to judge warnings on: its panel, its events (borrower_id, event_on), how far ahead an event counts,
    and whether a firm is judged on its last row or on all."""

    name: str
    panel: Panel
    events: pd.DataFrame
    horizon_months: int
    judged: str


def trial(read: object) -> Trial:
    """The trial of a data set as read (book.outcomes, or anything shaped like it)."""
    return Trial(read.name, Panel(read.statements), read.events, read.horizon_months, read.judged)


@dataclass(frozen=True)
class Found:
    """What a backtest found: METRICS, the judged rows with every score, by year, by rule (RULES), precision at
    capacity, calibration, lead times by source with the alert rate in quiet firms; and why there is no model."""

    name: str
    metrics: pd.DataFrame
    scored: pd.DataFrame
    by_year: pd.DataFrame
    by_rule: pd.DataFrame
    capacity: pd.DataFrame
    calibration: pd.DataFrame
    leads: pd.DataFrame
    lead_summary: pd.DataFrame
    model: Model | None
    refused: str | None


def run(
    trial: Trial, plan: Plan, *, train: Trial | None = None, shipped: Model | None = None, forced: bool = False
) -> Found:
    """Judge a trial.

    The model is fitted on `train`; without it, on the trial itself by folds of firms, or where it has too few events
    the `shipped` model is taken (always, where `forced`). Where there is none either, `refused` says why.
    ContractError where a firm stands in both, or outcomes are all alike.
    """
    limits = bars()
    rows = hazard.labelled(trial.panel.rows, trial.events, trial.horizon_months, trial.judged)
    test = hazard.sample(trial.panel, rows, plan, trial.name, trial.horizon_months)
    learned = _learned(train, trial, plan)
    if forced or learned is not None or hazard.refusal(test.rows, plan):
        model, told, refused = _from_outside(trial, test, learned, plan, shipped)
    else:
        model, refused = hazard.fit(test, plan), None
        told = hazard.unseen(test, model, trial.panel, plan)
    judged = rules.judge(rules.load(), sight.of(trial.panel))
    every = _every_row(trial, judged, told)
    every["ten_ratio_logit"] = _ten_ratio(learned or test, test, plan, limits, own=learned is None)
    fired = pd.DataFrame({name: np.where(each == rules.CANNOT, np.nan, each > 0) for name, each in judged.items()})
    fired = fired.set_axis(trial.panel.rows.index)
    dated = trial.events if trial.judged == "all" else None
    return found(
        trial.name,
        every.join(rows[["outcome", "judged"]]),
        fired,
        plan,
        events=dated,
        model=model,
        refused=refused,
        borrowed=forced or refused is not None,
    )


def found(
    name: str,
    every: pd.DataFrame,
    fired: pd.DataFrame,
    plan: Plan,
    *,
    events: pd.DataFrame | None,
    model: Model | None,
    refused: str | None,
    borrowed: bool,
) -> Found:
    """What follows from verdicts on rows: `every` has borrower_id, period_end, known_on, the scores, and where a row
    counts `outcome` and `judged`; `fired` the rules on the same rows (1, 0, NaN: could not judge). With dated `events`
    lead times are measured. A `borrowed` model knows nothing of this sample's base rate."""
    limits = bars()
    scored = every[every["judged"].eq(True)].drop(columns="judged").astype({"outcome": int})
    leads, summary = _leads(every, events, limits)
    return Found(
        name=name,
        metrics=_metrics(scored, plan, borrowed=borrowed),
        scored=scored,
        by_year=_by_year(scored),
        by_rule=_by_rule(scored, fired.loc[scored.index], limits),
        capacity=_at_capacity(scored, limits),
        calibration=_calibration(scored, limits),
        leads=leads,
        lead_summary=summary,
        model=model,
        refused=refused,
    )


def _learned(train: Trial | None, trial: Trial, plan: Plan) -> hazard.Sample | None:
    if train is None:
        return None
    both = sorted({*train.panel.rows["borrower_id"]} & {*trial.panel.rows["borrower_id"]})
    if both:
        raise ContractError(
            f"{trial.name}: {len(both)} firms stand in {train.name} too, first {both[:5]}: a model must be judged on "
            "firms it has not seen; take them out of one of the two"
        )
    rows = hazard.labelled(train.panel.rows, train.events, train.horizon_months, train.judged)
    return hazard.sample(train.panel, rows, plan, train.name, train.horizon_months)


def _from_outside(
    trial: Trial, test: hazard.Sample, learned: hazard.Sample | None, plan: Plan, shipped: Model | None
) -> tuple[Model | None, pd.DataFrame | None, str | None]:
    """A model that has not seen the trial, its scores on every row, and why none was fitted on the trial."""
    model = hazard.fit(learned, plan) if learned is not None else shipped
    refused = None if learned is not None else hazard.refusal(test.rows, plan)
    return model, None if model is None else hazard.predict(model, trial.panel, plan), refused


def _every_row(trial: Trial, judged: dict[str, np.ndarray], told: pd.DataFrame | None) -> pd.DataFrame:
    """Every row of the panel with the rules' level, the scores (higher is worse) and the model's verdict."""
    book, panel = rules.load(), trial.panel
    outcomes = np.array([np.where((each > 0) & book.rules[name].veto, 3, each) for name, each in judged.items()])
    rank, signals = outcomes.max(axis=0).clip(min=0), (outcomes > 0).sum(axis=0)
    rows = panel.rows[["borrower_id", "period_end", "known_on"]].copy()
    rows["rules_level"] = np.array(LEVELS, dtype=object)[rank]
    rows["rules"] = rank + signals / (len(outcomes) + 1)
    evaluator = Evaluator(panel, {"price_index": 100.0})
    for name in SCORED:
        values = evaluator.evaluate(scores.FORMULAS[name]).values
        rows[name] = -values if name in _SAFE_IS_HIGH else values
    return rows if told is None else with_agreed(rows.join(model_columns(told)))


def model_columns(told: pd.DataFrame) -> pd.DataFrame:
    """The model's verdicts (hazard.SCORES) under the names they have beside other scores."""
    names = ["variant", "score", "level", "probability", "probability_in_sample", "reason"]
    return told[names].rename(columns={"score": "model", "level": "model_level"})


def with_agreed(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows with the alert on which model and rules agree."""
    agreed = bars().agreed
    both = _at_least(rows["model_level"], agreed.model) & _at_least(rows["rules_level"], agreed.rules)
    return rows.assign(agreed_level=np.where(both, "orange", "none"))


def _at_least(level: pd.Series, least: str) -> np.ndarray:
    return level.isin(LEVELS[LEVELS.index(least) :]).to_numpy()


def _ten_ratio(learned: hazard.Sample, test: hazard.Sample, plan: Plan, limits: Bars, *, own: bool) -> pd.Series:
    """A plain logit on ten ratios, fitted on the training firms, or by folds where a trial is its own training."""
    fold = hazard.folds(test.rows["borrower_id"], plan.folds) if own else np.zeros(len(test.rows), int)
    found = pd.Series(np.nan, index=test.rows.index)
    for each in np.unique(fold):
        seen = learned.rows["judged"].to_numpy() & ((fold != each) if own else True)
        values, outcome = learned.values.loc[seen, limits.ten_ratios], learned.rows.loc[seen, "outcome"]
        known = values.notna().all(axis=1)
        if outcome[known].nunique() < 2 or outcome[known].sum() < len(limits.ten_ratios):
            continue
        low, high = values.quantile(limits.winsor), values.quantile(1 - limits.winsor)
        cut, centre = values[known].clip(low, high, axis=1), values[known].mean()
        spread = values[known].std().replace(0, 1)  # a ratio alike for all tells nothing
        weights = _logit(outcome[known].to_numpy(), ((cut - centre) / spread).to_numpy())
        mine = (test.values.loc[fold == each, limits.ten_ratios].clip(low, high, axis=1) - centre) / spread
        found[fold == each] = mine.to_numpy() @ weights[1:] + weights[0]
    return found


def _logit(outcome: np.ndarray, values: np.ndarray) -> np.ndarray:
    """The constant and weights of a plain logit, for ranking alone.

    Where two ratios say the same, or all of them tell the failures apart without fault, no single set of weights is
    right, of which statsmodels warns; what they rank is settled all the same.
    """
    with warnings.catch_warnings():
        for expected in (PerfectSeparationWarning, SingularMatrixWarning):
            warnings.simplefilter("ignore", expected)
        return GLM(outcome, add_constant(values), family=Binomial()).fit().params


def sources(scored: pd.DataFrame) -> list[str]:
    """What was judged, by the name of its column of scores."""
    listed = ("model", "rules", "overdue_days", "ten_ratio_logit", *SCORED)
    return [name for name in listed if name in scored and scored[name].notna().any()]


def _metrics(scored: pd.DataFrame, plan: Plan, *, borrowed: bool) -> pd.DataFrame:
    """METRICS by source; a borrowed model knows nothing of this sample's base rate, so only ranks are judged there."""
    told = [_row(name, scored, plan, borrowed) for name in sources(scored)]
    outcome = scored["outcome"].to_numpy()
    if "agreed_level" in scored:
        both = {"by": "agreed", "rows": len(scored), "events": int(outcome.sum()), "unjudged": 0}
        told.append({**both, **_caught(scored, "agreed_level", plan)})
    always = {"by": "always_yellow", "rows": len(scored), "events": int(outcome.sum()), "unjudged": 0, "auc": 0.5}
    told.append({**always, **accuracy.caught(outcome, np.ones(len(outcome), bool))})
    return pd.DataFrame(told, columns=METRICS)


def _row(name: str, scored: pd.DataFrame, plan: Plan, borrowed: bool) -> dict:
    mine = scored[scored[name].notna()]
    outcome, score = mine["outcome"].to_numpy(), mine[name].to_numpy(float)
    told = {"by": name, "rows": len(mine), "events": int(outcome.sum()), "unjudged": len(scored) - len(mine)}
    if not 0 < outcome.sum() < len(outcome):
        return told
    told |= {"auc": accuracy.auc(outcome, score), "ks": accuracy.ks(outcome, score)}
    told["auc_low"], told["auc_high"] = accuracy.drawn_again(
        mine["borrower_id"], outcome, score, draws=plan.draws, level=plan.interval
    )
    if name == "model":
        weight = accuracy.to_base_rate(outcome, plan.population_rate)
        _, told["brier_skill_population"] = accuracy.brier(outcome, mine["probability"].to_numpy(float), weight)
    if name == "model" and not borrowed:
        told["brier"], told["brier_skill"] = accuracy.brier(outcome, mine["probability_in_sample"].to_numpy(float))
    level = {"model": "model_level", "rules": "rules_level"}.get(name)
    return told | (_caught(mine, level, plan) if level else {})


def _caught(mine: pd.DataFrame, level: str, plan: Plan) -> dict[str, float]:
    """Shares caught and falsely alarmed from orange up, with their intervals by firm."""
    alert = _at_least(mine[level], "orange")
    return accuracy.caught_between(mine["outcome"].to_numpy(), alert, mine["borrower_id"], plan.interval)


def _by_year(scored: pd.DataFrame) -> pd.DataFrame:
    """Rows, events and the AUC of each source by the year of the figures; NaN where a year has one outcome only."""
    told, named = [], sources(scored)
    for year, part in scored.groupby(scored["period_end"].dt.year):
        found = {"year": int(year), "rows": len(part), "events": int(part["outcome"].sum())}
        for name in named:
            known = part[part[name].notna()]
            found[name] = accuracy.auc(known["outcome"].to_numpy(), known[name].to_numpy(float))
        told.append(found)
    return pd.DataFrame(told, columns=["year", "rows", "events", *named])


def _by_rule(scored: pd.DataFrame, fired: pd.DataFrame, limits: Bars) -> pd.DataFrame:
    """How often each rule rang among all failing and all surviving rows, and whether it earns its keep.

    Where a rule cannot be judged it does not ring: of those judged alone some would seem to ring always, for they can
    say yes on figures that do not suffice for a no.
    """
    bad, rang = scored["outcome"].to_numpy(bool), fired.eq(1)
    failing, surviving = rang[bad].mean(), rang[~bad].mean()
    count = rang.sum()
    told = {
        "fired": count,
        "unjudged": fired.isna().sum(),
        "among_failing": failing,
        "among_surviving": surviving,
        "lift": failing / surviving.where(surviving > 0),
        "precision": rang[bad].sum() / count.where(count > 0),
    }
    told["lift"] = told["lift"].mask((surviving == 0) & (failing > 0), np.inf)
    table = pd.DataFrame(told).rename_axis("rule").reset_index()
    table["verdict"] = [_verdict(each, limits.rules) for each in table.itertuples()]
    return table.sort_values(["lift", "fired"], ascending=False, ignore_index=True)[RULES]


def _verdict(rule: tuple, limits: RuleBars) -> str:
    if rule.fired < limits.fewest:
        return "too_few"
    if rule.lift < limits.retire:
        return "retire"
    return "retune" if rule.among_surviving > limits.noisy else "keep" if rule.lift >= limits.keep else "weak"


def _at_capacity(scored: pd.DataFrame, limits: Bars) -> pd.DataFrame:
    told = [pd.DataFrame(columns=["share", "rows", "caught", "precision", "recall", "by"])]
    for name in sources(scored):
        known = scored[scored[name].notna()]
        if known["outcome"].any():
            found = accuracy.at_capacity(known["outcome"].to_numpy(), known[name].to_numpy(float), limits.capacity)
            told.append(found.assign(by=name))
    return pd.concat(told[1:] or told, ignore_index=True)


def _calibration(scored: pd.DataFrame, limits: Bars) -> pd.DataFrame:
    """Groups by the model's probability beside what came; empty without a model."""
    if "model" not in scored or scored["model"].isna().all():
        return pd.DataFrame(columns=["rows", "expected", "observed"])
    known = scored[scored["model"].notna()]
    return accuracy.reliability(
        known["outcome"].to_numpy(), known["probability_in_sample"].to_numpy(float), limits.bins
    )


def _leads(every: pd.DataFrame, events: pd.DataFrame | None, limits: Bars) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Lead times of persistent oranges by source, one row an event, and their summary; empty where events have no day
    of their own."""
    found, told = [], []
    for name in ("rules", "model", "agreed") if events is not None else ():
        level = f"{name}_level"
        if level not in every:
            continue
        alert = _at_least(every[level], "orange")
        mine = lead_time.leads(
            every, alert, events, periods=limits.persistent, forgiven=limits.forgiven,
            stale_months=limits.stale_months,
        )  # fmt: skip
        quiet = lead_time.quiet_rate(every, alert, events, limits.persistent)
        found.append(mine.assign(by=name))
        told.append({"by": name, **lead_time.summary(mine, limits.lead_quarters),
                     "quiet_rows": quiet["rows"], "quiet_firms_ever": quiet["firms"]})  # fmt: skip
    leads = pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=[*lead_time.LEADS, "by"])
    return leads, pd.DataFrame(told)
