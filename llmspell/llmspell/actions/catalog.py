"""``tool list``, ``tool info``, ``tool search``: what tools there are. On the lean path: imports no tool."""

from __future__ import annotations

from llmspell import assembly, output
from llmspell.options import TABULAR
from llmspell_tools.errors import InvalidParameters

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from llmspell.client.script import Place
    from llmspell.client.tools import RemoteTools
    from llmspell.options import Options
    from llmspell_tools.definition import Tool
    from llmspell_tools.registry import ToolRegistry
    from llmspell_tools.search import Hit
    from llmspell_tools.types import JsonObject, JsonValue


def list_tools(
    options: Options,
    *,
    category: str | None = None,
    detailed: bool = False,
    select: str | None = None,
    format: str | None = None,
    connect: Place | None = None,
) -> int:
    """Print the names of all tools: one a line, or a JSON array of names; objects where `detailed` or jsonl."""
    with assembly.ToolsOf(options, connect) as registry:
        tools = registry.list(known_category(registry, category))
    _print(tools, options.format(format), detailed, select)
    return 0


def search(
    options: Options,
    words: Sequence[str],
    *,
    category: str | None = None,
    detailed: bool = False,
    select: str | None = None,
    format: str | None = None,
    connect: Place | None = None,
) -> int:
    """Print the tools that any of the words fits, best first, and what fits; the nearest where none does.

    As json an array of names, as the original; objects where `detailed` or jsonl, with
    ``matched: [{word, in, text}]`` beside what `list_tools` gives (see `llmspell_tools.search.Hit`).
    """
    from llmspell_tools.search import corrected, find  # `list` and `info` need neither

    with assembly.ToolsOf(options, connect) as registry:
        tools = registry.list(known_category(registry, category))
    hits = find(tools, words)
    if not hits:
        meant = corrected(tools, words)
        hits = find(tools, meant)
        found = f"these match {' '.join(meant)!r}:" if hits else "`llmspell tool list` names them all."
        output.note(f"No tool matches {' '.join(words)!r}; {found}")
    style = options.format(format)
    if style == "text" and select is None and not detailed:
        from llmspell import layout  # `list` needs none

        layout.columns([(hit.tool.name, _places(hit), hit.tool.description) for hit in hits])
    else:
        matched: dict[str, JsonValue] = {hit.tool.name: [{**match} for match in hit.matched] for hit in hits}
        _print([hit.tool for hit in hits], style, detailed, select, matched)
    return 0


def _places(hit: Hit) -> str:
    """Return where the words were found, for a person: `name, parameter input_file, algorithm=sha256`."""
    shown: list[str] = []
    for match in hit.matched:
        place = match["in"]
        text = f"parameter {match['text']}" if place == "parameter" else match["text"] if place == "value" else place
        if text not in shown:
            shown.append(text)
    return ", ".join(shown)


def info(
    options: Options,
    words: Sequence[str],
    *,
    show_schema: bool = False,
    select: str | None = None,
    format: str | None = None,
    connect: Place | None = None,
) -> int:
    """Print what one tool does, and with `show_schema` the JSON Schemas of its parameters and output."""
    with assembly.ToolsOf(options, connect) as registry:
        tool = registry.get(words[0])
    style = options.format(format)
    if style == "text" and select is None:
        from llmspell.actions.description import describe  # only `info` needs it

        describe(tool, show_schema=show_schema)
        return 0
    if style in TABULAR and select is None and not show_schema:
        from llmspell.actions.description import as_tables

        output.tables(as_tables(tool), style)
        return 0
    value: JsonObject = {"status": "ok", **summary(tool)}
    value["aliases"] = list(tool.aliases)
    value["operations"] = dict(tool.levels)
    value["annotations"] = dict(tool.annotations)
    value["settings"] = dict(tool.settings)
    value["failure"] = tool.failure
    if show_schema:
        value["schema"] = tool.parameters
        value["returns"] = tool.returns
        value["examples"] = list(tool.examples)
    _print_value(value, style, select)
    return 0


def summary(tool: Tool) -> JsonObject:
    """Return the fields that `list --detailed`, `search` and `info` share."""
    return {
        "name": tool.name,
        "description": tool.description,
        "category": tool.category,
        "security_level": tool.level,
        "version": tool.version,
    }


def known_category(registry: ToolRegistry | RemoteTools, category: str | None) -> str | None:
    """Return the category as it is spelled.

    Raises:
        InvalidParameters: No tool has it; the message names those that there are.
    """
    if category is None:
        return None
    known = sorted({tool.category for tool in registry.list()})
    if category.lower() in known:
        return category.lower()
    raise InvalidParameters(f"no category '{category}'; there are: {', '.join(known)}", field="category")


def _print(
    tools: Sequence[Tool],
    style: str,
    detailed: bool,
    select: str | None,
    matched: Mapping[str, JsonValue] | None = None,
) -> None:
    objects: list[JsonValue] = []
    if detailed or style == "jsonl" or select is not None:
        objects = [
            summary(tool) if matched is None else {**summary(tool), "matched": matched[tool.name]} for tool in tools
        ]
    if select is not None:
        _print_value(objects, style, select)
    elif style == "jsonl":
        for entry in objects:
            output.json(entry, style)
    elif style in TABULAR:
        names = ("name", "category", "security_level", "description")
        output.json([{name: entry[name] for name in names} for entry in map(summary, tools)], style)
    elif detailed and style != "text":
        output.json(objects, style)
    elif detailed:
        from llmspell import layout  # names alone need none

        layout.columns([(tool.name, tool.category, tool.level, tool.description) for tool in tools])
    elif style == "json":
        output.json([tool.name for tool in tools], style)
    elif style == "pretty":
        output.line("Available tools:")
        output.write("".join(f"  • {tool.name}\n" for tool in tools))
        output.line(f"\nTotal: {len(tools)} tools")
    else:
        output.write("".join(f"{tool.name}\n" for tool in tools))


def _print_value(value: JsonValue, style: str, select: str | None) -> None:
    if select is not None:
        from llmspell.selection import select as selected  # jmespath only where it is used

        value = selected(select, value)
        if style == "text" and isinstance(value, str):
            output.line(value)
            return
    output.json(value, style)
