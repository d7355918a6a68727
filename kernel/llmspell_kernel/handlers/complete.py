"""complete_request: how the code may go on at the cursor (Jupyter messaging 5.5, "Completion")."""

from __future__ import annotations

from llmspell_tools.errors import InvalidParameters

TYPE_CHECKING = False
if TYPE_CHECKING:
    from llmspell_kernel.dispatch import Request
    from llmspell_kernel.language import Language
    from llmspell_tools.types import JsonObject, JsonValue


def complete_request(language: Language, request: Request) -> JsonObject:
    """Return the matches, and in the metadata their types and signatures as JupyterLab shows them."""
    code, cursor = place_of(request)
    completion = language.complete(code, cursor)
    if completion is None:
        return {"status": "ok", "matches": [], "cursor_start": cursor, "cursor_end": cursor, "metadata": {}}
    start, end = completion.start, completion.end
    types: list[JsonValue] = [
        {"start": start, "end": end, "text": match.text, "type": match.kind, "signature": match.signature}
        for match in completion.matches
    ]
    return {
        "status": "ok",
        "matches": [match.text for match in completion.matches],
        "cursor_start": start,
        "cursor_end": end,
        "metadata": {"_jupyter_types_experimental": types},
    }


def place_of(request: Request) -> tuple[str, int]:
    """Return the code of a request and the cursor's place in it, in code points.

    Raises:
        InvalidParameters: One of them is missing or of another type.
    """
    code, cursor = request.content.get("code"), request.content.get("cursor_pos")
    if not isinstance(code, str):
        raise InvalidParameters("the text field 'code' is missing", field="code")
    if cursor is None:
        return code, len(code)
    if isinstance(cursor, bool) or not isinstance(cursor, int):
        raise InvalidParameters("cursor_pos must be a whole number of code points", field="cursor_pos")
    return code, max(0, min(cursor, len(code)))
