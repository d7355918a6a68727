"""Where llmspell keeps and finds its files: the home, the user's configuration, a project's configuration.

Only looks; opens nothing. On the lean path, where most runs end with "there is no configuration file".
"""

from __future__ import annotations

import os

#: Names of a project's configuration file, in the order they are tried in each folder.
PROJECT_FILES = ("llmspell.toml", ".llmspell.toml", "config/llmspell.toml", ".config/llmspell.toml")
#: A folder that holds one of these is the root of a project: the search upward ends there.
_VCS = (".git", ".hg", ".svn", ".jj")


def home() -> str | None:
    """Return ``LLMSPELL_HOME`` or ``~/.llmspell`` as an absolute path; None where there is no home at all."""
    own = os.environ.get("LLMSPELL_HOME")
    if own:
        return os.path.abspath(own)
    person = os.path.expanduser("~")
    # Without HOME and without an entry in the user database `~` stays as it is.
    return os.path.join(person, ".llmspell") if os.path.isabs(person) else None


def data_file(name: str) -> str | None:
    """Return the path of a file in the home's `data` folder, whether it is there or not; None without a home."""
    base = home()
    return None if base is None else os.path.join(base, "data", name)


def user_config() -> str | None:
    """Return the path of the user's configuration file if there is one."""
    base = home()
    if base is None:
        return None
    path = base + "/config.toml"
    return path if _is_there(path) else None


def project_config(start: str | None = None) -> str | None:
    """Return the nearest project file at or above `start` (default: the current folder), up to the VCS root.

    Without a VCS root the search ends at the person's home; outside of that only `start` itself counts, so that
    what somebody else left in `/tmp` or `/` is no project of ours.
    """
    try:
        first = start or os.getcwd()
    except OSError:  # the current folder was removed
        return None
    person = os.path.expanduser("~")
    folder, found = first, None
    while True:
        found = found or _project_file(folder)
        if folder == person or any(_is_there(folder + "/" + mark) for mark in _VCS):
            return found
        parent = os.path.dirname(folder)
        if parent == folder:
            return found if found and _project_file(first) == found else None
        folder = parent


def _project_file(folder: str) -> str | None:
    user = (home() or "") + "/config.toml"
    for name in PROJECT_FILES:
        path = folder.rstrip("/") + "/" + name
        if path != user and _is_there(path):
            return path
    return None


def _is_there(path: str) -> bool:
    try:
        os.stat(path)
    except (OSError, ValueError):
        return False
    return True
