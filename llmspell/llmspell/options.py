"""What a command line says beside the command itself: output format, configuration, logging, policy.

A plain value that both ways of reading argv (the lean path and click) fill in, and every action takes; it knows
neither of them. On the lean path, so no imports.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

#: The formats of the global ``--output``.
FORMATS = ("text", "table", "markdown", "json", "pretty", "jsonl")
#: Those that lay a value out as tables, for people.
TABULAR = ("table", "markdown")
#: Those for programs: what is printed is JSON and nothing else, errors too.
JSON_FORMATS = ("json", "pretty", "jsonl")
#: What ``--trace`` takes, least first; ``off`` still lets errors through, as the original does.
TRACE_LEVELS = ("off", "error", "warn", "info", "debug", "trace")
#: The kinds of things that ``--allow-KIND`` and ``--deny-KIND`` speak of.
POLICY_KINDS = ("read", "write", "net", "run", "env")


class Options:
    """The global options of one command line.

    Args:
        output: One of `FORMATS`, or None where the command line does not say.
        config: Path of the one configuration file to read instead of those that are found.
        profile: Name of a built-in set of settings.
        trace: One of `TRACE_LEVELS`, or None.
        policy: ``strict`` or the path of a policy file.
        rules: ``(flag, value)`` pairs as written, `("--allow-read", "/data")` or `("--ceiling", "safe")`, in order.
        yes: True where ``--yes`` answers every question of the policy.
        quiet: True where only data and errors are wanted: no progress, no hints.
        tools_dirs: Folders of the user's own tools, from ``--tools-dir``.
    """

    __slots__ = ("config", "output", "policy", "profile", "quiet", "rules", "tools_dirs", "trace", "yes")

    def __init__(
        self,
        *,
        output: str | None = None,
        config: str | None = None,
        profile: str | None = None,
        trace: str | None = None,
        policy: str | None = None,
        rules: Sequence[tuple[str, str]] = (),
        yes: bool = False,
        quiet: bool = False,
        tools_dirs: Sequence[str] = (),
    ) -> None:
        self.output = output
        self.config = config
        self.profile = profile
        self.trace = trace
        self.policy = policy
        self.rules = tuple(rules)
        self.yes = yes
        self.quiet = quiet
        self.tools_dirs = tuple(tools_dirs)

    def format(self, own: str | None = None, default: str = "text") -> str:
        """Return the format to write in: the command's own ``--format``, else ``--output``, else `default`."""
        return own or self.output or default

    @property
    def shows_tracebacks(self) -> bool:
        """True where the user asked to see where an error came from."""
        return self.trace in {"debug", "trace"}
