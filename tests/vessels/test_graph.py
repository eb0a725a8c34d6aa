"""The vessel graph: columns, identity of vessels, islands, what lies downstream."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tumorsim.errors import InputError
from tumorsim.vessels.graph import FLOW, PRESSURE, Kind, VesselGraph


def fork(**change) -> VesselGraph:
    """A stem 0-1 that forks to 2 and 3, and a parallel twin of the stem."""
    columns = {
        "node_pos": np.array([[0, 0, 0], [1, 0, 0], [2, 1, 0], [2, -1, 0]]) * 1e-3,
        "tail": [0, 1, 1, 0],
        "head": [1, 2, 3, 1],
        "radius": np.array([4, 3, 2, 1]) * 1e-5,
        "kind": Kind.ARTERIAL,
        "edge_name": ["right", "feeder_1", "", ""],
        "boundary_node": [0, 2, 3],
        "boundary_type": [PRESSURE, PRESSURE, FLOW],
        "boundary_value": [1000.0, 500.0, -1e-12],
    }
    return VesselGraph(**(columns | change))


def renumbered(graph: VesselGraph, nodes: np.ndarray, edges: np.ndarray, turned: np.ndarray) -> VesselGraph:
    """The same vessels with other node numbers, edge order and directions."""
    place = np.argsort(nodes)
    tail, head = place[graph.tail[edges]], place[graph.head[edges]]
    return VesselGraph(
        node_pos=graph.node_pos[nodes],
        tail=np.where(turned, head, tail),
        head=np.where(turned, tail, head),
        radius=graph.radius[edges],
        kind=graph.kind[edges],
        node_name=[str(i) for i in range(graph.n_nodes)],
        edge_name=[graph.edge_name[e] for e in edges],
    )


def test_defaults_and_names():
    graph = fork().validate()
    assert graph.length == pytest.approx([1e-3, np.sqrt(2) * 1e-3, np.sqrt(2) * 1e-3, 1e-3])
    assert graph.named == {"right": 0, "feeder_1": 1}
    assert graph.kind.dtype == np.uint8 and set(graph.kind) == {Kind.ARTERIAL}
    assert np.isnan(graph.conductance).all() and np.isnan(graph.boundary_po2).all()
    assert graph.degree().tolist() == [2, 4, 1, 1]
    assert len(graph.exchange) == 0


@given(st.permutations(range(4)), st.permutations(range(4)), st.lists(st.booleans(), min_size=4, max_size=4))
def test_edge_keys_do_not_depend_on_numbering(nodes, edges, turned):
    graph = fork()
    other = renumbered(graph, np.array(nodes), np.array(edges), np.array(turned))
    assert np.array_equal(other.edge_key, graph.edge_key[list(edges)])


def test_edge_keys_tell_vessels_apart():
    graph = fork()
    assert graph.edge_key.dtype == np.uint64
    assert len(set(graph.edge_key.tolist())) == 4  # the parallel twin too
    moved = replace(graph, node_pos=graph.node_pos + np.array([0, 0, 1e-6]))
    assert not np.isin(moved.edge_key, graph.edge_key).any()
    shaken = replace(graph, node_pos=graph.node_pos + 1e-12)  # rounding on another machine
    assert np.array_equal(shaken.edge_key, graph.edge_key)
    named = replace(graph, node_name=["", "hilum", "", ""])
    assert not np.isin(named.edge_key, graph.edge_key).any()


def test_edge_keys_of_a_large_graph_do_not_collide():
    side = np.arange(20) * 1e-3
    pos = np.stack(np.meshgrid(side, side, side, indexing="ij"), -1).reshape(-1, 3)
    index = np.arange(8000).reshape(20, 20, 20)
    tail = np.concatenate([index[:-1].ravel(), index[:, :-1].ravel(), index[:, :, :-1].ravel()])
    head = np.concatenate([index[1:].ravel(), index[:, 1:].ravel(), index[:, :, 1:].ravel()])
    key = VesselGraph(pos, tail, head, np.full(len(tail), 1e-5)).edge_key
    assert len(np.unique(key)) == len(key) == 22800


def test_islands_by_mask():
    graph = fork()
    assert graph.islands()[0] == 1
    count, label = graph.islands(np.array([False, True, False, False]))
    assert count == 3
    assert label[1] == label[2] and len({label[0], label[1], label[3]}) == 3


def test_downstream_follows_the_blood():
    graph = fork()
    assert graph.downstream_edges(0, np.array([2.0, 1.0, 1.0, 1.0])).tolist() == [0, 1, 2]
    # blood comes back from node 3: it runs 3 -> 1 -> 2, and never to the stem's twin
    assert graph.downstream_edges(2, np.array([1.0, 2.0, -1.0, 1.0])).tolist() == [1, 2]
    assert graph.downstream_edges(0, np.array([-1.0, -1.0, 0.0, 1.0])).tolist() == [0, 3]
    assert graph.downstream_edges(0, np.array([0.0, 1.0, 1.0, 1.0])).tolist() == [0]


def test_downstream_ends_in_a_loop():
    ring = VesselGraph(np.eye(3), [0, 1, 2], [1, 2, 0], [1e-5] * 3)
    assert ring.downstream_edges(1, np.ones(3)).tolist() == [0, 1, 2]


@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1))
def test_downstream_equals_a_plain_walk(seed):
    rng = np.random.default_rng(seed)
    tail, head = rng.integers(0, 8, 14), rng.integers(0, 8, 14)
    head = np.where(head == tail, (head + 1) % 8, head)
    graph = VesselGraph(rng.random((8, 3)), tail, head, np.full(14, 1e-5))
    flow = rng.choice([-1.0, 0.0, 1.0], 14)
    flow[0] = 1.0
    found, todo = {0}, [int(head[0])]
    seen = set(todo)
    while todo:
        node = todo.pop()
        for e in range(14):
            a, b = (tail[e], head[e]) if flow[e] > 0 else (head[e], tail[e])
            if flow[e] != 0 and a == node:
                found.add(e)
                if b not in seen:
                    seen.add(int(b))
                    todo.append(int(b))
    assert graph.downstream_edges(0, flow).tolist() == sorted(found)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"radius": [1e-5, -1e-5, 1e-5, 1e-5]}, "edge 1 'feeder_1': radius is not a positive"),
        ({"radius": [1e-5, np.nan, 1e-5, 1e-5]}, "radius is not a positive"),
        ({"length": [1e-3, 0.0, 0.0, 1e-3]}, r"edge 1 'feeder_1' \(and 1 more\): length"),
        ({"head": [1, 1, 3, 1], "length": [1e-3] * 4}, "starts and ends at the same node"),
        ({"head": [1, 9, 3, 1], "length": [1e-3] * 4}, "end node that is not in the graph"),
        ({"head": [1, 9, 3, 1]}, "a node that is not there"),
        ({"kind": [0, 0, 0, 17]}, "unknown kind"),
        ({"conductance": [-1.0, 1, 1, 1]}, "conductance is negative"),
        ({"haematocrit": [0.4, 1.0, 0.4, 0.4]}, "haematocrit is not between"),
        ({"edge_name": ["right", "right", "", ""]}, "two vessels are named 'right'"),
        ({"boundary_node": [0, 2, 7]}, "boundary node that is not in the graph"),
        ({"boundary_node": [0, 2, 2]}, "node 2 has two boundary conditions"),
        ({"boundary_type": [0, 0, 1]}, "boundary type is neither"),
        ({"boundary_value": [0, 0, np.nan]}, "boundary value is not a number"),
        ({"exchange": [4]}, "exchange node that is not in the graph"),
        ({"node_pos": np.full((4, 3), np.nan), "length": [1e-3] * 4}, "position is not a number"),
        ({"radius": [1e-5]}, "column radius has 1 rows instead of 4"),
        ({"node_pos": np.zeros((4, 2))}, r"not \(nodes, 3\)"),
    ],
)
def test_unsound_graphs_are_refused(change, words):
    with pytest.raises(InputError, match=words):
        fork(**change).validate()


def test_equals_sees_every_column():
    graph = fork()
    assert graph.equals(fork())
    for change in ({"edge_name": ["left", "", "", ""]}, {"boundary_value": [1, 2, 3]}, {"exchange": [1]}):
        assert not graph.equals(fork(**change))
    assert graph.equals(fork(radius=graph.radius * (1 + 1e-12)), rtol=1e-9)
    assert not graph.equals(fork(radius=graph.radius * (1 + 1e-12)))
