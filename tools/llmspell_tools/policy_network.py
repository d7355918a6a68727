"""Which hosts and addresses may be connected to: pure functions, no socket and no resolver.

A rule is one of
    *                  everything
    public             every public address, except ports of services that no web tool should talk to
    loopback           this machine: 127.0.0.0/8, ::1, localhost
    host[:port]        that name or address; a port that is not named is any port
    *.domain[:port]    every name below the domain, at public addresses only
    a.b.c.d/n          a range of addresses
IPv6 addresses with a port stand in brackets. A name that a person wrote may resolve to a private address
(an intranet), but never to a link-local or metadata address: that must be written as an address.

Addresses are read as `inet_aton` and browsers read them (decimal, octal, hex, short forms), so that
`http://2130706433` and `0x7f.1` are 127.0.0.1. An IPv6 address that carries an IPv4 one (mapped, compatible,
6to4, NAT64) counts as the one carried as well. Ranges: IANA's special-purpose registries, 2025.

Who connects asks three times: for the name before resolving, for all addresses after, and for each redirect;
and connects to an address that was checked, not to the name.
"""

from __future__ import annotations

from llmspell_tools.errors import InvalidParameters
from llmspell_tools.policy_denials import denied, rule_denied

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from llmspell_tools.errors import PermissionDenied
    from llmspell_tools.policy_layers import Layer
    from llmspell_tools.policy_rules import Rule

#: Ports that `public` does not cover (surface 5): remote shells, mail, databases, file sharing.
REFUSED_PORTS = frozenset(
    (22, 23, 25, 110, 135, 139, 445, 1433, 3306, 3389, 5432, 5900, 6379, 8020, 9200, 11211, 27017)
)
#: Names that mean this machine or a cloud's metadata service without being resolved.
LOCAL_NAMES = ("localhost", "localhost.localdomain", "ip6-localhost", "ip6-loopback")
METADATA_NAMES = (
    "metadata.google.internal",
    "metadata",
    "metadata.goog",
    "instance-data",
    "instance-data.ec2.internal",
)
#: Endings that are never public names (RFC 6762, 6761, 8375 and custom).
PRIVATE_ENDINGS = (".localhost", ".local", ".internal", ".localdomain", ".home.arpa", ".intranet", ".lan", ".corp")

#: What an address is, when it is not public: (first address, prefix length, class).
_V4_RANGES = (
    ("0.0.0.0", 8, "unspecified"),  # noqa: S104  # a range to refuse, nothing is bound
    ("10.0.0.0", 8, "private"), ("100.64.0.0", 10, "private"),
    ("127.0.0.0", 8, "loopback"), ("169.254.0.0", 16, "link-local"), ("172.16.0.0", 12, "private"),
    ("192.0.0.0", 24, "reserved"), ("192.0.2.0", 24, "reserved"), ("192.88.99.0", 24, "reserved"),
    ("192.168.0.0", 16, "private"), ("198.18.0.0", 15, "private"), ("198.51.100.0", 24, "reserved"),
    ("203.0.113.0", 24, "reserved"), ("224.0.0.0", 4, "multicast"), ("240.0.0.0", 4, "reserved"),
)  # fmt: skip
_V6_RANGES = (
    ("::", 128, "unspecified"), ("::1", 128, "loopback"), ("fe80::", 10, "link-local"),
    ("fec0::", 10, "private"), ("fc00::", 7, "private"), ("ff00::", 8, "multicast"),
    ("100::", 64, "reserved"), ("2001:db8::", 32, "reserved"), ("3fff::", 20, "reserved"),
    ("2001:10::", 28, "reserved"), ("2001:20::", 28, "reserved"), ("2001:2::", 48, "reserved"),
    ("5f00::", 16, "reserved"), ("2001::", 32, "reserved"),
)  # fmt: skip
#: Prefix under which the carried IPv4 address stands, and how far it is shifted to the left.
_CARRIERS = (("::ffff:0:0", 96, 0), ("::", 96, 0), ("64:ff9b::", 96, 0), ("2002::", 16, 80))
_NEVER_BY_NAME = ("link-local", "unspecified", "multicast", "metadata")
_METADATA = ("169.254.169.254", "169.254.170.2", "100.100.100.200", "fd00:ec2::254", "168.63.129.16")


class Address:
    """An IP address as a number.

    Args:
        version: 4 or 6.
        number: 32 or 128 bits.
    """

    __slots__ = ("number", "version")

    def __init__(self, version: int, number: int) -> None:
        self.version = version
        self.number = number

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Address) and (self.version, self.number) == (other.version, other.number)

    def __hash__(self) -> int:
        return hash((self.version, self.number))

    def __str__(self) -> str:
        if self.version == 4:
            return ".".join(str(self.number >> shift & 255) for shift in (24, 16, 8, 0))
        import ipaddress

        return str(ipaddress.IPv6Address(self.number))


