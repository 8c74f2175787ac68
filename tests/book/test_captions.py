"""Files of captions are checked part by part, so that a misspelt part does not count for nothing."""

import pytest

from postloan.book import captions
from postloan.errors import RuleError


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("balanse: {cash: [货币资金]}", r"odd\.yml: unknown parts \['balanse'\]; known: balance"),
        ("income: {}", r"odd\.yml: balance: expected items with their captions, found None"),
        ("balance: {gold: [黄金]}", r"items \['gold'\] are not in params/accounts/chart\.yml"),
        ("balance: {cash: 货币资金}", r"\['cash'\]: expected a list of captions"),
    ],
)
def test_odd_files_are_refused(monkeypatch, tmp_path, text, said):
    (tmp_path / "odd.yml").write_text(text, encoding="utf-8")
    monkeypatch.setattr(captions.settings, "params", lambda *parts: tmp_path / parts[-1])
    monkeypatch.setattr(captions.chart, "items", lambda: {"cash": None})
    with pytest.raises(RuleError, match=said):
        captions.places.__wrapped__("odd", "balance")
