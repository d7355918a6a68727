"""Runs the programs that clients launch, one at a time, on the thread that calls `serve`: the adapter's main thread.

Signals and tools that only SIGINT can break need the main thread, so sessions, on threads of their own, hand the
program over and get a debuggee back. Folder and environment of the process are the program's while it runs.
"""

from __future__ import annotations

import os
from queue import SimpleQueue
from threading import Event

from llmspell_kernel.debug.protocol import RequestFailed
from llmspell_kernel.debug.python.debuggee import ScriptDebuggee
from llmspell_tools.definition import CancelSignal
from llmspell_tools.errors import Cancelled, LlmspellError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Protocol

    from llmspell_kernel.debug.debuggee import Debuggee
    from llmspell_kernel.debug.peer import Peer
    from llmspell_kernel.debug.protocol import Arguments
    from llmspell_kernel.lua import Execution, LuaEngine
    from llmspell_tools.types import JsonValue

    class Workshop(Protocol):
        """What the top room gives: engines, put together as `llmspell run` does."""

        def engine(self, plan: Plan, write: Callable[[str, str], None], signal: CancelSignal) -> LuaEngine:
            """Return an engine for a program; setting `signal` interrupts it.

            Raises:
                LlmspellError: The configuration is wrong.
            """
            ...

        def shown(self, execution: Execution) -> str | None:
            """Return what a program gave back as text, or None."""
            ...


#: Seconds that a former program may take to end.
_PATIENCE_S = 10.0


class Plan:
    """A program to run.

    Attributes:
        path: Of the script, absolute.
        code: Its text.
        args: What it is given.
        cwd: Folder to run in, or None.
        env: Changes of the environment; None takes a variable away.
    """

    __slots__ = ("args", "code", "cwd", "env", "path")

    def __init__(self, path: str, code: bytes, args: list[str], cwd: str | None, env: dict[str, str | None]) -> None:
        self.path = path
        self.code = code
        self.args = args
        self.cwd = cwd
        self.env = env

    @classmethod
    def read(cls, arguments: Arguments) -> Plan:
        """Return the plan that the arguments of `launch` describe.

        Raises:
            RequestFailed: The script cannot be read, or there is no such folder.
        """
        cwd = arguments.optional_text("cwd")
        if cwd is not None and not os.path.isdir(cwd):
            raise RequestFailed("program", f"'cwd' is no folder: {cwd}", show=True)
        path = os.path.abspath(os.path.join(cwd or ".", arguments.text("program")))
        return cls(path, _script(path), arguments.texts("args"), cwd, _environment(arguments.object("env")))


class Control:
    """How a session starts and ends a program that the main thread runs; see `lua_debuggee.Program`."""

    can_restart = True
    is_endless = False

    def __init__(self) -> None:
        self.signal = CancelSignal()
        self.is_ended = False
        self._is_again = False
        self._go = Event()

    def start(self) -> None:
        """Let it begin."""
        self._go.set()

    def stop(self) -> None:
        """End it."""
        self.is_ended = True
        self.signal.set()
        self._go.set()

    def restart(self) -> None:
        """End it, and let it begin again."""
        self._is_again = True
        self.signal.set()
        self._go.set()

    def wait(self) -> None:
        """Wait until it may begin; main thread."""
        self._go.wait()

    def take_again(self) -> bool:
        """Whether it is to run again; then the next run may be stopped anew."""
        if not self._is_again or self.is_ended:
            return False
        self._is_again = False
        self.signal = CancelSignal()
        return True


