"""The tools as attributes: `tools.calculator(input="2 + 2")`, with signatures, help and completion.

    tools.hash_calculator(operation="hash", input="hello").output      # a ToolResult
    tools["hash-calculator"]                                           # any spelling or alias
    tools("utility"), for tool in tools, len(tools), "calculator" in tools

What notebooks and the Python API call `tools`. Knows the registry only by what it needs of one; imports no tool. What
costs an import (`inspect`, for signatures) is imported when somebody asks for help.
"""

from __future__ import annotations

from llmspell_tools.errors import ToolNotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from inspect import Signature

    from llmspell_tools.definition import Tool, ToolResult
    from llmspell_tools.registry import ToolRegistry
    from llmspell_tools.types import JsonInput, JsonValue

    #: Calls a tool by name with these parameters.
    Call = Callable[[str, Mapping[str, JsonInput]], ToolResult]

_TYPES = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "array": "list", "object": "dict",
          "null": "None"}  # fmt: skip


class NoSuchTool(ToolNotFound, AttributeError):
    """No tool has the name that was written as an attribute; an AttributeError, so that `hasattr` and others work.

    Args:
        error: What the registry says, with the nearest names.
        box: Whose attribute it would be.
    """

    def __init__(self, error: ToolNotFound, box: Toolbox) -> None:
        super().__init__(error.message, details=error.details)
        self.name, self.obj = None, box  # with a name Python would add its own "Did you mean" behind ours


class Toolbox:
    """Every tool of a registry, by name.

    Args:
        registry: Returns the registry; asked each time, so that it may be made when it is first needed.
        call: Calls a tool instead of the registry's `invoke`: with a door's progress and questions.
    """

    def __init__(self, registry: Callable[[], ToolRegistry], call: Call | None = None) -> None:
        self._registry = registry
        self._call = call

    def __call__(self, category: str | None = None) -> Sequence[Tool]:
        """Return every tool, or those of a category, sorted by name.

        Each has `name`, `description`, `category`, `level`, `parameters` (JSON Schema of what it takes) and `returns`
        (of what it gives). Imports no tool's module.
        """
        return self._registry().list(category)

    def __getitem__(self, name: str) -> BoundTool:
        """Return the tool that has this name, in any spelling.

        Raises:
            ToolNotFound: No tool has it.
        """
        return BoundTool(self._registry().get(name), self._run)

    def __getattr__(self, name: str) -> BoundTool:
        """Return the tool of this name; `_` stands for `-`.

        Raises:
            NoSuchTool: No tool has it.
        """
        if name.startswith("_"):  # what notebooks and copies ask every object for
            raise AttributeError(f"there is no tool '{name}'")
        try:
            return self[name]
        except ToolNotFound as error:
            raise NoSuchTool(error, self) from None

    def __contains__(self, name: object) -> bool:
        """Tell whether a tool has this name."""
        return isinstance(name, str) and self._registry().exists(name)

    def __iter__(self) -> Iterator[Tool]:
        """Yield every tool, sorted by name."""
        return iter(self())

    def __len__(self) -> int:
        """Return how many tools there are."""
        return len(self())

    def __dir__(self) -> list[str]:
        """Return the names as attributes."""
        return [tool.name.replace("-", "_") for tool in self()]

    def __repr__(self) -> str:
        return f"<{len(self)} tools: {', '.join(dir(self))}>"

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:  # noqa: ARG002
        """Return what IPython and Jupyter show: one row a tool."""
        from llmspell_tools import tables

        rows: list[list[JsonValue]] = [[tool.name, tool.category, tool.description] for tool in self()]
        table = tables.Table(["tool", "category", "description"], rows)
        return {"text/plain": "\n".join(tables.text(table, 120)), "text/html": tables.html(table)}

    def _run(self, name: str, params: Mapping[str, JsonInput]) -> ToolResult:
        if self._call is not None:
            return self._call(name, params)
        return self._registry().invoke(name, params)


class BoundTool:
    """One tool as a function of its parameters.

    Args:
        tool: Its definition.
        call: Calls it.

    Attributes:
        tool: The definition: `parameters`, `returns`, `examples`, `level`.
    """

    def __init__(self, tool: Tool, call: Call) -> None:
        self.tool = tool
        self._call = call

    def __call__(self, **params: JsonInput) -> ToolResult:
        """Call the tool; its parameters are checked against its schema.

        Raises:
            LlmspellError: By class, whoever is wrong; see `llmspell_tools.errors`.
        """
        return self._call(self.tool.name, params)

    @property
    def __name__(self) -> str:
        """The tool's name as Python writes it."""
        return self.tool.name.replace("-", "_")

    @property
    def __signature__(self) -> Signature:
        """The parameters, keyword only; those that may be left out have a default."""
        return _signature(self.tool)

    @property
    def __doc__(self) -> str:  # type: ignore[override]
        """The description and what each parameter means, as a docstring."""
        return describe(self.tool)

    def __dir__(self) -> list[str]:
        return ["tool"]

    def __repr__(self) -> str:
        return f"<tool {self.tool.name}: {self.tool.description}>"


def describe(tool: Tool) -> str:
    """Return a tool's description, its parameters and an example, as a Google-style docstring."""
    lines = [tool.description, "", f"Category {tool.category}, level {tool.level}."]
    required = _required(tool)
    properties = _properties(tool)
    if properties:
        lines += ["", "Args:"]
    for name, schema in properties.items():
        facts = [_type(schema)]
        if name not in required:
            facts.append(f"default {schema['default']!r}" if "default" in schema else "optional")
        text = schema.get("description")
        meaning = " ".join(text.split()) if isinstance(text, str) else ""
        lines.append(f"    {name} ({', '.join(facts)}): {meaning}")
    for example in tool.examples[:1]:
        given = example.get("params")
        words = (f"{name}={value!r}" for name, value in given.items()) if isinstance(given, dict) else ()
        lines += ["", "Example:", f"    tools.{tool.name.replace('-', '_')}({', '.join(words)})"]
    return "\n".join(lines)


def _signature(tool: Tool) -> Signature:
    from inspect import Parameter, Signature

    required = _required(tool)
    parameters: list[Parameter] = []
    for name, schema in _properties(tool).items():
        default = Parameter.empty if name in required else schema.get("default")
        if name.isidentifier():
            parameters.append(Parameter(name, Parameter.KEYWORD_ONLY, default=default, annotation=_type(schema)))
    if tool.open_parameters:
        parameters.append(Parameter("parameters", Parameter.VAR_KEYWORD))
    return Signature(sorted(parameters, key=lambda each: (each.kind, each.default is not Parameter.empty)))


def _properties(tool: Tool) -> dict[str, dict[str, JsonValue]]:
    found = tool.parameters.get("properties")
    return {name: own for name, own in found.items() if isinstance(own, dict)} if isinstance(found, dict) else {}


def _required(tool: Tool) -> list[JsonValue]:
    names = tool.parameters.get("required")
    return names if isinstance(names, list) else []


def _type(schema: Mapping[str, JsonValue]) -> str:
    """Return the Python type that a schema means, as text."""
    values = schema.get("enum")
    if isinstance(values, list):
        return " | ".join(repr(value) for value in values)
    kinds = schema.get("type")
    names = kinds if isinstance(kinds, list) else [kinds] if kinds is not None else []
    branches = schema.get("anyOf")
    if isinstance(branches, list) and not names:
        return " | ".join(dict.fromkeys(_type(branch) for branch in branches if isinstance(branch, dict)))
    return " | ".join(_TYPES.get(str(name), str(name)) for name in names) or "any"
