"""What a notebook's debugger asks beyond DAP, and where it asks DAP's questions in its own way.

Run on the session's worker, as all requests. `debugInfo`, `dumpCell`, `inspectVariables`, `richInspectVariables`,
`copyToGlobals` and `modules` are answered before `initialize`, too.

Source: Jupyter messaging 5.5, "Additions to the DAP"; what JupyterLab 4.6 sends and reads of the answers.
"""

from __future__ import annotations

import os
import re

from llmspell_kernel.cell_paths import debug_info
from llmspell_kernel.debug.client import Client
from llmspell_kernel.debug.protocol import Arguments, RequestFailed
from llmspell_kernel.debug.requests import HANDLERS
from llmspell_kernel.debug.requests.values import variable
from llmspell_tools.errors import ToolExecutionError
from llmspell_tools.jsontext import loads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from llmspell_kernel.debug.jupyter_cells import CellTexts
    from llmspell_kernel.debug.jupyter_program import CellDebuggee
    from llmspell_kernel.debug.requests import Handler
    from llmspell_kernel.debug.session import DebugSession
    from llmspell_tools.types import JsonObject, JsonValue

_NAME = re.compile(r"[A-Za-z_]\w*\Z", re.ASCII)
#: What names one value and calls nothing: a name, and fields or indexes of it.
_PATH = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*|\[-?\d+\]|\[\"[^\"\\\n]*\"\])*\Z", re.ASCII)
#: Of no use where the program is a kernel.
_NOT_HERE = ("supportsRestartRequest",)
#: A notebook has no terminal for us and starts no other debugger.
_NOT_CLAIMED = ("supportsRunInTerminalRequest", "supportsStartDebuggingRequest")
_LOADED = "a text that was given to load takes no breakpoints; call Debug.breakpoint() in it"
#: JupyterLab's tree shows the values of these types, numbers as those of JavaScript; of others it shows the type, and
#: the value only where there is no type.
_LAB_TYPES = {"integer": "int", "float": "float", "boolean": "bool", "string": "str"}
_LAB_NUMBER = re.compile(r"-?\d{1,15}(?:\.\d{1,15})?\Z", re.ASCII)
_SETTERS = ("setFunctionBreakpoints", "setExceptionBreakpoints", "configurationDone", "pause")
_MOVEMENTS = ("continue", "next", "stepIn", "stepOut", "disconnect")


