"""url-analyzer: a URL's parts and normal form, offline; on request what its server says of it (a HEAD request).

The parts are `urls.py`'s business, the network `checked_http`'s: a host that the policy refuses is an error here, a
server that does not answer is `metadata_error`, because the analysis itself is right.
"""

from __future__ import annotations

from llmspell_tools.builtin.data.urls import Url, query_params
from llmspell_tools.definition import ToolContext, tool
from llmspell_tools.envelope import envelope
from llmspell_tools.errors import InvalidParameters, ToolExecutionError, ToolTimeout
from llmspell_tools.returns import envelope_schema, record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from llmspell_tools.types import JsonObject

_METADATA = record(
    {
        "status_code": "integer",
        "status_text": "string",
        "is_success": "boolean",
        "is_redirect": "boolean",
        "content_type?": "string",
        "content_length?": "integer",
        "server?": "string",
        "last_modified?": "string",
        "etag?": "string",
        "redirect_location?": "string",
        "final_url?": "string",
    }
)


@tool(
    name="url-analyzer",
    category="data",
    level="safe",
    annotations={"read_only": True, "destructive": False, "idempotent": True, "open_world": True},
    settings={"timeout_s": 10},
    blocking=True,
    returns=envelope_schema(
        {
            "analyze": record(
                {
                    "valid": "boolean",
                    "original": "string",
                    "normalized": "string",
                    "scheme": "string",
                    "host": "string",
                    "port": ("integer", "null"),
                    "path": "string",
                    "query": ("string", "null"),
                    "fragment": ("string", "null"),
                    "query_params": "object",
                    "username?": "string",
                    "has_auth?": "boolean",
                    "has_password?": "boolean",
                    "host_details": record({"type": "string", "value": "string", "is_ip": "boolean"}),
                    "metadata?": _METADATA,
                    "metadata_error?": "string",
                }
            )
        },
        failures={},
    ),
    examples=(
        {
            "description": "Take a URL apart",
            "params": {"input": "HTTPS://Example.org:443/a/../b?q=1&tag=x&tag=y%20z#top"},
            "result": {
                "operation": "analyze",
                "success": True,
                "result": {
                    "valid": True,
                    "normalized": "https://example.org/b?q=1&tag=x&tag=y%20z#top",
                    "host": "example.org",
                    "port": None,
                    "query_params": {"q": "1", "tag": ["x", "y z"]},
                    "host_details": {"type": "domain", "value": "example.org", "is_ip": False},
                },
            },
        },
        {
            "description": "See through a host that is written as a number",
            "params": {"input": "http://0x7f.1/"},
            "result": {
                "result": {
                    "normalized": "http://127.0.0.1/",
                    "host_details": {"type": "ipv4", "value": "127.0.0.1", "is_ip": True},
                }
            },
        },
    ),
)
def url_analyzer(
    context: ToolContext, *, input: str, fetch_metadata: bool = False, decode_params: bool = True
) -> JsonObject:
    """Take a URL apart, write it in its normal form, and ask its server about it if wanted.

    Args:
        input: An http or https URL.
        fetch_metadata: Send a HEAD request, within the policy's rules for the network and through at most five
            redirects, and add what the answer says as `metadata`, or why there was none as `metadata_error`.
        decode_params: Whether the names and values in `query_params` are percent-decoded.
    """
    url = Url(input)
    host = url.host.strip("[]")
    result: JsonObject = {
        "valid": True,
        "original": input,
        "normalized": url.normalized,
        "scheme": url.scheme,
        "host": url.host,
        "port": url.port,
        "path": url.path,
        "query": url.query,
        "fragment": url.fragment,
        "query_params": query_params(url.query, decode=decode_params),
        "host_details": {"type": url.host_kind, "value": host, "is_ip": url.host_kind != "domain"},
    }
    if url.username or url.password:
        result.update(username=url.username, has_auth=True, has_password=bool(url.password))
    if fetch_metadata:
        try:
            result["metadata"] = _metadata(context, url)
        except (ToolExecutionError, ToolTimeout) as error:
            context.check()  # the run's own end is no fact about the URL
            result["metadata_error"] = error.message
    return envelope("analyze", result)


def _metadata(context: ToolContext, url: Url) -> JsonObject:
    from llmspell_tools.builtin.checked_http import MAX_REDIRECTS, open_client

    if url.username or url.password:
        raise InvalidParameters(
            "metadata is not fetched with a name and password in the URL; leave them out", field="input"
        )
    import httpx

    with open_client(context, float(str(context.settings["timeout_s"]))) as client:
        try:
            answer = client.head(url.address)
        except httpx.TooManyRedirects:
            raise ToolExecutionError(f"the server redirects more than {MAX_REDIRECTS} times") from None
        except httpx.HTTPError as error:
            raise ToolExecutionError(f"{url.host}: {error}") from None
        except httpx.InvalidURL as error:
            raise ToolExecutionError(f"{url.host} redirects to what is no URL: {error}") from None
    headers = answer.headers
    found: JsonObject = {
        "status_code": answer.status_code,
        "status_text": answer.reason_phrase,
        "is_success": answer.is_success,
        "is_redirect": answer.has_redirect_location or answer.is_redirect,
    }
    for name in ("content_type", "server", "last_modified", "etag"):
        if (value := headers.get(name.replace("_", "-"))) is not None:
            found[name] = value
    length = headers.get("content-length", "")
    if length.isdecimal() and length.isascii() and len(length) < 19:
        found["content_length"] = int(length)
    if "location" in headers:
        found["redirect_location"] = headers["location"]
    if answer.history:
        found["final_url"] = str(answer.url)
    return found
