"""``tool test``: run the examples that tools declare and say whether they hold.

One tool is reported in the original's words. Several are reported a line each as they end, with their time, and a
last line that counts them. A tool whose library is missing is named with what installs it, and skipped.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from llmspell import assembly, output
from llmspell.actions.catalog import known_category
from llmspell.options import TABULAR
from llmspell_tools.errors import InvalidParameters
from llmspell_tools.examples import each_example
from llmspell_tools.registry import ToolRegistry

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from llmspell.client.script import Place
    from llmspell.client.tools import RemoteTools
    from llmspell.options import Options
    from llmspell_tools.definition import Tool
    from llmspell_tools.types import JsonObject, JsonValue

#: Of an example's output, this much is shown on a line of text.
_SHOWN_CHARS = 400


class Report:
    """What the examples of one tool gave.

    Args:
        tool: The tool.
        examples: What `each_example` yielded.
    """

    __slots__ = ("examples", "tool")

    def __init__(self, tool: Tool, examples: Sequence[JsonObject]) -> None:
        self.tool = tool
        self.examples = examples

    @property
    def failed(self) -> list[JsonObject]:
        """The examples that do not hold."""
        return [each for each in self.examples if not each["passed"] and not each.get("skipped")]

    @property
    def skipped(self) -> list[JsonObject]:
        """The examples that need what is not installed."""
        return [each for each in self.examples if each.get("skipped")]

    @property
    def status(self) -> str:
        """``failed``, ``skipped`` (nothing of it could run), ``empty`` (it declares no example) or ``ok``."""
        if self.failed:
            return "failed"
        if not self.examples:
            return "empty"
        return "skipped" if len(self.skipped) == len(self.examples) else "ok"

    @property
    def seconds(self) -> float:
        """What all of them took together."""
        return sum(float(str(each["duration_ms"])) for each in self.examples) / 1000

    @property
    def reason(self) -> str:
        """What is missing, for a person; empty where nothing is."""
        return str(_error(self.skipped[0]).get("message", "")) if self.skipped else ""

    def as_json(self) -> JsonObject:
        """Return the report as it is printed."""
        rows: list[JsonValue] = [*self.examples]
        return {"tool": self.tool.name, "passed": self.status in {"ok", "empty"}, "status": self.status,
                "duration_ms": self.seconds * 1000, "examples": rows}  # fmt: skip

    def as_row(self) -> JsonObject:
        """Return the report as a row of a table."""
        return {"tool": self.tool.name, "status": self.status, "examples": len(self.examples),
                "failed": len(self.failed), "duration_ms": round(self.seconds * 1000, 1)}  # fmt: skip


def check_examples(
    options: Options,
    names: Sequence[str],
    *,
    all_tools: bool = False,
    category: str | None = None,
    verbose: bool = False,
    format: str | None = None,
    connect: Place | None = None,
) -> int:
    """Run every example of the named tools, of a category or of all tools.

    Returns:
        0 where all of them hold or cannot run here, else 1.

    Raises:
        InvalidParameters: Neither names nor `all_tools` nor a category, or names with one of the others.
        ToolNotFound: No tool has one of the names; nothing was run.
    """
    if bool(names) == (all_tools or category is not None):
        raise InvalidParameters("name the tools to test, or --all (with --category NAME: all of a category)")
    with assembly.ToolsOf(options, connect) as registry:
        tools = [registry.get(name) for name in names] or registry.list(known_category(registry, category))
        style = options.format(format)
        reports = _reports(registry, tools)
        if names and len(tools) == 1:
            return _one(next(reports), style, verbose=verbose)
        return _several(reports, len(tools), style, verbose=verbose)


def _reports(registry: ToolRegistry | RemoteTools, tools: Sequence[Tool]) -> Iterator[Report]:
    for tool in tools:
        # What is no registry runs them itself: their files have to be where the tool is.
        examples = each_example(registry, tool) if isinstance(registry, ToolRegistry) else registry.examples(tool)
        shown, sys.stdout = sys.stdout, sys.stderr  # what somebody's tool prints is no part of the report
        try:
            report = Report(tool, [*examples])
        finally:
            sys.stdout = shown
        yield report


def _one(report: Report, style: str, *, verbose: bool) -> int:
    name, failed = report.tool.name, report.failed
    if style in TABULAR:
        columns = ("description", "passed", "duration_ms", "error")
        output.json([{name: each.get(name) for name in columns} for each in report.examples], style)
    elif style != "text":
        output.json(report.as_json(), style)
    elif report.status == "empty":
        output.line(f"? Tool '{name}' declares no examples")
    else:
        _show_examples(report.examples if verbose else failed)
        if failed:
            output.line(f"✗ Tool '{name}' test failed: {len(failed)} of {len(report.examples)} examples")
        elif report.status == "skipped":
            output.line(f"- Tool '{name}' skipped: {report.reason}")
        else:
            left_out = f" ({len(report.skipped)} skipped: {report.reason})" if report.skipped else ""
            output.line(f"✓ Tool '{name}' test successful{left_out}")
    return 1 if failed else 0


def _several(reports: Iterator[Report], count: int, style: str, *, verbose: bool) -> int:
    done: list[Report] = []
    try:
        for report in reports:
            done.append(report)
            if style == "text":
                _show(report, verbose=verbose)
            elif style == "jsonl":
                output.json(report.as_json(), style)
            sys.stdout.flush()  # a person watches, and another program may read line by line
    except KeyboardInterrupt:
        output.note(f"stopped after {len(done)} of {count} tools")
        raise
    if style == "text":
        output.line(_summary(done))
    elif style in TABULAR:
        output.json([report.as_row() for report in done], style)
    elif style != "jsonl":
        rows: list[JsonValue] = [report.as_json() for report in done]
        passed = not any(report.failed for report in done)
        output.json({"passed": passed, "counts": _counts(done), "tools": rows}, style)
    return 1 if any(report.failed for report in done) else 0


def _show(report: Report, *, verbose: bool) -> None:
    word = {"failed": "FAILED", "empty": "-"}.get(report.status, report.status)
    total, failed = len(report.examples), len(report.failed)
    if report.status == "skipped":
        facts = report.reason
    elif report.status == "empty":
        facts = "declares no examples"
    else:
        examples = "1 example" if total == 1 else f"{total} examples"
        facts = f"{report.seconds * 1000:6.0f} ms  " + (f"{failed} of {examples}" if failed else examples)
        if report.skipped:
            facts += f", {len(report.skipped)} skipped: {report.reason}"
    output.line(f"{word:<8}{report.tool.name:<22}{facts}")
    _show_examples(report.examples if verbose else report.failed)


def _show_examples(examples: Sequence[JsonObject]) -> None:
    for each in examples:
        word = "ok" if each["passed"] else "skipped" if each.get("skipped") else "FAILED"
        output.line(f"  {word}: {each['description']} ({float(str(each['duration_ms'])):.0f} ms)")
        if "expected" in each:
            output.line(f"      wanted {_short(each['expected'])}")
        error = _error(each)
        came = f"{error['code']}: {error['message']}" if error else _short(each.get("output"))
        output.line(f"      {'' if each['passed'] else 'got '}{came}")


def _error(example: JsonObject) -> JsonObject:
    error = example.get("error")
    return error if isinstance(error, dict) else {}


def _short(value: JsonValue) -> str:
    text = output.compact(value)
    return text if len(text) <= _SHOWN_CHARS else text[: _SHOWN_CHARS - 3] + "..."


def _counts(reports: Sequence[Report]) -> JsonObject:
    """Return how many tools ended how, and how many examples there are."""
    counts: JsonObject = {
        status: sum(1 for report in reports if report.status == status)
        for status in ("ok", "failed", "skipped", "empty")
    }
    return {"tools": len(reports), **counts, "examples": sum(len(report.examples) for report in reports)}


def _summary(reports: Sequence[Report]) -> str:
    counts = _counts(reports)
    seconds = sum(report.seconds for report in reports)
    parts = [f"{counts['ok']} ok", f"{counts['failed']} failed", f"{counts['skipped']} skipped"]
    if counts["empty"]:
        parts.append(f"{counts['empty']} without examples")
    return f"{counts['tools']} tools: {', '.join(parts)} ({counts['examples']} examples in {seconds:.1f} s)"
