"""json-processor: jq and JMESPath over JSON, JSON lines, YAML and TOML, and JSON Schema validation.

This module finds the input, hands it to a warm isolated child (`json_worker.py`, by `isolated.py`) and puts the answer
where it belongs. Parsing, programs and schema checks happen in the child: a program that loops, crashes or needs too
much memory is ended there, and no other thread here waits for it. JSON lines pass through in blocks, so a file may be
of any size.
"""

from __future__ import annotations

from llmspell_tools.builtin.data.jq_guard import refuse_unavailable
from llmspell_tools.builtin.sources import write_file
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
    parameter_aliases={"action": "operation", "format": "output_format"},
    requires={
        "query": ("query",),
        "transform": ("query",),
        "jq": ("query",),
        "jmespath": ("query",),
        "validate": ("schema",),
    },
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
            "description": "JMESPath over YAML, answered as TOML",
            "params": {
                "operation": "jmespath",
                "input": "people:\n- name: Ada\n  born: 1815-12-10\n",
                "input_format": "yaml",
                "query": "people[0]",
                "output_format": "toml",
            },
            "result": {"operation": "query", "result": {"name": "Ada", "born": "1815-12-10"}},
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
    operation: Literal["query", "transform", "jq", "jmespath", "validate", "stream"] = "query",
    input: JsonValue = None,
    input_file: str | None = None,
    output_file: str | None = None,
    query: str | None = None,
    schema: JsonValue = None,
    language: Literal["jq", "jmespath"] | None = None,
    input_format: Literal["json", "jsonl", "yaml", "toml"] | None = None,
    output_format: Literal["json", "jsonl", "yaml", "toml"] | None = None,
) -> ToolResult:
    """Query and transform JSON, YAML and TOML with jq or JMESPath, validate by JSON Schema, process JSON lines.

    Args:
        operation: query runs a program (transform, jq and jmespath mean the same, the last in JMESPath), validate
            checks against `schema`, stream runs a program on each line, or on each document of a YAML stream.
        input: The value, or its text; for stream the lines as one text.
        input_file: Path of a file to read instead; stream reads lines in blocks.
        output_file: Path of a file for the result; for stream one line for each answer. It appears whole or not at
            all.
        query: The program; for stream by default the whole value.
        schema: The JSON Schema (Draft 7 or 2020-12), or its text.
        language: Of the program; jq by default.
        input_format: Of the input's text or file; by default what the file's ending says, else json. jsonl is an array
            of the lines' values. YAML is version 1.1; its dates and TOML's become ISO texts.
        output_format: Of output_file and of the answer's text; by default what the file's ending says, else json.
    """
    operation_name = operation if operation in ("validate", "stream") else "query"
    call = _Call(context, operation_name, input, input_file, input_format)
    written = _output_format(operation_name, output_format, output_file)
    if operation_name == "validate":
        return _finish(call, output_file, written, call.validate(schema))
    call.choose(operation, language)
    program = ("@" if call.language == "jmespath" else ".") if query is None and operation_name == "stream" else query
    if program is None:
        raise InvalidParameters(f"operation '{operation}' needs parameter 'query', a program", field="query")
    if call.language == "jq":
        refuse_unavailable(program)
    if operation_name == "query":
        return _finish(call, output_file, written, call.query(program))
    if output_file is not None and written != "yaml":
        return _stream_to_file(call, output_file, program)
    if written == "yaml":
        return _stream_as_yaml(call, output_file, program)
    return _finish(call, None, "json", loads("[" + ",".join(call.answer_lines(program)) + "]"))


def _output_format(operation: str, given: str | None, path: str | None) -> str:
    if operation == "stream":
        if given in ("json", "toml"):
            raise InvalidParameters(
                f"stream writes jsonl or a yaml stream, not {given}; use operation query for one document",
                field="output_format",
            )
        return given or ("yaml" if path is not None and _format_of(path) == "yaml" else "jsonl")
    return given or ("json" if path is None else _format_of(path))


def _format_of(path: str) -> str:
    from llmspell_tools.builtin.documents import kind_of

    return kind_of(path)


