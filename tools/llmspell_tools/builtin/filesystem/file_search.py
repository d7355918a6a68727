"""file-search: find a text or a regular expression in the files of a folder, with the lines around each hit.

Literal patterns are looked for in the bytes of whole files, and only lines with a hit are decoded; regular expressions
run in a warm isolated child (`file_search_worker.py`), since one that backtracks for ever cannot be stopped otherwise.
Links are not followed, binary files and files over the size limit are skipped and listed with the reason.

A hit lies within one line. Without `include_extensions` the usual text files are searched (the setting
`default_extensions`), as in the Rust original; `include_extensions: "*"` means every file.
"""

from __future__ import annotations

from llmspell_tools.builtin.filesystem.search_hits import Hits
from llmspell_tools.builtin.filesystem.search_reading import Sources
from llmspell_tools.definition import ToolContext, ToolResult, tool
from llmspell_tools.envelope import envelope
from llmspell_tools.errors import InvalidParameters, LimitExceeded
from llmspell_tools.isolated import Limits, WorkerPool
from llmspell_tools.media import table
from llmspell_tools.returns import envelope_schema, record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Annotated, Any

    from llmspell_tools.types import JsonObject

    Spans = list[tuple[int, int]]

_workers = WorkerPool("llmspell_tools.builtin.filesystem.file_search_worker:run")
#: What goes to the child at once.
_BATCH_BYTES = 4 << 20
_BATCH_FILES = 512
#: After so many files the door is told how far the search is.
_TELL_EVERY = 64
#: From here on a file is searched by the needle's rarest byte first.
_LARGE_BYTES = 1 << 14
#: Bytes of texts and programs, the rarest first; one that is not here is rarer still.
_COMMON = b"QXZJ~^@`%$#&?!|\\VKYWqG+HUFBOjMDPLNRCIATES9876543*<>[]{}'z;\"210/:=x-().,_kvwbygpfmhudclrsnaoite\r\t\n "

_RESULT = record(
    {
        "matches": [
            record(
                {
                    "file_path": "string", "line_number": "integer", "column_number": "integer",
                    "line_content": "string", "matched_text": "string", "context_before": ["string"],
                    "context_after": ["string"],
                }
            )
        ],
        "summary": record(
            {
                "total_matches": "integer", "files_searched": "integer", "files_skipped": "integer",
                "has_matches": "boolean", "truncated?": "boolean",
            }
        ),
        "skipped_files": [record({"file_path": "string", "reason": "string"})],
    }
)  # fmt: skip


