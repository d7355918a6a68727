"""Reads a notebook, works out its parameters, and runs it by papermill.

The cell tagged `parameters` says what the notebook takes, and by its values of which type; the given ones go into a
cell behind it, tagged `injected-parameters`. The notebook is written when each cell begins and ends, so what is there
when a run ends early is all that was done. Knows no command line and prints nothing.
"""

from __future__ import annotations

import logging
import os
import signal
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import nbformat
from papermill.engines import papermill_engines  # type: ignore[import-untyped]
from papermill.exceptions import PapermillException  # type: ignore[import-untyped]
from papermill.inspection import _infer_parameters  # type: ignore[import-untyped]
from papermill.iorw import load_notebook_node  # type: ignore[import-untyped]
from papermill.parameterize import (  # type: ignore[import-untyped]
    add_builtin_parameters,
    parameterize_notebook,
    parameterize_path,
)

from llmspell.notebook import form, kernels
from llmspell.notebook.engine import CellStuck, Client, Engine, Listener
from llmspell.notebook.lua_literals import Declared
from llmspell_tools import bodies, parameters
from llmspell_tools.errors import InvalidParameters, ScriptFileNotFound, ToolExecutionError

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence

    from llmspell_tools.types import JsonObject, JsonValue

ENGINE = "llmspell"
#: What a text is read as where nobody says what the parameter is.
_UNKNOWN: JsonObject = {"type": ["null", "boolean", "number"]}
_PYTHON = {"True": True, "False": False, "None": None}


class Book:
    """A notebook to run.

    Attributes:
        path: As it was named.
        node: Its content (nbformat 4).
        kernel: What runs it.
        declared: What its cell tagged `parameters` sets; None where there is no such cell, or nobody can read it.
    """

    __slots__ = ("declared", "kernel", "node", "path")

    def __init__(self, path: str, node: Any, kernel: kernels.Kernel, declared: list[Declared] | None) -> None:
        self.path = path
        self.node = node
        self.kernel = kernel
        self.declared = declared


def read(path: str, kernel: str | None = None, flags: Sequence[str] = ()) -> Book:
    """Read a notebook and choose its kernel.

    Args:
        path: Of the file, or whatever papermill reads: an http(s) address, a bucket.
        kernel: Name of the kernel instead of the notebook's own.
        flags: For our own kernel's command line.

    Raises:
        ScriptFileNotFound: It cannot be read.
        InvalidParameters: It is no notebook, or there is no such kernel.
    """
    try:
        with _quiet():
            node = load_notebook_node(path)
    except OSError as error:
        why = error.strerror or str(error)
        raise ScriptFileNotFound(f"cannot read '{path}': {why}", details={"path": path}, exit_status=2) from None
    except (ValueError, LookupError, AttributeError, TypeError, nbformat.ValidationError, PapermillException):
        raise _no_notebook(path, form.fault_of(path)) from None
    fault = form.fault(node)
    if fault is not None:
        raise _no_notebook(path, fault)
    spec = node.metadata.get("kernelspec", {})
    language = node.metadata.get("language_info", {}).get("name") or spec.get("language")
    chosen = kernels.choose(kernel, spec.get("name"), language.lower() if isinstance(language, str) else None, flags)
    return Book(path, node, chosen, _declared(node, chosen))


def _no_notebook(path: str, why: str) -> InvalidParameters:
    return InvalidParameters(f"'{path}' is not a notebook: {why}", field="notebook")


def _declared(node: Any, kernel: kernels.Kernel) -> list[Declared] | None:
    if not any("parameters" in cell.metadata.tags for cell in node.cells):
        return None
    try:
        with _quiet():
            found = _infer_parameters(node, name=kernel.name, language=kernel.language)
    except (PapermillException, ValueError):
        return None
    return [Declared(each.name, str(each.default), str(each.help or "")) for each in found]


def given(book: Book, files: Sequence[str], words: Sequence[str]) -> JsonObject:
    """Return the parameters that files and ``key=value`` words give; what stands later wins, words over files.

    Args:
        book: Says of which types they are.
        files: JSON or YAML files.
        words: As `llmspell_tools.parameters` reads them; a text for a parameter that the notebook does not declare is
            read as a number, true, false or null where it is one.

    Raises:
        InvalidParameters: A word or file that cannot be read.
    """
    values: JsonObject = {}
    for path in files:
        values.update(bodies.read(parameters.text_of(path), path))
    known: JsonObject = {each.name: {"type": each.kind} if each.kind else _UNKNOWN for each in book.declared or ()}
    names = (word.partition("=")[0].removesuffix(":") for word in words)
    properties: JsonObject = {name: known.get(name, _UNKNOWN) for name in names}
    read_words = parameters.read(None, words, {"properties": properties})
    texts = {name for name, schema in properties.items() if schema == {"type": "string"}}
    return {**values, **{name: _python_word(name, value, texts) for name, value in read_words.items()}}


def _python_word(name: str, value: JsonValue, texts: set[str]) -> JsonValue:
    return _PYTHON.get(value, value) if isinstance(value, str) and name not in texts else value


