"""Letting the program run, by a step or until something stops it; and stopping it. Every thread goes along."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from llmspell_kernel.debug.debuggee import Mode
    from llmspell_kernel.debug.protocol import Arguments
    from llmspell_kernel.debug.session import DebugSession
    from llmspell_tools.types import JsonObject


def continue_(session: DebugSession, arguments: Arguments) -> JsonObject:
    """Run until something stops it."""
    _go_on(session, arguments, "continue")
    return {"allThreadsContinued": True}


def next_(session: DebugSession, arguments: Arguments) -> None:
    """Run to the next line of the same function, or of its caller."""
    _go_on(session, arguments, "over")


def step_in(session: DebugSession, arguments: Arguments) -> None:
    """Run to the next line of any function."""
    _go_on(session, arguments, "in")


def step_out(session: DebugSession, arguments: Arguments) -> None:
    """Run to the next line of the caller."""
    _go_on(session, arguments, "out")


def pause(session: DebugSession, arguments: Arguments) -> None:  # noqa: ARG001 - a handler's
    """Stop at the next line; where nothing runs, at the first line of what runs next."""
    session.program().pause()


def _go_on(session: DebugSession, arguments: Arguments, mode: Mode) -> None:
    session.program().go_on(arguments.number("threadId", 1), mode)
    session.will_resume()
