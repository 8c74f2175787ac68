"""Files of index series: layouts, period texts, what is refused, and what was known when."""

import pandas as pd
import pytest

from conftest import SHARED, needs_shared
from postloan.book import index_files
from postloan.errors import SourceError

OWN = "series,period,value,unit,known_on,source\n"


def made(tmp_path, text, name="own.csv"):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("text", "end"),
    [
        ("2023年08月份", "2023-08-31"), ("2025年第1季度", "2025-03-31"), ("2024年第1-4季度", "2024-12-31"),
        ("201501", "2015-01-31"), ("2025.5", "2025-05-31"), ("2025.10", "2025-10-31"), ("3/1/1959", "1959-03-31"),
        ("2024Q2", "2024-06-30"), ("2024-02-11", "2024-02-29"), ("２０２３年8月", "2023-08-31"),
    ],
)  # fmt: skip
def test_period_texts_understood(text, end):
    assert str(index_files.month_end(text)) == end


@pytest.mark.parametrize("text", ["2025.13", "去年", "2025年第5季度", "", "20250", "2999-01"])
def test_odd_periods_refused(text):
    with pytest.raises(ValueError):
        index_files.month_end(text)


def test_own_table_reads(tmp_path, book):
    file = made(tmp_path, OWN + "output_food,2025-02,101.5,points,2025-03-20,bureau\noutput_food,2025-01,100,,,\n")
    assert index_files.recognise(file) == "own"
    assert book.add(index_files.read(file)).added == 2
    rows = book.indices(as_of="2025-12-31")
    assert rows["value"].tolist() == [100.0, 101.5]
    assert str(rows["known_on"].iloc[0].date()) == "2025-02-20"  # 20 days after January ended
    assert len(book.indices(as_of="2025-03-01")) == 1


def test_workbook_of_series_reads(tmp_path, book):
    rows = [("output_food", pd.Timestamp("2025-01-31"), 100.5), ("output_food", "2025Q1", 99)]
    table = pd.DataFrame(rows, columns=["指标", "期间", "数值"])
    table.to_excel(tmp_path / "series.xlsx", index=False)
    assert index_files.recognise(tmp_path / "series.xlsx") == "own"
    assert book.add(index_files.read(tmp_path / "series.xlsx")).added == 2
    assert book.indices(as_of="2025-12-31")["value"].tolist() == [100.5, 99.0]


def test_bad_cells_named(tmp_path):
    text = (
        OWN
        + "output_fod,2025-01,1,,,\noutput_food,never,1,,,\noutput_food,2025-01,x,,,\n"
        + "output_food,2025-03,1,,2025-01-01,\n"
    )
    told = index_files.read(made(tmp_path, text)).refusals
    assert told["row"].tolist() == [2, 3, 4, 5]
    assert told["column"].tolist() == ["series", "period", "value", "known_on"]
    assert "output_food" in told["expected"].iloc[0]


def test_double_period_refused(tmp_path, book):
    text = OWN + "output_food,2025-01,100,,2025-02-20,\noutput_food,2025-01,101,,2025-02-20,\n"
    result = book.add(index_files.read(made(tmp_path, text)))
    assert (result.refused, result.added) == (2, 0)
    assert "one value for one period" in result.refusals["expected"].iloc[0]


def test_revision_known_later(tmp_path, book):
    text = OWN + "output_food,2025-01,100,,2025-02-20,\noutput_food,2025-01,101,,2025-05-20,\n"
    assert book.add(index_files.read(made(tmp_path, text))).added == 2
    assert [book.indices(as_of=day)["value"].item() for day in ("2025-03-01", "2025-06-01")] == [100.0, 101.0]


def test_future_period_refused(tmp_path, book):
    file = made(tmp_path, OWN + "output_food,2035-01,100,,,\n")
    assert book.add(index_files.read(file), today=pd.Timestamp("2025-06-30").date()).refused == 1


def test_same_file_changes_nothing(tmp_path, book):
    file = made(tmp_path, OWN + "output_food,2025-01,100,,,\n")
    book.add(index_files.read(file))
    assert book.add(index_files.read(file)).unchanged == 1


def test_new_figure_changes_fingerprint_of_book(tmp_path, book):
    before = book.fingerprint(as_of="2025-12-31")
    book.add(index_files.read(made(tmp_path, OWN + "output_food,2025-01,100,,,\n")))
    assert book.fingerprint(as_of="2025-12-31") != before


def test_borrower_makes_no_sense(tmp_path):
    with pytest.raises(SourceError, match="belong to no borrower"):
        index_files.read(made(tmp_path, OWN + "output_food,2025-01,100,,,\n"), borrower="A")


def test_other_files_left_alone(tmp_path):
    assert index_files.recognise(made(tmp_path, "borrower_id,metric,value,observed_on\nA,x,1,2025-01-01\n")) is None


def test_unknown_name_in_a_mixed_file(tmp_path):
    told = index_files.read(made(tmp_path, "商品,日期,今值,预测值,前值\n某国指数,2025-01-13,1,,\n")).refusals
    assert (told["column"].item(), told["found"].item()) == ("商品", "某国指数")


@needs_shared
@pytest.mark.parametrize(
    ("name", "series", "count"),
    [
        ("pmi", "cn_pmi_manufacturing", 211), ("ppi", "cn_ppi_yoy", 232), ("gdp", "cn_gdp_yoy", 77),
        ("society_electricity", "cn_electricity_yoy", 227), ("us_quarterly", "us_industrial_production", 266),
        ("exports_yoy", "cn_exports_yoy", 508), ("enterprise_boom_index", "cn_enterprise_climate", 80),
    ],
)  # fmt: skip
def test_real_layouts_read(book, name, series, count):
    result = book.add(index_files.read(SHARED / "macro" / f"{name}.csv"))
    assert result.refused == 0
    assert len(book.indices([series], as_of="2026-11-01")) == count


@needs_shared
def test_published_figure_is_of_the_month_before(book):
    book.add(index_files.read(SHARED / "macro" / "industrial_production_yoy.csv"))
    rows = book.indices(as_of="2026-11-01").set_index("period_end")
    assert rows.at[pd.Timestamp("2025-04-30"), "value"] == 6.1
    assert rows.at[pd.Timestamp("2025-04-30"), "known_on"] == pd.Timestamp("2025-05-19")
    assert pd.Timestamp("2025-01-31") not in rows.index  # January and February come together


def test_impossible_publication_is_refused(tmp_path):
    text = "商品,日期,今值\n中国M2货币供应年率报告,0001-01-12,8.0\n"
    assert index_files.read(made(tmp_path, text)).refusals["found"].tolist() == ["0001-01-12"]
