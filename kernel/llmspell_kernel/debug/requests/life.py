"""How a session begins and ends: initialize, launch, attach, configurationDone, restart, terminate, disconnect."""

from __future__ import annotations

from llmspell_kernel.debug.capabilities import capabilities
from llmspell_kernel.debug.client import Client
from llmspell_kernel.debug.debuggee import PYTHON_MODES, Wanted
from llmspell_kernel.debug.peer import Peer
from llmspell_kernel.debug.protocol import RequestFailed
from llmspell_kernel.debug.relay import Relay

TYPE_CHECKING = False
if TYPE_CHECKING:
    from llmspell_kernel.debug.debuggee import Debuggee, PythonMode
    from llmspell_kernel.debug.protocol import Arguments
    from llmspell_kernel.debug.session import DebugSession
    from llmspell_tools.types import JsonObject


_INTERNAL = "internalConsole"


def initialize(session: DebugSession, arguments: Arguments) -> JsonObject:
    """Learn what the client is, and say what this adapter can do."""
    if session.client.is_known:
        raise RequestFailed("refused", "this session is initialized already")
    session.client = Client(arguments)
    session.sources.configure(uses_uris=session.client.uses_uris)
    return capabilities()


def launch(session: DebugSession, arguments: Arguments) -> None:
    """Prepare a program; it begins with configurationDone."""
    _check_new(session)
    is_debugging = not arguments.flag("noDebug")
    if arguments.text("console", _INTERNAL) != _INTERNAL and session.client.has_terminal:
        from llmspell_kernel.debug.terminal import peer_in_terminal  # few clients ask for a terminal

        peer = peer_in_terminal(session, arguments)
        if peer is not None:
            session.hand_over(Relay(session, peer))
            return
    _prepare(session, arguments)
    _begin(session, session.host.launch(arguments), is_debugging=is_debugging, is_launched=True)


def attach(session: DebugSession, arguments: Arguments) -> None:
    """Join a program that is there, in this process or in another one that serves a session itself."""
    _check_new(session)
    _prepare(session, arguments)
    found = session.host.attach(arguments)
    if isinstance(found, Peer):
        session.hand_over(Relay(session, found))
        return
    _begin(session, found, is_debugging=True, is_launched=False)


def configuration_done(session: DebugSession, arguments: Arguments) -> None:  # noqa: ARG001 - a handler's
    """Let the program begin."""
    if session.is_configured:
        return
    debuggee = session.program()
    session.is_configured = True
    stop_on_entry = session.stop_on_entry
    session.after_response(lambda: debuggee.start(stop_on_entry=stop_on_entry))


def restart(session: DebugSession, arguments: Arguments) -> None:
    """Run the program again, from its beginning."""
    debuggee = session.program()
    if not debuggee.can_restart or session.is_over:
        raise RequestFailed("unable", "this program cannot be restarted from here; start it again", show=True)
    changed = arguments.object("arguments")
    session.sources.map_paths(changed)
    session.will_resume()
    debuggee.restart()


def terminate(session: DebugSession, arguments: Arguments) -> None:  # noqa: ARG001 - a handler's
    """End the program; its end is told by events. Of one that never ends, a kernel, end what runs, and the session."""
    debuggee = session.program()
    session.will_resume()
    session.after_response(debuggee.stop)
    if debuggee.is_endless:
        session.after_response(session.end)


def disconnect(session: DebugSession, arguments: Arguments) -> None:
    """End the session; a launched program ends with it, another goes on, unless the client says otherwise."""
    ends = arguments.flag("terminateDebuggee", default=session.is_launched)
    if session.debuggee is not None:
        session.will_resume()
        if ends:
            session.debuggee.stop()
            session.is_launched = False
        session.leave_running()
    session.after_response(session.hang_up)


def _check_new(session: DebugSession) -> None:
    if session.debuggee is not None:
        raise RequestFailed("refused", "this session has a program already")


def _prepare(session: DebugSession, arguments: Arguments) -> None:
    session.stop_on_entry = arguments.flag("stopOnEntry")
    session.just_my_code = arguments.flag("justMyCode", default=True)
    session.python_mode = _python_mode(arguments)
    session.sources.map_paths(arguments)


def _python_mode(arguments: Arguments) -> PythonMode:
    asked = arguments.text("pythonDebugging", "merged")
    mode: PythonMode | None = next((each for each in PYTHON_MODES if each == asked), None)
    if mode is None:
        raise RequestFailed("bad_arguments", f"'pythonDebugging' must be one of {', '.join(PYTHON_MODES)}")
    return mode


def _begin(session: DebugSession, debuggee: Debuggee, *, is_debugging: bool, is_launched: bool) -> None:
    offer = session.offer_child if session.client.can_start_debugging else None
    debuggee.prepare(Wanted(session.python_mode, session.just_my_code, offer))
    debuggee.listen(session, is_debugging=is_debugging)
    session.debuggee = debuggee
    session.is_launched = is_launched
    session.after_response(lambda: session.event("initialized"))
