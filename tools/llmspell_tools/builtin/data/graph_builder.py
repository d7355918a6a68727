"""graph-builder: build graphs step by step as JSON, and look into them with networkx.

Each step takes the graph and gives the new one; nothing is kept between calls. As in the Rust original the answer is an
envelope in an envelope. What networkx computes runs in a warm isolated child (`graph_worker.py`), since it cannot be
interrupted.
"""

from __future__ import annotations

from llmspell_tools.builtin.data import graph_values
from llmspell_tools.builtin.sources import decoded, encoded, read_file, write_file
from llmspell_tools.definition import ToolContext, ToolResult, tool
from llmspell_tools.envelope import envelope
from llmspell_tools.errors import InvalidParameters
from llmspell_tools.isolated import Limits, WorkerPool
from llmspell_tools.jsontext import dumps
from llmspell_tools.media import table
from llmspell_tools.returns import envelope_schema, record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, Literal

    from llmspell_tools.types import JsonObject, JsonValue

_workers = WorkerPool("llmspell_tools.builtin.data.graph_worker:run")

_GRAPH = record(
    {
        "graph_type": "string",
        "nodes": [record({"id": "string", "label": ("string", "null"), "data": "any"})],
        "edges": [
            record(
                {"from": "string", "to": "string", "label": ("string", "null"), "weight": "number", "data": "any"}
            )
        ],
        "metadata": {"type": "object"},
    }
)  # fmt: skip
_PARTS: JsonObject = {"type": "array", "items": {"type": "array", "items": {"type": "string"}}}
_RESULTS = {
    "create_graph": _GRAPH,
    "add_node": _GRAPH,
    "add_edge": _GRAPH,
    "import_json": _GRAPH,
    "export_json": record({"json": "string", "format": "string", "node_count": "integer", "edge_count": "integer"}),
    "analyze": record(
        {
            "node_count": "integer", "edge_count": "integer", "graph_type": "string", "density": "number",
            "degree_statistics": record({"max": "integer", "min": "integer", "average_degree": "number"}),
            "properties": record({"is_empty": "boolean", "is_complete": "boolean", "has_self_loops": "boolean"}),
            "node_ids": ["string"], "note": "string",
        }
    ),
    "centrality": record({"measure": "string", "nodes": [record({"id": "string", "score": "number"})]}),
    "shortest_path": record(
        {"found": "boolean", "path": ["string"], "length": ("number", "null"), "hops": ("integer", "null")}
    ),
    "components": record(
        {
            "components": _PARTS, "component_count": "integer", "strong_components?": _PARTS, "is_connected": "boolean",
            "has_cycle": "boolean", "topological_order?": ["string"],
        }
    ),
}  # fmt: skip
_TRIANGLE: JsonObject = {
    "graph_type": "undirected",
    "nodes": [{"id": "a"}, {"id": "b"}, {"id": "c"}],
    "edges": [
        {"from": "a", "to": "b", "weight": 1}, {"from": "b", "to": "c", "weight": 1},
        {"from": "a", "to": "c", "weight": 5},
    ],
}  # fmt: skip


