"""text-manipulator: seventeen operations on a text.

The tool and its limits; the operations themselves are in `text_operations`. Lengths are in characters, the positions of
substring in bytes of UTF-8, as Lua's `string.find` gives them; a position inside a character is refused.
"""

from __future__ import annotations

from llmspell_tools.builtin.options import check_options
from llmspell_tools.builtin.sources import decoded, encoded, read_file, write_file
from llmspell_tools.builtin.utility import text_operations
from llmspell_tools.definition import ToolContext, tool
from llmspell_tools.envelope import envelope
from llmspell_tools.errors import InvalidParameters, LimitExceeded
from llmspell_tools.jsontext import dumps, loads
from llmspell_tools.returns import envelope_schema, record
from llmspell_tools.schema_values import describe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Annotated, Any, Literal

    from llmspell_tools.types import JsonObject, JsonValue

_OPTION_SCHEMA: JsonObject = {
    "additionalProperties": False,
    "properties": {
        "from": {"type": "string", "description": "replace: the text to look for (required)"},
        "to": {"type": "string", "description": "replace: what to put in its place (required)"},
        "start": {"type": "integer", "minimum": 0, "description": "substring: first byte of UTF-8, from 0 (required)"},
        "end": {"type": "integer", "minimum": 0, "description": "substring: one past the last byte (required)"},
        "delimiter": {"type": "string", "default": " ", "description": "split, join: what stands between the parts"},
        "max_length": {"type": "integer", "minimum": 0, "default": 100, "description": "truncate: with the ..."},
        "spaces": {"type": "integer", "minimum": 0, "default": 4, "description": "indent: spaces before a line"},
        "width": {"type": "integer", "minimum": 1, "default": 80, "description": "word_wrap: longest line"},
    },
}
_TAKES = {
    "replace": ("from", "to"), "substring": ("start", "end"), "split": ("delimiter",), "join": ("delimiter",),
    "truncate": ("max_length",), "indent": ("spaces",), "word_wrap": ("width",),
}  # fmt: skip
_NEEDS = {"replace": ("from", "to"), "substring": ("start", "end")}


def _returns() -> JsonObject:
    result = record(
        {"result": "string", "operation": "string", "original_length": "integer", "result_length": "integer"}
    )
    return envelope_schema({f"{name}?": result for name in _OPERATIONS}, failures={})


@tool(
    name="text-manipulator",
    category="utility",
    level="safe",
    parameter_aliases={"action": "operation", "text": "input", "content": "input"},
    annotations={"read_only": False, "destructive": False, "idempotent": True, "open_world": False},
    settings={"max_text_chars": 50_000_000},
    examples=(
        {
            "description": "Change the case",
            "params": {"operation": "uppercase", "input": "hello"},
            "result": {"success": True, "result": {"result": "HELLO", "original_length": 5, "result_length": 5}},
        },
        {
            "description": "Replace a text",
            "params": {"operation": "replace", "input": "a-b-c", "options": {"from": "-", "to": "+"}},
            "result": {"result": {"result": "a+b+c"}},
        },
        {
            "description": "Split at a delimiter; the parts come as a JSON array in a string",
            "params": {"operation": "split", "input": "a,b", "options": {"delimiter": ","}},
            "result": {"result": {"result": '["a","b"]'}},
        },
        {
            "description": "Make an identifier",
            "params": {"operation": "snake_case", "input": "HelloWorld"},
            "result": {"result": {"result": "hello_world"}},
        },
        {
            "description": "From a file into another one",
            "files": {"notes.txt": "one two three\n"},
            "params": {
                "operation": "word_wrap",
                "input_file": "{folder}/notes.txt",
                "output_file": "{folder}/narrow.txt",
                "options": {"width": 8},
            },
            "result": {"success": True, "metadata": {"file_path": "{folder}/narrow.txt", "file_size": 14}},
        },
    ),
    returns=_returns,
)
def text_manipulator(
    context: ToolContext,
    *,
    operation: Literal[
        "uppercase", "lowercase", "reverse", "trim", "replace", "substring", "split", "join", "snake_case",
        "camel_case", "pascal_case", "sanitize", "truncate", "indent", "dedent", "normalize_whitespace", "word_wrap",
    ],
    input: str | list[str] | None = None,
    options: Annotated[dict[str, JsonValue] | None, _OPTION_SCHEMA] = None,
    input_file: str | None = None,
    output_file: str | None = None,
) -> JsonObject:  # fmt: skip
    """Change a text: case, trimming, replacing, splitting, joining, wrapping, indenting, naming styles.

    Args:
        operation: What to do with the text.
        input: The text; for join the parts, as a JSON array in a string or as an array of strings.
        options: What the operation needs to know; see each option for the operation that takes it.
        input_file: Path of a file with the text instead, in UTF-8.
        output_file: Path of a file for the result, which is then not in the answer.
    """
    given = check_options(operation, options, _TAKES, _NEEDS)
    settings: Mapping[str, Any] = context.settings
    limit: int = settings["max_text_chars"]
    if input is None or input_file is not None:
        input = _text_of(context, input, input_file)
    if isinstance(input, list):
        if operation != "join":
            raise InvalidParameters(
                f"parameter 'input' is an array; operation '{operation}' needs a text, only join takes parts",
                field="input",
            )
        length = len(dumps(input))
    else:
        length = len(input)
    _check_size(length, limit)
    result = _OPERATIONS[operation](_Call(input, given, limit, context.check))
    _check_size(len(result), limit)
    if output_file is not None:
        content = encoded(result, "input")
        write_file(context, output_file, content)
        facts: JsonObject = {"file_path": output_file, "file_size": len(content), "original_length": length}
        return envelope(operation, None, f"Wrote {len(content)} bytes to {output_file}", facts)
    return envelope(
        operation,
        {"result": result, "operation": operation, "original_length": length, "result_length": len(result)},
        f"Text {operation} operation completed",
    )


