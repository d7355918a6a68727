"""What a tool is: its definition and what it gives back; what it may know about a call is in `context.py`.

    @tool(name="hash-calculator", category="utility", requires={"verify": ("expected_hash",)})
    def hash_calculator(context: ToolContext, *, operation: Literal["hash", "verify"], input: str | None = None): ...

A `Tool` is a value: it knows neither the registry that holds it nor the door that calls it. Built-in tools come from
the generated manifest with their schemas as JSON text, which is decoded when it is first asked for; a plug-in's schema
is read from its signature and docstring then (`signature.py`). Everything here is on the start path, so: plain
classes, no heavy imports.
"""

from __future__ import annotations

from llmspell_tools.context import CancelSignal, ToolContext
from llmspell_tools.errors import ConfigurationError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any, Literal

    from llmspell_tools.types import JsonObject, JsonValue

    Failure = Literal["raise", "envelope"]
    #: A schema, its JSON text, or what makes it when it is first asked for.
    Schema = JsonObject | str | Callable[[], JsonObject]
    #: Tables and images, or what makes them when a door asks.
    Media = Sequence[JsonObject] | Callable[[], Sequence[JsonObject]]

#: All that the author of a tool imports.
__all__ = ["LEVELS", "CancelSignal", "Tool", "ToolContext", "ToolResult", "tool"]

#: Levels from harmless to powerful; the policy's ceiling is one of them.
LEVELS = ("safe", "restricted", "privileged")
#: `code.co_flags` of an async function and of an async generator (`inspect.CO_COROUTINE`, `CO_ASYNC_GENERATOR`).
_ASYNCHRONOUS = 0x80 | 0x200


class ToolResult:
    """What a tool gives back.

    Args:
        output: The envelope, or any other JSON value.
        text: What a person reads; by default the output's own text, or its indented JSON.
        media: Tables and images, see `media.py`; a function where making them costs something: it is called once, when
            a door first asks.
        metadata: JSON-able facts beside the output.
    """

    __slots__ = ("_made", "_media", "_text", "metadata", "output")

    def __init__(
        self,
        output: JsonValue,
        *,
        text: str | None = None,
        media: Media | None = None,
        metadata: JsonObject | None = None,
    ) -> None:
        self.output = output
        self._text = text
        self._made: str | None = None
        self._media: Media | None = media
        self.metadata: JsonObject = {} if metadata is None else metadata

    @property
    def text(self) -> str:
        """The text for people, made when first read."""
        if self._text is not None:
            return self._text
        if isinstance(self.output, str):
            return self.output
        if self._made is None:
            from llmspell_tools.jsontext import dumps

            self._made = dumps(self.output, 2)
        return self._made

    @property
    def has_own_text(self) -> bool:
        """Whether the tool gave a text that is not just the output or its JSON."""
        return self._text is not None and self._text is not self.output

    @property
    def media(self) -> list[JsonObject]:
        """Tables and images, as `media.py` describes them; made when first read."""
        given = self._media
        if isinstance(given, list):
            return given
        found = [] if given is None else list(given() if callable(given) else given)
        self._media = found
        return found

    @media.setter
    def media(self, media: Media) -> None:
        self._media = media

    @property
    def has_media(self) -> bool:
        """Whether the tool gave media, or a function that makes them; makes none."""
        return bool(self._media)

    @property
    def media_function(self) -> Callable[[], Sequence[JsonObject]] | None:
        """The function that makes the media, as long as nobody has asked for them."""
        return self._media if callable(self._media) else None

    def __repr__(self) -> str:
        return f"ToolResult(output={self.output!r})"

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:  # noqa: ARG002
        """Return what IPython and Jupyter show: the media that have something to show, else the text."""
        from llmspell_tools.tables import bundle, tables_of  # only notebooks ask

        shows_something = any(table.rows for table in tables_of(self)) or any(
            item.get("type") == "image" for item in self.media
        )
        return (bundle(self) if shows_something else None) or {"text/plain": self.text}


