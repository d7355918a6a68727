"""``run --connect`` and ``exec --connect``: Lua that runs in a kernel, its streams and its end as if it ran here."""

from __future__ import annotations

from llmspell import output
from llmspell.client.asking import StandardInput
from llmspell.client.joining import Turn, error_of, join
from llmspell_tools.errors import Cancelled

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Literal

    from llmspell.console import Console
    from llmspell.options import Options
    from llmspell.progress import ProgressBar
    from llmspell_kernel.client import KernelClient
    from llmspell_tools.types import JsonObject, JsonValue

_BUNDLES = ("display_data", "update_display_data", "execute_result")


class Place:
    """Where to run.

    Args:
        address: Of the kernel.
        key: For HOST:PORT, or None.
        shared: In the Lua state of the kernel's cells; else in a fresh one.

    Attributes:
        limit_s: Seconds that a command may wait for its turn there; None for no limit.
    """

    __slots__ = ("address", "key", "limit_s", "shared")

    def __init__(self, address: str, key: str | None = None, *, shared: bool = False) -> None:
        self.address = address
        self.key = key
        self.shared = shared
        self.limit_s: float | None = None


class RemoteLua:
    """A kernel as the engine of one script; has of `LuaEngine` what running a script needs.

    Args:
        options: The global options.
        place: Which kernel.
        folder: Of the script, or None.
        console: Where its streams go, and where answers come from.
        bar: Takes itself off the screen before anything is printed; None where there is none.
    """

    def __init__(
        self, options: Options, place: Place, folder: str | None, console: Console, bar: ProgressBar | None
    ) -> None:
        self._client: KernelClient = join(options, place.address, place.key)
        self._place = place
        self._folder = folder
        self._hearer = TerminalHearer(console, bar)
        self._turn: Turn | None = None

    def execute(
        self,
        code: str,
        *,
        name: str,
        mode: Literal["script", "cell"],
        args: Sequence[str] | None = None,
        timeout_s: float | None = None,
    ) -> RemoteExecution:
        """Run a script or a cell to its end; see `LuaEngine.execute`.

        Raises:
            LlmspellError: What the engine there raises; `KernelDied` and `KernelBusy` too.
        """
        if self._hearer.is_stopped:
            raise Cancelled("stopped before it began")
        turn = self._turn = Turn(self._client, self._hearer, timeout_s)
        turn.wait()
        content: JsonObject = {
            "code": code,
            "name": name,
            "mode": mode,
            "args": None if args is None else [*args],
            "folder": self._folder,
            "timeout": turn.left_s,
            "shared": self._place.shared,
            "allow_stdin": True,
        }
        try:
            reply = turn.request("script_request", content)
        finally:
            self._hearer.ended()
        if reply.get("status") != "ok":
            raise error_of(reply)
        return RemoteExecution(reply)

    def interrupt(self) -> None:
        """Stop the script, at once or when its turn comes; any thread."""
        self._hearer.is_stopped = True
        if self._turn is None or self._turn.leave():
            return
        if not self._client.stop():
            output.note("The script has not begun yet; it is stopped when it does (Ctrl-C again leaves it queued)")

    def close(self) -> None:
        """Close the connection; the kernel goes on."""
        self._client.close()


class TerminalHearer:
    """What a request says, on the streams of this process; see `client.Hearer`.

    Args:
        console: The streams.
        bar: The progress line, or None.

    Attributes:
        is_stopped: Nobody waits for an answer any more.
    """

    def __init__(self, console: Console, bar: ProgressBar | None) -> None:
        self._console = console
        self._bar = bar
        self._input = StandardInput(lambda prompt: console.write("stderr", prompt))
        self.is_stopped = False

    def published(self, msg_type: str, content: JsonObject) -> None:
        """Print text; a bar that the kernel shows stands on stderr's line, if that is a terminal."""
        if msg_type == "stream":
            name = "stderr" if content.get("name") == "stderr" else "stdout"
            self._console.write(name, str(content.get("text", "")))
        elif msg_type in _BUNDLES:
            self._show(content)

    def asked(self, prompt: str, *, password: bool) -> str | None:
        """Read a line of standard input."""
        self._clear()
        return self._input.ask(prompt, password=password, is_stopped=lambda: self.is_stopped)

    def ended(self) -> None:
        """Take the progress line away: the request is over."""
        self._clear()

    def _clear(self) -> None:
        if self._bar is not None:
            self._bar.clear()

    def _show(self, content: JsonObject) -> None:
        data = content.get("data")
        text = data.get("text/plain") if isinstance(data, dict) else None
        if not isinstance(text, str) or not text:
            return
        if is_bar(content):
            if self._bar is not None:
                self._bar.show_text(text)
            return
        self._console.write("stdout", text if text.endswith("\n") else text + "\n")


def is_bar(content: JsonObject) -> bool:
    """Tell whether a display is the kernel's progress bar: its id says so (`llmspell_kernel.progress`)."""
    transient = content.get("transient")
    name = transient.get("display_id") if isinstance(transient, dict) else None
    return isinstance(name, str) and name.startswith("llmspell-progress-")


class RemoteExecution:
    """What a script gave; see `llmspell_kernel.engine.Execution`. Not Lua's own, whose package imports Lua."""

    __slots__ = ("data", "exit_code", "metadata", "text", "values")

    def __init__(self, reply: JsonObject) -> None:
        values, text, code = reply.get("values"), reply.get("text"), reply.get("exit_code")
        self.values: list[JsonValue] = values if isinstance(values, list) else []
        self.text = text if isinstance(text, str) else None
        self.exit_code = code if isinstance(code, int) else None
        self.data: JsonObject | None = None
        self.metadata: JsonObject = {}
