"""IPython's InteractiveShell with the kernel's own ways out: streams, displays, results, questions, payloads, errors.

It is the process's one shell, so that `get_ipython()` finds it and libraries show what they show in a notebook;
matplotlib's figures come inline. It is no ipykernel: sockets, threads and signals are the kernel's. IPython's own
history file is left alone: the kernel remembers the cells.
"""

from __future__ import annotations

import builtins
import getpass
import os
import sys
import traceback
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from IPython.core import page
from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import DisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.tokenutil import token_at_cursor
from traitlets import Any as AnyTrait
from traitlets import Type
from traitlets.config import Config

from llmspell_kernel.errors import PythonCellFailed
from llmspell_kernel.python import completing
from llmspell_kernel.python.bundles import jsonable
from llmspell_kernel.python.comms import PythonComms
from llmspell_kernel.python.lua_names import LuaGlobals, PythonNames
from llmspell_kernel.python.tracebacks import without
from llmspell_tools.errors import Cancelled
from llmspell_tools.toolbox import Toolbox

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping

    from llmspell_kernel.calls import DirectCalls, Requester
    from llmspell_kernel.language import Completion
    from llmspell_kernel.lua import LuaEngine
    from llmspell_kernel.python.cells import Values
    from llmspell_tools.definition import ToolResult
    from llmspell_tools.types import JsonInput, JsonObject, JsonValue

#: IPython has types for few of its methods, and calls of the others would not pass the checks.
_Hook: Any = DisplayHook
_Publisher: Any = DisplayPublisher
_Shell: Any = InteractiveShell
_page: Any = page

_INLINE = "module://matplotlib_inline.backend_inline"
#: Frames of these are not the author's.
_OURS = ("llmspell_kernel", "llmspell_tools")


class _Door:
    """Where a cell's messages go."""

    def __init__(self, calls: DirectCalls, requester: Requester) -> None:
        self.calls = calls
        self._requester = requester

    def send(self, msg_type: str, content: JsonObject) -> None:
        request = self._requester.output.shown
        if request is not None:
            self._requester.outlet.message(request, msg_type, content)

    def ask(self, prompt: str, *, password: bool) -> str:
        self._requester.outlet.flush()
        context = self.calls.registry.context()
        # An interrupt ends the wait in order: raised anywhere, it could cut a message in half.
        be_eager = self.calls.running.be_patient(context.signal.set)
        try:
            answer = self._requester.front.input(prompt, password=password, context=context)
        except Cancelled:
            raise KeyboardInterrupt from None
        finally:
            be_eager()
        if answer is None:
            raise EOFError("end of input")
        return answer


class KernelDisplayHook(_Hook):  # type: ignore[misc]  # see `_Hook`
    """Publishes the value of a cell's last expression as execute_result."""

    door: _Door
    number = 0
    text: str | None = None

    def write_output_prompt(self) -> None:
        """Write nothing: the message has the number."""

    def write_format_data(self, format_dict: Any, md_dict: Any = None) -> None:
        """Publish the bundle."""
        text = format_dict.get("text/plain")
        self.text = text if isinstance(text, str) else None
        content: JsonObject = {"execution_count": self.number, "data": jsonable(format_dict)}
        self.door.send("execute_result", {**content, "metadata": jsonable(md_dict or {})})

    def finish_displayhook(self) -> None:
        """Write no empty line."""
        self._is_active = False


class KernelDisplayPublisher(_Publisher):  # type: ignore[misc]  # see `_Hook`
    """Publishes what `display` shows."""

    door: _Door

    def publish(
        self,
        data: Any,
        metadata: Any = None,
        source: Any = None,  # noqa: ARG002 - as IPython has it
        *,
        transient: Any = None,
        update: bool = False,
        **_: Any,
    ) -> None:
        """Publish display_data or update_display_data."""
        self._validate_data(data, metadata)
        content = {"data": data, "metadata": metadata or {}, "transient": transient or {}}
        self.door.send("update_display_data" if update else "display_data", jsonable(content))

    def clear_output(self, wait: bool = False) -> None:
        """Publish clear_output."""
        self.door.send("clear_output", {"wait": bool(wait)})


