"""data-validator: a value or a JSON, YAML or TOML file checked against rules.

Rules without regular expressions are applied here; those with one, and files, in a warm isolated child
(`validation_worker.py`), so that no expression and no document can hold this process.
"""

from __future__ import annotations

from llmspell_tools.builtin.options import ABSENT
from llmspell_tools.builtin.sources import encoded, exceeded, limit_of, read_file, write_file
from llmspell_tools.builtin.utility.validation_rules import has_pattern, rule_list, validate
from llmspell_tools.definition import ToolContext, ToolResult, tool
from llmspell_tools.envelope import envelope
from llmspell_tools.errors import InvalidParameters
from llmspell_tools.isolated import Limits, WorkerPool
from llmspell_tools.jsontext import dumps
from llmspell_tools.media import table
from llmspell_tools.returns import envelope_schema, record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from llmspell_tools.types import JsonObject, JsonValue

_workers = WorkerPool("llmspell_tools.builtin.utility.validation_worker:run")


@tool(
    name="data-validator",
    category="utility",
    level="safe",
    aliases=("data_validation",),
    annotations={"read_only": False, "destructive": False, "idempotent": True, "open_world": False},
    settings={
        "max_errors": 100,
        "max_input_bytes": 100_000_000,
        "max_memory_bytes": 1 << 30,
        "max_pattern_chars": 10_000,
        "timeout_s": 5,
    },
    returns=envelope_schema(
        {
            "validate_data?": record(
                {
                    "valid": "boolean",
                    "errors": [record({"field": "string", "value": "any", "rule": "string", "message": "string"})],
                    "errors_truncated?": "boolean",
                }
            )
        },
        failures={},
    ),
    examples=(
        {
            "description": "Check an address",
            "params": {"input": "ada@example.org", "rules": {"rules": [{"type": "required"}, {"type": "email"}]}},
            "result": {"operation": "validate_data", "result": {"valid": True, "errors": []}},
        },
        {
            "description": "Check an object's properties; invalid data is an answer, not a failure",
            "params": {
                "input": {"name": "Ada", "age": -1},
                "rules": {
                    "rules": [
                        {
                            "type": "object",
                            "required": ["name", "age"],
                            "properties": {"age": {"rules": [{"type": "range", "min": 0}]}},
                        }
                    ]
                },
            },
            "result": {
                "success": True,
                "result": {
                    "valid": False,
                    "errors": [
                        {
                            "field": "input.age",
                            "value": -1,
                            "rule": "range",
                            "message": "Value is less than the minimum 0",
                        }
                    ],
                },
                "metadata": {"rule_count": 1, "error_count": 1},
            },
        },
        {
            "description": "Check every item of a list against a regular expression",
            "params": {
                "input": ["A-1", "B2"],
                "rules": [{"type": "array", "item_rules": [{"type": "pattern", "regex": "^[A-Z]-[0-9]$"}]}],
            },
            "result": {"result": {"valid": False, "errors": [{"field": "input[1]", "rule": "pattern"}]}},
        },
    ),
)
def data_validator(
    context: ToolContext,
    *,
    input: JsonValue = ABSENT,
    input_file: str | None = None,
    output_file: str | None = None,
    rules: dict[str, object] | list[object],
) -> ToolResult:
    """Check data against rules: types, lengths, ranges, patterns, formats, arrays and objects.

    Args:
        input: The value to check; null is one.
        input_file: Path of a JSON, YAML or TOML file (by its ending) to check instead.
        output_file: Path of a file for the verdict, as JSON; it is then not in the answer.
        rules: {rules = [{type = ...}, ...]} or the list alone. Types: required; type {expected = null, boolean,
            number, integer, string, array or object}; length {min, max}; range {min, max}; pattern {regex};
            enum {values}; email; url; date {format = ISO 8601}; custom {name = phone, uuid or credit_card};
            array {min_items, max_items, unique = false, item_rules}; object {properties = {name = {rules}},
            required = [names], additional_properties = true}. A null fits every rule but required, type and enum.
    """
    if input_file is None and input is ABSENT:
        raise InvalidParameters(
            "give either 'input' or 'input_file': Missing required parameter 'input' (or 'input_file')", field="input"
        )
    if input_file is not None and input not in (ABSENT, None):
        raise InvalidParameters("give either 'input' or 'input_file': not both", field="input")
    given: Any = rules
    count = len(rule_list(given, "rules"))
    if input_file is not None or has_pattern(given):
        result = _in_child(context, input, input_file, given)
    else:
        result = validate(input, given, limit_of(context, "max_errors"), context.check)
    errors: Any = result["errors"]
    message = "Validation passed" if result["valid"] else f"Validation failed with {len(errors)} errors"
    metadata: JsonObject = {"rule_count": count, "error_count": len(errors)}
    if output_file is not None:
        content = f"{dumps(result, 2)}\n".encode("utf-8", "surrogatepass")
        write_file(context, output_file, content)
        metadata.update(file_path=output_file, file_size=len(content))
        return ToolResult(envelope("validate_data", None, message, metadata))
    response = envelope("validate_data", result, message, metadata)
    found = table("result.errors", "field", "value", "rule", "message") if errors else None
    return ToolResult(response, media=found)


def _in_child(context: ToolContext, input: JsonValue, path: str | None, rules: Any) -> JsonObject:
    from llmspell_tools.builtin.documents import kind_of

    if path is not None:
        data = read_file(context, path, "max_input_bytes")
    else:
        data = encoded(dumps(input), "input")
        if len(data) > limit_of(context, "max_input_bytes"):
            raise exceeded(context, "max_input_bytes", f"parameter 'input' has {len(data)} bytes")
    args: JsonObject = {
        "kind": "json" if path is None else kind_of(path),
        "field": "input" if path is None else "input_file",
        "rules": rules,
        "max_errors": limit_of(context, "max_errors"),
        "max_pattern": limit_of(context, "max_pattern_chars"),
    }
    limits = Limits(
        timeout_s=float(str(context.settings["timeout_s"])),
        max_memory_bytes=limit_of(context, "max_memory_bytes"),
        max_output_bytes=10_000_000,
    )
    found: Any = _workers.call(context, args, data, limits)[0]
    result: JsonObject = found
    return result
