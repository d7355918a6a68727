"""Every test here runs in an empty project of its own, with a home of its own and no variables of the developer's."""

from __future__ import annotations

import os
import sys

import pytest


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch):
    """Return an empty folder that is the current one and the root of a repository; HOME lies beside it."""
    folder = tmp_path / "project"
    home = tmp_path / "home"
    (folder / ".git").mkdir(parents=True)
    home.mkdir()
    for name in [name for name in os.environ if name.startswith("LLMSPELL_") or name in {"RUST_LOG", "COLUMNS"}]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setattr(sys, "path", [*sys.path])  # folders of own tools are added to it
    monkeypatch.chdir(folder)
    return folder
