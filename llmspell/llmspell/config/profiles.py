"""``--profile NAME``: the built-in sets of settings.

The original's other profiles set up providers, memory, databases and the like, which are not here yet: naming one
says so instead of doing half of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmspell_tools.errors import ConfigurationError
from llmspell_tools.nearest import did_you_mean

if TYPE_CHECKING:
    from llmspell_tools.types import JsonValue

PROFILES: dict[str, dict[str, JsonValue]] = {
    "default": {},
    # As the original's: the tools and nothing around them. There is nothing around them to leave out yet.
    "minimal": {},
    "development": {"logging.level": "debug"},
}
#: The original's, for what is not here yet.
_LATER = (
    "providers", "state", "sessions", "ollama", "candle", "memory", "rag-dev", "rag-prod", "rag-perf",
    "postgres-prod", "daemon-dev", "daemon-prod", "gemini-prod", "openai-prod", "claude-prod", "full-local-ollama",
    "research",
)  # fmt: skip


def profile_values(name: str) -> dict[str, JsonValue]:
    """Return the values of a profile by dotted key.

    Raises:
        ConfigurationError: There is none of that name.
    """
    if name in PROFILES:
        return dict(PROFILES[name])
    known = ", ".join(sorted(PROFILES))
    if name in _LATER:
        raise ConfigurationError(f"profile '{name}' is not available yet; there are: {known}", exit_status=2)
    raise ConfigurationError(f"no profile '{name}' (there are: {known}){did_you_mean(name, PROFILES)}", exit_status=2)
