import pytest

from postloan.batch.names import file_names, safe_name


@pytest.mark.parametrize("text", ["000001", "青岛啤酒", "AAPL", "brk.b", "a-b_c"])
def test_ordinary_names_stay(text):
    assert safe_name(text) == text


@pytest.mark.parametrize(
    "text", ["../../etc/x", "..", ".", "", "a/b", "a\\b", "a:b", "~", " a ", "a\0b", "%2e", ".x", "x."]
)
def test_dangerous_names_change(text):
    name = safe_name(text)
    assert name not in ("", ".", "..", text)
    assert not set(name) & set('/\\:*?"<>| \0')
    assert not name.startswith(".")


@pytest.mark.parametrize("text", ["CON", "nul", "COM1", "lpt9", "con.txt", "Aux.tar.gz"])
def test_windows_names_marked(text):
    assert safe_name(text) == text + "_"


@pytest.mark.parametrize("letter", ["a", "贷", "𠀀", "/"])
def test_long_names_cut(letter):
    first, second = safe_name(letter * 300), safe_name(letter * 301)
    assert len(first) <= 80
    assert len(first.encode()) <= 200
    assert first != second


def test_case_twins_differ():
    names = file_names(["Abc", "abc", "other"])
    assert names["other"] == "other"
    assert names["Abc"].casefold() != names["abc"].casefold()


def test_reserved_twin_differs():
    names = file_names(["CON", "CON_"])
    assert names["CON"] != names["CON_"]
