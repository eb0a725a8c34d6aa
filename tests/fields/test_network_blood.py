"""Oxygen carried by blood: content, mixing, and what a vessel gives off."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from tumorsim.errors import InputError
from tumorsim.fields.network_blood import Blood, march, pressure_of_content, routes
from tumorsim.vessels.flow import Flow, FlowSolver
from tumorsim.vessels.graph import FLOW, PRESSURE, VesselGraph

BLOOD = Blood(capacity=0.5, p50=38.0, hill=3.0, solubility=3.1e-5)


@settings(deadline=None)  # the first call compiles
@given(st.floats(0, 0.3), st.floats(1e-7, 1e-3), st.floats(0, 150))
def test_content_is_inverted(bound, dissolved, pressure):
    blood = Blood(1.0, 38.0, 2.7, dissolved)
    amount = blood.content(pressure, bound)
    found = pressure_of_content(bound, dissolved, amount, 38.0, 2.7)
    assert found >= 0.0
    assert blood.content(found, bound) == pytest.approx(amount, rel=1e-12, abs=1e-300)


def fork(haematocrit=(0.4, 0.55, 0.25)):
    """One vessel that divides in two, which end at boundary nodes."""
    return VesselGraph(
        node_pos=np.array([[0, 0, 0], [1, 0, 0], [2, 1, 0], [2, -1, 0]]) * 1e-4,
        tail=[0, 1, 3],
        head=[1, 2, 1],  # the last one against the flow
        radius=[6e-6, 5e-6, 4e-6],
        haematocrit=np.array(haematocrit),
        boundary_node=[0, 2, 3],
        boundary_type=[FLOW, PRESSURE, PRESSURE],
        boundary_value=[2e-14, 0.0, 0.0],
        boundary_haematocrit=[0.4, math.nan, math.nan],
    )


def carry(way, pieces, conductance, tissue, n, blood=BLOOD):
    count = len(conductance)
    node, piece, given_off = np.full(n, np.nan), np.zeros(count), np.zeros(count)
    out = march(
        way.node_order, way.first, way.out, way.target, way.forward, way.flow, way.haematocrit, way.entering,
        way.leaving, way.leaving_haematocrit, np.concatenate(([0], np.cumsum(pieces))), np.asarray(conductance, float),
        np.asarray(tissue, float), blood.capacity, blood.p50, blood.hill, blood.solubility, node, piece, given_off,
    )  # fmt: skip
    return out, node, piece, given_off


def test_without_exchange_every_drop_arrives():
    graph = fork()
    flow = FlowSolver(graph).solve()
    way = routes(graph, flow, BLOOD, graph.haematocrit, np.array([60.0, 0.0, 0.0]))
    assert way.entering.sum() == pytest.approx(2e-14 * BLOOD.content(60.0, 0.4))
    out, node, piece, given_off = carry(way, [2, 2, 2], np.zeros(6), np.zeros(6), 4)
    assert out == pytest.approx(way.entering.sum(), rel=1e-12)
    assert node[0] == pytest.approx(60.0)
    assert not given_off.any()
    # the branches have one pressure where they part, whatever cells each takes
    assert piece[2:] == pytest.approx(node[1])
    cells = (way.flow * graph.haematocrit)[1:].sum() / way.flow[1:].sum()
    total = BLOOD.content(node[1], cells)
    assert total == pytest.approx(BLOOD.content(60.0, 0.4), rel=1e-12)


def test_a_vessel_gives_off_what_the_equation_says_and_nothing_is_lost():
    graph = VesselGraph(
        node_pos=[[0, 0, 0], [3e-4, 0, 0]], tail=[1], head=[0], radius=[4e-6], haematocrit=[0.4], boundary_node=[0, 1],
        boundary_type=[FLOW, PRESSURE], boundary_value=[3e-14, 0.0], boundary_haematocrit=[0.4, math.nan],
    )  # fmt: skip
    way = routes(graph, FlowSolver(graph).solve(), BLOOD, graph.haematocrit, np.array([90.0, math.nan]))
    whole = 2e-16  # m3/s/mmHg

    def slope(_, p):
        power = (p / BLOOD.p50) ** BLOOD.hill
        steep = 0.4 * BLOOD.capacity * BLOOD.hill * power / (p * (1 + power) ** 2) + BLOOD.solubility
        return -whole * (p - 10.0) / (3e-14 * steep)

    exact = solve_ivp(slope, (0, 1), [90.0], rtol=1e-10, atol=1e-10).y[0, -1]
    assert exact < 40.0
    errors = []
    for n in (8, 64, 256):
        out, node, piece, given_off = carry(way, [n], np.full(n, whole / n), np.full(n, 10.0), 2)
        assert given_off.sum() == pytest.approx(way.entering.sum() - out, rel=1e-10)
        assert given_off == pytest.approx(whole / n * (piece - 10.0))
        assert piece[0] < piece[-1]  # blood runs against the edge
        errors.append(abs(node[1] - exact))
    assert errors[0] < 0.1  # mmHg, of a fall of 70
    assert errors[1] / errors[2] > 12.0  # second order


@settings(deadline=None)  # the first call compiles
@given(st.floats(1e-19, 1e-13), st.floats(0.0, 0.9), st.floats(0.0, 200.0), st.floats(0.0, 200.0))
def test_no_flow_and_no_wall_makes_a_pressure_negative(conductance, haematocrit, inlet, tissue):
    graph = fork((haematocrit,) * 3)
    way = routes(graph, FlowSolver(graph, haematocrit=0.4).solve(), BLOOD, graph.haematocrit, np.full(3, inlet))
    out, node, piece, given_off = carry(way, [1, 2, 1], np.full(4, conductance), np.full(4, tissue), 4)
    low, high = min(inlet, tissue), max(inlet, tissue)
    for values in (node, piece):
        assert (values >= low - 1e-6 - 1e-6 * low).all() and (values <= high + 1e-6 + 1e-6 * high).all()
    assert given_off.sum() == pytest.approx(way.entering.sum() - out, rel=1e-9, abs=1e-12 * max(out, 1e-18))


def test_where_nothing_flows_blood_is_as_its_tissue():
    graph = fork()
    flow = FlowSolver(graph).solve([1.0, 1.0, 0.0])
    way = routes(graph, flow, BLOOD, graph.haematocrit, np.array([60.0, 0.0, 0.0]))
    _, node, piece, given_off = carry(way, [1, 1, 2], np.full(4, 1e-17), np.array([1.0, 2.0, 3.0, 4.0]), 4)
    assert piece[2:].tolist() == [3.0, 4.0] and not given_off[2:].any()
    assert math.isnan(node[3]) and not np.isnan(node[:3]).any()


def test_blood_that_runs_in_a_circle_is_refused():
    graph = VesselGraph(
        node_pos=np.eye(3) * 1e-4, tail=[0, 1, 2], head=[1, 2, 0], radius=[5e-6] * 3, boundary_node=[0],
        boundary_type=[PRESSURE], boundary_value=[0.0],
    )  # fmt: skip
    made_up = Flow(np.full(3, 1e-14), np.zeros(3), np.zeros(1), 1e-14, 0.0, ())
    with pytest.raises(InputError, match="in a circle through 3 nodes"):
        routes(graph, made_up, BLOOD, np.full(3, 0.4), np.array([50.0]))
