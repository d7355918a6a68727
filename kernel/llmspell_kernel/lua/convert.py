"""JSON-like values across the Lua boundary, both ways; the one module that knows how each side spells them.

Outward, `prelude/encode.lua` walks the tables and sends one flat stream of scalars, which `Decoder` puts together.
Inward, `prepare` makes plain dicts and lists that lupa turns into tables in one call.

    Lua                                    Python
    nil, JSON.null                         None (inward: nil, or JSON.null where asked for)
    integer, float                         int, float; an int beyond 64 bit becomes its decimal text
    string (bytes)                         str where the bytes are UTF-8, else bytes
    table, keys 1..#t                      list
    table marked as an empty array         []
    other table                            dict with str keys
"""

from __future__ import annotations

from llmspell_kernel.lua.memory import LARGE
from llmspell_tools.errors import InvalidParameters

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from llmspell_kernel.lua.runtime import LuaTable

#: Tables inside tables; the same both ways. Far below what Python's own stack takes.
MAX_DEPTH = 200

_MEMBER_BYTES = 24
_SMALLEST, _LARGEST = -(2**63), 2**63 - 1


class _Marker:
    """Stands in the stream for the start of a table; compared by identity."""

    __slots__ = ()


ARRAY = _Marker()
OBJECT = _Marker()


def from_lua_text(text: str) -> str | bytes:
    """Return what Lua's bytes mean: text if they are UTF-8, else the bytes themselves."""
    if text.isascii():
        return text
    raw = text.encode("latin-1")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw


def human_text(text: str) -> str:
    """Return Lua's bytes as text for people; what is not UTF-8 shows as U+FFFD."""
    return text if text.isascii() else text.encode("latin-1").decode("utf-8", "replace")


def to_lua_text(text: str | bytes) -> str:
    """Return the latin-1 text that carries these bytes, or this text in UTF-8, to Lua."""
    if isinstance(text, str):
        if text.isascii():
            return text
        try:
            raw = text.encode("utf-8")
        except UnicodeEncodeError:
            raw = _encode_surrogates(text)
        return raw.decode("latin-1")
    return text.decode("latin-1")


def _encode_surrogates(text: str) -> bytes:
    """Encode file names that were not UTF-8 back to their bytes, and lone surrogates of JSON as they are."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")


class Decoder:
    """Puts the streams of `encode.lua` together; one per engine, used on its owner thread."""

    __slots__ = ("_pending",)

    def __init__(self) -> None:
        self._pending: list[Any] = []

    def reset(self) -> None:
        """Forget a stream that an interrupt cut off."""
        if self._pending:
            self._pending = []

    def swap(self, pending: list[Any]) -> list[Any]:
        """Set the beginning of a stream; return the one there was."""
        former, self._pending = self._pending, pending
        return former

    def more(self, *tokens: Any) -> None:
        """Take a slice of a stream whose end is still to come."""
        self._pending.extend(tokens)

    @staticmethod
    def text(text: str) -> str | bytes:
        """Return the meaning of one string; see `from_lua_text`."""
        return from_lua_text(text)

    def value(self, tokens: tuple[Any, ...]) -> Any:
        """Return the one value that a whole stream, or its last slice, stands for."""
        values = self.values(tokens, 1)
        return values[0]

    def values(self, tokens: tuple[Any, ...], count: int | None = None) -> list[Any]:
        """Return the values of a stream; without `count` its first token is their number."""
        if self._pending:
            pending, self._pending = self._pending, []
            pending.extend(tokens)
            following = iter(pending).__next__
        else:
            following = iter(tokens).__next__
        if count is None:
            count = following()
        return [_decode(following(), following) for _ in range(count or 0)]


def _decode(token: Any, following: Callable[[], Any]) -> Any:
    if token.__class__ is str:
        return token if token.isascii() else from_lua_text(token)
    if token is ARRAY:
        return [_decode(following(), following) for _ in range(following())]
    if token is OBJECT:
        return {_key(following()): _decode(following(), following) for _ in range(following())}
    return token


def _key(token: str) -> str:
    if token.isascii():
        return token
    key = from_lua_text(token)
    if isinstance(key, bytes):
        raise InvalidParameters(f"a key is not UTF-8 text: {key!r}")
    return key


class Encoder:
    """Makes Lua values of JSON-like ones.

    Args:
        table_from: The runtime's own; called once for each value that holds others.
        empty_array: Makes a table that is an empty array when it comes back.
        null: What stands for null where the caller asks to keep it.
        make_room: Told the bytes of what is about to cross, if they are many.
    """

    __slots__ = ("_empty_array", "_make_room", "_null", "_size", "_table_from")

    def __init__(
        self,
        table_from: Callable[..., LuaTable],
        empty_array: Callable[[], LuaTable],
        null: LuaTable,
        make_room: Callable[[int], None],
    ) -> None:
        self._table_from = table_from
        self._make_room = make_room
        self._size = 0
        self._empty_array = empty_array
        self._null = null

    def to_lua(self, value: object, *, keep_null: bool = False) -> Any:
        """Return what to hand to Lua for `value`.

        Raises:
            InvalidParameters: It holds something that is not JSON-like, or is nested too deeply.
        """
        self._size = 0
        prepared = self._prepare(value, self._null if keep_null else None, 0)
        if self._size > LARGE:
            self._make_room(self._size)
        if prepared.__class__ is dict or prepared.__class__ is list:
            return self._table_from(prepared, recursive=True)
        return prepared

    def _prepare(self, value: Any, null: object, depth: int) -> Any:
        kind = value.__class__
        if kind is str:
            self._size += len(value)
            return value if value.isascii() else to_lua_text(value)
        if kind is int:
            return value if _SMALLEST <= value <= _LARGEST else str(value)
        if value is None:
            return null
        if kind is float or kind is bool:
            return value
        if depth >= MAX_DEPTH:
            raise InvalidParameters(f"the value is nested more than {MAX_DEPTH} levels deep")
        self._size += _MEMBER_BYTES
        if isinstance(value, dict):
            return self._prepare_dict(value, null, depth)
        if isinstance(value, (list, tuple)):
            if not value:
                return self._empty_array()
            self._size += _MEMBER_BYTES * len(value)
            return [self._prepare(member, null, depth + 1) for member in value]
        return _prepare_other(value)

    def _prepare_dict(self, value: Mapping[Any, Any], null: object, depth: int) -> dict[Any, Any]:
        prepared: dict[Any, Any] = {}
        self._size += 2 * _MEMBER_BYTES * len(value)
        for key, member in value.items():
            if key.__class__ is not str and (not isinstance(key, (str, int)) or isinstance(key, bool)):
                raise InvalidParameters(f"a key of type {type(key).__name__} has no Lua form")
            name = to_lua_text(key) if isinstance(key, str) else key
            prepared[name] = self._prepare(member, null, depth + 1)
        return prepared


def _prepare_other(value: object) -> Any:
    if isinstance(value, (bytes, bytearray)):
        return bytes(value).decode("latin-1")
    if isinstance(value, str):
        return to_lua_text(str(value))
    if isinstance(value, int):
        return int(value) if _SMALLEST <= value <= _LARGEST else str(int(value))
    if isinstance(value, float):
        return float(value)
    raise InvalidParameters(f"a value of type {type(value).__name__} has no Lua form")
