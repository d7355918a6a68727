"""What the program holds: variables by pages, expressions, assignments, completions."""

from __future__ import annotations

from llmspell_kernel.debug.protocol import RequestFailed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from llmspell_kernel.debug.debuggee import Value
    from llmspell_kernel.debug.protocol import Arguments
    from llmspell_kernel.debug.session import DebugSession
    from llmspell_tools.types import JsonObject

#: Variables in one answer, where the client does not say how many.
_PAGE = 1000
_KINDS = {"table": "data", "function": "method", "thread": "virtual"}
_COMPLETIONS = {"function": "function", "table": "module"}


def variables(session: DebugSession, arguments: Arguments) -> JsonObject:
    """Return some children of a variable."""
    reference = arguments.number("variablesReference")
    kind = arguments.text("filter", "")
    if kind not in {"", "named", "indexed"}:
        raise RequestFailed("bad_arguments", "'filter' must be named or indexed")
    first = max(arguments.number("start", 0), 0)
    size = arguments.number("count", 0) or _PAGE
    values = session.program().children(reference, first, min(size, _PAGE), kind)
    frame = session.frame_of.get(reference)
    if frame is not None:
        session.frame_of.update({value.reference: frame for value in values if value.reference})
    return {"variables": [variable(value) for value in values]}


def set_variable(session: DebugSession, arguments: Arguments) -> JsonObject:
    """Give a variable the value of an expression, evaluated in the frame where the variable was found."""
    reference = arguments.number("variablesReference")
    name, text = arguments.text("name"), arguments.text("value")
    frame = session.frame_of.get(reference, 0)
    return _result(session.program().set_child(reference, name, text, frame), "value", frame, session)


def set_expression(session: DebugSession, arguments: Arguments) -> JsonObject:
    """Assign to what an expression stands for."""
    target, text = arguments.text("expression"), arguments.text("value")
    frame = arguments.number("frameId", 0)
    debuggee = session.program()
    debuggee.evaluate(frame, f"{_unwrapped(target)} = {text}")
    return _result(debuggee.evaluate(frame, target), "value", frame, session)


def evaluate(session: DebugSession, arguments: Arguments) -> JsonObject:
    """Evaluate an expression, or in the REPL run a statement; what hovers calls nothing and changes nothing."""
    text = arguments.text("expression")
    context = arguments.text("context", "watch")
    frame = arguments.number("frameId", 0)
    debuggee = session.program()
    if context == "hover" and ("(" in text or "{" in text or _assigns(text)):
        raise RequestFailed("evaluation", "a hover shows variables and fields; it calls nothing")
    if context == "clipboard":
        return {"result": debuggee.full_text(frame, text), "variablesReference": 0}
    return _result(debuggee.evaluate(frame, text), "result", frame, session)


def completions(session: DebugSession, arguments: Arguments) -> JsonObject:
    """Return names that go on from a place in a text: locals, upvalues, globals, fields."""
    text = arguments.text("text")
    column = arguments.number("column") - session.client.first_column()
    if arguments.has("line"):
        at_line = arguments.number("line") - session.client.line_out(1)
        lines = text.split("\n")
        text = lines[at_line] if 0 <= at_line < len(lines) else ""
    names, length = session.program().names(arguments.number("frameId", 0), text[: max(column, 0)])
    start = max(column, 0) - length + session.client.first_column()
    targets: list[JsonObject] = [
        {"label": name, "type": _COMPLETIONS.get(kind, "variable"), "detail": kind, "start": start, "length": length}
        for name, kind in names
    ]
    return {"targets": [*targets]}


def variable(value: Value) -> JsonObject:
    """Return a value as a DAP variable."""
    shown: JsonObject = {
        "name": value.name,
        "value": value.text,
        "type": value.type,
        "variablesReference": value.reference,
        "namedVariables": value.named,
        "indexedVariables": value.indexed,
    }
    if value.expression:
        shown["evaluateName"] = value.expression
    if value.type in _KINDS:
        shown["presentationHint"] = {"kind": _KINDS[value.type]}
    return shown


def _result(value: Value, field: str, frame: int, session: DebugSession) -> JsonObject:
    if value.reference:
        session.frame_of[value.reference] = frame
    return {
        field: value.text,
        "type": value.type,
        "variablesReference": value.reference,
        "namedVariables": value.named,
        "indexedVariables": value.indexed,
    }


def _unwrapped(target: str) -> str:
    """Return what can stand left of `=`: results of `evaluate` are named with parentheses around them."""
    target = target.strip()
    while target.startswith("(") and target.endswith(")"):
        target = target[1:-1].strip()
    return target


def _assigns(text: str) -> bool:
    rest = text.replace("==", "").replace("~=", "").replace("<=", "").replace(">=", "")
    return "=" in rest