def check(layers: Iterable[Layer], host: str, port: int, tool: str, addresses: Sequence[str]) -> None:
    """Refuse a host or what it resolved to; see `Policy.check_net`."""
    if not 1 <= port <= 65535:
        raise InvalidParameters(f"{port} is no port: 1 to 65535")
    name = plain_host(host)
    literal = parse_address(name)
    found = [literal] if literal is not None else [_resolved(text) for text in addresses]
    for layer in layers:
        for rule in layer.deny("net", tool):
            if _denies(rule.value, name, port, found):
                raise rule_denied("net", f"{host}:{port}", f"{host}:{port}", rule)
    for layer in layers:
        _check_layer(layer, host, name, port, tool, literal, found)


def plain_host(host: str) -> str:
    """Return a host in lower case without brackets, zone and final dot; ASCII (IDNA) where it is not.

    Raises:
        InvalidParameters: It is empty or has a character that no host has.
    """
    name = host.strip("[]") if host.startswith("[") and host.endswith("]") else host
    name = name.partition("%")[0] if ":" in name else name
    if not name.isascii():
        try:
            name = name.encode("idna").decode("ascii")
        except UnicodeError:
            raise InvalidParameters(f"{host!r} is no host name") from None
    name = name.lower().removesuffix(".")
    odd = any(not (char.isalnum() or char in "-_.:") for char in name)
    if not name or len(name) > 253 or odd or ".." in name or name.startswith("."):
        raise InvalidParameters(f"{host!r} is no host name or address")
    return name


def parse_address(text: str) -> Address | None:
    """Return the address that ``text`` spells, in any form that a resolver takes; None for a name."""
    if ":" in text:
        return _parse_v6(text)
    return _parse_v4(text)


def classify(address: Address) -> str:
    """Return `public`, or why not: loopback, private, link-local, metadata, reserved, ..."""
    kind = _own_class(address)
    if kind != "public" or address.version == 4:
        return kind
    carried = carried_address(address)
    return "public" if carried is None else _own_class(carried)


def carried_address(address: Address) -> Address | None:
    """Return the IPv4 address inside a mapped, compatible, NAT64 or 6to4 address."""
    if address.version == 4:
        return None
    for first, length, shift in _CARRIER_TABLE:
        if _within(address.number, first, length, 128):
            return Address(4, address.number >> shift & 0xFFFFFFFF)
    return None


def require_rule(value: str) -> None:
    """Refuse a rule that could never match, such as a URL.

    Raises:
        InvalidParameters: Says which forms there are.
    """
    host, port = split_rule(value)
    if value in ("*", "public", "loopback") and port is None:
        return
    base, slash, length = host.partition("/")
    first = parse_address(base)
    if slash and first is not None and port is None and length.isdigit():
        if int(length) <= (32 if first.version == 4 else 128):
            return
    elif not slash and (port is None or 1 <= port <= 65535):
        try:
            name = plain_host(base.removeprefix("*."))
        except InvalidParameters:
            name = ":"
        if ":" not in name or first is not None:
            return
    raise InvalidParameters(
        f"{value!r} is no rule for hosts: write HOST, HOST:PORT, *.DOMAIN, ADDRESS/LENGTH, public, loopback or *"
    )


def split_rule(value: str) -> tuple[str, int | None]:
    """Return host part and port of a rule's value."""
    if value.startswith("["):
        host, _, rest = value[1:].partition("]")
        return host, int(rest[1:]) if rest.startswith(":") and rest[1:].isdigit() else None
    if value.count(":") == 1:
        host, _, port = value.partition(":")
        if port.isdigit():
            return host, int(port)
    return value, None


def _check_layer(
    layer: Layer, host: str, name: str, port: int, tool: str, literal: Address | None, found: list[Address]
) -> None:
    rules = layer.allow("net", tool)
    if literal is None and not found:
        if not any(_name_may_pass(rule.value, name, port) for rule in rules):
            raise _refused(layer, rules, host, name, port, None)
        return
    for address in found:
        if not any(_allows(rule.value, name, literal, port, address) for rule in rules):
            raise _refused(layer, rules, host, name, port, address)


def _allows(value: str, name: str, literal: Address | None, port: int, address: Address) -> bool:
    kind = classify(address)
    if value == "*":
        return True
    if value == "public":
        return kind == "public" and port not in REFUSED_PORTS and _is_public_name(name)
    if value == "loopback":
        return kind == "loopback"
    if "/" in value:
        return _in_range(value, address)
    host, wanted = split_rule(value)
    if wanted is not None and wanted != port:
        return False
    if host.startswith("*."):
        return literal is None and name.endswith(host[1:]) and kind == "public"
    named = parse_address(host)
    if named is not None:
        return named == address
    return literal is None and _same_name(host, name) and kind not in _NEVER_BY_NAME


def _name_may_pass(value: str, name: str, port: int) -> bool:
    """Return whether a rule could allow what a name will resolve to."""
    if value == "*":
        return True
    if value == "public":
        return _is_public_name(name) and port not in REFUSED_PORTS
    if value == "loopback":
        return name in LOCAL_NAMES or name.endswith(".localhost")
    if "/" in value:
        return True  # the range decides once the addresses are known
    host, wanted = split_rule(value)
    if wanted is not None and wanted != port:
        return False
    if host.startswith("*."):
        return name.endswith(host[1:])
    return _same_name(host, name)


