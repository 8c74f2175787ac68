"""When and how borrowers are checked: intervals, first and special checks, weekends, overrides, open items."""

import copy

import pandas as pd
import pytest
import yaml

from postloan import settings
from postloan.errors import ContractError, RuleError
from postloan.judgement import monitoring
from postloan.judgement.monitoring import schedule

AS_OF = "2026-05-15"  # a Friday
USUAL = {"class": "normal", "level": "none", "exposure_cny": 2e7, "term_months": 24, "segment": "corporate"}
USUAL |= {"first_drawdown": "2025-01-10", "last_review": "2026-05-01", "last_site_review": "2026-01-05"}


def plans(*changes, as_of=AS_OF, **given):
    """The plans of borrowers b1, b2 … given as changes to a usual one."""
    table = pd.DataFrame([{"borrower_id": f"b{n}", **USUAL, **each} for n, each in enumerate(changes, start=1)])
    return schedule(table, as_of, **given)


def one(change, **given):
    return plans(change, **given).iloc[0]


def day(moment):
    return str(moment.date())


# --- how often


@pytest.mark.parametrize(
    ("change", "days", "rule"),
    [
        ({"exposure_cny": 5e7}, 30, "normal_large"),
        ({"exposure_cny": 5e7 - 1}, 90, "normal_medium"),
        ({"exposure_cny": 1e7}, 90, "normal_medium"),
        ({"exposure_cny": 1e7 - 1}, 180, "normal_small"),
        ({"exposure_cny": 0.0}, 180, "normal_small"),
        ({"exposure_cny": None}, 30, "normal_exposure_unknown"),
        ({"term_months": 6}, 30, "short_loan"),
        ({"term_months": 6.5}, 90, "normal_medium"),
        ({"term_months": 6, "segment": "personal"}, 90, "normal_medium"),
        ({"class": "special_mention"}, 30, "special_mention"),
        ({"class": "substandard"}, 14, "substandard"),
        ({"class": "doubtful"}, 7, "doubtful_loss"),
        ({"class": "loss"}, 7, "doubtful_loss"),
        ({"class": None}, 30, "class_unknown"),
        ({"level": "yellow"}, 30, "warned"),
        ({"exposure_cny": 1.0, "level": None}, 90, "level_unknown"),
        ({"class": "loss", "level": "yellow"}, 7, "doubtful_loss"),
    ],
)
def test_shortest_interval_counts(change, days, rule):
    told = one(change)
    assert (told["frequency_days"], told["rule"]) == (days, rule)
    assert told["basis"]


def test_worse_is_never_checked_less():
    classes = [*monitoring.CLASSES]
    for level in monitoring.LEVELS:
        days = plans(*({"class": name, "level": level} for name in classes))["frequency_days"]
        assert days.is_monotonic_decreasing
    for name in classes:
        days = plans(*({"class": name, "level": level} for level in monitoring.LEVELS))["frequency_days"]
        assert days.is_monotonic_decreasing


@pytest.mark.parametrize("blank", ["class", "level", "exposure_cny"])
def test_unknown_never_lengthens(blank):
    kinds = {"class": ["normal", "special_mention"], "level": ["none", "yellow"], "exposure_cny": [1.0, 6e7]}
    best = plans(*({blank: value} for value in kinds[blank]))["frequency_days"].max()
    told = one({blank: None})
    assert told["frequency_days"] <= best
    assert blank in told["missing"].split(",")


def test_focus_of_all_that_fit():
    told = one({"class": "special_mention", "level": "yellow"})
    assert told["focus"][:4] == ("repayment", "operations", "collateral", "guarantor")
    assert "signals" in told["focus"]


# --- when


@pytest.mark.parametrize(
    ("last", "due"),
    [("2026-02-06", "2026-05-07"), ("2026-03-02", "2026-06-01"), ("2026-03-01", "2026-06-01")],
    ids=["thursday", "sunday", "saturday"],
)
def test_weekend_moves_to_monday(last, due):
    assert day(one({"last_review": last})["next_review"]) == due


