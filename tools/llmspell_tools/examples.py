"""A tool's own examples, run for real: what `tool test` and the `test` message do.

An example is ``{description, params, result}``; `result` is the part of the output that must come back. ``{folder}`` in
any text of it stands for a temporary folder that the examples of one tool share and that is removed afterwards, so
that an example may write and nothing of the person's is touched. ``files``, by name the text of each, are put there
before an example runs. An example that needs a library which is not installed is skipped, not failed.
"""

from __future__ import annotations

from time import perf_counter

from llmspell_tools.errors import LlmspellError, ToolUnavailable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from llmspell_tools.definition import Tool
    from llmspell_tools.registry import ToolRegistry
    from llmspell_tools.types import JsonObject, JsonValue

TIMEOUT_S = 10.0
_FOLDER = "{folder}"
_SHORT = ("description", "passed", "skipped", "output", "error")


def run_examples(registry: ToolRegistry, tool: Tool) -> list[JsonObject]:
    """Run the examples of a tool in their order.

    Returns:
        For each ``{description, passed, output}``, or ``{description, passed: false, error}``, with ``skipped: true``
        where a library is missing.
    """
    return [{key: each[key] for key in _SHORT if key in each} for each in each_example(registry, tool)]


def each_example(registry: ToolRegistry, tool: Tool) -> Iterator[JsonObject]:
    """Run the examples of a tool in their order, one each time the next is asked for.

    Yields:
        ``{description, params, passed, duration_ms, output}``, with what was `expected` where that did not come; or
        ``{description, params, passed: false, duration_ms, error}``, with ``skipped: true`` where a library is
        missing.
    """
    import tempfile  # `tool info` shows examples on the lean path and runs none

    with tempfile.TemporaryDirectory(prefix="llmspell-examples-") as folder:
        for example in tool.examples:
            yield _run(registry, tool, _prepared(example, folder))


def shown(example: JsonObject) -> JsonObject:
    """Return an example as a person would write it: relative to the current folder."""
    return _replaced(example, _FOLDER + "/", "")


def contains(whole: JsonValue, part: JsonValue) -> bool:
    """Tell whether `part` is in `whole`: objects by their named members, everything else by equality."""
    if isinstance(part, dict):
        return isinstance(whole, dict) and all(key in whole and contains(whole[key], part[key]) for key in part)
    if isinstance(part, list):
        return (
            isinstance(whole, list)
            and len(whole) == len(part)
            and all(contains(one, other) for one, other in zip(whole, part, strict=True))
        )
    return whole == part


def _run(registry: ToolRegistry, tool: Tool, example: JsonObject) -> JsonObject:
    params = example.get("params")
    outcome: JsonObject = {"description": example.get("description", ""), "params": params, "passed": False}
    begin = perf_counter()
    try:
        output = registry.invoke(tool.name, params if isinstance(params, dict) else {}, timeout_s=TIMEOUT_S).output
    except LlmspellError as error:
        outcome["error"] = error.as_json()
        if isinstance(error, ToolUnavailable):
            outcome["skipped"] = True
    else:
        outcome["output"] = output
        outcome["passed"] = passed = "result" not in example or contains(output, example["result"])
        if not passed:
            outcome["expected"] = example["result"]
    outcome["duration_ms"] = (perf_counter() - begin) * 1000
    return outcome


def _prepared(example: JsonObject, folder: str) -> JsonObject:
    import os

    given = example.get("files")
    for name, text in given.items() if isinstance(given, dict) else ():
        path = os.path.join(folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8", newline="") as file:
            file.write(str(text))
    return _placed(example, folder)


def _placed(example: JsonObject, folder: str) -> JsonObject:
    return _replaced(example, _FOLDER, folder)


def _replaced(value: JsonObject, old: str, new: str) -> JsonObject:
    return {key: _replace(member, old, new) for key, member in value.items()}


def _replace(value: JsonValue, old: str, new: str) -> JsonValue:
    if isinstance(value, str):
        return value.replace(old, new)
    if isinstance(value, list):
        return [_replace(member, old, new) for member in value]
    if isinstance(value, dict):
        return _replaced(value, old, new)
    return value
