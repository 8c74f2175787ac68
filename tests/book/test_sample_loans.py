"""The sample's loan side articulates with its statements, tells its cases, and says what was planted."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from functools import cache

import pandas as pd
import pytest

import bench_uses
from postloan import loan_flags
from postloan.analysis.periods import Panel
from postloan.book import sample
from postloan.book.store import open_book
from postloan.judgement import rules
from postloan.loan_rows import newest
from postloan.loan_tables import LOAN_TABLES
from postloan.portfolio import screen

TODAY = pd.Timestamp("2026-05-15")
INTAKE, TRUTH = sample.told(1, 32)
ROWS = {name: INTAKE.tables[name] for name in LOAN_TABLES if name in INTAKE.tables}
NOW = {name: newest(rows.sort_values("known_on", kind="stable"), name) for name, rows in ROWS.items()}
KEY = ["borrower_id", "loan_id"]
CASES, TWINS = ["S0011", "S0012"], ["S0013", "S0014"]


@pytest.fixture(scope="module")
def facts() -> pd.DataFrame:
    """Balances of every borrower, a row a quarter end."""
    rows = INTAKE.tables["statements"]
    return rows[rows["months"] == 0].pivot(index=["borrower_id", "period_end"], columns="item", values="amount")


def owed(day: pd.Timestamp) -> pd.Series:
    """What each borrower owes us at the end of a day."""
    drawn = ROWS["drawdowns"][ROWS["drawdowns"]["drawn_on"] <= day].groupby("borrower_id")["amount"].sum()
    paid = ROWS["repayments"][ROWS["repayments"]["paid_on"] <= day].groupby("borrower_id")["principal"].sum()
    return drawn.sub(paid, fill_value=0)


def flags(tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    return loan_flags.found({name: newest(tables[name], name) for name in loan_flags.TABLES})


@cache
def _told(seed: int) -> tuple[dict[str, pd.DataFrame], pd.DataFrame]:
    made, truth = (INTAKE, TRUTH) if seed == 1 else sample.told(seed, 32)
    return made.tables, truth


def book(seed: int) -> dict[str, pd.DataFrame]:
    """The tables of the sample of a seed."""
    return _told(seed)[0]


def planted(seed: int) -> pd.DataFrame:
    """The truth of a seed."""
    return _told(seed)[1]


# ---- articulation


def test_every_loan_table_is_filled():
    assert not [name for name in LOAN_TABLES if name not in ROWS]
    assert set(ROWS["loans"]["borrower_id"]) == set(INTAKE.tables["borrowers"]["borrower_id"])
    assert INTAKE.tables["borrowers"]["industry"].str[:3].nunique() >= 12


def of(*borrowers):
    """The sample's rows of some borrowers, of their statements revenue alone."""
    few = INTAKE.tables | {"statements": INTAKE.tables["statements"].query("item == 'revenue'")}
    few.pop("indices")  # of no borrower
    return replace(INTAKE, tables={name: rows[rows["borrower_id"].isin(borrowers)] for name, rows in few.items()})


def test_import_twice_adds_nothing(address):
    ledger, made = open_book(address), of("S0008", "S0011", "S0014", "S0032")
    first = ledger.add(made, today=dt.date(2026, 5, 15))
    assert (first.refused, first.notes, len(first.flags)) == (0, [], 0)
    second = ledger.add(made, today=dt.date(2026, 5, 15))
    assert (second.added, second.unchanged) == (0, first.added)


def test_server_and_file_hold_the_same(database, tmp_path):
    ledgers = [open_book(database), open_book(f"sqlite:///{tmp_path / 'book.db'}")]
    assert len({ledger.add(of("S0014", "S0022"), today=dt.date(2026, 5, 15)).added for ledger in ledgers}) == 1
    server, file = ({**each.loan_side(as_of=TODAY), "statements": each.statements(as_of=TODAY)} for each in ledgers)
    for name, rows in file.items():
        pd.testing.assert_frame_equal(server[name], rows)
    assert len({ledger.fingerprint(as_of=TODAY) for ledger in ledgers}) == 1


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_no_flag_on_any_seed(seed):
    assert flags(book(seed)).empty


def test_nothing_is_known_later():
    for name, rows in ROWS.items():
        assert (rows["known_on"] <= TODAY).all(), name
        fact = LOAN_TABLES[name].known_by
        assert fact is None or (rows[fact] <= rows["known_on"]).all(), name
    assert (INTAKE.tables["observations"]["known_on"] <= TODAY).all()


