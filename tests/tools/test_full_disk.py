"""Every tool that writes, on a disk without room: a typed error that names the path, and everything as it was.

A limit on the size of files stands for the full disk: as with ENOSPC, the system takes a part and refuses the rest.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import textwrap
import zipfile

import pytest

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGXFSZ"), reason="needs a limit on file sizes")

BIG = "x,y\n" * 50_000
CALLS = {
    "copy": ("file-operations", {"operation": "copy", "source_path": "big.csv", "target_path": "old"}),
    "copy to a new file": ("file-operations", {"operation": "copy", "source_path": "big.csv", "target_path": "new"}),
    "encode": ("base64-encoder", {"operation": "encode", "input_file": "big.csv", "output_file": "old"}),
    "extract": ("archive-handler", {"operation": "extract", "path": "z.zip", "target_path": "folder"}),
    "extract to a new folder": ("archive-handler", {"operation": "extract", "path": "z.zip", "target_path": "fresh"}),
    "create": ("archive-handler", {"operation": "create", "path": "new.tar", "input": ["big.csv"]}),
    "convert in place": ("file-converter", {"operation": "line_endings", "path": "big.csv", "line_ending": "crlf"}),
    "convert": (
        "file-converter",
        {"operation": "encoding", "path": "big.csv", "to_encoding": "utf-16le", "target_path": "old"},
    ),
    "diff": ("diff-calculator", {"old_file": "big.csv", "new_file": "other.csv", "output_file": "old"}),
    "render": ("template-creator", {"input": "{% for i in range(90000) %}x{% endfor %}", "output_file": "old"}),
    "analyze": (
        "csv-analyzer",
        {"operation": "convert", "input_file": "big.csv", "options": {"format": "json"}, "output_file": "old"},
    ),
    "query": ("json-processor", {"operation": "query", "input_file": "big.json", "query": ".", "output_file": "old"}),
}
CODE = textwrap.dedent(
    """
    import json, resource, signal, sys
    from llmspell_tools.errors import LlmspellError
    from llmspell_tools.registry import ToolRegistry
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
    try:
        ToolRegistry().invoke(sys.argv[1], json.loads(sys.argv[2]))
    except LlmspellError as error:
        print(error.code, error.details["path"], error.details["error"])
    """
)


def snapshot(folder):
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


@pytest.mark.parametrize("name", CALLS)
def test_a_write_without_room_changes_nothing(tmp_path, name):
    (tmp_path / "big.csv").write_text(BIG)
    (tmp_path / "other.csv").write_text(BIG.replace("x", "z"))
    (tmp_path / "big.json").write_text(json.dumps(list(range(50_000))))
    (tmp_path / "old").write_text("old")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/a").write_text("kept")
    with zipfile.ZipFile(tmp_path / "z.zip", "w") as archive:
        archive.writestr("a", "new")
        archive.writestr("b", BIG)
    before = snapshot(tmp_path)
    tool, params = CALLS[name]
    done = subprocess.run(
        [sys.executable, "-c", CODE, tool, json.dumps(params)],
        cwd=tmp_path, capture_output=True, text=True, check=True, timeout=30,
    )  # fmt: skip

    code, path, reason = done.stdout.split()
    assert (code, reason) == ("execution_error", "EFBIG")
    assert path.split("/")[0] in ("old", "new", "new.tar", "folder", "fresh", "big.csv.backup", "big.csv")
    assert snapshot(tmp_path) == before
