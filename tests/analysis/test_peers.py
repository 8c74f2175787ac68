"""Where a borrower stands among its peers, and beside its own past."""

import numpy as np
import pandas as pd
import pytest
import yaml

from conftest import facts
from postloan import settings
from postloan.analysis import peers
from postloan.analysis.periods import Panel
from postloan.errors import ContractError, RuleError
from postloan.measures import measures

C34, C35 = "C34 通用设备制造业", "C35 专用设备制造业"


def statements(ratios, day="2025-12-31", revenue=50e6):
    """Borrowers with a year's revenue and liabilities of so much of assets of 100."""
    rows = [
        facts(
            [
                (day, 0, "total_assets", 100.0),
                (day, 0, "total_liabilities", 100.0 * ratio),
                (day, 12, "revenue", revenue),
            ],
            borrower_id=name,
        )
        for name, ratio in ratios.items()
    ]
    return pd.concat(rows, ignore_index=True)


def borrowers(**industries):
    rows = [(name, industry, "CNY") for industry, names in industries.values() for name in names]
    return pd.DataFrame(rows, columns=["borrower_id", "industry", "currency"])


def many(prefix, count):
    return [f"{prefix}{number:03}" for number in range(count)]


TEN = dict(zip(many("A", 10), np.arange(10) / 10 + 0.05, strict=True))


def test_place_among_nine_peers_by_hand():
    found = peers.Among(Panel(statements(TEN)), borrowers(a=(C34, TEN))).standing("liabilities_to_assets")
    others = np.delete(np.array(list(TEN.values())), 7)
    mine = found.loc["A007"]
    assert mine["percentile"] == pytest.approx(7 / 9)
    assert list(mine[["low", "median", "high", "mean"]]) == pytest.approx(
        [*np.quantile(others, [0.25, 0.5, 0.75]), others.mean()]
    )
    away = 1.4826 * np.median(np.abs(others - np.median(others)))
    assert mine["robust_z"] == pytest.approx((0.75 - np.median(others)) / away)
    assert (mine["count"], mine["group"], mine["reason"]) == (9, "size", "")


def test_few_peers_widen_to_the_parent_then_to_nobody():
    names = [*many("A", 4), *many("B", 8), *many("F", 3)]
    panel = Panel(statements(dict(zip(names, np.linspace(0.1, 0.9, 15), strict=True))))
    master = borrowers(a=(C34, many("A", 4)), b=(C35, many("B", 8)), f=("F51 批发业", many("F", 3)))
    found = peers.Among(panel, master).standing("liabilities_to_assets")
    assert found.at["A000", "group"] == "parent"
    assert found.at["A000", "count"] == 11
    assert found.at["F000", "group"] == "book"
    alone = Panel(statements(dict.fromkeys(names[:6], 0.5)))
    few = peers.Among(alone, master[master["borrower_id"].isin(names[:6])]).standing("liabilities_to_assets")
    assert (few["reason"] == "few_peers").all()
    assert few["percentile"].isna().all()


def test_same_size_first_and_size_needs_the_currency():
    small, large = dict.fromkeys(many("A", 10), 0.4), dict.fromkeys(many("B", 10), 0.8)
    panel = Panel(pd.concat([statements(small, revenue=1e6), statements(large, revenue=9e8)]))
    master = borrowers(a=(C34, [*small, *large]))
    found = peers.Among(panel, master).standing("liabilities_to_assets")
    assert found.at["A000", "median"] == pytest.approx(0.4)
    dollars = peers.Among(panel, master.assign(currency="USD")).standing("liabilities_to_assets")
    assert dollars.at["A000", "group"] == "industry"


def test_later_periods_of_peers_are_not_seen():
    later = statements(dict.fromkeys(many("A", 10)[1:], 0.99), day="2026-03-31")
    panel = Panel(pd.concat([statements(TEN), later], ignore_index=True))
    found = peers.Among(panel, borrowers(a=(C34, TEN))).standing("liabilities_to_assets")
    assert found.at["A000", "high"] < 0.9
    assert found.at["A001", "count"] == 9  # A000 has not filed the new period: it counts with the one before


def test_late_peers_are_left_out():
    old = statements(dict.fromkeys(many("B", 9), 0.99), day="2025-06-30")
    panel = Panel(pd.concat([statements({"A000": 0.5}), old], ignore_index=True))
    found = peers.Among(panel, borrowers(a=(C34, ["A000"]), b=(C34, many("B", 9)))).standing("liabilities_to_assets")
    assert found.at["A000", "reason"] == "few_peers"


@pytest.mark.parametrize(
    ("reading", "expected"),
    [("over_median", 0.75 / 0.45 - 1), ("times_mean", 0.75 / (4.25 / 9)), ("percentile", 7 / 9)],
)
def test_readings_that_rules_ask_for(reading, expected):
    among = peers.Among(Panel(statements(TEN)), borrowers(a=(C34, TEN)))
    assert among("liabilities_to_assets", reading)["A007"] == pytest.approx(expected)
    with pytest.raises(ContractError, match="unknown reading 'rank'"):
        among("liabilities_to_assets", "rank")


