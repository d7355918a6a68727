"""What looks like an e-mail address, a URL, a date, a phone number, a UUID or a card number.

Each check is a plain function on a text that returns whether it fits, in time linear in its length: no regular
expression of ours can be made to hang. Above: `validation_rules`.
"""

from __future__ import annotations

from llmspell_tools.builtin.utility import uuids
from llmspell_tools.errors import InvalidParameters

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
_DIGITS = frozenset("0123456789")
#: RFC 5322 3.2.3, what an unquoted local part may have beside dots.
_ATOM = _LETTERS | _DIGITS | frozenset("!#$%&'*+-/=?^_`{|}~")
_LABEL = _LETTERS | _DIGITS | frozenset("-")
_SCHEME = _LETTERS | _DIGITS | frozenset("+-.")
#: Schemes whose URLs name a host.
_WITH_HOST = frozenset(("http", "https", "ftp", "ftps", "ws", "wss"))
_NO_URL = frozenset(' "<>\\^`{|}')
#: chrono's short forms that strptime does not know, to those that it does.
_CHRONO = (
    ("%F", "%Y-%m-%d"), ("%T", "%H:%M:%S"), ("%R", "%H:%M"), ("%D", "%m/%d/%y"), ("%e", "%d"), ("%h", "%b"),
    ("%.f", ".%f"), ("%.3f", ".%f"), ("%.6f", ".%f"), ("%3f", "%f"), ("%6f", "%f"), ("%:z", "%z"), ("%n", "\n"),
    ("%t", "\t"),
)  # fmt: skip


def is_email(text: str) -> bool:
    """Tell whether a text is an address as people have them: local@domain.tld (RFC 5321 lengths, no quotes)."""
    local, at, domain = text.rpartition("@")
    if not at or not 1 <= len(local) <= 64 or len(text) > 254:
        return False
    atoms = local.split(".")
    if not all(
        atom and all(char in _ATOM or (char.isalnum() and not char.isascii()) for char in atom) for atom in atoms
    ):
        return False
    return "." in domain and _is_domain(domain)


def is_url(text: str) -> bool:
    """Tell whether a text is an absolute URL: a scheme and something behind it; web schemes need a host."""
    scheme, colon, rest = text.partition(":")
    if not colon or not rest or scheme[0:1] not in _LETTERS or not all(char in _SCHEME for char in scheme):
        return False
    if any(char in _NO_URL or not char.isprintable() for char in rest):
        return False
    if scheme.lower() not in _WITH_HOST:
        return True
    if not rest.startswith("//"):
        return False
    authority = rest[2:]
    for mark in "/?#":
        authority = authority.partition(mark)[0]
    return _is_authority(authority.rpartition("@")[2])


def is_phone(text: str) -> bool:
    """Tell whether a text is a phone number: 7 to 15 digits (E.164), `+` in front, usual separators between."""
    digits = text.translate({ord(mark): None for mark in " -.()/"})
    digits = digits.removeprefix("+")
    return 7 <= len(digits) <= 15 and all(char in _DIGITS for char in digits)


def is_uuid(text: str) -> bool:
    """Tell whether a text is a UUID in one of its four written forms."""
    return uuids.read(text) is not None


def is_credit_card(text: str) -> bool:
    """Tell whether a text has 12 to 19 digits, spaces and hyphens between, with a right Luhn sum (ISO 7812-1)."""
    digits = text.replace(" ", "").replace("-", "")
    if not 12 <= len(digits) <= 19 or not all(char in _DIGITS for char in digits):
        return False
    total = 0
    for place, char in enumerate(reversed(digits)):
        number = int(char) * (1 + place % 2)
        total += number - 9 if number > 9 else number
    return total % 10 == 0


def date_check(format: str | None) -> Callable[[str], bool]:
    """Return a check of dates.

    Args:
        format: strptime's, also with chrono's short forms (`%F`, `%T`, `%.f`, ...); None for ISO 8601.

    Raises:
        InvalidParameters: There is no such directive.
    """
    from datetime import datetime

    if format is None:

        def is_iso(text: str) -> bool:
            try:
                datetime.fromisoformat(text)
            except ValueError:
                return False
            return True

        return is_iso
    pattern = format
    for short, long in _CHRONO:
        pattern = pattern.replace(short, long)
    parse = datetime.strptime

    def fits(text: str) -> bool:
        try:
            parse(text, pattern)
        except (ValueError, OverflowError):
            return False
        return True

    try:
        parse("", pattern)
    except ValueError as error:
        if "bad directive" in str(error) or "stray %" in str(error):
            raise InvalidParameters(f"no such date format: {format!r}: {error}") from None
    except Exception as error:  # noqa: BLE001 - strptime lets errors of the expression that it builds through
        raise InvalidParameters(f"no such date format: {format!r}: {error}") from None
    return fits


CUSTOM: dict[str, Callable[[str], bool]] = {"phone": is_phone, "uuid": is_uuid, "credit_card": is_credit_card}


def _is_domain(domain: str) -> bool:
    try:
        plain = domain if domain.isascii() else domain.encode("idna").decode("ascii")
    except UnicodeError:
        return False
    labels = plain.split(".")
    return len(plain) <= 253 and all(
        0 < len(label) <= 63 and label[0] != "-" and label[-1] != "-" and all(char in _LABEL for char in label)
        for label in labels
    )


def _is_authority(authority: str) -> bool:
    """Check host and port."""
    if authority.startswith("["):
        from llmspell_tools.policy_network import parse_address

        host, closed, port = authority[1:].partition("]")
        port = port.removeprefix(":") if port.startswith(":") or not port else "?"
        return bool(closed) and ":" in host and parse_address(host) is not None and _is_port(port)
    host, _, port = authority.partition(":")
    return _is_domain(host.removesuffix(".")) and _is_port(port)


def _is_port(port: str) -> bool:
    return not port or (len(port) <= 5 and all(char in _DIGITS for char in port) and int(port) <= 65535)
