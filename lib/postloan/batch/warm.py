"""The warm parent: a process of one thread that has imported everything and forks a kernel whenever it is asked.

Started by `kernels`; speaks JSON lines over a Unix socket that its owner has bound. A client sends one request with
its standard streams as passed descriptors, `{"arguments", "cwd", "env"}`, and is answered `{"pid"}` or `{"refused"}`
and, when the kernel has ended, `{"exit"}`. It may send `{"signal"}`. When its connection closes, its kernel is killed;
when the owner's lifeline (descriptor 0) closes, all are, and the parent leaves. Linux only.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import gc
import importlib
import inspect
import json
import logging
import os
import random
import selectors
import signal
import socket
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import postloan
from postloan import settings
from postloan.errors import PostloanError

ENVIRONMENT = {  # one thread, and no word of the debugger's about frozen modules
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
    "PYDEVD_DISABLE_FILE_VALIDATION": "1",
}
SOCKET = "kernels"
RETIRE = b"retire"
CHANGED = "the library has changed since it was imported"
_LATE = (  # what a kernel or a report would import by itself, later
    "ipykernel.kernelapp", "ipykernel.debugger", "IPython.core.completerlib", "IPython.extensions.storemagic",
    "matplotlib.pyplot", "matplotlib.backends.backend_svg", "numpy.random", "sqlalchemy.dialects.sqlite",
)  # fmt: skip
_DIE_WITH_PARENT = 1  # prctl's PR_SET_PDEATHSIG
_FREQUENT = 20_000  # objects between two collections: a report makes many frames and few cycles
_NO_MEMORY = 70  # exit code
_LAST_WORDS = 1.0  # seconds
_MOST_BYTES = 4_000_000  # of a request: an environment is far smaller


@dataclass(eq=False)
class _Client:
    """One connection: what has come in so far, and the kernel it asked for."""

    link: socket.socket
    unread: bytes = b""
    streams: list[int] = field(default_factory=list)
    pid: int | None = None

    def tell(self, **message: object) -> None:
        with contextlib.suppress(OSError):
            self.link.sendall(json.dumps(message).encode() + b"\n")

    def close(self) -> None:
        for stream in self.streams:
            os.close(stream)
        self.link.close()


def serve(listener: int) -> None:
    """Import everything, then fork kernels for those who connect to a socket, until its owner's lifeline closes."""
    lifeline = socket.socket(fileno=0)
    _warm()
    kernel = _Parent(socket.socket(fileno=listener), lifeline).run()
    if kernel:
        _leave(kernel)


def unfit() -> str | None:
    """Why this process must not fork: a second thread may hold a lock that nobody would ever release."""
    threads = [(each / "comm").read_text().strip() for each in Path("/proc/self/task").iterdir()]
    return f"more than one thread ({', '.join(threads)})" if len(threads) > 1 else None


def _warm() -> None:
    """Import what kernels import, but not matplotlib's inline backend: it looks for a shell, which is still to come;
    and read what they read of params/."""
    gc.disable()
    for name in postloan.__all__:
        getattr(postloan, name)
    for name in _LATE:
        with contextlib.suppress(ModuleNotFoundError):
            importlib.import_module(name)
    none = sys.modules["pandas"].DataFrame()
    postloan.tables.validated(none, "none", postloan.tables.pa.DataFrameSchema())  # pandera imports half of itself then
    _read_params()
    gc.collect()
    gc.freeze()


def _read_params() -> None:
    """Call every function that keeps what it has read of params/; what is wrong there the kernels will tell."""
    with contextlib.suppress(PostloanError):
        for language in settings.LANGUAGES:
            postloan.texts(language)
    for reader in _readers():
        if all(each.default is not each.empty for each in inspect.signature(reader).parameters.values()):
            with contextlib.suppress(PostloanError):
                reader()


def _readers() -> set[Callable]:
    """The library's functions that keep what they returned."""
    ours = [module for name, module in sys.modules.items() if name.partition(".")[0] == "postloan"]
    return {each for module in ours for each in vars(module).values() if hasattr(each, "cache_clear")}


def _params_state() -> int | None:
    """Changes when the project folder is another or a file of its params/ has changed; None: no such folder."""
    with contextlib.suppress(PostloanError):
        return _state_of(settings.params(), "*")
    return None


