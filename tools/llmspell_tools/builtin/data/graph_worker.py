"""The part of graph-builder that runs in an isolated child: networkx, whose long computations cannot be interrupted.

A graph comes as the checked JSON of `graph_values.py`. Several edges between two nodes count as that many; shortest
paths take the lightest of them.
"""

from __future__ import annotations

from llmspell_tools.errors import InvalidParameters, ToolUnavailable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from llmspell_tools.types import JsonObject, JsonValue

_PAGERANK_ROUNDS = 100
_DAMPING = 0.85


def run(args: Any, data: bytes) -> tuple[JsonValue, bytes]:
    """Serve one call: ``args["do"]`` is analyze, centrality, shortest_path or components; see those functions."""
    del data
    graph = _graph(args["graph"])
    do = {"analyze": analyze, "centrality": centrality, "shortest_path": shortest_path, "components": components}
    return do[args["do"]](graph, args), b""


def _networkx() -> Any:
    try:
        import networkx as nx
    except ImportError:
        raise ToolUnavailable("graph-builder needs networkx; install it with: pip install 'llmspell[data]'") from None
    return nx


def _graph(value: Any) -> Any:
    nx = _networkx()
    graph = nx.MultiDiGraph() if value["graph_type"] == "directed" else nx.MultiGraph()
    graph.add_nodes_from(node["id"] for node in value["nodes"])
    graph.add_edges_from((edge["from"], edge["to"], {"weight": edge["weight"]}) for edge in value["edges"])
    return graph


def analyze(graph: Any, args: Any) -> JsonObject:
    """Return counts, density, degrees and properties."""
    nx = _networkx()
    nodes, edges = graph.number_of_nodes(), graph.number_of_edges()
    degrees = [degree for _, degree in graph.degree()]
    possible = nodes * (nodes - 1) // (1 if graph.is_directed() else 2)
    distinct = {(one, other) if graph.is_directed() else frozenset((one, other)) for one, other in graph.edges()}
    loops = nx.number_of_selfloops(graph)
    pairs = len(distinct) - len({edge for edge in distinct if len(set(edge)) == 1})
    return {
        "node_count": nodes,
        "edge_count": edges,
        "graph_type": args["graph"]["graph_type"],
        "density": nx.density(graph),
        "degree_statistics": {
            "max": max(degrees, default=0),
            "min": min(degrees, default=0),
            "average_degree": sum(degrees) / nodes if nodes else 0.0,
        },
        "properties": {
            "is_empty": nodes == 0,
            "is_complete": nodes > 0 and pairs == possible,
            "has_self_loops": loops > 0,
        },
        "node_ids": [*graph.nodes()],
        "note": "computed by networkx; see also the operations centrality, shortest_path and components",
    }


def centrality(graph: Any, args: Any) -> JsonObject:
    """Return a number for each node by the measure asked for, the largest first."""
    nx = _networkx()
    measure = args["measure"]
    simple = nx.DiGraph(graph) if graph.is_directed() else nx.Graph(graph)
    if measure == "pagerank":
        scores = _pagerank(simple)
    else:
        compute = {
            "degree": nx.degree_centrality, "betweenness": nx.betweenness_centrality,
            "closeness": nx.closeness_centrality,
        }  # fmt: skip
        scores = compute[measure](simple)
    ranked = sorted(scores.items(), key=lambda item: (-item[1], item[0]))
    return {"measure": measure, "nodes": [{"id": node, "score": score} for node, score in ranked]}


def _pagerank(graph: Any) -> dict[str, float]:
    """Return PageRank by power iteration (Page et al. 1999, dangling nodes spread evenly); networkx's needs scipy."""
    nodes = [*graph.nodes()]
    count = len(nodes)
    if not count:
        return {}
    following = {node: [*graph.successors(node)] if graph.is_directed() else [*graph.neighbors(node)] for node in nodes}
    rank = dict.fromkeys(nodes, 1.0 / count)
    for _ in range(_PAGERANK_ROUNDS):
        lost = sum(rank[node] for node in nodes if not following[node])
        new = dict.fromkeys(nodes, (1.0 - _DAMPING + _DAMPING * lost) / count)
        for node in nodes:
            for target in following[node]:
                new[target] += _DAMPING * rank[node] / len(following[node])
        change = sum(abs(new[node] - rank[node]) for node in nodes)
        rank = new
        if change < 1e-9 * count:
            break
    return rank


def shortest_path(graph: Any, args: Any) -> JsonObject:
    """Return the lightest path between two nodes, or the one of fewest edges."""
    from itertools import pairwise

    nx = _networkx()
    start, end = args["from"], args["to"]
    weight = "weight" if args["weighted"] else None
    if weight and any(value < 0 for _, _, value in graph.edges(data="weight")):
        raise InvalidParameters("a path by weight needs weights that are not negative; or set weighted to false")
    try:
        path = nx.shortest_path(graph, start, end, weight=weight)
    except nx.NetworkXNoPath:
        return {"found": False, "path": [], "length": None, "hops": None}
    length: float = len(path) - 1
    if weight:
        length = sum(min(edge["weight"] for edge in graph[one][other].values()) for one, other in pairwise(path))
    return {"found": True, "path": path, "length": length, "hops": len(path) - 1}


def components(graph: Any, args: Any) -> JsonObject:
    """Return the connected parts (strong or weak in a directed graph), whether there is a cycle, and an order."""
    del args
    nx = _networkx()
    if not graph.is_directed():
        parts = [sorted(part) for part in nx.connected_components(graph)]
        return {
            "components": _by_size(parts),
            "component_count": len(parts),
            "is_connected": len(parts) == 1,
            "has_cycle": bool(graph.number_of_edges() > graph.number_of_nodes() - len(parts)),
        }
    weak = [sorted(part) for part in nx.weakly_connected_components(graph)]
    strong = [sorted(part) for part in nx.strongly_connected_components(graph)]
    is_acyclic = nx.is_directed_acyclic_graph(graph)
    result: JsonObject = {
        "components": _by_size(weak),
        "component_count": len(weak),
        "strong_components": _by_size(strong),
        "is_connected": len(weak) == 1,
        "has_cycle": not is_acyclic,
    }
    if is_acyclic:
        result["topological_order"] = [*nx.lexicographical_topological_sort(graph)]
    return result


def _by_size(parts: list[list[str]]) -> list[JsonValue]:
    return [[*part] for part in sorted(parts, key=lambda part: (-len(part), part))]
