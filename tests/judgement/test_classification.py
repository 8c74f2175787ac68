"""Floors of both rule sets at their edges, contagion, observation, locks, what cannot be judged, and broken rules."""

import copy
import json

import pandas as pd
import pytest
import yaml
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from postloan import settings
from postloan.errors import ContractError, RuleError
from postloan.judgement import classification
from postloan.judgement.class_rules import RANK, Facts
from postloan.judgement.classification import CLASSES, classify

RULES = classification.load()
AFTER, BEFORE = "2026-05-15", "2023-06-30"
LISTS = {**{name: each.triggers for name, each in RULES.rule_sets.items()}, "stages": RULES.stages}
EXAMPLES = [(where, each, name) for where, triggers in LISTS.items() for each in triggers for name in each.examples]
NO_HISTORY = pd.DataFrame(columns=["asset_id", "on", "class", "approved_by"], dtype=str)
FLAGS = {part: [name for name, each in own.items() if each.kind == "flag"] for part, own in RULES.inputs.items()}
FINE = dict.fromkeys(FLAGS["asset"], False) | {"principal_days_overdue": 0, "interest_days_overdue": 0}
FINE |= {"provision_share": 0.0, "repayment_months": 3, "amount": 100.0}
SOUND = dict.fromkeys(FLAGS["debtor"], False) | {"segment": "corporate", "overdue_share_all_banks": 0.0}


def run(assets, as_of=AFTER, *, debtor=None, history=(), rules=None):
    """Classify assets given as changes to a sound one, of debtors given likewise; of `debtor` or one asset's own."""
    told = [{"asset_id": f"a{n}", "borrower_id": f"b{n}", **FINE, **each} for n, each in enumerate(assets, start=1)]
    owed = {each["borrower_id"]: {**SOUND, **(debtor or {}), **each.pop("debtor", {})} for each in told}
    table = pd.DataFrame(told, dtype=object).astype({"asset_id": str, "borrower_id": str})
    debtors = pd.DataFrame([{"borrower_id": name, "group_id": name, **each} for name, each in owed.items()])
    past = pd.DataFrame(history, columns=["asset_id", "on", "class"]).assign(approved_by="risk manager")
    known = past if len(past) else NO_HISTORY
    return classify(table, as_of, debtors=debtors, history=known, rules=rules)


def one(change, as_of=AFTER, **known):
    """The suggestion for a single asset."""
    return run([change], as_of, **known).assets.iloc[0]


def fired(result, outcome="fires"):
    """Ids of triggers with an outcome, stages left out."""
    hits = result.triggers
    return set(hits.loc[(hits["outcome"] == outcome) & (hits["rule_set"] != "ifrs_9"), "trigger"])


def try_out(trigger, known):
    facts = Facts(pd.DataFrame(index=[0]), RULES)
    for name, value in known.items():
        facts.put(name, [value], [value])
    return tuple(bool(part[0]) for part in facts.fires(trigger))


# --- every trigger, from the rules themselves


@pytest.mark.parametrize(("where", "trigger", "example"), EXAMPLES, ids=lambda part: getattr(part, "id", part))
def test_trigger_keeps_its_examples(where, trigger, example):
    assert try_out(trigger, trigger.examples[example])[0] == (example == "fires"), where


@pytest.mark.parametrize(
    "trigger", [each for triggers in LISTS.values() for each in triggers], ids=lambda each: each.id
)
def test_nothing_known_is_never_quiet(trigger):
    assert try_out(trigger, {}) == (False, True)


DIRECT = [
    (where, trigger, example)
    for where, trigger, example in EXAMPLES
    if where != "stages" and {*trigger.when, *trigger.unless} <= {*FINE, *SOUND, "days_overdue", "non_retail"}
]


