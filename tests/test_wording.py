"""Numbers, dates and reasons as each language writes them."""

import datetime as dt
import json

import pandas as pd
import pytest

from postloan import texts, wording
from postloan.analysis import ratios
from postloan.errors import RuleError, RunError
from postloan.wording import Texts

NAN = float("nan")


@pytest.mark.parametrize(
    ("amount", "zh", "en"),
    [
        (1.23e9, "12.30亿元", "CNY 1.23bn"),
        (-1.23e9, "−12.30亿元", "−CNY 1.23bn"),
        (1e8, "1.00亿元", "CNY 100.00m"),
        (99_989_999, "9,999.00万元", "CNY 99.99m"),
        (10_000, "1.00万元", "CNY 10.00k"),
        (9_999, "9,999.00元", "CNY 10.00k"),
        (999.5, "999.50元", "CNY 999.50"),
        (-999.5, "−999.50元", "−CNY 999.50"),
        (0, "0.00元", "CNY 0.00"),
        (-0.004, "0.00元", "CNY 0.00"),
        (NAN, "—", "—"),
        (None, "—", "—"),
    ],
)
def test_money_has_its_own_scale(amount, zh, en):
    assert (texts("zh").money(amount, "CNY"), texts("en").money(amount, "CNY")) == (zh, en)


@pytest.mark.parametrize("amount", [99_999_999, 999_999, 999_999_999])
def test_money_keeps_its_size_at_a_boundary(amount):
    """99,999,999 may read 10,000.00万 or 1.00亿, never 1.00万."""
    shown = texts("zh").money(amount, "CNY").removesuffix("元")
    number, word = (shown[:-1], shown[-1]) if shown[-1] in "万亿" else (shown, "")
    assert float(number.replace(",", "")) * {"": 1, "万": 1e4, "亿": 1e8}[word] == pytest.approx(amount, rel=1e-5)


def test_unnamed_currency_keeps_its_code():
    assert texts("zh").money(1.23e9, "GBP") == "12.30亿GBP"
    assert texts("zh").unit("GBP", "万") == "万GBP"


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [
        (0.1234, "pct", "12.3%"),
        (-0.1234, "pct", "−12.3%"),
        (-0.0004, "pct", "0.0%"),
        (12.5, "pct", "1,250.0%"),
        (1.234, "times", "1.23"),
        (-1234.567, "times", "−1,234.57"),
        (-0.004, "times", "0.00"),
        (87.6, "days", "88"),
        (-0.4, "days", "0"),
        (2.6049, "score", "2.60"),
        (7.0, "points", "7"),
        (NAN, "pct", "—"),
        (None, "times", "—"),
        (NAN, "money", "—"),
    ],
)
def test_values_follow_their_unit(value, unit, shown):
    assert [texts(language).value(value, unit, "CNY") for language in ("zh", "en")] == [shown, shown]


def test_value_of_money_is_money():
    assert texts("en").value(-2.5e6, "money", "USD") == "−USD 2.50m"


@pytest.mark.parametrize(
    ("change", "unit", "zh", "en"),
    [
        (0.021, "pct", "+2.1个百分点", "+2.1 pp"),
        (-0.021, "pct", "−2.1个百分点", "−2.1 pp"),
        (0.0, "pct", "0.0个百分点", "0.0 pp"),
        (-0.0004, "pct", "0.0个百分点", "0.0 pp"),
        (0.2, "times", "+0.20", "+0.20"),
        (-12.4, "days", "−12", "−12"),
        (-0.004, "score", "0.00", "0.00"),
        (3e6, "money", "+300.00万元", "+CNY 3.00m"),
        (-3e6, "money", "−300.00万元", "−CNY 3.00m"),
        (NAN, "pct", "—", "—"),
    ],
)
def test_changes_carry_their_sign(change, unit, zh, en):
    assert [texts(language).change(change, unit, "CNY") for language in ("zh", "en")] == [zh, en]


@pytest.mark.parametrize(("change", "unit"), [(0.0004, "pct"), (0.004, "times"), (0.4, "days"), (0.004, "money")])
def test_no_sign_on_what_rounds_to_zero(change, unit):
    assert not texts("en").change(change, unit, "CNY").startswith("+")


@pytest.mark.parametrize(
    ("value", "decimals", "shown"),
    [(1234.5, 2, "1,234.50"), (-1234.56, 1, "−1,234.6"), (-0.4, 0, "0"), (-0.004, 2, "0.00"), (NAN, 2, "—")],
)
def test_plain_numbers(value, decimals, shown):
    assert texts("zh").number(value, decimals) == shown


@pytest.mark.parametrize("day", ["2023-09-05", dt.date(2023, 9, 5), pd.Timestamp("2023-09-05")])
def test_dates_in_words(day):
    assert texts("zh").date(day) == "2023年9月5日"
    assert texts("en").date(day) == "5 Sep 2023"


