"""Where a kernel's connection file goes when the caller names none: `kernels/<id>.json` in the home."""

from __future__ import annotations

import os

from llmspell import places, trust
from llmspell_tools.errors import ConfigurationError, InvalidParameters, LlmspellError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


def own_connection_file(kernel_id: str | None) -> str:
    """Return the path; its folder exists afterwards and is its owner's only.

    Raises:
        InvalidParameters: The id is no file name.
        ConfigurationError: There is no home, or it cannot be written.
    """
    name = kernel_id if kernel_id is not None else f"kernel-{os.getpid()}"
    if not name or not _is_plain(name):
        raise InvalidParameters(f"'{name}' is no kernel id; use letters, digits, '-' and '_'", field="id")
    base = places.home()
    if base is None:
        raise ConfigurationError("there is no home folder for the connection file; set LLMSPELL_HOME or use -f FILE")
    try:
        trust.make_home(base)
        os.makedirs(f"{base}/kernels", mode=0o700, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(f"cannot write '{base}/kernels': {error.strerror}; use -f FILE") from None
    return f"{base}/kernels/{name}.json"


def why_not_started(path: str, failure: LlmspellError) -> LlmspellError:
    """Return what to say of a kernel whose own connection file is `path` and that could not start.

    The ports of a file that is there already are mostly those of the kernel that wrote it, and that still runs.
    """
    from llmspell import kernels  # imports the client; the start has failed

    running = kernels.running_at(path)
    if running is None:
        return failure
    process = f" (pid {running.pid})" if running.pid is not None else ""
    return ConfigurationError(
        f"kernel '{running.id}' runs already{process}; connect with `llmspell kernel connect {running.id}`, "
        "or choose another --id",
        details={"id": running.id, "pid": running.pid, "connection_file": path},
    )


def _is_plain(letters: Iterable[str]) -> bool:
    return all(letter.isascii() and (letter.isalnum() or letter in "-_") for letter in letters)
