"""The ways to go on with a troubled loan, against sums made by hand (DOMAIN §8)."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from postloan.analysis import collateral
from postloan.errors import ContractError, RuleError
from postloan.judgement import legality, options, recovery, valuation, workout, workout_rules
from postloan.judgement.workout_rules import Known, Option
from troubled import AS_OF, GOOD, LOAN, RULES, TABLES, book, case, side, steady, usual

EIR = 1.015**4 - 1
FEW = settings(max_examples=25, deadline=None)


def flows(months, principal, interest, opening):
    return options.Flows(
        *(np.array(part, float) for part in (months, principal, interest, 0 * np.array(months))), opening
    )


def plain(**changes) -> options.Claim:
    """DOMAIN's worked check: 100 at 6 % a year, quarterly, 8 equal principals to come, nothing overdue."""
    principal = np.full(8, 12.5)
    interest = (100 - 12.5 * np.arange(8)) * 0.015
    made = options.Claim(
        borrower_id="A", loan_id="L1", product="fixed_asset", currency="CNY", as_of=pd.Timestamp("2026-03-31"),
        balance=100.0, principal_overdue=0.0, interest_overdue=0.0, accrued=0.0, days_overdue=0.0, rate=0.06, eir=EIR,
        every=3, remaining_months=24.0, granted_months=60.0, repaid_share=0.3, restructured=None,
        extended_months=np.nan, contract=flows(3 * np.arange(1, 9), principal, interest, 100.0),
    )  # fmt: skip
    return replace(made, **changes)


def reschedule(**terms) -> Option:
    return Option(kind="reschedule", zh="试试", en="try", basis="test", **terms)


def made(claim=None, allowed=np.inf, season=None, **terms):
    return options.build(reschedule(**terms), claim or plain(), allowed=allowed, season=season)


HOLIDAY = dict(extension_months=24, grace_months=12, rate_cut=1.0, cut_months=12)


@pytest.mark.parametrize(
    ("terms", "npv", "do_share", "first_year"),
    [
        (dict(extension_months=24), 100.0, 0.0, 30.4375),
        (dict(extension_months=24, grace_months=12), 100.0, 0.0, 6.0),
        (dict(extension_months=24, steps=(2, 4, 8, 11)), 100.0, 0.0, 13.82),
        (dict(extension_months=24, rate_cut=0.02), 96.107, 0.0389, 29.0 - 0.375),
        (HOLIDAY, 94.218, 0.0578, 0.0),
    ],
)
def test_worked_check_of_the_domain(terms, npv, do_share, first_year):
    new = made(**terms)
    assert valuation.npv(new, EIR) == pytest.approx(npv, abs=0.0006)
    assert valuation.diminished(100.0, valuation.npv(new, EIR)) == pytest.approx(do_share, abs=0.00006)
    assert valuation.first_year(new) == pytest.approx(first_year, abs=0.0001)


def test_contract_of_the_worked_check():
    kept = options.build(RULES.options["keep"], plain(), allowed=0)
    assert valuation.npv(kept, EIR) == pytest.approx(100.0)
    assert valuation.first_year(kept) == pytest.approx(54.875)  # 50 of principal, 1.5 + 1.3125 + 1.125 + 0.9375
    assert valuation.peak(kept) == pytest.approx(101.5)


def test_swap_and_waiver_by_hand():
    half = made(swap_share=0.3, swap_value=0.4, swap_months=48)
    assert half.opening == pytest.approx(70)
    assert half.other.sum() == pytest.approx(12)  # 100 × 0.3 × 0.4
    assert valuation.npv(half, EIR) == pytest.approx(70 + 12 / 1.015**16)
    late = plain(interest_overdue=2.0, accrued=1.0)
    waived = made(late, waive_share=0.15, waive_interest=True)
    assert (waived.opening, waived.interest[0]) == (85.0, 0.0)


