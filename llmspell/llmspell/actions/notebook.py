"""``notebook run`` and ``notebook parameters``: notebooks as batch jobs.

papermill, which does the work, is imported when a notebook has been named; without it this says how to get it.
"""

from __future__ import annotations

import os
import sys
from time import perf_counter

from llmspell import assembly, output
from llmspell.options import JSON_FORMATS
from llmspell_tools import errors
from llmspell_tools.errors import LlmspellError, ScriptError, ScriptFileNotFound, ToolTimeout, ToolUnavailable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from llmspell.notebook import execution
    from llmspell.notebook.engine import Client
    from llmspell.notebook.screen import Screen
    from llmspell.options import Options
    from llmspell_tools.types import JsonObject, JsonValue


def run(
    options: Options,
    notebook: str,
    *,
    words: Sequence[str] = (),
    files: Sequence[str] = (),
    save_as: str | None = None,
    kernel: str | None = None,
    folder: str | None = None,
    timeout_s: float | None = None,
) -> int:
    """Run a notebook from its first cell to its last.

    Args:
        options: The global options; those of policy, tools and configuration go on to our own kernel.
        notebook: Path of the notebook.
        words: ``key=value`` parameters.
        files: JSON or YAML files with parameters.
        save_as: Where the executed notebook is written, as far as it came; None for nowhere.
        kernel: Name of a kernel instead of the notebook's own.
        folder: The kernel's current folder; None for this process's.
        timeout_s: Seconds that one cell may run.

    Returns:
        0; what a cell gave `os.exit`; 128 and the signal that ended it.
    """
    style = options.format()
    begin = perf_counter()
    facts: JsonObject = {"status": "ok", "notebook": notebook}
    screen: Screen | None = None
    try:
        work = _papermill(notebook)
        book = work.read(notebook, kernel, _flags(options))
        values = work.given(book, files, words)
        _warn(options, book, work.unknown(book, values))
        saved = work.target(save_as, values)
        facts |= {"kernel": book.kernel.name, "parameters": values, "output_notebook": saved}
        screen = _screen(options, book, keep=style in JSON_FORMATS)
        try:
            client = work.run(book, values, screen, save_as=saved, folder=folder, timeout_s=timeout_s)
        finally:
            screen.close()
            facts["cells"] = _cells(book)
        _raise_for(client, book, screen, timeout_s)
    except LlmspellError as error:
        facts |= {"status": "error", "error": error.message, "error_type": error.code, "details": error.details}
        _report(facts, screen, begin, style)
        if isinstance(error, _Interrupted):
            output.note(error.message)
            return error.exit_status
        raise
    _report(facts, screen, begin, style)
    return client.exit_code or 0


def parameters(options: Options, notebook: str, *, format: str | None = None) -> int:
    """Print what a notebook's cell tagged `parameters` sets: name, type, default, comment."""
    style = options.format(format)
    book = _papermill(notebook).read(notebook)
    rows: list[JsonValue] = [
        {"name": each.name, "type": each.kind or None, "default": each.default, "description": each.help}
        for each in book.declared or ()
    ]
    if style != "text":
        output.json(rows, style)
    elif rows:
        from llmspell.layout import columns

        columns([(each.name, each.kind or "any", f"default {each.default}", each.help) for each in book.declared or ()])
    else:
        output.note(f"'{notebook}' has no cell tagged 'parameters'" if book.declared is None else "no parameters")
    return 0


def _papermill(notebook: str) -> Any:
    """Return the module that runs notebooks.

    Raises:
        ScriptFileNotFound: There is no such notebook; said before anything is imported.
        ToolUnavailable: papermill is not installed.
    """
    if "://" not in notebook and not os.path.exists(notebook):
        raise ScriptFileNotFound(f"notebook '{notebook}' does not exist", details={"path": notebook}, exit_status=2)
    # nbformat loads jsonschema, which loads this where it is installed: 1.7 s, four fifths of all imports here, to
    # compile a grammar for a format (IRI) that no notebook's schema has. jsonschema does without.
    slow = "rfc3987_syntax"
    hidden: dict[str, Any] = sys.modules  # None is how a module is kept away
    is_ours = hidden.setdefault(slow, None) is None
    try:
        from llmspell.notebook import execution
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "llmspell":
            raise
        raise ToolUnavailable(
            f"running notebooks needs papermill ({error.name} is missing); pip install 'llmspell[papermill]'",
            details={"library": error.name, "install": "pip install 'llmspell[papermill]'"},
        ) from None
    finally:
        if is_ours:
            hidden.pop(slow, None)
    return execution


