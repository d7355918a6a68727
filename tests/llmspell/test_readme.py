"""README.md: every example does what it says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)


def console_steps():
    for block in blocks("console"):
        for step in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, output = step.partition("\n")
            if (
                "kernel install" not in command
            ):  # writes outside the test's folder: tests/llmspell/test_kernel_command.py
                yield command, output


def run(command, folder):
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    return subprocess.run(
        ["bash", "-c", command], cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.subprocess
@pytest.mark.parametrize(("command", "output"), list(console_steps()))
def test_a_shell_example_prints_what_it_shows(command, output, tmp_path):
    done = run(command, tmp_path)

    assert (output, "", 0) == (done.stdout, done.stderr, done.returncode)


@pytest.mark.subprocess
@pytest.mark.parametrize("code", blocks("lua"))
def test_a_lua_example_prints_what_its_comments_show(code, tmp_path):
    (tmp_path / "example.lua").write_text(code, encoding="utf-8")
    done = run("llmspell run example.lua", tmp_path)

    assert (re.findall(r"--> (.*)", code), 0) == (done.stdout.splitlines(), done.returncode), done.stderr


@pytest.mark.subprocess
@pytest.mark.parametrize("code", blocks("python"))
def test_a_python_example_holds(code, tmp_path):
    (tmp_path / "example.py").write_text(code, encoding="utf-8")
    done = run("python example.py", tmp_path)

    assert (done.stderr, done.returncode) == ("", 0)


def test_every_file_that_the_readme_names_is_there():
    named = re.findall(r"`(scripts/[\w./-]+)`|\]\(([\w.]+)\)", README)

    assert [] == [name for pair in named for name in pair if name and not (ROOT / name).exists()]
