"""``kernel list``: the kernels of this machine that run, for people and for editors that attach to them."""

from __future__ import annotations

from llmspell import kernels, layout, output
from llmspell.options import TABULAR

TYPE_CHECKING = False
if TYPE_CHECKING:
    from llmspell.options import Options

_COLUMNS = ("id", "pid", "cwd", "connection_file")


def list_kernels(options: Options, *, format: str | None = None) -> int:
    """Print every kernel that answers, newest first; 0 where there is none, too."""
    style = options.format(format)
    found = [kernel.as_json() for kernel in kernels.running()]
    if style in TABULAR:
        from llmspell_tools.tables import Table

        output.tables([Table(list(_COLUMNS), [[row[name] for name in _COLUMNS] for row in found])], style)
    elif style != "text":
        output.json(found, style)
    elif found:
        layout.columns([(str(row["id"]), str(row["pid"] or ""), str(row["cwd"] or "")) for row in found])
    else:
        output.note("No kernel runs. Start one: llmspell kernel start")
    return 0
