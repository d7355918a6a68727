"""is_complete_request: whether a console should run the code or ask for another line.

A question (`print?`) is complete. What magics make of it, their language says.
"""

from __future__ import annotations

from llmspell_kernel.handlers.inspect import question_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from llmspell_kernel.dispatch import Request
    from llmspell_kernel.language import Language
    from llmspell_tools.types import JsonObject


def is_complete_request(language: Language, request: Request) -> JsonObject:
    """Return complete, incomplete (with the next line's indent) or invalid (Jupyter messaging 5.5)."""
    code = request.text("code")
    if question_of(code) is not None:
        return {"status": "complete"}
    status, indent = language.is_complete(code) or ("unknown", "")
    if status == "incomplete":
        return {"status": status, "indent": indent}
    return {"status": status}
