"""Transit times: closed forms of single vessels, a bridge and Murray trees, and the central volume theorem."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tumorsim.errors import InputError
from tumorsim.vessels.flow import Flow, FlowSolver
from tumorsim.vessels.graph import VesselGraph
from tumorsim.vessels.transit import transit_times


def network(tail, head, conductance, boundary, radius=1e-4, length=1e-3) -> VesselGraph:
    """A graph by conductances; boundary = {node: pressure}."""
    m, n = len(tail), max(*tail, *head) + 1
    return VesselGraph(
        np.random.default_rng(0).random((n, 3)), tail, head, np.broadcast_to(radius, m), np.broadcast_to(length, m),
        conductance=np.array(conductance, dtype=float), boundary_node=list(boundary),
        boundary_type=np.zeros(len(boundary)), boundary_value=list(boundary.values()),
    )  # fmt: skip


def test_single_vessel():
    """Volume over flow: the length over the mean velocity."""
    graph = network([0], [1], [1e-14], {0: 2000.0, 1: 1000.0}, radius=5e-6, length=1e-3)
    time = transit_times(graph, FlowSolver(graph).solve())
    expected = np.pi * 25e-12 * 1e-3 / 1e-11
    assert time.edge == pytest.approx([expected], rel=1e-14)
    assert time.arrival == pytest.approx([0.0, expected], rel=1e-14)
    assert time.mean == pytest.approx(expected, rel=1e-14)


def test_direction_of_the_vessel_does_not_matter():
    graph = network([1], [0], [1e-14], {0: 2000.0, 1: 1000.0})
    time = transit_times(graph, FlowSolver(graph).solve())
    assert time.arrival[1] == time.edge[0] > 0.0


def test_wheatstone():
    """The bridge C2 with unit volumes: 60 of B, 80 of C, 20 from C to B; flows 60, 80, 20, 80, 60."""
    graph = network([0, 0, 1, 1, 2], [1, 2, 2, 3, 3], [1, 2, 1, 2, 1], {0: 100.0, 3: 0.0})
    time = transit_times(graph, FlowSolver(graph).solve(), volume=np.ones(5))
    assert time.edge == pytest.approx([1 / 60, 1 / 80, 1 / 20, 1 / 80, 1 / 60], rel=1e-12)
    at_c = 1 / 80
    at_b = (60 * (1 / 60) + 20 * (at_c + 1 / 20)) / 80
    at_d = (80 * (at_b + 1 / 80) + 60 * (at_c + 1 / 60)) / 140
    assert time.arrival == pytest.approx([0.0, at_b, at_c, at_d], rel=1e-12)
    assert time.mean == pytest.approx(5 / 140, rel=1e-12)


@pytest.mark.parametrize("generations", [0, 3, 8])
def test_symmetric_murray_tree(generations):
    """r0^3 = 2 r1^3, L = 20 r: a daughter has half the volume and half the flow, all generations take as long."""
    tail, head, radius, front = [0], [1], [1e-3], [1]
    for generation in range(1, generations + 1):
        new = []
        for parent in front:
            for _ in range(2):
                tail.append(parent)
                head.append(len(head) + 1)
                radius.append(1e-3 * 2 ** (-generation / 3))
                new.append(head[-1])
        front = new
    r = np.array(radius)
    g = np.pi * r**4 / (8 * 3.5e-3 * 20 * r)
    graph = network(tail, head, g, {0: 1e4, **dict.fromkeys(front, 0.0)}, radius=r, length=20 * r)
    flow = FlowSolver(graph).solve()
    time = transit_times(graph, flow)
    # V_n = 20 pi r0^3 / 2^n and Q_n = Q / 2^n: every generation takes the same time
    expected = (generations + 1) * 20 * np.pi * 1e-9 / flow.inflow
    assert time.mean == pytest.approx(expected, rel=1e-9)
    assert time.arrival[front] == pytest.approx(np.full(len(front), expected), rel=1e-9)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_mean_is_moving_volume_over_inflow(seed):
    rng = np.random.default_rng(seed)
    n, m = 25, 50
    tail = rng.integers(0, n, m)
    head = (tail + rng.integers(1, n, m)) % n
    graph = network(tail.tolist(), head.tolist(), rng.uniform(1, 9, m), {0: 9.0, 1: 5.0, 2: 0.0},
                    radius=rng.uniform(1e-5, 1e-4, m))  # fmt: skip
    share = (rng.random(m) > 0.2).astype(float)
    flow = FlowSolver(graph).solve(share)
    time = transit_times(graph, flow)
    moving = np.isfinite(time.edge)
    assert np.all(np.abs(flow.edge_flow[~moving]) <= 1e-9 * flow.inflow)
    if flow.inflow > 0.0:
        volume = np.pi * graph.radius**2 * graph.length
        assert time.mean == pytest.approx(volume[moving].sum() / flow.inflow, rel=1e-9)


def test_dead_ends_and_pieces_at_rest_have_no_time():
    graph = network([0, 1, 1, 3], [1, 2, 3, 4], [1, 1, 1, 1], {0: 9.0, 2: 0.0})
    time = transit_times(graph, FlowSolver(graph).solve())
    assert np.isnan(time.edge[2:]).all() and np.isnan(time.arrival[3:]).all()
    assert np.isfinite(time.edge[:2]).all() and np.isfinite(time.arrival[:3]).all()
    still = transit_times(graph, FlowSolver(graph).solve([0, 1, 1, 1]))
    assert np.isnan(still.mean) and np.isnan(still.edge).all() and np.isnan(still.arrival).all()


def test_circles_and_wrong_volumes_are_refused():
    graph = network([0, 1, 2], [1, 2, 0], [1, 1, 1], {0: 1.0})
    ring = Flow(np.ones(3), np.zeros(3), np.zeros(1), 1.0, 0.0, ())
    with pytest.raises(InputError, match="circle"):
        transit_times(graph, ring)
    for volume in ([1.0], [1.0, -1.0, 1.0], [1.0, np.nan, 1.0]):
        with pytest.raises(InputError, match="transit"):
            transit_times(graph, ring, volume=volume)
