"""The texts that were loaded: files, cells, and what scripts gave to `load`."""

from __future__ import annotations

from llmspell_kernel.debug.protocol import RequestFailed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from llmspell_kernel.debug.protocol import Arguments
    from llmspell_kernel.debug.session import DebugSession
    from llmspell_tools.types import JsonObject

_LUA, _PYTHON = "text/x-lua", "text/x-python"


def source(session: DebugSession, arguments: Arguments) -> JsonObject:
    """Return the text of a source, by number or by path."""
    asked = arguments.object("source")
    number = arguments.number("sourceReference", 0) or asked.number("sourceReference", 0)
    name = session.sources.numbered(number) if number else session.sources.chunk_name(asked)
    text = session.program().source_text(name)
    if text is None and name.startswith("@"):
        text = _read(name[1:])
    if text is None:
        raise RequestFailed("source", "the text of this source is not kept any more")
    return {"content": text, "mimeType": _PYTHON if name.endswith(".py") else _LUA}


def loaded_sources(session: DebugSession, arguments: Arguments) -> JsonObject:  # noqa: ARG001 - a handler's
    """Return every chunk that was loaded."""
    return {"sources": [session.sources.described(name) for name in session.program().sources()]}


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            return stream.read()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise RequestFailed("source", f"{path} cannot be read: {reason}") from error
