"""The policy: the one place that decides what a call may do.

A policy is a frozen, JSON-able value that is built once and handed to engine, kernel, tools and workers.
It is a stack of layers, and what is asked must pass every one: the first is the person's (presets, their
config file, their flags), the others narrow it (a project's config file). A layer has
    ceiling     the highest level that may be called: safe < restricted < privileged, per operation
    allow       {read, write, net, run, env}: lists of rules; what no rule covers is refused
    deny        the same kinds; a deny rule always wins
    approvals   {annotation: allow | ask | deny}, see `llmspell_tools.policy_approvals`
    tools       the same four for one tool: its allow list of a kind stands instead of the general one,
                its deny rules are added, its ceiling is a further one

A refusal names the resource, the rule, where the rule came from and the flag that would allow it.
This module opens no file and no socket: `files` and `paths` resolve, this decides. It is on the lean start
path, so network, process and preset code is imported when first asked.
"""

from __future__ import annotations

from llmspell_tools.policy_rules import KINDS, PATH_KINDS, PathRules, Rule, absolute

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from llmspell_tools.types import JsonObject, JsonValue

    #: kind -> its rules
    RuleTable = dict[str, tuple[Rule, ...]]

#: Every level with its rank.
LEVELS: dict[str, int] = {"safe": 0, "restricted": 1, "privileged": 2}


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