def test_interest_owed_is_paid_at_signing_or_capitalised():
    late = plain(interest_overdue=2.0, accrued=1.0)
    assert made(late, extension_months=12).interest[0] == 3.0
    held = made(late, extension_months=12, capitalise=True)
    assert (held.opening, held.interest[0]) == (103.0, 0.0)
    assert valuation.npv(held, EIR) == pytest.approx(103.0)


def test_season_carries_principal():
    new = made(extension_months=0, seasonal=True, season=np.array([0.0, 1.0, 1.0, 2.0]))
    # payments of 30 June, 30 September, 31 December, 31 March, twice: weights 1 1 2 0 1 1 2 0
    assert new.principal[1:] == pytest.approx([12.5, 12.5, 25, 0, 12.5, 12.5, 25, 0])


def test_months_by_calendar():
    day = pd.Timestamp("2026-05-15")
    assert options.months_between(day, pd.Timestamp("2026-08-15")) == 3
    assert options.months_between(day, pd.Timestamp("2026-06-30")) == 1.5
    assert options.months_between(pd.Timestamp("2026-03-31"), pd.Timestamp("2026-06-30")) == 3
    assert plain(as_of=day).day(1.5) == pd.Timestamp("2026-06-30")


@FEW
@given(
    longer=st.integers(0, 60), grace=st.integers(0, 36), cut=st.floats(0, 0.06), waive=st.floats(0, 0.9),
    steps=st.lists(st.integers(0, 9), max_size=4),
)  # fmt: skip
def test_easing_never_raises_what_is_owed(longer, grace, cut, waive, steps):
    steps = tuple(steps) if sum(steps) else ()
    new = made(extension_months=longer, grace_months=grace, rate_cut=cut, waive_share=waive, steps=steps)
    assert valuation.diminished(100.0, valuation.npv(new, EIR)) >= -1e-9
    assert new.principal.sum() == pytest.approx(new.opening)
    assert (new.owed_before >= -1e-9).all()


# -- chances, cover, expected value


def test_cover_and_chance_by_hand():
    draws = np.array([[10.0] * 8, [10, 10, 10, 10, 1, 1, 1, 1], [0, 0, 0, 0, 10, 10, 10, 10]])
    service = np.array([8.0] * 8)
    assert valuation.cover(draws[1], service) == pytest.approx([40 / 32, 4 / 32])
    assert valuation.cover(-draws[1], service).tolist() == [0, 0]
    found = valuation.chances(draws, service)
    assert found.success == pytest.approx(1 / 3)
    assert found.redefault == 6.0  # one fails in its fifth quarter (month 12), one at once (month 0)
    assert valuation.chances(draws[:1], service) == (1.0, pytest.approx(float("nan"), nan_ok=True))


def test_service_falls_into_quarters():
    owed = valuation.quarters(plain().contract, plain(), pd.Timestamp("2026-06-30"))
    assert len(owed) == 8
    assert owed[0] == pytest.approx(14.0)
    assert owed.sum() == pytest.approx(plain().contract.total.sum())


@FEW
@given(p=st.floats(0, 1), more=st.floats(0, 1), kept=st.floats(0, 200), failed=st.floats(0, 200))
def test_more_chance_never_lowers_value(p, more, kept, failed):
    low, high = sorted((p, more))
    if kept >= failed:
        assert valuation.expected(high, kept, failed) >= valuation.expected(low, kept, failed) - 1e-9


@FEW
@given(kept=st.floats(50, 120), failed=st.floats(0, 45), now=st.floats(0, 120, allow_subnormal=False))
def test_break_even_meets_enforcing_now(kept, failed, now):
    p = valuation.break_even(kept, failed, now)
    if 0 < p <= 1:
        assert valuation.expected(p, kept, failed) == pytest.approx(now)
    else:
        assert (now <= failed) if p == 0 else (now >= kept)


def test_modification_by_hand():
    assert valuation.modified(100.0, 89.0, 0.10) == (-11.0, 0.11, True)
    assert valuation.modified(100.0, 96.1, 0.10).substantial is False
    assert valuation.modified(100.0, 100.0, 0.10, equity=True) == (0.0, 0.0, True)


