"""Reads the lines behind the magics: options, a tool's name, ``key=value`` words, Python variables among them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llmspell_kernel.python.plain import to_plain
from llmspell_tools import parameters
from llmspell_tools.errors import InvalidParameters

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from llmspell_tools.definition import Tool
    from llmspell_tools.types import JsonObject, JsonValue


def split(line: str) -> list[str]:
    """Return the words of a line as a shell would.

    Raises:
        InvalidParameters: A quote is not closed.
    """
    import shlex

    try:
        return shlex.split(line)
    except ValueError as error:
        raise InvalidParameters(f"{str(error).lower()}: write '...' around a value with quotes or spaces") from None


def seconds(text: str) -> float:
    """Return a time in seconds, above 0.

    Raises:
        InvalidParameters: It is none.
    """
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise InvalidParameters(f"'{text}' is no time in seconds above 0", field="timeout")
    return value


def tool_parameters(tool: Tool, words: Sequence[str], variables: Mapping[str, Any]) -> JsonObject:
    r"""Return the parameters that ``key=value`` words give; see `llmspell_tools.parameters`.

    A value that is `$name`, and nothing else, is the Python variable of that name, as it is; `\$name` is text.

    Args:
        tool: Whose schema says what the words mean.
        words: Those behind the tool's name.
        variables: Python's.

    Raises:
        InvalidParameters: A word of another form, JSON that does not parse, no such variable or file.
    """
    texts: list[str] = []
    values: JsonObject = {}
    for word in words:
        key, equals, text = word.partition("=")
        if equals and text[:1] == "$" and text[1:].isidentifier():
            values[key.removesuffix(":")] = _variable(text[1:], variables)
        elif equals and text[:2] == "\\$":
            texts.append(f"{key}={text[1:]}")
        else:
            texts.append(word)
    read = parameters.read(None, texts, tool.parameters, tool.parameter_aliases, _read_file)
    for name in values:
        if name in read:
            raise InvalidParameters(f"'{name}' is given twice", field=name)
    return {**read, **values}


def _variable(name: str, variables: Mapping[str, Any]) -> JsonValue:
    if name not in variables:
        raise InvalidParameters(f"there is no Python variable '{name}'; write \\${name} for the text itself")
    value: JsonValue = to_plain(variables[name], name)
    return value


def _read_file(path: str, field: str | None) -> str:
    if path == "-":
        raise InvalidParameters("a notebook has no standard input; name a file or a variable ($name)", field=field)
    return parameters.text_of(path, field)
