"""The Python half of `display` and of a cell's rich result: what Lua sends becomes a MIME bundle for the door.

`mime.py` makes the bundles; this module knows where they go. Owner thread only.
"""

from __future__ import annotations

import os

from llmspell_kernel.lua import mime
from llmspell_kernel.lua.convert import from_lua_text, human_text, to_lua_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from llmspell_kernel.lua.bridge import Bridge
    from llmspell_kernel.lua.front import WorkState

#: The name that denials give.
_TOOL = "lua"


class Displays:
    """The callbacks of `display.lua` and `rich.lua`.

    Args:
        bridge: The engine.
    """

    __slots__ = ("_bridge",)

    def __init__(self, bridge: Bridge) -> None:
        self._bridge = bridge

    def callables(self) -> dict[str, Callable[..., Any]]:
        """Return what `display.lua` calls, by name."""
        return {
            "show": self.show,
            "clear": self.clear,
            "progress": self.progress,
            "password": self.password,
            "new_id": new_id,
            "flush": self._bridge.output.flush,
        }

    def show(self, display_id: str | None, update: bool, text: str, kind: str, *what: Any) -> None:
        """Show a bundle now, or change the one that was shown under this id.

        Raises:
            InvalidParameters: What the script gave makes no bundle.
            PermissionDenied: A picture's file may not be read.
            LimitExceeded: It is too large.
        """
        data, metadata = self.bundle(text, kind, what)
        self._bridge.output.flush()
        shown_id = None if display_id is None else human_text(display_id)
        self._bridge.front.display(data, metadata, shown_id, update=update)

    def result(self, text: str, kind: str, *what: Any) -> str:
        """Keep the bundle of the cell's result for the engine; return its text."""
        data, _ = self._bridge.rich = self.bundle(text, kind, what)
        return to_lua_text(str(data["text/plain"]))

    def clear(self, wait: bool) -> None:
        """Clear the cell's output."""
        self._bridge.output.flush()
        self._bridge.front.clear_output(wait=wait)

    def progress(self, work: str, done: float, total: float | None, message: str, state: WorkState) -> None:
        """Show a bar of the script's own; prints go on waiting, for a loop may say after each how far it is."""
        self._bridge.front.progress(work, done, total, human_text(message), state, None)

    def password(self, prompt: str) -> str | None:
        """Ask for a line that is not shown."""
        bridge = self._bridge
        bridge.output.flush()
        with bridge.blocking():
            answer = bridge.front.input(human_text(prompt), password=True, context=bridge.context())
        return None if answer is None else to_lua_text(answer)

    def bundle(self, text: str, kind: str, what: tuple[Any, ...]) -> mime.Bundle:
        """Return the bundle of what Lua sent; raises as `show`."""
        plain = human_text(text)
        if kind == "text":
            return {"text/plain": plain}, {}
        if kind == "tool":
            return mime.of_result(what[0], plain)
        if kind == "image":
            return self._image(what[0], self._bridge.decoder.value(what[1:]))
        return mime.MAKERS[kind](self._bridge.decoder.value(what), plain)

    def _image(self, source: str, options: dict[str, Any]) -> mime.Bundle:
        """Return the bundle of a picture: its bytes, or the path of its file."""
        options = options if isinstance(options, dict) else {}
        data = source.encode("latin-1")
        if not mime.is_image(data):
            from llmspell_tools.files import open_read

            with open_read(self._bridge.policy, os.fsdecode(data), _TOOL) as file:
                data = file.read(mime.MAX_BYTES + 1)
            path = from_lua_text(source)
            options.setdefault("alt", os.path.basename(path) if isinstance(path, str) else "")
        return mime.of_image(data, options)


def new_id() -> str:
    """Return a new display or comm id."""
    return os.urandom(16).hex()
