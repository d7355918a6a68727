"""The composition: sockets, threads, handlers and engine put together, and taken apart in order.

Threads, who owns what, how each ends:
- main: the shell channel and the engine. Blocks in `shell.receive`; ends when the lifecycle stops and wakes it. Between
  requests it does the `errands` of others.
- control: the control channel; interrupt, shutdown, kernel_info, subshells, usage, debug. Never touches the engine but
  by `interrupt`. Ends by the same wake-up.
- debug session (`debug/session.py`), once somebody debugs. Its replies leave by the control thread, which it wakes.
- reader (`relay.py`), once there are subshells: the shell socket. Main stops it.
- service (`service.py`): heartbeat, subscriptions, signals, the parent. Ends when main tells it to, or ends the process
  when main does not listen.
- the engine may have a watch thread of its own; it calls `output.write` and nothing else of ours.
Any thread may publish: the iopub socket has a lock.

Above it stands the command `llmspell kernel start`; it knows no argv and no config file.
"""

from __future__ import annotations

import os
import threading
from functools import cache, partial

from llmspell_kernel.batch import SENDING, ShellBatch
from llmspell_kernel.channels import Channels
from llmspell_kernel.comms import Comms
from llmspell_kernel.connection import (
    Connection,
    new_connection,
    read_startup,
    registered_path,
    remove_connection,
    write_connection,
)
from llmspell_kernel.dispatch import Dispatcher
from llmspell_kernel.engine import LateEngine
from llmspell_kernel.errands import Errands
from llmspell_kernel.errors import KernelStopping
from llmspell_kernel.handlers.kernel_info import kernel_info_request
from llmspell_kernel.lifecycle import EXIT_FORCED, Lifecycle, parent_watch
from llmspell_kernel.log import LimitedLog
from llmspell_kernel.output import Output
from llmspell_kernel.running import Running
from llmspell_kernel.service import Service
from llmspell_kernel.signals import SignalPipe
from llmspell_kernel.streams import Outlet, take_streams
from llmspell_kernel.wire import EMPTY_OBJECT, Wire, encode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from llmspell_kernel.connection import Registration
    from llmspell_kernel.debug.jupyter import JupyterDebugger
    from llmspell_kernel.dispatch import Handler, Request
    from llmspell_kernel.display import KernelFront
    from llmspell_kernel.engine import Engine, EngineFactory, Write
    from llmspell_kernel.handlers.debug import DebugDesk
    from llmspell_kernel.history import History
    from llmspell_kernel.shells import Shells
    from llmspell_kernel.subshells import Subshells
    from llmspell_tools.registry import ToolRegistry
    from llmspell_tools.types import JsonObject

_FLUSH_S = 1.0
_STARTING = b'{"execution_state":"starting"}'
#: What is answered before anything else is loaded: clients wait for this reply.
_FIRST: dict[str, Handler] = {"kernel_info_request": kernel_info_request}


