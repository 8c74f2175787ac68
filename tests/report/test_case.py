"""The case in words: every rule in both languages, figures as in the evidence, the quiet case as well."""

import re

import pandas as pd
import pytest

from postloan import chasing, early_warning, measures, rules, texts
from postloan.judgement import rules as judging
from postloan.judgement import trial
from postloan.report import case, changes, signals
from sheets import sheet, told

BOOK, MEASURES, AS_OF = rules.load(), measures(), "2026-05-15"
TAGS = re.compile(r"<[^>]+>")


def compared(**now):
    index = list(MEASURES)
    made = pd.DataFrame({"now": 1.0, "year_ago": 2.0, "start": 3.0, "usual": 0.5, "reason": None}, index=index)
    return made.assign(now=pd.Series(now, dtype=float).reindex(index).fillna(made["now"]))


MONTHS = pd.DateOffset(months=3)


def fired(*names):
    """The signals of rules as tried on their own examples."""
    rows = []
    for name in names:
        rule = BOOK.rules[name]
        example = next(one for one in rule.examples if one.expect in judging.LEVELS)
        seen = trial.example_sight(example)
        warned = early_warning.scan(judging.RuleBook({name: rule}), seen, as_of=AS_OF).live
        rows.append(warned)
    return pd.concat(rows, ignore_index=True)


def make(language, *names, **now):
    signals = fired(*names) if names else pd.DataFrame(columns=early_warning.COLUMNS)
    return case.Case(signals, BOOK.rules, compared(**now), MEASURES, sheet(language))


ALONE = [
    name
    for name, rule in ((one.id, one) for one in BOOK.in_force())
    if not any(leaf.rule for leaf in rule.condition.leaves())
]
OURS = [name for name in ALONE if BOOK.rules[name].group == "monitoring"]
SINGLE = [name for name in ALONE if name not in OURS]


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("name", SINGLE)
def test_every_rule_is_told(name, language):
    made = make(language, name)
    text = " ".join(told(part) for part in (case.story(made), case.reasons(made), case.questions(made)))
    assert not re.search(r"[{}]|\bnan\b|\bNone\b|\bNaT\b", text)
    assert getattr(BOOK.rules[name].title, language) in text
    for test in made.signals.at[0, "evidence"]:
        if test["held"] and test["of"] == "now" and test["metric"] == made.links[next(iter(made.links))][0].metric:
            assert made.value(test["value"], test["metric"]) in text


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("name", OURS)
def test_our_lateness_is_told_apart(name, language):
    made = make(language, name)
    assert not made.links
    assert getattr(BOOK.rules[name].title, language) in told(case.next_step(made))
    assert made.ours in told(case.story(made))
    assert case.questions(made).points == ()


@pytest.mark.parametrize("language", ["zh", "en"])
def test_quiet_case_reads_well(language):
    text = told(case.story(make(language), blind=7))
    assert "7" in text
    assert "{" not in text
    assert texts(language)("case.calm") in text


def test_one_figure_is_told_once():
    made = make("zh", "receivables_slow", "receivables_slow_since_start", receivable_days=3.0)
    [only] = made.links["collections"]
    assert only.rules == ["receivables_slow", "receivables_slow_since_start"]
    assert told(case.story(made)).count("应收账款周转天数由") == 1


def test_what_still_falls_is_no_old_matter():
    standing = texts("en")("case.standing", date="").split(":")[0].strip()
    for before, old in ((0.6, True), (0.9, False)):
        made = make("en", "current_ratio_low", current_ratio=0.6)
        made.signals["since"] = pd.Timestamp("2021-03-31")
        made.compared.loc["current_ratio", "year_ago"] = before
        assert (standing in told(case.story(made))) == old


def test_links_follow_the_chain():
    made = make("zh", "collateral_falls", "interest_cover_low", "losses_continue", "receivables_slow")
    assert list(made.links) == ["operations", "collections", "repayment", "protection"]


def test_reasons_come_from_different_links_first():
    made = make(
        "en", "current_ratio_low", "quick_ratio_low", "interest_cover_low", "operating_loss", "collateral_falls"
    )
    assert len(made.links) == 3
    points = case.reasons(made).points
    titles = [BOOK.rules[name].title.en for name in ("operating_loss", "collateral_falls")]
    assert all(any(point.startswith(title) for point in points) for title in titles)