@tool(
    name="graph-builder",
    category="data",
    level="safe",
    parameter_aliases={
        "action": "operation", "id": "node_id", "from": "from_node", "source": "from_node", "to": "to_node",
        "target": "to_node", "file": "input_file", "output": "output_file",
    },
    requires={
        "add_node": ("node_id",), "add_edge": ("from_node", "to_node"), "shortest_path": ("from_node", "to_node"),
    },
    annotations={"read_only": False, "destructive": False, "idempotent": True, "open_world": False},
    settings={
        "max_nodes": 10_000, "max_edges": 50_000, "max_input_bytes": 10_000_000, "timeout_s": 30,
        "max_memory_bytes": 1 << 30, "max_output_bytes": 20_000_000,
    },
    examples=(
        {
            "description": "A graph without nodes",
            "params": {"operation": "create_graph", "graph_type": "undirected"},
            "result": {"result": {"operation": "create_graph", "result": {"graph_type": "undirected", "nodes": []}}},
        },
        {
            "description": "A node",
            "params": {"operation": "add_node", "graph": '{"nodes": [{"id": "a"}]}', "node_id": "b", "label": "B"},
            "result": {"result": {"result": {"metadata": {"node_count": 2}}}},
        },
        {
            "description": "An edge between two nodes",
            "params": {
                "operation": "add_edge", "graph": '{"nodes": [{"id": "a"}, {"id": "b"}]}', "from": "a", "to": "b",
                "weight": 2.5,
            },
            "result": {
                "result": {"result": {"edges": [{"from": "a", "to": "b", "label": None, "weight": 2.5, "data": None}]}}
            },
        },
        {
            "description": "Counts, density and degrees",
            "params": {"operation": "analyze", "input": _TRIANGLE},
            "result": {"result": {"result": {"node_count": 3, "density": 1.0, "properties": {"is_complete": True}}}},
        },
        {
            "description": "The lightest path",
            "params": {"operation": "shortest_path", "input": _TRIANGLE, "from": "a", "to": "c"},
            "result": {"result": {"result": {"path": ["a", "b", "c"], "length": 2}}},
        },
        {
            "description": "Which node matters most",
            "params": {"operation": "centrality", "input": _TRIANGLE, "measure": "degree"},
            "result": {"result": {"result": {"measure": "degree"}}},
        },
        {
            "description": "Connected parts",
            "params": {"operation": "components", "input": _TRIANGLE},
            "result": {"result": {"result": {"component_count": 1, "has_cycle": True}}},
        },
        {
            "description": "As JSON text",
            "params": {"operation": "export_json", "input": _TRIANGLE},
            "result": {"result": {"result": {"format": "json", "node_count": 3, "edge_count": 3}}},
        },
        {
            "description": "From JSON text, checked",
            "params": {"operation": "import_json", "input": '{"nodes": [{"id": "a"}], "edges": []}'},
            "result": {"result": {"result": {"graph_type": "directed", "metadata": {"node_count": 1}}}},
        },
    ),
    returns=envelope_schema(
        {"graph_builder_execute": envelope_schema({f"{name}?": shape for name, shape in _RESULTS.items()})}
    ),
)  # fmt: skip
def graph_builder(
    context: ToolContext,
    *,
    operation: Literal[
        "create_graph", "add_node", "add_edge", "analyze", "export_json", "import_json", "centrality", "shortest_path",
        "components",
    ] = "create_graph",
    graph_type: Literal["directed", "undirected"] = "directed",
    graph: str | dict[str, JsonValue] | None = None,
    input: str | dict[str, JsonValue] | None = None,
    input_file: str | None = None,
    output_file: str | None = None,
    node_id: str | None = None,
    from_node: str | None = None,
    to_node: str | None = None,
    label: str | None = None,
    weight: float | None = None,
    data: JsonValue = None,
    measure: Literal["degree", "betweenness", "closeness", "pagerank"] = "degree",
    weighted: bool = True,
) -> ToolResult:  # fmt: skip
    """Build graphs as JSON and find their properties, central nodes, shortest paths and components.

    Args:
        operation: What to do.
        graph_type: For create_graph: whether edges have a direction.
        graph: For add_node and add_edge: the graph so far, as JSON text or an object.
        input: For the other operations: the graph, as JSON text or an object.
        input_file: Path of a JSON file with the graph, instead of `graph` or `input`.
        output_file: Path of a file for the result, as JSON; it is then not in the answer. A graph that is written so
            can be the input_file of the next call.
        node_id: For add_node: its id.
        from_node: For add_edge and shortest_path: where it starts; `from` is another name.
        to_node: Where it ends; `to` is another name.
        label: Of the node or edge.
        weight: Of the edge, by default 1.
        data: Anything that the node or edge should carry.
        measure: For centrality: by degree, betweenness, closeness or PageRank.
        weighted: For shortest_path: by weight; false counts edges.
    """
    call = _Call(context, operation, input if operation not in ("add_node", "add_edge") else graph, input_file)
    if operation == "create_graph":
        result: JsonValue = graph_values.new_graph(graph_type)
    elif operation == "add_node":
        result = call.read()
        graph_values.add_node(
            result, {"id": _named(node_id, "node_id"), "label": label, "data": data}, context.settings
        )
    elif operation == "add_edge":
        result = call.read()
        edge: JsonObject = {"from": from_node, "to": to_node, "label": label}
        edge.update({"weight": 1.0 if weight is None else weight, "data": data})
        graph_values.add_edge(result, edge, context.settings)
    elif operation == "import_json":
        result = call.read()
    elif operation == "export_json":
        found = call.read()
        result = {
            "json": dumps(found, 2),
            "format": "json",
            "node_count": found["metadata"]["node_count"],
            "edge_count": found["metadata"]["edge_count"],
        }
    else:
        ends: JsonObject = {"from": from_node, "to": to_node, "weighted": weighted, "measure": measure}
        result = call.computed(operation, call.read(), ends)
    return _answer(context, operation, result, output_file)


