"""The Python API: the same tools, the same chain, the same policy.

    import llmspell

    llmspell.invoke("calculator", input="2 + 2").output["result"]["result"]     # 4.0
    result = await llmspell.ainvoke("hash-calculator", timeout=5, operation="hash", input="hello")
    llmspell.tools.calculator(input="2 + 2")                                    # the same, with completion and help
    for tool in llmspell.tools("utility"):
        print(tool.name, tool.parameters)                                       # JSON Schema 2020-12

    @llmspell.tool(name="greeter")
    def greeter(*, name: str) -> str:
        "Greet somebody.
        ..."
    llmspell.registry().register(greeter)

The configuration files and `LLMSPELL_*` variables of the command line count here as well. Imports no zmq, no lupa and
no click.
"""

from __future__ import annotations

from _thread import allocate_lock
from typing import TYPE_CHECKING

from llmspell import assembly
from llmspell.options import Options
from llmspell_tools.definition import tool
from llmspell_tools.toolbox import Toolbox

if TYPE_CHECKING:
    from llmspell_tools.definition import ToolResult
    from llmspell_tools.registry import ToolRegistry
    from llmspell_tools.types import JsonInput

__all__ = ["ainvoke", "invoke", "registry", "tool", "tools"]

_lock = allocate_lock()
_registry: ToolRegistry | None = None


def registry() -> ToolRegistry:
    """Return the registry that `invoke`, `ainvoke` and `tools` use; made when first asked for, safe from any thread.

    Raises:
        ConfigurationError: A configuration file is wrong.
    """
    global _registry  # noqa: PLW0603 - one registry a process, as one configuration
    with _lock:
        if _registry is None:
            _registry = assembly.registry(Options())
        return _registry


def invoke(name: str, /, *, timeout: float | None = None, **params: JsonInput) -> ToolResult:
    """Call a tool and wait for what it gives.

    Args:
        name: Any name of the tool, `hash-calculator` or `hash_calculator`.
        timeout: Seconds until `ToolTimeout`.
        **params: The tool's parameters, checked against its schema. A tool's own parameter `timeout` is passed by
            `registry().invoke(name, {"timeout": ...})`.

    Returns:
        `output` (the envelope or value), `text` (for people), `media` and `metadata`.

    Raises:
        LlmspellError: By class, whoever is wrong; see `llmspell_tools.errors`.
    """
    return registry().invoke(name, params, timeout_s=timeout)


async def ainvoke(name: str, /, *, timeout: float | None = None, **params: JsonInput) -> ToolResult:
    """Call a tool from asyncio; cancelling the awaitable cancels the tool, and a blocking tool blocks no loop.

    Args, result and errors are those of `invoke`.
    """
    return await registry().ainvoke(name, params, timeout_s=timeout)


#: Every tool by name: `tools.calculator(input="2 + 2")`, `tools["hash-calculator"]`, `tools("utility")`.
tools = Toolbox(registry)