def unknown(book: Book, values: Mapping[str, JsonValue]) -> list[str]:
    """Return the parameters that the notebook's own cell does not set; none where there is no such cell."""
    if not book.declared:
        return []
    names = {each.name for each in book.declared}
    return [name for name in values if name not in names]


def target(save_as: str | None, values: Mapping[str, JsonValue]) -> str | None:
    """Return where the executed notebook goes; ``{name}`` in it is a parameter, as papermill has it.

    Raises:
        InvalidParameters: It names another one, or a file that cannot be written.
    """
    if save_as is None:
        return None
    path = save_as
    if "{" in path:
        try:
            path = parameterize_path(path, add_builtin_parameters(dict(values)))
        except (PapermillException, ValueError, IndexError, AttributeError) as error:
            raise InvalidParameters(f"'{save_as}': {error}; {{name}} in it stands for a parameter") from None
    if "://" in path:
        return path
    path = os.path.abspath(path)
    why = _why_unwritable(path)
    if why is not None:
        raise InvalidParameters(f"cannot write '{path}': {why}")
    return path


def _why_unwritable(path: str) -> str | None:
    """Return why no notebook can be written here; None where it can. Leaves nothing there that was not there."""
    if os.path.isdir(path):
        return "a folder"
    if not os.path.isdir(os.path.dirname(path)):
        return "no such folder"
    is_new = not os.path.lexists(path)
    if not is_new and not os.path.isfile(path):
        return None  # a pipe or a device: opening it might wait, or do something
    try:
        # Only making the file shows it: /proc takes no files, whatever its rights say.
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o666))
        if is_new:
            os.unlink(path)
    except FileNotFoundError:  # what /proc says
        return "no file can be made in that folder"
    except OSError as error:
        return (error.strerror or str(error)).lower()
    return None


def run(
    book: Book,
    values: Mapping[str, JsonValue],
    listener: Listener,
    *,
    save_as: str | None = None,
    folder: str | None = None,
    timeout_s: float | None = None,
) -> Client:
    """Run all cells; `book.node` is the executed notebook afterwards, however far it came.

    Args:
        book: The notebook.
        values: Its parameters.
        listener: Is told what happens.
        save_as: Where it is written; None for nowhere.
        folder: The kernel's current one; None for this process's.
        timeout_s: For one cell.

    Returns:
        The client, which knows how it ended.

    Raises:
        InvalidParameters: A parameter has no form in the notebook's language.
        ToolExecutionError: The kernel did not start, or died.
    """
    papermill_engines.register(ENGINE, Engine)
    kernel = book.kernel
    _prepare(book, values, save_as)
    told = _Told(listener)
    try:
        with _quiet():
            papermill_engines.execute_notebook_with_engine(
                ENGINE,
                book.node,
                kernel_name=kernel.name,
                output_path=save_as,
                progress_bar=False,
                execution_timeout=timeout_s,
                listener=told,
                make_manager=kernel.manager,
                resources={"metadata": {"path": folder or os.getcwd()}},
            )
    except (RuntimeError, OSError, CellStuck, KeyboardInterrupt) as error:
        if told.client is None:
            raise
        _conclude(error, told.client, kernel)
    assert told.client is not None
    return told.client


def _conclude(error: BaseException, client: Client, kernel: kernels.Kernel) -> None:
    """Raise for what ended the run, unless the client knows it already: a signal, a deadline."""
    if isinstance(error, KeyboardInterrupt):  # where signals cannot be taken
        client.signal = signal.SIGINT
    elif client.signal is None and not isinstance(error, CellStuck):
        raise _kernel_failure(kernel, client, error) from error


class _Told:
    """Keeps the client while it tells the listener."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self.client: Client | None = None
        self.cell_begins = listener.cell_begins
        self.message = listener.message

    def started(self, client: Client) -> None:
        self.client = client
        self._listener.started(client)


def _prepare(book: Book, values: Mapping[str, JsonValue], save_as: str | None) -> None:
    kernel = book.kernel
    if values:
        try:
            with _quiet():
                book.node = parameterize_notebook(
                    book.node, dict(values), kernel_name=kernel.name, language=kernel.language, engine_name=ENGINE
                )
        except PapermillException as error:
            raise InvalidParameters(f"cannot set parameters: {error}") from None
    metadata = book.node.metadata
    metadata.papermill["input_path"], metadata.papermill["output_path"] = book.path, save_as
    if not metadata.get("kernelspec", {}).get("name"):
        metadata["kernelspec"] = {"name": kernel.name, "display_name": kernel.name, "language": kernel.language}


def _kernel_failure(kernel: kernels.Kernel, client: Client, error: BaseException) -> ToolExecutionError:
    if client.failed is None:
        return ToolExecutionError(f"the kernel '{kernel.name}' did not start: {error}")
    cell = client.failed[0] + 1
    return ToolExecutionError(f"the kernel died in cell {cell}", details={"cell": cell})


@contextmanager
def _quiet() -> Generator[None]:
    """Keep what nbformat, papermill and nbclient warn of and log off the screen: what matters is raised."""
    logger = logging.getLogger("papermill")
    former, logger.disabled = logger.disabled, True
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        finally:
            logger.disabled = former
