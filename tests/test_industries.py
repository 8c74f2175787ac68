"""Industries, their events and notes: the ones in params are whole, wrong ones say what is wrong."""

import shutil

import pandas as pd
import pytest

from conftest import ROOT
from postloan import industries
from postloan.errors import RuleError

NOTE = "---\nindustries: [food]\ndate: 2025-03-01\nsource: desk\ntitle: T\n---\n**bold** <script>x</script>\n"


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home of its own whose params may be changed."""
    for folder in ("params", "notebooks"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    monkeypatch.setenv("POSTLOAN_HOME", str(tmp_path))
    return tmp_path


def written(home, text, name="params/industries/notes/mine.md"):
    (home / name).write_text(text, encoding="utf-8")


def test_every_industry_is_whole():
    assert {"machinery", "food"} <= set(industries.industries())
    assert all(each.drivers for each in industries.industries().values())


def test_unknown_industry_lists_known():
    with pytest.raises(RuleError, match=r"unknown industry 'machines'; known: building_materials, .*machinery"):
        industries.industry("machines")


def test_members_by_code():
    told = pd.DataFrame({"borrower_id": ["A", "B", "C"], "industry": [" C34 通用设备", None, "C39 电子"]})
    assert industries.members(told, industries.industry("machinery"))["borrower_id"].tolist() == ["A"]


def test_no_event_to_come():
    told = industries.events(industries.industry("machinery"), "2024-06-30", "en", 36)
    assert f"{told['happened_on'].max():%Y-%m-%d}" == "2024-03-13"
    assert (
        industries.events(industries.industry("machinery"), "2016-06-30", "zh", 36)["title"]
        .tolist()[0]
        .startswith("《中国制造")
    )


def test_event_without_date_named(home):
    event = "{kind: policy, effect: adverse, title: {zh: 甲, en: a}, source: x}"
    text = f"name: {{zh: 甲, en: A}}\ncodes: [X]\nindices: []\ndrivers: []\nevents: [{event}]\n"
    written(home, text, "params/industries/odd.yml")
    with pytest.raises(RuleError, match=r"odd.yml: events.0.date: Field required"):
        industries.industry("odd")


def test_unknown_series_named(home):
    written(home, "name: {zh: 甲, en: A}\ncodes: [X]\nindices: [nope]\ndrivers: []\n", "params/industries/odd.yml")
    with pytest.raises(RuleError, match=r"unknown index series \['nope'\]; known: cn_pmi"):
        industries.industry("odd")


def test_notes_newest_first_none_to_come(home):
    written(home, NOTE)
    food = industries.industry("food")
    assert industries.notes(food, "2025-06-30", "zh")["title"].tolist() == ["T"]
    assert industries.notes(food, "2025-02-28", "zh").empty


def test_note_in_another_language_left_out(home):
    written(home, NOTE.replace("title: T", "title: T\nlanguage: en"))
    assert industries.notes(industries.industry("food"), "2025-06-30", "zh").empty


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (NOTE.replace("date: 2025-03-01\n", ""), r"mine.md: date: expected the day of the note such as .* found None"),
        (NOTE.replace("2025-03-01", "spring"), r"mine.md: date: expected the day .* found 'spring'"),
        (NOTE.replace("source: desk\n", ""), r"mine.md: source: Field required"),
        ("no head at all", r"mine.md: expected industries, date, source and title"),
    ],
)
def test_incomplete_note_named(home, text, said):
    written(home, text)
    with pytest.raises(RuleError, match=said):
        industries.notes(industries.industry("food"), "2025-06-30", "zh")
