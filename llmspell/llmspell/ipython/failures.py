"""How errors look in a notebook: what is wrong and where in the user's own code or Lua, never our frames.

IPython shows an exception by its `_render_traceback_` where it has one. While the extension is loaded every
`LlmspellError` has: it drops the frames of our packages. An error of a magic has only its own lines, since the user
wrote no Python that could be shown.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmspell_kernel.python.tracebacks import without
from llmspell_tools.errors import Cancelled, LlmspellError

if TYPE_CHECKING:
    from collections.abc import Callable

_RENDER = "_render_traceback_"
_ROOTS = ("llmspell", "llmspell_kernel", "llmspell_tools", "IPython", "ipykernel")
#: Of a line of Lua, and of the same call again and again, this much is shown.
_SOURCE_CHARS, _MAX_FRAMES = 200, 50


def install() -> None:
    """Let IPython show our errors without our frames."""
    setattr(LlmspellError, _RENDER, _render)


def remove() -> None:
    """Let IPython show them as any other exception."""
    if _RENDER in vars(LlmspellError):
        delattr(LlmspellError, _RENDER)


def of_magic(error: BaseException) -> BaseException:
    """Return what a magic raises for an error: the same, or `KeyboardInterrupt` where somebody interrupted."""
    shown: BaseException = error
    if isinstance(error, (Cancelled, KeyboardInterrupt)):
        shown = KeyboardInterrupt(error.message if isinstance(error, Cancelled) else "")
    lines = _lines(error, type(shown).__name__)
    setattr(shown, _RENDER, lambda: lines)
    return shown


def _lines(error: BaseException, name: str) -> list[str]:
    """Return name and message, the line of Lua, and the calls that led there."""
    message = error.message if isinstance(error, LlmspellError) else str(error)
    lines = [f"{name}: {message}" if message else name]
    details = error.details if isinstance(error, LlmspellError) else {}
    source, trace = details.get("source"), details.get("traceback")
    if isinstance(source, str) and source.strip():
        lines.append(f"  {details.get('line')} | {_printable(source.strip())}")
    if isinstance(trace, list):
        entries = [str(entry) for entry in trace]
        lines.extend(f"  {entry}" for entry in entries[:_MAX_FRAMES] if not message.startswith(entry))
    return lines


def _printable(source: str) -> str:
    shown = source if len(source) <= _SOURCE_CHARS else source[: _SOURCE_CHARS - 3] + "..."
    return "".join(letter if letter.isprintable() or letter == "\t" else "?" for letter in shown)


def _render(self: LlmspellError) -> list[str]:
    """Return the traceback of the user's own frames, as IPython writes them."""
    from IPython.core.getipython import get_ipython

    shell = get_ipython()
    trace = without(_ROOTS, self.__traceback__)
    if shell is None or trace is None:
        return _lines(self, type(self).__name__)
    render: Callable[..., list[str]] = shell.InteractiveTB.structured_traceback
    return render(type(self), self, trace, tb_offset=0)