# -- recovery


def assets(*rows) -> pd.DataFrame:
    full = [(name, step, kind, name, value, 0.0, prior, 1.0, "") for name, step, kind, value, prior in rows]
    return pd.DataFrame(full, columns=recovery.SOURCES)


def test_waterfall_by_hand():
    found = assets(("C1", "collateral", "real_estate", 100.0, 5.0), ("G1", "guarantor", "guarantor", 10.0, 0.0))
    made = recovery.waterfall(90.0, found, rate=0.06, eir=0.08, unsecured=0.1, rules=RULES.recovery)
    about = RULES.recovery.assets["real_estate"]
    gross = 100 * (1 - RULES.recovery.haircut("real_estate")) * (1 - about.yearly_decay) ** (about.months / 12)
    land = gross * (1 - about.cost_share) - 5
    promise = 10 * (1 - RULES.recovery.guarantor.cost_share)
    at_18 = 90 * 1.06**1.5
    at_24 = (at_18 - promise) * 1.06**0.5
    rest = (at_24 - land) * 0.1
    assert list(made["source"]) == ["G1", "C1", "unsecured"]
    assert made["owed"].tolist() == pytest.approx([at_18, at_24, at_24 - land])
    assert made["paid"].tolist() == pytest.approx([promise, land, rest])
    assert made["pv"].sum() == pytest.approx(promise / 1.08**1.5 + land / 1.08**2 + rest / 1.08**2.5)
    row = made.set_index("source").loc["C1"]
    assert (row["first_round"], row["second_round"]) == (70.0, pytest.approx(56.0))


@FEW
@given(
    owed=st.floats(1, 1e9), values=st.lists(st.floats(0, 1e9), max_size=4), rate=st.floats(0, 0.15),
    unsecured=st.floats(0, 1), start=st.integers(0, 36),
)  # fmt: skip
def test_nobody_pays_more_than_is_owed(owed, values, rate, unsecured, start):
    kinds = ["cash", "real_estate", "inventory", "receivables"]
    found = assets(*((f"C{n}", "collateral", kinds[n], value, 0.0) for n, value in enumerate(values)))
    made = recovery.waterfall(
        owed, found, rate=rate, eir=rate, unsecured=unsecured, rules=RULES.recovery, start=float(start)
    )
    assert (made["paid"] <= made["owed"] * (1 + 1e-9)).all()
    assert (made["paid"] >= 0).all()
    assert made["pv"].sum() <= owed * (1 + 1e-9)


def test_estate_by_hand():
    about = RULES.recovery.estate
    books = pd.Series({"cash": 10.0, "inventory": 40.0, "total_liabilities": 200.0, "taxes_payable": 4.0})
    got = 10 * about.values["cash"] + 40 * about.values["inventory"]
    share, reason = recovery.estate(books, RULES.recovery, secured=5.0)
    assert (share, reason) == (pytest.approx(((got - 5) * (1 - about.cost_share) - 4) / (200 - 4 - 5)), "")
    assert recovery.estate(None, RULES.recovery) == (about.unsecured_share, "estate_unknown")


def test_bankruptcy_floor_has_no_guarantor_and_no_interest():
    found = assets(("C1", "collateral", "cash", 200.0, 0.0), ("G1", "guarantor", "guarantor", 1e6, 0.0))
    assert recovery.floor(100.0, found, eir=0.06, unsecured=0.0, rules=RULES.recovery) == pytest.approx(
        100 / 1.06 ** (1 / 12)
    )


# -- law


def law(claim, known=None, option="extend", **terms):
    chosen = reschedule(**terms) if terms else RULES.options[option]
    known = known or Known()
    new = options.build(chosen, claim, allowed=legality.allowed(claim, known, RULES))
    found = legality.checks(option, chosen, new, claim, known, sources=assets(), rules=RULES, last_class="substandard")
    return pd.DataFrame(found, columns=legality.COLUMNS).set_index("check")


