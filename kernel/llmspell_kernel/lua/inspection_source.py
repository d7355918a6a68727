"""Where a function was written: its chunk's text, the comment above it, its lines.

Texts of cells and scripts are those that the engine compiled; a module's text is read from its file, through the
policy.
"""

from __future__ import annotations

from llmspell_kernel.lua.convert import human_text
from llmspell_tools.errors import LlmspellError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from llmspell_kernel.lua.loader import Loader
    from llmspell_tools.policy import Policy

_MAX_BYTES = 1_000_000
_MAX_COMMENT = 50
_MAX_LINES = 200


def source_of(loader: Loader, policy: Policy, chunk_name: str) -> str | None:
    """Return the text of a chunk, or None where it is not known any more."""
    known = loader.sources.get(chunk_name)
    if known is not None:
        return human_text(known)
    if not chunk_name.startswith("@"):
        return None
    from llmspell_tools import files

    try:
        content = files.read_bytes(policy, chunk_name[1:], "lua", max_bytes=_MAX_BYTES, limit="inspection")
    except (LlmspellError, OSError):
        return None
    return content.decode("utf-8", "replace")


def doc_comment(source: str, line: int) -> str:
    """Return the text of the `---` or `--` lines directly above a line (1-based), or of the long comment there."""
    lines = source.split("\n")[: max(line - 1, 0)]
    if lines and lines[-1].rstrip().endswith("]]"):
        return _long_comment(lines)
    found: list[str] = []
    while lines and len(found) < _MAX_COMMENT and lines[-1].lstrip().startswith("--"):
        text = lines.pop().lstrip().lstrip("-")
        found.append(text.removeprefix(" ").rstrip())
    return "\n".join(reversed(found)).strip("\n")


def _long_comment(lines: list[str]) -> str:
    for count in range(1, min(len(lines), _MAX_COMMENT) + 1):
        first = lines[-count].lstrip()
        if first.startswith("--[["):
            body = "\n".join(line.strip() for line in lines[-count:])
            return body.removeprefix("--[[").removesuffix("]]").strip()
    return ""


def definition_of(source: str, first: int, last: int) -> str:
    """Return the lines of a function (1-based); its blanks in front taken away."""
    lines = source.split("\n")[first - 1 : last]
    cut = [*lines[:_MAX_LINES], "…"] if len(lines) > _MAX_LINES else lines
    blanks = [len(line) - len(line.lstrip()) for line in cut if line.strip()]
    margin = min(blanks, default=0)
    return "\n".join(line[margin:].rstrip() for line in cut)
