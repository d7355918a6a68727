"""A page of help as a value, and as plain text, Markdown and HTML. It knows neither Lua nor tools."""

from __future__ import annotations

from html import escape

from llmspell_tools import tables

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from llmspell_tools.types import JsonValue

_PLAIN_COLUMNS = 100
#: What a terminal would obey.
_CONTROL = {code: "\ufffd" for code in (*range(32), 127) if code not in b"\n\t"} | dict.fromkeys(
    range(128, 160), "\ufffd"
)


class Page:
    """What is known of something, in the order in which it is shown.

    Args:
        title: Its name, or its signature where it is a function; shown as code.
        text: What it is or does: paragraphs.
    """

    __slots__ = ("codes", "facts", "tables", "text", "title")

    def __init__(self, title: str, text: str = "") -> None:
        self.title = title
        self.text = text
        #: Label and short text.
        self.facts: list[tuple[str, str]] = []
        #: Heading and table.
        self.tables: list[tuple[str, tables.Table]] = []
        #: Heading and Lua code.
        self.codes: list[tuple[str, str]] = []

    def table(self, heading: str, columns: list[str], rows: list[list[JsonValue]]) -> None:
        """Add a table."""
        self.tables.append((heading, tables.Table(columns, rows)))


def bundle(page: Page) -> dict[str, str]:
    """Return the page as a MIME bundle."""
    makers: dict[str, Callable[[Page], Iterator[str]]] = {
        "text/plain": _plain,
        "text/markdown": _markdown,
        "text/html": _html,
    }
    return {kind: "\n".join(make(page)).rstrip().translate(_CONTROL) for kind, make in makers.items()}


def _plain(page: Page) -> Iterator[str]:
    yield page.title
    if page.text:
        yield ""
        yield page.text
    if page.facts:
        yield ""
        width = max(len(label) for label, _ in page.facts)
        for label, text in page.facts:
            yield f"{label + ':':<{width + 2}}{text}"
    for heading, table in page.tables:
        yield f"\n{heading}:"
        yield from _records(table) if table.columns[-1] == "description" else tables.text(table, _PLAIN_COLUMNS)
    for heading, code in page.codes:
        yield f"\n{heading}:"
        yield from ("  " + line for line in code.split("\n"))


def _records(table: tables.Table) -> Iterator[str]:
    """Show a table whose last column is long text: that on a line of its own, wrapped."""
    from textwrap import wrap

    width = max((len(str(row[0])) for row in table.rows), default=0)
    for name, *cells, text in table.rows:
        named = [
            f"{column} {cell}" if column != "type" else str(cell)
            for column, cell in zip(table.columns[1:], cells, strict=False)
            if cell
        ]
        yield f"  {name!s:<{width}}  {'; '.join(named)}"
        yield from ("      " + line for line in wrap(str(text), _PLAIN_COLUMNS - 6))


def _markdown(page: Page) -> Iterator[str]:
    yield _block(page.title)
    if page.text:
        yield ""
        yield _marked(page.text)
    if page.facts:
        yield ""
        for label, text in page.facts:
            yield f"- **{label}**: {_inline(text)}"
    for heading, table in page.tables:
        yield f"\n**{heading}**\n"
        yield from tables.markdown(table)
    for heading, code in page.codes:
        yield f"\n**{_marked(heading)}**\n\n{_block(code)}"


def _html(page: Page) -> Iterator[str]:
    yield f"<pre><code>{escape(page.title)}</code></pre>"
    for paragraph in page.text.split("\n\n") if page.text else ():
        yield f"<p>{escape(paragraph).replace(chr(10), '<br>')}</p>"
    if page.facts:
        yield "<ul>"
        for label, text in page.facts:
            yield f"<li><b>{escape(label)}</b>: <code>{escape(text)}</code></li>"
        yield "</ul>"
    for heading, table in page.tables:
        yield f"<p><b>{escape(heading)}</b></p>"
        yield tables.html(table)
    for heading, code in page.codes:
        yield f"<p><b>{escape(heading)}</b></p>\n<pre><code>{escape(code)}</code></pre>"


def _block(code: str) -> str:
    """Return code between fences that are longer than any in it."""
    fence = "```"
    while fence in code:
        fence += "`"
    return f"{fence}lua\n{code}\n{fence}"


def _inline(text: str) -> str:
    """Return text as inline code, whatever backticks it has."""
    ticks = "`"
    while ticks in text:
        ticks += "`"
    gap = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{ticks}{gap}{text}{gap}{ticks}".replace("\n", " ")


def _marked(text: str) -> str:
    """Return text with nothing in it that Markdown or HTML would take for a mark."""
    return "".join("\\" + letter if letter in "\\`*_[]<>#|~" else letter for letter in text)