def _answer(context: ToolContext, operation: str, result: JsonValue, output_file: str | None) -> ToolResult:
    metadata: JsonObject = {"tool": "graph-builder", "operation": operation}
    if output_file is None:
        inner = envelope(operation, result, None, metadata)
        return ToolResult(
            envelope("graph_builder_execute", inner),
            media=table("result.result.nodes", "id", "score") if operation == "centrality" else None,
        )
    exported = result.get("json") if operation == "export_json" and isinstance(result, dict) else None
    content = encoded(f"{exported if isinstance(exported, str) else dumps(result, 2)}\n", "output_file")
    write_file(context, output_file, content)
    metadata.update(file_path=output_file, file_size=len(content))
    message = f"Wrote {len(content)} bytes to {output_file}"
    return ToolResult(envelope("graph_builder_execute", envelope(operation, None, message, metadata)))


class _Call:
    """One call: where its graph is, and its limits."""

    __slots__ = ("_context", "_field", "_path", "_settings", "_value")

    def __init__(self, context: ToolContext, operation: str, value: JsonValue, path: str | None) -> None:
        self._context = context
        self._settings: Mapping[str, Any] = context.settings
        self._field = "graph" if operation in ("add_node", "add_edge") else "input"
        self._value = value
        self._path = path
        if operation == "create_graph":
            if path is not None:
                raise InvalidParameters("create_graph makes a graph without nodes; it reads none", field="input_file")
        elif (value is None) == (path is None):
            what = "not both" if path is not None else f"Missing required parameter '{self._field}'"
            raise InvalidParameters(
                f"operation '{operation}' needs '{self._field}' or 'input_file': {what}", field=self._field
            )

    def read(self) -> Any:
        """Return the graph that the caller gave, checked."""
        if self._path is None:
            return graph_values.read_graph(self._value, self._field, self._settings)
        text = decoded(read_file(self._context, self._path, "max_input_bytes"), "input_file", self._path)
        return graph_values.read_graph(text, "input_file", self._settings)

    def computed(self, operation: str, graph: Any, more: JsonObject) -> JsonValue:
        """Return what networkx finds."""
        if operation == "shortest_path":
            ids = {node["id"] for node in graph["nodes"]}
            for end in ("from", "to"):
                if more[end] not in ids:
                    raise InvalidParameters(f"'{end}': there is no node '{more[end]}'", field=f"{end}_node")
        bare: JsonObject = {  # the child needs no labels and no data
            "graph_type": graph["graph_type"],
            "nodes": [{"id": node["id"]} for node in graph["nodes"]],
            "edges": [{key: edge[key] for key in ("from", "to", "weight")} for edge in graph["edges"]],
        }
        settings = self._settings
        limits = Limits(
            timeout_s=settings["timeout_s"],
            max_memory_bytes=settings["max_memory_bytes"],
            max_output_bytes=settings["max_output_bytes"],
        )
        return _workers.call(self._context, {"do": operation, "graph": bare, **more}, b"", limits)[0]


def _named(value: str | None, field: str) -> str:
    if not value:
        raise InvalidParameters(f"parameter '{field}' is empty", field=field)
    return value