class Tool:
    """A tool's definition; the values are those of `tool`.

    Schemas and examples may come as JSON text. `parameters`, `returns` and `examples` are shared by all who ask, from
    any thread: read them, never change them.
    """

    __slots__ = (
        "_description",
        "_examples",
        "_function",
        "_parameters",
        "_returns",
        "aliases",
        "annotations",
        "blocking",
        "category",
        "checker",
        "checks_output",
        "failure",
        "level",
        "levels",
        "module",
        "name",
        "open_parameters",
        "operation_annotations",
        "parameter_aliases",
        "requires",
        "settings",
        "version",
        "wants_context",
    )  # fmt: skip

    def __init__(
        self,
        *,
        name: str,
        category: str,
        function: Callable[..., Any] | None = None,
        module: str = "",
        description: str | None = None,
        parameters: Schema | None = None,
        returns: Schema | None = None,
        level: str = "safe",
        levels: Mapping[str, str] | None = None,
        aliases: Sequence[str] = (),
        parameter_aliases: Mapping[str, str] | None = None,
        requires: Mapping[str, Sequence[str]] | None = None,
        annotations: Mapping[str, bool] | None = None,
        operation_annotations: Mapping[str, Mapping[str, bool]] | None = None,
        settings: Mapping[str, JsonValue] | None = None,
        examples: Sequence[JsonObject] | str = (),
        failure: Failure = "raise",
        blocking: bool = False,
        open_parameters: bool = False,
        wants_context: bool | None = None,
        checks_output: bool = False,
        version: str = "1.0.0",
    ) -> None:
        for each in (level, *(levels or {}).values()):
            if each not in LEVELS:
                raise ConfigurationError(f"tool '{name}': level '{each}' is none of {', '.join(LEVELS)}")
        self.name = name
        self.category = category
        self.module = module
        self._function = function
        self._description = description
        self._parameters = parameters
        self._returns = returns
        self.level = level
        self.levels: Mapping[str, str] = levels or {}
        self.aliases = tuple(aliases)
        self.parameter_aliases: Mapping[str, str] = parameter_aliases or {}
        self.requires: Mapping[str, Sequence[str]] = requires or {}
        self.annotations: Mapping[str, bool] = annotations or {}
        self.operation_annotations: Mapping[str, Mapping[str, bool]] = operation_annotations or {}
        self.settings: Mapping[str, JsonValue] = settings or {}
        self._examples = examples
        self.failure = failure
        self.blocking = blocking
        self.open_parameters = open_parameters
        self.version = version
        #: What the function gives may be no JSON and is looked at; built-in tools and Lua's give nothing else.
        self.checks_output = checks_output
        self.wants_context = _wants_context(function) if wants_context is None and function else bool(wants_context)
        #: The compiled parameter check, made by the invocation chain when the tool first runs.
        self.checker: Callable[[Mapping[str, Any]], dict[str, Any]] | None = None

    @property
    def function(self) -> Callable[..., Any]:
        """The Python function; a built-in tool's module is imported here, when it first runs."""
        if self._function is None:
            __import__(self.module)
            import sys

            self._function = getattr(sys.modules[self.module], self.name.replace("-", "_")).function
        return self._function

    @property
    def description(self) -> str:
        """One line that says what the tool does."""
        if self._description is None:
            self._read_signature()
        return self._description or ""

    @property
    def parameters(self) -> JsonObject:
        """The JSON Schema (2020-12) of the parameters; always an object schema."""
        if self._parameters is None:
            self._read_signature()
        self._parameters = schema = _schema(self._parameters) or {}
        return schema

    @property
    def returns(self) -> JsonObject | None:
        """The JSON Schema (2020-12) of the output; None if the tool declares none."""
        self._returns = schema = _schema(self._returns)
        return schema

    @property
    def examples(self) -> tuple[JsonObject, ...]:
        """Example calls, ``{description, params, result}``; the result is a part of the output."""
        examples: Any = self._examples
        if examples.__class__ is not tuple:
            self._examples = examples = tuple(_decoded(examples) if isinstance(examples, str) else examples)
        return examples  # type: ignore[no-any-return]  # what the manifest says is what it was made from

    def _read_signature(self) -> None:
        from llmspell_tools.signature import read_signature

        description, parameters = read_signature(
            self.function, requires=self.requires, open_parameters=self.open_parameters
        )
        if self._description is None:
            self._description = description
        if self._parameters is None:
            self._parameters = parameters

    def level_of(self, operation: str | None) -> str:
        """Return the level of one operation; the tool's own where it names none."""
        return self.level if operation is None else self.levels.get(operation, self.level)

    def annotations_of(self, operation: str | None) -> Mapping[str, bool]:
        """Return the annotations of one operation; the tool's own where it names none."""
        return self.annotations if operation is None else self.operation_annotations.get(operation, self.annotations)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function itself: no check, no policy; for the tool's own tests."""
        return self.function(*args, **kwargs)

    def __repr__(self) -> str:
        return f"Tool({self.name!r})"


