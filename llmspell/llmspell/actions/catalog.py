"""``tool list``, ``tool info``, ``tool search``: what tools there are. On the lean path: imports no tool."""

from __future__ import annotations

from llmspell import assembly, output
from llmspell_tools.errors import InvalidParameters

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from llmspell.options import Options
    from llmspell_tools.definition import Tool
    from llmspell_tools.registry import ToolRegistry
    from llmspell_tools.types import JsonObject, JsonValue


def list_tools(
    options: Options,
    *,
    category: str | None = None,
    detailed: bool = False,
    select: str | None = None,
    format: str | None = None,
) -> int:
    """Print the names of all tools: one a line, or a JSON array of names; objects where `detailed` or jsonl."""
    registry = assembly.registry(options)
    tools = registry.list(_category(registry, category))
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
) -> int:
    """Print the tools whose name or description has any of the words, best first."""
    registry = assembly.registry(options)
    tools = registry.search(words, _category(registry, category))
    style = options.format(format)
    if not tools:
        output.note(f"No tool matches {' '.join(words)!r}; `llmspell tool list` names them all.")
    if style == "text" and select is None and not detailed:
        output.columns([(tool.name, tool.description) for tool in tools])
    else:
        _print(tools, style, detailed, select)
    return 0


def info(
    options: Options,
    words: Sequence[str],
    *,
    show_schema: bool = False,
    select: str | None = None,
    format: str | None = None,
) -> int:
    """Print what one tool does, and with `show_schema` the JSON Schema of its parameters."""
    tool = assembly.registry(options).get(words[0])
    style = options.format(format)
    if style == "text" and select is None:
        _print_info(tool, show_schema)
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


def _category(registry: ToolRegistry, category: str | None) -> str | None:
    if category is None:
        return None
    known = sorted({tool.category for tool in registry.list()})
    if category.lower() in known:
        return category.lower()
    raise InvalidParameters(f"no category '{category}'; there are: {', '.join(known)}", field="category")


def _print(tools: Sequence[Tool], style: str, detailed: bool, select: str | None) -> None:
    objects: list[JsonValue] = [summary(tool) for tool in tools] if detailed or style == "jsonl" else []
    if select is not None:
        _print_value([summary(tool) for tool in tools], style, select)
    elif style == "jsonl":
        for entry in objects:
            output.json(entry, style)
    elif detailed and style != "text":
        output.json(objects, style)
    elif detailed:
        output.columns([(tool.name, tool.category, tool.level, tool.description) for tool in tools])
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


def _print_info(tool: Tool, show_schema: bool) -> None:
    output.paragraph(f"{tool.name} - {tool.description}")
    output.line(f"  category: {tool.category}")
    output.paragraph(f"security level: {tool.level}{_other_levels(tool)}", 2)
    if tool.aliases:
        output.paragraph(f"also called: {', '.join(tool.aliases)}", 2)
    properties = tool.parameters.get("properties")
    if isinstance(properties, dict) and properties:
        output.line("\nParameters:")
        required = tool.parameters.get("required")
        names = required if isinstance(required, list) else []
        for name, schema in properties.items():
            _print_parameter(name, schema if isinstance(schema, dict) else {}, name in names)
    if tool.settings:
        output.line(f"\nSettings, in [tools.{tool.name.replace('-', '_')}] of a configuration file:")
        for name, value in tool.settings.items():
            output.line(f"  {name} = {output.compact(value)}")
    for example in tool.examples[:1]:
        params = example.get("params")
        if isinstance(params, dict):
            output.line(f"\nExample:\n  llmspell tool invoke {tool.name} {_as_words(params)}")
    if show_schema:
        output.line("\nSchema:")
        output.json(tool.parameters, "pretty")


def _other_levels(tool: Tool) -> str:
    """Return ` (restricted: read, stat; safe: help)`, the operations that have a level of their own."""
    operations: dict[str, list[str]] = {}
    for operation, level in tool.levels.items():
        if level != tool.level:
            operations.setdefault(level, []).append(operation)
    text = "; ".join(f"{level}: {', '.join(names)}" for level, names in operations.items())
    return f" ({text})" if text else ""


def _print_parameter(name: str, schema: Mapping[str, JsonValue], required: bool) -> None:
    facts = [_type(schema)]
    if required:
        facts.append("required")
    if "default" in schema and schema["default"] is not None:
        facts.append(f"default {output.compact(schema['default'])}")
    output.paragraph(f"{name} ({', '.join(facts)})", 2)
    description = schema.get("description")
    if isinstance(description, str) and description:
        output.paragraph(" ".join(description.split()), 6)


def _type(schema: Mapping[str, JsonValue]) -> str:
    choices = schema.get("enum")
    if isinstance(choices, list):
        return "one of " + ", ".join(output.bare(choice) for choice in choices)
    kinds = schema.get("type")
    if isinstance(kinds, list):
        return " or ".join(str(kind) for kind in kinds)
    return str(kinds) if kinds is not None else "any value"


def _as_words(params: Mapping[str, JsonValue]) -> str:
    words = []
    for key, value in params.items():
        plain = isinstance(value, str) and not value.startswith(("@", "\\"))
        text = f"{key}={value}" if plain else f"{key}:={output.compact(value)}"
        words.append(text if _is_plain_word(text) else "'" + text.replace("'", "'\\''") + "'")
    return " ".join(words)


def _is_plain_word(text: str) -> bool:
    return all(letter.isalnum() or letter in "_-=:./,+@%" for letter in text)
