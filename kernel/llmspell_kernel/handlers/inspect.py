"""inspect_request: what stands at the cursor (Jupyter messaging 5.5, "Introspection"); and cells such as `print?`."""

from __future__ import annotations

from llmspell_kernel.handlers.complete import place_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from llmspell_kernel.dispatch import Request
    from llmspell_kernel.language import Language
    from llmspell_tools.types import JsonObject

_MAX_QUESTION = 500


def inspect_request(language: Language, request: Request) -> JsonObject:
    """Return a MIME bundle, or `found: false`."""
    code, cursor = place_of(request)
    detail = request.content.get("detail_level")
    data = language.inspect(code, cursor, 1 if detail == 1 else 0) or {}
    return {"status": "ok", "found": bool(data), "data": {**data}, "metadata": {}}


def question_of(code: str) -> tuple[str, int] | None:
    """Return what a cell such as `name?`, `?name` or `name??` asks about and the detail level; None for other cells.

    As in IPython; a question mark is no Lua, so no program is taken for a question.
    """
    text = code.strip()
    if len(text) > _MAX_QUESTION or "\n" in text or not (text.startswith("?") or text.endswith("?")):
        return None
    subject = text.strip("?").strip()
    if not subject or "?" in subject:
        return None
    if subject.startswith("%") and (len(subject.split()) > 2 or "=" in subject):
        return None  # `%tool text input=why?` calls a tool; `%tool?` and `%tool calculator?` ask
    return subject, 1 if "??" in text else 0


def answer(language: Language, question: tuple[str, int]) -> JsonObject | None:
    """Return the payload that shows the answer in a pager, or None where nothing is found."""
    subject, detail = question
    data = language.inspect(subject, len(subject), detail)
    if not data and subject.replace("-", "_").isidentifier():
        code = f"%tool {subject}"  # a tool's name by itself
        data = language.inspect(code, len(code), detail)
    return {"source": "page", "data": {**data}, "start": 0} if data else None