def _schema(source: Schema | None) -> JsonObject | None:
    if source is None or isinstance(source, dict):
        return source
    schema: JsonObject = _decoded(source) if isinstance(source, str) else source()
    return schema


def _decoded(text: str) -> Any:
    from llmspell_tools.jsontext import loads

    return loads(text)


def _wants_context(function: Callable[..., Any]) -> bool:
    while (inner := getattr(function, "__wrapped__", None)) is not None:  # the signature is read from the inmost, too
        function = inner
    code = getattr(function, "__code__", None)
    if code is None or not code.co_argcount:
        return False
    # Positional only (`call, /`) where the tool has a parameter named `context` itself.
    return bool(code.co_posonlyargcount) or code.co_varnames[0] == "context"


def tool(
    *,
    name: str,
    category: str = "custom",
    level: str = "safe",
    levels: Mapping[str, str] | None = None,
    aliases: Sequence[str] = (),
    parameter_aliases: Mapping[str, str] | None = None,
    requires: Mapping[str, Sequence[str]] | None = None,
    annotations: Mapping[str, bool] | None = None,
    operation_annotations: Mapping[str, Mapping[str, bool]] | None = None,
    settings: Mapping[str, JsonValue] | None = None,
    examples: Sequence[JsonObject] = (),
    failure: Failure = "raise",
    blocking: bool = False,
    returns: Schema | None = None,
    open_parameters: bool = False,
    version: str = "1.0.0",
) -> Callable[[Callable[..., Any]], Tool]:
    """Make a tool of a function; its signature and docstring become the schema.

    Args:
        name: What callers say, in kebab-case; the snake_case form works as well.
        category: utility, data, filesystem, system, api, web, media or custom.
        level: safe, restricted or privileged; the policy's ceiling decides.
        levels: Levels of single operations, where they differ.
        aliases: Further names.
        parameter_aliases: Other names of parameters, to their real ones.
        requires: By value of `operation`, the parameters that it cannot do without.
        annotations: read_only, destructive, idempotent, open_world; the policy may ask or deny by them.
        operation_annotations: Annotations of single operations, where they differ.
        settings: Limits and settings with their defaults; `[tools.<name>]` in a config file overrides them.
        examples: ``{description, params, result}``; the result is a part of the output.
        failure: Whether an expected failure is raised or returned as an envelope with success = false.
        blocking: The function can block without calling `context.check()`.
        returns: JSON Schema of the output (`returns.py` writes it short), or a function that makes it when it is asked
            for, which keeps it out of the tool's start.
        open_parameters: Accept parameters that the signature does not name (as `**parameters`).
        version: The tool's own version, `major.minor.patch`.
    """

    def decorate(function: Callable[..., Any]) -> Tool:
        code = getattr(function, "__code__", None)
        if code is not None and code.co_flags & _ASYNCHRONOUS:
            raise ConfigurationError(f"tool '{name}': an async function cannot be a tool; write it with `def`")
        return Tool(
            name=name, category=category, function=function, module=function.__module__, level=level,
            levels=levels, aliases=aliases, parameter_aliases=parameter_aliases, requires=requires,
            annotations=annotations, operation_annotations=operation_annotations, settings=settings,
            examples=examples, failure=failure, blocking=blocking,
            returns=returns, open_parameters=open_parameters, checks_output=True, version=version,
        )  # fmt: skip

    return decorate
