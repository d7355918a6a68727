"""citation-formatter: citations and reference lists from BibTeX or YAML in eight styles.

The styles are the CSL project's, applied by citeproc-py in a warm isolated child (`citation_worker.py`). As in the Rust
original the answer is an envelope in an envelope; where that one is a mock, this one formats.
"""

from __future__ import annotations

from llmspell_tools.builtin.sources import encoded, read_text, write_file
from llmspell_tools.definition import ToolContext, ToolResult, tool
from llmspell_tools.envelope import envelope
from llmspell_tools.errors import InvalidParameters
from llmspell_tools.isolated import Limits, WorkerPool
from llmspell_tools.jsontext import dumps
from llmspell_tools.media import table
from llmspell_tools.returns import envelope_schema, record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, Literal

    from llmspell_tools.types import JsonObject, JsonValue

_workers = WorkerPool("llmspell_tools.builtin.utility.citation_worker:run")
_CATEGORIES: dict[str, list[str]] = {
    "author_date": ["apa", "mla", "chicago-author-date", "harvard"],
    "numeric": ["ieee", "nature", "vancouver"],
    "note_bibliography": ["chicago-fullnote-bibliography"],
}
_BIBTEX = (
    "@article{doe2020, author={Doe, Jane}, title={On Things}, journal={Thing Studies}, year=2020, volume=12, "
    "pages={1--10}}"
)

_TABLES = {
    "format_citation": [
        *table("result.result.citations", "key", "citation", title="Citations"),
        *table("result.result.reference_list", "reference", title="References"),
    ],
    "validate_bibliography": table("result.result.validation_results", "key", "entry_type", "valid", "issues"),
}
_RESULTS = {
    "format_citation": record(
        {
            "style": "string", "format": "string", "citations": [record({"key": "string", "citation": "string"})],
            "reference_list": ["string"], "entry_count": "integer", "note": "string",
        }
    ),
    "validate_bibliography": record(
        {
            "format": "string", "total_entries": "integer", "valid_entries": "integer", "warnings": ["string"],
            "validation_results": [
                record({"key": "string", "valid": "boolean", "issues": ["string"], "entry_type": "string"})
            ],
            "is_valid": "boolean", "note": "string",
        }
    ),
    "list_styles": record(
        {
            "supported_styles": ["string"], "total_available": "integer", "note": "string",
            "categories": record({name: ["string"] for name in _CATEGORIES}),
        }
    ),
}  # fmt: skip


