"""Use of proceeds: money followed by three ways, every flag on an example and quiet on its look-alike, hand sums."""

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import given
from hypothesis import settings as checks
from hypothesis import strategies as st
from use_world import HISTORY, MILLION, day, drawdown, loan, moves, paper, party, together, world

from postloan import settings
from postloan.analysis import loan_use, parties, tracing, use_params
from postloan.errors import ContractError, RuleError

STEEL, SHELL = "示例钢铁有限公司", "示例商贸有限公司"
LISTED = party(STEEL, relation="supplier", kind="company", on_contract=1, founded_on="2010-01-01")


def flags(rows, as_of=100, **more):
    return loan_use.check(rows, day(as_of), **more).flags.set_index("flag")


def seen(verified, paid):
    return {"borrower_id": "B1", "loan_id": "L1", "seen_on": day(60), "verified_share": verified, "paid_share": paid}


def listed(*flows, **tables):
    """A world in which the steel maker is the agreed payee."""
    tables["parties"] = [LISTED, *tables.get("parties", [])]
    return world(*flows, **tables)


HONEST = (
    listed((0, -7, STEEL, "company", "货款"), (20, -3, STEEL, "company", "货款")),
    listed(
        (1, -9, STEEL, "company", "货款"), (3, -0.5, None, None, "代发工资"), (9, -0.3, "税务局", "government", "增值税"),
    ),
)  # fmt: skip