@pytest.mark.parametrize(("rule_set", "as_of"), [("cbirc_2023", AFTER), ("cbrc_2007", BEFORE)])
def test_triggers_reach_the_class(rule_set, as_of):
    """Each trigger that looks at plain inputs, on its examples, through the whole of `classify`."""
    cases = [(trigger, example) for where, trigger, example in DIRECT if where == rule_set]
    assets = []
    for trigger, example in cases:
        known = dict(trigger.examples[example])
        known |= {"principal_days_overdue": known.pop("days_overdue")} if "days_overdue" in known else {}
        known |= {"segment": "corporate" if known.pop("non_retail") else "personal"} if "non_retail" in known else {}
        debtor = {key: value for key, value in known.items() if key in SOUND}
        assets.append({key: value for key, value in known.items() if key in FINE} | {"debtor": debtor})
    result = run(assets, as_of)
    hits = result.triggers[result.triggers["outcome"] == "fires"]
    fires = set(zip(hits["asset_id"], hits["trigger"], strict=True))
    told = result.assets.set_index("asset_id")["suggested"].map(RANK)
    assert len(cases) >= 15
    for number, (trigger, example) in enumerate(cases, start=1):
        assert ((f"a{number}", trigger.id) in fires) == (example == "fires"), (trigger.id, example)
        assert told[f"a{number}"] >= RANK[trigger.floor] or example == "quiet", trigger.id


def test_every_article_has_its_basis():
    assert all(each.article and each.basis for triggers in LISTS.values() for each in triggers)


def test_every_derived_input_is_made():
    given = {**RULES.inputs["asset"], **RULES.inputs["debtor"]}
    facts = {"segment", "history", "amount", "group_id", "class"}
    assert {ask for each in RULES.inputs["derived"].values() for ask in each.asks} <= {*given, *facts}
    result = run([{}], debtor={"merged": None, "merged_on": "2026-05-01"}, history=[("a1", "2026-01-01", "loss")])
    told = [json.loads(text) for text in result.triggers["inputs"]]
    assert {"last_npl", "merger_hold"} <= {name for each in told for name in each}


# --- days past due at their edges


@pytest.mark.parametrize(
    ("days", "new", "excused", "old"),
    [
        (0, "normal", "normal", "normal"),
        (1, "special_mention", "normal", "special_mention"),
        (7, "special_mention", "normal", "special_mention"),
        (8, "special_mention", "special_mention", "special_mention"),
        (90, "special_mention", "special_mention", "special_mention"),
        (91, "substandard", "substandard", "substandard"),
        (270, "substandard", "substandard", "substandard"),
        (271, "doubtful", "doubtful", "substandard"),
        (360, "doubtful", "doubtful", "substandard"),
        (361, "loss", "loss", "substandard"),
    ],
)
@pytest.mark.parametrize("part", ["principal_days_overdue", "interest_days_overdue"])
def test_days_overdue_at_their_edges(days, new, excused, old, part):
    late = {part: days}
    found = run([late, late | {"technical_lateness": True}]).assets["suggested"]
    assert list(found) == [new, excused]
    assert one(late | {"technical_lateness": True}, BEFORE)["suggested"] == old


def test_shares_include_their_edge():
    cases = {(True, 0.4999): "substandard", (True, 0.50): "doubtful", (True, 0.8999): "doubtful", (True, 0.90): "loss"}
    cases |= {(False, 0.95): "normal"}
    found = run([{"credit_impaired": bad, "provision_share": share} for bad, share in cases]).assets["suggested"]
    assert list(found) == list(cases.values())


def test_overdue_share_is_strict():
    assert one({}, debtor={"overdue_share_all_banks": 0.20})["suggested"] == "normal"
    assert one({}, debtor={"overdue_share_all_banks": 0.2001})["suggested"] == "substandard"
    assert one({}, debtor={"overdue_share_all_banks": 0.9, "segment": "personal"})["suggested"] == "normal"


def test_hit_says_article_inputs_and_since():
    result = run([{"principal_days_overdue": 95, "use_changed_on": "2026-03-02", "use_changed": None}])
    hits = result.triggers.set_index("trigger")
    assert hits.at["overdue_90", "article"] == "11(1)"
    assert json.loads(hits.at["overdue_90", "inputs"]) == {"days_overdue": 95.0}
    assert str(hits.at["overdue_90", "since"].date()) == "2026-02-10"  # the first day past due
    assert str(hits.at["use_changed", "since"].date()) == "2026-03-02"
    assert "[GK]" in hits.at["overdue_90", "basis"]


