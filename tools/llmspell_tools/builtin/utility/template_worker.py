"""The part of template-creator that runs in an isolated child: everything that a template can make long or large."""

from __future__ import annotations

import re

from llmspell_tools.builtin.documents import parse_document
from llmspell_tools.errors import InvalidParameters, PermissionDenied

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from llmspell_tools.types import JsonObject, JsonValue

#: What no template that means well has inside a tag (surface 4.3); the sandbox holds without them.
_REFUSED = re.compile(r"system\(|exec\(|eval\(|__import__|subprocess|os\.system")
_TAG = re.compile(r"\{[{%](.*?)[%}]\}", re.DOTALL)


def run(args: Any, data: bytes) -> tuple[JsonObject, bytes]:
    """Render ``args["template"]``.

    Args:
        args: ``template``, ``engine`` (tera, jinja or handlebars), ``max_chars``, ``kind`` and ``field`` of the data.
        data: The context as JSON, YAML or TOML.

    Returns:
        ``{context_size}`` and the text as UTF-8.
    """
    context: JsonValue = parse_document(data, args["kind"], args["field"])
    if not isinstance(context, dict):
        raise InvalidParameters(f"'{args['field']}' must hold an object", field=args["field"])
    template: str = args["template"]
    for tag in _TAG.finditer(template):
        found = _REFUSED.search(tag[1])
        if found is not None:
            raise PermissionDenied(
                f"the template asks for what it must not have: '{found[0]}'", details={"field": "input"}
            )
    if args["engine"] == "handlebars":
        from llmspell_tools.builtin.utility import handlebars

        text = handlebars.render(template, context, args["max_chars"])
    else:
        from llmspell_tools.builtin.utility import template_jinja

        text = template_jinja.render(template, context, args["max_chars"], is_tera=args["engine"] == "tera")
    return {"context_size": len(context)}, text.encode("utf-8", "surrogatepass")