class NotebookRequests:
    """The requests of the session that notebooks share.

    Args:
        cells: The texts of cells by path.
        program: Returns the kernel's cells as a program.
    """

    def __init__(self, cells: CellTexts, program: Callable[[], CellDebuggee]) -> None:
        self._cells = cells
        self._program = program
        self._breakpoints: dict[str, list[JsonValue]] = {}
        #: All requests, by name.
        self.table: dict[str, Handler] = {
            **HANDLERS,
            **{name: _telling(HANDLERS[name]) for name in _MOVEMENTS},
            **{name: _attaching(HANDLERS[name]) for name in _SETTERS},
            "initialize": self.initialize,
            "attach": self.attach,
            "terminate": _telling(self.terminate),
            "setBreakpoints": _attaching(self.set_breakpoints),
            "source": self.source,
            "variables": self.variables,
            "debugInfo": self.debug_info,
            "dumpCell": self.dump_cell,
            "inspectVariables": self.inspect_variables,
            "richInspectVariables": self.rich_inspect_variables,
            "copyToGlobals": self.copy_to_globals,
            "modules": self.modules,
        }

    def forget(self) -> None:
        """Forget the breakpoints: the session is over."""
        self._breakpoints = {}

    # --- life ------------------------------------------------------------------------------------------------------

    def initialize(self, session: DebugSession, arguments: Arguments) -> JsonObject:
        """Learn what the client is; a second one, or the same after a reload, joins the session.

        JupyterLab does not look at the answer to `attach`: a refusal must come here.
        """
        if session.debuggee is None and self._program().is_taken:
            raise RequestFailed("refused", "another client debugs this kernel; it must disconnect first", show=True)
        session.client = Client()
        fields = {name: value for name, value in arguments.fields.items() if name not in _NOT_CLAIMED}
        body = HANDLERS["initialize"](session, Arguments(fields)) or {}
        shown = {name: value for name, value in body.items() if name not in _NOT_HERE}
        return {**shown, "supportsModulesRequest": True}

    def attach(self, session: DebugSession, arguments: Arguments) -> None:
        """Debug the cells from here on; JupyterLab sends no configurationDone."""
        if session.debuggee is not None:
            session.after_response(lambda: session.event("initialized"))
            return
        HANDLERS["attach"](session, arguments)

    def terminate(self, session: DebugSession, arguments: Arguments) -> None:
        """Interrupt the cell that runs and end the session."""
        HANDLERS["terminate"](session, arguments)
        session.after_response(session.hang_up)

    def debug_info(self, session: DebugSession, arguments: Arguments) -> JsonObject:  # noqa: ARG002 - a handler's
        """Return all that a front end must know to join: where breakpoints are, and what is stopped."""
        stop = session.stop
        breakpoints: list[JsonValue] = [
            {"source": path, "breakpoints": points} for path, points in self._breakpoints.items()
        ]
        return debug_info(
            is_started=session.client.is_known,  # JupyterLab asks between initialize and attach, and keeps that
            breakpoints=breakpoints,
            stopped=[] if stop is None else [stop.thread],
        )

    # --- texts and breakpoints -------------------------------------------------------------------------------------

    def dump_cell(self, session: DebugSession, arguments: Arguments) -> JsonObject:  # noqa: ARG002 - a handler's
        """Remember a cell's text; return the path that stands for it."""
        return {"sourcePath": self._cells.note(arguments.text("code"))}

    def set_breakpoints(self, session: DebugSession, arguments: Arguments) -> JsonObject:
        """Replace a source's breakpoints, and remember them for `debugInfo`."""
        asked = [each.fields for each in arguments.objects("breakpoints")]
        path = arguments.object("source").text("path", "")
        if self._cells.was_loaded(path):
            return {
                "breakpoints": [{"verified": False, "message": _LOADED, "line": each.get("line")} for each in asked]
            }
        answer = HANDLERS["setBreakpoints"](session, arguments) or {}
        shown = answer["breakpoints"]
        assert isinstance(shown, list)
        kept: list[JsonValue] = []
        for wish, point in zip(asked, shown, strict=False):
            assert isinstance(point, dict)
            point.setdefault("line", wish.get("line"))  # JupyterLab marks the line that is answered
            kept.append({**wish, "line": point["line"]})
        if kept:
            self._breakpoints[path] = kept
        else:
            self._breakpoints.pop(path, None)
        return answer

    def source(self, session: DebugSession, arguments: Arguments) -> JsonObject | None:
        """Return the text of a cell, or of what DAP knows."""
        path = arguments.object("source").text("path", "")
        text = self._cells.text(path) if path.startswith(self._cells.prefix) else None
        if text is not None:
            return {"content": text, "mimeType": "text/x-lua"}
        return HANDLERS["source"](session, arguments)

    def modules(self, session: DebugSession, arguments: Arguments) -> JsonObject:  # noqa: ARG002 - a handler's
        """Return the files that cells have loaded: by `require` say."""
        files = self._program().files()
        first = max(arguments.number("startModule", 0), 0)
        size = arguments.number("moduleCount", 0) or len(files)
        shown: list[JsonValue] = [
            {"id": path, "name": os.path.basename(path), "path": path} for path in files[first : first + size]
        ]
        return {"modules": shown, "totalModules": len(files)}

    # --- values ----------------------------------------------------------------------------------------------------

    def inspect_variables(self, session: DebugSession, arguments: Arguments) -> JsonObject:  # noqa: ARG002
        """Return the globals that cells have made, whatever the kernel does."""
        return _for_client(session, {"variables": [variable(value) for value in self._program().globals()]})

    def variables(self, session: DebugSession, arguments: Arguments) -> JsonObject:
        """Return some children of a variable."""
        return _for_client(session, HANDLERS["variables"](session, arguments) or {})

    def rich_inspect_variables(self, session: DebugSession, arguments: Arguments) -> JsonObject:  # noqa: ARG002
        """Return a variable's MIME bundle; an empty one, which front ends understand, where there is no such thing."""
        name = arguments.text("variableName")
        nothing: JsonObject = {"data": {}, "metadata": {}}
        if not _PATH.match(name):
            return nothing
        try:
            bundle = loads(self._program().bundle(arguments.number("frameId", 0), name))
        except ToolExecutionError as error:
            if "attempt to index" in error.message:
                return nothing
            raise
        return bundle if isinstance(bundle, dict) else nothing

    def copy_to_globals(self, session: DebugSession, arguments: Arguments) -> JsonObject:  # noqa: ARG002
        """Copy a frame's variable to a global."""
        source, target = arguments.text("srcVariableName"), arguments.text("dstVariableName")
        if not _PATH.match(source) or not _NAME.match(target):
            raise RequestFailed("bad_arguments", "srcVariableName and dstVariableName must be names")
        frame = arguments.number("srcFrameId", 0)
        self._program().copy_to_globals(frame, source, target)
        return {}


def _for_client(session: DebugSession, answer: JsonObject) -> JsonObject:
    """Return the variables in an answer with types as JupyterLab knows them, where that asks."""
    shown = answer["variables"]
    if session.client.fields.get("clientID") == "jupyterlab" and isinstance(shown, list):
        for each in shown:
            if isinstance(each, dict):
                kind = each.pop("type")
                is_number = kind in {"integer", "float"}
                if kind in _LAB_TYPES and (not is_number or _LAB_NUMBER.match(str(each["value"]))):
                    each["type"] = _LAB_TYPES[str(kind)]
    return answer


def _attaching(handler: Handler) -> Handler:
    """Return a handler that attaches first, where that has not happened.

    A front end that was told `isStarted` does not attach itself, and the one before it may have gone without doing so.
    """

    def attached(session: DebugSession, arguments: Arguments) -> JsonObject | None:
        if session.debuggee is None:
            HANDLERS["attach"](session, Arguments({}))
        return handler(session, arguments)

    return attached


def _telling(handler: Handler) -> Handler:
    """Return a handler after which the program goes on, and which tells every front end so: others watch, too.

    JupyterLab itself needs it, to learn that a step has left the cell, and to take its overlay away.
    """

    def moved(session: DebugSession, arguments: Arguments) -> JsonObject | None:
        stop = session.stop
        body = handler(session, arguments)
        if stop is not None:
            told: JsonObject = {"threadId": stop.thread, "allThreadsContinued": True}
            session.after_response(lambda: session.event("continued", told))
        return body

    return moved
