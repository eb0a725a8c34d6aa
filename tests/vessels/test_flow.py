"""Flow: closed forms, exact zeros, pieces that closing vessels leaves behind, a measured network."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from tumorsim.errors import InputError
from tumorsim.parameters import load_parameters
from tumorsim.vessels.files import read_graph
from tumorsim.vessels.flow import FlowSolver, edge_conductance
from tumorsim.vessels.graph import FLOW, PRESSURE, VesselGraph
from tumorsim.vessels.rheology import viscosity

VESSELS = Path(__file__).parents[2].parent / "shared" / "vessels"
mesentery = pytest.mark.skipif(
    not (VESSELS / "mesentery_rat_1990.dat").exists(), reason="the measured network is not here"
)


def network(tail, head, conductance, boundary, n=None) -> VesselGraph:
    """A graph by conductances; boundary = {node: (type, value)}."""
    n = n or max(*tail, *head) + 1
    pos = np.random.default_rng(0).random((n, 3))
    return VesselGraph(
        pos,
        tail,
        head,
        np.full(len(tail), 1e-4),
        conductance=np.array(conductance, dtype=float),
        boundary_node=list(boundary),
        boundary_type=[kind for kind, _ in boundary.values()],
        boundary_value=[value for _, value in boundary.values()],
    )


def imbalance(graph: VesselGraph, flow) -> float:
    """Largest loss at a node as a share of the inflow, summed here and not by the solver."""
    net = np.zeros(graph.n_nodes)
    np.add.at(net, graph.head, flow.edge_flow)
    np.add.at(net, graph.tail, -flow.edge_flow)
    net[graph.boundary_node] += flow.boundary_flow
    return float(np.abs(net).max() / flow.inflow)


# A, B, C, D = 0..3; edges AB, AC, BC, BD, CD
WHEATSTONE = network([0, 0, 1, 1, 2], [1, 2, 2, 3, 3], [1, 2, 1, 2, 1], {0: (0, 100.0), 3: (0, 0.0)})


def test_wheatstone():
    """Closed form C2: the bridge runs from C to B."""
    flow = FlowSolver(WHEATSTONE).solve()
    assert flow.node_pressure == pytest.approx([100, 40, 60, 0], rel=1e-12)
    assert flow.inflow == pytest.approx(140, rel=1e-12)
    assert flow.edge_flow[2] == pytest.approx(-20, rel=1e-12)
    assert flow.boundary_flow == pytest.approx([140, -140], rel=1e-12)


def test_wheatstone_embolised():
    """Closed form C2b: A-C closed."""
    flow = FlowSolver(WHEATSTONE).solve([1, 0, 1, 1, 1])
    assert flow.node_pressure[1:3] == pytest.approx([28.57142857, 14.28571429], rel=1e-6)
    assert flow.inflow == pytest.approx(71.42857143, rel=1e-6)
    assert flow.edge_flow[1] == 0.0


def test_partly_open_vessel_is_a_smaller_conductance():
    halved = replace(WHEATSTONE, conductance=np.array([1, 1, 1, 2, 1.0]))
    flow = FlowSolver(WHEATSTONE).solve([1, 0.5, 1, 1, 1])
    assert flow.edge_flow == pytest.approx(FlowSolver(halved).solve().edge_flow, rel=1e-12)


@pytest.mark.parametrize(("generations", "resistance"), [(3, 713014145.1), (6, 1247774754), (10, 1960788899)])
def test_murray_tree(generations, resistance):
    """Closed form C3, solved as a network of constant viscosity."""
    tail, head, radius = [0], [1], [1e-3]
    front = [1]
    for generation in range(1, generations + 1):
        new = []
        for parent in front:
            for _ in range(2):
                child = len(head) + 1
                tail.append(parent)
                head.append(child)
                radius.append(1e-3 * 2 ** (-generation / 3))
                new.append(child)
        front = new
    r = np.array(radius)
    boundary = [0, *front]
    graph = VesselGraph(
        np.random.default_rng(1).random((len(head) + 1, 3)), tail, head, r, length=20 * r,
        conductance=np.pi * r**4 / (8 * 3.5e-3 * 20 * r), boundary_node=boundary,
        boundary_type=np.zeros(len(boundary)), boundary_value=[1e4] + [0.0] * len(front),
    )  # fmt: skip
    flow = FlowSolver(graph).solve()
    assert 1e4 / flow.inflow == pytest.approx(resistance, rel=1e-6)
    assert imbalance(graph, flow) < 1e-12


def test_poiseuille_with_pries_viscosity():
    graph = VesselGraph(
        [[0, 0, 0], [1e-3, 0, 0]], [0], [1], [10e-6],
        boundary_node=[0, 1], boundary_type=[0, 0], boundary_value=[500.0, 100.0],
    )  # fmt: skip
    q = np.pi * (10e-6) ** 4 * 400 / (8 * 1e-3) / viscosity(20e-6, 0.45)
    assert FlowSolver(graph).solve().edge_flow[0] == pytest.approx(float(q), rel=1e-12)


def test_haematocrit_given_own_default_in_this_order():
    graph = VesselGraph(np.eye(3), [0, 1], [1, 2], [1e-5, 1e-5], haematocrit=[0.2, np.nan])
    table = load_parameters()
    assert edge_conductance(graph)[1] == pytest.approx(viscosity(2e-5, [0.2, table["blood.haematocrit"]]))
    assert edge_conductance(graph, haematocrit=0.3)[1] == pytest.approx(viscosity(2e-5, [0.3, 0.3]))
    changed = load_parameters({"blood.haematocrit": 0.25, "blood.plasma_viscosity": "1.1 mPa.s"})
    assert edge_conductance(graph, parameters=changed)[1] == pytest.approx(viscosity(2e-5, [0.2, 0.25], plasma=1.1e-3))
    assert edge_conductance(graph, law="in vitro")[1][0] < edge_conductance(graph)[1][0]


def test_prescribed_inflow_against_a_pressure():
    graph = network([0, 1], [1, 2], [2.0, 4.0], {0: (FLOW, 8.0), 2: (PRESSURE, 100.0)})
    flow = FlowSolver(graph).solve()
    assert flow.edge_flow == pytest.approx([8.0, 8.0], rel=1e-14)
    assert flow.node_pressure == pytest.approx([106.0, 102.0, 100.0], rel=1e-14)


def test_dead_ends_have_exactly_no_flow_and_the_pressure_of_their_root():
    # 0-1-2 carries blood; 1-3-4 and 3-5 is a twig
    graph = network([0, 1, 1, 3, 5], [1, 2, 3, 4, 3], [3, 7, 1e-9, 5, 1e3], {0: (0, 10.0), 2: (0, 0.0)})
    flow = FlowSolver(graph).solve()
    assert np.array_equal(flow.edge_flow[2:], np.zeros(3))
    assert np.array_equal(flow.node_pressure[[3, 4, 5]], np.full(3, flow.node_pressure[1]))


def test_pieces_cut_off_have_exactly_no_flow_and_no_pressure():
    graph = network([0, 1, 2, 3, 4], [1, 2, 3, 4, 2], [1, 1, 1, 1, 1], {0: (0, 10.0), 3: (0, 0.0)})
    flow = FlowSolver(graph).solve([1, 0, 0, 1, 1])  # ring 2-4 hangs on 3; 0-1 hangs on 0
    assert np.array_equal(flow.edge_flow, np.zeros(5))
    assert np.array_equal(flow.node_pressure, [10.0, 10.0, 0.0, 0.0, 0.0])
    flow = FlowSolver(graph).solve([1, 0, 0, 0, 1])
    assert np.isnan(flow.node_pressure[[2, 4]]).all()
    assert flow.inflow == 0.0 and flow.residual == 0.0


def test_all_closed():
    flow = FlowSolver(WHEATSTONE).solve(np.zeros(5))
    assert not flow.edge_flow.any()
    assert flow.node_pressure[[0, 3]].tolist() == [100.0, 0.0]


def test_equal_pressures_drive_exactly_nothing():
    graph = replace(WHEATSTONE, boundary_value=np.array([7.3, 7.3]))
    flow = FlowSolver(graph).solve()
    assert not flow.edge_flow.any()
    assert np.array_equal(flow.node_pressure, np.full(4, 7.3))


def test_only_flows_given():
    boundary = {0: (FLOW, 3.0), 2: (FLOW, -1.0), 3: (FLOW, -2.0)}
    graph = network([0, 1, 1], [1, 2, 3], [1.0, 1.0, 2.0], boundary)
    flow = FlowSolver(graph).solve()
    assert flow.edge_flow == pytest.approx([3, 1, 2], rel=1e-14)
    assert flow.node_pressure[0] - flow.node_pressure[1] == pytest.approx(3.0)
    assert any("relative" in note for note in flow.notes)


def test_rounding_of_a_printed_table_is_matched_and_said():
    boundary = {0: (FLOW, 3.0), 2: (FLOW, -1.0), 3: (FLOW, -2.001)}
    flow = FlowSolver(network([0, 1, 1], [1, 2, 3], [1.0, 1.0, 2.0], boundary)).solve()
    assert flow.edge_flow == pytest.approx([3, 3 / 3.001, 3 * 2.001 / 3.001], rel=1e-12)
    assert flow.notes[0].startswith("outflows scaled by 0.999667")


@pytest.mark.parametrize(
    ("boundary", "words"),
    [
        ({0: (FLOW, 3.0), 2: (FLOW, -1.0), 3: (FLOW, -1.0)}, "no boundary node has a pressure"),
        ({0: (FLOW, 3.0)}, "no outlet"),
        ({2: (FLOW, -3.0)}, "none enters"),
    ],
)
def test_contradictory_boundaries_are_refused(boundary, words):
    with pytest.raises(InputError, match=words):
        FlowSolver(network([0, 1, 1], [1, 2, 3], [1.0, 1.0, 2.0], boundary))


def test_prescribed_inflow_into_a_closed_piece_does_not_flow():
    graph = network([0, 1, 3], [1, 2, 1], [1, 1, 1], {0: (FLOW, 5.0), 3: (FLOW, 1.0), 2: (PRESSURE, 0.0)})
    flow = FlowSolver(graph).solve([0, 1, 1])
    assert flow.edge_flow == pytest.approx([0, 1, 1])
    assert flow.edge_flow[0] == 0.0 and flow.boundary_flow[0] == 0.0
    assert "nothing flows" in flow.notes[0]


def test_closing_that_leaves_flows_that_cannot_be_met_is_refused():
    boundary = {0: (FLOW, 3.0), 2: (FLOW, -1.0), 3: (FLOW, -2.0)}
    solver = FlowSolver(network([0, 1, 1], [1, 2, 3], [1.0, 1.0, 2.0], boundary))
    with pytest.raises(InputError, match="Give one boundary node a pressure"):
        solver.solve([1, 0, 1])


@pytest.mark.parametrize("share", [[1, 1], [1, 1, 1, 1, np.inf], [1, 1, -0.1, 1, 1], [1, 1, np.nan, 1, 1]])
def test_impossible_shares_are_refused(share):
    with pytest.raises(InputError, match="edge_open"):
        FlowSolver(WHEATSTONE).solve(share)


def test_solved_again_only_where_something_changed():
    solver = FlowSolver(WHEATSTONE)
    first = solver.solve()
    assert solver.solve(np.ones(5)) is first
    second = solver.solve([1, 0, 1, 1, 1])
    assert second is not first
    assert np.array_equal(solver.solve().edge_flow, first.edge_flow)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_random_networks_of_all_sizes_balance(seed):
    """Radii from 5 um to 6 mm, some vessels closed: every node balances, every vessel obeys its law."""
    rng = np.random.default_rng(seed)
    n, m = 30, 60
    tail = rng.integers(0, n, m)
    head = (tail + rng.integers(1, n, m)) % n
    graph = VesselGraph(
        rng.random((n, 3)) * 0.1, tail, head, 10.0 ** rng.uniform(np.log10(5e-6), np.log10(6e-3), m),
        boundary_node=[0, 1, 2, 3], boundary_type=[0, 0, 0, 2], boundary_value=[13000, 1200, 400, 1e-9],
    )  # fmt: skip
    share = (rng.random(m) > 0.2).astype(float)
    try:
        solver = FlowSolver(graph)
        flow = solver.solve(share)
    except InputError:
        reject()  # the node with the given inflow hangs on none of those with a pressure
    assert np.array_equal(flow.edge_flow[share == 0], np.zeros((share == 0).sum()))
    if flow.inflow > 0:
        assert imbalance(graph, flow) < 1e-9
    drop = flow.node_pressure[tail] - flow.node_pressure[head]
    law = solver.conductance * share * np.nan_to_num(drop)
    rounding = 1e-15 * solver.conductance * np.nanmax(flow.node_pressure)  # of a pressure, not of a flow
    assert np.all(np.abs(flow.edge_flow - law) <= 1e-9 * flow.inflow + rounding)
    inside = flow.node_pressure[np.isfinite(flow.node_pressure)]
    assert inside.min() >= 400 - 1e-6  # the source raises pressures, nothing lowers them below the lowest


def test_renumbering_changes_no_flow():
    order = np.array([3, 0, 4, 2, 1])
    turned = replace(
        WHEATSTONE,
        tail=WHEATSTONE.head[order],
        head=WHEATSTONE.tail[order],
        conductance=WHEATSTONE.conductance[order],
    )
    assert FlowSolver(turned).solve().edge_flow == pytest.approx(-FlowSolver(WHEATSTONE).solve().edge_flow[order])


@mesentery
def test_measured_mesentery():
    """Rat mesentery: every node balances, and the flows are those of the file's own column."""
    graph = read_graph(VESSELS / "mesentery_rat_1990.dat")
    flow = FlowSolver(graph, cell_volume=55e-18).solve()
    assert imbalance(graph, flow) < 1e-9
    column = graph.attributes["edge"]["flow"]
    difference = np.abs(flow.edge_flow / column - 1)
    assert np.median(difference) < 1e-5
    assert difference.max() < 0.01
    human = FlowSolver(graph).solve()
    assert np.median(np.abs(human.edge_flow / column - 1)) > 0.01  # the cell volume matters
    assert flow.node_pressure.min() == pytest.approx(13.8 * 133.322, rel=1e-5)


@mesentery
def test_measured_tumour():
    """Only (relative) flows are given, in two pieces; the printed table is out of balance by 5e-5."""
    graph = read_graph(VESSELS / "tumour_r3230ac_1998.dat")
    assert graph.attributes["relative_flow"] and graph.n_edges == 104
    flow = FlowSolver(graph, cell_volume=55e-18).solve()
    assert imbalance(graph, flow) < 1e-9
    assert flow.inflow * 6e13 == pytest.approx(30.0, rel=1e-6)
    assert "outflows scaled by 0.999950" in flow.notes[0]