class KernelShell(_Shell):  # type: ignore[misc]  # see `_Hook`
    """The shell of Python cells; see the module."""

    displayhook_class = Type(KernelDisplayHook)
    display_pub_class = Type(KernelDisplayPublisher)
    door: Any = AnyTrait()
    names: Any = AnyTrait()
    comms: Any = AnyTrait()
    #: What has been shown of an error by the cell or callback that runs.
    _raised: PythonCellFailed | None = None

    # --- one cell -----------------------------------------------------------------------------------------------------

    def run(
        self, code: str, number: int, *, lines_above: int, is_stored: bool, is_silent: bool
    ) -> tuple[str | None, PythonCellFailed | None]:
        """Run a cell; return the text of its result, and how it failed, each None where there is none.

        Args:
            code: Python, with IPython's own magics.
            number: Of the cell.
            lines_above: Of the cell, before the code; tracebacks count them.
            is_stored: Whether its value is kept in `Out`.
            is_silent: Whether it shows nothing.
        """
        self.execution_count = number
        self.displayhook.number, self.displayhook.text = number, None
        self._raised = None
        with self._asking():
            result: Any = self.run_cell(self._numbered(code, lines_above), store_history=is_stored, silent=is_silent)
        sys.stdout.flush()
        error = result.error_before_exec or result.error_in_exec
        if error is None:
            if self._raised is not None:  # of an event's callback, or `%tb`: shown, but the cell has not failed
                sys.stderr.write("\n".join(self._raised.traceback) + "\n")
            return self.displayhook.text, None
        return None, self._raised or _failure(error)

    def _numbered(self, code: str, lines_above: int) -> str:
        """Return the code with comments for the lines above it.

        Not where IPython looks at the first line, or at a cell of one line: for its magics, for `exit`, for an indent.
        """
        words = code.split(None, 1)
        if not words or code[0] in "%! \t":
            return code
        is_one_line = "\n" not in code.strip()
        if is_one_line and (words[0] in self.magics_manager.magics["line"] or words[0] in {"exit", "quit"}):
            return code
        return "#\n" * (lines_above - 1) + "# %%python\n" + code

    def called(self, callback: Callable[[], None]) -> tuple[None, PythonCellFailed | None]:
        """Call something that cells have left behind; return how it failed, as `run` does."""
        self._raised = None
        try:
            with self._asking(), self.builtin_trap, self.display_trap:
                callback()
        except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - of the author's own code
            self.showtraceback()
            return None, self._raised or _failure(error)
        return None, self._raised  # widgets catch what their callbacks raise, and show it

    def take_payload(self) -> list[JsonValue]:
        """Return what the cell leaves for the client."""
        manager: Any = self.payload_manager
        payload: list[JsonValue] = [jsonable(each) for each in manager.read_payload()]
        manager.clear_payload()
        return payload

    @contextmanager
    def _asking(self) -> Generator[None]:
        """Let `input` and `getpass` ask the client."""
        door: _Door = self.door
        former = builtins.input, getpass.getpass

        def ask(prompt: object = "", /) -> str:
            return door.ask(str(prompt), password=False)

        def ask_secretly(prompt: str = "Password: ", stream: object = None, **_: object) -> str:  # noqa: ARG001
            return door.ask(prompt, password=True)

        builtins.input, getpass.getpass = ask, ask_secretly
        try:
            yield
        finally:
            builtins.input, getpass.getpass = former

    # --- what IPython does by other means in a terminal ---------------------------------------------------------------

    def _showtraceback(self, etype: Any, evalue: Any, stb: list[str]) -> None:
        self._raised = PythonCellFailed(str(etype.__name__), str(evalue), [str(line) for line in stb])

    def showtraceback(self, exc_tuple: Any = None, *arguments: Any, **options: Any) -> None:
        """Show the traceback of the author's own frames."""
        try:
            etype, value, trace = self._get_exc_info(exc_tuple)
        except ValueError:
            super().showtraceback(exc_tuple, *arguments, **options)
            return
        trace = without(_OURS, trace)
        if isinstance(value, BaseExceptionGroup):  # IPython prints these as Python does
            lines = traceback.format_exception(etype, value, without(("IPython",), trace))
            self._showtraceback(etype, value, [line.rstrip("\n") for line in lines])
        else:
            super().showtraceback((etype, value, trace), *arguments, **options)

    def init_hooks(self) -> None:
        """Let pages go to the client."""
        super().init_hooks()
        self.set_hook("show_in_pager", _page.as_hook(self._page), 99)

    def _page(self, text: Any, start: int = 0, screen_lines: int = 0, pager_cmd: Any = None) -> None:  # noqa: ARG002
        data = text if isinstance(text, dict) else {"text/plain": text}
        manager: Any = self.payload_manager
        manager.write_payload({"source": "page", "data": data, "start": max(0, start)})

    def set_next_input(self, s: str, replace: bool = False) -> None:
        """Leave a text for the next cell, which is Python again."""
        manager: Any = self.payload_manager
        text = s if s.startswith("%%python") else f"%%python\n{s}"
        manager.write_payload({"source": "set_next_input", "text": text, "replace": replace})

    def ask_exit(self) -> None:
        """Ask the client to close; the kernel itself stays."""
        manager: Any = self.payload_manager
        manager.write_payload({"source": "ask_exit", "keepkernel": False})

    def enable_gui(self, gui: Any = None) -> None:
        """Do nothing for inline figures; no loop of a toolkit runs here.

        Raises:
            NotImplementedError: A toolkit is wanted.
        """
        if gui not in {None, "inline", "auto"}:
            raise NotImplementedError(f"this kernel runs no event loop of {gui}; figures come inline")

    # --- the text of a cell -------------------------------------------------------------------------------------------

    def completion_at(self, code: str, cursor: int) -> Completion:
        """Return how the code goes on at a place."""
        return completing.completion_at(self.Completer, self.user_ns.get("tools"), code, cursor)

    def inspection_at(self, code: str, cursor: int, detail: int) -> dict[str, str]:
        """Return what is known of the name at a place."""
        try:
            bundle: Mapping[str, str] = self.object_inspect_mime(token_at_cursor(code, cursor), detail_level=detail)
        except KeyError:
            return {}
        return {**bundle}

    def completeness_of(self, code: str) -> tuple[str, str]:
        """Return Jupyter's status of the code."""
        status, blanks = self.input_transformer_manager.check_complete(code)
        return status, " " * (blanks or 0)


