"""A kernel's life as JupyterLab leads it, through the server's own REST interface and websocket."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
import uuid
from pathlib import Path

import requests
import websocket

LIFE = {
    "warm": "True",
    "interrupted": "KeyboardInterrupt",
    "restarted": (True, True, "NameError"),  # another process, of the same parent, that remembers nothing
    "deleted": 204,
    "kernels_left": [],
}
PATIENCE = 120  # seconds: the first kernel waits until its parent has imported everything


@contextlib.contextmanager
def server(folder):
    """A Jupyter server on a free port that only knows its token; gives back a function that asks it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    token = uuid.uuid4().hex
    options = {"ServerApp.port": port, "ServerApp.root_dir": folder, "IdentityProvider.token": token}
    told = [f"--{name}={value}" for name, value in options.items()]
    process = subprocess.Popen(
        [sys.executable, "-m", "jupyter_server", "--no-browser", "--allow-root", *told],
        env={**os.environ, "JUPYTER_RUNTIME_DIR": str(folder / "runtime")},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )

    def ask(method, path, **body):
        headers = {"Authorization": f"token {token}"}
        return requests.request(
            method, f"http://127.0.0.1:{port}/api/{path}", json=body or None, headers=headers, timeout=PATIENCE
        )

    ask.socket = lambda kernel: websocket.create_connection(
        f"ws://127.0.0.1:{port}/api/kernels/{kernel}/channels?token={token}", timeout=PATIENCE
    )
    try:
        until(lambda: alive(ask), "the server does not answer")
        yield ask
    finally:
        process.terminate()
        process.wait(30)


def alive(ask):
    with contextlib.suppress(requests.ConnectionError):
        return ask("GET", "status").ok
    return False


def until(true, trouble):
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end, trouble
        time.sleep(0.05)


def send(channel, code):
    header = {
        "msg_id": uuid.uuid4().hex,
        "msg_type": "execute_request",
        "username": "",
        "session": "s",
        "version": "5.3",
    }
    content = {"code": code, "silent": False, "store_history": True, "user_expressions": {}, "allow_stdin": False}
    message = {"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell"}
    channel.send(json.dumps(message))
    return header["msg_id"]


def reply(channel, sent):
    """What the kernel printed or raised for one request."""
    said = ""
    while True:
        message = json.loads(channel.recv())
        if message.get("parent_header", {}).get("msg_id") == sent:
            said += message["content"].get("text", "")
            if message["msg_type"] == "execute_reply":
                return said.strip() or message["content"].get("ename", "")


def life(folder):
    """Start, run, interrupt, restart and delete the kernel `postloan`; what was seen at each step."""
    seen = {}
    with server(folder) as ask:
        kernel = ask("POST", "kernels", name="postloan").json()["id"]
        channel = ask.socket(kernel)
        pids = "import os; print(os.getpid(), os.getppid())"
        first, parent = map(int, reply(channel, send(channel, pids)).split())
        seen["warm"] = reply(channel, send(channel, "import sys; print('postloan.analysis.ratios' in sys.modules)"))
        busy = send(channel, "import time; time.sleep(600)")
        until(lambda: ask("GET", f"kernels/{kernel}").json()["execution_state"] == "busy", "never busy")
        ask("POST", f"kernels/{kernel}/interrupt")
        seen["interrupted"] = reply(channel, busy)
        send(channel, "kept = 1")
        ask("POST", f"kernels/{kernel}/restart")
        channel = ask.socket(kernel)
        second, same = map(int, reply(channel, send(channel, pids)).split())
        seen["restarted"] = (second != first, same == parent, reply(channel, send(channel, "print(kept)")))
        seen["deleted"] = ask("DELETE", f"kernels/{kernel}").status_code
        until(lambda: not running(first) and not running(second), "a kernel outlives its end")
        seen["kernels_left"] = ask("GET", "kernels").json()
    until(lambda: not running(parent), "the warm parent outlives its server")
    return seen


def running(pid):
    """Whether a process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
