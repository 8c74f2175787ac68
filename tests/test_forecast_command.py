"""`postloan forecast`: tables in, tables out, all or nothing."""

import pandas as pd
import pytest
from click.testing import CliRunner

from postloan import cli

VALUES = [80.0, 100, 120, 140, 84, 105, 124, 143, 90, 108, 129, 150]


@pytest.fixture
def file(tmp_path):
    made = tmp_path / "series.csv"
    pd.DataFrame({"series": "000001", "t": range(12), "value": VALUES}).to_csv(made, index=False)
    return made


def run(*options):
    return CliRunner().invoke(cli.main, ["forecast", *map(str, options)])


def test_writes_the_columns_it_promises(file, tmp_path):
    out = tmp_path / "out.csv"
    done = run(file, "--horizon", "3", "--out", out)
    assert done.exit_code == 0
    assert "1 series, 1 with a model, 3 periods ahead" in done.output
    found = pd.read_csv(out, dtype={"series": str})
    assert list(found) == ["series", "h", "mean", "lower80", "upper80", "lower95", "upper95", "method"]
    assert found["series"].tolist() == ["000001"] * 3


def test_wrong_table_writes_nothing(file, tmp_path):
    file.write_text("series,when,value\na,1,2\n")
    out = tmp_path / "out.csv"
    done = run(file, "--out", out)
    assert done.exit_code == 2
    assert "missing columns ['t']" in done.output
    assert sorted(each.name for each in tmp_path.iterdir()) == ["series.csv"]


@pytest.mark.parametrize(("name", "said"), [("out.xlsx", "ending in .csv or .parquet"), ("out", "found 'none'")])
def test_other_kinds_are_refused(file, tmp_path, name, said):
    done = run(file, "--out", tmp_path / name)
    assert done.exit_code == 2
    assert said in done.output


def test_no_such_file_says_so(tmp_path):
    done = run(tmp_path / "none.csv", "--out", tmp_path / "out.csv")
    assert done.exit_code == 2
    assert "does not exist" in done.output