class Launcher:
    """A host that launches programs.

    Args:
        workshop: Makes the engines.
        in_terminal: Gives the words of `Host.terminal_command`; without it programs run in this process only.
        reach: Finds what `attach` names, in another process; without it there is nothing to attach to.
    """

    def __init__(
        self,
        workshop: Workshop,
        in_terminal: Callable[[int], Sequence[str]] | None = None,
        reach: Callable[[Arguments], Peer] | None = None,
    ) -> None:
        self._workshop = workshop
        self._in_terminal = in_terminal
        self._reach = reach
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._idle = Event()
        self._idle.set()

    # --- a session's thread ----------------------------------------------------------------------------------------

    def terminal_command(self, port: int) -> Sequence[str] | None:
        """See `Host.terminal_command`."""
        return None if self._in_terminal is None else self._in_terminal(port)

    def launch(self, arguments: Arguments) -> Debuggee:
        """See `Host.launch`."""
        plan = Plan.read(arguments)
        if not self._idle.wait(_PATIENCE_S):
            raise RequestFailed("program", "the program before this one has not ended yet", show=True)
        self._idle.clear()
        answers: SimpleQueue[ScriptDebuggee | LlmspellError] = SimpleQueue()
        self._jobs.put(lambda: self._run(plan, answers))
        answer = answers.get()
        if isinstance(answer, LlmspellError):
            raise RequestFailed("program", answer.message, show=True)
        return answer

    def attach(self, arguments: Arguments) -> Peer:
        """See `Host.attach`: what runs, runs elsewhere."""
        if self._reach is None:
            raise RequestFailed("refused", "this adapter has no running program; use launch", show=True)
        return self._reach(arguments)

    def left(self, debuggee: Debuggee) -> None:
        """See `Host.left`."""

    def close(self) -> None:
        """Let `serve` return."""
        self._jobs.put(None)

    # --- the main thread -------------------------------------------------------------------------------------------

    def serve(self) -> None:
        """Run what is launched, until `close`."""
        while (job := self._jobs.get()) is not None:
            try:
                job()
            finally:
                self._idle.set()

    def _run(self, plan: Plan, answers: SimpleQueue[ScriptDebuggee | LlmspellError]) -> None:
        """Run a program until it is not to run again; the process has its own folder back before the client is told."""
        control = Control()
        debuggee: ScriptDebuggee | None = None

        def write(stream: str, text: str) -> None:
            if debuggee is not None:
                debuggee.wrote(stream, text)

        surroundings = _Surroundings(plan)
        try:
            debuggee = ScriptDebuggee(self._workshop.engine(plan, write, control.signal), control)
            answers.put(debuggee)
            control.wait()
            status = self._execute(debuggee.engine, plan, control, write)
            while control.take_again():
                plan.code = _script(plan.path)
                debuggee.renew(self._workshop.engine(plan, write, control.signal))
                status = self._execute(debuggee.engine, plan, control, write)
        except LlmspellError as error:
            if debuggee is None:
                answers.put(error)
                return
            write("stderr", f"Error: {error.message}\n")
            status = error.exit_status
        finally:
            surroundings.restore()
        debuggee.ended(status)

    def _execute(self, engine: LuaEngine, plan: Plan, control: Control, write: Callable[[str, str], None]) -> int:
        """Run the script once; return its exit status."""
        try:
            execution = engine.execute(plan.code, name="@" + plan.path, mode="script", args=plan.args)
        except (Cancelled, KeyboardInterrupt):
            return Cancelled("").exit_status
        except LlmspellError as error:
            write("stderr", described(error))
            return error.exit_status
        finally:
            engine.close()
        text = self._workshop.shown(execution)
        if text is not None and not control.signal.cancelled:
            write("stdout", text + "\n")
        return execution.exit_code or 0


def described(error: LlmspellError) -> str:
    """Return an error with its traceback, for people."""
    lines: JsonValue = error.details.get("traceback")
    shown = [f"  {line}" for line in lines] if isinstance(lines, list) else []
    return "\n".join([f"Error: {error.message}", *shown]) + "\n"


class _Surroundings:
    """Folder and environment of the process as a program wants them; `restore` undoes it."""

    def __init__(self, plan: Plan) -> None:
        self._cwd = os.getcwd() if plan.cwd is not None else None
        self._env = {name: os.environ.get(name) for name in plan.env}
        if plan.cwd is not None:
            os.chdir(plan.cwd)
        _set_environment(plan.env)

    def restore(self) -> None:
        """Bring back what was."""
        if self._cwd is not None:
            os.chdir(self._cwd)
        _set_environment(self._env)


def _set_environment(env: dict[str, str | None]) -> None:
    for name, value in env.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def _environment(asked: Arguments) -> dict[str, str | None]:
    env: dict[str, str | None] = {}
    for name, value in asked.fields.items():
        if not name or "=" in name or "\0" in name or not (value is None or isinstance(value, str)):
            raise RequestFailed("bad_arguments", f"'env.{name}' must be a text or null")
        if value is not None and "\0" in value:
            raise RequestFailed("bad_arguments", f"'env.{name}' must not hold a null byte")
        env[name] = value
    return env


def _script(path: str) -> bytes:
    try:
        with open(path, "rb") as stream:
            return stream.read()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise RequestFailed("program", f"cannot read the script {path}: {reason}", show=True) from error
