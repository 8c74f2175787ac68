import pytest

from postloan import settings
from postloan.batch import plan, run_file
from postloan.errors import RunError


def test_jobs_cross_everything(run, book):
    made = plan.jobs(run(languages=["zh", "en"]), book)
    assert len(made) == 3 * 2
    assert made[0].parameters["as_of"] == "2024-06-30"


def test_text_ids_stay_text(run, book):
    job = plan.jobs(run(borrowers=["000001"]), book)[0]
    assert job.parameters["borrower_id"] == "000001"
    assert job.file("html").name == "000001.html"


def test_targets_stay_inside(home, run, book):
    for job in plan.jobs(run(name="../../run"), book):
        assert (home / "outputs").resolve() in job.file("html").resolve().parents


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"borrowers": ["Z"]}, r"unknown borrowers \['Z'\]; in the book: .*000001"),
        ({"notebooks": ["none_such"]}, "unknown notebook 'none_such'; known: tiny"),
        ({"parameters": {"limt": 2}}, "unknown parameter 'limt'; known: .*limit"),
        ({"parameters": {"limit": "2"}}, "limit: expected float, found '2'"),
        ({"parameters": {"codes": [1]}}, r"codes: expected list\[str\], found \[1\]"),
        ({"parameters": {"as_of": "2020-01-01"}}, "as_of is set by the run itself"),
        ({"kernel": "none_such"}, "no Jupyter kernel 'none_such'; known: .*python3"),
    ],
)
def test_bad_plans_refused(run, book, fields, message):
    with pytest.raises(RunError, match=message):
        plan.jobs(run(**fields), book)


def test_all_problems_listed(run, book):
    with pytest.raises(RunError) as caught:
        plan.jobs(run(parameters={"limit": "x", "other": 1}), book)
    assert "limit:" in str(caught.value)
    assert "'other'" in str(caught.value)


def test_borrower_file_overrides(home, run, book):
    (home / "params/borrowers/A.yml").write_text("borrower_id: 'A'\nlimit: 3\nlanguage: zh\n")
    job = plan.jobs(run(borrowers=["A"], parameters={"limit": 2.0}), book)[0]
    assert job.parameters["limit"] == 3.0
    assert job.language == "en"


def test_wrong_borrower_file_refused(home, run, book):
    (home / "params/borrowers/A.yml").write_text("borrower_id: B\nlimit: much\n")
    with pytest.raises(RunError, match=r"(?s)borrower_id 'B': expected 'A'.*A.yml: limit: expected float"):
        plan.jobs(run(borrowers=["A"]), book)


def test_untagged_notebook_refused(home, run, book):
    text = (home / "notebooks/tiny.ipynb").read_text(encoding="utf-8").replace('"parameters"', '"params"')
    (home / "notebooks/tiny.ipynb").write_text(text, encoding="utf-8")
    with pytest.raises(RunError, match="must declare as_of, language, book"):
        plan.jobs(run(), book)


def test_address_never_travels(home, run, book):
    loaded = run(book="postgresql+psycopg://me:secret@host/db")
    assert loaded.book_name == "default"
    assert "secret" not in loaded.book_shown
    job = plan.jobs(loaded, book)[0]
    assert job.parameters["book"] == "default"
    assert "secret" not in repr(job)


def test_fingerprint_follows_inputs(home, run, book):
    def mark(**fields):
        settings.load_yaml.cache_clear()
        return plan.jobs(run(borrowers=["A"], **fields), book)[0].fingerprint

    first = mark()
    assert mark() == first
    assert mark(parameters={"limit": 2.0}) != first
    text = (home / "notebooks/tiny.ipynb").read_text(encoding="utf-8")
    (home / "notebooks/tiny.ipynb").write_text(text + "\n", encoding="utf-8")
    assert mark() != first


def test_shipped_runs_load():
    for path in settings.params("runs").glob("*.yml"):
        assert run_file.load_run(path).name == path.stem


def test_notebook_for_some_only(home, run, book):
    (home / "notebooks/second.ipynb").write_bytes((home / "notebooks/tiny.ipynb").read_bytes())
    made = plan.jobs(run(notebooks=["tiny", {"second": ["A"]}]), book)
    assert [job.borrower_id for job in made if job.notebook.stem == "second"] == ["A"]
    assert len([job for job in made if job.notebook.stem == "tiny"]) == 3
    with pytest.raises(RunError, match=r"tiny: unknown borrowers \['Z'\]; in the book"):
        plan.jobs(run(notebooks=[{"tiny": ["Z"]}]), book)


@pytest.mark.parametrize("said", [{}, {"tiny": ["A"], "other": ["A"]}])
def test_one_notebook_an_entry(run, said):
    with pytest.raises(RunError, match=r"notebooks\.0"):
        run(notebooks=[said])


@pytest.mark.parametrize("key", ["fault", "none_such"])
def test_passwords_are_no_parameters(run, book, key):
    with pytest.raises(RunError, match=f"{key}: an address with a password") as told:
        plan.jobs(run(parameters={key: "postgresql://me:hunter2@db/loans"}), book)
    assert "hunter2" not in str(told.value)


def test_password_in_a_wrong_place_is_not_said(run):
    with pytest.raises(RunError, match=r"me:\*\*\*@db") as told:
        run(jobs="postgresql://me:hunter2@db/loans")
    assert "hunter2" not in str(told.value)


def test_named_file_is_in_the_fingerprint(tmp_path):
    file, notebook = tmp_path / "firms.csv", tmp_path / "tiny.ipynb"
    notebook.write_text("{}")
    marks = set()
    for text in ("a", "b"):
        file.write_text(text)
        marks.add(plan.fingerprint(notebook, {"data": str(file), "language": "zh"}, ""))
    assert len(marks) == 2