@pytest.mark.parametrize(
    ("as_of", "overdue"), [("2026-05-06", 0), ("2026-05-07", 0), ("2026-05-08", 1), ("2026-06-06", 30)]
)
def test_overdue_days_are_told(as_of, overdue):
    told = one({"last_review": "2026-02-06"}, as_of=as_of)
    assert told["overdue_days"] == overdue
    assert ("overdue_review" in told["focus"]) == (overdue > 0)


@pytest.mark.parametrize(
    ("change", "kind", "due"),
    [
        ({"last_review": None}, "first", "2026-05-11"),
        ({"last_review": "2026-04-20"}, "first", "2026-05-11"),
        ({"last_review": "2026-04-24"}, "first", "2026-05-11"),
        ({"last_review": "2026-04-25"}, "regular", "2026-07-24"),
        ({"last_review": None, "class": "loss"}, "first", "2026-05-01"),
    ],
    ids=["never", "before_drawdown", "same_day", "since", "weekly_client"],
)
def test_first_check_after_drawdown(change, kind, due):
    told = one({"first_drawdown": "2026-04-24"} | change)
    assert (told["kind"], day(told["next_review"])) == (kind, due)
    if kind == "first":
        assert (told["method"], told["focus"][0]) == ("on_site", "use_of_proceeds")


@pytest.mark.parametrize(
    ("level", "since", "due"),
    [
        ("red", "2026-05-14", "2026-05-18"),
        ("red", "2026-05-09", "2026-05-12"),
        ("orange", "2026-05-14", "2026-05-21"),
    ],
    ids=["over_the_weekend", "from_saturday", "orange"],
)
def test_special_check_in_business_days(level, since, due):
    told = one({"level": level, "level_since": since})
    assert (told["kind"], told["method"], day(told["next_review"])) == ("special", "on_site", due)
    assert told["focus"][0] == "signals"


def test_special_check_is_done_once():
    seen = one({"level": "red", "level_since": "2026-05-05", "last_review": "2026-05-06"})
    assert (seen["kind"], day(seen["next_review"])) == ("regular", "2026-06-05")
    assert one({"level": "yellow", "level_since": "2026-05-14"})["kind"] == "regular"


def test_undated_level_is_asked_for():
    told = one({"level": "red"})
    assert (told["kind"], day(told["next_review"])) == ("special", "2026-05-19")
    assert "level_since" in told["missing"].split(",")


def test_earlier_review_is_kept():
    told = one({"level": "red", "level_since": "2026-05-14", "last_review": "2026-03-02"})
    assert (told["kind"], day(told["next_review"]), told["overdue_days"]) == ("regular", "2026-04-01", 44)


@pytest.mark.parametrize(
    ("change", "kind", "due", "late"),
    [
        ({"day_set": "2026-03-13"}, "set", "2026-03-13", 63),
        ({"day_set": "2026-06-03"}, "set", "2026-06-03", 0),
        ({"day_set": "2026-06-05", "level": "red", "level_since": "2026-04-01"}, "special", "2026-05-15", 0),
        ({"day_set": "2026-06-05", "class": "loss"}, "regular", "2026-05-15", 0),
        ({"day_set": "2026-03-06"}, "regular", "2026-06-04", 0),
    ],
    ids=["missed", "ahead", "new_warning", "worse_class", "held_on_it"],
)
def test_day_set_is_what_lateness_counts_from(change, kind, due, late):
    told = one({"last_review": "2026-03-06"} | change)
    assert (told["kind"], day(told["next_review"]), told["overdue_days"]) == (kind, due, late)


def test_nothing_known_is_no_date():
    told = one(dict.fromkeys(USUAL))
    assert (told["kind"], pd.isna(told["next_review"]), pd.isna(told["overdue_days"])) == ("cannot", True, True)
    assert {"class", "level", "segment", "last_review", "first_drawdown"} <= set(told["missing"].split(","))


