"""``tool info`` as text: a tool described for a person. On the lean path: imports no tool."""

from __future__ import annotations

from llmspell import layout, output

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from llmspell_tools.definition import Tool
    from llmspell_tools.media import Table
    from llmspell_tools.types import JsonObject, JsonValue


def describe(tool: Tool, *, show_schema: bool) -> None:
    """Print what a tool does, takes and needs, with an example that can be pasted into a shell."""
    layout.paragraph(f"{tool.name} - {tool.description}")
    output.line(f"  category: {tool.category}")
    layout.paragraph(f"security level: {tool.level}{_other_levels(tool)}", 2, hang=4)
    if tool.aliases:
        layout.paragraph(f"also called: {', '.join(tool.aliases)}", 2)
    properties = tool.parameters.get("properties")
    if isinstance(properties, dict) and properties:
        output.line("\nParameters:")
        _print_parameters(tool.parameters, tool.requires, 2)
    if tool.settings:
        output.line(f"\nSettings, in [tools.{tool.name.replace('-', '_')}] of a configuration file:")
        for name, value in tool.settings.items():
            output.line(f"  {name} = {output.compact(value)}")
    if tool.examples:
        _print_example(tool, tool.examples[0])
    if show_schema:
        output.line("\nSchema:")
        output.json(tool.parameters, "pretty")
        if tool.returns is not None:
            output.line("\nOutput schema:")
            output.json(tool.returns, "pretty")


def as_tables(tool: Tool) -> list[Table]:
    """Return what a tool is, and what it takes, as tables."""
    from llmspell_tools.media import Table  # text needs none

    facts = [["description", tool.description], ["category", tool.category],
             ["security level", tool.level + _other_levels(tool)], ["version", tool.version],
             ["also called", ", ".join(tool.aliases)]]  # fmt: skip
    facts += [[f"setting {name}", output.compact(value)] for name, value in tool.settings.items()]
    told = Table([tool.name, "value"], [[*fact] for fact in facts if fact[1]])
    rows = _parameter_rows(tool.parameters, tool.requires, "")
    taken = Table(["parameter", "type", "required", "default", "description"], [[*row] for row in rows])
    return [told, taken]


def _parameter_rows(
    schema: Mapping[str, JsonValue], requires: Mapping[str, Sequence[str]], prefix: str
) -> list[list[str]]:
    """Return name, type, when it is required, default and description of the properties, those inside them below."""
    rows: list[list[str]] = []
    for name, own, always, operations in _properties(schema, requires):
        default = own.get("default")
        rows.append(
            [
                prefix + name,
                _type(own),
                "yes" if always else ", ".join(operations),
                "" if default is None else output.compact(default),
                " ".join(str(own.get("description", "")).split()),
            ]
        )
        rows.extend(_parameter_rows(own, {}, f"{prefix}{name}."))
    return rows


def _properties(
    schema: Mapping[str, JsonValue], requires: Mapping[str, Sequence[str]]
) -> Iterator[tuple[str, JsonObject, bool, list[str]]]:
    """Yield name and schema of the properties of an object schema, whether always and for what they are required."""
    properties, always = schema.get("properties"), schema.get("required")
    for name, own in properties.items() if isinstance(properties, dict) else ():
        if isinstance(own, dict):
            operations = [operation for operation, names in requires.items() if name in names]
            yield name, own, isinstance(always, list) and name in always, operations


def _print_example(tool: Tool, example: JsonObject) -> None:
    if "{folder}" in output.compact(example):
        from llmspell_tools.examples import shown  # few examples name a file

        example = shown(example)
    params = example.get("params")
    if isinstance(params, dict):
        output.line(f"\nExample:\n  llmspell tool invoke {tool.name} {_as_words(params)}")


def _other_levels(tool: Tool) -> str:
    """Return ` (restricted: read, stat; safe: help)`, the operations that have a level of their own."""
    operations: dict[str, list[str]] = {}
    for operation, level in tool.levels.items():
        if level != tool.level:
            operations.setdefault(level, []).append(operation)
    text = "; ".join(f"{level}: {', '.join(names)}" for level, names in operations.items())
    return f" ({text})" if text else ""


def _print_parameters(schema: Mapping[str, JsonValue], requires: Mapping[str, Sequence[str]], indent: int) -> None:
    """Print the properties of an object schema; those of an object inside it one step further in."""
    for name, own, always, operations in _properties(schema, requires):
        facts = [_type(own)]
        if always:
            facts.append("required")
        elif operations:
            facts.append(f"required for {', '.join(operations)}")
        if own.get("default") is not None:
            facts.append(f"default {output.compact(own['default'])}")
        layout.paragraph(f"{name} ({'; '.join(facts)})", indent, hang=indent + 2)
        description = own.get("description")
        if isinstance(description, str) and description:
            layout.paragraph(" ".join(description.split()), indent + 4)
        _print_parameters(own, {}, indent + 4)


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
