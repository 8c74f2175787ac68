import numpy as np
import pandas as pd
import pytest

from conftest import SHARED, facts, needs_shared
from postloan.analysis import scores
from postloan.analysis.periods import Panel
from postloan.errors import ContractError
from postloan.measures import measures

# The golden company of the domain reference: CNY m, twelve-month flows, period-end stocks.
NOW = dict(
    current_assets=520, cash=60, accounts_receivable=210, inventory=180, fixed_assets=380, fixed_assets_gross=560,
    total_assets=1000, current_liabilities=430, long_term_borrowings=190, total_liabilities=620, equity=380,
    retained_earnings=120, revenue=900, operating_cost=720, sga_expense=95, interest_expense=32, profit_before_tax=38,
    net_profit=28.5, depreciation_amortisation=42, cfo=15, market_value_equity=450,
)  # fmt: skip
BEFORE = dict(
    current_assets=470, cash=75, accounts_receivable=160, inventory=150, fixed_assets=350, fixed_assets_gross=500,
    total_assets=900, current_liabilities=370, long_term_borrowings=170, total_liabilities=540, equity=360,
    retained_earnings=99.5, revenue=850, operating_cost=663, sga_expense=85, interest_expense=26, profit_before_tax=54,
    net_profit=40.5, depreciation_amortisation=40, cfo=48,
)  # fmt: skip
GOLDEN = dict(
    altman_z=1.842483870967742, altman_z_private=1.5392793548387096, altman_z_nonmanufacturing=2.095548387096774,
    altman_em=5.345548387096773, springate=0.7259255813953489, zmijewski_x=-0.9388032906976748,
    zmijewski_p=0.1739158745429521, ohlson_o=-4.392591867042204, ohlson_p=0.012217515865009587,
    beneish_dsri=1.2395833333333333, beneish_gmi=1.1, beneish_aqi=1.125, beneish_sgi=1.0588235294117647,
    beneish_depi=1.0305250305250304, beneish_sgai=1.0555555555555556, beneish_lvgi=1.0333333333333334,
    beneish_tata=0.0135, beneish_m8=-2.057591422143216, beneish_m5=-2.511655267812254,
)  # fmt: skip


def filed(now: dict = NOW, before: dict = BEFORE) -> Panel:
    rows = [
        (day, 12, item, amount * 1e6)
        for day, lines in (("2022-12-31", now), ("2021-12-31", before))
        for item, amount in lines.items()
    ]
    return Panel(facts(rows))


def scored(now: dict = NOW, before: dict = BEFORE) -> pd.DataFrame:
    table = scores.compute(filed(now, before))
    return table[table["period_end"] == "2022-12-31"].set_index("ratio")


@pytest.mark.parametrize("score", GOLDEN)
def test_score_equals_golden(score):
    assert scored().at[score, "value"] == pytest.approx(GOLDEN[score], abs=1e-6)


def test_score_is_taken_apart():
    told = scores.explain(filed(), "altman_z", "A", "2022-12-31")
    assert told.value == pytest.approx(GOLDEN["altman_z"])
    assert {"retained_earnings", "market_value_equity"} <= set(told.facts["item"])
    with pytest.raises(ContractError, match=r"unknown score 'z'; known: .*altman_z"):
        scores.explain(filed(), "z", "A", "2022-12-31")


def test_missing_index_counts_as_one():
    plain = scored({k: v for k, v in NOW.items() if k != "sga_expense"})
    expected = GOLDEN["beneish_m8"] - 0.172 * (1 - GOLDEN["beneish_sgai"])
    assert plain.at["beneish_m8", "value"] == pytest.approx(expected, abs=1e-9)


def test_no_market_value_no_classic_z():
    plain = scored({k: v for k, v in NOW.items() if k != "market_value_equity"})
    assert plain.at["altman_z", "reason"] == "missing:end.market_value_equity"


def test_piotroski_counts_points():
    base = {"total_assets": 800.0, "net_profit": 20.0, "revenue": 800.0}
    rows = [("2020-12-31", 12, item, amount * 1e6) for item, amount in base.items()]
    lines = {**NOW, "share_capital": 100}, {**BEFORE, "share_capital": 100}
    for day, items in zip(("2022-12-31", "2021-12-31"), lines, strict=True):
        rows += [(day, 12, item, amount * 1e6) for item, amount in items.items()]
    table = scores.compute(Panel(facts(rows)))
    points = table[table["period_end"] == "2022-12-31"].set_index("ratio")["value"]
    # by hand: ROA +, CFO +, ΔROA −, CFO>NI −, Δdebt 190/950 v no earlier average → missing
    assert [points[f"piotroski_{name}"] for name in ("roa", "cfo", "roa_up", "cash_over_profit")] == [
        1,
        1,
        0,
        0,
    ]
    assert [points[f"piotroski_{name}"] for name in ("liquidity_up", "no_new_shares", "margin_up", "turns_up")] == [
        0,
        1,
        0,
        0,
    ]


def test_accruals_two_ways():
    points = scored()["value"]
    assert points["accruals_cash_flow"] == pytest.approx((28.5 - 15) / 950)
    assert pd.isna(points["accruals_balance_sheet"])


def test_single_quarters_never_enter():
    rows = [
        ("2022-12-31", 12, item, 100.0) for item in ("total_assets", "current_assets", "current_liabilities", "equity")
    ]
    rows += [("2022-12-31", 3, item, 10.0) for item in ("revenue", "profit_before_tax", "interest_expense")]
    table = scores.compute(Panel(facts(rows))).set_index("ratio")
    assert pd.isna(table.at["springate", "value"])


def test_benford_refuses_small_samples():
    drawn = pd.Series(10 ** np.random.default_rng(1).uniform(0, 4, 300))
    assert scores.benford(drawn).conforms is None


def test_benford_tells_large_samples():
    rng = np.random.default_rng(1)
    assert scores.benford(pd.Series(10 ** rng.uniform(0, 4, 5000))).conforms is True
    assert scores.benford(pd.Series(rng.uniform(1, 10, 5000))).conforms is False


def test_every_score_has_its_reading():
    assert set(scores.FORMULAS) <= set(measures())


@needs_shared
def test_classic_z_agrees_with_published():
    published = pd.read_csv(SHARED / "altman_published" / "clean_rows.csv")
    names = {
        "total_current_liabilities": "current_liabilities",
        "ebit": "operating_profit",
        "total_revenue": "revenue",
    }
    names["market_value"] = "market_value_equity"
    wide = published.rename(columns=names)
    items = [
        "current_assets",
        "current_liabilities",
        "retained_earnings",
        "operating_profit",
        "market_value_equity",
    ]
    items += ["total_liabilities", "revenue", "total_assets"]
    wide["who"] = wide["company"] + "@" + wide["period_end"]
    long = wide.melt(id_vars=["who", "period_end"], value_vars=items, var_name="item", value_name="amount").dropna()
    statements = facts(list(long.assign(months=12)[["period_end", "months", "item", "amount"]].itertuples(index=False)))
    table = scores.compute(Panel(statements.assign(borrower_id=long["who"].to_numpy())))
    ours = table[table["ratio"] == "altman_z"].set_index("borrower_id")["value"]
    near = (ours.reindex(wide["who"]).to_numpy() - published["published_altman_z"].to_numpy()).__abs__() <= 0.2
    assert near.mean() >= 0.96
