"""What a console needs of whatever runs its cells, and the two that there are."""

from __future__ import annotations

import os
from typing import Protocol

TYPE_CHECKING = False
if TYPE_CHECKING:
    from llmspell.config.settings import Settings
    from llmspell.options import Options
    from llmspell_kernel.client import Hearer, KernelClient
    from llmspell_kernel.display import KernelFront
    from llmspell_kernel.embedded import EmbeddedKernel
    from llmspell_kernel.engine import Write
    from llmspell_kernel.lua import LuaEngine
    from llmspell_tools.registry import ToolRegistry
    from llmspell_tools.types import JsonObject


class Backend(Protocol):
    """A kernel, here or elsewhere. `request` on the main thread, one at a time; the others from any thread."""

    #: What the console calls it.
    title: str
    #: Whether it runs in this process.
    is_local: bool

    def request(
        self, msg_type: str, content: JsonObject, hearer: Hearer, *, patience_s: float | None = None
    ) -> JsonObject:
        """Send a request and return its reply's content; what it publishes meanwhile goes to `hearer`.

        Args:
            msg_type: Of the request, on the shell channel.
            content: Of the request.
            hearer: Told on this thread, or on the engine's watch thread.
            patience_s: Seconds to wait for a kernel that is busy; None waits as long as it lives.

        Raises:
            LlmspellError: The kernel has gone, or `ToolTimeout` where patience was over.
        """
        ...

    def control(self, msg_type: str, content: JsonObject) -> JsonObject:
        """Send a request that is answered also while another runs.

        Raises:
            LlmspellError: The kernel has gone, or does not know the request.
        """
        ...

    def hear_debugger(self, hearer: Hearer) -> None:
        """Take in what the debugger has said since the last request was over."""
        ...

    def interrupt(self) -> None:
        """Stop the request that runs; without an effect when none does."""
        ...

    def take_break(self) -> bool:
        """Tell the handler of SIGINT whether to raise KeyboardInterrupt where the main thread is now."""
        ...

    def reset(self) -> bool:
        """Begin again with nothing; False where that cannot be done."""
        ...

    def close(self) -> None:
        """Leave it; one in this process ends, another goes on."""
        ...


class Local:
    """Lua in this process, put together as for `llmspell run`.

    Args:
        options: The global options.
    """

    title = "this process"
    is_local = True

    def __init__(self, options: Options) -> None:
        from llmspell import assembly  # tools and policy, as for any command
        from llmspell.actions.script import configured_timeout

        self._options = options
        self._settings = assembly.settings(options)
        self._timeout_s = configured_timeout(self._settings)
        self._kernel = self._made()

    def request(
        self,
        msg_type: str,
        content: JsonObject,
        hearer: Hearer,
        *,
        patience_s: float | None = None,  # noqa: ARG002 - nobody else uses it
    ) -> JsonObject:
        """See `Backend.request`."""
        return self._kernel.request(msg_type, content, hearer)

    def control(self, msg_type: str, content: JsonObject) -> JsonObject:
        """See `Backend.control`."""
        return self._kernel.control(msg_type, content)

    def hear_debugger(self, hearer: Hearer) -> None:
        """See `Backend.hear_debugger`: it speaks to the last hearer by itself."""

    def interrupt(self) -> None:
        """See `Backend.interrupt`."""
        self._kernel.interrupt()

    def take_break(self) -> bool:
        """See `Backend.take_break`."""
        return self._kernel.running.take_break()

    def reset(self) -> bool:
        """See `Backend.reset`."""
        self._kernel.close()
        self._kernel = self._made()
        return True

    def close(self) -> None:
        """See `Backend.close`."""
        self._kernel.close()

    def _made(self) -> EmbeddedKernel:
        from llmspell import assembly, output, places
        from llmspell_kernel.embedded import EmbeddedKernel

        return EmbeddedKernel(
            assembly.from_settings(self._options, self._settings),
            _Engines(self._settings),
            cell_timeout_s=self._timeout_s,
            history_file=places.data_file("history.sqlite"),
            break_main=_break_main,
            log=output.note,
        )


class _Engines:
    """Makes engines under one configuration; see `EngineFactory`. Their cells `require` from the current folder."""

    def __init__(self, settings: Settings | None) -> None:
        self._settings = settings
        self._folder = os.getcwd()

    def __call__(
        self, tools: ToolRegistry, write: Write, front: KernelFront, /, *, script_dir: str | None = None
    ) -> LuaEngine:
        """Return an engine."""
        from llmspell.actions.script import engine_settings
        from llmspell_kernel.lua import LuaEngine  # imports lupa

        settings = engine_settings(self._settings, script_dir or self._folder, None)
        return LuaEngine(tools, write=write, settings=settings, front=front)


class Remote:
    """A kernel elsewhere.

    Args:
        options: The global options.
        address: ID, FILE or HOST:PORT; None for the only one that runs.
        key: For HOST:PORT.

    Raises:
        LlmspellError: It cannot be reached.
    """

    is_local = False

    def __init__(self, options: Options, address: str | None, key: str | None) -> None:
        from llmspell.client.joining import join  # imports zmq

        self._client: KernelClient = join(options, address, key)
        self.title = f"kernel {self._client.where}"

    def request(
        self, msg_type: str, content: JsonObject, hearer: Hearer, *, patience_s: float | None = None
    ) -> JsonObject:
        """See `Backend.request`."""
        return self._client.request(msg_type, content, hearer, patience_s=patience_s)

    def control(self, msg_type: str, content: JsonObject) -> JsonObject:
        """See `Backend.control`."""
        return self._client.control(msg_type, content)

    def hear_debugger(self, hearer: Hearer) -> None:
        """See `Backend.hear_debugger`."""
        self._client.hear_debugger(hearer)

    def interrupt(self) -> None:
        """See `Backend.interrupt`; a cell that has not begun is stopped when it does."""
        self._client.stop()

    def take_break(self) -> bool:
        """See `Backend.take_break`: no system call of ours has to be broken."""
        return False

    def reset(self) -> bool:
        """See `Backend.reset`: others may use that kernel."""
        return False

    def close(self) -> None:
        """See `Backend.close`."""
        self._client.close()


def _break_main() -> None:
    import signal
    import threading

    if hasattr(signal, "pthread_kill"):
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
