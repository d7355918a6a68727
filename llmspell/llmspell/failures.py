"""What a command that failed prints and exits with.

Errors of ours are one line on stderr, and under a JSON format also the error reply on stdout; anything else is a
bug of ours and says so. Tracebacks only under ``--trace debug``. Above it `launch`; below it `output`.
"""

from __future__ import annotations

import errno
import os
import sys

from llmspell import output
from llmspell_tools.errors import InternalError, LlmspellError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from llmspell.options import Options


def report(error: BaseException, options: Options) -> int:
    """Print `error` for a person and return the exit status; exceptions that are no errors are raised again."""
    if isinstance(error, LlmspellError):
        output.error(error, options)
        return error.exit_status
    if not isinstance(error, Exception):
        raise error
    if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EBADF, errno.EIO} and error.filename is None:
        output.note(f"Error: cannot write the output: {os.strerror(error.errno)}")
        _forget_stdout()
        return 1
    bug = InternalError(f"{type(error).__name__}: {error}")
    bug.__cause__ = error
    output.error(bug, options)
    if not options.shows_tracebacks:
        output.note("This is a bug in llmspell; `--trace debug` shows where it happened.")
    return bug.exit_status


def _forget_stdout() -> None:
    try:
        sys.stdout.flush()
    except (OSError, ValueError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
