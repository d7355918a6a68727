"""What papermill's entry-point group `papermill.engine` names: the engine, and with it the translator of parameters.

papermill loads it while it is only half imported itself; the engine needs papermill whole, and comes when it is used.
"""

from __future__ import annotations

from llmspell.notebook import translator

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

translator.register()


class LateEngine:
    """Stands for `llmspell.notebook.engine.Engine`."""

    def __getattr__(self, name: str) -> Any:
        from llmspell.notebook.engine import Engine

        return getattr(Engine, name)


engine = LateEngine()