@tool(
    name="citation-formatter",
    category="utility",
    level="safe",
    parameter_aliases={"action": "operation", "bibliography": "input", "keys": "cite_keys", "file": "input_file"},
    annotations={"read_only": False, "destructive": False, "idempotent": True, "open_world": False},
    settings={
        "max_input_bytes": 5_000_000, "max_entries": 2_000, "timeout_s": 30, "max_memory_bytes": 1 << 30,
        "max_output_bytes": 20_000_000,
    },
    examples=(
        {
            "description": "Citation and reference from BibTeX",
            "params": {"operation": "format_citation", "input": _BIBTEX, "format": "bibtex", "style": "apa"},
            "result": {
                "result": {
                    "operation": "format_citation",
                    "result": {
                        "citations": [{"key": "doe2020", "citation": "(Doe, 2020)"}],
                        "reference_list": ["Doe, J. (2020). On Things. Thing Studies, 12, 1\u201310."],
                    },
                }
            },
        },
        {
            "description": "From YAML, numbered",
            "params": {
                "input": 'art:\n  type: book\n  title: The Art\n  author: "Knuth, Donald E."\n  date: 1997\n',
                "style": "ieee",
            },
            "result": {"result": {"result": {"citations": [{"key": "art", "citation": "[1]"}], "entry_count": 1}}},
        },
        {
            "description": "What an entry lacks",
            "params": {
                "operation": "validate_bibliography", "input": "@article{x, title={T}, year=2020}", "format": "bibtex",
            },
            "result": {"result": {"result": {"is_valid": False, "total_entries": 1, "valid_entries": 0}}},
        },
        {
            "description": "Which styles there are",
            "params": {"operation": "list_styles"},
            "result": {"result": {"result": {"total_available": 8}}},
        },
    ),
    returns=envelope_schema(
        {"citation_formatter_execute": envelope_schema({f"{name}?": shape for name, shape in _RESULTS.items()})}
    ),
)  # fmt: skip
def citation_formatter(
    context: ToolContext,
    *,
    operation: Literal["format_citation", "validate_bibliography", "list_styles"] = "format_citation",
    input: str | None = None,
    input_file: str | None = None,
    output_file: str | None = None,
    format: Literal["yaml", "bibtex"] | None = None,
    style: Literal[
        "apa", "mla", "chicago-author-date", "chicago-fullnote-bibliography", "harvard", "ieee", "nature", "vancouver"
    ] = "apa",
    cite_keys: str | list[str] | None = None,
) -> ToolResult:  # fmt: skip
    """Format citations and reference lists from BibTeX or YAML in the styles that journals ask for.

    Args:
        operation: What to do.
        input: The bibliography.
        input_file: Path of a file with the bibliography instead.
        output_file: Path of a file for the result, which is then not in the answer: the reference list as lines of
            text; of the other operations JSON.
        format: Which of the two it is, YAML as hayagriva or as CSL has it; by default bibtex for a file that ends in
            .bib, else yaml.
        style: Of the citations.
        cite_keys: Keys of the entries to cite, with commas or as an array; by default all.
    """
    if operation == "list_styles":
        listed = [name for names in _CATEGORIES.values() for name in names]
        result: JsonValue = {
            "supported_styles": [*sorted(listed)],
            "total_available": len(listed),
            "note": "styles of the Citation Style Language project, applied by citeproc-py",
            "categories": {name: [*names] for name, names in _CATEGORIES.items()},
        }
    else:
        keys = cite_keys.split(",") if isinstance(cite_keys, str) else (cite_keys or [])
        args: JsonObject = {
            "do": "format" if operation == "format_citation" else "validate",
            "format": format or ("bibtex" if (input_file or "").lower().endswith(".bib") else "yaml"),
            "style": style,
            "cite_keys": [key.strip() for key in keys if key.strip()],
        }
        if input is None and input_file is None:
            raise InvalidParameters("Missing required parameter 'input' (or 'input_file')", field="input")
        text = read_text(context, input, input_file, "max_input_bytes")
        result = _ask(context, args, encoded(text, "input"))
    return _answer(context, operation, result, output_file)


def _answer(context: ToolContext, operation: str, result: JsonValue, output_file: str | None) -> ToolResult:
    metadata: JsonObject = {"tool": "citation-formatter", "operation": operation}
    if output_file is None:
        inner = envelope(operation, result, None, metadata)
        return ToolResult(envelope("citation_formatter_execute", inner), media=_TABLES.get(operation))
    references = result["reference_list"] if operation == "format_citation" and isinstance(result, dict) else None
    lines = [str(line) for line in references] if isinstance(references, list) else [dumps(result, 2)]
    content = "".join(f"{line}\n" for line in lines).encode("utf-8")
    write_file(context, output_file, content)
    metadata.update(file_path=output_file, file_size=len(content))
    message = f"Wrote {len(content)} bytes to {output_file}"
    return ToolResult(envelope("citation_formatter_execute", envelope(operation, None, message, metadata)))


def _ask(context: ToolContext, args: JsonObject, data: bytes) -> JsonValue:
    settings: Mapping[str, Any] = context.settings
    limits = Limits(
        timeout_s=settings["timeout_s"],
        max_memory_bytes=settings["max_memory_bytes"],
        max_output_bytes=settings["max_output_bytes"],
    )
    return _workers.call(context, {**args, "max_entries": settings["max_entries"]}, data, limits)[0]
