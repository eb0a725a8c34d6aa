"""Hepatic arterial buffer response: its closed form, and on grown vessels."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tumorsim.anatomy import TumourSpec, build
from tumorsim.lattice import Lattice
from tumorsim.parameters import load_parameters
from tumorsim.vessels.buffer import (
    BufferReference,
    buffer_reference,
    buffered_arterial_flow,
    solve_buffered,
)
from tumorsim.vessels.flow import FlowSolver
from tumorsim.vessels.graph import Kind
from tumorsim.vessels.growth import GrownVessels, grow
from tumorsim.vessels.supply import demand, inflow_at, liver_perfusion

PARAMETERS = load_parameters()
FRACTION, MOST = PARAMETERS["vessels.buffer_fraction"], PARAMETERS["vessels.buffer_most"]
ROWS = [
    row
    for row in csv.DictReader(
        line
        for line in (Path(__file__).parents[1] / "data" / "analytic_vascular_oxygen.csv").read_text().splitlines()
        if not line.startswith("#")
    )
    if row["test_id"] == "C6"
]


def grown_with(liver: str, thrombus: str = "none") -> tuple[GrownVessels, FlowSolver, BufferReference]:
    lattice = Lattice.for_box(60e-3, 3e-3)
    anatomy = build(lattice, TumourSpec(diameter=30e-3, thrombus=thrombus), 7, 0, PARAMETERS)
    arterial, portal = demand(
        lattice, anatomy.compartment, liver,
        anatomy.distance_to_uncovered_border, anatomy.distance_to_covered_border, PARAMETERS,
    )  # fmt: skip
    grown = grow(
        lattice, anatomy.compartment, arterial, portal, feeders=2, seed=7, patient=0, parameters=PARAMETERS,
        terminals=300, rest_perfusion=liver_perfusion(liver, PARAMETERS), liver=liver, thrombus=thrombus,
    )  # fmt: skip
    solver = FlowSolver(grown.graph, parameters=PARAMETERS)
    return grown, solver, buffer_reference(grown, solver)


@pytest.fixture(scope="module", params=["normal", "cirrhotic"])
def case(request: pytest.FixtureRequest) -> tuple[GrownVessels, FlowSolver, BufferReference]:
    return grown_with(request.param)


def closing(grown: GrownVessels, *names: str, share: float = 0.0) -> np.ndarray:
    left = grown.patent.copy()
    left[[grown.graph.named[name] for name in names]] = share
    return left


def blood(solver: FlowSolver, flow: np.ndarray, reference: BufferReference) -> tuple[np.ndarray, np.ndarray]:
    arterial, portal = (inflow_at(solver.graph, flow, kind, reference.node) for kind in (Kind.ARTERIAL, Kind.PORTAL))
    return arterial, portal


# --- closed form -----------------------------------------------------------------------------------------


def test_rows_of_the_reference() -> None:
    """1450 mL/min, a quarter of it arterial; half of the portal flow lost."""
    for fraction, row in zip((0.25, 0.45, 0.6), ROWS, strict=True):
        found = buffered_arterial_flow(362.5, 1087.5, 543.75, fraction)
        assert float(found) == pytest.approx(float(row["value"]), rel=1e-6)


@given(st.floats(0, 1e3), st.floats(0, 1e3), st.floats(0, 1e3), st.floats(0, 1), st.floats(1, 3))
def test_bounds(arterial: float, before: float, now: float, fraction: float, most: float) -> None:
    found = float(buffered_arterial_flow(arterial, before, now, fraction, most))
    assert arterial <= found <= most * arterial * (1 + 1e-12)
    if now >= before:
        assert found == arterial
    elif found < most * arterial:
        assert found == pytest.approx(arterial + fraction * (before - now), abs=1e-9)


# --- on the graph ----------------------------------------------------------------------------------------


def test_untreated_vessels_have_no_tone(case: tuple) -> None:
    grown, solver, reference = case
    flow, tone = solve_buffered(solver, grown.patent, reference, PARAMETERS)
    assert np.array_equal(tone, np.ones(grown.graph.n_edges))
    assert np.array_equal(flow.edge_flow, solver.solve(grown.patent).edge_flow)


def test_who_responds(case: tuple) -> None:
    grown, _, reference = case
    graph = grown.graph
    liver = graph.exchange[grown.compartment_of_exchange == 0]
    assert np.isin(liver, reference.node).all()
    rests = np.setdiff1d(reference.node, liver)
    assert all(graph.node_name[n].startswith("rest of segment_") for n in rests) and len(rests) >= 4
    assert set(graph.kind[reference.bed]) == {Kind.ARTERIAL}
    assert np.array_equal(graph.head[reference.bed], reference.node[reference.unit])
    organs = np.concatenate([organ.beds for organ in grown.non_target])
    assert not np.isin(organs, reference.bed).any()


@pytest.mark.parametrize("closed", [("portal_right",), ("portal_segment_8",), ("portal_left",), ("portal_main",)])
def test_beds_get_their_target_and_no_more(case: tuple, closed: tuple[str, ...]) -> None:
    grown, solver, reference = case
    flow, tone = solve_buffered(solver, closing(grown, *closed), reference, PARAMETERS)
    arterial, portal = blood(solver, flow.edge_flow, reference)
    target = buffered_arterial_flow(reference.arterial, reference.portal, portal, FRACTION, MOST)
    widened = (tone[reference.bed] > 1.0) & (portal < 0.98 * reference.portal)[reference.unit]
    assert widened.any()
    assert np.all(tone[reference.bed[(portal >= reference.portal)[reference.unit]]] == 1.0)
    unit = reference.unit[widened]
    assert np.allclose(arterial[unit], target[unit], rtol=5e-3)
    assert np.all(arterial <= MOST * reference.arterial * 1.005)
    lost = portal < reference.portal
    assert set(np.flatnonzero(portal < 0.97 * reference.portal)) <= set(unit) <= set(np.flatnonzero(lost))
    others = np.setdiff1d(np.arange(grown.graph.n_edges), reference.bed)
    assert np.all(tone[others] == 1.0)  # neither tumour, nor portal vessels, nor other organs


def test_the_rest_of_the_liver_responds_too(case: tuple) -> None:
    grown, solver, reference = case
    flow, _ = solve_buffered(solver, closing(grown, "portal_left"), reference, PARAMETERS)
    arterial, portal = blood(solver, flow.edge_flow, reference)
    names = {f"rest of segment_{k}" for k in (2, 3, 4)}
    left = [i for i, n in enumerate(reference.node) if grown.graph.node_name[n] in names]
    assert len(left) == 3
    assert np.allclose(portal[left], 0.0)
    assert np.allclose(arterial[left], MOST * reference.arterial[left], rtol=5e-3)


def test_a_narrowed_vein_asks_for_a_part(case: tuple) -> None:
    grown, solver, reference = case
    found = []
    for share in (1.0, 3e-2, 1e-2, 1e-3):
        flow, _ = solve_buffered(solver, closing(grown, "portal_right", share=share), reference, PARAMETERS)
        arterial, _ = blood(solver, flow.edge_flow, reference)
        found.append(arterial.sum() / reference.arterial.sum())
    assert found[0] == pytest.approx(1.0)
    assert found == sorted(found) and found[-1] > 1.3


def test_tumour_and_arteries_that_beads_close_do_not_respond(case: tuple) -> None:
    grown, solver, reference = case
    shut = closing(grown, "portal_right", "segment_8")
    flow, tone = solve_buffered(solver, shut, reference, PARAMETERS)
    arterial, _ = blood(solver, flow.edge_flow, reference)
    dry = arterial == 0.0
    assert dry.any()
    assert np.all(tone[reference.bed[dry[reference.unit]]] == 1.0)
    half = closing(grown, "portal_right")
    half[reference.bed] = 0.5
    without = blood(solver, solver.solve(half).edge_flow, reference)[0]
    flow, _ = solve_buffered(solver, half, reference, PARAMETERS)
    assert np.all(blood(solver, flow.edge_flow, reference)[0] <= MOST * without * 1.005)  # half is not undone


def test_the_bound_of_tone_and_each_parameter_act(case: tuple) -> None:
    grown, solver, reference = case
    shut = closing(grown, "portal_right")
    trunk = grown.graph.named["proper_hepatic"]
    plain, plain_tone = solve_buffered(solver, shut, reference, PARAMETERS)
    for name, value in (("most_tone", 1.3), ("most", 1.2), ("fraction", 0.05)):
        other = PARAMETERS.with_overrides({f"vessels.buffer_{name}": value})
        flow, tone = solve_buffered(solver, shut, reference, other)
        assert flow.edge_flow[trunk] < plain.edge_flow[trunk]
        assert tone.max() < plain_tone.max()
    bounded = PARAMETERS.with_overrides({"vessels.buffer_most_tone": 1.3})
    assert solve_buffered(solver, shut, reference, bounded)[1].max() == pytest.approx(1.3)


def test_it_has_no_history(case: tuple) -> None:
    grown, solver, reference = case
    shut = closing(grown, "portal_segment_8", share=0.01)
    first = solve_buffered(solver, shut, reference, PARAMETERS)
    solve_buffered(solver, closing(grown, "portal_main"), reference, PARAMETERS)
    again = solve_buffered(solver, shut, reference, PARAMETERS)
    assert np.array_equal(first[1], again[1])
    back = solve_buffered(solver, grown.patent, reference, PARAMETERS)
    assert np.array_equal(back[1], np.ones(grown.graph.n_edges))


def test_few_solutions_of_the_flow(case: tuple, monkeypatch: pytest.MonkeyPatch) -> None:
    grown, solver, reference = case
    seen = []
    solve = solver.solve
    monkeypatch.setattr(solver, "solve", lambda left: (seen.append(1), solve(left))[1])
    solve_buffered(solver, grown.patent, reference, PARAMETERS)
    assert len(seen) == 1
    for name in ("portal_main", "portal_right", "hepatic_vein", "right"):
        seen.clear()
        solve_buffered(solver, closing(grown, name), reference, PARAMETERS)
        assert len(seen) <= 7


def test_what_does_not_settle_is_an_error(case: tuple, monkeypatch: pytest.MonkeyPatch) -> None:
    grown, solver, reference = case
    monkeypatch.setattr("tumorsim.vessels.buffer.MOST_SOLVES", 1)
    with pytest.raises(ArithmeticError, match="does not settle"):
        solve_buffered(solver, closing(grown, "portal_main"), reference, PARAMETERS)


def test_a_thrombus_calls_for_the_response_before_any_treatment() -> None:
    grown, solver, reference = grown_with("cirrhotic", "Vp3")
    flow, tone = solve_buffered(solver, grown.patent, reference, PARAMETERS)
    arterial, portal = blood(solver, flow.edge_flow, reference)
    assert portal.sum() < 0.95 * reference.portal.sum()
    assert arterial.sum() > 1.2 * reference.arterial.sum()
    assert tone.max() > 1.5
