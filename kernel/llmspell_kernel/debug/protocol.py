"""Messages of the Debug Adapter Protocol as values: what a request's arguments hold, and why a request fails.

Every reader names the field that is wrong, so that no handler meets a value of another type. Source: DAP 1.70.
"""

from __future__ import annotations

from llmspell_tools.errors import LlmspellError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from llmspell_tools.types import JsonObject, JsonValue

#: The numbers of failed requests, by name; unique, and never used again for something else.
FAILURES = {
    "internal": 1000, "not_a_request": 1001, "unknown_command": 1002, "not_initialized": 1003, "bad_arguments": 1004,
    "no_program": 1005, "program": 1006, "not_stopped": 1007, "evaluation": 1008, "refused": 1009, "source": 1010,
    "unable": 1011,
}  # fmt: skip


class RequestFailed(LlmspellError):
    """A request that cannot be done; becomes its response.

    Args:
        name: Of the failure, in `FAILURES`.
        message: For people.
        show: Whether the client should show it by itself; else where the request came from.
    """

    code = "execution_error"

    def __init__(self, name: str, message: str, *, show: bool = False) -> None:
        super().__init__(message)
        self.number = FAILURES[name]
        self.name = name
        self.show = show


def _wrong(field: str, wanted: str) -> RequestFailed:
    return RequestFailed("bad_arguments", f"'{field}' must be {wanted}")


class Arguments:
    """An object of a request, read field by field; null stands for a missing field.

    Args:
        fields: As the client sent them.
        path: Where the object stands, for messages.
    """

    __slots__ = ("_path", "fields")

    def __init__(self, fields: JsonObject, path: str = "") -> None:
        self.fields = fields
        self._path = path

    def text(self, name: str, default: str | None = None) -> str:
        """Return a text; needed where there is no default."""
        value = self._value(name, needed=default is None)
        if value is None:
            return default or ""
        if not isinstance(value, str):
            raise _wrong(self._path + name, "a text")
        return value

    def optional_text(self, name: str) -> str | None:
        """Return a text that is not empty, or None."""
        return self.text(name, "") or None

    def number(self, name: str, default: int | None = None) -> int:
        """Return a whole number; needed where there is no default."""
        value = self._value(name, needed=default is None)
        if value is None:
            return default or 0
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or abs(value) > 2**53:
            raise _wrong(self._path + name, "a whole number")
        return value

    def flag(self, name: str, *, default: bool = False) -> bool:
        """Return a boolean."""
        value = self._value(name, needed=False)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise _wrong(self._path + name, "true or false")
        return value

    def object(self, name: str) -> Arguments:
        """Return an object; an empty one where it is missing."""
        value = self._value(name, needed=False)
        if value is None:
            return Arguments({}, f"{self._path}{name}.")
        if not isinstance(value, dict):
            raise _wrong(self._path + name, "an object")
        return Arguments(value, f"{self._path}{name}.")

    def objects(self, name: str) -> list[Arguments]:
        """Return a list of objects; an empty one where it is missing."""
        values = self._list(name)
        found: list[Arguments] = []
        for at, value in enumerate(values):
            if not isinstance(value, dict):
                raise _wrong(f"{self._path}{name}[{at}]", "an object")
            found.append(Arguments(value, f"{self._path}{name}[{at}]."))
        return found

    def texts(self, name: str) -> list[str]:
        """Return a list of texts; an empty one where it is missing."""
        found: list[str] = []
        for at, value in enumerate(self._list(name)):
            if not isinstance(value, str):
                raise _wrong(f"{self._path}{name}[{at}]", "a text")
            found.append(value)
        return found

    def has(self, name: str) -> bool:
        """Whether there is such a field."""
        return self.fields.get(name) is not None

    def _list(self, name: str) -> list[JsonValue]:
        value = self._value(name, needed=False)
        if value is None:
            return []
        if not isinstance(value, list):
            raise _wrong(self._path + name, "a list")
        return value

    def _value(self, name: str, *, needed: bool) -> JsonValue:
        value = self.fields.get(name)
        if value is None and needed:
            raise RequestFailed("bad_arguments", f"'{self._path}{name}' is missing")
        return value


def failure_body(error: RequestFailed) -> JsonObject:
    """Return the body of the response to a failed request; braces in a DAP format are variables."""
    return {
        "error": {
            "id": error.number,
            "format": "{text}",
            "variables": {"text": error.message},
            "showUser": error.show,
        }
    }