def test_plans_add_up_to_what_is_owed():
    first = ROWS["schedule"].groupby(KEY)["known_on"].transform("min")
    planned = ROWS["schedule"][ROWS["schedule"]["known_on"] == first].groupby(KEY)["principal"].sum()
    drawn = ROWS["drawdowns"].groupby([*KEY, "known_on"])["amount"].sum().groupby(KEY).first()
    assert (planned == drawn.reindex(planned.index)).all()


def test_loans_stay_below_borrowings(facts):
    debt = facts[["short_term_borrowings", "noncurrent_debt_due_1y", "long_term_borrowings"]].sum(axis=1)
    for end, borrowings in debt.groupby("period_end"):
        ours = owed(end)
        assert (ours <= borrowings.droplevel("period_end").reindex(ours.index).fillna(float("inf"))).all(), end


def test_first_drawdown_is_the_masters():
    first = ROWS["drawdowns"].groupby("borrower_id")["drawn_on"].min().drop("S0008")
    master = INTAKE.tables["borrowers"].set_index("borrower_id")["first_drawdown"].reindex(first.index)
    assert (first == master).all()


def test_larger_book_keeps_smaller_loans():
    smaller = sample.make(1, 11)
    for name, rows in smaller.tables.items():
        mine = INTAKE.tables[name]
        if name != "indices":  # of no borrower
            mine = mine[mine["borrower_id"].isin(smaller.tables["borrowers"]["borrower_id"])]
        assert mine.reset_index(drop=True).equals(rows.reset_index(drop=True)), name


def test_some_are_late_and_one_is_paid_up():
    seen = INTAKE.tables["observations"]
    last = seen[(seen["metric"] == "days_overdue") & (seen["observed_on"] == "2026-04-29")]
    late = last.set_index("borrower_id")["value"]
    assert late[["S0015", "S0024"]].tolist() == [19, 104]  # 35 and 120 on 15 May
    assert (late[TWINS] > 90).all()
    assert (late.drop(["S0005", "S0013", "S0014", "S0015", "S0024"]) == 0).all()
    assert owed(TODAY)["S0008"] == 0


def test_security_has_its_faults():
    collateral, guarantors = NOW["collateral"], NOW["guarantors"]
    assert collateral["seized_on"].notna().sum() == 1
    assert (collateral["insured_until"] < TODAY).sum() == 2
    assert (collateral["prior_claims"] > 0).any()
    assert ((TODAY - collateral["valued_on"]).dt.days > 365).sum() >= 2
    ring = guarantors.dropna(subset="borrower_ref").set_index("borrower_id")["borrower_ref"]
    assert ring.to_dict() == {"S0016": "S0017", "S0017": "S0018", "S0018": "S0016"}
    assert (guarantors["net_assets"] / guarantors["total_assets"]).min() < 0.25


def test_covenants_are_met_closely_missed_and_broken(facts):
    last = facts.groupby("borrower_id").last()
    ratio = last["current_assets"] / last["current_liabilities"]
    found = NOW["covenants"][NOW["covenants"]["metric"] == "current_ratio"].set_index("borrower_id")["limit"]
    headroom = ratio.reindex(found.index) / found
    assert (headroom < 1).sum() >= 1
    assert headroom.between(1, 1.05).any()
    assert (headroom > 1.1).mean() > 0.8


# ---- conversations


def test_everybody_is_spoken_with():
    counts = ROWS["contacts"].groupby("borrower_id").size()
    assert counts.between(5, 20).all()
    assert counts.nunique() > 4
    assert {"kept", "broken", "open"} <= set(NOW["commitments"]["status"])
    late = NOW["commitments"]["settled_on"] > NOW["commitments"]["due_on"]
    assert (late & (NOW["commitments"]["status"] == "kept")).any()
    assert (NOW["contacts"]["documents_refused"] > 0).any()


def test_cross_checks_agree_but_for_one():
    facts = INTAKE.tables["statements"]
    year = facts[(facts["item"] == "revenue") & (facts["months"] == 12)]
    sales = NOW["cross_checks"][(NOW["cross_checks"]["kind"] == "vat_sales") & (NOW["cross_checks"]["months"] == 12)]
    both = sales.merge(year, on=["borrower_id", "period_end", "months"])
    off = (both["value"] / both["amount"] - 1).abs().groupby(both["borrower_id"]).max()
    assert off[off > 0.2].index.tolist() == ["S0031"]
    assert off[off > 0.03].index.tolist() == ["S0009", "S0031"]


# ---- the cases and their twins


