"""The rooms: what each may import, and that every module imports where Unix's own modules are absent."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = pytest.mark.subprocess


def run(program):
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize(
    ("module", "forbidden"),
    [
        ("llmspell", ["zmq", "lupa", "click", "jupyter_client", "ipykernel"]),
        ("llmspell.api", ["zmq", "lupa", "click"]),
        ("llmspell_tools.registry", ["zmq", "lupa", "click", "re", "json", "typing", "dataclasses", "logging"]),
        ("llmspell_kernel.lua", ["zmq", "click", "asyncio", "tornado"]),
        ("llmspell_kernel.kernel", ["asyncio", "tornado", "jupyter_client", "ipykernel", "IPython", "debugpy"]),
    ],
)
def test_a_module_does_not_import(module, forbidden):
    """DESIGN, "Rooms": `tools` knows no socket and no Lua, the engine no socket, the kernel no event loop."""
    loaded = run(f"import sys, {module}; print([name for name in {forbidden!r} if name in sys.modules])")

    assert loaded == "[]"


@pytest.mark.parametrize("room", ["llmspell", "llmspell_kernel", "llmspell_tools"])
def test_every_module_imports_without_unix_modules(room):
    """DESIGN, "Windows, macOS"."""
    program = f"""
import importlib, pkgutil, sys
for name in ("fcntl", "resource", "pwd", "grp", "termios"):
    sys.modules[name] = None
package = importlib.import_module({room!r})
names = [each.name for each in pkgutil.walk_packages(package.__path__, {room!r} + ".")]
for name in names:
    if not name.endswith("__main__"):
        importlib.import_module(name)
print(len(names) > 3)
"""

    assert run(program) == "True"


def test_nothing_imports_the_rooms_above():
    """The same that import-linter holds, at run time."""
    loaded = run(
        "import sys, llmspell_tools.registry; print([n for n in sys.modules if n.split('.')[0] in "
        "('llmspell', 'llmspell_kernel')])"
    )

    assert loaded == "[]"
