"""debugpy in this process: imported, connected and told what to leave alone, once; at work only while tools are called.

Theory of operation. debugpy's server (pydevd) connects to a port of ours, which is closed at once, and shows a token:
so nobody else gets at it, and no adapter process is needed. It traces nothing but the owner thread of the scripts, and
that only between `trace(True)` and `trace(False)`. A thread that stops is kept by the server, which runs `visit` on it
when it is asked to evaluate `VISIT`; that is how scripts that wait beneath a tool are looked at.

A process has one debugpy, so `shared` gives everybody the same tracer; it serves one debuggee at a time (`claim`).
"""

from __future__ import annotations

import os
import secrets
import socket
import sys
from hmac import compare_digest
from threading import Lock, Thread

from llmspell_kernel.debug.peer import SocketPeer
from llmspell_kernel.debug.protocol import RequestFailed
from llmspell_kernel.debug.python.connection import Connection
from llmspell_kernel.debug.python.limit import Limit
from llmspell_kernel.debug.python.rules import rules

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any, Protocol

    from llmspell_tools.types import JsonObject

    class Owner(Protocol):
        """Whose tools are debugged."""

        def heard(self, event: str, body: JsonObject) -> None:
            """Take an event of debugpy; on a thread of the tracer."""
            ...

        def visited(self) -> None:
            """Do what waits for the thread that is stopped; on that thread."""
            ...


#: The expression that makes the stopped thread call `visit`.
VISIT = f"__import__('{__name__}', fromlist=['visit']).visit()"
_LOOPBACK = "127.0.0.1"
_PATIENCE_S = 10.0
#: What debugpy reads from the environment when it is imported. It asks where Python's own frozen modules are, and warns
#: on stderr: tools are files. And from Python 3.12 on it would watch all threads; we trace one, while it calls tools.
_SETTINGS = {"PYDEVD_DISABLE_FILE_VALIDATION": "1", "PYDEVD_USE_SYS_MONITORING": "0"}


class Tracer:
    """The debugpy of this process; made by `shared`."""

    def __init__(self) -> None:
        self._server, folder, peer, token, expected = _connected()
        self._wake: Callable[[], None] = _nothing
        self._connection = Connection(peer, self._heard, self.wake, self._end_question)
        self._connection.open()
        self._debugger = self._server.get_global_debugger()
        self._limit = Limit(folder, visit.__code__)
        for name in ("handle_breakpoint_condition", "handle_breakpoint_expression"):
            setattr(self._debugger, name, self._limit.bound(getattr(self._debugger, name)))
        # Its own way looks at the frames of all threads at each change, and leaves them, and what they hold, to the
        # garbage collector. Lua's values must not be kept like that; and the thread that is traced is known.
        self._debugger.set_tracing_for_untraced_contexts = self._trace_stopped
        #: The thread that is stopped in a tool; 0 for none.
        self.stopped = 0
        self._owner: Owner | None = None
        self._lock = Lock()
        self._rules: tuple[bool, tuple[str, ...]] | None = None
        self._is_tracing = False
        answer = self._connection.request("pydevdAuthorize", debugServerAccessToken=token)
        if not compare_digest(str(answer.get("clientAccessToken")), expected):
            peer.close()
            raise RequestFailed("unable", "something else than debugpy has answered")
        self.request = self._connection.request
        self.post = self._connection.post
        self.forward = self._connection.forward
        self.request(
            "initialize", adapterID="llmspell", clientID="llmspell", pathFormat="path", linesStartAt1=True,
            columnsStartAt1=True, supportsVariableType=True,
        )  # fmt: skip
        self.request(
            "setDebuggerProperty", multiThreadsSingleNotification=False,
            skipSuspendOnBreakpointException=["BaseException"], skipPrintBreakpointException=["NameError"],
        )  # fmt: skip

    # --- any thread ------------------------------------------------------------------------------------------------

    def claim(self, owner: Owner) -> None:
        """Work for a debuggee.

        Raises:
            RequestFailed: It works for another.
        """
        with self._lock:
            if self._owner not in {None, owner}:
                raise RequestFailed("refused", "another program in this process debugs its Python tools already")
            self._owner = owner

    def give_back(self, owner: Owner) -> None:
        """Work for it no more."""
        with self._lock:
            if self._owner is owner:
                self._owner = None

    def configure(self, files: Sequence[str], *, just_my_code: bool) -> None:
        """Say which files are tools, wherever they are installed, and whether libraries are stepped through."""
        wanted = (just_my_code, tuple(files))
        with self._lock:
            if wanted == self._rules:
                return
            self._rules = wanted
        self.request("attach", justMyCode=just_my_code, rules=rules(files), subProcess=False, redirectOutput=False)
        self.request("configurationDone")

    def add_file(self, file: str) -> None:
        """Take one more file for a tool's."""
        just_my_code, files = self._rules or (True, ())
        if file not in files:
            self.configure((*files, file), just_my_code=just_my_code)

    def wake(self) -> None:
        """Let the stopped thread look for orders: it takes one, and sleeps 0.2 s before it obeys or takes the next."""
        self._wake()

    def _end_question(self) -> None:
        """End what the stopped thread computes."""
        if self.stopped:
            self._limit.look(self.stopped)

    def _trace_stopped(self, **_: object) -> None:
        """Let new breakpoints hold in the functions that are stopped; called by debugpy when some were changed."""
        thread = self.stopped
        if thread:
            self._debugger.set_trace_for_frame_and_parents(thread, sys._current_frames().get(thread))

    def _heard(self, event: str, body: JsonObject) -> None:
        owner = self._owner
        if owner is not None:
            owner.heard(event, body)
        elif event == "stopped":
            self.post("continue", threadId=body.get("threadId"))

    # --- owner thread of the scripts --------------------------------------------------------------------------------

    def meet(self) -> None:
        """Learn how this thread is woken while it is stopped."""
        from importlib import import_module
        from threading import current_thread

        number = import_module("_pydevd_bundle.pydevd_constants").get_current_thread_id(current_thread())
        self._wake = self._debugger.get_internal_queue_and_event(number)[1].set

    def trace(self, on: bool) -> None:
        """Trace this thread from the next function on, or no more."""
        if on is self._is_tracing:
            return
        self._is_tracing = on
        if on:
            self._debugger.enable_tracing()
        else:
            self._debugger.disable_tracing()

    def stop_soon(self) -> None:
        """Stop at the next line that is not left alone."""
        self._server.settrace(suspend=True, trace_only_current_thread=True)
        self._is_tracing = True

    def forget_step(self) -> None:
        """Forget a step that has not ended, and `stop_soon`; tracing must be off."""
        self.request("continue", threadId="*")

    def visit(self) -> None:
        """See `Owner.visited`."""
        owner = self._owner
        if owner is not None:
            owner.visited()
        self.wake()