def test_a_missed_payment_is_never_left_out():
    """It is among the reasons beside redder figures, it speaks for repayment, and collecting comes first."""
    made = make("en", "interest_cover_low", "operating_loss", "collateral_falls", "veto_misuse")
    late = fired("overdue").assign(level="orange")
    made.signals.loc[len(made.signals)] = late.iloc[0]
    title = BOOK.rules["overdue"].title.en
    assert title in told(case.reasons(made))
    assert BOOK.rules["overdue"].action.en.rstrip(".") in told(case.next_step(made))
    story = told(case.story(made))
    assert "A payment has been missed" in story
    assert "before the due date" not in story
    assert texts("en")("ask.days_overdue") in told(case.questions(made))


def test_cover_speaks_before_limits_and_terms():
    made = make("en", "limit_always_used", "service_not_covered")
    made.signals["level"] = "orange"
    first, *_ = made.links["repayment"]
    assert first.rules == ["service_not_covered"]
    assert "Limits or terms are used up" not in told(case.story(made))


def test_a_year_ago_is_told_beside():
    made = make("en", "losing_and_illiquid")
    test = made.signals.at[0, "evidence"][1]
    test["of"] = "year_ago"
    said = f"at {made.value(test['value'], test['metric'])} a year ago"
    assert said in told(case.story(made))
    assert "a year ago" in told(signals.signal_table(made.signals, BOOK.rules, MEASURES, sheet("en")))


@pytest.mark.parametrize(("language", "field"), [("zh", "basis_zh"), ("en", "basis")])
def test_basis_speaks_the_readers_language(language, field):
    shown = told(signals.signal_table(fired("overdue"), BOOK.rules, MEASURES, sheet(language)))
    assert getattr(BOOK.rules["overdue"], field) in shown


def test_misuse_speaks_of_the_money():
    made = make("en", "use_ring")
    assert list(made.links) == ["conduct"]
    assert "The use of the loan" in told(case.story(made))


def test_facts_judgement_and_suggestions_stand_apart():
    labels = [part[0] for part in case.story(make("zh", "operating_loss")).parts]
    assert labels == ["事实", "判断", "建议"]


def test_no_promise_wording():
    every = " ".join(told(case.story(make(language, *SINGLE[:20]))) for language in ("zh", "en"))
    assert not re.search("有望|好转|必将|will recover|certainly", every)


def test_next_step_is_the_earliest_due():
    made = make("en", "collateral_falls", "interest_cover_low")
    first = made.signals.sort_values("due").iloc[0]
    assert BOOK.rules[first["rule"]].action.en.rstrip(".") in told(case.next_step(made))


def test_way_back_is_not_where_it_stands():
    made = make("en", "liabilities_high")
    test = made.signals.at[0, "evidence"][0]
    test["value"], made.signals["level"] = test["limit"] + 1e-6, BOOK.rules["liabilities_high"].levels[-1]
    assert f"below {made.value(test['limit'], test['metric'])}" in told(case.story(made))


def test_turning_point_names_the_next_limit():
    made = make("en", "current_ratio_low")
    rule, level = BOOK.rules["current_ratio_low"], made.signals.at[0, "level"]
    following = rule.levels[rule.levels.index(level) + 1]
    limit = rule.condition.below[following]
    assert f"{limit:.2f} (then {following})" in case.turning_points(made)


def test_only_the_mildest_limit_clears():
    """Back at the red limit of a fall in revenue the signal is still orange."""
    made = make("en", "revenue_falls")
    found = made.links["operations"][0]
    found.level, found.own[0]["limit"] = "red", -0.4
    assert "Revenue growth, 12 months back at −15.0% (signal cleared)" in case.turning_points(made)


def test_guard_is_no_way_back():
    """A current ratio above 1 that may fall below it: below 1 would not clear the signal."""
    made = make("en", "current_ratio_breach_likely")
    assert "current_ratio" in {one["metric"] for one in made.signals.at[0, "evidence"]}
    assert case.turning_points(made) == ""
    assert "(limit" not in case.fact(made.links["repayment"][0], made)


