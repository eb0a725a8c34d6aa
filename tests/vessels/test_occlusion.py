"""A network before and after: what is solved again, what beads do, what is found by its name."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tumorsim.errors import InputError
from tumorsim.vessels.files import read_graph, write_graphml
from tumorsim.vessels.flow import FlowSolver
from tumorsim.vessels.graph import Kind, VesselGraph
from tumorsim.vessels.occlusion import Injection, find_edges, find_node, occlude
from tumorsim.vessels.ride import ride
from tumorsim.vessels.solved import held_at_pressures, law_for, patency, solve_network

HOW = {"endpoint": 0.05, "lodging_factor": 1.0, "batch_share": 0.1}


def ladder(radii, **change) -> VesselGraph:
    """Two rails joined by rungs; blood enters at the foot of the left rail and leaves at the top of the right."""
    n = len(radii) // 3
    left = [[0.0, i, 0.0] for i in range(n + 1)]
    right = [[1.0, i, 0.0] for i in range(n + 1)]
    tail = [*range(n), *range(n + 1, 2 * n + 1), *range(1, n + 1)]
    head = [*range(1, n + 1), *range(n + 2, 2 * n + 2), *range(n + 2, 2 * n + 2)]
    columns = {
        "node_pos": np.array(left + right) * 1e-4,
        "tail": tail,
        "head": head,
        "radius": np.asarray(radii),
        "boundary_node": [0, 2 * n + 1],
        "boundary_type": [0, 0],
        "boundary_value": [6e3, 1e3],
        "boundary_haematocrit": [0.4, np.nan],
    }
    return VesselGraph(**(columns | change))


radii = st.lists(st.floats(4e-6, 30e-6), min_size=9, max_size=9)


@settings(max_examples=30, deadline=None)
@given(radii, st.floats(6e-6, 70e-6))
def test_beads_lodge_where_they_fit_and_are_all_accounted_for(sizes, bead):
    graph = ladder(sizes)
    solver = FlowSolver(graph)
    done = ride(solver, bead, node=0, edge_open=np.ones(9), **HOW)
    assert done.given == done.lodged + done.passed == done.edge_beads.sum() + done.passed
    held = done.edge_beads > 0
    assert np.all(2 * graph.radius[held] <= bead) and np.all(done.edge_open[held] == 0.0)
    assert np.all(done.edge_open[~held] == 1.0) and done.edge_beads.max() <= 1  # the next bead goes elsewhere
    assert done.flow_after <= done.flow_before
    assert (done.why == "stasis") == (done.flow_after <= 0.05 * done.flow_before)


@settings(max_examples=20, deadline=None)
@given(radii, st.integers(0, 8))
def test_closing_a_vessel_never_lets_more_blood_in(sizes, edge):
    before = solve_network(ladder(sizes), law=None)
    found = occlude(before, close=[edge])
    assert found.after.flow.inflow <= before.flow.inflow * (1 + 1e-9)
    assert found.after.flow.edge_flow[edge] == 0.0 and not found.after.moving[edge]
    again = FlowSolver(before.graph).solve(found.after.edge_open)
    assert found.after.flow.edge_flow == pytest.approx(again.edge_flow, rel=1e-12)
    assert not set(found.lost) & {edge} and np.all(before.moving[found.lost])


def test_beads_take_the_ways_in_proportion_to_their_flow():
    # two beds of very many arterioles, one with three times the flow; few beads change nothing
    fork = VesselGraph(
        np.array([[0, 0, 0], [1, 0, 0], [2, 1, 0], [2, -1, 0]]) * 1e-3,
        [0, 1, 1], [1, 2, 3], np.array([1, 3, 3]) * 1e-3,
        kind=Kind.ARTERIAL, conductance=[np.nan, 3e-14, 1e-14],
        boundary_node=[0, 2, 3], boundary_type=[0, 0, 0], boundary_value=[9e3, 1e3, 1e3],
    )  # fmt: skip
    done = ride(
        FlowSolver(fork), 100e-6, node=0, edge_open=np.ones(3), endpoint=0.9, lodging_factor=1.0, batch_share=0.02
    )
    share = done.edge_beads[1] / done.edge_beads.sum()
    assert share == pytest.approx(0.75, abs=4 * np.sqrt(0.75 * 0.25 / done.given) + 0.02)


@pytest.mark.parametrize(("name", "value"), [("endpoint", 0.6), ("lodging_factor", 0.5), ("batch_share", 0.5)])
def test_every_setting_of_a_ride_is_read(name, value):
    graph = VesselGraph(
        np.array([[0, 0, 0], [1, 0, 0], [2, 0, 0]]) * 1e-3, [0, 1], [1, 2], [1e-3, 5e-4],
        kind=Kind.ARTERIAL, conductance=[np.nan, 1e-14],
        boundary_node=[0, 2], boundary_type=[0, 0], boundary_value=[9e3, 1e3],
    )  # fmt: skip
    plain = ride(FlowSolver(graph), 100e-6, node=0, edge_open=np.ones(2), **HOW)
    other = ride(FlowSolver(graph), 100e-6, node=0, edge_open=np.ones(2), **(HOW | {name: value}))
    assert plain.given != other.given


def test_what_leaves_at_a_junction_carries_beads_away():
    # half of the blood is drawn off at the junction before the narrow vessel
    graph = VesselGraph(
        np.array([[0, 0, 0], [1, 0, 0], [2, 0, 0]]) * 1e-3, [0, 1], [1, 2], [5e-5, 1e-5],
        boundary_node=[0, 1, 2], boundary_type=[0, 2, 0], boundary_value=[9e3, -1e-9, 1e3],
    )  # fmt: skip
    done = ride(FlowSolver(graph), 30e-6, node=0, edge_open=np.ones(2), **HOW)
    assert done.passed > 0 and done.lodged == 1


def test_no_blood_no_beads():
    with pytest.raises(InputError, match="no blood flows away"):
        ride(FlowSolver(ladder([1e-5] * 9)), 1e-5, node=7, edge_open=np.ones(9), **HOW)


def test_held_pressures_give_the_same_flow():
    graph = ladder([1e-5] * 9, boundary_type=[2, 0], boundary_value=[1e-12, 1e3])
    before = solve_network(graph, law="2005")
    held, count = held_at_pressures(before)
    assert count == 1 and (held.boundary_type == 0).all()
    assert solve_network(held, law="2005").flow.edge_flow == pytest.approx(before.flow.edge_flow, rel=1e-6)


def test_the_law_follows_what_is_known():
    assert law_for(ladder([1e-5] * 9))[0] == "2005"
    law, why = law_for(ladder([1e-5] * 9, boundary_haematocrit=[np.nan, 0.4]))
    assert law is None and "not known at 1 boundary" in why


def test_a_law_and_a_haematocrit_exclude_each_other():
    with pytest.raises(InputError, match="exclude each other"):
        solve_network(ladder([1e-5] * 9), law="2005", haematocrit=0.4)


def test_names_first_then_numbers_then_identities():
    graph = ladder([1e-5] * 9, edge_name=["a", *[""] * 7, "b"], attributes={"edge_id": [f"v{i}" for i in range(9)]})
    assert find_edges(graph, ["a", "3", "#4", "v5"], "--close") == ([0, 3, 4, 5], [])
    found, problems = find_edges(graph, ["c", "9"], "--close")
    assert found == [] and len(problems) == 2 and "numbered #0 to #8" in problems[1]
    assert find_node(graph, "b", "--at") == (-1, 8, [])
    assert find_node(graph, "#2", "--at") == (2, -1, [])


def test_beads_given_in_a_vessel():
    before = solve_network(ladder([2e-5] * 6 + [8e-6] * 3))
    found = occlude(before, injection=Injection(20e-6, "a rung", edge=7))
    assert found.plugged.tolist() == [7] and found.beads.why == "stasis"


def test_dormant_vessels_of_a_grown_graph_stay_dormant_in_a_file(grown_case: Any, tmp_path: Path) -> None:
    """Written as GraphML and read again, the flow is that of the patient: what is not patent carries nothing."""
    grown = grown_case().grown
    assert (grown.patent == 0.0).any()
    write_graphml(grown.graph, tmp_path / "patient.graphml")
    back = read_graph(tmp_path / "patient.graphml")
    assert np.array_equal(patency(back), grown.patent)
    solved = solve_network(back)
    due = FlowSolver(grown.graph).solve(grown.patent).edge_flow
    assert solved.flow.edge_flow == pytest.approx(due, rel=1e-9, abs=1e-9 * solved.flow.inflow)
    assert not solved.flow.edge_flow[grown.patent == 0.0].any()
    found = occlude(solved, close=[grown.feeders[0].edge])
    assert not found.after.flow.edge_flow[grown.patent == 0.0].any()
    wrong = replace(back, attributes={"edge": {"patent": [2.0] * back.n_edges}})
    with pytest.raises(InputError, match="2 at edge #0 is not a share"):
        solve_network(wrong)
