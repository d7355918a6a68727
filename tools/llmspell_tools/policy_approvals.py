"""Allow, ask or deny by what a tool says of itself (the annotations of MCP 2025-06-18, `ToolAnnotations`).

The keys of a policy's approvals are the four annotations, which count when true, and the same with `not_`
before them, which count when false: `{"destructive": "ask", "not_read_only": "deny"}`. Of several that
count the strictest holds. The presets ask nothing.
"""

from __future__ import annotations

from llmspell_tools.errors import InvalidParameters, PermissionDenied

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from llmspell_tools.policy_layers import Layer, Rules

#: What a tool that says nothing is taken for: MCP's defaults, the cautious side.
ASSUMED = {"read_only": False, "destructive": True, "idempotent": False, "open_world": True}
#: Answers, mildest first.
ANSWERS = ("allow", "ask", "deny")
KEYS = (*ASSUMED, *(f"not_{name}" for name in ASSUMED))


def check(
    layers: Iterable[Layer],
    tool: str,
    operation: str | None,
    annotations: Mapping[str, bool],
    ask: Callable[[str], bool] | None,
) -> None:
    """Refuse or ask; see `Policy.check_annotations`."""
    what = f"{tool} {operation}" if operation else tool
    must_ask: tuple[str, str] | None = None
    for layer in layers:
        answer, key, origin = _strictest(layer, tool, annotations)
        if answer == "deny":
            raise _denied(what, key, origin)
        if answer == "ask" and must_ask is None:
            must_ask = (key, origin)
    if must_ask is None:
        return
    key, origin = must_ask
    says = key.replace("not_", "not ").replace("_", "-")
    if ask is None:
        raise _nobody_to_ask(what, says, key, origin)
    if not ask(f"Run '{what}'? It is {says}."):
        raise _refused(what, says, key, origin)


def require_approval(key: str, answer: str) -> None:
    """Refuse an approval that could never count.

    Raises:
        InvalidParameters: No such annotation or answer.
    """
    if key not in KEYS:
        raise InvalidParameters(f"there is no annotation {key!r} to approve; known: {', '.join(KEYS)}")
    if answer not in ANSWERS:
        raise InvalidParameters(f"{key} must be one of {', '.join(ANSWERS)}, not {answer!r}")


def counts(key: str, annotations: Mapping[str, bool]) -> bool:
    """Return whether an approval key applies to a tool with these annotations."""
    if key.startswith("not_"):
        return not counts(key[4:], annotations)
    return bool(annotations.get(key, ASSUMED[key]))


def _strictest(layer: Layer, tool: str, annotations: Mapping[str, bool]) -> tuple[str, str, str]:
    worst, why, origin = "allow", "", layer.general.origin
    own = layer.tools.get(tool)
    sets: tuple[Rules, ...] = (layer.general,) if own is None else (layer.general, own)
    for rules in sets:
        for key, answer in rules.approvals.items():
            if ANSWERS.index(answer) > ANSWERS.index(worst) and counts(key, annotations):
                worst, why, origin = answer, key, rules.origin
    return worst, why, origin


def _denied(what: str, key: str, origin: str) -> PermissionDenied:
    says = key.replace("not_", "not ").replace("_", "-")
    return PermissionDenied(
        f"calling '{what}' is not allowed: it is {says}, which the {origin} denies; no flag allows it",
        details=_details(what, f"{key} = deny", origin, None),
    )


def _nobody_to_ask(what: str, says: str, key: str, origin: str) -> PermissionDenied:
    return PermissionDenied(
        f"calling '{what}' needs a yes: it is {says}, which the {origin} asks about, and nobody can be asked "
        "here; answer beforehand with --yes",
        details=_details(what, f"{key} = ask", origin, "--yes"),
    )


def _refused(what: str, says: str, key: str, origin: str) -> PermissionDenied:
    return PermissionDenied(
        f"calling '{what}' was refused: it is {says}, and the answer was no; --yes answers yes beforehand",
        details=_details(what, f"{key} = ask", origin, "--yes"),
    )


def _details(what: str, rule: str, origin: str, flag: str | None) -> dict[str, str | None]:
    return {"resource": what, "kind": "annotation", "rule": rule, "origin": origin, "flag": flag}