# ruff: noqa: E501
# flag, a world that shows it, one that only looks like it, the money at risk in millions
CASES = {
    "u1 comes back": (
        listed((0, -8, STEEL), (6, 5, STEEL)),
        listed((0, -8, STEEL), (6, 5, STEEL), papers=[paper("credit_note", STEEL, 5, 5)]),
        5,
    ),
    "u1 comes back, invoice cancelled": (
        listed((0, -8, STEEL), (6, 8, "示例钢铁 股份有限公司")),
        listed((0, -8, STEEL), (6, 8, STEEL), papers=[paper("invoice", STEEL, 8, -1, cancelled_on=day(4))]),
        8,
    ),
    "u1 two-way trade": (
        listed((0, -8, STEEL), (6, 7, STEEL), papers=[paper("contract", STEEL, 8, -5)]),
        listed(
            (0, -8, STEEL), (6, 7, STEEL), papers=[paper("contract", STEEL, 8, -5), paper("invoice", STEEL, 7, -4, contract_id="x")]
        ),
        7,
    ),
    "u1 by way of a tied payee": (
        world(
            (0, -8, STEEL), (6, 8, SHELL),
            parties=[{**LISTED, "phone": "0513-1"}, party(SHELL, relation="other", phone="0513-1")],
        ),
        world((0, -8, STEEL), (6, 8, SHELL), parties=[{**LISTED, "phone": "0513-1"}, party(SHELL, phone="0513-2")]),
        8,
    ),
    "u1 straight to the parent": (
        listed((0, -4, "示例集团有限公司"), parties=[party("示例集团有限公司", relation="parent")]),
        listed(
            (0, -4, "示例集团有限公司"),
            parties=[party("示例集团有限公司", relation="parent")],
            papers=[paper("contract", "示例集团有限公司", 4, -9)],
        ),
        4,
    ),
    "u2 ring of three": (
        listed(
            (0, -6, STEEL, "company", "货款", "S1"), (4, 5.8, SHELL, "company", "往来", "S2"),
            parties=[party("钢铁户", account="S1", relation="supplier"), party("商贸户", account="S2", relation="other")],
            more=[
                *moves((0, 6, "B", "company", "", "A1"), (2, -5.9, SHELL, "company", "", "S2"), account="S1"),
                *moves((2, 5.9, STEEL, "company", "", "S1"), (4, -5.8, "B", "company", "", "A1"), account="S2"),
            ],
        ),
        listed(
            (0, -6, STEEL, "company", "货款", "S1"), (4, 5.8, SHELL, "company", "往来", "S2"),
            parties=[party("钢铁户", account="S1", relation="supplier"), party("商贸户", account="S2", relation="other")],
            more=[
                *moves((0, 6, "B", "company", "", "A1"), (2, -1.9, SHELL, "company", "", "S2"), account="S1"),
                *moves((2, 1.9, STEEL, "company", "", "S1"), (4, -5.8, "B", "company", "", "A1"), account="S2"),
            ],
        ),
        6,
    ),
    "u2 there and back": (
        listed(*((n + m, (m - 1) * 2, STEEL) for n in (0, 6, 12) for m in (0, 2))),
        listed(*((n + m, (m - 1) * 2, STEEL) for n in (0, 6, 12) for m in (0, 2)), papers=[paper("contract", STEEL, 6, n) for n in (-9, -8)]),
        6,
    ),
    "u3 a tenth in cash": (
        listed((1, -1.2, None, None, "取现", None, "cash")),
        listed((1, -0.04, None, None, "备用金", None, "cash")),
        1.2,
    ),
    "u3 fifty thousand to a person": (
        listed((1, -0.06, "李四", "individual", "往来")),
        listed(*((1, -0.04, f"职工{n}", "individual", "工资") for n in range(30))),
        0.06,
    ),
    "u3 wages by their look": (
        listed((1, -0.5, "李四", "individual", "工资"), (1, -0.6, "王五", "individual", "工资")),
        listed(*((1, -0.045, f"职工{n}", "individual", "") for n in range(30))),
        1.1,
    ),
    "u4 securities": (
        listed((2, -2, "示例证券有限公司", "securities", "银证转账")),
        listed((2, -0.3, "示例物业服务有限公司", "company", "物业费")),
        2,
    ),
    "u4 property": (
        listed((2, -2, "示例置业有限公司", "developer", "购房款")),
        listed((2, -0.3, "示例置业有限公司", "developer", "办公室房租")),
        2,
    ),
    "u4 agreed land": (
        world((2, -2, "示例置业有限公司", "developer", "土地款"), loans=[loan(product="fixed_asset")], parties=[LISTED]),
        world(
            (2, -2, "示例置业有限公司", "developer", "土地款"), loans=[loan(product="fixed_asset")],
            parties=[party("示例置业有限公司", on_contract=1)],
        ),
        2,
    ),
    "u4 dividends": (
        listed((2, -1, "甲股东有限公司", "company", "2024年度分红")),
        listed((2, -0.2, "示例保险公司", "insurer", "财产保险费")),
        1,
    ),
    "u5 split": (
        listed((0, -0.9, STEEL), (2, -0.9, STEEL), (3, -0.9, STEEL), loans=[loan(entrusted_above=MILLION)]),
        listed(
            (0, -0.9, STEEL), (2, -0.9, STEEL), (3, -0.9, STEEL), loans=[loan(entrusted_above=MILLION)],
            papers=[paper("contract", STEEL, 2.7, -9, paper_id="C"), *(paper("invoice", STEEL, 0.9, n, contract_id="C") for n in (0, 2, 3))],
        ),
        2.7,
    ),
    "u5 one controller": (
        world(
            (0, -0.6, STEEL), (2, -0.6, SHELL), loans=[loan(entrusted_above=MILLION)],
            parties=[{**LISTED, "controller": "钱三"}, party(SHELL, controller="钱三", on_contract=1)],
        ),
        world(
            (0, -0.6, STEEL), (9, -0.6, SHELL), loans=[loan(entrusted_above=MILLION)],
            parties=[{**LISTED, "controller": "钱三"}, party(SHELL, controller="钱三", on_contract=1)],
        ),
        1.2,
    ),
    "u6 another bank": (
        listed((3, -2, "他行某支行", "bank", "归还贷款本金")),
        listed((3, -2, "他行某支行", "bank", "归还贷款本金"), loans=[loan(purpose="置换他行存量贷款")]),
        2,
    ),
    "u6 small lender": (
        listed((3, -1, "示例小额贷款有限公司", "non_bank_lender", "往来")),
        listed((33, -1, "示例小额贷款有限公司", "non_bank_lender", "往来")),
        1,
    ),
    "u7 unspent": (
        listed((3, -1, STEEL)),
        listed((3, -1, STEEL), loans=[loan(product="fixed_asset")], papers=[paper("contract", STEEL, 9, -9, loan_id="L1")]),
        9,
    ),
    "u7 to a deposit": (
        listed((1, -5, STEEL), (2, -4, "本行", "bank", "结构性存款")),
        listed((1, -5, STEEL), (2, -4, STEEL, "company", "货款")),
        4,
    ),
    "u8 not agreed": (listed((1, -4, SHELL)), listed((1, -4, SHELL), parties=[party(SHELL, on_contract=1)]), 4),
    "u8 at our address": (
        listed((1, -4, SHELL), parties=[party("本公司", relation="own", address="江苏南通1号"), party(SHELL, on_contract=1, address="江苏 南通 1号")]),
        listed((1, -4, SHELL), parties=[party("本公司", relation="own", address="江苏南通1号"), party(SHELL, on_contract=1, address="江苏南通2号")]),
        4,
    ),
    "u8 new firm": (
        listed((1, -4, SHELL), parties=[party(SHELL, on_contract=0, founded_on=day(-60))], papers=[paper("contract", SHELL, 4, -5)]),
        listed((1, -4, SHELL), parties=[party(SHELL, on_contract=1, founded_on=day(-60))], papers=[paper("contract", SHELL, 4, -5)]),
        4,
    ),
    "u9 over the contract": (
        listed((1, -6, STEEL), papers=[paper("contract", STEEL, 4, -5)]),
        listed((1, -4.1, STEEL), papers=[paper("contract", STEEL, 4, -5)]),
        2,
    ),
    "u9 one invoice twice": (
        listed((1, -6, STEEL), papers=[paper("invoice", STEEL, 3, n, invoice_number="0007") for n in (-3, -2)]),
        listed((1, -6, STEEL), papers=[paper("invoice", STEEL, 3, n, invoice_number=f"000{-n}") for n in (-3, -2)]),
        3,
    ),
    "u9 cancelled afterwards": (
        listed((1, -3, STEEL), papers=[paper("invoice", STEEL, 3, -3, cancelled_on=day(9))]),
        listed((1, -3, STEEL), (11, 3, STEEL), papers=[paper("invoice", STEEL, 3, -3, cancelled_on=day(9))]),
        3,
    ),
    "u9 cancelled and replaced": (
        listed((1, -3, STEEL), papers=[paper("invoice", STEEL, 3, -3, cancelled_on=day(9))]),
        listed((1, -3, STEEL), papers=[paper("invoice", STEEL, 3, -3, cancelled_on=day(9)), paper("invoice", STEEL, 3, 10)]),
        3,
    ),
    "u9 paid before the contract": (
        listed((1, -3, STEEL), papers=[paper("contract", STEEL, 3, 5)]),
        listed((6, -3, STEEL), papers=[paper("contract", STEEL, 3, 5)]),
        3,
    ),
    "u10 same day to a new payee": (
        listed((0, -3, SHELL)),
        listed((0, -3, SHELL), past=(*HISTORY, (-40, -0.1, SHELL))),
        3,
    ),
    "u10 passed on": (
        listed(
            (1, -3, STEEL, "company", "货款", "S1"), parties=[party("钢铁户", account="S1", relation="supplier")],
            more=moves((1, 3, "B", "company", "", "A1"), (2, -2.9, "不知谁"), account="S1"),
        ),
        listed(
            (1, -3, STEEL, "payment_agent", "货款", "S1"), parties=[party("钢铁户", account="S1", relation="supplier")],
            more=moves((1, 3, "B", "company", "", "A1"), (2, -2.9, "不知谁"), account="S1"),
        ),
        3,
    ),
    "u11 paid ahead": (
        listed((1, -6, STEEL), loans=[loan(product="project")], progress=[seen(0.3, 0.6)]),
        listed((1, -6, STEEL), loans=[loan(product="project")], progress=[seen(0.5, 0.6)]),
        3,
    ),
    "u11 prepayment clause": (
        listed((1, -3, STEEL, "company", "设备款"), loans=[loan(product="project")], papers=[paper("contract", STEEL, 9, -9)], progress=[seen(0.1, 0.3)]),
        listed((1, -3, STEEL, "company", "合同预付款30%"), loans=[loan(product="project")], papers=[paper("contract", STEEL, 9, -9)], progress=[seen(0.1, 0.3)]),
        2,
    ),
    "u12 equipment from a short loan": (
        listed((1, -2, STEEL, "company", "设备采购款")),
        listed((1, -0.4, STEEL, "company", "设备采购款")),
        2,
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def judged():
    """All the worlds above as one book, judged at once."""
    worlds = {
        f"{name}: {way}": rows
        for name, pair in CASES.items()
        for way, rows in zip(("guilty", "innocent"), pair[:2], strict=True)
    }
    worlds |= {f"honest {number}": rows for number, rows in enumerate(HONEST)}
    return loan_use.check(together(worlds), day(100))


@pytest.mark.parametrize("name", CASES)
def test_flag_fires_and_its_lookalike_does_not(judged, name):
    flag, millions = name.split()[0], CASES[name][2]
    told = judged.flags[judged.flags["borrower_id"] == f"{name}: guilty"].set_index("flag")
    assert flag in told.index
    assert told.at[flag, "money"] == pytest.approx(millions * MILLION)
    assert told.at[flag, "share"] == pytest.approx(millions / 10)
    assert told.at[flag, "low"] <= told.at[flag, "money"] <= told.at[flag, "high"]
    assert 0 < told.at[flag, "confidence"] <= 1
    assert told.at[flag, "evidence"] or flag == "u11"
    assert flag not in set(judged.flags.loc[judged.flags["borrower_id"] == f"{name}: innocent", "flag"])


def test_honest_use_raises_no_flag(judged):
    assert not judged.flags["borrower_id"].str.startswith("honest").any()


def test_uses_add_up_to_the_drawdown(judged):
    sums = judged.uses.groupby(["borrower_id", "window"])[list(tracing.WAYS)].sum()
    assert len(sums) == 3 * len(judged.drawn)
    assert sums.to_numpy() == pytest.approx(10.0 * MILLION)


def test_one_borrower_alone_is_judged_the_same(judged):
    name = "u1 comes back"
    alone = loan_use.check(together({f"{name}: guilty": CASES[name][0]}), day(100)).flags
    mine = judged.flags[judged.flags["borrower_id"] == f"{name}: guilty"].reset_index(drop=True)
    pd.testing.assert_frame_equal(alone, mine)


def test_need_is_judged_where_it_is_known():
    rows = listed((0, -10, STEEL))
    need = pd.DataFrame({"borrower_id": ["B1"], "need": [8.0 * MILLION]})
    assert flags(rows, need=need).at["u12", "money"] == 2 * MILLION
    assert flags(rows, need=need.assign(need=9.5 * MILLION)).empty
    gaps = loan_use.check(rows, day(100)).unjudged
    assert "no_need" in set(gaps.loc[gaps["flag"] == "u12", "reason"])


SENT = [-80.0, -15.0, 20.0, -30.0, -5.0]  # after 40 that were there and 100 drawn


def test_three_ways_by_hand():
    tagged = {way: [100.0, 0, 0, 0, 0, 0] for way in tracing.WAYS}
    took = tracing.allocate([100.0, *SENT], tagged, 40.0)
    assert took["fifo"] == pytest.approx([0, 40, 15, 0, 30, 5])
    assert took["lifo"] == pytest.approx([0, 80, 15, 0, 5, 0])
    left = 100 * (60 / 140) * (45 / 60)
    assert took["prorata"] == pytest.approx(
        [0, 100 * 80 / 140, 100 * 60 / 140 * 15 / 60, 0, left * 30 / 65, left * 35 / 65 * 5 / 35]
    )


@checks(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(-60, 60), st.booleans()), min_size=1, max_size=30), st.integers(0, 50))
def test_no_money_is_made_or_lost(flow, opening):
    signed = [float(amount) for amount, _ in flow]
    tag = [max(amount, 0.0) * mine for amount, (_, mine) in zip(signed, flow, strict=True)]
    took = tracing.allocate(signed, dict.fromkeys(tracing.WAYS, tag), float(opening))
    for way in tracing.WAYS:
        assert np.all(np.cumsum(took[way]) <= np.cumsum(tag) + 0.01)
        assert all(0 <= part <= max(-amount, 0) + 0.01 for part, amount in zip(took[way], signed, strict=True))


