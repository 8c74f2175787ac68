"""params/portfolio.yml is read, and what is wrong in it is named."""

import pytest
import yaml

from postloan import settings
from postloan.errors import RuleError
from postloan.portfolio import policy


def written(tmp_path, change):
    content = yaml.safe_load(settings.params("portfolio.yml").read_text(encoding="utf-8"))
    change(content)
    file = tmp_path / "portfolio.yml"
    file.write_text(yaml.safe_dump(content), encoding="utf-8")
    return file


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c["loss"]["pd_by_class"].pop("loss"), "a probability for every class and level; missing: .'loss'"),
        (lambda c: c["work"]["capacity"].pop("risk_manager"), "owners without hours in capacity: .'risk_manager'"),
        (lambda c: c["work"]["actions"].pop(), "the last action must fit every borrower"),
        (lambda c: c["migration"].update(overdue_edges=[30, 0]), r"rising days from 0, found \[30, 0\]"),
        (lambda c: c["mining"].update(metrics=["beauty"]), "unknown metrics .'beauty'"),
        (lambda c: c["mining"].update(left_out=["luck"]), "left_out: unknown rules .'luck'"),
        (lambda c: c["quality"].update(items=["gold"]), "not in the chart of accounts: .'gold'"),
        (lambda c: c["stress"].update(shocks=[0.1]), "stress.shocks.0"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, change, message):
    with pytest.raises(RuleError, match=message):
        policy.load(written(tmp_path, change))


def test_every_part_names_its_basis():
    found = policy.load()
    parts = ("work", "migration", "vintage", "quality", "mining", "stress")
    assert all(getattr(found, part).basis for part in parts)
    assert all(limit.basis.zh and limit.basis.en for limit in found.limits.each)
    assert "[GK]" in found.loss.pd_basis.zh
    assert "[V:BHR]" in found.loss.lgd_basis.en
