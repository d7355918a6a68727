"""scripts/: they say plainly what is missing, and work from any folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.subprocess


@pytest.fixture
def clone(tmp_path):
    """A clone's scripts with no environment made yet."""
    shutil.copytree(ROOT / "scripts", tmp_path / "clone" / "scripts")
    shutil.copy(ROOT / "pyproject.toml", tmp_path / "clone")
    return tmp_path / "clone"


def run(script, python, cwd):
    return subprocess.run(
        [script], cwd=cwd, env={**os.environ, "LLMSPELL_PYTHON": str(python)},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def fake_python(folder, body):
    """An executable that stands for another Python."""
    path = folder / "fake-python"
    path.write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize("script", ["quickstart", "test", "check", "bench"])
def test_a_missing_python_is_said(clone, tmp_path, script):
    done = run(clone / "scripts" / script, tmp_path / "no-python", tmp_path)

    assert done.returncode == 1
    assert "was not found" in done.stderr


def test_an_old_python_is_said(clone, tmp_path):
    old = fake_python(tmp_path, 'case "$1" in --version) echo Python 3.9.2;; *) exit 1;; esac')
    done = run(clone / "scripts" / "quickstart", old, tmp_path)

    assert done.returncode == 1
    assert "Python 3.9.2 is older" in done.stderr


def test_a_python_without_venv_is_said(clone, tmp_path):
    bare = fake_python(tmp_path, f'case "$2" in *ensurepip*) exit 1;; *) exec {sys.executable} "$@";; esac')
    done = run(clone / "scripts" / "quickstart", bare, tmp_path)

    assert done.returncode == 1
    assert "python3-venv" in done.stderr


def test_quickstart_runs_the_main_job_from_any_folder(tmp_path):
    """The environment and the report are the repository's, wherever the caller stands."""
    stamps = [ROOT / ".venv" / ".installed-base", ROOT / ".venv" / ".installed-dev"]
    if not any(
        stamp.exists() and stamp.stat().st_mtime > (ROOT / "pyproject.toml").stat().st_mtime for stamp in stamps
    ):
        pytest.skip("the environment was not made by scripts/test, so quickstart would install")
    done = run(ROOT / "scripts" / "quickstart", sys.executable, tmp_path)

    assert (done.returncode, done.stderr) == (0, "")
    assert "2015-12" in done.stdout
    assert "48 months" in done.stdout
