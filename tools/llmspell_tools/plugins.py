"""Finds and loads the code of own tools: entry points of the group `llmspell.tools`, and `*.py` files of folders.

An entry point names a `Tool`, several, or a module of tools (`my-tool = "package.module:tool"`). `importlib.metadata`
costs four bare interpreters, so the entry points are read from `*.dist-info/entry_points.txt` by `os.scandir`. A file
is compiled from its text, never from `__pycache__`: bytecode is told apart by the second of the change, and a person
who saves twice in a second would run what is no longer there.

What has been found, what is registered and what has changed since is known to `own_tools.py`, above.
"""

from __future__ import annotations

import os
import sys

from llmspell_tools.definition import Tool
from llmspell_tools.errors import ConfigurationError, LlmspellError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import Any

GROUP = "llmspell.tools"
#: Modules of files are called so, whatever the file's name: a file `json.py` stands in nobody's way.
PACKAGE = "llmspell_own_tools"
_HOW = "decorate a function with @llmspell.tool(name=...)"


def entry_points(path: Sequence[str] | None = None) -> Iterator[tuple[str, str]]:
    """Yield name and target of every entry point of the group; a distribution found twice counts once.

    Args:
        path: Folders where distributions are installed; `sys.path` if left out.
    """
    seen: set[str] = set()
    for folder in sys.path if path is None else path:
        try:
            with os.scandir(folder or ".") as entries:
                names = sorted(entry.name for entry in entries if entry.name.endswith((".dist-info", ".egg-info")))
        except OSError:
            continue
        for name in names:
            project = name.rpartition(".")[0].partition("-")[0].lower()
            if project not in seen:
                seen.add(project)
                yield from _read_group(f"{folder or '.'}/{name}/entry_points.txt")


def _read_group(file: str) -> Iterator[tuple[str, str]]:
    try:
        with open(file, encoding="utf-8") as stream:
            lines = stream.read().splitlines()
    except (OSError, UnicodeDecodeError):
        return
    inside = False
    for line in lines:
        text = line.strip()
        if text.startswith("["):
            inside = text == f"[{GROUP}]"
        elif inside and "=" in text and not text.startswith(("#", ";")):
            name, _, target = text.partition("=")
            yield name.strip(), target.partition("[")[0].strip()


def load_entry_point(target: str) -> list[Tool]:
    """Import what an entry point names and return its tools.

    Raises:
        ConfigurationError: It names no tool, or a tool is wrong.
        BaseException: Whatever the import raises.
    """
    with _Quiet():
        module_name, _, attribute = target.partition(":")
        __import__(module_name)
        value: Any = sys.modules[module_name]
        for step in attribute.split(".") if attribute else ():
            value = getattr(value, step)
        if isinstance(value, (list, tuple)):
            tools = [each for each in value if isinstance(each, Tool)]
        elif isinstance(value, Tool):
            tools = [value]
        else:
            tools = [] if attribute else _tools_in(vars(value).values(), module_name)
        if not tools:
            raise ConfigurationError(f"'{target}' is no tool; {_HOW}")
        return _checked(tools)


def tool_files(names: Iterable[str]) -> list[str]:
    """Return those names of a folder's files that are own tools: no helpers (`_*.py`) and no tests; sorted."""
    return sorted(
        name
        for name in names
        if name.endswith(".py")
        and not name.startswith(("_", ".", "test_"))
        and not name.endswith("_test.py")
        and name != "conftest.py"
    )


def load_file(path: str | os.PathLike[str]) -> list[Tool]:
    """Run a Python file as a module of its own and return the tools that it defines.

    What it prints goes to stderr. The module of an earlier run of the same file is replaced if this one succeeds.

    Raises:
        ConfigurationError: It defines no tool, or a tool is wrong.
        BaseException: Whatever the file raises.
    """
    file = os.fspath(path)
    with open(file, "rb") as stream:
        source = stream.read()
    with _Quiet():
        code = compile(source, file, "exec", dont_inherit=True)
        name = _module_name(file)
        module = type(sys)(name)
        module.__file__ = file
        before = sys.modules.get(name)
        sys.modules[name] = module  # annotations, dataclasses and pickling look a function's module up
        try:
            exec(code, vars(module))  # noqa: S102 - the person named this folder as one of own tools
            tools = _tools_in(vars(module).values(), name)
            if not tools:
                raise ConfigurationError(f"it defines no tool; {_HOW}, or name a helper `_{os.path.basename(file)}`")
            return _checked(tools)
        except BaseException:
            if before is None:
                del sys.modules[name]
            else:
                sys.modules[name] = before
            raise


