"""Logging: which level, from where, to stderr.

``--trace`` > `LLMSPELL_LOG` > `RUST_LOG` > `[logging] level` > warn. A level is one of off, error, warn, info, debug,
trace; the two variables and the configuration also take directives, as the original's `RUST_LOG` does:
`llmspell=debug,info` is info in general and debug for our own rooms, `llmspell_kernel::dispatch=trace` one module.
Without any of them `logging` is not even imported.
"""

from __future__ import annotations

import logging
import os
import sys

from llmspell_tools.envelope import is_failure
from llmspell_tools.errors import ConfigurationError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from llmspell_tools.definition import Tool, ToolResult
    from llmspell_tools.errors import LlmspellError
    from llmspell_tools.registry import ToolRegistry
    from llmspell_tools.types import JsonValue

#: Below DEBUG: wire frames and the like.
TRACE = 5
#: `off` lets errors through, as the original does.
LEVELS = {
    "off": logging.ERROR, "error": logging.ERROR, "warn": logging.WARNING, "warning": logging.WARNING,
    "info": logging.INFO, "debug": logging.DEBUG, "trace": TRACE,
}  # fmt: skip
#: The directive `llmspell` speaks of all rooms.
_ROOMS = ("llmspell", "llmspell_kernel", "llmspell_tools")
_calls = logging.getLogger("llmspell_tools.calls")
_FORMAT = "%(asctime)s %(levelname)-5s %(name)s: %(message)s"


def configure(trace: str | None, configured: str | None = None) -> None:
    """Set logging up for this process; called again it starts over.

    Args:
        trace: The value of ``--trace``.
        configured: The value of `logging.level` in the configuration.

    Raises:
        ConfigurationError: A directive is wrong.
    """
    text, origin = "warn", "default"
    candidates = (
        (trace, "--trace"),
        (os.environ.get("LLMSPELL_LOG"), "LLMSPELL_LOG"),
        (os.environ.get("RUST_LOG"), "RUST_LOG"),
        (configured, "logging.level"),
    )
    for value, source in candidates:
        if value:
            text, origin = value, source
            break
    levels = parse(text, origin)
    logging.addLevelName(TRACE, "TRACE")
    logging.addLevelName(logging.WARNING, "WARN")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter(_FORMAT))
    logging.basicConfig(level=levels.pop("", logging.WARNING), handlers=[handler], force=True)
    for name, level in levels.items():
        for target in _ROOMS if name == "llmspell" else (name,):
            logging.getLogger(target).setLevel(level)


def follow(registry: ToolRegistry, files: Sequence[str]) -> None:
    """Log what a run does: at debug its configuration and the begin of each tool call, at info how each call ended.

    Parameters are logged by name only: their values may be secrets, or megabytes.
    """
    if not _calls.isEnabledFor(logging.INFO):
        return
    _calls.debug("configuration: %s", ", ".join(files) or "the defaults")
    _calls.debug("ceiling: %s", registry.policy.ceiling)
    registry.chain.before.append(_log_begin)
    registry.chain.after.append(_log_end)


def _log_begin(tool: Tool, parameters: Mapping[str, JsonValue]) -> Mapping[str, JsonValue]:
    _calls.debug("%s begins with %s", tool.name, ", ".join(parameters) or "no parameters")
    return parameters


def _log_end(tool: Tool, _: object, result: ToolResult | None, error: LlmspellError | None) -> None:
    if error is not None:
        _calls.info("%s failed: %s: %s", tool.name, error.code, error.message)
    elif result is not None and is_failure(result.output):
        _calls.info("%s ended with a failure", tool.name)
    else:
        _calls.info("%s done", tool.name)


def parse(text: str, origin: str = "directives") -> dict[str, int]:
    """Return levels by logger name, "" for all others: `llmspell=debug,info` → `{"llmspell": 10, "": 20}`.

    Raises:
        ConfigurationError: A part is neither a level nor `name=level`.
    """
    found: dict[str, int] = {}
    for part in text.split(","):
        name, equals, level = part.strip().rpartition("=")
        if not equals and level and level.lower() not in LEVELS:
            name, level = level, "trace"  # a bare target means everything of it
            if not all(letter.isalnum() or letter in "_:.-" for letter in name):
                level = ""
        if level.lower() not in LEVELS:
            if not part.strip():
                continue
            known = ", ".join(name for name in LEVELS if name != "warning")
            raise ConfigurationError(f"{origin}: '{part.strip()}' is no level and no name=level; levels: {known}")
        found[name.strip().replace("::", ".")] = LEVELS[level.lower()]
    return found
