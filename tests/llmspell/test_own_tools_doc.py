"""docs/own-tools.md: every example does what it says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs/own-tools.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+) ?([^\n]*)\n(.*?)^```", TEXT, flags=re.MULTILINE | re.DOTALL)


def steps():
    for language, title, block in BLOCKS:
        for step in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:] if language == "console" else ():
            command, _, shown = step.partition("\n")
            yield title == "home", command, shown


def run(command, folder, home):
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "-c", command], cwd=folder, env={**os.environ, "PATH": path, "HOME": str(home)},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    """Return a folder with the files that the document shows."""
    for _, title, block in BLOCKS:
        if title.startswith("file="):
            file = tmp_path / title.removeprefix("file=")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(block, encoding="utf-8")
    return tmp_path


@pytest.mark.subprocess
@pytest.mark.parametrize(("needs_home", "command", "shown"), list(steps()))
def test_a_shell_example_prints_what_it_shows(needs_home, command, shown, folder):
    done = run(command, folder, folder / ("home" if needs_home else "no-home"))

    assert (done.stdout, done.stderr, done.returncode) == (shown, "", 0)


@pytest.mark.subprocess
def test_the_lua_example_prints_what_its_comments_show(folder):
    (code,) = [block for language, _, block in BLOCKS if language == "lua"]
    (folder / "example.lua").write_text(code, encoding="utf-8")
    done = run("llmspell run example.lua", folder, folder / "no-home")

    assert done.stderr == ""
    assert done.stdout.splitlines() == re.findall(r"^--> (.*)$", code, flags=re.MULTILINE)
