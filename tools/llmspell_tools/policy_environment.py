"""Which environment variables may be read.

A rule is a name, a name with `*` at its end, or `standard` (the harmless names below). A wildcard never
covers a name that looks like a secret; only the exact name does, since a person wrote it on purpose. Names
and patterns are those of the original's environment-reader (surface 4.6).
"""

from __future__ import annotations

import os

from llmspell_tools.errors import InvalidParameters
from llmspell_tools.policy_denials import denied, rule_denied

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from llmspell_tools.policy_layers import Layer
    from llmspell_tools.policy_rules import Rule

STANDARD = (
    "PATH", "HOME", "USER", "SHELL", "TERM", "LANG", "LC_*", "TZ", "TMPDIR", "TEMP", "PWD", "OLDPWD",
)  # fmt: skip
SECRET_WORDS = ("PASSWORD", "PASSWD", "SECRET", "KEY", "TOKEN", "CREDENTIAL", "AUTH", "_PRIVATE_")
_LONGEST_NAME = 256
SECRET_STARTS = ("AWS_", "AZURE_", "GCP_", "SSH_", "API_")


def check(layers: Iterable[Layer], name: str, tool: str) -> None:
    """Refuse a variable; see `Policy.check_env`."""
    if not name or "=" in name or "\0" in name or len(name) > _LONGEST_NAME:
        raise InvalidParameters(f"{name[:100]!r} cannot be the name of an environment variable")
    for layer in layers:
        for rule in layer.deny("env", tool):
            if _denies(rule, name):
                raise rule_denied("env", name, name, rule)
    for layer in layers:
        allow = layer.allow("env", tool)
        if not any(covers(rule, name) for rule in allow):
            secret = looks_secret(name)
            listed = ", ".join(rule.value for rule in allow) or "none"
            reason = "its name looks like a secret's" if secret else f"only these are: {listed}"
            raise denied(
                "env",
                name,
                f"{reason} ({layer.general.origin})",
                rule=f"allow env {listed}",
                origin=layer.general.origin,
                allow=name,
                verb="reading the variable",
            )


def looks_secret(name: str) -> bool:
    """Return whether a variable's name is of the kind that holds passwords, keys or tokens."""
    upper = name.upper()
    return upper.startswith(SECRET_STARTS) or any(word in upper for word in SECRET_WORDS)


def covers(rule: Rule, name: str) -> bool:
    """Return whether an allow rule covers ``name``."""
    if rule.value == name or (os.name == "nt" and rule.value.upper() == name.upper()):
        return True
    if looks_secret(name):
        return False
    patterns = STANDARD if rule.value == "standard" else (rule.value,)
    return any(_matches(pattern, name) for pattern in patterns)


def _denies(rule: Rule, name: str) -> bool:
    return _matches(rule.value.upper(), name.upper())


def _matches(pattern: str, name: str) -> bool:
    return name.startswith(pattern[:-1]) if pattern.endswith("*") else name == pattern
