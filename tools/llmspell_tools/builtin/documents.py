"""A JSON, YAML or TOML text as JSON values and back, without surprises: no objects made, no bombs unpacked, no NaN.

YAML is read by libyaml's safe loader, as YAML 1.1. Its events are looked at first, since libyaml itself would run out
of stack on what is nested for ever; keys that are there twice are refused, which the loader takes without a word; and
anchors that repeat each other ("billion laughs") are stopped while they are turned into plain values. Dates become ISO
texts and keys become texts. Parsing can take long in C, so tools call this in an isolated child
(`llmspell_tools.isolated`). Knows no tool and no file.
"""

from __future__ import annotations

from llmspell_tools.errors import InvalidParameters, LimitExceeded, ToolUnavailable
from llmspell_tools.jsontext import dumps, loads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from llmspell_tools.types import JsonValue

#: Values that a document may have once its anchors are followed.
MAX_VALUES = 2_000_000
_MAX_DEPTH = 200
_LONG_KEY = rf"(?:[\w\"'-][ \t]*\.[ \t]*){{{_MAX_DEPTH}}}"
_KINDS = {
    ".json": "json", ".jsonl": "jsonl", ".ndjson": "jsonl", ".yaml": "yaml", ".yml": "yaml", ".toml": "toml",
}  # fmt: skip


def kind_of(path: str) -> str:
    """Return `json`, `jsonl`, `yaml` or `toml` by a file's ending; anything else is taken for JSON."""
    return next((kind for ending, kind in _KINDS.items() if path.lower().endswith(ending)), "json")


def parse_document(content: bytes, kind: str, field: str) -> JsonValue:
    """Return the value of a document.

    Args:
        content: UTF-8; a byte order mark is skipped.
        kind: `json`, `jsonl` (one value a line, to an array), `yaml` or `toml`.
        field: The parameter that it came by, for messages.

    Raises:
        InvalidParameters: It is not of this kind; ``details`` has the line where that is known.
        LimitExceeded: It is nested too deeply, or unpacks to too much.
    """
    value: JsonValue = _parsed(content, field, lambda text: _value_of(text, kind, field))
    return value


def parse_documents(content: bytes, field: str) -> list[JsonValue]:
    """Return the values of all documents of a YAML stream (with `---` between them); see `parse_document`."""
    values: list[JsonValue] = _parsed(
        content, field, lambda text: [_Plain(field).value(found, 0) for found in _yaml(text, field)]
    )
    return values


def _parsed(content: bytes, field: str, parse: Callable[[str], Any]) -> Any:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidParameters(
            f"{field}: not UTF-8: byte {error.start} is 0x{content[error.start]:02x}",
            field=field,
            details={"position": error.start},
        ) from None
    try:
        return parse(text)
    except InvalidParameters as error:
        raise InvalidParameters(f"{field}: {error.message}", field=field, details=error.details) from None
    except RecursionError:
        raise LimitExceeded(f"{field}: the document is nested too deeply") from None


