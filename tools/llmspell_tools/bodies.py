"""Parameters as a text of many lines: a JSON object, or YAML; what stands in a `%%tool` cell or a parameter file.

YAML is read by its core schema (YAML 1.2.2, 10.3): `yes`, `12:30` and `2012-01-01` are texts, as JSON has nothing else
for them. Aliases are refused, since a few lines of them stand for gigabytes. Knows no tool; the chain checks the
values afterwards.
"""

from __future__ import annotations

from llmspell_tools.errors import InvalidParameters
from llmspell_tools.jsontext import dumps, loads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from llmspell_tools.types import JsonObject

_loader: Any = None


def read(text: str, source: str = "the parameters") -> JsonObject:
    """Return the parameters that a text holds; none for an empty one.

    Args:
        text: A JSON object, or a YAML mapping.
        source: What errors call it.

    Raises:
        InvalidParameters: It is neither; ``details`` has line and column, 1-based.
    """
    if not text.strip():
        return {}
    wrong: InvalidParameters | None = None
    if text.lstrip()[0] == "{":
        try:
            value = loads(text)
        except InvalidParameters as error:
            wrong = error  # `{a: 1}` is YAML
        else:
            return _object(value, source)
    try:
        value = _yaml(text)
        dumps(value)
    except InvalidParameters as error:
        error = wrong or error
        raise InvalidParameters(f"{source}: {error.message}", details=error.details) from None
    return {} if value is None else _object(value, source)


def _object(value: object, source: str) -> JsonObject:
    if not isinstance(value, dict):
        raise InvalidParameters(f"{source}: parameters are 'name: value' lines or a JSON object, not {_kind(value)}")
    return {name if isinstance(name, str) else dumps(name): member for name, member in value.items()}


def _kind(value: object) -> str:
    return "a list" if isinstance(value, list) else "one text" if isinstance(value, str) else dumps(value)


def _yaml(text: str) -> Any:
    import yaml  # 10 ms, and only for this

    try:
        return yaml.load(text, Loader=_core_loader())  # noqa: S506 - a SafeLoader
    except yaml.MarkedYAMLError as error:
        mark, problem = error.problem_mark, error.problem or error.context or "no YAML"
        if mark is None:
            raise InvalidParameters(problem) from None
        place = {"line": mark.line + 1, "column": mark.column + 1}
        raise InvalidParameters(f"{problem} (line {mark.line + 1}, column {mark.column + 1})", details=place) from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise InvalidParameters(" ".join(str(error).split()) or "no YAML") from None


def _core_loader() -> Any:
    """Return the class of loader; made once, when the first YAML is read."""
    global _loader  # noqa: PLW0603 - a class that needs a late import
    if _loader is None:
        import re

        import yaml

        base: Any = yaml.SafeLoader  # its methods have no types

        class CoreLoader(base):  # type: ignore[misc]
            """YAML's core schema, without aliases."""

            yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - PyYAML's own name and type

            def compose_node(self, parent: Any, index: Any) -> Any:
                if self.check_event(yaml.AliasEvent):
                    mark = self.peek_event().start_mark
                    raise yaml.MarkedYAMLError(problem="aliases (*name) are not taken here", problem_mark=mark)
                return super().compose_node(parent, index)

        for kind, (pattern, make) in _SCALARS.items():
            tag = f"tag:yaml.org,2002:{kind}"
            CoreLoader.add_implicit_resolver(tag, re.compile(f"(?:{pattern})$"), None)
            CoreLoader.add_constructor(tag, _constructor(make))
        _loader = CoreLoader
    return _loader


def _constructor(make: Callable[[str], object]) -> Callable[[Any, Any], object]:
    def construct(loader: Any, node: Any) -> object:
        return make(loader.construct_scalar(node))

    return construct


def _null(_: str) -> None:
    return None


def _bool(text: str) -> bool:
    return text.lower() == "true"


def _int(text: str) -> int:
    return int(text, 0) if text[:2] in {"0o", "0x"} else int(text)


def _float(text: str) -> float:
    return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))


#: YAML 1.2.2, 10.3.2: pattern and reading of each plain scalar that is no text.
_SCALARS: dict[str, tuple[str, Callable[[str], object]]] = {
    "null": ("~|null|Null|NULL|", _null),
    "bool": ("true|True|TRUE|false|False|FALSE", _bool),
    "int": ("[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", _int),
    "float": (
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        _float,
    ),
}
