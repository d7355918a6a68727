"""A tool's schemas are shared by everybody who asks: what a script does to its copy stays in the script."""

from __future__ import annotations

import pytest

from llmspell_kernel.lua import LuaEngine
from llmspell_tools.jsontext import loads
from llmspell_tools.manifest import TOOLS
from llmspell_tools.registry import ToolRegistry

SPOIL = """
local function spoil(value)
  for key, member in pairs(value) do
    if type(member) == 'table' then spoil(member) else value[key] = 'spoilt' end
  end
  value.more = true
end
local tool = Tool.get(...)
for _, value in ipairs({ Tool.get_schema(...), Tool.get_info(...), tool.schema, Tool.get_schema(...).json_schema }) do
  spoil(value)
end
"""


@pytest.mark.parametrize("name", ["calculator", "file-operations", "csv-analyzer"])
def test_a_script_cannot_change_a_tools_schema(name):
    registry = ToolRegistry()
    tool = registry.get(name)
    engine = LuaEngine(registry, write=lambda stream, text: None)
    try:
        code = SPOIL.replace("...", f"'{name}'")
        engine.execute(code, name="@t.lua", mode="script", timeout_s=5)
    finally:
        engine.close()

    assert tool.parameters == loads(TOOLS[name]["parameters"])
    assert tool.returns == loads(TOOLS[name]["returns"])