def run_kernel(
    connection_file: str,
    *,
    registry: ToolRegistry,
    engine_factory: EngineFactory | None = None,
    ip: str = "127.0.0.1",
    first_port: int = 0,
    cell_timeout_s: float | None = None,
    log: Callable[[str], None] | None = None,
    history_file: str | None = None,
    debug_door: Callable[[Engine, bytes], Callable[[], None]] | None = None,
    on_bound: Callable[[], None] | None = None,
) -> int:
    """Serve a kernel until it is told to stop; on the main thread, so that signals reach it.

    Args:
        connection_file: Read if it exists and used as it is (ports of 0 are filled in); else written, and removed at
            the end. May be a registration file (`handshake`): then our own connection file is written beside it.
        registry: The tools.
        engine_factory: Makes the engine, on this thread, once the first message has been answered or when it is
            needed; a `LuaEngine` with default settings if left out. What it imports only then shortens the start.
        ip: Address to bind where the file is ours to write.
        first_port: First of five ports where the file is ours to write; 0 lets the system choose.
        cell_timeout_s: Seconds that one cell may run.
        log: Takes one line; standard error if left out.
        history_file: SQLite file of the cells of all sessions; None keeps them in memory.
        debug_door: Lets debuggers at the engine, given with the connection's key; returns what ends that. The engine is
            made at once where there is one.
        on_bound: Called once the ports are ours and the file is there.

    Returns:
        The exit status: 0 after an orderly end.

    Raises:
        ConnectionFileError: The file cannot be used or written, or its ports cannot be bound.
        HandshakeFailed: The launcher that gave a registration file does not answer.
    """
    path = os.path.abspath(connection_file)
    connection, registration, is_new = _connection(path, ip, first_port)
    if registration is not None:  # the file with our ports is ours, the one that we were given is not
        path, is_new = registered_path(path, registration), True
    needs_writing = not connection.is_complete or is_new
    kernel = Kernel(connection, log=LimitedLog(log), history_file=history_file)
    try:
        if not connection.is_local:
            kernel.log(f"listening on {connection.ip}: messages are signed, but anyone who can connect can read them")
        if needs_writing:
            write_connection(path, connection)
        if on_bound is not None:
            on_bound()
        if registration is not None:
            from llmspell_kernel.handshake import register  # launchers that do this are rare

            register(registration, connection, kernel.wire)
        kernel.serve(
            registry,
            engine_factory or _lua_engine,
            cell_timeout_s=cell_timeout_s,
            end_by_force=partial(_end_by_force, path, connection, is_ours=is_new),
            debug_door=None if debug_door is None else lambda engine: debug_door(engine, connection.key),
        )
    finally:
        kernel.close()
        if is_new:
            remove_connection(path, connection)
    return 0


