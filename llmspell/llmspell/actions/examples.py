"""``tool test``: run the examples that a tool declares and say whether they hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmspell import assembly, output
from llmspell_tools.examples import run_examples

if TYPE_CHECKING:
    from llmspell.options import Options
    from llmspell_tools.types import JsonValue


def check_examples(options: Options, name: str, *, verbose: bool = False, format: str | None = None) -> int:
    """Run every example of a tool; 0 where all give what they promise, else 1."""
    registry = assembly.registry(options)
    tool = registry.get(name)
    style = options.format(format)
    results = run_examples(registry, tool)
    failed = [entry for entry in results if not entry["passed"]]
    if style != "text":
        rows: list[JsonValue] = [*results]
        output.json({"tool": tool.name, "passed": not failed, "examples": rows}, style)
    elif not results:
        output.line(f"? Tool '{tool.name}' declares no examples")
    else:
        for entry in results if verbose else failed:
            output.line(f"  {'ok' if entry['passed'] else 'FAILED'}: {entry['description']}")
            output.line(f"      {output.compact(entry.get('output', entry.get('error')))}")
        reason = f" failed: {len(failed)} of {len(results)} examples" if failed else " successful"
        output.line(f"{'✗' if failed else '✓'} Tool '{tool.name}' test{reason}")
    return 1 if failed else 0
