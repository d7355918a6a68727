"""graph-builder: building, reading, and what networkx finds, against values known for small graphs."""

from __future__ import annotations

import json

import pytest

from llmspell_tools.errors import InvalidParameters, LimitExceeded, ToolTimeout, ToolUnavailable
from llmspell_tools.registry import ToolRegistry


def run(operation=None, settings=None, **more):
    registry = ToolRegistry(settings={"graph-builder": settings or {}})
    params = {**({"operation": operation} if operation else {}), **more}
    return registry.invoke("graph-builder", params).output


def inner(operation=None, settings=None, **more):
    return run(operation, settings, **more)["result"]["result"]


def graph_of(*edges, directed=False, nodes=()):
    names = sorted({*nodes, *(end for edge in edges for end in edge[:2])})
    return {
        "graph_type": "directed" if directed else "undirected",
        "nodes": [{"id": name} for name in names],
        "edges": [{"from": e[0], "to": e[1], "weight": e[2] if len(e) > 2 else 1} for e in edges],
    }


PATH = graph_of("ab", "bc", "cd")
RING = graph_of("ab", "bc", "ca", directed=True)


def test_the_answer_is_an_envelope_in_an_envelope():
    got = run()

    assert got["operation"] == "graph_builder_execute"
    assert got["success"] is True
    assert got["result"]["operation"] == "create_graph"
    assert got["result"]["success"] is True
    assert got["result"]["metadata"] == {"tool": "graph-builder", "operation": "create_graph"}
    graph = got["result"]["result"]
    assert graph["graph_type"] == "directed"
    assert (graph["nodes"], graph["edges"]) == ([], [])
    assert set(graph["metadata"]) == {"created_at", "node_count", "edge_count", "last_modified"}


def test_a_graph_is_built_step_by_step_as_text():
    graph = json.dumps(inner("create_graph", graph_type="undirected"))
    for name in "ab":
        graph = json.dumps(inner("add_node", graph=graph, node_id=name, label=name.upper(), data={"n": [1]}))
    got = inner("add_edge", graph=graph, **{"from": "a", "to": "b"}, label="x", weight=2, data="d")

    assert got["nodes"] == [{"id": name, "label": name.upper(), "data": {"n": [1]}} for name in "ab"]
    assert got["edges"] == [{"from": "a", "to": "b", "label": "x", "weight": 2, "data": "d"}]
    assert (got["metadata"]["node_count"], got["metadata"]["edge_count"]) == (2, 1)
    assert got["metadata"]["last_modified"] >= got["metadata"]["created_at"]


def test_a_graph_is_built_step_by_step_in_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    steps = [
        {"operation": "create_graph"}, {"operation": "add_node", "node_id": "a"},
        {"operation": "add_node", "node_id": "b"}, {"operation": "add_edge", "from": "a", "to": "b"},
    ]  # fmt: skip
    for at, step in enumerate(steps):
        got = run(**step, **({"input_file": "graph.json"} if at else {}), output_file="graph.json")

    size = (tmp_path / "graph.json").stat().st_size
    assert got["result"]["metadata"]["file_path"] == "graph.json"
    assert got["result"]["message"] == f"Wrote {size} bytes to graph.json"
    assert "result" not in got["result"]
    assert inner("analyze", input_file="graph.json")["edge_count"] == 1
    run("export_json", input_file="graph.json", output_file="again.json")
    assert json.loads((tmp_path / "again.json").read_text()) == json.loads((tmp_path / "graph.json").read_text())


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"operation": "create_graph", "input_file": "g.json"}, "input_file"),
        ({"operation": "analyze"}, "input"),
        ({"operation": "analyze", "input": "{}", "input_file": "g.json"}, "input"),
        ({"operation": "add_node", "node_id": "a"}, "graph"),
    ],
)
def test_where_the_graph_is_must_be_clear(params, field):
    with pytest.raises(InvalidParameters) as caught:
        run(**params)
    assert caught.value.field == field