@pytest.mark.parametrize(
    ("largest", "zh", "en"),
    [
        (999, (1.0, "", 2), (1.0, "", 2)),
        (9_999, (1.0, "", 1), (1.0, "", 1)),
        (10_000, (1.0, "", 0), (1.0, "", 0)),
        (9_999_999, (1.0, "", 0), (1e3, "k", 1)),
        (10_000_000, (1e4, "万", 1), (1e3, "k", 0)),
        (99_999_999_999, (1e4, "万", 0), (1e6, "m", 0)),
        (-1e11, (1e8, "亿", 1), (1e6, "m", 0)),
        (1e12, (1e8, "亿", 0), (1e9, "bn", 1)),
        (NAN, (1.0, "", 2), (1.0, "", 2)),
    ],
)
def test_tables_show_four_digits_or_more(largest, zh, en):
    assert (texts("zh").scale(largest), texts("en").scale(largest)) == (zh, en)


@pytest.mark.parametrize(
    ("currency", "zh_word", "zh", "en_word", "en"),
    [("CNY", "亿", "亿元", "bn", "CNY bn"), ("USD", "万", "万美元", "k", "USD k"), ("CNY", "", "元", "", "CNY")],
)
def test_units_of_tables(currency, zh_word, zh, en_word, en):
    assert (texts("zh").unit(currency, zh_word), texts("en").unit(currency, en_word)) == (zh, en)


@pytest.mark.parametrize(
    ("term", "zh", "en"),
    [
        ("end.total_assets", "期末资产总计", "Total assets at period end"),
        ("avg_1.total_assets", "平均资产总计（1年前）", "average Total assets (1y earlier)"),
        ("ttm.ebitda", "近12个月息税折旧摊销前利润", "EBITDA, last 12 months"),
        ("other.thing", "other.thing", "other.thing"),
        ("basis", "basis", "basis"),
    ],
)
def test_terms_in_words(term, zh, en):
    assert (texts("zh").term(term), texts("en").term(term)) == (zh, en)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_formula_is_put_into_words(language):
    for formula in ratios.FORMULAS.values():
        spoken = texts(language).formula(formula, "[{}]")
        assert not any(f"{view}." in spoken or f"{view}_" in spoken for view in ("end", "avg", "ttm", "quarter"))
        assert spoken.count("[") == formula.count(".")


@pytest.mark.parametrize(
    ("reason", "zh", "en"),
    [
        (None, "", ""),
        (NAN, "", ""),
        ("no_interest", "无利息负担（利息费用不为正）", "no interest burden (interest expense not positive)"),
        ("missing:ttm.revenue", "缺少近12个月营业收入", "missing: Revenue, last 12 months"),
        (
            "not_positive:end_1.noncurrent_debt_due_1y + ttm.interest_expense",
            "分母不为正：期末一年内到期的非流动负债（1年前） + 近12个月利息费用",
            "denominator not positive: Non-current debt due within a year at period end (1y earlier)"
            " + Interest expense, last 12 months",
        ),
        ("undefined:ln(end.total_assets)", "无定义：ln(期末资产总计)", "undefined: ln(Total assets at period end)"),
    ],
)
def test_reasons_in_words(reason, zh, en):
    assert (texts("zh").reason(reason), texts("en").reason(reason)) == (zh, en)


def test_name_in_the_readers_language():
    both, one = {"name": "澜川泵业", "name_en": "Lanchuan Pumps"}, {"name": "澜川泵业", "name_en": None}
    assert [texts("en").borrower(both), texts("en").borrower(one)] == ["Lanchuan Pumps", "澜川泵业"]
    assert texts("zh").borrower(both) == "澜川泵业"


@pytest.mark.parametrize(("key", "missing"), [("story.none_such", "story.none_such"), ("exhibit.unit", "unit")])
def test_missing_text_or_filling_is_named(key, missing):
    with pytest.raises(RuleError, match=rf"params/texts/en\.yml: '{key}': missing '{missing}'"):
        texts("en")(key)


def test_unknown_language_lists_known():
    with pytest.raises(RunError, match=r"language 'fr': expected one of \['zh', 'en'\]"):
        Texts("fr")


def test_a_key_yaml_takes_for_a_truth_value_is_refused(tmp_path, monkeypatch):
    (tmp_path / "params" / "texts").mkdir(parents=True)
    (tmp_path / "params" / "texts" / "zh.yml").write_text("talks: {off: 相差}", encoding="utf-8")
    monkeypatch.setenv("POSTLOAN_HOME", str(tmp_path))
    with pytest.raises(RuleError, match=r"talks: a key on, off, yes or no"):
        wording._load("zh")


@pytest.mark.parametrize("text", ["{x.__class__}", "{x[0]}", "{x:>999999999}", "{x!r}", "{}", "{0}", "{", "a } b"])
def test_texts_are_words_and_plain_names(tmp_path, monkeypatch, text):
    (tmp_path / "params" / "texts").mkdir(parents=True)
    (tmp_path / "params" / "texts" / "zh.yml").write_text(json.dumps({"page": {"a": text}}), encoding="utf-8")
    monkeypatch.setenv("POSTLOAN_HOME", str(tmp_path))
    with pytest.raises(RuleError, match=r"zh\.yml: page\.a: expected (plain names|braces in pairs)"):
        wording._load("zh")