# --- properties

MANY = 8
assets_drawn = st.lists(
    st.fixed_dictionaries(
        {
            "borrower_id": st.sampled_from(["b1", "b2", "b3", "b4", "b5"]),
            "principal_days_overdue": st.sampled_from([0, 1, 7, 8, 90, 91, 270, 271, 360, 361, None]),
            "interest_days_overdue": st.sampled_from([0, 0, 5, 100, None]),
            "credit_impaired": st.sampled_from([True, False, False, None]),
            "provision_share": st.sampled_from([0.0, 0.5, 0.9, None]),
            "use_changed": st.sampled_from([True, False, False, None]),
            "technical_lateness": st.sampled_from([True, False, None]),
            "recognised_enhancement": st.sampled_from([True, False, None]),
            "concession": st.sampled_from([True, False, False, None]),
            "analyst_view": st.sampled_from([None, None, *CLASSES]),
            "amount": st.sampled_from([0.0, 1.0, 10.0, 100.0, None]),
        }
    ),
    min_size=1,
    max_size=25,
)
some = effort(max_examples=MANY, deadline=None, derandomize=True)
days_known = st.sampled_from([AFTER, BEFORE])


@some
@given(assets_drawn, days_known)
def test_never_better_than_a_floor(assets, as_of):
    result = run(assets, as_of)
    hits = result.triggers[(result.triggers["outcome"] == "fires") & result.triggers["floor"].isin(CLASSES)]
    worst = hits["floor"].map(RANK).groupby(hits["asset_id"]).max()
    told = result.assets.set_index("asset_id")
    assert (told["suggested"].map(RANK).reindex(worst.index) >= worst).all()
    view = pd.Series([each["analyst_view"] for each in assets], index=told.index).map(RANK).fillna(0)
    assert (told["suggested"].map(RANK).fillna(view) >= view).all()


@some
@given(assets_drawn, st.integers(1, 400), days_known)
def test_more_days_never_better(assets, more, as_of):
    later = [each | {"principal_days_overdue": (each["principal_days_overdue"] or 0) + more} for each in assets]
    now, then = (run(each, as_of).assets["floor"].map(RANK) for each in (assets, later))
    assert (then >= now).all()


@some
@given(assets_drawn, days_known)
def test_learning_never_betters_a_floor(assets, as_of):
    """Even when every blank turns out to be the best answer, the floor found under blanks was no worse.

    But for the excuse of technical lateness, which must be shown, days and all.
    """
    late = ("principal_days_overdue", "interest_days_overdue")
    assets = [each | {"technical_lateness": False} if None in map(each.get, late) else each for each in assets]
    best = dict.fromkeys(FINE, False) | {"amount": None, "principal_days_overdue": 0, "interest_days_overdue": 0}
    filled = [{key: best.get(key) if value is None else value for key, value in each.items()} for each in assets]
    blank, known = run(assets, as_of), run(filled, as_of)
    assert (known.assets["floor"].map(RANK) >= blank.assets["floor"].map(RANK)).all()


@some
@given(assets_drawn, days_known)
def test_unknown_is_listed_or_harmless(assets, as_of):
    result = run(assets, as_of)
    told = result.assets.set_index("asset_id")
    open_ = result.triggers[(result.triggers["outcome"] == "cannot") & (result.triggers["rule_set"] != "ifrs_9")]
    assert set(told.index[told["verdict"] != "judged"]) == set(open_["asset_id"])
    assert (open_["missing"] != "").all()
    assert told.loc[told["verdict"] == "cannot", "suggested"].isna().all()
    assert (told.loc[told["verdict"] != "judged", "missing"] != "").all()
    assert not ((told["suggested"] == "normal") & (told["verdict"] != "judged")).any()