@pytest.mark.parametrize(
    ("granted", "earlier", "months"),
    [(12, 0, 12), (12, None, 12), (18, 6, 6), (24, 0, 12), (36, 0, 18), (60, 0, 0), (13, 0, 6.5)],
)
def test_working_capital_extension_caps(granted, earlier, months):
    """At most the original term up to a year, half of it beyond; never past five years in all."""
    claim = plain(product="working_capital", granted_months=float(granted))
    assert legality.allowed(claim, Known(extended_months=earlier), RULES) == pytest.approx(months)


def test_long_loans_extend_three_years():
    assert legality.allowed(plain(granted_months=84.0), Known(), RULES) == 36


def test_overrun_is_a_hard_fail():
    short = plain(product="working_capital", granted_months=12.0, remaining_months=6.0)
    assert law(short).at["extension", "outcome"] == "fail"
    assert law(short, extension_months=24, within_law=True).at["extension", "outcome"] == "task"
    sure = law(short, Known(extended_months=0.0), extension_months=24, within_law=True)
    assert (sure.at["extension", "outcome"], sure.at["extension", "found"]) == ("pass", 12.0)


def test_term_above_the_usual_needs_a_reason():
    claim = plain(product="working_capital", granted_months=36.0)
    for told, outcome in ((None, "task"), (True, "pass"), (False, "fail")):
        found = law(claim, Known(long_cash_cycle=told), extension_months=12)
        assert found.at["term", "outcome"] == outcome


def test_grace_beyond_the_cap_fails():
    assert law(plain(), extension_months=36, grace_months=36).at["grace", "outcome"] == "fail"


def test_second_restructuring_with_nothing_repaid():
    again = plain(restructured=True, repaid_share=0.0)
    assert legality.serial(again, Known(), RULES) == "fail"
    assert legality.serial(plain(restructured=True, repaid_share=0.2), Known(), RULES) == "pass"
    assert legality.serial(plain(), Known(), RULES) == "cannot"
    assert legality.serial(plain(), Known(under_observation=False), RULES) == "pass"


@pytest.mark.parametrize(
    ("told", "used_otherwise", "may"), [(None, True, True), (False, True, False), (None, None, None)]
)
def test_misuse_lets_the_bank_call(told, used_otherwise, may):
    rows, state = book()
    loan = workout.claim(rows, state, AS_OF, rules=RULES)
    asset = pd.DataFrame({"asset_id": [loan.borrower_id], "use_changed": [used_otherwise]})
    known = {} if told is None else {"may_call": told}
    assert workout.situation(rows, state, loan, rules=RULES, known=known, assets=asset).known.may_call is may


def test_broken_covenants_are_counted():
    rows, state = book()
    loan = workout.claim(rows, state, AS_OF, rules=RULES)
    seen = pd.DataFrame({"borrower_id": ["B"], "metric": ["covenants_breached"], "value": [2.0]})
    assert workout.situation(rows, state, loan, rules=RULES, observed=seen).breaches == 2
    assert workout.situation(rows, state, loan, rules=RULES).breaches == 0


# -- a whole case from the book's tables


def test_claim_from_the_book():
    found = case().claim
    assert (found.balance, found.principal_overdue, found.interest_overdue) == (15e6, 5e6, 2.25e5)
    assert (found.days_overdue, found.remaining_months, found.granted_months) == (89, 3, 24)
    assert found.contract.months.tolist() == [0, 0, 3]
    assert found.contract.principal.tolist() == [5e6, 0, 10e6]
    assert found.accrued == pytest.approx(15e6 * 0.06 * 3 / 12)
    assert "no_effective_rate" in found.assumed


