import shutil

import pytest

from postloan.book.store import open_book


@pytest.fixture(scope="session")
def empty_book(tmp_path_factory):
    """A book without rows, as a file."""
    path = tmp_path_factory.mktemp("fuzz") / "empty.db"
    open_book(f"sqlite:///{path}")
    return path


@pytest.fixture
def fresh(empty_book, tmp_path):
    """A function that makes a book without rows, and forgets the one before."""
    return lambda: shutil.copy(empty_book, tmp_path / "book.db")


def pytest_collection_modifyitems(items):
    for item in items:
        if "/fuzz/" in item.nodeid:
            item.add_marker(pytest.mark.nightly)
