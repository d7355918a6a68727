"""The registry: every tool by every name it has, and `invoke`, the one function that all doors end in.

Built-in tools come from the generated manifest, so that listing, describing and searching import no tool; invoking
imports one. Plug-ins are looked for only when asked to list, search, or when a name is not in the manifest. A registry
may be shared by threads once it is built. It knows no Lua, no socket and no terminal.
"""

from __future__ import annotations

from _thread import RLock
from time import monotonic

from llmspell_tools.definition import Tool, ToolContext
from llmspell_tools.errors import ConfigurationError, ToolNotFound
from llmspell_tools.manifest import TOOLS
from llmspell_tools.policy import Policy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any, Protocol

    from llmspell_tools.context import CancelSignal, ProgressSink
    from llmspell_tools.definition import ToolResult
    from llmspell_tools.invocation import InvocationChain
    from llmspell_tools.types import JsonValue

    class OwnTools(Protocol):
        """Where tools come from that are not built in; `own_tools.OwnTools` is one. Called with the lock held."""

        @property
        def folders(self) -> Sequence[str]:
            """Where files are that may change."""
            ...

        @property
        def problems(self) -> Sequence[ConfigurationError]:
            """What is wrong with them now."""
            ...

        def load(self, registry: ToolRegistry) -> None:
            """Register them; called again and again, does it once."""
            ...

        def refresh(self, registry: ToolRegistry) -> bool:
            """Take over what has changed since, and tell whether anything has; before `load` nothing has."""
            ...