def test_thin_cash_carries_nothing():
    """Cash that is itself under warning is not named as what still carries the business."""
    quiet, thin = (
        make("en", *names, cfo_to_liabilities=0.02) for names in (["loss_made"], ["loss_made", "cash_flow_thin"])
    )
    for made in (quiet, thin):
        made.signals["level"] = "orange"
    assert "still brings in cash" in told(case.story(quiet))
    assert "still brings in cash" not in told(case.story(thin))


def test_lender_is_not_judged_by_traders_limits():
    made = make("en", "liabilities_high")
    assert "lends, insures or leases" not in told(case.story(made))
    made.compared.loc["current_ratio", "reason"] = "missing:end.current_assets"
    assert "lends, insures or leases" in told(case.story(made))


def test_late_action_says_since_when():
    made = make("en", "operating_loss")
    made.signals["due"] = pd.Timestamp("2025-07-07")
    assert "Overdue since 7 Jul 2025" in told(case.next_step(made))


def test_other_figures_are_named():
    """The current ratio's fall is not told as a change of the working capital."""
    text = told(case.story(make("en", "working_capital_negative", current_ratio=0.75)))
    assert "with Current ratio −0.25 on the year" in text


@pytest.mark.parametrize(("value", "shown"), [(-43.0, "beyond −1,000.0%"), (-0.43, "−43.0%")])
def test_share_of_next_to_no_sales_is_bounded(value, shown):
    assert make("en").value(value, "gross_margin") == shown


def test_since_is_that_of_the_rule_told():
    made = make("zh", "losing_and_illiquid", "current_ratio_low")
    made.signals["since"] = [pd.Timestamp("2025-12-31"), pd.Timestamp("2020-12-31")]
    (one, *_) = case._findings(made.signals)
    assert one.rules == ["losing_and_illiquid", "current_ratio_low"]
    assert "a warning since the statements of 31 Dec 2025" in case.fact(one, make("en"))


@pytest.mark.parametrize(
    ("rule", "key"),
    [
        ("revenue_falls", "operations.volume_high"),
        ("operating_loss", "operations.high"),
        ("insolvent_and_losing", "repayment.cushion_high"),
        ("current_ratio_falls", "repayment.liquid_high"),
        ("interest_cover_low", "repayment.high"),
    ],
)
def test_meaning_fits_the_figure(rule, key):
    made = make("en", rule, cfo_to_liabilities=-0.1)
    made.signals["level"] = "orange"
    assert texts("en")(f"case.means.{key}", figure="|").split("(|)")[0] in told(case.story(made))


@pytest.mark.parametrize(
    ("equity", "profit", "key"),
    [(-0.2, -5.0, "gone_high"), (-0.2, 5.0, "gone_earning"), (0.1, -5.0, "cushion_high")],
)
def test_negative_equity_is_called_gone(equity, profit, key):
    """Of a firm that earns it may be buy-backs: what is left to bind is what owners draw."""
    made = make("zh", "liabilities_high", equity_to_assets=equity, cfo_to_liabilities=-0.1, net_profit_ttm=profit)
    made.signals["level"] = "orange"
    assert texts("zh")(f"case.means.repayment.{key}", figure="|").split("（|）")[0] in told(case.story(made))


def test_jump_of_debt_is_no_heavy_balance_sheet():
    made = make("en", "liabilities_jump", equity_to_assets=0.5, cfo_to_liabilities=-0.1)
    made.signals["level"] = "orange"
    text = told(case.story(made))
    assert "Debt has grown fast under a business that loses money" in text
    assert "heavy with debt" not in text


def test_next_level_names_all_it_takes():
    """A loss is orange beside heavy debt: the way there is told with both, the way back without the guard."""
    made = make("en", "loss_made", "receivables_slow", net_margin=-0.05, liabilities_to_assets=0.4)
    text = told(case.story(made))
    assert "Liabilities / assets above 70.0% (then orange)" in text
    assert "Receivable days back at" not in text


def test_weak_business_is_not_called_harmless_beside_trouble():
    made = make("zh", "return_on_assets_poor", "insolvent_and_losing")
    assert "已经伤及偿债" in told(case.story(made))
    assert "尚未直接伤及偿债" in told(case.story(make("zh", "return_on_assets_poor")))


@pytest.mark.parametrize("rule", ["actions_late", "distress_zone"])
def test_client_is_not_asked_about_us_or_scores(rule):
    assert case.questions(make("en", rule)).points == ()


