"""docs/kernel.md: every example does what it says; the Lua ones are cells of one kernel, in their order.

A block's words behind its language: `file=NAME` is written before anything runs, `answer=TEXT` is given to each
question of the cell, `norun` is a command that does not end by itself, of `any` only the success counts. What a `repl`
shows is typed into it; the first command of `kernel` stays while the others run.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from jupyter_client import KernelManager

from llmspell_kernel import kernelspec

pytestmark = pytest.mark.subprocess
ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs/kernel.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+) ?([^\n]*)\n(.*?)^```", TEXT, flags=re.MULTILINE | re.DOTALL)
#: Lua, and what magics make something else of; other Python in the document is for ipykernel.
CELLS = [
    (words, code)
    for language, words, code in BLOCKS
    if language == "lua" or (language in {"python", "yaml"} and code.startswith(("%%python", "%%tool text")))
]
STEPS = [
    step.partition("\n")[::2]
    for language, words, block in BLOCKS
    if language == "console" and not words
    for step in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]
]
WAIT_S = 10


def write_files(folder):
    for _, words, block in BLOCKS:
        if words.startswith("file="):
            file = folder / words.removeprefix("file=")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(block, encoding="utf-8")


def environment(folder):
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    jupyter = str(folder / "jupyter/share/jupyter")
    (folder / "home").mkdir(exist_ok=True)
    return {**os.environ, "PATH": path, "HOME": str(folder / "home"), "JUPYTER_PATH": jupyter}


@pytest.fixture(scope="module")
def kernel(tmp_path_factory):
    """A client of a kernel that has run no cell yet."""
    folder = tmp_path_factory.mktemp("kernel-doc")
    kernelspec.install(prefix=str(folder / "jupyter"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JUPYTER_PATH", str(folder / "jupyter/share/jupyter"))
        patch.setenv("JUPYTER_RUNTIME_DIR", str(folder / "runtime"))
        manager = KernelManager(kernel_name="llmspell")
        (folder / "work").mkdir()
        manager.start_kernel(cwd=str(folder / "work"), env=environment(folder), stderr=subprocess.DEVNULL)
    client = manager.client()
    client.start_channels()
    client.wait_for_ready(timeout=30)
    yield client
    client.stop_channels()
    manager.shutdown_kernel(now=True)
    manager.context.destroy(0)


def shown(client, code, answer):
    """Run a cell and return the lines that a person sees without a browser."""
    said = ""

    def hook(message):
        nonlocal said
        content = message["content"]
        if message["msg_type"] == "stream":
            said += content["text"]
        elif message["msg_type"] in {"display_data", "update_display_data", "execute_result"}:
            said += ("" if said.endswith("\n") or not said else "\n") + content["data"]["text/plain"] + "\n"

    reply = client.execute_interactive(
        code, timeout=WAIT_S, output_hook=hook, allow_stdin=answer is not None,
        stdin_hook=lambda message: client.input(answer),
    )  # fmt: skip
    assert reply["content"]["status"] == "ok", reply["content"]
    return said.splitlines()


@pytest.mark.parametrize("number", range(len(CELLS)))
def test_a_cell_shows_what_its_comments_say(kernel, number):
    words, code = CELLS[number]
    answer = words.removeprefix("answer=") if words.startswith("answer=") else None
    lines = shown(kernel, code, answer)

    assert words == "any" or lines == re.findall(r"--> (.*)$", code, flags=re.MULTILINE)


def steps(wanted):
    """Return (command, output) of the one console block with this word."""
    (block,) = [block for language, words, block in BLOCKS if language == "console" and words == wanted]
    return [step.partition("\n")[::2] for step in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]]


def run(command, folder, **options):
    return subprocess.run(
        ["bash", "-c", command], cwd=folder, env=environment(folder), capture_output=True, text=True, timeout=60,
        check=False, **options,
    )  # fmt: skip


def test_the_console_shows_what_the_document_shows(tmp_path):
    ((command, typed),) = steps("repl")
    done = run(command, tmp_path, input="".join(re.findall(r"^In\[\d+\]: (.*\n)", typed, flags=re.MULTILINE)))

    assert (re.sub(r"^In\[.*\n", "", typed, flags=re.MULTILINE), 0) == (done.stdout, done.returncode), done.stderr


def test_commands_work_in_a_running_kernel_as_the_document_says(tmp_path):
    (start, _), *others = steps("kernel")
    (tmp_path / "report.lua").write_text("assert(arg[1] == '2012' and not answer)", encoding="utf-8")
    words = start.removesuffix(" &").split()
    with subprocess.Popen(words, cwd=tmp_path, env=environment(tmp_path), stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr.readline().startswith("Connection file:")
            for command, output in others:
                done = run(command, tmp_path)
                assert (done.stdout, done.returncode) == (output, 0), done.stderr
        finally:
            process.terminate()
            process.communicate(timeout=WAIT_S)


@pytest.mark.parametrize(("command", "output"), STEPS)
def test_a_shell_example_prints_what_it_shows(command, output, tmp_path):
    write_files(tmp_path)
    done = run(command, tmp_path)

    told = output.replace("/home/you/.local", str(tmp_path / "home/.local")).replace("/home/you", str(tmp_path))
    assert (done.stdout, done.returncode) == (told, 0), done.stderr


def test_every_file_that_the_document_names_is_there():
    named = re.findall(r"`(scripts/[\w./-]+)`|\]\(([\w./-]+)[)#]", TEXT)

    assert [] == [name for pair in named for name in pair if name and not any((ROOT / at / name).exists()
                  for at in ("", "docs"))]  # fmt: skip
