"""Whatever is typed after `postloan log`: it is in the book, or it is refused and the book is as it was."""

import pandas as pd
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from fuzz.drawn import cells, fuzzed, rows_of
from postloan.book.store import open_book
from postloan.cli import main
from postloan.tables import Intake

days = st.sampled_from(["2025-05-12", "today", "2999-01-01", "0001-01-01", "9999-12-31", "2025-02-30", "", "x"])
stated = st.builds("{}={}@{}".format, st.sampled_from(["revenue", "staff_change", "", "x"]), cells, days)
promised = st.builds("{}@{}/{}".format, cells, days, cells)
anything = {
    "contact": {
        **{f"--{name}": cells for name in ("people", "purpose", "said", "observed", "documents", "follow-up-by")},
        **{"--on": days, "--follow-up-on": days | cells, "--stated": stated | cells, "--promise": promised | cells},
        **{"--signal": st.builds("{}={}".format, st.sampled_from(["staff_change", "x"]), cells) | cells},
        **{
            "--refused": st.sampled_from(["1", "-1", "9" * 30, "x"]),
            "--cooperation": cells,
        },
    },
    "promise": {"--on": days, "--new": promised | cells, "--kept": cells, "--broken": cells},
    "action": {"--on": days | cells},
    "review": {"--on": days, "--remark": cells},
}
needed = {
    "contact": [["--channel", "call"]],
    "promise": [[]],
    "action": [["some_rule", "--result", "done"], ["\ud800", "--result", "\x00"]],
    "review": [["--class", "loss", "--by", "x", "--as-of", day] for day in ("2025-05-01", "x", "9999-12-31")],
}


@fuzzed(60)
@given(st.data())
def test_any_words_of_the_log(fresh, data):
    book, what = fresh(), data.draw(st.sampled_from(sorted(needed)))
    borrower = data.draw(st.sampled_from(["A", "A", "A", "nobody", "", "\ud800"]))
    words = [what, borrower, *data.draw(st.sampled_from(needed[what])), "--book", f"sqlite:///{book}"]
    for option in data.draw(st.lists(st.sampled_from(sorted(anything[what])), max_size=3, unique=True)):
        words.append(f"{option}={data.draw(anything[what][option])}")
    people = pd.DataFrame({"borrower_id": ["A"], "name": ["甲"]})
    open_book(f"sqlite:///{book}").add(Intake("f", "table", {"borrowers": people}, 0))
    before = rows_of(book)
    told = CliRunner().invoke(main, ["log", *words])
    assert told.exception is None or isinstance(told.exception, SystemExit), (words, repr(told.exception))
    assert told.exit_code in (0, 1, 2)
    assert told.exit_code == 0 or rows_of(book) == before
