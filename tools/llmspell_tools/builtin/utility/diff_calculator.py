"""diff-calculator: what differs between two texts, by lines, or between two JSON values, by members.

The comparing is in `line_diff.py` and `json_diff.py`, the writing in `diff_formats.py`; this module finds the two
sides. A pair of files wins over a pair of texts or values, as in the original.
"""

from __future__ import annotations

from llmspell_tools.builtin.sources import decoded, encoded, exceeded, limit_of, read_file, write_file
from llmspell_tools.definition import ToolContext, tool
from llmspell_tools.envelope import envelope
from llmspell_tools.errors import InvalidParameters
from llmspell_tools.jsontext import dumps, loads
from llmspell_tools.returns import envelope_schema, mapping, record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

    from llmspell_tools.types import JsonObject, JsonValue

_LIMIT = "max_input_bytes"


@tool(
    name="diff-calculator",
    category="utility",
    level="safe",
    annotations={"read_only": False, "destructive": False, "idempotent": True, "open_world": False},
    settings={"max_input_bytes": 50_000_000},
    returns=envelope_schema(
        {
            "text_diff?": record(
                {
                    "type": "string",
                    "format": "string",
                    "diff": "string",
                    "stats": record(
                        {"old_lines": "integer", "new_lines": "integer", "added": "integer", "removed": "integer"}
                    ),
                }
            ),
            "json_diff?": record(
                {
                    "type": "string",
                    "diff": record(
                        {
                            "added": "object",
                            "removed": "object",
                            "modified": mapping(record({"old": "any", "new": "any"})),
                            "unchanged": ["string"],
                        }
                    ),
                    "summary": record(
                        {"added": "integer", "removed": "integer", "modified": "integer", "unchanged": "integer"}
                    ),
                    "patch?": [record({"op": "string", "path": "string", "value?": "any"})],
                }
            ),
        },
        failures={},
    ),
    examples=(
        {
            "description": "Two texts as a unified diff",
            "params": {"old_text": "one\ntwo\n", "new_text": "one\n2\n"},
            "result": {
                "operation": "text_diff",
                "result": {
                    "type": "text",
                    "format": "unified",
                    "diff": "--- old\n+++ new\n@@ -1,2 +1,2 @@\n one\n-two\n+2\n",
                    "stats": {"old_lines": 2, "new_lines": 2},
                },
            },
        },
        {
            "description": "Two JSON values, member by member",
            "params": {
                "type": "json",
                "old_json": {"name": "a", "size": {"w": 1}, "gone": True},
                "new_json": {"name": "a", "size": {"w": 2}, "more": [1]},
            },
            "result": {
                "operation": "json_diff",
                "result": {
                    "diff": {
                        "added": {"more": [1]},
                        "removed": {"gone": True},
                        "modified": {"size.w": {"old": 1, "new": 2}},
                        "unchanged": ["name"],
                    },
                    "summary": {"added": 1, "removed": 1, "modified": 1, "unchanged": 1},
                },
            },
        },
    ),
)
def diff_calculator(
    context: ToolContext,
    *,
    type: Literal["text", "json"] = "text",
    format: Literal["unified", "context", "inline", "simple", "json-patch"] = "unified",
    old_text: str | None = None,
    new_text: str | None = None,
    old_file: str | None = None,
    new_file: str | None = None,
    old_json: JsonValue = None,
    new_json: JsonValue = None,
    output_file: str | None = None,
) -> JsonObject:
    """Show what differs between two texts or files by lines, or between two JSON values by members.

    Args:
        type: text compares lines, json compares members.
        format: For text: unified and context as `patch` reads them, inline the whole text with marks, simple only
            the lines that differ. For json: json-patch adds RFC 6902 operations as `patch`.
        old_text: The text before.
        new_text: The text after.
        old_file: Path of the file before; two files are taken before texts or values.
        new_file: Path of the file after.
        old_json: The JSON value before, or its text.
        new_json: The JSON value after, or its text.
        output_file: Path of a file for the diff, which is then not in the answer.
    """
    if (old_file is None) != (new_file is None):
        missing = "old_file" if old_file is None else "new_file"
        raise InvalidParameters(f"two files are compared: '{missing}' is missing", field=missing)
    if type == "json":
        old = _value(context, "old", old_json, old_file)
        new = _value(context, "new", new_json, new_file)
        return _finish(context, "json_diff", _json_diff(old, new, format), output_file)
    if format == "json-patch":
        raise InvalidParameters("format 'json-patch' is for type 'json'", field="format")
    before = _text(context, "old", old_text, old_file)
    after = _text(context, "new", new_text, new_file)
    names = (old_file, new_file) if old_file is not None and new_file is not None else ("old", "new")
    return _finish(context, "text_diff", _text_diff(context, before, after, format, names), output_file)