def test_a_file_that_is_no_graph_leaves_the_old_output_whole(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in.json").write_bytes(b"\xff")
    (tmp_path / "out.json").write_text("old")

    with pytest.raises(InvalidParameters):
        run("analyze", input_file="in.json", output_file="out.json")

    assert (tmp_path / "out.json").read_text() == "old"


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000, '{"nodes": ' + "[" * 100_000, "NaN", '{"nodes": [{"id": NaN}]}', "\0", '{"nodes": [{"id": "a"}',
        '{"nodes": [{"id": "a"}], "edges": [{"from": "a", "to": "a", "weight": Infinity}]}',
        '{"nodes": [{"id": "a"}], "edges": [{"from": "a", "to": "a", "weight": ' + "9" * 1_000_000 + "}]}", "", "a: 1",
        '{"nodes": [{"id": "a"}, {"id": "a"}]}', '{"nodes": [{"id": ""}]}', '{"nodes": 1}',
    ],
)  # fmt: skip
def test_bad_texts_are_refused(text):
    with pytest.raises(InvalidParameters):
        run("analyze", input=text)


def test_of_keys_that_are_there_twice_the_last_counts():
    assert inner("analyze", input='{"nodes": [{"id": "a"}], "nodes": []}')["node_count"] == 0


def test_a_lone_surrogate_is_refused_where_it_would_be_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    graph = {"nodes": [{"id": "\ud800"}]}

    with pytest.raises(InvalidParameters, match="surrogate"):
        run("import_json", input=graph, output_file="out.json")
    assert not (tmp_path / "out.json").exists()


def test_export_and_import_are_each_others_opposite():
    graph = inner("import_json", input=PATH)
    text = inner("export_json", input=graph)

    assert text["format"] == "json"
    assert (text["node_count"], text["edge_count"]) == (4, 3)
    assert inner("import_json", input=text["json"]) == graph


def test_analyze_tells_counts_density_and_degrees():
    got = inner("analyze", input=PATH)

    assert set(got) == {
        "node_count", "edge_count", "graph_type", "density", "degree_statistics", "properties", "node_ids", "note",
    }  # fmt: skip
    assert (got["node_count"], got["edge_count"], got["graph_type"]) == (4, 3, "undirected")
    assert got["density"] == pytest.approx(0.5)
    assert got["degree_statistics"] == {"max": 2, "min": 1, "average_degree": 1.5}
    assert got["properties"] == {"is_empty": False, "is_complete": False, "has_self_loops": False}
    assert got["node_ids"] == ["a", "b", "c", "d"]


@pytest.mark.parametrize(
    ("graph", "properties"),
    [
        (graph_of(), {"is_empty": True, "is_complete": False, "has_self_loops": False}),
        (graph_of("ab", "bc", "ac"), {"is_empty": False, "is_complete": True, "has_self_loops": False}),
        (graph_of("ab", directed=True), {"is_empty": False, "is_complete": False, "has_self_loops": False}),
        (graph_of("ab", "ba", directed=True), {"is_empty": False, "is_complete": True, "has_self_loops": False}),
        (graph_of("aa"), {"is_empty": False, "is_complete": True, "has_self_loops": True}),
        (graph_of("ab", "ab", nodes="c"), {"is_empty": False, "is_complete": False, "has_self_loops": False}),
    ],
)
def test_properties_are_right_for_small_graphs(graph, properties):
    assert inner("analyze", input=graph)["properties"] == properties


@pytest.mark.parametrize(
    ("measure", "scores"),
    [
        ("degree", {"a": 1 / 3, "b": 2 / 3, "c": 2 / 3, "d": 1 / 3}),
        ("betweenness", {"a": 0, "b": 2 / 3, "c": 2 / 3, "d": 0}),
        ("closeness", {"a": 0.5, "b": 0.75, "c": 0.75, "d": 0.5}),
        ("pagerank", {"a": 0.17543859, "b": 0.32456140, "c": 0.32456140, "d": 0.17543859}),
    ],
)
def test_centrality_of_a_path_is_known(measure, scores):
    got = inner("centrality", input=PATH, measure=measure)

    assert {node["id"]: pytest.approx(node["score"], abs=1e-6) for node in got["nodes"]} == scores
    assert [node["id"] for node in got["nodes"]][:2] == ["b", "c"]


def test_pagerank_sums_to_one_with_dangling_nodes():
    got = inner("centrality", input=graph_of("ab", "ac", directed=True), measure="pagerank")

    assert sum(node["score"] for node in got["nodes"]) == pytest.approx(1)


def test_the_shortest_path_is_by_weight_or_by_edges():
    graph = graph_of(("a", "b", 1), ("b", "c", 1.5), ("a", "c", 5), ("a", "c", 4), nodes="z")
    ends = {"from": "a", "to": "c"}

    assert inner("shortest_path", input=graph, **ends) == {
        "found": True, "path": ["a", "b", "c"], "length": 2.5, "hops": 2,
    }  # fmt: skip
    assert inner("shortest_path", input=graph, **ends, weighted=False)["path"] == ["a", "c"]
    assert inner("shortest_path", input=graph, **{"from": "a", "to": "z"})["found"] is False


