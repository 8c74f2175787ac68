"""Warm kernels through jupyter_client itself: whatever befalls them, they behave as ordinary kernels do."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import KernelManager
from jupyter_client.provisioning import KernelProvisionerFactory

from conftest import ROOT
from postloan.batch import kernels, making, run_file, warm

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="kernels are forked on Linux only")
SPECS = ROOT / "lib" / "postloan" / "batch"


class Specs(KernelSpecManager):
    """Knows the kernel as it is shipped, installed or not."""

    def find_kernel_specs(self):
        return {run_file.KERNEL: str(SPECS / "kernelspec")}

    def get_kernel_spec(self, kernel_name):
        return self._get_kernel_spec_by_name(kernel_name, str(SPECS / "kernelspec"))


@pytest.fixture(scope="module")
def registered():
    """The provisioner as an installed package would register it, and one warm parent for all."""
    group = KernelProvisionerFactory.GROUP_NAME
    entry = EntryPoint("postloan-warm", "postloan.batch.kernels:WarmProvisioner", group)
    KernelProvisionerFactory.instance().provisioners["postloan-warm"] = entry
    with pytest.MonkeyPatch.context() as environment:
        environment.delenv("POSTLOAN_KERNELS", raising=False)
        yield
    if kernels._own:
        kernels._own.close()


@pytest.fixture
def start(registered, tmp_path):
    """Start a kernel; all are shut down afterwards."""
    managers = []

    def go(**asked):
        sockets = str(tmp_path / f"k{len(managers)}")
        manager = KernelManager(kernel_name=run_file.KERNEL, kernel_spec_manager=Specs(), transport="ipc", ip=sockets)
        managers.append(manager)
        manager.start_kernel(**asked)
        return manager, Client(manager)

    yield go
    for manager in managers:
        manager.shutdown_kernel(now=True)


class Client:
    """Runs code in a kernel and gives back what it printed or displayed."""

    def __init__(self, manager):
        self.channels = manager.client()
        self.channels.start_channels()
        self.channels.wait_for_ready(timeout=60)

    def run(self, code, timeout=30):
        seen = []
        reply = self.channels.execute_interactive(code, timeout=timeout, output_hook=seen.append)
        return reply["content"]["status"], [message["content"] for message in seen]

    def printed(self, code):
        return "".join(content.get("text", "") for content in self.run(code)[1]).strip()


def ended(manager, seconds=5.0):
    """The exit code, within some seconds."""
    return manager.provisioner.process.wait(seconds)


def test_kernel_is_forked_warm(start):
    manager, client = start()
    assert isinstance(manager.provisioner.process, kernels.ForkedKernel)
    assert client.printed("import sys; print('postloan.judgement.rules' in sys.modules)") == "True"
    assert client.printed("import os; print(os.getsid(0) == os.getpgid(0) == os.getpid())") == "True"


def test_environment_and_folder_arrive(start, tmp_path):
    _, client = start(cwd=str(tmp_path), env={**os.environ, "POSTLOAN_BOOK": "sqlite:///x.db"})
    assert client.printed("import os; print(os.getcwd(), os.environ['POSTLOAN_BOOK'])") == f"{tmp_path} sqlite:///x.db"


def test_figures_are_shown(start):
    _, client = start()
    _, seen = client.run("import matplotlib.pyplot as plt; plt.plot([1, 2])")
    assert any("image/png" in content.get("data", {}) for content in seen)


def test_debugger_serves_a_forked_kernel(start):
    channels = start()[1].channels
    hello = {"type": "request", "seq": 1, "command": "initialize", "arguments": {"adapterID": "", "pathFormat": "path"}}
    channels.control_channel.send(channels.session.msg("debug_request", hello))
    reply = channels.get_control_msg(timeout=30)["content"]
    assert (reply["command"], reply["success"]) == ("initialize", True)


def test_prompt_client_misses_no_output(start):
    async def printed(manager):
        client = kernels.PromptClient(parent=manager, **manager.get_connection_info(session=True))
        client.start_channels()
        await client.wait_for_ready(timeout=60)
        seen = []
        await client.execute_interactive("print('first')", output_hook=seen.append, timeout=30)
        client.stop_channels()
        return [message["content"]["text"] for message in seen if message["msg_type"] == "stream"]

    assert asyncio.run(printed(start()[0])) == ["first\n"]


def test_prompt_client_tells_of_a_dead_kernel(start):
    manager, _ = start()
    manager.provisioner.process.kill()
    ended(manager)
    client = kernels.PromptClient(parent=manager, **manager.get_connection_info(session=True))
    client.start_channels()
    with pytest.raises(RuntimeError, match="died before it answered"):
        asyncio.run(client.wait_for_ready(timeout=60))
    client.stop_channels()


def test_chance_differs_between_kernels(start):
    code = "import numpy, random; print(numpy.random.rand(), random.random())"
    assert start()[1].printed(code) != start()[1].printed(code)


def test_interrupt_stops_the_cell(start):
    manager, client = start()
    client.channels.execute("import time; time.sleep(60)", stop_on_error=False)  # else what follows may be aborted
    time.sleep(0.5)
    manager.interrupt_kernel()
    reply = client.channels.get_shell_msg(timeout=10)
    assert reply["content"]["ename"] == "KeyboardInterrupt"
    assert client.printed("print(1)") == "1"


def test_restart_forgets_everything(start):
    manager, client = start()
    client.run("kept = 1")
    before = manager.provisioner.pid
    manager.restart_kernel()
    client.channels.wait_for_ready(timeout=60)
    assert manager.provisioner.pid != before
    assert client.run("kept")[0] == "error"


def test_shutdown_is_prompt_and_clean(start, monkeypatch):
    forced = []
    monkeypatch.setattr(kernels.ForkedKernel, "terminate", forced.append)  # which a kernel that hangs calls for
    for _ in range(6):
        manager, _ = start(extra_arguments=making._KERNEL_OPTIONS)
        process = manager.provisioner.process
        manager.shutdown_kernel()
        assert (process.returncode, forced) == (0, [])
        assert not Path(f"/proc/{process.pid}").exists()


@pytest.mark.parametrize(
    ("code", "exit_code"), [("os._exit(7)", 7), ("os.kill(os.getpid(), 9)", -9), ("os.abort()", -6)]
)
def test_crash_tells_its_code(start, code, exit_code):
    manager, client = start()
    client.channels.execute(f"import os; {code}")
    assert ended(manager) == exit_code
    assert not manager.is_alive()


def test_kill_takes_the_whole_group(start):
    manager, client = start()
    child = int(client.printed("import subprocess; print(subprocess.Popen(['sleep', '60']).pid)"))
    manager.shutdown_kernel(now=True)
    assert gone(child)


def gone(pid, seconds=5.0):
    """Whether a process ends in time; a zombie has ended."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        status = Path(f"/proc/{pid}/stat")
        if not status.exists() or status.read_text().rpartition(")")[2].split()[0] == "Z":
            return True
        time.sleep(0.05)
    return False


