"""What a tool gave, shown to a person: tables laid out, images named. In a pipe the tool's text stands as it is."""

from __future__ import annotations

from llmspell import output
from llmspell_tools import tables
from llmspell_tools.cells import harmless
from llmspell_tools.envelope import is_envelope

TYPE_CHECKING = False
if TYPE_CHECKING:
    from llmspell_tools.definition import ToolResult
    from llmspell_tools.media import Table


def as_tables(result: ToolResult, format: str) -> None:
    """Print a result as `--output table` or `markdown`: its media, else the table that its output makes."""
    found = tables.tables_of(result)
    images = [item for item in result.media if item.get("type") == "image"] if result.has_media else []
    if found or not images:
        output.tables(found or tables.of_value(result.output), format)
    for item in images:
        uri = tables.data_uri(item) if format == "markdown" else None
        named = tables.image_line(item)
        output.line(f"[{named}; --output json gives its data]" if uri is None else f"![{named}]({uri})")


def full_tables(result: ToolResult) -> list[Table]:
    """Return the tables that have rows; that there is nothing, the tool says better itself."""
    return [table for table in tables.tables_of(result) if table.rows]


def for_a_person(result: ToolResult) -> None:
    """Print a result with media on a terminal: what the tool says, then its tables and images."""
    found = full_tables(result)
    value = result.output
    message = value.get("message") if is_envelope(value) else None
    if not found:
        output.line(result.text)
    elif isinstance(message, str) and message:
        output.line("\n".join([harmless(part) for part in message.splitlines()]))
    output.tables(found, "table")
    for item in result.media:
        if item.get("type") == "image":
            output.line(f"[{tables.image_line(item)}; --output json gives its data]")