def test_case_by_hand():
    """Extend within the law: 12 months beyond maturity, 15 in all, five repayments of 3m; EV from its parts."""
    told, compared = usual()
    row = compared.options.set_index("option").loc["extend_within_law"]
    every, rate = told.claim.every, told.claim.eir
    assert (every, row["extension_months"]) == (3, 12.0)
    owed = 15e6 - 3e6 * np.arange(5)
    coming = 3e6 + owed * 0.015
    overdue = 2.25e5 + 2.25e5
    npv = overdue + (coming / (1 + rate) ** (np.arange(1, 6) / 4)).sum()
    assert row["npv"] == pytest.approx(npv)
    year_1, year_2 = overdue + coming[:3].sum(), coming[3:].sum()
    assert row["first_year"] == pytest.approx(overdue + coming[:4].sum())
    quarterly = 4e6 + np.concatenate([[0.0], np.linspace(-2e6, 2e6, 100)])
    wins = (4 * quarterly >= year_1) & (4 * quarterly >= year_2)
    assert row["chance"] == pytest.approx(wins.mean())
    assert row["dscr_min"] == pytest.approx(16e6 / year_1)
    assert row["dscr_avg"] == pytest.approx(32e6 / (year_1 + year_2))
    assert row["dscr_min_stress"] == pytest.approx(0.8 * 16e6 / year_1)
    month = row["redefault_month"]
    paid = [(0.0, overdue), *((3.0 * n, coming[n - 1]) for n in range(1, 6))]
    before = sum(money / (1 + rate) ** (t / 12) for t, money in paid if t < month)
    left = (
        15e6
        - 3e6 * sum(0 < t < month for t, _ in paid)
        + (month % 3 == 0 and month > 0) * owed[int(month / 3) - 1] * 0.015
    )
    left = (left + overdue * (month == 0)) * (1 + rate) ** (3 / 12)
    fall = recovery.waterfall(
        left, told.sources, rate=1.015**4 - 1, eir=rate, unsecured=told.unsecured, rules=RULES.recovery, start=month + 3
    )
    failed = before + fall["pv"].sum()
    assert row["ev"] == pytest.approx(row["chance"] * npv + (1 - row["chance"]) * failed)
    now = compared.options.set_index("option").at["enforce", "ev"]
    assert row["break_even"] == pytest.approx(max((now - failed) / (npv - failed), 0))
    flows_ = compared.flows[compared.flows["option"] == "extend_within_law"]
    discount = (1 + rate) ** (-flows_["month"] / 12)
    assert (flows_["expected"] * discount).sum() == pytest.approx(row["ev"])


def test_every_option_has_its_row():
    _, compared = usual()
    assert compared.options["option"].tolist() == [*RULES.options]
    assert compared.options["ev"].notna().all()
    assert (compared.options["ev"] <= usual()[0].claim.total * 1.02).all()


def test_best_free_option_is_advised_and_a_barred_one_named():
    told, compared = usual()
    advice = workout.recommend(compared, told, RULES)
    table = compared.options.set_index("option")
    free = table[(table["legal"] != "fail") & (table["viable"] != "fail")]
    assert advice.option == free["ev"].idxmax()
    assert advice.margin == pytest.approx(free["ev"].nlargest(2).diff().abs().iloc[1])
    assert advice.close == (advice.margin <= RULES.marks.close_share * told.claim.total)
    assert table.at["extend", "legal"] == "fail"


@pytest.mark.parametrize(("ahead", "named"), [(1.0, ""), (2e6, "extend")])
def test_a_barred_option_is_named_when_clearly_ahead(ahead, named):
    told, compared = usual()
    table = compared.options.set_index("option", drop=False)
    best = workout.recommend(compared, told, RULES).ev
    table["ev"] = table["ev"].where((table["legal"] != "fail") & (table["viable"] != "fail"), 0.0)
    table.loc["extend", "ev"] = best + ahead
    advice = workout.recommend(compared._replace(options=table), told, RULES)
    assert (advice.ev, advice.barred) == (best, named)


def test_weak_cash_goes_to_the_liquidation_track():
    told = case(steady(2e5, 1e5))
    compared = workout.compare(told, RULES)
    advice = workout.recommend(compared, told, RULES)
    assert RULES.options[advice.option].kind == "enforce"
    assert (compared.options.query("restructures")["viable"] == "fail").all()


