"""file-converter: change a text file's encoding, line endings or indentation.

The file is read in pieces, converted and written beside its target, which it replaces only when it is whole. In place,
the old file is kept as `name.ext.backup`. A byte order mark stays where the new encoding has one and goes where it has
none; none is added. Bytes that are no text in the source encoding, and characters that the target encoding has not,
are errors that name the place.
"""

from __future__ import annotations

import codecs
import os

from llmspell_tools import files
from llmspell_tools.builtin.filesystem.text_encodings import ENCODINGS, MARKS, encoding_named, guess, mark_of
from llmspell_tools.definition import ToolContext, ToolResult, tool
from llmspell_tools.envelope import envelope
from llmspell_tools.errors import LimitExceeded, ToolExecutionError
from llmspell_tools.returns import envelope_schema, record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from io import BufferedReader
    from typing import Annotated, Any, Literal

    from llmspell_tools.types import JsonObject

_PIECE_BYTES = 1 << 18
_KEY = "[tools.file_converter] max_file_bytes"
_ENDINGS = {"lf": "\n", "crlf": "\r\n", "cr": "\r"}
_RESULT = record({"input_path": "string", "output_path": "string", "operation": "string"})


@tool(
    name="file-converter",
    category="filesystem",
    level="restricted",
    parameter_aliases={
        "action": "operation", "input_path": "path", "output_path": "target_path", "source_encoding": "from_encoding",
        "target_encoding": "to_encoding",
    },
    requires={"encoding": ("to_encoding",), "line_endings": ("line_ending",)},
    annotations={"read_only": False, "destructive": True, "idempotent": True, "open_world": False},
    settings={"max_file_bytes": 50_000_000},
    examples=(
        {
            "description": "Windows line endings, into another file",
            "files": {"notes.txt": "one\ntwo\n"},
            "params": {
                "operation": "line_endings", "path": "{folder}/notes.txt", "target_path": "{folder}/dos.txt",
                "line_ending": "crlf",
            },
            "result": {"success": True, "result": {"output_path": "{folder}/dos.txt"}},
        },
        {
            "description": "Leading tabs become spaces, in place; the old file is kept as code.py.backup",
            "files": {"code.py": "if x:\n\ty = 1\n"},
            "params": {"operation": "indentation", "path": "{folder}/code.py", "tab_size": 4},
            "result": {"result": {"output_path": "{folder}/code.py", "operation": "indentation"}},
        },
        {
            "description": "Another encoding; the one that the file has is guessed",
            "files": {"name.txt": "Zoë"},
            "params": {"operation": "encoding", "path": "{folder}/name.txt", "to_encoding": "utf-16le"},
            "result": {"metadata": {"from_encoding": "utf-8", "to_encoding": "utf-16le"}},
        },
    ),
    returns=envelope_schema({"encoding": _RESULT, "line_endings": _RESULT, "indentation": _RESULT}),
)  # fmt: skip
def file_converter(
    context: ToolContext,
    *,
    operation: Literal["encoding", "line_endings", "indentation"],
    path: str,
    target_path: str | None = None,
    from_encoding: str | None = None,
    to_encoding: str | None = None,
    line_ending: Literal["lf", "crlf", "cr"] | None = None,
    convert_to_spaces: bool = True,
    tab_size: Annotated[int, {"minimum": 1, "maximum": 16}] = 4,
) -> ToolResult:
    """Change a text file's encoding, line endings or indentation.

    Args:
        operation: What to change.
        path: The file.
        target_path: Where to write; without it the file itself is replaced and kept as `.backup`.
        from_encoding: utf-8, utf-16le, utf-16be, windows-1252, iso-8859-1 or ascii; guessed when not given.
        to_encoding: For encoding: one of the same.
        line_ending: For line_endings: lf, crlf or cr.
        convert_to_spaces: For indentation: tabs at a line's start become spaces; false for the other way.
        tab_size: For indentation: columns of a tab.
    """
    source = None if from_encoding is None else encoding_named(from_encoding, "from_encoding")
    goal = None if to_encoding is None else encoding_named(to_encoding, "to_encoding")
    conversion = _Conversion(context, path, source)
    output = path if target_path is None else target_path
    if operation == "encoding":
        conversion.write(output, goal or "utf-8", conversion.text(as_it_is=True))
    elif operation == "line_endings":
        ending = _ENDINGS[line_ending or "lf"]
        conversion.write(output, None, (piece.replace("\n", ending) for piece in conversion.text()))
    else:
        spaces = convert_to_spaces
        lines = _lines(conversion.text(as_it_is=True))
        conversion.write(output, None, ("".join(_indented(line, tab_size, spaces) for line in each) for each in lines))
    message = "File conversion completed successfully"
    result: JsonObject = {"input_path": path, "output_path": output, "operation": operation}
    facts: JsonObject = {"from_encoding": conversion.source, "to_encoding": conversion.goal}
    response = envelope(operation, result, message, facts)
    return ToolResult(response, text=message, metadata={"operation": operation, "response": response})