def make_shell(
    find_engine: Callable[[], LuaEngine], calls: DirectCalls, requester: Requester, values: Values
) -> KernelShell:
    """Return the process's shell.

    Args:
        find_engine: Returns what runs Lua.
        calls: Calls tools.
        requester: Gets what cells write and show, and answers what they ask.
        values: Where values wait that cross to Lua.
    """
    os.environ.setdefault("MPLBACKEND", _INLINE)
    config = Config()
    config.HistoryManager.enabled = False
    config.InteractiveShell.banner1 = ""
    door = _Door(calls, requester)
    shell: KernelShell = KernelShell.instance(config=config, door=door)
    shell.displayhook.door = shell.display_pub.door = door

    def call(name: str, params: Mapping[str, JsonInput]) -> ToolResult:
        requester.outlet.flush()
        return calls.by_python(name, params)

    shell.user_ns["tools"] = Toolbox(lambda: calls.registry, call)
    shell.user_ns["lua"] = LuaGlobals(find_engine, calls.running, values, requester.outlet.flush)
    shell.user_ns_hidden.update({name: shell.user_ns[name] for name in ("tools", "lua")})
    shell.names = PythonNames(shell.user_ns)
    shell.comms = PythonComms(requester)
    return shell


def _failure(error: BaseException) -> PythonCellFailed:
    name = type(error).__name__
    return PythonCellFailed(name, str(error), [f"{name}: {error}"])
