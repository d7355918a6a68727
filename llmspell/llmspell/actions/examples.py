"""``tool test``: run the examples that a tool declares and compare what comes back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmspell import assembly, output
from llmspell_tools.errors import LlmspellError

if TYPE_CHECKING:
    from llmspell.options import Options
    from llmspell_tools.definition import Tool
    from llmspell_tools.registry import ToolRegistry
    from llmspell_tools.types import JsonObject, JsonValue


def run_examples(options: Options, name: str, *, verbose: bool = False, format: str | None = None) -> int:
    """Run every example of a tool; 0 where all give what they promise, else 1."""
    registry = assembly.registry(options)
    tool = registry.get(name)
    style = options.format(format)
    results = [_run(registry, tool, example) for example in tool.examples]
    failed = [entry for entry in results if not entry["passed"]]
    if style != "text":
        rows: list[JsonValue] = [*results]
        output.json({"tool": tool.name, "passed": not failed, "examples": rows}, style)
    elif not results:
        output.line(f"? Tool '{tool.name}' declares no examples")
    else:
        for entry in results if verbose else failed:
            output.line(f"  {'ok' if entry['passed'] else 'FAILED'}: {entry['description']}")
            output.line(f"      {output.compact(entry['output'])}")
        reason = f" failed: {len(failed)} of {len(results)} examples" if failed else " successful"
        output.line(f"{'✗' if failed else '✓'} Tool '{tool.name}' test{reason}")
    return 1 if failed else 0


def _run(registry: ToolRegistry, tool: Tool, example: JsonObject) -> JsonObject:
    params = example.get("params")
    value: JsonValue
    try:
        value = registry.invoke(tool.name, params if isinstance(params, dict) else {}).output
        passed = "result" not in example or contains(value, example["result"])
    except LlmspellError as error:
        failed: JsonObject = {}
        failed["error"] = error.as_json()
        value, passed = failed, False
    return {"description": example.get("description", ""), "passed": passed, "output": value}


def contains(value: JsonValue, part: JsonValue) -> bool:
    """Tell whether `value` has everything that `part` has: objects by their keys, anything else by equality."""
    if isinstance(part, dict):
        return isinstance(value, dict) and all(key in value and contains(value[key], part[key]) for key in part)
    if isinstance(part, list):
        return (
            isinstance(value, list)
            and len(value) == len(part)
            and all(contains(one, other) for one, other in zip(value, part, strict=True))
        )
    return value == part
