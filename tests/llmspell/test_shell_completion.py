"""Completion in real shells: a line is typed into bash, zsh or fish, TAB and Enter are pressed, and what ran is read.

A shell that is not installed is skipped by name; Debian has all three.
"""

from __future__ import annotations

import os
import select
import shutil
import subprocess
import sys
import time

import pytest

pty = pytest.importorskip("pty", reason="a pseudo terminal needs a POSIX system")
pytestmark = pytest.mark.subprocess

#: Runs the real program for the shell's questions; else says what it was called with.
PROGRAM = """#!/bin/sh
if [ -n "$_LLMSPELL_COMPLETE" ]; then exec "{python}" -m llmspell "$@"; fi
printf 'GOT'; printf '<%s>' "$@"; echo
"""
#: By shell: the words that start it, and the lines that load the script.
SHELLS = {
    "bash": (["bash", "--norc", "--noprofile", "-i"], ["PS1='$ '", 'eval "$(llmspell completion bash)"']),
    "zsh": (
        ["zsh", "-f", "-i"],
        ["PROMPT='$ '", "unsetopt beep", "autoload -U compinit; compinit -u -D", ". ./llmspell.zsh"],
    ),
    "fish": (["fish", "--no-config", "-i"], ["function fish_prompt; echo '$ '; end", "source ./llmspell.fish"]),
}
#: What is typed before TAB, and the words that the program gets then.
LINES = [
    ("llmspell to", ["tool"]),
    ("llmspell comp", ["completion"]),
    ("llmspell tool inv", ["tool", "invoke"]),
    ("llmspell tool invoke calcu", ["tool", "invoke", "calculator"]),
    ("llmspell tool info hash_", ["tool", "info", "hash_calculator"]),
    ("llmspell tool invoke calculator inp", ["tool", "invoke", "calculator", "input="]),
    ("llmspell tool invoke calculator vari", ["tool", "invoke", "calculator", "variables:="]),
    ("llmspell tool invoke calculator operation=val", ["tool", "invoke", "calculator", "operation=validate"]),
    ("llmspell tool invoke base64-encoder variant=url", ["tool", "invoke", "base64-encoder", "variant=url-safe"]),
    ("llmspell tool invoke base64-encoder binary_input:=t", ["tool", "invoke", "base64-encoder", "binary_input:=true"]),
    ("llmspell tool invoke calculator 'operation=val", ["tool", "invoke", "calculator", "operation=validate"]),
    ("llmspell tool invoke calculator input='1 + 1' oper",
     ["tool", "invoke", "calculator", "input=1 + 1", "operation="]),
    ("llmspell tool invoke hash-calculator file=some", ["tool", "invoke", "hash-calculator", "file=some thing.txt"]),
    ("llmspell tool invoke calculator input=@some", ["tool", "invoke", "calculator", "input=@some thing.txt"]),
    ("llmspell tool list --categ", ["tool", "list", "--category"]),
    ("llmspell tool list --category fi", ["tool", "list", "--category", "filesystem"]),
    ("llmspell tool list --output=js", ["tool", "list", "--output=json"]),
    ("llmspell tool list --tools-dir fold", ["tool", "list", "--tools-dir", "folder"]),
    ("llmspell run rep", ["run", "report.lua"]),
    ("llmspell --profile dev", ["--profile", "development"]),
    ("llmspell kernel start -i my", ["kernel", "start", "-i", "my-kernel"]),
    ("llmspell tool invoke gree", ["tool", "invoke", "greeter"]),
    ("llmspell tool invoke greeter lang", ["tool", "invoke", "greeter", "language="]),
    ("llmspell tool invoke greeter language=no", ["tool", "invoke", "greeter", "language=norsk"]),
]  # fmt: skip
OWN = """
from typing import Literal
from llmspell_tools.definition import tool
open("was-run", "w").close()

@tool(name="greeter")
def greeter(*, name: str, language: Literal["english", "norsk"] = "english") -> str:
    '''Greet somebody.'''
    return name
"""


class Terminal:
    """A shell in a pseudo terminal."""

    def __init__(self, words, folder):
        self._pid, self._descriptor = pty.fork()
        if self._pid == 0:
            os.environ.update(TERM="dumb", PATH=f"{folder}/bin:{os.environ['PATH']}", LANG="C.UTF-8")
            os.environ.pop("INPUTRC", None)
            os.execvp(words[0], words)

    def ask(self, text, wanted):
        """Type a text and return what is printed from the last `wanted` on, up to the end of that line."""
        os.write(self._descriptor, text.encode())
        printed, end = "", time.monotonic() + 5
        while True:
            _, found, rest = printed.rpartition(wanted)
            if found and "\n" in rest:
                return rest.partition("\n")[0].strip()
            left = end - time.monotonic()
            if left <= 0 or not select.select([self._descriptor], [], [], left)[0]:
                raise AssertionError(f"{text!r} gave {printed!r}")
            printed += os.read(self._descriptor, 65536).decode(errors="replace")

    def close(self):
        os.close(self._descriptor)  # the shell gets SIGHUP
        os.waitpid(self._pid, 0)


@pytest.fixture(scope="module", params=sorted(SHELLS))
def shell(request, tmp_path_factory):
    """Return a shell that has the script, in a folder with a script, files, a tool of one's own and a kernel."""
    words, lines = SHELLS[request.param]
    if shutil.which(words[0]) is None:
        pytest.skip(f"{words[0]} is not installed")
    folder = tmp_path_factory.mktemp(request.param)
    home = folder / "home"
    for name in ("bin", "folder", "own", "home/.llmspell/kernels", ".git"):
        (folder / name).mkdir(parents=True)
    program = folder / "bin" / "llmspell"
    program.write_text(PROGRAM.format(python=sys.executable))
    program.chmod(0o755)
    for name in ("report.lua", "report.txt", "some thing.txt", "home/.llmspell/kernels/my-kernel.json"):
        (folder / name).write_text("")
    (folder / "own" / "greeter.py").write_text(OWN)
    (home / ".llmspell" / "config.toml").write_text(f"[tools]\ndirectories = ['{folder}/own']\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(home))
        patch.chdir(folder)
        for name in [name for name in os.environ if name.startswith("LLMSPELL_")]:
            patch.delenv(name)
        for name in SHELLS:
            _script(folder / f"llmspell.{name}", name)
        terminal = Terminal(words, folder)
        lines = [line.replace('"$(llmspell completion bash)"', '"$(cat ./llmspell.bash)"') for line in lines]
        for line in lines:
            os.write(terminal._descriptor, f"{line}\r".encode())
        terminal.ask("echo rea''dy\r", "ready")
        yield terminal, folder
        terminal.close()


def _script(target, name):
    """Write what `llmspell completion NAME` prints."""
    done = subprocess.run(
        [sys.executable, "-m", "llmspell", "completion", name], capture_output=True, text=True, timeout=30, check=True
    )
    target.write_text(done.stdout)


@pytest.mark.parametrize(("typed", "words"), LINES, ids=[line for line, _ in LINES])
def test_tab_completes_the_word(shell, typed, words):
    terminal, folder = shell
    got = terminal.ask(f"{typed}\t\r", "GOT")

    # zsh takes the slash of a folder away again when Enter is pressed.
    assert got.replace("/>", ">") == "".join(f"<{word}>" for word in words)
    assert not (folder / "was-run").exists()
