"""``tool … --connect``: the tools of a running kernel, with the calls of a registry that the commands make."""

from __future__ import annotations

from llmspell.client.asking import StandardInput
from llmspell.client.joining import Turn, error_of, join
from llmspell.interrupts import Interrupts
from llmspell_tools.definition import Tool, ToolResult
from llmspell_tools.errors import Cancelled, InvalidParameters

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from llmspell.client.script import Place
    from llmspell.options import Options
    from llmspell.progress import ProgressBar
    from llmspell_tools.types import JsonObject, JsonValue

#: Where a call has no time limit here, it gets none there: the kernel's own default of 30 s is for other clients.
_NO_LIMIT_S = 1e9


class RemoteTools:
    """The tools of one kernel.

    Args:
        options: The global options.
        place: Which kernel.
        bar: Taken off the screen when a call is over; None where there is none.
    """

    def __init__(self, options: Options, place: Place, bar: ProgressBar | None = None) -> None:
        self._client = join(options, place.address, place.key)
        self._bar = bar
        self._limit_s = place.limit_s
        self._turn: Turn | None = None
        self._input = StandardInput(_say)
        self._interrupts: Interrupts | None = None

    # --- as a registry ---------------------------------------------------------------------------------------------

    def get(self, name: str) -> Tool:
        """Return a tool by any of its names.

        Raises:
            ToolNotFound: The kernel has none of that name.
        """
        reply = self._ask({"command": "info", "name": name, "detailed": True})
        return _tool(reply.get("definition"))

    def list(self, category: str | None = None) -> list[Tool]:
        """Return the tools, sorted by name."""
        reply = self._ask({"command": "list", "detailed": True})
        for problem in _texts(reply.get("problems")):
            _note(f"Warning: {problem}")
        definitions = reply.get("definitions")
        tools = [_tool(each) for each in definitions] if isinstance(definitions, list) else []
        return [tool for tool in tools if category is None or tool.category == category]

    def context(self, **_: object) -> None:
        """Return nothing: a call's context is the kernel's."""

    def invoke(
        self,
        name: str,
        params: Mapping[str, Any] | None = None,
        *,
        context: object = None,  # noqa: ARG002 - the registry's
        timeout_s: float | None = None,
    ) -> ToolResult:
        """Call a tool; see `ToolRegistry.invoke`.

        Raises:
            LlmspellError: The tool failed, was refused, or was interrupted.
        """
        call: JsonObject = {
            "command": "invoke", "name": name, "params": None if params is None else dict(params), "allow_stdin": True,
        }  # fmt: skip
        reply = self._ask(call, timeout_s, is_call=True)
        result = reply.get("result")
        return _result(result if isinstance(result, dict) else {})

    # --- beyond ----------------------------------------------------------------------------------------------------

    def examples(self, tool: Tool) -> Iterator[JsonObject]:
        """Run a tool's examples there; yields what `llmspell_tools.examples.each_example` does."""
        details = self._ask({"command": "test", "name": tool.name, "verbose": True}).get("details")
        for each in details if isinstance(details, list) else ():
            if isinstance(each, dict):
                yield each

    def close(self) -> None:
        """Close the connection; the kernel goes on."""
        self._client.close()

    # --- of a client -----------------------------------------------------------------------------------------------

    def published(self, msg_type: str, content: JsonObject) -> None:
        """Print what a tool written in Lua or Python prints there; it is no result."""
        if msg_type == "stream":
            _say(str(content.get("text", "")))

    def asked(self, prompt: str, *, password: bool) -> str | None:
        """Answer a question of the kernel's policy."""
        return self._input.ask(prompt, password=password, is_stopped=self._is_stopped)

    def _is_stopped(self) -> bool:
        return self._interrupts is not None and self._interrupts.received is not None

    def _ask(self, content: JsonObject, limit_s: float | None = None, *, is_call: bool = False) -> JsonObject:
        with Interrupts(self._stop) as interrupts:
            self._interrupts = interrupts
            turn = self._turn = Turn(self._client, self, self._limit_s if limit_s is None else limit_s)
            try:
                turn.wait()
                if is_call:
                    content["timeout"] = _NO_LIMIT_S if turn.left_s is None else turn.left_s
                reply = turn.request("tool_request", content)
            except Cancelled as left:
                if interrupts.received is not None:
                    left.exit_status = interrupts.exit_status
                raise
            finally:
                if self._bar is not None:
                    self._bar.clear()
        if reply.get("status") != "ok":
            error = error_of(reply)
            if isinstance(error, Cancelled) and interrupts.received is not None:
                error.exit_status = interrupts.exit_status
            raise error
        return reply

    def _stop(self) -> None:
        if self._turn is None or self._turn.leave():
            return
        if not self._client.stop():
            _note("The tool has not begun yet; it is stopped when it does (Ctrl-C again leaves it queued)")


def _tool(definition: JsonValue) -> Tool:
    if not isinstance(definition, dict):
        raise InvalidParameters("this kernel is of an older llmspell, which does not tell what its tools are")
    return Tool(**definition)  # type: ignore[arg-type]  # the kernel made it of a Tool


def _result(result: JsonObject) -> ToolResult:
    output, text, media, metadata = (result.get(name) for name in ("output", "text", "media", "metadata"))
    plain = ToolResult(output)
    return ToolResult(
        output,
        text=text if isinstance(text, str) and text != plain.text else None,
        media=[each for each in media if isinstance(each, dict)] if isinstance(media, list) else None,
        metadata=metadata if isinstance(metadata, dict) else None,
    )


def _texts(value: JsonValue) -> list[str]:
    return [str(each) for each in value] if isinstance(value, list) else []


def _note(text: str) -> None:
    from llmspell.output import note  # few calls have anything to say

    note(text)


def _say(text: str) -> None:
    import sys

    from llmspell.output import write

    if sys.stderr is not None:  # pyright: ignore[reportUnnecessaryComparison] # closed by the caller
        write(text, sys.stderr)
        sys.stderr.flush()
