"""Dormant collaterals: from which arteries to which tissue, what they bring when they open, nothing before."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tumorsim.parameters import load_parameters
from tumorsim.vessels.flow import FlowSolver
from tumorsim.vessels.graph import Kind
from tumorsim.vessels.growth import territory
from tumorsim.vessels.supply import exchange_inflow

PARAMETERS = load_parameters()


@pytest.fixture(scope="module")
def case(grown_case: Any) -> Any:
    return grown_case()


@pytest.fixture(scope="module")
def solver(case: Any) -> FlowSolver:
    return FlowSolver(case.graph, parameters=PARAMETERS)


def edges_of(case: Any) -> np.ndarray:
    return np.array([c.edge for c in case.grown.collaterals])


def rows_of(case: Any) -> np.ndarray:
    return np.array([c.exchange for c in case.grown.collaterals])


def test_they_lead_to_the_outer_tumour_and_to_all_of_it(case: Any) -> None:
    at = case.graph.node_pos[case.graph.exchange]
    depth = case.radius - np.linalg.norm(at[case.tumour_rows], axis=1)
    half = 0.9 * case.lattice.spacing  # the border is that of the sites
    rows = rows_of(case)
    assert np.array_equal(rows, np.unique(rows))
    assert np.all(np.isin(rows, case.tumour_rows))
    near = np.isin(case.tumour_rows, rows)
    assert depth[near].max() < 5e-3 + half
    assert depth[~near].min() > 5e-3 - half
    assert 0.3 < near.mean() < 0.9
    graph, edges = case.graph, edges_of(case)
    assert np.array_equal(graph.head[edges], graph.exchange[rows])
    assert [graph.edge_name[e] for e in edges] == [c.name for c in case.grown.collaterals]
    assert case.grown.collaterals[0].name == "collateral_1"
    assert np.all(graph.kind[edges] == Kind.ARTERIAL) and np.isfinite(graph.conductance[edges]).all()
    graph.validate()


def test_they_leave_arteries_of_the_liver_that_no_feeder_leads_to(case: Any, solver: FlowSolver) -> None:
    graph, edges = case.graph, edges_of(case)
    arterial = (graph.kind == Kind.ARTERIAL).astype(float)
    arterial[edges] = 0.0
    below = np.zeros(graph.n_nodes, dtype=bool)
    for feeder in case.grown.feeders:
        below[graph.head[graph.downstream_edges(feeder.edge, arterial)]] = True
    donors = graph.tail[edges]
    assert not below[donors].any()
    site = case.lattice.locate(graph.node_pos[donors])
    assert np.all(site >= 0) and not case.compartment[site].any()
    flow = solver.solve(case.grown.patent).edge_flow
    carried = np.bincount(graph.head, np.where(graph.kind == Kind.ARTERIAL, flow, 0.0), minlength=graph.n_nodes)
    least = case.due(case.arterial)[rows_of(case)].max()
    assert carried[donors].min() >= least * (1 - 1e-9)
    # no other such artery is nearer
    inner = np.setdiff1d(graph.head[(graph.kind == Kind.ARTERIAL) & np.isnan(graph.conductance)], [])
    place = case.lattice.locate(graph.node_pos[inner])
    fit = (place >= 0) & (case.compartment[place] == 0) & ~below[inner] & (carried[inner] >= least * (1 + 1e-9))
    gap = np.linalg.norm(graph.node_pos[graph.head[edges]][:, None] - graph.node_pos[inner[fit]][None], axis=2)
    assert np.allclose(graph.length[edges], gap.min(axis=1), rtol=1e-9)


def test_closed_they_carry_exactly_nothing_and_change_nothing(case: Any, solver: FlowSolver) -> None:
    edges = edges_of(case)
    assert not case.grown.patent[edges].any()
    assert np.delete(case.grown.patent, edges).all()
    flow = solver.solve(case.grown.patent).edge_flow
    assert np.all(flow[edges] == 0.0)
    kept = np.delete(np.arange(case.graph.n_edges), edges)
    g = case.graph
    columns = {
        n: getattr(g, n)[kept] for n in ("tail", "head", "radius", "length", "kind", "conductance", "haematocrit")
    }
    bare = replace(g, edge_name=[g.edge_name[e] for e in kept], **columns)
    alone = FlowSolver(bare, parameters=PARAMETERS).solve().edge_flow
    assert np.allclose(flow[kept], alone, rtol=1e-9, atol=1e-12 * np.abs(alone).max())
    assert np.allclose(exchange_inflow(g, flow, Kind.ARTERIAL), case.due(case.arterial), rtol=1e-6, atol=0.0)


def test_opened_they_bring_their_share_also_where_all_feeders_are_closed(case: Any, solver: FlowSolver) -> None:
    edges, rows = edges_of(case), rows_of(case)
    wanted = 0.3 * case.due(case.arterial)[rows]
    beside = solver.solve(case.closing([], edges)).edge_flow
    assert np.allclose(beside[edges], wanted, rtol=0.05)
    shut = [f.edge for f in case.grown.feeders]
    alone = solver.solve(case.closing(shut, edges)).edge_flow
    assert np.allclose(alone[edges], wanted, rtol=0.05)
    inflow = exchange_inflow(case.graph, alone, Kind.ARTERIAL)
    assert np.allclose(inflow[rows], alone[edges])  # it is arterial blood
    others = np.setdiff1d(case.tumour_rows, rows)
    assert not inflow[others].any()
    half = case.closing(shut)
    half[edges] = 0.5
    assert np.allclose(solver.solve(half).edge_flow[edges], 0.5 * wanted, rtol=0.05)


def test_territories_are_those_of_the_vessels_at_work(case: Any) -> None:
    feeders = np.concatenate([f.exchange for f in case.grown.feeders])
    for k in range(5, 9):
        rows = territory(case.grown, f"segment_{k}")
        own = [f.exchange for f in case.grown.feeders if np.isin(f.exchange, rows).all()]
        inside = np.intersect1d(rows, feeders)
        assert np.array_equal(inside, np.sort(np.concatenate(own)) if own else [])
    first = case.grown.collaterals[0]
    assert np.array_equal(territory(case.grown, first.name), [first.exchange])


def test_parameters_set_depth_and_share(grown_case: Any) -> None:
    few, many = (
        grown_case(terminals=200, spacing=3e-3, parameters=load_parameters({"vessels.collateral_depth": d}))
        for d in ("3 mm", "8 mm")
    )
    assert set(rows_of(few)) < set(rows_of(many))
    weak, strong = (
        grown_case(terminals=200, spacing=3e-3, parameters=load_parameters({"vessels.collateral_share": s}))
        for s in (0.1, 0.6)
    )
    ratio = strong.graph.conductance[edges_of(strong)] / weak.graph.conductance[edges_of(weak)]
    assert np.allclose(ratio, 6.0)


def test_without_tumour_or_liver_there_are_none(grown_case: Any) -> None:
    assert grown_case(diameter=0.0, feeders=0, terminals=80, spacing=3e-3).grown.collaterals == []
    slab = grown_case(slab=True, terminals=150)
    assert slab.grown.collaterals and rows_of(slab).size < slab.tumour_rows.size


def test_volume_of_tissue(case: Any) -> None:
    volume = case.grown.tissue_volume
    assert volume.shape == (len(case.graph.exchange),) and volume.dtype == np.float64
    assert volume.sum() == pytest.approx(case.lattice.n_sites * case.lattice.site_volume)
    in_tumour = volume[case.tumour_rows].sum()
    assert in_tumour == pytest.approx(np.count_nonzero(case.compartment) * case.lattice.site_volume)