class _Call:
    """One call: where its input is, and the child's work on it."""

    __slots__ = ("_input", "_path", "_settings", "context", "format", "language", "operation")

    def __init__(
        self, context: ToolContext, operation: str, input: JsonValue, path: str | None, format: str | None
    ) -> None:
        if (input is None) == (path is None):
            what = "either 'input' or 'input_file'" + (", not both" if path is not None else "")
            raise InvalidParameters(f"operation '{operation}' needs {what}", field="input")
        self.context = context
        self.operation = operation
        self.language = "jq"
        self.format = format or ("json" if path is None else _format_of(path))
        if operation == "stream" and self.format == "toml":
            raise InvalidParameters("stream takes JSON lines or a YAML stream, not toml", field="input_format")
        if format not in (None, "json") and path is None and not isinstance(input, str):
            raise InvalidParameters(f"input_format {format} is of a text or a file", field="input_format")
        self._input = input
        self._path = path
        self._settings: Mapping[str, Any] = context.settings

    def choose(self, operation: str, language: str | None) -> None:
        """Note the program's language: as the caller says, or as the operation's name says."""
        named = operation if operation in ("jq", "jmespath") else None
        if named is not None and language not in (None, named):
            raise InvalidParameters(f"operation '{operation}' is no {language}", field="language")
        self.language = language or named or "jq"

    def query(self, program: str) -> JsonValue:
        """Return the one answer, or the array of all."""
        args: JsonObject = {"do": "query", "program": program, "max_output_bytes": self._settings["max_output_bytes"]}
        args.update(language=self.language, format=self.format)
        return loads(self._run(args, self._whole())[1].decode("utf-8", "surrogatepass"))

    def validate(self, schema: JsonValue) -> JsonValue:
        """Return ``{is_valid, errors}``."""
        if isinstance(schema, str):
            try:
                schema = loads(schema)
            except InvalidParameters as error:
                raise InvalidParameters(f"schema: {error.message}", field="schema", details=error.details) from None
        args: JsonObject = {"do": "validate", "schema": schema, "max_errors": self._settings["max_errors"]}
        args["format"] = self.format
        verdict: JsonValue = self._run(args, self._whole())[0]
        return verdict

    def answers(self, program: str) -> Iterator[tuple[int, bytes]]:
        """Run the program on each line; yield, block by block, how many answers came and their JSON lines."""
        line = 1
        for block in self._blocks():
            limit: int = self._settings["max_output_bytes"]
            args: JsonObject = {"do": "lines", "program": program, "line": line, "max_output_bytes": limit}
            args.update(language=self.language, format=self.format)
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

    def rendered(self, text: str, format: str, *, of_lines: bool = False) -> bytes:
        """Return JSON text as another format has it."""
        args: JsonObject = {"do": "render", "format": format, "of_lines": of_lines}
        return self._run(args, text.encode("utf-8", "surrogatepass"))[1]

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
        """Yield whole lines, some megabytes at a time; a YAML stream whole."""
        if self._path is None or self.format == "yaml":
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


def _finish(call: _Call, output_file: str | None, format: str, result: JsonValue) -> ToolResult:
    content: bytes | None = None
    if format != "json":
        content = call.rendered(dumps(result), format)
    elif output_file is not None:
        content = (dumps(result, 2) + "\n").encode("utf-8", "surrogatepass")
    if output_file is None:
        return _answer(call, result, None if content is None else content.decode("utf-8"))
    assert content is not None
    write_file(call.context, output_file, content)
    return _written(call.operation, output_file, len(content))


def _answer(call: _Call, result: JsonValue, text: str | None) -> ToolResult:
    response = envelope(call.operation, None, _MESSAGES[call.operation])
    response["result"] = result  # null is an answer too
    is_table = isinstance(result, list) and bool(result) and all(isinstance(row, dict) for row in result)
    return _Answer(
        response,
        text=text,
        media=table("result") if is_table else None,
        metadata={"operation": call.operation, "response": response},
    )


def _stream_as_yaml(call: _Call, output_file: str | None, program: str) -> ToolResult:
    lines = list(call.answer_lines(program))
    content = call.rendered("\n".join(lines), "yaml", of_lines=True)
    if output_file is None:
        return _answer(call, loads("[" + ",".join(lines) + "]"), content.decode("utf-8"))
    write_file(call.context, output_file, content)
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