# --- how


@pytest.mark.parametrize(
    ("change", "method"),
    [
        ({}, "off_site"),
        ({"class": "special_mention"}, "on_site"),
        ({"last_site_review": "2025-07-31"}, "off_site"),
        ({"last_site_review": "2025-07-29"}, "on_site"),
        ({"last_site_review": None}, "on_site"),
    ],
    ids=["usual", "by_class", "visit_fresh", "visit_old", "visit_unknown"],
)
def test_method_by_class_and_last_visit(change, method):
    assert one(change)["method"] == method


# --- one client's own plan

OWN = {"reason": "founder retires this year"}


def test_override_is_one_clients():
    told = plans({}, {}, overrides={"b2": OWN | {"frequency_days": 45, "method": "on_site", "focus": ["interview"]}})
    assert list(told["frequency_days"]) == [90, 45]
    assert list(told["rule"]) == ["normal_medium", "override"]
    assert list(told["method"]) == ["off_site", "on_site"]
    assert (told["basis"].iloc[1], told["focus"].iloc[1][-1]) == (OWN["reason"], "interview")


def test_override_of_method_beats_the_rules():
    told = one({"class": "special_mention"}, overrides={"b1": OWN | {"method": "off_site"}})
    assert (told["method"], told["rule"]) == ("off_site", "special_mention")
    assert told["basis"].endswith(OWN["reason"])


def test_longer_needs_approval():
    with pytest.raises(
        RuleError, match=r"b1\.yml: review_plan: frequency_days: 120 is longer than 90; needs approved_by"
    ):
        one({}, overrides={"b1": OWN | {"frequency_days": 120}})
    approved = OWN | {"frequency_days": 120, "approved_by": "credit committee"}
    assert one({}, overrides={"b1": approved})["frequency_days"] == 120


def test_override_lapses():
    assert one({}, overrides={"b1": OWN | {"frequency_days": 30, "until": "2026-05-14"}})["frequency_days"] == 90
    assert one({}, overrides={"b1": OWN | {"frequency_days": 30, "until": AS_OF}})["frequency_days"] == 30


@pytest.mark.parametrize(
    ("own", "said"),
    [
        ({"frequency_days": 30}, "reason: Field required"),
        (OWN | {"frequency_days": 0}, "frequency_days: .*greater than or equal to 1"),
        (OWN | {"method": "phone"}, "method: .*'on_site' or 'off_site'.*found 'phone'"),
        (OWN | {"frequency": 30}, "frequency: .*not permitted"),
        (OWN | {"focus": ["gossip"]}, r"focus: unknown \['gossip'\]; known: .*use_of_proceeds"),
    ],
)
def test_wrong_override_names_file_and_field(own, said):
    with pytest.raises(RuleError, match=rf"params/borrowers/b1\.yml: review_plan: {said}"):
        one({}, overrides={"b1": own})


# --- what is still open

ACTIONS = pd.DataFrame(
    [
        ("b1", "later", "2026-06-30", None, "2026-05-01"),
        ("b1", "late", "2026-05-14", None, "2026-05-01"),
        ("b1", "done", "2026-05-10", "2026-05-12", "2026-05-01"),
        ("b1", "done_after", "2026-06-10", "2026-05-20", "2026-05-01"),
        ("b1", "unborn", "2026-06-10", None, "2026-05-20"),
        ("b3", "other", "2026-06-10", None, None),
    ],
    columns=["borrower_id", "rule", "due", "closed_on", "opened_on"],
)


def test_open_actions_are_carried_over():
    told = plans({}, {}, actions=ACTIONS)
    assert list(told["carried"]) == [("late", "done_after", "later"), ()]
    assert list(told["carried_overdue"]) == [1, 0]
    assert ["carried_items" in focus for focus in told["focus"]] == [True, False]


