"""``tool info`` as text: a tool described for a person. On the lean path: imports no tool."""

from __future__ import annotations

from llmspell import layout, output

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmspell_tools.definition import Tool
    from llmspell_tools.types import JsonValue


def describe(tool: Tool, *, show_schema: bool) -> None:
    """Print what a tool does, takes and needs, with an example that can be pasted into a shell."""
    layout.paragraph(f"{tool.name} - {tool.description}")
    output.line(f"  category: {tool.category}")
    layout.paragraph(f"security level: {tool.level}{_other_levels(tool)}", 2)
    if tool.aliases:
        layout.paragraph(f"also called: {', '.join(tool.aliases)}", 2)
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
    layout.paragraph(f"{name} ({', '.join(facts)})", 2)
    description = schema.get("description")
    if isinstance(description, str) and description:
        layout.paragraph(" ".join(description.split()), 6)


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
