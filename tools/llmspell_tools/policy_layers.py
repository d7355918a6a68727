"""Layers of a policy: their shape, and how a person's rules, ceilings and approvals are added to them.

`Policy` stacks layers and asks them; this module only builds values. Nothing here decides.
"""

from __future__ import annotations

from llmspell_tools.errors import InvalidParameters
from llmspell_tools.policy_approvals import require_approval
from llmspell_tools.policy_rules import KINDS, LEVELS, PATH_KINDS, Rule, absolute

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    #: kind -> its rules
    RuleTable = dict[str, tuple[Rule, ...]]


class Rules:
    """Ceiling, lists and approvals of a layer or of one tool inside a layer.

    Args:
        ceiling: Highest level, None where nothing is said.
        allow: Rules by kind; for a tool, an absent kind means the general list.
        deny: Rules by kind.
        approvals: Annotation to `allow`, `ask` or `deny`.
        origin: Who set ceiling and approvals.
    """

    __slots__ = ("allow", "approvals", "ceiling", "deny", "origin")

    def __init__(
        self,
        ceiling: str | None,
        allow: RuleTable,
        deny: RuleTable,
        approvals: dict[str, str],
        origin: str,
    ) -> None:
        self.ceiling = ceiling
        self.allow = allow
        self.deny = deny
        self.approvals = approvals
        self.origin = origin


class Layer:
    """One layer of a policy: general rules and those of single tools (canonical names)."""

    __slots__ = ("general", "tools")

    def __init__(self, general: Rules, tools: dict[str, Rules]) -> None:
        self.general = general
        self.tools = tools

    def allow(self, kind: str, tool: str) -> tuple[Rule, ...]:
        """Return the allow rules of ``kind`` that hold for ``tool``."""
        own = self.tools.get(tool)
        if own is not None and kind in own.allow:
            return own.allow[kind]
        return self.general.allow.get(kind, ())

    def deny(self, kind: str, tool: str) -> tuple[Rule, ...]:
        """Return the deny rules of ``kind`` that hold for ``tool``."""
        own = self.tools.get(tool)
        rules = self.general.deny.get(kind, ())
        return rules if own is None else rules + own.deny.get(kind, ())

    def ceilings(self, tool: str) -> list[Rules]:
        """Return the rule sets whose ceiling holds for ``tool``."""
        own = self.tools.get(tool)
        return [self.general] if own is None or own.ceiling is None else [self.general, own]


def ready_rules(values: Mapping[str, Iterable[str]] | None, origin: str, base: str | None, *, deny: bool) -> RuleTable:
    """Return rules by kind from the values that a person wrote.

    Raises:
        InvalidParameters: An unknown kind, or a value that could never match.
    """
    table: RuleTable = {}
    for kind, listed in (values or {}).items():
        if kind not in KINDS:
            raise InvalidParameters(f"there are no {kind!r} rules; kinds: {', '.join(KINDS)}")
        table[kind] = tuple(Rule(_ready(kind, value, base, deny=deny), origin) for value in listed)
    return table


def with_rules(layer: Layer, allow: RuleTable, deny: RuleTable, tool: str | None) -> Layer:
    """Return the layer with more rules, for every tool or for one.

    General rules are added to the lists of single tools too. Rules for one tool start or extend that tool's
    own allow list, which stands instead of the general one.
    """
    if tool is not None:
        tool = tool.replace("_", "-")
        own = layer.tools.get(tool) or Rules(None, {}, {}, {}, layer.general.origin)
        return Layer(layer.general, {**layer.tools, tool: _extended(own, allow, deny)})
    tools = {
        name: _extended(own, {kind: rules for kind, rules in allow.items() if kind in own.allow}, {})
        for name, own in layer.tools.items()
    }
    return Layer(_extended(layer.general, allow, deny), tools)


def with_ceiling(layer: Layer, ceiling: str, origin: str, tool: str | None) -> Layer:
    """Return the layer with another ceiling, its general one or that of one tool.

    Raises:
        InvalidParameters: There is no such level.
    """
    if ceiling not in LEVELS:
        raise InvalidParameters(f"there is no level {ceiling!r}; levels: {', '.join(LEVELS)}")
    return _changed(layer, tool, lambda old: Rules(ceiling, old.allow, old.deny, old.approvals, origin))


def with_approvals(layer: Layer, approvals: Mapping[str, str], origin: str, tool: str | None) -> Layer:
    """Return the layer with more approvals; those said before stay unless said again.

    Raises:
        InvalidParameters: No such annotation or answer.
    """
    for key, answer in approvals.items():
        require_approval(key, answer)
    return _changed(
        layer, tool, lambda old: Rules(old.ceiling, old.allow, old.deny, {**old.approvals, **approvals}, origin)
    )


def _changed(layer: Layer, tool: str | None, change: Callable[[Rules], Rules]) -> Layer:
    if tool is None:
        return Layer(change(layer.general), layer.tools)
    tool = tool.replace("_", "-")
    own = layer.tools.get(tool) or Rules(None, {}, {}, {}, layer.general.origin)
    return Layer(layer.general, {**layer.tools, tool: change(own)})


def _extended(rules: Rules, allow: RuleTable, deny: RuleTable) -> Rules:
    more_allow = {**rules.allow, **{kind: rules.allow.get(kind, ()) + added for kind, added in allow.items()}}
    more_deny = {**rules.deny, **{kind: rules.deny.get(kind, ()) + added for kind, added in deny.items()}}
    return Rules(rules.ceiling, more_allow, more_deny, rules.approvals, rules.origin)


def _ready(kind: str, value: str, base: str | None, *, deny: bool) -> str:
    if not value:
        raise InvalidParameters(f"a rule for {kind} must not be empty")
    if kind in PATH_KINDS:
        return absolute(value, base)
    if kind == "net":
        from llmspell_tools.policy_network import require_rule

        require_rule(value)
    if kind == "run" and not deny:
        from llmspell_tools.policy_commands import program_path

        return program_path(value)
    return value
