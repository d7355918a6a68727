"""file-operations: read, write, append, delete, copy, move, list and look at files.

Every access goes through `llmspell_tools.files`, which decides by the policy, follows no link out of the roots, opens
regular files only and writes whole or not at all. The text is a sentence (for read, the content); the envelope stands
in the result's metadata as `response`, too.

A failing write is an envelope with success = false, every other failure is raised, as the Rust original has it.
"""

from __future__ import annotations

from llmspell_tools import files
from llmspell_tools.definition import ToolContext, ToolResult, tool
from llmspell_tools.envelope import envelope, failure
from llmspell_tools.errors import (
    Cancelled,
    InvalidParameters,
    LimitExceeded,
    LlmspellError,
    PermissionDenied,
    ToolExecutionError,
    ToolTimeout,
)
from llmspell_tools.media import table
from llmspell_tools.returns import choice, envelope_schema, record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, Literal

    from llmspell_tools.files import FileFacts
    from llmspell_tools.types import JsonObject, JsonValue

#: Other names of operations, to the ones that results report.
_ALIASES = {
    "mkdir": "create_dir", "ls": "list_dir", "dir": "list_dir", "cp": "copy", "mv": "move", "rename": "move",
    "stat": "metadata", "info": "metadata",
}  # fmt: skip
_BOTH_PATHS = ("source_path", "target_path")
#: Operations that only look.
_LOOKS = ("read", "list_dir", "ls", "dir", "metadata", "stat", "info", "exists")

_TYPE = choice("file", "directory", "symlink", "unknown")
_ENTRY = record({"name": "string", "path": "string", "type": _TYPE, "size": "integer", "modified": "string"})
_FACTS = record(
    {
        "path": "string",
        "type": _TYPE,
        "size": "integer",
        "readonly": "boolean",
        "created": ("string", "null"),
        "modified": "string",
        "accessed": "string",
    }
)
_MOVED = record({"source": "string", "target": "string"})
_RETURNS = envelope_schema(
    {
        "read": record({"input": "string", "size": "integer"}),
        "write": None,
        "append": record({"appended_size": "integer"}),
        "delete": None,
        "create_dir": record({"recursive": "boolean"}),
        "list_dir": record({"entries": [_ENTRY], "count": "integer"}),
        "copy": _MOVED,
        "move": _MOVED,
        "metadata": _FACTS,
        "exists": record({"exists": "boolean"}),
    },
    {"metadata?": record({"file_path": "string", "file_size?": "integer"})},
    failures={
        "write": record(
            {"path": "string", "error_type": choice("security_violation", "validation_error", "execution_error")}
        ),
    },
)


@tool(
    name="file-operations",
    category="filesystem",
    level="privileged",
    levels=dict.fromkeys(_LOOKS, "restricted"),
    parameter_aliases={
        "action": "operation", "content": "input", "text": "input", "data": "input", "file_path": "path",
        "file": "path", "source": "source_path", "from_path": "source_path", "from": "source_path",
        "destination": "target_path", "target": "target_path", "to_path": "target_path", "to": "target_path",
    },
    requires={
        **dict.fromkeys((*_LOOKS, "delete", "create_dir", "mkdir"), ("path",)),
        **dict.fromkeys(("write", "append"), ("path", "input")),
        **dict.fromkeys(("copy", "cp", "move", "mv", "rename"), _BOTH_PATHS),
    },
    annotations={"read_only": False, "destructive": True, "idempotent": False, "open_world": False},
    operation_annotations={
        name: {"read_only": name in _LOOKS, "destructive": False, "idempotent": True, "open_world": False}
        for name in (*_LOOKS, "create_dir", "mkdir")
    },
    settings={"max_file_bytes": 50_000_000, "max_entries": 10_000},
    examples=(
        {
            "description": "Write a file",
            "params": {"operation": "write", "path": "{folder}/notes.txt", "input": "hello"},
            "result": {"operation": "write", "success": True, "message": "Wrote 5 bytes to {folder}/notes.txt"},
        },
        {
            "description": "Read it back",
            "params": {"operation": "read", "path": "{folder}/notes.txt"},
            "result": {"success": True, "result": {"input": "hello", "size": 5}},
        },
        {
            "description": "Look whether it exists",
            "params": {"operation": "exists", "path": "{folder}/notes.txt"},
            "result": {"result": {"exists": True}},
        },
        {
            "description": "Delete it",
            "params": {"operation": "delete", "path": "{folder}/notes.txt"},
            "result": {"success": True, "message": "Deleted file: {folder}/notes.txt"},
        },
    ),
    returns=_RETURNS,
)  # fmt: skip
def file_operations(
    context: ToolContext,
    *,
    operation: Literal[
        "read", "write", "append", "delete", "create_dir", "mkdir", "list_dir", "ls", "dir", "copy", "cp", "move", "mv",
        "rename", "metadata", "stat", "info", "exists",
    ],
    path: str | None = None,
    input: str | None = None,
    source_path: str | None = None,
    target_path: str | None = None,
    recursive: bool = False,
) -> ToolResult:  # fmt: skip
    """Read, write, append, delete, copy, move, list and look at files and folders.

    Args:
        operation: What to do; mkdir, ls, dir, cp, mv, rename, stat and info are other names.
        path: The file or folder, for all operations but copy and move.
        input: The text to write or append.
        source_path: The file to copy or move.
        target_path: Its new path.
        recursive: For create_dir, make missing parent folders too.
    """
    name = _ALIASES.get(operation, operation)
    call = _Call(context, path or "", source_path or "", target_path or "", recursive)
    if name == "write":
        return call.write(input or "")
    if name == "append":
        return call.append(input or "")
    return _OPERATIONS[name](call)