def test_without_cash_the_chance_is_asked_for_and_break_even_stands():
    told = case(None)
    compared = workout.compare(told, RULES)
    going = compared.options[compared.options["restructures"]]
    assert going["ev"].isna().all()
    assert going["break_even"].notna().all()
    assert (going["reason"] == "no_chance:not_given").all()
    advice = workout.recommend(compared, told, RULES)
    assert advice.provisional
    assert set(advice.unjudged) == set(going["option"])


def test_officers_chance_counts():
    told = case(None, known={**GOOD, "chances": {"grace": 0.8}})
    row = workout.compare(told, RULES).options.set_index("option").loc["grace"]
    assert (row["chance"], row["chance_source"]) == (0.8, "officer")


def test_class_falls_and_is_observed():
    """Art. 20: from the first repayment, two periods and a year; a debtor that was special-mention stays there."""
    good = case(steady(4e6), last_class="special_mention")
    effects = workout.compare(good, RULES).effects.set_index("option")
    row = effects.loc["extend_within_law"]
    assert row["class_after"] == "special_mention"
    assert row["observation_from"] == pd.Timestamp("2026-08-15")
    assert row["observation_until"] == pd.Timestamp("2027-08-15")
    assert pd.isna(effects.at["keep", "observation_until"])
    assert effects.at["sale", "change"] == "leaves"
    assert effects.at["enforce", "class_after"] == "substandard"


def test_restructured_again_is_substandard():
    loan = {**LOAN, "restructured_from": "L0"}
    told = case(steady(4e6), tables={"loans": [loan]}, last_class="special_mention")
    effects = workout.compare(told, RULES).effects.set_index("option")
    assert effects.at["extend_within_law", "class_after"] == "substandard"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"registered": 0}, "not_registered"),
        ({"registered": None, "seized_on": "2026-01-05"}, "seized"),
        ({"kind": "equipment", "registered": 0}, "not_registered"),
    ],
    ids=["unregistered_land", "seized_land", "unregistered_equipment"],
)
def test_what_cover_counts_as_nil_brings_nothing(change, reason):
    tables = {"collateral": [{**TABLES["collateral"][0], **change}]}
    found = case(tables=tables).sources.set_index("source").loc["C1"]
    assert (found["share"], found["reason"]) == (0.0, reason)
    held = collateral.assets(side(**tables), book()[1], AS_OF)
    assert held["net"].tolist() == [0]


def test_what_secures_all_loans_is_shared_by_balance():
    second = {**LOAN, "loan_id": "L2", "signed_on": "2025-01-01", "matures_on": "2027-01-01"}
    drawn = [
        *TABLES["drawdowns"],
        dict(borrower_id="A", loan_id="L2", drawdown_id="D1", drawn_on="2025-01-01", amount=5e6),
    ]
    told = case(tables={"loans": [LOAN, second], "drawdowns": drawn})
    assert told.claim.loan_id == "L1"
    assert told.sources.set_index("source").at["C1", "share"] == pytest.approx(15 / 20)


def test_sensitivity_moves_one_thing_at_a_time():
    told, compared = usual()
    advice = workout.recommend(compared, told, RULES)
    table = workout.sensitivity(compared, told, RULES, advice)
    assert set(table["swing"]) == set(RULES.swings)
    chance = table[table["swing"] == "chance"].set_index("end")
    assert chance.at["high", "moved"] == RULES.swings["chance"].high
    rows = compared.options.set_index("option")
    lower = rows.at[advice.option, "chance"] - 0.1
    assert 0 < lower < 1
    assert (table["flips"] == (table["best"] != advice.option)).all()


@FEW
@given(more=st.floats(0, 0.3))
def test_better_prices_never_hurt_enforcement(more):
    told, _ = usual()
    plain_ = recovery.waterfall(
        told.claim.total, told.sources, rate=0.06, eir=0.06, unsecured=0.1, rules=RULES.recovery
    )
    better = recovery.waterfall(
        told.claim.total, told.sources, rate=0.06, eir=0.06, unsecured=0.1, rules=RULES.recovery,
        shift=recovery.Shift(haircut=-more),
    )  # fmt: skip
    assert better["pv"].sum() >= plain_["pv"].sum() - 1e-6