def test_pool_reads_enough_and_no_more():
    master = borrowers(a=(C34, many("A", 300)), b=(C35, many("B", 300)), f=("F51 批发业", many("F", 3)))
    plan = peers.load()
    assert len(peers.Groups(master).pool("A000")) in (plan.most, plan.most + 1)
    assert not [name for name in peers.Groups(master).pool("A000") if name.startswith("B")]
    assert {*many("F", 3)} <= {*peers.Groups(master).pool("F000")}
    assert len(peers.Groups(master).pool("F000")) <= plan.most + 3


def test_report_reads_few_and_finds_what_the_screen_finds(sample_book):
    day, everyone = "2026-05-15", sample_book.borrowers()
    whole = peers.Among(Panel(sample_book.statements(as_of=day)), everyone)
    for borrower in ("S0003", "S0004"):
        nearby = sample_book.statements(peers.Groups(everyone).pool(borrower), as_of=day, since="2023-09-01")
        alone = peers.Among(Panel(nearby), everyone, of=borrower)
        for metric in ("receivable_days", "revenue_growth", "interest_cover"):
            pd.testing.assert_series_equal(alone.standing(metric).loc[borrower], whole.standing(metric).loc[borrower])


def test_own_past_is_told_apart_from_peers(sample_book):
    panel = Panel(sample_book.statements("S0003", as_of="2026-05-15"))
    own = peers.trailing(panel, "S0003", ["liabilities_to_assets"])
    values = (panel.view("end")["total_liabilities"] / panel.view("end")["total_assets"]).to_numpy()
    assert own.at["liabilities_to_assets", "usual"] == pytest.approx(np.median(values[-9:-1]))
    assert own.at["liabilities_to_assets", "quarters"] == 8
    everyone = sample_book.borrowers()
    few = peers.load().model_copy(update={"fewest": 3})
    among = peers.Among(Panel(sample_book.statements(as_of="2026-05-15")), everyone, plan=few)
    placed = peers.position(among, own, "S0003", measures()).iloc[0]
    assert (placed["level"], placed["change"]) == ("middle", "worse")
    near = own.assign(usual=float(values[-1]) * 1.005)  # half a per cent off, if many of its small deviations
    assert peers.position(among, near, "S0003", measures()).at[0, "change"] == "usual"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"fewest": 1}, "fewest"),
        ({"sure": 4}, "expected fewest <= sure <= most"),
        ({"shown": ["luck"]}, r"unknown metrics \['luck'\]"),
    ],
)
def test_bad_settings_are_told(tmp_path, change, said):
    file = tmp_path / "peers.yml"
    file.write_text(yaml.safe_dump({**settings.load_yaml(settings.params("peers.yml")), **change}))
    with pytest.raises(RuleError, match=said) as error:
        peers.load(file)
    assert "peers.yml" in str(error.value)


def test_the_whole_book_is_shown_but_warns_of_nothing():
    names = [*many("A", 9), "F000"]
    panel = Panel(statements(dict(zip(names, np.linspace(0.1, 0.9, 10), strict=True))))
    among = peers.Among(panel, borrowers(a=(C34, names[:9]), f=("F51 批发业", ["F000"])))
    assert among.standing("liabilities_to_assets").at["F000", "group"] == "book"
    assert "F000" not in among("liabilities_to_assets", "percentile").index


def test_other_currencies_are_no_peers():
    dollars = dict.fromkeys(many("U", 10), 0.99)
    panel = Panel(pd.concat([statements(TEN), statements(dollars).assign(currency="USD")]))
    master = borrowers(a=(None, [*TEN, *dollars]))
    master["currency"] = ["CNY"] * 10 + ["USD"] * 10
    found = peers.Among(panel, master).standing("liabilities_to_assets").loc["A007"]
    assert (found["group"], found["count"], found["percentile"]) == ("book", 9, pytest.approx(7 / 9))


def test_lenders_stand_among_their_like():
    banks, bare = dict.fromkeys(many("J", 3), 0.92), dict.fromkeys(many("X", 9), 0.9)
    plain = statements({**TEN, "F000": 0.5})
    parted = [plain.assign(item=item) for item in ("current_assets", "current_liabilities")]
    rows = [each[plain["item"] == "total_assets"] for each in parted]
    panel = Panel(pd.concat([plain, *rows, statements({**banks, **bare})]))
    master = borrowers(a=(None, [*TEN, *bare]), f=("F51 批发业", ["F000"]), j=("J66 货币金融服务", [*banks]))
    found = peers.Among(panel, master).standing("liabilities_to_assets")
    assert found.loc[["J000", "F000", "X000"], "count"].tolist() == [2, 10, 8]
    assert found.at["J000", "reason"] == "few_peers"
