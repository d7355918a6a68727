"""The Python half of `comm`: messages out to the front, and those that came in, to the script's callbacks.

Data cross as JSON-like values, buffers as strings of bytes. Owner thread only.
"""

from __future__ import annotations

from llmspell_kernel.lua.convert import human_text, to_lua_text
from llmspell_kernel.lua.globals.display import new_id
from llmspell_tools.errors import InvalidParameters

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from llmspell_kernel.lua.bridge import Bridge
    from llmspell_kernel.lua.front import CommType
    from llmspell_tools.types import JsonObject


def callables(bridge: Bridge) -> dict[str, Callable[..., Any]]:
    """Return what `comm.lua` calls, by name."""

    def send(kind: CommType, comm_id: str, target: str | None, count: int, *rest: Any) -> None:
        """Send; `rest` is `count` buffers and then the stream of ``{data, metadata}``."""
        given = bridge.decoder.value(rest[count:])
        metadata = given.get("metadata")
        content: JsonObject = {"comm_id": human_text(comm_id), "data": _json(given.get("data"))}
        if kind == "comm_open":
            content["target_name"] = human_text(target or "")
        bridge.output.flush()
        buffers = [buffer.encode("latin-1") for buffer in rest[:count]]
        bridge.front.comm(kind, content, metadata if isinstance(metadata, dict) else {}, buffers)

    return {
        "send": send,
        "new_id": new_id,
        "is_available": lambda: bridge.front.has_comms,
        "parent_id": lambda: to_lua_text(bridge.front.parent_id),
    }


def _json(value: Any) -> Any:
    """Return the data of a message, which are JSON: bytes go into buffers."""
    from llmspell_tools.jsontext import dumps

    if value is None:
        return {}
    try:
        dumps(value)
    except InvalidParameters as error:
        raise InvalidParameters(f"a comm's data have no JSON form: {error.message}; bytes go into buffers") from None
    return value


def arguments(bridge: Bridge, content: JsonObject, metadata: JsonObject, buffers: Sequence[bytes]) -> tuple[Any, ...]:
    """Return what `comm.lua`'s `receive` takes behind the message's kind: id, target, data, metadata, buffers."""
    to_lua = bridge.encoder.to_lua
    return (
        to_lua_text(str(content.get("comm_id", ""))),
        to_lua_text(str(content.get("target_name", ""))),
        to_lua(content.get("data", {})),
        to_lua(metadata),
        to_lua([bytes(buffer) for buffer in buffers]),
    )
