"""``debug`` and ``debug-adapter``: scripts under a debugger, for any client of the Debug Adapter Protocol."""

from __future__ import annotations

import os
import sys

from llmspell import assembly, output
from llmspell.actions import script as scripts
from llmspell.kernel_peer import reach
from llmspell_kernel.debug.console import StopNotes
from llmspell_kernel.debug.joined import Joined
from llmspell_kernel.debug.launcher import Control, Launcher, described
from llmspell_kernel.debug.python.debuggee import ScriptDebuggee
from llmspell_kernel.debug.server import Server
from llmspell_kernel.debug.terminal import TOKEN_VARIABLE, CallBack
from llmspell_kernel.lua import LuaEngine
from llmspell_kernel.lua.debugger.points import Wish
from llmspell_tools.errors import Cancelled, InvalidParameters, LlmspellError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from llmspell.options import Options
    from llmspell_kernel.debug.launcher import Plan
    from llmspell_kernel.lua import Execution
    from llmspell_tools.definition import CancelSignal

    _Door = Callable[[ScriptDebuggee], Server | CallBack]

_FAREWELL_S = 2.0


def debug(
    options: Options,
    words: Sequence[str],
    *,
    port: int = 0,
    wait: bool = False,
    break_at: Sequence[str] = (),
    watches: Sequence[str] = (),
    step: bool = False,
    connect_back: int | None = None,
    timeout_s: float | None = None,
) -> int:
    """Run ``words[0]`` as `run` does, with a debug server beside it; the script ends without regard to clients.

    Args:
        options: The global options.
        words: Script and arguments.
        port: Of the server; 0 lets the system choose.
        wait: Whether the script waits for a client before it begins.
        break_at: ``FILE:LINE`` or ``LINE`` each.
        watches: Expressions that are printed at each stop.
        step: Whether to stop at the first line.
        connect_back: Port of the debug adapter that has started this process in a client's terminal.
        timeout_s: Seconds that the script may run; stops are not counted.
    """
    attendant = _Attendant(
        _called_back(connect_back) if connect_back is not None else _listening(port),
        [_place(each, words[0]) for each in break_at],
        watches,
        wait=wait or connect_back is not None,
        step=step,
    )
    try:
        while True:
            try:
                status = scripts.run(options, words, timeout_s=timeout_s, attendant=attendant)
            except Cancelled:
                if attendant.control.take_again():
                    continue
                attendant.ended(Cancelled("").exit_status)
                raise
            except LlmspellError as error:
                attendant.failed(error)
                raise
            if not attendant.control.take_again():
                attendant.ended(status)
                return status
    finally:
        attendant.close()


def adapter(options: Options, *, port: int | None = None) -> int:
    """Serve clients that launch scripts or attach to what runs: one over standard streams, or any number over TCP.

    Args:
        options: The global options; those of the policy hold for every script.
        port: Of the TCP server, 0 for any that is free; None for standard input and output.
    """
    launcher = Launcher(_Workshop(options), lambda back: _terminal_command(options, back), reach)
    if port is not None:
        server = Server(launcher, port)
        server.start()
        output.line(f"Listening on 127.0.0.1:{server.port}")
        try:
            launcher.serve()
        finally:
            server.close()
        return 0
    from llmspell_kernel.debug.stdio import StdioTransport  # takes the descriptors

    transport = StdioTransport(launcher, launcher.close)
    transport.start()
    launcher.serve()
    transport.finish(_FAREWELL_S)
    return 0


class _Workshop:
    """Engines for launched scripts, put together as for `llmspell run`; see `launcher.Workshop`."""

    def __init__(self, options: Options) -> None:
        self._options = options

    def engine(self, plan: Plan, write: Callable[[str, str], None], signal: CancelSignal) -> LuaEngine:
        """Return an engine for a script in its folder."""
        folder = os.path.dirname(plan.path)
        settings = assembly.settings(self._options)
        registry = assembly.from_settings(self._options, settings, folder)
        context = registry.context(signal=signal)
        engine_settings = scripts.engine_settings(settings, folder, None)
        return LuaEngine(registry, write=write, context=context, settings=engine_settings)

    def shown(self, execution: Execution) -> str | None:
        """Return what a script gave back, as `llmspell run` prints it."""
        return scripts.returned_text(execution)


