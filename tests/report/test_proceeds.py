"""Where money went and how accounts behave, told in both languages from the sample's planted and plain borrowers."""

import re

import pandas as pd
import pytest

from postloan import texts
from postloan.analysis import accounts, loan_use, use_facts, use_params
from postloan.book import sample
from postloan.loan_rows import newest
from postloan.loan_tables import LOAN_TABLES
from postloan.report import account_story, charts, proceeds
from postloan.report.exhibits import Sheet

DAY = "2026-05-15"
RING, CASH, PLAIN = "S0015", "S0016", "S0001"
REASONS = (
    "no_account no_statement before_statement no_credit too_early no_payee_list no_papers no_history no_progress"
    " no_need bounded no_payee_accounts"
)


def sheet(language: str) -> Sheet:
    return Sheet(texts(language), "CNY", DAY, 360, 2, 1, True, (1e6, "m", 1))


@pytest.fixture(scope="module")
def made():
    return sample.told(1, 32)[0].tables


@pytest.fixture(scope="module")
def told(made):
    rows = {
        name: newest(made[name].sort_values("known_on", kind="stable"), name) for name in LOAN_TABLES if name in made
    }
    sides = {
        borrower: {name: part[part["borrower_id"] == borrower].reset_index(drop=True) for name, part in rows.items()}
        for borrower in (RING, CASH, PLAIN)
    }
    return {name: (loan_use.check(side, DAY), accounts.check(side, DAY)) for name, side in sides.items()}


def shown(told: tuple, language: str) -> str:
    (use, behaviour), on = told, sheet(language)
    parts = [proceeds.story(use, on), proceeds.picture(use, on), proceeds.flag_table(use, on)]
    parts += [proceeds.path_table(use, "", on), proceeds.gap_table(use, on), account_story.story(behaviour, on)]
    parts += [getattr(account_story, name)(behaviour, on) for name in ("inflow_table", "account_table", "payer_table")]
    return "".join(str(part._repr_html_()) for part in parts)


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("borrower", [RING, CASH, PLAIN])
def test_every_part_speaks(told, borrower, language):
    assert "{" not in shown(told[borrower], language)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_code_has_words(language):
    words, how = texts(language), use_params.load()
    flags = [f"u{number}" for number in range(1, 13)]
    keys = [f"flag.{flag}.{part}" for flag in flags for part in ("title", "innocent")]
    keys += [f"kind.{kind}" for kind in [*use_facts.KINDS, "idle"]] + [f"reason.{each}" for each in REASONS.split()]
    for flag in flags:
        about = getattr(how.flags, flag)
        keys += [f"remedy.{name}" for name in about.remedies] + ([f"effect.{about.effect}"] if about.effect else [])
    assert not [key for key in keys if not words.has(f"proceeds.{key}")]


def test_ring_is_told_with_its_share(told):
    use, on = told[RING][0], sheet("zh")
    assert set(use.flags["flag"]) == {"u1", "u2"}
    said = proceeds.story(use, on)._repr_html_() + proceeds.flag_table(use, on).html
    assert "资金闭环" in said
    assert "资金回流" not in said  # the same money is told once
    share = f"{use.flags['share'].max():.1%}"
    assert share in proceeds.flag_table(use, on).html
    assert f"{share}<" in proceeds.picture(use, on).html  # beside its band


def test_money_comes_home_in_the_path(told, made):
    name = made["borrowers"].set_index("borrower_id").at[RING, "name"]
    path = proceeds.path_table(told[RING][0], name, sheet("zh")).html
    assert re.search(r"本户 → .+ → 本户（", path)
    assert name not in path


def test_plain_borrower_has_nothing_to_explain(told):
    use, on = told[PLAIN][0], sheet("zh")
    assert "没有发现需要说明" in proceeds.story(use, on)._repr_html_()
    assert "▲" not in re.sub(r"<figcaption>.*", "", proceeds.picture(use, on).html)
    assert proceeds.flag_table(use, on).html == ""


def test_bands_are_as_wide_as_the_money():
    left, right = [("L1", "", 75.0, False), ("L2", "", 25.0, False)], [("a", "", 40.0, False), ("b", "", 60.0, True)]
    svg = charts.flow_svg(left, right, [(0, 0, 40.0), (0, 1, 35.0), (1, 1, 25.0)])
    bands = re.findall(r"M172,([\d.]+) .*?468,[\d.]+ V[\d.]+ .*?172,([\d.]+) Z", svg)
    wide = [float(end) - float(begin) for begin, end in bands]
    assert [each / sum(wide) for each in wide] == pytest.approx([0.40, 0.35, 0.25], abs=0.002)
    assert svg.count("▲") == 1


def test_nothing_known_is_said(told):
    use, behaviour = told[PLAIN]
    none = loan_use.Use(
        **{name: getattr(use, name).iloc[:0] for name in ("flags", "paths", "uses", "unjudged", "drawn")}, facts=None
    )
    assert "没有截至日前的放款" in proceeds.story(none, sheet("zh"))._repr_html_()
    quiet = accounts.Behaviour(behaviour.summary.iloc[:0], behaviour.accounts.iloc[:0], pd.DataFrame())
    assert "没有账户流水" in account_story.story(quiet, sheet("zh"))._repr_html_()
