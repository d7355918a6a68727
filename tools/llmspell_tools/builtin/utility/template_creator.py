"""template-creator: Tera, Jinja and Handlebars templates with data.

Templates are rendered in a warm isolated child (`template_worker.py`): one that loops for ever or doubles its text is
ended there. This module finds template and data, chooses the engine and puts the text where it belongs.
"""

from __future__ import annotations

from llmspell_tools.builtin.sources import encoded, exceeded, limit_of, read_file, read_text, write_file
from llmspell_tools.definition import ToolContext, tool
from llmspell_tools.envelope import envelope
from llmspell_tools.errors import InvalidParameters
from llmspell_tools.isolated import Limits, WorkerPool
from llmspell_tools.jsontext import dumps
from llmspell_tools.returns import envelope_schema, record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Literal

    from llmspell_tools.types import JsonObject

_workers = WorkerPool("llmspell_tools.builtin.utility.template_worker:run")
_ENGINES = {"tera": "tera", "handlebars": "handlebars", "hbs": "handlebars", "jinja": "jinja", "jinja2": "jinja"}
_SIGNS_OF_HANDLEBARS = ("{{#", "{{/", "{{>")


@tool(
    name="template-creator",
    category="utility",
    level="restricted",
    aliases=("template_engine",),
    annotations={"read_only": False, "destructive": False, "idempotent": True, "open_world": False},
    settings={
        "max_template_bytes": 1_000_000,
        "max_context_bytes": 10_000_000,
        "max_output_bytes": 10_000_000,
        "max_memory_bytes": 512 << 20,
        "timeout_s": 5,
    },
    returns=envelope_schema(
        {
            "render_template?": record(
                {
                    "rendered": "string",
                    "engine": "string",
                    "template_length": "integer",
                    "context_size": "integer",
                }
            )
        },
        failures={},
    ),
    examples=(
        {
            "description": "A Tera template; values are escaped for HTML",
            "params": {
                "input": "{% for user in users %}{{ loop.index }}. {{ user.name | upper }}\n{% endfor %}",
                "context": {"users": [{"name": "Ada"}, {"name": "<Bob>"}]},
            },
            "result": {
                "operation": "render_template",
                "result": {"rendered": "1. ADA\n2. &lt;BOB&gt;\n", "engine": "tera", "context_size": 1},
            },
        },
        {
            "description": "A Handlebars template, known by its blocks",
            "params": {
                "input": "{{#each items}}{{@index}}: {{this}}{{#unless @last}}, {{/unless}}{{/each}}",
                "context": {"items": ["a", "b"]},
            },
            "result": {"result": {"rendered": "0: a, 1: b", "engine": "handlebars"}},
        },
    ),
)
def template_creator(
    call: ToolContext,
    /,
    *,
    input: str | None = None,
    input_file: str | None = None,
    context: dict[str, object] | None = None,
    context_file: str | None = None,
    engine: Literal["tera", "handlebars", "hbs", "jinja", "jinja2"] | None = None,
    auto_detect: bool = True,
    output_file: str | None = None,
) -> JsonObject:
    """Render a Tera (Jinja) or Handlebars template with data.

    Args:
        input: The template.
        input_file: Path of the template.
        context: The data: an object whose members are the template's names; {} by default.
        context_file: Path of a JSON, YAML or TOML file (by its ending) with the data.
        engine: tera, jinja (the same language with Jinja's own filters) or handlebars (hbs); by default tera, or what
            auto_detect finds.
        auto_detect: Without `engine`: {{#, {{/ and {{> mean Handlebars.
        output_file: Path of a file for the text, which is then not in the answer.
    """
    template = read_text(call, input, input_file, "max_template_bytes")
    data, kind, field = _data(call, context, context_file)
    chosen = _ENGINES[engine] if engine is not None else "tera"
    if engine is None and auto_detect and any(sign in template for sign in _SIGNS_OF_HANDLEBARS):
        chosen = "handlebars"
    most = limit_of(call, "max_output_bytes")
    args: JsonObject = {"template": template, "engine": chosen, "max_chars": most, "kind": kind, "field": field}
    limits = Limits(
        timeout_s=float(str(call.settings["timeout_s"])),
        max_memory_bytes=limit_of(call, "max_memory_bytes"),
        max_output_bytes=most,
    )
    answer, text = _workers.call(call, args, data, limits)
    found: Any = answer
    metadata: JsonObject = {"engine": chosen, "template_length": len(template)}
    if output_file is not None:
        write_file(call, output_file, text)
        metadata.update(file_path=output_file, file_size=len(text))
        return envelope("render_template", None, f"Wrote {len(text)} bytes to {output_file}", metadata)
    result: JsonObject = {
        "rendered": text.decode("utf-8", "surrogatepass"),
        "engine": chosen,
        "template_length": len(template),
        "context_size": found["context_size"],
    }
    return envelope("render_template", result, "Template rendered successfully", metadata)


def _data(call: ToolContext, context: object, path: str | None) -> tuple[bytes, str, str]:
    """Return the data as text, the kind of that text, and the parameter that it came by."""
    if path is None:
        data = encoded(dumps({} if context is None else context), "context")
        if len(data) > limit_of(call, "max_context_bytes"):
            raise exceeded(call, "max_context_bytes", f"parameter 'context' has {len(data)} bytes of JSON")
        return data, "json", "context"
    if context is not None:
        raise InvalidParameters("give either 'context' or 'context_file', not both", field="context_file")
    from llmspell_tools.builtin.documents import kind_of

    return read_file(call, path, "max_context_bytes"), kind_of(path), "context_file"
