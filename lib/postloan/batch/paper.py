"""Pages on paper: an installed Chromium prints them as PDF, beside the page; where there is none, it is said."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from postloan import scratch, settings
from postloan.errors import RunError
from postloan.whole_files import beside

PATIENCE = 120  # seconds a page may take
_FLAGS = (
    "--headless",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--no-pdf-header-footer",
)
_log = logging.getLogger(__name__)


def add(pages: list[Path], at_once: int = 1) -> list[Path]:
    """Print those pages whose paper is not there or older, some at once; the pages that now have one.

    Where no Chromium is installed, or it fails at a page, that is logged and nothing fails.
    """
    browser, due = settings.browser(), [page for page in pages if page.exists() and not is_fresh(page)]
    if browser is None:
        _log.warning("--pdf: no Chromium found (POSTLOAN_CHROMIUM names one); the pages stand, nothing was printed")
    else:
        with ThreadPoolExecutor(at_once) as printers:
            list(printers.map(lambda page: _try(page, browser), due))
    return [page for page in pages if is_fresh(page)]


def is_fresh(page: Path) -> bool:
    """Whether the paper beside a page was printed from the page as it stands."""
    with contextlib.suppress(FileNotFoundError):
        return of(page).stat().st_mtime_ns >= page.stat().st_mtime_ns
    return False


def of(page: Path) -> Path:
    """Where a page's paper is."""
    return page.with_name(page.name.removesuffix(".html") + ".pdf")


def _try(page: Path, browser: Path) -> None:
    try:
        write(page, browser)
    except (RunError, OSError) as error:
        of(page).unlink(missing_ok=True)  # an older one would say what no longer holds
        _log.warning("--pdf: %s", error)


def write(page: Path, browser: Path) -> Path:
    """Print one page beside it, whole or not at all; RunError with what the browser said when it fails."""
    target = of(page)
    with scratch.folder() as profile:
        made = profile / "page.pdf"
        said = _told([str(browser), *_FLAGS, *_rights(), f"--user-data-dir={profile}", f"--print-to-pdf={made}"], page)
        if not made.is_file() or not made.read_bytes().rstrip().endswith(b"%%EOF"):
            raise RunError(f"{page}: {browser} printed nothing: {said[-300:] or 'it said nothing'}")
        with beside(target, private=False) as part:
            shutil.copyfile(made, part)  # which may lie on another disk
    return target


def _rights() -> list[str]:
    """Chromium refuses its sandbox to root; our pages hold no script and fetch nothing."""
    return ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []


def _told(command: list[str], page: Path) -> str:
    """Run the browser on a page and give back what it wrote; one that hangs is ended with all it started."""
    own = {"start_new_session": True} if os.name == "posix" else {}
    pipes = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
    try:
        with subprocess.Popen([*command, page.resolve().as_uri()], **pipes, **own) as running:
            try:
                return running.communicate(timeout=PATIENCE)[1].decode(errors="replace").strip()
            except subprocess.TimeoutExpired:
                if own:
                    os.killpg(running.pid, signal.SIGKILL)
                else:
                    running.kill()
                raise RunError(f"{page}: {command[0]} took longer than {PATIENCE} seconds to print it") from None
    except OSError as error:
        raise RunError(f"{command[0]}: cannot be started: {error.strerror}") from None
