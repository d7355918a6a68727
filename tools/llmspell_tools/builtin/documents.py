"""A JSON, YAML or TOML text as JSON values, without surprises: no objects made, no bombs unpacked, no NaN.

YAML is read by libyaml's safe loader; anchors that repeat each other ("billion laughs") and documents nested for ever
are refused while they are turned into plain values, dates become ISO texts and keys become texts. Parsing can take
long in C, so tools call this in an isolated child (`llmspell_tools.isolated`). Knows no tool and no file.
"""

from __future__ import annotations

from llmspell_tools.errors import InvalidParameters, LimitExceeded
from llmspell_tools.jsontext import loads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from llmspell_tools.types import JsonValue

#: Values that a document may have once its anchors are followed.
MAX_VALUES = 2_000_000
_MAX_DEPTH = 200
_KINDS = {".json": "json", ".yaml": "yaml", ".yml": "yaml", ".toml": "toml"}


def kind_of(path: str) -> str:
    """Return `json`, `yaml` or `toml` by a file's ending; anything else is taken for JSON."""
    return next((kind for ending, kind in _KINDS.items() if path.lower().endswith(ending)), "json")


def parse_document(content: bytes, kind: str, field: str) -> JsonValue:
    """Return the value of a document.

    Args:
        content: UTF-8; a byte order mark is skipped.
        kind: `json`, `yaml` or `toml`.
        field: The parameter that it came by, for messages.

    Raises:
        InvalidParameters: It is not of this kind; ``details`` has the line where that is known.
        LimitExceeded: It is nested too deeply, or unpacks to too much.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidParameters(
            f"{field}: not UTF-8: byte {error.start} is 0x{content[error.start]:02x}",
            field=field,
            details={"position": error.start},
        ) from None
    try:
        if kind == "json":
            return loads(text)
        return _Plain(field).value(_yaml(text) if kind == "yaml" else _toml(text), 0)
    except InvalidParameters as error:
        raise InvalidParameters(f"{field}: {error.message}", field=field, details=error.details) from None
    except RecursionError:
        raise LimitExceeded(f"{field}: the document is nested too deeply") from None


def _yaml(text: str) -> Any:
    try:
        import yaml
    except ImportError:
        from llmspell_tools.errors import ToolUnavailable

        raise ToolUnavailable("reading YAML needs PyYAML; install it with: pip install pyyaml") from None

    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return yaml.load(text, Loader=loader)  # noqa: S506 - both loaders are the safe one
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1} column {mark.column + 1}" if mark is not None else ""
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        details: dict[str, JsonValue] = {"line": mark.line + 1, "column": mark.column + 1} if mark is not None else {}
        raise InvalidParameters(f"YAML error{where}: {problem}", details=details) from None
    except (ValueError, TypeError, OverflowError, AttributeError) as error:  # of dates and numbers out of range
        raise InvalidParameters(f"YAML error: {error}") from None


def _toml(text: str) -> Any:
    import tomllib

    try:
        return tomllib.loads(text)
    except (ValueError, OverflowError) as error:
        raise InvalidParameters(f"TOML error: {error}") from None


class _Plain:
    """Turns what the parsers give into plain JSON values, within a budget."""

    def __init__(self, field: str) -> None:
        self._field = field
        self._left = MAX_VALUES

    def value(self, found: Any, depth: int) -> JsonValue:
        self._left -= 1
        if self._left < 0:
            raise LimitExceeded(f"{self._field}: the document unpacks to more than {MAX_VALUES} values")
        if depth > _MAX_DEPTH:
            raise LimitExceeded(f"{self._field}: the document is nested deeper than {_MAX_DEPTH} levels")
        if found is None or isinstance(found, (str, bool, int)):
            return found
        if isinstance(found, float):
            if found != found or found in (float("inf"), float("-inf")):
                raise InvalidParameters(f"JSON has no {found}; write it as a text")
            return found
        if isinstance(found, dict):
            return {self._key(key): self.value(member, depth + 1) for key, member in found.items()}
        if isinstance(found, (list, tuple, set)):
            return [self.value(member, depth + 1) for member in found]
        return self._odd(found)

    def _odd(self, found: Any) -> JsonValue:
        if isinstance(found, bytes):
            from binascii import b2a_base64

            return b2a_base64(found, newline=False).decode("ascii")
        if hasattr(found, "isoformat"):
            return str(found.isoformat())
        raise InvalidParameters(f"a value of type {type(found).__name__} has no JSON form")

    def _key(self, key: Any) -> str:
        if isinstance(key, str):
            return key
        if isinstance(key, bool):
            return "true" if key else "false"
        if key is None:
            return "null"
        if isinstance(key, (int, float)):
            return str(key)
        if hasattr(key, "isoformat"):
            return str(key.isoformat())
        raise InvalidParameters(f"a key of type {type(key).__name__} has no JSON form")
