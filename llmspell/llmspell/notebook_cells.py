"""Cells of VS Code's notebooks: what the editor calls by a URI, and a kernel by a path made of the text's hash.

VS Code knows a cell as `vscode-notebook-cell:...`; a kernel that debugs takes a cell's text (`dumpCell`) and answers
with the path by which that very text is known when it runs. Requests are changed on their way to the kernel, what
comes back on its way to the editor. An edited cell is another text: it gets a new path, and its breakpoints are set
anew. A cell that the editor does not show, another front end's, has a path and no file: it gets a number, by which the
editor asks for its text.
Spec: https://jupyter-client.readthedocs.io/en/stable/messaging.html, "dumpCell".
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from llmspell_kernel.debug.protocol import Arguments
    from llmspell_tools.types import JsonObject, JsonValue

    Ask = Callable[[str, JsonObject], JsonObject]

#: What the URI of a cell begins with.
SCHEME = "vscode-notebook-cell:"
#: Numbers of texts begin here, far from the kernel's own.
_FIRST_NUMBER = 1_000_000
#: The request by which the editor tells of edited cells.
COMMAND = "llmspell/cells"


class NotebookCells:
    """The cells of the open notebooks; one thread, but for `inward`.

    Args:
        ask: Sends a request to the kernel, by command and arguments, and returns the body of its response; an empty
            one where it refuses.
    """

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._texts: dict[str, str] = {}
        self._paths: dict[str, str] = {}  # URI -> path of the text as it is now
        self._uris: dict[str, str] = {}  # path of any text that a cell has had -> URI
        self._numbers: dict[str, int] = {}  # path without a file -> number

    def know(self, texts: Mapping[str, JsonValue]) -> None:
        """Take the texts of cells, by URI."""
        self._texts.update({uri: text for uri, text in texts.items() if isinstance(text, str)})

    def edit(self, arguments: Arguments) -> None:
        """Take edited cells: a list of ``{uri, text, breakpoints}``, lines of breakpoints counted from 1."""
        for cell in arguments.objects("cells"):
            uri, text = cell.text("uri"), cell.text("text", "")
            if self._texts.get(uri) == text:
                continue
            former = self._paths.pop(uri, None)
            self._texts[uri] = text
            if former is not None:
                self._set_breakpoints(former, [])
            breakpoints: list[JsonValue] = [each.fields for each in cell.objects("breakpoints")]
            if breakpoints:
                self._set_breakpoints(self._path_of(uri), breakpoints)

    def outward(self, arguments: JsonObject) -> JsonObject:
        """Return the arguments of a request as the kernel knows its source."""
        source = arguments.get("source")
        if not isinstance(source, dict):
            return arguments
        path = source.get("path")
        if isinstance(path, str) and path.startswith(SCHEME):
            return {**arguments, "source": {**source, "path": self._path_of(path)}}
        number = arguments.get("sourceReference") or source.get("sourceReference")
        if isinstance(number, int) and number >= _FIRST_NUMBER:
            path = next((each for each, its in self._numbers.items() if its == number), path)
            return {**arguments, "source": {"path": path}, "sourceReference": 0}
        return arguments

    def inward(self, value: JsonValue) -> JsonValue:
        """Return what the kernel says with the cells' URIs in place of their paths."""
        if isinstance(value, list):
            return [self.inward(each) for each in value]
        if not isinstance(value, dict):
            return value
        found = {name: self.inward(each) for name, each in value.items()}
        path = found.get("path")
        if isinstance(path, str) and path in self._uris:
            found["path"] = self._uris[path]
        elif isinstance(path, str) and "name" in found and not os.path.exists(path):
            found["sourceReference"] = self._numbers.setdefault(path, _FIRST_NUMBER + len(self._numbers))
        return found

    def _path_of(self, uri: str) -> str:
        """Return the path of a cell; the URI itself where the kernel does not know the cell."""
        path = self._paths.get(uri)
        if path is None and uri in self._texts:
            answer = self._ask("dumpCell", {"code": self._texts[uri]}).get("sourcePath")
            if isinstance(answer, str):
                path = self._paths[uri] = answer
                self._uris[answer] = uri
        return path or uri

    def _set_breakpoints(self, path: str, breakpoints: list[JsonValue]) -> None:
        self._ask("setBreakpoints", {"source": {"path": path}, "breakpoints": breakpoints})
