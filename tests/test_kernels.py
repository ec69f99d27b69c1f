"""The notebooks' kernels do not meet on a port."""

import os
import socket
import sys
from pathlib import Path

import pytest
from jupyter_client.manager import KernelManager

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def kernels(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "tools")
    monkeypatch.setenv("JUPYTER_PATH", str(ROOT / "tools" / "jupyter"))
    import kernels

    yield kernels
    sys.modules.pop("kernels")


def client_of(manager):
    manager.start_kernel(stderr=open(os.devnull, "w"))
    client = manager.client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=60)
    except RuntimeError:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
        raise
    return client


def test_two_kernels_answer_and_share_nothing(kernels):
    managers = [kernels.FileKernelManager() for _ in range(2)]
    clients = [client_of(manager) for manager in managers]
    try:
        replies = [client.execute_interactive("1 + 1", timeout=60) for client in clients]
        assert [reply["content"]["status"] for reply in replies] == ["ok", "ok"]
        assert all(manager.transport == "ipc" for manager in managers)
        assert managers[0].ip != managers[1].ip
        assert all(list(Path(m.ip).parent.glob(f"{Path(m.ip).name}*")) for m in managers)
    finally:
        for client, manager in zip(clients, managers, strict=True):
            client.stop_channels()
            manager.shutdown_kernel(now=True)


def test_a_port_that_another_took_is_what_kills_one():
    """The control: what the managers of Jupyter do when it happens."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        manager = KernelManager(shell_port=other.getsockname()[1], cache_ports=False)
        with pytest.raises(RuntimeError, match="Kernel died"):
            client_of(manager)
