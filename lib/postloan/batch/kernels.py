"""Warm kernels: the kernel provisioner behind the Jupyter kernel `postloan`.

Kernels are forked from a process that has imported everything (`warm`): one that `settings.warm_kernels()` names, else
one that this process keeps. Where that cannot be (Windows, macOS, a parent that died) an ordinary kernel starts
instead, with a word in the log.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import json
import math
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from queue import Empty

from jupyter_client.asynchronous import AsyncKernelClient
from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.provisioning import LocalProvisioner

from postloan import scratch, settings
from postloan.batch.warm import CHANGED, ENVIRONMENT, RETIRE, SOCKET

_ANSWER_SECONDS = 120  # a fork takes a moment, but the first waits until everything is imported
_POLITE_SECONDS = 1.0  # a kernel asked to shut down is watched this long before its manager starts to poll
_SERVE = "import sys; sys.path.remove(''); from postloan.batch.warm import serve; serve(int(sys.argv[1]))"
_lock = threading.Lock()
_own: WarmParent | None = None


class ColdError(Exception):
    """Why a kernel cannot be forked; never leaves this module."""


class WarmProvisioner(LocalProvisioner):
    """Starts kernels warm where it can; everything else as jupyter_client does."""

    async def launch_kernel(self, cmd: list[str], **kwargs: object) -> KernelConnectionInfo:
        """Fork the kernel, or start an ordinary one where that cannot be."""
        try:
            self.process = await asyncio.to_thread(_forked, cmd, **self._scrub_kwargs(kwargs))
            self.pid, self.pgid, self.cwd = self.process.pid, None, kwargs.get("cwd", Path.cwd())
        except ColdError as why:
            self.log.warning("postloan: an ordinary kernel starts: %s", why)
            await super().launch_kernel(cmd, **kwargs)
        if limit := settings.kernel_memory():
            _limit(self.pid, limit)
        return self.connection_info

    async def wait(self) -> int | None:
        """Wait for the kernel's end and give back its exit code."""
        while await self.poll() is None:
            await asyncio.sleep(0.005)
        return await super().wait()

    async def shutdown_requested(self, restart: bool = False) -> None:
        """Watch for the end closely, since the manager looks only ten times a second."""
        until = time.monotonic() + _POLITE_SECONDS
        while await self.poll() is None and time.monotonic() < until:
            await asyncio.sleep(0.005)


class PromptClient(AsyncKernelClient):
    """Begins as soon as its kernel is heard on every channel; jupyter_client's own then waits for a fifth of a second
    of silence, which nobody needs who looks what a message answers to, as nbclient does."""

    async def wait_for_ready(self, timeout: float | None = None) -> None:
        """Wait until the kernel is heard; RuntimeError when it has died or `timeout` seconds have passed."""
        until = time.monotonic() + (math.inf if timeout is None else timeout)
        while time.monotonic() < until:
            self.kernel_info()
            with contextlib.suppress(Empty):
                reply = await self.get_shell_msg(timeout=1)
                await self.get_iopub_msg(timeout=0.2)
                return self._handle_kernel_info_reply(reply)
            if not await self.is_alive():
                raise RuntimeError("the kernel died before it answered")
        raise RuntimeError(f"the kernel has not answered in {timeout} seconds")