def test_no_loan_is_no_error():
    told = case(tables={"loans": [], "drawdowns": [], "schedule": [], "repayments": []})
    compared = workout.compare(told, RULES)
    advice = workout.recommend(compared, told, RULES)
    assert told.claim is None
    assert (len(compared.options), advice.reason) == (0, "no_loan")
    assert workout.sensitivity(compared, told, RULES, advice).empty


@pytest.mark.parametrize(("late", "chosen"), [(28.0, "L2"), (0.0, "L1")])
def test_the_loan_overdue_is_worked_out_first(late, chosen):
    """L2 owes half of what L1 does."""
    rows, state = book()
    loans = pd.concat([rows["loans"], rows["loans"].assign(loan_id="L2")], ignore_index=True)
    timely = state.assign(principal_days_overdue=0.0, interest_days_overdue=0.0)
    less = timely.assign(loan_id="L2", balance=state["balance"] / 2, principal_days_overdue=late)
    both = pd.concat([timely, less], ignore_index=True)
    assert workout.claim({**rows, "loans": loans}, both, AS_OF, rules=RULES).loan_id == chosen


def test_unknown_loan_lists_the_known():
    rows, state = book()
    with pytest.raises(ContractError, match=r"loan_id 'X': no such loan; known: \['L1'\]"):
        workout.claim(rows, state, AS_OF, rules=RULES, loan_id="X")


@pytest.mark.parametrize(
    ("place", "value", "complaint"),
    [
        (("options", "extend", "kind"), "prolong", "options.extend.kind"),
        (("options", "grace", "waive_share"), 1.2, "options.grace.waive_share"),
        (("options", "keep", "grace_months"), 3, "options.keep: kind keep takes no terms"),
        (("recovery", "assets", "land", "haircut"), 0.45, "recovery.assets.land.haircut"),
        (("legal", "extension", 1, "months"), 12, "legal.extension 60: give share_of_term or months"),
        (("marks", "premium", "normal"), "low", "marks.premium.normal"),
    ],
)
def test_wrong_rules_are_named(tmp_path, place, value, complaint):
    content = yaml.safe_load(workout_rules.settings.params("workout.yml").read_text(encoding="utf-8"))
    part = content
    for key in place[:-1]:
        part = part[key]
    part[place[-1]] = value
    path = tmp_path / "workout.yml"
    path.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
    with pytest.raises(RuleError, match=complaint.replace(".", r"\.")):
        workout.load(path)


def test_what_officers_know_is_checked():
    with pytest.raises(RuleError, match="known: difficulty"):
        case(known={"difficulty": "short"})
    with pytest.raises(RuleError, match=r"unknown options \['prolong'\]"):
        case(known={"chances": {"prolong": 0.5}})


def test_contract_in_time_is_warned_of_not_barred():
    paid = [
        *TABLES["repayments"],
        dict(borrower_id="A", loan_id="L1", repayment_id="R2", paid_on="2026-02-15", principal=5e6, interest=2.25e5),
    ]
    told = case(steady(2e5, 1e5), tables={"repayments": paid}, last_class="normal")
    compared = workout.compare(told, RULES)
    table = compared.options.set_index("option")
    assert told.claim.days_overdue == 0
    assert (table.at["keep", "viable"], table.at["keep", "warned"]) == ("task", "cover")
    assert (table.at["grace", "viable"], table.at["enforce", "legal"]) == ("fail", "fail")
    assert workout.recommend(compared, told, RULES).option == "keep"


def test_late_contract_that_cannot_be_paid_is_barred():
    compared = workout.compare(case(steady(2e5, 1e5)), RULES)
    keep = compared.options.set_index("option").loc["keep"]
    assert (keep["viable"], keep["ev"] < compared.waterfall["pv"].sum()) == ("fail", True)