def _text(context: ToolContext, side: str, text: str | None, path: str | None) -> str:
    if path is not None:
        return decoded(read_file(context, path, _LIMIT), f"{side}_file", path)
    if text is None:
        raise InvalidParameters(f"missing parameter '{side}_text' (or '{side}_file')", field=f"{side}_text")
    _check_size(context, text, f"{side}_text")
    return text


def _value(context: ToolContext, side: str, value: JsonValue, path: str | None) -> JsonValue:
    field = f"{side}_json" if path is None else f"{side}_file"
    text: str | bytes | None = None
    if path is not None:
        text = read_file(context, path, _LIMIT)
    elif isinstance(value, str):
        _check_size(context, value, field)
        text = value
    elif value is None:
        raise InvalidParameters(f"missing parameter '{field}' (or '{side}_file')", field=field)
    if text is None:
        return value
    try:
        return loads(text)
    except InvalidParameters as error:
        raise InvalidParameters(f"{field}: {error.message}", field=field, details=error.details) from None


def _check_size(context: ToolContext, text: str, field: str) -> None:
    size = len(encoded(text, field))
    if size > limit_of(context, _LIMIT):
        raise exceeded(context, _LIMIT, f"parameter '{field}' has {size} bytes")


def _text_diff(context: ToolContext, old: str, new: str, format: str, names: tuple[str, str]) -> JsonObject:
    from llmspell_tools.builtin.utility.diff_formats import FORMATS, Sides
    from llmspell_tools.builtin.utility.line_diff import edits

    sides = Sides(old, new)

    def check() -> None:
        context.check()
        context.progress(0, None, "comparing")

    found = edits(*sides.keys(), check)
    lines = [*FORMATS[format](sides, found, *names), ""]
    return {
        "type": "text",
        "format": format,
        "diff": "\n".join(lines),
        "stats": {
            "old_lines": len(sides.old),
            "new_lines": len(sides.new),
            "added": sum(j2 - j1 for _, _, j1, j2 in found),
            "removed": sum(i2 - i1 for i1, i2, _, _ in found),
        },
    }


def _json_diff(old: JsonValue, new: JsonValue, format: str) -> JsonObject:
    from llmspell_tools.builtin.utility.json_diff import difference, patch

    try:
        diff = difference(old, new)
        summary: JsonObject = {name: len(part) for name, part in diff.items() if isinstance(part, (dict, list))}
        result: JsonObject = {"type": "json", "diff": diff, "summary": summary}
        if format == "json-patch":
            result["patch"] = patch(old, new)
    except RecursionError:
        raise InvalidParameters("the values are nested too deeply to compare", field="old_json") from None
    return result


def _finish(context: ToolContext, operation: str, result: JsonObject, path: str | None) -> JsonObject:
    if path is None:
        return envelope(operation, result)
    text = result["diff"] if operation == "text_diff" else dumps(result.get("patch", result["diff"]), 2) + "\n"
    content = encoded(str(text), "input")
    write_file(context, path, content)
    message = f"Wrote {len(content)} bytes to {path}"
    return envelope(operation, None, message, {"file_path": path, "file_size": len(content)})