@some
@given(assets_drawn)
def test_order_of_rows_is_nothing(assets):
    named = [each | {"asset_id": f"x{n}"} for n, each in enumerate(assets)]
    there, back = (run(each).assets.set_index("asset_id") for each in (named, named[::-1]))
    assert there["suggested"].equals(back["suggested"].reindex(there.index))
    assert there["verdict"].equals(back["verdict"].reindex(there.index))


# --- contagion


def family(*changes):
    return [{"borrower_id": "b"} | each for each in changes]


@pytest.mark.parametrize(
    ("bad", "good", "expected"),
    [(100.0, 900.0, "special_mention"), (100.01, 899.99, "substandard"), (0.0, 900.0, "special_mention")],
)
def test_over_a_tenth_spreads(bad, good, expected):
    result = run(family({"amount": bad, "principal_days_overdue": 91}, {"amount": good}))
    assert list(result.assets["suggested"]) == ["substandard", expected]
    assert {"npl_here"} | ({"npl_share"} if expected == "substandard" else set()) <= fired(result)


def test_recognised_enhancement_is_spared():
    result = run(family({"principal_days_overdue": 91}, {}, {"recognised_enhancement": True}))
    assert list(result.assets["suggested"]) == ["substandard", "substandard", "special_mention"]


def test_retail_debts_stand_alone():
    result = run(family({"principal_days_overdue": 91}, {}), debtor={"segment": "small"})
    assert list(result.assets["suggested"]) == ["substandard", "normal"]


def test_older_rules_spread_to_special_mention_only():
    result = run(family({"principal_days_overdue": 91}, {}), BEFORE, debtor={"segment": "personal"})
    assert list(result.assets["suggested"]) == ["substandard", "special_mention"]


def test_other_debtors_are_untouched():
    result = run([*family({"principal_days_overdue": 361}, {}), {"borrower_id": "c"}])
    assert result.assets["suggested"].iloc[2] == "normal"


def test_analysts_npl_spreads_too():
    result = run(family({"analyst_view": "doubtful"}, {}))
    assert list(result.assets["suggested"]) == ["doubtful", "substandard"]


@pytest.mark.parametrize("odd", [{"amount": None}, {"currency": "USD"}], ids=["amount_blank", "two_currencies"])
def test_share_without_amounts_cannot_be_judged(odd):
    result = run(family({"currency": "CNY", "principal_days_overdue": 91}, {"currency": "CNY"} | odd))
    told = result.assets.iloc[1]
    assert (told["suggested"], told["verdict"]) == ("special_mention", "at_least")
    assert "npl_share" in fired(result, "cannot")


def test_uncertain_sibling_leaves_doubt():
    told = run(family({"credit_impaired": None}, {})).assets
    assert list(told["verdict"]) == ["cannot", "cannot"]
    assert "npl_here" in told["missing"].iloc[1]


def test_npl_elsewhere_floors_non_retail():
    assert one({}, debtor={"npl_elsewhere": True})["suggested"] == "special_mention"
    assert one({}, debtor={"npl_elsewhere": True, "segment": "personal"})["suggested"] == "normal"


def test_group_member_npl_is_a_task():
    result = run([{"principal_days_overdue": 91}, {}, {}], debtor={"group_id": "g"})
    assert list(result.assets["suggested"]) == ["substandard", "normal", "normal"]
    tasks = result.triggers[result.triggers["floor"] == "task"]
    assert list(tasks["asset_id"]) == ["a2", "a3"]


# --- restructured assets: the first repayment after the change was on 2025-01-10

CHANGED = {"concession": True, "concession_on": "2024-12-20", "difficulty": True, "observation_from": "2025-01-10"}
HELPED = CHANGED | {"difficulty_resolved": True}