@pytest.mark.parametrize(("case", "twin"), [*zip(CASES, TWINS, strict=True)])
def test_case_is_eased_and_twin_is_not(case, twin):
    plans = ROWS["schedule"].groupby(KEY)["known_on"].nunique()
    assert (plans[case].max(), plans[twin].max()) == (2, 1)
    versions = ROWS["loans"][ROWS["loans"]["loan_id"] == f"L{case[1:]}-W1"]
    assert versions["matures_on"].is_monotonic_increasing
    assert versions["matures_on"].nunique() == 2
    assert len(ROWS["contacts"][ROWS["contacts"]["borrower_id"] == case]) > 10
    assert owed(TODAY)[twin] > owed(TODAY)[case] * 0.5


def test_dyer_gets_a_lower_rate():
    rates = ROWS["loans"][ROWS["loans"]["loan_id"] == "L0012-W1"]["rate"]
    assert rates.tolist() == [0.047, 0.039]


def test_maker_slows_until_cash_is_short_and_recovers(facts):
    sales = INTAKE.tables["statements"].query("borrower_id == 'S0011' and item == 'revenue' and months == 12")
    days = facts.loc["S0011", "accounts_receivable"].reindex(sales["period_end"]) / sales["amount"].to_numpy() * 365
    assert days["2022-12-31"] < days["2023-12-31"] < days["2024-12-31"] > days["2025-12-31"]
    cash = facts.loc["S0011", "cash"]
    assert cash["2022-12-31"] > 3 * cash["2024-12-31"] < cash["2025-12-31"]


def test_twins_run_out_of_cash(facts):
    for twin, day in zip(TWINS, ("2024-12-31", "2024-12-31"), strict=True):
        cash = facts.loc[twin, "closing_cash"]
        assert cash["2025-12-31"] < 0.3 * cash[day]


def test_dyer_loses_two_fifths_in_a_quarter():
    flows = INTAKE.tables["statements"].query("borrower_id == 'S0012' and item == 'revenue'")
    year = flows.set_index("period_end")["amount"]
    second = year["2024-06-30"] - year["2024-03-31"]
    assert (year["2024-09-30"] - year["2024-06-30"]) / second == pytest.approx(0.59, abs=0.04)
    event = ROWS["events"].query("borrower_id == 'S0012' and kind == 'policy'")
    assert event["happened_on"].min() == pd.Timestamp("2024-07-01")


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_statements_stay_sound(seed):
    facts = book(seed)["statements"]
    levels = facts[facts["item"].isin(["closing_cash", "equity", "fixed_assets"])]
    assert (levels["amount"] > 0).all()


# ---- accounts


def test_balances_run_on():
    rows = ROWS["transactions"].sort_values(["borrower_id", "account", "transaction_id"])
    moved = rows["amount"].where(rows["direction"] == "in", -rows["amount"])
    by = rows.groupby(["borrower_id", "account"])
    assert ((rows["balance"] - by["balance"].shift() - moved).dropna() == 0).all()
    assert (rows["balance"] >= 0).all()
    assert by["booked_on"].is_monotonic_increasing.all()
    assert rows.groupby("borrower_id").size().between(150, 400).all()


def test_collections_are_the_stated_share_of_sales():
    rows, facts = ROWS["transactions"], INTAKE.tables["statements"]
    own = rows[(rows["account"].str[-3:] == "-01") & (rows["direction"] == "in") & (rows["memo"] == "货款")]
    own = own[own["counterparty_account"].str.startswith("6288") & own["booked_on"].between("2025-07-01", "2025-09-30")]
    customers = ROWS["parties"].query("relation == 'customer'")[["borrower_id", "name"]]
    came = own.merge(customers, left_on=["borrower_id", "counterparty"], right_on=["borrower_id", "name"])
    ytd = facts[(facts["item"] == "cash_from_sales") & facts["period_end"].between("2025-06-30", "2025-09-30")]
    ends = ytd.pivot(index="borrower_id", columns="period_end", values="amount").loc["S0016":]
    share = came.groupby("borrower_id")["amount"].sum() / (ends.iloc[:, 1] - ends.iloc[:, 0])
    assert (share.dropna().round(3) == 0.81).all()
    assert len(share.dropna()) == 17


