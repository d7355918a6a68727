"""json-processor: jq programs over JSON, JSON Schema validation, and jq over JSON lines.

This module finds the input, hands it to a warm isolated child (`json_worker.py`, by `isolated.py`) and puts the answer
where it belongs. Parsing, jq and schema checks all happen in the child: a program that loops, crashes or needs too
much memory is ended there, and no other thread here waits for it. JSON lines pass through in blocks, so a file may be
of any size.
"""

from __future__ import annotations

from llmspell_tools.builtin.data.jq_guard import refuse_unavailable
from llmspell_tools.definition import ToolContext, ToolResult, tool
from llmspell_tools.envelope import envelope
from llmspell_tools.errors import InvalidParameters, LimitExceeded
from llmspell_tools.isolated import Limits, WorkerPool
from llmspell_tools.jsontext import dumps, loads
from llmspell_tools.media import table
from llmspell_tools.returns import envelope_schema, record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any, Literal

    from llmspell_tools.types import JsonObject, JsonValue

_workers = WorkerPool("llmspell_tools.builtin.data.json_worker:run")
_BLOCK_BYTES = 4 << 20

_MESSAGES = {
    "query": "JSON query executed successfully",
    "validate": "JSON validation completed",
    "stream": "JSON stream processing completed",
}
_ERROR = record({"path": "string", "message": "string", "keyword": "string"})


@tool(
    name="json-processor",
    category="data",
    level="safe",
    parameter_aliases={"action": "operation"},
    requires={"query": ("query",), "transform": ("query",), "jq": ("query",), "validate": ("schema",)},
    annotations={"read_only": False, "destructive": False, "idempotent": True, "open_world": False},
    settings={
        "timeout_s": 30,
        "max_input_bytes": 100_000_000,
        "max_output_bytes": 50_000_000,
        "max_memory_bytes": 1 << 30,
        "max_errors": 1000,
    },
    examples=(
        {
            "description": "Pick a field; one answer is the value itself",
            "params": {"input": {"user": {"name": "Ada"}}, "query": ".user.name"},
            "result": {"operation": "query", "success": True, "result": "Ada"},
        },
        {
            "description": "Several answers are an array; the input may be JSON text",
            "params": {"operation": "query", "input": "[1, 2, 3]", "query": ".[] | . * 2"},
            "result": {"result": [2, 4, 6]},
        },
        {
            "description": "Check against a JSON Schema",
            "params": {
                "operation": "validate",
                "input": {"age": -1},
                "schema": {"type": "object", "properties": {"age": {"type": "integer", "minimum": 0}}},
            },
            "result": {
                "operation": "validate",
                "result": {
                    "is_valid": False,
                    "errors": [{"path": "/age", "message": "-1 is less than the minimum of 0", "keyword": "minimum"}],
                },
            },
        },
        {
            "description": "Run a program over JSON lines",
            "params": {"operation": "stream", "input": '{"a": 1}\n{"a": 2}', "query": ".a"},
            "result": {"operation": "stream", "result": [1, 2]},
        },
    ),
    returns=envelope_schema(
        {  # without a result where it went to output_file
            "query?": "any",
            "validate?": record({"is_valid": "boolean", "errors": [_ERROR]}),
            "stream?": ["any"],
        },
        {"metadata?": record({"file_path": "string", "file_size": "integer"})},
        failures={},
    ),
)
def json_processor(
    context: ToolContext,
    *,
    operation: Literal["query", "transform", "jq", "validate", "stream"] = "query",
    input: JsonValue = None,
    input_file: str | None = None,
    output_file: str | None = None,
    query: str | None = None,
    schema: JsonValue = None,
) -> ToolResult:
    """Query and transform JSON with jq, validate it against a JSON Schema, and process JSON lines.

    Args:
        operation: query runs a jq program (transform and jq mean the same), validate checks against `schema`, stream
            runs a jq program on each line.
        input: The JSON value, or its text; for stream the lines as one text.
        input_file: Path of a file to read instead; stream reads it in blocks.
        output_file: Path of a file for the result: JSON, for stream one line for each answer. It appears whole or not
            at all.
        query: The jq program; for stream "." by default.
        schema: The JSON Schema (Draft 7 or 2020-12), or its text.
    """
    operation_name = "query" if operation in ("transform", "jq") else operation
    call = _Call(context, operation_name, input, input_file)
    if operation_name == "validate":
        return _finish(call, output_file, call.validate(schema))
    program = "." if query is None and operation_name == "stream" else query
    if program is None:
        raise InvalidParameters(f"operation '{operation}' needs parameter 'query', a jq program", field="query")
    refuse_unavailable(program)
    if operation_name == "query":
        return _finish(call, output_file, call.query(program))
    if output_file is not None:
        return _stream_to_file(call, output_file, program)
    return _finish(call, None, loads("[" + ",".join(call.answer_lines(program)) + "]"))