@pytest.mark.parametrize(
    ("change", "as_of", "suggested", "until"),
    [
        (HELPED, "2025-01-02", "special_mention", "2026-01-10"),
        (HELPED, "2026-01-09", "special_mention", "2026-01-10"),
        (HELPED, "2026-01-10", "normal", "2026-01-10"),
        (HELPED | {"repayment_months": 6}, "2026-01-10", "normal", "2026-01-10"),
        (HELPED | {"repayment_months": 12}, "2026-01-10", "special_mention", "2027-01-10"),
        (HELPED | {"repayment_months": 12}, "2027-01-10", "normal", "2027-01-10"),
        (CHANGED | {"difficulty_resolved": False}, "2026-02-01", "special_mention", "2027-01-10"),
        (CHANGED | {"difficulty_resolved": False}, "2028-02-01", "special_mention", "2029-01-10"),
        (CHANGED | {"difficulty": False}, "2025-06-01", "normal", "2026-01-10"),
    ],
    ids=[
        "before_first",
        "last_day",
        "ended",
        "half_yearly",
        "yearly",
        "yearly_ended",
        "stuck",
        "stuck_long",
        "no_need",
    ],
)
def test_observation_runs_its_time(change, as_of, suggested, until):
    told = one(change, as_of)
    assert (told["suggested"], str(told["observation_until"].date())) == (suggested, until)


def test_missed_payment_restarts_observation():
    missed = HELPED | {"payment_missed": True, "payment_missed_on": "2025-10-10"}
    assert one(missed, "2026-05-15")["suggested"] == "substandard"
    assert str(one(missed, "2026-05-15")["observation_until"].date()) == "2026-10-10"
    assert one(missed, "2026-10-10")["suggested"] == "normal"


def test_fall_to_npl_restarts_observation():
    told = one(
        HELPED, "2026-05-15", history=[("a1", "2025-09-01", "substandard"), ("a1", "2026-03-01", "special_mention")]
    )
    assert told["suggested"] == "normal"  # approved as performing since
    told = one(HELPED, "2026-05-15", history=[("a1", "2024-11-01", "normal"), ("a1", "2025-09-01", "substandard")])
    assert str(told["observation_until"].date()) == "2026-09-01"


def test_second_restructuring_is_substandard():
    assert one(HELPED | {"restructured_again": True}, "2025-06-01")["suggested"] == "substandard"


def test_end_of_observation_needs_an_assessment():
    told = one(CHANGED | {"difficulty_resolved": None}, "2026-02-01")
    assert (told["verdict"], told["missing"]) == ("cannot", "difficulty_resolved")


@pytest.mark.parametrize("blank", ["repayment_months", "payment_missed", "observation_from"])
def test_observation_with_blanks_is_not_over(blank):
    told = one(HELPED | {blank: None}, "2026-02-01")
    assert (told["verdict"], told["missing"]) == ("cannot", blank)
    assert one(HELPED | {blank: None}, "2025-12-01")["suggested"] == "special_mention"  # under a year in any case


@pytest.mark.parametrize(
    ("change", "history", "suggested"),
    [
        (CHANGED, [], "substandard"),
        (CHANGED | {"principal_days_overdue": 1}, [], "doubtful"),
        (CHANGED, [("a1", "2022-12-01", "loss")], "loss"),
        (CHANGED | {"observation_from": "2022-12-30", "difficulty_resolved": True}, [], "normal"),
    ],
    ids=["at_least", "still_overdue", "held", "after_six_months"],
)
def test_older_rules_observe_six_months(change, history, suggested):
    dated = {"concession_on": "2022-12-20"} | (
        {} if "difficulty_resolved" in change else {"observation_from": "2023-01-10"}
    )
    assert one(change | dated, BEFORE, history=history)["suggested"] == suggested


# --- leaving non-performing: arrears were cleared on 2025-11-15

NPL_BEFORE = [("a1", "2025-01-31", "normal"), ("a1", "2025-04-30", "substandard")]
PAID = {"arrears_cleared": True, "arrears_cleared_on": "2025-11-15"}
ABLE = {"able_to_perform": True}