def _text_of(context: ToolContext, text: str | list[str] | None, path: str | None) -> str:
    if path is None:
        raise InvalidParameters("Missing required parameter 'input' (or 'input_file')", field="input")
    if text is not None:
        raise InvalidParameters("give either 'input' (a text) or 'input_file' (a path), not both", field="input")
    return decoded(read_file(context, path, "max_text_chars"), "input_file", path)


def _check_size(chars: int, limit: int) -> None:
    if chars > limit:
        raise LimitExceeded(
            f"text of {chars} characters is over the limit of {limit}; "
            "raise [tools.text_manipulator] max_text_chars to allow it",
            details={"limit": limit, "actual": chars, "key": "[tools.text_manipulator] max_text_chars"},
        )


class _Call:
    """What an operation works on: the text (for join, perhaps the parts) and its options."""

    __slots__ = ("check", "limit", "options", "text")

    def __init__(self, text: Any, options: Mapping[str, Any], limit: int, check: Callable[[], None]) -> None:
        self.text = text
        self.options = options
        self.limit = limit
        self.check = check


def _plain(change: Callable[[str], str]) -> Callable[[_Call], str]:
    return lambda call: change(call.text)


def _replace(call: _Call) -> str:
    old, new = call.options["from"], call.options["to"]
    _check_size(len(call.text) + call.text.count(old) * (len(new) - len(old)), call.limit)
    return str(call.text.replace(old, new))


def _split(call: _Call) -> str:
    delimiter = call.options.get("delimiter", " ")
    _check_size(len(call.text) + 3 * (call.text.count(delimiter) + 1), call.limit)
    return dumps(text_operations.split(call.text, delimiter))


def _join(call: _Call) -> str:
    parts = call.text if isinstance(call.text, list) else _parts_of(call.text)
    delimiter = call.options.get("delimiter", " ")
    _check_size(sum(map(len, parts)) + max(0, len(parts) - 1) * len(delimiter), call.limit)
    return str(delimiter.join(parts))


def _parts_of(text: str) -> list[str]:
    try:
        parts = loads(text)
    except InvalidParameters as error:
        raise InvalidParameters(
            f"parameter 'input': join expects a JSON array of strings; {error.message}", field="input"
        ) from error
    if not isinstance(parts, list):
        raise InvalidParameters("parameter 'input': join expects a JSON array of strings", field="input")
    strings = [part for part in parts if isinstance(part, str)]
    if len(strings) < len(parts):
        index = next(index for index, part in enumerate(parts) if not isinstance(part, str))
        raise InvalidParameters(
            f"parameter 'input[{index}]': join expects strings, got {describe(parts[index])}", field=f"input[{index}]"
        )
    return strings


def _indent(call: _Call) -> str:
    spaces = call.options.get("spaces", 4)
    _check_size(len(call.text) + spaces * (call.text.count("\n") + 1) if call.text else 0, call.limit)
    return text_operations.indent(call.text, spaces)


_OPERATIONS: dict[str, Callable[[_Call], str]] = {
    "uppercase": _plain(str.upper),
    "lowercase": _plain(str.lower),
    "reverse": _plain(lambda text: text[::-1]),
    "trim": _plain(str.strip),
    "replace": _replace,
    "substring": lambda call: text_operations.substring(call.text, call.options["start"], call.options["end"]),
    "split": _split,
    "join": _join,
    "snake_case": _plain(text_operations.snake_case),
    "camel_case": _plain(text_operations.camel_case),
    "pascal_case": _plain(text_operations.pascal_case),
    "sanitize": _plain(text_operations.sanitize),
    "truncate": lambda call: text_operations.truncate(call.text, call.options.get("max_length", 100)),
    "indent": _indent,
    "dedent": _plain(text_operations.dedent),
    "normalize_whitespace": _plain(text_operations.normalize_whitespace),
    "word_wrap": lambda call: text_operations.word_wrap(call.text, call.options.get("width", 80), call.check),
}