def test_drawdowns_and_payments_pass_the_accounts():
    rows = ROWS["transactions"]
    lent = rows[rows["memo"] == "贷款发放"].groupby(["borrower_id", "booked_on"])["amount"].sum()
    drawn = ROWS["drawdowns"].query("drawn_on >= '2025-01-01'").groupby(["borrower_id", "drawn_on"])["amount"].sum()
    assert lent.sort_index().to_list() == drawn.sort_index().to_list()
    served = rows[rows["memo"].str.startswith("贷款还本付息")].groupby("borrower_id")["amount"].sum()
    paid = ROWS["repayments"].query("paid_on >= '2025-01-01'")
    paid = (paid["principal"] + paid["interest"]).groupby(paid["borrower_id"]).sum()
    cases = [*CASES, *TWINS]  # whose accounts begin a year earlier
    assert (served.drop(cases) == paid.drop(cases).reindex(served.drop(cases).index)).all()


def test_names_are_nobodys_else():
    parties = ROWS["parties"]
    assert not parties.duplicated(["borrower_id", "name"]).any()
    assert parties["credit_code"].str.startswith("9999").all()
    assert (parties["relation"] == "own").groupby(parties["borrower_id"]).sum().eq(1).all()


# ---- what was planted


def test_truth_has_every_flag_and_group():
    groups = {name: rule.group for name, rule in rules.load().rules.items()}
    assert list(TRUTH) == ["borrower_id", "rule", "from", "to", "look_alike"]
    assert set(TRUTH["rule"]) <= {f"u{number}" for number in range(1, 13)} | set(groups)
    real = TRUTH[TRUTH["look_alike"] == 0]
    uses = real[real["rule"].str.fullmatch(r"u\d+")].groupby("rule")["borrower_id"].nunique()
    assert uses.reindex([f"u{number}" for number in range(1, 13)]).between(1, 3).all()
    assert set(real["rule"].map(groups).dropna()) == set(groups.values())
    assert (TRUTH["look_alike"] == 1).sum() >= 10
    assert (TRUTH["from"] <= TRUTH["to"]).all()
    assert (TRUTH["to"] <= TODAY).all()


@pytest.mark.parametrize("seed", [2, 3])
def test_other_seeds_plant_the_same(seed):
    told = [truth.groupby(["borrower_id", "rule", "look_alike"]).size() for truth in (TRUTH, planted(seed))]
    assert told[0].equals(told[1])


def test_truth_never_enters_the_book():
    for name, rows in INTAKE.tables.items():
        assert not {"rule", "look_alike"} & set(rows), name
        assert rows["source"].str.startswith("synthetic sample, seed 1").all() if "source" in rows else True


@pytest.mark.parametrize("day", ["2024-12-31", "2025-06-30", "2026-05-15"])
def test_planted_warnings_fire(day):
    when, facts, seen = pd.Timestamp(day), INTAKE.tables["statements"], INTAKE.tables["observations"]
    known = screen.Known(seen[seen["known_on"] <= when])
    panel = Panel(facts[facts["known_on"] <= when].assign(derived=False))
    live = screen.judge(panel, INTAKE.tables["borrowers"], known, day).warnings.live
    fired = set(zip(live["borrower_id"], live["rule"].astype(str), strict=True))
    due = TRUTH[(TRUTH["from"] <= when) & (TRUTH["to"] >= when) & ~TRUTH["rule"].str.fullmatch(r"u\d+")]
    wrong = [row for row in due.itertuples() if ((row.borrower_id, row.rule) in fired) == bool(row.look_alike)]
    assert not wrong
    assert len(due) >= 4


def test_planted_uses_are_found_and_no_others():
    told = bench_uses.counted(*bench_uses.judged(1))
    assert told["found"].equals(told["planted"].rename("found"))
    assert (told["planted"] > 0).all()
    assert told[["false", "taken"]].to_numpy().sum() == 0


USES = TRUTH[TRUTH["rule"].str.fullmatch(r"u\d+")]


def planted_in(rule: str) -> set[str]:
    return set(USES.query("rule == @rule and look_alike == 0")["borrower_id"])


@pytest.fixture(scope="module")
def spent() -> pd.DataFrame:
    """Payments out of loan accounts, each with the payee's row of parties."""
    rows = ROWS["transactions"].query("direction == 'out'")
    rows = rows[rows["account"].str.fullmatch(r"6299-\d+-0[23]")]
    parties = NOW["parties"][["borrower_id", "name", "relation", "on_contract", "founded_on", "account"]]
    parties = parties.rename(columns={"name": "counterparty", "account": "payee_account"})
    return rows.merge(parties, how="left", on=["borrower_id", "counterparty"])


def test_money_goes_where_it_should_but_for_the_planted(spent):
    kinds = {"u3": ["individual"], "u4": ["securities", "developer"], "u6": ["non_bank_lender", "bank"]}
    found = {rule: set(spent[spent["counterparty_kind"].isin(each)]["borrower_id"]) for rule, each in kinds.items()}
    found["u3"] |= set(spent[spent["channel"] == "cash"]["borrower_id"])
    assert found["u3"] == planted_in("u3")
    assert found["u4"] == planted_in("u4")
    assert found["u6"] - planted_in("u6") == {"S0001"}  # agreed beforehand
    assert set(spent[spent["on_contract"] == 0]["borrower_id"]) == planted_in("u8")


