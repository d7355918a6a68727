"""The debugger's commands, under the names of the original: break, step, locals, ...; see `debugging`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from llmspell.repl.language import Choice
from llmspell_tools.errors import InvalidParameters, LlmspellError
from llmspell_tools.jsontext import dumps

if TYPE_CHECKING:
    from collections.abc import Callable

    from llmspell.repl.debugging import Debugging
    from llmspell_tools.types import JsonObject, JsonValue

#: Frames and variables that one command shows.
_MAX_FRAMES = 50
_MAX_VARIABLES = 200
#: What an operator of Lua begins with: no argument of a command does.
_OPERATORS = ("=", "*", "/", "+", "-", "%", "^", "<", ">", "~", "&", "|", ".", ":", "[", "(", ",", "and ", "or ")
#: A place in a file that begins as an operator does; no Lua has a number behind a colon.
_FILE = re.compile(r"\.{0,2}/[^\s\"'].*:\d")
#: What a condition has that stands there without its `if`; a word alone is rather a mistake.
_COMPARES = re.compile(r"==|~=|!=|[<>(]|\bnot\b")
#: A count of hits, as the debugger takes it.
_HITS = re.compile(r"(?:[<>=]=?|%)?\s*\d{1,9}\Z")
_RIGHT_FORM = "it goes: debug:break PLACE [if COND | hit N | log TEXT]"
#: After these the program runs.
GOES_ON = ("continue", "step", "next", "finish")


class Command(NamedTuple):
    """One command; `run` gets the debugger and what stands behind the name: any Lua, where it takes that."""

    names: tuple[str, ...]
    usage: str
    help: str
    run: Callable[[Debugging, str], None]
    takes_lua: bool = False


def parse(line: str, *, is_command: bool) -> tuple[Command | None, str]:
    """Return the command of a line and what stands behind its name; None for none.

    `b = 7` and `n * 2` are Lua, about variables that have the name of a command, unless it is known to be one.
    """
    name, _, rest = line.strip().partition(" ")
    rest = rest.strip()
    command = _BY_NAME.get(name)
    is_certain = is_command or command is None or command.takes_lua or _FILE.match(rest)
    if not is_certain and rest.startswith(_OPERATORS):
        return None, rest
    return command, rest


class Stopped:
    """Where a cell is stopped; good until it goes on.

    Args:
        event: The body of the `stopped` event.
        ask: Sends a request to the session.
    """

    def __init__(self, event: JsonObject, ask: Callable[[str, JsonObject], JsonObject]) -> None:
        self._ask = ask
        thread = event.get("threadId")
        self.thread = thread if isinstance(thread, int) else 1
        self.reason = str(event.get("description") or event.get("reason") or "")
        self.text = str(event.get("text") or "")
        #: Number of the frame that commands look at, 0 for the innermost.
        self.chosen = 0
        self._frames: list[JsonObject] = []

    def frames(self) -> list[JsonObject]:
        """Return the stack, innermost frame first."""
        if not self._frames:
            body = self._ask("stackTrace", {"threadId": self.thread, "startFrame": 0, "levels": _MAX_FRAMES})
            self._frames = _objects(body.get("stackFrames"))
        return self._frames

    def frame(self) -> JsonObject:
        """Return the chosen frame; an empty one where there is none."""
        frames = self.frames()
        return frames[self.chosen] if self.chosen < len(frames) else {}

    def value(self, expression: str, *, is_whole: bool = False) -> str:
        """Return the value of an expression in the chosen frame; all of it, where it is one that is a whole."""
        arguments: JsonObject = {"expression": expression, "context": "repl"}
        if "id" in self.frame():
            arguments["frameId"] = self.frame()["id"]
        body = self._ask("evaluate", arguments)
        if is_whole and body.get("variablesReference"):
            return str(self._ask("evaluate", {**arguments, "context": "clipboard"}).get("result", ""))
        return str(body.get("result", ""))

    def compiles(self, code: str) -> bool:
        """Tell whether Lua takes a code, as far as the frames can tell: those of Lua, with a `load`."""
        frame = next((each for each in self.frames() if "id" in each and not _is_python(each)), None)
        if frame is None:
            return True
        expression = f"load({dumps(code)}) and 1 or 0"
        try:
            body = self._ask("evaluate", {"expression": expression, "context": "watch", "frameId": frame["id"]})
        except LlmspellError:
            return True
        return body.get("result") != "0"

    def completions(self, text: str) -> list[Choice]:
        """Return the names that may go on behind a text, in the chosen frame."""
        body = self._ask("completions", {"text": text, "column": len(text) + 1, "frameId": self.frame().get("id", 0)})
        found: list[Choice] = []
        for each in _objects(body.get("targets")):
            length = each.get("length")
            back = length if isinstance(length, int) else 0
            found.append(Choice(str(each.get("label", "")), -back, str(each.get("detail", ""))))
        return found

    def variables(self) -> list[tuple[str, list[JsonObject]]]:
        """Return the cheap groups of variables of the chosen frame: locals, upvalues, arguments."""
        scopes = _objects(self._ask("scopes", {"frameId": self.frame().get("id", 0)}).get("scopes"))
        found: list[tuple[str, list[JsonObject]]] = []
        for scope in scopes:
            if scope.get("expensive") is True or scope.get("name") == "Globals":  # debugpy's are not called expensive
                continue
            body = self._ask(
                "variables", {"variablesReference": scope.get("variablesReference", 0), "count": _MAX_VARIABLES}
            )
            found.append((str(scope.get("name", "")), _objects(body.get("variables"))))
        return found


def _break(debug: Debugging, rest: str) -> None:
    place, _, rule = rest.partition(" ")
    if not place:
        _list(debug, "")
        return
    current = debug.stopped.frame() if debug.stopped is not None else None
    extra = _rule(rule.strip())
    condition = extra.get("condition")
    problem = _problem(debug, place, condition) if isinstance(condition, str) else None
    if problem is not None:
        raise InvalidParameters(f"the condition '{condition}' is wrong: {problem}; {_RIGHT_FORM}")
    point = debug.points.add(place, extra, current)
    debug.screen.line(point.text)


def _rule(text: str) -> JsonObject:
    """Return what a breakpoint's rest says: `if COND` (or a comparison or call alone), `hit N`, `log TEXT`.

    Raises:
        InvalidParameters: It says nothing of the kind.
    """
    if not text:
        return {}
    word, _, rest = text.partition(" ")
    rest = rest.strip()
    if word == "log" and rest:
        return {"logMessage": rest}
    if word == "hit" and _HITS.match(rest):
        return {"hitCondition": rest}
    if word == "if" and rest:
        return {"condition": rest}
    if word in {"if", "hit", "log"} or not _COMPARES.search(text):
        raise InvalidParameters(f"'{text}' says not when to stop; {_RIGHT_FORM}")
    return {"condition": text}


def _problem(debug: Debugging, place: str, condition: str) -> str | None:
    """Return why a condition cannot be one; None where it can, or where nobody can tell now."""
    stopped = debug.stopped
    is_here = place.isdecimal() and stopped is not None
    if _is_python(stopped.frame()) if is_here and stopped is not None else ".py:" in place:
        try:
            compile(condition, "condition", "eval")
        except (SyntaxError, ValueError) as error:
            return f"{getattr(error, 'msg', error)} (in a Python tool it is Python)"
        return None
    code = f"return (\n{condition}\n)"
    is_lua = debug.status_of(code) in {"complete", "unknown"} if stopped is None else stopped.compiles(code)
    return None if is_lua else "it is no Lua expression"


def _delete(debug: Debugging, rest: str) -> None:
    numbers = [point.number for point in debug.points] if rest == "all" else [_number(rest)]
    for number in numbers:
        debug.screen.line(f"deleted {debug.points.remove(number).text.strip()}")


def _enable(debug: Debugging, rest: str) -> None:
    debug.screen.line(debug.points.enable(_number(rest), is_enabled=True).text)


def _disable(debug: Debugging, rest: str) -> None:
    debug.screen.line(debug.points.enable(_number(rest), is_enabled=False).text)


def _list(debug: Debugging, _rest: str) -> None:
    lines = [point.text for point in debug.points]
    lines += [f"  watch {number}  {expression}" for number, expression in enumerate(debug.watches, 1)]
    debug.screen.line("\n".join(lines) or "no breakpoints")


def _go(command: str) -> Callable[[Debugging, str], None]:
    def go_on(debug: Debugging, _rest: str) -> None:
        debug.ask(command, {"threadId": debug.place().thread})

    return go_on


def _pause(debug: Debugging, _rest: str) -> None:
    if debug.stopped is not None:
        raise InvalidParameters("it is stopped already")
    debug.ask("pause", {"threadId": 1})
    debug.screen.line("the next cell stops at its first line")


def _locals(debug: Debugging, _rest: str) -> None:
    shown = False
    for name, variables in debug.place().variables():
        if not variables:
            continue
        shown = True
        debug.screen.heading(name)
        debug.screen.line("\n".join(f"  {each.get('name')} = {each.get('value')}" for each in variables))
    if not shown:
        debug.screen.line("no variables here")


def _backtrace(debug: Debugging, _rest: str) -> None:
    stopped = debug.place()
    for number, frame in enumerate(stopped.frames()):
        mark = ">" if number == stopped.chosen else " "
        debug.screen.line(f"{mark}{number:>3}  {debug.points.title(frame)}  {frame.get('name', '?')}")


def _frame(debug: Debugging, rest: str) -> None:
    stopped = debug.place()
    number = _number(rest)
    if number >= len(stopped.frames()):
        raise InvalidParameters(f"there is no frame {number}; debug:backtrace shows them")
    stopped.chosen = number
    debug.show_place()


def _print(debug: Debugging, rest: str) -> None:
    if not rest:
        raise InvalidParameters("print what?")
    debug.show_value(rest)


def _watch(debug: Debugging, rest: str) -> None:
    if not rest:
        _list(debug, "")
        return
    debug.watches.append(rest)
    if debug.stopped is not None:
        debug.show_watch(rest)
    else:
        debug.screen.line(f"{rest} is shown at each stop")


def _unwatch(debug: Debugging, rest: str) -> None:
    if rest in debug.watches:
        debug.watches.remove(rest)
        return
    number = _number(rest)
    if not 0 < number <= len(debug.watches):
        raise InvalidParameters(f"there is no watch {number}; debug:list shows them")
    del debug.watches[number - 1]


def _errors(debug: Debugging, rest: str) -> None:
    filters: dict[str, list[JsonValue]] = {"": ["uncaught"], "uncaught": ["uncaught"], "all": ["all"], "off": []}
    if rest not in filters:
        raise InvalidParameters("errors is uncaught, all or off")
    debug.ask("setExceptionBreakpoints", {"filters": filters[rest]})
    debug.screen.line("errors do not stop" if rest == "off" else f"{rest or 'uncaught'} errors stop")


def _quit(debug: Debugging, _rest: str) -> None:
    debug.place()
    raise EOFError


def _help(debug: Debugging, _rest: str) -> None:
    debug.screen.heading("While a cell is stopped `debug:` may be left out, and anything else is evaluated there.")
    rows = [(f"{'/'.join(command.names)} {command.usage}".strip(), command.help) for command in COMMANDS]
    debug.screen.definitions(rows)


def _is_python(frame: JsonObject) -> bool:
    source = frame.get("source")
    return isinstance(source, dict) and str(source.get("path", "")).endswith(".py")


def _number(rest: str) -> int:
    if not rest.isdecimal():
        raise InvalidParameters("which number? debug:list shows them")
    return int(rest)


def _objects(value: JsonValue) -> list[JsonObject]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


COMMANDS = (
    Command(("break", "b"), "PLACE [if COND | hit N | log TEXT]",
            "Stop at LINE (of the next cell), FILE:LINE, In[3]:LINE or a function.", _break),
    Command(("delete", "d"), "N|all", "Take a breakpoint away.", _delete),
    Command(("list", "l"), "", "Show breakpoints and watches.", _list),
    Command(("enable",), "N", "Switch a breakpoint on again.", _enable),
    Command(("disable",), "N", "Switch it off.", _disable),
    Command(("pause",), "", "Stop at the next cell's first line.", _pause),
    Command(("errors",), "uncaught|all|off", "Stop where an error is raised.", _errors),
    Command(("watch",), "EXPR", "Show an expression at each stop.", _watch, takes_lua=True),
    Command(("unwatch",), "N|EXPR", "Show it no more.", _unwatch, takes_lua=True),
    Command(("continue", "c"), "", "Go on.", _go("continue")),
    Command(("step", "s"), "", "Go to the next line, into calls.", _go("stepIn")),
    Command(("next", "n"), "", "Go to the next line, over calls.", _go("next")),
    Command(("finish", "f", "out", "o"), "", "Go on to the caller.", _go("stepOut")),
    Command(("locals",), "", "Show the variables.", _locals),
    Command(("backtrace", "bt", "where", "w", "stack"), "", "Show the calls.", _backtrace),
    Command(("frame",), "N", "Look at another call.", _frame),
    Command(("print", "p"), "EXPR", "Evaluate, in that call.", _print, takes_lua=True),
    Command(("quit", "exit", "q"), "", "End the stopped cell, as Ctrl-D does.", _quit),
    Command(("help", "h"), "", "These lines.", _help),
)  # fmt: skip
_BY_NAME = {name: command for command in COMMANDS for name in command.names}