@pytest.mark.parametrize(
    ("change", "debtor", "as_of", "suggested"),
    [
        (PAID, ABLE, "2026-05-14", "substandard"),
        (PAID, ABLE, "2026-05-15", "normal"),
        (PAID | {"repayment_months": 1}, ABLE, "2026-05-14", "substandard"),
        (PAID | {"repayment_months": 12}, ABLE, "2026-05-15", "substandard"),
        (PAID | {"repayment_months": 12}, ABLE, "2027-11-15", "normal"),
        (PAID | {"repayment_months": None}, ABLE, "2026-05-15", "substandard"),
        (PAID, {"able_to_perform": False}, "2026-05-15", "substandard"),
        (PAID, {"able_to_perform": None}, "2026-05-15", "substandard"),
        (PAID | {"principal_days_overdue": 1}, ABLE, "2026-05-15", "substandard"),
        (PAID | {"payment_missed": True, "payment_missed_on": "2026-01-15"}, ABLE, "2026-05-15", "substandard"),
        (PAID | {"payment_missed": True, "payment_missed_on": "2025-06-15"}, ABLE, "2026-05-15", "normal"),
        ({}, ABLE, "2026-05-15", "substandard"),
    ],
)
def test_upgrade_needs_all_conditions(change, debtor, as_of, suggested):
    assert one(change, as_of, debtor=debtor, history=NPL_BEFORE)["suggested"] == suggested


def test_impaired_sibling_keeps_the_lock():
    pair = [PAID | {"borrower_id": "b"}, {"borrower_id": "b", "asset_id": "a2", "credit_impaired": True, "amount": 1.0}]
    result = run(pair, debtor=ABLE, history=NPL_BEFORE)
    assert {"upgrade_lock", "credit_impaired"} <= fired(result)
    assert result.assets["suggested"].iloc[0] == "substandard"


def test_upgrade_is_told_and_needs_approval():
    told = one(PAID, debtor=ABLE, history=NPL_BEFORE)
    assert (told["last_class"], told["change"], told["needs_approval"]) == ("substandard", "better", True)
    assert str(told["upgrade_from"].date()) == "2026-05-15"


def test_downgrade_is_free():
    told = one({"principal_days_overdue": 91}, history=[("a1", "2026-04-30", "normal")])
    assert (told["change"], told["needs_approval"]) == ("worse", False)


def test_no_history_cannot_judge_locks():
    table = pd.DataFrame([FINE | {"asset_id": "a1", "borrower_id": "b1"}])
    debtors = pd.DataFrame([SOUND | {"borrower_id": "b1", "group_id": "b1"}])
    told = classify(table, AFTER, debtors=debtors).assets.iloc[0]
    assert (told["verdict"], told["missing"]) == ("cannot", "history")
    assert classify(table, AFTER, debtors=debtors, history=NO_HISTORY).assets.at[0, "change"] == "first"


@pytest.mark.parametrize(("as_of", "suggested"), [("2026-05-15", "special_mention"), ("2026-08-01", "normal")])
def test_merger_holds_six_months(as_of, suggested):
    told = one(
        {}, as_of, debtor={"merged_on": "2026-02-01", "merged": None}, history=[("a1", "2026-01-01", "special_mention")]
    )
    assert told["suggested"] == suggested


def test_next_classification_within_a_quarter():
    assert str(one({}, history=[("a1", "2026-03-31", "normal")])["next_due"].date()) == "2026-06-30"
    assert str(one({})["next_due"].date()) == AFTER


# --- which rules, stages and grades


@pytest.mark.parametrize(
    ("as_of", "rule_set", "suggested"),
    [("2023-06-30", "cbrc_2007", "substandard"), ("2023-07-01", "cbirc_2023", "loss")],
)
def test_day_decides_the_rules(as_of, rule_set, suggested):
    told = one({"principal_days_overdue": 400}, as_of)
    assert (told["rule_set"], told["suggested"]) == (rule_set, suggested)


def test_day_without_rules_cannot_be_judged():
    told = one({"principal_days_overdue": 400}, "2001-01-01")
    assert (told["verdict"], told["missing"], told["rule_set"]) == ("cannot", "rule_set", "")
    assert pd.isna(told["suggested"])
    assert not told["needs_approval"]