class ToolRegistry:
    """Tools by name.

    Args:
        policy: Holds for calls whose context brings no other; the default policy if left out.
        settings: By canonical tool name, what overrides the tool's own settings.
        own: Tools that are not built in; loaded when a name is unknown, and before listing.
    """

    def __init__(
        self,
        *,
        policy: Policy | None = None,
        settings: Mapping[str, Mapping[str, JsonValue]] | None = None,
        own: OwnTools | None = None,
    ) -> None:
        self.policy = Policy.default() if policy is None else policy
        self._chain: InvocationChain | None = None
        self._settings = settings or {}
        self._own = own
        self._parent: ToolRegistry | None = None
        self._generation = 0
        self._parent_generation = 0
        self._on_change: list[Callable[[], None]] = []
        self._tools: dict[str, Tool] = {}
        self._names: dict[str, str] = {}
        self._called: dict[str, Tool] = {}
        self._lock = RLock()

    # --- names -----------------------------------------------------------------------------------------------------

    def register(self, tool: Tool) -> None:
        """Add a tool under its name and aliases.

        Raises:
            ConfigurationError: One of them is taken.
        """
        self.replace((), (tool,))

    def replace(self, old: Sequence[Tool], new: Sequence[Tool]) -> None:
        """Put tools in the place of others of this registry, all or none; calls that run are not touched.

        Args:
            old: Tools that were registered here; one whose name is gone already is no error.
            new: Tools to register; they may have the old ones' names.

        Raises:
            ConfigurationError: A name is none or is taken, ``details.name``; nothing has changed then.
        """
        with self._lock:
            tools, names = self._tools, self._names
            gone = {tool.name for tool in old}
            self._tools = {name: tool for name, tool in tools.items() if name not in gone}
            self._names = {name: real for name, real in names.items() if real not in gone}
            try:
                for tool in new:
                    self._check_names(tool)
                    self._add(tool)
            except ConfigurationError:
                self._tools, self._names = tools, names
                raise
            if old:
                self._changed()

    def refresh(self) -> None:
        """Take over what has changed in the files of own tools; costs next to nothing where there are none.

        A door that lives long calls this between its runs. Until then names mean what they meant.
        """
        parent = self._parent
        if parent is not None:
            parent.refresh()
            if self._parent_generation != parent._generation:
                self._parent_generation = parent._generation
                self._changed()
        elif self._own is not None:
            with self._lock:
                self._own.refresh(self)

    @property
    def may_change(self) -> bool:
        """Whether there are folders of own tools, so that `refresh` has something to look at."""
        if self._parent is not None:
            return self._parent.may_change
        return self._own is not None and bool(self._own.folders)

    def on_change(self, callback: Callable[[], None]) -> None:
        """Call `callback` on the thread that replaces or removes tools; for what remembers them."""
        self._on_change.append(callback)

    @property
    def problems(self) -> Sequence[ConfigurationError]:
        """What is wrong with own tools, as far as they have been looked at: ``details`` has source and severity."""
        if self._parent is not None:
            return self._parent.problems
        return self._own.problems if self._own is not None else ()

    def overlay(self) -> ToolRegistry:
        """Return a registry that adds to this one without changing it; for one engine's own tools."""
        child = ToolRegistry.__new__(ToolRegistry)
        child.policy = self.policy
        child._chain = self.chain
        child._settings = self._settings
        child._own = None
        child._parent = self
        child._generation = 0
        child._parent_generation = self._generation
        child._on_change = []
        child._tools = {}
        child._names = {}
        child._called = {}
        child._lock = RLock()
        return child

    def get(self, name: str) -> Tool:
        """Return the tool that has this name, in any spelling; imports no tool.

        Raises:
            ToolNotFound: No tool has it; ``details.nearest`` has the nearest names.
        """
        tool = self._find(name) or self._discovered(name)
        if tool is None:
            raise self._not_found(name)
        return tool

    def exists(self, name: str) -> bool:
        """Tell whether a tool has this name."""
        return (self._find(name) or self._discovered(name)) is not None

    def list(self, category: str | None = None) -> Sequence[Tool]:
        """Return the tools of a category (any case), or all, sorted by name."""
        wanted = category.lower() if category is not None else None
        tools = self._all().values()
        return sorted((tool for tool in tools if wanted is None or tool.category == wanted), key=lambda tool: tool.name)

    def search(self, words: Sequence[str], category: str | None = None) -> Sequence[Tool]:
        """Return the tools that any word fits, best first; see `search`."""
        from llmspell_tools.search import find  # calls need none

        return [hit.tool for hit in find(self.list(category), words)]

    # --- calls -----------------------------------------------------------------------------------------------------

    @property
    def chain(self) -> InvocationChain:
        """What every call runs through: hooks, cache, limits and metrics; overlays share it."""
        with self._lock:
            if self._chain is None:
                from llmspell_tools.invocation import InvocationChain  # listing and describing call nothing

                self._chain = InvocationChain()
            return self._chain

    def invoke(
        self,
        name: str,
        params: Mapping[str, Any] | None = None,
        *,
        context: ToolContext | None = None,
        timeout_s: float | None = None,
    ) -> ToolResult:
        """Call a tool.

        Args:
            name: Any name of the tool.
            params: Its parameters; None is the same as none.
            context: Of the run that this call is part of; a call on its own needs none.
            timeout_s: Seconds until `ToolTimeout`.

        Raises:
            LlmspellError: By class, whoever is wrong; see `errors`.
        """
        tool = self._called.get(name) if name.__class__ is str else None
        if tool is None:
            with self._lock:  # so that nothing is remembered that is being replaced
                tool = self._called[name] = self.get(name)
        if context is None:
            context = ToolContext(self.policy)
        return (self._chain or self.chain).run(tool, {} if params is None else params, context, timeout_s)

    async def ainvoke(
        self,
        name: str,
        params: Mapping[str, Any] | None = None,
        *,
        context: ToolContext | None = None,
        timeout_s: float | None = None,
    ) -> ToolResult:
        """Call a tool from asyncio; see `invoke`.

        The tool runs on a thread of its own, so that a blocking one never blocks the loop. Cancelling the awaitable
        cancels this call and no other one of the run. At the deadline (the call's or the run's) the awaitable ends
        with `ToolTimeout`, even if the tool does not look.
        """
        from llmspell_tools.asynchronous import run_call

        run = self.context() if context is None else context
        return await run_call(lambda own: self.invoke(name, params, context=own, timeout_s=timeout_s), run, timeout_s)

    def context(
        self,
        *,
        timeout_s: float | None = None,
        signal: CancelSignal | None = None,
        progress: ProgressSink | None = None,
        ask: Callable[[str], bool] | None = None,
    ) -> ToolContext:
        """Return a context for a run of calls, under this registry's policy."""
        deadline: float | None = None
        if timeout_s is not None:
            from llmspell_tools.schema_values import checked_timeout

            deadline = monotonic() + checked_timeout(timeout_s)
        return ToolContext(self.policy, deadline=deadline, signal=signal, progress=progress, ask=ask)

    # --- inside ----------------------------------------------------------------------------------------------------

    def _find(self, name: str) -> Tool | None:
        """Look in this registry, its parents and the manifest; any spelling."""
        if not isinstance(name, str):
            return None
        tool = self._tools.get(name)
        if tool is not None:
            return tool
        plain = canonical(name)
        real = self._names.get(plain)
        if real is not None:
            return self._tools[real]
        if self._parent is not None:
            return self._parent._find(name)
        real = plain if plain in TOOLS else _manifest_aliases().get(plain)
        return self._from_manifest(real) if real is not None else None

    def _from_manifest(self, name: str) -> Tool:
        known = self._tools.get(name)
        if known is not None:
            return known
        tool = Tool(**TOOLS[name])
        self._add(tool)
        return self._tools[name]

    def _add(self, tool: Tool) -> None:
        overrides = self._settings.get(tool.name)
        if overrides:
            tool = _with_settings(tool, overrides)
        with self._lock:
            self._tools[tool.name] = tool
            for name in (tool.name, *tool.aliases):
                self._names[canonical(name)] = tool.name

    def _discovered(self, name: str) -> Tool | None:
        self._load_own()
        return self._find(name)

    def _load_own(self) -> None:
        top = self
        while top._parent is not None:
            top = top._parent
        if top._own is not None:
            with top._lock:  # to the end: another thread must not miss what is still being found
                top._own.load(top)

    def _changed(self) -> None:
        with self._lock:
            self._generation += 1
            self._called.clear()
        for callback in self._on_change:
            callback()

    def _check_names(self, tool: Tool) -> None:
        for name in (tool.name, *tool.aliases):
            if not is_tool_name(name):
                raise ConfigurationError(f"'{name}' is no tool name; use letters (a to z), digits and '-', at most 64")
            known = self._find(name)
            if known is not None:
                raise ConfigurationError(
                    f"a tool named '{name}' exists already; choose another name", details={"name": known.name}
                )

    def _all(self) -> dict[str, Tool]:
        self._load_own()
        found: dict[str, Tool] = {}
        if self._parent is not None:
            found.update(self._parent._all())
        else:
            for name in TOOLS:
                self._from_manifest(name)
        found.update(self._tools)
        return found

    def _not_found(self, name: str) -> ToolNotFound:
        from llmspell_tools.nearest import nearest_all
        from llmspell_tools.schema_values import shown

        if not isinstance(name, str):
            return ToolNotFound(f"a tool name is a string, not {type(name).__name__}")
        near = nearest_all(canonical(name), self._all(), 3)
        hint = f"did you mean '{near[0]}'?" if near else "`llmspell tool list` shows them all"
        return ToolNotFound(f"Tool '{shown(name)}' not found; {hint}", details={"tool": name[:100], "nearest": [*near]})


