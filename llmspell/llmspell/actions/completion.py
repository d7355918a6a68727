"""What may come next on a command line, as plain values: tools, their parameters, the values of these, names of things.

Reads the manifest and, of the user's own tools, only their files' text (`own_outline`): pressing TAB runs nobody's
code. Knows neither click nor a shell; `cli.completion` asks, `cli/shells` hold what the shells need.
"""

from __future__ import annotations

import os

from llmspell import assembly, places
from llmspell.output import bare
from llmspell_tools.definition import Tool
from llmspell_tools.errors import LlmspellError
from llmspell_tools.manifest import TOOLS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from typing import Any

    from llmspell.options import Options
    from llmspell_tools.types import JsonObject, JsonValue

#: Endings of the names of parameters that take a path, and of those that take a folder.
_PATHS = ("file", "path", "files", "paths", "executable")
_FOLDERS = ("dir", "directory", "folder")


class Candidate:
    """One thing that may come next.

    Args:
        value: The text that takes the place of what was typed.
        help: One line about it; shells that can show it do.
        kind: ``plain``; ``part`` is not the end of the word, so that no space follows; ``file``, ``dir`` and
            ``script`` (a Lua file) ask the shell for the paths that begin with the value.
    """

    __slots__ = ("help", "kind", "value")

    def __init__(self, value: str, help: str = "", kind: str = "plain") -> None:
        self.value = value
        self.help = help
        self.kind = kind


def tools(options: Options, typed: str) -> list[Candidate]:
    """Return the tools whose name begins so, in the spelling that was begun; else those with such an alias."""
    return tools_named(_known(options), typed)


def tools_named(tools: Iterable[Tool], typed: str) -> list[Candidate]:
    """Return those of `tools` that `tools` above would."""
    underscored = "_" in typed
    asked = typed.lower().replace("_", "-")
    known = [*tools]
    found = {tool.name: tool for tool in known if tool.name.startswith(asked)}
    if not found:
        found = {alias: tool for tool in known for alias in tool.aliases if alias.startswith(asked)}
    return [
        Candidate(name.replace("-", "_") if underscored else name, f"{tool.category}: {tool.description}")
        for name, tool in sorted(found.items())
    ]


def categories(options: Options, typed: str) -> list[Candidate]:
    """Return the categories that begin so."""
    names = sorted({tool.category for tool in _known(options)})
    return [Candidate(name) for name in names if name.startswith(typed.lower())]


def parameters(options: Options, name: str, given: Sequence[str], typed: str) -> list[Candidate]:
    """Return what a word after `tool invoke NAME` may be: `parameter=`, or with that the values it takes.

    Args:
        options: The global options.
        name: Any name of the tool.
        given: The other words after the name.
        typed: The word as far as it is typed.
    """
    tool = _tool(options, name)
    return [] if tool is None else tool_parameters(tool, given, typed)


def tool_parameters(tool: Tool, given: Sequence[str], typed: str) -> list[Candidate]:
    """Return the same for a tool that is at hand."""
    known = tool.parameters.get("properties")
    properties = {key: own for key, own in known.items() if isinstance(own, dict)} if isinstance(known, dict) else {}
    key, equals, value = typed.partition("=")
    if not equals:
        return _names(tool, properties, given, typed)
    real = key.rstrip(":")
    real = tool.parameter_aliases.get(real, real)
    prefix = key + equals
    if value[:1] == "@":
        return [Candidate(prefix + value, kind="file")]
    others = [alias for alias, target in tool.parameter_aliases.items() if target == real]
    return [
        Candidate(prefix + each.value, each.help, each.kind)
        for each in _values(properties.get(real, {}), [real, *others], value, as_json=key.endswith(":"))
    ]


def whole(typed: str) -> list[Candidate]:
    """Return what ``--params`` takes: a file after @, or standard input."""
    if typed[:1] == "@":
        return [Candidate(typed, kind="file")]
    return [] if typed else [Candidate("@", "the JSON object in a file", "part"), Candidate("-", "of standard input")]


def notebook_parameters(path: str, typed: str) -> list[Candidate]:
    """Return `parameter=` for what the cell tagged `parameters` of a notebook sets; none where there is no such."""
    from llmspell.notebook.lua_literals import declared  # `re`: only notebooks need it
    from llmspell_tools.jsontext import loads

    try:
        with open(path, "rb") as file:
            book: Any = loads(file.read())
        tagged = [cell["source"] for cell in book["cells"] if "parameters" in cell["metadata"].get("tags", ())]
    except (OSError, LlmspellError, KeyError, TypeError, AttributeError):
        return []
    found = declared("".join(tagged[0])) if tagged else []
    meanings = {each.name: " ".join(f"{each.help} ({each.default})".split()) for each in found}
    return [Candidate(f"{name}=", text[:80], "part") for name, text in meanings.items() if name.startswith(typed)]


def profiles(typed: str) -> list[Candidate]:
    """Return the built-in sets of settings that begin so."""
    from llmspell.config.profiles import PROFILES  # costs typing: only this needs it

    return [Candidate(name) for name in PROFILES if name.startswith(typed)]


