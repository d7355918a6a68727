r"""The text operations themselves: text in, text out; no tool, no schema, no limit.

Lengths are in characters (Unicode code points), so that no operation can split one; only the positions of `substring`
are bytes of UTF-8, which is what Lua's `string.find` and `#` count.
Lines end at ``\n``; a ``\r`` before it stays where it is.
"""

from __future__ import annotations

from llmspell_tools.errors import InvalidParameters

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ELLIPSIS = "..."


def substring(text: str, start: int, end: int) -> str:
    """Return the bytes of UTF-8 from `start` up to, not including, `end`; empty if `end` is beyond the text.

    Raises:
        InvalidParameters: A position is inside a character.
    """
    if text.isascii():
        return text[start:end] if end <= len(text) else ""
    content = text.encode("utf-8", "surrogatepass")
    if end > len(content) or start >= end:
        return ""
    for name, position in (("start", start), ("end", end)):
        if position < len(content) and content[position] & 0xC0 == 0x80:
            raise InvalidParameters(
                f"parameter 'options.{name}': byte {position} is inside a character", field=f"options.{name}"
            )
    return content[start:end].decode("utf-8", "surrogatepass")


def truncate(text: str, max_length: int) -> str:
    """Cut a text so that it has at most `max_length` characters, the closing ``...`` included."""
    if len(text) <= max_length:
        return text
    if max_length <= len(ELLIPSIS):
        return ELLIPSIS[:max_length]
    return text[: max_length - len(ELLIPSIS)] + ELLIPSIS


def split(text: str, delimiter: str) -> list[str]:
    """Split at every delimiter; an empty delimiter splits into characters."""
    return text.split(delimiter) if delimiter else list(text)


def words_of(name: str) -> list[str]:
    """Split an identifier or a phrase into words, at spaces, ``_``, ``-`` and changes of case.

    A run of capitals is one word up to the capital that starts the next: ``HTTPResponse`` is HTTP and Response.
    """
    words: list[str] = []
    for part in name.replace("_", " ").replace("-", " ").split():
        start = 0
        for at in range(1, len(part)):
            if part[at].isupper() and (not part[at - 1].isupper() or part[at + 1 : at + 2].islower()):
                words.append(part[start:at])
                start = at
        words.append(part[start:])
    return words


def snake_case(text: str) -> str:
    """Write as ``snake_case``; underscores at either end stay."""
    lead = text[: len(text) - len(text.lstrip("_"))]
    tail = text[len(text.rstrip("_")) :] if lead != text else ""
    return lead + "_".join(word.lower() for word in words_of(text)) + tail


def pascal_case(text: str) -> str:
    """Write as ``PascalCase``."""
    return "".join(word[:1].upper() + word[1:].lower() for word in words_of(text))


def camel_case(text: str) -> str:
    """Write as ``camelCase``."""
    words = words_of(text)
    return words[0].lower() + "".join(word[:1].upper() + word[1:].lower() for word in words[1:]) if words else ""


def sanitize(text: str) -> str:
    """Keep printable ASCII, newlines and tabs; drop the spaces at both ends."""
    return "".join([char for char in text.strip(" ") if " " <= char <= "~" or char in "\n\t"])


def normalize_whitespace(text: str) -> str:
    """Make every run of whitespace one space, and drop it at both ends."""
    return " ".join(text.split())


def indent(text: str, spaces: int) -> str:
    """Put spaces before every line."""
    prefix = " " * spaces
    body, end = (text[:-1], "\n") if text.endswith("\n") else (text, "")
    return prefix + body.replace("\n", "\n" + prefix) + end if text else ""


def dedent(text: str) -> str:
    """Remove as many leading whitespace characters from every line as the least indented line has; blank ones aside."""
    lines = text.split("\n")
    least = min((len(line) - len(line.lstrip()) for line in lines if line.strip()), default=0)
    if least == 0:
        return text
    return "\n".join([_without_indent(line, least) for line in lines])


def _without_indent(line: str, count: int) -> str:
    body = line.removesuffix("\r")
    end = line[len(body) :]
    return (body[count:] if len(body) >= count else body) + end


def word_wrap(text: str, width: int, check: Callable[[], None]) -> str:
    """Break lines at spaces so that none is longer than `width` characters; a longer word is cut.

    Args:
        text: Its own line breaks stay, and lines that fit stay as they are.
        width: At least 1.
        check: Called once a line and now and then inside one; may raise to stop the work.
    """
    lines: list[str] = []
    for line in text.split("\n"):
        check()
        if len(line) <= width:
            lines.append(line)
        else:
            lines.extend(_wrapped(line, width, check))
    return "\n".join(lines)


def _wrapped(line: str, width: int, check: Callable[[], None]) -> Iterator[str]:
    current: list[str] = []
    used = 0
    for number, word in enumerate(line.split()):
        if number % 10_000 == 0:
            check()
        if current and used + 1 + len(word) > width:
            yield " ".join(current)
            current, used = [], 0
        cut = (len(word) - 1) // width * width
        yield from [word[at : at + width] for at in range(0, cut, width)]
        used += len(word) - cut + (1 if current else 0)
        current.append(word[cut:])
    if current:
        yield " ".join(current)