def test_money_is_followed_through_own_accounts():
    rows = listed(
        (0, -6, "本公司", "company", "调拨", "A2"),
        more=moves((0, 6, "本公司", "company", "", "A1"), (2, -5, "示例证券", "securities", ""), account="A2"),
    )
    use = loan_use.check(rows, day(100))
    assert use.flags.set_index("flag").at["u4", "money"] == 5 * MILLION
    path = use.paths[use.paths["flag"] == "u4"]
    assert path[["step", "from", "to", "amount"]].values.tolist() == [
        [1, "A1", "本公司", 6e6],
        [2, "A2", "示例证券", 5e6],
    ]
    month = use.uses[use.uses["window"] == 30].set_index("kind")["fifo"]
    assert month.to_dict() == {"securities": 5e6, "idle": 5e6}


def test_depth_has_an_end():
    chain = [
        moves((n, 6, "x", "company", "", f"A{n}"), (n, -6, "x", "company", "", f"A{n + 2}"), account=f"A{n + 1}")
        for n in range(1, 9)
    ]
    rows = listed((1, -6, "x", "company", "", "A2"), more=[each for part in chain for each in part])
    use = loan_use.check(rows, day(100))
    assert use.facts.spent["step"].max() == 4


def test_later_facts_are_not_seen():
    rows = listed((0, -8, STEEL), (6, 8, STEEL))
    assert "u1" not in flags(rows, as_of=5).index
    assert "u1" in flags(rows, as_of=6).index
    assert loan_use.check(rows, day(-1)).drawn.empty