def kernels(typed: str) -> list[Candidate]:
    """Return the ids of the kernels whose connection files lie in the home."""
    base = places.home()
    try:
        names = sorted(os.listdir(f"{base}/kernels")) if base is not None else []
    except OSError:
        names = []
    return [Candidate(name[:-5]) for name in names if name.endswith(".json") and name.startswith(typed)]


def variables(typed: str) -> list[Candidate]:
    """Return the names of environment variables that begin so."""
    return [Candidate(name) for name in sorted(os.environ) if name.startswith(typed)]


def sections(typed: str) -> list[Candidate]:
    """Return the sections of a configuration that begin so."""
    from llmspell.config.keys import known_keys  # costs typing: only this needs it

    names = dict.fromkeys(key.partition(".")[0] for key in known_keys())
    return [Candidate(name) for name in names if name.startswith(typed)]


def paths(typed: str, *, folders: bool = False, ending: str = "") -> Iterator[str]:
    """Yield the paths that begin so, folders with a slash; for a shell that has no such function of its own.

    Args:
        typed: The path as far as it is typed; a leading ``~`` stays as it is.
        folders: Only folders.
        ending: Of the files that count; folders count always.
    """
    head, slash, begin = typed.rpartition("/")
    try:
        with os.scandir(os.path.expanduser(head + slash) or ".") as entries:
            found = sorted((entry.name, entry.is_dir()) for entry in entries)
    except OSError:
        return
    for name, is_folder in found:
        hidden = name.startswith(".") and not begin.startswith(".")
        if name.startswith(begin) and not hidden and (is_folder or (not folders and name.endswith(ending))):
            yield f"{head}{slash}{name}" + ("/" if is_folder else "")


def _known(options: Options) -> Iterator[Tool]:
    for entry in TOOLS.values():
        yield Tool(**entry)
    yield from _own(options)


def _tool(options: Options, name: str) -> Tool | None:
    asked = name.lower().replace("_", "-")
    if asked in TOOLS:
        return Tool(**TOOLS[asked])
    for tool in _known(options):
        if asked == tool.name or asked in tool.aliases:
            return tool
    return None


def _own(options: Options) -> list[Tool]:
    from llmspell.actions.own_outline import outlines  # only names that are not built in need it

    folders = [*options.tools_dirs]
    try:
        found = assembly.settings(options)
    except LlmspellError:
        found = None  # what is wrong with a file is said when the command runs
    if found is not None:
        folders.extend(found.paths("tools.directories"))
    return [tool for tool in outlines(folders) if tool.name not in TOOLS]


def _names(tool: Tool, properties: Mapping[str, JsonObject], given: Sequence[str], typed: str) -> list[Candidate]:
    said = {word.partition("=")[0].rstrip(":"): word.partition("=")[2] for word in given}
    there = {tool.parameter_aliases.get(name, name) for name in said}
    left = [name for name in properties if name not in there]
    names = {name: name for name in left if name.startswith(typed)}
    if not names:
        names = {
            alias: name for alias, name in tool.parameter_aliases.items() if name in left and alias.startswith(typed)
        }
    required = tool.parameters.get("required")
    needed = {*(str(name) for name in required)} if isinstance(required, list) else set[str]()
    usual = properties.get("operation", {}).get("default")
    operation = next((said[name] for name in said if tool.parameter_aliases.get(name, name) == "operation"), usual)
    needed.update(tool.requires.get(str(operation), ()))
    return [
        Candidate(shown + (":=" if _wants_json(properties[name]) else "="), _meaning(properties[name]), "part")
        for shown, name in sorted(names.items(), key=lambda row: row[1] not in needed)
    ]


def _values(schema: JsonObject, names: Iterable[str], typed: str, *, as_json: bool) -> list[Candidate]:
    found: list[Candidate] = []
    for value in _choices(schema):
        if isinstance(value, str) and as_json:
            continue  # its quotes would need quotes of the shell's around them
        text = bare(value)
        if text.startswith(typed):
            found.append(Candidate(text, "the default" if value == schema.get("default") else ""))
    if not found and not as_json and not _choices(schema):
        endings = [name.rpartition("_")[2] for name in names]
        if any(ending in _FOLDERS for ending in endings):
            return [Candidate(typed, kind="dir")]
        if any(ending in _PATHS for ending in endings):
            return [Candidate(typed, kind="file")]
    return found


def _choices(schema: JsonObject) -> list[JsonValue]:
    """Return the values that a schema names; both of a boolean."""
    values = schema.get("enum")
    if isinstance(values, list):
        return values
    if "const" in schema:
        return [schema["const"]]
    if schema.get("type") == "boolean":
        return [True, False]
    items = schema.get("items")
    if schema.get("type") == "array" and isinstance(items, dict) and "enum" in items:
        return _choices(items)
    branches = schema.get("anyOf")
    found: list[JsonValue] = []
    for each in branches if isinstance(branches, list) else ():
        found.extend(_choices(each) if isinstance(each, dict) else ())
    return found


def _wants_json(schema: JsonObject) -> bool:
    return schema.get("type") == "object"


def _meaning(schema: JsonObject) -> str:
    text = schema.get("description")
    first = " ".join(text.split()).partition(". ")[0].rstrip(".") if isinstance(text, str) else ""
    return first if len(first) <= 80 else first[:77] + "..."
