"""history_request: cells of this session and of earlier ones (Jupyter messaging 5.5, "History")."""

from __future__ import annotations

from llmspell_tools.errors import InvalidParameters

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from llmspell_kernel.dispatch import Request
    from llmspell_kernel.history import History, Row
    from llmspell_tools.types import JsonObject, JsonValue

_DEFAULT_COUNT = 10


def history_request(history: History, request: Request) -> JsonObject:
    """Return ``[session, line, code]`` rows, or ``[session, line, [code, output]]``, oldest first."""
    kind = request.text("hist_access_type")
    if kind == "tail":
        rows = history.tail(_number(request, "n", _DEFAULT_COUNT))
    elif kind == "range":
        stop = None if request.content.get("stop") is None else _number(request, "stop", 0)
        rows = history.range(_number(request, "session", 0), _number(request, "start", 1), stop)
    elif kind == "search":
        count = None if request.content.get("n") is None else max(0, _number(request, "n", 0))
        pattern = request.text("pattern") or "*"
        rows = history.search(pattern, count, unique=request.flag("unique", default=False))
    else:
        raise InvalidParameters(f"hist_access_type is tail, range or search, not {kind!r}", field="hist_access_type")
    return {"status": "ok", "history": _shown(rows, with_output=request.flag("output", default=False))}


def _shown(rows: Sequence[Row], *, with_output: bool) -> list[JsonValue]:
    if with_output:
        return [[session, line, [code, output]] for session, line, code, output in rows]
    return [[session, line, code] for session, line, code, _ in rows]


def _number(request: Request, field: str, default: int) -> int:
    value = request.content.get(field)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) > 1 << 40:
        raise InvalidParameters(f"{field} must be a whole number", field=field)
    return value
