"""The hazard model: what it may learn, what it must refuse, and that it tells the same by hand."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from firms import firms
from postloan.analysis.periods import Panel
from postloan.book import outcomes
from postloan.errors import ContractError
from postloan.portfolio import factors, hazard, hazard_params

PLAN = hazard_params.plan().model_copy(
    update={
        "draws": 20,
        "folds": 3,
        "events_per_parameter": 2,
        "variants": {"full": ["liabilities", "net_profit", "worst_profit", "size"], "bare": ["liabilities"]},
    }
)


def trial(rows, folder):
    file = folder / "firms.csv"
    rows.to_csv(file, index=False)
    read = outcomes.read(file)
    panel = Panel(read.statements)
    return panel, hazard.labelled(panel.rows, read.events, read.horizon_months, read.judged)


@pytest.fixture(scope="module")
def learned(tmp_path_factory):
    panel, rows = trial(firms(), tmp_path_factory.mktemp("firms"))
    return panel, hazard.sample(panel, rows, PLAN, "firms.csv", 12)


@pytest.fixture(scope="module")
def fitted(learned):
    return hazard.fit(learned[1], PLAN)


def test_label_only_the_last_row(learned):
    rows = learned[1].rows
    last = ~rows["borrower_id"].duplicated(keep="last")
    assert rows.loc[~last, "outcome"].sum() == 0
    assert rows["judged"].equals(last)


def test_earlier_rows_teach_at_less_weight(learned):
    rows = learned[1].rows
    weights = rows.groupby(rows.groupby("borrower_id").cumcount(ascending=False))["weight"].unique()
    assert [list(each) for each in weights] == [[1.0], PLAN.earlier, [0.0], [0.0]]
    assert rows["told"].equals(rows.groupby("borrower_id")["outcome"].transform("max"))


def test_old_firms_teach_nothing(learned):
    panel, rows = learned[0], learned[1].rows.copy()
    old = rows["borrower_id"] < "F00200"
    rows.loc[old, "period_end"] -= pd.DateOffset(years=PLAN.recent_years)
    told = hazard.sample(panel, rows, PLAN, "firms.csv", 12).rows
    assert (told["weight"] > 0).groupby(old).any().to_dict() == {False: True, True: False}


def test_over_fitted_model_refused(learned):
    loose = {"penalty": PLAN.penalty.model_copy(update=dict.fromkeys(("line", "rise", "pair"), 0.03))}
    only = {"variants": {"full": PLAN.variants["full"]}, "least_slope": 0.99, "events_per_parameter": 0.1}
    with pytest.raises(ContractError, match=r"full: over-fitted: .* deserve .* of their spread: expected 0.99"):
        hazard.fit(learned[1], PLAN.model_copy(update=loose | only))


def test_ranks_firms_it_has_not_seen(fitted):
    assert fitted.variants["full"].auc > 0.75
    assert fitted.variants["full"].auc_low < fitted.variants["full"].auc < fitted.variants["full"].auc_high


def test_risk_never_falls_on_the_bad_side(fitted):
    steps = pd.DataFrame({"liabilities": np.linspace(0, 1, 50)})
    bare = fitted.variants["bare"]
    score = factors.design(steps, bare.columns, PLAN) @ [each.weight for each in bare.columns]
    assert (np.diff(score) >= -1e-9).all()


def test_loss_raises_nearly_every_score(tmp_path):
    loss, rows = 0.05 * firms()["total_assets"], firms()
    for item in ("net_income", "ebit", "retained_earnings", "current_assets", "total_assets"):
        rows[item] -= loss
    panels = [trial(each, tmp_path)[0] for each in (firms(), rows)]
    before, after = (hazard.predict(hazard_params.model(), each, hazard_params.plan())["score"] for each in panels)
    assert (after > before)[before.notna()].mean() > 0.95


def test_unpenalised_fit_equals_statsmodels(learned):
    free = PLAN.model_copy(
        update={"penalty": PLAN.penalty.model_copy(update=dict.fromkeys(("line", "rise", "pair", "period"), 1e-9))}
    )
    told = hazard._problem(learned[1].rows, learned[1].values[["size"]])
    wanted = factors.columns(["size"], free)[:1]
    matrix = factors.design(factors.places(told.values, factors.grids(told.values, 21)), wanted, free)
    weights, covariance, effective = hazard._weights(told, matrix, wanted, free)
    exog = sm.add_constant(matrix)
    plain = sm.GLM(told.outcome, exog, family=sm.families.Binomial(), freq_weights=told.weight)
    plain = plain.fit()
    score = pd.DataFrame(plain.model.score_obs(plain.params)).groupby(pd.factorize(told.firm)[0]).sum()
    clustered = plain.normalized_cov_params @ (score.T @ score) @ plain.normalized_cov_params
    assert weights[0] == pytest.approx(plain.params[1], rel=1e-3)
    assert covariance[0, 0] == pytest.approx(clustered.iloc[1, 1], rel=1e-2)
    assert effective == pytest.approx(1, abs=0.1)


def test_pushes_add_up_to_the_score(learned, fitted):
    panel, _ = learned
    scored = hazard.predict(fitted, panel, PLAN)
    told = hazard.drivers(fitted, scored, factors.figures(panel, PLAN)[0], PLAN)
    scores = scored.drop_duplicates("borrower_id", keep="last").set_index("borrower_id")
    total = told.groupby("borrower_id")["push"].sum() + fitted.variants["full"].intercept
    pd.testing.assert_series_equal(total, scores.loc[total.index, "score"], check_names=False)


def test_base_rate_is_corrected(learned, fitted):
    told = hazard.predict(fitted, learned[0], PLAN).dropna(subset=["score"])
    odds = told["probability"] / (1 - told["probability"])
    enriched = told["probability_in_sample"] / (1 - told["probability_in_sample"])
    rate = fitted.base_rate
    assert np.allclose(odds / enriched, (0.01 / 0.99) / (rate / (1 - rate)))


def test_calibrated_on_firms_not_seen(learned, fitted):
    told = hazard.unseen(learned[1], fitted, learned[0], PLAN).dropna(subset=["score"])
    assert told["probability_in_sample"].mean() == pytest.approx(fitted.base_rate, rel=0.02)


def test_no_history_takes_the_barer_variant(learned, fitted):
    told = hazard.predict(fitted, learned[0], PLAN)
    first = ~told["borrower_id"].duplicated()
    assert (told.loc[first, "variant"] == "bare").all()
    assert (told.loc[~first, "variant"] == "full").all()


def test_missing_figure_is_a_reason(learned, fitted):
    facts = learned[0].statements
    bare = Panel(facts[facts["item"] != "total_liabilities"])
    told = hazard.predict(fitted, bare, PLAN)
    assert told["score"].isna().all()
    assert (told["reason"] == "missing:end.total_liabilities").all()


def test_too_few_events_refused(learned):
    few = learned[1].rows["borrower_id"] < "F00040"
    small = hazard.Sample(learned[1].rows[few], learned[1].values[few], "few.csv", "USD", 12)
    with pytest.raises(ContractError, match=r"few\.csv: full: \d+ events: a model needs at least 50"):
        hazard.fit(small, PLAN)


def test_unborne_variant_is_left_out(learned):
    poor = hazard.Sample(learned[1].rows, learned[1].values.assign(size=np.nan), "poor.csv", "USD", 12)
    model = hazard.fit(poor, PLAN)
    assert list(model.variants) == ["bare"]
    assert model.left_out["full"].startswith("0 events: a model needs at least")


def test_too_many_parameters_refused(learned):
    with pytest.raises(ContractError, match=r"events for .* effective parameters: expected 900 each"):
        hazard.fit(learned[1], PLAN.model_copy(update={"events_per_parameter": 900}))


def test_all_survivors_refused(tmp_path):
    with pytest.raises(ContractError, match="all 0: nobody failed"):
        trial(firms().assign(failed=0), tmp_path)


def test_model_survives_writing(fitted, learned, tmp_path):
    hazard_params.save(fitted, tmp_path / "model.yml", "note")
    again = hazard_params.model(tmp_path / "model.yml")
    both = [hazard.predict(each, learned[0], PLAN)["score"] for each in (fitted, again)]
    assert np.allclose(*both, atol=1e-3, equal_nan=True)


def test_later_rows_change_nothing_earlier(learned, fitted):
    panel, _ = learned
    early = Panel(panel.statements[panel.statements["period_end"] < "2007-01-01"])
    both = [
        hazard.predict(fitted, each, PLAN).set_index(["borrower_id", "period_end"])["score"] for each in (panel, early)
    ]
    pd.testing.assert_series_equal(both[0].loc[both[1].index], both[1])