class _Call:
    """One call: where its input is, and the child's work on it."""

    __slots__ = ("_input", "_path", "_settings", "context", "operation")

    def __init__(self, context: ToolContext, operation: str, input: JsonValue, path: str | None) -> None:
        if (input is None) == (path is None):
            what = "either 'input' or 'input_file'" + (", not both" if path is not None else "")
            raise InvalidParameters(f"operation '{operation}' needs {what}", field="input")
        self.context = context
        self.operation = operation
        self._input = input
        self._path = path
        self._settings: Mapping[str, Any] = context.settings

    def query(self, program: str) -> JsonValue:
        """Return the one answer, or the array of all."""
        args: JsonObject = {"do": "query", "program": program, "max_output_bytes": self._settings["max_output_bytes"]}
        return loads(self._run(args, self._whole())[1].decode("utf-8", "surrogatepass"))

    def validate(self, schema: JsonValue) -> JsonValue:
        """Return ``{is_valid, errors}``."""
        if isinstance(schema, str):
            try:
                schema = loads(schema)
            except InvalidParameters as error:
                raise InvalidParameters(f"schema: {error.message}", field="schema", details=error.details) from None
        args: JsonObject = {"do": "validate", "schema": schema, "max_errors": self._settings["max_errors"]}
        verdict: JsonValue = self._run(args, self._whole())[0]
        return verdict

    def answers(self, program: str) -> Iterator[tuple[int, bytes]]:
        """Run the program on each line; yield, block by block, how many answers came and their JSON lines."""
        line = 1
        for block in self._blocks():
            limit: int = self._settings["max_output_bytes"]
            args: JsonObject = {"do": "lines", "program": program, "line": line, "max_output_bytes": limit}
            found, answers = self._run(args, block)
            line += block.count(b"\n")
            yield int(str(found["count"])), answers

    def answer_lines(self, program: str) -> Iterator[str]:
        """Yield each answer's JSON, while they are not too much to keep."""
        size = 0
        for _, answers in self.answers(program):
            size += len(answers)
            if size > self._settings["max_output_bytes"]:
                raise self._exceeded("max_output_bytes", "the answers are", "; or give 'output_file'")
            yield from answers.decode("utf-8", "surrogatepass").split("\n")[:-1]

    def _run(self, args: JsonObject, data: bytes) -> tuple[Any, bytes]:
        settings = self._settings
        limits = Limits(
            timeout_s=settings["timeout_s"],
            max_memory_bytes=settings["max_memory_bytes"],
            max_output_bytes=settings["max_output_bytes"],
        )
        return _workers.call(self.context, args, data, limits)

    def _whole(self) -> bytes:
        """Return the input as JSON text."""
        limit: int = self._settings["max_input_bytes"]
        if self._path is not None:
            from llmspell_tools.files import read_bytes

            return read_bytes(
                self.context.policy,
                self._path,
                self.context.tool,
                max_bytes=limit,
                limit="[tools.json_processor] max_input_bytes",
            )
        text = self._input if isinstance(self._input, str) else dumps(self._input)
        try:
            data = text.encode("utf-8")
        except UnicodeEncodeError:
            raise InvalidParameters("input has a lone surrogate, which UTF-8 cannot write", field="input") from None
        if len(data) > limit:
            raise self._exceeded("max_input_bytes", f"input has {len(data)} bytes,", "")
        return data

    def _blocks(self) -> Iterator[bytes]:
        """Yield whole lines, some megabytes at a time."""
        if self._path is None:
            yield self._whole()
            return
        from llmspell_tools.files import open_read

        limit: int = self._settings["max_input_bytes"]
        with open_read(self.context.policy, self._path, self.context.tool) as stream:
            total = stream.seek(0, 2)
            stream.seek(0)
            rest = b""
            while block := stream.read(_BLOCK_BYTES):
                self.context.check()
                whole, newline, tail = (rest + block).rpartition(b"\n")
                rest = tail
                if len(rest) > limit:
                    raise self._exceeded("max_input_bytes", f"file '{self._path}' has a line that is", "")
                if newline:
                    yield whole + newline
                self.context.progress(stream.tell(), total, self._path)
            if rest:
                yield rest

    def _exceeded(self, key: str, what: str, remedy: str) -> LimitExceeded:
        limit = self._settings[key]
        return LimitExceeded(
            f"{what} more than {limit} bytes ([tools.json_processor] {key}){remedy}",
            details={"key": f"[tools.json_processor] {key}", "limit": limit},
        )


class _Answer(ToolResult):
    """A result whose text is the bare answer, written when first read: a script may never look at it."""

    __slots__ = ()
    _text: str | None

    @property
    def text(self) -> str:
        """The answer as indented JSON."""
        if self._text is None:
            response: Any = self.output
            self._text = dumps(response["result"], 2)
        return self._text

    @property
    def has_own_text(self) -> bool:
        """The text is not the output's own."""
        return True


def _finish(call: _Call, output_file: str | None, result: JsonValue) -> ToolResult:
    if output_file is None:
        response = envelope(call.operation, None, _MESSAGES[call.operation])
        response["result"] = result  # null is an answer too
        is_table = isinstance(result, list) and bool(result) and all(isinstance(row, dict) for row in result)
        return _Answer(
            response,
            media=table("result") if is_table else None,
            metadata={"operation": call.operation, "response": response},
        )
    from llmspell_tools.files import write_atomic

    content = (dumps(result, 2) + "\n").encode("utf-8", "surrogatepass")
    with write_atomic(call.context.policy, output_file, call.context.tool) as stream:
        stream.write(content)
    return _written(call.operation, output_file, len(content))


def _stream_to_file(call: _Call, output_file: str, program: str) -> ToolResult:
    from llmspell_tools.files import write_atomic

    size = 0
    with write_atomic(call.context.policy, output_file, call.context.tool) as stream:
        for _, answers in call.answers(program):
            stream.write(answers)
            size += len(answers)
    return _written(call.operation, output_file, size)


def _written(operation: str, path: str, size: int) -> ToolResult:
    message = f"Wrote {size} bytes to {path}"
    response = envelope(operation, None, message, {"file_path": path, "file_size": size})
    return ToolResult(response, text=message, metadata={"operation": operation, "response": response})
