"""A discrete-time hazard of failing within the horizon, from the statements alone (DOMAIN §9, Shumway 2001).

A penalised logit on places of factors (factors), held so that risk never falls on a factor's bad side, fitted through
statsmodels' GLM; errors are clustered by firm. It is judged only on firms it has not seen: folds by firm. What keeps
it from over-fitting is the penalty, and what shows it is the slope on firms not seen (Riley et al. 2019, Statistics in
Medicine 38:1276: 0.9 at least), beside events for each effective parameter; effects of the period count as baseline.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import pandas as pd
from scipy.optimize import minimize
from scipy.special import expit, logit
from statsmodels.genmod.families import Binomial
from statsmodels.genmod.generalized_linear_model import GLM
from statsmodels.tools.tools import add_constant

from postloan.analysis.periods import Panel
from postloan.errors import ContractError
from postloan.portfolio import accuracy, factors
from postloan.portfolio.hazard_params import Column, Fitted, Model, Plan
from postloan.tables import LEVELS

SCORES = ["borrower_id", "period_end", "variant", "score", "probability", "probability_in_sample", "level", "reason"]
DRIVERS = ["borrower_id", "factor", "value", "place", "push"]
_HIGH, _LOW = 0.9, 0.1


@dataclass(frozen=True)
class Sample:
    """Firm-periods with what came of them: `rows` has borrower_id, period_end, outcome (1: the event came within the
    horizon) and judged, and what a fit is taught by (`_taught`); `values` the factors on the same rows."""

    rows: pd.DataFrame
    values: pd.DataFrame
    origin: str
    currency: str
    horizon_months: int


def labelled(rows: pd.DataFrame, events: pd.DataFrame, horizon_months: int, judged: str) -> pd.DataFrame:
    """`outcomes` of rows; ContractError where no firm had the event, or none was spared."""
    told = outcomes(rows, events, horizon_months, judged, events["event_on"].max())
    counts = told.loc[told["judged"], "outcome"].value_counts()
    if len(counts) < 2:
        only = "all 0: nobody failed" if counts.get(0) else "all 1: nobody survived"
        raise ContractError(f"outcomes are {only}; to judge warnings both failed and surviving firms are needed")
    return told


def outcomes(
    rows: pd.DataFrame, events: pd.DataFrame, horizon_months: int, judged: str, until: pd.Timestamp
) -> pd.DataFrame:
    """Rows (borrower_id, period_end, in order of time) with `outcome` and `judged` (last or all rows of a firm).

    Rows after the event are left out, and where all are judged those whose horizon reaches past `until`, the last day
    of which events are known. `events` has borrower_id and event_on.
    """
    rows = rows[["borrower_id", "period_end"]].copy()
    event = events.set_index("borrower_id")["event_on"].reindex(rows["borrower_id"]).set_axis(rows.index)
    reach = rows["period_end"] + pd.DateOffset(months=horizon_months)
    rows["outcome"] = (event <= reach).astype(int)
    seen = judged == "last" or (reach <= until) | (rows["outcome"] == 1)
    rows["judged"] = ~rows["borrower_id"].duplicated(keep="last") if judged == "last" else True
    return rows[~(event < rows["period_end"]) & seen]


def sample(panel: Panel, rows: pd.DataFrame, plan: Plan, origin: str, horizon_months: int) -> Sample:
    """The sample of labelled rows of a panel with their factors."""
    values, _ = factors.figures(panel, plan)
    currency = panel.statements["currency"].iloc[0]
    return Sample(_taught(rows, plan), values.loc[rows.index], origin, currency, horizon_months)


def _taught(rows: pd.DataFrame, plan: Plan) -> pd.DataFrame:
    """Adds `lead`, the years a row stands before its firm's judged one, `told`, what the firm came to, and `weight`.

    A firm judged on its last row also teaches by its earlier ones, as the plan weighs them: it was on its way. Firms
    whose last row is older than the plan's recent years teach nothing.
    """
    if rows["judged"].all():
        return rows.assign(lead=0, told=rows["outcome"], weight=1.0)
    by = rows.groupby("borrower_id")
    last, day = by["period_end"].transform("max"), rows["period_end"].dt
    months = 12 * (last.dt.year - day.year) + last.dt.month - day.month
    weight = months.map({12 * lead: each for lead, each in enumerate([1.0, *plan.earlier])}).fillna(0.0)
    recent = last > last.max() - pd.DateOffset(years=plan.recent_years)
    return rows.assign(lead=months // 12, told=by["outcome"].transform("max"), weight=weight.where(recent, 0.0))


def refusal(rows: pd.DataFrame, plan: Plan) -> str | None:
    """Why no model can be fitted on these rows (`few_events`); None where it can."""
    rows = rows[rows["weight"] > 0] if "weight" in rows else rows
    events = rows.loc[rows["outcome"] == 1, "borrower_id"].nunique()
    return "few_events" if events < plan.fewest_events else None


def fit(learned: Sample, plan: Plan) -> Model:
    """Every variant of the plan that a sample bears; why others were left out stands in the model.

    ContractError where it bears none: below the plan's bar of events, or of events for each effective parameter, or
    where scores of firms not seen spread too far for what came (an over-fitted model's slope is below 1).
    """
    taught = learned.rows[learned.rows["weight"] > 0]
    judged = taught[taught["judged"]]
    tried = {name: _tried(learned, name, plan) for name in plan.variants}
    variants = {name: each for name, each in tried.items() if isinstance(each, Fitted)}
    left_out = {name: each for name, each in tried.items() if isinstance(each, str)}
    if not variants:
        raise ContractError(f"{learned.origin}: {'; '.join(f'{name}: {why}' for name, why in left_out.items())}")
    periods, events = judged["period_end"], int(judged["outcome"].sum())
    return Model(
        origin=learned.origin, currency=learned.currency, first_period=f"{periods.min():%Y-%m-%d}",
        last_period=f"{periods.max():%Y-%m-%d}", firms=taught["borrower_id"].nunique(), rows=len(taught), events=events,
        base_rate=events / len(judged), population_rate=plan.population_rate, horizon_months=learned.horizon_months,
        variants=variants, left_out=left_out,
    )  # fmt: skip


def _tried(learned: Sample, name: str, plan: Plan) -> Fitted | str:
    """A variant fitted, or why it cannot be."""
    told = _problem(learned.rows, learned.values[plan.members(name)])
    events = int(told.outcome[told.judged].sum())
    if events < plan.fewest_events:
        return f"{events} events: a model needs at least {plan.fewest_events} (params/hazard.yml: fewest_events)"
    fitted = _variant(told, plan)
    if events < plan.events_per_parameter * fitted.effective_parameters:
        return (
            f"{events} events for {fitted.effective_parameters:.0f} effective parameters: "
            f"expected {plan.events_per_parameter:g} each (params/hazard.yml: events_per_parameter)"
        )
    if fitted.slope < plan.least_slope:
        return (
            f"over-fitted: on firms not seen the log-odds deserve {fitted.slope:.2f} of their spread: "
            f"expected {plan.least_slope:g} at least (params/hazard.yml: least_slope)"
        )
    return fitted


@dataclass(frozen=True)
class _Problem:
    """Rows that teach and have all factors known: what the firm came to, the weight, whether the firm is judged here,
    periods (nuisance effects), firms, factors."""

    outcome: np.ndarray
    weight: np.ndarray
    judged: np.ndarray
    period: np.ndarray
    firm: pd.Series
    values: pd.DataFrame


def _variant(told: _Problem, plan: Plan) -> Fitted:
    score, level, slope = _steady(told, plan)
    outcome, firm = told.outcome[told.judged], told.firm[told.judged]
    grid = factors.grids(told.values[told.judged], plan.grid)
    wanted = factors.columns([*told.values], plan)
    matrix = factors.design(factors.places(told.values, grid), wanted, plan)
    weights, errors, effective = _weights(told, matrix, wanted, plan)
    low, high = accuracy.drawn_again(firm, outcome, score, draws=plan.draws, level=plan.interval)
    cuts = _cuts(score, outcome, plan)
    columns = [each.model_copy(update={"weight": float(w)}) for each, w in zip(wanted, slope * weights, strict=True)]
    return Fitted(
        grids=grid,
        columns=columns,
        means=matrix[told.judged].mean(axis=0).tolist(),
        intercept=level,
        cuts=cuts,
        quiet=np.quantile(score[outcome == 0], np.linspace(0, 1, plan.grid)).tolist(),
        effects=_effects(columns, errors * slope**2, plan),
        auc=accuracy.auc(outcome, score),
        auc_low=low,
        auc_high=high,
        ks=accuracy.ks(outcome, score),
        brier_skill=accuracy.brier(outcome, expit(score))[1],
        caught=float((score[outcome == 1] >= cuts["orange"]).mean()),
        effective_parameters=effective,
        slope=slope,
    )


def _problem(rows: pd.DataFrame, values: pd.DataFrame) -> _Problem:
    known = values.notna().all(axis=1).to_numpy() & (rows["weight"] > 0).to_numpy()
    rows = rows[known]
    when = rows.groupby([rows["period_end"].dt.year, "lead"]).ngroup()
    told = (rows[name].to_numpy() for name in ("told", "weight", "judged"))
    return _Problem(*told, pd.get_dummies(when).to_numpy(float), rows["borrower_id"], values[known])


def _cuts(score: np.ndarray, outcome: np.ndarray, plan: Plan) -> dict[str, float]:
    """The score from which each level stands, so that the planned share of survivors reaches it."""
    return {name: float(np.quantile(score[outcome == 0], 1 - share)) for name, share in plan.quiet_shares.items()}


def _steady(told: _Problem, plan: Plan) -> tuple[np.ndarray, float, float]:
    """Scores of judged rows of firms not seen, brought to true log-odds, and the level and slope that do so."""
    raw, outcome = _unseen(told, plan)[told.judged], told.outcome[told.judged]
    level, slope = GLM(outcome, add_constant(raw), family=Binomial()).fit().params
    return level + slope * raw, float(level), float(slope)


def unseen(learned: Sample, fitted: Model, panel: Panel, plan: Plan) -> pd.DataFrame:
    """SCORES of a sample's own firms, each from a model fitted without it; firms too old to teach by the model itself,
    and other rows of the panel have none."""
    rows = predict(fitted, panel, plan)
    seen = rows["borrower_id"].isin(learned.rows.loc[learned.rows["weight"] > 0, "borrower_id"])
    rows.loc[seen, ["variant", "score", "level", "reason"]] = None, np.nan, None, None
    for name, each in fitted.variants.items():
        told = _problem(learned.rows, learned.values[[*each.grids]])
        score = pd.Series(_steady(told, plan)[0], index=told.firm.index[told.judged])
        score = score[rows.loc[score.index, "variant"].isna()]
        rows.loc[score.index, "variant"], rows.loc[score.index, "score"] = name, score
        rows.loc[score.index, "level"] = _levels(score.to_numpy(), each.cuts)
    return _chances(rows, fitted)[SCORES]


def _unseen(told: _Problem, plan: Plan) -> np.ndarray:
    """The score of each row (log-odds around the mean) from a model that has not seen its firm."""
    fold = folds(told.firm, plan.folds)
    wanted, scores = factors.columns([*told.values], plan), np.zeros(len(fold))
    for each in range(plan.folds):
        seen = fold != each
        part = _Problem(*(getattr(told, name.name)[seen] for name in fields(told)))
        grid = factors.grids(part.values[part.judged], plan.grid)
        matrix = factors.design(factors.places(told.values, grid), wanted, plan)
        weights, _, _ = _weights(part, matrix[seen], wanted, plan, errors=False)
        scores[~seen] = (matrix[~seen] - matrix[seen & told.judged].mean(axis=0)) @ weights
    return scores


def folds(firm: pd.Series, count: int) -> np.ndarray:
    """The fold of each row, all rows of a firm in one; the same at every call."""
    codes = pd.factorize(firm)[0]
    return np.random.default_rng(0).integers(0, count, codes.max() + 1)[codes]


def _weights(
    told: _Problem, matrix: np.ndarray, wanted: list[Column], plan: Plan, *, errors: bool = True
) -> tuple[np.ndarray, np.ndarray, float]:
    """Penalised weights with rises held at or above zero, their firm-clustered covariance, and how many parameters
    they are worth."""
    spread = matrix.std(axis=0)
    spread[spread == 0] = 1.0
    exog = np.column_stack([np.ones(len(matrix)), (matrix - matrix.mean(axis=0)) / spread, told.period])
    by_kind = plan.penalty.model_dump() | {"bend": plan.penalty.line * 2}
    ridge = np.array([0.0, *(by_kind[each.kind] for each in wanted), *[plan.penalty.period] * told.period.shape[1]])
    held = [(0.0, None) if each.kind == "rise" else (None, None) for each in wanted]
    bounds = [(None, None), *held, *[(None, None)] * told.period.shape[1]]
    model = GLM(told.outcome, exog, family=Binomial(), freq_weights=told.weight)

    def loss(params: np.ndarray) -> tuple[float, np.ndarray]:
        value = -model.loglike(params, scale=1.0) + (ridge * params**2).sum() / 2
        return value / len(exog), (-model.score(params, scale=1.0) + ridge * params) / len(exog)

    params = minimize(loss, np.zeros(exog.shape[1]), jac=True, method="L-BFGS-B", bounds=bounds).x
    span = slice(1, 1 + len(wanted))
    if not errors:
        return params[span] / spread, np.empty(0), 0.0
    free = (params != 0) | np.array([low is None for low, _ in bounds])
    covariance, worth = _sandwich(model, params, ridge, free, told.firm)
    return params[span] / spread, covariance[span, span] / np.outer(spread, spread), float(worth[span].sum())


def _sandwich(
    model: GLM, params: np.ndarray, ridge: np.ndarray, free: np.ndarray, firm: pd.Series
) -> tuple[np.ndarray, np.ndarray]:
    """The covariance of a penalised fit clustered by firm (parameters held at zero have none), and what share of a
    free parameter each is worth: the diagonal of H (H + ridge)⁻¹ (Hastie, Tibshirani, Friedman 2009, 7.6)."""
    hessian = -model.hessian(params, scale=1.0)[np.ix_(free, free)]
    bread = np.linalg.inv(hessian + np.diag(ridge[free]))
    score = pd.DataFrame(model.score_obs(params, scale=1.0)[:, free]).groupby(pd.factorize(firm)[0]).sum().to_numpy()
    covariance = np.zeros((len(params), len(params)))
    covariance[np.ix_(free, free)] = bread @ (score.T @ score) @ bread
    worth = np.zeros(len(params))
    worth[free] = np.diag(hessian @ bread)
    return covariance, worth


def _effects(columns: list[Column], covariance: np.ndarray, plan: Plan) -> dict[str, tuple[float, float]]:
    """Each factor from place 0.1 to 0.9, others in the middle: log-odds and robust error."""
    names = list(
        dict.fromkeys(each.factor for each in columns) | dict.fromkeys(e.partner for e in columns if e.partner)
    )
    weights, told = np.array([each.weight for each in columns]), {}
    for name in names:
        ends = pd.DataFrame(factors.MIDDLE, index=[0, 1], columns=names)
        ends[name] = [_LOW, _HIGH]
        step = np.diff(factors.design(ends, columns, plan), axis=0)[0]
        told[name] = (float(step @ weights), float(np.sqrt(max(step @ covariance @ step, 0))))
    return told


def predict(fitted: Model, panel: Panel, plan: Plan) -> pd.DataFrame:
    """SCORES on every row of a panel: log-odds, probabilities at the population's and the sample's base rate, the
    level (none, yellow, orange, red), and where no variant can see all its factors the reason of the first that lacks.
    """
    return scores(fitted, panel, factors.figures(panel, plan), plan)


def scores(fitted: Model, panel: Panel, figures: tuple[pd.DataFrame, pd.DataFrame], plan: Plan) -> pd.DataFrame:
    """`predict` from the `factors.figures` of a panel."""
    values, why = figures
    rows = panel.rows[["borrower_id", "period_end"]].copy()
    rows[["variant", "score", "level"]] = None, np.nan, None
    for name, each in fitted.variants.items():
        known = rows["variant"].isna() & values[[*each.grids]].notna().all(axis=1)
        if known.any():
            score = _score(each, values[known], plan)
            rows.loc[known, "variant"], rows.loc[known, "score"] = name, score
            rows.loc[known, "level"] = _levels(score, each.cuts)
    rows = _chances(rows, fitted)
    least = list(fitted.variants.values())[-1]
    rows["reason"] = why[[*least.grids]].bfill(axis=1).iloc[:, 0].where(rows["variant"].isna())
    return rows[SCORES]


def _chances(rows: pd.DataFrame, fitted: Model) -> pd.DataFrame:
    """Adds the probability at the base rate of the sample, and at that of the population."""
    shift = logit(fitted.population_rate) - logit(fitted.base_rate)
    score = rows["score"].astype(float)
    return rows.assign(score=score, probability_in_sample=expit(score), probability=expit(score + shift))


def _score(fitted: Fitted, values: pd.DataFrame, plan: Plan) -> np.ndarray:
    matrix = factors.design(factors.places(values, fitted.grids), fitted.columns, plan)
    weights = np.array([each.weight for each in fitted.columns])
    return fitted.intercept + (matrix - np.array(fitted.means)) @ weights


def rank(fitted: Fitted, score: float) -> float:
    """The share of the sample's surviving firms that score better."""
    return float(np.interp(score, fitted.quiet, np.linspace(0, 1, len(fitted.quiet))))


def _levels(score: np.ndarray, cuts: dict[str, float]) -> np.ndarray:
    ordered = sorted(cuts, key=LEVELS.index)
    return np.array(["none", *ordered], dtype=object)[sum((score >= cuts[name]).astype(int) for name in ordered)]


def drivers(fitted: Model, scored: pd.DataFrame, values: pd.DataFrame, plan: Plan) -> pd.DataFrame:
    """What pushes each borrower's newest score up or down: DRIVERS, the largest push first; `push` is in log-odds
    against the average firm of the sample, a pair's half going to each of its two factors.

    `scored` are SCORES of a panel's rows, `values` their figures.
    """
    newest = ~scored["borrower_id"].duplicated(keep="last") & scored["variant"].notna()
    told = [_pushes(fitted.variants[name], values.loc[part.index], plan, part["borrower_id"])
            for name, part in scored[newest].groupby("variant", sort=False)]  # fmt: skip
    if not told:
        return pd.DataFrame(columns=DRIVERS)
    found = pd.concat(told, ignore_index=True)
    order = found["push"].abs().sort_values(ascending=False, kind="stable").index
    return found.loc[order].sort_values("borrower_id", kind="stable", ignore_index=True)


def _pushes(fitted: Fitted, values: pd.DataFrame, plan: Plan, borrowers: pd.Series) -> pd.DataFrame:
    names, place = [*fitted.grids], factors.places(values, fitted.grids)
    matrix = factors.design(place, fitted.columns, plan) - np.array(fitted.means)
    parts = matrix * np.array([each.weight for each in fitted.columns])
    pushes = {name: np.zeros(len(values)) for name in names}
    for part, column in zip(parts.T, fitted.columns, strict=True):
        for name in (column.factor, column.partner) if column.partner else (column.factor,):
            pushes[name] += part / (2 if column.partner else 1)
    told = {"value": values[names].to_numpy().T, "place": place.to_numpy().T, "push": np.array([*pushes.values()])}
    keys = {"borrower_id": np.tile(borrowers, len(names)), "factor": np.repeat(names, len(values))}
    return pd.DataFrame(keys | {name: each.ravel() for name, each in told.items()})
