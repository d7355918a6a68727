"""Lets the tests of this folder import its helpers (`dap_client`, `lua_debugging`); a debug adapter to talk to."""

import sys
import threading
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


class Workshop:
    """Engines for launched scripts, without configuration."""

    def engine(self, plan, write, signal):
        import os

        from llmspell_kernel.lua import EngineSettings, LuaEngine
        from llmspell_tools.registry import ToolRegistry

        registry = ToolRegistry()
        settings = EngineSettings(script_dir=os.path.dirname(plan.path))
        return LuaEngine(registry, write=write, context=registry.context(signal=signal), settings=settings)

    def shown(self, execution):
        return None if not execution.values else str(execution.values[0])


@pytest.fixture
def dap_port():
    """The port of an adapter in this process that launches scripts."""
    from llmspell_kernel.debug.launcher import Launcher
    from llmspell_kernel.debug.server import Server

    launcher = Launcher(Workshop())
    server = Server(launcher)
    worker = threading.Thread(target=launcher.serve)
    worker.start()
    server.start()
    yield server.port
    server.close()
    launcher.close()
    worker.join(5)
    assert not worker.is_alive()


@pytest.fixture
def dap(dap_port):
    """A client of that adapter."""
    from dap_client import DapClient

    client = DapClient.tcp(dap_port)
    yield client
    client.close()


@pytest.fixture
def script(tmp_path):
    """Write a Lua script; returns its path."""

    def write(text, name="script.lua"):
        path = tmp_path / name
        path.write_text(text)
        return str(path)

    return write


@pytest.fixture(scope="session")
def lab_kernel(tmp_path_factory):
    """A kernel process that tests of notebooks' debugger share."""
    from jupyter_debug_client import KernelProcess

    kernel = KernelProcess(tmp_path_factory.mktemp("kernel"))
    yield kernel
    kernel.close()


@pytest.fixture
def lab(lab_kernel):
    """A front end of it; what it debugs ends with the test."""
    client = lab_kernel.client()
    yield client
    client.request("disconnect", restart=False, terminateDebuggee=False)