class Kernel:
    """A bound kernel; from here on a signal to stop waits for `serve` to act on it.

    Args:
        connection: Where to bind; ports of 0 are filled in.
        log: Takes one line.
        history_file: Where cells are remembered; None keeps them in memory.
    """

    def __init__(self, connection: Connection, *, log: Callable[[str], None], history_file: str | None = None) -> None:
        self.log = log
        self._history_file = history_file
        self.history: History | None = None
        self.wire = Wire(connection.key)
        self.signals = SignalPipe()
        try:
            self.channels = Channels(connection, welcome=self._welcome, descriptors=[self.signals.descriptor], log=log)
        except BaseException:
            self.signals.close()
            raise
        self.running = Running(self.signals.wake)
        self.signals.install(self.running.take_break, self.running.put_off_break, SENDING)
        self.output = Output()
        self.batch = ShellBatch(self.channels.shell, self.channels.iopub.publish, self.signals.wake, log)
        self.channels.stdin.before_send = self.batch.release
        self.comms = Comms(self.wire, self.batch.publish)
        self.lifecycle = Lifecycle(self.running.interrupt, self._wake)
        self.errands = Errands(self._wake_main, log)
        self.outlet = Outlet()
        self.subshells: Subshells | None = None
        self._handover = threading.Lock()
        self._is_leaving = False  # main will not serve subshells any more that are made now
        self._desk: DebugDesk | None = None

    def serve(
        self,
        registry: ToolRegistry,
        engine_factory: EngineFactory,
        *,
        cell_timeout_s: float | None,
        end_by_force: Callable[[], None],
        debug_door: Callable[[Engine], Callable[[], None]] | None = None,
    ) -> None:
        """Answer requests until the lifecycle stops."""
        service = Service(
            self.channels.service,
            self.channels.iopub,
            self.signals,
            self.lifecycle,
            running=self.running,
            batch=self.batch,
            parent=parent_watch(),
            end_by_force=end_by_force,
            log=self.log,
        )
        service.start()
        self.channels.iopub.drain()  # whoever has subscribed by now is welcomed before he hears anything else
        self.channels.iopub.publish(self.wire.message((b"status",), "status", _STARTING, EMPTY_OBJECT))
        engine = LateEngine(lambda: engine_factory(registry, self.output.write, self._front()))
        shells = cache(partial(self._make_shells, engine, registry, engine_factory, cell_timeout_s))
        main = self._dispatcher(lambda: shells().handlers(is_main=True))
        main.knows = lambda subshell_id: (
            subshell_id is None or (self.subshells is not None and self.subshells.knows(subshell_id))
        )
        make_subshell = partial(self._dispatcher, lambda: shells().handlers(is_main=False))
        begin = partial(self._begin_subshells, engine, main, make_subshell)
        control = threading.Thread(
            target=self._serve_control, args=(begin, engine), name="llmspell-control", daemon=True
        )
        control.start()
        give_streams_back = take_streams(self.output, self.outlet, lambda: engine.script_writer)
        close_door: Callable[[], None] | None = None
        try:
            if debug_door is not None:
                close_door = debug_door(engine.prepare())

            def prepare() -> None:
                main.complete()
                engine.prepare()

            main.serve(self.batch, self._main_must_stop, after_first=prepare, woken=self.errands.run)
            self.batch.release()
            if (subshells := self._last_subshells()) is not None:
                subshells.serve(self.lifecycle.is_stopping, self.errands.run)
            main.refuse_pending(self.channels.shell)
            self.channels.shell.flush(_FLUSH_S)
        finally:
            if close_door is not None:
                close_door()
            if (subshells := self._last_subshells()) is not None:
                subshells.stop()
            engine.close()
            self.outlet.close()
            give_streams_back()
            if self.history is not None:
                self.history.close()
            self.lifecycle.stop("end")
            control.join(_FLUSH_S)
            service.stop()

    def close(self) -> None:
        """Close sockets, let what was sent leave, give the signals back."""
        self.channels.close()
        self.signals.close()

    def _front(self) -> KernelFront:
        from llmspell_kernel.display import KernelFront  # with the engine, after the first reply
        from llmspell_kernel.stdin import Questions

        return KernelFront(self.output, Questions(self.wire, self.channels.stdin, self.log), self.comms)

    def _make_shells(
        self,
        engine: LateEngine,
        registry: ToolRegistry,
        engine_factory: EngineFactory,
        cell_timeout_s: float | None,
    ) -> Shells:
        from llmspell_kernel.history import History  # after the first reply
        from llmspell_kernel.shells import Shells

        self.history = History(self._history_file, self.log)
        return Shells(
            engine,
            registry,
            engine_factory,
            self._front,
            output=self.output,
            outlet=self.outlet,
            running=self.running,
            comms=self.comms,
            history=self.history,
            cell_timeout_s=cell_timeout_s,
        )

    def _dispatcher(self, more: Callable[[], dict[str, Handler]]) -> Dispatcher:
        """Return the dispatcher of a shell."""
        made = Dispatcher(self.wire, _FIRST, publish=self.batch.publish, log=self.log, more=more)
        made.work = self.running
        return made

    def _serve_control(self, begin_subshells: Callable[[], Subshells], engine: LateEngine) -> None:
        control = self.channels.control

        def answer(request: Request, response: JsonObject) -> None:
            dispatcher.answer_later(request, response)
            control.wake()

        more = partial(self._control_handlers, begin_subshells, partial(self._debugger, engine), answer)
        dispatcher = Dispatcher(self.wire, _FIRST, publish=self.channels.iopub.publish, log=self.log, more=more)
        dispatcher.serve(control, self.lifecycle.is_stopping, after_first=dispatcher.complete)
        if self._desk is not None:
            self._desk.close()
        dispatcher.send_late(control)
        control.flush(_FLUSH_S)

    def _control_handlers(
        self,
        begin_subshells: Callable[[], Subshells],
        open_debugger: Callable[[Callable[[JsonObject], None]], JupyterDebugger],
        answer: Callable[[Request, JsonObject], None],
    ) -> dict[str, Handler]:
        # After the first reply, as those of the shells.
        from llmspell_kernel.handlers import subshell
        from llmspell_kernel.handlers.debug import DebugDesk, debug_request
        from llmspell_kernel.handlers.interrupt import interrupt_request
        from llmspell_kernel.handlers.shutdown import shutdown_request
        from llmspell_kernel.handlers.usage import UsageDesk, usage_request

        self._desk = DebugDesk(open_debugger, answer)
        return {
            "interrupt_request": partial(interrupt_request, self.running),
            "shutdown_request": partial(shutdown_request, self.lifecycle),
            "create_subshell_request": partial(subshell.create_subshell_request, begin_subshells),
            "delete_subshell_request": partial(subshell.delete_subshell_request, lambda: self.subshells),
            "list_subshell_request": partial(subshell.list_subshell_request, lambda: self.subshells),
            "usage_request": partial(usage_request, UsageDesk()),
            "debug_request": partial(debug_request, self._desk),
        }

    def _debugger(self, engine: LateEngine, publish: Callable[[JsonObject], None]) -> JupyterDebugger:
        from llmspell_kernel.debug.jupyter import JupyterDebugger  # where somebody debugs

        return JupyterDebugger(engine, self.errands, self.output, interrupt=self.running.interrupt, publish=publish)

    def _main_must_stop(self) -> bool:
        return self.lifecycle.is_stopping() or self.subshells is not None

    def _begin_subshells(
        self, engine: LateEngine, main: Dispatcher, make_dispatcher: Callable[[], Dispatcher]
    ) -> Subshells:
        """Return the subshells; give the shell socket to a reader thread before, whatever main does; control thread."""
        from llmspell_kernel.relay import Relay  # most kernels never have any
        from llmspell_kernel.subshells import Subshells

        with self._handover:
            if self.subshells is None:
                if self._is_leaving:
                    raise KernelStopping("the kernel is stopping")
                relay = Relay(self.channels.shell, self.log)
                nested = partial(self._serve_nested, engine)
                made = Subshells(main, make_dispatcher, relay, nested=nested, post_work=engine.post_work)
                self.channels.shell.relay(made.main)
                self.subshells = made
                relay.start(made)
            return self.subshells

    def _last_subshells(self) -> Subshells | None:
        """Return the subshells, to be served or ended; where there are none now there will be none."""
        with self._handover:
            self._is_leaving = True
            return self.subshells

    def _serve_nested(self, engine: LateEngine, serve_next: Callable[[], bool]) -> None:
        """Serve other shells at a safe point of the script that runs; on the main thread."""
        go_on = engine.nest()
        if go_on is None:
            return
        resume_output = self.output.suspend()
        self.running.suspend()
        try:
            while not self.lifecycle.is_stopping() and serve_next():
                pass
        finally:
            self.running.resume()
            resume_output()
            go_on()
        if self.lifecycle.is_stopping():
            engine.interrupt()

    def _wake(self) -> None:
        self._wake_main()
        self.channels.control.wake()

    def _wake_main(self) -> None:
        if self.subshells is not None:
            self.subshells.wake()
        self.channels.shell.wake()

    def _welcome(self, topic: bytes) -> list[bytes]:
        content = encode({"subscription": topic.decode("utf-8", "replace")})
        return self.wire.message((topic,), "iopub_welcome", content, EMPTY_OBJECT)


def _connection(path: str, ip: str, first_port: int) -> tuple[Connection, Registration | None, bool]:
    """Return the connection, who wants to know its ports, and whether the file is ours to write and to remove."""
    try:
        return *read_startup(path), False
    except FileNotFoundError:
        return new_connection(ip, first_port), None, True


def _end_by_force(path: str, connection: Connection, *, is_ours: bool) -> None:
    if is_ours:
        remove_connection(path, connection)
    os._exit(EXIT_FORCED)


def _lua_engine(registry: ToolRegistry, write: Write, front: KernelFront, *, script_dir: str | None = None) -> Engine:
    from llmspell_kernel.lua import EngineSettings, LuaEngine  # lupa is loaded once the sockets are bound

    return LuaEngine(registry, write=write, settings=EngineSettings(script_dir=script_dir), front=front)