class _Attendant:
    """Stands between `run` and the debug server; see `script.Attendant`."""

    def __init__(
        self, door: _Door, places: Sequence[tuple[str, int]], watches: Sequence[str], *, wait: bool, step: bool
    ) -> None:
        self.control = Control()
        self._places = places
        self._waits = wait
        self._steps = step
        self._debuggee: ScriptDebuggee | None = None
        self._notes = StopNotes(output.note, watches, self._waiting)
        self._door = door
        self._server: Server | CallBack | None = None

    def writer(self, write: Callable[[str, str], None]) -> Callable[[str, str], None]:
        """Print, and tell the client."""

        def both(stream: str, text: str) -> None:
            write(stream, text)
            if self._debuggee is not None:
                self._debuggee.wrote(stream, text)

        return both

    def ready(self, engine: LuaEngine, stop: Callable[[], None], signal: CancelSignal) -> None:
        """Let clients at the engine; wait for the first one if that is wanted."""
        self.control.signal.on_set(stop)
        if self._debuggee is not None:  # started again by the client
            self._debuggee.renew(engine)
            return
        self._debuggee = self._notes.debuggee = ScriptDebuggee(engine, self.control, self._notes)
        if self._places or self._steps:
            self._prepare(self._debuggee)
        self._server = self._door(self._debuggee)
        self._server.start()
        if isinstance(self._server, Server):
            output.note(f"Debugger on 127.0.0.1:{self._server.port}{'; waiting for a client' if self._waits else ''}")
        if self._waits:
            forget = signal.on_set(self.control.start)
            self.control.wait()
            forget()

    def ended(self, status: int) -> None:
        """Tell the client that the script is over."""
        if self._debuggee is not None:
            self._debuggee.ended(status)

    def failed(self, error: LlmspellError) -> None:
        """Tell the client why the script is over."""
        if self._debuggee is not None:
            self._debuggee.wrote("stderr", described(error))
            self._debuggee.ended(error.exit_status)

    def close(self) -> None:
        """End the server, once the client has read what there is."""
        if self._server is not None:
            self._server.close()

    def _prepare(self, debuggee: ScriptDebuggee) -> None:
        by_path: dict[str, list[Wish]] = {}
        for path, line in self._places:
            by_path.setdefault(path, []).append(Wish(line))
        for point in debuggee.stand(by_path):
            if not point.is_verified:
                output.note(f"Warning: no breakpoint at {point.path}:{point.wish.line}: {point.reason}")
        if self._steps:
            debuggee.debugger.pause("entry")

    def _waiting(self) -> str:
        server = self._server
        return "" if server is None or server.has_client else f"; waiting for a debugger on 127.0.0.1:{server.port}"


def _listening(port: int) -> _Door:
    return lambda debuggee: Server(Joined(debuggee), port)


def _called_back(port: int) -> _Door:
    token = os.environ.pop(TOKEN_VARIABLE, "")
    return lambda debuggee: CallBack(Joined(debuggee, is_launched=True), port, token)


def _terminal_command(options: Options, port: int) -> list[str]:
    """Return the words that run a script in a terminal, under the same policy, and call back to `port`."""
    words = [sys.executable, "-m", "llmspell", "debug", "--connect-back", str(port)]
    for flag, value in options.rules:
        words += [flag, value]
    for folder in options.tools_dirs:
        words += ["--tools-dir", folder]
    for flag, given in (("--config", options.config), ("--profile", options.profile), ("--policy", options.policy)):
        if given is not None:
            words += [flag, given]
    return words


def _place(text: str, script: str) -> tuple[str, int]:
    path, colon, line = text.rpartition(":")
    if not line.isdecimal() or int(line) == 0 or (colon and not path):
        raise InvalidParameters(f"--break-at wants FILE:LINE or LINE, not '{text}'", field="break-at")
    return os.path.abspath(path or script), int(line)
