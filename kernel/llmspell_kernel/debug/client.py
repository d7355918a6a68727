"""What a client said of itself in `initialize`: how it counts lines, whether it has a terminal."""

from __future__ import annotations

from llmspell_kernel.debug.protocol import Arguments, RequestFailed


class Client:
    """A client; before `initialize` one with the protocol's defaults.

    Args:
        arguments: Of `initialize`; None before it.
    """

    __slots__ = (
        "_first_column",
        "_first_line",
        "can_start_debugging",
        "fields",
        "has_terminal",
        "is_known",
        "uses_uris",
    )

    def __init__(self, arguments: Arguments | None = None) -> None:
        said = Arguments({}) if arguments is None else arguments
        path_format = said.text("pathFormat", "path")
        if path_format not in {"path", "uri"}:
            raise RequestFailed("bad_arguments", "'pathFormat' must be path or uri")
        #: Whether it has said `initialize`.
        self.is_known = arguments is not None
        self.fields = said.fields
        self.uses_uris = path_format == "uri"
        #: Whether it runs commands in a terminal for us.
        self.has_terminal = said.flag("supportsRunInTerminalRequest")
        #: Whether it opens more sessions for us.
        self.can_start_debugging = said.flag("supportsStartDebuggingRequest")
        self._first_line = 1 if said.flag("linesStartAt1", default=True) else 0
        self._first_column = 1 if said.flag("columnsStartAt1", default=True) else 0

    def line_out(self, line: int) -> int:
        """Return a line, counted from 1, as the client counts."""
        return line - 1 + self._first_line

    def line_in(self, line: int) -> int:
        """Return a client's line, counted from 1."""
        return line + 1 - self._first_line

    def first_column(self) -> int:
        """Return the first column as the client counts."""
        return self._first_column
