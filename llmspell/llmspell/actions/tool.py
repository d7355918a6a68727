"""``tool invoke``: call one tool and print what it gives. On the lean path: see `launch`."""

from __future__ import annotations

import sys
from time import perf_counter

from llmspell import assembly, output
from llmspell.options import JSON_FORMATS
from llmspell_tools.envelope import is_envelope, is_failure
from llmspell_tools.errors import EXIT_STATUS, InvalidParameters, LlmspellError
from llmspell_tools.jsontext import loads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from llmspell.client.script import Place
    from llmspell.options import Options
    from llmspell_tools.definition import Tool, ToolResult
    from llmspell_tools.types import JsonObject, JsonValue
if TYPE_CHECKING:
    import signal as _signal
else:
    import _signal  # the C half: `signal` itself imports enum

#: Codes of a failed envelope that are not the tool's own failure: the policy, the time and the person said no.
_STOPPED_BY_OTHERS = ("permission_denied", "timeout", "cancelled")
#: In a result of several fields, the one that the call was made for; `--raw` prints the first that is there.
MAIN_FIELDS = ("result", "output", "uuid", "id", "hash", "datetime", "converted", "rendered")


def invoke(
    options: Options,
    words: Sequence[str],
    *,
    params: str | None = None,
    select: str | None = None,
    raw: bool = False,
    timeout_s: float | None = None,
    format: str | None = None,
    connect: Place | None = None,
) -> int:
    """Call the tool ``words[0]`` with the parameters of ``--params`` and the other words.

    Args:
        options: The global options.
        words: The tool's name, then ``key=value`` words.
        params: JSON object, ``@file`` or ``-``.
        select: JMESPath applied to the tool's output.
        raw: Print the innermost result, strings without quotes.
        timeout_s: Seconds after which the tool is stopped.
        format: One of `options.FORMATS`.
        connect: The kernel whose tool it is; None for this process.

    Returns:
        0, or where the tool's own envelope says that it failed 1, or the status of whoever stopped it.
    """
    style = options.format(format)
    begin = perf_counter()
    name: str | None = words[0]
    bar = None if options.quiet else assembly.progress_bar()
    try:
        with assembly.ToolsOf(options, connect, bar) as registry:
            tool = registry.get(words[0])
            name = tool.name
            values = _values(tool, params, words[1:])
            shown, sys.stdout = sys.stdout, sys.stderr  # what somebody's tool prints is no result
            taken = _take_signals()
            try:
                context = registry.context(progress=bar, ask=assembly.asker(options))
                result = registry.invoke(name, values, context=context, timeout_s=timeout_s)
            finally:
                for number in taken:
                    _signal.signal(number, _signal.SIG_DFL)
                sys.stdout = shown
                if bar is not None:
                    bar.clear()
        duration_ms = (perf_counter() - begin) * 1000
        _show(name, result, style, select, raw, duration_ms)
        if style == "text" and not (raw or select or options.quiet):
            _hint(result)
    except LlmspellError as error:
        if style in JSON_FORMATS and not raw:
            from llmspell_tools import reply  # text needs none

            output.json(reply.error(name, error, (perf_counter() - begin) * 1000), style)
        elif error.message.startswith("Missing required parameter"):
            error.message += f"; `llmspell tool info {name}` describes them all"
        raise
    return _failure_status(result) if is_failure(result.output) else 0


