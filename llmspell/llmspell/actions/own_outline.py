"""What the user's own tools are called and take, read from the text of their files: nothing is imported or run.

For shell completion: a TAB must not run code that the person has not run yet. What a file does not say in so many
words (a name that is computed) is left out. Entry points give their names only.
"""

from __future__ import annotations

import ast
import os
from typing import TYPE_CHECKING

from llmspell_tools.definition import Tool
from llmspell_tools.plugins import entry_points, tool_files

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from llmspell_tools.types import JsonObject, JsonValue

#: A longer file is no tool that anybody wrote.
_MAX_BYTES = 1_000_000


def outlines(folders: Sequence[str]) -> list[Tool]:
    """Return the tools that entry points and the files of these folders seem to define."""
    found = [Tool(name=name, category="custom", description="", parameters={}) for name, _ in entry_points()]
    for folder in folders:
        for file in _files(folder):
            found.extend(_read(file))
    return found


def _files(folder: str) -> Iterator[str]:
    try:
        names = tool_files(os.listdir(folder))
    except OSError:
        return
    for name in names:
        yield f"{folder}/{name}"


def _read(file: str) -> Iterator[Tool]:
    try:
        with open(file, "rb") as stream:
            tree = ast.parse(stream.read(_MAX_BYTES))
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            for decorator in node.decorator_list:
                name = _text(decorator, "name") if isinstance(decorator, ast.Call) else None
                if isinstance(decorator, ast.Call) and name is not None and _called(decorator) == "tool":
                    yield Tool(
                        name=name.replace("_", "-").lower(),
                        category=_text(decorator, "category") or "custom",
                        description=(ast.get_docstring(node) or "").partition("\n")[0],
                        parameters=_parameters(node),
                    )


def _called(call: ast.Call) -> str:
    if isinstance(call.func, ast.Name):
        return call.func.id
    return call.func.attr if isinstance(call.func, ast.Attribute) else ""


def _text(call: ast.expr, keyword: str) -> str | None:
    for each in call.keywords if isinstance(call, ast.Call) else ():
        if each.arg == keyword and isinstance(each.value, ast.Constant) and isinstance(each.value.value, str):
            return each.value.value
    return None


def _parameters(function: ast.FunctionDef) -> JsonObject:
    arguments = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
    if arguments and arguments[0].arg == "context":
        del arguments[0]
    properties: dict[str, JsonValue] = {each.arg: _schema(each.annotation) for each in arguments}
    return {"type": "object", "properties": properties}


def _schema(annotation: ast.expr | None) -> JsonObject:
    """Return what completion can use of a type: bool, dict, and the values of a Literal."""
    for node in ast.walk(annotation) if annotation is not None else ():
        if isinstance(node, ast.Subscript) and ast.unparse(node.value).endswith("Literal"):
            values = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
            found: list[JsonValue] = [
                each.value for each in values if isinstance(each, ast.Constant) and isinstance(each.value, (str, int))
            ]
            return {"enum": found}
        if isinstance(node, ast.Name) and node.id in {"bool", "dict"}:
            return {"type": "boolean" if node.id == "bool" else "object"}
    return {}
