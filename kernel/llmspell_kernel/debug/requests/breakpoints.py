"""Breakpoints: by line, by function, by error. A request replaces what an earlier one of its kind has set."""

from __future__ import annotations

from llmspell_kernel.debug.debuggee import FILTERS
from llmspell_kernel.debug.protocol import RequestFailed
from llmspell_kernel.lua.debugger.points import Wish

TYPE_CHECKING = False
if TYPE_CHECKING:
    from llmspell_kernel.debug.protocol import Arguments
    from llmspell_kernel.debug.session import DebugSession
    from llmspell_tools.types import JsonObject


def set_breakpoints(session: DebugSession, arguments: Arguments) -> JsonObject:
    """Replace the breakpoints of one source; columns are not looked at."""
    debuggee = session.program()
    path = session.sources.chunk_path(arguments.object("source"))
    if arguments.has("breakpoints"):
        wishes = [_wish(session, each) for each in arguments.objects("breakpoints")]
    else:  # the old form
        lines = arguments.fields.get("lines")
        numbers = lines if isinstance(lines, list) else []
        wishes = [Wish(session.client.line_in(line)) for line in numbers if isinstance(line, int)]
    points = debuggee.set_lines(path, wishes)
    return {"breakpoints": [session.breakpoint(point) for point in points]}


def set_function_breakpoints(session: DebugSession, arguments: Arguments) -> JsonObject:
    """Replace the breakpoints by function name."""
    wishes = [
        Wish(
            function=each.text("name"),
            condition=each.optional_text("condition"),
            hit_condition=each.optional_text("hitCondition"),
        )
        for each in arguments.objects("breakpoints")
    ]
    points = session.program().set_functions(wishes)
    return {"breakpoints": [session.breakpoint(point) for point in points]}


def set_exception_breakpoints(session: DebugSession, arguments: Arguments) -> JsonObject:
    """Choose the errors that stop, each filter with a condition or without."""
    known = {each.name for each in FILTERS}
    filters: dict[str, str | None] = dict.fromkeys(arguments.texts("filters"))
    results: list[bool] = [name in known for name in filters]
    for option in arguments.objects("filterOptions"):
        name = option.text("filterId")
        filters[name] = option.optional_text("condition")
        results.append(name in known)
    session.program().set_exceptions({name: each for name, each in filters.items() if name in known})
    return {
        "breakpoints": [
            {"verified": True} if is_known else {"verified": False, "message": "there is no such filter"}
            for is_known in results
        ]
    }


def breakpoint_locations(session: DebugSession, arguments: Arguments) -> JsonObject:
    """Return the lines between two on which a breakpoint can be."""
    debuggee = session.program()
    path = session.sources.chunk_path(arguments.object("source"))
    first = session.client.line_in(arguments.number("line"))
    last = session.client.line_in(arguments.number("endLine")) if arguments.has("endLine") else first
    if last - first > 1_000_000:
        raise RequestFailed("bad_arguments", "'endLine' is too far from 'line'")
    return {"breakpoints": [{"line": session.client.line_out(line)} for line in debuggee.lines(path, first, last)]}


def _wish(session: DebugSession, asked: Arguments) -> Wish:
    return Wish(
        session.client.line_in(asked.number("line")),
        condition=asked.optional_text("condition"),
        hit_condition=asked.optional_text("hitCondition"),
        log_message=asked.optional_text("logMessage"),
    )
