r"""What a jq program may not name: a scan of its tokens, so that the same words in strings and fields are just words.

The child that runs jq has an empty environment, no files and one input, so none of these could reach anything; they are
refused all the same, with a position, because a program that names them expects what it will not get. Follows the
lexer of jq (https://github.com/jqlang/jq, `src/lexer.l`, 1.6 to 1.8): strings with ``\( )`` interpolation, comments,
``.field``, ``$ name`` with space between, ``@format``. Where versions differ (how a comment ends) it reads more as
code, never less.
"""

from __future__ import annotations

from llmspell_tools.errors import InvalidParameters

_REFUSED = frozenset(
    ("env", "$ENV", "input", "inputs", "input_filename", "debug", "stderr", "$__loc__", "import", "include",
     "modulemeta", "get_search_list", "halt", "halt_error")
)  # fmt: skip
_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_")
_NAME = _LETTERS | frozenset("0123456789")
_SPACES = frozenset(" \t\r\n")
_CLOSES = {")": "(", "]": "[", "}": "{"}


def refuse_unavailable(program: str) -> None:
    """Check a jq program.

    Raises:
        InvalidParameters: It names something that this tool does not offer; ``details`` has `token` and the 1-based
            `position`.
    """
    _Scan(program).run()


class _Scan:
    r"""One pass; `brackets` holds the open ones, a backslash standing for the ``\(`` of a string."""

    __slots__ = ("_brackets", "_position", "_text")

    def __init__(self, text: str) -> None:
        self._text = text + "\n"
        self._position = 0
        self._brackets: list[str] = []

    def run(self) -> None:
        text = self._text
        while self._position < len(text):
            char = text[self._position]
            if char in _LETTERS:
                self._name("")
            elif char == "$":
                self._position += 1
                self._skip_space()
                if text[self._position : self._position + 1] in _LETTERS:
                    self._name("$")
            elif char in ".@" or char.isdigit():
                self._word()
            else:
                self._mark(char)

    def _mark(self, char: str) -> None:
        """Step over anything that is no word."""
        if char == "#":
            self._skip_space()
            return
        self._position += 1
        if char == '"':
            self._string()
        elif char in "([{":
            self._brackets.append(char)
        elif char in _CLOSES and self._brackets:
            opened = self._brackets.pop()
            if opened == "\\" and char == ")":
                self._string()

    def _string(self) -> None:
        """Step to the end of a string or to its next interpolation."""
        text = self._text
        while self._position < len(text):
            char = text[self._position]
            if char == "\\":
                self._position += 2
                if text[self._position - 1 : self._position] == "(":
                    self._brackets.append("\\")
                    return
            else:
                self._position += 1
                if char == '"':
                    return

    def _word(self) -> None:
        """Step over a number, a field or a format: its letters name no function."""
        self._position += 1
        while self._text[self._position] in _NAME:
            self._position += 1

    def _name(self, sigil: str) -> None:
        text = self._text
        start = self._position
        while text[self._position] in _NAME or text.startswith("::", self._position):
            self._position += 1 if text[self._position] in _NAME else 2
        token = sigil + text[start : self._position]
        if token in _REFUSED and not self._is_key():
            raise InvalidParameters(
                f"jq program: '{token}' is not available here (position {start + 1}); a field of that name is "
                f"written .{token.lstrip('$')}, a key {{{token.lstrip('$')}: ...}}",
                field="query",
                details={"token": token, "position": start + 1},
            )

    def _is_key(self) -> bool:
        """Whether the name just read is a key of an object being built: `{env: 1}`."""
        if not self._brackets or self._brackets[-1] != "{":
            return False
        here = self._position
        self._skip_space()
        follows = self._text[self._position : self._position + 1] == ":"
        self._position = here
        return follows

    def _skip_space(self) -> None:
        text = self._text
        while self._position < len(text):
            char = text[self._position]
            if char == "#":
                while text[self._position] not in "\r\n":
                    self._position += 1
            elif char not in _SPACES:
                return
            else:
                self._position += 1
