"""Which reports to make: a run file becomes a list of jobs, all checked before any kernel starts."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import logging
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from functools import cache, partial
from importlib.metadata import version
from itertools import product
from pathlib import Path

import pandas as pd
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.provisioning import KernelProvisionerFactory

from postloan import industries, settings, whole_files
from postloan.batch.names import file_names, safe_name
from postloan.batch.parameters import IDENTITY, declared, fit_all
from postloan.batch.run_file import KERNEL, RunPlan
from postloan.book import marks
from postloan.book.store import Book
from postloan.errors import RunError

PLAIN_KERNEL = "python3"
WHOLE = "book"  # the file name of a report about the whole book
SHAPING = ("postloan", "pandas", "numpy", "statsmodels", "matplotlib", "nbconvert")  # whose versions shape a report
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Job:
    """One report to make; travels to worker processes."""

    notebook: Path
    parameters: dict
    target: Path
    fingerprint: str
    kernel: str = PLAIN_KERNEL
    cell_timeout: int = 300
    about: dict = field(default_factory=dict)
    report_timeout: int = 1800
    memory_mb: int | None = None
    address: str = ""  # where its files are handed to besides; empty where its folder is all there is

    @property
    def borrower_id(self) -> str:
        """The borrower's id; empty where the report is about the whole book."""
        return self.parameters.get("borrower_id", "")

    @property
    def language(self) -> str:
        """The report's language."""
        return self.parameters["language"]

    @property
    def folder(self) -> Path:
        """The folder of the run that this report belongs to."""
        return self.target.parents[2]

    @property
    def industry(self) -> str:
        """The industry the report is about; empty where it is about a borrower or the whole book."""
        return self.parameters.get("industry", "") if self.target.name != WHOLE and not self.borrower_id else ""

    @property
    def label(self) -> str:
        """How messages name the job."""
        about = self.borrower_id or self.industry
        return " ".join(part for part in (self.notebook.stem, about, self.language) if part)

    def file(self, ending: str) -> Path:
        """A file of this report, e.g. `file("html")`; ids with dots stay whole."""
        return self.target.with_name(f"{self.target.name}.{ending}")


@dataclass(frozen=True)
class Chosen:
    """Which jobs of a run are wanted (all, if nothing is said), and whether unchanged ones are made again."""

    notebooks: Collection[str] = ()
    borrowers: Collection[str] | None = None  # those that are due; reports on the whole book are always wanted
    failed: bool = False
    force: bool = False

    def wants(self, job: Job, entry: dict | None) -> bool:
        """Whether to look at a job; `entry` is the journal's newest line on it."""
        named = not self.notebooks or job.notebook.stem in self.notebooks
        due = self.borrowers is None or not job.borrower_id or job.borrower_id in self.borrowers
        return named and due and not (self.failed and (entry is None or entry["status"] == "ok"))


Neighbours = Callable[[pd.DataFrame], Callable[[str], list[str]]]


def jobs(run: RunPlan, book: Book, neighbours: Neighbours | None = None) -> list[Job]:
    """Borrowers × notebooks × languages of a run, with typed parameters and input fingerprints.

    A notebook that declares no borrower is made once a language, of the whole book, and comes last; one that declares
    an `industry`, of each industry it is made for (all of params/industries). `neighbours` takes the book's borrowers
    and tells whose statements a borrower's report reads besides its own.

    RunError lists every unknown notebook, borrower or parameter and every wrong type, with what is known.
    """
    kernel = _kernel(run)
    notebooks = {notebook_path(name): only for name, only in run.wanted.items()}
    master = book.borrowers().set_index("borrower_id")
    names, folder, problems = file_names(master.index), run.folder, []
    made, limits = [], (run.report_timeout, run.memory_mb, run.address)
    _check_named(run, set(master.index))
    beside = _beside(run, book, neighbours)
    single = [notebook for notebook in notebooks if "borrower_id" in declared(notebook)]
    for borrower in _chosen(run, list(master.index)):
        own = _borrower_file(borrower, problems)
        about = json.loads(master.loc[borrower].to_json(date_format="iso"))
        rows = book.fingerprint(borrower, as_of=run.day) + beside(borrower)
        mine = [each for each in single if notebooks[each] is None or borrower in notebooks[each]]
        for notebook, language in product(mine, dict.fromkeys(run.languages)):
            typed = {**_parameters(run, notebook, borrower, own, problems), "language": language}
            target = folder / notebook.stem / language / names[borrower]
            mark = fingerprint(notebook, typed, rows)
            made.append(Job(notebook, typed, target, mark, kernel, run.cell_timeout, about, *limits))
    whole = {each: only for each, only in notebooks.items() if each not in single}
    made += _whole(run, whole, book, kernel, problems)
    if problems:
        raise RunError(f"run {run.name!r} cannot start:\n  " + "\n  ".join(dict.fromkeys(problems)))
    return made


