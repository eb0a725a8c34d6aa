"""Arteries from outside the liver in the grown graph: where they go, what they bring, and what stays exact."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tumorsim.parameters import load_parameters
from tumorsim.vessels.extrahepatic import SIDE_OF, Parasitic
from tumorsim.vessels.flow import FlowSolver
from tumorsim.vessels.graph import PRESSURE, Kind
from tumorsim.vessels.growth import territory
from tumorsim.vessels.supply import exchange_inflow, site_supply

PARAMETERS = load_parameters()
DOME = Parasitic("phrenic", SIDE_OF["dome"], True)
DORMANT = Parasitic("phrenic", SIDE_OF["dome"], False)


@pytest.fixture(scope="module")
def fed(grown_case: Any) -> tuple[Any, FlowSolver]:
    case = grown_case(DOME)
    return case, FlowSolver(case.graph, parameters=PARAMETERS)


@pytest.fixture(scope="module")
def dormant(grown_case: Any) -> tuple[Any, FlowSolver]:
    case = grown_case(DORMANT)
    return case, FlowSolver(case.graph, parameters=PARAMETERS)


@pytest.fixture(scope="module")
def without(grown_case: Any) -> Any:
    return grown_case()


def test_untreated_supply_is_the_demand_with_either(fed: tuple, dormant: tuple) -> None:
    for case, solver in (fed, dormant):
        flow = solver.solve(case.grown.patent).edge_flow
        arterial, portal, outside = (
            exchange_inflow(case.graph, flow, kind) for kind in (Kind.ARTERIAL, Kind.PORTAL, Kind.EXTRAHEPATIC)
        )
        assert np.allclose(arterial + outside, case.due(case.arterial), rtol=1e-6, atol=0.0)
        assert np.allclose(portal, case.due(case.portal), rtol=1e-6, atol=0.0)
        cap = case.grown.parasites[0].exchange
        share = outside / case.due(case.arterial)
        assert np.allclose(share[cap], 0.5 if case is fed[0] else 0.0, rtol=1e-6)
        assert not np.delete(share, cap).any()
        q_arterial, _, q_outside = site_supply(case.grown, flow)
        assert np.allclose(q_arterial + q_outside, case.arterial, rtol=1e-6)
        assert bool(q_outside.any()) == case.grown.parasites[0].recruited


def test_it_reaches_the_cap_on_its_side(fed: tuple) -> None:
    case = fed[0]
    parasite = case.grown.parasites[0]
    height = case.graph.node_pos[case.graph.exchange, 2]
    rows = case.tumour_rows
    assert np.all(np.isin(parasite.exchange, rows))
    assert height[parasite.exchange].min() >= height[np.setdiff1d(rows, parasite.exchange)].max()
    due = case.due(case.arterial)
    largest = due[rows].max()
    assert due[parasite.exchange].sum() == pytest.approx(0.4 * due[rows].sum(), abs=largest)
    assert np.array_equal(territory(case.grown, "phrenic"), parasite.exchange)


@pytest.mark.parametrize("place", SIDE_OF)
def test_its_root_lies_outside_the_box_on_its_side(grown_case: Any, place: str) -> None:
    name = "omental" if place == "anterior-inferior" else "phrenic"
    case = grown_case(Parasitic(name, SIDE_OF[place], True), terminals=120, spacing=3e-3)
    graph, parasite = case.graph, case.grown.parasites[0]
    root = int(graph.tail[parasite.edge])
    assert graph.edge_name[parasite.edge] == name == parasite.name
    assert case.lattice.locate(graph.node_pos[root]) == -1
    side = np.array(SIDE_OF[place])
    away = graph.node_pos[root] / np.linalg.norm(graph.node_pos[root])
    assert away @ side > 0.9
    middle = graph.node_pos[graph.exchange[parasite.exchange]].mean(axis=0)
    assert middle @ side > 0.2 * case.radius
    entry = graph.node_pos[graph.head[parasite.edge]]  # at the border of the tumour
    assert abs(np.linalg.norm(entry) - case.radius) < 2 * case.lattice.spacing
    at = np.flatnonzero(graph.boundary_node == root)
    assert len(at) == 1 and graph.boundary_type[at[0]] == PRESSURE
    assert graph.boundary_value[at[0]] == PARAMETERS["vessels.artery_pressure"]
    assert np.all(graph.kind[parasite.edges] == Kind.EXTRAHEPATIC)
    assert np.array_equal(np.flatnonzero(graph.kind == Kind.EXTRAHEPATIC), parasite.edges)
    assert 0.2e-3 < parasite.diameter < 3.8e-3  # the widest phrenic artery seen on CT is 3.8 mm
    assert parasite.diameter == 2 * graph.radius[parasite.edge]
    graph.validate()


def test_a_dormant_one_changes_no_flow(dormant: tuple, without: Any) -> None:
    case, solver = dormant
    parasite = case.grown.parasites[0]
    assert not parasite.recruited and np.all(case.grown.patent[parasite.edges] == 0.0)
    flow = solver.solve(case.grown.patent).edge_flow
    assert not flow[parasite.edges].any()
    bare = FlowSolver(without.graph, parameters=PARAMETERS).solve(without.grown.patent).edge_flow
    still = np.setdiff1d(np.arange(case.graph.n_edges), parasite.edges)
    for column in ("radius", "conductance"):
        a, b = getattr(case.graph, column)[still], getattr(without.graph, column)
        assert np.array_equal(a, b, equal_nan=True)
    assert np.allclose(flow[still], bare, rtol=1e-9, atol=1e-9 * np.abs(bare).max())


def test_opened_it_brings_its_share(dormant: tuple) -> None:
    case, solver = dormant
    parasite = case.grown.parasites[0]
    due = case.due(case.arterial)
    flow = solver.solve(case.closing([], parasite.edges)).edge_flow
    share = exchange_inflow(case.graph, flow, Kind.EXTRAHEPATIC)[parasite.exchange] / due[parasite.exchange]
    assert np.allclose(share, 0.5, rtol=0.05)  # less by the pressure that more blood builds up in the sinusoids
    half = case.grown.patent.copy()
    half[parasite.edges] = 0.5
    less = exchange_inflow(case.graph, solver.solve(half).edge_flow, Kind.EXTRAHEPATIC)
    assert np.allclose(less[parasite.exchange] / due[parasite.exchange], 0.25, rtol=0.05)


def test_it_goes_on_where_all_hepatic_arteries_are_closed(fed: tuple) -> None:
    case, solver = fed
    parasite = case.grown.parasites[0]
    before = exchange_inflow(case.graph, solver.solve(case.grown.patent).edge_flow, Kind.EXTRAHEPATIC)
    for names in ([f.name for f in case.grown.feeders], ["proper_hepatic"]):
        flow = solver.solve(case.closing([case.graph.named[n] for n in names])).edge_flow
        outside = exchange_inflow(case.graph, flow, Kind.EXTRAHEPATIC)
        assert np.all(outside[parasite.exchange] > 0.99 * before[parasite.exchange])
        assert outside.sum() == pytest.approx(before.sum(), rel=0.1)
        assert not exchange_inflow(case.graph, flow, Kind.ARTERIAL)[case.tumour_rows].any()
        q = site_supply(case.grown, flow)
        assert not q[0][case.compartment > 0].any() and q[2][case.compartment > 0].any()
    shut = solver.solve(case.closing([parasite.edge])).edge_flow
    assert not exchange_inflow(case.graph, shut, Kind.EXTRAHEPATIC).any()
    assert exchange_inflow(case.graph, shut, Kind.ARTERIAL)[parasite.exchange].all()


def test_conservation_with_two_arterial_roots(fed: tuple) -> None:
    case, solver = fed
    solved = solver.solve(case.grown.patent)
    assert solved.residual < 1e-9
    root = case.graph.tail[case.grown.parasites[0].edge]
    entering = solved.boundary_flow[np.flatnonzero(case.graph.boundary_node == root)[0]]
    assert entering == pytest.approx(exchange_inflow(case.graph, solved.edge_flow, Kind.EXTRAHEPATIC).sum(), rel=1e-9)


def test_murray_holds_in_it(fed: tuple) -> None:
    graph, edges = fed[0].graph, fed[0].grown.parasites[0].edges
    tree = edges[np.isnan(graph.conductance[edges])]
    above = np.zeros(graph.n_nodes)
    above[graph.head[tree]] = graph.radius[tree] ** 3
    below = np.bincount(graph.tail[edges], graph.radius[edges] ** 3, minlength=graph.n_nodes)
    inner = (above > 0) & (below > 0)
    assert inner.sum() > 20 and np.allclose(below[inner], above[inner], rtol=1e-9)


def test_parameters_set_cap_and_share(grown_case: Any) -> None:
    table = load_parameters({"vessels.parasite_cap": 0.2, "vessels.parasite_share": 0.8})
    case = grown_case(DOME, terminals=200, spacing=3e-3, parameters=table)
    due = case.due(case.arterial)
    cap = case.grown.parasites[0].exchange
    rows = case.tumour_rows
    assert due[cap].sum() == pytest.approx(0.2 * due[rows].sum(), abs=due[rows].max())
    flow = FlowSolver(case.graph, parameters=table).solve(case.grown.patent).edge_flow
    assert np.allclose(exchange_inflow(case.graph, flow, Kind.EXTRAHEPATIC)[cap], 0.8 * due[cap], rtol=1e-6)


@pytest.mark.parametrize("side", [SIDE_OF["dome"], SIDE_OF["bare area"], SIDE_OF["anterior-inferior"]])
def test_a_slab_is_fed_from_back_or_front(grown_case: Any, side: tuple[float, float, float]) -> None:
    case = grown_case(Parasitic("phrenic", side, True), slab=True, terminals=150)
    parasite = case.grown.parasites[0]
    at = case.graph.node_pos[case.graph.exchange[parasite.exchange]]
    assert np.sign(at[:, 1].mean()) == (1.0 if side[1] + side[2] > 0 else -1.0)
    flow = FlowSolver(case.graph, parameters=PARAMETERS).solve(case.grown.patent).edge_flow
    total = sum(exchange_inflow(case.graph, flow, kind) for kind in (Kind.ARTERIAL, Kind.EXTRAHEPATIC))
    assert np.allclose(total, case.due(case.arterial), rtol=1e-6)


def test_a_tumour_without_arterial_blood_has_none(grown_case: Any) -> None:
    table = load_parameters({"perfusion.tumour_arterial": "0 mL/min/100mL"})
    case = grown_case(DOME, terminals=120, spacing=3e-3, parameters=table)
    assert case.grown.parasites == case.grown.collaterals == []
    assert case.grown.patent.all()


def test_names_and_places_stay_unique(fed: tuple) -> None:
    graph = fed[0].graph
    assert len(np.unique(np.rint(graph.node_pos * 1e7), axis=0)) == graph.n_nodes
    assert len(np.unique(graph.edge_key)) == graph.n_edges
