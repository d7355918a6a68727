"""script_request: run a whole script for a client, as `llmspell run` does in its own process.

    {code, name?, mode?, args?, folder?, timeout?, shared?, allow_stdin?}
        -> {status: "ok", values: [JSON], text: str | null, exit_code: int | null}
        -> {status: "error", error, error_type, details, ename, evalue, traceback}

code: Lua text. name: chunk name, `@path` or `=name`. mode: script, or cell (the value of a bare expression is `text`).
args: what ARGS and arg hold. folder: of the script, where `require` looks; used only if this kernel's policy lets it be
read. timeout: seconds, instead of the kernel's own limit for a cell. shared: in the Lua state of the cells; without it
in a fresh one that ends with the script, so that neither sees a global of the other.

What the script prints and shows is published as a cell's is. It is no cell: it is not counted or remembered, and its
failure aborts nothing that is queued. The policy is the kernel's; a client cannot widen it.
"""

from __future__ import annotations

from llmspell_tools.errors import Cancelled, InvalidParameters, LlmspellError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Literal

    from llmspell_kernel.dispatch import Request
    from llmspell_kernel.engine import Engine, Execution
    from llmspell_kernel.output import Output
    from llmspell_kernel.own_tools import OwnTools
    from llmspell_kernel.running import Running
    from llmspell_tools.policy import Policy
    from llmspell_tools.types import JsonObject

    Mode = Literal["script", "cell"]

#: The name under which the policy is asked about the script's folder: that of `require`.
_TOOL = "require"


class Scripts:
    """What scripts run in; used on the main thread.

    Args:
        shared: The engine of the cells.
        fresh: Makes an engine of its own for a script in a folder (None: in no folder).
        policy: The kernel's.
        output: Where prints go.
        running: Told what an interrupt stops.
        timeout_s: Seconds that a script may run where its client does not say, or None.
        own_tools: Looked at before each script; None where there are none.
    """

    def __init__(
        self,
        shared: Engine,
        fresh: Callable[[str | None], Engine],
        policy: Policy,
        output: Output,
        running: Running,
        timeout_s: float | None = None,
        own_tools: OwnTools | None = None,
    ) -> None:
        self._shared = shared
        self._fresh = fresh
        self._policy = policy
        self._output = output
        self._running = running
        self._timeout_s = timeout_s
        self._own_tools = own_tools

    def run(self, request: Request, wanted: Wanted) -> Execution:
        """Run a script; what it shows belongs to `request`.

        Raises:
            LlmspellError: Whatever the engine raises.
        """
        self._output.begin(request)
        try:
            if self._own_tools is not None:
                self._own_tools.refresh()
            if wanted.is_shared:
                return self._execute(self._shared, wanted)
            engine = self._fresh(self._readable(wanted.folder))
            try:
                return self._execute(engine, wanted)
            finally:
                engine.close()
        except KeyboardInterrupt:
            raise Cancelled("the script was interrupted") from None
        finally:
            if self._own_tools is not None:
                self._own_tools.tell()
            self._output.end()

    def _execute(self, engine: Engine, wanted: Wanted) -> Execution:
        self._running.begin(engine.interrupt)
        try:
            limit = self._timeout_s if wanted.timeout_s is None else wanted.timeout_s
            return engine.execute(wanted.code, name=wanted.name, mode=wanted.mode, args=wanted.args, timeout_s=limit)
        finally:
            self._running.end()

    def _readable(self, folder: str | None) -> str | None:
        """Return the folder if the policy lets it be read: no client gets at other folders by naming them."""
        from llmspell_tools import files  # only where a script has a folder

        try:
            return folder if folder is not None and files.exists(self._policy, folder, _TOOL) else None
        except LlmspellError:
            return None


class Wanted:
    """What a client asks for, checked.

    Args:
        content: Of the request.

    Raises:
        InvalidParameters: A field is missing or of another type.
    """

    __slots__ = ("args", "code", "folder", "is_shared", "mode", "name", "timeout_s")

    mode: Mode

    def __init__(self, content: JsonObject) -> None:
        code, name, mode, folder = (content.get(field) for field in ("code", "name", "mode", "folder"))
        if not isinstance(code, str):
            raise InvalidParameters("script_request needs the text field 'code'", field="code")
        if not isinstance(name, str | None) or not (name is None or name.startswith(("@", "="))):
            raise InvalidParameters("name is a chunk name: @path, or = and a title", field="name")
        if mode is None or mode == "script":
            self.mode = "script"
        elif mode == "cell":
            self.mode = "cell"
        else:
            raise InvalidParameters("mode is script or cell", field="mode")
        if not isinstance(folder, str | None):
            raise InvalidParameters("folder must be a text", field="folder")
        self.code = code
        self.name = name or "=script"
        self.folder = folder
        self.args = _arguments(content)
        self.timeout_s = _seconds(content)
        self.is_shared = content.get("shared") is True


def script_request(scripts: Scripts, request: Request) -> JsonObject:
    """Run one script; a failure is the dispatcher's error reply."""
    execution = scripts.run(request, Wanted(request.content))
    return {
        "status": "ok",
        "values": execution.values,
        "text": execution.text,
        "exit_code": execution.exit_code,
    }


def _arguments(content: JsonObject) -> list[str] | None:
    """Return the arguments; None leaves those of a shared state alone."""
    given = content.get("args")
    if given is None:
        return None
    if not isinstance(given, list) or not all(isinstance(each, str) for each in given):
        raise InvalidParameters("args must be an array of texts", field="args")
    return [str(each) for each in given]


def _seconds(content: JsonObject) -> float | None:
    timeout = content.get("timeout")
    if timeout is None:
        return None
    if isinstance(timeout, bool) or not isinstance(timeout, (int, float)) or timeout <= 0:
        raise InvalidParameters("timeout must be a number of seconds above 0", field="timeout")
    return float(timeout)
