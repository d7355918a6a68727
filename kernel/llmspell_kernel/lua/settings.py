"""What a caller may choose about a Lua engine; values only."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class EngineSettings:
    """Limits and surroundings of one engine; frozen by convention.

    Args:
        max_memory_bytes: A run that makes Lua hold more is stopped; None for no limit. `[lua] max_memory_bytes`.
        max_source_bytes: Longest script, cell or `load` text. `[lua] max_source_bytes`.
        max_string_bytes: Longest result of `string.rep`. `[lua] max_string_bytes`.
        max_open_files: Files that scripts may hold open at once. `[lua] max_open_files`.
        module_paths: Folders that `require` searches after the script's own. `[lua] module_paths`.
        script_dir: The folder of the script, which `require` searches first; None for text from elsewhere.
        read_stdin: ``read_stdin(n)`` returns at most n bytes of standard input, b"" at its end (it may return fewer
            bytes than asked; n < 0 asks for one line); None where there is no standard input.
        output_errors: How bytes that are not UTF-8 reach `write`: "replace", or "surrogateescape" where the writer
            can give the very bytes to a pipe.
    """

    __slots__ = (
        "max_memory_bytes",
        "max_open_files",
        "max_source_bytes",
        "max_string_bytes",
        "module_paths",
        "output_errors",
        "read_stdin",
        "script_dir",
    )

    def __init__(
        self,
        *,
        max_memory_bytes: int | None = 512 * 1024 * 1024,
        max_source_bytes: int = 10_000_000,
        max_string_bytes: int = 128 * 1024 * 1024,
        max_open_files: int = 100,
        module_paths: Sequence[str] = (),
        script_dir: str | None = None,
        read_stdin: Callable[[int], bytes] | None = None,
        output_errors: str = "replace",
    ) -> None:
        self.max_memory_bytes = max_memory_bytes
        self.max_source_bytes = max_source_bytes
        self.max_string_bytes = max_string_bytes
        self.max_open_files = max_open_files
        self.module_paths = tuple(module_paths)
        self.script_dir = script_dir
        self.read_stdin = read_stdin
        self.output_errors = output_errors