def _answer(
    operation: str, message: str, result: JsonValue = None, facts: JsonObject | None = None, text: str | None = None
) -> ToolResult:
    response = envelope(operation, result, message, facts)
    return ToolResult(
        response,
        text=message if text is None else text,
        metadata={"operation": operation, "response": response},
    )


class _Call:
    """One call: its paths as the caller wrote them, and its limits."""

    __slots__ = ("_context", "_path", "_policy", "_recursive", "_source", "_target", "_tool")

    def __init__(self, context: ToolContext, path: str, source: str, target: str, recursive: bool) -> None:
        self._context = context
        self._policy = context.policy
        self._tool = context.tool
        self._path = path
        self._source = source
        self._target = target
        self._recursive = recursive

    def read(self) -> ToolResult:
        content = files.read_bytes(
            self._policy,
            self._path,
            self._tool,
            max_bytes=self._limit("max_file_bytes"),
            limit="[tools.file_operations] max_file_bytes",
        )
        try:
            text = content.decode("utf-8")
        except UnicodeDecodeError as error:
            raise ToolExecutionError(
                f"cannot read '{self._path}' as text: byte {error.start} (0x{content[error.start]:02x}) is not UTF-8",
                details={"path": self._path, "position": error.start},
            ) from None
        size = len(content)
        return _answer(
            "read",
            f"Read {size} bytes from {self._path}",
            {"input": text, "size": size},
            {"file_path": self._path, "file_size": size},
            text,
        )

    def write(self, content: str) -> ToolResult:
        try:
            data = _encoded(content)
            self._check_size(len(data))
            with files.write_atomic(self._policy, self._path, self._tool) as file:
                file.write(data)
        except (Cancelled, ToolTimeout):
            raise
        except LlmspellError as error:
            return self._failed_write(error)
        return _answer(
            "write",
            f"Wrote {len(data)} bytes to {self._path}",
            None,
            {"file_path": self._path, "file_size": len(data)},
        )

    def _failed_write(self, error: LlmspellError) -> ToolResult:
        kind = "execution_error"
        if isinstance(error, PermissionDenied):
            kind = "security_violation"
        elif isinstance(error, (InvalidParameters, LimitExceeded)):
            kind = "validation_error"
        response = failure("write", error, {"path": self._path, "error_type": kind})
        return ToolResult(
            response,
            text=f"Operation 'write' failed: {error.message}",
            metadata={"operation": "write", "response": response},
        )

    def append(self, content: str) -> ToolResult:
        data = _encoded(content)
        self._check_size(len(data))  # before the file is made
        files.append(self._policy, self._path, self._tool, data, self._check_size)
        return _answer(
            "append",
            f"Appended {len(data)} bytes to {self._path}",
            {"appended_size": len(data)},
            {"file_path": self._path},
        )

    def delete(self) -> ToolResult:
        files.remove(self._policy, self._path, self._tool)
        return _answer("delete", f"Deleted file: {self._path}", None, {"file_path": self._path})

    def create_dir(self) -> ToolResult:
        try:
            files.make_dir(self._policy, self._path, self._tool, recursive=self._recursive)
        except ToolExecutionError as error:
            if self._recursive or error.details.get("error") != "ENOENT":
                raise
            raise ToolExecutionError(
                f"cannot make the folder '{self._path}': the one above it does not exist; recursive makes it as well",
                details=error.details,
            ) from error
        return _answer(
            "create_dir",
            f"Created directory: {self._path}",
            {"recursive": self._recursive},
            {"file_path": self._path},
        )

    def list_dir(self) -> ToolResult:
        found = files.list_dir(
            self._policy,
            self._path,
            self._tool,
            max_entries=self._limit("max_entries"),
            limit="[tools.file_operations] max_entries",
        )
        entries: list[JsonValue] = [
            {
                "name": facts.name,
                "path": self._path.rstrip("/") + "/" + facts.name,
                "type": _type_of(facts),
                "size": facts.size,
                "modified": _moment(facts.modified),
            }
            for facts in found
        ]
        answer = _answer(
            "list_dir",
            f"Found {len(entries)} entries in {self._path}",
            {"entries": entries, "count": len(entries)},
            {"file_path": self._path},
        )
        answer.media = table("result.entries", "name", "type", "size", "modified")
        return answer

    def copy(self) -> ToolResult:
        files.copy(
            self._policy,
            self._source,
            self._target,
            self._tool,
            check=self._context.check,
            max_bytes=self._limit("max_file_bytes"),
            limit="[tools.file_operations] max_file_bytes",
        )
        return self._moved("copy", f"Copied {self._source} to {self._target}")

    def move(self) -> ToolResult:
        files.rename(self._policy, self._source, self._target, self._tool, check=self._context.check)
        return self._moved("move", f"Moved {self._source} to {self._target}")

    def _moved(self, operation: str, message: str) -> ToolResult:
        return _answer(operation, message, {"source": self._source, "target": self._target})

    def metadata(self) -> ToolResult:
        facts = files.stat(self._policy, self._path, self._tool, with_birth=True)
        result: JsonObject = {
            "path": self._path,
            "type": _type_of(facts),
            "size": facts.size,
            "readonly": facts.readonly,
            "created": None if facts.created is None else _moment(facts.created),
            "modified": _moment(facts.modified),
            "accessed": _moment(facts.accessed),
        }
        return _answer("metadata", f"Retrieved metadata for {self._path}", result, {"file_path": self._path})

    def exists(self) -> ToolResult:
        found = files.exists(self._policy, self._path, self._tool)
        return _answer(
            "exists",
            f"Path {self._path} {'exists' if found else 'does not exist'}",
            {"exists": found},
            {"file_path": self._path},
        )

    def _limit(self, key: str) -> int:
        settings: Mapping[str, Any] = self._context.settings
        limit: int = settings[key]
        return limit

    def _check_size(self, size: int) -> None:
        limit = self._limit("max_file_bytes")
        if size > limit:
            raise LimitExceeded(
                f"{size} bytes are over the limit of {limit}; raise [tools.file_operations] max_file_bytes to allow it",
                details={"limit": limit, "actual": size, "key": "[tools.file_operations] max_file_bytes"},
            )


_OPERATIONS: dict[str, Callable[[_Call], ToolResult]] = {
    "read": _Call.read,
    "delete": _Call.delete,
    "create_dir": _Call.create_dir,
    "list_dir": _Call.list_dir,
    "copy": _Call.copy,
    "move": _Call.move,
    "metadata": _Call.metadata,
    "exists": _Call.exists,
}


def _encoded(content: str) -> bytes:
    try:
        return content.encode("utf-8")
    except UnicodeEncodeError as error:
        raise InvalidParameters(
            f"parameter 'input' has half a surrogate pair at character {error.start}, which has no UTF-8 form",
            field="input",
        ) from None


def _type_of(facts: FileFacts) -> str:
    return "unknown" if facts.kind == "other" else facts.kind


def _moment(seconds: float) -> str:
    from datetime import UTC, datetime  # 3 ms: only listings and metadata pay for it

    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat()
    except (ValueError, OverflowError, OSError):
        return str(seconds)  # a file system may hold any number
