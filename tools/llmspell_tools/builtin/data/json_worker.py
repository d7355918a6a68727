"""The part of json-processor that runs in an isolated child: jq and JMESPath programs, schema checks, all parsing.

Called by `isolated_worker.py` with the text as bytes, so that neither a hostile program nor a huge text holds the
parent's interpreter lock. jq is the real one (the `jq` wheel binds libjq) and writes its answers itself, as JSON text:
so a number that a program only moves keeps its digits, as in jq 1.7 and later; one that is computed with is a double.
Results come back as JSON text, one answer as it is, several as an array or as lines.
"""

from __future__ import annotations

import os
import re
import sys

from llmspell_tools.builtin.documents import parse_document, parse_documents, render_document, render_documents
from llmspell_tools.errors import InvalidParameters, LimitExceeded, ToolExecutionError
from llmspell_tools.jsontext import dumps, loads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from llmspell_tools.types import JsonObject, JsonValue

_programs: dict[str, Any] = {}
_REMEMBERED = 64
#: For values as deep as they are parsed (about 1,000); the library's generators take C stack as well, so no more.
_RECURSION_LIMIT = 8_000
#: Around a program: parentheses end what it defines, two line ends a comment, also one whose last sign is a backslash.
#: The second is for what begins with `module`, which stands nowhere but at the beginning.
_AS_TEXT = ("({}\n\n)\n| tojson", "{}\n\n| tojson")
#: An answer with no more brackets than this is not nested too deeply.
_FLAT = 500
#: Texts, and numbers that may be too large for a double: jq writes those as they came.
_LARGE_NUMBERS = re.compile(r'"(?:[^"\\]|\\.)*"|-?[0-9.]+E\+[0-9]{3,}')


def run(args: Any, data: bytes) -> tuple[JsonValue, bytes]:
    """Serve one call: ``args["do"]`` is query, lines, validate or render; see those functions."""
    try:
        do = {"query": query, "lines": lines, "validate": validate, "render": render}[args["do"]]
        return do(args, data)
    except RecursionError:
        raise LimitExceeded("the value or the program is nested too deeply, or a schema never ends") from None


def query(args: Any, data: bytes) -> tuple[JsonObject, bytes]:
    """Run the program ``args["program"]`` on one document of ``args["format"]`` (JSON if there is none).

    Returns:
        ``{count}`` and the JSON of the answer: the value if there is one, an array of them if not.
    """
    results = _Results(args["max_output_bytes"])
    _runner(args)(*_document(args, data), results, 0)
    parts = results.parts
    answer = parts[0] if len(parts) == 1 else "[" + ",".join(parts) + "]"
    return {"count": len(parts)}, answer.encode("utf-8", "surrogatepass")


def lines(args: Any, data: bytes) -> tuple[JsonObject, bytes]:
    """Run the program on each line of JSON text, empty lines are skipped; or on each document of a YAML stream.

    Returns:
        ``{count, lines}`` and the results, one to a line; ``args["line"]`` is the number of the first input line.
    """
    run_on = _runner(args)
    results = _Results(args["max_output_bytes"])
    number = args["line"] - 1
    if args.get("format") == "yaml":
        for value in parse_documents(data, "input"):
            run_on(dumps(value), value, results, 0)
    else:
        for number, line in enumerate(_decode(data).split("\n"), args["line"]):
            if line.strip():
                run_on(line, _parse(line, number), results, number)
    text = "".join(part + "\n" for part in results.parts)
    return {"count": len(results.parts), "lines": number}, text.encode("utf-8", "surrogatepass")


def render(args: Any, data: bytes) -> tuple[JsonObject, bytes]:
    """Write the JSON in ``data`` as a document of ``args["format"]``; JSON lines become a YAML stream."""
    text = data.decode("utf-8", "surrogatepass")
    if args.get("of_lines"):
        return {}, _encode(render_documents([loads(line) for line in text.split("\n") if line]))
    return {}, _encode(render_document(loads(text), args["format"]))


def _encode(text: str) -> bytes:
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:
        raise InvalidParameters("the answer has a lone surrogate, which only JSON can write") from None


def _document(args: Any, data: bytes) -> tuple[str, JsonValue]:
    """Return one document as JSON text and as a value."""
    kind = args.get("format", "json")
    if kind == "json":
        text = _decode(data)
        return text, _parse(text, 0)
    value = parse_document(data, kind, "input")
    return dumps(value), value


def _runner(args: Any) -> Callable[[str, JsonValue, _Results, int], None]:
    """Return what runs the call's program on one text, which is also given as a value."""
    if args.get("language") == "jmespath":
        return _jmespath(args["program"])
    program = _compiled(args["program"])
    return lambda text, _value, results, line: _collect(program, text, results, line)