class Ended(KeyboardInterrupt):
    """SIGTERM or SIGHUP came while a tool ran: it ends as at Ctrl-C, so that nothing half written stays.

    Args:
        number: Of the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__()
        #: Of a process that this signal ended.
        self.exit_status = 128 + number


def _take_signals() -> list[int]:
    """Have the signals that would end the process raise `Ended`, once; return those that were taken."""
    numbers = [getattr(_signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(_signal, name)]
    taken = [number for number in numbers if _signal.getsignal(number) == _signal.SIG_DFL]
    try:
        for number in taken:
            _signal.signal(number, _end)
    except ValueError:  # on another thread than the main one they are not ours
        return []
    return taken


def _end(number: int, _frame: object) -> None:
    _signal.signal(number, _signal.SIG_DFL)  # a second one does not wait for the first
    raise Ended(number)


def _failure_status(result: ToolResult) -> int:
    """Return the status for an envelope that says it failed: 1, or that of whoever stopped the tool."""
    failure = result.output.get("error") if is_envelope(result.output) else None
    code = failure.get("code") if isinstance(failure, dict) else None
    return EXIT_STATUS[code] if isinstance(code, str) and code in _STOPPED_BY_OTHERS else 1


def _values(tool: Tool, params: str | None, words: Sequence[str]) -> JsonObject:
    """Read the parameters; the everyday form of ``--params`` alone needs no module of its own."""
    if params is not None and params[:1] == "{" and not words:
        try:
            value = loads(params)
        except InvalidParameters:
            value = None  # read once more below, where the error is put into words
        if isinstance(value, dict):
            return value
    from llmspell_tools import parameters

    return parameters.read(params, words, tool.parameters, tool.parameter_aliases)


def _show(name: str, result: ToolResult, style: str, select: str | None, raw: bool, duration_ms: float) -> None:
    if select is not None:
        from llmspell.selection import select as selected  # jmespath only where it is used

        part = selected(select, result.output)
        if part is None and isinstance(result.output, dict):
            output.note(f"--select {select!r} gives null; at the top there are: {', '.join(result.output)}")
        output.line(output.bare(part)) if raw or (style == "text" and isinstance(part, str)) else output.json(
            part, style
        )
    elif raw:
        _show_raw(result)
    elif style not in JSON_FORMATS:
        _show_to_a_person(result, style)
    else:
        from llmspell_tools import reply  # text needs none

        output.json(reply.ok(name, result, duration_ms), style)


def _show_to_a_person(result: ToolResult, style: str) -> None:
    # A tool's own sentence about its failure is no data; an envelope is.
    if result.has_own_text and is_failure(result.output):
        output.note(f"Error: {_failure_message(result)}")
    elif style != "text" or (result.has_media and _is_read_by_a_person()):
        from llmspell import showing  # only where there is something to look at

        if style == "text":
            showing.for_a_person(result)
        else:
            showing.as_tables(result, style)
    else:
        output.line(result.text)


def _hint(result: ToolResult) -> None:
    """Say how to see more, where less than all was printed and a person reads it."""
    if is_failure(result.output) or not (result.has_media or _says_only_that(result)) or not _is_read_by_a_person():
        return
    if result.has_media:
        from llmspell import showing  # only where there is something to look at

        if showing.full_tables(result):
            output.note("(--output json prints all that it gave, --select a part of it)")
            return
    if _says_only_that(result):
        output.note("(--raw prints what it gave, --select a part of it)")


def _says_only_that(result: ToolResult) -> bool:
    """Tell whether the text is the envelope's message, and the result itself stands beside it."""
    value = result.output
    return is_envelope(value) and value.get("result") is not None and value.get("message") == result.text


def _is_read_by_a_person() -> bool:
    try:
        return sys.stdout.isatty()
    except (AttributeError, ValueError):  # closed by the caller
        return False


def _show_raw(result: ToolResult) -> None:
    if is_failure(result.output):
        output.note(f"Error: {_failure_message(result)}")
    else:
        output.line(raw_text(result))


def _failure_message(result: ToolResult) -> str:
    failure = result.output.get("error") if is_envelope(result.output) else None
    message = failure.get("message") if isinstance(failure, dict) else None
    return str(message or "the tool failed")


def raw_text(result: ToolResult) -> str:
    """Return the innermost result as text: what ``x=$(llmspell tool invoke ... --raw)`` wants.

    An envelope gives its result; a text that the tool wrote itself (a file's content) is taken as it is, unless it
    only says what was done (`Found 3 entries in ...`); of an object the main field; scalars without quotes, anything
    else as compact JSON.
    """
    value: JsonValue = result.output
    if is_envelope(value):
        inner = value.get("result")
        if isinstance(inner, (dict, list)) and result.has_own_text and not _says_only_that(result):
            return result.text
        value = result.text if inner is None else inner
    elif result.has_own_text:
        return result.text
    while isinstance(value, dict):
        for field in MAIN_FIELDS:
            if field in value:
                value = value[field]
                break
        else:
            if len(value) != 1:
                break
            value = next(iter(value.values()))
    return output.bare(value)
