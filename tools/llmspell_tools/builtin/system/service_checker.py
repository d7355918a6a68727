"""service-checker: does a service answer? By TCP, HTTP, HTTPS or DNS.

A service that does not answer is a result, not a failure: `available` is false and `error` says why. Which hosts may be
asked, the policy says; by default those of this machine. The Rust original also has a list of ports; here a rule of the
policy may name one.
"""

from __future__ import annotations

from llmspell_tools.definition import ToolContext, tool
from llmspell_tools.envelope import envelope
from llmspell_tools.errors import InvalidParameters
from llmspell_tools.policy_network import plain_host
from llmspell_tools.returns import envelope_schema, record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Annotated, Literal

    from llmspell_tools.builtin.system.service_probes import Finding
    from llmspell_tools.types import JsonObject

_PORTS = {"http": 80, "https": 443, "dns": 53}
_LONGEST_TARGET = 2048


@tool(
    name="service-checker",
    category="system",
    level="restricted",
    parameter_aliases={"host": "target", "url": "target", "type": "check_type", "timeout": "timeout_seconds"},
    annotations={"read_only": True, "destructive": False, "idempotent": True, "open_world": True},
    examples=(
        {
            "description": "Is there something at a port of this machine? (here nothing)",
            "params": {"target": "127.0.0.1:9", "check_type": "tcp", "timeout_seconds": 2},
            "result": {"operation": "check", "success": True, "result": {"available": False, "check_type": "tcp"}},
        },
        {
            "description": "Resolve a name",
            "params": {"target": "localhost:80", "check_type": "dns"},
            "result": {"result": {"available": True, "status": "resolved", "error": None}},
        },
    ),
    returns=envelope_schema(
        {
            "check": record(
                {
                    "target": "string", "check_type": "string", "available": "boolean", "response_time_ms": "number",
                    "status": "string", "error": ("string", "null"),
                    "metadata": record(
                        {
                            "address?": "string", "port?": "integer", "status_code?": "integer", "server?": "string",
                            "content_type?": "string", "location?": "string", "address_count?": "integer",
                            "first_address?": "string",
                            "tls?": record({"version": "string", "expires?": "string", "days_left?": "integer"}),
                        }
                    ),
                    "timeout_seconds": "number",
                }
            )
        }
    ),
)  # fmt: skip
def service_checker(
    context: ToolContext,
    *,
    target: Annotated[str, {"minLength": 1}],
    check_type: Literal["tcp", "http", "https", "dns"],
    timeout_seconds: Annotated[float, {"exclusiveMinimum": 0, "maximum": 30}] = 5,
) -> JsonObject:
    """Tell whether a service answers, by TCP, HTTP, HTTPS or DNS.

    Args:
        target: host:port; for http and https also a URL, for dns also a name alone.
        check_type: How to ask.
        timeout_seconds: How long to wait for the answer, at most 30.
    """
    from llmspell_tools.builtin.system.service_probes import Probe

    host, port, path = _parts(target, check_type)
    probe = Probe(context, host, port, timeout_seconds)
    if check_type == "tcp":
        found = probe.tcp()
    elif check_type == "dns":
        found = probe.dns()
    else:
        found = probe.http(path, secure=check_type == "https")
    return _answer(target, check_type, timeout_seconds, found)


def _answer(target: str, check_type: str, timeout_s: float, found: Finding) -> JsonObject:
    result: JsonObject = {
        "target": target,
        "check_type": check_type,
        "available": found.available,
        "response_time_ms": found.response_time_ms,
        "status": found.status,
        "error": found.error,
        "metadata": found.metadata,
        "timeout_seconds": timeout_s,
    }
    message = f"{target} is {'available' if found.available else 'not available'} ({found.status})"
    return envelope("check", result, message)


def _parts(target: str, check_type: str) -> tuple[str, int, str]:
    """Return host, port and path.

    Raises:
        InvalidParameters: The target has not the form that the check needs.
    """
    if len(target) > _LONGEST_TARGET:
        raise _bad(target, f"it is longer than {_LONGEST_TARGET} characters")
    if not target.isprintable() or " " in target or "\\" in target:
        raise _bad(target, "it has a character that no address has")
    rest, path = target, "/"
    scheme, mark, after = target.partition("://")
    if mark:
        if check_type not in ("http", "https") or scheme.lower() != check_type:
            raise _bad(target, f"it is a URL of '{scheme}', the check is {check_type}")
        rest = after
    if check_type in ("http", "https"):
        cut = min((rest.find(char) for char in "/?#" if char in rest), default=-1)
        if cut >= 0:
            rest, path = rest[:cut], rest[cut:].partition("#")[0]
        path = path if path.startswith("/") else f"/{path}"
        if not path.isascii():
            from urllib.parse import quote

            path = quote(path, safe="/?&=%:;,@!$'()*+~#[]")
    if "@" in rest or "/" in rest:
        raise _bad(target, "write host:port, without a user or a path")
    host, port = _host_and_port(target, rest, _PORTS.get(check_type))
    return plain_host(host), port, path


def _host_and_port(target: str, text: str, default: int | None) -> tuple[str, int]:
    if text.startswith("["):
        host, _, after = text[1:].partition("]")
        port = after.removeprefix(":")
    elif text.count(":") > 1:
        raise _bad(target, "an IPv6 address stands in brackets: [::1]:80")
    else:
        host, _, port = text.partition(":")
    if not port and default is not None:
        return host, default
    if not (port.isascii() and port.isdigit() and 1 <= int(port[:6]) <= 65535):
        raise _bad(target, "a port is wanted: host:port, 1 to 65535")
    return host, int(port)


def _bad(target: str, reason: str) -> InvalidParameters:
    return InvalidParameters(f"parameter 'target': {target[:100]!r} cannot be checked: {reason}", field="target")
