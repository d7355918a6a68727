"""Which file or text a chunk name stands for, as one client spells it.

A file keeps the spelling by which the client set its breakpoints: an editor that was given another would open it a
second time. What is no file (text given to `load`, a cell) gets a number, by which the client asks for its text.
Paths of the two sides may differ (`pathMappings`): a container, a remote machine.
"""

from __future__ import annotations

import os

from llmspell_kernel.debug.protocol import RequestFailed
from llmspell_kernel.lua.debugger.points import real_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from llmspell_kernel.debug.protocol import Arguments
    from llmspell_tools.types import JsonObject

_LOADED_TEXT = "(text given to load)"


class Sources:
    """The sources of one session."""

    def __init__(self) -> None:
        self._mappings: list[tuple[str, str]] = []
        self._spellings: dict[str, str] = {}  # real path of ours -> the client's path
        self._numbers: dict[str, int] = {}
        self._names: dict[int, str] = {}
        self._uses_uris = False
        #: Returns the client's path of a chunk that is no file and yet has one (a notebook's cell), or None.
        self.path_of: Callable[[str], str | None] = _no_path

    def configure(self, *, uses_uris: bool) -> None:
        """Say whether the client's paths are URIs (`pathFormat`)."""
        self._uses_uris = uses_uris

    def map_paths(self, arguments: Arguments) -> None:
        """Take `pathMappings`: a list of ``{localRoot, remoteRoot}``; local is the client's side."""
        for mapping in arguments.objects("pathMappings"):
            self._mappings.append((mapping.text("localRoot").rstrip("/\\"), mapping.text("remoteRoot").rstrip("/\\")))

    def chunk_path(self, source: Arguments) -> str:
        """Return the debuggee's path of a client's source, or `=name` of a text that is no file.

        Raises:
            RequestFailed: The source names nothing.
        """
        number = source.number("sourceReference", 0)
        if number and number in self._names:
            name = self._names[number]
            return name if not name.startswith("@") else name[1:]
        path = source.text("path", "")
        if not path:
            raise RequestFailed("bad_arguments", "'source' needs a path, or a sourceReference of this session")
        return self._from_client(path)

    def chunk_name(self, source: Arguments) -> str:
        """Return the chunk name of a client's source."""
        path = self.chunk_path(source)
        return path if path.startswith("=") or source.number("sourceReference", 0) else "@" + path

    def numbered(self, number: int) -> str:
        """Return the chunk name of a source reference.

        Raises:
            RequestFailed: There is none.
        """
        if number not in self._names:
            raise RequestFailed("source", f"there is no source with the number {number}")
        return self._names[number]

    def described(self, chunk_name: str, *, is_own: bool = False) -> JsonObject:
        """Return a chunk as a DAP source."""
        known = self.path_of(chunk_name)
        if known is not None:
            name = _title(chunk_name) if chunk_name.startswith("=") else os.path.basename(known)
            return {"name": name, "path": known}
        if chunk_name.startswith("@"):
            path = os.path.abspath(chunk_name[1:])
            if os.path.isfile(path):
                return {"name": os.path.basename(path), "path": self._to_client(path)}
        source: JsonObject = {"name": _title(chunk_name), "sourceReference": self._number(chunk_name)}
        if is_own:
            source |= {"presentationHint": "deemphasize", "origin": "llmspell"}
        elif not chunk_name.startswith(("@", "=")):
            source["origin"] = _LOADED_TEXT
        return source

    def _number(self, chunk_name: str) -> int:
        number = self._numbers.get(chunk_name)
        if number is None:
            number = self._numbers[chunk_name] = len(self._numbers) + 1
            self._names[number] = chunk_name
        return number

    def _from_client(self, path: str) -> str:
        ours = _path_of_uri(path) if self._uses_uris or path.startswith("file:") else path
        for local, remote in self._mappings:
            if ours == local or ours.startswith((local + "/", local + "\\")):
                ours = remote + ours[len(local) :].replace("\\", "/")
                break
        self._spellings[real_path(ours)] = path
        return ours

    def _to_client(self, path: str) -> str:
        spelling = self._spellings.get(real_path(path))
        if spelling is not None:
            return spelling
        for local, remote in self._mappings:
            if path == remote or path.startswith(remote + "/"):
                path = local + path[len(remote) :]
                break
        if self._uses_uris:
            from pathlib import Path  # few clients want URIs

            return Path(path).as_uri()
        return path


def _no_path(chunk_name: str) -> None:
    """Only files have paths."""


def _title(chunk_name: str) -> str:
    if chunk_name.startswith(("=", "@")):
        return chunk_name[1:]
    first, _, rest = chunk_name.partition("\n")
    return f'[string "{first[:60]}{"..." if rest or len(first) > 60 else ""}"]'


def _path_of_uri(uri: str) -> str:
    from urllib.parse import unquote, urlsplit  # few clients send URIs
    from urllib.request import url2pathname

    parts = urlsplit(uri)
    return url2pathname(unquote(parts.path)) if parts.scheme == "file" else uri