@pytest.mark.parametrize(
    ("change", "stage", "grade"),
    [
        ({}, 1, "pass"),
        ({"principal_days_overdue": 30}, 2, "special_mention"),
        ({"principal_days_overdue": 31, "increase_rebutted": True}, 2, "special_mention"),
        ({"risk_increased": True}, 2, "pass"),
        ({"principal_days_overdue": 89}, 2, "special_mention"),
        ({"principal_days_overdue": 90}, 3, "special_mention"),
        ({"principal_days_overdue": 90, "default_rebutted": True}, 2, "special_mention"),
        ({"credit_impaired": True}, 3, "substandard"),
        ({"principal_days_overdue": 271}, 3, "doubtful"),
    ],
)
def test_stage_and_grade_stand_beside(change, stage, grade):
    told = one(change)
    assert (told["stage"], told["us_grade"]) == (stage, grade)


def test_stage_is_empty_when_unknown():
    assert one({"risk_increased": None})["stage"] is pd.NA
    assert one({"risk_increased": None})["suggested"] == "normal"


# --- what is not known


@pytest.mark.parametrize("part", ["principal_days_overdue", "interest_days_overdue"])
def test_blank_days_cannot_be_judged(part):
    told = one({part: None})
    assert (told["verdict"], told["missing"], pd.isna(told["suggested"])) == ("cannot", part, True)


def test_one_late_part_is_enough():
    told = one({"interest_days_overdue": None, "principal_days_overdue": 361})
    assert (told["suggested"], told["verdict"]) == ("loss", "judged")


def test_blank_is_never_taken_for_fine():
    """A blank in any input that could by itself worsen a sound asset leaves it without a class, and is asked for."""
    tests = [set(each.when) - {"non_retail"} for each in RULES.rule_sets["cbirc_2023"].triggers]
    alone = {name for test in tests if len(test) == 1 for name in test}
    blanks = sorted({*FINE, *SOUND} - {"amount", "repayment_months", "principal_days_overdue", "interest_days_overdue"})
    told = run([{name: None} if name in FINE else {"debtor": {name: None}} for name in blanks]).assets
    for name, verdict, missing, suggested in zip(
        blanks, told["verdict"], told["missing"], told["suggested"], strict=True
    ):
        if name in alone:
            assert (verdict, missing, pd.isna(suggested)) == ("cannot", name, True), name
        else:
            assert suggested == "normal", name
    assert len(alone & set(blanks)) >= 8


def test_unknown_lateness_excuses_nothing():
    assert one({"principal_days_overdue": 3, "technical_lateness": None})["suggested"] == "special_mention"


def test_unknown_segment_leaves_doubt():
    result = run(family({"principal_days_overdue": 91}, {}), debtor={"segment": None})
    assert (result.assets["verdict"].iloc[1], result.assets["missing"].iloc[1]) == ("cannot", "segment")


def test_barely_anything_known():
    told = classify(pd.DataFrame({"asset_id": ["a"], "borrower_id": ["b"]}), AFTER)
    assert told.assets.at[0, "verdict"] == "cannot"
    assert {"principal_days_overdue", "bankruptcy_liquidation", "history"} <= set(
        told.assets.at[0, "missing"].split(",")
    )


def test_no_assets_no_trouble():
    told = classify(pd.DataFrame({"asset_id": pd.Series(dtype=str), "borrower_id": pd.Series(dtype=str)}), AFTER)
    assert (len(told.assets), len(told.triggers)) == (0, 0)


# --- tables and rules that are wrong


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"principal_days_overdue": -1}, "principal_days_overdue"),
        ({"principal_days_overdue": 2.5}, "whole days"),
        ({"provision_share": 25}, r"in_range\(0, 1\)"),
        ({"use_changed": "perhaps"}, "use_changed"),
        ({"analyst_view": "good"}, "special_mention"),
        ({"use_changed_on": "2026-05-16"}, "use_changed_on"),
        ({"amount": -1.0}, "amount"),
    ],
)
def test_wrong_asset_is_refused(change, said):
    with pytest.raises(ContractError, match=rf"(?s)assets: \d+ failures.*{said}"):
        run([change])