_shared: Tracer | None = None
_lock = Lock()


def shared() -> Tracer:
    """Return the tracer of this process; the first call imports debugpy.

    Raises:
        RequestFailed: It is missing or cannot be used.
    """
    global _shared  # noqa: PLW0603 - debugpy is one for each process as well
    with _lock:
        if _shared is None:
            _shared = Tracer()
        return _shared


def visit() -> None:
    """Called by debugpy on the thread that is stopped."""
    if _shared is not None:
        _shared.visit()


def _connected() -> tuple[Any, str, SocketPeer, str, str]:
    """Return pydevd, connected to us, and its folder; with the tokens that it wants to see, and shows."""
    server, folder = _imported()
    token, expected = secrets.token_hex(16), secrets.token_hex(16)
    accepted: list[socket.socket] = []
    with socket.create_server((_LOOPBACK, 0), backlog=1) as listener:
        listener.settimeout(_PATIENCE_S)
        waiter = Thread(target=_accept, args=(listener, accepted), name="llmspell-debugpy-accept", daemon=True)
        waiter.start()
        server.settrace(
            host=_LOOPBACK, port=listener.getsockname()[1], suspend=False, trace_only_current_thread=True,
            wait_for_ready_to_run=False, block_until_connected=True, access_token=token,
            client_access_token=expected, notify_stdin=False, patch_multiprocessing=False,
            dont_trace_start_patterns=(folder,),
        )  # fmt: skip
        debugger = server.get_global_debugger()
        debugger.disable_tracing()
        waiter.join(_PATIENCE_S)
    if not accepted:
        raise RequestFailed("unable", "debugpy does not connect")
    # Each message goes out in two parts: without this the second waits for an acknowledgement, 40 ms.
    debugger.writer.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return server, folder, SocketPeer(accepted[0]), token, expected


def _nothing() -> None:
    pass


def _accept(listener: socket.socket, accepted: list[socket.socket]) -> None:
    try:
        accepted.append(listener.accept()[0])
    except OSError:
        pass  # whoever waits for the connection says so


def _imported() -> tuple[Any, str]:
    """Return pydevd as debugpy brings it, and debugpy's folder."""
    from importlib import import_module  # neither comes with the types that a checker needs

    if getattr(sys.modules.get("pydevd"), "get_global_debugger", lambda: None)() is not None:
        raise RequestFailed("unable", "another Python debugger works in this process already", show=True)
    before = {name: os.environ.get(name) for name in _SETTINGS}
    os.environ.update(_SETTINGS)
    try:
        debugpy = import_module("debugpy")
        import_module("debugpy.server")  # makes pydevd importable
        pydevd = import_module("pydevd")
    except ImportError as error:
        text = f"Python tools are debugged by debugpy, which is missing ({error}): pip install debugpy"
        raise RequestFailed("unable", text, show=True) from error
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
    return pydevd, os.path.dirname(os.path.abspath(str(debugpy.__file__)))
