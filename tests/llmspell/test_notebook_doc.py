"""docs/kernel.md, "From a Python notebook": its cells show what their comments say, in one shell."""

from __future__ import annotations

import atexit
import re
from pathlib import Path

import pytest

pytest.importorskip("IPython")
TEXT = (Path(__file__).resolve().parents[2] / "docs/kernel.md").read_text(encoding="utf-8")
SECTION = TEXT.partition("\n## From a Python notebook\n")[2].partition("\n## ")[0]
CELLS = re.findall(r"^```python\n(.*?)^```", SECTION, flags=re.MULTILINE | re.DOTALL)


def test_the_cells_show_what_their_comments_say(tmp_path, monkeypatch, capsys):
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setattr("llmspell.api._registry", None)
    config = Config()
    config.HistoryManager.enabled = False
    config.InteractiveShell.colors = "nocolor"
    shell = InteractiveShell.instance(config=config)
    try:
        for cell in CELLS:
            wanted = re.findall(r"# --> (.*)$", cell, flags=re.MULTILINE)
            result = shell.run_cell(re.sub(r" *# --> .*$", "", cell, flags=re.MULTILINE).rstrip() + "\n")
            shown = re.sub(r"^Out\[\d+\]: ?\n?", "", capsys.readouterr().out, flags=re.MULTILINE)

            assert result.success
            assert shown.strip().splitlines() == wanted
        shell.run_line_magic("unload_ext", "llmspell")
    finally:
        shell.atexit_operations()
        atexit.unregister(shell.atexit_operations)
        InteractiveShell.clear_instance()
    assert len(CELLS) > 3