def test_direction_counts_in_a_directed_graph():
    graph = graph_of("ab", directed=True)

    assert inner("shortest_path", input=graph, **{"from": "b", "to": "a"})["found"] is False


def test_components_cycles_and_order():
    assert inner("components", input=graph_of("ab", "cd", "de")) == {
        "components": [["c", "d", "e"], ["a", "b"]], "component_count": 2, "is_connected": False, "has_cycle": False,
    }  # fmt: skip
    assert inner("components", input=RING)["strong_components"] == [["a", "b", "c"]]
    assert inner("components", input=RING)["has_cycle"] is True
    assert inner("components", input=graph_of("ca", "ab", directed=True))["topological_order"] == ["c", "a", "b"]


@pytest.mark.parametrize(
    ("operation", "more"),
    [
        ("add_node", {"node_id": "a"}),
        ("add_node", {"graph": "{}", "node_id": ""}),
        ("add_node", {"graph": '{"nodes": [{"id": "a"}]}', "node_id": "a"}),
        ("add_edge", {"graph": "{}", "from": "a"}),
        ("add_edge", {"graph": "{}", "from": "a", "to": "b"}),
        ("analyze", {}),
        ("analyze", {"input": "not json"}),
        ("analyze", {"input": "[" * 100_000}),
        ("analyze", {"input": "[]"}),
        ("analyze", {"input": '{"nodes": 5}'}),
        ("analyze", {"input": '{"nodes": [{"id": 5}]}'}),
        ("analyze", {"input": '{"nodes": [{"id": "a"}, {"id": "a"}]}'}),
        ("analyze", {"input": '{"edges": [{"from": "a", "to": "b"}]}'}),
        ("analyze", {"input": '{"edges": [5]}'}),
        ("analyze", {"input": '{"graph_type": "mixed"}'}),
        ("analyze", {"input": '{"nodes": [{"id": "a"}], "edges": [{"from": "a", "to": "a", "weight": "x"}]}'}),
        ("analyze", {"input": '{"nodes": [{"id": "a", "label": 5}]}'}),
        ("shortest_path", {"input": "{}", "from": "a", "to": "b"}),
        ("shortest_path", {"input": graph_of(("a", "b", -1)), "from": "a", "to": "b"}),
        ("centrality", {"input": "{}", "measure": "fame"}),
        ("draw", {}),
        ("create_graph", {"graph_type": "mixed"}),
    ],
)
def test_bad_parameters_are_refused(operation, more):
    with pytest.raises(InvalidParameters):
        run(operation, **more)


@pytest.mark.parametrize(
    ("key", "operation", "more"),
    [
        ("max_nodes", "add_node", {"graph": {"nodes": [{"id": "a"}]}, "node_id": "b"}),
        ("max_edges", "analyze", {"input": graph_of("ab", "ab")}),
        ("max_input_bytes", "analyze", {"input": " " * 10}),
    ],
)
def test_limits_name_their_key(key, operation, more):
    settings = {"max_nodes": 1 if key == "max_nodes" else 100, "max_edges": 1, "max_input_bytes": 5}
    with pytest.raises(LimitExceeded) as caught:
        run(operation, settings, **more)

    assert caught.value.details["key"] == f"[tools.graph_builder] {key}"


def test_a_computation_without_end_is_stopped():
    names = [str(number) for number in range(2000)]
    edges = [{"from": names[n], "to": names[n * 7 % 2000], "weight": 1} for n in range(2000)]
    edges += [{"from": names[n], "to": names[(n + 1) % 2000], "weight": 1} for n in range(2000)]
    graph = {"nodes": [{"id": name} for name in names], "edges": edges}
    with pytest.raises(ToolTimeout):
        run("centrality", {"timeout_s": 0.3}, input=graph, measure="betweenness")


def test_without_networkx_it_says_how_to_install_it(monkeypatch):
    """In this process: the child has the same function."""
    import sys

    from llmspell_tools.builtin.data import graph_worker

    monkeypatch.setitem(sys.modules, "networkx", None)
    with pytest.raises(ToolUnavailable, match=r"llmspell\[data\]"):
        graph_worker.run({"do": "analyze", "graph": PATH}, b"")
