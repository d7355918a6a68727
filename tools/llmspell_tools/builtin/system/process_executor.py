"""process-executor: run a program with an argument list, without a shell, in an emptied environment.

The policy decides which programs and arguments there are (`policy_commands.py`): by default a table of harmless ones at
the system's own folders. Arguments arrive unchanged. The program has no input, a session of its own and limits on
time, memory, processes, files and output; when the call returns nothing of it is left running.

A program that runs is outside the policy: what it opens by itself is not checked.
"""

from __future__ import annotations

import os

from llmspell_tools.definition import ToolContext, tool
from llmspell_tools.envelope import envelope
from llmspell_tools.errors import InvalidParameters, PermissionDenied, ToolExecutionError
from llmspell_tools.returns import envelope_schema, record
from llmspell_tools.schema_values import shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Annotated

    from llmspell_tools.paths import Place
    from llmspell_tools.types import JsonObject

#: All that a program may be told by its environment; anything else is left out.
_KEPT = ("PATH", "HOME", "USER", "SHELL", "TERM", "LANG", "LC_ALL", "TZ")
_DEFAULT_PATH = "/usr/bin:/bin"


@tool(
    name="process-executor",
    category="system",
    level="restricted",
    parameter_aliases={
        "command": "executable", "program": "executable", "args": "arguments", "cwd": "working_directory",
        "env": "environment",
    },
    annotations={"read_only": False, "destructive": True, "idempotent": False, "open_world": True},
    settings={
        "timeout_s": 30, "max_output_bytes": 1_000_000, "max_memory_bytes": 2 << 30, "max_file_bytes": 100_000_000,
        "max_processes": 64,
    },
    examples=(
        {
            "description": "Run a program; arguments arrive as they are, there is no shell",
            "params": {"executable": "echo", "arguments": ["hello", "$HOME; *"]},
            "result": {
                "operation": "execute", "success": True,
                "result": {"exit_code": 0, "success": True, "stdout": "hello $HOME; *\n", "timed_out": False},
            },
        },
        {
            "description": "In another folder",
            "params": {"executable": "ls", "arguments": ["-a"], "working_directory": "{folder}"},
            "result": {"result": {"stdout": ".\n..\n", "stderr": ""}},
        },
    ),
    returns=envelope_schema(
        {
            "execute": record(
                {
                    "executable": "string", "arguments": ["string"], "exit_code": "integer", "success": "boolean",
                    "stdout": "string", "stderr": "string", "execution_time_ms": "number", "timed_out": "boolean",
                    "signal?": "string", "truncated?": "boolean",
                }
            )
        }
    ),
)  # fmt: skip
def process_executor(
    context: ToolContext,
    *,
    executable: Annotated[str, {"minLength": 1}],
    arguments: list[str] | None = None,
    working_directory: str | None = None,
    environment: dict[str, str] | None = None,
) -> JsonObject:
    """Run a program with an argument list, without a shell.

    Args:
        executable: A program's name or path; the policy says which may run.
        arguments: Handed over unchanged.
        working_directory: Folder to run in; by default the current one.
        environment: Values for PATH, HOME, USER, SHELL, TERM, LANG, LC_ALL and TZ; the program gets no others.
    """
    from time import perf_counter_ns

    from llmspell_tools.builtin.system.process_running import run_program

    given = [] if arguments is None else arguments
    _check_texts(executable, *given, *(environment or {}).values())
    with _folder(context, working_directory) as place:
        path = _program(context, executable, given, place.path)
        fd = os.open(place.name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=place.folder_fd)
    try:
        started = perf_counter_ns()
        outcome = run_program(context, path, given, fd, _environment(environment or {}))
    finally:
        os.close(fd)
    result: JsonObject = {
        "executable": executable,
        "arguments": [*given],
        "exit_code": outcome.exit_code,
        "success": outcome.exit_code == 0 and not outcome.timed_out,
        "stdout": outcome.stdout,
        "stderr": outcome.stderr,
        "execution_time_ms": round((perf_counter_ns() - started) / 1e6, 3),
        "timed_out": outcome.timed_out,
    }
    if outcome.signal is not None:
        result["signal"] = outcome.signal
    if outcome.truncated:
        result["truncated"] = True
    left_out = sorted(set(environment or {}) - set(_KEPT))
    message = f"'{executable}' " + (
        "ran into its time limit" if outcome.timed_out else f"ended with {outcome.exit_code}"
    )
    return envelope("execute", result, message, {"path": path, **({"left_out": [*left_out]} if left_out else {})})


def _folder(context: ToolContext, working_directory: str | None) -> Place:
    """Return the folder to run in, which must be readable."""
    import errno
    import stat

    from llmspell_tools.paths import failed, walk

    asked = "." if working_directory is None else working_directory
    place = walk(context.policy, asked, context.tool, "read")
    if place.found is None or not stat.S_ISDIR(place.found.st_mode):
        place.close()
        number = errno.ENOENT if place.found is None else errno.ENOTDIR
        raise failed("run in", asked, OSError(number, os.strerror(number)))
    return place


def _program(context: ToolContext, executable: str, arguments: list[str], folder: str) -> str:
    """Return the absolute path of the program, allowed by the policy.

    Raises:
        PermissionDenied: It, or an argument, is not allowed.
        ToolExecutionError: There is none of that name.
    """
    policy, tool = context.policy, context.tool
    if "/" in executable:
        path = os.path.normpath(os.path.join(folder, executable))
        policy.check_run(path, arguments, tool, cwd=folder)
        return path
    if executable in (".", ".."):
        raise InvalidParameters("parameter 'executable' is no program's name", field="executable")
    denied: PermissionDenied | None = None
    for candidate in _candidates(executable):
        try:
            policy.check_run(candidate, arguments, tool, cwd=folder)
            return candidate
        except PermissionDenied as error:
            denied = denied or error
    if denied is not None:
        raise denied
    raise ToolExecutionError(
        f"there is no program '{shown(executable, 200)}' in /usr/bin, /bin or the PATH",
        details={"executable": executable[:200]},
    )


def _candidates(name: str) -> list[str]:
    folders = [*_DEFAULT_PATH.split(":"), *os.environ.get("PATH", "").split(":")]
    paths = [f"{folder.rstrip('/')}/{name}" for folder in folders if folder.startswith("/")]
    return [path for path in dict.fromkeys(paths) if os.path.isfile(path) and os.access(path, os.X_OK)]


def _environment(given: dict[str, str]) -> dict[str, str]:
    return {"PATH": _DEFAULT_PATH, **{name: value for name, value in given.items() if name in _KEPT}}


def _check_texts(*texts: str) -> None:
    for text in texts:
        try:
            bad = "a NUL character" if b"\0" in text.encode() else ""
        except UnicodeEncodeError:
            bad = "half a surrogate pair"
        if bad:
            raise InvalidParameters(f"the program, an argument or a variable has {bad} in it")
