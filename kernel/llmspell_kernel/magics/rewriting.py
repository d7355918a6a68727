"""What Lua runs in the place of a magic: a call of `_ENV["%"]` (`prelude/magic.lua`), line for line.

So a magic runs in the middle of its cell: it sees the cell's locals, an error in it has the cell's line, and it can be
interrupted like the rest. `%time` and `%timeit` hold Lua text, which is put in as it is.
"""

from __future__ import annotations

from llmspell_kernel.errors import MagicMisused
from llmspell_kernel.lua.lexing import tokens_of
from llmspell_kernel.magics import names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from llmspell_kernel.magics.headers import Header
    from llmspell_kernel.magics.lines import MagicLine

    #: Tells whether Lua text is an expression, or several with commas.
    IsExpression = Callable[[str], bool]

_TABLE = '_ENV["%"]'
#: Below a variable that is to be closed a call is no tail call, so that the cell keeps its place in tracebacks.
_RETURN = "local __llmspell <close> = nil return "
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t", "\0": "\\0"}


def rewrite(code: str, magics: Sequence[MagicLine], is_expression: IsExpression) -> str:
    """Return Lua text that does what a cell with magics says.

    Args:
        code: The cell.
        magics: What `find_magics` found in it.
        is_expression: Asked about the text of `%time` and `%timeit`.

    Raises:
        MagicNotFound: A name is none.
        MagicMisused: A magic is used in another way than it can be.
    """
    parts: list[str] = []
    position = 0
    for magic in magics:
        parts += [code[position : magic.start], _call(magic, is_expression)]
        parts.append("\n" * code.count("\n", magic.start, magic.end))
        position = magic.end
    return "".join(parts) + code[position:]


def without(code: str, magics: Sequence[MagicLine]) -> str:
    """Return the cell as Lua with its magics taken out, every other character where it was.

    `nil` stands for one whose value is used.
    """
    parts: list[str] = []
    position = 0
    for magic in magics:
        length = magic.end - magic.start
        parts += [code[position : magic.start], ("nil" if magic.is_value and length >= 3 else "").ljust(length)]
        position = magic.end
    return "".join(parts) + code[position:]


def timed_cell(header: Header, body: str, is_expression: IsExpression) -> str:
    """Return what a cell that begins with `%%timeit` runs; `body` is Lua already.

    Raises:
        MagicMisused: There is nothing to run.
    """
    options, setup = split_options(header.text)
    if not body.strip():
        raise MagicMisused(f"%%timeit needs a cell to run: {names.CELL['timeit'].usage}", line=header.line)
    # A comment in the body's last line must not swallow what follows: that stands in a line of its own.
    if is_expression(body):
        body = f"local _ = {body}\n"
    loop = f"function(__loops) for _ = 1, __loops do\n{body}\nend end"
    return "\n" * (header.line - 1) + f"{_without_comment(setup)} {_RETURN}{_TABLE}.timeit({quoted(options)}, {loop})"


def tool_cell(header: Header) -> str:
    """Return what a cell that begins with `%%tool` runs."""
    call = f'{_TABLE}.value("tool", {quoted(header.text)}, {quoted(header.body)})'
    return "\n" * (header.line - 1) + _RETURN + call


def split_options(text: str) -> tuple[str, str]:
    """Return the options that a text begins with (`-n 10 -r3 -f`), and the rest."""
    words = text.split()
    count = 0
    while count < len(words) and words[count][:1] == "-" and words[count][1:2].isalpha():
        count += 2 if len(words[count]) == 2 and words[count] in {"-n", "-r"} else 1
    rest = text.split(None, count)
    return " ".join(words[:count]), rest[count] if len(rest) > count else ""


def quoted(text: str) -> str:
    """Return a text as a Lua string."""
    return '"' + "".join(_ESCAPES.get(letter, letter) for letter in text) + '"'


def _call(magic: MagicLine, is_expression: IsExpression) -> str:
    if magic.name.startswith("%"):
        raise MagicMisused(f"%{magic.name} stands for a whole cell: it must be the cell's first line", line=magic.line)
    names.find(magic.name, is_cell=False, line=magic.line)
    if magic.name == "time":
        return _time(magic, is_expression)
    if magic.name == "timeit":
        return _timeit(magic, is_expression)
    arguments = f"({quoted(magic.name)}, {quoted(magic.text)});"
    if magic.is_value:
        return f"{_TABLE}.value{arguments}"
    return f"{_RETURN}{_TABLE}.value{arguments}" if magic.is_last else f"{_TABLE}.shown{arguments}"


def _time(magic: MagicLine, is_expression: IsExpression) -> str:
    text = _code_of(magic, magic.text)
    if is_expression(text):
        call = f"{_TABLE}.time(function() return {text} end);"
        return _RETURN + call if magic.is_last and not magic.is_value else call
    if magic.is_value:
        raise MagicMisused("%time gives a value only where an expression follows it", line=magic.line)
    return f"{_TABLE}.clock() {text} {_TABLE}.clocked();"


def _timeit(magic: MagicLine, is_expression: IsExpression) -> str:
    options, code = split_options(magic.text)
    text = _code_of(magic, code)
    if is_expression(text):
        text = "local _ = " + text
    return f"{_TABLE}.timeit({quoted(options)}, function(__loops) for _ = 1, __loops do {text} end end);"


def _code_of(magic: MagicLine, text: str) -> str:
    """Return the Lua text of a magic, without its comment: more code follows it on its line."""
    text = _without_comment(text)
    if not text:
        raise MagicMisused(f"%{magic.name} needs code to run: {names.LINE[magic.name].usage}", line=magic.line)
    return text


def _without_comment(text: str) -> str:
    comments = [token for token in tokens_of(text) if token.kind == "comment"]
    for comment in reversed(comments):
        text = text[: comment.start] + " " + text[comment.end :]
    return text.strip()