def test_what_cannot_be_traced_is_said():
    worlds = {
        "no_credit": {**world(), "transactions": world()["transactions"].query("counterparty != '本行'")},
        "no_statement": {**world(), "transactions": world()["transactions"].assign(account="A9")},
        "no_account": world(loans=[loan(account=None)]),
    }
    use = loan_use.check(together(worlds), day(100))
    assert use.flags.empty
    gaps = use.unjudged[use.unjudged["flag"].isin([f"u{n}" for n in range(1, 11)])]
    assert (gaps["borrower_id"] == gaps["reason"]).all()
    assert len(gaps) == 30
    seen = loan_use.observations(use, day(100))
    assert not {"misused_share", "use_ring_share", "return_flow_share"} & set(seen["metric"])


def test_gaps_are_named_by_flag():
    use = loan_use.check(world((0, -9, STEEL), past=(), loans=[loan(product="project")]), day(10))
    told = {(row.flag, row.reason) for row in use.unjudged.itertuples()}
    assert told >= {
        ("u7", "too_early"),
        ("u8", "no_payee_list"),
        ("u9", "no_papers"),
        ("u10", "no_history"),
        ("u11", "no_progress"),
    }


def test_missing_table_is_refused():
    rows = world()
    del rows["papers"]
    with pytest.raises(ContractError, match=r"missing tables.*papers.*found"):
        loan_use.check(rows, day(1))


