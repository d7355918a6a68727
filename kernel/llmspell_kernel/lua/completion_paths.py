"""Files and modules for strings that name one: listed through the policy, as the scripts' own `io` is.

What may not be read is not listed, and a folder with too many entries gives nothing. It opens no file.
"""

from __future__ import annotations

import os

from llmspell_kernel.language import Match
from llmspell_kernel.lua import modules
from llmspell_kernel.lua.lexing import is_name
from llmspell_tools.errors import LlmspellError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from llmspell_kernel.lua.bridge import Bridge
    from llmspell_tools.files import FileFacts
    from llmspell_tools.policy import Policy
    from llmspell_tools.types import JsonObject

#: A folder with more entries is not offered: looking at each would take longer than a person waits.
MAX_ENTRIES = 3_000
_ENDINGS = (
    "path",
    "paths",
    "file",
    "files",
    "filename",
    "dir",
    "dirs",
    "directory",
    "directories",
    "folder",
    "folders",
)
#: Library functions and the number of their first arguments that are paths.
TAKES_PATH = {
    "io.open": 1, "io.lines": 1, "io.input": 1, "io.output": 1, "os.remove": 1, "os.rename": 2,
}  # fmt: skip


def is_path_parameter(name: str, schema: JsonObject) -> bool:
    """Tell whether a tool's parameter names a file or folder."""
    return name.lower().rsplit("_", 1)[-1] in _ENDINGS and "enum" not in schema and schema.get("type") != "boolean"


def looks_like_path(text: str) -> bool:
    """Tell whether any string begins as paths do."""
    return text.startswith(("/", "./", "../"))


def paths(policy: Policy, text: str, tool: str) -> tuple[list[Match], int]:
    """Return the entries that the last component of a path may become, and how many characters that has now.

    Args:
        policy: What may be read.
        text: The path so far.
        tool: For whom the policy is asked.
    """
    folder, slash, name = text.rpartition("/")
    matches = []
    for entry in _entries(policy, folder + slash or ".", tool):
        shown = entry.name
        is_hidden = shown.startswith(".") and not name.startswith(".")
        if shown.startswith(name) and not is_hidden and shown.isprintable() and not set(shown) & set("\"'\\"):
            is_folder = entry.kind == "directory"
            matches.append(Match(shown + "/" * is_folder, "path", "folder" if is_folder else f"{entry.size} bytes"))
    return matches, len(name)


def module_names(bridge: Bridge, text: str) -> tuple[list[Match], int]:
    """Return the modules that `require` would find below what is written, and how many characters to replace."""
    parts = text.split(".")
    name = parts.pop()
    if not all(part and "/" not in part and "\\" not in part for part in parts):
        return [], 0
    folders = modules._folders(bridge)
    policy = modules._policy(bridge.policy, folders)
    found: dict[str, Match] = {}
    for folder in folders:
        for entry in _entries(policy, os.path.join(folder, *parts), modules.TOOL):
            stem, ending = os.path.splitext(entry.name)
            is_folder = entry.kind == "directory"
            if not entry.name.startswith(name) or not is_name(stem) or not (is_folder or ending == ".lua"):
                continue
            found.setdefault(stem, Match(stem, "module", "folder" if is_folder else entry.name))
    return list(found.values()), len(name)


def _entries(policy: Policy, folder: str, tool: str) -> Iterable[FileFacts]:
    from llmspell_tools import files

    try:
        return files.list_dir(policy, folder, tool, max_entries=MAX_ENTRIES, limit="completion")
    except (LlmspellError, OSError, ValueError):
        return ()