class _Conversion:
    """One file on its way: which encoding it has, its text in pieces, and the writing."""

    def __init__(self, context: ToolContext, path: str, source: str | None) -> None:
        self._context = context
        self._path = path
        settings: Mapping[str, Any] = context.settings
        self._most: int = settings["max_file_bytes"]
        with self._open() as reader:
            start = reader.peek(4)[:4]
            marked = mark_of(start)
            self.source = source or guess(self._pieces(reader))
        #: The byte order mark that the file starts with, if it is one of its encoding.
        self._mark = MARKS[self.source] if marked == self.source else b""
        self.goal = self.source

    def text(self, *, as_it_is: bool = False) -> Iterator[str]:
        """Give the text in pieces; all line ends as line feeds unless it is wanted as it is."""
        import io

        decoder: Any = codecs.getincrementaldecoder(ENCODINGS[self.source])()
        if not as_it_is:
            decoder = io.IncrementalNewlineDecoder(decoder, translate=True)
        position = len(self._mark)
        with self._open() as reader:
            reader.read(len(self._mark))
            try:
                for piece in self._pieces(reader):
                    position += len(piece)
                    yield decoder.decode(piece)
                yield decoder.decode(b"", final=True)
            except UnicodeDecodeError as error:
                at = position - len(error.object) + error.start
                raise ToolExecutionError(
                    f"'{self._path}' is no {self.source} text: the byte at position {at} ({error.reason})",
                    details={"path": self._path, "encoding": self.source, "position": at},
                ) from None

    def write(self, output: str, goal: str | None, pieces: Iterable[str]) -> None:
        """Write the converted text whole or not at all."""
        self.goal = goal or self.source
        encoder = codecs.getincrementalencoder(ENCODINGS[self.goal])()
        context, characters = self._context, 0
        with files.write_atomic(context.policy, output, context.tool) as file:
            if self._mark:
                file.write(MARKS.get(self.goal, b""))
            for piece in pieces:
                try:
                    file.write(encoder.encode(piece))
                except UnicodeEncodeError as error:
                    raise ToolExecutionError(
                        f"'{self._path}' cannot be written as {self.goal}: character "
                        f"{characters + error.start} (U+{ord(piece[error.start]):04X}) does not exist there",
                        details={"path": self._path, "encoding": self.goal, "position": characters + error.start},
                    ) from None
                characters += len(piece)
            if output == self._path:
                files.copy(context.policy, self._path, self._path + ".backup", context.tool, check=context.check)

    def _open(self) -> BufferedReader:
        return files.open_read(self._context.policy, self._path, self._context.tool)

    def _pieces(self, reader: BufferedReader) -> Iterator[bytes]:
        total = 0
        size = os.fstat(reader.fileno()).st_size
        while piece := reader.read(_PIECE_BYTES):
            self._context.check()
            total += len(piece)
            self._context.progress(total, size, self._path)
            if total > self._most:
                raise LimitExceeded(
                    f"'{self._path}' is longer than the limit of {self._most} bytes; the limit is {_KEY}",
                    details={"path": self._path, "limit": self._most, "key": _KEY},
                )
            yield piece


def _lines(pieces: Iterable[str]) -> Iterator[list[str]]:
    """Give the text as lists of lines with their ends; a line is never split."""
    rest: list[str] = []
    for piece in pieces:
        cut = max(piece.rfind("\n"), piece.rfind("\r", 0, -1)) + 1  # a last \r may be half of \r\n
        if cut == 0:
            rest.append(piece)
            continue
        yield _split("".join([*rest, piece[:cut]]))
        rest = [piece[cut:]]
    yield _split("".join(rest))


def _split(text: str) -> list[str]:
    """Split at the ends of lines only, where `str.splitlines` would split at form feeds and the like, too."""
    import re

    return re.findall(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+", text)


def _indented(line: str, width: int, spaces: bool) -> str:
    body = line.lstrip(" \t")
    columns = 0
    for char in line[: len(line) - len(body)]:
        columns = columns // width * width + width if char == "\t" else columns + 1
    if spaces:
        return " " * columns + body
    return "\t" * (columns // width) + " " * (columns % width) + body