def test_no_loan_no_flag():
    rows = {name: frame.iloc[:0] for name, frame in world().items()}
    use = loan_use.check(rows, day(100))
    assert use.flags.empty
    assert use.uses.empty
    assert use.unjudged.empty
    assert loan_use.observations(use, day(100)).empty


def test_observations_carry_the_flags_shares():
    use = loan_use.check(listed((0, -8, STEEL), (5, -2, "示例证券", "securities", ""), (6, 5, STEEL)), day(100))
    seen = loan_use.observations(use, day(100)).set_index("metric")["value"]
    assert seen["return_flow_share"] == pytest.approx(0.5)
    assert seen["misused_share"] == pytest.approx(0.2)
    assert seen["use_forbidden_share"] == pytest.approx(0.2)
    assert seen["new_payee_share"] == 0
    assert seen["use_cash_share"] == 0
    assert seen.index.is_unique


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("示例钢铁有限公司", "示例钢铁 股份有限公司"),
        ("示例钢铁（集团）有限公司", "示例钢铁(集团)有限公司"),
        ("Example Steel Co., Ltd.", "ＥＸＡＭＰＬＥ　STEEL CO LTD"),
        ("Example Steel Limited", "Example Steel Ltd"),
    ],
)
def test_spellings_of_one_name(left, right):
    assert parties.bare(left) == parties.bare(right) != ""


def test_a_group_is_not_its_member():
    assert parties.bare("示例集团有限公司") != parties.bare("示例有限公司")


