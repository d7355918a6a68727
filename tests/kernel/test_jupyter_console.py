"""`jupyter console` with our kernel, at a terminal: cells, several lines, Tab, Ctrl-C, exit."""

from __future__ import annotations

import os
import re
import sys

import pytest

from llmspell_kernel import kernelspec

pexpect = pytest.importorskip("pexpect", reason="a pseudo terminal needs a POSIX system")
pytest.importorskip("jupyter_console")
pytestmark = pytest.mark.subprocess
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]|\r")


class Console:
    """The program at a pseudo terminal."""

    def __init__(self, folder):
        kernelspec.install(prefix=str(folder / "jupyter"))
        environment = {
            **os.environ, "HOME": str(folder), "LLMSPELL_HOME": str(folder / "home"), "TERM": "xterm",
            "JUPYTER_PATH": str(folder / "jupyter" / "share" / "jupyter"), "PROMPT_TOOLKIT_NO_CPR": "1",
            "JUPYTER_RUNTIME_DIR": str(folder / "runtime"), "IPYTHONDIR": str(folder / "ipython"),
        }  # fmt: skip
        self._child = pexpect.spawn(
            sys.executable, ["-m", "jupyter_console", "--kernel", "llmspell"],
            env=environment, cwd=str(folder), encoding="utf-8", timeout=5, dimensions=(40, 120),
        )  # fmt: skip
        self._shown = ""

    def until(self, wanted, times=2):
        """Read until a text is shown, and forget what stands before it; a start may take several waits."""
        while wanted not in self._shown:
            try:
                self._shown += _ESCAPES.sub("", self._child.read_nonblocking(4096, timeout=5))
            except pexpect.TIMEOUT:
                times -= 1
                assert times > 0, f"{wanted!r} is not in {self._shown!r}"
        self._shown = self._shown.partition(wanted)[2]

    def type(self, text):
        self._child.send(text)

    def interrupt(self):
        self._child.sendintr()

    def ended(self):
        self._child.expect(pexpect.EOF)
        self._child.close()
        return self._child.exitstatus

    def close(self):
        self._child.close(force=True)


def test_a_session(tmp_path):
    console = Console(tmp_path)
    try:
        console.until("In [1]: ")
        console.type("x = 20\r")
        console.until("In [2]: ")
        console.type("x + 22\r")
        console.until("Out[2]: 42")
        console.until("In [3]: ")

        console.type("for i = 1, 2 do\r")
        console.until("...: ")
        console.type("print('line ' .. i + x)\r")
        console.until("...: ")
        console.type("end\r")
        console.until("line 21\nline 22\n")
        console.until("In [4]: ")

        console.type("Tool.exe\t")
        console.until("Tool.execute")
        console.type("('calculator', {input = '6 * 7'}).result.result\r")
        console.until("Out[4]: 42")
        console.until("In [5]: ")

        console.type("print('be' .. 'gun') while true do end\r")
        console.until("begun\n")
        console.interrupt()
        console.until("KeyboardInterrupt")
        console.until("In [6]: ")
        console.type("x\r")
        console.until("Out[6]: 20")
        console.until("In [7]: ")

        console.type("os.exit()\r")
        assert console.ended() == 0
    finally:
        console.close()