def _value_of(text: str, kind: str, field: str) -> JsonValue:
    if kind == "json":
        return loads(text)
    if kind == "jsonl":
        return [_line_value(line, number) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
    if kind == "toml":
        return _Plain(field).value(_toml(text), 0)
    documents = _yaml(text, field)
    if len(documents) > 1:
        raise InvalidParameters(f"YAML error: {len(documents)} documents where one is wanted")
    return _Plain(field).value(documents[0], 0) if documents else None


def _line_value(line: str, number: int) -> JsonValue:
    try:
        return loads(line)
    except InvalidParameters as error:
        details = {**error.details, "line": number}
        raise InvalidParameters(f"line {number}: {error.message}", details=details) from None


def _yaml(text: str, field: str) -> list[Any]:
    try:
        import yaml
    except ImportError:
        raise ToolUnavailable("reading YAML needs PyYAML; install it with: pip install pyyaml") from None

    loader_class: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        _check_depth(yaml.parse(text, Loader=loader_class), field)
        loader = loader_class(text)
        try:
            found: list[Any] = []
            while loader.check_node():
                node = loader.get_node()
                _check_keys(node)
                found.append(loader.construct_document(node))
            return found
        finally:
            loader.dispose()
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise _yaml_error(problem, mark) from None
    except (ValueError, TypeError, OverflowError, AttributeError) as error:  # of dates and numbers out of range
        raise InvalidParameters(f"YAML error: {error}") from None


def _yaml_error(problem: str, mark: Any) -> InvalidParameters:
    where = f" at line {mark.line + 1} column {mark.column + 1}" if mark is not None else ""
    details: dict[str, JsonValue] = {"line": mark.line + 1, "column": mark.column + 1} if mark is not None else {}
    return InvalidParameters(f"YAML error{where}: {problem}", details=details)


def _check_depth(events: Any, field: str) -> None:
    """Refuse what is nested too deeply; the events before that are harmless."""
    depth = 0
    for event in events:
        name = type(event).__name__
        if name in ("MappingStartEvent", "SequenceStartEvent"):
            depth += 1
            if depth > _MAX_DEPTH:
                raise LimitExceeded(f"{field}: the document is nested deeper than {_MAX_DEPTH} levels")
        elif name in ("MappingEndEvent", "SequenceEndEvent"):
            depth -= 1


def _check_keys(root: Any) -> None:
    """Refuse a mapping that has a key twice; a node that anchors repeat is looked at once."""
    seen: set[int] = set()
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if id(node) in seen or isinstance(node.value, str):
            continue
        seen.add(id(node))
        keys: set[tuple[str, str]] = set()
        for member in node.value:
            if not isinstance(member, tuple):
                waiting.append(member)
                continue
            key, value = member
            waiting += (key, value)
            if isinstance(key.value, str):
                name = (key.tag, key.value)
                if name in keys and not key.tag.endswith(":merge"):
                    raise _yaml_error(f"the key '{key.value[:80]}' is there twice", key.start_mark)
                keys.add(name)


def render_document(value: JsonValue, kind: str) -> str:
    """Return a value as text that ends with a line break.

    Args:
        value: To write.
        kind: `json` (indented), `jsonl` (one line for each member of an array), `yaml` or `toml`.

    Raises:
        InvalidParameters: It has no form of this kind: null in TOML, and anything but an object at its top.
        ToolUnavailable: The library for it is missing.
    """
    if kind == "jsonl":
        return "".join(f"{dumps(member)}\n" for member in (value if isinstance(value, list) else [value]))
    if kind == "yaml":
        return render_documents([value])
    return _toml_text(value) if kind == "toml" else f"{dumps(value, 2)}\n"


def render_documents(values: Iterable[JsonValue]) -> str:
    """Return values as a YAML stream: several have `---` between them."""
    try:
        import yaml
    except ImportError:
        raise ToolUnavailable("writing YAML needs PyYAML; install it with: pip install pyyaml") from None

    dumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    texts = [yaml.dump(value, Dumper=dumper, allow_unicode=True, sort_keys=False) for value in values]
    return "---\n".join(text.removesuffix("...\n") for text in texts)


def _toml_text(value: JsonValue) -> str:
    if not isinstance(value, dict):
        raise InvalidParameters("TOML is a table: only an object can be written as TOML", field="output_format")
    try:
        import tomlkit
    except ImportError:
        raise ToolUnavailable(
            "writing TOML needs tomlkit; install it with: pip install 'llmspell[data]'",
            details={"package": "tomlkit", "install": "pip install 'llmspell[data]'"},
        ) from None
    try:
        return tomlkit.dumps(value)
    except ValueError as error:  # its ConvertError
        what = "TOML has no null" if "NoneType" in str(error) else f"TOML cannot hold this value: {error}"
        raise InvalidParameters(what, field="output_format") from None


def _toml(text: str) -> Any:
    import re
    import tomllib

    if re.search(_LONG_KEY, text):  # tomllib's time grows with the square of the parts of a key
        raise LimitExceeded(f"a key of more than {_MAX_DEPTH} parts")
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
