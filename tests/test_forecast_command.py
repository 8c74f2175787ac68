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


BAD = {
    "constant": [5.0] * 16, "zeros": [0.0] * 16, "five": [1.0, 2, 3, 4, 5], "negative": [-value for value in VALUES],
    "gap": [*VALUES[:5], None, *VALUES[6:]], "wild": [*VALUES[:6], 1e9, *VALUES[7:]],
}  # fmt: skip


@pytest.mark.filterwarnings("error")
def test_bad_series_get_an_answer_in_silence(tmp_path):
    parts = [pd.DataFrame({"series": name, "t": range(len(each)), "value": each}) for name, each in BAD.items()]
    pd.concat(parts).to_csv(tmp_path / "bad.csv", index=False)
    done = run(tmp_path / "bad.csv", "--out", tmp_path / "out.csv")
    found = pd.read_csv(tmp_path / "out.csv").set_index("series")
    assert done.output.startswith("wrote")
    assert done.output.count("\n") == 1
    assert found.notna().all(axis=None)
    assert found.loc["five", "method"].eq("last_value_range").all()
    assert found.loc["wild", "mean"].max() < 1_000
    assert found.loc["zeros", ["lower95", "upper95"]].eq(0).all(axis=None)
