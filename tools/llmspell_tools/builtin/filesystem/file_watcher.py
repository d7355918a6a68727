"""file-watcher: wait until something happens to files, and tell what.

The system's own notices (inotify on Linux, through `watchfiles`) say that something happened; `watch_changes.py` tells
what. The call returns after the first burst of changes, when nothing has happened for `debounce_ms`, or when its time
is up, then with no events.
"""

from __future__ import annotations

from llmspell_tools.builtin.filesystem.watch_changes import Watched
from llmspell_tools.definition import ToolContext, ToolResult, tool
from llmspell_tools.envelope import envelope
from llmspell_tools.errors import InvalidParameters, ToolExecutionError
from llmspell_tools.media import table
from llmspell_tools.returns import envelope_schema, record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Annotated, Any, Literal

    from llmspell_tools.types import JsonObject

#: How long one look takes; a deadline or an interrupt is noticed after it.
_LOOK_MS = 50
_STEP_MS = 10
_KINDS = ("Create", "Modify", "Delete", "Rename", "Other")


@tool(
    name="file-watcher",
    category="filesystem",
    level="restricted",
    parameter_aliases={"action": "operation", "paths": "input", "path": "input"},
    requires={"watch": ("input",)},
    annotations={"read_only": True, "destructive": False, "idempotent": False, "open_world": False},
    settings={
        "max_events": 1000, "default_timeout_s": 300, "default_debounce_ms": 100, "max_paths": 100,
        "max_watched": 100_000,
    },
    examples=(
        {
            "description": "Wait up to a second for a change; nothing happens here",
            "files": {"inbox/a.txt": "a"},
            "params": {"operation": "watch", "input": ["{folder}/inbox"], "timeout_ms": 100, "pattern": "*.txt"},
            "result": {"operation": "watch", "success": True, "result": {"events": [], "event_count": 0}},
        },
        {
            "description": "The limits",
            "params": {"operation": "config"},
            "result": {
                "result": {"max_events": 1000, "default_timeout": 300, "default_debounce_ms": 100, "max_paths": 100}
            },
        },
    ),
    returns=envelope_schema(
        {
            "watch": record(
                {
                    "events": [
                        record(
                            {
                                "event_type": {"type": "string", "enum": [*_KINDS]},
                                "path": "string", "old_path": ("string", "null"), "timestamp": "string",
                            }
                        )
                    ],
                    "event_count": "integer",
                }
            ),
            "config": record(
                {
                    "max_events": "integer", "default_timeout": "number", "default_debounce_ms": "integer",
                    "max_paths": "integer",
                }
            ),
        }
    ),
)  # fmt: skip
def file_watcher(
    context: ToolContext,
    *,
    operation: Literal["watch", "config"],
    input: list[str] | str | None = None,
    recursive: bool = True,
    pattern: str | None = None,
    debounce_ms: Annotated[int | None, {"minimum": 0, "maximum": 60_000}] = None,
    timeout_seconds: Annotated[float | None, {"minimum": 0}] = None,
    timeout_ms: Annotated[float | None, {"minimum": 0}] = None,
    max_events: Annotated[int | None, {"minimum": 1}] = None,
) -> JsonObject | ToolResult:
    """Wait until something happens to files or folders, and tell what.

    Args:
        operation: watch waits, config tells the limits.
        input: Files and folders to watch.
        recursive: Watch the folders below, too.
        pattern: Only names that match this glob.
        debounce_ms: How long nothing must happen until a burst counts as over; by default 100.
        timeout_seconds: How long to wait at most; by default 300.
        timeout_ms: The same in milliseconds, rounded up to seconds; wins over timeout_seconds.
        max_events: Give at most so many events; by default 1000.
    """
    settings: Mapping[str, Any] = context.settings
    if operation == "config":
        return envelope(
            "config",
            {
                "max_events": settings["max_events"],
                "default_timeout": settings["default_timeout_s"],
                "default_debounce_ms": settings["default_debounce_ms"],
                "max_paths": settings["max_paths"],
            },
        )
    paths = [input] if isinstance(input, str) else (input or [])
    if not 1 <= len(paths) <= settings["max_paths"]:
        raise InvalidParameters(
            f"parameter 'input' has {len(paths)} paths; 1 to {settings['max_paths']} can be watched", field="input"
        )
    wait_s = settings["default_timeout_s"] if timeout_seconds is None else timeout_seconds
    if timeout_ms is not None:
        wait_s = -(-timeout_ms // 1000)
    debounce_s = (settings["default_debounce_ms"] if debounce_ms is None else debounce_ms) / 1000.0
    most = settings["max_events"] if max_events is None else max_events
    watched = Watched(context, paths, recursive=recursive, pattern=pattern)
    events = _wait(context, watched, recursive=recursive, wait_s=wait_s, debounce_s=debounce_s, most=most)
    message = f"{len(events)} events" if events else "Nothing happened"
    response = envelope("watch", {"events": [*events], "event_count": len(events)}, message)
    return ToolResult(response, media=table("result.events", "event_type", "path", "timestamp"))


def _wait(
    context: ToolContext, watched: Watched, *, recursive: bool, wait_s: float, debounce_s: float, most: int
) -> list[JsonObject]:
    """Return the events of the first burst, at most ``most``; none when the time is up."""
    from datetime import UTC, datetime
    from time import monotonic

    deadline = monotonic() + wait_s
    events: list[JsonObject] = []
    last = 0.0
    looks = _looks(watched.real_paths, recursive=recursive)
    try:
        for touched in looks:
            context.check()
            new = watched.events(touched, datetime.now(UTC).isoformat()) if touched else []
            now = monotonic()
            if wait_s and touched is not None:
                context.progress(wait_s - (deadline - now), wait_s, f"watching, {len(events)} events")
            if new:
                events += new
                last = now
                if len(events) >= most:
                    return events[:most]
            elif touched is None:
                context.progress(0, None, "watching")  # from here on nothing is missed
            if now >= deadline or (events and now - last >= debounce_s):
                return events
    finally:
        looks.close()  # type: ignore[attr-defined]  # a generator
    return events


def _looks(paths: list[str], *, recursive: bool) -> Iterator[list[str] | None]:
    """Give what was touched since the last look, nothing when nothing was; None once the watch stands."""
    try:
        from watchfiles import watch
    except ImportError:
        from llmspell_tools.errors import ToolUnavailable

        raise ToolUnavailable("file-watcher needs watchfiles; install it with: pip install watchfiles") from None
    first = True
    try:
        for changes in watch(
            *paths,
            watch_filter=None,
            debounce=_LOOK_MS,
            step=_STEP_MS,
            rust_timeout=_LOOK_MS,
            yield_on_timeout=True,
            recursive=recursive,
        ):
            if first:
                first = False
                yield None
            yield [path for _, path in sorted(changes, key=lambda change: change[1])]
    except OSError as error:
        raise ToolExecutionError(
            f"cannot watch: {error} (Linux: see fs.inotify.max_user_watches)", details={"errno": error.errno}
        ) from error