@tool(
    name="file-search",
    category="filesystem",
    level="restricted",
    parameter_aliases={"query": "pattern", "directory": "path", "folder": "path"},
    annotations={"read_only": True, "destructive": False, "idempotent": True, "open_world": False},
    settings={
        "max_results": 1000, "max_output_chars": 10_000_000, "max_line_chars": 1000, "max_listed_skipped": 1000,
        "max_pattern_chars": 10_000, "timeout_s": 10, "max_memory_bytes": 512 << 20, "max_output_bytes": 50_000_000,
        "default_extensions": [
            "txt", "md", "rst", "log", "csv", "tsv", "json", "jsonl", "xml", "html", "htm", "css", "yaml", "yml",
            "toml", "ini", "cfg", "conf", "sh", "py", "lua", "rs", "js", "ts", "jsx", "tsx", "java", "c", "h", "cpp",
            "hpp", "go", "rb", "php", "sql",
        ],
    },
    examples=(
        {
            "description": "Look for a text in a folder and those below it",
            "files": {"notes/plan.md": "# Plan\n\nTo-do: write\n", "notes/deep/more.txt": "nothing\n"},
            "params": {"pattern": "write", "path": "{folder}/notes", "recursive": True},
            "result": {
                "message": "Found 1 matches across 2 files. Search pattern: 'write'",
                "result": {"summary": {"total_matches": 1, "files_searched": 2}},
            },
        },
        {
            "description": "A regular expression, whatever the case, in Markdown files",
            "params": {
                "pattern": "to-?do", "path": "{folder}/notes", "use_regex": True, "case_sensitive": False,
                "context_lines": 0, "include_extensions": ["md"],
            },
            "result": {
                "result": {
                    "matches": [
                        {
                            "file_path": "{folder}/notes/plan.md", "line_number": 3, "column_number": 1,
                            "line_content": "To-do: write", "matched_text": "To-do",
                        }
                    ]
                }
            },
        },
    ),
    returns=envelope_schema({"search": _RESULT}),
)  # fmt: skip
def file_search(
    context: ToolContext,
    *,
    pattern: Annotated[str, {"minLength": 1}],
    path: str,
    recursive: bool = False,
    case_sensitive: bool = True,
    use_regex: bool = False,
    context_lines: Annotated[int, {"minimum": 0, "maximum": 50}] = 2,
    include_extensions: list[str] | str | None = None,
    exclude_extensions: list[str] | str | None = None,
    exclude_dirs: list[str] | str | None = None,
    max_file_size: Annotated[int, {"minimum": 0}] = 10_485_760,
    max_matches_per_file: Annotated[int, {"minimum": 0}] = 0,
    max_depth: Annotated[int, {"minimum": 1, "maximum": 100}] = 20,
) -> ToolResult:
    """Find a text or a regular expression in a file or in the files of a folder.

    Args:
        pattern: What to look for; a Python regular expression with use_regex.
        path: A file, or a folder to search.
        recursive: Search the folders below, too.
        case_sensitive: Whether upper and lower case differ.
        use_regex: Read the pattern as a regular expression, applied to each line.
        context_lines: Lines to give before and after each hit.
        include_extensions: Only files that end so, as an array or with commas; "*" for all. By default the usual text
            files.
        exclude_extensions: No files that end so.
        exclude_dirs: Names of folders not to go into.
        max_file_size: Skip larger files; bytes.
        max_matches_per_file: Stop in a file after so many hits; 0 for no limit.
        max_depth: How many folders deep to go.
    """
    settings: Mapping[str, Any] = context.settings
    _check_pattern(pattern, settings)
    sources = Sources(
        context,
        path,
        depth=max_depth if recursive else 1,
        recursive=recursive,
        include=_names(include_extensions, "extension") or [*settings["default_extensions"]],
        exclude=_names(exclude_extensions, "extension"),
        without=_names(exclude_dirs, "folder"),
        max_bytes=max_file_size,
    )
    hits = Hits(context, pattern, context_lines, max_matches_per_file)
    search = _Search(context, sources, hits)
    if use_regex:
        search.in_batches(pattern, case_sensitive=case_sensitive)
    else:
        search.one_by_one(_literal(pattern, case_sensitive=case_sensitive))
    return _answer(pattern, sources, hits)


class _Search:
    """Brings files and matcher together."""

    __slots__ = ("_context", "_hits", "_sources")

    def __init__(self, context: ToolContext, sources: Sources, hits: Hits) -> None:
        self._context = context
        self._sources = sources
        self._hits = hits

    def one_by_one(self, find: Callable[[bytes, int], Spans]) -> None:
        check, hits = self._context.check, self._hits
        most = hits.most_in_a_file()
        for count, (folder, name, content) in enumerate(self._sources.contents()):
            check()
            if not count % _TELL_EVERY:
                self._tell()
            if spans := find(content, most):
                hits.add(self._sources.shown(folder, name), content, spans)
                most = hits.most_in_a_file()
                if hits.is_full:
                    return

    def in_batches(self, pattern: str, *, case_sensitive: bool) -> None:
        names: list[str] = []
        contents: list[bytes] = []
        size = 0
        call: JsonObject = {"pattern": pattern, "case_sensitive": case_sensitive}
        self._ask(call, [], [])  # a wrong expression is told whatever files there are
        for folder, name, content in self._sources.contents():
            self._context.check()
            names.append(self._sources.shown(folder, name))
            contents.append(content)
            size += len(content)
            if size >= _BATCH_BYTES or len(names) >= _BATCH_FILES:
                self._ask(call, names, contents)
                names, contents, size = [], [], 0
                if self._hits.is_full:
                    return
        if names:
            self._ask(call, names, contents)

    def _tell(self) -> None:
        self._context.progress(self._sources.searched, None, f"files searched, {len(self._hits.found)} matches")

    def _ask(self, call: JsonObject, names: list[str], contents: list[bytes]) -> None:
        self._tell()
        settings: Mapping[str, Any] = self._context.settings
        limits = Limits(
            timeout_s=settings["timeout_s"],
            max_memory_bytes=settings["max_memory_bytes"],
            max_output_bytes=settings["max_output_bytes"],
        )
        args: JsonObject = {
            **call,
            "most": self._hits.most_in_a_file(),
            "sizes": [len(content) for content in contents],
        }
        answer: Any = _workers.call(self._context, args, b"".join(contents), limits)[0]
        for name, content, spans in zip(names, contents, answer, strict=True):
            if spans and not self._hits.is_full:
                self._hits.add(name, content, [(start, end) for start, end in spans])