class _Parent:
    """The loop: accepts, reads requests, forks, passes signals on, reaps."""

    def __init__(self, listener: socket.socket, lifeline: socket.socket):
        self._listener, self._lifeline, self._clients, self._leaving = listener, lifeline, set(), False
        self._library, self._params = library_state(), _params_state()
        self._selector = selectors.DefaultSelector()
        self._selector.register(lifeline, selectors.EVENT_READ, self._told)
        self._selector.register(self._listener, selectors.EVENT_READ, self._accept)

    def run(self) -> Callable[[], None] | None:
        """Serve until the lifeline closes. In a forked child: what it is to do there."""
        woken, self._wake = socket.socketpair()
        woken.setblocking(False)
        self._wake.setblocking(False)
        signal.set_wakeup_fd(self._wake.fileno())
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self._selector.register(woken, selectors.EVENT_READ, lambda: self._reap(woken.recv(4096)))
        while self._clients or not self._leaving:
            for key, _ in self._selector.select():
                if kernel := key.data():
                    return kernel
        return None

    def _accept(self) -> None:
        link, _ = self._listener.accept()
        client = _Client(link)
        self._clients.add(client)
        self._selector.register(link, selectors.EVENT_READ, lambda: self._read(client))

    def _read(self, client: _Client) -> Callable[[], None] | None:
        """Take in what a client sends; a whole request forks, and the child comes back with what it is to do."""
        if client not in self._clients:
            return None
        try:
            data, streams, _, _ = socket.recv_fds(client.link, 1 << 16, 3)
        except OSError:
            data, streams = b"", []
        client.unread += data
        client.streams += streams
        if not data or len(client.unread) > _MOST_BYTES:
            return self._drop(client)
        while b"\n" in client.unread:
            line, client.unread = client.unread.split(b"\n", 1)
            if kernel := self._obey(client, json.loads(line)):
                return kernel
        return None

    def _obey(self, client: _Client, message: dict) -> Callable[[], None] | None:
        if "signal" in message:
            self._signal(client, message["signal"])
        elif why := unfit():
            client.tell(refused=why)
        elif library_state() != self._library:
            client.tell(refused=CHANGED)
        elif not _same_python(message["env"]):
            client.tell(refused="another Python environment (PYTHON… variables)")
        else:
            return self._fork(client, message)
        return None

    def _fork(self, client: _Client, message: dict) -> Callable[[], None] | None:
        pid = os.fork()
        if pid == 0:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            streams, client.streams = client.streams, []
            self._forget()
            return lambda: _kernel(message, streams, self._params)
        client.pid = pid
        for stream in client.streams:
            os.close(stream)
        client.streams = []
        client.tell(pid=pid)
        return None

    def _forget(self) -> None:
        """Close what belongs to the parent."""
        for thing in [key.fileobj for key in self._selector.get_map().values()]:
            thing.close()
        self._wake.close()
        self._selector.close()

    def _signal(self, client: _Client, number: int) -> None:
        """Signal a kernel's whole group; it is not yet reaped, so its number is nobody else's."""
        if client.pid:
            try:
                os.killpg(client.pid, number)
            except ProcessLookupError:  # it has not yet made its group
                os.kill(client.pid, number)

    def _drop(self, client: _Client) -> None:
        self._signal(client, signal.SIGKILL)
        self._selector.unregister(client.link)
        self._clients.discard(client)
        client.close()

    def _reap(self, _: bytes) -> None:
        with contextlib.suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                for client in [each for each in self._clients if each.pid == ended[0]]:
                    client.pid = None
                    client.tell(exit=os.waitstatus_to_exitcode(ended[1]))

    def _told(self) -> None:
        """Take no more clients; and when the owner has gone, end all kernels."""
        told = self._lifeline.recv(100)
        if not self._leaving:
            self._leaving = True
            self._selector.unregister(self._listener)
            self._listener.close()
        if told != RETIRE:
            for client in list(self._clients):
                self._drop(client)


def library_state() -> int:
    """Changes when any source file of the library does."""
    return _state_of(Path(postloan.__file__).parent, "*.py")


def _state_of(folder: Path, files: str) -> int:
    return hash(tuple((str(path), path.stat().st_mtime_ns) for path in sorted(folder.rglob(files))))


def _same_python(environment: dict[str, str]) -> bool:
    def pythons(env: dict[str, str]) -> dict[str, str]:
        return {name: value for name, value in env.items() if name.startswith("PYTHON")}

    return pythons(environment) == pythons(dict(os.environ))


def _kernel(message: dict, streams: list[int], params: int | None) -> None:
    """Become an ordinary kernel: group, streams, folder, environment and chance of one's own; then ipykernel.

    What the parent read of params/ is forgotten unless they are still as they were, in `params`.
    """
    parent = os.getppid()
    os.setsid()
    ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL)
    if os.getppid() != parent or parent == 1:
        os._exit(1)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.environ.clear()
    os.environ.update(message["env"])
    os.chdir(message["cwd"])
    if _params_state() != params:
        for reader in _readers():
            reader.cache_clear()
    time.tzset()
    tempfile.tempdir = None
    random.seed()
    sys.modules["numpy"].random.seed()
    _default_backend()
    gc.enable()
    gc.set_threshold(_FREQUENT)
    logging.getLogger("tornado.general").addHandler(_EndWhereOutputIsLost())
    sys.argv = ["ipykernel_launcher", *message["arguments"]]
    app = importlib.import_module("ipykernel.kernelapp")
    app.launch_new_instance(argv=[*message["arguments"], f"--IPKernelApp.parent_handle={parent}"])


class _EndWhereOutputIsLost(logging.Handler):
    """Ends a kernel that had no memory left to send what a cell wrote: the report would look whole without it."""

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info and isinstance(record.exc_info[1], MemoryError):
            os._exit(_NO_MEMORY)


def _default_backend() -> None:
    """What matplotlib reads from the environment when it is imported, which here has been long ago."""
    matplotlib = sys.modules["matplotlib"]
    matplotlib.rcParams["backend"] = os.environ.setdefault("MPLBACKEND", "module://matplotlib_inline.backend_inline")


def _leave(work: Callable[[], None]) -> None:
    """Do a child's work and end it as Python would, without taking apart what it shares with its parent."""
    code = 0
    try:
        work()
    except SystemExit as told:
        code = told.code if isinstance(told.code, int) else int(told.code is not None)
    except BaseException:
        code = 1
        traceback.print_exc()
    finally:
        with contextlib.suppress(BaseException):
            _await_control()
            threading._shutdown()
            atexit._run_exitfuncs()
        with contextlib.suppress(BaseException):
            sys.__stdout__.flush()
            sys.__stderr__.flush()
        os._exit(code)


def _await_control() -> None:
    """Let the thread that was told to shut down say its last words: ipykernel closes first what it says them through,
    and would then wait for it in vain until it is terminated, seconds later."""
    for thread in threading.enumerate():
        if thread.name == sys.modules["ipykernel.thread"].CONTROL_THREAD_NAME:
            thread.join(_LAST_WORDS)