def test_only_planted_payments_are_split(spent):
    limit = ROWS["loans"][ROWS["loans"]["product"] == "working_capital"].sort_values("signed_on")
    limit = limit.groupby("borrower_id")["entrusted_above"].last()
    small = spent[spent["amount"] <= spent["borrower_id"].map(limit)].dropna(subset="counterparty_account")
    pairs = small.merge(small, on=["borrower_id", "counterparty_account"])
    near = pairs[(pairs["booked_on_y"] - pairs["booked_on_x"]).dt.days.between(0, 7)]
    sums = near.groupby(["borrower_id", "counterparty_account", "booked_on_x"])["amount_y"].sum().reset_index()
    split = sums[sums["amount_y"] > sums["borrower_id"].map(limit)]
    assert set(split["borrower_id"]) == planted_in("u5")


def test_only_planted_drawdowns_lie_still(spent):
    drawn = ROWS["drawdowns"].query("'2025-01-01' <= drawn_on <= '2026-04-05'")
    moved = drawn.merge(spent[~spent["memo"].str.contains("存款", na=False)], on=["borrower_id", "account"])
    soon = moved[(moved["booked_on"] - moved["drawn_on"]).dt.days.between(0, 30)]
    used = soon.groupby(["borrower_id", "loan_id", "drawdown_id"])["amount_y"].sum()
    whole = drawn.set_index(["borrower_id", "loan_id", "drawdown_id"])["amount"]
    idle = whole.index[used.reindex(whole.index).fillna(0) < 0.2 * whole]
    assert set(idle.get_level_values(0)) == planted_in("u7")


def test_payments_have_papers_but_for_the_planted(spent):
    goods = spent[spent["memo"].isin(["货款", "分批到货款", "工程进度款", "生产线设备款"])]
    papers = NOW["papers"]
    invoices = papers[papers["kind"] == "invoice"]
    paid = goods.groupby(["borrower_id", "counterparty"])["amount"].sum()
    billed = invoices.groupby(["borrower_id", "party"])["amount"].sum()
    assert (paid == billed.reindex(paid.index)).all()
    contracts = papers[papers["kind"] == "contract"].set_index(["borrower_id", "paper_id"])
    both = invoices.join(contracts[["amount", "dated_on"]], on=["borrower_id", "contract_id"], suffixes=("", "_agreed"))
    odd = both["cancelled_on"].notna() | both.duplicated(["borrower_id", "invoice_number"])
    odd |= (both["amount"] > both["amount_agreed"]) | (both["dated_on"] < both["dated_on_agreed"])
    assert set(both[odd]["borrower_id"]) == planted_in("u9")


def test_money_back_is_half_within_a_month_where_planted(spent):
    named = ("往来款", "借款")
    back = ROWS["transactions"][ROWS["transactions"]["memo"].isin(named)]
    assert set(back["borrower_id"]) == planted_in("u1") - {"S0015"}  # whose ring calls it trade
    first = ROWS["drawdowns"].set_index(["borrower_id", "drawn_on"])["amount"]
    for row in USES.query("rule == 'u1' and look_alike == 0 and borrower_id != 'S0015'").itertuples():
        mine = back[(back["borrower_id"] == row.borrower_id) & back["booked_on"].between(row._3, row.to)]
        money = mine[(mine["direction"] == "in") | ~mine["account"].str.startswith("6299")]["amount"].sum()
        assert money > 0.5 * first[row.borrower_id, row._3]


def test_passed_on_money_is_seen_in_payees_accounts():
    rows = ROWS["transactions"]
    payees = rows[~rows["account"].str.startswith("6299")]
    assert set(payees["borrower_id"]) == {"S0015", "S0026"} | planted_in("u10")
    flows = payees.pivot_table(index="borrower_id", columns="direction", values="amount", aggfunc="sum")
    passed = flows["out"] / flows["in"]
    assert (passed[sorted(planted_in("u10"))] >= 0.9).all()
    assert passed["S0026"] < 0.7


def test_project_runs_ahead_only_where_planted():
    ahead = ROWS["progress"]["paid_share"] - ROWS["progress"]["verified_share"]
    assert set(ROWS["progress"][ahead > 0.15]["borrower_id"]) == planted_in("u11")
