"""Graphs as JSON: made, checked, extended. No library is needed for that.

{graph_type, nodes: [{id, label, data}], edges: [{from, to, label, weight, data}],
 metadata: {created_at, node_count, edge_count, last_modified}}
"""

from __future__ import annotations

from llmspell_tools.errors import InvalidParameters, LimitExceeded
from llmspell_tools.jsontext import loads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from llmspell_tools.types import JsonObject, JsonValue

TYPES = ("directed", "undirected")


def new_graph(graph_type: str) -> JsonObject:
    """Return a graph without nodes."""
    now = _now()
    metadata: JsonObject = {"created_at": now, "node_count": 0, "edge_count": 0, "last_modified": now}
    return {"graph_type": graph_type, "nodes": [], "edges": [], "metadata": metadata}


def read_graph(value: JsonValue, field: str, limits: Mapping[str, Any]) -> Any:
    """Return a graph that a caller gave, as JSON text or as an object, checked and complete.

    Args:
        value: What came.
        field: The parameter's name.
        limits: `max_input_bytes`, `max_nodes`, `max_edges`.

    Raises:
        InvalidParameters: It is no graph; names the place.
        LimitExceeded: It is too large.
    """
    if isinstance(value, str):
        if len(value) > limits["max_input_bytes"]:
            raise _exceeded("max_input_bytes", limits, len(value), "characters")
        value = loads(value)
    if not isinstance(value, dict):
        raise InvalidParameters(f"parameter '{field}' is no graph: an object with nodes and edges", field=field)
    graph_type = value.get("graph_type", "directed")
    if graph_type not in TYPES:
        raise InvalidParameters(f"{field}.graph_type is directed or undirected", field=f"{field}.graph_type")
    nodes = _list(value, "nodes", field)
    edges = _list(value, "edges", field)
    check_size(len(nodes), len(edges), limits)
    ids: set[str] = set()
    checked_nodes: list[JsonValue] = [_node(node, f"{field}.nodes[{at}]", ids) for at, node in enumerate(nodes)]
    checked_edges: list[JsonValue] = [_edge(edge, f"{field}.edges[{at}]", ids) for at, edge in enumerate(edges)]
    given = value.get("metadata")
    now = _now()
    metadata: JsonObject = {"created_at": now, "last_modified": now, **(given if isinstance(given, dict) else {})}
    metadata.update({"node_count": len(nodes), "edge_count": len(edges)})
    return {"graph_type": graph_type, "nodes": checked_nodes, "edges": checked_edges, "metadata": metadata}


def add_node(graph: Any, node: JsonObject, limits: Mapping[str, Any]) -> None:
    """Add a node.

    Raises:
        InvalidParameters: There is one of that id.
    """
    check_size(len(graph["nodes"]) + 1, 0, limits)
    if any(other["id"] == node["id"] for other in graph["nodes"]):
        raise InvalidParameters(f"there is a node '{node['id']}' already", field="node_id")
    graph["nodes"].append(node)
    _touch(graph)


def add_edge(graph: Any, edge: JsonObject, limits: Mapping[str, Any]) -> None:
    """Add an edge.

    Raises:
        InvalidParameters: One of its ends is no node.
    """
    check_size(0, len(graph["edges"]) + 1, limits)
    ids = {node["id"] for node in graph["nodes"]}
    for end in ("from", "to"):
        if edge[end] not in ids:
            raise InvalidParameters(f"'{end}': there is no node '{edge[end]}'; add it first", field=end)
    graph["edges"].append(edge)
    _touch(graph)


def check_size(nodes: int, edges: int, limits: Mapping[str, Any]) -> None:
    """Refuse a graph that is too large."""
    if nodes > limits["max_nodes"]:
        raise _exceeded("max_nodes", limits, nodes, "nodes")
    if edges > limits["max_edges"]:
        raise _exceeded("max_edges", limits, edges, "edges")


def _exceeded(key: str, limits: Mapping[str, Any], actual: int, what: str) -> LimitExceeded:
    name = f"[tools.graph_builder] {key}"
    return LimitExceeded(
        f"the graph has {actual} {what}, more than {limits[key]}; the limit is {name}",
        details={"key": name, "limit": limits[key], "actual": actual},
    )


def _list(value: JsonObject, key: str, field: str) -> list[Any]:
    found = value.get(key, [])
    if found == {}:
        return []  # an empty Lua table
    if not isinstance(found, list):
        raise InvalidParameters(f"{field}.{key} is a list", field=f"{field}.{key}")
    return found


def _node(node: Any, place: str, ids: set[str]) -> JsonObject:
    if not isinstance(node, dict) or not isinstance(node.get("id"), str) or not node["id"]:
        raise InvalidParameters(f"{place} has no text 'id'", field=place)
    if node["id"] in ids:
        raise InvalidParameters(f"{place}: there is a node '{node['id']}' already", field=f"{place}.id")
    ids.add(node["id"])
    return {"id": node["id"], "label": _text(node, "label", place), "data": node.get("data")}


def _edge(edge: Any, place: str, ids: set[str]) -> JsonObject:
    if not isinstance(edge, dict):
        raise InvalidParameters(f"{place} is no object", field=place)
    for end in ("from", "to"):
        if edge.get(end) not in ids if isinstance(edge.get(end), str) else True:
            raise InvalidParameters(f"{place}.{end} is no node's id", field=f"{place}.{end}")
    weight = edge.get("weight")
    weight = 1.0 if weight is None else weight
    if isinstance(weight, bool) or not isinstance(weight, (int, float)):
        raise InvalidParameters(f"{place}.weight is a number", field=f"{place}.weight")
    return {
        "from": edge["from"],
        "to": edge["to"],
        "label": _text(edge, "label", place),
        "weight": weight,
        "data": edge.get("data"),
    }


def _text(value: JsonObject, key: str, place: str) -> str | None:
    found = value.get(key)
    if found is not None and not isinstance(found, str):
        raise InvalidParameters(f"{place}.{key} is a text", field=f"{place}.{key}")
    return found


def _touch(graph: Any) -> None:
    graph["metadata"].update(
        {"node_count": len(graph["nodes"]), "edge_count": len(graph["edges"]), "last_modified": _now()}
    )


def _now() -> str:
    from datetime import UTC, datetime

    return datetime.now(UTC).isoformat()