@pytest.mark.parametrize(
    ("row", "said"),
    [(("a1", "2026-05-16", "normal"), "2026-05-16"), (("a1", "2026-05-01", "fine"), "fine")],
    ids=["from_the_future", "no_class"],
)
def test_wrong_history_is_refused(row, said):
    with pytest.raises(ContractError, match=rf"(?s)history: .*{said}"):
        run([{}], history=[row])


def test_asset_is_never_split():
    with pytest.raises(ContractError, match=r"(?s)assets: .*asset_id"):
        run([{"asset_id": "a"}, {"asset_id": "a"}])


def broken(tmp_path, change):
    """The shipped rules with one change made to them, loaded from a file of their own."""
    content = copy.deepcopy(settings.load_yaml(settings.params("classes.yml")))
    change(content, {each["id"]: each for each in content["rule_sets"]["cbirc_2023"]["triggers"]})
    path = tmp_path / "classes.yml"
    path.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
    return classification.load(path)


def over_90(**fields):
    """A change to the fields of the floor at over 90 days."""
    return lambda all_, by: by["overdue_90"].update(fields)


WRONG = {
    r"overdue_90\.floor: substandard overlaps \['overdue_270'\]": lambda all_, by: by["overdue_270"].update(
        when={"days_overdue": {"above": 80}}, examples={"fires": {"days_overdue": 81}, "quiet": {"days_overdue": 80}}
    ),
    r"overdue_270\.floor: doubtful overlaps \['overdue_90'\]": over_90(floor="doubtful"),
    r"cbirc_2023\.triggers\.\d+\.floor: .*'doubtful'.*found 'bad'": over_90(floor="bad"),
    r"overdue_90: .*found floor 'stage_3'": over_90(floor="stage_3"),
    r"cbirc_2023\.overdue: ids only once": over_90(id="overdue"),
    r"overdue_90: cannot test \['dayz'\].*days_overdue": over_90(when={"dayz": {"above": 90}}),
    r"overdue_90: cannot test \['days_overdue'\]": over_90(when={"days_overdue": True}),
    r"when\.days_overdue.*'above', 'at_least', 'below' or 'at_most'": over_90(when={"days_overdue": {"over": 90}}),
    r"overdue_90\.examples: expected to fire": over_90(when={"days_overdue": {"above": 100}}),
    r"examples: .*at least 2": over_90(examples={"fires": {"days_overdue": 91}}),
    r"limit: Extra inputs are not permitted, found 90": over_90(limit=90),
    r"article: Field required": lambda all_, by: by["overdue_90"].pop("article"),
    r"npl_share\.examples": lambda all_, by: by["npl_share"].update(when={"npl_share_here": {"above": 10}}),
    r"cbrc_2007\.until: expected the day before": lambda all_, by: all_["rule_sets"]["cbrc_2007"].update(
        until="2023-07-31"
    ),
    r"us_grades: .*at least 5": lambda all_, by: all_["us_grades"].pop("loss"),
    r"stages\.stage_impaired: .*found floor 'loss'": lambda all_, by: all_["stages"][0].update(floor="loss"),
}


@pytest.mark.parametrize("said", WRONG)
def test_wrong_rules_say_file_and_field(tmp_path, said):
    with pytest.raises(RuleError, match=rf"(?s)classes\.yml: .*{said}"):
        broken(tmp_path, WRONG[said])


def test_drafts_are_tried_not_applied(tmp_path):
    rules = broken(tmp_path, lambda all_, by: by["use_changed"].update(status="draft"))
    assert one({"use_changed": True}, rules=rules)["suggested"] == "normal"


def test_officer_changes_a_floor_in_yaml(tmp_path):
    def stricter(all_, by):
        by["overdue_90"].update(
            when={"days_overdue": {"above": 60}},
            examples={"fires": {"days_overdue": 61}, "quiet": {"days_overdue": 60}},
        )

    assert one({"principal_days_overdue": 61}, rules=broken(tmp_path, stricter))["suggested"] == "substandard"


def test_missing_file_is_named(tmp_path):
    with pytest.raises(RuleError, match=r"nothing\.yml: no such file"):
        classification.load(tmp_path / "nothing.yml")
