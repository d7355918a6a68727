"""is_complete_request: whether a console should run the code or ask for another line.

Lines that begin with a percent sign are no Lua: a line `%name` is complete by itself, a cell `%%name` when an empty
line ends it, as in IPython; a question (`print?`) is complete.
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
    if code.startswith("%%"):
        return {"status": "complete"} if code.endswith("\n\n") else {"status": "incomplete", "indent": ""}
    status, indent = language.is_complete(_without_magics(code)) or ("unknown", "")
    if status == "incomplete":
        return {"status": status, "indent": indent}
    return {"status": status}


def _without_magics(code: str) -> str:
    """Return the code with its lines of the form `%name` at the beginning left empty."""
    lines = code.split("\n")
    for number, line in enumerate(lines):
        if line.strip() and not line.startswith("%"):
            break
        lines[number] = ""
    return "\n".join(lines)