def test_closed_connection_ends_the_kernel(start):
    manager, _ = start()
    manager.provisioner.process._link.close()
    assert gone(manager.provisioner.pid)


def test_dead_parent_means_ordinary_kernel(start, caplog):
    manager, _ = start()
    kernels._own._process.kill()
    assert ended(manager) == -signal.SIGKILL
    assert gone(manager.provisioner.pid)
    folder = kernels._own.folder
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("POSTLOAN_KERNELS", str(folder))
        other, client = start()
    assert isinstance(other.provisioner.process, subprocess.Popen)
    assert client.printed("print(1)") == "1"
    assert "an ordinary kernel starts" in caplog.text


def test_changed_library_gets_new_parent(start):
    first, _ = start()
    before = kernels._own
    source = Path(warm.__file__)
    state = source.stat()
    try:
        os.utime(source)
        second, _ = start()
    finally:
        os.utime(source, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert second.provisioner.process.poll() is first.provisioner.process.poll() is None
    assert before.alive
    assert kernels._own is not before


def test_params_are_read_beforehand(start):
    _, client = start()
    code = "from postloan import rules; print(rules.load.cache_info().currsize)"
    assert client.printed(code) == "1"


def test_changed_params_are_read_again(start, tmp_path):
    """A kernel of another project folder, or started after an edit, must not see what the parent has read."""
    start()
    (tmp_path / "params").symlink_to(ROOT / "params")
    _, client = start(env={**os.environ, "POSTLOAN_HOME": str(tmp_path)})
    code = "from postloan import rules; print(rules.load.cache_info().currsize)"
    assert client.printed(code) == "0"


def test_second_thread_is_refused():
    code = "import threading, time; from postloan.batch import warm; before = warm.unfit()\n"
    code += "threading.Thread(target=time.sleep, args=(5,), daemon=True).start(); print(before, warm.unfit())"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert told.startswith("None more than one thread")