def _denies(value: str, name: str, port: int, found: list[Address]) -> bool:
    if value == "*":
        return True
    if value in ("public", "loopback"):
        return any(classify(address) == value for address in found)
    if "/" in value:
        return any(_in_range(value, address) for address in found)
    host, wanted = split_rule(value)
    if wanted is not None and wanted != port:
        return False
    if host.startswith("*."):
        return name.endswith(host[1:])
    named = parse_address(host)
    if named is not None:
        return any(named in (address, carried_address(address)) for address in found)
    return _same_name(host, name)


def _is_public_name(name: str) -> bool:
    return name not in LOCAL_NAMES and name not in METADATA_NAMES and not name.endswith(PRIVATE_ENDINGS)


def _same_name(host: str, name: str) -> bool:
    try:
        return plain_host(host) == name
    except InvalidParameters:
        return False


def _refused(
    layer: Layer, rules: tuple[Rule, ...], host: str, name: str, port: int, address: Address | None
) -> PermissionDenied:
    listed = ", ".join(rule.value for rule in rules) or "none"
    shown = f"{host}:{port}"
    kind = "" if address is None else classify(address)
    by_name = address is None or parse_address(name) is not None
    where = f"it is {address}, a {kind} address" if address is not None and kind != "public" else ""
    if not where:
        refused_port = port in REFUSED_PORTS and any(rule.value == "public" for rule in rules)
        where = f"port {port} is not for web tools" if refused_port else "it is not on the list"
    # A name that resolves to a link-local address is never allowed by name.
    target = name if by_name or kind not in _NEVER_BY_NAME else str(address)
    flag = f"[{target}]:{port}" if ":" in target else f"{target}:{port}"
    return denied(
        "net",
        shown,
        f"{where}; the {layer.general.origin} allows: {listed}",
        rule=f"allow net {listed}",
        origin=layer.general.origin,
        allow=flag,
    )


def _own_class(address: Address) -> str:
    if address in _METADATA_ADDRESSES:
        return "metadata"
    bits = 32 if address.version == 4 else 128
    for first, length, kind in _V4_TABLE if address.version == 4 else _V6_TABLE:
        if _within(address.number, first, length, bits):
            return kind
    if address.version == 6 and carried_address(address) is None and address.number >> 125 != 1:
        return "reserved"  # only 2000::/3 is given out for public use
    return "public"


def _within(number: int, first: int, length: int, bits: int) -> bool:
    return number >> (bits - length) == first >> (bits - length)


def _in_range(value: str, address: Address) -> bool:
    base, _, length = value.partition("/")
    first = parse_address(base)
    if first is None or not length.isdigit():
        return False
    for candidate in (address, carried_address(address)):
        if candidate is not None and candidate.version == first.version:
            bits = 32 if first.version == 4 else 128
            if int(length) <= bits and _within(candidate.number, first.number, int(length), bits):
                return True
    return False


def _resolved(text: str) -> Address:
    address = parse_address(text.partition("%")[0])
    if address is None:
        raise InvalidParameters(f"{text!r} is no address")
    return address


def _parse_v4(text: str) -> Address | None:
    """Read one to four numbers, decimal, octal (`0…`) or hex (`0x…`); the last fills the rest."""
    parts = text.split(".")
    if not 1 <= len(parts) <= 4:
        return None
    numbers: list[int] = []
    for part in parts:
        number = _number(part)
        if number is None:
            return None
        numbers.append(number)
    last = numbers.pop()
    if any(number > 255 for number in numbers) or last >= 256 ** (4 - len(numbers)):
        return None
    value = last
    for at, number in enumerate(numbers):
        value |= number << (8 * (3 - at))
    return Address(4, value)


def _number(part: str) -> int | None:
    if not part.isascii() or not part or len(part) > 20:
        return None
    try:
        if part.startswith(("0x", "0X")):
            return int(part[2:] or "0", 16) if part[2:3] not in ("+", "-", "_") and "_" not in part else None
        if not part.isdigit():
            return None
        return int(part, 8) if part.startswith("0") and len(part) > 1 else int(part)
    except ValueError:  # `08`, `0xg`
        return None


def _parse_v6(text: str) -> Address | None:
    import ipaddress

    try:
        return Address(6, int(ipaddress.IPv6Address(text)))
    except ValueError:
        return None


def _table(ranges: Iterable[tuple[str, int, str]]) -> tuple[tuple[int, int, str], ...]:
    made: list[tuple[int, int, str]] = []
    for first, length, kind in ranges:
        address = parse_address(first)
        assert address is not None
        made.append((address.number, length, kind))
    return tuple(made)


_V4_TABLE = _table(_V4_RANGES)
_V6_TABLE = _table(_V6_RANGES)
_METADATA_ADDRESSES = frozenset(parse_address(text) for text in _METADATA)
_CARRIER_TABLE = tuple((_table([(first, 128, "")])[0][0], length, shift) for first, length, shift in _CARRIERS)