def _beside(run: RunPlan, book: Book, neighbours: Neighbours | None) -> Callable[[str], str]:
    """What changes, by borrower, with what its report reads of others."""
    if neighbours is None:
        return lambda _: ""
    of, guarantors = neighbours(book.borrowers()), book.rows("guarantors", as_of=run.day).to_csv()
    with book.reading() as connection:
        statements = marks.statements(connection, run.day)
    ring, kin = hashlib.sha256(guarantors.encode()).hexdigest(), book.kins(as_of=run.day)
    rows = cache(partial(book.fingerprint, as_of=run.day))  # each member of a group is beside every other

    def told(borrower: str) -> str:
        family = (rows(each) for each in kin.get(borrower, ()) if each != borrower)
        return "".join([ring, *family, *(f"{each}{statements.get(each)}" for each in of(borrower))])

    return told


def _whole(
    run: RunPlan, notebooks: dict[Path, list[str] | None], book: Book, kernel: str, problems: list[str]
) -> list[Job]:
    """The jobs of notebooks about the whole book."""
    if not notebooks:
        return []
    made, limits = [], (run.report_timeout, run.memory_mb, run.address)
    rows = book.fingerprint(as_of=run.day) + json.dumps(clients(), sort_keys=True, default=str)
    about = {"synthetic": bool(book.borrowers()["synthetic"].any())}
    for notebook, only in notebooks.items():
        own = [run.parameters["industry"]] if only is None and "industry" in run.parameters else only
        for subject, language in product(_subjects(notebook, own, problems), dict.fromkeys(run.languages)):
            typed = {**_parameters(run, notebook, "", {}, problems), **subject, "language": language}
            target = run.folder / notebook.stem / language / subject.get("industry", WHOLE)
            mark = fingerprint(notebook, typed, rows)
            told = {**about, **({"name": _named(subject["industry"])} if subject else {})}
            made.append(Job(notebook, typed, target, mark, kernel, run.cell_timeout, told, *limits))
    return made


def _named(industry: str) -> str:
    name = industries.industry(industry).name
    return f"{name.zh} {name.en}"


def _subjects(notebook: Path, only: list[str] | None, problems: list[str]) -> list[dict]:
    """What a notebook without a borrower is made of: the whole book once, or each of some industries."""
    if "industry" not in declared(notebook):
        if only is not None:
            problems.append(f"{notebook.stem}: is about the whole book and takes no list of borrowers, found {only}")
        return [{}]
    known = list(industries.industries())
    if unknown := [name for name in only or [] if name not in known]:
        problems.append(f"{notebook.stem}: unknown industries {unknown}; known: {_listed(known)} (params/industries)")
    return [{"industry": name} for name in dict.fromkeys(only or known) if name in known]


def due(book: Book, day: dt.date) -> set[str]:
    """The borrowers never reviewed, those whose next review falls on or before `day`, and those of whom something was
    learnt or imported since the last."""
    last = book.last_reviews(before=day + dt.timedelta(days=1))
    with book.reading() as connection:
        reviewed, newest = marks.reviews(connection, day), marks.newest(connection, day)
    found = set()
    for borrower in book.borrowers()["borrower_id"]:
        as_of, stored = reviewed.get(borrower, (dt.date.min, dt.datetime.min))
        known, imported = newest.get(borrower, (dt.date.min, dt.datetime.min))
        next_review = last.get(borrower, {}).get("next_review") or ""
        if borrower not in last or next_review <= day.isoformat() or known > as_of or imported > stored:
            found.add(borrower)
    return found


def _kernel(run: RunPlan) -> str:
    """The kernel to use: the run's, or the plain one where the warm one is not installed."""
    specs = KernelSpecManager()
    known = specs.find_kernel_specs()
    if run.kernel in known:
        spec = specs.get_kernel_spec(run.kernel)
        if run.kernel != KERNEL or KernelProvisionerFactory.instance().is_provisioner_available(spec):
            return run.kernel
    if run.kernel == KERNEL and PLAIN_KERNEL in known:
        _log.warning("the Jupyter kernel %r is not installed (pip install puts it there); ordinary kernels run", KERNEL)
        return PLAIN_KERNEL
    raise RunError(f"run {run.name!r}: no Jupyter kernel {run.kernel!r}; known: {_listed(sorted(known))}")


