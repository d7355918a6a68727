"""Own tools: found in the entry-point group `llmspell.tools` and in folders of `*.py` files.

An entry point names a `Tool` (`my-tool = "package.module:tool"`). `importlib.metadata` costs four bare interpreters,
so the entry points are read from `*.dist-info/entry_points.txt` by `os.scandir`, and only when a registry asks:
in list, search, doctor and for a name that is not built in. A plug-in that does not load is reported by name; the
rest works.
"""

from __future__ import annotations

import os
import sys

from llmspell_tools.definition import Tool
from llmspell_tools.errors import ConfigurationError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    #: Told of a plug-in that does not load.
    Report = Callable[[ConfigurationError], None]

GROUP = "llmspell.tools"


def discover(
    folders: Sequence[str] = (), report: Report | None = None, path: Sequence[str] | None = None
) -> list[Tool]:
    """Load every own tool.

    Args:
        folders: Folders whose `*.py` files define tools; trusted by whoever named them.
        report: Called with the error of each plug-in that does not load; None drops them.
        path: Where installed distributions are looked for; `sys.path` if left out.
    """
    found: list[Tool] = []
    sources: list[tuple[str, Callable[[], Iterable[Tool]]]] = [
        *((f"entry point {name} = {target}", _entry_point(target)) for name, target in entry_points(path)),
        *((file, _file(file)) for folder in folders for file in _python_files(folder)),
    ]
    for source, load in sources:
        try:
            found.extend(load())
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a plug-in may fail in any way; the rest must work
            if report is not None:
                report(ConfigurationError(f"{source} does not load: {type(error).__name__}: {error}"))
    return found


def entry_points(path: Sequence[str] | None = None) -> Iterator[tuple[str, str]]:
    """Yield name and target of every entry point of the group; a distribution found twice counts once."""
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


def _entry_point(target: str) -> Callable[[], Iterable[Tool]]:
    def load() -> Iterable[Tool]:
        module_name, _, attribute = target.partition(":")
        __import__(module_name)
        value: object = sys.modules[module_name]
        for step in attribute.split(".") if attribute else ():
            value = getattr(value, step)
        if isinstance(value, Tool):
            return [value]
        if not attribute:
            return _tools_in(vars(value).values(), module_name)
        raise TypeError(f"'{target}' is no tool; decorate the function with @llmspell.tool(name=...)")

    return load


def _python_files(folder: str) -> list[str]:
    try:
        names = sorted(os.listdir(folder))
    except OSError as error:
        raise ConfigurationError(f"tool folder '{folder}' cannot be read: {error.strerror}") from error
    return [f"{folder}/{name}" for name in names if name.endswith(".py") and not name.startswith(("_", ".", "test_"))]


def _file(path: str) -> Callable[[], Iterable[Tool]]:
    def load() -> Iterable[Tool]:
        from importlib import util  # a file outside the import path needs its own loader

        stem = path.rpartition("/")[2][:-3]
        specification = util.spec_from_file_location(f"llmspell_own_tools.{stem}", path)
        if specification is None or specification.loader is None:
            raise ImportError(f"no loader for {path}")
        module = util.module_from_spec(specification)
        sys.modules[module.__name__] = module  # annotations and pickling look a function's module up
        try:
            specification.loader.exec_module(module)
        except BaseException:
            del sys.modules[module.__name__]
            raise
        tools = _tools_in(vars(module).values(), module.__name__)
        if not tools:
            raise ImportError("it defines no tool; decorate a function with @llmspell.tool(name=...)")
        return tools

    return load


def _tools_in(values: Iterable[object], module: str) -> list[Tool]:
    return [value for value in values if isinstance(value, Tool) and value.module == module]