def test_match_says_by_what():
    rows = listed(
        (0, -2, "示例钢铁股份有限公司"), (1, -2, STEEL), (2, -2, "新名字", "company", "", "6228"), (3, -1, "无人")
    )
    rows["parties"] = pd.concat([rows["parties"], world(parties=[party("老名字", account="62 28")])["parties"]])
    told = loan_use.check(rows, day(100)).facts.matched.set_index("counterparty")["matched_by"]
    assert told[["示例钢铁股份有限公司", STEEL, "新名字", "无人"]].tolist() == [
        "spelling",
        "name",
        "account",
        "unlisted",
    ]


def test_many_equal_transfers_are_one_edge(monkeypatch):
    count, sizes, eye = 20_000, [], np.eye
    monkeypatch.setattr(np, "eye", lambda size, **told: sizes.append(size) or eye(size, **told))
    out = (
        pd.DataFrame(moves((1, -0.0002, STEEL, "company", "", "S1")))
        .loc[[0] * count]
        .assign(transaction_id=[f"o{n}" for n in range(count)])
    )
    back = (
        pd.DataFrame(moves((2, 0.0002, STEEL, "company", "", "S1")))
        .loc[[0] * count]
        .assign(transaction_id=[f"i{n}" for n in range(count)])
    )
    rows = listed()
    rows["transactions"] = pd.concat([rows["transactions"], out, back], ignore_index=True).assign(
        booked_on=lambda all_: pd.to_datetime(all_["booked_on"])
    )
    told = flags(rows)
    assert [told.at[flag, "money"] for flag in ("u1", "u2")] == pytest.approx([4 * MILLION] * 2)
    assert max(sizes) == 1  # equal payments of a day are looked at once, not each beside each


def test_ring_search_is_bounded_and_says_so(monkeypatch):
    how = use_params.load()
    few = how.flags.u2.model_copy(update={"rings": 1})
    changed = how.model_copy(update={"flags": how.flags.model_copy(update={"u2": few})})
    monkeypatch.setattr(use_params, "load", lambda: changed)
    use = loan_use.check(
        listed(*((2 * n + m, 1 - 2 * (m == 0), (STEEL, SHELL)[n % 2]) for n in range(8) for m in (0, 1))), day(100)
    )
    assert use.flags.set_index("flag").at["u2", "bounded"]
    assert "bounded" in set(use.unjudged["reason"])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda raw: raw["flags"]["u1"].pop("days"), "flags.u1.days"),
        (lambda raw: raw["flags"]["u3"].update(share=1.5), "flags.u3.share"),
        (lambda raw: raw["words"].pop("cash"), "words.*cash"),
        (lambda raw: raw["tracing"].update(windows=[30, 7]), "rising"),
    ],
)
def test_bad_params_are_named(tmp_path, monkeypatch, change, said):
    raw = yaml.safe_load(settings.params("loan_use.yml").read_text(encoding="utf-8"))
    change(raw)
    (tmp_path / "loan_use.yml").write_text(yaml.safe_dump(raw, allow_unicode=True), encoding="utf-8")
    monkeypatch.setattr(settings, "params", lambda *parts: tmp_path.joinpath(*parts))
    use_params.load.cache_clear()
    with pytest.raises(RuleError, match=said):
        use_params.load()
    use_params.load.cache_clear()


def test_threshold_is_the_contracts_or_dated():
    loans = world(
        loans=[
            loan(loan_id="old", product="fixed_asset", signed_on="2024-06-30"),
            loan(loan_id="new", product="fixed_asset", signed_on="2024-07-01"),
            loan(loan_id="own", product="fixed_asset", entrusted_above=3 * MILLION),
        ]
    )["loans"]
    told = use_params.load().entrusted_above(loans.set_index("loan_id"))
    assert told.to_dict() == {"old": 5 * MILLION, "new": 10 * MILLION, "own": 3 * MILLION}


def test_two_drawdowns_of_a_day_get_a_credit_each():
    rows = listed((0, 10, "本行", "bank", "放款"), drawdowns=[drawdown(), drawdown(drawdown_id="D2")])
    assert sorted(loan_use.check(rows, day(40)).facts.drawn["row"]) == [2, 3]