def _literal(pattern: str, *, case_sensitive: bool) -> Callable[[bytes, int], Spans]:
    """Return a function from bytes and the most hits wanted to byte spans."""
    if not case_sensitive and not pattern.isascii():
        from llmspell_tools.builtin.filesystem.file_search_worker import compiled, spans_in

        expression = compiled(pattern, ignore_case=True, literal=True)  # cannot backtrack
        return lambda content, most: spans_in(expression, content, most)
    needle = pattern.encode() if case_sensitive else pattern.lower().encode()
    width = len(needle)
    first = _first_by_rare_byte(needle)

    def find(content: bytes, most: int) -> Spans:
        at = content.find(needle) if len(content) < _LARGE_BYTES else first(content)
        if at < 0:
            return []
        spans: Spans = []
        while at >= 0 and len(spans) < most:
            spans.append((at, at + width))
            at = content.find(needle, at + width)
        return spans

    return find if case_sensitive else lambda content, most: find(content.lower(), most)


def _first_by_rare_byte(needle: bytes) -> Callable[[bytes], int]:
    """Return a function that finds the first hit, fast where a byte of the needle is rare in the content.

    `bytes.find` looks for one byte several times as fast as for more (memchr), so the byte that is rarest in texts goes
    first; where it comes up too often after all, the plain search takes over.
    """
    offset = min(range(len(needle)), key=lambda at: (_COMMON.find(needle[at]), -at))
    rare = needle[offset : offset + 1]

    def first(content: bytes) -> int:
        at = content.find(rare, offset)
        for _ in range(len(content) >> 10):
            if at < 0:
                return -1
            if content.startswith(needle, at - offset):
                return at - offset
            at = content.find(rare, at + 1)
        return content.find(needle, max(0, at - offset)) if at >= 0 else -1

    return first


def _check_pattern(pattern: str, settings: Mapping[str, Any]) -> None:
    most = settings["max_pattern_chars"]
    if len(pattern) > most:
        raise LimitExceeded(
            f"the pattern has {len(pattern)} characters, more than [tools.file_search] max_pattern_chars = {most}",
            details={"key": "[tools.file_search] max_pattern_chars", "limit": most, "actual": len(pattern)},
        )
    if "\n" in pattern or "\r" in pattern:
        raise InvalidParameters("parameter 'pattern' has a line break; a hit lies within one line", field="pattern")
    try:
        pattern.encode()
    except UnicodeEncodeError:
        raise InvalidParameters("parameter 'pattern' has half a surrogate pair", field="pattern") from None


def _names(given: list[str] | str | None, what: str) -> list[str]:
    if given is None:
        return []
    listed = given.split(",") if isinstance(given, str) else given
    names = [name.strip() for name in listed]
    if what == "extension":
        names = [name.removeprefix("*.").removeprefix(".").lower() for name in names]
    return [name for name in names if name]


def _answer(pattern: str, sources: Sources, hits: Hits) -> ToolResult:
    count, searched = len(hits.found), sources.searched
    if count:
        text = f"Found {count} matches across {searched} files. Search pattern: '{pattern}'"
    else:
        text = f"No matches found in {searched} files searched. Search pattern: '{pattern}'"
    summary: JsonObject = {
        "total_matches": count,
        "files_searched": searched,
        "files_skipped": sources.skipped_count,
        "has_matches": count > 0,
    }
    if hits.is_full:
        summary["truncated"] = True
    response = envelope(
        "search", {"matches": [*hits.found], "summary": summary, "skipped_files": [*sources.skipped]}, text
    )
    return ToolResult(
        response,
        text=text,
        media=table("result.matches", "file_path", "line_number", "line_content"),
        metadata={"operation": "search", "response": response},
    )