def shortcomings(tool: Tool) -> Iterator[str]:
    """Yield what a tool lacks though it works: a description, the type of a parameter."""
    if not tool.description:
        yield f"tool '{tool.name}' has no description; begin its docstring with one line that says what it does"
    function: Any = tool.function
    while (inner := getattr(function, "__wrapped__", None)) is not None:
        function = inner
    code = getattr(function, "__code__", None)
    properties = tool.parameters.get("properties")
    if code is None or not isinstance(properties, dict):
        return
    for name in code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]:
        if name in properties and name not in function.__annotations__:
            yield f"parameter '{name}' of tool '{tool.name}' takes anything; give it a type, as in `{name}: str`"


def explain(source: str, error: BaseException) -> ConfigurationError:
    """Return the report of a source that does not load: what, where in it, and why."""
    if isinstance(error, LlmspellError):
        why, line = error.message, None
    else:
        line = error.lineno if isinstance(error, SyntaxError) else _line_in(source, error)
        said = error.msg if isinstance(error, SyntaxError) else str(error)
        why = f"{type(error).__name__}: {said}" if said else type(error).__name__
    if isinstance(error, OSError) and error.strerror:
        why = error.strerror
    where = f", line {line}," if line else ""
    return problem(source, f"{source}{where} does not load: {why}", line=line)


def problem(source: str, message: str, *, line: int | None = None, severity: str = "error") -> ConfigurationError:
    """Return a report; `severity` is "error" where tools are missing, "warning" where all of them work."""
    return ConfigurationError(message, details={"source": source, "severity": severity, "line": line})


def _line_in(source: str, error: BaseException) -> int | None:
    line, step = None, error.__traceback__
    while step is not None:
        if step.tb_frame.f_code.co_filename == source:
            line = step.tb_lineno
        step = step.tb_next
    return line


def _module_name(file: str) -> str:
    """Return the module name of a file: its stem; files of the same name in other folders are numbered."""
    stem = os.path.basename(file)[:-3]
    number, name = 1, f"{PACKAGE}.{stem}"
    while (there := sys.modules.get(name)) is not None and there.__file__ != file:
        number += 1
        name = f"{PACKAGE}.{stem}_{number}"
    return name


def _tools_in(values: Iterable[object], module: str) -> list[Tool]:
    """Return the tools that a module made itself, each once; not those that it imported."""
    found: list[Tool] = []
    for value in values:
        if isinstance(value, Tool) and value.module in {module, ""} and not any(value is each for each in found):
            found.append(value)
    return found


def _checked(tools: list[Tool]) -> list[Tool]:
    """Read every signature now, so that a wrong one is this file's problem and not that of the list of all tools."""
    from llmspell_tools.schema import compile_parameters  # listing built-in tools needs none

    for tool in tools:
        tool.checker = compile_parameters(tool.parameters, tool.parameter_aliases)
    return tools


class _Quiet:
    """While somebody's module is run: nothing it prints reaches stdout, it reads no stdin, it leaves no bytecode."""

    __slots__ = ("_bytecode", "_stdin", "_stdout")

    def __enter__(self) -> None:
        self._stdout, self._stdin, self._bytecode = sys.stdout, sys.stdin, sys.dont_write_bytecode
        sys.stdout = sys.stderr
        sys.stdin = None  # `input()` then says so instead of waiting for ever
        sys.dont_write_bytecode = True  # of its helpers, for the same reason as its own

    def __exit__(self, *_: object) -> None:
        sys.stdout, sys.stdin, sys.dont_write_bytecode = self._stdout, self._stdin, self._bytecode
