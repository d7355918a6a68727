"""Every error of llmspell: one tree, one table of codes.

This module knows no tool, no socket and no terminal; every other module of the three rooms may import it.

    LlmspellError                    code                 who is wrong
    ├── CallerError
    │   ├── InvalidParameters        validation_error     the caller: a parameter is unknown, missing or wrong
    │   ├── ToolNotFound             not_found            the caller: no tool has that name
    │   └── ToolUnavailable          unavailable          the installation: the tool's library is missing
    ├── PermissionDenied             permission_denied    the policy says no
    ├── ToolExecutionError           execution_error      the tool (or what it talks to) failed
    ├── ToolTimeout                  timeout              a deadline passed
    ├── Cancelled                    cancelled            somebody interrupted
    ├── LimitExceeded                limit_exceeded       a configured limit was reached
    ├── ConfigurationError           configuration_error  a config file or a registration is wrong
    ├── ScriptSyntaxError            syntax_error         the script does not compile
    ├── ScriptError                  script_error         the script failed at run time
    ├── ScriptFileNotFound           file_not_found       there is no such script
    └── InternalError                internal_error       us: a bug
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmspell_tools.types import JsonValue

#: Every stable code, with the exit status that a command ending in it has.
EXIT_STATUS: dict[str, int] = {
    "validation_error": 2,
    "not_found": 3,
    "unavailable": 3,
    "permission_denied": 4,
    "timeout": 124,
    "cancelled": 130,
    "limit_exceeded": 1,
    "configuration_error": 1,
    "execution_error": 1,
    "syntax_error": 1,
    "script_error": 1,
    "file_not_found": 1,
    "internal_error": 1,
}


class LlmspellError(Exception):
    """Base of every error that llmspell raises on purpose.

    Args:
        message: What is wrong and what to do about it, one line, no code in it.
        details: JSON-able facts for programs: the field, the path, the limit and its configuration key.
        exit_status: Overrides the table's exit status (a missing script exits 2, not 1).
    """

    code = "internal_error"

    def __init__(
        self,
        message: str,
        *,
        details: Mapping[str, JsonValue] | None = None,
        exit_status: int | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.details: dict[str, JsonValue] = dict(details) if details else {}
        self.exit_status = EXIT_STATUS[self.code] if exit_status is None else exit_status

    def as_json(self) -> dict[str, JsonValue]:
        """Return ``{code, message, details}``, the shape of an envelope's ``error``."""
        return {"code": self.code, "message": self.message, "details": self.details}


class CallerError(LlmspellError):
    """The call itself is wrong; nothing was run."""

    code = "validation_error"


class InvalidParameters(CallerError):
    """A parameter is unknown, missing, of the wrong type or out of range.

    Args:
        message: Names the field, what came and what is wanted.
        field: Path of the field inside the parameters, `rules.rules[0].type`.
    """

    code = "validation_error"

    def __init__(
        self,
        message: str,
        *,
        field: str | None = None,
        details: Mapping[str, JsonValue] | None = None,
    ) -> None:
        merged: dict[str, JsonValue] = dict(details) if details else {}
        if field is not None:
            merged["field"] = field
        super().__init__(message, details=merged)
        self.field = field


class ToolNotFound(CallerError):
    """No tool has the name asked for; ``details`` has the nearest ones."""

    code = "not_found"


class ToolUnavailable(CallerError):
    """The tool exists, but a library or program that it needs is not installed."""

    code = "unavailable"


class PermissionDenied(LlmspellError):
    """The policy refuses; ``details`` has resource, rule, origin and the flag that would allow it."""

    code = "permission_denied"


class ToolExecutionError(LlmspellError):
    """The tool could not do its work."""

    code = "execution_error"


class ToolTimeout(LlmspellError):
    """A deadline passed before the work was done."""

    code = "timeout"


class Cancelled(LlmspellError):
    """The work was interrupted by its caller."""

    code = "cancelled"


class LimitExceeded(LlmspellError):
    """A limit on size, count, depth or memory was reached; the message names its configuration key."""

    code = "limit_exceeded"


class ConfigurationError(LlmspellError):
    """A configuration file, a plug-in or a registration is wrong."""

    code = "configuration_error"


class ScriptSyntaxError(LlmspellError):
    """A script or cell does not compile; ``details`` has chunk name and 1-based line."""

    code = "syntax_error"


class ScriptError(LlmspellError):
    """A script or cell failed at run time; ``details`` has chunk name, line and traceback lines."""

    code = "script_error"


class ScriptFileNotFound(LlmspellError):
    """There is no script at the path given."""

    code = "file_not_found"


class InternalError(LlmspellError):
    """A bug of ours; the traceback goes to the log."""

    code = "internal_error"