def test_markup_in_a_title_is_shown_as_text():
    rule = BOOK.rules["operating_loss"]
    bad = rule.model_copy(update={"title": judging.Words(zh="<script>坏", en="<script>bad")})
    made = make("en", "operating_loss")
    hurt = case.Case(made.signals, {**BOOK.rules, "operating_loss": bad}, made.compared, MEASURES, made.sheet)
    assert "<script>" not in case.reasons(hurt)._repr_html_()


# ---- what changed since the last review

LAST = {
    "as_of": "2026-02-13",
    "level": "yellow",
    "values": [
        {"id": "current_ratio", "period_end": "2025-09-30", "value": 1.42, "reason": None},
        {"id": "current_ratio", "period_end": "2024-09-30", "value": 9.99, "reason": None},
        {"id": "interest_cover", "period_end": "2025-09-30", "value": None, "reason": "missing:ttm.interest_expense"},
    ],
}


@pytest.mark.parametrize("language", ["zh", "en"])
def test_first_review_says_so(language):
    made = make(language, "operating_loss")
    assert texts(language)("changes.first") in told(changes.summary({}, {"level": "red"}, made.signals, made))
    assert changes.figure_table({}, made).html == ""


def test_level_then_and_now():
    made = make("zh", "operating_loss")
    text = told(changes.summary(LAST, {"level": "red"}, made.signals, made))
    assert "由黄色变为红色" in text
    assert "新增1项：营业利润率为负" in text


def test_figures_then_and_now_use_the_newest_period():
    table = told(changes.figure_table(LAST, make("zh", current_ratio=0.94)))
    assert all(shown in table for shown in ("1.42", "0.94", "−0.48"))
    assert "9.99" not in table


def test_figures_then_and_now_say_better_or_worse():
    rows = re.split(r"<tr", changes.figure_table(LAST, make("zh", current_ratio=0.94)).html)
    (row,) = [each for each in rows if "#explain-current_ratio" in each]
    assert "▲" in row
    assert "变差" in row

    assert "变" not in told(changes.figure_table(LAST, make("zh", current_ratio=1.42))).split("流动比率")[1][:60]


def test_difference_that_reads_as_nothing_has_no_way():
    last = LAST | {"values": [LAST["values"][0] | {"value": 1.4151}]}
    row = told(changes.figure_table(last, make("zh", current_ratio=1.4149))).split("流动比率")[1][:60]
    assert ("1.41" in row, "1.42" in row, "变" in row) == (True, True, False)


def gone(since, *, closed=False):
    """A signal that has cleared, as a later review finds it."""
    quiet = {"status": "cleared", "quiet_since": pd.Timestamp(since), "closes_on": pd.Timestamp(since) + MONTHS}
    made = make("zh", "operating_loss")
    return made.signals.assign(**quiet, quiet_reviews=2, closed=closed), made


@pytest.mark.parametrize(
    ("since", "closed", "said"),
    [
        ("2026-05-15", False, "解除1项：营业利润率为负（跟踪至2026年8月15日"),
        ("2026-03-15", False, "仍在跟踪1项：营业利润率为负（最早2026年6月15日关闭"),
        ("2026-02-15", True, "予以关闭1项：营业利润率为负"),
    ],
)
def test_cleared_is_followed_then_closed(since, closed, said):
    signals, made = gone(since, closed=closed)
    assert said in told(changes.summary(LAST, {"level": "none"}, signals, made))


def entered(**changed):
    due = {"borrower_id": "A", "rule": "operating_loss", "level": "orange", "owner": "relationship_manager"}
    action = pd.DataFrame([{**due, "due": pd.Timestamp("2026-05-01"), **changed}])
    return chasing.chased(action, {}, "2026-05-15")


def test_late_action_counts_its_days():
    assert "已超期14天，已升级至风险经理" in told(changes.action_table(entered(), make("zh")))
    assert "14 days late; now with the risk manager" in told(changes.action_table(entered(), make("en")))


def test_action_waits_while_quiet():
    waiting = entered().assign(quiet_since=pd.Timestamp("2026-04-01"), closes_on=pd.Timestamp("2026-07-01"), steps=0)
    assert "quiet since 1 Apr 2026; may close on 1 Jul 2026" in told(changes.action_table(waiting, make("en")))
