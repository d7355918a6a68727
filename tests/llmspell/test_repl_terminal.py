"""The console as a process with a terminal of its own: keys, signals, and what is left of the terminal afterwards."""

from __future__ import annotations

import os
import re
import select
import signal
import subprocess
import sys

import pytest

pty = pytest.importorskip("pty")
termios = pytest.importorskip("termios")

pytestmark = pytest.mark.subprocess
WAIT_S = 10.0
_OWN_TERMINAL = (
    "import fcntl, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0);"
    "from llmspell.launch import main; sys.exit(main())"
)


class Terminal:
    """A program behind a pseudo-terminal of 80 columns; `screen` is all that it wrote, without colours and cursor."""

    def __init__(self, *words, **environment):
        self.ours, theirs = pty.openpty()
        termios.tcsetwinsize(theirs, (24, 80))
        self.before = termios.tcgetattr(theirs)
        self.theirs = theirs
        self.process = subprocess.Popen(
            [sys.executable, "-c", _OWN_TERMINAL, *words], stdin=theirs, stdout=theirs, stderr=theirs,
            start_new_session=True, env={**os.environ, "TERM": "xterm", **environment},
        )  # fmt: skip
        self.raw = ""
        self.at = 0

    @property
    def screen(self):
        return re.sub(r"\x1b(\[[0-9;?]*[A-Za-z]|[=>]|\][^\x07]*\x07)", "", self.raw)

    def until(self, text):
        """Wait until a text has come behind the one that was waited for last."""
        while text not in self.screen[self.at :]:
            assert select.select([self.ours], [], [], WAIT_S)[0], f"{text!r} did not come in {self.screen[self.at :]!r}"
            self.raw += os.read(self.ours, 65_536).decode("utf-8", "replace")
            if "\x1b[6n" in self.raw:  # where is the cursor?
                self.raw = self.raw.replace("\x1b[6n", "")
                self.press("\x1b[1;1R")
        self.at = self.screen.index(text, self.at) + len(text)

    def press(self, keys):
        os.write(self.ours, keys.encode())

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(WAIT_S)
        os.close(self.ours)
        os.close(self.theirs)


@pytest.fixture
def terminal():
    """A console that waits for its first cell."""
    made = Terminal("repl")
    made.until("In[1]: ")
    yield made
    made.close()


def test_ctrl_c_stops_a_cell_and_variables_are_kept(terminal):
    terminal.press("n = 41 print('on') while true do end\r")
    terminal.until("on\r\n")
    terminal.press("\x03")
    terminal.until("KeyboardInterrupt")
    terminal.until("In[2]: ")
    terminal.press("n + 1\r")
    terminal.until("42\r\n")
    terminal.until("In[3]: ")
    terminal.press("half\x03")
    terminal.until("half")
    terminal.until("In[3]: ")
    terminal.press("\x04")

    assert 0 == terminal.process.wait(WAIT_S)
    assert terminal.before == termios.tcgetattr(terminal.theirs)


def test_a_cell_asks_the_person_and_ctrl_c_ends_the_question(terminal):
    terminal.press("io.write('who? ') name = io.read() print('hello ' .. name)\r")
    terminal.until("\r\nwho? ")
    terminal.press("ann\r")
    terminal.until("hello ann")
    terminal.until("In[2]: ")
    terminal.press("print('ask') io.read()\r")
    terminal.until("ask\r\ninput> ")
    terminal.press("\x03")
    terminal.until("KeyboardInterrupt")
    terminal.until("In[3]: ")


def test_tab_offers_what_the_engine_knows(terminal):
    terminal.press("Tool.")
    terminal.until("Tool.")
    terminal.press("\t")

    terminal.until("get_schema")


def test_sigterm_ends_the_console_and_gives_the_terminal_back(terminal):
    terminal.press("half a line")
    terminal.until("line")
    terminal.process.send_signal(signal.SIGTERM)

    assert 143 == terminal.process.wait(WAIT_S)
    assert terminal.before == termios.tcgetattr(terminal.theirs)


def test_sigterm_ends_a_cell_that_loops(terminal):
    terminal.press("print('on') while true do end\r")
    terminal.until("on\r\n")
    terminal.process.send_signal(signal.SIGTERM)

    assert 143 == terminal.process.wait(WAIT_S)


def test_a_stopped_cell_is_debugged_by_keys_and_left_by_ctrl_d(terminal):
    terminal.press("debug:break 2\r")
    terminal.until("the next cell:2")
    terminal.press("do local here = 6\rprint(here) end\r")
    terminal.until("debug> ")
    terminal.press("here * 7\r")
    terminal.until("42")
    terminal.until("debug> ")
    terminal.press("her\t")
    terminal.until("here")
    terminal.press("\r")
    terminal.until("6\r\n")
    terminal.until("debug> ")
    terminal.press("\x04")
    terminal.until("KeyboardInterrupt")
    terminal.until("In[2]: ")


def test_no_color_has_no_colours():
    made = Terminal("repl", NO_COLOR="1")
    try:
        made.until("In[1]: ")
        made.press("error('no')\r")
        made.until("In[1]:1: no")
        made.until("In[2]: ")

        assert [] == [code for code in re.findall(r"\x1b\[([0-9;]*)m", made.raw) if re.search(r"(^|;)(3|9)\d", code)]
    finally:
        made.close()
