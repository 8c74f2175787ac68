"""The whole book in one pass says of each borrower what its own report says."""

import pandas as pd
import pytest
from click.testing import CliRunner

from postloan import cli, early_warning, peers, rules, sight
from postloan.analysis.periods import Panel
from postloan.book import sample
from postloan.book.store import open_book
from postloan.measures import measures
from postloan.portfolio import screen

AS_OF = "2026-05-15"


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    ledger = open_book(f"sqlite:///{tmp_path_factory.mktemp('book') / 'sample.db'}")
    ledger.add(sample.make(1, 10))
    return ledger


@pytest.fixture(scope="module")
def found(book):
    known = screen.Known(book.observations(as_of=AS_OF))
    panel = Panel(book.statements(as_of=AS_OF))
    return screen.screen(panel, book.borrowers(), known, AS_OF, ratios=("current_ratio",)).set_index("borrower_id")


@pytest.mark.parametrize("borrower", ["S0001", "S0005", "S0007", "S0009", "S0010"])
def test_together_as_alone(book, found, borrower):
    panel = Panel(book.statements(borrower, as_of=AS_OF))
    observed = sight.fresh(book.observations(borrower, as_of=AS_OF), AS_OF)
    drawn = pd.Series({borrower: book.borrower(borrower)["first_drawdown"]})
    nearby = book.statements(peers.Groups(book.borrowers()).pool(borrower), as_of=AS_OF, since="2023-09-01")
    among = peers.Among(Panel(nearby), book.borrowers())
    seen = sight.of(panel, observed=observed, starts=panel.start_keys(drawn), peers=among)
    warnings = early_warning.scan(rules.load(), seen, as_of=AS_OF)
    alone = early_warning.levels(warnings, pd.Series([borrower])).iloc[0]
    for name in ("level", "vetoes", "groups", "signals", "unjudged"):
        assert found.at[borrower, name] == alone[name]
    assert found.at[borrower, "top"].split(",") == (warnings.live["rule"].head(3).tolist() or [""])


def test_the_worst_come_first(found):
    assert found.index[0] == "S0005"
    assert found["level"].iloc[0] == "red"
    assert found["level"].iloc[-1] == "none"


def test_class_follows_the_days_overdue(found):
    assert found.at["S0005", "class"] == "special_mention"
    assert found.at["S0001", "class"] == "normal"


def test_ratio_equals_the_hand_sum(book, found):
    facts = book.statements("S0003", as_of=AS_OF)
    newest = facts[facts["period_end"] == facts["period_end"].max()].set_index("item")["amount"]
    assert found.at["S0003", "current_ratio"] == pytest.approx(newest["current_assets"] / newest["current_liabilities"])


def test_nothing_observed_cannot_be_classed(book):
    nothing = book.observations(as_of=AS_OF).iloc[:0]
    panel = Panel(book.statements(["S0001"], as_of=AS_OF))
    only = screen.screen(panel, book.borrowers(), screen.Known(nothing), AS_OF)
    assert only["borrower_id"].tolist() == ["S0001"]
    assert only["class"].isna().all()
    assert only.at[0, "verdict"] == "cannot"


def test_late_review_is_no_signal_of_the_client(book, found):
    """The review set for 30 March was not held: that is ours; plan and rule count its days alike, the signals stay."""
    last = {"S0005": {"as_of": "2026-03-06", "signals": [], "next_review": "2026-03-30"}}
    panel = Panel(book.statements(as_of=AS_OF))
    known = screen.Known(book.observations(as_of=AS_OF), last)
    only = screen.screen(panel, book.borrowers(), known, AS_OF).set_index("borrower_id").loc["S0005"]
    assert only["signals"] == found.at["S0005", "signals"]
    (rule,) = early_warning.follow_up(last, known.actions, AS_OF).query("metric == 'review_overdue_days'")["value"]
    assert only["overdue_days"] == rule == 46


def run(book, *options):
    address = book._engine.url.render_as_string(hide_password=False)
    return CliRunner().invoke(cli.main, ["screen", "--book", address, "--as-of", AS_OF, *options])


def test_command_shows_and_writes(book, tmp_path):
    file = tmp_path / "screen.csv"
    done = run(book, "--out", str(file), "--language", "en", "--limit", "2")
    assert done.exit_code == 1
    assert "S0005" in done.output
    assert "10 borrowers: Red 2" in done.output
    kept = pd.read_csv(file, dtype=str)
    assert len(kept) == 10
    assert {name for name, each in measures().items() if each.key} <= set(kept)
    assert file.read_bytes().startswith(b"\xef\xbb\xbf")


def test_no_rows_are_no_text(found):
    assert screen.shown(found.head(0), "en") == ""


def test_exit_says_whether_the_level_is_reached(tmp_path):
    ledger = open_book(f"sqlite:///{tmp_path / 'calm.db'}")
    made = sample.make(1, 10)
    made.tables.pop("indices")  # of no borrower
    made.tables = {name: part[part["borrower_id"] == "S0001"] for name, part in made.tables.items()}
    ledger.add(made)
    assert run(ledger).exit_code == 0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--as-of", "2010-01-01"], "2010-01-01"),
        (["--as-of", "soon"], "expected a date such as 2026-05-15, or today; found 'soon'"),
        (["--book", "nowhere"], "nowhere"),
    ],
)
def test_what_cannot_start_says_why(book, options, said):
    done = run(book, *options)
    assert done.exit_code == 2
    assert said in done.output
