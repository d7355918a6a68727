"""An http or https URL taken apart and written in its normal form, as browsers do (https://url.spec.whatwg.org/).

Stricter than a browser on purpose: a backslash, white space or a control character is refused instead of repaired,
because programs that repair differently disagree about the host. Hosts in numbers (`0x7f.1`, `2130706433`) are read as
addresses. Pure: no socket and no resolver.
"""

from __future__ import annotations

from llmspell_tools.errors import InvalidParameters
from llmspell_tools.policy_network import parse_address, plain_host
from llmspell_tools.schema_values import shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from llmspell_tools.types import JsonObject, JsonValue

DEFAULT_PORTS = {"http": 80, "https": 443}
_MAX_CHARS = 65_536
_HEX = frozenset("0123456789abcdefABCDEF")
#: What is percent-encoded in each part, beside controls and everything beyond ASCII (WHATWG, percent-encode sets).
_PATH = frozenset(' "#<>?^`{}')
_QUERY = frozenset(" \"#<>'")
_FRAGMENT = frozenset(' "<>`')
_USER = frozenset(' "#<>?^`{}/:;=@[\\]|')


class _Fault(Exception):
    """What is wrong with host or port."""


class Url:
    """The parts of a URL; `port` is None where it is the scheme's own, `query` and `fragment` where there is none."""

    __slots__ = ("fragment", "host", "host_kind", "password", "path", "port", "query", "scheme", "username")

    def __init__(self, text: str) -> None:
        scheme, rest = _scheme(text)
        self.scheme = scheme
        rest, hash_mark, fragment = rest.partition("#")
        rest, question, query = rest.partition("?")
        authority, slash, path = rest.partition("/")
        credentials, at, address = authority.rpartition("@")
        username, _, password = credentials.partition(":")
        self.username = _encoded(username, _USER) if at else ""
        self.password = _encoded(password, _USER) if at else ""
        try:
            self.host, self.host_kind, self.port = _host_and_port(address, scheme)
        except _Fault as fault:
            raise _wrong(text, str(fault)) from None
        self.path = _normal_path(_encoded(slash + path, _PATH)) if slash else "/"
        self.query = _encoded(query, _QUERY) if question else None
        self.fragment = _encoded(fragment, _FRAGMENT) if hash_mark else None

    @property
    def address(self) -> str:
        """The URL without credentials and fragment: what a request is made to."""
        port = f":{self.port}" if self.port is not None else ""
        query = f"?{self.query}" if self.query is not None else ""
        return f"{self.scheme}://{self.host}{port}{self.path}{query}"

    @property
    def normalized(self) -> str:
        """The whole URL in its normal form."""
        credentials = self.username + (f":{self.password}" if self.password else "")
        start, _, rest = self.address.partition("://")
        fragment = f"#{self.fragment}" if self.fragment is not None else ""
        return f"{start}://{credentials + '@' if credentials else ''}{rest}{fragment}"


def query_params(query: str | None, *, decode: bool) -> JsonObject:
    """Return the parameters of a query; a name that comes more than once has an array."""
    found: dict[str, list[JsonValue]] = {}
    for part in query.split("&") if query else ():
        if part:
            name, _, value = part.partition("=")
            found.setdefault(_decoded(name) if decode else name, []).append(_decoded(value) if decode else value)
    return {name: values[0] if len(values) == 1 else values for name, values in found.items()}


def _scheme(text: str) -> tuple[str, str]:
    if len(text) > _MAX_CHARS:
        raise _wrong(text, f"it has more than {_MAX_CHARS} characters")
    odd = next((char for char in text if char <= " " or char in "\\\x7f" or "\x80" <= char < "\xa0"), None)
    if odd is not None:
        raise _wrong(text, f"it has the character {odd!r}")
    scheme, mark, rest = text.partition("://")
    if not mark:
        raise _wrong(text, "it is not absolute; write http://host/path")
    if scheme.lower() not in DEFAULT_PORTS:
        raise _wrong(text, f"its scheme is '{shown(scheme)}'; only http and https are analysed")
    return scheme.lower(), rest


def _host_and_port(text: str, scheme: str) -> tuple[str, str, int | None]:
    """Return host, its kind (domain, ipv4, ipv6) and port."""
    if text.startswith("["):
        host, closed, port = text[1:].partition("]")
        address = parse_address(host) if ":" in host and "%" not in host else None
        if not closed or address is None or (port and not port.startswith(":")):
            raise _Fault("its host is no IPv6 address")
        return f"[{address}]", "ipv6", _port(port[1:], scheme)
    host, _, port = text.partition(":")
    host = _unescaped(host)
    try:
        name = plain_host(host)
    except InvalidParameters:
        raise _Fault("its host is no host name or address") from None
    if any(len(label) > 63 or not label for label in name.split(".")):
        raise _Fault("a part of its host is empty or longer than 63 characters")
    address = parse_address(name)
    last = name.rpartition(".")[2]
    if address is None and (last.isdigit() or last.startswith("0x")):
        raise _Fault("its host is no IPv4 address")
    return (name, "domain", _port(port, scheme)) if address is None else (str(address), "ipv4", _port(port, scheme))


def _unescaped(host: str) -> str:
    if "%" not in host:
        return host
    try:
        return _bytes(host).decode("utf-8")
    except UnicodeDecodeError:
        raise _Fault("its host is not UTF-8") from None


def _port(text: str, scheme: str) -> int | None:
    if not text:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 5 or int(text) > 65535:
        raise _Fault(f"'{shown(text)}' is no port")
    return None if int(text) == DEFAULT_PORTS[scheme] else int(text)


def _encoded(text: str, marks: frozenset[str]) -> str:
    if text.isascii() and not any(char in marks for char in text):
        return text
    parts: list[str] = []
    for char in text:
        if char.isascii() and char not in marks:
            parts.append(char)
        else:
            parts.extend(f"%{byte:02X}" for byte in char.encode("utf-8", "replace"))
    return "".join(parts)


def _normal_path(path: str) -> str:
    """Take `.` and `..` out, also where they are written `%2e`."""
    kept: list[str] = []
    segments = path[1:].split("/")
    for at, segment in enumerate(segments):
        plain = segment.lower().replace("%2e", ".")
        is_last = at == len(segments) - 1
        if plain == "..":
            if kept:
                kept.pop()
            if is_last:
                kept.append("")
        elif plain != ".":
            kept.append(segment)
        elif is_last:
            kept.append("")
    return "/" + "/".join(kept)


def _decoded(text: str) -> str:
    return _bytes(text.replace("+", " ")).decode("utf-8", "replace")


def _bytes(text: str) -> bytes:
    """Undo percent-encoding; a `%` that begins none is kept."""
    parts = text.split("%")
    made = bytearray(parts[0].encode("utf-8", "replace"))
    for part in parts[1:]:
        if len(part) >= 2 and part[0] in _HEX and part[1] in _HEX:
            made.append(int(part[:2], 16))
            made += part[2:].encode("utf-8", "replace")
        else:
            made += b"%" + part.encode("utf-8", "replace")
    return bytes(made)


def _wrong(text: str, why: str) -> InvalidParameters:
    return InvalidParameters(f"'{shown(text, 80)}' is no URL that can be analysed: {why}", field="input")
