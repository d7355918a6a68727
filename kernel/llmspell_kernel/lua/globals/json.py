"""The global `JSON`: parse, stringify, pretty and the null value. `llmspell_tools.jsontext` does the work."""

from __future__ import annotations

from llmspell_tools import jsontext
from llmspell_tools.errors import InvalidParameters

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from llmspell_kernel.lua.bridge import Bridge


def install(bridge: Bridge) -> None:
    """Give scripts `JSON`."""
    decoder, encoder = bridge.decoder, bridge.encoder

    def parse(text: str, keep_null: bool) -> Any:
        value = jsontext.loads(text if text.isascii() else text.encode("latin-1"))
        return encoder.to_lua(value, keep_null=keep_null)

    def stringify(*tokens: Any) -> Any:
        return _dumps(decoder.value(tokens), None)

    def pretty(*tokens: Any) -> Any:
        return _dumps(decoder.value(tokens), 2)

    bridge.put("JSON", bridge.load("json.lua", parse=parse, stringify=stringify, pretty=pretty))


def _dumps(value: object, indent: int | None) -> str:
    from llmspell_kernel.lua.convert import to_lua_text

    try:
        return to_lua_text(jsontext.dumps(value, indent, sort_keys=True))
    except InvalidParameters as error:
        if "bytes" in error.message:
            raise InvalidParameters("a string is not UTF-8 text") from None
        raise
