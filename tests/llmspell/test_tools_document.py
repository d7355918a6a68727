"""docs/tools.md is what `scripts/docs` makes of the tools' definitions, and what it says can be typed."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from llmspell_kernel.lua import LuaEngine
from llmspell_tools.errors import EXIT_STATUS
from llmspell_tools.examples import shown
from llmspell_tools.registry import ToolRegistry

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "tools.md").read_text(encoding="utf-8")
TOOLS = ToolRegistry().list()


def section(name):
    """Return what the document says of one tool."""
    return TEXT.partition(f"\n### {name}\n")[2].partition("\n### ")[0]


@pytest.mark.subprocess
def test_the_document_is_up_to_date():
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "docs"), "--check"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)
def test_every_parameter_and_every_option_has_a_row(tool):
    def names(schema, before=""):
        for name, own in schema.get("properties", {}).items():
            yield before + name
            yield from names(own, f"{before}{name}.")

    assert [f"| `{name}` |" for name in names(tool.parameters) if f"\n| `{name}` |" not in section(tool.name)] == []


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)
def test_the_example_is_the_tool_s_own_from_the_shell_and_from_lua(tool):
    params = shown(tool.examples[0])["params"]
    shell = shlex.split(re.search(r"```sh\n(.*?)\n```", section(tool.name), re.DOTALL).group(1))
    line = re.search(r"```lua\nlocal answer = Tool.execute\((.*)\)\n```", section(tool.name)).group(1)
    engine = LuaEngine(ToolRegistry(), write=lambda *_: None)
    try:
        name, given = engine.execute(f"return {line}", name="@example", mode="script").values
    finally:
        engine.close()

    assert shell[:4] == ["llmspell", "tool", "invoke", tool.name]
    assert json.loads(shell[5]) == params
    assert (name, given or {}) == (tool.name, params)


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)
def test_the_errors_are_codes_of_the_one_table(tool):
    codes = re.findall(r"`(\w+)`", re.search(r"^Errors: (.*)\.$", section(tool.name), re.MULTILINE).group(1))

    assert "validation_error" in codes
    assert set(codes) <= set(EXIT_STATUS)


@pytest.mark.parametrize(
    ("name", "code"),
    [("file-operations", "permission_denied"), ("json-processor", "timeout"), ("calculator", "limit_exceeded"),
     ("graph-builder", "unavailable"), ("process-executor", "permission_denied"), ("url-analyzer", "timeout")],
)  # fmt: skip
def test_the_errors_that_tools_are_known_to_give_are_named(name, code):
    assert f"`{code}`" in re.search(r"^Errors: (.*)$", section(name), re.MULTILINE).group(1)


def test_every_tool_says_what_it_gives():
    for tool in TOOLS:
        assert re.search(r"^(Gives `|Gives \w|`result` in the envelope:\n\n- )", section(tool.name), re.MULTILINE), (
            tool.name
        )