def canonical(name: str) -> str:
    """Return the one spelling of a name: lower case, with hyphens."""
    return name.replace("_", "-").lower()


def is_tool_name(name: str) -> bool:
    """Tell whether a tool may be called so: words of ASCII letters and digits; the names that other protocols take."""
    return name.isascii() and len(name) <= 64 and all(part.isalnum() for part in canonical(name).split("-"))


_aliases: dict[str, str] = {}


def _manifest_aliases() -> dict[str, str]:
    if not _aliases:  # filled in one step, so that no other thread sees a part
        _aliases.update({canonical(alias): name for name, entry in TOOLS.items() for alias in entry.get("aliases", ())})
    return _aliases


def _with_settings(tool: Tool, overrides: Mapping[str, JsonValue]) -> Tool:
    """Return a copy of a tool whose settings are overlaid by a configuration's, if they fit."""
    from llmspell_tools.schema_values import describe, json_type  # only configurations with such settings pay for it

    for key, value in overrides.items():
        if key not in tool.settings:
            known = ", ".join(sorted(tool.settings)) or "none"
            raise ConfigurationError(f"tool '{tool.name}' has no setting '{key}'; it has: {known}")
        wanted, given = (json_type(each).replace("integer", "number") for each in (tool.settings[key], value))
        if given != wanted:
            table = f"[tools.{tool.name.replace('-', '_')}]"
            raise ConfigurationError(f"{table} {key} wants a value of type {wanted}, not {describe(value)}")
    copy = Tool.__new__(Tool)
    for slot in Tool.__slots__:
        setattr(copy, slot, getattr(tool, slot))
    copy.settings = {**tool.settings, **overrides}
    return copy