def test_unknown_actions_are_missing():
    told = one({})
    assert (told["missing"], told["carried"], pd.isna(told["carried_overdue"])) == ("actions", (), True)
    assert one({}, actions=ACTIONS.head(0))["missing"] == ""


# --- tables and rules that are wrong


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"last_review": "2026-05-16"}, "last_review"),
        ({"level_since": "2026-05-16"}, "level_since"),
        ({"first_drawdown": "2027-01-01"}, "first_drawdown"),
        ({"class": "fine"}, "substandard.*fine"),
        ({"level": "purple"}, "orange.*purple"),
        ({"segment": "bank"}, "corporate.*bank"),
        ({"exposure_cny": -1.0}, "exposure_cny"),
    ],
)
def test_wrong_borrower_is_refused(change, said):
    with pytest.raises(ContractError, match=rf"(?s)borrowers: \d+ failures.*{said}"):
        one(change)


def test_borrower_stands_once():
    with pytest.raises(ContractError, match=r"(?s)borrowers: .*borrower_id"):
        schedule(pd.DataFrame({"borrower_id": ["b", "b"]}), AS_OF)


def test_nobody_to_watch():
    told = schedule(pd.DataFrame({"borrower_id": pd.Series(dtype=str)}), AS_OF)
    assert (list(told.columns), len(told)) == (monitoring.COLUMNS, 0)


def broken(tmp_path, change):
    """The shipped plan with one change made to it, loaded from a file of its own."""
    content = copy.deepcopy(settings.load_yaml(settings.params("monitoring.yml")))
    change(content, {each["id"]: each for each in content["intervals"]})
    path = tmp_path / "monitoring.yml"
    path.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
    return monitoring.load(path)


def test_officer_changes_an_interval_in_yaml(tmp_path):
    plan = broken(tmp_path, lambda all_, by: by["special_mention"].update(days=20))
    assert one({"class": "special_mention"}, plan=plan)["frequency_days"] == 20


WRONG = {
    r"intervals: \d+ kinds of borrower fit none, such as .*'class': 'substandard'": lambda all_, by: all_[
        "intervals"
    ].remove(by["substandard"]),
    r"intervals: \d+ kinds of borrower fit none": lambda all_, by: (
        by["normal_medium"]["when"].update(exposure_cny={"at_least": 2e7})
        or by["normal_small"]["when"].update(exposure_cny={"at_most": 1e7})
    ),
    r"intervals\.\d+\.when\.class\.0: .*'special_mention'.*found 'good'": lambda all_, by: by["normal_large"][
        "when"
    ].update({"class": ["good"]}),
    r"intervals\.short_loan\.when\.segment: unknown \['bank'\]; known: .*'corporate'": lambda all_, by: by[
        "short_loan"
    ]["when"].update(segment=["bank"]),
    r"special\.red\.focus: unknown \['gossip'\]; known: ": lambda all_, by: all_["special"]["red"].update(
        focus=["gossip"]
    ),
    r"intervals: ids given twice \['substandard'\]": lambda all_, by: by["doubtful_loss"].update(id="substandard"),
    r"first_check\.days: .*greater than or equal to 1, found 0": lambda all_, by: all_["first_check"].update(days=0),
    r"special\.purple\.\[key\]: .*'yellow', 'orange' or 'red'": lambda all_, by: all_["special"].update(
        purple=all_["special"]["red"]
    ),
    r"site_visit: Field required": lambda all_, by: all_.pop("site_visit"),
}


@pytest.mark.parametrize("said", WRONG)
def test_wrong_plan_says_file_and_field(tmp_path, said):
    with pytest.raises(RuleError, match=rf"(?s)monitoring\.yml: .*{said}"):
        broken(tmp_path, WRONG[said])


def test_every_interval_states_its_basis():
    plan = monitoring.load()
    checks = [plan.first_check, plan.site_visit, *plan.special.values(), *plan.intervals]
    assert all(each.basis for each in checks)