class Policy:
    """What may be called and touched; frozen.

    Args:
        layers: At least one; all must agree. Made by `default`, `strict`, `from_json`, `with_rules`,
            `narrow`, not by hand.
    """

    __slots__ = ("_asks", "_capped", "_paths", "ceiling", "layers")

    layers: tuple[Layer, ...]
    ceiling: str
    _asks: bool
    _capped: bool
    _paths: dict[tuple[str, str], tuple[PathRules, ...]]

    def __init__(self, layers: Iterable[Layer]) -> None:
        kept = tuple(layers)
        ranks = [LEVELS[layer.general.ceiling or "safe"] for layer in kept]
        lowest = min(ranks)
        put = object.__setattr__
        put(self, "layers", kept)
        put(self, "ceiling", next(name for name, rank in LEVELS.items() if rank == lowest))
        capped = lowest < 2 or any(own.ceiling for layer in kept for own in layer.tools.values())
        put(self, "_capped", capped)
        asks = any(rules.approvals for layer in kept for rules in (layer.general, *layer.tools.values()))
        put(self, "_asks", asks)
        put(self, "_paths", {})

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a Policy is frozen: cannot set {name!r}")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Policy) and self.as_json() == other.as_json()

    def __hash__(self) -> int:
        return hash((self.ceiling, len(self.layers)))

    @classmethod
    def default(
        cls,
        *,
        cwd: str | None = None,
        script_dir: str | None = None,
        roots: Sequence[str] | None = None,
    ) -> Policy:
        """Return the policy of a person at their own shell.

        Args:
            cwd: The folder readable and writable beside the temporary one; default the current folder.
                `/` never counts.
            script_dir: Folder of the script that runs; readable.
            roots: Folders instead of ``cwd``, said on purpose (a daemon's `[policy] roots`).
        """
        from llmspell_tools.policy_presets import default_layer

        return cls((default_layer(cwd=cwd, script_dir=script_dir, roots=roots),))

    @classmethod
    def strict(cls) -> Policy:
        """Return the preset that allows no file, network, process or variable until a flag does."""
        from llmspell_tools.policy_presets import strict_layer

        return cls((strict_layer(),))

    @classmethod
    def from_json(cls, value: JsonValue, *, origin: str = "policy") -> Policy:
        """Build a policy from what `as_json` returns, or from one layer of it.

        Args:
            value: `{"layers": [...]}` or a layer `{ceiling, allow, deny, approvals, tools}`; rules are
                strings or `{value, origin}`.
            origin: Origin of rules that name none.

        Raises:
            ConfigurationError: A key, level, kind or type is not one of these.
        """
        from llmspell_tools.policy_json import layers_from_json

        return cls(layers_from_json(value, origin))

    def as_json(self) -> JsonObject:
        """Return the policy as plain JSON, for workers and `config show`."""
        from llmspell_tools.policy_json import layers_to_json

        return layers_to_json(self.layers)

    def with_rules(
        self,
        *,
        allow: Mapping[str, Iterable[str]] | None = None,
        deny: Mapping[str, Iterable[str]] | None = None,
        origin: str,
        base: str | None = None,
    ) -> Policy:
        """Return a policy with more rules: the person's own word, so they hold in every layer and tool.

        Args:
            allow: Values by kind: `{"read": ["/data"], "net": ["intranet:8080"]}`.
            deny: The same; deny wins over any allow.
            origin: Shown in refusals: `command line`, the config file's path.
            base: Folder that relative paths start from; default the current one.
        """
        more_allow = _rules(allow, origin, base)
        more_deny = _rules(deny, origin, base)
        return Policy(_with(layer, more_allow, more_deny) for layer in self.layers)

    def with_ceiling(self, ceiling: str, *, origin: str) -> Policy:
        """Return a policy whose first layer's ceiling is ``ceiling``; later layers may still be lower."""
        first = self.layers[0]
        general = first.general
        changed = Rules(ceiling, general.allow, general.deny, general.approvals, origin)
        return Policy((Layer(changed, first.tools), *self.layers[1:]))

    def narrow(self, other: Policy) -> Policy:
        """Return a policy that permits only what both permit (intersection; never wider than self)."""
        return Policy(self.layers + other.layers)

    def check_level(self, tool: str, operation: str | None, level: str) -> None:
        """Refuse a call above the ceiling.

        Args:
            tool: Canonical name.
            operation: For the message.
            level: Level of this operation: `safe`, `restricted` or `privileged`.

        Raises:
            PermissionDenied: A ceiling is lower.
        """
        if not self._capped:
            return
        rank = LEVELS[level]
        for layer in self.layers:
            for rules in layer.ceilings(tool):
                if rank > LEVELS[rules.ceiling or "safe"]:
                    from llmspell_tools.policy_denials import level_denied

                    raise level_denied(tool, operation, level, rules.ceiling or "safe", rules.origin)

    def check_annotations(
        self,
        tool: str,
        operation: str | None,
        annotations: Mapping[str, bool],
        ask: Callable[[str], bool] | None = None,
    ) -> None:
        """Allow, ask or refuse by what a tool says of itself.

        Args:
            tool: Canonical name.
            operation: For the question.
            annotations: `read_only`, `destructive`, `idempotent`, `open_world`; an absent one counts as in
                MCP: not read-only, destructive, not idempotent, open world.
            ask: The door's way to put a yes-or-no question; None where nobody can answer.

        Raises:
            PermissionDenied: Refused, answered with no, or nobody to ask (then it names `--yes`).
        """
        if self._asks:
            from llmspell_tools.policy_approvals import check

            check(self.layers, tool, operation, annotations, ask)

    def check_path(self, kind: str, path: str, tool: str, *, asked: str | None = None) -> None:
        """Refuse a path outside the roots or below a denied one.

        Args:
            kind: `read` or `write`.
            path: Absolute and canonical: no link, no `..` (what `paths.walk` found).
            tool: Canonical name, "" outside a tool.
            asked: The path as the caller wrote it, for the message.

        Raises:
            PermissionDenied: With resource, rule, origin and flag.
        """
        for rules in self._path_rules(kind, tool):
            if rules.denying(path) is not None or not rules.allows(path):
                from llmspell_tools.policy_denials import path_denied

                raise path_denied(self, kind, path, tool, asked or path)

    def check_move(self, path: str, tool: str, *, asked: str) -> None:
        """Refuse to move a folder from or to ``path`` when something denied lies or would lie below it."""
        for kind in PATH_KINDS:
            for rules in self._path_rules(kind, tool):
                rule = rules.denying_below(path)
                if rule is not None:
                    from llmspell_tools.policy_denials import rule_denied

                    raise rule_denied("write", asked, path, rule, verb="moving")

    def passable(self, kind: str, path: str, tool: str) -> bool:
        """Return whether a walk may look at ``path`` at all: inside the roots or on the way to one."""
        return all(rules.passable(path) and rules.denying(path) is None for rules in self._path_rules(kind, tool))

    def check_net(self, host: str, port: int, tool: str, addresses: Sequence[str] = ()) -> None:
        """Refuse a host, or the addresses that it resolved to.

        Call it with the name before resolving, and with every address found before connecting to one of
        them; a redirect is a new call.

        Args:
            host: As in the URL: a name or an address in any spelling.
            port: 1 to 65535.
            tool: Canonical name.
            addresses: What the name resolved to; all must be allowed.

        Raises:
            PermissionDenied: With resource, rule, origin and flag.
        """
        from llmspell_tools.policy_network import check

        check(self.layers, host, port, tool, addresses)

    def check_run(self, path: str, args: Sequence[str], tool: str) -> None:
        """Refuse a program, or its arguments where the rule that allows it has an option list.

        Args:
            path: Absolute path of the program.
            args: Its arguments, without the program's name.
            tool: Canonical name.

        Raises:
            PermissionDenied: With resource, rule, origin and flag.
        """
        from llmspell_tools.policy_commands import check

        check(self, path, args, tool)

    def check_env(self, name: str, tool: str) -> None:
        """Refuse an environment variable.

        Raises:
            PermissionDenied: With resource, rule, origin and flag.
        """
        from llmspell_tools.policy_environment import check

        check(self.layers, name, tool)

    def _path_rules(self, kind: str, tool: str) -> tuple[PathRules, ...]:
        key = (kind, tool)
        found = self._paths.get(key)
        if found is None:
            # Two threads may both compile; the results are equal, and the last one stays.
            found = tuple(PathRules(layer.allow(kind, tool), layer.deny(kind, tool)) for layer in self.layers)
            self._paths[key] = found
        return found


def _rules(values: Mapping[str, Iterable[str]] | None, origin: str, base: str | None) -> RuleTable:
    table: RuleTable = {}
    for kind, listed in (values or {}).items():
        if kind not in KINDS:
            raise ValueError(f"unknown kind of rule {kind!r}")
        made = (absolute(value, base) if kind in PATH_KINDS else value for value in listed)
        table[kind] = tuple(Rule(value, origin) for value in made)
    return table


def _with(layer: Layer, allow: RuleTable, deny: RuleTable) -> Layer:
    return Layer(
        _extended(layer.general, allow, deny, everywhere=True),
        {name: _extended(own, allow, deny, everywhere=False) for name, own in layer.tools.items()},
    )


def _extended(rules: Rules, allow: RuleTable, deny: RuleTable, *, everywhere: bool) -> Rules:
    more_allow = dict(rules.allow)
    for kind, added in allow.items():
        if everywhere or kind in rules.allow:
            more_allow[kind] = rules.allow.get(kind, ()) + added
    more_deny = dict(rules.deny)
    if everywhere:
        for kind, added in deny.items():
            more_deny[kind] = rules.deny.get(kind, ()) + added
    return Rules(rules.ceiling, more_allow, more_deny, rules.approvals, rules.origin)
