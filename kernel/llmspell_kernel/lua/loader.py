"""The one loader of script text: every chunk of a script, cell, `require` or `load` passes `Loader.prepare`.

Chunk names: `@path` for files, `=In[3]` for cells; Lua shows what follows the first character. A first line `#!...`, in
files any that begins with `#`, is blanked, not removed, so that line numbers stay true. The debugger's seam is
`Loader.instrument`.
"""

from __future__ import annotations

from _thread import allocate_lock

from llmspell_kernel.lua.convert import human_text, to_lua_text
from llmspell_tools.errors import LimitExceeded, ScriptSyntaxError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from llmspell_kernel.lua.runtime import LuaFunction
    from llmspell_kernel.lua.settings import EngineSettings
    from llmspell_tools.types import JsonValue

_MAX_SOURCES = 300
#: What the names of chunks that are files begin with.
_FILES = ("@", "=stdin")
#: Before a cell that may be an expression. Below a variable that is to be closed a call is no tail call, so the cell
#: keeps its place in tracebacks.
_EXPRESSION = "local __llmspell <close> = nil return "


class Loader:
    """Prepares and compiles chunks.

    Args:
        settings: The size limit.
        compile_text: Lua's ``(text, chunk name, prefix or None) -> function | nil, message``, in the scripts'
            environment; with a prefix it tries ``prefix .. text`` first.
    """

    __slots__ = ("_compile", "_settings", "debugger", "debugging", "instrument", "sources")

    def __init__(self, settings: EngineSettings, compile_text: Callable[[str, str, str | None], Any]) -> None:
        self._settings = settings
        self._compile = compile_text
        #: The debugger's seam: ``(text, chunk name, is_global, is_cell) -> text``, line for line; is_global tells
        #: whether the text is compiled in the scripts' own environment.
        self.instrument: Callable[[str, str, bool, bool], str] | None = None
        #: Held by the one debugger that has the seam; and whose Lua half was loaded last.
        self.debugging = allocate_lock()
        self.debugger: object = None
        #: Text of the newest chunks by chunk name, in latin-1, to show the line of an error.
        self.sources: dict[str, str] = {}

    def prepare(self, text: str | bytes, chunk_name: str = "=cell") -> str:
        """Return what Lua compiles, in latin-1.

        Raises:
            LimitExceeded: The text is longer than `[lua] max_source_bytes`.
        """
        source = text.decode("latin-1") if isinstance(text, bytes) else to_lua_text(text)
        limit = self._settings.max_source_bytes
        if len(source) > limit:
            raise LimitExceeded(
                f"the script has {len(source)} bytes; the limit is [lua] max_source_bytes = {limit}",
                details={"limit": limit, "key": "[lua] max_source_bytes"},
            )
        source = source.removeprefix("\u00ef\u00bb\u00bf")  # a byte order mark, as latin-1
        is_file = chunk_name.startswith(_FILES)
        if source.startswith("#" if is_file else "#!"):  # a cell `#list` is an expression
            end = source.find("\n")
            source = "" if end < 0 else source[end:]
        return source

    def prepare_part(self, text: bytes, chunk_name: str, *, is_global: bool) -> str:
        """Return what `load` and `require` compile.

        Raises:
            LimitExceeded: As `prepare`.
        """
        source = self.prepare(text, chunk_name)
        if chunk_name.startswith("@"):  # for a debugger that comes later
            self._remember(chunk_name, source)
        return source if self.instrument is None else self.instrument(source, chunk_name, is_global, False)

    def load(self, text: str | bytes, chunk_name: str, mode: str) -> LuaFunction:
        """Compile a script, or a cell: as an expression if it is one.

        Raises:
            ScriptSyntaxError: It does not compile; ``details`` has chunk, line and source.
            LimitExceeded: It is too long.
        """
        source = self.prepare(text, chunk_name)
        self._remember(chunk_name, source)
        if self.instrument is not None:
            source = self.instrument(source, chunk_name, True, mode == "cell")
        function, message = self._try(source, chunk_name, _EXPRESSION if mode == "cell" else None)
        if function is None:
            raise self.syntax_error(message, chunk_name)
        return function

    def problem(self, source: str, chunk_name: str) -> str | None:
        """Return what Lua's compiler says against the prepared text of a cell, or None where it takes it."""
        function, message = self._try(source, chunk_name, _EXPRESSION)
        return None if function is not None else message

    def source_line(self, chunk_name: str, line: int) -> str | None:
        """Return a line (1-based) of a chunk that was loaded lately."""
        lines = self.sources.get(chunk_name, "").split("\n")
        return human_text(lines[line - 1]).strip() if 0 < line <= len(lines) else None

    def syntax_error(self, message: str, chunk_name: str) -> ScriptSyntaxError:
        """Return the error for what Lua's compiler said; of what is no Lua text at all, what it is instead."""
        binary = _binary(self.sources.get(chunk_name, ""), message)
        if binary is not None:
            nothing: dict[str, JsonValue] = {"chunk": chunk_name[1:], "line": None, "traceback": []}
            return ScriptSyntaxError(f"{human_text(chunk_name[1:])} {binary}", details=nothing)
        message = _with_one_line(message)
        line = line_of(message)
        details: dict[str, JsonValue] = {"chunk": chunk_name[1:], "line": line, "traceback": []}
        advice = ""
        if line is not None:
            from llmspell_kernel.lua.habits import syntax_advice  # imports `re`

            source = self.source_line(chunk_name, line)
            details["source"] = source
            advice = syntax_advice(message, source or "")
        return ScriptSyntaxError(human_text(message) + advice, details=details)

    def _try(self, source: str, chunk_name: str, prefix: str | None) -> tuple[LuaFunction | None, str]:
        outcome = self._compile(source, to_lua_text(chunk_name), prefix)
        if isinstance(outcome, tuple):
            return None, str(outcome[1])
        function: LuaFunction = outcome
        return function, ""

    def _remember(self, chunk_name: str, source: str) -> None:
        self.sources.pop(chunk_name, None)
        self.sources[chunk_name] = source
        while len(self.sources) > _MAX_SOURCES:
            del self.sources[next(iter(self.sources))]


def _binary(source: str, message: str) -> str | None:
    """Return what a source is (in latin-1) that the compiler refused for a byte of it; None where it is text."""
    if source.startswith("\x1b"):
        return "is compiled Lua, which is never run; give its source text"
    if source.startswith(("\u00ff\u00fe", "\u00fe\u00ff")) or "\0" in source[:2]:
        return "is UTF-16, not UTF-8 text; save it as UTF-8"
    if "near '<\\" not in message:
        return None
    if "\0" in source:
        return "is a binary file, not UTF-8 text"
    try:
        source.encode("latin-1").decode("utf-8")
    except UnicodeDecodeError as error:
        return f"is not UTF-8 text (byte {error.start}); save it as UTF-8"
    return None


def _with_one_line(message: str) -> str:
    """Put the line of a `goto` or `break` first: Lua names the line at which it has found out first.

    ``a.lua:9: no visible label 'x' for <goto> at line 2`` is about line 2.
    """
    said, mark, rest = message.rpartition(" at line ")
    number = rest.split(" ", 1)[0]
    if not (mark and number.isdecimal() and ("<goto" in said or "break outside" in said)):
        return message
    return said.replace(f":{line_of(message)}: ", f":{number}: ", 1) + rest[len(number) :]


def line_of(message: str) -> int | None:
    """Return the line in ``chunk:line: message``, or None."""
    parts = message.split(":", 20)
    for part in parts[1:]:
        if part.isdecimal():
            return int(part)
    return None