def _jmespath(program: str) -> Callable[[str, JsonValue, _Results, int], None]:
    import jmespath
    from jmespath.exceptions import JMESPathError, ParseError

    try:
        compiled = jmespath.compile(program)
    except ParseError as error:
        position = int(error.lex_position)
        raise InvalidParameters(
            f"JMESPath expression: {str(error).splitlines()[0]} (column {position + 1})",
            field="query",
            details={"column": position + 1},
        ) from None
    except (JMESPathError, ValueError) as error:
        raise InvalidParameters(f"JMESPath expression: {error}", field="query") from None

    def run_on(_text: str, value: JsonValue, results: _Results, line: int) -> None:
        try:
            results.add(dumps(compiled.search(value)))
        except (JMESPathError, TypeError, ValueError, ArithmeticError) as error:
            where = f" in line {line}" if line else ""
            raise ToolExecutionError(
                f"JMESPath expression failed{where}: {error}", details={"line": line} if line else None
            ) from None

    return run_on


def validate(args: Any, data: bytes) -> tuple[JsonObject, bytes]:
    """Check one JSON text against ``args["schema"]``; return ``{is_valid, errors, errors_truncated?}``."""
    from llmspell_tools.builtin.data import json_schema

    value = _document(args, data)[1]
    usual = sys.getrecursionlimit()
    sys.setrecursionlimit(_RECURSION_LIMIT)
    try:
        errors = json_schema.errors(args["schema"], value, args["max_errors"] + 1)
    finally:
        sys.setrecursionlimit(usual)
    result: JsonObject = {"is_valid": not errors, "errors": [*errors[: args["max_errors"]]]}
    if len(errors) > args["max_errors"]:
        result["errors_truncated"] = True
    return result, b""


class _Results:
    """The answers so far, as JSON text, under the output limit."""

    __slots__ = ("_left", "parts")

    def __init__(self, max_bytes: int) -> None:
        self.parts: list[str] = []
        self._left = max_bytes

    def add(self, text: str) -> None:
        """Add an answer, which is JSON text."""
        self._left -= len(text) + 1
        if self._left < 0:
            key = "[tools.json_processor] max_output_bytes"
            raise LimitExceeded(f"the program made too much output ({key})", details={"key": key})
        self.parts.append(text)


def _decode(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidParameters(
            f"input is not UTF-8: byte {error.start} is 0x{data[error.start]:02x}",
            field="input",
            details={"position": error.start},
        ) from None


def _parse(text: str, line: int) -> JsonValue:
    """Parse strictly (jq itself takes NaN and several values); `line` is 0 or the number in a stream."""
    try:
        return loads(text)
    except InvalidParameters as error:
        where = f" in line {line}" if line else ""
        details = {**error.details, **({"line": line} if line else {})}
        raise InvalidParameters(f"input{where}: {error.message}", field="input", details=details) from None


def _compiled(program: str) -> Any:
    compiled = _programs.get(program)
    if compiled is None:
        import jq

        os.environ["HOME"] = "/nonexistent"  # else libjq finds the home by itself and runs its .jq first
        try:
            jq.compile(program)  # by itself: half a program may be a whole one with what is put around it
        except ValueError as error:
            raise _syntax_error(str(error)) from None
        compiled = _with_texts(program)
        if len(_programs) >= _REMEMBERED:
            _programs.clear()
        _programs[program] = compiled
    return compiled


def _with_texts(program: str) -> Any:
    """Return a program that compiles, made to write its answers as JSON texts."""
    import jq

    usual, with_module = (around.replace("{}", program, 1) for around in _AS_TEXT)
    try:
        return jq.compile(usual)
    except ValueError:
        return jq.compile(with_module)


def _syntax_error(message: str) -> InvalidParameters:
    """From `jq: error: WHAT at <top-level>, line 1, column 4:` and lines that show the place."""
    first = message.removeprefix("jq: error: ").split("\n")[0].rstrip(":")
    what, _, place = first.partition(" at <")
    details: JsonObject = {"jq": message}
    for name, value in (part.strip().split(" ", 1) for part in place.split(",")[1:] if " " in part.strip()):
        if value.isdigit():
            details[name] = int(value)
    where = f" (line {details['line']} column {details['column']})" if "column" in details else ""
    return InvalidParameters(f"jq program: {what}{where}", field="query", details=details)


def _collect(program: Any, text: str, results: _Results, line: int) -> None:
    try:
        for answer in program.input_text(text):
            if answer.count("[") + answer.count("{") > _FLAT:
                loads(answer)  # jq goes ten times as deep as anybody who reads the answer
            results.add(_LARGE_NUMBERS.sub(_as_double, answer) if "E+" in answer else answer)
    except ValueError as error:
        where = f" in line {line}" if line else ""
        message = str(error)
        if message.startswith("parse error: "):
            raise InvalidParameters(f"input{where}: {message[13:]}", field="input") from None
        raise ToolExecutionError(
            f"jq program failed{where}: {message}", details={"line": line} if line else None
        ) from None


def _as_double(match: re.Match[str]) -> str:
    """Return a number that is none in Python as jq's largest, as jq shows it after any computation."""
    text = match[0]
    if text.startswith('"') or abs(float(text)) != float("inf"):
        return text
    return f"{'-' * text.startswith('-')}{sys.float_info.max!r}"