def _flags(options: Options) -> list[str]:
    """Return what our own kernel's command line needs so that these options hold there."""
    flags: list[str] = []
    for flag, value in options.rules:
        is_path = flag.endswith(("-read", "-write")) and value[:1] not in {"~", "/"}
        flags += [flag, os.path.abspath(value) if is_path else value]
    if options.policy is not None:
        flags += ["--policy", options.policy if options.policy == "strict" else os.path.abspath(options.policy)]
    for folder in options.tools_dirs:
        flags += ["--tools-dir", os.path.abspath(folder)]
    if options.config is not None:
        flags += ["--config", os.path.abspath(options.config)]
    if options.profile is not None:
        flags += ["--profile", options.profile]
    return [*flags, "--yes"] if options.yes else flags


def _screen(options: Options, book: execution.Book, *, keep: bool) -> Screen:
    from llmspell.notebook.screen import Screen as Real

    bar = None if options.quiet else assembly.progress_bar()
    return Real(len(book.node.cells), status=bar, keep=keep, silent=options.quiet and not keep)


def _warn(options: Options, book: execution.Book, unknown: Sequence[str]) -> None:
    """Say that another kernel runs, and which parameters are perhaps misspelled; the notebook may use them."""
    if options.quiet:
        return
    if book.kernel.instead_of is not None:
        output.note(f"Warning: there is no kernel '{book.kernel.instead_of}' here; running in '{book.kernel.name}'")
    if not unknown:
        return
    from llmspell_tools.nearest import nearest

    for name in unknown:
        near = nearest(name, [each.name for each in book.declared or ()])
        hint = f"; did you mean '{near}'?" if near else ""
        output.note(f"Warning: the notebook's parameters have no '{name}'{hint}")


class _Interrupted(errors.Cancelled):
    """A signal ended the run; the person knows why."""


def _raise_for(client: Client, book: execution.Book, screen: Screen, timeout_s: float | None) -> None:
    """Raise for what ended the run: for a failed cell by the class that it failed with, if that is one of ours."""
    if screen.console.failure is not None:
        raise screen.console.failure
    if client.signal is not None:
        raise _Interrupted("Interrupted", exit_status=128 + client.signal)
    if client.failed is None:
        return
    index, failure = client.failed
    cell = book.node.cells[index]
    details: JsonObject = {"cell": index + 1, "execution_count": cell.get("execution_count"), "ename": failure["ename"]}
    details["traceback"] = _plain_lines(failure)
    if client.timed_out:
        raise ToolTimeout(
            f"cell {index + 1} was stopped after {timeout_s:g} s; --timeout gives it more time", details=details
        )
    name = str(failure["ename"])
    own = "Cancelled" if name == "KeyboardInterrupt" else name
    kind = getattr(errors, own, ScriptError)
    if not (isinstance(kind, type) and issubclass(kind, LlmspellError)):
        kind = ScriptError
    error = kind(f"cell {index + 1}: {name}: {failure['evalue']}".removesuffix(": "), details=details)
    if client.exit_code is not None:
        error.exit_status = client.exit_code
    raise error


def _plain_lines(failure: JsonObject) -> list[JsonValue]:
    """Return the lines of a traceback without colours, and without the one that the message is."""
    import re

    given = failure["traceback"]
    text = "\n".join(str(part) for part in given) if isinstance(given, list) else ""
    lines = re.sub(r"\x1b\[[0-9;?]*[ -/]*[@-~]", "", text).splitlines()
    first = f"{failure['ename']}: {failure['evalue']}".splitlines()
    if lines[: len(first)] == first:
        lines = lines[len(first) :]
    return [line.rstrip() for line in lines]


def _cells(book: execution.Book) -> list[JsonValue]:
    """Return how far each code cell came; `cell` is 1-based and counts all cells."""
    found: list[JsonValue] = []
    for index, cell in enumerate(book.node.cells):
        if cell.get("cell_type") == "code":
            facts = cell.metadata.get("papermill", {})
            seconds = facts.get("duration")
            found.append({
                "cell": index + 1, "execution_count": cell.get("execution_count"), "status": facts.get("status"),
                "duration_ms": None if seconds is None else round(seconds * 1000, 3),
            })  # fmt: skip
    return found


def _report(facts: JsonObject, screen: Screen | None, begin: float, style: str) -> None:
    """Print one object, under a format for programs."""
    if style in JSON_FORMATS:
        printed = screen.console.text() if screen is not None else ""
        output.json({**facts, "result": printed, "duration_ms": round((perf_counter() - begin) * 1000, 3)}, style)