def _chosen(run: RunPlan, known: list[str]) -> list[str]:
    if not known:
        raise RunError(f"run {run.name!r}: the book {run.book_shown} has no borrowers; import a file first")
    chosen = known if run.borrowers == "all" else list(dict.fromkeys(run.borrowers))
    if not chosen:
        raise RunError(f"run {run.name!r}: borrowers is an empty list; write all, or ids in quotes")
    if unknown := [borrower for borrower in chosen if borrower not in known]:
        raise RunError(f"run {run.name!r}: unknown borrowers {unknown}; in the book: {_listed(known)}")
    return chosen


def _check_named(run: RunPlan, known: set[str]) -> None:
    for name, only in run.wanted.items():
        about_borrowers = "industry" not in declared(notebook_path(name))
        if unknown := [borrower for borrower in only or [] if about_borrowers and borrower not in known]:
            raise RunError(
                f"run {run.name!r}: {name}: unknown borrowers {unknown}; in the book: {_listed(sorted(known))}"
            )


def notebook_path(name: str) -> Path:
    """The file of a notebook by name; RunError lists the known ones."""
    known = {path.stem: path for path in sorted((settings.home() / "notebooks").glob("*.ipynb"))}
    if name not in known:
        raise RunError(f"unknown notebook {name!r}; known: {_listed(known)}")
    return known[name]


def clients() -> dict[str, dict]:
    """The own parameters of every client that has a file in params/borrowers, by borrower; RunError lists problems."""
    problems: list[str] = []
    found = {borrower: _borrower_file(borrower, problems) for borrower in settings.clients()}
    if problems:
        raise RunError("; ".join(problems))
    return found


def _borrower_file(borrower: str, problems: list[str]) -> dict:
    path = settings.params("borrowers", f"{safe_name(borrower)}.yml")
    if not path.exists():
        return {}
    content = settings.load_yaml(path)
    if content.get("borrower_id", borrower) != borrower:
        problems.append(f"{path}: borrower_id {content['borrower_id']!r}: expected {borrower!r} (text, in quotes)")
    return {key: value for key, value in content.items() if key not in IDENTITY}


def _parameters(run: RunPlan, notebook: Path, borrower: str, own: dict, problems: list[str]) -> dict:
    """Run parameters under the borrower's own under its identity, each checked against the notebooks there are."""
    declares = declared(notebook)
    anywhere = {name for path in notebook.parent.glob("*.ipynb") for name in declared(path)}
    identity = {"as_of": run.day.isoformat(), "book": run.book_name}
    identity |= {"borrower_id": borrower} if borrower else {}
    sources = {
        f"params/borrowers/{safe_name(borrower)}.yml": own,
        f"run {run.name!r}, parameters": run.parameters,
    }
    problems += [
        f"run {run.name!r}, parameters: {key} is set by the run itself" for key in IDENTITY if key in run.parameters
    ]
    typed = {}
    for where, given in reversed(sources.items()):
        fitted, wrong = fit_all(given, declares, anywhere)
        typed |= fitted
        problems += [f"{where}: {each}" for each in wrong]
    return {**typed, **identity}


def fingerprint(notebook: Path, parameters: dict, rows: str) -> str:
    """SHA-256 over all a report depends on: notebook, library, rules and texts, parameters, the files and folders they
    name by a whole path, book rows."""
    own = json.dumps(parameters, sort_keys=True, ensure_ascii=False)
    named = [Path(each) for each in parameters.values() if isinstance(each, str) and Path(each).is_absolute()]
    files = "".join(whole_files.digest(each) for each in named)
    parts = [notebook.read_bytes(), house().encode(), own.encode(), rows.encode(), files.encode()]
    return hashlib.sha256(b"\0".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()


@cache
def house() -> str:
    """One hash of the library's source and of params/, save what belongs to single runs and borrowers."""
    library = Path(__file__).resolve().parents[1]
    files = [path for path in library.rglob("*") if path.suffix in (".py", ".j2", ".css", ".yml", ".js")]
    files += [path for path in settings.params().rglob("*.yml") if path.parent.name not in ("runs", "borrowers")]
    files += settings.params("industries").rglob("*.md")
    digest = hashlib.sha256(repr([(name, version(name)) for name in SHAPING]).encode())
    for path in sorted(files):
        digest.update(path.name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _listed(ids: Collection[str]) -> str:
    return ", ".join(list(ids)[:30]) + (f" … {len(ids)} in all" if len(ids) > 30 else "") or "none"
