"""What Lua answers about the text of a cell: completion, inspection, completeness. See `llmspell_kernel.language`.

Made when first asked, so that engines of scripts pay nothing. Owner thread, between runs; nothing of a script runs.
"""

from __future__ import annotations

from llmspell_kernel.lua.completion_values import Explorer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from llmspell_kernel.language import Completion
    from llmspell_kernel.lua.bridge import Bridge
    from llmspell_kernel.lua.completion import Completer
    from llmspell_kernel.lua.inspection import Inspector
    from llmspell_kernel.lua.loader import Loader


class LuaLanguage:
    """Completion and inspection of one engine's cells."""

    __slots__ = ("_bridge", "_completer", "_explorer", "_inspector", "_loader")

    def __init__(self, bridge: Bridge, loader: Loader) -> None:
        self._bridge = bridge
        self._loader = loader
        self._explorer = Explorer(bridge.prelude)
        self._completer: Completer | None = None
        self._inspector: Inspector | None = None

    def complete(self, code: str, cursor: int) -> Completion:
        """Return how the code may go on at a place."""
        if self._completer is None:
            from llmspell_kernel.lua.completion import Completer

            self._completer = Completer(self._bridge, self._explorer)
        return self._completer.complete(code, cursor)

    def inspect(self, code: str, cursor: int, detail: int) -> dict[str, str]:
        """Return a MIME bundle about what stands at a place."""
        if self._inspector is None:
            from llmspell_kernel.lua.inspection import Inspector

            self._inspector = Inspector(self._bridge, self._explorer, self._loader)
        return self._inspector.inspect(code, cursor, detail)
