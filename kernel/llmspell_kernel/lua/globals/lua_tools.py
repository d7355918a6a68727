"""Tools written in Lua: `Tool.register`. They live in the engine's overlay of the registry.

The function stays on the Lua side (`tool.lua` keeps it by name); Python holds only the dispatcher. lupa runs a
function on the Lua state where it got hold of it, and there clears the stack: so inside a coroutine the shim hands over
the dispatcher anew (`bind`), and takes it back when the call is over.
"""

from __future__ import annotations

from _thread import get_ident

from llmspell_kernel.lua.convert import to_lua_text
from llmspell_tools.definition import Tool
from llmspell_tools.errors import Cancelled, InvalidParameters, ToolExecutionError
from llmspell_tools.registry import canonical

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from llmspell_kernel.lua.bridge import Bridge
    from llmspell_kernel.lua.runtime import LuaFunction
    from llmspell_tools.definition import ToolContext

#: What `Tool.register` takes beside `execute`.
_FIELDS = frozenset({"name", "description", "parameters", "category", "version", "level", "aliases", "examples"})


class LuaTools:
    """Registers Lua functions as tools and calls them; one per engine."""

    __slots__ = ("_bridge", "_dispatchers", "_owner", "_tools")

    def __init__(self, bridge: Bridge) -> None:
        self._bridge = bridge
        self._owner = get_ident()
        self._dispatchers: list[LuaFunction] = []
        #: By the one spelling of their names, the tools that scripts have registered.
        self._tools: dict[str, Tool] = {}
        bridge.on_run_end(self._forget_bindings)
        bridge.on_nest(self._nest)

    def set_dispatch(self, dispatch: LuaFunction) -> None:
        """Take the dispatcher as the main Lua state calls it."""
        self._dispatchers = [dispatch]

    def bind(self, dispatch: LuaFunction) -> None:
        """Take the dispatcher as the coroutine that calls now has it."""
        self._dispatchers.append(dispatch)

    def unbind(self) -> None:
        """Go back to the one before."""
        self._dispatchers.pop()

    def _forget_bindings(self) -> None:
        del self._dispatchers[1:]

    def _nest(self, call: LuaFunction) -> Callable[[], None]:
        """Call tools in a coroutine of their own, where they can be stopped, while a run is suspended."""
        outer = self._dispatchers
        dispatch = outer[0]
        self._dispatchers = [lambda *arguments: call(dispatch, *arguments)]

        def restore() -> None:
            self._dispatchers = outer

        return restore

    def register(self, *tokens: Any) -> str | None:
        """Add a tool to the engine's own registry, in the place of an earlier one that it registered by this name.

        A notebook's cell is run again and again: the newest definition holds. No other tool is ever replaced.

        Returns:
            The name of the tool that was replaced, as it was spelled, or None.

        Raises:
            InvalidParameters: A part of the definition is missing or wrong.
            ConfigurationError: The name is taken.
        """
        definition = self._bridge.decoder.value(tokens)
        if not isinstance(definition, dict):
            raise InvalidParameters("Tool.register needs a table with names: name, description, parameters, execute")
        name = definition.get("name")
        if not isinstance(name, str):
            raise InvalidParameters("Tool.register needs a 'name'", field="name")
        unknown = {str(key) for key in definition} - _FIELDS
        if unknown:
            known = ", ".join(sorted(_FIELDS))
            raise InvalidParameters(f"Tool.register knows no '{min(unknown)}'; it knows: {known}", field=min(unknown))
        tool = self._tool(name, definition)
        registry = self._bridge.registry
        before = self._tools.get(canonical(name))
        if before is None:
            registry.exists(name)  # finds the own tools of files: their names are taken as well
        registry.replace((), (tool,)) if before is None else registry.replace((before,), (tool,))
        self._tools[canonical(name)] = tool
        return None if before is None else to_lua_text(before.name)

    def _tool(self, name: str, definition: dict[str, Any]) -> Tool:
        from llmspell_tools.schema import compile_parameters  # most scripts register nothing

        parameters = _schema(definition.get("parameters"))
        checker = compile_parameters(parameters)  # a schema that is wrong is refused here, not at the first call

        def call(context: ToolContext, **arguments: Any) -> Any:
            return self._call(context, name, arguments)

        tool = Tool(
            name=name,
            category=_text(definition, "category", "custom"),
            description=_text(definition, "description", f"The Lua tool {name}"),
            version=_text(definition, "version", "1.0.0"),
            level=_text(definition, "level", "safe"),
            aliases=_list(definition, "aliases", str, "names"),
            examples=_list(definition, "examples", dict, "tables {description, params, result}"),
            parameters=parameters,
            function=call,
            open_parameters="properties" not in parameters,
            wants_context=True,
        )
        tool.checker = checker
        return tool

    def _call(self, context: ToolContext, name: str, arguments: dict[str, Any]) -> Any:
        if get_ident() != self._owner:
            raise ToolExecutionError(f"the Lua tool '{name}' can be called on its engine's own thread only")
        run = self._bridge.run
        if run is None:
            return self._bridge.idle_call(lambda: self._call(context, name, arguments), context)
        # While Lua runs, the hook stops it: SIGINT must not cut through the bridge.
        outer, run.in_tool, run.blocking = (run.in_tool, run.blocking), False, False
        try:
            outcome = self._dispatchers[-1](name, self._bridge.encoder.to_lua(arguments))
        except BaseException as error:
            if run.reason is not None:
                raise Cancelled("the script was interrupted") from None
            raise ToolExecutionError(f"{name} failed: {error}") from error
        finally:
            run.in_tool, run.blocking = outer
        if outcome[0] is True:
            return self._bridge.decoder.value(outcome[1:])
        raise ToolExecutionError(str(self._bridge.decoder.text(outcome[1])))


def _text(definition: dict[str, Any], key: str, default: str) -> str:
    value = definition.get(key, default)
    if not isinstance(value, str):
        raise InvalidParameters(f"Tool.register: '{key}' must be a string", field=key)
    return value


def _list(definition: dict[str, Any], key: str, kind: type, meaning: str) -> list[Any]:
    value = definition.get(key) or []
    if not isinstance(value, list) or not all(isinstance(each, kind) for each in value):
        raise InvalidParameters(f"Tool.register: '{key}' must be a list of {meaning}", field=key)
    return value


def _has_name(parameter: dict[str, Any]) -> bool:
    return isinstance(parameter.get("name"), str)


def _schema(given: Any) -> dict[str, Any]:
    """Return the JSON Schema of parameters given as one, as a list of ``{name, type, ...}``, or not at all."""
    if given is None or given in ({}, []):
        return {"type": "object"}
    if isinstance(given, dict):
        if "properties" in given or given.get("type") == "object":
            strict = {"additionalProperties": False} if "properties" in given else {}
            return {"type": "object", **strict, **given}
        given = [{"name": name, **each} if isinstance(each, dict) else each for name, each in given.items()]
    if not isinstance(given, list) or not all(isinstance(each, dict) and _has_name(each) for each in given):
        raise InvalidParameters("Tool.register: 'parameters' must be a JSON Schema of type object or a list of "
                                "{name, type, ...}", field="parameters")  # fmt: skip
    properties: dict[str, Any] = {}
    for each in given:
        properties[each["name"]] = {key: each[key] for key in each if key not in {"name", "required"}}
    required = [each["name"] for each in given if each.get("required")]
    schema: dict[str, Any] = {"type": "object", "properties": properties, "additionalProperties": False}
    if required:
        schema["required"] = required
    return schema