class ForkedKernel:
    """A kernel forked by the warm parent, with the face of `subprocess.Popen`."""

    stdin = stdout = stderr = None

    def __init__(self, folder: Path, request: dict, streams: list[int]):
        self._unread, self.returncode = b"", None
        self._link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._link.settimeout(_ANSWER_SECONDS)
        try:
            self.pid = self._request(folder, json.dumps(request).encode() + b"\n", streams)
        except OSError as trouble:
            self._link.close()
            raise ColdError(f"the warm parent does not answer: {trouble}") from None
        self._link.setblocking(False)

    def _request(self, folder: Path, text: bytes, streams: list[int]) -> int:
        """The number of the kernel's process; ColdError when it is refused."""
        self._link.connect(str(folder / SOCKET))
        sent = socket.send_fds(self._link, [text], streams)
        self._link.sendall(text[sent:])
        answer = self._next() or {"refused": "the warm parent has died"}
        if "pid" not in answer:
            self._link.close()
            raise ColdError(answer["refused"])
        return answer["pid"]

    def _next(self) -> dict | None:
        """The next message, None at the end of the connection; BlockingIOError when there is none yet."""
        while b"\n" not in self._unread:
            if not (data := self._link.recv(4096)):
                return None
            self._unread += data
        line, self._unread = self._unread.split(b"\n", 1)
        return json.loads(line)

    def poll(self) -> int | None:
        """The exit code, negative for a signal; None while the kernel lives. It dies with its parent."""
        if self.returncode is None:
            try:
                self.returncode = (self._next() or {}).get("exit", -signal.SIGKILL)
                self._link.close()
            except BlockingIOError:
                pass
            except OSError:
                self.returncode = -signal.SIGKILL
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end; subprocess.TimeoutExpired after `timeout` seconds."""
        until = None if timeout is None else time.monotonic() + timeout
        while self.poll() is None:
            if until and time.monotonic() > until:
                raise subprocess.TimeoutExpired("kernel", timeout)
            time.sleep(0.005)
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Signal the kernel and what it started; nothing happens when it has ended, as with Popen."""
        if self.poll() is not None:
            return
        with contextlib.suppress(OSError):  # it has ended in this moment
            self._link.sendall(json.dumps({"signal": int(number)}).encode() + b"\n")

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it."""
        self.send_signal(signal.SIGKILL)


class WarmParent:
    """The process that has imported everything; it ends with `close` or with the process that holds this object."""

    def __init__(self) -> None:
        scratch.clear()
        self._scratch, self._owner = scratch.Scratch(), os.getpid()
        self._lifeline, theirs = socket.socketpair()
        with theirs, socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
            listener.bind(str(self.folder / SOCKET))
            listener.listen(512)
            command = [sys.executable, "-c", _SERVE, str(listener.fileno())]
            quiet = {"stdout": subprocess.DEVNULL, "start_new_session": True, "pass_fds": [listener.fileno()]}
            self._process = subprocess.Popen(command, stdin=theirs, env={**os.environ, **ENVIRONMENT}, **quiet)
        atexit.register(self.close)

    @property
    def folder(self) -> Path:
        """Where its socket is."""
        return self._scratch.path

    @property
    def alive(self) -> bool:
        """Whether it runs, and belongs to this process and not to the one this was forked from."""
        return self._owner == os.getpid() and self._process.poll() is None

    def retire(self) -> None:
        """Let it end with the last of its kernels."""
        self._lifeline.sendall(RETIRE)

    def close(self) -> None:
        """End it and all its kernels."""
        self._lifeline.close()
        if self._owner == os.getpid():
            self._process.terminate()  # it may still be importing; its kernels die with it
            self._process.wait()
            self._scratch.close()


@contextlib.contextmanager
def shared() -> Iterator[None]:
    """Keep a warm parent for this process and all it starts, where the system can."""
    if sys.platform != "linux" or settings.warm_kernels():
        yield
        return
    parent = WarmParent()
    settings.share_warm_kernels(str(parent.folder))
    try:
        yield
    finally:
        settings.share_warm_kernels(None)
        parent.close()


def _forked(cmd: list[str], **asked: object) -> ForkedKernel:
    """A kernel forked as `cmd` and Popen's arguments ask; ColdError where that cannot be."""
    if sys.platform != "linux":
        raise ColdError(f"no warm kernels on {sys.platform}")
    if cmd[:3] != [sys.executable, "-m", "ipykernel_launcher"]:
        raise ColdError(f"not this environment's ipykernel: {' '.join(cmd[:3])}")
    streams = [_descriptor(asked.pop(name, None), number) for number, name in ((1, "stdout"), (2, "stderr"))]
    folder, env, given_in = asked.pop("cwd", None), asked.pop("env", None), asked.pop("stdin", None)
    if asked.pop("independent", False) or given_in is not None or asked:
        raise ColdError(f"asked for what a forked kernel cannot be: {', '.join(asked) or 'independent'}")
    request = {"arguments": cmd[3:], "cwd": str(folder or Path.cwd()), "env": dict(os.environ if env is None else env)}
    with Path(os.devnull).open() as nothing:
        return _ask(request, [nothing.fileno(), *streams])


def _limit(pid: int, megabytes: int) -> None:
    """Let a process take so much memory beyond what it holds; more ends in MemoryError. Linux only."""
    if sys.platform == "linux":
        import resource

        status = Path(f"/proc/{pid}/status").read_text()
        held = int(status.partition("VmData:")[2].split()[0]) << 10
        resource.prlimit(pid, resource.RLIMIT_DATA, (held + (megabytes << 20),) * 2)


def _descriptor(stream: object, default: int) -> int:
    """The descriptor of one of Popen's streams; ColdError for a pipe yet to be made."""
    number = default if stream is None else stream if isinstance(stream, int) else stream.fileno()
    if number < 0:
        raise ColdError("a pipe of its own is asked for")
    return number


def _ask(request: dict, streams: list[int]) -> ForkedKernel:
    """Ask the warm parent there is, or start one; one whose library has changed since makes room for a new one."""
    if shared := settings.warm_kernels():
        return ForkedKernel(Path(shared), request, streams)
    parent = _parent()
    try:
        return ForkedKernel(parent.folder, request, streams)
    except ColdError as why:
        if str(why) != CHANGED:
            raise
    return ForkedKernel(_parent(instead_of=parent).folder, request, streams)


def _parent(instead_of: WarmParent | None = None) -> WarmParent:
    """This process's own warm parent, started when first needed, or anew in place of one."""
    global _own
    with _lock:
        if _own is instead_of is not None:
            _own.retire()
        if _own is instead_of or not _own.alive:
            _own = WarmParent()
        return _own
